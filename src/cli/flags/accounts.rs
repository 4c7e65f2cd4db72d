//! `--hostuser`, and the caller's account for keep-id: what this machine's passwd(5) and group(5) say.

use std::path::PathBuf;
use std::process::Command;

use crate::container::spec::{HostAccount, UserNamespaceMode};

/// Finds one by name or number, for `--hostuser`.
pub fn host(text: &str) -> Result<HostAccount, String> {
    find(text).ok_or_else(|| match text.parse::<u32>() {
        Ok(_) => format!("user: unknown userid {text}"),
        Err(_) => format!("user: unknown user {text}"),
    })
}

/// The caller's where keep-id wants it; made up from the number where the machine has none.
pub fn caller(mode: &UserNamespaceMode) -> Option<HostAccount> {
    if !matches!(mode, UserNamespaceMode::KeepId { .. }) {
        return None;
    }
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let account = find(&uid.to_string()).unwrap_or_else(|| HostAccount {
        name: uid.to_string(),
        uid,
        home: PathBuf::from("/"),
        ..HostAccount::default()
    });
    Some(HostAccount { gid, group: group_name(gid), ..account })
}

fn find(text: &str) -> Option<HostAccount> {
    let account = lines("/etc/passwd", "passwd", text, |line| parse(line, text))?;
    Some(HostAccount { group: group_name(account.gid), ..account })
}

/// A line of passwd(5) if it is of the one who is wanted.
fn parse(line: &str, wanted: &str) -> Option<HostAccount> {
    let fields: Vec<&str> = line.split(':').collect();
    let &[name, _, uid, gid, gecos, home, ..] = fields.as_slice() else { return None };
    (name == wanted || uid == wanted).then_some(HostAccount {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        // Commas divide what else there may be: room, telephones.
        gecos: gecos.split(',').next().unwrap_or_default().to_owned(),
        home: PathBuf::from(home),
        group: String::new(),
    })
}

fn group_name(gid: u32) -> String {
    let gid = gid.to_string();
    let found = lines("/etc/group", "group", &gid, |line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(gid.as_str())).then(|| name.to_owned())
    });
    found.unwrap_or(gid)
}

/// The first line that is the right one: of the file, else of what `getent` knows, a dynamic program that
/// speaks for directories like LDAP.
fn lines<T>(file: &str, database: &str, key: &str, right: impl Fn(&str) -> Option<T>) -> Option<T> {
    let text = std::fs::read(file).unwrap_or_default();
    let listed = String::from_utf8_lossy(&text).lines().find_map(&right);
    listed.or_else(|| {
        let output = Command::new("getent").args([database, "--", key]).output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().find_map(&right)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_and_by_number() {
        let line = "ann:x:1000:100:Ann,room 5:/home/ann:/bin/bash";
        let want = HostAccount {
            name: "ann".into(),
            uid: 1000,
            gid: 100,
            gecos: "Ann".into(),
            home: "/home/ann".into(),
            group: String::new(),
        };
        assert_eq!(parse(line, "ann"), Some(want.clone()));
        assert_eq!(parse(line, "1000"), Some(want));
        assert_eq!(parse(line, "100"), None);
        assert_eq!(parse("ann:x:1000", "ann"), None);
        assert_eq!(host("root").map(|account| account.group), Ok("root".to_owned()));
        assert_eq!(host("no such one"), Err("user: unknown user no such one".to_owned()));
    }
}

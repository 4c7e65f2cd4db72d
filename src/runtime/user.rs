//! Who a process is, by the container's own /etc/passwd and /etc/group (passwd(5), group(5)); the rules
//! and words are those of runc and Docker.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use super::channel::{Failure, Fault};

/// Ids as the container sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub uid: u32,
    pub gid: u32,
    /// Further groups; the primary one is among them (CVE-2022-36109).
    pub groups: Vec<u32>,
    pub home: String,
}

/// Highest id that Docker takes.
const HIGHEST: u32 = i32::MAX as u32;

pub(super) struct Account<'a> {
    pub name: &'a str,
    pub uid: u32,
    gid: u32,
    home: &'a str,
}

pub(super) struct Group<'a> {
    pub name: &'a str,
    pub gid: u32,
    members: &'a str,
}

pub(super) fn accounts(text: &str) -> impl Iterator<Item = Account<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { name, uid, gid, home: fields.nth(1).unwrap_or("") })
    })
}

pub(super) fn groups(text: &str) -> impl Iterator<Item = Group<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some(Group { name, gid, members: fields.next().unwrap_or("") })
    })
}

fn number(text: &str) -> Result<Option<u32>, Failure> {
    match text.parse::<i64>() {
        Ok(id) => match u32::try_from(id).ok().filter(|id| *id <= HIGHEST) {
            Some(id) => Ok(Some(id)),
            None => Err(wish(format!("uids and gids must be in range 0-{HIGHEST}"))),
        },
        Err(_) => Ok(None),
    }
}

fn wish(text: String) -> Failure {
    Failure::new(Fault::Wish, text).verbatim()
}

/// Resolves `name|uid[:group|gid]` (empty: root) and further groups.
pub(super) fn resolve(
    user: &str,
    further: &[String],
    passwd: &str,
    group: &str,
) -> Result<Identity, Failure> {
    let (user, group_wish) = match user.split_once(':') {
        Some((user, group)) => (user, group),
        None => (user, ""),
    };
    let user = if user.is_empty() { "0" } else { user };
    let account = accounts(passwd).find(|a| a.name == user || user.parse() == Ok(a.uid));
    let mut identity = match (&account, number(user)?) {
        (Some(a), _) => Identity { uid: a.uid, gid: a.gid, groups: Vec::new(), home: a.home.to_owned() },
        (None, Some(uid)) => Identity { uid, gid: 0, groups: Vec::new(), home: String::new() },
        (None, None) => {
            return Err(wish(format!("unable to find user {user}: no matching entries in passwd file")));
        }
    };
    match (group_wish, &account) {
        ("", Some(account)) => {
            let member = |g: &Group<'_>| g.members.split(',').any(|name| name == account.name);
            identity.groups = groups(group).filter(member).map(|g| g.gid).collect();
        }
        ("", None) => {}
        (wished, _) => {
            let missing =
                || wish(format!("unable to find group {wished}: no matching entries in group file"));
            identity.gid = group_id(wished, group)?.ok_or_else(missing)?;
        }
    }
    for name in further {
        let missing = || wish(format!("Unable to find group {name}"));
        identity.groups.push(group_id(name, group)?.ok_or_else(missing)?);
    }
    identity.groups.insert(0, identity.gid);
    let mut seen = std::collections::HashSet::new();
    identity.groups.retain(|gid| seen.insert(*gid));
    if identity.home.is_empty() {
        identity.home = "/".to_owned();
    }
    Ok(identity)
}

fn group_id(wished: &str, group: &str) -> Result<Option<u32>, Failure> {
    match groups(group).find(|g| g.name == wished || wished.parse() == Ok(g.gid)) {
        Some(found) => Ok(Some(found.gid)),
        None => number(wished),
    }
}

/// Reads one of the two files; a missing one is empty. They come from the image: a FIFO must not block
/// us, nor a file without end fill the memory.
pub(super) fn read(path: &str) -> io::Result<String> {
    const LARGEST: u64 = 16 << 20;
    let file = match File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# comment:x:9:9::/:\n\nbroken\ndaemon:x:1:1::/usr/sbin:\n\
                          alice:x:1000:100:Alice:/home/alice:/bin/sh\n77:x:78:79::/seven:\nnohome:x:5:5\n";
    const GROUP: &str =
        "root:x:0:\nwheel:x:10:root,alice\nusers:x:100:\naudio:x:29:alice\nbad:x:y:alice\n88:x:89:\n";

    fn resolved(user: &str, further: &[&str]) -> Result<(u32, u32, Vec<u32>, String), String> {
        let further: Vec<String> = further.iter().map(|s| (*s).to_owned()).collect();
        resolve(user, &further, PASSWD, GROUP).map(|i| (i.uid, i.gid, i.groups, i.home)).map_err(|f| f.text)
    }

    #[test]
    fn users_are_found_as_docker_finds_them() {
        type Expected<'a> = (u32, u32, &'a [u32], &'a str);
        let table: &[(&str, &[&str], Expected)] = &[
            ("", &[], (0, 0, &[0, 10], "/root")),
            ("0", &[], (0, 0, &[0, 10], "/root")),
            ("alice", &[], (1000, 100, &[100, 10, 29], "/home/alice")),
            ("1000", &[], (1000, 100, &[100, 10, 29], "/home/alice")),
            ("alice:audio", &[], (1000, 29, &[29], "/home/alice")),
            ("alice:7", &[], (1000, 7, &[7], "/home/alice")),
            ("2000", &[], (2000, 0, &[0], "/")),
            ("2000:2001", &[], (2000, 2001, &[2001], "/")),
            ("77", &[], (78, 79, &[79], "/seven")),
            (":users", &[], (0, 100, &[100], "/root")),
            ("nohome", &[], (5, 5, &[5], "/")),
            ("1:88", &[], (1, 89, &[89], "/usr/sbin")),
            ("alice", &["audio", "5", "wheel"], (1000, 100, &[100, 10, 29, 5], "/home/alice")),
        ];
        for (user, further, (uid, gid, groups, home)) in table {
            let expected = (*uid, *gid, groups.to_vec(), (*home).to_owned());
            assert_eq!(resolved(user, further), Ok(expected), "{user:?} {further:?}");
        }
    }

    #[test]
    fn unknown_users_and_groups_are_refused_in_dockers_words() {
        let table = [
            ("nosuch", &[][..], "unable to find user nosuch: no matching entries in passwd file"),
            ("alice:nosuch", &[], "unable to find group nosuch: no matching entries in group file"),
            ("alice", &["nosuch"], "Unable to find group nosuch"),
            ("-1", &[], "uids and gids must be in range 0-2147483647"),
            ("2147483648", &[], "uids and gids must be in range 0-2147483647"),
            ("0:99999999999", &[], "uids and gids must be in range 0-2147483647"),
        ];
        for (user, further, text) in table {
            assert_eq!(resolved(user, further).unwrap_err(), text, "{user:?}");
        }
    }
}

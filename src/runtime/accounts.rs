//! Lines of the container's /etc/passwd and /etc/group for users that its image does not have, so that they
//! have a name (podman's).
//!
//! They are written into the files of the root itself and not bound over them: over a mount no tool could
//! rename its new version of the file, as useradd(8) does. `diff` and `commit` know such files by what they
//! hold (`Written`), and say nothing of them. Where the files cannot be written, because their owner has no id
//! in the container, copies in memory are bound after all.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use super::channel::Failure;
use super::launch::{Account, Accounts};
use super::user;
use crate::sys::mount;

/// What the two files get at their ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub passwd: String,
    pub group: String,
}

/// Lines for those whom the texts do not know. A name or a number that is there already stays whose it is.
pub fn added(accounts: &Accounts, passwd: &str, group: &str) -> Added {
    let mut added = Added::default();
    for user in &accounts.users {
        let all = format!("{passwd}\n{}", added.passwd);
        let name = match user::accounts(&all).any(|other| other.name == user.name) {
            // Only what has no other name than its number can have that one.
            true => user.uid.to_string(),
            false => user.name.clone(),
        };
        let is_known = user::accounts(&all).any(|other| other.uid == user.uid || other.name == name);
        if !is_known {
            push(&mut added.passwd, passwd, &passwd_line(accounts, user, &name));
        }
        let Some(wanted) = &user.group else { continue };
        let all = format!("{group}\n{}", added.group);
        let taken = user::groups(&all).any(|other| other.name == wanted.as_str());
        let group_name = if taken { user.gid.to_string() } else { wanted.clone() };
        if !user::groups(&all).any(|other| other.gid == user.gid || other.name == group_name) {
            push(&mut added.group, group, &group_line(accounts, user, &group_name, &name));
        }
    }
    added
}

/// A line of its own, also after a text that does not end with one.
fn push(lines: &mut String, after: &str, line: &str) {
    if lines.is_empty() && !after.is_empty() && !after.ends_with('\n') {
        lines.push('\n');
    }
    lines.push_str(line.trim_end_matches('\n'));
    lines.push('\n');
}

fn passwd_line(accounts: &Accounts, user: &Account, name: &str) -> String {
    let Account { uid, gid, gecos, home, .. } = user;
    let home = home.display();
    match &accounts.passwd_entry {
        None => format!("{name}:*:{uid}:{gid}:{gecos}:{home}:/bin/sh"),
        Some(entry) => {
            // The longer name before the one that it begins with.
            let values = [
                ("$USERNAME", name.to_owned()),
                ("$UID", uid.to_string()),
                ("$GID", gid.to_string()),
                ("$NAME", gecos.clone()),
                ("$HOME", home.to_string()),
            ];
            values.iter().fold(entry.clone(), |line, (variable, value)| line.replace(variable, value))
        }
    }
}

fn group_line(accounts: &Accounts, user: &Account, group: &str, name: &str) -> String {
    let gid = user.gid.to_string();
    match &accounts.group_entry {
        None => format!("{group}:x:{gid}:{name}"),
        Some(entry) => [("$GROUPNAME", group), ("$GID", gid.as_str()), ("$USERLIST", name)]
            .iter()
            .fold(entry.clone(), |line, (variable, value)| line.replace(variable, value)),
    }
}

/// Adds the lines, from inside. What lies on a mount, or is no ordinary file, is not ours to change.
pub(super) fn write(accounts: &Accounts) -> Result<(), Failure> {
    if accounts.users.is_empty() {
        return Ok(());
    }
    let read = |path: &str| user::read(path).map_err(|e| Failure::system(path, e));
    let added = added(accounts, &read("/etc/passwd")?, &read("/etc/group")?);
    for (path, lines) in [("/etc/passwd", added.passwd), ("/etc/group", added.group)] {
        if lines.is_empty() {
            continue;
        }
        match append(path, &lines) {
            Ok(()) => {}
            Err(error) if matches!(error.raw_os_error(), Some(libc::EXDEV | libc::ELOOP)) => {}
            // The user has a number then and no name, as without keep-id.
            Err(_) => drop(bind(path, &lines)),
        }
    }
    Ok(())
}

fn append(path: &str, lines: &str) -> io::Result<()> {
    let root = File::open("/")?;
    let name = path.trim_start_matches('/');
    let open = |flags: OFlags| {
        let flags = flags | OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o644) } else { Mode::empty() };
        openat2(&root, name, flags | OFlags::NONBLOCK, mode, ResolveFlags::NO_XDEV)
    };
    let mut file = match open(OFlags::empty()) {
        Err(Errno::NOENT) => File::from(open(OFlags::CREATE | OFlags::EXCL)?),
        opened => File::from(opened?),
    };
    match file.metadata()?.is_file() {
        true => file.write_all(lines.as_bytes()),
        false => Err(Errno::LOOP.into()),
    }
}

/// Binds a copy with the lines over the file, which must be there.
fn bind(path: &str, lines: &str) -> io::Result<()> {
    let mut text = Vec::new();
    File::open(path)?.read_to_end(&mut text)?;
    text.extend(lines.as_bytes());
    // A file system that nothing but the file stays of.
    let place = Path::new("/dev");
    mount::mount(c"tmpfs", place, libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC, c"mode=755")?;
    let copied = (|| {
        let copy = place.join("copy");
        fs::write(&copy, text)?;
        fs::set_permissions(&copy, Permissions::from_mode(0o644))?;
        mount::clone_path(&copy, false)
    })();
    rustix::mount::unmount(place, UnmountFlags::DETACH)?;
    mount::attach(copied?.as_fd(), Path::new(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, uid: u32, gid: u32, group: Option<&str>) -> Account {
        Account {
            name: name.into(),
            uid,
            gid,
            gecos: "A B".into(),
            home: "/w".into(),
            group: group.map(str::to_owned),
        }
    }

    fn of(users: &[Account], passwd: &str, group: &str) -> (String, String) {
        let accounts = Accounts { users: users.to_vec(), ..Accounts::default() };
        let Added { passwd, group } = added(&accounts, passwd, group);
        (passwd, group)
    }

    #[test]
    fn those_who_are_unknown_get_a_line() {
        let one = [account("ann", 1000, 100, Some("users"))];
        let (passwd, group) = of(&one, "root:x:0:0::/root:/bin/sh", "root:x:0:\n");
        assert_eq!(passwd, "\nann:*:1000:100:A B:/w:/bin/sh\n");
        assert_eq!(group, "users:x:100:ann\n");
        // Nobody is added twice, by whatever number or name.
        assert_eq!(of(&one, "x:x:1000:5::/:\n", "y:x:100:\n"), Default::default());
        assert_eq!(
            of(&one, "ann:x:7:7::/:\n", "users:x:7:\n"),
            ("1000:*:1000:100:A B:/w:/bin/sh\n".to_owned(), "100:x:100:1000\n".to_owned())
        );
        let both = of(&[one[0].clone(), account("bob", 1000, 100, Some("g"))], "", "");
        assert_eq!(both, of(&one, "", ""));
        assert_eq!(of(&[account("d", 1, 1, None)], "", "").1, "");
    }

    #[test]
    fn lines_can_be_ones_own() {
        let accounts = Accounts {
            users: vec![account("ann", 1000, 100, Some("users"))],
            passwd_entry: Some("$USERNAME:x:$UID:$GID:$NAME:$HOME:/bin/zsh".into()),
            group_entry: Some("$GROUPNAME:*:$GID:$USERLIST,root".into()),
        };
        let Added { passwd, group } = added(&accounts, "", "");
        assert_eq!(passwd, "ann:x:1000:100:A B:/w:/bin/zsh\n");
        assert_eq!(group, "users:*:100:ann,root\n");
    }
}

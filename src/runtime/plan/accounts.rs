//! Whom the container's /etc/passwd and /etc/group are to know.

use std::path::{Path, PathBuf};

use super::super::launch::{Account, Accounts};
use super::{HostFacts, absolute, idmap, working_directory};
use crate::container::ContainerSpec;
use crate::container::spec::{HostAccount, UserNamespaceMode};
use crate::image::config::RunConfig;

/// With keep-id the caller and whoever else the command runs as; without it, as Docker has it, nobody, unless
/// somebody was asked for.
pub fn plan(spec: &ContainerSpec, image: &RunConfig, host: &HostFacts) -> Accounts {
    let wish = &spec.accounts;
    if wish.off {
        return Accounts::default();
    }
    let mut users = Vec::new();
    let workdir = working_directory(spec, image);
    let account = |of: &HostAccount, group: Option<String>| Account {
        name: of.name.clone(),
        uid: of.uid,
        gid: of.gid,
        gecos: of.gecos.clone(),
        home: home(spec, &of.home, &workdir),
        group,
    };
    let mut is_wanted = wish.passwd_entry.is_some() || wish.group_entry.is_some();
    if let UserNamespaceMode::KeepId { uid, gid, .. } = idmap::mode(spec) {
        is_wanted = true;
        let (uid, gid) = (idmap::kept(*uid, &host.uid_map), idmap::kept(*gid, &host.gid_map));
        // Every image has a root.
        users.extend(wish.caller.as_ref().filter(|_| uid != 0).map(|caller| Account {
            uid,
            gid,
            ..account(caller, (gid != 0).then(|| caller.group.clone()))
        }));
    }
    users.extend(wish.host.iter().map(|of| account(of, None)));
    if is_wanted {
        let user = spec.user.as_deref().unwrap_or(&image.user);
        users.extend(numbered(user, &workdir));
    }
    Accounts { users, passwd_entry: wish.passwd_entry.clone(), group_entry: wish.group_entry.clone() }
}

/// A user that was asked for by number has no other name.
fn numbered(user: &str, workdir: &Path) -> Option<Account> {
    let (user, group) = user.split_once(':').unwrap_or((user, ""));
    let (uid, gid) = (user.parse().ok()?, group.parse().ok());
    Some(Account {
        name: user.to_owned(),
        uid,
        gid: gid.unwrap_or(0),
        gecos: "container user".to_owned(),
        home: workdir.to_owned(),
        group: gid.map(|gid: u32| gid.to_string()),
    })
}

/// The account's own where something is mounted there, else where the command starts.
fn home(spec: &ContainerSpec, own: &Path, workdir: &Path) -> PathBuf {
    let own = absolute(own);
    let is_mounted = spec.mounts.iter().any(|mount| own.starts_with(absolute(&mount.target)));
    if is_mounted { own } else { workdir.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_need_a_line() {
        let of = |user: &str| {
            numbered(user, Path::new("/w")).map(|account| (account.uid, account.gid, account.group))
        };
        assert_eq!(of("500"), Some((500, 0, None)));
        assert_eq!(of("500:600"), Some((500, 600, Some("600".to_owned()))));
        assert_eq!(of("500:users"), Some((500, 0, None)));
        assert_eq!((of("www"), of("")), (None, None));
    }
}

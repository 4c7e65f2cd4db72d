//! Shows secrets to the container, from inside: as read-only files of one tmpfs, which no layer, no copy and no
//! image ever gets to hold.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use rustix::process::{Gid, Uid};

use super::channel::{Failure, Fault, reason};
use super::command::span;
use super::launch::SecretFile;
use super::mounts::{make_directory, make_file};
use crate::container::spec::SECRETS;
use crate::identity::files::{note_owner, note_owner_of};
use crate::sys::{mount, namespace};

/// Mounts the tmpfs and fills it; for emulated users (`notes`) owners are only written down. A secret that is wanted elsewhere is bound there, and in here has no name.
pub(super) fn place(secrets: &[SecretFile], notes: bool) -> Result<(), Failure> {
    if secrets.is_empty() {
        return Ok(());
    }
    let directory = Path::new(SECRETS);
    let failed = |e: io::Error| Failure::system(format!("mounting {SECRETS}"), e);
    make_directory(directory).map_err(failed)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount::mount(c"tmpfs", directory, flags, c"mode=755").map_err(failed)?;
    if notes {
        note_owner(directory.as_os_str().as_bytes(), (0, 0)).map_err(|e| failed(e.into()))?;
    }
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        secrets.iter().partition(|secret| secret.target.starts_with(directory));
    for secret in elsewhere {
        let path = directory.join("elsewhere");
        write(secret, &path, notes)
            .and_then(|()| bind(&path, &secret.target))
            .map_err(|e| refused(secret, &e))?;
    }
    if here.is_empty() {
        // What is bound elsewhere keeps the file system.
        return rustix::mount::unmount(directory, UnmountFlags::DETACH).map_err(|e| failed(e.into()));
    }
    for secret in here {
        write(secret, &secret.target, notes).map_err(|e| refused(secret, &e))?;
    }
    read_only(directory).map_err(failed)
}

fn refused(secret: &SecretFile, error: &io::Error) -> Failure {
    let target = &secret.target;
    let (uid, gid) = owner(secret);
    if error.raw_os_error() == Some(libc::EINVAL) {
        let ids = |file: &str| namespace::read_map(Path::new(file)).unwrap_or_default();
        let (uids, gids) = (ids("/proc/self/uid_map"), ids("/proc/self/gid_map"));
        let text = format!(
            "secret at {}: its owner {uid}:{gid} is none of the container's ids (uids {}, gids {}); choose one of them \
             with uid= and gid=, or give the container more with --userns or --uidmap",
            target.display(),
            span(&uids),
            span(&gids)
        );
        return Failure::new(Fault::Wish, text).verbatim();
    }
    let text = format!("secret at {} (owner {uid}:{gid}): {}", target.display(), reason(error));
    Failure::new(Fault::Wish, text)
}

fn owner(secret: &SecretFile) -> (u32, u32) {
    (secret.uid.unwrap_or(0), secret.gid.unwrap_or(0))
}

fn write(secret: &SecretFile, path: &Path, notes: bool) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&secret.value)?;
    let (uid, gid) = owner(secret);
    let owned = match notes {
        true => note_owner_of(file.as_fd(), (uid, gid)),
        false => rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))),
    };
    match owned {
        // No such id inside, and nobody has asked for it.
        Err(Errno::INVAL) if secret.uid.is_none() && secret.gid.is_none() => {}
        owned => owned?,
    }
    // After the owner: a change of that takes the set-id bits away.
    file.set_permissions(Permissions::from_mode(secret.mode))
}

fn bind(path: &Path, target: &Path) -> io::Result<()> {
    let tree = mount::clone_path(path, false)?;
    mount::set_attributes(tree.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, false)?;
    make_file(target)?;
    mount::attach(tree.as_fd(), target)?;
    fs::remove_file(path)
}

fn read_only(directory: &Path) -> io::Result<()> {
    let place = File::open(directory)?;
    mount::set_attributes(place.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, false)
}

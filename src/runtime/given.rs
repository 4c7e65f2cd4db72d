//! Gives what is mounted to the container's user, from inside: the container's namespace has power over its
//! own ids only, and its root confines every path.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;

use super::channel::{Failure, Fault, reason};
use super::launch::Given;
use super::user::Identity;
use crate::identity::files::note_owner_of;
use crate::sys::mount;

/// Changes the owner of everything in each of the mounts, but not in what is mounted below it.
/// To emulated users (`notes`) it is only written down.
pub(super) fn give(mounts: &[Given], to: &Identity, notes: bool) -> Result<(), Failure> {
    let owner = Owner { uid: Uid::from_raw(to.uid), gid: Gid::from_raw(to.gid), notes };
    for Given { target, read_only } in mounts {
        let failed = |error: io::Error| {
            let text = format!("giving {} to {}:{}: {}", target.display(), to.uid, to.gid, reason(&error));
            Failure::new(Fault::Wish, text)
        };
        owner.take(target).map_err(failed)?;
        if *read_only {
            let place = rustix::fs::open(target, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            let place = place.map_err(|e| failed(e.into()))?;
            mount::set_attributes(place.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, true).map_err(failed)?;
        }
    }
    Ok(())
}

struct Owner {
    uid: Uid,
    gid: Gid,
    notes: bool,
}

impl Owner {
    fn take(&self, target: &Path) -> io::Result<()> {
        let top = rustix::fs::open(target, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        self.take_all(top)
    }

    /// `file` is opened as a path only.
    fn take_all(&self, file: OwnedFd) -> io::Result<()> {
        let stat = rustix::fs::fstat(&file)?;
        let owner = (self.uid.as_raw(), self.gid.as_raw());
        let kind = FileType::from_raw_mode(stat.st_mode);
        if self.notes {
            if matches!(kind, FileType::RegularFile | FileType::Directory) {
                note_owner_of(file.as_fd(), owner)?;
            }
        } else if (stat.st_uid, stat.st_gid) != owner {
            rustix::fs::chownat(&file, "", Some(self.uid), Some(self.gid), AtFlags::EMPTY_PATH)?;
        }
        if kind != FileType::Directory {
            return Ok(());
        }
        let directory = rustix::fs::openat(
            &file,
            ".",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        // One descriptor per level.
        drop(file);
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat2(&directory, name, flags, Mode::empty(), ResolveFlags::NO_XDEV) {
                // Something else is mounted there.
                Err(Errno::XDEV) => {}
                below => self.take_all(below?)?,
            }
        }
        Ok(())
    }
}

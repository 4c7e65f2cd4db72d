//! Names within a container, found from a descriptor of its root: no link and no `..` leads out of it,
//! whatever is swapped under way (openat2(2), `RESOLVE_IN_ROOT`).

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, Result};

use super::path::{asserts_directory, clean, split};
use super::{Facts, Kind};

/// How many links one name may lead through: as many as the kernel follows.
const LINKS: usize = 40;
/// How often the kernel may say that something was renamed on the way.
const TRIES: usize = 64;

pub struct Root(OwnedFd);

impl Root {
    pub fn new(root: OwnedFd) -> Root {
        Root(root)
    }

    /// Opens a path; a link at its end is followed unless `flags` have `NOFOLLOW`.
    pub fn open(&self, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let relative = path.iter().position(|byte| *byte != b'/').map_or(&b"."[..], |at| &path[at..]);
        resolve(&self.0, relative, flags, mode, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
    }

    /// What the last name of `path` is; followed only where it is written as a directory.
    pub fn facts(&self, path: &[u8]) -> Result<Facts> {
        let follow = if asserts_directory(path) { OFlags::DIRECTORY } else { OFlags::NOFOLLOW };
        let found = self.open(path, OFlags::PATH | follow, Mode::empty())?;
        let stat = rustix::fs::fstat(&found)?;
        let kind = Kind::of(stat.st_mode);
        let target = (kind == Kind::Symlink).then(|| self.settled(path));
        Ok(Facts { kind, size: stat.st_size as u64, target: target.transpose()? })
    }

    /// The path without links, as far as it leads to something; what is not there stays as it is written.
    pub fn settled(&self, path: &[u8]) -> Result<Vec<u8>> {
        let mut links = 0;
        let mut done: Vec<u8> = Vec::new();
        let mut left: Vec<Vec<u8>> = names(path);
        while let Some(name) = left.pop() {
            if name == b".." {
                done.truncate(done.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
                continue;
            }
            let next = [&done[..], b"/", &name[..]].concat();
            let target = match self.open(&next, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(found) => match rustix::fs::readlinkat(&found, c"", Vec::new()) {
                    Ok(target) => Some(target.into_bytes()),
                    // No link.
                    Err(Errno::INVAL | Errno::NOENT) => None,
                    Err(errno) => return Err(errno),
                },
                Err(Errno::NOENT | Errno::NOTDIR) => None,
                Err(errno) => return Err(errno),
            };
            let Some(target) = target else {
                done = next;
                continue;
            };
            links += 1;
            if links > LINKS {
                return Err(Errno::LOOP);
            }
            if target.starts_with(b"/") {
                done.clear();
            }
            left.extend(names(&target));
        }
        Ok(if done.is_empty() { b"/".to_vec() } else { done })
    }

    /// The directory that a name lies in, and the name.
    pub fn parent(&self, path: &[u8]) -> Result<(OwnedFd, Vec<u8>)> {
        let (directory, name) = split(&clean(path));
        let opened = self.open(&directory, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        Ok((opened, if name == b"/" { b".".to_vec() } else { name }))
    }
}

/// The names of a path, the first one last.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    names.rev().map(<[u8]>::to_vec).collect()
}

pub(super) fn resolve(
    base: impl AsFd,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
    how: ResolveFlags,
) -> Result<OwnedFd> {
    let mut tries = 0;
    loop {
        match openat2(&base, path, flags | OFlags::CLOEXEC, mode, how) {
            // Something was renamed while the kernel looked at a `..`: whether it led out cannot be told.
            Err(Errno::AGAIN) if tries < TRIES => tries += 1,
            opened => return opened,
        }
    }
}

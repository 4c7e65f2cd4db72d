//! Where an object of the upper stands, and the calls on it that do not need it open.

use std::borrow::Cow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Stat, Timestamps, Uid, XattrFlags};
use rustix::io::{Errno, Result};

/// A name in a directory, shared between the directory and the node.
pub type Name = Arc<[u8]>;

/// The largest value and list of names that Linux allows (limits.h: XATTR_SIZE_MAX, XATTR_LIST_MAX).
const XATTR_MAX: usize = 64 << 10;

pub enum Place {
    Named {
        directory: Arc<OwnedFd>,
        name: Name,
    },
    /// Unlinked, or the root: an O_PATH descriptor keeps it.
    Held(Arc<OwnedFd>),
}

impl Place {
    /// Arguments for the `*at` family.
    fn at(&self) -> (BorrowedFd<'_>, Cow<'_, [u8]>, AtFlags) {
        match self {
            Place::Named { directory, name } => {
                (directory.as_fd(), Cow::Borrowed(&**name), AtFlags::SYMLINK_NOFOLLOW)
            }
            Place::Held(file) => (rustix::fs::CWD, Cow::Owned(magic_link(file)), AtFlags::empty()),
        }
    }

    /// A path for the xattr calls, which got no `*at` variants before Linux 6.13.
    fn path(&self) -> Vec<u8> {
        match self {
            Place::Named { directory, name } => [&magic_link(directory), &b"/"[..], name].concat(),
            Place::Held(file) => magic_link(file),
        }
    }

    pub fn stat(&self) -> Result<Stat> {
        match self {
            Place::Named { directory, name } => {
                rustix::fs::statat(directory, &**name, AtFlags::SYMLINK_NOFOLLOW)
            }
            Place::Held(file) => rustix::fs::fstat(file),
        }
    }

    pub fn chown(&self, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        let (directory, name, flags) = self.at();
        rustix::fs::chownat(directory, &*name, uid.map(Uid::from_raw), gid.map(Gid::from_raw), flags)
    }

    /// Not for symbolic links, which have no mode.
    pub fn chmod(&self, mode: u32) -> Result<()> {
        let (directory, name, _) = self.at();
        rustix::fs::chmodat(directory, &*name, Mode::from_raw_mode(mode & 0o7777), AtFlags::empty())
    }

    pub fn set_times(&self, times: &Timestamps) -> Result<()> {
        let (directory, name, flags) = self.at();
        rustix::fs::utimensat(directory, &*name, times, flags)
    }

    pub fn read_link(&self) -> Result<Vec<u8>> {
        match self {
            Place::Named { directory, name } => {
                Ok(rustix::fs::readlinkat(directory, &**name, Vec::new())?.into_bytes())
            }
            Place::Held(file) => Ok(rustix::fs::readlinkat(file, c"", Vec::new())?.into_bytes()),
        }
    }

    pub fn open(&self, flags: OFlags) -> Result<OwnedFd> {
        match self {
            Place::Named { directory, name } => rustix::fs::openat(
                directory,
                &**name,
                flags | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            ),
            Place::Held(file) => rustix::fs::open(magic_link(file), flags | OFlags::CLOEXEC, Mode::empty()),
        }
    }

    /// Gives the object a further name.
    pub fn link(&self, directory: &OwnedFd, name: &[u8]) -> Result<()> {
        let (from, old, flags) = self.at();
        let follow = if flags.is_empty() { AtFlags::SYMLINK_FOLLOW } else { AtFlags::empty() };
        rustix::fs::linkat(from, &*old, directory, name, follow)
    }

    pub fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        let get = |value: &mut [u8]| match self {
            Place::Named { .. } => rustix::fs::lgetxattr(self.path(), name, value),
            Place::Held(_) => rustix::fs::getxattr(self.path(), name, value),
        };
        // Nearly all values are short.
        let mut short = [0; 256];
        match get(&mut short) {
            Ok(length) => return Ok(short[..length].to_vec()),
            Err(Errno::RANGE) => {}
            Err(errno) => return Err(errno),
        }
        let mut value = vec![0; XATTR_MAX];
        let length = get(&mut value)?;
        value.truncate(length);
        Ok(value)
    }

    /// All names, each ended by NUL.
    pub fn xattr_names(&self) -> Result<Vec<u8>> {
        let mut names = vec![0; XATTR_MAX];
        let length = match self {
            Place::Named { .. } => rustix::fs::llistxattr(self.path(), &mut names[..]),
            Place::Held(_) => rustix::fs::listxattr(self.path(), &mut names[..]),
        };
        match length {
            Ok(length) => names.truncate(length),
            Err(Errno::OPNOTSUPP) => names.clear(),
            Err(errno) => return Err(errno),
        }
        Ok(names)
    }

    pub fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> Result<()> {
        match self {
            Place::Named { .. } => rustix::fs::lsetxattr(self.path(), name, value, flags),
            Place::Held(_) => rustix::fs::setxattr(self.path(), name, value, flags),
        }
    }

    pub fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        match self {
            Place::Named { .. } => rustix::fs::lremovexattr(self.path(), name),
            Place::Held(_) => rustix::fs::removexattr(self.path(), name),
        }
    }
}

fn magic_link(file: &OwnedFd) -> Vec<u8> {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into_bytes()
}

//! Owners and devices of files, written down as extended attributes.
//!
//! On disk, in a container's upper and on volumes, `user.coracle.owner` holds `UID:GID`, of a device
//! `UID:GID:c:MAJOR:MINOR` (or `b`): the file itself is an empty one then. A file without it belongs to
//! root in an upper, and on a volume to whoever looks.
//!
//! The process that answers system calls asks the file system for more than the kernel would let the
//! container ask, by setting attributes named `security.coracle.*`: those take CAP_SYS_ADMIN in the
//! namespace that mounted it, which no container has (`cap_inode_setxattr`).

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::XattrFlags;
use rustix::io::{Errno, Result};

/// On disk: whose a file is.
pub const OWNER: &str = "user.coracle.owner";
/// Prefix on disk of attributes that the kernel would not take: `user.coracle.xattr.trusted.NAME`.
pub const KEPT_XATTR: &[u8] = b"user.coracle.xattr.";
/// Prefix of everything of ours on disk.
pub const ON_DISK: &[u8] = b"user.coracle.";

/// Prefix of what the file system is asked for.
pub const PRIVATE: &[u8] = b"security.coracle.";
/// Set to a record: the file belongs to somebody else from now on. Read, it is the file's record.
pub const SET_OWNER: &str = "security.coracle.owner";
/// Set on a directory to a [`NodeWish`].
pub const MAKE_NODE: &str = "security.coracle.node";
/// Prefix: an attribute of any name.
pub const XATTR: &[u8] = b"security.coracle.xattr.";

/// A device that nobody can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub is_block: bool,
    pub major: u32,
    pub minor: u32,
}

/// What is written down about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// User and group, as the container numbers them.
    pub owner: (u32, u32),
    pub device: Option<Device>,
}

impl Record {
    /// `None`: not ours.
    pub fn read(value: &[u8]) -> Option<Record> {
        let mut parts = std::str::from_utf8(value).ok()?.split(':');
        let number = |parts: &mut std::str::Split<'_, char>| parts.next()?.parse().ok();
        let owner = (number(&mut parts)?, number(&mut parts)?);
        let device = match parts.next() {
            None => None,
            Some(kind @ ("c" | "b")) => {
                Some(Device { is_block: kind == "b", major: number(&mut parts)?, minor: number(&mut parts)? })
            }
            Some(_) => return None,
        };
        parts.next().is_none().then_some(Record { owner, device })
    }

    pub fn write(&self) -> Vec<u8> {
        let (uid, gid) = self.owner;
        match self.device {
            None => format!("{uid}:{gid}"),
            Some(Device { is_block, major, minor }) => {
                format!("{uid}:{gid}:{}:{major}:{minor}", if is_block { 'b' } else { 'c' })
            }
        }
        .into_bytes()
    }
}

/// Writes down whom a file or directory outside of a container's root belongs to; a link is not followed.
/// Links, special files and some file systems take no such attribute: theirs belong to whoever looks.
pub fn note_owner(path: &[u8], owner: (u32, u32)) -> Result<()> {
    let record = Record { owner, device: None }.write();
    tolerant(rustix::fs::lsetxattr(path, OWNER, &record, XattrFlags::empty()))
}

/// The same of an open one, which may be opened as a path only.
pub fn note_owner_of(file: BorrowedFd<'_>, owner: (u32, u32)) -> Result<()> {
    let record = Record { owner, device: None }.write();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    tolerant(rustix::fs::setxattr(path, OWNER, &record, XattrFlags::empty()))
}

fn tolerant(noted: Result<()>) -> Result<()> {
    match noted {
        Err(Errno::OPNOTSUPP) => Ok(()),
        noted => noted,
    }
}

/// A device to be made in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeWish<'a> {
    /// Permission bits.
    pub mode: u32,
    pub record: Record,
    pub name: &'a [u8],
}

impl NodeWish<'_> {
    /// `MODE RECORD NAME`
    pub fn write(&self) -> Vec<u8> {
        [format!("{:o} ", self.mode).as_bytes(), &self.record.write(), b" ", self.name].concat()
    }

    pub fn read(value: &[u8]) -> Option<NodeWish<'_>> {
        let mut parts = value.splitn(3, |byte| *byte == b' ');
        let mode = u32::from_str_radix(std::str::from_utf8(parts.next()?).ok()?, 8).ok()?;
        Some(NodeWish { mode, record: Record::read(parts.next()?)?, name: parts.next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_written() {
        let null = Device { is_block: false, major: 1, minor: 3 };
        for (record, text) in [
            (Record { owner: (33, 44), device: None }, "33:44"),
            (Record { owner: (0, 0), device: Some(null) }, "0:0:c:1:3"),
            (Record { owner: (0, 6), device: Some(Device { is_block: true, ..null }) }, "0:6:b:1:3"),
        ] {
            assert_eq!(record.write(), text.as_bytes());
            assert_eq!(Record::read(text.as_bytes()), Some(record));
        }
        for wrong in ["", "1", "1:x", "1:2:", "1:2:p:1:1", "1:2:c:1", "1:2:c:1:3:4", "-1:0"] {
            assert_eq!(Record::read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn names_of_nodes_may_have_spaces() {
        let record = Record { owner: (1, 2), device: Some(Device { is_block: false, major: 5, minor: 1 }) };
        let wish = NodeWish { mode: 0o640, record, name: b"a b " };
        assert_eq!(NodeWish::read(&wish.write()), Some(wish));
    }
}

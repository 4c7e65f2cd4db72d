//! Tar archives, read and written as streams.
//!
//! The reader believes nobody. It understands v7, ustar, PAX (pax(1), "pax Interchange Format"), and of
//! GNU's formats long names, base-256 numbers and sparse files, and reads each of them the way Go's
//! `archive/tar` does, because Docker's idea of a layer is the judge: what two readers see differently in
//! one archive, one of them can be tricked with. So records of extended headers are cut by their length
//! and never at a newline, links and directories have no data whatever their size says, and global
//! extended headers are checked and passed over.

mod header;
mod pax;
mod reader;
mod sparse;
mod writer;

use std::borrow::Cow;
use std::io;

use super::index::{Extent, Mtime};

pub use reader::TarReader;
pub use writer::TarWriter;

/// Archives are made of these; a file's data is filled up to a whole one.
pub(crate) const BLOCK: usize = 512;

/// A member of an archive. Names are bytes as they stand there, neither cleaned nor checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: Vec<u8>,
    pub kind: MemberKind,
    /// Of hard and symbolic links.
    pub target: Vec<u8>,
    /// Permission, setuid, setgid and sticky bits (07777).
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Mtime,
    /// Of a file, holes included.
    pub size: u64,
    /// Major and minor of a device node.
    pub device: (u32, u32),
    /// Names and values, in the archive's order; a value may hold any bytes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub data: Data,
}

impl Member {
    /// A member without data, owned by root, of the usual mode, at the epoch.
    pub fn new(name: impl Into<Vec<u8>>, kind: MemberKind) -> Member {
        Member {
            name: name.into(),
            kind,
            target: Vec::new(),
            mode: if kind == MemberKind::Directory { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            mtime: Mtime::default(),
            size: 0,
            device: (0, 0),
            xattrs: Vec::new(),
            data: Data::Plain { offset: 0 },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    File,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// Where a file's data stands in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// `Member::size` bytes from this offset on.
    Plain { offset: u64 },
    /// In the order of the file, without overlaps, none empty; the rest are holes.
    Sparse(Vec<Extent>),
}

#[derive(Debug, thiserror::Error)]
pub enum TarError {
    #[error("reading the archive")]
    Read(#[source] io::Error),
    #[error("the archive is cut off at byte {offset}: unexpected EOF")]
    Truncated { offset: u64 },
    #[error("not a tar archive: {why}")]
    Foreign { why: &'static str },
    #[error("invalid tar header at byte {offset}: {why}")]
    Invalid { offset: u64, why: Cow<'static, str> },
}

#[cfg(test)]
mod tests;

//! The index of a layer, or of the merged view of several: compact, versioned, mmap-able. Opening one
//! of 100,000 entries costs no parsing.

use crate::layer::DiffId;
use std::ops::Range;
use std::path::Path;

/// Number of an entry in its index. 0 is the root directory. Children of a directory are contiguous
/// and sorted by name (bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryId(pub u32);

impl EntryId {
    pub const ROOT: EntryId = EntryId(0);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    File,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
}

/// Seconds and nanoseconds since the epoch; seconds may be negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Mtime {
    pub sec: i64,
    pub nsec: u32,
}

/// An open (mmapped) index. Cheap to open, shared between processes by the page cache.
pub struct Index {
    _private: (),
}

/// A look at one entry.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    _index: &'a Index,
    _id: EntryId,
}

/// A stretch of a file's data in a tar; holes are the stretches between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Where it stands in the file.
    pub file_offset: u64,
    /// Where its bytes stand in the layer's tar.
    pub tar_offset: u64,
    pub len: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("opening index {}", path.display())]
    Open { path: std::path::PathBuf, source: std::io::Error },
    #[error("index {} is damaged or of another version: {why}", path.display())]
    Invalid { path: std::path::PathBuf, why: &'static str },
}

#[allow(unused_variables)]
impl Index {
    pub fn open(path: &Path) -> Result<Index, IndexError> {
        todo!("helper A")
    }
    /// Number of entries, the root included.
    pub fn len(&self) -> u32 {
        todo!()
    }
    /// The layers that data comes from, lowest first; `Entry::layer` counts in this list. One for the
    /// index of a single layer.
    pub fn layers(&self) -> &[DiffId] {
        todo!()
    }
    pub fn entry(&self, id: EntryId) -> Entry<'_> {
        todo!()
    }
    /// Whether any entry has xattrs: a file system without may answer GETXATTR with ENOSYS.
    pub fn has_xattrs(&self) -> bool {
        todo!()
    }
    /// Binary search among the children of `directory`.
    pub fn lookup(&self, directory: EntryId, name: &[u8]) -> Option<EntryId> {
        todo!()
    }
    /// The other names of a hard-linked file's group, itself included (for copy-up of the whole group).
    pub fn links(&self, primary: EntryId) -> Vec<EntryId> {
        todo!()
    }
}

impl<'a> Entry<'a> {
    pub fn kind(&self) -> FileKind {
        todo!()
    }
    /// Permission, setuid, setgid and sticky bits (07777).
    pub fn mode(&self) -> u32 {
        todo!()
    }
    pub fn uid(&self) -> u32 {
        todo!()
    }
    pub fn gid(&self) -> u32 {
        todo!()
    }
    pub fn mtime(&self) -> Mtime {
        todo!()
    }
    /// Size of a file in bytes (holes included), length of a link's target, else 0.
    pub fn size(&self) -> u64 {
        todo!()
    }
    /// Major and minor of a device node.
    pub fn device(&self) -> (u32, u32) {
        todo!()
    }
    /// Number of names of this inode (files), 1 for directories.
    pub fn nlink(&self) -> u32 {
        todo!()
    }
    pub fn parent(&self) -> EntryId {
        todo!()
    }
    pub fn name(&self) -> &'a [u8] {
        todo!()
    }
    /// The target of a symbolic link.
    pub fn target(&self) -> &'a [u8] {
        todo!()
    }
    /// Children of a directory: contiguous entries, sorted by name.
    pub fn children(&self) -> Range<u32> {
        todo!()
    }
    /// The entry that stands for this inode: itself unless it is a further name of a hard-linked file.
    pub fn inode(&self) -> EntryId {
        todo!()
    }
    /// Position in `Index::layers` of the layer whose tar has this file's data.
    pub fn layer(&self) -> usize {
        todo!()
    }
    /// Where the data lies. A plain file has one extent (none when empty), a sparse one several.
    pub fn extents(&self) -> Vec<Extent> {
        todo!()
    }
    /// The one extent of a non-sparse file, without allocating: the hot path of reading.
    pub fn plain_extent(&self) -> Option<Extent> {
        todo!()
    }
    /// Extended attributes, name and value, in the tar's order.
    pub fn xattrs(&self) -> Vec<(&'a [u8], &'a [u8])> {
        todo!()
    }
}

//! The index of a layer, or of the merged view of several: compact, versioned, mmap-able. Opening one
//! of 100,000 entries costs no parsing.
//!
//! `format` says which bytes lie where, `build` makes the index of one layer out of its tar's members,
//! `merge` makes one of a chain of layers. Reading never fails and never leaves the file's bytes: a
//! damaged index gives wrong answers, not a crash.

mod build;
mod format;
mod merge;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::layer::DiffId;
use crate::sys::mmap::Map;
use format::{ENTRY_LEN, EXTENT_LEN, Kind, LINK_LEN, Layout, RawEntry, Span, next_xattr, u32_at};

pub use build::{BuildError, LayerBuilder};
pub use format::Draft;
pub use merge::{MergeError, merge};

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
    bytes: Bytes,
    layout: Layout,
    ids: Vec<DiffId>,
}

enum Bytes {
    Mapped(Map),
    /// Of a merged view that could not be written to the store, and in tests.
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

/// A look at one entry.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    index: &'a Index,
    id: EntryId,
    raw: &'a [u8; ENTRY_LEN],
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
    Open { path: PathBuf, source: io::Error },
    #[error("index {} is damaged or of another version: {why}", path.display())]
    Invalid { path: PathBuf, why: &'static str },
}

impl Index {
    /// Maps the index and checks that its parts add up to its length, and its checksum.
    pub fn open(path: &Path) -> Result<Index, IndexError> {
        let map = File::open(path)
            .and_then(|file| Map::whole(&file))
            .map_err(|source| IndexError::Open { path: path.to_owned(), source })?;
        let invalid = |why| IndexError::Invalid { path: path.to_owned(), why };
        let sound = format::is_sound(&map);
        // What is looked at later is mapped again; the rest would count as this process's memory.
        map.forget();
        let index = Index::new(Bytes::Mapped(map)).map_err(invalid)?;
        if sound { Ok(index) } else { Err(invalid("its checksum is another one")) }
    }

    /// An index in memory; the error says what is wrong with the bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Index, &'static str> {
        Index::new(Bytes::Owned(bytes))
    }

    /// An index in memory, of what would have been written to a file.
    pub fn from_draft(draft: &Draft) -> Index {
        let mut bytes = Vec::new();
        draft.write_to(&mut bytes).expect("a draft has fewer than 2^32 of each part, a Vec takes every byte");
        Index::from_bytes(bytes).expect("what a draft writes is an index")
    }

    fn new(bytes: Bytes) -> Result<Index, &'static str> {
        let layout = Layout::read(&bytes)?;
        let ids = layout.layers.iter().map(|layer| layer.id).collect();
        let index = Index { bytes, layout, ids };
        match index.root_raw().kind {
            Kind::Directory => Ok(index),
            _ => Err("the root is no directory"),
        }
    }

    fn root_raw(&self) -> RawEntry {
        self.entry(EntryId::ROOT).decode()
    }

    /// Number of entries, the root included.
    #[expect(clippy::len_without_is_empty, reason = "there is always a root")]
    pub fn len(&self) -> u32 {
        self.layout.entry_count
    }

    /// The layers that data comes from, lowest first; `Entry::layer` counts in this list. One for the
    /// index of a single layer.
    pub fn layers(&self) -> &[DiffId] {
        &self.ids
    }

    /// Length in bytes of the tar of the layer at this position of `layers`.
    pub fn tar_size(&self, layer: usize) -> Option<u64> {
        self.layout.layers.get(layer).map(|record| record.tar_size)
    }

    /// The entry of this number, if there is one.
    pub fn get(&self, id: EntryId) -> Option<Entry<'_>> {
        if id.0 >= self.len() {
            return None;
        }
        let at = self.layout.entries + id.0 as usize * ENTRY_LEN;
        let raw = self.bytes.get(at..)?.first_chunk()?;
        Some(Entry { index: self, id, raw })
    }

    /// The entry of a number that came from this index; a foreign one that is too large reads as the
    /// root (`get` tells).
    pub fn entry(&self, id: EntryId) -> Entry<'_> {
        self.get(id).or_else(|| self.get(EntryId::ROOT)).expect("an index has a root: checked when opened")
    }

    /// All entries, the root first, every directory before what is in it.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).map(|id| self.entry(EntryId(id)))
    }

    /// Whether any entry has xattrs: a file system without may answer GETXATTR with ENOSYS.
    pub fn has_xattrs(&self) -> bool {
        self.layout.flags & format::HAS_XATTRS != 0
    }

    pub(super) fn has_lower_links(&self) -> bool {
        self.layout.flags & format::HAS_LOWER_LINKS != 0
    }

    /// Binary search among the children of `directory`.
    pub fn lookup(&self, directory: EntryId, name: &[u8]) -> Option<EntryId> {
        let Range { start: mut low, end: mut high } = self.entry(directory).children();
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(EntryId(middle)).name().cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(EntryId(middle)),
            }
        }
        None
    }

    /// Walks `path` from the root, name by name. Symbolic links are not followed; `.` and empty names
    /// are skipped, `..` is a name that nothing has.
    #[cfg(test)]
    pub fn find(&self, path: &[u8]) -> Option<EntryId> {
        path.split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty() && *name != b".")
            .try_fold(EntryId::ROOT, |directory, name| self.lookup(directory, name))
    }

    /// The names of a hard-linked file's group, itself included (for copy-up of the whole group). Any
    /// member may be asked; a file with one name gets itself.
    pub fn links(&self, member: EntryId) -> Vec<EntryId> {
        let primary = self.entry(member).inode().0;
        let (low, high) = (self.first_link(primary), self.first_link(primary.saturating_add(1)));
        let names: Vec<EntryId> = (low..high)
            .filter_map(|at| self.link(at))
            .map(|(_, name)| EntryId(name))
            .filter(|id| id.0 < self.len())
            .collect();
        if names.is_empty() { vec![member] } else { names }
    }

    /// Position of the first link of `primary` or of a later one.
    fn first_link(&self, primary: u32) -> u32 {
        let (mut low, mut high) = (0, self.layout.link_count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.link(middle) {
                Some((at, _)) if at < primary => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    fn link(&self, at: u32) -> Option<(u32, u32)> {
        let at = self.layout.links + at as usize * LINK_LEN;
        let raw: &[u8; LINK_LEN] = self.bytes.get(at..)?.first_chunk()?;
        Some((u32_at(raw, 0), u32_at(raw, 4)))
    }

    fn extent(&self, at: u32) -> Option<Extent> {
        if at >= self.layout.extent_count {
            return None;
        }
        let at = self.layout.extents + at as usize * EXTENT_LEN;
        self.bytes.get(at..)?.first_chunk().map(Extent::decode)
    }

    fn string(&self, span: Span) -> &[u8] {
        let start = self.layout.strings + span.offset as usize;
        self.bytes.get(start..start + span.len as usize).unwrap_or_default()
    }
}

impl<'a> Entry<'a> {
    #[inline(always)]
    fn decode(&self) -> RawEntry {
        RawEntry::decode(self.raw)
    }

    pub fn id(&self) -> EntryId {
        self.id
    }

    /// A whiteout and a hard link to a lower layer (in the index of a single layer only) read as what
    /// overlayfs makes of a whiteout, and as an empty file.
    pub fn kind(&self) -> FileKind {
        match self.decode().kind {
            Kind::File | Kind::LowerLink => FileKind::File,
            Kind::Directory => FileKind::Directory,
            Kind::Symlink => FileKind::Symlink,
            Kind::CharDevice | Kind::Whiteout => FileKind::CharDevice,
            Kind::BlockDevice => FileKind::BlockDevice,
            Kind::Fifo => FileKind::Fifo,
        }
    }

    pub fn is_directory(&self) -> bool {
        self.decode().kind == Kind::Directory
    }

    /// Whether the entry only hides this name in lower layers. Never in a merged index.
    pub fn is_whiteout(&self) -> bool {
        self.decode().kind == Kind::Whiteout
    }

    /// Whether the directory hides what lower layers have in it. Never in a merged index.
    pub fn is_opaque(&self) -> bool {
        self.decode().has(format::OPAQUE)
    }

    /// Whether the directory exists only because names of other members go through it: its attributes
    /// are those of a lower layer's directory, where there is one. Never in a merged index.
    pub fn is_implicit(&self) -> bool {
        self.decode().has(format::IMPLICIT)
    }

    /// The path a hard link names that its own layer does not have. Never in a merged index.
    pub fn lower_link(&self) -> Option<&'a [u8]> {
        let raw = self.decode();
        (raw.kind == Kind::LowerLink).then(|| self.index.string(target_span(&raw)))
    }

    /// Permission, setuid, setgid and sticky bits (07777).
    pub fn mode(&self) -> u32 {
        u32::from(self.decode().mode) & 0o7777
    }
    pub fn uid(&self) -> u32 {
        self.decode().uid
    }
    pub fn gid(&self) -> u32 {
        self.decode().gid
    }
    pub fn mtime(&self) -> Mtime {
        self.decode().mtime
    }

    /// Size of a file in bytes (holes included), length of a link's target, else 0.
    pub fn size(&self) -> u64 {
        let raw = self.decode();
        match raw.kind {
            Kind::File => raw.size,
            Kind::Symlink => self.target().len() as u64,
            _ => 0,
        }
    }

    /// Major and minor of a device node.
    pub fn device(&self) -> (u32, u32) {
        let raw = self.decode();
        match raw.kind {
            Kind::CharDevice | Kind::BlockDevice => ((raw.data >> 32) as u32, raw.data as u32),
            _ => (0, 0),
        }
    }

    /// Number of names of this inode (files), 1 for directories.
    pub fn nlink(&self) -> u32 {
        self.decode().nlink
    }

    /// The directory it is in; the root's is the root.
    pub fn parent(&self) -> EntryId {
        // Breadth first means that a parent comes before its children: also the proof that going up ends.
        EntryId(self.decode().parent.min(self.id.0.saturating_sub(1)))
    }

    pub fn name(&self) -> &'a [u8] {
        self.index.string(self.decode().name)
    }

    /// The target of a symbolic link.
    pub fn target(&self) -> &'a [u8] {
        let raw = self.decode();
        match raw.kind {
            Kind::Symlink => self.index.string(target_span(&raw)),
            _ => b"",
        }
    }

    /// Children of a directory: contiguous entries, sorted by name.
    pub fn children(&self) -> Range<u32> {
        let raw = self.decode();
        let (first, count) = ((raw.data >> 32) as u32, raw.data as u32);
        // Children come after their directory: also the proof that going down ends.
        if raw.kind != Kind::Directory || first <= self.id.0 {
            return 0..0;
        }
        let end = first.saturating_add(count).min(self.index.len());
        first.min(end)..end
    }

    /// The entry that stands for this inode: itself unless it is a further name of a hard-linked file.
    pub fn inode(&self) -> EntryId {
        EntryId(self.decode().inode.min(self.id.0))
    }

    /// Position in `Index::layers` of the layer whose tar has this file's data.
    pub fn layer(&self) -> usize {
        self.decode().layer.into()
    }

    /// Where the data lies, in the order of the file. A plain file has one extent (none when empty), a
    /// sparse one several.
    pub fn extents(&self) -> Vec<Extent> {
        let raw = self.decode();
        if raw.kind == Kind::File && raw.has(format::SPARSE) {
            let all = raw.first_extent..raw.first_extent.saturating_add(raw.extents);
            return all.map_while(|at| self.index.extent(at)).collect();
        }
        self.plain_extent().into_iter().collect()
    }

    /// The one extent of a non-sparse file, without allocating: the hot path of reading.
    pub fn plain_extent(&self) -> Option<Extent> {
        let raw = self.decode();
        (raw.kind == Kind::File && !raw.has(format::SPARSE) && raw.size > 0).then_some(Extent {
            file_offset: 0,
            tar_offset: raw.data,
            len: raw.size,
        })
    }

    /// Extended attributes, name and value, in the tar's order.
    pub fn xattrs(&self) -> Vec<(&'a [u8], &'a [u8])> {
        let mut rest = self.index.string(self.decode().xattrs);
        std::iter::from_fn(|| next_xattr(&mut rest)).collect()
    }

    /// The value of one extended attribute.
    pub fn xattr(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut rest = self.index.string(self.decode().xattrs);
        std::iter::from_fn(|| next_xattr(&mut rest)).find(|(at, _)| *at == name).map(|(_, value)| value)
    }

    /// The path from the root, without a leading slash; empty for the root.
    pub fn path(&self) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = *self;
        while at.id != EntryId::ROOT {
            names.push(at.name());
            at = self.index.entry(at.parent());
        }
        names.reverse();
        names.join(&b'/')
    }
}

fn target_span(raw: &RawEntry) -> Span {
    Span { offset: raw.data as u32, len: u32::try_from(raw.size).unwrap_or(0) }
}

#[cfg(test)]
pub(crate) mod tests;

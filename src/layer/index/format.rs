//! The bytes of an index file, all numbers little-endian:
//!
//! | part | size | content |
//! |---|---|---|
//! | header | 64 | magic, version, flags, length of the file, counts of the parts |
//! | layers | 40 each | diff id, length of the tar; lowest layer first |
//! | entries | 80 each | breadth first: the children of a directory are contiguous, sorted by name |
//! | extents | 24 each | data of sparse files: offset in the file, offset in the tar, length |
//! | links | 8 each | (primary, name) of every hard-linked file with several names, sorted |
//! | strings | | names, link targets, xattrs |
//! | checksum | 8 | XXH3 (64 bits) of all before it |
//!
//! The header's counts must add up to exactly the file's length, so that a truncated file is noticed
//! without reading it; a flipped bit is found by the checksum, as the file is opened (100,000 entries:
//! a millisecond). Numbers inside of the entries are believed by nobody: the readers check each.

use std::hash::Hasher as _;
use std::io::{self, Write};

use twox_hash::XxHash3_64;

use super::{Extent, Mtime};
use crate::digest::Digest;
use crate::layer::DiffId;

pub(super) const MAGIC: [u8; 8] = *b"coracidx";
/// Changed with every change of the format: an index of another version is made anew.
pub(super) const VERSION: u32 = 2;

pub(super) const HEADER_LEN: usize = 64;
pub(super) const LAYER_LEN: usize = 40;
pub(super) const ENTRY_LEN: usize = 80;
pub(super) const EXTENT_LEN: usize = 24;
pub(super) const LINK_LEN: usize = 8;
pub(super) const CHECKSUM_LEN: usize = 8;

/// Header flag: some entry has xattrs.
pub(super) const HAS_XATTRS: u32 = 1;
/// Header flag: some entry is a hard link to a lower layer.
pub(super) const HAS_LOWER_LINKS: u32 = 2;

/// Entry flag: a directory that hides what lower layers have in it.
pub(super) const OPAQUE: u8 = 1;
/// Entry flag: a directory that only names of other entries speak of; it has no attributes of its own.
pub(super) const IMPLICIT: u8 = 2;
/// Entry flag: a file whose data is a list of extents.
pub(super) const SPARSE: u8 = 4;

/// What an entry of an index file is: `FileKind` and what only a single layer has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    File = 1,
    Directory = 2,
    Symlink = 3,
    CharDevice = 4,
    BlockDevice = 5,
    Fifo = 6,
    /// Hides the name in lower layers.
    Whiteout = 7,
    /// A hard link whose target (a path) is in a lower layer.
    LowerLink = 8,
}

impl Kind {
    fn from_u8(byte: u8) -> Kind {
        match byte {
            2 => Kind::Directory,
            3 => Kind::Symlink,
            4 => Kind::CharDevice,
            5 => Kind::BlockDevice,
            6 => Kind::Fifo,
            7 => Kind::Whiteout,
            8 => Kind::LowerLink,
            // 1, and whatever damage made of it: the harmless one.
            _ => Kind::File,
        }
    }
}

/// A stretch of the string area.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Span {
    pub offset: u32,
    pub len: u32,
}

/// One entry as it lies in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RawEntry {
    /// At most `u16::MAX` bytes.
    pub name: Span,
    pub kind: Kind,
    pub flags: u8,
    pub parent: u32,
    /// The first name of the same inode.
    pub inode: u32,
    pub mode: u16,
    pub layer: u16,
    pub uid: u32,
    pub gid: u32,
    pub nlink: u32,
    pub mtime: Mtime,
    /// Bytes of a file, length of a target.
    pub size: u64,
    /// Offset in the tar (file), first child << 32 | number of children (directory), offset of the target
    /// among the strings (links), major << 32 | minor (devices).
    pub data: u64,
    pub xattrs: Span,
    pub first_extent: u32,
    pub extents: u32,
}

impl RawEntry {
    pub fn encode(&self) -> [u8; ENTRY_LEN] {
        let mut out = [0; ENTRY_LEN];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.name.offset.to_le_bytes()); // 0
        put(&(self.name.len as u16).to_le_bytes()); // 4
        put(&[self.kind as u8, self.flags]); // 6
        put(&self.parent.to_le_bytes()); // 8
        put(&self.inode.to_le_bytes()); // 12
        put(&self.mode.to_le_bytes()); // 16
        put(&self.layer.to_le_bytes()); // 18
        put(&self.uid.to_le_bytes()); // 20
        put(&self.gid.to_le_bytes()); // 24
        put(&self.nlink.to_le_bytes()); // 28
        put(&self.mtime.sec.to_le_bytes()); // 32
        put(&self.mtime.nsec.to_le_bytes()); // 40
        put(&[0; 4]); // 44: spare
        put(&self.size.to_le_bytes()); // 48
        put(&self.data.to_le_bytes()); // 56
        put(&self.xattrs.offset.to_le_bytes()); // 64
        put(&self.xattrs.len.to_le_bytes()); // 68
        put(&self.first_extent.to_le_bytes()); // 72
        put(&self.extents.to_le_bytes()); // 76
        out
    }

    /// Total: every 80 bytes are some entry. Inlined, so that a caller who wants one field loads one.
    #[inline(always)]
    pub fn decode(raw: &[u8; ENTRY_LEN]) -> RawEntry {
        RawEntry {
            name: Span { offset: u32_at(raw, 0), len: u16_at(raw, 4).into() },
            kind: Kind::from_u8(raw[6]),
            flags: raw[7],
            parent: u32_at(raw, 8),
            inode: u32_at(raw, 12),
            mode: u16_at(raw, 16),
            layer: u16_at(raw, 18),
            uid: u32_at(raw, 20),
            gid: u32_at(raw, 24),
            nlink: u32_at(raw, 28),
            mtime: Mtime { sec: u64_at(raw, 32).cast_signed(), nsec: u32_at(raw, 40) },
            size: u64_at(raw, 48),
            data: u64_at(raw, 56),
            xattrs: Span { offset: u32_at(raw, 64), len: u32_at(raw, 68) },
            first_extent: u32_at(raw, 72),
            extents: u32_at(raw, 76),
        }
    }

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

#[inline(always)]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

#[inline(always)]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[inline(always)]
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

impl Extent {
    pub(super) fn decode(raw: &[u8; EXTENT_LEN]) -> Extent {
        Extent { file_offset: u64_at(raw, 0), tar_offset: u64_at(raw, 8), len: u64_at(raw, 16) }
    }
}

/// A layer that an index draws from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LayerRecord {
    pub id: DiffId,
    pub tar_size: u64,
}

/// Where the parts of an index file lie, checked against its length.
#[derive(Debug)]
pub(super) struct Layout {
    pub flags: u32,
    pub layers: Vec<LayerRecord>,
    pub entries: usize,
    pub entry_count: u32,
    pub extents: usize,
    pub extent_count: u32,
    pub links: usize,
    pub link_count: u32,
    pub strings: usize,
}

impl Layout {
    /// Reads the header. All offsets it returns, with their counts, lie inside of `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Layout, &'static str> {
        let header = bytes.first_chunk::<HEADER_LEN>().ok_or("too short")?;
        if header[..8] != MAGIC {
            return Err("not an index");
        }
        if u32_at(header, 8) != VERSION {
            return Err("other version");
        }
        if u64_at(header, 16) != bytes.len() as u64 {
            return Err("other length than when it was written");
        }
        let counts = [24, 28, 32, 36].map(|at| u32_at(header, at));
        let [layer_count, entry_count, extent_count, link_count] = counts;
        // Four products of 32-bit counts and small sizes cannot overflow 64 bits; the sum is checked below.
        let layers = HEADER_LEN as u64;
        let entries = layers + u64::from(layer_count) * LAYER_LEN as u64;
        let extents = entries + u64::from(entry_count) * ENTRY_LEN as u64;
        let links = extents + u64::from(extent_count) * EXTENT_LEN as u64;
        let strings = links + u64::from(link_count) * LINK_LEN as u64;
        let end =
            strings.checked_add(u64_at(header, 40)).and_then(|end| end.checked_add(CHECKSUM_LEN as u64));
        if end != Some(bytes.len() as u64) {
            return Err("parts and length disagree");
        }
        if entry_count == 0 {
            return Err("no root directory");
        }
        let layers = bytes[HEADER_LEN..entries as usize]
            .as_chunks::<LAYER_LEN>()
            .0
            .iter()
            .map(|raw| LayerRecord {
                id: DiffId(Digest::from_bytes(*raw.first_chunk().expect("40 bytes begin with 32"))),
                tar_size: u64_at(raw, 32),
            })
            .collect();
        Ok(Layout {
            flags: u32_at(header, 12),
            layers,
            entries: entries as usize,
            entry_count,
            extents: extents as usize,
            extent_count,
            links: links as usize,
            link_count,
            strings: strings as usize,
        })
    }
}

/// Whether the checksum is that of the bytes before it.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<CHECKSUM_LEN>()
        .is_some_and(|(content, written)| XxHash3_64::oneshot(content) == u64::from_le_bytes(*written))
}

/// Passes bytes on and sums them up.
struct Summing<W> {
    out: W,
    checksum: XxHash3_64,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.checksum.write(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The parts of an index that is being made, in their final order.
#[derive(Default)]
pub struct Draft {
    pub(super) layers: Vec<LayerRecord>,
    pub(super) entries: Vec<RawEntry>,
    pub(super) extents: Vec<Extent>,
    pub(super) links: Vec<(u32, u32)>,
    pub(super) strings: Vec<u8>,
}

impl Draft {
    /// Adds to the strings; `None` when the area would outgrow its 32-bit offsets.
    pub(super) fn intern(&mut self, bytes: &[u8]) -> Option<Span> {
        let offset = u32::try_from(self.strings.len()).ok()?;
        let len = u32::try_from(bytes.len()).ok()?;
        offset.checked_add(len)?;
        self.strings.extend_from_slice(bytes);
        Some(Span { offset, len })
    }

    /// The finished bytes.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut summing = Summing { out, checksum: XxHash3_64::default() };
        self.write_content(&mut summing)?;
        let checksum = summing.checksum.finish();
        summing.out.write_all(&checksum.to_le_bytes())
    }

    fn write_content(&self, out: &mut impl Write) -> io::Result<()> {
        let len = HEADER_LEN
            + self.layers.len() * LAYER_LEN
            + self.entries.len() * ENTRY_LEN
            + self.extents.len() * EXTENT_LEN
            + self.links.len() * LINK_LEN
            + self.strings.len()
            + CHECKSUM_LEN;
        let any = |test: fn(&RawEntry) -> bool, flag| if self.entries.iter().any(test) { flag } else { 0 };
        let flags =
            any(|e| e.xattrs.len > 0, HAS_XATTRS) | any(|e| e.kind == Kind::LowerLink, HAS_LOWER_LINKS);
        out.write_all(&MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&flags.to_le_bytes())?;
        out.write_all(&(len as u64).to_le_bytes())?;
        for count in [self.layers.len(), self.entries.len(), self.extents.len(), self.links.len()] {
            let count = u32::try_from(count).map_err(|_| io::ErrorKind::FileTooLarge)?;
            out.write_all(&count.to_le_bytes())?;
        }
        out.write_all(&(self.strings.len() as u64).to_le_bytes())?;
        out.write_all(&[0; 16])?;
        for layer in &self.layers {
            out.write_all(layer.id.0.as_bytes())?;
            out.write_all(&layer.tar_size.to_le_bytes())?;
        }
        for entry in &self.entries {
            out.write_all(&entry.encode())?;
        }
        for extent in &self.extents {
            for number in [extent.file_offset, extent.tar_offset, extent.len] {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        for (primary, name) in &self.links {
            out.write_all(&primary.to_le_bytes())?;
            out.write_all(&name.to_le_bytes())?;
        }
        out.write_all(&self.strings)
    }
}

/// Xattrs as one string: for each the lengths of name (u16) and value (u32), then both.
pub(super) fn encode_xattrs<'a>(xattrs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in xattrs {
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(value);
    }
    out
}

/// The next name and value; `None` at the end, or where the bytes make no sense.
pub(super) fn next_xattr<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (head, body) = rest.split_first_chunk::<6>()?;
    let (name, body) = body.split_at_checked(u16_at(head, 0).into())?;
    let (value, body) = body.split_at_checked(u32_at(head, 2) as usize)?;
    *rest = body;
    Some((name, value))
}

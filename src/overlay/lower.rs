//! The image as a file system reads it: attributes, data and extended attributes of index entries,
//! with owners as the mounting namespace can express them. Both FUSE file systems and the unpacker
//! look at the image through this.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, INodeNo};
use rustix::io::{Errno, ReadWriteFlags};

use super::MappedRange;
use crate::identity::files::ON_DISK;
use crate::layer::index::{Entry, Extent, Mtime};
use crate::layer::store::MergedView;
use crate::layer::{EntryId, FileKind, Index};

/// Unit of `st_blocks` and the block that sizes are rounded to, as ext4 and xfs do.
const BLOCK: u64 = 4096;

/// Files from this size on are read past the page cache of the tar: their pages are kept by the FUSE
/// inode already. A 500 MB file then costs its pages once instead of twice.
const UNCACHED_FROM: u64 = 1 << 20;

/// `RWF_DONTCACHE`, Linux 6.14.
const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

/// The merged image and the ids it may show.
pub struct Lower {
    index: Arc<Index>,
    tars: Vec<std::fs::File>,
    uids: Vec<MappedRange>,
    gids: Vec<MappedRange>,
    dontcache: AtomicBool,
}

impl Lower {
    pub fn new(view: MergedView, uids: Vec<MappedRange>, gids: Vec<MappedRange>) -> Lower {
        let MergedView { index, tars, .. } = view;
        Lower { index, tars, uids, gids, dontcache: AtomicBool::new(true) }
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Whether any entry has an extended attribute that would be served.
    pub fn has_xattrs(&self) -> bool {
        self.index.has_xattrs()
    }

    /// The entry of an inode number (entry id + 1), if the image has it.
    pub fn entry_of(&self, ino: u64) -> Option<EntryId> {
        let id = u32::try_from(ino.checked_sub(1)?).ok()?;
        (id < self.index.len()).then_some(EntryId(id))
    }

    /// The inode number of an entry: compact, so that `xino=off` keeps `st_ino` within 32 bits.
    pub fn ino_of(&self, id: EntryId) -> u64 {
        u64::from(self.index.entry(id).inode().0) + 1
    }

    /// The ids that owners are limited to.
    pub fn ids(&self) -> (&[MappedRange], &[MappedRange]) {
        (&self.uids, &self.gids)
    }

    pub fn uid(&self, entry: &Entry<'_>) -> u32 {
        squash(&self.uids, entry.uid())
    }

    pub fn gid(&self, entry: &Entry<'_>) -> u32 {
        squash(&self.gids, entry.gid())
    }

    /// Attributes of the inode that `id` names.
    pub fn attr(&self, id: EntryId) -> FileAttr {
        let inode = self.index.entry(id).inode();
        let entry = self.index.entry(inode);
        let time = system_time(entry.mtime());
        let size = match entry.kind() {
            FileKind::Directory => BLOCK,
            _ => entry.size(),
        };
        FileAttr {
            ino: INodeNo(u64::from(inode.0) + 1),
            size,
            blocks: blocks(&entry),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind: file_type(entry.kind()),
            perm: (entry.mode() & 0o7777) as u16,
            nlink: entry.nlink(),
            uid: self.uid(&entry),
            gid: self.gid(&entry),
            rdev: device_number(entry.device()),
            blksize: BLOCK as u32,
            flags: 0,
        }
    }

    /// Reads up to `size` bytes of a file at `offset` and hands them to `reply`. Fewer only at the end
    /// of the file; holes read as zeros.
    pub fn read<R>(
        &self,
        id: EntryId,
        offset: u64,
        size: usize,
        reply: impl FnOnce(io::Result<&[u8]>) -> R,
    ) -> R {
        let entry = self.index.entry(id);
        let size = entry.size().saturating_sub(offset).min(size as u64) as usize;
        with_buffer(size, |buffer| match self.fill(&entry, offset, buffer) {
            Ok(()) => reply(Ok(buffer)),
            Err(error) => reply(Err(error)),
        })
    }

    /// Fills `buffer` with the file's bytes from `offset` on; the range lies within the file.
    fn fill(&self, entry: &Entry<'_>, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let uncached = entry.size() >= UNCACHED_FROM;
        if let Some(extent) = entry.plain_extent() {
            return self.read_tar(entry.layer(), extent.tar_offset + offset, buffer, uncached);
        }
        buffer.fill(0);
        let end = offset + buffer.len() as u64;
        for extent in entry.extents() {
            let from = extent.file_offset.max(offset);
            let to = (extent.file_offset + extent.len).min(end);
            if from < to {
                let part = &mut buffer[(from - offset) as usize..(to - offset) as usize];
                let at = extent.tar_offset + (from - extent.file_offset);
                self.read_tar(entry.layer(), at, part, uncached)?;
            }
        }
        Ok(())
    }

    /// A tar shorter than its index says (somebody truncated it) is EIO, not zeros.
    fn read_tar(&self, layer: usize, mut at: u64, mut buffer: &mut [u8], uncached: bool) -> io::Result<()> {
        let tar = self.tars.get(layer).ok_or(Errno::IO)?;
        while !buffer.is_empty() {
            let flags = if uncached && self.dontcache.load(Ordering::Relaxed) {
                DONTCACHE
            } else {
                ReadWriteFlags::empty()
            };
            match rustix::io::preadv2(tar, &mut [IoSliceMut::new(buffer)], at, flags) {
                Ok(0) => return Err(Errno::IO.into()),
                Ok(n) => {
                    buffer = &mut buffer[n..];
                    at += n as u64;
                }
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::INVAL) if !flags.is_empty() => {
                    self.dontcache.store(false, Ordering::Relaxed);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Where the data of a file lies, and in which tar.
    pub fn data(&self, id: EntryId) -> io::Result<(&std::fs::File, Vec<Extent>)> {
        let entry = self.index.entry(id);
        let tar = self.tars.get(entry.layer()).ok_or(Errno::IO)?;
        Ok((tar, entry.extents()))
    }

    /// The extended attributes that the image may bring along, ready to be served or set.
    pub fn xattrs(&self, id: EntryId) -> Vec<(&[u8], Vec<u8>)> {
        let inode = self.index.entry(id).inode();
        let entry = self.index.entry(inode);
        entry
            .xattrs()
            .into_iter()
            .filter(|(name, _)| is_served(name))
            .map(|(name, value)| (name, served_value(name, value)))
            .collect()
    }

    /// One of them by name.
    pub fn xattr(&self, id: EntryId, name: &[u8]) -> Option<Vec<u8>> {
        if !self.has_xattrs() || !is_served(name) {
            return None;
        }
        let entry = self.index.entry(self.index.entry(id).inode());
        entry.xattr(name).map(|value| served_value(name, value))
    }

    /// Their names, each ended by NUL.
    pub fn xattr_names(&self, id: EntryId) -> Vec<u8> {
        self.xattrs(id).into_iter().flat_map(|(name, _)| [name, b"\0"].concat()).collect()
    }

    /// The times of an entry, as utimensat(2) takes them.
    pub fn timestamps(&self, entry: &Entry<'_>) -> rustix::fs::Timestamps {
        let time = rustix::fs::Timespec { tv_sec: entry.mtime().sec, tv_nsec: entry.mtime().nsec.into() };
        rustix::fs::Timestamps { last_access: time, last_modification: time }
    }

    /// Blocks of all tars, for statfs.
    pub fn blocks(&self) -> u64 {
        self.tars.iter().filter_map(|tar| tar.metadata().ok()).map(|m| m.len().div_ceil(BLOCK)).sum()
    }
}

/// Lends this thread's buffer, which grows to the largest read and stays.
pub fn with_buffer<R>(size: usize, work: impl FnOnce(&mut [u8]) -> R) -> R {
    thread_local!(static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < size {
            buffer.resize(size, 0);
        }
        work(&mut buffer[..size])
    })
}

/// An owner that the container has no id for is shown as its root, or else as the caller, or else as the first
/// that it has: with the raw id,
/// opening for writing is EACCES and chmod, chown, unlink and rename are EOVERFLOW (kernel 6.18).
fn squash(ranges: &[MappedRange], id: u32) -> u32 {
    let outside = |id: u32| {
        ranges.iter().find_map(|range| {
            let at = id.checked_sub(range.inside)?;
            (at < range.count).then(|| range.outside + at)
        })
    };
    let first = || match ranges.first() {
        Some(first) if ranges.iter().all(|range| range.outside != 0) => first.outside,
        _ => 0,
    };
    outside(id).or_else(|| outside(0)).unwrap_or_else(first)
}

/// `user.*` and file capabilities. `trusted.*` and the other `security.*` cannot be written inside a
/// user namespace, so listing them would make every copy-up by the kernel fail with EPERM;
/// `user.overlay.*` would be taken by overlayfs for its own marks.
pub fn is_served(name: &[u8]) -> bool {
    name == b"security.capability" || (name.starts_with(b"user.") && !is_private(name))
}

/// Names that overlayfs keeps for itself (mount option `userxattr`), and ours.
pub fn is_private(name: &[u8]) -> bool {
    name.starts_with(b"user.overlay.") || name.starts_with(ON_DISK)
}

/// A capability of revision 3 names the root id of the namespace that built the image, which means
/// nothing here; as revision 2 it belongs to the root of the mounting namespace (capabilities(7)).
pub fn served_value(name: &[u8], value: &[u8]) -> Vec<u8> {
    const REVISION_2: u8 = 2;
    if name == b"security.capability" && value.len() == 24 && value[3] == 3 {
        let mut v2 = value[..20].to_vec();
        v2[3] = REVISION_2;
        return v2;
    }
    value.to_vec()
}

fn blocks(entry: &Entry<'_>) -> u64 {
    let bytes = match (entry.kind(), entry.plain_extent()) {
        (FileKind::Directory, _) => BLOCK,
        (FileKind::File, Some(extent)) => extent.len,
        (FileKind::File, None) => entry.extents().iter().map(|extent| extent.len).sum(),
        _ => 0,
    };
    bytes.div_ceil(BLOCK) * (BLOCK / 512)
}

pub fn file_type(kind: FileKind) -> FileType {
    match kind {
        FileKind::File => FileType::RegularFile,
        FileKind::Directory => FileType::Directory,
        FileKind::Symlink => FileType::Symlink,
        FileKind::CharDevice => FileType::CharDevice,
        FileKind::BlockDevice => FileType::BlockDevice,
        FileKind::Fifo => FileType::NamedPipe,
    }
}

/// The kernel's `new_encode_dev`.
pub fn device_number((major, minor): (u32, u32)) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

pub fn system_time(time: Mtime) -> SystemTime {
    let whole = Duration::from_secs(time.sec.unsigned_abs());
    let at = if time.sec < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    at.and_then(|at| at.checked_add(Duration::from_nanos(u64::from(time.nsec)))).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmapped_owners_become_root() {
        let map = [
            MappedRange { inside: 0, outside: 0, count: 1 },
            MappedRange { inside: 10, outside: 10, count: 5 },
        ];
        for (id, shown) in [(0, 0), (1, 0), (9, 0), (10, 10), (14, 14), (15, 0), (u32::MAX, 0)] {
            assert_eq!(squash(&map, id), shown, "{id}");
        }
        let kept = [
            MappedRange { inside: 0, outside: 1, count: 1000 },
            MappedRange { inside: 1000, outside: 0, count: 1 },
            MappedRange { inside: 1001, outside: 1001, count: 5 },
        ];
        for (id, shown) in [(0, 1), (33, 34), (999, 1000), (1000, 0), (1002, 1002), (2000, 1)] {
            assert_eq!(squash(&kept, id), shown, "{id}");
        }
        assert_eq!(squash(&kept[1..], 0), 0);
    }

    #[test]
    fn only_writable_attributes_are_served() {
        for (name, served) in [
            (&b"user.mime"[..], true),
            (b"security.capability", true),
            (b"user.overlay.opaque", false),
            (b"trusted.overlay.opaque", false),
            (b"security.selinux", false),
            (b"system.posix_acl_access", false),
        ] {
            assert_eq!(is_served(name), served, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn capabilities_lose_their_foreign_root() {
        let mut v3 = vec![1, 0, 0, 3];
        v3.extend([7; 16]);
        v3.extend(1000u32.to_le_bytes());
        let v2 = served_value(b"security.capability", &v3);
        assert_eq!((v2.len(), v2[0], v2[3]), (20, 1, 2));
        assert_eq!(served_value(b"security.capability", &v2), v2);
    }

    #[test]
    fn times_before_the_epoch_keep_their_nanoseconds() {
        let at = system_time(Mtime { sec: -2, nsec: 800_000_000 });
        assert_eq!(UNIX_EPOCH.duration_since(at).unwrap(), Duration::new(1, 200_000_000));
        assert_eq!(system_time(Mtime { sec: i64::MIN, nsec: 0 }).max(UNIX_EPOCH), UNIX_EPOCH);
    }
}

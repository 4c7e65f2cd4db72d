//! Making a real file of an image's entry: for copy-up and for unpacking. All of it arrives: data with
//! its holes, owner, mode with setuid bits, extended attributes, file capabilities, times.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, XattrFlags};
use rustix::io::Errno;

use super::lower::Lower;
use crate::layer::index::{Entry, Extent};
use crate::layer::{EntryId, FileKind};

/// Makes `name` in `directory` from the entry: anything but a directory. Fails if the name exists. A
/// device that nobody may make here is EPERM. Of a file's data no more than `limit` bytes are copied.
pub fn make(
    lower: &Lower,
    id: EntryId,
    directory: &OwnedFd,
    name: &[u8],
    limit: Option<u64>,
) -> io::Result<()> {
    let index = lower.index();
    let inode = index.entry(id).inode();
    let entry = index.entry(inode);
    match entry.kind() {
        FileKind::File => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?;
            data(lower, inode, &file, limit.map_or(entry.size(), |limit| limit.min(entry.size())))?;
            attributes(&file, lower, inode)
        }
        FileKind::Symlink => {
            rustix::fs::symlinkat(entry.target(), directory, name)?;
            attributes_by_name(lower, &entry, directory, name)
        }
        kind => {
            let node = match kind {
                FileKind::CharDevice => rustix::fs::FileType::CharacterDevice,
                FileKind::BlockDevice => rustix::fs::FileType::BlockDevice,
                _ => rustix::fs::FileType::Fifo,
            };
            let (major, minor) = entry.device();
            let device = rustix::fs::makedev(major, minor);
            rustix::fs::mknodat(directory, name, node, Mode::RUSR | Mode::WUSR, device)?;
            attributes_by_name(lower, &entry, directory, name)
        }
    }
}

/// Writes the first `size` bytes of a file's data; what lies beyond is not copied.
fn data(lower: &Lower, id: EntryId, file: &OwnedFd, size: u64) -> io::Result<()> {
    let (tar, extents) = lower.data(id)?;
    for extent in &extents {
        let extent = Extent { len: extent.len.min(size.saturating_sub(extent.file_offset)), ..*extent };
        copy_range(tar.as_fd(), extent, file)?;
    }
    // A hole at the end, or a file that is one.
    if extents.last().map_or(0, |last| last.file_offset + last.len) != size {
        rustix::fs::ftruncate(file, size)?;
    }
    Ok(())
}

/// In the kernel where the file systems allow it, else through a buffer.
fn copy_range(tar: BorrowedFd<'_>, extent: Extent, file: &OwnedFd) -> io::Result<()> {
    let (mut from, mut to, mut left) = (extent.tar_offset, extent.file_offset, extent.len);
    while left > 0 {
        let chunk = left.min(1 << 30) as usize;
        match rustix::fs::copy_file_range(tar, Some(&mut from), file, Some(&mut to), chunk) {
            Ok(0) => return Err(Errno::IO.into()),
            Ok(n) => left -= n as u64,
            Err(Errno::INTR) => {}
            // Between file systems before 5.3 or after 5.19, or on one that cannot.
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                return copy_buffered(tar, Extent { file_offset: to, tar_offset: from, len: left }, file);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn copy_buffered(tar: BorrowedFd<'_>, extent: Extent, file: &OwnedFd) -> io::Result<()> {
    let mut buffer = vec![0; extent.len.min(1 << 20) as usize];
    let mut done = 0;
    while done < extent.len {
        let want = (extent.len - done).min(buffer.len() as u64) as usize;
        let read = rustix::io::retry_on_intr(|| {
            rustix::io::pread(tar, &mut buffer[..want], extent.tar_offset + done)
        })?;
        if read == 0 {
            return Err(Errno::IO.into());
        }
        write_all(file, &buffer[..read], extent.file_offset + done)?;
        done += read as u64;
    }
    Ok(())
}

/// pwrite(2) until everything is written.
fn write_all(file: impl AsFd, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::pwrite(&file, bytes, at))?;
        if written == 0 {
            return Err(Errno::IO.into());
        }
        bytes = &bytes[written..];
        at += written as u64;
    }
    Ok(())
}

/// Gives an open file or directory the image's owner, mode, attributes and times, in the one order that
/// works: chown clears setuid and capabilities, and everything changes the times.
pub fn attributes(file: impl AsFd, lower: &Lower, id: EntryId) -> io::Result<()> {
    let file = file.as_fd();
    let index = lower.index();
    let entry = index.entry(index.entry(id).inode());
    if let Some((uid, gid)) = owner(lower, &entry) {
        rustix::fs::fchown(file, Some(uid), Some(gid))?;
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode()))?;
    xattrs(file, lower, id)?;
    rustix::fs::futimens(file, &lower.timestamps(&entry))?;
    Ok(())
}

/// The same for what cannot be opened: links, FIFOs, devices.
fn attributes_by_name(lower: &Lower, entry: &Entry<'_>, directory: &OwnedFd, name: &[u8]) -> io::Result<()> {
    if let Some((uid, gid)) = owner(lower, entry) {
        rustix::fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if entry.kind() != FileKind::Symlink {
        rustix::fs::chmodat(directory, name, Mode::from_raw_mode(entry.mode()), AtFlags::empty())?;
    }
    let times = lower.timestamps(entry);
    Ok(rustix::fs::utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The owner to set, or none if what we made belongs to it already: one call less for nearly every
/// file.
fn owner(lower: &Lower, entry: &Entry<'_>) -> Option<(Uid, Gid)> {
    let (uid, gid) = (Uid::from_raw(lower.uid(entry)), Gid::from_raw(lower.gid(entry)));
    let ours = uid == rustix::process::geteuid() && gid == rustix::process::getegid();
    (!ours).then_some((uid, gid))
}

/// A file system without user xattrs (NFS before 5.9, tmpfs before 6.6) loses them, as it would lose
/// those that the container set itself.
fn xattrs(file: BorrowedFd<'_>, lower: &Lower, id: EntryId) -> io::Result<()> {
    if !lower.has_xattrs() {
        return Ok(());
    }
    for (name, value) in lower.xattrs(id) {
        match rustix::fs::fsetxattr(file, name, &value, XattrFlags::empty()) {
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            // Without CAP_SETFCAP over the file's owner there is no way to keep its capabilities.
            Err(Errno::PERM) if name == b"security.capability" => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

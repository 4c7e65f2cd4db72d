//! Mode Full: one FUSE file system that serves the image and writes the upper directory itself. For
//! uppers that the kernel's overlayfs does not take (NFS), and kernels without it in user namespaces.
//!
//! `tree` is the merged tree in memory, `change` what alters it, `place` the calls on objects of the
//! upper. Opens are answered without a message, so that data goes by inode: a file is copied up by its
//! first write or change of attributes. The upper is this server's alone as long as it is mounted.
//!
//! Against overlayfs, names of a hard-linked file stay one file after copy-up, and a copy-up is not
//! synced (the kernel syncs every file: chmod -R over 5,000 files took 20 s there, 2 s here).
//!
//! Missing: O_TMPFILE (EOPNOTSUPP; fuser 0.18 does not know FUSE_TMPFILE), and moving directories that the
//! image has a part in (EXDEV, as overlayfs without redirects). The names that a file has in the image are
//! one file only within what is visible when it is copied up. Access control lists are the kernel's to
//! check, where the upper's file system keeps them.
//!
//! One lock guards the tree; reading and writing data happens outside of it.

mod acl;
mod change;
mod descriptors;
pub mod place;
mod tree;
mod users;

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, CopyFileRangeFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, InitFlags, KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs,
    ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::{FallocateFlags, SeekFrom, Timespec, XattrFlags};

use super::image::{CACHING, FOR_EVER, absent, reply_xattr, request, seek};
use super::lower::{self, Lower};
use super::upper::Upper;
use crate::identity::{Table, files};
use change::{Attributes, New, Owner};
use tree::Tree;
use users::Users;

/// Prefix of what is unfinished in the work directory; overlayfs uses other names there.
const TEMPORARY: &str = "coracle.";

/// 500 writes for 500 MB instead of 4,000.
const WRITE_MAX: u32 = 1 << 20;

pub struct FullFs {
    lower: Arc<Lower>,
    tree: Mutex<Tree>,
    /// Whether the upper's file system keeps access control lists.
    has_acls: bool,
}

type Answer<T> = Result<T, Errno>;

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_i32(error.raw_os_error())
}

impl FullFs {
    /// With `table` the users of its files are emulated.
    pub fn new(lower: Arc<Lower>, upper: Upper, table: Option<Arc<Table>>) -> io::Result<FullFs> {
        change::clear_work(upper.work())?;
        let users = table.map(|table| Users::new(table, &upper)).transpose()?;
        let has_acls = acl::are_kept(upper.directory());
        let tree = Tree::new(lower.clone(), upper, users)?;
        Ok(FullFs { lower, tree: Mutex::new(tree), has_acls })
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        // A change that panicked half-way leaves the disk as a crash would; the next one goes on.
        self.tree.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether an attribute that anybody may read is one that only emulated users can have set.
    fn keeps(&self, name: &[u8]) -> bool {
        name.starts_with(b"security.") && name != b"security.capability" && self.tree().users.is_some()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Tree) -> rustix::io::Result<T>) -> Answer<T> {
        work(&mut self.tree()).map_err(errno)
    }

    /// Makes a name and tells the kernel about it.
    fn make(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        (mode, umask): (u32, u32),
        new: New<'_>,
    ) -> Answer<FileAttr> {
        let owner = Owner { uid: request.uid(), gid: request.gid(), pid: request.pid() };
        // Without access control lists the kernel has applied the umask itself.
        let umask = if self.has_acls { umask } else { 0 };
        self.with(|tree| {
            let attr = tree.make(parent.0, name.as_bytes(), (mode, umask), owner, new)?;
            tree.looked_up(attr.ino.0);
            Ok(attr)
        })
    }

    /// The open file behind an inode, or nothing if its data is the image's.
    fn upper_file(&self, ino: INodeNo) -> Answer<Option<Arc<OwnedFd>>> {
        self.with(|tree| match tree.node(ino.0) {
            Some(_) => tree.open_file(ino.0).map(Some),
            None => Ok(None),
        })
    }

    /// The file to write to, copied up if need be.
    fn writable(&self, ino: INodeNo) -> Answer<Arc<OwnedFd>> {
        self.with(|tree| {
            tree.copy_up(ino.0, None)?;
            tree.open_file(ino.0)
        })
    }

    fn copy_range(&self, from: (INodeNo, u64), to: (INodeNo, u64), length: u64) -> Answer<u32> {
        let target = self.writable(to.0)?;
        let length = length.min(1 << 30) as usize;
        let (mut at, mut end) = (from.1, to.1);
        let copied = match self.upper_file(from.0)? {
            Some(source) => {
                rustix::fs::copy_file_range(&source, Some(&mut at), &target, Some(&mut end), length)
            }
            None => {
                let id = self.lower.entry_of(from.0.0).ok_or(Errno::ESTALE)?;
                let entry = self.lower.index().entry(id);
                // Holes: the kernel falls back to reading and writing.
                let extent = entry.plain_extent().ok_or(Errno::EOPNOTSUPP)?;
                let length = length.min(extent.len.saturating_sub(at) as usize);
                let (tar, _) = self.lower.data(id)?;
                at += extent.tar_offset;
                rustix::fs::copy_file_range(tar, Some(&mut at), &target, Some(&mut end), length)
            }
        };
        copied.map(|n| n as u32).map_err(errno)
    }
}

/// Whether our own writes keep setuid bits and file capabilities. Outside of the initial namespace they
/// do not (the kernel asks for CAP_FSETID there), so writing, cutting and chown on the upper take the bits
/// away as they must, and the kernel need not ask for security.capability before every single write(2).
fn has_power_over_setuid() -> bool {
    /// PROC_USER_INIT_INO (linux/proc_ns.h)
    const INITIAL: u64 = 0xEFFF_FFFD;
    match rustix::fs::stat("/proc/self/ns/user") {
        Ok(stat) => stat.st_ino == INITIAL,
        Err(_) => true,
    }
}

/// What the kernel asked for, undoing fuser 0.18's reading of times before 1970: it subtracts the
/// nanoseconds, which always count forward.
fn timespec(time: SystemTime) -> Timespec {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Timespec { tv_sec: after.as_secs() as i64, tv_nsec: after.subsec_nanos().into() },
        Err(before) => {
            let before = before.duration();
            Timespec { tv_sec: -(before.as_secs() as i64), tv_nsec: before.subsec_nanos().into() }
        }
    }
}

fn time_or_now(time: TimeOrNow) -> Timespec {
    match time {
        TimeOrNow::SpecificTime(time) => timespec(time),
        TimeOrNow::Now => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
    }
}

fn reply_entry(answer: Answer<FileAttr>, reply: ReplyEntry) {
    match answer {
        Ok(attr) => reply.entry(&FOR_EVER, &attr, Generation(0)),
        Err(error) => reply.error(error),
    }
}

fn reply_empty(answer: Answer<()>, reply: ReplyEmpty) {
    match answer {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn reply_attr(answer: Answer<FileAttr>, reply: ReplyAttr) {
    match answer {
        Ok(attr) => reply.attr(&FOR_EVER, &attr),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for FullFs {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        request(config, &CACHING);
        if !has_power_over_setuid() {
            request(config, &[InitFlags::FUSE_HANDLE_KILLPRIV_V2]);
        }
        if self.has_acls {
            // A default list takes the umask's place, so that only the server can apply either.
            request(config, &[InitFlags::FUSE_POSIX_ACL, InitFlags::FUSE_DONT_MASK]);
        }
        // Neither can be refused: both lie within fuser's own limits.
        let _ = config.set_max_background(64);
        let _ = config.set_max_write(WRITE_MAX);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.with(|tree| match tree.child(parent.0, name.as_bytes())? {
            Some(ino) => {
                let attr = tree.attr(ino)?;
                tree.looked_up(ino);
                Ok(attr)
            }
            None => Ok(absent()),
        });
        reply_entry(found, reply);
    }

    fn forget(&self, _: &Request, ino: INodeNo, lookups: u64) {
        self.tree().forget(ino.0, lookups);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply_attr(self.with(|tree| tree.attr(ino.0)), reply);
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let new =
            Attributes { mode, uid, gid, size, atime: atime.map(time_or_now), mtime: mtime.map(time_or_now) };
        reply_attr(self.with(|tree| tree.set_attributes(ino.0, &new)), reply);
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let target = self.with(|tree| match tree.place(ino.0)? {
            Some(place) => place.read_link(),
            None => {
                let id = self.lower.entry_of(ino.0).ok_or(rustix::io::Errno::STALE)?;
                Ok(self.lower.index().entry(id).target().to_vec())
            }
        });
        match target {
            Ok(target) => reply.data(&target),
            Err(error) => reply.error(error),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        rdev: u32,
        reply: ReplyEntry,
    ) {
        use rustix::fs::FileType as Raw;
        let (major, minor) = ((rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00));
        let device = rustix::fs::makedev(major, minor);
        let new = match Raw::from_raw_mode(mode) {
            Raw::RegularFile => New::File,
            // It would be a whiteout.
            Raw::CharacterDevice if device == 0 => return reply.error(Errno::EPERM),
            kind => New::Node(kind, device),
        };
        reply_entry(self.make(request, parent, name, (mode, umask), new), reply);
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        reply_entry(self.make(request, parent, name, (mode, umask), New::Directory), reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        reply_empty(self.with(|tree| tree.unlink(parent.0, name.as_bytes())), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        reply_empty(self.with(|tree| tree.rmdir(parent.0, name.as_bytes())), reply);
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let new = New::Symlink(target.as_os_str().as_bytes());
        reply_entry(self.make(request, parent, name, (0o777, 0), new), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: fuser::RenameFlags,
        reply: ReplyEmpty,
    ) {
        let flags = rustix::fs::RenameFlags::from_bits_retain(flags.bits());
        let (from, to) = ((parent.0, name.as_bytes()), (newparent.0, newname.as_bytes()));
        reply_empty(self.with(|tree| tree.rename(from, to, flags)), reply);
    }

    fn link(&self, _: &Request, ino: INodeNo, newparent: INodeNo, newname: &OsStr, reply: ReplyEntry) {
        let linked = self.with(|tree| {
            let attr = tree.link(ino.0, newparent.0, newname.as_bytes())?;
            tree.looked_up(attr.ino.0);
            Ok(attr)
        });
        reply_entry(linked, reply);
    }

    /// From the first ENOSYS on the kernel opens without a message and keeps what it cached.
    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::ENOSYS);
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::ENOSYS);
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.make(request, parent, name, (mode, umask), New::File) {
            Ok(attr) => {
                let flags = FopenFlags::FOPEN_KEEP_CACHE;
                reply.created(&FOR_EVER, &attr, Generation(0), FileHandle(0), flags);
            }
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let file = match self.upper_file(ino) {
            Ok(Some(file)) => file,
            Ok(None) => {
                let Some(id) = self.lower.entry_of(ino.0) else { return reply.error(Errno::ESTALE) };
                return self.lower.read(id, offset, size as usize, |bytes| match bytes {
                    Ok(bytes) => reply.data(bytes),
                    Err(error) => reply.error(error.into()),
                });
            }
            Err(error) => return reply.error(error),
        };
        lower::with_buffer(size as usize, |buffer| match read_full(&file, buffer, offset) {
            Ok(length) => reply.data(&buffer[..length]),
            Err(error) => reply.error(errno(error)),
        });
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.writable(ino).and_then(|file| write_most(&file, data, offset).map_err(errno));
        match written {
            Ok(length) => reply.written(length as u32),
            Err(error) => reply.error(error),
        }
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, datasync: bool, reply: ReplyEmpty) {
        let synced = self.upper_file(ino).and_then(|file| match file {
            Some(file) if datasync => rustix::fs::fdatasync(&file).map_err(errno),
            Some(file) => rustix::fs::fsync(&file).map_err(errno),
            None => Ok(()),
        });
        reply_empty(synced, reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let directory = self.with(|tree| match tree.node(ino.0) {
            Some(_) => tree.open_directory(ino.0).map(Some),
            None => Ok(None),
        });
        let synced = directory.and_then(|directory| match directory {
            Some(directory) => rustix::fs::fsync(&directory).map_err(errno),
            None => Ok(()),
        });
        reply_empty(synced, reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.with(|tree| {
            tree.list(ino.0, offset, |tree, child, next, name| {
                let kind = tree.kind(child).unwrap_or(FileType::RegularFile);
                reply.add(INodeNo(child), next, kind, OsStr::from_bytes(name))
            })
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let listed = self.with(|tree| {
            let mut failed = Ok(());
            tree.list(ino.0, offset, |tree, child, next, name| {
                let attr = match tree.attr(child) {
                    Ok(attr) => attr,
                    Err(error) => {
                        failed = Err(error);
                        return true;
                    }
                };
                let full =
                    reply.add(attr.ino, next, OsStr::from_bytes(name), &FOR_EVER, &attr, Generation(0));
                // The kernel counts no reference for the dots.
                if !full && name != b"." && name != b".." {
                    tree.looked_up(child);
                }
                full
            })?;
            failed
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        match self.with(|tree| rustix::fs::fstatvfs(tree.upper.directory())) {
            Ok(s) => reply.statfs(
                s.f_blocks,
                s.f_bfree,
                s.f_bavail,
                s.f_files,
                s.f_ffree,
                s.f_bsize as u32,
                s.f_namemax as u32,
                s.f_frsize as u32,
            ),
            Err(error) => reply.error(error),
        }
    }

    fn setxattr(
        &self,
        _: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _: u32,
        reply: ReplyEmpty,
    ) {
        let name = name.as_bytes();
        if lower::is_private(name) {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let flags = XattrFlags::from_bits_retain(flags as u32);
        if name.starts_with(files::PRIVATE) {
            return reply_empty(self.with(|tree| emulated(tree, ino.0, name, value, flags)), reply);
        }
        let set = self.with(|tree| {
            tree.copy_up(ino.0, None)?;
            tree.place(ino.0)?.ok_or(rustix::io::Errno::STALE)?.set_xattr(name, value, flags)
        });
        reply_empty(set, reply);
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let name = name.as_bytes();
        if lower::is_private(name) {
            return reply.error(Errno::ENODATA);
        }
        let kept = name.strip_prefix(files::XATTR).or(self.keeps(name).then_some(name));
        let value = self.with(|tree| match tree.place(ino.0)? {
            _ if name == files::SET_OWNER.as_bytes() => tree.record(ino.0),
            _ if let Some(name) = kept => tree.kept_xattr(ino.0, name),
            Some(place) => place.xattr(name),
            None => {
                let id = self.lower.entry_of(ino.0).ok_or(rustix::io::Errno::STALE)?;
                self.lower.xattr(id, name).ok_or(rustix::io::Errno::NODATA)
            }
        });
        match value {
            Ok(value) => reply_xattr(&value, size, reply),
            Err(error) => reply.error(error),
        }
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let names = self.with(|tree| match tree.place(ino.0)? {
            Some(place) => {
                let names = place.xattr_names()?;
                let shown = names.split_inclusive(|byte| *byte == 0).filter_map(|name| {
                    let kept = name.strip_prefix(files::KEPT_XATTR);
                    kept.or((!lower::is_private(name)).then_some(name))
                });
                Ok(shown.flatten().copied().collect())
            }
            None => {
                let id = self.lower.entry_of(ino.0).ok_or(rustix::io::Errno::STALE)?;
                Ok(self.lower.xattr_names(id))
            }
        });
        match names {
            Ok(names) => reply_xattr(&names, size, reply),
            Err(error) => reply.error(error),
        }
    }

    fn removexattr(&self, _: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = name.as_bytes();
        if lower::is_private(name) {
            return reply.error(Errno::ENODATA);
        }
        if let Some(name) = name.strip_prefix(files::XATTR) {
            return reply_empty(self.with(|tree| tree.remove_kept_xattr(ino.0, name)), reply);
        }
        let removed = self.with(|tree| {
            // Nothing to remove is no reason to copy up.
            if tree.node(ino.0).is_none() {
                let id = self.lower.entry_of(ino.0).ok_or(rustix::io::Errno::STALE)?;
                self.lower.xattr(id, name).ok_or(rustix::io::Errno::NODATA)?;
            }
            tree.copy_up(ino.0, None)?;
            tree.place(ino.0)?.ok_or(rustix::io::Errno::STALE)?.remove_xattr(name)
        });
        reply_empty(removed, reply);
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let mode = FallocateFlags::from_bits_retain(mode as u32);
        let done = self
            .writable(ino)
            .and_then(|file| rustix::fs::fallocate(&file, mode, offset, length).map_err(errno));
        reply_empty(done, reply);
    }

    fn lseek(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        let sought = self.upper_file(ino).and_then(|file| {
            let Some(file) = file else {
                let id = self.lower.entry_of(ino.0).ok_or(Errno::ESTALE)?;
                return seek(&self.lower, id, offset, whence);
            };
            let at = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            // The position of the shared descriptor does not matter: data goes by offset.
            let to = if whence == 3 { SeekFrom::Data(at) } else { SeekFrom::Hole(at) };
            rustix::fs::seek(&file, to).map(|at| at as i64).map_err(errno)
        });
        match sought {
            Ok(offset) => reply.offset(offset),
            Err(error) => reply.error(error),
        }
    }

    fn copy_file_range(
        &self,
        _: &Request,
        ino_in: INodeNo,
        _: FileHandle,
        offset_in: u64,
        ino_out: INodeNo,
        _: FileHandle,
        offset_out: u64,
        len: u64,
        _: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        match self.copy_range((ino_in, offset_in), (ino_out, offset_out), len) {
            Ok(length) => reply.written(length),
            Err(error) => reply.error(error),
        }
    }
}

/// What the emulator of users asks for. The kernel lets nobody else set such attributes.
fn emulated(
    tree: &mut Tree,
    ino: u64,
    name: &[u8],
    value: &[u8],
    flags: XattrFlags,
) -> rustix::io::Result<()> {
    if let Some(name) = name.strip_prefix(files::XATTR) {
        return tree.keep_xattr(ino, name, value, flags);
    }
    match name {
        name if name == files::SET_OWNER.as_bytes() => tree.give(ino, value),
        name if name == files::MAKE_NODE.as_bytes() => tree.make_node(ino, value),
        _ => Err(rustix::io::Errno::OPNOTSUPP),
    }
}

fn read_full(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> rustix::io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        let at = offset + done as u64;
        match rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut buffer[done..], at))? {
            0 => break,
            n => done += n,
        }
    }
    Ok(done)
}

/// As much as fits: a full disk answers with what was written, then with ENOSPC.
fn write_most(file: &OwnedFd, data: &[u8], offset: u64) -> rustix::io::Result<usize> {
    let mut done = 0;
    while done < data.len() {
        let at = offset + done as u64;
        match rustix::io::retry_on_intr(|| rustix::io::pwrite(file, &data[done..], at)) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

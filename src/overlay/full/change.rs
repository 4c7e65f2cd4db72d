//! Changes of the tree: copy-up, making, linking, moving, removing.
//!
//! The order on disk is such that a crash shows the old state or the new one. What needs several steps
//! is made in the work directory and renamed; a name that the image has is replaced by its whiteout in
//! one rename. Where a file system has neither whiteouts nor exchange (marks are files), a crash between
//! two steps can let the image's old file show again; nothing that the container wrote is lost.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use fuser::{FileAttr, FileType};
use rustix::fs::{AtFlags, FileType as Raw, Mode, OFlags, RenameFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::{Errno, Result};

use super::super::copy;
use super::super::upper::{self, Marks, OPAQUE, OPAQUE_FILE, WHITEOUT_PREFIX, open_directory, remove_tree};
use super::acl;
use super::place::{Name, Place};
use super::tree::{Directory, Ino, ROOT, Slot, Tree};
use super::users::named;
use crate::layer::{EntryId, FileKind};

/// What to make under a new name.
pub enum New<'a> {
    File,
    Directory,
    Symlink(&'a [u8]),
    /// FIFO, socket, or a device that the kernel lets us make.
    Node(Raw, u64),
}

/// Who makes it, in the ids of the mounting namespace.
#[derive(Clone, Copy)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
    /// The process, where users are emulated.
    pub pid: u32,
}

/// New attributes; what is `None` stays.
#[derive(Default)]
pub struct Attributes {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub size: Option<u64>,
    pub atime: Option<Timespec>,
    pub mtime: Option<Timespec>,
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

impl Tree {
    /// Brings an inode into the upper, with every directory above it. Of a file that is about to be cut
    /// only the first `size` bytes are copied.
    pub fn copy_up(&mut self, ino: Ino, size: Option<u64>) -> Result<()> {
        if self.node(ino).is_some() {
            return Ok(());
        }
        let id = self.lower.entry_of(ino).ok_or(Errno::STALE)?;
        match self.lower.index().entry(id).kind() {
            FileKind::Directory => self.copy_up_directory(id),
            _ => self.copy_up_file(id, size),
        }
    }

    fn copy_up_directory(&mut self, id: EntryId) -> Result<()> {
        if !self.is_visible(id)? {
            return Err(Errno::NOENT);
        }
        let lower = self.lower.clone();
        let entry = lower.index().entry(id);
        let parent = Ino::from(entry.parent().0) + 1;
        self.copy_up(parent, None)?;
        let temporary = self.temporary();
        let work = self.work()?;
        rustix::fs::mkdirat(&work, &*temporary, Mode::RWXU)?;
        let made = open_directory(&work, &temporary).map_err(io::Error::from).and_then(|directory| {
            copy::attributes(&directory, &lower, id)?;
            if let Some(users) = &mut self.users {
                users.record_copy(&named(directory, b"."), &lower, id)?;
            }
            Ok(())
        });
        let target = self.open_directory(parent)?;
        let moved = made.map_err(errno).and_then(|()| {
            keeping_times(&target, || rustix::fs::renameat(&work, &*temporary, &target, entry.name()))
        });
        if let Err(error) = moved {
            discard(&work, &temporary);
            return Err(error);
        }
        let ino = Ino::from(id.0) + 1;
        let name = Name::from(entry.name());
        self.add_node(ino, FileType::Directory, Some((parent, name.clone())), Some(Directory::new(Some(id))));
        self.put(parent, &name, ino)
    }

    /// A group of hard links is copied up as a whole, so that its names stay one file.
    fn copy_up_file(&mut self, id: EntryId, size: Option<u64>) -> Result<()> {
        let lower = self.lower.clone();
        let inode = lower.index().entry(id).inode();
        let ino = Ino::from(inode.0) + 1;
        let names = self.visible_names(inode)?;
        for (parent, _) in &names {
            self.copy_up(Ino::from(parent.0) + 1, None)?;
        }
        let kind = self.kind(ino)?;
        let temporary = self.temporary();
        let work = self.work()?;
        let is_device = matches!(kind, FileType::CharDevice | FileType::BlockDevice);
        let made = match self.users.is_some() && is_device {
            true => self.copy_node(inode, &work, &temporary),
            false => copy::make(&lower, inode, &work, &temporary, size),
        };
        let recorded = made.and_then(|()| match &mut self.users {
            Some(users) => Ok(users.record_copy(&named(work.try_clone()?, &temporary), &lower, inode)?),
            None => Ok(()),
        });
        if let Err(error) = recorded {
            discard(&work, &temporary);
            return Err(errno(error));
        }
        if names.is_empty() {
            let held = rustix::fs::openat(&work, &*temporary, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            discard(&work, &temporary);
            self.add_unlinked(ino, kind, held?);
            return Ok(());
        }
        self.place_copy(&work, &temporary, &names)?;
        self.add_node(ino, kind, None, None);
        for (parent, name) in names {
            let parent = Ino::from(parent.0) + 1;
            self.put(parent, &name, ino)?;
            self.add_name(ino, parent, name);
        }
        Ok(())
    }

    /// Moves a finished copy to its names: all or none.
    fn place_copy(&mut self, work: &OwnedFd, temporary: &[u8], names: &[(EntryId, Name)]) -> Result<()> {
        let mut placed: Vec<(Arc<OwnedFd>, &Name)> = Vec::new();
        for (at, (parent, name)) in names.iter().enumerate() {
            let directory = self.open_directory(Ino::from(parent.0) + 1)?;
            let done = keeping_times(&directory, || match at + 1 == names.len() {
                true => rustix::fs::renameat(work, temporary, &directory, &**name),
                false => rustix::fs::linkat(work, temporary, &directory, &**name, AtFlags::empty()),
            });
            if let Err(error) = done {
                for (directory, name) in placed {
                    // Best effort: a name that stays leads to a whole copy.
                    let _ = rustix::fs::unlinkat(&directory, &**name, AtFlags::empty());
                }
                discard(work, temporary);
                return Err(error);
            }
            placed.push((directory, name));
        }
        Ok(())
    }

    /// Makes `name` in `parent`; a file is left open for the writes that follow. The umask counts where
    /// the directory has no default access control list.
    pub fn make(
        &mut self,
        parent: Ino,
        name: &[u8],
        (mode, umask): (u32, u32),
        owner: Owner,
        new: New<'_>,
    ) -> Result<FileAttr> {
        self.copy_up(parent, None)?;
        let above = self.place(parent)?.ok_or(Errno::STALE)?.stat()?;
        let inherits = above.st_mode & 0o2000 != 0;
        let gid = if inherits { above.st_gid } else { owner.gid };
        let ours = rustix::process::geteuid().as_raw() == owner.uid
            && (inherits || rustix::process::getegid().as_raw() == gid);
        let maker = self.users.as_ref().map(|users| users.maker(owner.pid));
        let owner = (!ours).then_some((owner.uid, gid));
        let is_directory = matches!(new, New::Directory);
        let mode = if is_directory && inherits { mode | 0o2000 } else { mode };
        let default = match new {
            New::Symlink(_) => None,
            _ => acl::default_of(&self.open_directory(parent)?)?,
        };
        let mode = if default.is_some() { mode } else { mode & !umask };
        let covers = is_directory && self.lower_child(parent, name).is_some();
        let opaque = covers.then(|| self.opaque_mark());
        let file = self.install(parent, name, is_directory, |directory, name| {
            let file = make_object(directory, name, mode, owner, opaque, &new)?;
            if let Some(default) = &default {
                inherit(directory, name, mode, default, is_directory)?;
            }
            Ok(file)
        })?;
        let kind = match new {
            New::File => FileType::RegularFile,
            New::Directory => FileType::Directory,
            New::Symlink(_) => FileType::Symlink,
            New::Node(Raw::Socket, _) => FileType::Socket,
            New::Node(Raw::CharacterDevice, _) => FileType::CharDevice,
            New::Node(Raw::BlockDevice, _) => FileType::BlockDevice,
            New::Node(..) => FileType::NamedPipe,
        };
        let ino = self.take_ino();
        let name = Name::from(name);
        self.add_node(ino, kind, Some((parent, name.clone())), is_directory.then(|| Directory::new(None)));
        self.put(parent, &name, ino)?;
        if let Some(file) = file {
            self.keep_open(ino, file);
        }
        if let (Some(place), Some(users), Some(maker)) = (self.place(ino)?, &mut self.users, maker) {
            users.record_new(ino, &place, maker, parent, inherits)?;
        }
        self.attr(ino)
    }

    /// Gives a file a further name.
    pub fn link(&mut self, ino: Ino, parent: Ino, name: &[u8]) -> Result<FileAttr> {
        if self.is_directory(ino) {
            return Err(Errno::PERM);
        }
        self.copy_up(parent, None)?;
        self.copy_up(ino, None)?;
        let place = self.place(ino)?.ok_or(Errno::STALE)?;
        self.install(parent, name, false, |directory, name| place.link(directory, name))?;
        let name = Name::from(name);
        self.put(parent, &name, ino)?;
        self.add_name(ino, parent, name);
        self.note_links(ino)?;
        self.attr(ino)
    }

    /// Makes an object at a name that is not visible: at once, or aside and over the whiteout.
    fn install<T>(
        &mut self,
        parent: Ino,
        name: &[u8],
        is_directory: bool,
        make: impl FnOnce(&OwnedFd, &[u8]) -> Result<T>,
    ) -> Result<T> {
        self.check_name(name)?;
        let hidden = match self.slot(parent, name)? {
            Some(Slot::Node { .. }) => return Err(Errno::EXIST),
            Some(Slot::Whiteout) => true,
            None if self.lower_child(parent, name).is_some() => return Err(Errno::EXIST),
            None => false,
        };
        let directory = self.open_directory(parent)?;
        if !hidden {
            return make(&directory, name).inspect_err(|error| {
                if *error != Errno::EXIST {
                    discard(&directory, name);
                }
            });
        }
        let temporary = self.temporary();
        let work = self.work()?;
        let made = make(&work, &temporary).and_then(|made| {
            self.over_whiteout(&work, &temporary, &directory, name, is_directory)?;
            Ok(made)
        });
        if made.is_err() {
            discard(&work, &temporary);
        }
        made
    }

    /// Moves a finished object over a whiteout.
    fn over_whiteout(
        &self,
        from: &OwnedFd,
        old: &[u8],
        to: &OwnedFd,
        name: &[u8],
        is_directory: bool,
    ) -> Result<()> {
        if is_directory {
            match rustix::fs::renameat_with(from, old, to, name, RenameFlags::EXCHANGE) {
                // What is aside now is the whiteout.
                Ok(()) => rustix::fs::unlinkat(from, old, AtFlags::empty())?,
                // The mark is a file of another name.
                Err(Errno::NOENT) => rustix::fs::renameat(from, old, to, name)?,
                Err(Errno::INVAL | Errno::NOSYS) => {
                    unlink_if_there(to, name)?;
                    rustix::fs::renameat(from, old, to, name)?;
                }
                Err(error) => return Err(error),
            }
        } else {
            rustix::fs::renameat(from, old, to, name)?;
        }
        self.remove_mark(to, name)
    }

    /// Removes a name that leads to anything but a directory.
    pub fn unlink(&mut self, parent: Ino, name: &[u8]) -> Result<()> {
        let ino = self.child(parent, name)?.ok_or(Errno::NOENT)?;
        if self.is_directory(ino) {
            return Err(Errno::ISDIR);
        }
        self.copy_up(parent, None)?;
        let directory = self.open_directory(parent)?;
        let covered = self.lower_child(parent, name);
        match (self.slot(parent, name)?, covered) {
            (Some(_), None) => {
                self.hold(ino)?;
                rustix::fs::unlinkat(&directory, name, AtFlags::empty())?;
            }
            (Some(_), Some(_)) => {
                self.hold(ino)?;
                self.whiteout_over(&directory, name)?;
            }
            (None, Some(id)) => {
                self.whiteout(&directory, name)?;
                self.note_gone(id);
            }
            (None, None) => return Err(Errno::NOENT),
        }
        self.take(parent, name)?;
        self.drop_name(ino, parent, name);
        Ok(())
    }

    /// Removes a directory in which nothing is visible; whiteouts may still lie in it.
    pub fn rmdir(&mut self, parent: Ino, name: &[u8]) -> Result<()> {
        let ino = self.child(parent, name)?.ok_or(Errno::NOENT)?;
        if !self.is_directory(ino) {
            return Err(Errno::NOTDIR);
        }
        if !self.is_empty(ino)? {
            return Err(Errno::NOTEMPTY);
        }
        self.copy_up(parent, None)?;
        let directory = self.open_directory(parent)?;
        let covers = self.lower_child(parent, name).is_some();
        match (self.slot(parent, name)?.is_some(), covers) {
            (true, _) => {
                self.hold(ino)?;
                self.remove_directory(&directory, name, covers)?;
            }
            (false, true) => self.whiteout(&directory, name)?,
            (false, false) => return Err(Errno::NOENT),
        }
        self.take(parent, name)?;
        self.drop_name(ino, parent, name);
        Ok(())
    }

    /// Takes a directory with nothing but marks in it away, leaving a whiteout if it covered something.
    fn remove_directory(&mut self, parent: &OwnedFd, name: &[u8], covers: bool) -> Result<()> {
        if !covers {
            match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                removed => return removed,
            }
        }
        let work = self.work()?;
        let aside = self.temporary();
        if covers && self.make_whiteout(&work, &aside)? {
            match rustix::fs::renameat_with(&work, &*aside, parent, name, RenameFlags::EXCHANGE) {
                Ok(()) => return remove_tree(&work, &aside).map_err(errno),
                Err(Errno::INVAL | Errno::NOSYS) => unlink_if_there(&work, &aside)?,
                Err(error) => {
                    discard(&work, &aside);
                    return Err(error);
                }
            }
        }
        rustix::fs::renameat(parent, name, &work, &*aside)?;
        if covers {
            self.whiteout(parent, name)?;
        }
        remove_tree(&work, &aside).map_err(errno)
    }

    /// renameat2(2). Directories that the image has a part in are EXDEV, as in overlayfs without
    /// redirects; mv(1) copies then.
    pub fn rename(&mut self, from: (Ino, &[u8]), to: (Ino, &[u8]), flags: RenameFlags) -> Result<()> {
        let ino = self.child(from.0, from.1)?.ok_or(Errno::NOENT)?;
        let target = self.child(to.0, to.1)?;
        if flags.contains(RenameFlags::WHITEOUT) {
            return Err(Errno::INVAL);
        }
        if flags.contains(RenameFlags::NOREPLACE) && target.is_some() {
            return Err(Errno::EXIST);
        }
        self.check_name(to.1)?;
        self.check_movable(ino)?;
        if flags.contains(RenameFlags::EXCHANGE) {
            return self.exchange((ino, from), (target.ok_or(Errno::NOENT)?, to));
        }
        if target == Some(ino) {
            return Ok(());
        }
        if let Some(target) = target {
            match (self.is_directory(ino), self.is_directory(target)) {
                (true, false) => return Err(Errno::NOTDIR),
                (false, true) => return Err(Errno::ISDIR),
                (true, true) if !self.is_empty(target)? => return Err(Errno::NOTEMPTY),
                _ => {}
            }
        }
        self.copy_up(from.0, None)?;
        self.copy_up(to.0, None)?;
        self.copy_up(ino, None)?;
        if let Some(target) = target {
            self.hold(target)?;
        }
        self.move_object(ino, from, to)?;
        if let Some(target) = target {
            if self.slot(to.0, to.1)?.is_none()
                && let Some(id) = self.lower_child(to.0, to.1)
            {
                self.note_gone(id);
            }
            self.take(to.0, to.1)?;
            self.drop_name(target, to.0, to.1);
        }
        self.take(from.0, from.1)?;
        self.rename_node(ino, from, to)
    }

    fn rename_node(&mut self, ino: Ino, from: (Ino, &[u8]), to: (Ino, &[u8])) -> Result<()> {
        let name = Name::from(to.1);
        self.put(to.0, &name, ino)?;
        self.add_name(ino, to.0, name);
        self.drop_name(ino, from.0, from.1);
        Ok(())
    }

    /// The move on disk; both directories and the object lie in the upper.
    fn move_object(&mut self, ino: Ino, from: (Ino, &[u8]), to: (Ino, &[u8])) -> Result<()> {
        let (source, target) = (self.open_directory(from.0)?, self.open_directory(to.0)?);
        let covers = self.lower_child(from.0, from.1).is_some();
        let occupied = self.slot(to.0, to.1)?;
        if self.is_directory(ino) {
            if self.lower_child(to.0, to.1).is_some() {
                self.set_opaque(ino)?;
            }
            match occupied {
                Some(Slot::Whiteout) => {
                    self.over_whiteout(&source, from.1, &target, to.1, true)?;
                    return if covers { self.whiteout(&source, from.1) } else { Ok(()) };
                }
                // Empty to the eye, but marks may lie in it.
                Some(Slot::Node { .. }) => self.remove_directory(&target, to.1, false)?,
                None => {}
            }
        }
        if covers && self.upper.marks() == Marks::Overlayfs {
            match rustix::fs::renameat_with(&source, from.1, &target, to.1, RenameFlags::WHITEOUT) {
                // A file system without it, or a kernel before 5.8.
                Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => {}
                moved => return moved,
            }
        }
        rustix::fs::renameat(&source, from.1, &target, to.1)?;
        self.remove_mark(&target, to.1)?;
        if covers { self.whiteout(&source, from.1) } else { Ok(()) }
    }

    fn exchange(&mut self, a: (Ino, (Ino, &[u8])), b: (Ino, (Ino, &[u8]))) -> Result<()> {
        self.check_movable(b.0)?;
        for (ino, (parent, _)) in [a, b] {
            self.copy_up(parent, None)?;
            self.copy_up(ino, None)?;
        }
        for ((ino, _), (_, (parent, name))) in [(a, b), (b, a)] {
            if self.is_directory(ino) && self.lower_child(parent, name).is_some() {
                self.set_opaque(ino)?;
            }
        }
        let (first, second) = (self.open_directory(a.1.0)?, self.open_directory(b.1.0)?);
        rustix::fs::renameat_with(&first, a.1.1, &second, b.1.1, RenameFlags::EXCHANGE)?;
        self.rename_node(a.0, a.1, b.1)?;
        self.rename_node(b.0, b.1, a.1)
    }

    fn check_movable(&self, ino: Ino) -> Result<()> {
        if !self.is_directory(ino) {
            return Ok(());
        }
        let merged =
            self.node(ino).is_none_or(|node| node.directory.as_ref().is_some_and(|d| d.lower.is_some()));
        if ino == ROOT || merged { Err(Errno::XDEV) } else { Ok(()) }
    }

    pub fn set_attributes(&mut self, ino: Ino, new: &Attributes) -> Result<FileAttr> {
        self.copy_up(ino, new.size)?;
        if let Some(size) = new.size {
            rustix::fs::ftruncate(&self.open_file(ino)?, size)?;
        }
        let place = self.place(ino)?.ok_or(Errno::STALE)?;
        if new.uid.is_some() || new.gid.is_some() {
            place.chown(new.uid, new.gid)?;
        }
        // After chown, which clears setuid: what the kernel sends as mode is what shall be left.
        if let Some(mode) = new.mode {
            if self.kind(ino)? == FileType::Symlink {
                return Err(Errno::OPNOTSUPP);
            }
            place.chmod(mode)?;
        }
        if new.atime.is_some() || new.mtime.is_some() {
            const OMIT: Timespec = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
            let times = Timestamps {
                last_access: new.atime.unwrap_or(OMIT),
                last_modification: new.mtime.unwrap_or(OMIT),
            };
            place.set_times(&times)?;
        }
        self.attr(ino)
    }

    /// Where marks are files, their names are not the container's.
    fn check_name(&self, name: &[u8]) -> Result<()> {
        let reserved = self.upper.marks() == Marks::Files && name.starts_with(WHITEOUT_PREFIX);
        if reserved { Err(Errno::PERM) } else { Ok(()) }
    }

    fn work(&self) -> Result<OwnedFd> {
        self.upper.work().try_clone().map_err(errno)
    }

    fn opaque_mark(&self) -> Marks {
        self.upper.marks()
    }

    fn set_opaque(&mut self, ino: Ino) -> Result<()> {
        let directory = self.open_directory(ino)?;
        mark_opaque(&directory, self.upper.marks())
    }

    /// Hides a name that the upper does not have.
    fn whiteout(&mut self, directory: &OwnedFd, name: &[u8]) -> Result<()> {
        if self.make_whiteout(directory, name)? {
            return Ok(());
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
        let mark = [WHITEOUT_PREFIX, name].concat();
        rustix::fs::openat(directory, mark, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(())
    }

    /// Hides a name by replacing what the upper has there.
    fn whiteout_over(&mut self, directory: &OwnedFd, name: &[u8]) -> Result<()> {
        let work = self.work()?;
        let aside = self.temporary();
        if self.make_whiteout(&work, &aside)? {
            return rustix::fs::renameat(&work, &*aside, directory, name)
                .inspect_err(|_| discard(&work, &aside));
        }
        // The mark first: in between the name is hidden only if the reader prefers marks, and it
        // prefers objects, so that nothing is lost to a crash.
        self.whiteout(directory, name)?;
        rustix::fs::unlinkat(directory, name, AtFlags::empty())
    }

    /// Makes overlayfs's whiteout, or says that marks are files here. The kernel lets everybody make
    /// one since Linux 5.8; an NFS server may still refuse.
    fn make_whiteout(&mut self, directory: &OwnedFd, name: &[u8]) -> Result<bool> {
        if self.upper.marks() == Marks::Files {
            return Ok(false);
        }
        match rustix::fs::mknodat(directory, name, Raw::CharacterDevice, Mode::empty(), 0) {
            Ok(()) => Ok(true),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL | Errno::ACCESS) => {
                self.upper.use_files_as_marks().map_err(errno)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the `.wh.` mark of a name that exists again.
    fn remove_mark(&self, directory: &OwnedFd, name: &[u8]) -> Result<()> {
        match self.upper.marks() {
            Marks::Overlayfs => Ok(()),
            Marks::Files => unlink_if_there(directory, &[WHITEOUT_PREFIX, name].concat()),
        }
    }
}

fn make_object(
    directory: &OwnedFd,
    name: &[u8],
    mode: u32,
    owner: Option<(u32, u32)>,
    opaque: Option<Marks>,
    new: &New<'_>,
) -> Result<Option<OwnedFd>> {
    use rustix::fs::{Gid, Uid};
    let private = Mode::RUSR | Mode::WUSR;
    let file = match new {
        New::File => {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Some(rustix::fs::openat(directory, name, flags, private)?)
        }
        New::Directory => {
            rustix::fs::mkdirat(directory, name, Mode::RWXU)?;
            let made = open_directory(directory, name)?;
            if let Some(marks) = opaque {
                mark_opaque(&made, marks)?;
            }
            None
        }
        New::Symlink(target) => {
            rustix::fs::symlinkat(*target, directory, name)?;
            None
        }
        New::Node(kind, device) => {
            rustix::fs::mknodat(directory, name, *kind, private, *device)?;
            None
        }
    };
    if let Some((uid, gid)) = owner {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if !matches!(new, New::Symlink(_)) {
        rustix::fs::chmodat(directory, name, Mode::from_raw_mode(mode & 0o7777), AtFlags::empty())?;
    }
    Ok(file)
}

/// Gives a new object what the directory's default access control list says.
fn inherit(directory: &OwnedFd, name: &[u8], mode: u32, default: &[u8], is_directory: bool) -> Result<()> {
    let (access, mode) = acl::inherited(default, mode)?;
    let object =
        Place::Named { directory: Arc::new(directory.try_clone().map_err(errno)?), name: Name::from(name) };
    object.chmod(mode)?;
    object.set_xattr(acl::ACCESS.as_bytes(), &access, XattrFlags::empty())?;
    if is_directory {
        object.set_xattr(acl::DEFAULT.as_bytes(), default, XattrFlags::empty())?;
    }
    Ok(())
}

fn mark_opaque(directory: &OwnedFd, marks: Marks) -> Result<()> {
    match marks {
        Marks::Overlayfs => rustix::fs::fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty()),
        Marks::Files => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
            rustix::fs::openat(directory, OPAQUE_FILE, flags, Mode::RUSR | Mode::WUSR).map(drop)
        }
    }
}

/// Changes a directory without showing it: a copy-up is no modification of the directory above.
fn keeping_times(directory: &OwnedFd, change: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = rustix::fs::fstat(directory)?;
    change()?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: before.st_atime, tv_nsec: before.st_atime_nsec as i64 },
        last_modification: Timespec { tv_sec: before.st_mtime, tv_nsec: before.st_mtime_nsec as i64 },
    };
    // As in overlayfs, a time that cannot be put back does not undo the copy.
    let _ = rustix::fs::futimens(directory, &times);
    Ok(())
}

fn unlink_if_there(directory: &OwnedFd, name: &[u8]) -> Result<()> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        unlinked => unlinked,
    }
}

/// Clears away what a failed change left; the failure itself is what matters.
fn discard(directory: &OwnedFd, name: &[u8]) {
    let _ = remove_tree(directory, name);
}

/// Removes unfinished copies of an earlier server.
pub fn clear_work(work: &OwnedFd) -> io::Result<()> {
    for name in upper::list(work)? {
        if name.starts_with(super::TEMPORARY.as_bytes()) {
            remove_tree(work, &name)?;
        }
    }
    Ok(())
}

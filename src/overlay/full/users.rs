//! Owners of files where users are emulated: the kernel sees all files as root's, the table says whose
//! they are, and the upper keeps it.

use std::io;
use std::sync::Arc;

use fuser::FileType;
use rustix::fs::{OFlags, Stat, XattrFlags};
use rustix::io::{Errno, Result};

use super::super::lower::Lower;
use super::super::records::Records;
use super::super::upper::Upper;
use super::change::{New, Owner};
use super::place::{Name, Place};
use super::tree::{Ino, Tree};
use crate::identity::Table;
use crate::identity::files::{Device, KEPT_XATTR, NodeWish, Record};
use crate::layer::{EntryId, FileKind};

pub struct Users {
    table: Arc<Table>,
    records: Records,
}

/// The owner that the image has written down.
fn owner_below(lower: &Lower, id: EntryId) -> (u32, u32) {
    let entry = lower.index().entry(lower.index().entry(id).inode());
    (entry.uid(), entry.gid())
}

impl Users {
    pub fn new(table: Arc<Table>, upper: &Upper) -> io::Result<Users> {
        Ok(Users { table, records: Records::open(upper.container())? })
    }

    /// An inode that the image alone has is about to be shown.
    pub fn show_lower(&self, ino: Ino, lower: &Lower, id: EntryId) {
        self.table.set_owner(ino, owner_below(lower, id));
    }

    /// An object was found in the upper. One without a record belongs to whom it belongs in the image: its
    /// copy was made without emulated users.
    pub fn adopt(
        &self,
        ino: Ino,
        place: &Place,
        stat: &Stat,
        lower: &Lower,
        below: Option<EntryId>,
    ) -> Option<Device> {
        let record = self.records.of(place, stat);
        let owner = record.map(|record| record.owner);
        let owner = owner.or_else(|| below.map(|id| owner_below(lower, id))).unwrap_or((0, 0));
        self.table.set_owner(ino, owner);
        record?.device
    }

    /// Writes down whose a copy is, before it takes its place.
    pub fn record_copy(&mut self, place: &Place, lower: &Lower, id: EntryId) -> Result<()> {
        let owner = owner_below(lower, id);
        let entry = lower.index().entry(lower.index().entry(id).inode());
        let (major, minor) = entry.device();
        let device = match entry.kind() {
            FileKind::CharDevice => Some(Device { is_block: false, major, minor }),
            FileKind::BlockDevice => Some(Device { is_block: true, major, minor }),
            _ => None,
        };
        for (name, value) in entry.xattrs() {
            let is_kept = name.starts_with(b"trusted.") || name.starts_with(b"security.");
            if is_kept && name != b"security.capability" {
                match place.set_xattr(&[KEPT_XATTR, name].concat(), value, XattrFlags::empty()) {
                    // Links and special files take none.
                    Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => {}
                    Err(errno) => return Err(errno),
                }
            }
        }
        match owner == (0, 0) && device.is_none() {
            true => Ok(()),
            false => {
                let stat = place.stat()?;
                self.records.forget(stat.st_ino)?;
                self.records.set(place, &stat, Record { owner, device })
            }
        }
    }

    /// User and group of what a process makes.
    pub fn maker(&self, pid: u32) -> (u32, u32) {
        i32::try_from(pid).map_or((0, 0), |pid| self.table.makes_files_as(pid))
    }

    /// A new object belongs to whoever made it, in the group of a directory with the setgid bit.
    pub fn record_new(
        &mut self,
        ino: Ino,
        place: &Place,
        maker: (u32, u32),
        above: Ino,
        inherits: bool,
    ) -> Result<()> {
        let group = || self.table.owner(above).map_or(0, |(_, gid)| gid);
        let owner = (maker.0, if inherits { group() } else { maker.1 });
        let stat = place.stat()?;
        self.records.forget(stat.st_ino)?;
        self.table.set_owner(ino, owner);
        match owner {
            (0, 0) => Ok(()),
            owner => self.records.set(place, &stat, Record { owner, device: None }),
        }
    }

    fn set(&mut self, ino: Ino, place: &Place, record: Record) -> Result<()> {
        self.records.set(place, &place.stat()?, record)?;
        self.table.set_owner(ino, record.owner);
        Ok(())
    }
}

impl Tree {
    /// Gives a file to somebody else, without the capabilities that it may have (chown(2)).
    pub fn give(&mut self, ino: Ino, record: &[u8]) -> Result<()> {
        let record = Record::read(record).ok_or(Errno::INVAL)?;
        self.copy_up(ino, None)?;
        let place = self.place(ino)?.ok_or(Errno::STALE)?;
        let device = self.node(ino).and_then(|node| node.device);
        if self.kind(ino)? == FileType::RegularFile {
            match place.remove_xattr(b"security.capability") {
                Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(errno),
            }
        }
        let users = self.users.as_mut().ok_or(Errno::OPNOTSUPP)?;
        users.set(ino, &place, Record { device, ..record })
    }

    /// Whom a file belongs to, as it would be written down.
    pub fn record(&self, ino: Ino) -> Result<Vec<u8>> {
        let users = self.users.as_ref().ok_or(Errno::NODATA)?;
        let device = self.node(ino).and_then(|node| node.device);
        Ok(Record { owner: users.table.owner(ino).unwrap_or((0, 0)), device }.write())
    }

    /// Makes a device that nobody can open.
    pub fn make_node(&mut self, parent: Ino, wish: &[u8]) -> Result<()> {
        let NodeWish { mode, record, name } = NodeWish::read(wish).ok_or(Errno::INVAL)?;
        if self.users.is_none() {
            return Err(Errno::OPNOTSUPP);
        }
        let ours = Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            pid: 0,
        };
        let made = self.make(parent, name, (mode, 0), ours, New::File)?.ino.0;
        let place = self.place(made)?.ok_or(Errno::STALE)?;
        let above = self.place(parent)?.ok_or(Errno::STALE)?.stat()?;
        if let Some(users) = self.users.as_mut() {
            let (uid, mut gid) = record.owner;
            if above.st_mode & libc::S_ISGID != 0 {
                gid = users.table.owner(parent).map_or(0, |(_, gid)| gid);
            }
            users.set(made, &place, Record { owner: (uid, gid), ..record })?;
        }
        if let Some(device) = record.device {
            self.turn_into(made, device);
        }
        Ok(())
    }

    /// A copy of a device, where none can be made: an empty file, with a record of what it stands for.
    pub fn copy_node(&mut self, id: EntryId, work: &std::os::fd::OwnedFd, name: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = rustix::fs::Mode::from_raw_mode(self.lower.index().entry(id).mode() & 0o7777);
        let file = rustix::fs::openat(work, name, flags, mode)?;
        rustix::fs::fchmod(&file, mode)?;
        let times = self.lower.timestamps(&self.lower.index().entry(id));
        Ok(rustix::fs::futimens(&file, &times)?)
    }

    /// The attributes that only emulated users can have set.
    pub fn kept_xattr(&mut self, ino: Ino, name: &[u8]) -> Result<Vec<u8>> {
        match self.place(ino)? {
            Some(place) => place.xattr(&[KEPT_XATTR, name].concat()),
            None => {
                let id = self.lower.entry_of(ino).ok_or(Errno::STALE)?;
                let entry = self.lower.index().entry(self.lower.index().entry(id).inode());
                entry.xattr(name).map(<[u8]>::to_vec).ok_or(Errno::NODATA)
            }
        }
    }

    pub fn keep_xattr(&mut self, ino: Ino, name: &[u8], value: &[u8], flags: XattrFlags) -> Result<()> {
        self.copy_up(ino, None)?;
        let place = self.place(ino)?.ok_or(Errno::STALE)?;
        place.set_xattr(&[KEPT_XATTR, name].concat(), value, flags)
    }

    pub fn remove_kept_xattr(&mut self, ino: Ino, name: &[u8]) -> Result<()> {
        self.kept_xattr(ino, name)?;
        self.copy_up(ino, None)?;
        let place = self.place(ino)?.ok_or(Errno::STALE)?;
        place.remove_xattr(&[KEPT_XATTR, name].concat())
    }
}

/// A name in a directory, for the calls on it.
pub fn named(directory: std::os::fd::OwnedFd, name: &[u8]) -> Place {
    Place::Named { directory: Arc::new(directory), name: Name::from(name) }
}

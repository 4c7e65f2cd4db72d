//! Whom the files of an upper belong to where users are emulated, on disk: an extended attribute (see
//! `identity::files`) of files and directories. Links, FIFOs and sockets take none, and some file systems
//! none at all: theirs are lines of `<container>/owners`, by inode number of the upper.
//!
//! ```text
//! 1234 33:33        the object with inode 1234
//! 1234 -            no longer
//! ```
//!
//! The file is appended to by the upper's only writer, and a line that a power cut has torn is passed over.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags, Stat, XattrFlags};
use rustix::io::{Errno, Result};

use super::full::place::Place;
use crate::identity::files::{OWNER, Record};

const FILE: &str = "owners";
/// Beyond this many dead lines it is written anew.
const SLACK: usize = 4096;

pub struct Records {
    container: OwnedFd,
    by_inode: HashMap<u64, Record>,
    /// Opened at the first line to write.
    file: Option<OwnedFd>,
}

impl Records {
    /// Reads those of a container's directory.
    pub fn open(container: &OwnedFd) -> std::io::Result<Records> {
        let container = container.try_clone()?;
        let text = match rustix::fs::openat(&container, FILE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        {
            Ok(file) => {
                let mut text = String::new();
                std::io::Read::read_to_string(&mut std::fs::File::from(file), &mut text)?;
                text
            }
            Err(Errno::NOENT) => String::new(),
            Err(errno) => return Err(errno.into()),
        };
        let (by_inode, lines) = parse(&text);
        let records = Records { container, by_inode, file: None };
        if lines > records.by_inode.len() + SLACK {
            records.write_anew()?;
        }
        Ok(records)
    }

    /// What is written down about an object.
    pub fn of(&self, place: &Place, stat: &Stat) -> Option<Record> {
        if let Some(record) = self.by_inode.get(&stat.st_ino) {
            return Some(*record);
        }
        if !takes_attributes(stat) {
            return None;
        }
        Record::read(&place.xattr(OWNER.as_bytes()).ok()?)
    }

    pub fn set(&mut self, place: &Place, stat: &Stat, record: Record) -> Result<()> {
        if takes_attributes(stat) {
            match place.set_xattr(OWNER.as_bytes(), &record.write(), XattrFlags::empty()) {
                Err(Errno::OPNOTSUPP) => {}
                set => return set,
            }
        }
        self.by_inode.insert(stat.st_ino, record);
        self.append(&line(stat.st_ino, Some(&record)))
    }

    /// A new object has the inode number of one that is gone.
    pub fn forget(&mut self, inode: u64) -> Result<()> {
        match self.by_inode.remove(&inode) {
            Some(_) => self.append(&line(inode, None)),
            None => Ok(()),
        }
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC;
                rustix::fs::openat(&self.container, FILE, flags, Mode::RUSR | Mode::WUSR)?
            }
        };
        let written = rustix::io::write(&file, line.as_bytes());
        self.file = Some(file);
        match written? == line.len() {
            true => Ok(()),
            false => Err(Errno::NOSPC),
        }
    }

    fn write_anew(&self) -> std::io::Result<()> {
        const NEW: &str = "owners.new";
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.container, NEW, flags, Mode::RUSR | Mode::WUSR)?;
        let lines: String = self.by_inode.iter().map(|(inode, record)| line(*inode, Some(record))).collect();
        let mut file = std::fs::File::from(file);
        std::io::Write::write_all(&mut file, lines.as_bytes())?;
        file.sync_data()?;
        Ok(rustix::fs::renameat(&self.container, NEW, &self.container, FILE)?)
    }
}

fn takes_attributes(stat: &Stat) -> bool {
    matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Directory)
}

fn line(inode: u64, record: Option<&Record>) -> String {
    match record {
        Some(record) => format!("{inode} {}\n", String::from_utf8_lossy(&record.write())),
        None => format!("{inode} -\n"),
    }
}

/// The records, and how many lines they took.
fn parse(text: &str) -> (HashMap<u64, Record>, usize) {
    let mut by_inode = HashMap::new();
    let mut lines = 0;
    for line in text.lines() {
        lines += 1;
        let Some((inode, record)) = line.split_once(' ') else { continue };
        let Ok(inode) = inode.parse() else { continue };
        match Record::read(record.as_bytes()) {
            Some(record) => drop(by_inode.insert(inode, record)),
            None if record == "-" => drop(by_inode.remove(&inode)),
            None => {}
        }
    }
    (by_inode, lines)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn links_are_remembered_and_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let open = || {
            let directory = std::fs::File::open(home.path()).unwrap();
            (
                Records::open(&directory.try_clone().unwrap().into()).unwrap(),
                Arc::new(OwnedFd::from(directory)),
            )
        };
        std::os::unix::fs::symlink("x", home.path().join("link")).unwrap();
        std::fs::write(home.path().join("file"), "").unwrap();
        let (mut records, directory) = open();
        let record = |uid| Record { owner: (uid, 5), device: None };
        for (name, uid) in [("link", 33), ("file", 44)] {
            let place = Place::Named { directory: directory.clone(), name: name.as_bytes().into() };
            let stat = place.stat().unwrap();
            assert_eq!(records.of(&place, &stat), None);
            records.set(&place, &stat, record(uid)).unwrap();
            assert_eq!(open().0.of(&place, &stat), Some(record(uid)));
        }
        let link = Place::Named { directory, name: b"link"[..].into() };
        let inode = link.stat().unwrap().st_ino;
        records.forget(inode).unwrap();
        records.forget(inode).unwrap();
        assert_eq!(open().0.of(&link, &link.stat().unwrap()), None);
        assert!(!std::fs::read_to_string(home.path().join("owners")).unwrap().contains("44:5"));
    }

    #[test]
    fn torn_lines_are_passed_over() {
        let (records, lines) = parse("1 2:3\n4 5:6\nx 1:1\n4 -\n7 8");
        assert_eq!((records.len(), lines), (1, 5));
        assert_eq!(records[&1].owner, (2, 3));
    }
}

//! Reads a tree into an archive. Links are never followed, and nothing but regular files is opened for
//! reading; what vanishes meanwhile is left out.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::vec::IntoIter;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Ids, reason};
use crate::identity::files::{ON_DISK, OWNER, Record, SET_OWNER};
use crate::layer::index::Mtime;
use crate::layer::tar::{Member, MemberKind, TarWriter};
use crate::sys::xattr;

/// What went into an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Bytes of all regular files.
    pub content: u64,
}

struct Pack<'a, W: Write> {
    tar: TarWriter<W>,
    ids: &'a Ids,
    /// The first names of files that have several.
    links: HashMap<(u64, u64), Vec<u8>>,
    content: u64,
}

struct Frame {
    directory: Arc<OwnedFd>,
    names: IntoIter<Vec<u8>>,
    prefix: Vec<u8>,
}

/// Writes what `name` is in `directory`, and everything below; in the archive it is called `as_name`
/// (`.`: as the directory itself).
pub fn pack(
    directory: OwnedFd,
    name: &[u8],
    as_name: &[u8],
    ids: &Ids,
    output: impl Write,
) -> io::Result<Packed> {
    let mut pack = Pack { tar: TarWriter::new(output), ids, links: HashMap::new(), content: 0 };
    let mut frames: Vec<Frame> = Vec::new();
    let directory = Arc::new(directory);
    frames.extend(pack.one(&directory, name, as_name.to_vec())?);
    while let Some(frame) = frames.last_mut() {
        let Some(name) = frame.names.next() else {
            frames.pop();
            continue;
        };
        let (directory, path) = (frame.directory.clone(), [&frame.prefix[..], b"/", &name].concat());
        frames.extend(pack.one(&directory, &name, path)?);
    }
    pack.tar.finish()?;
    Ok(Packed { content: pack.content })
}

impl<W: Write> Pack<'_, W> {
    /// Writes one name; of a directory, returns what is in it.
    fn one(&mut self, directory: &Arc<OwnedFd>, name: &[u8], path: Vec<u8>) -> io::Result<Option<Frame>> {
        let failed = |what: &str, errno: Errno| {
            let path = String::from_utf8_lossy(&path);
            let error = io::Error::from(errno);
            io::Error::new(error.kind(), format!("{what} {path}: {}", reason(&error)))
        };
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat.map_err(|e| failed("lstat", e))?,
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let opened = match kind {
            FileType::RegularFile | FileType::Directory => {
                let flags = match kind {
                    FileType::Directory => OFlags::DIRECTORY,
                    // A FIFO that took the name is not waited for.
                    _ => OFlags::NONBLOCK,
                };
                let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match rustix::fs::openat(directory, name, flags, Mode::empty()) {
                    Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => return Ok(None),
                    opened => Some(opened.map_err(|e| failed("open", e))?),
                }
            }
            _ => None,
        };
        // What was opened is what is told of, not what had the name before.
        let stat = match &opened {
            Some(opened) => rustix::fs::fstat(opened)?,
            None => stat,
        };
        if FileType::from_raw_mode(stat.st_mode) != kind {
            return Ok(None);
        }
        let Some(mut member) = self.member(&stat, &path) else { return Ok(None) };
        if kind == FileType::Symlink {
            match rustix::fs::readlinkat(directory, name, Vec::new()) {
                Err(Errno::NOENT | Errno::INVAL) => return Ok(None),
                target => member.target = target.map_err(|e| failed("readlink", e))?.into_bytes(),
            }
        }
        match xattr::read(directory.as_fd(), name) {
            Ok(all) => {
                if let Some((uid, gid)) = self.noted_owner(directory, name, &stat, &all) {
                    (member.uid, member.gid) = (uid, gid);
                }
                member.xattrs = all.into_iter().filter(|(name, _)| is_carried(name)).collect();
            }
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed("reading attributes of", errno)),
        }
        if kind == FileType::RegularFile {
            self.content += member.size;
        }
        if stat.st_nlink > 1 && kind != FileType::Directory {
            let inode = (stat.st_dev, stat.st_ino);
            match self.links.get(&inode) {
                Some(first) => {
                    member = Member { kind: MemberKind::HardLink, target: first.clone(), size: 0, ..member };
                }
                None => drop(self.links.insert(inode, path.clone())),
            }
        }
        match (opened, member.kind) {
            (Some(file), MemberKind::File) => {
                // A file that was cut while it was read: what it lost is read as zeros.
                let data = File::from(file).take(member.size).chain(io::repeat(0));
                self.tar.append(&member, data)?;
                Ok(None)
            }
            (Some(opened), MemberKind::Directory) => {
                self.tar.append(&member, io::empty())?;
                let mut names = Vec::new();
                for entry in rustix::fs::Dir::read_from(&opened).map_err(|e| failed("open", e))? {
                    let entry = entry.map_err(|e| failed("readdir", e))?;
                    let name = entry.file_name().to_bytes();
                    if name != b"." && name != b".." {
                        names.push(name.to_vec());
                    }
                }
                names.sort_unstable();
                Ok(Some(Frame { directory: Arc::new(opened), names: names.into_iter(), prefix: path }))
            }
            _ => self.tar.append(&member, io::empty()).map(|()| None),
        }
    }

    /// The owner that is written down. Files of others than root have been given to a real user since.
    fn noted_owner(
        &self,
        directory: &OwnedFd,
        name: &[u8],
        stat: &Stat,
        attributes: &[(Vec<u8>, Vec<u8>)],
    ) -> Option<(u32, u32)> {
        if !self.ids.are_noted || Ids::inside(&self.ids.uids, stat.st_uid) != 0 {
            return None;
        }
        let on_disk = attributes.iter().find(|(name, _)| name == OWNER.as_bytes());
        let record = match on_disk {
            Some((_, value)) => Record::read(value),
            None => xattr::get(directory.as_fd(), name, SET_OWNER.as_bytes()).and_then(|v| Record::read(&v)),
        };
        record.map(|record| record.owner)
    }

    /// `None` of a socket, which no archive holds.
    fn member(&self, stat: &Stat, path: &[u8]) -> Option<Member> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => MemberKind::File,
            FileType::Directory => MemberKind::Directory,
            FileType::Symlink => MemberKind::Symlink,
            FileType::CharacterDevice => MemberKind::CharDevice,
            FileType::BlockDevice => MemberKind::BlockDevice,
            FileType::Fifo => MemberKind::Fifo,
            _ => return None,
        };
        let size = if kind == MemberKind::File { stat.st_size as u64 } else { 0 };
        Some(Member {
            mode: stat.st_mode & 0o7777,
            uid: Ids::inside(&self.ids.uids, stat.st_uid),
            gid: Ids::inside(&self.ids.gids, stat.st_gid),
            // Whole seconds, as Docker has it: a fraction costs two more blocks for every file.
            mtime: Mtime { sec: stat.st_mtime, nsec: 0 },
            size,
            device: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
            ..Member::new(path, kind)
        })
    }
}

/// What means the same elsewhere. Labels, ACLs with their numbers and the marks of file systems do not.
pub(super) fn is_carried(name: &[u8]) -> bool {
    let is_ours = name.starts_with(b"user.overlay.") || name.starts_with(ON_DISK);
    name == b"security.capability" || (name.starts_with(b"user.") && !is_ours)
}

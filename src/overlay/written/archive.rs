//! The written tree as a tar: alone, as a layer, or with the image below it.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::walk::{Descent, Node, Step};
use super::{Place, Written};
use crate::identity::files::KEPT_XATTR;
use crate::layer::index::Mtime;
use crate::layer::tar::{Member, MemberKind, TarWriter};
use crate::layer::{EntryId, FileKind};
use crate::overlay::lower::{is_served, served_value};
use crate::overlay::upper::{OPAQUE_FILE, WHITEOUT_PREFIX};

/// Bytes that are read from the image at a time.
const CHUNK: usize = 1 << 20;

/// A tar in the making, with the names that further names of a file are links to.
struct Archive<'a, W: Write> {
    written: &'a Written,
    tar: TarWriter<W>,
    members: u64,
    upper_links: HashMap<(u64, u64), Vec<u8>>,
    lower_links: HashMap<EntryId, Vec<u8>>,
}

impl Written {
    /// Writes the layer that makes the container's tree out of its image's, and says how many members it
    /// has.
    pub fn write_layer(&self, output: impl Write) -> io::Result<u64> {
        let mut archive = self.archive(output);
        // Directories that are written if something in them is.
        let mut waiting: Vec<Member> = Vec::new();
        self.walk(|step| {
            let (path, kind) = match &step {
                Step::Lower { .. } => return Ok(Descent::Skip),
                Step::Deleted { by_opaque: true, .. } => return Ok(Descent::Skip),
                Step::Deleted { path, .. } => (*path, true),
                Step::Upper(node) => (node.path, self.kind_of(node).is_some()),
            };
            // A name like a mark cannot be told from one in a layer: no image can hold it.
            if matches!(&step, Step::Upper(node) if node.name.starts_with(WHITEOUT_PREFIX)) {
                return Ok(Descent::Skip);
            }
            waiting.retain(|member| is_below(path, &member.name));
            if !kind {
                if let Step::Upper(node) = &step
                    && node.kind() == FileType::Directory
                {
                    waiting.extend(archive.upper_member(node)?);
                }
                return Ok(Descent::Enter);
            }
            for member in waiting.drain(..) {
                archive.append(&member, io::empty())?;
            }
            match step {
                Step::Deleted { path, .. } => archive.mark(path, WHITEOUT_PREFIX)?,
                Step::Upper(node) => {
                    archive.upper(&node)?;
                    if node.opaque {
                        archive.mark(&[node.path, b"/"].concat(), OPAQUE_FILE)?;
                    }
                }
                Step::Lower { .. } => {}
            }
            Ok(Descent::Enter)
        })?;
        archive.finish()
    }

    /// Writes the whole tree as the container sees it, without what is mounted in it.
    pub fn write_tree(&self, output: impl Write) -> io::Result<u64> {
        let mut archive = self.archive(output);
        self.walk(|step| {
            match step {
                Step::Deleted { .. } => {}
                Step::Upper(node) => archive.upper(&node)?,
                Step::Lower { path, id } => archive.lower(path, id)?,
            }
            Ok(Descent::Enter)
        })?;
        archive.finish()
    }

    fn archive<W: Write>(&self, output: W) -> Archive<'_, W> {
        Archive {
            written: self,
            tar: TarWriter::new(output),
            members: 0,
            upper_links: HashMap::new(),
            lower_links: HashMap::new(),
        }
    }

    /// The owner to write down. What the image says stays where the container sees no other: an id that U
    /// does not map shows as 0, and a copy on the disk has lost it.
    fn owner(&self, node: &Node<'_>) -> (u32, u32) {
        if let Some(record) = node.record {
            return record.owner;
        }
        let below = node.lower.filter(|_| !node.hidden).map(|id| self.lower.index().entry(id));
        let below = below.map(|entry| self.lower.index().entry(entry.inode()));
        let (uid, gid) = (node.stat.st_uid, node.stat.st_gid);
        match below {
            Some(entry) => (
                if self.lower.uid(&entry) == uid { entry.uid() } else { self.owners.uid(uid) },
                if self.lower.gid(&entry) == gid { entry.gid() } else { self.owners.gid(gid) },
            ),
            None => (self.owners.uid(uid), self.owners.gid(gid)),
        }
    }
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

impl<W: Write> Archive<'_, W> {
    fn append(&mut self, member: &Member, data: impl Read) -> io::Result<()> {
        self.members += 1;
        self.tar.append(member, data)
    }

    fn finish(self) -> io::Result<u64> {
        self.tar.finish()?;
        Ok(self.members)
    }

    /// `.wh.NAME` in the name's directory (`path` ends with the name), or a mark of that name in `path/`.
    fn mark(&mut self, path: &[u8], mark: &[u8]) -> io::Result<()> {
        let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let name = [&path[..start], mark, &path[start..]].concat();
        let member = Member { mode: 0o600, ..Member::new(name, MemberKind::File) };
        self.append(&member, io::empty())
    }

    fn upper(&mut self, node: &Node<'_>) -> io::Result<()> {
        let stat = node.stat;
        if stat.st_nlink > 1 && node.kind() != FileType::Directory {
            let inode = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.upper_links.get(&inode) {
                let target = first.clone();
                let Some(member) = self.upper_member(node)? else { return Ok(()) };
                let member = Member { kind: MemberKind::HardLink, target, size: 0, ..member };
                return self.append(&member, io::empty());
            }
        }
        let Some(mut member) = self.upper_member(node)? else { return Ok(()) };
        if member.kind == MemberKind::File {
            let Some((file, size)) = open_file(node)? else { return Ok(()) };
            member.size = size;
            // A file that was cut while it was read: what it lost is read as zeros.
            let data = std::fs::File::from(file).take(size).chain(io::repeat(0));
            self.append(&member, data)?;
        } else {
            self.append(&member, io::empty())?;
        }
        if stat.st_nlink > 1 && node.kind() != FileType::Directory {
            self.upper_links.insert((stat.st_dev, stat.st_ino), node.path.to_vec());
        }
        Ok(())
    }

    /// `None` of a socket, which no archive holds, and of what has vanished.
    fn upper_member(&self, node: &Node<'_>) -> io::Result<Option<Member>> {
        let kind = match node.kind() {
            FileType::RegularFile => MemberKind::File,
            FileType::Directory => MemberKind::Directory,
            FileType::Symlink => MemberKind::Symlink,
            FileType::CharacterDevice => MemberKind::CharDevice,
            FileType::BlockDevice => MemberKind::BlockDevice,
            FileType::Fifo => MemberKind::Fifo,
            _ => return Ok(None),
        };
        let place = Place::Named { directory: node.directory.clone(), name: node.name.into() };
        let (uid, gid) = self.written.owner(node);
        let mut member = Member {
            mode: node.stat.st_mode & 0o7777,
            uid,
            gid,
            mtime: mtime(node.stat),
            ..Member::new(node.path, kind)
        };
        let read = (|| -> rustix::io::Result<()> {
            match kind {
                MemberKind::Symlink => member.target = place.read_link()?,
                MemberKind::CharDevice | MemberKind::BlockDevice => {
                    member.device = node.device();
                }
                _ => {}
            }
            for name in place.xattr_names()?.split(|byte| *byte == 0) {
                let kept = name.strip_prefix(KEPT_XATTR);
                let Some(told) = kept.or(is_served(name).then_some(name)) else { continue };
                match place.xattr(name) {
                    Ok(value) => member.xattrs.push((told.to_vec(), served_value(told, &value))),
                    Err(Errno::NODATA) => {}
                    Err(errno) => return Err(errno),
                }
            }
            Ok(())
        })();
        match read {
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            read => read.map(|()| Some(member)).map_err(Into::into),
        }
    }

    fn lower(&mut self, path: &[u8], id: EntryId) -> io::Result<()> {
        let index = self.written.lower.index();
        let inode = index.entry(id).inode();
        let entry = index.entry(inode);
        let kind = match entry.kind() {
            FileKind::File => MemberKind::File,
            FileKind::Directory => MemberKind::Directory,
            FileKind::Symlink => MemberKind::Symlink,
            FileKind::CharDevice => MemberKind::CharDevice,
            FileKind::BlockDevice => MemberKind::BlockDevice,
            FileKind::Fifo => MemberKind::Fifo,
        };
        let mut member = Member {
            target: entry.target().to_vec(),
            mode: entry.mode(),
            uid: entry.uid(),
            gid: entry.gid(),
            mtime: entry.mtime(),
            size: entry.size(),
            device: entry.device(),
            xattrs: entry.xattrs().into_iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            ..Member::new(path, kind)
        };
        if entry.nlink() > 1 && kind != MemberKind::Directory {
            match self.lower_links.get(&inode) {
                Some(first) => {
                    member = Member { kind: MemberKind::HardLink, target: first.clone(), size: 0, ..member };
                }
                None => drop(self.lower_links.insert(inode, path.to_vec())),
            }
        }
        match member.kind {
            MemberKind::File => {
                let written = self.written;
                self.append(&member, LowerFile { written, id: inode, at: 0, chunk: Vec::new(), taken: 0 })
            }
            _ => self.append(&member, io::empty()),
        }
    }
}

fn mtime(stat: &Stat) -> Mtime {
    Mtime { sec: stat.st_mtime, nsec: stat.st_mtime_nsec as u32 }
}

/// The file and its size; `None` when it is not there any more. A FIFO or a device that took the name
/// meanwhile is not waited for, and not read.
fn open_file(node: &Node<'_>) -> io::Result<Option<(OwnedFd, u64)>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(node.directory.as_fd(), node.name, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        file => file?,
    };
    let stat = rustix::fs::fstat(&file)?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    Ok(regular.then_some((file, stat.st_size as u64)))
}

/// The image's data, holes as zeros.
struct LowerFile<'a> {
    written: &'a Written,
    id: EntryId,
    at: u64,
    chunk: Vec<u8>,
    taken: usize,
}

impl Read for LowerFile<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.chunk.len() {
            let chunk = &mut self.chunk;
            self.written.lower.read(self.id, self.at, CHUNK, |bytes| {
                bytes.map(|bytes| {
                    chunk.clear();
                    chunk.extend_from_slice(bytes);
                })
            })?;
            self.at += self.chunk.len() as u64;
            self.taken = 0;
        }
        let got = (&self.chunk[self.taken..]).read(out)?;
        self.taken += got;
        Ok(got)
    }
}

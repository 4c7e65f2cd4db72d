//! The merged tree in memory: what is different from the image.
//!
//! The upper belongs to this process alone while it is mounted, so what was read of it once is the
//! truth. Only objects that lie in the upper have a node; a path that nobody changed is answered from
//! the index and costs no memory but four bytes for the kernel's references. A directory of the upper is
//! read when something in it is first asked for.
//!
//! Inode numbers: an entry of the image keeps entry id + 1 when it is copied up, as does a directory
//! that merges with one of the image. Everything else gets the next free number. All are compact.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use fuser::{FileAttr, FileType, INodeNo};
use rustix::fs::{AtFlags, OFlags, Stat};
use rustix::io::{Errno, Result};

use super::super::lower::{self, Lower};
use super::super::upper::{self, Marks, OPAQUE, OPAQUE_FILE, Upper, WHITEOUT_PREFIX};
use super::descriptors::Descriptors;
use super::place::{Name, Place};
use super::users::Users;
use crate::identity::files::Device;
use crate::layer::index::Mtime;
use crate::layer::{EntryId, FileKind};

/// Longest name of a file in bytes, as everywhere on Linux; FUSE itself would take 1024. Every operation on
/// a name looks it up first.
const NAME_MAX: usize = 255;

pub type Ino = u64;
pub const ROOT: Ino = 1;

/// An object that lies in the upper, or did until its last name went.
pub struct Node {
    pub kind: FileType,
    /// Where it stands: one name for a directory, those that are known for a file. Empty when unlinked.
    pub names: Vec<(Ino, Name)>,
    /// References of the kernel, for nodes that the image does not know.
    lookups: u64,
    /// Keeps an object without a name.
    held: Option<Arc<OwnedFd>>,
    pub directory: Option<Directory>,
    /// What an empty file stands for, where users are emulated.
    pub device: Option<Device>,
    /// Device and inode, if the file had several names when it was read.
    several: Option<(u64, u64)>,
}

#[derive(Default)]
pub struct Directory {
    /// The directory of the image that shines through.
    pub lower: Option<EntryId>,
    loaded: bool,
    slots: HashMap<Name, Slot>,
    /// Names that the image does not have here, by the cookie that readdir continues from.
    order: BTreeMap<u64, Name>,
    next_cookie: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Whiteout,
    Node { ino: Ino, cookie: Option<u64> },
}

impl Directory {
    pub fn new(lower: Option<EntryId>) -> Directory {
        Directory { lower, loaded: true, ..Directory::default() }
    }

    fn unread(lower: Option<EntryId>) -> Directory {
        Directory { lower, ..Directory::default() }
    }
}

pub struct Tree {
    pub lower: Arc<Lower>,
    pub upper: Upper,
    pub users: Option<Users>,
    nodes: HashMap<Ino, Node>,
    several: HashMap<(u64, u64), Ino>,
    /// The kernel's references to entries of the image; zero pages until used.
    lower_lookups: Vec<u32>,
    /// Names of the image's files that were removed since the mount.
    gone: HashSet<EntryId>,
    next_ino: Ino,
    descriptors: Descriptors,
    temporary: u64,
}

impl Tree {
    pub fn new(lower: Arc<Lower>, upper: Upper, users: Option<Users>) -> Result<Tree> {
        let root =
            upper.directory().try_clone().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        let node = Node {
            kind: FileType::Directory,
            names: Vec::new(),
            lookups: 1,
            held: Some(Arc::new(root)),
            directory: Some(Directory::unread(Some(EntryId::ROOT))),
            device: None,
            several: None,
        };
        if let Some(users) = &users {
            let root = Place::Held(node.held.clone().expect("made above"));
            users.adopt(ROOT, &root, &root.stat()?, &lower, Some(EntryId::ROOT));
        }
        let entries = lower.index().len();
        Ok(Tree {
            nodes: HashMap::from([(ROOT, node)]),
            several: HashMap::new(),
            lower_lookups: vec![0; entries as usize + 1],
            gone: HashSet::new(),
            next_ino: Ino::from(entries) + 1,
            descriptors: Descriptors::default(),
            temporary: 0,
            lower,
            upper,
            users,
        })
    }

    pub fn node(&self, ino: Ino) -> Option<&Node> {
        self.nodes.get(&ino)
    }

    pub fn is_directory(&self, ino: Ino) -> bool {
        match self.nodes.get(&ino) {
            Some(node) => node.directory.is_some(),
            None => self
                .lower
                .entry_of(ino)
                .is_some_and(|id| self.lower.index().entry(id).kind() == FileKind::Directory),
        }
    }

    pub fn kind(&self, ino: Ino) -> Result<FileType> {
        match self.nodes.get(&ino) {
            Some(node) => Ok(node.kind),
            None => {
                let id = self.lower.entry_of(ino).ok_or(Errno::STALE)?;
                Ok(lower::file_type(self.lower.index().entry(id).kind()))
            }
        }
    }

    /// The inode that `name` leads to, if any.
    pub fn child(&mut self, directory: Ino, name: &[u8]) -> Result<Option<Ino>> {
        if name.len() > NAME_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        if self.nodes.contains_key(&directory) {
            match self.slot(directory, name)? {
                Some(Slot::Whiteout) => return Ok(None),
                Some(Slot::Node { ino, .. }) => return Ok(Some(ino)),
                None => {}
            }
        } else if !self.is_directory(directory) {
            return Err(Errno::NOTDIR);
        }
        Ok(self.lower_child(directory, name).map(|id| self.lower.ino_of(id)))
    }

    /// What the upper says about a name in one of its directories.
    pub fn slot(&mut self, directory: Ino, name: &[u8]) -> Result<Option<Slot>> {
        self.load(directory)?;
        Ok(self.directory(directory)?.slots.get(name).copied())
    }

    /// The entry of the image that would show at `name` if the upper had nothing there.
    pub fn lower_child(&self, directory: Ino, name: &[u8]) -> Option<EntryId> {
        let below = match self.nodes.get(&directory) {
            Some(node) => node.directory.as_ref()?.lower?,
            None => self.lower.entry_of(directory)?,
        };
        self.lower.index().lookup(below, name)
    }

    fn directory(&self, ino: Ino) -> Result<&Directory> {
        self.nodes.get(&ino).ok_or(Errno::STALE)?.directory.as_ref().ok_or(Errno::NOTDIR)
    }

    fn directory_mut(&mut self, ino: Ino) -> Result<&mut Directory> {
        self.nodes.get_mut(&ino).ok_or(Errno::STALE)?.directory.as_mut().ok_or(Errno::NOTDIR)
    }

    /// Reads a directory of the upper, once.
    fn load(&mut self, ino: Ino) -> Result<()> {
        if self.directory(ino)?.loaded {
            return Ok(());
        }
        let below = self.directory(ino)?.lower;
        let file = self.open_directory(ino)?;
        let names = upper::list(&file).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        let mut found: Vec<(Name, Option<Ino>)> = Vec::with_capacity(names.len());
        for name in names {
            if self.upper.marks() == Marks::Files
                && let Some(hidden) = name.strip_prefix(WHITEOUT_PREFIX)
            {
                if name != OPAQUE_FILE {
                    found.push((hidden.into(), None));
                }
                continue;
            }
            let stat = rustix::fs::statat(&file, &*name, AtFlags::SYMLINK_NOFOLLOW)?;
            let name = Name::from(name);
            let child = match upper::is_whiteout(&stat) {
                true => None,
                false => Some(self.adopt(ino, &file, &name, &stat, below)?),
            };
            found.push((name, child));
        }
        self.directory_mut(ino)?.loaded = true;
        // A file beside its own .wh. mark was made after it: objects win.
        found.sort_by_key(|(_, child)| child.is_some());
        for (name, child) in found {
            match child {
                Some(child) => self.put(ino, &name, child)?,
                None => {
                    self.directory_mut(ino)?.slots.insert(name, Slot::Whiteout);
                }
            }
        }
        Ok(())
    }

    /// Makes the node of an object found in the upper.
    fn adopt(
        &mut self,
        parent: Ino,
        file: &OwnedFd,
        name: &Name,
        stat: &Stat,
        below: Option<EntryId>,
    ) -> Result<Ino> {
        let kind = file_type(stat)?;
        if kind == FileType::Directory {
            let merged = below
                .and_then(|below| self.lower.index().lookup(below, name))
                .filter(|id| self.lower.index().entry(*id).kind() == FileKind::Directory);
            let merged = match merged {
                Some(id) if !self.is_opaque(file, name)? => Some(id),
                _ => None,
            };
            let ino = match merged {
                Some(id) => Ino::from(id.0) + 1,
                None => self.take_ino(),
            };
            self.add_node(ino, kind, Some((parent, name.clone())), Some(Directory::unread(merged)));
            self.adopt_owner(ino, file, name, stat, merged)?;
            return Ok(ino);
        }
        let several = (stat.st_nlink > 1).then_some((stat.st_dev, stat.st_ino));
        if let Some(ino) = several.and_then(|key| self.several.get(&key).copied()) {
            let node = self.nodes.get_mut(&ino).ok_or(Errno::STALE)?;
            node.names.push((parent, name.clone()));
            return Ok(ino);
        }
        let ino = self.take_ino();
        self.add_node(ino, kind, Some((parent, name.clone())), None);
        self.remember_several(ino, several);
        let below = below.and_then(|below| self.lower.index().lookup(below, name));
        self.adopt_owner(ino, file, name, stat, below)?;
        Ok(ino)
    }

    fn adopt_owner(
        &mut self,
        ino: Ino,
        directory: &OwnedFd,
        name: &Name,
        stat: &Stat,
        below: Option<EntryId>,
    ) -> Result<()> {
        let Some(users) = &self.users else { return Ok(()) };
        let directory = directory.try_clone().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        let place = Place::Named { directory: Arc::new(directory), name: name.clone() };
        if let Some(device) = users.adopt(ino, &place, stat, &self.lower, below) {
            self.turn_into(ino, device);
        }
        Ok(())
    }

    /// An empty file stands for a device.
    pub fn turn_into(&mut self, ino: Ino, device: Device) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.kind = if device.is_block { FileType::BlockDevice } else { FileType::CharDevice };
            node.device = Some(device);
        }
    }

    fn is_opaque(&self, parent: &OwnedFd, name: &Name) -> Result<bool> {
        let directory = Arc::new(upper::open_directory(parent, name)?);
        let marked = Place::Held(directory.clone()).xattr(OPAQUE.as_bytes());
        if marked.is_ok_and(|value| value == b"y") {
            return Ok(true);
        }
        if self.upper.marks() == Marks::Overlayfs {
            return Ok(false);
        }
        match rustix::fs::statat(&directory, OPAQUE_FILE, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    pub fn take_ino(&mut self) -> Ino {
        self.next_ino += 1;
        self.next_ino
    }

    pub fn add_node(
        &mut self,
        ino: Ino,
        kind: FileType,
        name: Option<(Ino, Name)>,
        directory: Option<Directory>,
    ) {
        let node = Node {
            kind,
            names: name.into_iter().collect(),
            lookups: 0,
            held: None,
            directory,
            device: None,
            several: None,
        };
        self.nodes.insert(ino, node);
    }

    /// A node without a name, kept by its descriptor.
    pub fn add_unlinked(&mut self, ino: Ino, kind: FileType, held: OwnedFd) {
        self.add_node(ino, kind, None, None);
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.held = Some(Arc::new(held));
        }
    }

    fn remember_several(&mut self, ino: Ino, several: Option<(u64, u64)>) {
        if let (Some(key), Some(node)) = (several, self.nodes.get_mut(&ino)) {
            node.several = Some(key);
            self.several.insert(key, ino);
        }
    }

    /// Further names of a file in directories that were not read yet lead to the same node.
    pub fn note_links(&mut self, ino: Ino) -> Result<()> {
        let stat = self.place(ino)?.ok_or(Errno::STALE)?.stat()?;
        self.remember_several(ino, (stat.st_nlink > 1).then_some((stat.st_dev, stat.st_ino)));
        Ok(())
    }

    /// Puts a node into a directory that was read.
    pub fn put(&mut self, directory: Ino, name: &Name, ino: Ino) -> Result<()> {
        let covers = self.lower_child(directory, name).is_some();
        let directory = self.directory_mut(directory)?;
        let cookie = match directory.slots.get(name) {
            Some(Slot::Node { cookie, .. }) => *cookie,
            _ if covers => None,
            _ => {
                directory.next_cookie += 1;
                directory.order.insert(directory.next_cookie, name.clone());
                Some(directory.next_cookie)
            }
        };
        directory.slots.insert(name.clone(), Slot::Node { ino, cookie });
        Ok(())
    }

    /// Takes a name out of a directory that was read; what the image has there stays hidden.
    pub fn take(&mut self, directory: Ino, name: &[u8]) -> Result<()> {
        let hidden = self.lower_child(directory, name);
        let directory = self.directory_mut(directory)?;
        if let Some(Slot::Node { cookie: Some(cookie), .. }) = directory.slots.remove(name) {
            directory.order.remove(&cookie);
        }
        if hidden.is_some() {
            directory.slots.insert(name.into(), Slot::Whiteout);
        }
        Ok(())
    }

    pub fn add_name(&mut self, ino: Ino, directory: Ino, name: Name) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.names.push((directory, name));
        }
    }

    /// Forgets one name of a node; without names and references it goes.
    pub fn drop_name(&mut self, ino: Ino, directory: Ino, name: &[u8]) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.names.retain(|(parent, known)| (*parent, &**known) != (directory, name));
        }
        self.drop_unused(ino);
    }

    pub fn note_gone(&mut self, id: EntryId) {
        self.gone.insert(id);
    }

    /// Opens what is about to lose its last known name, so that who has it open can go on.
    pub fn hold(&mut self, ino: Ino) -> Result<()> {
        let Some(node) = self.nodes.get(&ino) else { return Ok(()) };
        if node.held.is_some() || node.names.len() > 1 || self.references(ino) == 0 {
            return Ok(());
        }
        let place = self.place(ino)?.ok_or(Errno::STALE)?;
        let held = Arc::new(place.open(OFlags::PATH)?);
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.held = Some(held);
        }
        Ok(())
    }

    fn references(&self, ino: Ino) -> u64 {
        match self.lower_lookups.get(ino as usize) {
            Some(count) => u64::from(*count),
            None => self.nodes.get(&ino).map_or(0, |node| node.lookups),
        }
    }

    /// The kernel was told about an inode once more.
    pub fn looked_up(&mut self, ino: Ino) {
        match self.lower_lookups.get_mut(ino as usize) {
            Some(count) => *count = count.saturating_add(1),
            None => {
                if let Some(node) = self.nodes.get_mut(&ino) {
                    node.lookups += 1;
                }
            }
        }
    }

    pub fn forget(&mut self, ino: Ino, lookups: u64) {
        match self.lower_lookups.get_mut(ino as usize) {
            Some(count) => *count = count.saturating_sub(lookups.min(u64::from(u32::MAX)) as u32),
            None => {
                if let Some(node) = self.nodes.get_mut(&ino) {
                    node.lookups = node.lookups.saturating_sub(lookups);
                }
            }
        }
        self.drop_unused(ino);
    }

    fn drop_unused(&mut self, ino: Ino) {
        let unused = self.nodes.get(&ino).is_some_and(|node| node.names.is_empty());
        if ino == ROOT || !unused || self.references(ino) > 0 {
            return;
        }
        self.descriptors.remove(ino);
        if let Some(key) = self.nodes.remove(&ino).and_then(|node| node.several) {
            self.several.remove(&key);
        }
    }

    /// Where an object of the upper stands; `None` if the inode lies in the image alone.
    pub fn place(&mut self, ino: Ino) -> Result<Option<Place>> {
        let Some(node) = self.nodes.get(&ino) else { return Ok(None) };
        if let Some((parent, name)) = node.names.first() {
            let (parent, name) = (*parent, name.clone());
            return Ok(Some(Place::Named { directory: self.open_directory(parent)?, name }));
        }
        Ok(Some(Place::Held(node.held.clone().ok_or(Errno::STALE)?)))
    }

    /// A directory of the upper, open for everything but writing.
    pub fn open_directory(&mut self, ino: Ino) -> Result<Arc<OwnedFd>> {
        if let Some(open) = self.descriptors.get(ino) {
            return Ok(open);
        }
        if ino == ROOT {
            return self.nodes[&ROOT].held.clone().ok_or(Errno::STALE);
        }
        let place = self.place(ino)?.ok_or(Errno::STALE)?;
        let open = place.open(OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(self.descriptors.insert(ino, open))
    }

    /// A regular file of the upper, open for reading and writing.
    pub fn open_file(&mut self, ino: Ino) -> Result<Arc<OwnedFd>> {
        if let Some(open) = self.descriptors.get(ino) {
            return Ok(open);
        }
        if self.kind(ino)? != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        let place = self.place(ino)?.ok_or(Errno::STALE)?;
        let open = place.open(OFlags::RDWR | OFlags::NOCTTY)?;
        Ok(self.descriptors.insert(ino, open))
    }

    /// Keeps a file open that was just made.
    pub fn keep_open(&mut self, ino: Ino, file: OwnedFd) {
        self.descriptors.insert(ino, file);
    }

    pub fn attr(&mut self, ino: Ino) -> Result<FileAttr> {
        if let Some(place) = self.place(ino)? {
            let mut attr = attr_of(ino, &place.stat()?)?;
            let node = &self.nodes[&ino];
            // What the upper counts in a merged directory is half of the truth; 1 says "not counted" to find
            // and fts, as in overlayfs.
            if node.directory.as_ref().is_some_and(|directory| directory.lower.is_some()) {
                attr.nlink = 1;
            }
            if let Some(Device { major, minor, .. }) = node.device {
                (attr.kind, attr.rdev) = (node.kind, lower::device_number((major, minor)));
            }
            return Ok(attr);
        }
        let id = self.lower.entry_of(ino).ok_or(Errno::STALE)?;
        if let Some(users) = &self.users {
            users.show_lower(ino, &self.lower, id);
        }
        let mut attr = self.lower.attr(id);
        let changed = self.nodes.len() > 1 || !self.gone.is_empty();
        if attr.kind != FileType::Directory && changed {
            attr.nlink = match attr.nlink {
                1 => u32::from(!self.gone.contains(&id)),
                _ => self.visible_names(id)?.len() as u32,
            };
        }
        Ok(attr)
    }

    /// The names under which a file of the image can still be seen, as directory and name.
    pub fn visible_names(&mut self, id: EntryId) -> Result<Vec<(EntryId, Name)>> {
        let lower = self.lower.clone();
        let index = lower.index();
        let inode = index.entry(id).inode();
        let all = match index.entry(inode).nlink() {
            1 => vec![inode],
            _ => index.links(inode),
        };
        let mut visible = Vec::new();
        for link in all {
            let entry = index.entry(link);
            let parent = entry.parent();
            if self.is_visible(parent)?
                && self.child(Ino::from(parent.0) + 1, entry.name())? == Some(Ino::from(inode.0) + 1)
            {
                visible.push((parent, entry.name().into()));
            }
        }
        Ok(visible)
    }

    /// Whether a directory of the image can still be reached.
    pub fn is_visible(&mut self, id: EntryId) -> Result<bool> {
        let ino = Ino::from(id.0) + 1;
        if let Some(node) = self.nodes.get(&ino) {
            return Ok(ino == ROOT || !node.names.is_empty());
        }
        let lower = self.lower.clone();
        let entry = lower.index().entry(id);
        let parent = entry.parent();
        Ok(self.is_visible(parent)? && self.child(Ino::from(parent.0) + 1, entry.name())? == Some(ino))
    }

    pub fn parent(&self, ino: Ino) -> Ino {
        match self.nodes.get(&ino) {
            Some(node) => node.names.first().map_or(ino, |(parent, _)| *parent),
            None => self
                .lower
                .entry_of(ino)
                .map_or(ino, |id| Ino::from(self.lower.index().entry(id).parent().0) + 1),
        }
    }

    pub fn is_empty(&mut self, ino: Ino) -> Result<bool> {
        let mut empty = true;
        self.list(ino, 2, |_, _, _, _| {
            empty = false;
            true
        })?;
        Ok(empty)
    }

    /// The entries of a directory from `offset` on: `.`, `..`, the names of the image's directory at
    /// their place there, then the others by age. Names that come or go leave the offsets of the rest
    /// as they are. `add` is given the next entry's offset and says whether the buffer is full.
    pub fn list(
        &mut self,
        ino: Ino,
        offset: u64,
        mut add: impl FnMut(&mut Tree, Ino, u64, &[u8]) -> bool,
    ) -> Result<()> {
        if !self.is_directory(ino) {
            return Err(Errno::NOTDIR);
        }
        for (at, dot) in (0u64..).zip([(ino, &b"."[..]), (self.parent(ino), b"..")]) {
            if at >= offset && add(self, dot.0, at + 1, dot.1) {
                return Ok(());
            }
        }
        let below = match self.nodes.contains_key(&ino) {
            true => {
                self.load(ino)?;
                self.directory(ino)?.lower
            }
            false => self.lower.entry_of(ino),
        };
        let lower = self.lower.clone();
        let children = below.map_or(0..0, |id| lower.index().entry(id).children());
        let count = u64::from(children.end - children.start);
        for at in offset.saturating_sub(2)..count {
            let id = EntryId(children.start + at as u32);
            let name = lower.index().entry(id).name();
            let slot =
                self.nodes.get(&ino).and_then(|node| node.directory.as_ref()?.slots.get(name).copied());
            let child = match slot {
                Some(Slot::Whiteout) => continue,
                Some(Slot::Node { ino, .. }) => ino,
                None => lower.ino_of(id),
            };
            if add(self, child, at + 3, name) {
                return Ok(());
            }
        }
        self.list_own(ino, offset.saturating_sub(2 + count), count + 2, add)
    }

    fn list_own(
        &mut self,
        ino: Ino,
        from: u64,
        base: u64,
        mut add: impl FnMut(&mut Tree, Ino, u64, &[u8]) -> bool,
    ) -> Result<()> {
        let mut after = from;
        loop {
            let Some(directory) = self.nodes.get(&ino).and_then(|node| node.directory.as_ref()) else {
                return Ok(());
            };
            let Some((cookie, name)) = directory.order.range(after + 1..).next() else { return Ok(()) };
            let (cookie, name) = (*cookie, name.clone());
            if let Some(Slot::Node { ino: child, .. }) = directory.slots.get(&name).copied()
                && add(self, child, base + cookie, &name)
            {
                return Ok(());
            }
            after = cookie;
        }
    }

    /// A name in the work directory that nothing has.
    pub fn temporary(&mut self) -> Vec<u8> {
        self.temporary += 1;
        format!("{}{}", super::TEMPORARY, self.temporary).into_bytes()
    }
}

pub fn file_type(stat: &Stat) -> Result<FileType> {
    use rustix::fs::FileType as Raw;
    Ok(match Raw::from_raw_mode(stat.st_mode) {
        Raw::RegularFile => FileType::RegularFile,
        Raw::Directory => FileType::Directory,
        Raw::Symlink => FileType::Symlink,
        Raw::Fifo => FileType::NamedPipe,
        Raw::Socket => FileType::Socket,
        Raw::CharacterDevice => FileType::CharDevice,
        Raw::BlockDevice => FileType::BlockDevice,
        Raw::Unknown => return Err(Errno::IO),
    })
}

fn attr_of(ino: Ino, stat: &Stat) -> Result<FileAttr> {
    let time = |sec: i64, nsec: u64| lower::system_time(Mtime { sec, nsec: nsec as u32 });
    let kind = file_type(stat)?;
    let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Ok(FileAttr {
        ino: INodeNo(ino),
        size: stat.st_size as u64,
        blocks: stat.st_blocks as u64,
        atime: time(stat.st_atime, stat.st_atime_nsec),
        mtime: time(stat.st_mtime, stat.st_mtime_nsec),
        ctime: time(stat.st_ctime, stat.st_ctime_nsec),
        crtime: time(stat.st_ctime, stat.st_ctime_nsec),
        kind,
        perm: (stat.st_mode & 0o7777) as u16,
        nlink: stat.st_nlink as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: lower::device_number(device),
        blksize: 4096,
        flags: 0,
    })
}

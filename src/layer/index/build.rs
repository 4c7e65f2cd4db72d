//! Makes the index of one layer from the members of its tar, in the archive's order.
//!
//! Members are files in a tree of our own, never on a disk: whatever a name says, it can only ever mean
//! something inside of that tree. What the archive's order means is what unpacking it with Docker would
//! have made: a later member replaces an earlier one of the same name, with everything below it; a
//! directory that comes again keeps its content and takes the new attributes; a hard link stands for
//! what its target was at that moment; a symbolic link on the way to a name is followed inside the tree.
//! Whiteouts say something about lower layers only (OCI image spec, "Whiteouts"), so their place among
//! the members means nothing.
//!
//! A hard link's own attributes are not looked at: they are the target's, or a mistake of the archiver.

use std::hash::{BuildHasher, RandomState};

use super::Mtime;
use super::format::{self, Draft, Kind, LayerRecord, RawEntry, Span, encode_xattrs};
use crate::layer::DiffId;
use crate::layer::tar::{Data, Member, MemberKind};

/// More than any file system image has; keeps a bomb of empty members from filling the memory.
const MAX_ENTRIES: usize = 1 << 24;
/// NAME_MAX: the kernel takes no longer name, so that such a file could never be reached.
const MAX_NAME: usize = 255;
/// PATH_MAX, without the final NUL.
const MAX_PATH: usize = 4095;
/// As many symbolic links as the kernel follows on one path (path_resolution(7)).
const MAX_HOPS: usize = 40;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Names of AUFS's own bookkeeping, which Docker passes over.
const AUFS: &[u8] = b".wh..wh.";

/// A member that no file system could hold, or that tries to leave its root.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("archive member {name:?}: {why}")]
pub struct BuildError {
    pub name: String,
    pub why: Refusal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is outside of the archive's root")]
    Outside,
    #[error("the link's target is outside of the archive's root")]
    TargetOutside,
    #[error("the file name is too long")]
    NameTooLong,
    #[error("a part of its path is not a directory")]
    NotADirectory,
    #[error("too many levels of symbolic links")]
    TooManyLinks,
    #[error("the root is not a directory")]
    Root,
    #[error("hard link to a directory")]
    LinkToDirectory,
    #[error("the link has no target")]
    NoTarget,
    #[error("it whites out no name")]
    EmptyWhiteout,
    #[error("the archive has too many members or names")]
    TooMany,
}

/// The tree of a layer while its tar is read. About 110 bytes and the name for each member.
pub struct LayerBuilder {
    nodes: Vec<Node>,
    inodes: Vec<Inode>,
    names: Names,
    /// Names, targets, xattrs.
    draft: Draft,
    /// The last xattrs and where they lie: archives with labels repeat them for every member.
    last_xattrs: (Vec<u8>, Span),
}

/// A name in the tree. Nodes that were replaced stay where they are, out of reach: nothing finds them by
/// name, as their parent or they themselves are no longer `alive`.
#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    name: Span,
    /// `NONE` for a name that is only whited out.
    inode: u32,
    first_child: u32,
    next_sibling: u32,
    alive: bool,
    /// Whether lower layers' file of this name is hidden.
    whiteout: bool,
    /// Whether what lower layers have in this directory is hidden.
    opaque: bool,
}

struct Inode {
    kind: Kind,
    flags: u8,
    mode: u16,
    uid: u32,
    gid: u32,
    mtime: Mtime,
    size: u64,
    /// As in `RawEntry::data`, except for directories.
    data: u64,
    xattrs: Span,
    first_extent: u32,
    extents: u32,
}

const NONE: u32 = u32::MAX;
const ROOT: u32 = 0;

impl Inode {
    fn implicit_directory() -> Inode {
        Inode {
            kind: Kind::Directory,
            flags: format::IMPLICIT,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: Mtime::default(),
            size: 0,
            data: 0,
            xattrs: Span::default(),
            first_extent: 0,
            extents: 0,
        }
    }
}

impl Default for LayerBuilder {
    fn default() -> Self {
        LayerBuilder::new()
    }
}

impl LayerBuilder {
    pub fn new() -> LayerBuilder {
        let mut builder = LayerBuilder {
            nodes: Vec::new(),
            inodes: vec![Inode::implicit_directory()],
            names: Names::default(),
            draft: Draft::default(),
            last_xattrs: Default::default(),
        };
        builder.nodes.push(Node {
            parent: ROOT,
            name: Span::default(),
            inode: 0,
            first_child: NONE,
            next_sibling: NONE,
            alive: true,
            whiteout: false,
            opaque: false,
        });
        builder
    }

    /// Takes the next member of the archive.
    pub fn add(&mut self, member: &Member) -> Result<(), BuildError> {
        self.place(member)
            .map_err(|why| BuildError { name: String::from_utf8_lossy(&member.name).into_owned(), why })
    }

    fn place(&mut self, member: &Member) -> Result<(), Refusal> {
        if member.name.len() > MAX_PATH || member.target.len() > MAX_PATH {
            return Err(Refusal::NameTooLong);
        }
        let path = clean(&member.name).ok_or(Refusal::Outside)?;
        if path.first().is_some_and(|name| name.starts_with(AUFS) && *name != OPAQUE) {
            return Ok(());
        }
        let Some((name, parents)) = path.split_last() else {
            return self.place_root(member);
        };
        let directory = self.make_directories(parents)?;
        if *name == OPAQUE {
            self.nodes[directory as usize].opaque = true;
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            return self.white_out(directory, hidden);
        }
        match member.kind {
            MemberKind::HardLink => self.place_link(directory, name, &member.target),
            MemberKind::Directory => self.place_directory(directory, name, member),
            _ => {
                let inode = self.new_inode(member)?;
                self.replace(directory, name, inode).map(drop)
            }
        }
    }

    fn place_root(&mut self, member: &Member) -> Result<(), Refusal> {
        if member.kind != MemberKind::Directory {
            return Err(Refusal::Root);
        }
        self.nodes[ROOT as usize].inode = self.new_inode(member)?;
        Ok(())
    }

    fn place_directory(&mut self, directory: u32, name: &[u8], member: &Member) -> Result<(), Refusal> {
        let inode = self.new_inode(member)?;
        match self.names.find(&self.nodes, &self.draft.strings, directory, name) {
            Some(node) if self.is_directory(node) => self.nodes[node as usize].inode = inode,
            _ => drop(self.replace(directory, name, inode)?),
        }
        Ok(())
    }

    fn place_link(&mut self, directory: u32, name: &[u8], target: &[u8]) -> Result<(), Refusal> {
        let path = clean(target).ok_or(Refusal::TargetOutside)?;
        if path.is_empty() {
            return Err(if target.is_empty() { Refusal::NoTarget } else { Refusal::LinkToDirectory });
        }
        let inode = match self.find_file(&path)? {
            Some(node) if self.is_at(node, directory, name) => return Ok(()),
            Some(node) => self.nodes[node as usize].inode,
            None => {
                let target = self.intern(&path.join(&b'/'))?;
                let link = Inode {
                    kind: Kind::LowerLink,
                    flags: 0,
                    size: target.len.into(),
                    data: target.offset.into(),
                    ..Inode::implicit_directory()
                };
                self.push_inode(link)?
            }
        };
        self.replace(directory, name, inode).map(drop)
    }

    fn white_out(&mut self, directory: u32, name: &[u8]) -> Result<(), Refusal> {
        // `.wh.`, `.wh..` and `.wh...` would remove this directory or the one above it.
        if matches!(name, b"" | b"." | b"..") {
            return Err(Refusal::EmptyWhiteout);
        }
        if name.starts_with(WHITEOUT) {
            return Ok(()); // `.wh..wh.*`: AUFS again
        }
        let node = match self.names.find(&self.nodes, &self.draft.strings, directory, name) {
            Some(node) => node,
            None => self.push_node(directory, name, NONE)?,
        };
        self.nodes[node as usize].whiteout = true;
        Ok(())
    }

    /// The directory at `path`; missing ones are made.
    fn make_directories(&mut self, path: &[&[u8]]) -> Result<u32, Refusal> {
        // The straight way, which nearly every member takes.
        let mut at = ROOT;
        for (done, name) in path.iter().enumerate() {
            match self.names.find(&self.nodes, &self.draft.strings, at, name) {
                Some(node) if self.is_directory(node) => at = node,
                _ => return self.walk(at, &path[done..], true).map(|found| found.expect("made if missing")),
            }
        }
        Ok(at)
    }

    /// From `at` along `path` to a directory, following symbolic links inside the tree. What is missing
    /// is made, or is `None`.
    fn walk(&mut self, mut at: u32, path: &[&[u8]], make: bool) -> Result<Option<u32>, Refusal> {
        let mut hops = 0;
        let mut rest: Vec<Vec<u8>> = path.iter().rev().map(|name| name.to_vec()).collect();
        while let Some(name) = rest.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    at = self.nodes[at as usize].parent;
                    continue;
                }
                _ => {}
            }
            let found = self.names.find(&self.nodes, &self.draft.strings, at, &name);
            let found = found.and_then(|node| Some((node, self.inode_of(node)?.kind)));
            match found {
                Some((node, Kind::Directory)) => at = node,
                Some((node, Kind::Symlink)) => {
                    hops += 1;
                    if hops > MAX_HOPS {
                        return Err(Refusal::TooManyLinks);
                    }
                    let target = self.target_of(node);
                    if target.starts_with(b"/") {
                        at = ROOT;
                    }
                    rest.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
                }
                Some(_) => return Err(Refusal::NotADirectory),
                None if make => {
                    let inode = self.push_inode(Inode::implicit_directory())?;
                    at = self.replace(at, &name, inode)?;
                }
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// The node at `path`, if it is there; an error if it is a directory.
    fn find_file(&mut self, path: &[&[u8]]) -> Result<Option<u32>, Refusal> {
        let Some((name, parents)) = path.split_last() else { return Err(Refusal::LinkToDirectory) };
        let Some(directory) = self.walk(ROOT, parents, false)? else { return Ok(None) };
        match self.names.find(&self.nodes, &self.draft.strings, directory, name) {
            Some(node) if self.is_directory(node) => Err(Refusal::LinkToDirectory),
            Some(node) if self.inode_of(node).is_some() => Ok(Some(node)),
            _ => Ok(None),
        }
    }

    fn is_at(&self, node: u32, directory: u32, name: &[u8]) -> bool {
        let node = &self.nodes[node as usize];
        node.parent == directory && self.draft.bytes(node.name) == name
    }

    fn inode_of(&self, node: u32) -> Option<&Inode> {
        self.inodes.get(self.nodes[node as usize].inode as usize)
    }

    fn is_directory(&self, node: u32) -> bool {
        self.inode_of(node).is_some_and(|inode| inode.kind == Kind::Directory)
    }

    fn target_of(&self, node: u32) -> Vec<u8> {
        let span = self.inode_of(node).map(|i| Span { offset: i.data as u32, len: i.size as u32 });
        self.draft.bytes(span.unwrap_or_default()).to_vec()
    }

    /// Makes `name` stand for `inode`. What was there goes, with all that was below it; that lower layers'
    /// file is hidden stays.
    fn replace(&mut self, directory: u32, name: &[u8], inode: u32) -> Result<u32, Refusal> {
        let old = self.names.find(&self.nodes, &self.draft.strings, directory, name);
        if let Some(old) = old
            && !self.is_directory(old)
        {
            self.nodes[old as usize].inode = inode;
            return Ok(old);
        }
        let node = self.push_node(directory, name, inode)?;
        if let Some(old) = old {
            self.nodes[node as usize].whiteout = self.nodes[old as usize].whiteout;
            self.nodes[old as usize].alive = false;
        }
        Ok(node)
    }

    fn push_node(&mut self, directory: u32, name: &[u8], inode: u32) -> Result<u32, Refusal> {
        if name.len() > MAX_NAME {
            return Err(Refusal::NameTooLong);
        }
        if self.nodes.len() >= MAX_ENTRIES {
            return Err(Refusal::TooMany);
        }
        let name = self.intern(name)?;
        let id = self.nodes.len() as u32;
        let parent = &mut self.nodes[directory as usize];
        let next_sibling = std::mem::replace(&mut parent.first_child, id);
        self.nodes.push(Node {
            parent: directory,
            name,
            inode,
            first_child: NONE,
            next_sibling,
            alive: true,
            whiteout: false,
            opaque: false,
        });
        self.names.insert(&self.nodes, &self.draft.strings, id);
        Ok(id)
    }

    fn push_inode(&mut self, inode: Inode) -> Result<u32, Refusal> {
        if self.inodes.len() >= MAX_ENTRIES {
            return Err(Refusal::TooMany);
        }
        self.inodes.push(inode);
        Ok(self.inodes.len() as u32 - 1)
    }

    fn new_inode(&mut self, member: &Member) -> Result<u32, Refusal> {
        let mut inode = Inode {
            kind: match member.kind {
                MemberKind::File => Kind::File,
                MemberKind::Directory => Kind::Directory,
                MemberKind::Symlink => Kind::Symlink,
                MemberKind::CharDevice => Kind::CharDevice,
                MemberKind::BlockDevice => Kind::BlockDevice,
                MemberKind::Fifo => Kind::Fifo,
                MemberKind::HardLink => unreachable!("a hard link has its target's inode"),
            },
            flags: 0,
            mode: (member.mode & 0o7777) as u16,
            uid: member.uid,
            gid: member.gid,
            mtime: member.mtime,
            size: 0,
            data: 0,
            xattrs: self.intern_xattrs(member)?,
            first_extent: 0,
            extents: 0,
        };
        match member.kind {
            MemberKind::File => self.take_data(&mut inode, member)?,
            MemberKind::Symlink => {
                if member.target.is_empty() {
                    return Err(Refusal::NoTarget);
                }
                let target = self.intern(&member.target)?;
                (inode.size, inode.data) = (target.len.into(), target.offset.into());
            }
            MemberKind::CharDevice | MemberKind::BlockDevice => {
                inode.data = u64::from(member.device.0) << 32 | u64::from(member.device.1);
            }
            _ => {}
        }
        self.push_inode(inode)
    }

    fn take_data(&mut self, inode: &mut Inode, member: &Member) -> Result<(), Refusal> {
        inode.size = member.size;
        match &member.data {
            Data::Plain { offset } => inode.data = *offset,
            Data::Sparse(extents) => {
                inode.flags |= format::SPARSE;
                inode.first_extent = self.draft.extents.len() as u32;
                inode.extents = extents.len() as u32;
                if self.draft.extents.len() + extents.len() > MAX_ENTRIES {
                    return Err(Refusal::TooMany);
                }
                self.draft.extents.extend(extents);
            }
        }
        Ok(())
    }

    fn intern(&mut self, bytes: &[u8]) -> Result<Span, Refusal> {
        self.draft.intern(bytes).ok_or(Refusal::TooMany)
    }

    fn intern_xattrs(&mut self, member: &Member) -> Result<Span, Refusal> {
        if member.xattrs.is_empty() {
            return Ok(Span::default());
        }
        let bytes = encode_xattrs(member.xattrs.iter().map(|(name, value)| (&name[..], &value[..])));
        if self.last_xattrs.0 != bytes {
            let span = self.intern(&bytes)?;
            self.last_xattrs = (bytes, span);
        }
        Ok(self.last_xattrs.1)
    }

    /// The index of the layer, whose name and length are known only now that all of it was read.
    pub fn finish(mut self, id: DiffId, tar_size: u64) -> Draft {
        self.resolve_late_links();
        self.names = Names::default();
        let order = self.breadth_first();
        // An inode's first name stands for all; (first name, how many).
        let mut groups = vec![(NONE, 0_u32); self.inodes.len()];
        for (entry, node) in order.iter().enumerate() {
            if let Some(group) = groups.get_mut(self.nodes[*node as usize].inode as usize) {
                group.0 = group.0.min(entry as u32);
                group.1 += 1;
            }
        }
        let mut entries: Vec<RawEntry> = Vec::with_capacity(order.len());
        let mut position = vec![0_u32; self.nodes.len()];
        let mut first_child = vec![(0_u32, 0_u32); order.len()];
        for (entry, node) in order.iter().enumerate() {
            position[*node as usize] = entry as u32;
            let parent = position[self.nodes[*node as usize].parent as usize];
            if entry > 0 {
                let children = &mut first_child[parent as usize];
                if children.1 == 0 {
                    children.0 = entry as u32;
                }
                children.1 += 1;
            }
            entries.push(self.raw_entry(&self.nodes[*node as usize], entry as u32, parent, &groups));
        }
        for (entry, (first, count)) in entries.iter_mut().zip(first_child) {
            if entry.kind == Kind::Directory {
                entry.data = u64::from(first) << 32 | u64::from(count);
            }
        }
        let links = entries.iter().enumerate().filter(|(_, entry)| entry.nlink > 1);
        let mut links: Vec<_> = links.map(|(name, entry)| (entry.inode, name as u32)).collect();
        links.sort_unstable();
        Draft { layers: vec![LayerRecord { id, tar_size }], entries, links, ..self.draft }
    }

    /// A hard link may come before its target: what this layer has after all is not asked of lower ones.
    fn resolve_late_links(&mut self) {
        let links = self.nodes.iter().enumerate();
        let links = links.filter(|(_, node)| node.alive && self.is_lower_link(node.inode));
        let links: Vec<u32> = links.map(|(id, _)| id as u32).collect();
        for link in links {
            let target = self.target_of(link);
            let path: Vec<&[u8]> = target.split(|byte| *byte == b'/').collect();
            // What cannot be resolved here remains for the merge, which reports it.
            if let Ok(Some(node)) = self.find_file(&path) {
                let inode = self.nodes[node as usize].inode;
                if !self.is_lower_link(inode) {
                    self.nodes[link as usize].inode = inode;
                }
            }
        }
    }

    fn is_lower_link(&self, inode: u32) -> bool {
        self.inodes.get(inode as usize).is_some_and(|inode| inode.kind == Kind::LowerLink)
    }

    /// All nodes that can be reached, children after their directory, together and sorted by name.
    fn breadth_first(&self) -> Vec<u32> {
        let mut order = vec![ROOT];
        let mut next = 0;
        while let Some(directory) = order.get(next) {
            next += 1;
            if !self.is_directory(*directory) {
                continue;
            }
            let start = order.len();
            let mut child = self.nodes[*directory as usize].first_child;
            while child != NONE {
                let node = &self.nodes[child as usize];
                if node.alive {
                    order.push(child);
                }
                child = node.next_sibling;
            }
            order[start..].sort_unstable_by_key(|child| self.draft.bytes(self.nodes[*child as usize].name));
        }
        order
    }

    fn raw_entry(&self, node: &Node, entry: u32, parent: u32, groups: &[(u32, u32)]) -> RawEntry {
        let whiteout = Inode { kind: Kind::Whiteout, flags: 0, ..Inode::implicit_directory() };
        let (inode, group) = match self.inodes.get(node.inode as usize) {
            Some(inode) if inode.kind == Kind::Directory => (inode, (entry, 1)),
            Some(inode) => (inode, groups[node.inode as usize]),
            None => (&whiteout, (entry, 1)),
        };
        // To hide a name and have a directory there is to hide what lower layers have in it.
        let opaque = inode.kind == Kind::Directory && (node.opaque || node.whiteout);
        RawEntry {
            name: node.name,
            kind: inode.kind,
            flags: inode.flags | if opaque { format::OPAQUE } else { 0 },
            parent,
            inode: group.0,
            mode: inode.mode,
            layer: 0,
            uid: inode.uid,
            gid: inode.gid,
            nlink: group.1,
            mtime: inode.mtime,
            size: inode.size,
            data: inode.data,
            xattrs: inode.xattrs,
            first_extent: inode.first_extent,
            extents: inode.extents,
        }
    }
}

impl Draft {
    fn bytes(&self, span: Span) -> &[u8] {
        &self.strings[span.offset as usize..][..span.len as usize]
    }
}

/// The names of a path as Docker reads it: empty ones and `.` are nothing, `..` takes away the one
/// before, an absolute path begins at the root. `None` if it leads out of the root.
fn clean(path: &[u8]) -> Option<Vec<&[u8]>> {
    let absolute = path.starts_with(b"/");
    let mut names = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if names.is_empty() && !absolute => return None,
            b".." => drop(names.pop()),
            _ => names.push(name),
        }
    }
    Some(names)
}

/// Finds nodes by parent and name: an open-addressing table of node numbers, 8 bytes per name. The names
/// themselves are not repeated in it. Hashes are keyed: names are chosen by strangers.
#[derive(Default)]
struct Names {
    /// Node number + 1; 0 is free. A power of two, at most half full.
    slots: Vec<u32>,
    used: usize,
    hasher: RandomState,
}

impl Names {
    fn find(&self, nodes: &[Node], strings: &[u8], parent: u32, name: &[u8]) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = self.hash(parent, name) & mask;
        loop {
            let id = self.slots[at].checked_sub(1)?;
            let node = &nodes[id as usize];
            if node.parent == parent && node.alive && bytes(strings, node.name) == name {
                return Some(id);
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, nodes: &[Node], strings: &[u8], id: u32) {
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            self.grow(nodes, strings);
        } else {
            self.put(nodes, strings, id);
        }
    }

    fn grow(&mut self, nodes: &[Node], strings: &[u8]) {
        let alive = |id: &usize| nodes[*id].alive;
        let live: Vec<usize> = (1..nodes.len()).filter(alive).collect();
        self.used = live.len();
        self.slots = vec![0; (self.used * 4).next_power_of_two().max(64)];
        for id in live {
            self.put(nodes, strings, id as u32);
        }
    }

    fn put(&mut self, nodes: &[Node], strings: &[u8], id: u32) {
        let mask = self.slots.len() - 1;
        let node = &nodes[id as usize];
        let mut at = self.hash(node.parent, bytes(strings, node.name)) & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = id + 1;
    }

    fn hash(&self, parent: u32, name: &[u8]) -> usize {
        self.hasher.hash_one((parent, name)) as usize
    }
}

fn bytes(strings: &[u8], span: Span) -> &[u8] {
    &strings[span.offset as usize..][..span.len as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_as_docker_does() {
        let table: [(&[u8], Option<&[u8]>); 10] = [
            (b"a/b", Some(b"a/b")),
            (b"./a//b/./", Some(b"a/b")),
            (b"/etc/passwd", Some(b"etc/passwd")),
            (b"a/../b", Some(b"b")),
            (b"/../../b", Some(b"b")),
            (b"./", Some(b"")),
            (b"", Some(b"")),
            (b"..", None),
            (b"a/../../b", None),
            (b"...", Some(b"...")),
        ];
        for (path, expected) in table {
            let cleaned = clean(path).map(|names| names.join(&b'/'));
            assert_eq!(cleaned.as_deref(), expected, "{}", String::from_utf8_lossy(path));
        }
    }
}

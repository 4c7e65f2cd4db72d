//! Merges the indexes of a chain of layers into one: whiteouts are applied, hard links to lower layers
//! resolved, directories that only names speak of take the attributes of a lower layer's.
//!
//! A directory replaces a lower layer's symbolic link of the same name, as it does when Docker unpacks each
//! layer into a directory of its own.
//!
//! The walk is breadth first and looks, for each directory, at the children in all layers that have part
//! in it, topmost layer first, as in a merge of sorted lists. Every entry is looked at once.

use std::collections::{HashMap, HashSet, VecDeque};

use super::format::{self, Draft, Kind, RawEntry};
use super::{Entry, EntryId, Index};

/// As many symbolic links as the kernel follows on one path (path_resolution(7)).
const MAX_HOPS: usize = 40;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// As with Docker, such a layer cannot be used.
    #[error("hard link {name:?} to {target:?}: no such file or directory")]
    NoTarget { name: String, target: String },
    #[error("the layers have too many names")]
    TooLarge,
    /// Not the index of one layer, or a damaged one.
    #[error("the index of layer {0} of the chain is damaged")]
    Damaged(usize),
}

/// An entry of one of the layers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Source {
    layer: u16,
    id: EntryId,
}

/// Merges the indexes of single layers, lowest first.
pub fn merge(layers: &[Index]) -> Result<Draft, MergeError> {
    if layers.len() > usize::from(u16::MAX) {
        return Err(MergeError::TooLarge);
    }
    if let Some(bad) = layers.iter().position(|index| index.layers().len() != 1) {
        return Err(MergeError::Damaged(bad));
    }
    let chain = Chain { layers };
    let links = chain.lower_links()?;
    let shared = links.values().copied().collect();
    let mut merge = Merge { shared, links, ..Merge::new(layers) };
    merge.run()?;
    merge.finish_links();
    Ok(merge.draft)
}

/// The layers, lowest first.
#[derive(Clone, Copy)]
struct Chain<'a> {
    layers: &'a [Index],
}

impl<'a> Chain<'a> {
    fn entry(&self, source: Source) -> Entry<'a> {
        self.layers[usize::from(source.layer)].entry(source.id)
    }

    /// The root directories that have a part in the merged root, topmost first.
    fn roots(&self) -> Vec<Source> {
        let all = (0..self.layers.len() as u16).rev().map(|layer| Source { layer, id: EntryId::ROOT });
        self.visible(all)
    }

    /// Of the entries of one name, topmost first: those that are to be seen. Nothing, or one file, or the
    /// directories that are merged.
    fn visible(&self, named: impl IntoIterator<Item = Source>) -> Vec<Source> {
        let mut seen = Vec::new();
        for source in named {
            let entry = self.entry(source);
            if entry.is_whiteout() || (!entry.is_directory() && !seen.is_empty()) {
                break;
            }
            seen.push(source);
            if !entry.is_directory() || entry.is_opaque() {
                break;
            }
        }
        seen
    }

    /// What each hard link to a lower layer stands for.
    fn lower_links(&self) -> Result<HashMap<Source, Source>, MergeError> {
        let mut found: HashMap<Source, Source> = HashMap::new();
        for (layer, index) in self.layers.iter().enumerate().filter(|(_, index)| index.has_lower_links()) {
            let lower = Chain { layers: &self.layers[..layer] };
            for entry in index.entries() {
                let Some(target) = entry.lower_link() else { continue };
                let source = lower.resolve(target).ok_or_else(|| MergeError::NoTarget {
                    name: String::from_utf8_lossy(&entry.path()).into_owned(),
                    target: String::from_utf8_lossy(target).into_owned(),
                })?;
                // Lower layers came first: a link to a link is already resolved.
                let source = found.get(&source).copied().unwrap_or(source);
                found.insert(Source { layer: layer as u16, id: entry.id() }, source);
            }
        }
        Ok(found)
    }

    /// The file at `path`, by its inode's first name. Symbolic links are followed on the way, not at the end.
    fn resolve(&self, path: &[u8]) -> Option<Source> {
        let mut way = vec![self.roots()];
        let mut rest: Vec<&[u8]> = path.rsplit(|byte| *byte == b'/').collect();
        let mut hops = 0;
        while let Some(name) = rest.pop() {
            match name {
                b"" | b"." => continue,
                b".." => {
                    way.truncate((way.len() - 1).max(1));
                    continue;
                }
                _ => {}
            }
            let found = self.child(way.last()?, name);
            let entry = self.entry(*found.first()?);
            if entry.is_directory() {
                way.push(found);
            } else if rest.is_empty() {
                return Some(Source { id: entry.inode(), ..found[0] });
            } else {
                hops += 1;
                if hops > MAX_HOPS || entry.target().is_empty() {
                    return None;
                }
                if entry.target().starts_with(b"/") {
                    way.truncate(1);
                }
                rest.extend(entry.target().rsplit(|byte| *byte == b'/'));
            }
        }
        None
    }

    fn child(&self, directories: &[Source], name: &[u8]) -> Vec<Source> {
        self.visible(directories.iter().filter_map(|directory| {
            let id = self.layers[usize::from(directory.layer)].lookup(directory.id, name)?;
            Some(Source { id, ..*directory })
        }))
    }
}

struct Merge<'a> {
    chain: Chain<'a>,
    links: HashMap<Source, Source>,
    /// Files that hard links of upper layers stand for.
    shared: HashSet<Source>,
    draft: Draft,
    /// Directories whose children are still to come, with their parts, topmost first.
    queue: VecDeque<(u32, Vec<Source>)>,
    /// The names of files that have or may have several, by the inode they came from.
    groups: HashMap<Source, Vec<u32>>,
    last_xattrs: (Vec<u8>, format::Span),
    /// Entries of all layers. None of a sound index is come by twice: one whose directories share children
    /// might never end.
    limit: u64,
}

impl<'a> Merge<'a> {
    fn new(layers: &'a [Index]) -> Merge<'a> {
        let records = layers.iter().flat_map(|index| index.layout.layers.first().copied()).collect();
        Merge {
            chain: Chain { layers },
            links: HashMap::new(),
            shared: HashSet::new(),
            draft: Draft { layers: records, ..Draft::default() },
            queue: VecDeque::new(),
            groups: HashMap::new(),
            last_xattrs: Default::default(),
            limit: layers.iter().map(|index| u64::from(index.len())).sum(),
        }
    }

    fn run(&mut self) -> Result<(), MergeError> {
        let roots = self.chain.roots();
        if roots.is_empty() {
            self.draft.entries.push(empty_root());
            return Ok(());
        }
        self.push(0, roots)?;
        while let Some((directory, parts)) = self.queue.pop_front() {
            self.children(directory, &parts)?;
        }
        Ok(())
    }

    /// Adds what is to be seen in a directory.
    fn children(&mut self, directory: u32, parts: &[Source]) -> Result<(), MergeError> {
        let first = self.draft.entries.len();
        let mut lists: Vec<_> =
            parts.iter().map(|part| (part.layer, self.chain.entry(*part).children())).collect();
        let chain = self.chain;
        let name = |layer: u16, id: u32| chain.entry(Source { layer, id: EntryId(id) }).name();
        while let Some(least) = lists
            .iter()
            .filter(|(_, list)| list.start < list.end)
            .map(|(layer, list)| name(*layer, list.start))
            .min()
        {
            let mut named = Vec::with_capacity(lists.len());
            for (layer, list) in &mut lists {
                if list.start < list.end && name(*layer, list.start) == least {
                    named.push(Source { layer: *layer, id: EntryId(list.start) });
                    list.start += 1;
                }
            }
            let seen = chain.visible(named);
            if !seen.is_empty() {
                self.push(directory, seen)?;
            }
        }
        let count = self.draft.entries.len() - first;
        self.draft.entries[directory as usize].data = (first as u64) << 32 | count as u64;
        Ok(())
    }

    /// Adds one entry, made of the parts that are to be seen.
    fn push(&mut self, parent: u32, parts: Vec<Source>) -> Result<(), MergeError> {
        let id = u32::try_from(self.draft.entries.len()).map_err(|_| MergeError::TooLarge)?;
        if u64::from(id) >= self.limit {
            return Err(MergeError::Damaged(usize::from(parts[0].layer)));
        }
        let top = self.chain.entry(parts[0]);
        let source = self.attributes(&parts);
        let entry = self.chain.entry(source);
        let raw = entry.decode();
        let merged = RawEntry {
            name: self.draft.intern(top.name()).ok_or(MergeError::TooLarge)?,
            flags: raw.flags & format::SPARSE,
            parent,
            inode: id,
            layer: source.layer,
            nlink: 1,
            xattrs: self.xattrs(&entry)?,
            ..raw
        };
        let merged = self.data(merged, &entry)?;
        self.draft.entries.push(merged);
        if raw.kind == Kind::Directory {
            self.queue.push_back((id, parts));
        } else {
            let inode = Source { id: entry.inode(), ..source };
            if raw.nlink > 1 || self.shared.contains(&inode) {
                self.groups.entry(inode).or_default().push(id);
            }
        }
        Ok(())
    }

    /// The entry whose attributes (and data) are to be seen.
    fn attributes(&self, parts: &[Source]) -> Source {
        let explicit = parts.iter().find(|part| !self.chain.entry(**part).is_implicit());
        let source = *explicit.unwrap_or(&parts[0]);
        self.links.get(&source).copied().unwrap_or(source)
    }

    fn xattrs(&mut self, entry: &Entry<'a>) -> Result<format::Span, MergeError> {
        let bytes = entry.index.string(entry.decode().xattrs);
        if bytes.is_empty() {
            return Ok(format::Span::default());
        }
        if self.last_xattrs.0 != bytes {
            let span = self.draft.intern(bytes).ok_or(MergeError::TooLarge)?;
            self.last_xattrs = (bytes.to_vec(), span);
        }
        Ok(self.last_xattrs.1)
    }

    fn data(&mut self, mut merged: RawEntry, entry: &Entry<'a>) -> Result<RawEntry, MergeError> {
        match merged.kind {
            Kind::Symlink => {
                let target = self.draft.intern(entry.target()).ok_or(MergeError::TooLarge)?;
                (merged.data, merged.size) = (target.offset.into(), target.len.into());
            }
            Kind::File if merged.has(format::SPARSE) => {
                let extents = entry.extents();
                merged.first_extent =
                    u32::try_from(self.draft.extents.len()).map_err(|_| MergeError::TooLarge)?;
                merged.extents = extents.len() as u32;
                self.draft.extents.extend(extents);
            }
            _ => {}
        }
        Ok(merged)
    }

    /// The first name of each group stands for all of them.
    fn finish_links(&mut self) {
        for names in self.groups.values().filter(|names| names.len() > 1) {
            for name in names {
                let entry = &mut self.draft.entries[*name as usize];
                (entry.inode, entry.nlink) = (names[0], names.len() as u32);
                self.draft.links.push((names[0], *name));
            }
        }
        self.draft.links.sort_unstable();
    }
}

/// The root of an image without layers.
fn empty_root() -> RawEntry {
    RawEntry {
        name: format::Span::default(),
        kind: Kind::Directory,
        flags: 0,
        parent: 0,
        inode: 0,
        mode: 0o755,
        layer: 0,
        uid: 0,
        gid: 0,
        nlink: 1,
        mtime: super::Mtime::default(),
        size: 0,
        data: 0,
        xattrs: format::Span::default(),
        first_extent: 0,
        extents: 0,
    }
}

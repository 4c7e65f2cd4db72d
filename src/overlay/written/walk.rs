//! The upper and the image side by side, directory by directory, names in order.

use std::cmp::Ordering;
use std::io;
use std::iter::Peekable;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::vec::IntoIter;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::super::upper::open_directory;
use super::{Item, Place, What, Written};
use crate::identity::files::{Device, Record};
use crate::layer::{EntryId, FileKind};

/// What one name is. A directory comes before what is in it. Paths have no slash at either end.
pub(super) enum Step<'a> {
    /// The image's name is hidden, and everything below it. `by_opaque`: not by itself, but by a
    /// directory above it that shows nothing of the image.
    Deleted {
        path: &'a [u8],
        by_opaque: bool,
    },
    Upper(Node<'a>),
    /// The image's name shows as it is.
    Lower {
        path: &'a [u8],
        id: EntryId,
    },
}

/// A name that the container made or changed.
pub(super) struct Node<'a> {
    pub path: &'a [u8],
    pub directory: &'a Arc<OwnedFd>,
    pub name: &'a [u8],
    pub stat: &'a Stat,
    /// What is written down about it where users are emulated.
    pub record: Option<Record>,
    /// What the image has under this name.
    pub lower: Option<EntryId>,
    /// The image's name does not show through: a directory above is opaque.
    pub hidden: bool,
    /// A directory that shows nothing of the image's of the same name.
    pub opaque: bool,
}

impl Node<'_> {
    pub fn kind(&self) -> FileType {
        match self.record.and_then(|record| record.device) {
            None => FileType::from_raw_mode(self.stat.st_mode),
            Some(Device { is_block: true, .. }) => FileType::BlockDevice,
            Some(Device { is_block: false, .. }) => FileType::CharacterDevice,
        }
    }

    /// Major and minor number of a device.
    pub fn device(&self) -> (u32, u32) {
        match self.record.and_then(|record| record.device) {
            None => (rustix::fs::major(self.stat.st_rdev), rustix::fs::minor(self.stat.st_rdev)),
            Some(Device { major, minor, .. }) => (major, minor),
        }
    }
}

/// Whether to go into a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Descent {
    Enter,
    Skip,
}

/// A directory on the way down.
struct Frame {
    upper: Option<Arc<OwnedFd>>,
    items: Peekable<IntoIter<Item>>,
    /// Of the image: what is still to come.
    lower: Range<u32>,
    /// The image's names do not show.
    opaque: bool,
    /// Bytes of the path that are this directory's, its slash included.
    prefix: usize,
}

/// One name of a frame.
enum Next {
    Upper(Item, Option<EntryId>),
    Lower(EntryId),
}

impl Written {
    /// Calls `visit` with every name that the container has or has deleted; of what only the image has,
    /// with that of directories the container has written into, and with all that `visit` enters.
    pub(super) fn walk(&self, mut visit: impl FnMut(Step<'_>) -> io::Result<Descent>) -> io::Result<()> {
        let index = self.lower.index();
        let mut path = Vec::new();
        let mut frames = vec![self.frame(self.directory.clone(), Some(EntryId::ROOT), false, 0)?];
        while let Some(frame) = frames.last_mut() {
            path.truncate(frame.prefix);
            let Some(next) = self.next(frame) else {
                frames.pop();
                continue;
            };
            match next {
                Next::Lower(id) => {
                    path.extend_from_slice(index.entry(id).name());
                    if frame.opaque {
                        visit(Step::Deleted { path: &path, by_opaque: true })?;
                    } else if visit(Step::Lower { path: &path, id })? == Descent::Enter
                        && index.entry(id).kind() == FileKind::Directory
                    {
                        path.push(b'/');
                        frames.push(self.frame(None, Some(id), false, path.len())?);
                    }
                }
                Next::Upper(Item { name, what: What::Whiteout }, lower) => {
                    // Of a name that the image does not have nothing is to be told.
                    if lower.is_some() {
                        path.extend_from_slice(&name);
                        visit(Step::Deleted { path: &path, by_opaque: frame.opaque })?;
                    }
                }
                Next::Upper(Item { name, what: What::Node(stat) }, lower) => {
                    path.extend_from_slice(&name);
                    let hidden = frame.opaque;
                    let Some(directory) = frame.upper.clone() else { continue };
                    let place = Place::Named { directory: directory.clone(), name: name[..].into() };
                    let mut node = Node {
                        path: &path,
                        directory: &directory,
                        name: &name,
                        stat: &stat,
                        record: self.records.of(&place, &stat),
                        lower,
                        hidden,
                        opaque: false,
                    };
                    if node.kind() != FileType::Directory {
                        visit(Step::Upper(node))?;
                        continue;
                    }
                    let opened = match open_directory(&directory, &name) {
                        // Removed or replaced just now.
                        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                        opened => Arc::new(opened?),
                    };
                    let below = lower.filter(|id| index.entry(*id).kind() == FileKind::Directory);
                    let listing = self.list(&opened)?;
                    node.opaque = listing.opaque && below.is_some() && !hidden;
                    let opaque = hidden || listing.opaque;
                    if visit(Step::Upper(node))? == Descent::Enter {
                        path.push(b'/');
                        let lower = below.map_or(0..0, |id| index.entry(id).children());
                        let items = listing.items.into_iter().peekable();
                        frames.push(Frame { upper: Some(opened), items, lower, opaque, prefix: path.len() });
                    }
                }
            }
        }
        Ok(())
    }

    fn frame(
        &self,
        upper: Option<Arc<OwnedFd>>,
        lower: Option<EntryId>,
        opaque: bool,
        prefix: usize,
    ) -> io::Result<Frame> {
        let items = match &upper {
            Some(directory) => self.list(directory)?.items,
            None => Vec::new(),
        };
        let lower = lower.map_or(0..0, |id| self.lower.index().entry(id).children());
        Ok(Frame { upper, items: items.into_iter().peekable(), lower, opaque, prefix })
    }

    /// The first name of either side.
    fn next(&self, frame: &mut Frame) -> Option<Next> {
        let index = self.lower.index();
        let lower = (!frame.lower.is_empty()).then_some(EntryId(frame.lower.start));
        let order = match (frame.items.peek(), lower) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(item), Some(id)) => item.name[..].cmp(index.entry(id).name()),
        };
        if order != Ordering::Less {
            frame.lower.start += 1;
        }
        match order {
            Ordering::Less => frame.items.next().map(|item| Next::Upper(item, None)),
            Ordering::Equal => frame.items.next().map(|item| Next::Upper(item, lower)),
            Ordering::Greater => lower.map(Next::Lower),
        }
    }
}

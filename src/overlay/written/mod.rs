//! What a container has written, read from its upper for `diff`, `export` and `commit`: one place that
//! knows how deletions are marked and which names only the start of a container made.
//!
//! `walk` goes through the upper and the image side by side, `changes` tells what differs, `archive`
//! writes that as a layer, or both together as one tree. Names are opened one by one below the upper's
//! own descriptor and links are never followed: the container may rename and swap under way. What
//! vanishes meanwhile is left out.
//!
//! Called inside U, as files may belong to subordinate ids.

mod archive;
mod changes;
mod walk;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::Stat;
use rustix::io::Errno;

use super::MappedRange;
use super::full::place::Place;
use super::lower::Lower;
use super::records::Records;
use super::upper::{self, Marks, OPAQUE, OPAQUE_FILE, WHITEOUT_PREFIX, open_directory};
use crate::layer::MergedView;
use crate::sys::namespace::IdMapping;

pub use changes::{Change, ChangeKind};

/// A container's upper, and the image below it.
pub struct Written {
    /// Nothing if the container was never started.
    directory: Option<Arc<OwnedFd>>,
    marks: Marks,
    lower: Lower,
    owners: Owners,
    records: Records,
    /// Files that the container's start makes, or changes, and what they hold then.
    made_by_start: Vec<(Vec<u8>, Vec<u8>)>,
}

/// From ids as U numbers them to those the container knows.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    /// Maps of the container's user namespace, outside as U numbers.
    pub uids: Vec<IdMapping>,
    pub gids: Vec<IdMapping>,
}

/// A name of the upper.
struct Item {
    name: Vec<u8>,
    what: What,
}

enum What {
    /// The image's is deleted.
    Whiteout,
    Node(Box<Stat>),
}

/// A directory of the upper as it was read: sorted by name.
struct Listing {
    opaque: bool,
    items: Vec<Item>,
}

impl Written {
    /// Opens the upper of `container`. `uids` and `gids` are the container's ids.
    pub fn open(
        container: &Path,
        view: MergedView,
        uids: Vec<MappedRange>,
        gids: Vec<MappedRange>,
        owners: Owners,
    ) -> io::Result<Written> {
        let directory =
            match open_directory(rustix::fs::CWD, container.join("upper").as_os_str().as_encoded_bytes()) {
                Err(Errno::NOENT) => None,
                opened => Some(Arc::new(opened?)),
            };
        let marks = match container.join("marks").exists() {
            true => Marks::Files,
            false => Marks::Overlayfs,
        };
        let place = open_directory(rustix::fs::CWD, container.as_os_str().as_encoded_bytes())?;
        let records = Records::open(&place)?;
        let lower = Lower::new(view, uids, gids);
        Ok(Written { directory, marks, lower, owners, records, made_by_start: Vec::new() })
    }

    /// A file of this path (without a slash before it) with this content is nothing that the container has
    /// written.
    pub fn made_by_start(&mut self, path: &str, content: Vec<u8>) {
        self.made_by_start.push((path.into(), content));
    }

    fn list(&self, directory: &Arc<OwnedFd>) -> io::Result<Listing> {
        let mut listing = Listing { opaque: false, items: Vec::new() };
        if self.marks == Marks::Overlayfs {
            // On a file system without attributes nothing is marked by them.
            listing.opaque =
                Place::Held(directory.clone()).xattr(OPAQUE.as_bytes()).is_ok_and(|value| value == b"y");
        }
        for name in upper::list(directory)? {
            if self.marks == Marks::Files {
                if name == OPAQUE_FILE {
                    listing.opaque = true;
                    continue;
                }
                if let Some(hidden) = name.strip_prefix(WHITEOUT_PREFIX) {
                    listing.items.push(Item { name: hidden.to_vec(), what: What::Whiteout });
                    continue;
                }
            }
            let stat = match rustix::fs::statat(directory, &*name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => stat?,
            };
            let what = match upper::is_whiteout(&stat) {
                true => What::Whiteout,
                false => What::Node(Box::new(stat)),
            };
            listing.items.push(Item { name, what });
        }
        listing.items.sort_by(|a, b| a.name.cmp(&b.name));
        // A crash between making a name and taking its whiteout away leaves both: the name counts.
        listing.items.dedup_by(|later, first| {
            let same = later.name == first.name;
            if same && matches!(first.what, What::Whiteout) {
                std::mem::swap(&mut later.what, &mut first.what);
            }
            same
        });
        Ok(listing)
    }
}

impl Owners {
    /// The container's number of an id of U; one that it does not know is shown to it as nobody's, which
    /// is no owner to write down: 0.
    fn inside(map: &[IdMapping], id: u32) -> u32 {
        let line = map.iter().find(|line| id.checked_sub(line.outside).is_some_and(|at| at < line.count));
        line.map_or(0, |line| line.inside + (id - line.outside))
    }

    fn uid(&self, id: u32) -> u32 {
        Owners::inside(&self.uids, id)
    }

    fn gid(&self, id: u32) -> u32 {
        Owners::inside(&self.gids, id)
    }
}

#[cfg(test)]
mod tests;

//! Files as tar streams, out of a tree and into one: `cp`, on both of its ends.
//!
//! `path` decides where something lands, as Docker does; `root` finds names within a container, whatever
//! its links say; `pack` reads a tree, `unpack` makes one. Neither end believes the other: a container may
//! swap names under way, and an archive may hold anything.

mod pack;
pub mod path;
mod root;
mod unpack;

pub use pack::{Packed, pack};
pub use root::Root;
pub use unpack::{Base, Owner, Unpack, UnpackError, unpack};

use serde::{Deserialize, Serialize};

use crate::sys::namespace::IdMapping;

/// Between ids of a container and those on the disk.
#[derive(Debug, Clone, Default)]
pub struct Ids {
    /// Inside: the container's; empty maps change nothing.
    pub uids: Vec<IdMapping>,
    pub gids: Vec<IdMapping>,
    /// Emulated users: owners are written down beside the files (`identity::files`), and the kernel knows one.
    pub are_noted: bool,
}

impl Ids {
    fn inside(map: &[IdMapping], id: u32) -> u32 {
        if map.is_empty() {
            return id;
        }
        let line = map.iter().find(|line| id.checked_sub(line.outside).is_some_and(|at| at < line.count));
        // As an id without a number inside shows there: nobody's.
        line.map_or(65534, |line| line.inside + (id - line.outside))
    }

    /// `None` where the container has no such id.
    fn outside(map: &[IdMapping], id: u32) -> Option<u32> {
        if map.is_empty() { Some(id) } else { crate::sys::namespace::lookup(map, id) }
    }
}

/// An error of the system in the words of Docker: `no such file or directory`.
pub fn reason(error: &std::io::Error) -> String {
    let Some(code) = error.raw_os_error() else { return error.to_string() };
    let text = rustix::io::Errno::from_raw_os_error(code).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// What one name is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub kind: Kind,
    pub size: u64,
    /// Of a symbolic link: where it leads within the container, absolute.
    pub target: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    File,
    Directory,
    Symlink,
    Device,
    /// FIFO or socket.
    Other,
}

impl Kind {
    pub fn of(mode: u32) -> Kind {
        use rustix::fs::FileType;
        match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::CharacterDevice | FileType::BlockDevice => Kind::Device,
            _ => Kind::Other,
        }
    }
}

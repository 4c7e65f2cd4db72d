//! What differs from the image: `diff`, and what a layer of `commit` is made of.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use rustix::fs::{FileType, Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::Written;
use super::walk::{Descent, Node, Step};
use crate::layer::FileKind;

/// One line of `diff`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub kind: ChangeKind,
    /// Absolute, as bytes.
    pub path: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

impl ChangeKind {
    /// Docker's letter.
    pub fn letter(self) -> char {
        match self {
            ChangeKind::Added => 'A',
            ChangeKind::Modified => 'C',
            ChangeKind::Deleted => 'D',
        }
    }
}

/// What starting a container puts into every root to mount on. Docker has these in a layer of their own
/// below the container's (its `initlayer`), so neither `diff` nor `commit` knows them.
const SETUP: [&[u8]; 7] =
    [b"dev", b"etc", b"proc", b"sys", b"etc/hostname", b"etc/hosts", b"etc/resolv.conf"];

impl Written {
    /// All changes, sorted by path.
    pub fn changes(&self) -> io::Result<Vec<Change>> {
        let mut found = BTreeMap::new();
        self.walk(|step| {
            let (path, kind) = match &step {
                Step::Lower { .. } => return Ok(Descent::Skip),
                Step::Deleted { path, .. } => (*path, Some(ChangeKind::Deleted)),
                Step::Upper(node) => (node.path, self.kind_of(node)),
            };
            if let Some(kind) = kind {
                found.insert(path.to_vec(), kind);
                // A directory counts as changed by what happened in it.
                let slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
                for (at, _) in slashes {
                    found.entry(path[..at].to_vec()).or_insert(ChangeKind::Modified);
                }
            }
            Ok(Descent::Enter)
        })?;
        let absolute =
            |(path, kind): (Vec<u8>, ChangeKind)| Change { kind, path: [b"/", &path[..]].concat() };
        let mut changes: Vec<Change> = found.into_iter().map(absolute).collect();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(changes)
    }

    /// How a name of the upper differs from the image by itself; a directory that is in the upper only
    /// for the sake of its children does not.
    pub(super) fn kind_of(&self, node: &Node<'_>) -> Option<ChangeKind> {
        if self.is_setup(node) {
            return None;
        }
        let Some(id) = node.lower else { return Some(ChangeKind::Added) };
        let entry = self.lower.index().entry(id);
        if node.kind() != FileType::Directory || entry.kind() != FileKind::Directory {
            return Some(ChangeKind::Modified);
        }
        // Its time tells of nothing but its children (as Docker compares trees).
        let same_owner = match node.record {
            Some(record) => record.owner == (entry.uid(), entry.gid()),
            None => node.stat.st_uid == self.lower.uid(&entry) && node.stat.st_gid == self.lower.gid(&entry),
        };
        let same = node.stat.st_mode & 0o7777 == entry.mode() && same_owner;
        (!same || node.hidden || node.opaque).then_some(ChangeKind::Modified)
    }

    /// Whether the container's start made it.
    fn is_setup(&self, node: &Node<'_>) -> bool {
        let plain = match node.kind() {
            FileType::Directory => true,
            FileType::RegularFile => node.stat.st_size == 0,
            _ => false,
        };
        plain && node.lower.is_none() && SETUP.contains(&node.path) || self.is_as_started(node)
    }

    fn is_as_started(&self, node: &Node<'_>) -> bool {
        let known = self.made_by_start.iter().find(|(path, _)| path == node.path);
        known.is_some_and(|(_, content)| {
            node.kind() == FileType::RegularFile
                && node.stat.st_size as usize == content.len()
                && read(node).is_ok_and(|found| found == *content)
        })
    }
}

fn read(node: &Node<'_>) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(node.directory.as_fd(), node.name, flags, Mode::empty())?;
    let mut content = Vec::new();
    File::from(file).take(node.stat.st_size as u64).read_to_end(&mut content)?;
    Ok(content)
}

//! Mode Unpacked: the merged view written out once as plain directories, for machines without a usable
//! /dev/fuse.
//!
//! ```text
//! <cache>/<key>/      the tree; the key names the chain of layers and the ids it was written with
//! <cache>/<key>.lock  flock: shared by containers that run on the tree, exclusive to write or remove it
//! <cache>/<key>.new   being written; whoever holds the exclusive lock clears it away
//! ```
//!
//! Device nodes that the namespace may not make are left out: they would be inert anyway. Files may
//! belong to subordinate ids, so a tree is removed inside U.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use super::lower::Lower;
use super::upper::{open_directory, remove_tree};
use super::{OverlayError, copy};
use crate::digest::Digester;
use crate::identity::files;
use crate::layer::{EntryId, FileKind};
use crate::sys::mount;

/// An unpacked tree, in use: it cannot be removed as long as this lives.
pub struct Tree {
    path: PathBuf,
    _shared: File,
}

impl Tree {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A tree bound as it is, read-only; dropping it unmounts detached.
pub struct Bound {
    target: PathBuf,
}

impl Bound {
    pub fn mount(tree: &Tree, target: &Path) -> Result<Bound, OverlayError> {
        let bind = || {
            let copy = mount::clone_path(tree.path(), false)?;
            mount::set_attributes(copy.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, false)?;
            mount::attach(copy.as_fd(), target)
        };
        bind().map_err(|source| OverlayError::Open { path: tree.path().to_owned(), source })?;
        Ok(Bound { target: target.to_owned() })
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Err(errno) = rustix::mount::unmount(&*self.target, UnmountFlags::DETACH) {
            tracing::debug!(target = %self.target.display(), %errno, "unmounting an unpacked image");
        }
    }
}

/// The tree of this image in `cache`; written now if nobody has yet.
pub fn tree(cache: &Path, lower: &Lower) -> Result<Tree, OverlayError> {
    let path = cache.join(key(lower));
    let fail = |source: io::Error| OverlayError::Unpack { path: path.clone(), source };
    std::fs::create_dir_all(cache).map_err(fail)?;
    let lock = open_lock(&path).map_err(fail)?;
    loop {
        lock.lock_shared().map_err(fail)?;
        if path.is_dir() {
            return Ok(Tree { path, _shared: lock });
        }
        // flock(2) gives the shared lock up before it takes the exclusive one: look again afterwards.
        lock.lock().map_err(fail)?;
        if !path.is_dir() {
            write(cache, &path, lower).map_err(fail)?;
        }
    }
}

/// Removes every tree in `cache` that no container runs on, and says how many. Called inside U.
pub fn remove(cache: &Path) -> io::Result<usize> {
    let entries = match std::fs::read_dir(cache) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let root = open_directory(rustix::fs::CWD, cache.as_os_str().as_bytes())?;
    let mut removed = 0;
    for entry in entries {
        let name = entry?.file_name();
        let Some(key) = name.as_bytes().strip_suffix(b".lock") else { continue };
        let lock = File::options().write(true).open(cache.join(&name))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(error),
        }
        remove_tree(&root, key)?;
        remove_tree(&root, &[key, b".new"].concat())?;
        // The lock file stays: who waits for it holds its inode, and a new file would be another lock.
        removed += 1;
    }
    Ok(removed)
}

fn open_lock(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(path.with_extension("lock"))
}

/// The chain of layers, and the owners that the files were given.
fn key(lower: &Lower) -> String {
    let mut digester = Digester::new();
    for layer in lower.index().layers() {
        digester.update(layer.0.as_bytes());
    }
    digester.update(format!("{} {:?}", lower.index().len(), lower.ids()).as_bytes());
    digester.finish().hex()
}

fn write(cache: &Path, path: &Path, lower: &Lower) -> io::Result<()> {
    let root = open_directory(rustix::fs::CWD, cache.as_os_str().as_bytes())?;
    let name = path.file_name().expect("a key was joined").as_bytes();
    let unfinished = [name, b".new"].concat();
    remove_tree(&root, &unfinished)?;
    rustix::fs::mkdirat(&root, &*unfinished, Mode::RWXU)?;
    let top = open_directory(&root, &unfinished)?;
    let written = Writer::new(lower, &top, false).directory(EntryId::ROOT, &top, Path::new(""));
    // A power cut must not leave a tree under its final name with files that are still empty.
    let written = written.and_then(|()| Ok(rustix::fs::syncfs(&root)?));
    if let Err(error) = written {
        // Best effort: the next writer clears it away as well.
        let _ = remove_tree(&root, &unfinished);
        return Err(error);
    }
    Ok(rustix::fs::renameat(&root, &*unfinished, &root, name)?)
}

/// A name in an open directory, for calls that take paths only.
fn magic_link(directory: &OwnedFd, name: &[u8]) -> Vec<u8> {
    [format!("/proc/self/fd/{}/", directory.as_raw_fd()).as_bytes(), name].concat()
}

/// Writes directories of the image out, hard links within them kept together.
pub(super) struct Writer<'a> {
    lower: &'a Lower,
    top: &'a OwnedFd,
    /// Where the first name of a hard-linked file was written.
    linked: HashMap<EntryId, PathBuf>,
    /// The image's owners are written down for emulated users.
    notes_owners: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(lower: &'a Lower, top: &'a OwnedFd, notes_owners: bool) -> Writer<'a> {
        Writer { lower, top, linked: HashMap::new(), notes_owners }
    }

    fn note_owner(&self, id: EntryId, path: &[u8]) -> io::Result<()> {
        let index = self.lower.index();
        let entry = index.entry(index.entry(id).inode());
        match entry.kind() {
            FileKind::File | FileKind::Directory if self.notes_owners => {
                Ok(files::note_owner(path, (entry.uid(), entry.gid()))?)
            }
            _ => Ok(()),
        }
    }

    /// Fills a directory, `path` below the top; its own attributes last, since every child changes its time.
    pub(super) fn directory(&mut self, id: EntryId, directory: &OwnedFd, path: &Path) -> io::Result<()> {
        let index = self.lower.index();
        for child in index.entry(id).children() {
            let child = EntryId(child);
            let entry = index.entry(child);
            let name = entry.name();
            let path = path.join(std::ffi::OsStr::from_bytes(name));
            if entry.kind() == FileKind::Directory {
                rustix::fs::mkdirat(directory, name, Mode::RWXU)?;
                self.directory(child, &open_directory(directory, name)?, &path)?;
            } else {
                self.file(child, directory, name, path)?;
            }
        }
        self.note_owner(id, &magic_link(directory, b"."))?;
        copy::attributes(directory, self.lower, id)
    }

    fn file(&mut self, id: EntryId, directory: &OwnedFd, name: &[u8], path: PathBuf) -> io::Result<()> {
        let entry = self.lower.index().entry(id);
        if let Some(first) = self.linked.get(&entry.inode()) {
            return Ok(rustix::fs::linkat(self.top, first, directory, name, AtFlags::empty())?);
        }
        let device = matches!(entry.kind(), FileKind::CharDevice | FileKind::BlockDevice);
        match copy::make(self.lower, id, directory, name, None) {
            Err(error) if device && error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => return Ok(()),
            made => made?,
        }
        self.note_owner(id, &magic_link(directory, name))?;
        if entry.nlink() > 1 {
            self.linked.insert(entry.inode(), path);
        }
        Ok(())
    }
}

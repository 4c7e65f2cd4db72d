//! Measuring and removing a directory tree, whatever a container did to it.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, renameat, unlinkat};
use rustix::io::Errno;

/// What came of removing a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    Done,
    /// Something in it belongs to an id that only the user's namespace has power over.
    NeedsNamespace,
}

/// One open directory per level; deeper ones are moved up first, else a hostile tree would use up the
/// descriptors.
const MAX_DEPTH: usize = 64;

/// Removes a directory and everything below, never following a link out of it. Not there is done.
pub fn remove_tree(path: &Path) -> io::Result<Removal> {
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let parent = match openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    {
        Err(Errno::NOENT) => return Ok(Removal::Done),
        other => other?,
    };
    let name = CString::new(name.as_encoded_bytes())?;
    match remove_at(parent.as_fd(), &name) {
        Ok(()) => Ok(Removal::Done),
        Err(Errno::ACCESS | Errno::PERM) => Ok(Removal::NeedsNamespace),
        Err(error) => Err(error.into()),
    }
}

/// The sizes of all files in a directory tree, hard links once, directories not counted. What the caller
/// may not read, it cannot count.
pub fn size(directory: PathBuf) -> u64 {
    let mut seen = HashSet::new();
    let mut total = 0;
    let mut pending = vec![directory];
    while let Some(directory) = pending.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                pending.push(entry.path());
            } else if metadata.nlink() < 2 || seen.insert((metadata.dev(), metadata.ino())) {
                total += metadata.len();
            }
        }
    }
    total
}

/// Removes what `name` is in `parent`, a directory with everything in it. Not there is done. Others may
/// be removing the same.
pub fn remove_at(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(error) => return Err(error),
    }
    let top = match open_forced(parent, name) {
        Err(Errno::NOENT) => return Ok(()),
        top => top?,
    };
    empty(top.as_fd(), top.as_fd(), 0, &mut 0)?;
    done_or_gone(unlinkat(parent, name, AtFlags::REMOVEDIR))
}

fn done_or_gone(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Opens a directory for reading; one of ours that forbids it (mode 0) is opened up first.
fn open_forced(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            // The name was a directory a moment ago, and the tree is only ours: nobody swaps it.
            chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
            openat(parent, name, flags, Mode::empty())
        }
        other => other,
    }
}

fn empty(directory: BorrowedFd<'_>, top: BorrowedFd<'_>, depth: usize, moved: &mut u32) -> Result<(), Errno> {
    loop {
        let entries = list(directory)?;
        if entries.is_empty() {
            return Ok(());
        }
        for (name, kind) in entries {
            if kind != FileType::Directory {
                match unlink_forced(directory, &name, AtFlags::empty()) {
                    // A file system that does not tell types.
                    Err(Errno::ISDIR) => {}
                    result => {
                        done_or_gone(result)?;
                        continue;
                    }
                }
            }
            if depth >= MAX_DEPTH {
                *moved += 1;
                move_up(directory, &name, top, *moved)?;
                continue;
            }
            match open_forced(directory, &name) {
                Err(Errno::NOENT) => continue,
                child => empty(child?.as_fd(), top, depth + 1, moved)?,
            }
            done_or_gone(unlink_forced(directory, &name, AtFlags::REMOVEDIR))?;
        }
        // What was moved to the top meanwhile is its next round's work.
        if depth > 0 {
            return Ok(());
        }
    }
}

/// Names and types, without the dots. Read before anything is removed: what readdir(3) returns of a
/// directory that changes meanwhile is anybody's guess.
fn list(directory: BorrowedFd<'_>) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            entries.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    Ok(entries)
}

fn move_up(directory: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>, number: u32) -> Result<(), Errno> {
    let up = CString::new(format!(".coracle-deep-{number}")).expect("no NUL in it");
    match renameat(directory, name, top, &up) {
        Err(Errno::ACCESS) => {
            // A directory that moves is written to as well: its `..` changes.
            chmodat(directory, name, Mode::RWXU, AtFlags::empty())?;
            rustix::fs::fchmod(directory, Mode::RWXU)?;
            rustix::fs::fchmod(top, Mode::RWXU)?;
            renameat(directory, name, top, &up)
        }
        other => other,
    }
}

/// Unlinks; a directory of ours without write permission gets it first.
fn unlink_forced(directory: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> Result<(), Errno> {
    match unlinkat(directory, name, flags) {
        Err(Errno::ACCESS) => {
            rustix::fs::fchmod(directory, Mode::RWXU)?;
            unlinkat(directory, name, flags)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_tree_with_closed_directories_and_links_goes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("keep"), "x").unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("a/b")).unwrap();
        fs::write(tree.join("a/b/file"), "x").unwrap();
        symlink(&outside, tree.join("a/link")).unwrap();
        fs::set_permissions(tree.join("a/b"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(tree.join("a"), fs::Permissions::from_mode(0o500)).unwrap();
        assert_eq!(remove_tree(&tree).unwrap(), Removal::Done);
        assert!(!tree.exists() && outside.join("keep").exists());
        assert_eq!(remove_tree(&tree).unwrap(), Removal::Done);
    }

    #[test]
    fn a_tree_deeper_than_paths_and_descriptors_reach_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let mut at = openat(CWD, &tree, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = openat(&at, "d", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        }
        drop(at);
        assert_eq!(remove_tree(&tree).unwrap(), Removal::Done);
        assert!(!tree.exists());
    }
}

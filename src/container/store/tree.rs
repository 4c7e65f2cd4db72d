//! Removing a container's directory tree, whatever the container did to it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

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
    match remove_directory(parent.as_fd(), &name) {
        Ok(()) | Err(Errno::NOENT) => Ok(Removal::Done),
        Err(Errno::ACCESS | Errno::PERM) => Ok(Removal::NeedsNamespace),
        Err(error) => Err(error.into()),
    }
}

fn remove_directory(parent: BorrowedFd<'_>, name: &CString) -> Result<(), Errno> {
    let top = open_forced(parent, name)?;
    let mut moved = 0;
    empty(top.as_fd(), top.as_fd(), 0, &mut moved)?;
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Opens a directory for reading; one of ours that forbids it (mode 0) is opened up first.
fn open_forced(parent: BorrowedFd<'_>, name: &CString) -> Result<OwnedFd, Errno> {
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
        let before = *moved;
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let name = name.to_owned();
            if entry.file_type() != FileType::Directory {
                match unlink_forced(directory, &name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => continue,
                    // A file system that does not tell types.
                    Err(Errno::ISDIR) => {}
                    Err(error) => return Err(error),
                }
            }
            if depth >= MAX_DEPTH {
                *moved += 1;
                let up = CString::new(format!(".coracle-deep-{moved}")).expect("no NUL in it");
                renameat(directory, &name, top, &up)?;
                continue;
            }
            {
                let child = open_forced(directory, &name)?;
                empty(child.as_fd(), top, depth + 1, moved)?;
            }
            match unlink_forced(directory, &name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
        }
        // What was moved up arrives in the top while it is being read, and may have been missed.
        if depth > 0 || *moved == before {
            return Ok(());
        }
    }
}

/// Unlinks; a directory of ours without write permission gets it first.
fn unlink_forced(directory: BorrowedFd<'_>, name: &CString, flags: AtFlags) -> Result<(), Errno> {
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

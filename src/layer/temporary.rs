//! Directories in the making, and leases: what belongs to a living process.
//!
//! Both are marked by a lock (flock(2)) on a file in them: alive means locked. What a killed process left
//! behind is unlocked, and whoever comes by removes it. The lock is taken just after the file was made, so
//! that a sweeper can come between: therefore the maker looks, once it has the lock, whether the file is
//! still there, and begins again if it is not.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::sys::file;

/// Names of directories in the making, and of those on their way out, begin with this.
pub(super) const PREFIX: &str = ".tmp-";
/// The file whose lock shows that the directory's maker lives: the one that the directory is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Tar,
    Origin,
}

impl Mark {
    pub fn name(self) -> &'static str {
        match self {
            Mark::Tar => "tar",
            Mark::Origin => "origin",
        }
    }
}

/// A directory in the making, gone with all that is in it unless `publish` made it permanent.
pub(super) struct TemporaryDirectory {
    path: PathBuf,
    /// The marking file, empty and locked.
    pub file: File,
    published: bool,
}

impl TemporaryDirectory {
    pub fn create(parent: &Path, mark: Mark) -> io::Result<TemporaryDirectory> {
        loop {
            let path = parent.join(unique_name());
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            match create_locked(&path.join(mark.name())) {
                Ok(Some(file)) => return Ok(TemporaryDirectory { path, file, published: false }),
                // Swept away at once, for want of a lock.
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    // Best effort: the error that matters is the one at hand.
                    let _ = fs::remove_dir(&path);
                    return Err(error);
                }
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the directory, which is complete and synced, to its permanent name. False if there is one
    /// of this name, which then stays.
    pub fn publish(mut self, target: &Path) -> io::Result<bool> {
        match fs::rename(&self.path, target) {
            Ok(()) => self.published = true,
            Err(error) if is_occupied(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(self.published)
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now, the next sweep removes.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn is_occupied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

/// Takes a directory out of sight, then removes it. Processes that have files of it open keep them.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    let parent = directory.parent().unwrap_or(Path::new("."));
    let doomed = parent.join(unique_name());
    fs::rename(directory, &doomed)?;
    match fs::remove_dir_all(&doomed) {
        // A sweeper was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes what killed processes left in `parent`.
pub(super) fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            sweep_one(&entry.path());
        }
    }
}

/// Removes one directory if its maker is dead. All removing is best effort: somebody else may be sweeping.
fn sweep_one(directory: &Path) {
    // Before the marks are looked for: a maker makes its mark first of all, so that content without a
    // mark is the rest of an earlier removal.
    let is_empty = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    let makers = [Mark::Tar, Mark::Origin].map(|mark| maker(&directory.join(mark.name())));
    if makers.iter().any(|maker| matches!(maker, Maker::Alive)) {
        return;
    }
    let is_marked = makers.iter().any(|maker| matches!(maker, Maker::Dead(_)));
    let _ = match is_marked || !is_empty {
        true => fs::remove_dir_all(directory),
        // Its maker may be about to make its mark: this removes nothing but an empty directory.
        false => fs::remove_dir(directory),
    };
}

/// Makes a file and locks it. `None` if a sweeper took it for a dead one's before it was locked.
pub(super) fn create_locked(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let still_there = fs::symlink_metadata(path).is_ok_and(|named| {
        file.metadata().is_ok_and(|open| (named.dev(), named.ino()) == (open.dev(), open.ino()))
    });
    Ok(still_there.then_some(file))
}

/// Who made a file that lies there.
pub(super) enum Maker {
    /// A living process holds its lock.
    Alive,
    /// Nobody; the lock is ours while this value lives, so that what is removed under it cannot be
    /// somebody's who comes just now.
    Dead(File),
    /// There is no such file.
    Gone,
}

/// Looks for the maker of a marking file. One that cannot be opened is taken for alive.
pub(super) fn maker(path: &Path) -> Maker {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Maker::Dead(file),
            Err(_) => Maker::Alive,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Maker::Gone,
        Err(_) => Maker::Alive,
    }
}

pub(super) fn unique_name() -> String {
    file::unique_name(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn nobody_loses_a_directory_to_a_sweeper() {
        let dir = tempfile::tempdir().unwrap();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let sweeping = || {
                while !ended.load(Ordering::Relaxed) {
                    sweep(dir.path());
                }
            };
            scope.spawn(sweeping);
            scope.spawn(sweeping);
            for _ in 0..2_000 {
                let made = TemporaryDirectory::create(dir.path(), Mark::Tar).unwrap();
                fs::write(made.path().join("index"), "").unwrap();
                assert!(made.path().join("tar").exists());
            }
            ended.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_sweep_spares_the_living_and_takes_the_dead() {
        let dir = tempfile::tempdir().unwrap();
        let living = TemporaryDirectory::create(dir.path(), Mark::Tar).unwrap();
        let dead = TemporaryDirectory::create(dir.path(), Mark::Tar).unwrap();
        dead.file.unlock().unwrap();
        fs::create_dir(dir.path().join(".tmp-0-0-0")).unwrap();
        fs::create_dir(dir.path().join("something-else")).unwrap();
        sweep(dir.path());
        assert!(living.path().join("tar").exists());
        assert!(!dead.path().exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_second_of_two_makers_leaves_the_first_ones_work() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("layer");
        let first = TemporaryDirectory::create(dir.path(), Mark::Tar).unwrap();
        fs::write(first.path().join("first"), b"").unwrap();
        let second = TemporaryDirectory::create(dir.path(), Mark::Tar).unwrap();
        assert!(first.publish(&target).unwrap());
        assert!(!second.publish(&target).unwrap());
        assert!(target.join("first").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

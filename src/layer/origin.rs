//! Layers of further stores: verified once, then known again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A tar in a further store, and what it was when its digest was verified. Somebody without power over
/// the file's clock cannot change the file and keep the ctime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    version: u32,
    pub path: PathBuf,
    size: u64,
    inode: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

const VERSION: u32 = 1;

impl Origin {
    pub fn of(path: PathBuf, file: &File) -> io::Result<Origin> {
        let facts = file.metadata()?;
        Ok(Origin {
            version: VERSION,
            path,
            size: facts.size(),
            inode: facts.ino(),
            mtime: (facts.mtime(), facts.mtime_nsec()),
            ctime: (facts.ctime(), facts.ctime_nsec()),
        })
    }

    /// Reads the record; `None` if there is none that this version understands.
    pub fn read(path: &std::path::Path) -> Option<Origin> {
        let origin: Origin = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (origin.version == VERSION).then_some(origin)
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and a path that came from our own configuration")
    }

    /// The tar, if it is still what was verified.
    pub fn open(&self) -> Option<File> {
        let file = File::open(&self.path).ok()?;
        let now = Origin::of(self.path.clone(), &file).ok()?;
        (now == *self).then_some(file)
    }
}

//! `blobs/sha256/<hex>`: manifests, lists and configs. Small, so they are hashed whenever they are read;
//! a further store is believed in no other way.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use super::ImageError;
use crate::digest::Digest;
use crate::image::manifest::SIZE_MAX;
use crate::sys::file::{self, Durability};

pub(super) struct Blobs {
    own: PathBuf,
    further: Vec<PathBuf>,
}

impl Blobs {
    pub fn new(own: PathBuf, further: Vec<PathBuf>) -> Blobs {
        Blobs { own, further }
    }

    /// The bytes, from the own store or the first further one that has them undamaged.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, ImageError> {
        let hex = digest.hex();
        let mut damaged = None;
        for directory in std::iter::once(&self.own).chain(&self.further) {
            match read_limited(&directory.join(&hex)) {
                Ok(bytes) if Digest::of(&bytes) == *digest => return Ok(bytes),
                Ok(_) => damaged = Some(directory.join(&hex)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                // One unreadable store must not hide the next one's copy.
                Err(_) if directory != &self.own => {}
                Err(source) => return Err(ImageError::Read { path: directory.join(&hex), source }),
            }
        }
        Err(match damaged {
            Some(path) => ImageError::Damaged { path },
            None => ImageError::MissingBlob(*digest),
        })
    }

    /// Writes what is not in the own store, synced. A damaged copy is replaced.
    pub fn write(&self, bytes: &[u8]) -> Result<Digest, ImageError> {
        let digest = Digest::of(bytes);
        let path = self.own.join(digest.hex());
        if read_limited(&path).is_ok_and(|there| there == bytes) {
            return Ok(digest);
        }
        fs::create_dir_all(&self.own)
            .map_err(|source| ImageError::Write { path: self.own.clone(), source })?;
        file::replace(&path, bytes, Durability::Synced)
            .map_err(|source| ImageError::Write { path: path.clone(), source })?;
        Ok(digest)
    }

    /// Removes everything of the own store that `is_live` does not know, half-written files included.
    pub fn collect(&self, is_live: impl Fn(&Digest) -> bool) -> Result<(), ImageError> {
        let listing = match fs::read_dir(&self.own) {
            Ok(listing) => listing,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(ImageError::Read { path: self.own.clone(), source }),
        };
        for entry in listing.flatten() {
            let name = entry.file_name();
            let live = name.to_str().and_then(|n| Digest::from_hex(n).ok()).is_some_and(|d| is_live(&d));
            if !live {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

fn remove(path: &std::path::Path) -> Result<(), ImageError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ImageError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Reads at most one byte more than anything believed: what is larger fails its digest.
pub(super) fn read_limited(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SIZE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

//! Leases: layers that a living process needs although no image names them yet.
//!
//! A lease is a file in `layers/leases/`, locked as long as its holder lives, with the hexadecimal digits
//! of one diff id per line. Adding to a lease and collecting garbage exclude each other by the lock of
//! `layers/gate` (shared to add, exclusive to collect): a collector either sees the lease, or has removed
//! the layer before `add` returns and the holder looks whether it has to fetch it.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::DiffId;
use super::temporary::{Maker, create_locked, maker, unique_name};
use crate::digest::Digest;

/// Keeps layers from being collected until it is dropped, or its process dies.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    gate: PathBuf,
    file: File,
}

impl Lease {
    pub(super) fn create(directory: &Path, gate: &Path) -> io::Result<Lease> {
        fs::create_dir_all(directory)?;
        loop {
            let path = directory.join(unique_name());
            if let Some(file) = create_locked(&path)? {
                return Ok(Lease { path, gate: gate.to_owned(), file });
            }
        }
    }

    /// Keeps a layer, whether it is here already or not. Add first, then look whether it is here.
    pub fn add(&self, id: &DiffId) -> io::Result<()> {
        let gate = open_gate(&self.gate)?;
        gate.lock_shared()?;
        (&self.file).write_all(format!("{}\n", id.0.hex()).as_bytes())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // An unlocked lease that stays counts for nothing, and the next collector removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// The lock between those who add to leases and those who collect.
pub(super) fn open_gate(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// What living processes hold; leases of dead ones are removed.
pub(super) fn leased(directory: &Path) -> io::Result<HashSet<DiffId>> {
    let mut ids = HashSet::new();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ids),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        match maker(&path) {
            Maker::Alive => {}
            Maker::Gone => continue,
            Maker::Dead(_lock) => {
                // Best effort: the next look removes it.
                let _ = fs::remove_file(&path);
                continue;
            }
        }
        match fs::read_to_string(&path) {
            Ok(text) => ids.extend(text.lines().filter_map(|line| Digest::from_hex(line).ok()).map(DiffId)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_while_it_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let (leases, gate) = (dir.path().join("leases"), dir.path().join("gate"));
        let id = DiffId(Digest::of(b"layer"));
        let lease = Lease::create(&leases, &gate).unwrap();
        lease.add(&id).unwrap();
        assert_eq!(leased(&leases).unwrap(), HashSet::from([id]));
        drop(lease);
        assert_eq!(leased(&leases).unwrap(), HashSet::new());
    }

    #[test]
    fn a_dead_holders_lease_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".tmp-1-1-1"), format!("{}\n", Digest::of(b"").hex())).unwrap();
        assert_eq!(leased(dir.path()).unwrap(), HashSet::new());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

//! Claims of names.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::super::{ContainerId, ContainerName, ContainerRecord, names};
use super::files::*;
use super::{CHANGE, ContainerStore, StoreError, io_error};
use crate::sys::lock::{self, Byte, OfdLock};

impl ContainerStore {
    pub(super) fn claim_name(&self, record: &ContainerRecord) -> Result<ContainerName, StoreError> {
        if let Some(name) = &record.spec.name {
            self.take_name(name, &record.id)?;
            return Ok(name.clone());
        }
        for attempt in 0.. {
            let name = names::made_up(attempt);
            match self.take_name(&name, &record.id) {
                Ok(()) => return Ok(name),
                Err(StoreError::NameTaken { .. }) if attempt < 20 => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop only ends by returning")
    }

    /// A symbolic link is made with its content or not at all, on every file system.
    pub(super) fn take_name(&self, name: &ContainerName, id: &ContainerId) -> Result<(), StoreError> {
        let claim = self.claim(name);
        let target = Path::new("..").join(id.as_str());
        let link = || std::os::unix::fs::symlink(&target, &claim);
        match link() {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map_err(io_error("claiming the name", &claim)),
        }
        let _names = self.lock_names()?;
        if let Some(owner) = self.claimant(name) {
            // Ours already: a rename that was killed before it wrote the record.
            if owner == *id {
                return Ok(());
            }
            if self.claim_counts(name, &owner)? {
                return Err(StoreError::NameTaken { name: name.clone(), id: owner });
            }
            fs::remove_file(&claim).map_err(io_error("taking over the name", &claim))?;
        }
        match link() {
            // Somebody else was faster after the leftover (or the owner) had gone.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let owner = self.claimant(name).unwrap_or_else(|| id.clone());
                Err(StoreError::NameTaken { name: name.clone(), id: owner })
            }
            other => other.map_err(io_error("claiming the name", &claim)),
        }
    }

    pub(super) fn lock_names(&self) -> Result<OfdLock, StoreError> {
        let path = self.root.join("names/.lock");
        open_lock(&path).and_then(|file| OfdLock::new(file, Byte(0))).map_err(io_error("locking", &path))
    }

    /// The container a name points to, whether the claim counts or not.
    pub(super) fn claimant(&self, name: &ContainerName) -> Option<ContainerId> {
        let target = fs::read_link(self.claim(name)).ok()?;
        ContainerId::parse(target.file_name()?.to_str()?)
    }

    pub(super) fn claim_counts(&self, name: &ContainerName, id: &ContainerId) -> Result<bool, StoreError> {
        // Locks first: a creator publishes the record before it lets go.
        let changing = [self.directory(id), self.partial(id)].iter().any(|directory| {
            File::open(directory.join("alive"))
                .is_ok_and(|file| lock::is_locked(file.as_fd(), CHANGE).unwrap_or(true))
        });
        Ok(changing || self.record(id)?.is_some_and(|record| record.name == *name))
    }

    /// Removes the claim if it is this container's.
    pub(super) fn release_name(&self, name: &ContainerName, id: &ContainerId) -> Result<(), StoreError> {
        if self.claimant(name).as_ref() != Some(id) {
            return Ok(());
        }
        let _names = self.lock_names()?;
        if self.claimant(name).as_ref() == Some(id) {
            let claim = self.claim(name);
            fs::remove_file(&claim).map_err(io_error("freeing the name", &claim))?;
        }
        Ok(())
    }
}

//! Containers on disk.
//!
//! ```text
//! containers/<id>/record.json   the wish and the facts; made by `create`, replaced by `rename`, `update`
//!                 state.json    what happened; replaced by the supervisor at each start and each exit
//!                 state.last    while it runs: disk space set aside for the state that comes next
//!                 health.json   what came of its health checks (`container::health`)
//!                 alive         empty; four locks on it, below
//!                 secrets/<n>   the value of the wish's secret number n as it was when `create` took it;
//!                               mode 0600
//!                 container.log hosts hostname resolv.conf upper/ ...
//! containers/names/<name>       a symbolic link to ../<id>: the claim of a name
//! containers/partial/<id>/      a container half made or half removed
//! ```
//!
//! **Byte 0 of `alive`: alive means locked.** The supervisor holds it from before its container starts
//! until after its root is unmounted and the last trace of the run is written. Others only look
//! (F_OFD_GETLK). A state that has an exit is believed before that: the process has ended, and what may
//! take a while is the unmounting. Whoever wants to change the container waits for it.
//!
//! **Byte 2: paused means locked**, by the supervisor too: neither a full disk nor a kill leaves a lie.
//!
//! **Byte 3: mounted means locked**, by the process that serves the root to `mount`. Taken with byte 1 held;
//! who then gets byte 1 must not touch the root.
//!
//! **Byte 1: who may change the container**: its creator, `start` (which hands it to the supervisor),
//! `rename`, `update`, `remove`, the supervisor that removes a `--rm` container. Readers take no lock, because every
//! file is replaced as a whole.
//!
//! A container comes into being by one rename out of `partial/` and goes by one rename back. What a killed
//! process leaves there is collected by whoever creates or removes next and finds byte 1 free. A claim of
//! a name counts when the container it points to has that name in its record, or is being changed at
//! this moment; any other is a leftover and is taken over, under the lock `names/.lock`.

mod claims;
mod files;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::health::{Health, HealthStatus};
use super::spec::{MountSpec, RestartPolicy};
use super::{ContainerId, ContainerName, ContainerRecord, Exit, State, StateFile};
use crate::config::Config;
use crate::sys::file::Durability;
use crate::sys::lock::{self, Byte, OfdLock};
use crate::sys::tree::{Removal, remove_tree};
use files::*;
pub use files::{
    read_health, read_secrets, read_state, reserve_last_state, sync_state, write_health, write_last_state,
    write_state,
};

/// The byte that a supervisor holds.
pub const ALIVE: Byte = Byte(0);
/// The byte that whoever changes the container holds.
pub const CHANGE: Byte = Byte(1);

/// The byte that a supervisor holds while its container is paused.
pub const PAUSED: Byte = Byte(2);

/// The byte that whoever serves the root of a container that does not run to `mount` holds.
pub const MOUNTED: Byte = Byte(3);

const HEALTH: &str = "health.json";

const SECRETS: &str = "secrets";

/// Becomes `state.json` at the end.
const RESERVED: &str = "state.last";
/// More than any state needs.
const RESERVED_SIZE: u64 = 4096;

/// The containers of one store.
#[derive(Debug)]
pub struct ContainerStore {
    root: PathBuf,
}

/// A container as shown: record and state at one moment.
#[derive(Debug, Clone)]
pub struct ContainerView {
    pub record: ContainerRecord,
    pub state: State,
    /// What the supervisor wrote last: facts for `inspect` (overlay mode, starts), not to be believed
    /// about running.
    pub facts: StateFile,
    /// Where it is checked, from its first start on.
    pub health: Option<Health>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("No such container: {0}")]
    NotFound(String),
    #[error("multiple IDs found with provided prefix: {0}")]
    Ambiguous(String),
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameTaken { name: ContainerName, id: ContainerId },
    #[error("container {id} was made by a newer coracle (format {found}, this one knows {known})")]
    Version { id: ContainerId, found: u32, known: u32 },
    #[error("{step} {}", path.display())]
    Io { step: &'static str, path: PathBuf, source: io::Error },
    #[error("reading {}", path.display())]
    Corrupt { path: PathBuf, source: serde_json::Error },
}

fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { step, path, source }
}

/// The right to change one container, until dropped.
#[derive(Debug)]
pub struct Change<'a> {
    store: &'a ContainerStore,
    id: ContainerId,
    lock: OfdLock,
}

impl ContainerStore {
    pub fn open(config: &Config) -> ContainerStore {
        ContainerStore { root: config.containers() }
    }

    /// The directory of one container.
    pub fn directory(&self, id: &ContainerId) -> PathBuf {
        self.root.join(id.as_str())
    }

    fn partial(&self, id: &ContainerId) -> PathBuf {
        self.root.join("partial").join(id.as_str())
    }

    fn claim(&self, name: &ContainerName) -> PathBuf {
        self.root.join("names").join(name.as_str())
    }

    /// Makes the container of a record. `record.spec.name` is claimed when given, else a name is made up
    /// and put into the record. A record of a `--rm` container is not synced: a power cut ends it anyway.
    pub fn create(&self, record: ContainerRecord) -> Result<ContainerRecord, StoreError> {
        self.create_with(record, &[])
    }

    /// As `create`, with the values of `record.spec.secrets`, in their order.
    pub fn create_with(
        &self,
        mut record: ContainerRecord,
        secrets: &[Vec<u8>],
    ) -> Result<ContainerRecord, StoreError> {
        let partial = self.partial(&record.id);
        self.make_directories()?;
        DirBuilder::new().mode(0o700).create(&partial).map_err(io_error("making", &partial))?;
        let made = (|| {
            // Locked before it has its name: a free `alive` in here is a dead creator's.
            let (unnamed, alive) = (partial.join(".alive"), partial.join("alive"));
            let lock = open_new(&unnamed).and_then(|file| OfdLock::new(file, CHANGE));
            let _lock = lock.map_err(io_error("locking", &unnamed))?;
            fs::rename(&unnamed, &alive).map_err(io_error("locking", &alive))?;
            record.name = self.claim_name(&record)?;
            write_secrets(&partial, secrets, !record.spec.auto_remove)?;
            write_record(&partial, &record)?;
            let place = self.directory(&record.id);
            fs::rename(&partial, &place).map_err(io_error("making", &place))
        })();
        if let Err(error) = made {
            // The name first: without the directory the claim would be a leftover.
            let _ = self.release_name(&record.name, &record.id);
            let _ = remove_tree(&partial);
            return Err(error);
        }
        Ok(record)
    }

    fn make_directories(&self) -> Result<(), StoreError> {
        for name in ["names", "partial"] {
            let path = self.root.join(name);
            if !path.is_dir() {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(&path)
                    .map_err(io_error("making", &path))?;
            }
        }
        Ok(())
    }

    /// Nobody else gives ranges of ids to containers while it lives.
    pub fn lock_ids(&self) -> Result<OfdLock, StoreError> {
        self.make_directories()?;
        let path = self.root.join("names/.ids");
        let file =
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        file.and_then(|file| OfdLock::new(file, CHANGE)).map_err(io_error("locking", &path))
    }

    /// The record, `None` when there is no such container.
    pub fn record(&self, id: &ContainerId) -> Result<Option<ContainerRecord>, StoreError> {
        let path = self.directory(id).join("record.json");
        match fs::read(&path) {
            Ok(bytes) => parse_record(id, &path, &bytes).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_error("reading", &path)(e)),
        }
    }

    /// Record and state, `None` when there is no such container.
    pub fn view(&self, id: &ContainerId) -> Result<Option<ContainerView>, StoreError> {
        match open_directory(rustix::fs::CWD, &self.directory(id)) {
            Ok(directory) => self.view_in(id, directory.as_fd()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_error("opening", &self.directory(id))(e)),
        }
    }

    fn view_in(
        &self,
        id: &ContainerId,
        directory: BorrowedFd<'_>,
    ) -> Result<Option<ContainerView>, StoreError> {
        let path = |name| self.directory(id).join(name);
        let record =
            match read_at(directory, "record.json").map_err(io_error("reading", &path("record.json")))? {
                Some(bytes) => parse_record(id, &path("record.json"), &bytes)?,
                None => return Ok(None),
            };
        let (state, facts) =
            state_in(directory, &path("state.json")).map_err(io_error("reading", &path("state.json")))?;
        let health = match facts.is_checked {
            true => {
                let mut health = health_in(directory).map_err(io_error("reading", &path(HEALTH)))?;
                // As Docker has it: nobody checks what does not run.
                if !matches!(state, State::Running { .. }) {
                    health.status = HealthStatus::Unhealthy;
                }
                Some(health)
            }
            false => None,
        };
        Ok(Some(ContainerView { record, state, facts, health }))
    }

    /// Whether a supervisor keeps the container (it may be about to start it, or to end).
    pub fn is_alive(&self, id: &ContainerId) -> bool {
        File::open(self.directory(id).join("alive")).is_ok_and(|file| is_alive(file.as_fd()))
    }

    /// All ids, in no order.
    pub fn ids(&self) -> Result<Vec<ContainerId>, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io_error("listing", &self.root)(e)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(io_error("listing", &self.root))?.file_name();
            ids.extend(name.to_str().and_then(ContainerId::parse));
        }
        Ok(ids)
    }

    /// All containers, newest first. What cannot be read (a damaged record, a newer format) is left out:
    /// one bad container must not hide the others.
    pub fn list(&self) -> Result<Vec<ContainerView>, StoreError> {
        self.list_where(|_| true)
    }

    /// The containers that a supervisor keeps, newest first; looks into no other.
    pub fn list_running(&self) -> Result<Vec<ContainerView>, StoreError> {
        let mut views = self
            .list_where(|directory| open_at(directory, "alive").is_ok_and(|file| is_alive(file.as_fd())))?;
        views.retain(|view| view.state.is_up());
        Ok(views)
    }

    /// The containers of every volume that is in use. A record that cannot be read is an error here: what
    /// its container uses must not go.
    pub fn volume_users(&self) -> Result<HashMap<String, Vec<ContainerId>>, StoreError> {
        let mut users: HashMap<String, Vec<ContainerId>> = HashMap::new();
        for id in self.ids()? {
            // Removed since the look.
            let Some(record) = self.record(&id)? else { continue };
            for name in record.spec.mounts.iter().filter_map(MountSpec::volume) {
                let users = users.entry(name.to_owned()).or_default();
                if !users.contains(&id) {
                    users.push(id.clone());
                }
            }
        }
        Ok(users)
    }

    fn list_where(&self, wanted: impl Fn(BorrowedFd<'_>) -> bool) -> Result<Vec<ContainerView>, StoreError> {
        let ids = self.ids()?;
        let mut views = Vec::with_capacity(ids.len());
        if ids.is_empty() {
            return Ok(views);
        }
        let root = open_directory(rustix::fs::CWD, &self.root).map_err(io_error("opening", &self.root))?;
        for id in ids {
            let Ok(directory) = open_directory(root.as_fd(), Path::new(id.as_str())) else { continue };
            if !wanted(directory.as_fd()) {
                continue;
            }
            match self.view_in(&id, directory.as_fd()) {
                Ok(view) => views.extend(view),
                Err(error) => tracing::debug!(container = id.short(), %error, "left out of the list"),
            }
        }
        views.sort_by(|a, b| {
            b.record.created.cmp(&a.record.created).then_with(|| a.record.id.cmp(&b.record.id))
        });
        Ok(views)
    }

    /// Finds by full id, name (with or without `/`), or unique id prefix, in that order.
    pub fn find(&self, text: &str) -> Result<ContainerView, StoreError> {
        let not_found = || StoreError::NotFound(text.to_owned());
        self.view(&self.find_id(text)?)?.ok_or_else(not_found)
    }

    /// As `find`, without looking into the container more than needed.
    pub fn find_id(&self, text: &str) -> Result<ContainerId, StoreError> {
        if let Some(id) = ContainerId::parse(text)
            && self.directory(&id).is_dir()
        {
            return Ok(id);
        }
        if let Ok(name) = ContainerName::parse(text)
            && let Some(id) = self.claimant(&name)
            && self.record(&id)?.is_some_and(|record| record.name == name)
        {
            return Ok(id);
        }
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(StoreError::NotFound(text.to_owned()));
        }
        let mut matching = self.ids()?.into_iter().filter(|id| id.as_str().starts_with(text));
        match (matching.next(), matching.next()) {
            (Some(id), None) => Ok(id),
            (Some(_), Some(_)) => Err(StoreError::Ambiguous(text.to_owned())),
            (None, _) => Err(StoreError::NotFound(text.to_owned())),
        }
    }

    /// Takes the right to change a container; waits for whoever has it. `None` when it is gone.
    pub fn change(&self, id: &ContainerId) -> Result<Option<Change<'_>>, StoreError> {
        let path = self.directory(id).join("alive");
        let file = match File::options().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io_error("opening", &path)(e)),
        };
        let lock = OfdLock::new(file, CHANGE).map_err(io_error("locking", &path))?;
        // While we waited it may have been removed.
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(Change { store: self, id: id.clone(), lock }))
    }

    /// Whether somebody has the root of a container, which does not run, mounted.
    pub fn is_mounted(&self, id: &ContainerId) -> bool {
        File::open(self.directory(id).join("alive"))
            .is_ok_and(|alive| lock::is_locked(alive.as_fd(), MOUNTED).unwrap_or(false))
    }

    /// Takes over a `Change` that came with an inherited descriptor of `alive`.
    pub fn inherited_change(&self, id: &ContainerId, alive: OwnedFd) -> Change<'_> {
        Change { store: self, id: id.clone(), lock: OfdLock::inherited(alive, CHANGE) }
    }

    /// Whether this is a `--rm` container whose supervisor was killed: nobody is left to remove it.
    pub fn is_abandoned(&self, view: &ContainerView) -> bool {
        view.record.spec.auto_remove && view.facts.started.is_some() && !self.is_alive(&view.record.id)
    }

    /// Writes down the end of a container whose supervisor was killed before it could: what the view says of it.
    /// `Some` for the first who notices; a container that somebody changes at this moment is left to the next.
    pub fn note_death(&self, view: &ContainerView) -> Option<Exit> {
        let State::Exited { exit, .. } = &view.state else { return None };
        let is_open = |facts: &StateFile| facts.started.is_some() && facts.exit.is_none();
        if !is_open(&view.facts) {
            return None;
        }
        let directory = self.directory(&view.record.id);
        let file = File::options().read(true).write(true).open(directory.join("alive")).ok()?;
        let _right = OfdLock::try_new(file, CHANGE).ok()??;
        let facts = read_state(&directory);
        if self.is_alive(&view.record.id) || !is_open(&facts) {
            return None;
        }
        let state = StateFile { exit: Some(exit.clone()), ..facts };
        match write_state(&directory, &state, Durability::Atomic) {
            Ok(()) => Some(exit.clone()),
            Err(error) => {
                // A full disk: it reads as before, and the next one tries again.
                tracing::debug!(container = view.record.id.short(), %error, "its end is not written down");
                None
            }
        }
    }

    /// Collects what killed processes left in `partial/`. Never fails: what cannot be removed now (files
    /// of other ids need the user's namespace) is returned.
    pub fn sweep(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.root.join("partial")) else { return Vec::new() };
        let mut left = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            let lock = match File::options().read(true).write(true).open(path.join("alive")) {
                Ok(file) => OfdLock::try_new(file, CHANGE).ok().flatten(),
                Err(_) if is_old(&path) => None,
                Err(_) => continue,
            };
            if lock.is_none() && !is_old(&path) {
                continue;
            }
            match remove_tree(&path) {
                Ok(Removal::Done) => {}
                Ok(Removal::NeedsNamespace) => left.push(path),
                Err(error) => tracing::debug!(path = %path.display(), %error, "not collected"),
            }
        }
        left
    }
}

/// A directory without a lock is that of a creator between two system calls, or of a dead one.
fn is_old(path: &Path) -> bool {
    let age = fs::symlink_metadata(path).and_then(|m| m.modified()).map(|m| m.elapsed());
    !path.join("alive").exists() && matches!(age, Ok(Ok(age)) if age > Duration::from_secs(60))
}

impl Change<'_> {
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// The open `alive` file, to hand the right to a supervisor.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.lock.file().as_fd()
    }

    /// Leaves the right to the copies of `file` that were handed over.
    pub fn hand_over(self) {
        self.lock.hand_over();
    }

    fn record(&self) -> Result<ContainerRecord, StoreError> {
        self.store.record(&self.id)?.ok_or_else(|| StoreError::NotFound(self.id.to_string()))
    }

    /// Gives the container another restart policy. Its supervisor, if it runs, does not hear of it.
    pub fn set_restart(&self, policy: RestartPolicy) -> Result<(), StoreError> {
        let mut record = self.record()?;
        if record.spec.restart == policy {
            return Ok(());
        }
        record.spec.restart = policy;
        write_record_over(&self.store.directory(&self.id), &record)
    }

    /// Gives the container another name.
    pub fn rename(&self, name: &ContainerName) -> Result<(), StoreError> {
        let directory = self.store.directory(&self.id);
        let mut record = self.record()?;
        if record.name == *name {
            return Ok(());
        }
        self.store.take_name(name, &self.id)?;
        let before = std::mem::replace(&mut record.name, name.clone());
        if let Err(error) = write_record_over(&directory, &record) {
            let _ = self.store.release_name(name, &self.id);
            return Err(error);
        }
        self.store.release_name(&before, &self.id)
    }

    /// Removes the container and its files. `Some` comes with the directory that only a process in U can
    /// remove.
    pub fn remove(self) -> Result<Option<PathBuf>, StoreError> {
        self.withdraw()?.remove()
    }

    /// The first half of a removal: the container is gone for everybody with one rename, its name is free.
    pub fn withdraw(self) -> Result<Withdrawn, StoreError> {
        let (place, partial) = (self.store.directory(&self.id), self.store.partial(&self.id));
        let name = self.store.record(&self.id).ok().flatten().map(|record| record.name);
        self.store.make_directories()?;
        fs::rename(&place, &partial).map_err(io_error("removing", &place))?;
        if let Some(name) = name {
            self.store.release_name(&name, &self.id)?;
        }
        Ok(Withdrawn { partial, _lock: self.lock })
    }
}

/// A container that is gone for everybody, and whose files are still there. If its holder dies, the next
/// `sweep` removes them.
pub struct Withdrawn {
    partial: PathBuf,
    _lock: OfdLock,
}

impl Withdrawn {
    /// Removes the files. `Some` as for [`Change::remove`].
    pub fn remove(self) -> Result<Option<PathBuf>, StoreError> {
        match remove_tree(&self.partial).map_err(io_error("removing", &self.partial))? {
            Removal::Done => Ok(None),
            Removal::NeedsNamespace => Ok(Some(self.partial)),
        }
    }
}

fn is_alive(alive: BorrowedFd<'_>) -> bool {
    lock::is_locked(alive, ALIVE).unwrap_or(false)
}

#[cfg(test)]
mod tests;

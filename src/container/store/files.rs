//! The files of one container's directory.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, Mode, OFlags, openat};

use super::super::health::{self, Health};
use super::super::{ContainerId, ContainerRecord, Exit, State, StateFile, record, state};
use super::{HEALTH, PAUSED, RESERVED, RESERVED_SIZE, SECRETS, StoreError, io_error, is_alive};
use crate::sys::file::{self, Durability};
use crate::sys::lock;

pub(super) fn state_in(directory: BorrowedFd<'_>, path: &Path) -> io::Result<(State, StateFile)> {
    let read = || match read_at(directory, "state.json")? {
        // A state file that cannot be read tells nothing, and must not make the container unusable.
        Some(bytes) => {
            Ok::<_, io::Error>(serde_json::from_slice::<StateFile>(&bytes).unwrap_or_else(|error| {
                tracing::debug!(path = %path.display(), %error, "unreadable state");
                StateFile::default()
            }))
        }
        None => Ok(StateFile::default()),
    };
    let facts = read()?;
    let started = match (facts.started, &facts.exit) {
        (Some(started), None) => started,
        (Some(started), Some(_)) if facts.restarting => started,
        (started, Some(exit)) => {
            let exit = exit.clone();
            return Ok((State::Exited { started, exit }, facts));
        }
        (None, None) => return Ok((State::Created, facts)),
    };
    if let Ok(alive) = open_at(directory, "alive")
        && is_alive(alive.as_fd())
    {
        if let Some(exit) = &facts.exit {
            return Ok((State::Restarting { started, exit: exit.clone() }, facts));
        }
        let paused = lock::is_locked(alive.as_fd(), PAUSED).unwrap_or(false);
        return Ok((State::Running { started, pid: facts.pid.unwrap_or(0), paused }, facts));
    }
    // The supervisor may have ended between the two looks: read what it wrote last.
    let facts = read()?;
    let exit = facts.exit.clone().unwrap_or_else(|| Exit {
        // As Docker marks containers that it finds dead after a crash or a reboot.
        code: 255,
        signal: None,
        oom_killed: false,
        finished: last_sign_of_life(directory).unwrap_or(started),
        error: Some("the supervisor of this container was killed or the machine went down".into()),
    });
    Ok((State::Exited { started: facts.started, exit }, facts))
}

/// Nothing known is as before the first check.
pub(super) fn health_in(directory: BorrowedFd<'_>) -> io::Result<Health> {
    let bytes = read_at(directory, HEALTH)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// When the container last wrote its log, or else its state: the nearest to its end that is known.
pub(super) fn last_sign_of_life(directory: BorrowedFd<'_>) -> Option<jiff::Timestamp> {
    let modified = |name: &str| {
        let stat = rustix::fs::statat(directory, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).ok()?;
        jiff::Timestamp::new(stat.st_mtime as i64, i32::try_from(stat.st_mtime_nsec).ok()?).ok()
    };
    modified("container.log").max(modified("state.json"))
}

pub(super) fn parse_record(
    id: &ContainerId,
    path: &Path,
    bytes: &[u8],
) -> Result<ContainerRecord, StoreError> {
    let corrupt = |source| StoreError::Corrupt { path: path.to_owned(), source };
    serde_json::from_slice::<ContainerRecord>(bytes).map_err(corrupt).and_then(|parsed| {
        if parsed.version > record::VERSION {
            return Err(StoreError::Version {
                id: id.clone(),
                found: parsed.version,
                known: record::VERSION,
            });
        }
        Ok(parsed)
    })
}

pub(super) fn encode(record: &ContainerRecord) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(record).expect("a record has string keys only");
    bytes.push(b'\n');
    bytes
}

/// Into a directory that nobody looks into yet.
pub(super) fn write_secrets(directory: &Path, secrets: &[Vec<u8>], synced: bool) -> Result<(), StoreError> {
    if secrets.is_empty() {
        return Ok(());
    }
    let path = directory.join(SECRETS);
    let write = || {
        DirBuilder::new().mode(0o700).create(&path)?;
        for (n, value) in secrets.iter().enumerate() {
            let mut file = open_new(&path.join(n.to_string()))?;
            io::Write::write_all(&mut file, value)?;
            if synced {
                file.sync_data()?;
            }
        }
        Ok(())
    };
    write().map_err(io_error("writing", &path))
}

/// The values of a container's secrets as they were when it was created.
pub fn read_secrets(directory: &Path, count: usize) -> io::Result<Vec<Vec<u8>>> {
    (0..count).map(|n| fs::read(directory.join(SECRETS).join(n.to_string()))).collect()
}

/// Into a directory that nobody looks into yet.
pub(super) fn write_record(directory: &Path, record: &ContainerRecord) -> Result<(), StoreError> {
    let path = directory.join("record.json");
    let write = || {
        use io::Write;
        let mut file = open_new(&path)?;
        file.write_all(&encode(record))?;
        if record.spec.auto_remove { Ok(()) } else { file.sync_data() }
    };
    write().map_err(io_error("writing", &path))
}

pub(super) fn write_record_over(directory: &Path, record: &ContainerRecord) -> Result<(), StoreError> {
    let path = directory.join("record.json");
    file::replace(&path, &encode(record), Durability::Synced).map_err(io_error("writing", &path))
}

/// Replaces the state of a container (its supervisor only, or who finds that one killed).
pub fn write_state(directory: &Path, state: &StateFile, durability: Durability) -> io::Result<()> {
    file::replace(&directory.join("state.json"), &encode_state(state), durability)
}

/// Sets disk space aside for [`write_last_state`]: a disk that is full when the container ends (it may have
/// filled it) must not cost its exit status. Best effort: not every file system can.
pub fn reserve_last_state(directory: &Path) {
    let reserve = || {
        let path = directory.join(RESERVED);
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok::<_, io::Error>(rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, RESERVED_SIZE)?)
    };
    if let Err(error) = reserve() {
        tracing::debug!(path = %directory.display(), %error, "no space set aside for the last state");
    }
}

/// As [`write_state`], not synced, into the space that was set aside, where there is some.
pub fn write_last_state(directory: &Path, state: &StateFile) -> io::Result<()> {
    let into_reserved = || {
        let path = directory.join(RESERVED);
        let mut file = File::options().write(true).open(&path)?;
        let bytes = encode_state(state);
        // Cut afterwards: a file that is emptied first gives its space back.
        io::Write::write_all(&mut file, &bytes)?;
        file.set_len(bytes.len() as u64)?;
        fs::rename(&path, directory.join("state.json"))
    };
    into_reserved().or_else(|_| write_state(directory, state, Durability::Atomic))
}

pub(super) fn encode_state(state: &StateFile) -> Vec<u8> {
    let state = StateFile { version: state::VERSION, ..state.clone() };
    serde_json::to_vec(&state).expect("a state has string keys only")
}

/// Replaces what is known of a container's health (supervisor only). What cannot be written (a full disk) must
/// not leave what was true before: then nothing is known.
pub fn write_health(directory: &Path, health: &Health) -> io::Result<()> {
    let path = directory.join(HEALTH);
    let health = Health { version: health::VERSION, ..health.clone() };
    let bytes = serde_json::to_vec(&health).expect("health has string keys only");
    file::replace(&path, &bytes, Durability::Atomic).or_else(|_| match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    })
}

/// The health as last written (supervisor only).
pub fn read_health(directory: &Path) -> Health {
    let bytes = fs::read(directory.join(HEALTH)).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Makes the state as last written survive a power cut.
pub fn sync_state(directory: &Path) -> io::Result<()> {
    File::open(directory.join("state.json"))?.sync_all()?;
    File::open(directory)?.sync_all()
}

/// The state as last written (supervisor only: it believes what the file says).
pub fn read_state(directory: &Path) -> StateFile {
    fs::read(directory.join("state.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

pub(super) fn open_new(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

pub(super) fn open_directory(at: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(at, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

pub(super) fn open_at(directory: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    Ok(openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?)
}

/// A small file in one read for all but the largest records; `None` when it is not there.
pub(super) fn read_at(directory: BorrowedFd<'_>, name: &str) -> io::Result<Option<Vec<u8>>> {
    let file = match open_at(directory, name) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = vec![0; 8192];
    let mut filled = 0;
    loop {
        let n = rustix::io::read(&file, &mut bytes[filled..])?;
        filled += n;
        // A short read of a regular file is its end.
        if n == 0 || filled < bytes.len() {
            break;
        }
        bytes.resize(bytes.len() * 2, 0);
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
}

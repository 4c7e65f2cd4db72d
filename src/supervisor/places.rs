//! Where `mount` mounts, and who serves what is there.
//!
//! ```text
//! mounted/.lock                     who mounts or clears up here
//! mounted/<mount namespace>/<id>    where a container or an image is mounted, in that namespace
//!                           <id>.n  locked by a process that serves it; whoever writes to it ends that process
//! ```
//!
//! A process that serves locks its file before there is something to mount, and lives as long as somebody has
//! it mounted. A directory without such a file is a leftover of a mount namespace that has ended. rmdir(2) takes
//! away what is mounted on a directory in all other mount namespaces (since Linux 3.18).

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::inotify;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::sys::lock::{self, Byte, OfdLock};

const SERVED: Byte = Byte(0);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Where something is, or may be, mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    namespace: PathBuf,
    id: String,
}

/// The declaration of a process that it serves a place; what it says holds until this is dropped.
#[derive(Debug)]
pub struct Serving {
    _lock: OfdLock,
    watch: OwnedFd,
}

/// The right to mount and to clear up.
#[derive(Debug)]
pub struct Places {
    root: PathBuf,
    _lock: OfdLock,
}

fn open_lock(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

fn or_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Names in a directory; none if it is not there.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let Some(entries) = or_none(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The directories of mount namespaces.
fn namespaces(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = names(root)?;
    names.retain(|name| !name.starts_with('.'));
    Ok(names.into_iter().map(|name| root.join(name)).collect())
}

/// Where a container or an image may be mounted, in all mount namespaces.
pub fn of(config: &Config, id: &str) -> io::Result<Vec<Place>> {
    let namespaces = namespaces(&config.mounted())?.into_iter();
    Ok(namespaces.map(|namespace| Place { namespace, id: id.to_owned() }).collect())
}

/// The ids of all that is served to somebody.
pub fn served(config: &Config) -> io::Result<Vec<String>> {
    let mut ids = Vec::new();
    for namespace in namespaces(&config.mounted())? {
        for name in names(&namespace)? {
            if let Some((id, _)) = name.split_once('.')
                && is_locked(&namespace.join(&name))
            {
                ids.push(id.to_owned());
            }
        }
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| lock::is_locked(file.as_fd(), SERVED).unwrap_or(true))
}

impl Place {
    /// The one of this process's mount namespace.
    pub fn here(config: &Config, id: &str) -> io::Result<Place> {
        let namespace = fs::metadata("/proc/self/ns/mnt")?.ino().to_string();
        Ok(Place { namespace: config.mounted().join(namespace), id: id.to_owned() })
    }

    /// The directory that is mounted on.
    pub fn path(&self) -> PathBuf {
        self.namespace.join(&self.id)
    }

    /// The files of those who serve it or have served it.
    fn servers(&self) -> io::Result<Vec<PathBuf>> {
        let mut names = names(&self.namespace)?;
        names.retain(|name| name.strip_prefix(&self.id).is_some_and(|rest| rest.starts_with('.')));
        Ok(names.into_iter().map(|name| self.namespace.join(name)).collect())
    }

    pub fn is_served(&self) -> io::Result<bool> {
        Ok(self.servers()?.iter().any(|server| is_locked(server)))
    }

    /// Declares that this process serves it.
    pub fn serve(&self) -> io::Result<Serving> {
        DirBuilder::new().mode(0o700).recursive(true).create(&self.namespace)?;
        for n in 0.. {
            let path = self.namespace.join(format!("{}.{n}", self.id));
            let file = open_lock(&path)?;
            let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
            let Some(lock) = OfdLock::try_new(file, SERVED)? else { continue };
            // Cleared away between the opening and the locking, say.
            if or_none(fs::metadata(&path))?.map(|there| there.ino()) != Some(lock.file().metadata()?.ino()) {
                continue;
            }
            inotify::add_watch(&watch, &path, inotify::WatchFlags::MODIFY)?;
            return Ok(Serving { _lock: lock, watch });
        }
        unreachable!("the loop only ends by returning")
    }

    /// Takes it away from every mount namespace but this process's own, where nothing may be mounted on it.
    pub fn detach(&self) -> io::Result<()> {
        or_none(fs::remove_dir(self.path())).map(drop)
    }

    /// Ends whoever serves it, as if they were killed. Who still has a file of it open finds it gone.
    pub fn end_servers(&self) -> io::Result<()> {
        for server in self.servers()? {
            if is_locked(&server)
                && let Some(mut file) = or_none(File::options().append(true).open(&server))?
            {
                file.write_all(b"e")?;
            }
        }
        Ok(())
    }

    /// Whether nobody serves it any more within this time.
    pub fn is_left_within(&self, patience: Duration) -> io::Result<bool> {
        let begun = Instant::now();
        while self.is_served()? {
            if begun.elapsed() > patience {
                return Ok(false);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(true)
    }
}

impl Serving {
    /// From now on a thread ends this process when `end_servers` asks for that.
    pub fn end_when_told(&self) -> io::Result<()> {
        let watch = self.watch.try_clone()?;
        let wait = move || {
            let told = rustix::io::retry_on_intr(|| rustix::io::read(&watch, &mut [0_u8; 512]));
            if told.is_ok() {
                std::process::exit(0);
            }
        };
        std::thread::Builder::new().name("told-to-end".into()).spawn(wait).map(drop)
    }
}

impl Places {
    /// Waits for whoever has the right.
    pub fn lock(config: &Config) -> io::Result<Places> {
        let root = config.mounted();
        DirBuilder::new().mode(0o700).recursive(true).create(&root)?;
        let lock = OfdLock::new(open_lock(&root.join(".lock"))?, SERVED)?;
        Ok(Places { root, _lock: lock })
    }

    /// The same where anything was ever mounted.
    pub fn lock_if_any(config: &Config) -> io::Result<Option<Places>> {
        config.mounted().exists().then(|| Places::lock(config)).transpose()
    }

    /// Removes what mount namespaces that have ended have left.
    pub fn clear(&self) -> io::Result<()> {
        for namespace in namespaces(&self.root)? {
            for name in names(&namespace)? {
                let path = namespace.join(&name);
                match name.split_once('.') {
                    Some(_) => remove_unlocked(&path)?,
                    None => {
                        let place = Place { namespace: namespace.clone(), id: name };
                        // On one of this mount namespace somebody else may have mounted something.
                        if !place.is_served()? {
                            let _ = place.detach();
                        }
                    }
                }
            }
            // Not empty as long as something is mounted there.
            let _ = fs::remove_dir(&namespace);
        }
        Ok(())
    }
}

fn remove_unlocked(path: &Path) -> io::Result<()> {
    let Some(file) = or_none(File::options().write(true).open(path))? else { return Ok(()) };
    match OfdLock::try_new(file, SERVED)? {
        Some(_lock) => or_none(fs::remove_file(path)).map(drop),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(root: &Path) -> Config {
        Config { root: root.to_owned(), runtime: root.join("run"), further_stores: Vec::new(), overlay: None }
    }

    #[test]
    fn what_is_served_stays_and_leftovers_go() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let places = Places::lock(&config).unwrap();
        let place = Place::here(&config, "ab").unwrap();
        let lock = place.serve().unwrap();
        let second = place.serve().unwrap();
        fs::create_dir(place.path()).unwrap();
        let stale = Place { namespace: config.mounted().join("1"), id: "cd".into() };
        fs::create_dir_all(stale.path()).unwrap();
        fs::write(stale.namespace.join("cd.0"), "").unwrap();
        places.clear().unwrap();
        assert!(place.path().exists() && place.is_served().unwrap());
        assert!(!stale.namespace.exists());
        assert_eq!(served(&config).unwrap(), ["ab"]);
        drop(lock);
        assert!(!place.is_left_within(Duration::ZERO).unwrap());
        drop(second);
        assert!(place.is_left_within(Duration::ZERO).unwrap());
        places.clear().unwrap();
        assert_eq!(names(&config.mounted()).unwrap(), [".lock"]);
    }
}

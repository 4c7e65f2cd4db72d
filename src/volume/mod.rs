//! Volumes: directories that outlive containers.
//!
//! ```text
//! volumes/<name>/volume.json   what was asked for; written once
//!                _data/        what containers see; a symbolic link for a volume that is a directory of
//!                              the user's (`-o o=bind -o device=PATH`)
//!                filling       there while the content of an image is copied in
//! volumes/.new-…  .gone-…      half made, half removed
//! volumes/.lock                flock(2), below
//! ```
//!
//! Who makes a volume or a container that uses one holds `.lock` shared, until the container's record says
//! so; who removes volumes holds it alone while it looks for users. A container without volumes never
//! touches it. A volume comes by one rename and goes by one rename; what killed processes leave is removed
//! by the next one that is alone.
//!
//! The first container that mounts an empty volume copies into it what its image has there. It holds an
//! flock on `volume.json` meanwhile, and `filling` says after a kill that the copy is not whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::sys::file::{self, Durability, unique_name};
use crate::sys::mount;
use crate::sys::tree::{Removal, remove_tree};

const VERSION: u32 = 1;
/// Docker's mark of a volume that nobody has named.
pub const ANONYMOUS_LABEL: &str = "com.docker.volume.anonymous";
const NEW: &str = ".new-";
const GONE: &str = ".gone-";

/// The volumes of one store.
#[derive(Debug)]
pub struct VolumeStore {
    root: PathBuf,
}

/// A volume as it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    pub labels: BTreeMap<String, String>,
    /// Of the driver `local`: `type`, `o`, `device`.
    pub options: BTreeMap<String, String>,
}

/// `volume.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    version: u32,
    created: Timestamp,
    labels: BTreeMap<String, String>,
    options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub created: Timestamp,
    pub labels: BTreeMap<String, String>,
    pub options: BTreeMap<String, String>,
}

impl Volume {
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS_LABEL)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    #[error("get {0}: no such volume")]
    NotFound(String),
    #[error("{0}")]
    Invalid(String),
    #[error("volume {name} was made by a newer coracle (format {found}, this one knows {VERSION})")]
    Version { name: String, found: u32 },
    #[error("{step} {}", path.display())]
    Io { step: &'static str, path: PathBuf, source: io::Error },
    #[error("reading {}", path.display())]
    Corrupt { path: PathBuf, source: serde_json::Error },
}

fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VolumeError {
    let path = path.to_owned();
    move |source| VolumeError::Io { step, path, source }
}

/// While it lives no volume goes.
#[derive(Debug)]
pub struct Held {
    _lock: File,
}

/// While it lives no volume comes to be used.
#[derive(Debug)]
pub struct Alone<'a> {
    store: &'a VolumeStore,
    _lock: File,
}

/// Docker's rule (its volume/local): at least two of these, and no dot first.
pub fn check_name(name: &str) -> Result<(), VolumeError> {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if name.len() == 1 {
        let text = "volume name is too short, names should be at least two alphanumeric characters";
        return Err(VolumeError::Invalid(format!("create {name}: {text}")));
    }
    let mut bytes = name.bytes();
    if bytes.next().is_some_and(|b| b.is_ascii_alphanumeric()) && bytes.all(word) && name.len() <= 255 {
        return Ok(());
    }
    Err(VolumeError::Invalid(format!(
        "create {name}: {name:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
    )))
}

/// The directory of the user's that a volume with these options is; `None` for an ordinary one.
fn bound_directory(name: &str, options: &BTreeMap<String, String>) -> Result<Option<PathBuf>, VolumeError> {
    let invalid = |text: String| Err(VolumeError::Invalid(format!("create {name}: {text}")));
    if let Some(unknown) = options.keys().find(|key| !matches!(key.as_str(), "type" | "o" | "device")) {
        return invalid(format!("invalid option: {unknown:?}"));
    }
    let option = |key: &str| options.get(key).map(String::as_str).unwrap_or_default();
    if options.is_empty() {
        return Ok(None);
    }
    if option("device").is_empty() {
        return invalid("missing device in volume options".to_owned());
    }
    let binds = option("o").split(',').any(|word| matches!(word, "bind" | "rbind"));
    let device = Path::new(option("device"));
    if !binds || !matches!(option("type"), "" | "none" | "bind") {
        return invalid(format!(
            "only root may mount a file system of type {:?}; a directory can be a volume with -o o=bind -o device=/path, and --tmpfs gives a container memory",
            option("type")
        ));
    }
    match device.is_absolute() {
        true => Ok(Some(device.to_owned())),
        false => invalid(format!("device {:?} must be an absolute path", option("device"))),
    }
}

impl VolumeStore {
    pub fn open(config: &Config) -> VolumeStore {
        VolumeStore { root: config.volumes() }
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// What a container mounts.
    pub fn data(&self, name: &str) -> PathBuf {
        data_in(&self.root, name)
    }

    /// `None` when there is none of that name.
    pub fn get(&self, name: &str) -> Result<Option<Volume>, VolumeError> {
        // Also keeps paths out.
        if check_name(name).is_err() {
            return Ok(None);
        }
        let path = self.directory(name).join("volume.json");
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(io_error("reading", &path))?,
        };
        let corrupt = |source| VolumeError::Corrupt { path, source };
        let record: Record = serde_json::from_slice(&bytes).map_err(corrupt)?;
        if record.version > VERSION {
            return Err(VolumeError::Version { name: name.to_owned(), found: record.version });
        }
        let Record { created, labels, options, .. } = record;
        Ok(Some(Volume { name: name.to_owned(), created, labels, options }))
    }

    /// All of them by name. What cannot be read is left out.
    pub fn list(&self) -> Result<Vec<Volume>, VolumeError> {
        let entries = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io_error("listing", &self.root))?,
        };
        let mut volumes = Vec::new();
        for entry in entries {
            let name = entry.map_err(io_error("listing", &self.root))?.file_name();
            let Some(name) = name.to_str() else { continue };
            match self.get(name) {
                Ok(volume) => volumes.extend(volume),
                Err(error) => tracing::debug!(name, %error, "left out of the list"),
            }
        }
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    fn lock_file(&self) -> Result<File, VolumeError> {
        let make = || {
            fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.root)?;
            let path = self.root.join(".lock");
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
        };
        make().map_err(io_error("locking", &self.root))
    }

    pub fn hold(&self) -> Result<Held, VolumeError> {
        let lock = self.lock_file()?;
        lock.lock_shared().map_err(io_error("locking", &self.root))?;
        Ok(Held { _lock: lock })
    }

    pub fn alone(&self) -> Result<Alone<'_>, VolumeError> {
        let lock = self.lock_file()?;
        lock.lock().map_err(io_error("locking", &self.root))?;
        Ok(Alone { store: self, _lock: lock })
    }

    /// Makes it unless it is there, as it then is. Whether it was made now.
    pub fn create(&self, _held: &Held, name: &str, wish: &Wish) -> Result<(Volume, bool), VolumeError> {
        check_name(name)?;
        let bound = bound_directory(name, &wish.options)?;
        if let Some(found) = self.get(name)? {
            return Ok((found, false));
        }
        let Wish { labels, options } = wish.clone();
        let record = Record { version: VERSION, created: Timestamp::now(), labels, options };
        let place = self.directory(name);
        let new = self.root.join(unique_name(NEW));
        let made = (|| {
            fs::DirBuilder::new().mode(0o700).create(&new)?;
            match &bound {
                Some(device) => symlink(device, new.join("_data"))?,
                None => fs::DirBuilder::new().mode(0o755).create(new.join("_data"))?,
            }
            let bytes = serde_json::to_vec(&record).expect("a record has string keys only");
            file::replace(&new.join("volume.json"), &bytes, Durability::Synced)?;
            // Fails if somebody was faster: a directory with something in it is not replaced.
            fs::rename(&new, &place)?;
            File::open(&self.root)?.sync_all()
        })();
        if let Err(error) = made {
            // Best effort: the error that matters is the one at hand.
            let _ = remove_tree(&new);
            return match self.get(name)? {
                Some(found) => Ok((found, false)),
                None => Err(io_error("making volume", &place)(error)),
            };
        }
        self.get(name)?.map(|volume| (volume, true)).ok_or_else(|| VolumeError::NotFound(name.to_owned()))
    }
}

/// `<root>/<name>/_data`
pub fn data_in(root: &Path, name: &str) -> PathBuf {
    root.join(name).join("_data")
}

/// What lies in `data`, or at `subpath` in there, as a detached tree of mounts.
pub fn tree(data: &Path, subpath: Option<&Path>) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(data, flags, Mode::empty())?;
    let directory = match subpath {
        None => directory,
        // Containers may have put links there (CVE-2024-23651).
        Some(below) => {
            let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            rustix::fs::openat2(&directory, below, flags, Mode::empty(), inside)?
        }
    };
    mount::clone_tree(directory.as_fd(), Path::new(""), true)
}

/// A volume without content, about to be given some; others that want to give it some wait.
pub struct Filling {
    marker: PathBuf,
    pub data: PathBuf,
    _lock: File,
}

impl VolumeStore {
    /// Waits until nobody copies into the volume, and keeps others from it while the result lives. Half a
    /// copy that a killed process left is removed. Called in U, as `begin_filling`.
    pub fn begin_import(&self, name: &str) -> io::Result<File> {
        let lock = File::open(self.directory(name).join("volume.json"))?;
        lock.lock()?;
        let marker = self.directory(name).join("filling");
        if marker.exists() {
            empty(&fs::canonicalize(self.data(name))?)?;
            fs::remove_file(&marker)?;
        }
        Ok(lock)
    }

    /// `None` if the volume has content. What a killed process began to copy is removed first. Called
    /// where the files of other ids can be removed, in U.
    pub fn begin_filling(&self, name: &str) -> io::Result<Option<Filling>> {
        // A volume that is a directory elsewhere is filled there.
        let data = fs::canonicalize(self.data(name))?;
        let marker = self.directory(name).join("filling");
        let is_empty = || Ok::<_, io::Error>(fs::read_dir(&data)?.next().is_none());
        if !is_empty()? && !marker.exists() {
            return Ok(None);
        }
        let lock = File::open(self.directory(name).join("volume.json"))?;
        lock.lock()?;
        if marker.exists() {
            empty(&data)?;
        } else if !is_empty()? {
            return Ok(None);
        }
        File::create(&marker)?;
        Ok(Some(Filling { marker, data, _lock: lock }))
    }
}

impl Filling {
    /// It has all that it is to have.
    pub fn finish(self) -> io::Result<()> {
        fs::remove_file(&self.marker)
    }

    /// It could not be filled: as before.
    pub fn undo(self) -> io::Result<()> {
        empty(&self.data)?;
        fs::remove_file(&self.marker)
    }
}

fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        remove_tree(&entry?.path())?;
    }
    Ok(())
}

impl Alone<'_> {
    /// It is gone for everybody when this returns. `Some` comes with a directory that only a process in U
    /// can remove.
    pub fn remove(&self, name: &str) -> Result<Option<PathBuf>, VolumeError> {
        let place = self.store.directory(name);
        let gone = self.store.root.join(unique_name(GONE));
        match fs::rename(&place, &gone) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(VolumeError::NotFound(name.to_owned()));
            }
            renamed => renamed.map_err(io_error("removing", &place))?,
        }
        match remove_tree(&gone).map_err(io_error("removing", &gone))? {
            Removal::Done => Ok(None),
            Removal::NeedsNamespace => Ok(Some(gone)),
        }
    }

    /// Removes what killed processes left; gives what only a process in U can remove.
    pub fn sweep(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.store.root).into_iter().flatten().flatten();
        let is_left = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(NEW) || name.starts_with(GONE)
        };
        let left = entries.map(|entry| entry.path()).filter(is_left);
        left.filter(|path| !matches!(remove_tree(path), Ok(Removal::Done))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &Path) -> VolumeStore {
        VolumeStore { root: dir.join("volumes") }
    }

    #[test]
    fn a_volume_is_made_once_and_goes_with_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        assert!(store.list().unwrap().is_empty() && store.get("db").unwrap().is_none());
        let held = store.hold().unwrap();
        let wish = Wish { labels: [("a".to_owned(), "b".to_owned())].into(), ..Wish::default() };
        let (volume, made) = store.create(&held, "db", &wish).unwrap();
        assert!(made && volume.labels == wish.labels && !volume.is_anonymous());
        // Again: as it is, whatever is asked for now.
        assert_eq!(store.create(&held, "db", &Wish::default()).unwrap(), (volume.clone(), false));
        fs::write(store.data("db").join("x"), "y").unwrap();
        assert_eq!(store.list().unwrap(), [volume]);
        drop(held);
        fs::create_dir(dir.path().join("volumes/.new-1")).unwrap();
        let alone = store.alone().unwrap();
        assert_eq!(alone.remove("db").unwrap(), None);
        assert!(matches!(alone.remove("db"), Err(VolumeError::NotFound(_))));
        assert!(alone.sweep().is_empty());
        assert_eq!(fs::read_dir(dir.path().join("volumes")).unwrap().count(), 1);
    }

    #[test]
    fn names_and_options_are_checked_in_dockers_words() {
        for name in ["db", "a.b_c-1", &"x".repeat(255)] {
            check_name(name).unwrap();
        }
        for (name, part) in
            [("x", "too short"), ("", "invalid characters"), (".x", "invalid"), ("a/b", "invalid")]
        {
            assert!(check_name(name).unwrap_err().to_string().contains(part), "{name}");
        }
        let options = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            bound_directory("db", &pairs).map_err(|e| e.to_string())
        };
        assert_eq!(options(&[]), Ok(None));
        assert_eq!(options(&[("o", "bind"), ("device", "/srv")]), Ok(Some("/srv".into())));
        for (pairs, part) in [
            (&[("foo", "x")][..], "invalid option: \"foo\""),
            (&[("o", "bind")], "missing device"),
            (&[("type", "nfs"), ("o", "addr=x"), ("device", ":/x")], "only root may mount"),
            (&[("o", "bind"), ("device", "x")], "absolute"),
        ] {
            assert!(options(pairs).unwrap_err().contains(part), "{pairs:?}");
        }
    }

    #[test]
    fn only_an_empty_volume_is_filled_and_a_half_copy_is_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let held = store.hold().unwrap();
        store.create(&held, "db", &Wish::default()).unwrap();
        let filling = store.begin_filling("db").unwrap().unwrap();
        fs::write(filling.data.join("half"), "x").unwrap();
        // Killed here.
        drop(filling);
        let filling = store.begin_filling("db").unwrap().unwrap();
        assert_eq!(fs::read_dir(&filling.data).unwrap().count(), 0);
        fs::write(filling.data.join("whole"), "x").unwrap();
        filling.finish().unwrap();
        assert!(store.begin_filling("db").unwrap().is_none());
        fs::remove_file(store.data("db").join("whole")).unwrap();
        let filling = store.begin_filling("db").unwrap().unwrap();
        fs::write(filling.data.join("half"), "x").unwrap();
        filling.undo().unwrap();
        assert!(store.begin_filling("db").unwrap().is_some());
    }
}

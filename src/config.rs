//! Where things lie and what the user configured.
//!
//! Data: `$CORACLE_ROOT`, else `${XDG_DATA_HOME:-~/.local/share}/coracle`. Sockets and locks that may
//! vanish at logout: `$XDG_RUNTIME_DIR/coracle`, else `/run/user/<uid>/coracle`, else `/tmp/coracle-<uid>`,
//! checked for owner and mode. Settings: `${XDG_CONFIG_HOME:-~/.config}/coracle/config.toml` over
//! `/etc/coracle/config.toml`:
//!
//! ```toml
//! overlay = "auto"                  # or hybrid, full, unpacked
//! stores = ["/srv/coracle"]         # further stores, read-only; $CORACLE_STORES (a:b) comes before them
//! ```

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sys::namespace::{lookup, read_map};

/// Everything a command needs to know about this user on this machine. Made once, passed down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The user's own store; everything under it is ours.
    pub root: PathBuf,
    /// Sockets of running containers; losing it loses nothing.
    pub runtime: PathBuf,
    /// Read-only stores of others, searched in this order before anything is downloaded.
    pub further_stores: Vec<PathBuf>,
    /// How containers write to their root unless `--storage-opt overlay=` says otherwise.
    pub overlay: Option<String>,
}

/// A configuration file. Unknown keys are errors: a misspelt setting must not be lost in silence.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    overlay: Option<String>,
    stores: Option<Vec<PathBuf>>,
}

impl Config {
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }
    pub fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }
    /// Images written out for machines without FUSE.
    pub fn unpacked(&self) -> PathBuf {
        self.root.join("unpacked")
    }
    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }
    pub fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }
    /// Where `mount` mounts: a directory for each mount namespace, in it one for each container and image.
    pub fn mounted(&self) -> PathBuf {
        self.root.join("mounted")
    }
    /// What happened.
    pub fn events(&self) -> PathBuf {
        self.root.join("events")
    }
    /// The directory of one container.
    pub fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }
    /// The supervisor's socket of one container.
    pub fn socket(&self, id: &str) -> PathBuf {
        // sun_path holds 108 bytes: the short id keeps long runtime directories usable.
        self.runtime.join(format!("{}.sock", &id[..12]))
    }

    /// Reads environment and configuration files; makes the directories that are missing (mode 0700).
    pub fn load() -> Result<Config, ConfigError> {
        let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let uid = rustix::process::geteuid().as_raw();
        let home = || {
            variable("HOME").map(PathBuf::from).or_else(|| home_from_passwd(uid)).ok_or(ConfigError::NoHome)
        };
        let root = match (variable("CORACLE_ROOT"), variable("XDG_DATA_HOME")) {
            (Some(root), _) => absolute(root)?,
            (None, Some(data)) => absolute(data)?.join("coracle"),
            (None, None) => home()?.join(".local/share/coracle"),
        };
        make_directory(&root)?;
        let settings = match variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| {
            let home = home().ok()?;
            Some(home.join(".config"))
        }) {
            Some(own) => read_settings(&own.join("coracle/config.toml"))?,
            None => Settings::default(),
        };
        let global = read_settings(Path::new("/etc/coracle/config.toml"))?;
        let mut further_stores: Vec<PathBuf> = match variable("CORACLE_STORES") {
            Some(list) => std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect(),
            None => Vec::new(),
        };
        further_stores.extend(settings.stores.into_iter().chain(global.stores).flatten());
        further_stores.retain(|store| *store != root);
        let runtime = runtime_directory(variable("XDG_RUNTIME_DIR"), uid)?;
        Ok(Config { root, runtime, further_stores, overlay: settings.overlay.or(global.overlay) })
    }
}

fn absolute(path: OsString) -> Result<PathBuf, ConfigError> {
    std::path::absolute(&path).map_err(|e| ConfigError::File { path: path.into(), detail: e.to_string() })
}

/// The home directory of /etc/passwd, for programs started without HOME (cron, systemd).
fn home_from_passwd(uid: u32) -> Option<PathBuf> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mine = fields.into_iter().find(|f| f.len() >= 6 && f[2].parse() == Ok(uid))?;
    Some(PathBuf::from(mine[5])).filter(|home| home.is_absolute())
}

fn read_settings(path: &Path) -> Result<Settings, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        // A home that may not be read is treated as one without settings.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(Settings::default());
        }
        Err(e) if e.raw_os_error() == Some(libc::ENOTDIR) => return Ok(Settings::default()),
        Err(e) => return Err(ConfigError::File { path: path.into(), detail: e.to_string() }),
    };
    toml::from_str(&text)
        .map_err(|e| ConfigError::File { path: path.into(), detail: e.to_string().trim_end().to_owned() })
}

fn make_directory(path: &Path) -> Result<(), ConfigError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| ConfigError::MakeDirectory { path: path.into(), source })
}

/// A private directory: ours, a directory and not a link, closed to others. In /tmp anybody could have
/// made it before us, so it is looked at after it was made, never before.
fn private_directory(path: &Path, uid: u32) -> Result<(), ConfigError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(ConfigError::MakeDirectory { path: path.into(), source }),
    }
    let is = fs::symlink_metadata(path)
        .map_err(|source| ConfigError::MakeDirectory { path: path.into(), source })?;
    if !is.is_dir() || is.uid() != uid || is.mode() & 0o077 != 0 {
        return Err(ConfigError::UnsafeRuntime { path: path.into() });
    }
    Ok(())
}

/// The caller's id on the host: within `coracle unshare` the sockets are the same as outside.
fn outer_id(uid: u32) -> u32 {
    let map = read_map("/proc/self/uid_map".as_ref()).unwrap_or_default();
    if uid == 0 { lookup(&map, 0).unwrap_or(0) } else { uid }
}

fn runtime_directory(asked: Option<OsString>, uid: u32) -> Result<PathBuf, ConfigError> {
    let outer = outer_id(uid);
    // Sessions without the variable (su, cron) find the sockets of those that have it.
    let session = asked.map_or_else(|| PathBuf::from(format!("/run/user/{outer}")), PathBuf::from);
    let usable = session.is_absolute()
        && fs::metadata(&session).is_ok_and(|m| m.is_dir() && m.uid() == uid && m.mode() & 0o022 == 0);
    let path = if usable { session.join("coracle") } else { PathBuf::from(format!("/tmp/coracle-{outer}")) };
    private_directory(&path, uid)?;
    Ok(path)
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("making {}", path.display())]
    MakeDirectory { path: PathBuf, source: std::io::Error },
    #[error("{} belongs to somebody else or is open to others; remove it or set XDG_RUNTIME_DIR", path.display())]
    UnsafeRuntime { path: PathBuf },
    #[error("reading {}: {detail}", path.display())]
    File { path: PathBuf, detail: String },
    #[error("no home directory: set HOME or CORACLE_ROOT")]
    NoHome,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn the_runtime_directory_is_made_once_and_refused_when_open_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = runtime_directory(Some(dir.path().into()), me()).unwrap();
        assert_eq!(path, dir.path().join("coracle"));
        assert_eq!(runtime_directory(Some(dir.path().into()), me()).unwrap(), path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            runtime_directory(Some(dir.path().into()), me()),
            Err(ConfigError::UnsafeRuntime { .. })
        ));
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/tmp", &path).unwrap();
        assert!(runtime_directory(Some(dir.path().into()), me()).is_err());
    }

    #[test]
    fn settings_are_read_and_misspelt_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        assert_eq!(read_settings(&path).unwrap(), Settings::default());
        fs::write(&path, "overlay = \"full\"\nstores = [\"/a\", \"/b\"]\n").unwrap();
        let read = read_settings(&path).unwrap();
        assert_eq!((read.overlay.as_deref(), read.stores.unwrap().len()), (Some("full"), 2));
        fs::write(&path, "overlaay = \"full\"\n").unwrap();
        assert!(read_settings(&path).unwrap_err().to_string().contains("overlaay"));
    }
}

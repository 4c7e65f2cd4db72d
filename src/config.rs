//! Where things lie and what the user configured.
//!
//! Data: `$CORACLE_ROOT`, else `${XDG_DATA_HOME:-~/.local/share}/coracle`. Sockets and locks that may
//! vanish at logout: `$XDG_RUNTIME_DIR/coracle`, else `/tmp/coracle-<uid>` checked for owner and mode.
//! Settings: `${XDG_CONFIG_HOME:-~/.config}/coracle/config.toml` over `/etc/coracle/config.toml`.

use std::path::{Path, PathBuf};

/// Everything a command needs to know about this user on this machine. Made once, passed down.
#[derive(Debug, Clone)]
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
    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
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
        todo!("helper E")
    }
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

impl ConfigError {
    pub fn path(&self) -> Option<&Path> {
        match self {
            ConfigError::MakeDirectory { path, .. }
            | ConfigError::UnsafeRuntime { path }
            | ConfigError::File { path, .. } => Some(path),
            ConfigError::NoHome => None,
        }
    }
}

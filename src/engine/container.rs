//! Verbs on containers. (helper E implements; helper F calls. Signatures are agreed.)

use crate::container::{ContainerId, ContainerRecord, ContainerSpec, Exit};
use crate::engine::{Engine, Result};

/// `--pull`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PullPolicy {
    #[default]
    Missing,
    Always,
    Never,
}

pub use crate::container::store::ContainerView;

/// `exec` as a door asks for it. With `detach` the call returns `Attached::Detached` once it runs.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ExecSpec {
    pub argv: Vec<String>,
    /// Added to the container's own environment; later entries win.
    pub env: Vec<(String, String)>,
    pub workdir: Option<std::path::PathBuf>,
    pub user: Option<String>,
    pub tty: bool,
    pub stdin: bool,
    pub privileged: bool,
    pub detach: bool,
}

/// Which of a container's streams to connect and how to leave them.
#[derive(Debug, Clone)]
pub struct AttachOptions {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// Bytes that detach when typed (default ctrl-p ctrl-q); `None` switches detaching off.
    pub detach_keys: Option<Vec<u8>>,
    pub forward_signals: bool,
}

/// How an attachment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attached {
    Exited(Exit),
    Detached,
}

#[allow(unused_variables)]
impl Engine {
    /// Makes a container: claims id and name, pins the image (which must be here), writes the record.
    pub fn create(&self, spec: ContainerSpec) -> Result<ContainerRecord> {
        todo!("helper E")
    }
    /// Starts it and returns when its command runs (or could not be run: NotExecutable, CommandNotFound).
    pub fn start(&self, id: &ContainerId) -> Result<()> {
        todo!()
    }
    /// Starts it with the caller's streams attached before the first byte of output; returns its end.
    pub fn start_attached(&self, id: &ContainerId, options: &AttachOptions) -> Result<Attached> {
        todo!()
    }
    /// Connects to a running container.
    pub fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<Attached> {
        todo!()
    }
    pub fn exec(&self, id: &ContainerId, spec: ExecSpec, options: &AttachOptions) -> Result<Attached> {
        todo!()
    }
    /// Stop signal, then KILL after `timeout` seconds (negative: never; `None`: the container's own).
    pub fn stop(&self, id: &ContainerId, signal: Option<i32>, timeout: Option<i64>) -> Result<()> {
        todo!()
    }
    pub fn kill(&self, id: &ContainerId, signal: i32) -> Result<()> {
        todo!()
    }
    /// Blocks until it is not running; its exit status.
    pub fn wait(&self, id: &ContainerId) -> Result<Exit> {
        todo!()
    }
    pub fn remove(&self, id: &ContainerId, force: bool, volumes: bool) -> Result<()> {
        todo!()
    }
    pub fn rename(&self, id: &ContainerId, name: &str) -> Result<()> {
        todo!()
    }
    /// Finds by full id, name (with or without `/`), or unique id prefix, in that order.
    pub fn find(&self, name: &str) -> Result<ContainerView> {
        todo!()
    }
    /// All containers, newest first.
    pub fn list(&self) -> Result<Vec<ContainerView>> {
        todo!()
    }
    /// Host pids of the processes inside.
    pub fn processes(&self, id: &ContainerId) -> Result<Vec<i32>> {
        todo!()
    }
    /// Bytes the container itself wrote (`ps -s`).
    pub fn written_size(&self, id: &ContainerId) -> Result<u64> {
        todo!()
    }
    /// Stop, then start; a stopped container is just started.
    pub fn restart(&self, id: &ContainerId, signal: Option<i32>, timeout: Option<i64>) -> Result<()> {
        todo!()
    }
    /// Hands every stored entry that `query` asks for to `each`, oldest first; with `query.follow` until
    /// the container ends. An error of `each` (a closed pipe) ends the reading and is no failure.
    pub fn logs(
        &self,
        id: &ContainerId,
        query: &crate::logs::Query,
        each: &mut dyn FnMut(&crate::logs::Entry) -> std::io::Result<()>,
    ) -> Result<()> {
        todo!()
    }
    /// Where the log lies (`inspect` shows it as LogPath).
    pub fn log_path(&self, id: &ContainerId) -> std::path::PathBuf {
        todo!()
    }
}

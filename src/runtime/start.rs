//! The supervisor's side: makes the container's first process, or one more of them, and waits until its
//! command runs or has failed.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use super::launch::{Launch, Process};

/// What the new process gets as its streams.
#[derive(Debug)]
pub enum Stdio {
    Streams {
        stdin: OwnedFd,
        stdout: OwnedFd,
        stderr: OwnedFd,
    },
    /// A terminal of the container's own devpts; `Started::console` is its other side.
    Terminal {
        rows: u16,
        columns: u16,
    },
}

/// Namespaces of other containers to enter; given exactly where `Launch` says `Join`.
#[derive(Debug, Default)]
pub struct Joins {
    pub pid: Option<OwnedFd>,
    pub network: Option<OwnedFd>,
    pub ipc: Option<OwnedFd>,
    pub uts: Option<OwnedFd>,
}

/// A process that runs its command (execve has succeeded). It is a child of the calling process.
#[derive(Debug)]
pub struct Started {
    /// As the supervisor's pid namespace numbers it.
    pub pid: i32,
    pub pidfd: OwnedFd,
    /// The terminal's master side.
    pub console: Option<OwnedFd>,
}

/// Why a command does not run; the text is Docker's, whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// Exit status 127.
    #[error("{text}")]
    NotFound { text: String },
    /// Exit status 126.
    #[error("{text}")]
    NotExecutable { text: String },
    /// The wish cannot be granted (unknown user, bad mount): Docker's InvalidParameter, exit status 125.
    #[error("{text}")]
    Invalid { text: String, hint: Option<String> },
    /// Something failed on our side or the kernel's; exit status 125.
    #[error("{text}")]
    System { text: String },
}

/// Starts a container on the root file system mounted at `rootfs` in the caller's mount namespace.
/// Called in the supervisor: inside U, in a mount namespace of U's. Safe with other threads running.
pub fn launch(launch: &Launch, rootfs: &Path, joins: Joins, stdio: Stdio) -> Result<Started, LaunchError> {
    let _ = (launch, rootfs, joins, stdio);
    todo!()
}

/// Starts a further process in the container whose first process is behind `init` (a pidfd).
pub fn exec(init: BorrowedFd<'_>, process: &Process, stdio: Stdio) -> Result<Started, LaunchError> {
    let _ = (init, process, stdio);
    todo!()
}

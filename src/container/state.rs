//! What happened to a container: written by its supervisor, believed only as far as the lock says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the state file's format.
pub const VERSION: u32 = 1;

/// How a container's first process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 0 to 255; 128 + n for a process ended by signal n (Docker's rule).
    pub code: u8,
    /// The signal, when one ended it.
    pub signal: Option<i32>,
    pub oom_killed: bool,
    pub finished: Timestamp,
    /// Why it could not be started at all, in Docker's words.
    pub error: Option<String>,
}

/// A container's state as shown. `Running` and `Restarting` only ever come from a lock that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Created,
    Running {
        started: Timestamp,
        pid: i32,
        paused: bool,
    },
    /// It has ended, and its supervisor is about to run it again.
    Restarting {
        started: Timestamp,
        exit: Exit,
    },
    Exited {
        started: Option<Timestamp>,
        exit: Exit,
    },
}

impl State {
    /// Whether a supervisor keeps it. Docker counts one that restarts among the running ones.
    pub fn is_up(&self) -> bool {
        matches!(self, State::Running { .. } | State::Restarting { .. })
    }

    pub fn is_paused(&self) -> bool {
        matches!(self, State::Running { paused: true, .. })
    }
}

/// `state.json`, replaced by the supervisor at each start and each exit. A file that says `started` without
/// `exit` while nobody holds the lock means the supervisor was killed or the machine rebooted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateFile {
    pub version: u32,
    pub started: Option<Timestamp>,
    /// The first process as the host numbers it. For showing only: no pid on disk is ever signalled.
    pub pid: Option<i32>,
    pub exit: Option<Exit>,
    /// The supervisor means to run it again: `exit` is that of the run before.
    pub restarting: bool,
    /// Times the supervisor has run it again since somebody started it.
    pub restarts: u32,
    /// Somebody has asked it to end: the next boot is no reason to start it (`unless-stopped`).
    pub stopped_by_user: bool,
    /// While it runs: when the run before ended.
    pub finished_before: Option<Timestamp>,
    /// The overlay mode that was in use.
    pub overlay: Option<String>,
    /// Why no better one was.
    pub overlay_note: Option<String>,
    /// Whether `health.json` counts.
    pub is_checked: bool,
    /// Times the container was started.
    pub starts: u32,
    /// Where the supervisor listens: other sessions of the user may have another runtime directory.
    pub socket: Option<std::path::PathBuf>,
}

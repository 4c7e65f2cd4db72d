//! U, the user's namespace: one per user, shared by all supervisors (DESIGN section 2 and 6). It maps
//! the caller to 0 and, where the machine offers them, the caller's ranges of /etc/subuid and
//! /etc/subgid to 1 and up. It lives as long as a process or a descriptor of it does.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::sys::namespace::IdMapping;

/// A range of host ids that the caller may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    pub first: u32,
    pub count: u32,
}

/// The map that U gets when this caller makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRanges {
    pub uids: Vec<IdRange>,
    pub gids: Vec<IdRange>,
    /// Why there is only one id, in a sentence for the user; `None` when there are ranges.
    pub note: Option<String>,
}

/// A stage of coracle that was started in U.
#[derive(Debug)]
pub struct StageProcess {
    /// As the caller's pid namespace numbers it.
    pub pid: i32,
    pub pidfd: OwnedFd,
    /// Why U has a single id although ranges exist (newuidmap missing or refusing); for the user.
    pub note: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum UsernsError {
    #[error(
        "user namespaces are not available here (kernel.unprivileged_userns_clone, user.max_user_namespaces, AppArmor's userns restriction)"
    )]
    Unavailable { source: io::Error },
    #[error("starting {stage}: {step}")]
    Start { stage: String, step: &'static str, source: io::Error },
    #[error("writing the id map of the user namespace")]
    Map { source: io::Error },
    #[error("joining the user namespace of the running containers")]
    Join { source: io::Error },
}

impl IdRanges {
    /// What /etc/subuid, /etc/subgid (or `getsubids`) give to the caller, and whether newuidmap and
    /// newgidmap are there to use it. Never fails: without ranges there is one id and a note.
    pub fn of_caller() -> IdRanges {
        todo!()
    }
}

/// Starts this binary again as `stage` (`argv[0]`, dispatched by main) inside U: the existing one behind
/// `join`, else a new one. The process has the paper as descriptor 3, `inherited` as 4 and up, /dev/null as
/// 0 to 2 and nothing else; its own session, `/` as directory, default signal dispositions and an empty
/// mask; all capabilities in U. The environment is the caller's.
pub fn spawn_stage(
    stage: &str,
    paper: BorrowedFd<'_>,
    inherited: &[BorrowedFd<'_>],
    join: Option<BorrowedFd<'_>>,
) -> Result<StageProcess, UsernsError> {
    let _ = (stage, paper, inherited, join);
    todo!()
}

/// The user namespace of a running process of the same user, to `join` later. The caller makes sure by
/// its own means (a lock, a pidfd opened before) that `pid` still is what it believes.
pub fn of_process(pid: i32) -> io::Result<OwnedFd> {
    Ok(std::fs::File::open(format!("/proc/{pid}/ns/user"))?.into())
}

/// The id maps (uids, gids) of the user namespace this process is in.
pub fn current_maps() -> io::Result<(Vec<IdMapping>, Vec<IdMapping>)> {
    use crate::sys::namespace::read_map;
    Ok((read_map("/proc/self/uid_map".as_ref())?, read_map("/proc/self/gid_map".as_ref())?))
}

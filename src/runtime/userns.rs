//! U, the user's namespace: one per user, shared by all supervisors (DESIGN section 2 and 6). It maps
//! the caller to 0 and, where the machine offers them, the caller's ranges of /etc/subuid and
//! /etc/subgid to 1 and up. It lives as long as a process or a descriptor of it does.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::subid;
use crate::sys::namespace::{IdMapping, lookup, map_text, read_map};
use crate::sys::process::{Empowerment, Pending, Spawn, SpawnError, spawn};

/// A range of host ids that the caller may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    pub first: u32,
    pub count: u32,
}

/// Who writes the maps of a new U.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// newuidmap and newgidmap, which are allowed to look into /etc/subuid.
    Helpers,
    /// We ourselves: for the single id nobody needs a privilege, and root has it.
    Own,
}

/// The map that U gets when this caller makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRanges {
    pub uids: Vec<IdRange>,
    pub gids: Vec<IdRange>,
    /// Why there is only one id, in a sentence for the user; `None` when there are ranges.
    pub note: Option<String>,
    writer: Writer,
}

#[derive(Debug, thiserror::Error)]
pub enum UsernsError {
    #[error(
        "this machine lets ordinary users make no user namespaces (look at kernel.unprivileged_userns_clone, \
         user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)"
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
        let uid = rustix::process::geteuid().as_raw();
        if uid == 0 {
            return IdRanges::of_root();
        }
        IdRanges::of(uid, rustix::process::getegid().as_raw())
    }

    /// The ranges of an ordinary user.
    fn of(uid: u32, gid: u32) -> IdRanges {
        let only = "so containers have a single user id";
        if let Some(missing) = ["newuidmap", "newgidmap"].into_iter().find(|name| !is_on_path(name)) {
            return IdRanges::single(format!("{missing} (package uidmap) is not installed, {only}"));
        }
        let name = subid::user_name(uid);
        let find = |kind, own| subid::ranges_of(kind, name.as_deref(), uid, own);
        let (uids, gids) = (find(subid::Kind::User, uid), find(subid::Kind::Group, gid));
        let shown = name.clone().unwrap_or_else(|| uid.to_string());
        for (ranges, file) in [(&uids, "/etc/subuid"), (&gids, "/etc/subgid")] {
            if ranges.is_empty() {
                return IdRanges::single(format!("{file} has no range for {shown}, {only}"));
            }
        }
        IdRanges { uids, gids, note: None, writer: Writer::Helpers }
    }

    /// Root may map every id of its own namespace, and has no need of helpers.
    fn of_root() -> IdRanges {
        let rest = |path: &str| -> Vec<IdRange> {
            let map = read_map(path.as_ref()).unwrap_or_default();
            let all = map.iter().map(|m| IdRange { first: m.inside, count: m.count });
            subid::without(all, 0)
        };
        let (uids, gids) = (rest("/proc/self/uid_map"), rest("/proc/self/gid_map"));
        if uids.is_empty() || gids.is_empty() {
            return IdRanges::single("the user namespace coracle runs in has a single id".to_owned());
        }
        IdRanges { uids, gids, note: None, writer: Writer::Own }
    }

    fn single(note: String) -> IdRanges {
        IdRanges { uids: Vec::new(), gids: Vec::new(), note: Some(note), writer: Writer::Own }
    }

    fn is_single(&self) -> bool {
        self.uids.is_empty()
    }

    /// Caller to 0, ranges to 1 and up.
    pub fn maps(&self) -> (Vec<IdMapping>, Vec<IdMapping>) {
        let map = |own: u32, ranges: &[IdRange]| {
            let mut next = 1;
            let mut lines = vec![IdMapping { inside: 0, outside: own, count: 1 }];
            for range in ranges {
                lines.push(IdMapping { inside: next, outside: range.first, count: range.count });
                next += range.count;
            }
            lines
        };
        (
            map(rustix::process::geteuid().as_raw(), &self.uids),
            map(rustix::process::getegid().as_raw(), &self.gids),
        )
    }
}

/// What /etc/subuid gives to one name and /etc/subgid to another; outside of this caller's ids it is of no use.
pub fn named_ranges(user: &str, group: &str) -> (Vec<IdRange>, Vec<IdRange>) {
    // An id that nobody has a range for.
    let none = u32::MAX;
    (
        subid::ranges_of(subid::Kind::User, Some(user), none, none),
        subid::ranges_of(subid::Kind::Group, Some(group), none, none),
    )
}

/// Why the U that this process is in has a single id, found out anew: whoever joined it was not told.
pub(super) fn single_id_reason(uid_map: &[IdMapping], gid_map: &[IdMapping]) -> String {
    let own = |map: &[IdMapping]| lookup(map, 0).unwrap_or(0);
    let refused =
        || "newuidmap or newgidmap refused the ranges, so containers have a single user id".to_owned();
    match own(uid_map) {
        0 => "root has a single id here, so containers have a single user id".to_owned(),
        uid => IdRanges::of(uid, own(gid_map)).note.unwrap_or_else(refused),
    }
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
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
) -> Result<(), UsernsError> {
    let start = |SpawnError { step, source }| UsernsError::Start { stage: stage.to_owned(), step, source };
    let pending = with_stage(stage, paper, inherited, |spec| match join {
        Some(fd) => spawn(&Spawn { join: Some((fd, libc::CLONE_NEWUSER)), ..*spec }).map_err(start),
        None => spawn_mapped(&Spawn { new_namespaces: libc::CLONE_NEWUSER, ..*spec }),
    })
    .map_err(start)??;
    pending.proceed().map(drop).map_err(|error| match error.step {
        "entering the namespace" => UsernsError::Join { source: error.source },
        _ => start(error),
    })
}

/// The same in the namespaces that this process is in. Returns a pidfd of the child that runs the stage.
pub fn spawn_stage_here(
    stage: &str,
    paper: BorrowedFd<'_>,
    inherited: &[BorrowedFd<'_>],
) -> Result<OwnedFd, SpawnError> {
    let (_, pidfd) = with_stage(stage, paper, inherited, spawn)??.proceed()?;
    Ok(pidfd)
}

/// Prepares what a stage is started with.
fn with_stage<T>(
    stage: &str,
    paper: BorrowedFd<'_>,
    inherited: &[BorrowedFd<'_>],
    start: impl FnOnce(&Spawn<'_>) -> T,
) -> Result<T, SpawnError> {
    let failed = |step| move |source: io::Error| SpawnError { step, source };
    let executable = std::fs::File::open("/proc/self/exe").map_err(failed("opening the coracle binary"))?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(failed("opening /dev/null"))?;
    let mut descriptors = vec![null.as_fd(), null.as_fd(), null.as_fd(), paper];
    descriptors.extend_from_slice(inherited);
    let argv = [CString::new(stage).map_err(|e| failed("naming the stage")(e.into()))?];
    let env = own_environment();
    Ok(start(&Spawn {
        executable: executable.as_fd(),
        argv: &argv,
        env: &env,
        new_namespaces: 0,
        join: None,
        unshare: 0,
        descriptors: &descriptors,
        empowerment: Empowerment::None,
    }))
}

/// Makes the process and the maps of its new namespace; falls back to the single id (of which
/// `single_id_reason` tells why).
fn spawn_mapped(spec: &Spawn<'_>) -> Result<Pending, UsernsError> {
    let unavailable = |e: SpawnError| UsernsError::Unavailable { source: e.source };
    let ranges = IdRanges::of_caller();
    let pending = spawn(spec).map_err(unavailable)?;
    if ranges.writer == Writer::Helpers {
        let Err(note) = map_with_helpers(pending.pid(), &ranges) else { return Ok(pending) };
        tracing::debug!(note);
        // A map is written once: the namespace with half a map is of no use.
        drop(pending);
        let pending = spawn(spec).map_err(unavailable)?;
        write_maps(pending.pid(), &IdRanges::single(note))?;
        return Ok(pending);
    }
    match write_maps(pending.pid(), &ranges) {
        Ok(()) => Ok(pending),
        // Root without CAP_SETUID, as in a container that dropped it, has its own id like anybody else.
        Err(_) if !ranges.is_single() => {
            drop(pending);
            let pending = spawn(spec).map_err(unavailable)?;
            let single = IdRanges::single(
                "root lacks CAP_SETUID or CAP_SETGID here, so containers have a single user id".to_owned(),
            );
            write_maps(pending.pid(), &single)?;
            Ok(pending)
        }
        Err(error) => Err(error),
    }
}

fn write_maps(pid: i32, ranges: &IdRanges) -> Result<(), UsernsError> {
    let (uids, gids) = ranges.maps();
    write_map_files(pid, &uids, &gids, !ranges.is_single()).map_err(|source| UsernsError::Map { source })
}

/// Writes /proc/PID/{setgroups,uid_map,gid_map}. Without CAP_SETGID in the parent namespace the kernel
/// takes a gid map only after setgroups was denied (user_namespaces(7)).
pub(super) fn write_map_files(
    pid: i32,
    uids: &[IdMapping],
    gids: &[IdMapping],
    allow_setgroups: bool,
) -> io::Result<()> {
    if !allow_setgroups {
        std::fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
    }
    std::fs::write(format!("/proc/{pid}/uid_map"), map_text(uids))?;
    std::fs::write(format!("/proc/{pid}/gid_map"), map_text(gids))
}

/// Runs newuidmap and newgidmap side by side; an error is the note for the user.
fn map_with_helpers(pid: i32, ranges: &IdRanges) -> Result<(), String> {
    let (uids, gids) = ranges.maps();
    let start = |program: &str, map: &[IdMapping]| {
        let numbers = map.iter().flat_map(|m| [m.inside, m.outside, m.count]).map(|n| n.to_string());
        Command::new(program)
            .arg(pid.to_string())
            .args(numbers)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{program} cannot be run ({e}), so containers have a single user id"))
    };
    // Both are started before the first is waited for: each costs about a millisecond.
    let children = [("newuidmap", start("newuidmap", &uids)), ("newgidmap", start("newgidmap", &gids))];
    let mut result = Ok(());
    for (program, child) in children {
        let outcome = child.and_then(|child| {
            let output = child.wait_with_output().map_err(|e| format!("{program}: {e}"))?;
            if output.status.success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{program} refused ({}), so containers have a single user id", said.trim()))
        });
        result = result.and(outcome);
    }
    result
}

/// This process's environment, for a stage.
fn own_environment() -> Vec<CString> {
    let join = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let mut line = name.into_vec();
        line.push(b'=');
        line.extend(value.into_vec());
        CString::new(line).ok()
    };
    std::env::vars_os().filter_map(join).collect()
}

/// The user namespace of a running process of the same user, to `join` later. The caller makes sure by
/// its own means (a lock, a pidfd opened before) that `pid` still is what it believes.
pub fn of_process(pid: i32) -> io::Result<OwnedFd> {
    Ok(std::fs::File::open(PathBuf::from(format!("/proc/{pid}/ns/user")))?.into())
}

/// The id maps (uids, gids) of the user namespace this process is in.
pub fn current_maps() -> io::Result<(Vec<IdMapping>, Vec<IdMapping>)> {
    Ok((read_map("/proc/self/uid_map".as_ref())?, read_map("/proc/self/gid_map".as_ref())?))
}

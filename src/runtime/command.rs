//! The last steps of both stages: from root of the container to the user's command. One order, one
//! place: limits, directory, ids, capabilities, seccomp, execve.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::channel::{self, Failure, Fault, reason};
use super::launch::Process;
use super::user::{self, Identity};
use super::{capability, mounts, reaper};
use crate::identity::Credentials;
use crate::identity::table::ID_LIMIT;
use crate::sys;

/// SECCOMP_FILTER_FLAG_SPEC_ALLOW: no penalty on speculation for the filtered (as runc; CVE-2018-3639 is
/// the program's own matter).
const ALLOW_SPECULATION: u64 = 4;

/// Becomes the command; returns only to say why not. With `reaper` a child becomes it and this process
/// stays. `status` is the supervisor's ear, which execve closes.
pub(super) fn run(process: Process, reaper: bool, status: &UnixStream) -> Result<Infallible, Failure> {
    let identity = identity(&process)?;
    set_limits(&process)?;
    let entered = enter_directory(&process.cwd);
    if process.users.is_none() {
        lend_streams(&identity);
    }
    assume(&process, &identity)?;
    // Root of the container may be locked out where the user is not (a home on NFS).
    if entered.is_err() {
        enter_directory(&process.cwd)?;
    }
    let env = environment(&process, &identity);
    if process.no_new_privileges {
        rustix::thread::set_no_new_privs(true).map_err(|e| Failure::system("setting no_new_privs", e))?;
    }
    let program = find_program(&process.argv[0], &env)?;
    sys::process::reset_signals();
    emulate_users(&process, &identity, status)?;
    confine(&process)?;
    if reaper {
        reaper::split()?;
    }
    die_with_supervisor(status)?;
    let c_strings = |list: &[String]| -> Result<Vec<CString>, Failure> {
        let zero = |_| Failure::new(Fault::Wish, "an argument or variable contains a zero byte");
        list.iter().map(|s| CString::new(s.as_str()).map_err(zero)).collect()
    };
    let path = CString::new(program.as_os_str().as_encoded_bytes()).expect("it was found by this name");
    let error = sys::process::execute(&path, &c_strings(&process.argv)?, &c_strings(&env)?);
    let fault = match error.raw_os_error() {
        // The file is there: its interpreter is not.
        Some(libc::ENOENT) => Fault::CommandNotFound,
        Some(libc::EACCES | libc::ENOEXEC | libc::EISDIR | libc::EPERM) => Fault::NotExecutable,
        _ => Fault::System,
    };
    Err(Failure::new(fault, format!("exec {}: {}", program.display(), reason(&error))))
}

pub(super) fn identity(process: &Process) -> Result<Identity, Failure> {
    let read = |path: &str| user::read(path).map_err(|e| Failure::system(path, e));
    user::resolve(&process.user, &process.groups, &read("/etc/passwd")?, &read("/etc/group")?)
}

fn set_limits(process: &Process) -> Result<(), Failure> {
    if let Some(score) = process.oom_score_adj {
        fs::write("/proc/self/oom_score_adj", score.to_string())
            .map_err(|e| Failure::system("setting oom_score_adj", e))?;
    }
    for limit in &process.rlimits {
        sys::process::set_limit(limit.resource, limit.soft, limit.hard).map_err(|e| {
            let what = format!(
                "error setting rlimits for ready process: error setting rlimit type {}",
                limit.resource
            );
            Failure::system(what, e)
        })?;
    }
    Ok(())
}

/// Makes a missing working directory, as Docker does for `run`.
pub(super) fn make_directory(process: &Process) -> Result<(), Failure> {
    if !process.make_cwd {
        return Ok(());
    }
    mounts::make_directory(&process.cwd).map_err(|e| {
        let cwd = process.cwd.display();
        match e.raw_os_error() {
            Some(libc::ENOTDIR) => {
                Failure::new(Fault::Wish, format!("Cannot mkdir: {cwd} is not a directory")).verbatim()
            }
            _ => Failure::system(format!("mkdir {cwd}"), e),
        }
    })
}

fn enter_directory(cwd: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let fault = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Fault::CommandNotFound,
            io::ErrorKind::PermissionDenied => Fault::NotExecutable,
            _ => Fault::System,
        };
        let cwd = cwd.display();
        Failure::new(fault, format!("chdir to cwd (\"{cwd}\") set in config.json failed: {}", reason(&error)))
    };
    std::env::set_current_dir(cwd).map_err(failed)?;
    // A way out of the root would show here (CVE-2024-21626).
    let arrived = std::env::current_dir().map_err(failed)?;
    match arrived.is_absolute() {
        true => Ok(()),
        false => Err(Failure::new(
            Fault::System,
            "current working directory is outside of container mount namespace root",
        )),
    }
}

/// Lets the user open its own streams again by name, as `> /dev/stderr` does. Streams of another owner
/// (a file of the host) stay as they are.
fn lend_streams(identity: &Identity) {
    if identity.uid == 0 {
        return;
    }
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    for stream in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
        if !mounts::is_null(stream) {
            let _ = rustix::fs::fchown(stream, Some(Uid::from_raw(identity.uid)), None);
        }
    }
}

/// Takes on ids and capabilities. CAP_SYS_ADMIN stays until execve, which takes it away: loading a
/// filter without no_new_privs needs it, and the filter may forbid every call that could drop it.
fn assume(process: &Process, identity: &Identity) -> Result<(), Failure> {
    let wanted = process.capabilities;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |e: rustix::io::Errno| Failure::system(what, e)
    };
    for number in 0..64 {
        let bit = 1u64 << number;
        if wanted.bounding & bit == 0 {
            match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(bit)) {
                // The first number that the kernel does not know ends the list.
                Err(rustix::io::Errno::INVAL) => break,
                other => other.map_err(failed("unable to drop capabilities from the bounding set"))?,
            }
        }
    }
    rustix::thread::set_keep_capabilities(true).map_err(failed("unable to set keep caps"))?;
    if process.users.is_none() {
        set_ids(process, identity)?;
    }
    let is_root = identity.uid == 0 || process.users.is_some();
    let effective = if is_root { wanted.effective } else { wanted.ambient };
    let set = |mask: u64| CapabilitySet::from_bits_retain(mask);
    let held = rustix::thread::capabilities(None).map_err(failed("unable to read capabilities"))?;
    let sets = CapabilitySets {
        effective: set((effective | capability::SYS_ADMIN) & held.permitted.bits()),
        permitted: set((wanted.permitted | capability::SYS_ADMIN) & held.permitted.bits()),
        inheritable: set(wanted.inheritable),
    };
    // Ambient ones, by which a stage without uid 0 came here, go with the inheritable ones.
    rustix::thread::set_capabilities(None, sets).map_err(failed("unable to apply caps"))
}

fn set_ids(process: &Process, identity: &Identity) -> Result<(), Failure> {
    let groups: Vec<Gid> = identity.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let failed = |e| id_failure(process, identity, e);
    let set = if process.keep_groups { Ok(()) } else { rustix::thread::set_thread_groups(&groups) };
    match set {
        // With a single id the kernel forbids setgroups altogether (user_namespaces(7)).
        Err(rustix::io::Errno::PERM) if process.single_id_note.is_some() => {}
        other => other.map_err(failed)?,
    }
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(failed)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(failed)
}

/// EINVAL: an id is not mapped. The user's is named rather than the group's, as it is the one wished for.
fn id_failure(process: &Process, identity: &Identity, error: rustix::io::Errno) -> Failure {
    if error != rustix::io::Errno::INVAL {
        return Failure::system("unable to setup user", error);
    }
    let uids = sys::namespace::read_map(Path::new("/proc/self/uid_map")).unwrap_or_default();
    let gids = sys::namespace::read_map(Path::new("/proc/self/gid_map")).unwrap_or_default();
    let unmapped = identity.groups.iter().find(|gid| sys::namespace::lookup(&gids, **gid).is_none());
    let unmapped_user = sys::namespace::lookup(&uids, identity.uid).is_none();
    let text = match unmapped_user {
        true => format!("cannot set uid to unmapped user in user namespace: uid {}", identity.uid),
        false => {
            format!(
                "cannot set gid to unmapped group in user namespace: gid {}",
                unmapped.unwrap_or(&identity.gid)
            )
        }
    };
    let hint = match &process.single_id_note {
        Some(note) => format!(
            "{note}; other users need --userns=emulated, or a line like \"NAME:100000:65536\" in /etc/subuid and /etc/subgid, and newuidmap"
        ),
        None => match &process.map_from {
            Some(flag) => format!(
                "the container has the ids {} only, as {flag} says: ask for more there, or name one of them with --user",
                span(if unmapped_user { &uids } else { &gids })
            ),
            None => "the ranges of this user in /etc/subuid and /etc/subgid do not reach so far".to_owned(),
        },
    };
    Failure::new(Fault::Wish, format!("unable to setup user: {text}")).with_hint(hint)
}

/// `0-9,20`: the ids that a map has inside.
pub(super) fn span(map: &[sys::namespace::IdMapping]) -> String {
    let piece = |line: &sys::namespace::IdMapping| match line.count {
        1 => line.inside.to_string(),
        count => format!("{}-{}", line.inside, line.inside + (count - 1)),
    };
    map.iter().map(piece).collect::<Vec<_>>().join(",")
}

/// The process's variables, with HOME from the container's passwd when it has none.
fn environment(process: &Process, identity: &Identity) -> Vec<String> {
    let mut env = process.env.clone();
    env.retain(|line| line != "HOME=");
    if !env.iter().any(|line| line.starts_with("HOME=")) {
        env.push(format!("HOME={}", identity.home));
    }
    env
}

/// Looks for the program as Go's exec.LookPath does, with its words.
fn find_program(name: &str, env: &[String]) -> Result<PathBuf, Failure> {
    let failure = |fault, text: String| Failure::new(fault, format!("exec: \"{name}\": {text}"));
    if name.contains('/') {
        return match check_program(Path::new(name)) {
            Ok(()) => Ok(PathBuf::from(name)),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory => {
                    failure(Fault::NotExecutable, reason(&error))
                }
                _ => failure(Fault::CommandNotFound, format!("stat {name}: {}", reason(&error))),
            }),
        };
    }
    let path = env.iter().find_map(|line| line.strip_prefix("PATH=")).unwrap_or("");
    path.split(':')
        .map(|directory| Path::new(if directory.is_empty() { "." } else { directory }).join(name))
        .find(|candidate| !name.is_empty() && check_program(candidate).is_ok())
        .ok_or_else(|| failure(Fault::CommandNotFound, "executable file not found in $PATH".to_owned()))
}

/// Whether it is a file that this process may execute.
fn check_program(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(rustix::io::Errno::ISDIR.into());
    }
    Ok(rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)?)
}

/// Lets the emulator answer for who this process is, and waits until it does. Within a container that has
/// emulated users itself there is an emulator already, and no second one (seccomp(2), EBUSY): that is asked
/// as a kernel would be.
fn emulate_users(process: &Process, identity: &Identity, status: &UnixStream) -> Result<(), Failure> {
    let Some(program) = &process.users else { return Ok(()) };
    if let Some(id) = [identity.uid, identity.gid].iter().chain(&identity.groups).find(|id| **id >= ID_LIMIT)
    {
        let text = format!("unable to setup user: id {id} is larger than {}", ID_LIMIT - 1);
        return Err(Failure::new(Fault::Wish, text));
    }
    let listener = match sys::notify::load_with_listener(program, ALLOW_SPECULATION) {
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => return set_ids(process, identity),
        other => other.map_err(|e| Failure::system("loading the filter of emulated users", e))?,
    };
    let mut groups = identity.groups.clone();
    groups.sort_unstable();
    let who = Credentials::new(identity.uid, identity.gid, groups);
    channel::send_listener(status, listener.as_fd(), &who)
        .map_err(|e| Failure::system("sending the filter's listener", e))?;
    drop(listener);
    // The first call that waits for its answer; ENOSYS if nobody gives one.
    match sys::process::user_id() {
        Ok(uid) if uid == identity.uid => Ok(()),
        Ok(_) => {
            Err(Failure::new(Fault::System, "the emulator of users takes this process for somebody else"))
        }
        Err(error) => Err(Failure::system("asking the emulator of users", error)),
    }
}

fn confine(process: &Process) -> Result<(), Failure> {
    let Some(program) = &process.seccomp else { return Ok(()) };
    let loaded = match sys::seccomp::load(program, ALLOW_SPECULATION) {
        // A kernel before 4.17 does not know the flag.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => sys::seccomp::load(program, 0),
        other => other,
    };
    loaded.map_err(|e| Failure::system("error loading seccomp filter into kernel", e))
}

/// The root file system ends with the supervisor, and so shall the command. Changing ids has cleared an
/// earlier wish of this kind (prctl(2)), so it is the last thing done.
fn die_with_supervisor(status: &UnixStream) -> Result<(), Failure> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let failed = |e| Failure::system("watching the supervisor", e);
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(failed)?;
    // It may have died before that.
    let mut watched = [PollFd::new(status, PollFlags::empty())];
    poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).map_err(failed)?;
    match watched[0].revents().contains(PollFlags::HUP) {
        true => Err(Failure::new(Fault::System, "the supervisor is gone")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn programs_are_found_with_gos_words() {
        let home = tempfile::tempdir().unwrap();
        for (name, mode) in [("a/tool", 0o644), ("b/tool", 0o755), ("a/plain", 0o644)] {
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let root = home.path().display();
        let env = [format!("PATH={root}/missing:{root}/a:{root}/b")];
        let found = |name: &str, env: &[String]| find_program(name, env).map_err(|f| (f.fault, f.text));
        assert_eq!(found("tool", &env), Ok(home.path().join("b/tool")));
        let absolute = format!("{root}/b/tool");
        assert_eq!(found(&absolute, &[]), Ok(PathBuf::from(&absolute)));
        let in_path = |name: &str| format!("exec: \"{name}\": executable file not found in $PATH");
        let (missing, plain, directory) =
            (format!("{root}/x"), format!("{root}/a/plain"), format!("{root}/a"));
        for (name, env, fault, text) in [
            ("plain", &env[..], Fault::CommandNotFound, in_path("plain")),
            ("", &env, Fault::CommandNotFound, in_path("")),
            ("tool", &[], Fault::CommandNotFound, in_path("tool")),
            (
                &missing,
                &env,
                Fault::CommandNotFound,
                format!("exec: \"{missing}\": stat {missing}: no such file or directory"),
            ),
            (&plain, &env, Fault::NotExecutable, format!("exec: \"{plain}\": permission denied")),
            (&directory, &env, Fault::NotExecutable, format!("exec: \"{directory}\": is a directory")),
        ] {
            assert_eq!(found(name, env), Err((fault, text)));
        }
    }
}

//! The supervisor's side: makes the container's first process, or one more of them, and waits until its
//! command runs or has failed.

use std::ffi::{CString, c_int};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::channel::{self, Failure, Fault, reason};
use super::emulation::Emulator;
use super::launch::{Borrow, IdMapping, Launch, MountOp, NamespaceChoice, Namespaces, Process};
use super::{executable, userns};
use crate::container::spec::Propagation;
use crate::sys::mount::{self, Propagate};
use crate::sys::namespace::{self, lookup};
use crate::sys::process::{Empowerment, Pending, Spawn, SpawnError, spawn};
use crate::volume;

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
    /// The mount namespace of the container whose `ipc` it is, for its /dev/shm.
    pub ipc_mounts: Option<OwnedFd>,
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

/// The words around a failure's own: what Docker's user sees of containerd and runc.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Create,
    Exec,
}

impl Deed {
    fn error(self, failure: Failure) -> LaunchError {
        let Failure { fault, text, verbatim, hint } = failure;
        let text = match self {
            _ if verbatim => text,
            Deed::Create => format!(
                "failed to create task for container: failed to create shim task: OCI runtime create failed: \
                 runc create failed: unable to start container process: error during container init: {text}: unknown"
            ),
            Deed::Exec => format!(
                "OCI runtime exec failed: exec failed: unable to start container process: {text}: unknown"
            ),
        };
        match fault {
            Fault::CommandNotFound => LaunchError::NotFound { text },
            Fault::NotExecutable => LaunchError::NotExecutable { text },
            Fault::Wish => LaunchError::Invalid { text, hint },
            Fault::System => LaunchError::System { text },
        }
    }
}

/// The paper of `init`: with the size that a terminal starts with.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct InitPaper<L> {
    pub launch: L,
    pub window: (u16, u16),
}

/// The paper of the `exec` stage.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct ExecPaper<P> {
    pub process: P,
    pub window: (u16, u16),
}

/// Starts a container on the root file system mounted at `rootfs` in the caller's mount namespace.
/// Called in the supervisor: inside U, in a mount namespace of U's. Safe with other threads running.
///
/// `users` answers the calls of a launch with emulated users.
pub fn launch(
    launch: &Launch,
    rootfs: &Path,
    joins: Joins,
    stdio: Stdio,
    users: Option<&Emulator>,
) -> Result<Started, LaunchError> {
    let window = window(&stdio);
    let paper = InitPaper { launch, window };
    start_init(launch, rootfs, joins, stdio, users, &paper).map_err(|failure| Deed::Create.error(failure))
}

fn start_init(
    launch: &Launch,
    rootfs: &Path,
    joins: Joins,
    stdio: Stdio,
    users: Option<&Emulator>,
    paper: &InitPaper<&Launch>,
) -> Result<Started, Failure> {
    let root =
        mount::clone_path(rootfs, true).map_err(|e| Failure::system("opening the root file system", e))?;
    let mut trees = vec![root];
    for op in &launch.mounts {
        match op {
            MountOp::Bind { .. } => trees.push(open_source(op)?),
            MountOp::Volume { source, subpath, target, read_only } => {
                trees.push(open_volume(source, subpath.as_deref(), target, *read_only)?);
            }
            MountOp::Served { source, target, read_only, .. } => {
                trees.push(open_volume(source, None, target, *read_only)?);
            }
            MountOp::Borrowed { what, .. } => trees.push(borrow(*what, &joins)?),
            _ => {}
        }
    }
    let new = new_kinds(&launch.namespaces) | libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
    let entered = [
        (joins.pid, libc::CLONE_NEWPID),
        (joins.network, libc::CLONE_NEWNET),
        (joins.ipc, libc::CLONE_NEWIPC),
        (joins.uts, libc::CLONE_NEWUTS),
    ];
    let entered: Vec<_> =
        entered.iter().filter_map(|(fd, kind)| Some((fd.as_ref()?.as_fd(), *kind))).collect();
    let (ours, theirs) = channel_pair()?;
    let streams = streams(stdio)?;
    let mut descriptors: Vec<BorrowedFd<'_>> = streams.iter().map(AsFd::as_fd).collect();
    descriptors.push(theirs.as_fd());
    descriptors.extend(trees.iter().map(AsFd::as_fd));
    let pending = spawn_in(
        &entered,
        &Spawn {
            executable: protected_executable()?,
            argv: &[stage_name(super::init::STAGE)],
            env: &[],
            new_namespaces: new,
            join: None,
            unshare: 0,
            descriptors: &descriptors,
            empowerment: empowerment(launch),
        },
    )?;
    userns::write_map_files(pending.pid(), &launch.uid_map, &launch.gid_map, launch.allow_setgroups)
        .map_err(|e| Failure::system("writing the id maps of the container", e))?;
    finish(pending, ours, theirs, users, paper)
}

/// Sends a process to where the mount is, and gets it from there.
fn borrow(what: Borrow, joins: &Joins) -> Result<OwnedFd, Failure> {
    let absent = || Failure::new(Fault::System, "the namespace to join is missing");
    let (namespace, kind) = match what {
        Borrow::Proc => (&joins.pid, libc::CLONE_NEWPID),
        Borrow::SharedMemory => (&joins.ipc_mounts, libc::CLONE_NEWNS),
    };
    let there = (namespace.as_ref().ok_or_else(absent)?.as_fd(), kind);
    // A pid namespace is entered by the parent, a mount namespace only by who shares no directory.
    let (entered, join) = match what {
        Borrow::Proc => (Some(there), None),
        Borrow::SharedMemory => (None, Some(there)),
    };
    let (ours, theirs) = channel_pair()?;
    let null = File::open("/dev/null").map_err(|e| Failure::system("opening /dev/null", e))?;
    let pending = spawn_in(
        entered.as_slice(),
        &Spawn {
            executable: protected_executable()?,
            argv: &[stage_name(super::borrow::STAGE), stage_name(super::borrow::name(what))],
            env: &[],
            new_namespaces: 0,
            join,
            unshare: 0,
            descriptors: &[null.as_fd(), null.as_fd(), null.as_fd(), theirs.as_fd()],
            empowerment: Empowerment::None,
        },
    )?;
    let (_, pidfd) = pending.proceed().map_err(spawn_failure)?;
    drop(theirs);
    let heard = channel::await_start(&ours, |_, _| Ok(()));
    reap(&pidfd);
    heard?.ok_or_else(|| Failure::new(Fault::System, "the container to join has ended"))
}

/// Waits until a child has ended; somebody else may have reaped it.
fn reap(child: &OwnedFd) {
    let ended = rustix::process::WaitIdOptions::EXITED;
    let _ = rustix::process::waitid(rustix::process::WaitId::PidFd(child.as_fd()), ended);
}

/// Starts a further process in the container whose first process is behind `init` (a pidfd) and which was
/// made from `container`.
pub fn exec(
    init: BorrowedFd<'_>,
    container: &Launch,
    process: &Process,
    stdio: Stdio,
    users: Option<&Emulator>,
) -> Result<Started, LaunchError> {
    start_exec(init, container, process, stdio, users).map_err(|failure| Deed::Exec.error(failure))
}

fn start_exec(
    init: BorrowedFd<'_>,
    container: &Launch,
    process: &Process,
    stdio: Stdio,
    users: Option<&Emulator>,
) -> Result<Started, Failure> {
    // What belongs to another container's user namespace, and the pid namespace, which takes effect for
    // children only, is entered from here, where U's power reaches; the rest by the child.
    let foreign = joined_kinds(&container.namespaces);
    let outer = foreign | (new_kinds(&container.namespaces) & libc::CLONE_NEWPID);
    let own = new_kinds(&container.namespaces) & !libc::CLONE_NEWPID;
    let entered = if outer == 0 { Vec::new() } else { vec![(init, outer)] };
    let paper = ExecPaper { process, window: window(&stdio) };
    let (ours, theirs) = channel_pair()?;
    let streams = streams(stdio)?;
    let mut descriptors: Vec<BorrowedFd<'_>> = streams.iter().map(AsFd::as_fd).collect();
    descriptors.push(theirs.as_fd());
    let pending = spawn_in(
        &entered,
        &Spawn {
            executable: protected_executable()?,
            argv: &[stage_name(super::exec::STAGE)],
            env: &[],
            new_namespaces: 0,
            join: Some((init, own | libc::CLONE_NEWUSER | libc::CLONE_NEWNS)),
            unshare: 0,
            descriptors: &descriptors,
            empowerment: empowerment(container),
        },
    )?;
    finish(pending, ours, theirs, users, &paper)
}

/// Lets the process go, hands it the paper and waits for its command to run.
fn finish(
    pending: Pending,
    ours: UnixStream,
    theirs: UnixStream,
    users: Option<&Emulator>,
    paper: &impl serde::Serialize,
) -> Result<Started, Failure> {
    let (pid, pidfd) = pending.proceed().map_err(spawn_failure)?;
    // Else its end would never be the last one.
    drop(theirs);
    // A stage that dies early closes its end; what it said before is heard below.
    let sent = channel::send_paper(&ours, paper);
    let heard = channel::await_start(&ours, |listener, identity| match users {
        Some(emulator) => emulator.attach(pidfd.as_fd(), pid, listener.as_fd(), identity),
        None => Err(io::ErrorKind::Unsupported.into()),
    });
    match (heard, sent) {
        (Ok(console), Ok(())) => Ok(Started { pid, pidfd, console }),
        (heard, sent) => {
            let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
            reap(&pidfd);
            let lost = |error| Failure::system("sending the plan to the new process", error);
            Err(heard.err().or(sent.err().map(lost)).expect("one of the two failed"))
        }
    }
}

/// Clones from a thread made for it, in other namespaces than the rest of this process where `entered`
/// says so: only such a thread can enter a pid namespace for its children and be thrown away after.
///
/// It ends before the child goes on, which makes the child one of the main thread's. That is the parent
/// whose end the child's death signal will follow (prctl(2)), not the end of the thread that called us.
fn spawn_in(entered: &[(BorrowedFd<'_>, c_int)], spec: &Spawn<'_>) -> Result<Pending, Failure> {
    let in_thread = || {
        for (fd, kinds) in entered {
            namespace::join(*fd, *kinds)
                .map_err(|e| Failure::system("entering the container's namespaces", e))?;
        }
        spawn(spec).map_err(spawn_failure)
    };
    std::thread::scope(|scope| scope.spawn(in_thread).join().expect("spawning does not panic"))
}

fn spawn_failure(error: SpawnError) -> Failure {
    let gone = error.source.raw_os_error() == Some(libc::ESRCH);
    match gone {
        true => Failure::new(Fault::System, "the container is not running"),
        false => Failure::system(error.step, error.source),
    }
}

fn kinds(namespaces: &Namespaces, wanted: NamespaceChoice) -> c_int {
    let table = [
        (namespaces.pid, libc::CLONE_NEWPID),
        (namespaces.network, libc::CLONE_NEWNET),
        (namespaces.ipc, libc::CLONE_NEWIPC),
        (namespaces.uts, libc::CLONE_NEWUTS),
        (namespaces.cgroup, libc::CLONE_NEWCGROUP),
    ];
    table.iter().filter(|(choice, _)| *choice == wanted).fold(0, |kinds, (_, kind)| kinds | kind)
}

fn new_kinds(namespaces: &Namespaces) -> c_int {
    kinds(namespaces, NamespaceChoice::New)
}

fn joined_kinds(namespaces: &Namespaces) -> c_int {
    kinds(namespaces, NamespaceChoice::Join)
}

fn empowerment(container: &Launch) -> Empowerment {
    match lookup(&container.uid_map, 0).and(lookup(&container.gid_map, 0)) {
        Some(_) if container.process.keep_groups => Empowerment::RootInItsGroups,
        Some(_) => Empowerment::Root,
        None => {
            // The caller's, who is 0 of U, where it is among them.
            let own = |map: &[IdMapping]| {
                let line = map.iter().find(|line| line.outside == 0).or(map.first());
                line.map_or(0, |line| line.inside)
            };
            Empowerment::Ambient { uid: own(&container.uid_map), gid: own(&container.gid_map) }
        }
    }
}

fn stage_name(stage: &str) -> CString {
    CString::new(stage).expect("names of stages have no zero byte")
}

fn protected_executable() -> Result<BorrowedFd<'static>, Failure> {
    executable::protected().map_err(|e| Failure::system("preparing the coracle binary", e))
}

fn channel_pair() -> Result<(UnixStream, UnixStream), Failure> {
    UnixStream::pair().map_err(|e| Failure::system("making a socket", e))
}

fn window(stdio: &Stdio) -> (u16, u16) {
    match stdio {
        Stdio::Terminal { rows, columns } => (*rows, *columns),
        Stdio::Streams { .. } => (0, 0),
    }
}

/// Descriptors 0 to 2; a terminal can only be made inside.
fn streams(stdio: Stdio) -> Result<[OwnedFd; 3], Failure> {
    match stdio {
        Stdio::Streams { stdin, stdout, stderr } => Ok([stdin, stdout, stderr]),
        Stdio::Terminal { .. } => {
            let null = || File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
            let all = || Ok([null()?, null()?, null()?]);
            all().map_err(|e: io::Error| Failure::system("opening /dev/null", e))
        }
    }
}

/// Opens a host path with the user's own power, as a detached tree ready to be attached inside.
fn open_source(op: &MountOp) -> Result<OwnedFd, Failure> {
    let MountOp::Bind { source, target, recursive, read_only, propagation, create_source } = op else {
        unreachable!("called for binds only")
    };
    let failed = |error: io::Error| {
        let text = format!(
            "error mounting \"{}\" to rootfs at \"{}\": {}",
            source.display(),
            target.display(),
            reason(&error)
        );
        Failure::new(Fault::Wish, text)
    };
    let tree = match mount::clone_path(source, *recursive) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && *create_source => {
            std::fs::create_dir_all(source).map_err(|e| {
                let text =
                    format!("error while creating mount source path '{}': {}", source.display(), reason(&e));
                Failure::new(Fault::Wish, text).verbatim()
            })?;
            mount::clone_path(source, *recursive).map_err(failed)?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing_source(source)),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) && !recursive => {
            // mount_namespaces(7): what is below such mounts could have been hidden on purpose.
            let hint =
                "the kernel lets an ordinary user bind this only together with what is mounted below it";
            return Err(failed(error).with_hint(hint));
        }
        other => other.map_err(failed)?,
    };
    let (how, deep) = match propagation {
        Propagation::RPrivate => (Propagate::Private, true),
        Propagation::Private => (Propagate::Private, false),
        Propagation::RShared => (Propagate::Shared, true),
        Propagation::Shared => (Propagate::Shared, false),
        Propagation::RSlave => (Propagate::Slave, true),
        Propagation::Slave => (Propagate::Slave, false),
    };
    mount::set_propagation(tree.as_fd(), how, deep).map_err(failed)?;
    if *read_only {
        mount::set_attributes(tree.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, true).map_err(failed)?;
    }
    Ok(tree)
}

fn open_volume(
    source: &Path,
    subpath: Option<&Path>,
    target: &Path,
    read_only: bool,
) -> Result<OwnedFd, Failure> {
    let tree = || -> io::Result<OwnedFd> {
        let tree = volume::tree(source, subpath)?;
        mount::set_propagation(tree.as_fd(), Propagate::Private, true)?;
        if read_only {
            mount::set_attributes(tree.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, true)?;
        }
        Ok(tree)
    };
    tree().map_err(|error| {
        let shown = subpath.map_or_else(|| source.to_owned(), |below| source.join(below));
        let text = format!(
            "error mounting volume \"{}\" to rootfs at \"{}\": {}",
            shown.display(),
            target.display(),
            reason(&error)
        );
        Failure::new(Fault::Wish, text)
    })
}

fn missing_source(source: &Path) -> Failure {
    let text = if source.starts_with("/dev") {
        let shown = source.display();
        format!(
            "error gathering device information while adding custom device \"{shown}\": no such file or directory"
        )
    } else {
        format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            source.display()
        )
    };
    Failure::new(Fault::Wish, text).verbatim()
}

//! Processes: making them, running binaries, what they are allowed.

use std::ffi::{CStr, CString, c_char, c_int, c_long};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// Keeps glibc from loading name service modules: a static binary that dlopens those of a newer
/// glibc crashes (rust-lang/rust#100711; getaddrinfo and getpwnam on Debian 13). "files" and "dns"
/// are built in since glibc 2.34. Called first in main, before there is a second thread.
pub fn configure_name_services() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    {
        unsafe extern "C" {
            fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
        }
        const TABLE: [(&CStr, &CStr); 4] = [
            (c"passwd", c"files"),
            (c"group", c"files"),
            (c"initgroups", c"files"),
            (c"hosts", c"files dns"),
        ];
        for (database, services) in TABLE {
            // SAFETY: both are constant C strings; glibc copies what it keeps. No other thread exists
            // yet that could be reading the table. A failure leaves the default.
            unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        }
    }
}

/// How the new process comes to hold its capabilities across the execve: uid 0 gets all of them, any
/// other loses all but the ambient ones (capabilities(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empowerment {
    /// Nothing is done.
    None,
    /// Becomes uid and gid 0 of its user namespace, without further groups where setgroups works.
    Root,
    /// The same, in the groups it is in.
    RootInItsGroups,
    /// Its user namespace has no uid 0: becomes these ids of it, as one that it does not know can make no
    /// files, and makes all capabilities ambient.
    Ambient { uid: u32, gid: u32 },
}

/// A process to be made: a copy of the calling thread that does what is said here and runs
/// `executable`. Everything is allocated before the clone, as the child of a process with threads may
/// not allocate.
pub struct Spawn<'a> {
    pub executable: BorrowedFd<'a>,
    pub argv: &'a [CString],
    pub env: &'a [CString],
    /// `CLONE_NEW*`: namespaces that are new.
    pub new_namespaces: c_int,
    /// Namespaces entered first: a descriptor and `CLONE_NEW*` (setns(2)), before `unshare`.
    pub join: Option<(BorrowedFd<'a>, c_int)>,
    /// `CLONE_NEW*` unshared after joining.
    pub unshare: c_int,
    /// Descriptors of the new process from 0 up; it has no others.
    pub descriptors: &'a [BorrowedFd<'a>],
    pub empowerment: Empowerment,
}

/// What a child that has not yet executed anything was doing when it failed.
#[derive(Debug, thiserror::Error)]
#[error("{step}")]
pub struct SpawnError {
    pub step: &'static str,
    pub source: io::Error,
}

const STEPS: [&str; 8] = [
    "waiting for the parent",
    "placing descriptors",
    "entering the namespace",
    "unsharing namespaces",
    "changing to the root directory",
    "taking on ids of the namespace",
    "making capabilities ambient",
    "executing coracle",
];
const WAIT: u32 = 0;
const PLACE: u32 = 1;
const JOIN: u32 = 2;
const UNSHARE: u32 = 3;
const CHDIR: u32 = 4;
const BECOME_ROOT: u32 = 5;
const AMBIENT: u32 = 6;
const EXEC: u32 = 7;

/// A process that exists and waits for `proceed`; dropped before that, it is killed and reaped.
#[derive(Debug)]
pub struct Pending {
    pid: i32,
    /// Taken by `proceed`.
    pidfd: Option<OwnedFd>,
    sync: OwnedFd,
}

fn sync_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Makes the process and leaves it waiting, so that its id maps can be written.
///
/// The signal dispositions of the new process are the default ones and its mask is empty; it leads a
/// session of its own and stands in `/`.
pub fn spawn(spec: &Spawn<'_>) -> Result<Pending, SpawnError> {
    let parent_failed = |step| move |source: io::Error| SpawnError { step, source };
    let (sync, child_sync) = sync_pair().map_err(parent_failed("making a socket"))?;
    // Sources above all targets: then no dup2 can overwrite a source that is still needed.
    let floor = RawFd::try_from(spec.descriptors.len()).expect("few descriptors") + 1;
    let lift = |fd: BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, floor).map_err(io::Error::from);
    let lifted: Vec<OwnedFd> = spec
        .descriptors
        .iter()
        .map(|fd| lift(*fd))
        .chain([lift(spec.executable), lift(child_sync.as_fd())])
        .collect::<io::Result<_>>()
        .map_err(parent_failed("copying descriptors"))?;
    drop(child_sync);
    let join = match spec.join {
        Some((fd, kinds)) => Some((lift(fd).map_err(parent_failed("copying descriptors"))?, kinds)),
        None => None,
    };
    let pointers = |strings: &[CString]| -> Vec<*const c_char> {
        strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, env) = (pointers(spec.argv), pointers(spec.env));
    let [placed @ .., executable, child_sync] = lifted.as_slice() else { unreachable!("two were appended") };
    let child = Child {
        executable: executable.as_raw_fd(),
        sync: child_sync.as_raw_fd(),
        parent_sync: sync.as_raw_fd(),
        placed,
        join: join.as_ref().map(|(fd, kinds)| (fd.as_raw_fd(), *kinds)),
        unshare: spec.unshare,
        empowerment: spec.empowerment,
        argv: argv.as_ptr(),
        env: env.as_ptr(),
    };
    // SAFETY: `Child::run` never returns, touches only memory prepared above, and calls nothing but
    // system calls.
    let (pid, pidfd) = unsafe { clone_with(spec.new_namespaces, || child.run()) }
        .map_err(parent_failed("creating namespaces"))?;
    Ok(Pending { pid, pidfd: Some(pidfd), sync })
}

/// Forks into new namespaces; the child runs `body`.
///
/// # Safety
/// The process may have other threads: `body` must be async-signal-safe (no allocation, no locks).
unsafe fn clone_with(
    flags: c_int,
    body: impl FnOnce() -> std::convert::Infallible,
) -> io::Result<(i32, OwnedFd)> {
    let mut pidfd: c_int = -1;
    // SAFETY: clone_args is plain integers, for which zero is valid.
    let mut args: libc::clone_args = unsafe { mem::zeroed() };
    // CLEAR_SIGHAND: no handler of ours can run in the child (kernel 5.5).
    args.flags = flags as u64 | libc::CLONE_PIDFD as u64 | 0x1_0000_0000;
    args.pidfd = (&raw mut pidfd) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: without CLONE_VM and with no stack given this is fork: the child continues here on its
    // own copy of this stack. The kernel writes `pidfd`, which lives across the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, mem::size_of_val(&args)) };
    match pid {
        #[allow(unreachable_code, reason = "the body has no value to go on with")]
        0 => match body() {},
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel just made this descriptor for us.
        pid => Ok((pid as i32, unsafe { OwnedFd::from_raw_fd(pidfd) })),
    }
}

/// What the child needs, by value or pointing into the parent's memory as it was at the clone.
struct Child<'a> {
    executable: RawFd,
    sync: RawFd,
    parent_sync: RawFd,
    placed: &'a [OwnedFd],
    join: Option<(RawFd, c_int)>,
    unshare: c_int,
    empowerment: Empowerment,
    argv: *const *const c_char,
    env: *const *const c_char,
}

impl Child<'_> {
    fn run(&self) -> std::convert::Infallible {
        let step = self.steps();
        // SAFETY: errno is this thread's own; the message lives across the call; _exit does not return.
        unsafe {
            let report = [step, *libc::__errno_location() as u32];
            libc::send(self.sync, report.as_ptr().cast(), mem::size_of_val(&report), libc::MSG_NOSIGNAL);
            libc::_exit(127)
        }
    }

    /// Returns the step that failed, with errno set.
    fn steps(&self) -> u32 {
        // SAFETY: raw system calls on descriptors and memory owned by the parent at the time of the
        // clone, of which this process has a copy; none of them allocates.
        unsafe {
            // Otherwise the parent's death would not end the wait below.
            libc::close(self.parent_sync);
            let mut go = 0u8;
            if libc::recv(self.sync, (&raw mut go).cast(), 1, 0) != 1 {
                return WAIT;
            }
            for signal in 1..=64 {
                // Ignored ones survive CLEAR_SIGHAND and execve. KILL and STOP refuse, harmlessly; so
                // do the two that glibc keeps for itself, which nobody ignores.
                libc::signal(signal, libc::SIG_DFL);
            }
            let mut empty: libc::sigset_t = mem::zeroed();
            libc::sigemptyset(&raw mut empty);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, ptr::null_mut());
            libc::setsid();
            if let Some((fd, kinds)) = self.join
                && libc::setns(fd, kinds) != 0
            {
                return JOIN;
            }
            if self.unshare != 0 && libc::unshare(self.unshare) != 0 {
                return UNSHARE;
            }
            if libc::chdir(c"/".as_ptr()) != 0 {
                return CHDIR;
            }
            match self.empowerment {
                Empowerment::None => {}
                Empowerment::Root if !become_root(false) => return BECOME_ROOT,
                Empowerment::RootInItsGroups if !become_root(true) => return BECOME_ROOT,
                Empowerment::Ambient { uid, gid } if !become_of(uid, gid) => return BECOME_ROOT,
                Empowerment::Ambient { .. } if !make_ambient() => return AMBIENT,
                Empowerment::Root | Empowerment::RootInItsGroups | Empowerment::Ambient { .. } => {}
            }
            let mut target = 0;
            for fd in self.placed {
                if libc::dup2(fd.as_raw_fd(), target) < 0 {
                    return PLACE;
                }
                target += 1;
            }
            // Other threads may hold descriptors without CLOEXEC.
            if libc::syscall(libc::SYS_close_range, target as u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) != 0 {
                return PLACE;
            }
            libc::syscall(
                libc::SYS_execveat,
                self.executable,
                c"".as_ptr(),
                self.argv,
                self.env,
                libc::AT_EMPTY_PATH,
            );
            EXEC
        }
    }
}

/// # Safety
/// Raw system calls only: safe in a forked child of a process with threads, where glibc's own
/// setresuid (which signals all threads) is not.
unsafe fn become_root(keep_groups: bool) -> bool {
    // SAFETY: plain numbers, and a null list of length 0.
    unsafe {
        // Refused where the map has a single id; then the groups stay (user_namespaces(7)).
        if !keep_groups {
            libc::syscall(libc::SYS_setgroups, 0, ptr::null::<libc::gid_t>());
        }
        become_of(0, 0)
    }
}

/// # Safety
/// As `become_root`.
unsafe fn become_of(uid: u32, gid: u32) -> bool {
    // SAFETY: plain numbers.
    unsafe {
        libc::syscall(libc::SYS_setresgid, gid, gid, gid) == 0
            && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
    }
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

/// # Safety
/// As `become_root`.
unsafe fn make_ambient() -> bool {
    const VERSION_3: u32 = 0x2008_0522;
    let header = CapabilityHeader { version: VERSION_3, pid: 0 };
    // effective, permitted, inheritable; low words, then high words
    let mut data = [[0u32; 3]; 2];
    // SAFETY: the structures have the layout of capget(2), version 3, and live across the calls.
    unsafe {
        if libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr()) != 0 {
            return false;
        }
        for word in &mut data {
            word[2] = word[1];
        }
        if libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) != 0 {
            return false;
        }
        for capability in 0..64u32 {
            let word = &data[capability as usize / 32];
            if word[1] & (1 << (capability % 32)) != 0 {
                let (none, raise) = (0 as c_long, libc::PR_CAP_AMBIENT_RAISE as c_long);
                libc::prctl(libc::PR_CAP_AMBIENT, raise, capability as c_long, none, none);
            }
        }
    }
    true
}

impl Pending {
    /// As the calling process's pid namespace numbers it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Lets it run and returns when it has executed its binary.
    pub fn proceed(mut self) -> Result<(i32, OwnedFd), SpawnError> {
        rustix::net::send(&self.sync, b"g", rustix::net::SendFlags::NOSIGNAL)
            .map_err(|e| SpawnError { step: STEPS[WAIT as usize], source: e.into() })?;
        let mut report = [0u8; 8];
        let received = loop {
            match rustix::net::recv(&self.sync, &mut report[..], rustix::net::RecvFlags::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other,
            }
        };
        match received {
            Ok((0, _)) => Ok((self.pid, self.pidfd.take().expect("taken only here"))),
            Ok(_) => {
                let [step, errno] = report.as_chunks::<4>().0 else { unreachable!("eight bytes") };
                let step = STEPS.get(u32::from_ne_bytes(*step) as usize).unwrap_or(&"starting");
                Err(SpawnError { step, source: io::Error::from_raw_os_error(i32::from_ne_bytes(*errno)) })
            }
            Err(error) => Err(SpawnError { step: "hearing from the new process", source: error.into() }),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(pidfd) = &self.pidfd {
            // It has done nothing yet; a failure means that it is gone already.
            let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
            let _ = rustix::process::waitid(
                rustix::process::WaitId::PidFd(pidfd.as_fd()),
                rustix::process::WaitIdOptions::EXITED,
            );
        }
    }
}

/// Runs the program behind `path`; returns only to say why not.
pub fn execute(path: &CStr, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| -> Vec<*const c_char> {
        strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: null-terminated arrays of C strings that live across the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Forks a process that has a single thread. `None` is the child.
///
/// Returns an error if there are other threads, which would not exist in the child and whose locks
/// would stay taken there.
pub fn fork_single_threaded() -> io::Result<Option<i32>> {
    if std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() > 1) {
        return Err(io::Error::other("fork with several threads"));
    }
    // SAFETY: there is only this thread, so the child's memory is consistent.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(pid)),
    }
}

/// Sets the disposition of every signal to the default and empties the mask: Rust's start-up ignores
/// SIGPIPE, `nohup` SIGHUP, and what is ignored survives execve.
pub fn reset_signals() {
    // SAFETY: all zeroes is the kernel's sigaction for SIG_DFL (four words, the mask of 8 bytes last); KILL and
    // STOP are refused without harm. The set is initialised before it is used.
    unsafe {
        // 32 and 33 are glibc's own, and posix_spawn leaves them ignored: only the raw call reaches them.
        let default: [u64; 4] = [0; 4];
        for signal in 1..=64 {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), ptr::null::<u64>(), 8_usize);
        }
        let mut empty: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut empty);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, ptr::null_mut());
    }
}

/// Takes over a descriptor that this process was started with, by its number.
///
/// Fails when there is none. To be called once per number, first thing in a stage.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the number is only looked at; `fcntl` fails on a closed one.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, came with the start of the process, and nothing else in it owns it as stages
    // call this once per number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Sets a resource limit of this process by RLIMIT_* number; `u64::MAX` is unlimited.
pub fn set_limit(resource: u32, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the kernel reads the structure, which lives across the call.
    let done = unsafe {
        libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, ptr::null_mut::<libc::rlimit64>())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Soft and hard limit of this process by RLIMIT_* number.
pub fn limit(resource: u32) -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes the structure, which lives across the call.
    let done = unsafe {
        libc::syscall(libc::SYS_prlimit64, 0, resource, ptr::null::<libc::rlimit64>(), &raw mut limit)
    };
    if done == 0 { Ok((limit.rlim_cur, limit.rlim_max)) } else { Err(io::Error::last_os_error()) }
}

/// The fields of /proc/PID/stat from the third, the state, on (proc_pid_stat(5)): field n at n - 3.
pub fn stat_fields(stat: &str) -> Option<Vec<&str>> {
    // The name before may hold anything.
    Some(stat.rsplit_once(") ")?.1.trim_end().split(' ').collect())
}

/// When a process started, in clock ticks since the machine did, from its /proc/PID/stat: together with its
/// pid it is no other's.
pub fn start_time(stat: &str) -> Option<u64> {
    stat_fields(stat)?.get(22 - 3)?.parse().ok()
}

/// getuid(2), with its error where a seccomp filter has one.
pub fn user_id() -> io::Result<u32> {
    // SAFETY: takes nothing and changes nothing.
    match unsafe { libc::syscall(libc::SYS_getuid) } {
        -1 => Err(io::Error::last_os_error()),
        uid => Ok(uid as u32),
    }
}

/// Blocks every signal for this thread.
pub fn block_signals() {
    // SAFETY: the set is initialised before it is used.
    unsafe {
        let mut full: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&raw mut full);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const full, ptr::null_mut());
    }
}

/// Waits for a blocked signal and takes it; its number.
pub fn wait_for_signal() -> c_int {
    // SAFETY: the set is initialised before it is used; no information beyond the number is asked for.
    unsafe {
        let mut full: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&raw mut full);
        loop {
            let signal = libc::sigwaitinfo(&raw const full, ptr::null_mut());
            if signal > 0 {
                return signal;
            }
        }
    }
}

/// Sends a signal, by any number the kernel knows.
pub fn kill(pid: i32, signal: c_int) -> io::Result<()> {
    // SAFETY: plain numbers.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes all descriptors from `first` up. Only for a process that will not use any Rust value again
/// that owns one of them: it must end without running their destructors.
pub fn close_from(first: u32) {
    // SAFETY: memory is not touched; as the caller promises, no owner uses its number again.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0 as c_long) };
}

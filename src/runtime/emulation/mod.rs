//! Emulated users: a container whose user has a single id, and processes in it that are other users all
//! the same.
//!
//! ```text
//! process of the container                         emulator (this module, in U)
//!   setuid(33) ──── seccomp user notification ───▶   who is it? what may it? ── table ──┐
//!              ◀─── 0 ────────────────────────────   its new identity                   │ shared memory
//!   open(O_CREAT) ─ FUSE ─▶ supervisor (overlay) ── whose is a new file? ───────────────┘
//! ```
//!
//! `calls` says which calls are stopped, `server` answers them, `view` finds the files that they name.
//! What a process is lies with the process itself, what a file is with the file (see `identity`).
//!
//! **One process per run of a container**, a child of its supervisor, and not the supervisor itself: it
//! reaches files through the container's mounts, which the supervisor serves. It has no descriptor of
//! those mounts, so that the supervisor's end ends whatever it waits for.
//!
//! **Most calls are let go on**: whenever the kernel's own answer is the right one (a file of root's, an error, a
//! file system of the kernel's) the kernel gives it. Nothing depends on the arguments staying as they were
//! read: no answer grants anything that the container's root does not have.
//!
//! What is not emulated: permissions between the container's users, of files and of signals (all of them are
//! root to the kernel, with the container's capabilities), what the dynamic linker keeps from a setuid program
//! (AT_SECURE), the lines of /proc/PID/status (its directory shows the
//! owner), ids in control messages of sockets, the stat family of 32-bit programs but for statx(2), and what
//! goes past system calls (io_uring, which the default profile refuses). Outside of the container's root
//! (volumes, tmpfs) only chown writes an owner down; the rest belongs to whoever looks. A program inside
//! can have no listener of its own (EBUSY); coracle inside asks the emulator that is there, which does not
//! reach the files of containers within.

mod calls;
mod pool;
mod server;
mod view;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde::{Deserialize, Serialize};

pub use calls::{Owners, program};

use super::capability;
use crate::identity::{Credentials, Table};
use crate::sys;
use pool::Pool;
use server::Server;

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-users";

/// How /proc/PID/limits calls the limit that carries an identity.
const CARRIED: &str = "Max file locks";

/// What the container's root may do (from its capabilities).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Powers {
    pub chown: bool,
    pub set_uid: bool,
    pub set_gid: bool,
    pub make_nodes: bool,
}

impl Powers {
    /// From the mask of the container's capabilities.
    pub fn of(mask: u64) -> Powers {
        let has = |capability: u64| mask & capability != 0;
        Powers {
            chown: has(capability::CHOWN),
            set_uid: has(capability::SETUID),
            set_gid: has(capability::SETGID),
            make_nodes: has(capability::MKNOD),
        }
    }
}

/// What the emulator is told, each with a descriptor.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// The container's first process, to go where it is.
    Enter { powers: Powers },
    /// A filter's listener, and the process under it: who that is.
    Listen { pid: i32, identity: Credentials },
}

/// The emulator of a running container. Dropping it ends it.
pub struct Emulator {
    orders: OwnedFd,
    process: OwnedFd,
    powers: Powers,
    entered: std::cell::Cell<bool>,
}

impl Emulator {
    /// Starts one. Called in the supervisor, inside U.
    pub fn start(table: &Table, powers: Powers) -> io::Result<Emulator> {
        let (orders, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let pending = sys::process::spawn(&sys::process::Spawn {
            executable: super::executable::protected()?,
            argv: &[std::ffi::CString::new(STAGE)?],
            env: &[],
            new_namespaces: 0,
            join: None,
            unshare: 0,
            descriptors: &[null.as_fd(), null.as_fd(), null.as_fd(), theirs.as_fd(), table.as_fd()],
            empowerment: sys::process::Empowerment::None,
        })
        .map_err(|error| error.source)?;
        let (_, process) = pending.proceed().map_err(|error| error.source)?;
        Ok(Emulator { orders, process, powers, entered: std::cell::Cell::new(false) })
    }

    /// From now on it answers what arrives at `listener`; `process`, which is under that filter, is
    /// `identity`.
    pub fn attach(
        &self,
        process: BorrowedFd<'_>,
        pid: i32,
        listener: BorrowedFd<'_>,
        identity: Credentials,
    ) -> io::Result<()> {
        if !self.entered.replace(true) {
            self.order(&Order::Enter { powers: self.powers }, process)?;
        }
        self.order(&Order::Listen { pid, identity }, listener)
    }

    fn order(&self, order: &Order, with: BorrowedFd<'_>) -> io::Result<()> {
        sys::socket::send_with_fd(self.orders.as_fd(), &serde_json::to_vec(order)?, with).map(drop)
    }

    /// Becomes readable when it has ended.
    pub fn process(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = rustix::process::pidfd_send_signal(&self.process, rustix::process::Signal::KILL);
        let ended = rustix::process::WaitIdOptions::EXITED;
        let _ = rustix::process::waitid(rustix::process::WaitId::PidFd(self.process.as_fd()), ended);
    }
}

/// The longest order: NGROUPS_MAX groups in JSON.
const LONGEST_ORDER: usize = 1 << 20;

/// Runs the stage: descriptor 3 brings orders, 4 is the table.
pub fn main() -> ! {
    let _ = rustix::thread::set_name(c"coracle-users");
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    sys::memory::share_one_heap();
    match run() {
        Ok(()) => std::process::exit(0),
        Err(_) => std::process::exit(1),
    }
}

fn run() -> io::Result<()> {
    let orders = sys::process::inherited(3)?;
    let table = Table::open(sys::process::inherited(4)?)?;
    let Some((Order::Enter { powers }, there)) = next(&orders)? else { return Ok(()) };
    // The host's, which numbers processes as notifications do. Open before it is out of sight.
    let processes = rustix::fs::openat(CWD, "/proc", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    sys::namespace::join(there.as_fd(), libc::CLONE_NEWNS)?;
    rustix::process::fchdir(&processes)?;
    let pool = Pool::new(Server::new(table, powers)?);
    while let Some((order, listener)) = next(&orders)? {
        let Order::Listen { pid, identity } = order else { continue };
        // Before the first answer, which the process waits for. Unanswered it gives up.
        let served = pool.server().identify(pid, &identity).and_then(|()| pool.serve(listener));
        if let Err(error) = served {
            tracing::debug!(%error, pid, "not served");
        }
    }
    Ok(())
}

/// `None` when the supervisor wants nothing more.
fn next(orders: &OwnedFd) -> io::Result<Option<(Order, OwnedFd)>> {
    let mut bytes = vec![0; LONGEST_ORDER];
    match sys::socket::receive_with_fd(orders.as_fd(), &mut bytes)? {
        (0, _) | (_, None) => Ok(None),
        (length, Some(descriptor)) => Ok(Some((serde_json::from_slice(&bytes[..length])?, descriptor))),
    }
}

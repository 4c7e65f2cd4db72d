//! Answering system calls of other processes: seccomp user notification (seccomp_unotify(2), Linux 5.0;
//! "go on" since 5.5), and looking into those processes.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use super::seccomp::BpfInstruction;

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`
const NEW_LISTENER: u64 = 1 << 3;
/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` (Linux 5.19): once somebody answers, no signal but a deadly one
/// interrupts the caller. What was done is not done twice then.
const WAIT_KILLABLE: u64 = 1 << 5;

/// `SECCOMP_IOCTL_NOTIF_*` (linux/seccomp.h).
const RECEIVE: libc::Ioctl = 0xc050_2100_u32 as libc::Ioctl;
const SEND: libc::Ioctl = 0xc018_2101_u32 as libc::Ioctl;
const IS_VALID: libc::Ioctl = 0x4008_2102;
const SET_FLAGS: libc::Ioctl = 0x4008_2104;
/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` (Linux 6.6)
const SYNC_WAKE_UP: u64 = 1;

/// A call that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub struct Notification {
    /// Names it towards the listener.
    pub id: u64,
    /// The calling thread, as this pid namespace numbers it.
    pub pid: i32,
    pub number: i32,
    /// AUDIT_ARCH_* of the caller's ABI.
    pub architecture: u32,
    pub arguments: [u64; 6],
}

/// What the caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Value(i64),
    /// A positive errno.
    Error(i32),
    /// The kernel does the call as if nobody had looked.
    Continue,
}

/// Puts this thread under `program`, whose notifications arrive at the descriptor that is returned
/// (close-on-exec). `flags` are further `SECCOMP_FILTER_FLAG_*` bits.
///
/// # Errors
/// EBUSY: a filter with a listener is there already.
pub fn load_with_listener(program: &[BpfInstruction], flags: u64) -> io::Result<OwnedFd> {
    match load(program, flags | WAIT_KILLABLE) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => load(program, flags),
        other => other,
    }
}

fn load(program: &[BpfInstruction], flags: u64) -> io::Result<OwnedFd> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let filter =
        libc::sock_fprog { len: length, filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut() };
    // SAFETY: `filter` points at `length` instructions that live across the call and have the layout of
    // sock_filter (repr(C), same fields); the kernel copies and checks them.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags | NEW_LISTENER,
            &raw const filter,
        )
    };
    match listener {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel just made this descriptor for us.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) }),
    }
}

/// Lets the caller's processor run whoever answers, and back: half the time of a call. Not on kernels
/// before 6.6, where it is an error that may be ignored.
pub fn wake_on_the_callers_processor(listener: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the flags are the argument itself, by value.
    let done = unsafe { libc::ioctl(listener.as_raw_fd(), SET_FLAGS, SYNC_WAKE_UP) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits for a call. ENOENT: the caller was killed meanwhile; EINTR: a signal arrived here.
pub fn receive(listener: BorrowedFd<'_>) -> io::Result<Notification> {
    // SAFETY: plain integers; the kernel wants them zeroed.
    let mut raw: libc::seccomp_notif = unsafe { mem::zeroed() };
    // SAFETY: the structure is writable and has the size that the request's number says.
    if unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE, &raw mut raw) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Notification {
        id: raw.id,
        pid: raw.pid as i32,
        number: raw.data.nr,
        architecture: raw.data.arch,
        arguments: raw.data.args,
    })
}

/// Gives the answer. ENOENT: the caller is gone.
pub fn answer(listener: BorrowedFd<'_>, id: u64, answer: Answer) -> io::Result<()> {
    let (val, error, flags) = match answer {
        Answer::Value(value) => (value, 0, 0),
        Answer::Error(errno) => (0, -errno, 0),
        Answer::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
    };
    let response = libc::seccomp_notif_resp { id, val, error, flags };
    // SAFETY: the structure lives across the call and has the size that the request's number says.
    let done = unsafe { libc::ioctl(listener.as_raw_fd(), SEND, &raw const response) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether the caller still waits: then its pid is still its own, and what was read of it was its.
pub fn still_waits(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the kernel reads the number, which lives across the call.
    unsafe { libc::ioctl(listener.as_raw_fd(), IS_VALID, &raw const id) == 0 }
}

/// Reads another process's memory. Fewer bytes than asked for where its mapping ends, at a page of it.
pub fn read_memory(pid: i32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as *mut _, iov_len: buffer.len() };
    // SAFETY: the local vector is this buffer; the remote address is the other process's, and the kernel
    // checks it.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    if read < 0 { Err(io::Error::last_os_error()) } else { Ok(read as usize) }
}

/// Writes into another process's memory, all of it.
///
/// # Errors
/// EFAULT: it has no writable memory there; a part may have been written.
pub fn write_memory(pid: i32, address: u64, bytes: &[u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: address as *mut _, iov_len: bytes.len() };
    // SAFETY: the local vector is only read; the remote address is the other process's, and the kernel
    // checks it.
    let written = unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match written {
        n if n < 0 => Err(io::Error::last_os_error()),
        n if n as usize == bytes.len() => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::EFAULT)),
    }
}

/// Soft and hard limit of another process (prlimit(2)).
pub fn limit_of(pid: i32, resource: u32) -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes the structure, which lives across the call.
    let done = unsafe {
        libc::syscall(libc::SYS_prlimit64, pid, resource, ptr::null::<libc::rlimit64>(), &raw mut limit)
    };
    if done == 0 { Ok((limit.rlim_cur, limit.rlim_max)) } else { Err(io::Error::last_os_error()) }
}

/// Sets the limits of another process.
pub fn set_limit_of(pid: i32, resource: u32, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the kernel reads the structure, which lives across the call.
    let done = unsafe {
        libc::syscall(libc::SYS_prlimit64, pid, resource, &raw const limit, ptr::null_mut::<libc::rlimit64>())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `struct stat` as the kernel of this machine writes it.
#[derive(Clone, Copy)]
pub struct RawStat(libc::stat);

impl RawStat {
    /// newfstatat(2), relative to the working directory.
    pub fn read(path: &std::ffi::CStr, flags: i32) -> io::Result<RawStat> {
        // SAFETY: plain integers, for which zero is valid.
        let mut stat: libc::stat = unsafe { mem::zeroed() };
        // SAFETY: the path is a C string and the structure writable; the raw call writes the kernel's own
        // layout, which is glibc's on 64-bit machines.
        let done = unsafe {
            libc::syscall(libc::SYS_newfstatat, libc::AT_FDCWD, path.as_ptr(), &raw mut stat, flags)
        };
        if done == 0 { Ok(RawStat(stat)) } else { Err(io::Error::last_os_error()) }
    }

    pub fn device(&self) -> u64 {
        self.0.st_dev
    }

    pub fn inode(&self) -> u64 {
        self.0.st_ino
    }

    pub fn mode(&self) -> u32 {
        self.0.st_mode
    }

    /// As this process's user namespace numbers it.
    pub fn uid(&self) -> u32 {
        self.0.st_uid
    }

    pub fn with_owner(mut self, uid: u32, gid: u32) -> RawStat {
        (self.0.st_uid, self.0.st_gid) = (uid, gid);
        self
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the structure was zeroed before the kernel wrote it, so that every byte is initialised.
        unsafe { std::slice::from_raw_parts((&raw const self.0).cast(), mem::size_of::<libc::stat>()) }
    }
}

/// `struct statx`, the same on every architecture.
#[derive(Clone, Copy)]
pub struct RawStatx(libc::statx);

impl RawStatx {
    /// statx(2), relative to the working directory.
    pub fn read(path: &std::ffi::CStr, flags: i32, mask: u32) -> io::Result<RawStatx> {
        // SAFETY: plain integers, for which zero is valid.
        let mut statx: libc::statx = unsafe { mem::zeroed() };
        // SAFETY: the path is a C string and the structure writable.
        let done = unsafe {
            libc::syscall(libc::SYS_statx, libc::AT_FDCWD, path.as_ptr(), flags, mask, &raw mut statx)
        };
        if done == 0 { Ok(RawStatx(statx)) } else { Err(io::Error::last_os_error()) }
    }

    pub fn device(&self) -> u64 {
        rustix::fs::makedev(self.0.stx_dev_major, self.0.stx_dev_minor)
    }

    pub fn inode(&self) -> u64 {
        self.0.stx_ino
    }

    /// As this process's user namespace numbers it.
    pub fn uid(&self) -> u32 {
        self.0.stx_uid
    }

    /// When it was made, in nanoseconds; 0 where the file system does not know.
    pub fn birth(&self) -> u64 {
        let time = self.0.stx_btime;
        (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec.into())
    }

    pub fn with_owner(mut self, uid: u32, gid: u32) -> RawStatx {
        (self.0.stx_uid, self.0.stx_gid) = (uid, gid);
        self
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: as for `RawStat`.
        unsafe { std::slice::from_raw_parts((&raw const self.0).cast(), mem::size_of::<libc::statx>()) }
    }
}

//! Namespaces: id maps, joining.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One line of a user namespace's id map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMapping {
    pub inside: u32,
    /// As the parent namespace numbers it.
    pub outside: u32,
    pub count: u32,
}

impl IdMapping {
    /// The outside number of `id`, when this line maps it.
    pub fn lookup(&self, id: u32) -> Option<u32> {
        let offset = id.checked_sub(self.inside)?;
        (offset < self.count).then(|| self.outside + offset)
    }
}

/// The outside number of `id` in a whole map.
pub fn lookup(map: &[IdMapping], id: u32) -> Option<u32> {
    map.iter().find_map(|line| line.lookup(id))
}

/// Reads `/proc/PID/uid_map` or `gid_map` (user_namespaces(7)).
pub fn read_map(path: &Path) -> io::Result<Vec<IdMapping>> {
    parse_map(&std::fs::read_to_string(path)?).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse_map(text: &str) -> Option<Vec<IdMapping>> {
    text.lines()
        .map(|line| {
            let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
            let mut next = || numbers.next()?.ok();
            Some(IdMapping { inside: next()?, outside: next()?, count: next()? })
        })
        .collect()
}

/// The text the kernel and newuidmap take: one line per range.
pub fn map_text(map: &[IdMapping]) -> String {
    map.iter().map(|m| format!("{} {} {}\n", m.inside, m.outside, m.count)).collect()
}

/// Moves the calling thread into a namespace. `kinds` is a set of `CLONE_NEW*`: one bit for a
/// namespace's own descriptor, any for a pidfd (kernel 5.8). A pid namespace changes for children only.
pub fn join(fd: BorrowedFd<'_>, kinds: i32) -> io::Result<()> {
    // SAFETY: setns takes a descriptor, borrowed here, and a number; it touches no memory of ours.
    if unsafe { libc::setns(fd.as_raw_fd(), kinds) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives this process, which must have a single thread, a mount namespace of its own.
pub fn unshare_mounts() -> io::Result<()> {
    // SAFETY: plain numbers. CLONE_NEWNS gives the thread a file system context of its own, which
    // only matters to threads that there are none of.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The user namespace that owns another namespace (ioctl_ns(2), kernel 4.9). `EPERM` where it is none of
/// the caller's own or of those below it.
pub fn owner(namespace: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // _IO(0xb7, 1) of linux/nsfs.h
    const NS_GET_USERNS: libc::c_ulong = 0xb701;
    // SAFETY: takes a borrowed descriptor and no argument.
    match unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel has just made this descriptor for us.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

/// Sets the loopback interface of this network namespace up; the kernel gives it 127.0.0.1 and ::1 then.
pub fn raise_loopback() -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: ifreq is plain data, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = *byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the kernel reads the structure, which lives across the call.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

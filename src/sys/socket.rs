//! Unix sockets that carry descriptors.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// Room in sockaddr_un for a path and its final NUL (unix(7)).
const PATH_MAX: usize = 108;

/// Binds a listener; a stale socket of that name is replaced. Non-blocking, close-on-exec.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = with_short_path(path, UnixListener::bind)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connects to a listener.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    with_short_path(path, UnixStream::connect)
}

/// Long runtime directories are reached through a descriptor, so that the name fits into sockaddr_un.
fn with_short_path<T>(path: &Path, act: impl Fn(PathBuf) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() < PATH_MAX {
        return act(path.to_owned());
    }
    let directory = std::fs::File::open(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let short = format!("/proc/self/fd/{}", directory.as_raw_fd());
    act(Path::new(&short).join(name))
}

/// The user id of the process at the other end, as of its connect() or listen().
pub fn peer_uid(socket: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(credentials(socket)?.uid)
}

/// The process at the other end, as of its connect() or listen(). Its number is certain to be its own
/// only as long as the connection stands. An error when this pid namespace does not see it.
pub fn peer_pid(socket: BorrowedFd<'_>) -> io::Result<i32> {
    match credentials(socket)?.pid {
        0 => Err(io::ErrorKind::NotFound.into()),
        pid => Ok(pid),
    }
}

/// By libc, since rustix's credentials have no room for pid 0: a process of another pid namespace.
fn credentials(socket: BorrowedFd<'_>) -> io::Result<libc::ucred> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    let (level, option) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
    // SAFETY: the structure and its length are valid for writing during the call.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, (&raw mut credentials).cast(), &mut length)
    };
    if result == 0 { Ok(credentials) } else { Err(io::Error::last_os_error()) }
}

/// Sends bytes and one descriptor with the first of them; never raises SIGPIPE. Returns the bytes sent.
pub fn send_with_fd(socket: BorrowedFd<'_>, bytes: &[u8], fd: BorrowedFd<'_>) -> io::Result<usize> {
    let fds = [fd];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}

/// Sends bytes; never raises SIGPIPE.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
}

/// Receives bytes and at most one descriptor (close-on-exec). 0 bytes: the other end has closed.
pub fn receive_with_fd(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fd = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            fd = fds.last().or(fd);
        }
    }
    Ok((got.bytes, fd))
}

/// A connected pair, close-on-exec.
pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
    UnixStream::pair()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    #[test]
    fn a_descriptor_travels_with_bytes() {
        let (a, b) = pair().unwrap();
        let (mut left, right) = pair().unwrap();
        send_with_fd(a.as_fd(), b"fd", right.as_fd()).unwrap();
        let mut bytes = [0; 8];
        let (n, fd) = receive_with_fd(b.as_fd(), &mut bytes).unwrap();
        assert_eq!(&bytes[..n], b"fd");
        UnixStream::from(fd.expect("a descriptor")).write_all(b"x").unwrap();
        let mut got = [0];
        left.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"x");
    }

    #[test]
    fn paths_longer_than_sockaddr_un_work() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("x.sock");
        let _listener = listen(&path).unwrap();
        let stream = connect(&path).unwrap();
        assert_eq!(peer_uid(stream.as_fd()).unwrap(), rustix::process::geteuid().as_raw());
    }
}

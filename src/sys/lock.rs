//! OFD locks: who is alive, who may write.
//!
//! Open-file-description locks (fcntl(2), Linux 3.15) belong to the open file, not to the process: a
//! thread that closes another descriptor of the same file does not drop them (the fault of classic
//! POSIX locks), the kernel drops them when the last copy of the descriptor goes, and unlike flock(2)
//! they work between machines on NFS, cover ranges, and can be asked about without being taken.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// One byte of a file: each byte is a lock of its own. The byte need not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Byte(pub i64);

/// A lock that is held as long as this value, or a copy of its descriptor in another process, lives.
#[derive(Debug)]
pub struct OfdLock {
    file: File,
    byte: Byte,
}

fn request(kind: libc::c_int, byte: Byte) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte.0,
        l_len: 1,
        // The kernel refuses OFD commands with a pid.
        l_pid: 0,
    }
}

fn fcntl(file: BorrowedFd<'_>, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
    loop {
        // SAFETY: `lock` is a valid flock for the whole call, the descriptor is borrowed.
        if unsafe { libc::fcntl(file.as_raw_fd(), command, lock as *mut libc::flock) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Takes the lock on an open, writable file if nobody has it.
pub fn try_lock(file: BorrowedFd<'_>, byte: Byte) -> io::Result<bool> {
    match fcntl(file, libc::F_OFD_SETLK, &mut request(libc::F_WRLCK, byte)) {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Takes the lock on an open, writable file; waits for whoever has it.
pub fn lock(file: BorrowedFd<'_>, byte: Byte) -> io::Result<()> {
    fcntl(file, libc::F_OFD_SETLKW, &mut request(libc::F_WRLCK, byte))
}

/// Gives the lock back, for every copy of the descriptor.
pub fn unlock(file: BorrowedFd<'_>, byte: Byte) -> io::Result<()> {
    fcntl(file, libc::F_OFD_SETLK, &mut request(libc::F_UNLCK, byte))
}

/// Whether another open file holds the lock. Only looks: a lock taken at the same moment is not
/// disturbed. `file` may be open for reading only.
pub fn is_locked(file: BorrowedFd<'_>, byte: Byte) -> io::Result<bool> {
    let mut lock = request(libc::F_WRLCK, byte);
    fcntl(file, libc::F_OFD_GETLK, &mut lock)?;
    Ok(lock.l_type != libc::F_UNLCK as libc::c_short)
}

impl OfdLock {
    /// Takes the lock if nobody has it. `file` must be open for writing.
    pub fn try_new(file: File, byte: Byte) -> io::Result<Option<OfdLock>> {
        Ok(try_lock(file.as_fd(), byte)?.then_some(OfdLock { file, byte }))
    }

    /// Takes the lock; waits for whoever has it.
    pub fn new(file: File, byte: Byte) -> io::Result<OfdLock> {
        lock(file.as_fd(), byte)?;
        Ok(OfdLock { file, byte })
    }

    /// A lock that came with an inherited descriptor, taken by the process that passed it on.
    pub fn inherited(file: OwnedFd, byte: Byte) -> OfdLock {
        OfdLock { file: File::from(file), byte }
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Closes this copy of the descriptor and leaves the lock to the copy that was handed over.
    pub fn hand_over(self) {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so the file is closed exactly once, here.
        drop(unsafe { std::ptr::read(&this.file) });
    }
}

impl Drop for OfdLock {
    fn drop(&mut self) {
        // Explicit, because a child that is between fork and exec may still hold a copy.
        let _ = unlock(self.file.as_fd(), self.byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> File {
        File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    }

    #[test]
    fn a_lock_is_seen_by_others_and_free_after_drop() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alive");
        let held = OfdLock::try_new(open(&path), Byte(0)).unwrap().expect("free");
        let other = File::open(&path).unwrap();
        assert!(is_locked(other.as_fd(), Byte(0)).unwrap());
        assert!(!is_locked(other.as_fd(), Byte(1)).unwrap());
        assert!(OfdLock::try_new(open(&path), Byte(0)).unwrap().is_none());
        drop(held);
        assert!(!is_locked(other.as_fd(), Byte(0)).unwrap());
    }

    #[test]
    fn handing_over_leaves_the_lock_to_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alive");
        let held = OfdLock::new(open(&path), Byte(1)).unwrap();
        let copy = held.file().try_clone().unwrap();
        held.hand_over();
        assert!(is_locked(open(&path).as_fd(), Byte(1)).unwrap());
        drop(OfdLock::inherited(copy.into(), Byte(1)));
        assert!(!is_locked(open(&path).as_fd(), Byte(1)).unwrap());
    }
}

//! This binary, in a form that no container can write to.
//!
//! A process in a container that still runs our binary shows it as /proc/PID/exe, and a container's
//! root that shares our uid could open and overwrite it, to be run by the user later (CVE-2019-5736).
//! Executed from a detached read-only copy of its mount, opening it for writing fails with EROFS.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use rustix::fs::{MemfdFlags, SealFlags};

use crate::sys::mount;

/// The binary to execute inside containers; made once per process.
///
/// The caller is in a mount namespace over which it has CAP_SYS_ADMIN; otherwise, or when the binary was
/// replaced on disk meanwhile, it is a sealed copy in memory.
pub(super) fn protected() -> io::Result<BorrowedFd<'static>> {
    static EXECUTABLE: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(made) = EXECUTABLE.get() {
        return Ok(made.as_fd());
    }
    let made = read_only_mount().or_else(|_| sealed_copy())?;
    Ok(EXECUTABLE.get_or_init(|| made).as_fd())
}

/// /proc/self/exe itself names the mount namespace this process was started in, not the one it is in
/// now, so the path is looked up again.
fn read_only_mount() -> io::Result<OwnedFd> {
    let tree = mount::clone_path(&std::fs::read_link("/proc/self/exe")?, false)?;
    let (found, running) = (rustix::fs::fstat(&tree)?, std::fs::metadata("/proc/self/exe")?);
    if (found.st_dev, found.st_ino) != (running.dev(), running.ino()) {
        return Err(io::ErrorKind::NotFound.into());
    }
    mount::set_attributes(tree.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, false)?;
    Ok(tree)
}

fn sealed_copy() -> io::Result<OwnedFd> {
    let copy = rustix::fs::memfd_create(c"coracle", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(copy);
    io::copy(&mut File::open("/proc/self/exe")?, &mut file)?;
    rustix::fs::fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file.into())
}

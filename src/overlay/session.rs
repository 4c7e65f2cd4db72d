//! A FUSE mount of our own and the threads that serve it, without fusermount.
//!
//! `/dev/fuse` must be opened inside the user namespace that mounts (a descriptor from outside is
//! EINVAL), and the mount must exist before the handshake, which blocks. The thread that unmounts is
//! never one that serves.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use fuser::{Filesystem, SessionACL};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

use super::OverlayError;

const DEVICE: &str = "/dev/fuse";

/// What a mount may do and how it must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing to lose: unmounting aborts the connection.
    ReadOnly,
    /// Unmounting lets the kernel write back what it still holds.
    ReadWrite,
}

/// A served mount. Dropping it unmounts and ends the threads.
pub struct Session {
    target: PathBuf,
    access: Access,
    /// Hangs up when the last server thread has ended.
    ended: Receiver<()>,
    is_unmounted: bool,
}

impl Session {
    /// Mounts `filesystem` at `target` and serves it from a thread of its own.
    pub fn mount(
        filesystem: impl Filesystem,
        target: &Path,
        access: Access,
    ) -> Result<Session, OverlayError> {
        let device = rustix::fs::open(DEVICE, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(|source| OverlayError::FuseDevice { source })?;
        mount_device(&device, target, access)?;
        let (alive, ended) = channel();
        let session = Session { target: target.to_owned(), access, ended, is_unmounted: false };
        let mut config = fuser::Config::default();
        // The kernel checks permissions (default_permissions); fuser would answer EACCES to every id but ours.
        config.acl = SessionACL::All;
        let served = fuser::Session::from_fd(filesystem, device, SessionACL::All, config)
            .map_err(|source| OverlayError::Handshake { source })?;
        std::thread::Builder::new()
            .name("root-fs".into())
            .spawn(move || {
                if let Err(error) = served.run() {
                    tracing::debug!(%error, "the root file system's server ended");
                }
                drop(alive);
            })
            .map_err(|source| OverlayError::Thread { source })?;
        Ok(session)
    }
}

fn mount_device(device: &rustix::fd::OwnedFd, target: &Path, access: Access) -> Result<(), OverlayError> {
    use std::os::fd::AsRawFd;
    let options = format!(
        "fd={},rootmode=40000,user_id={},group_id={},default_permissions,allow_other,max_read=1048576\0",
        device.as_raw_fd(),
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).expect("one NUL, at the end");
    let flags = match access {
        Access::ReadOnly => MountFlags::RDONLY,
        Access::ReadWrite => MountFlags::empty(),
    };
    rustix::mount::mount("coracle", target, "fuse.coracle", flags, options)
        .map_err(|source| OverlayError::Mount { fstype: "fuse", target: target.to_owned(), source })
}

impl Session {
    /// Takes the mount away here, and serves whoever has it elsewhere until nobody does.
    pub fn serve_others(mut self) {
        match rustix::mount::unmount(&*self.target, UnmountFlags::DETACH) {
            // Nothing is ever sent: it hangs up.
            Ok(()) => drop(self.ended.recv()),
            Err(errno) => {
                tracing::debug!(target = %self.target.display(), %errno, "unmounting the root file system");
            }
        }
        self.is_unmounted = true;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.is_unmounted {
            return;
        }
        let (flags, patience) = match self.access {
            // Ends the connection even while a process of the container still holds the mount.
            Access::ReadOnly => (UnmountFlags::FORCE | UnmountFlags::DETACH, Duration::from_secs(1)),
            Access::ReadWrite => (UnmountFlags::DETACH, Duration::from_secs(5)),
        };
        let mut unmounted = rustix::mount::unmount(&*self.target, flags);
        if unmounted == Err(Errno::PERM) {
            unmounted = rustix::mount::unmount(&*self.target, UnmountFlags::DETACH);
        }
        if let Err(errno) = unmounted {
            tracing::debug!(target = %self.target.display(), %errno, "unmounting the root file system");
            return;
        }
        // Whoever still holds the mount keeps the thread; it ends with the process at the latest.
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!(target = %self.target.display(), "the root file system is still in use");
        }
    }
}

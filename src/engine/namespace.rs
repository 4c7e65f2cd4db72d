//! Entering U, for `unshare`.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::mount::{MountPropagationFlags, mount_change};

use crate::engine::{Engine, Error, Kind, Result};
use crate::supervisor::errand;
use crate::sys::namespace;

impl Engine {
    /// Moves this process, which must have a single thread, into U and into a mount namespace of its own. Who
    /// is in such a place already stays in that user namespace.
    pub fn enter_user_namespace(&self) -> Result<()> {
        let failed = |step: &'static str| move |error: io::Error| Error::caused(Kind::System, step, error);
        if !is_root_of_mounts() {
            let found = errand::namespace_of_containers(&self.config)?;
            namespace::join(found.as_fd(), libc::CLONE_NEWUSER)
                .map_err(failed("joining the user namespace of the containers"))?;
        }
        namespace::unshare_mounts().map_err(failed("unsharing the mount namespace"))?;
        let separated = failed("separating the mounts from the host's");
        // What the host mounts later still arrives; and what is unmounted here goes from the namespaces of
        // containers that were started here.
        for how in [MountPropagationFlags::DOWNSTREAM, MountPropagationFlags::SHARED] {
            mount_change("/", how | MountPropagationFlags::REC).map_err(|e| separated(e.into()))?;
        }
        Ok(())
    }
}

/// Whether this process is root of the user namespace that its mount namespace belongs to: within
/// `coracle unshare`, or on the host.
pub fn is_root_of_mounts() -> bool {
    let same = || -> io::Result<bool> {
        let owner = namespace::owner(File::open("/proc/self/ns/mnt")?.as_fd())?;
        let own = File::open("/proc/self/ns/user")?;
        Ok(rustix::fs::fstat(&owner)?.st_ino == rustix::fs::fstat(&own)?.st_ino)
    };
    rustix::process::geteuid().is_root() && same().unwrap_or(false)
}

//! An overlay over a directory of the host's that takes what is written and goes with the run (`-v a:b:O`).

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::OverlayError;
use super::kernel::KernelOverlay;
use super::upper::open_directory;
use crate::sys::tree::remove_tree;

/// A mounted one; dropping it unmounts it and removes what was written.
pub struct Throwaway {
    overlay: Option<KernelOverlay>,
    place: PathBuf,
}

impl Throwaway {
    /// Mounts it over `lower` at `place`, which is made; what is written goes beside it. Called inside U.
    pub fn mount(lower: &Path, place: &Path) -> Result<Throwaway, OverlayError> {
        let fail = |source: io::Error| OverlayError::Upper { path: place.to_owned(), source };
        let mut throwaway = Throwaway { overlay: None, place: place.to_owned() };
        // Of a supervisor that was killed.
        throwaway.clear().map_err(fail)?;
        let below =
            fs::metadata(lower).map_err(|source| OverlayError::Open { path: lower.to_owned(), source })?;
        let make = || -> io::Result<(OwnedFd, OwnedFd)> {
            let [upper, work] = throwaway.beside();
            for directory in [place, &upper, &work] {
                DirBuilder::new().mode(0o700).recursive(true).create(directory)?;
            }
            // The upper's root is the root that the container sees.
            std::os::unix::fs::chown(&upper, Some(below.uid()), Some(below.gid()))?;
            fs::set_permissions(&upper, Permissions::from_mode(below.mode() & 0o7777))?;
            let open = |path: &Path| open_directory(rustix::fs::CWD, path.as_os_str().as_bytes());
            Ok((open(&upper)?, open(&work)?))
        };
        let (upper, work) = make().map_err(fail)?;
        throwaway.overlay = Some(KernelOverlay::mount_at(lower, &upper, &work, place, true)?);
        Ok(throwaway)
    }

    fn beside(&self) -> [PathBuf; 2] {
        ["upper", "work"].map(|name| self.place.with_extension(name))
    }

    fn clear(&self) -> io::Result<()> {
        for directory in self.beside().iter().chain([&self.place]) {
            remove_tree(directory)?;
        }
        Ok(())
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        self.overlay = None;
        if let Err(error) = self.clear() {
            tracing::debug!(place = %self.place.display(), %error, "not removed");
        }
    }
}

//! What is mounted beside the root and goes with the run: an overlay over a directory of the host's that takes what
//! is written (`-v a:b:O`), another image (`--mount type=image`).

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::kernel::KernelOverlay;
use super::upper::open_directory;
use super::{OverlayError, Plan, Rootfs};
use crate::sys::tree::remove_tree;

/// A mounted one; dropping it unmounts it and removes what was written.
pub struct Throwaway {
    mount: Option<Mounted>,
    place: PathBuf,
}

enum Mounted {
    Directory { _overlay: KernelOverlay },
    Image { _rootfs: Rootfs },
}

impl Throwaway {
    /// Mounts it over `lower` at `place`, which is made; what is written goes beside it. Called inside U.
    pub fn mount(lower: &Path, place: &Path) -> Result<Throwaway, OverlayError> {
        let fail = |source: io::Error| OverlayError::Upper { path: place.to_owned(), source };
        let mut throwaway = Throwaway::unmounted(place)?;
        let below =
            fs::metadata(lower).map_err(|source| OverlayError::Open { path: lower.to_owned(), source })?;
        let make = || -> io::Result<(OwnedFd, OwnedFd)> {
            let [upper, work, _] = throwaway.beside();
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
        let overlay = KernelOverlay::mount_at(lower, &upper, &work, place, true)?;
        throwaway.mount = Some(Mounted::Directory { _overlay: overlay });
        Ok(throwaway)
    }

    /// Mounts an image at `place`, which is made; what is written goes to the plan's directory, which lies beside it
    /// and has the extension `image`. Called inside U.
    pub fn mount_image(plan: Plan, read_only: bool, place: &Path) -> Result<Throwaway, OverlayError> {
        let mut throwaway = Throwaway::unmounted(place)?;
        let mut directories = vec![place];
        if !read_only {
            directories.push(&plan.container);
        }
        for directory in directories {
            let made = DirBuilder::new().mode(0o700).recursive(true).create(directory);
            made.map_err(|source| OverlayError::Upper { path: directory.to_owned(), source })?;
        }
        let rootfs = match read_only {
            true => super::mount_read_only(plan, place)?,
            false => super::mount(plan, place)?,
        };
        throwaway.mount = Some(Mounted::Image { _rootfs: rootfs });
        Ok(throwaway)
    }

    /// One of which nothing is there yet, nor any more: a supervisor may have been killed.
    fn unmounted(place: &Path) -> Result<Throwaway, OverlayError> {
        let throwaway = Throwaway { mount: None, place: place.to_owned() };
        throwaway.clear().map_err(|source| OverlayError::Upper { path: place.to_owned(), source })?;
        Ok(throwaway)
    }

    fn beside(&self) -> [PathBuf; 3] {
        ["upper", "work", "image"].map(|name| self.place.with_extension(name))
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
        self.mount = None;
        if let Err(error) = self.clear() {
            tracing::debug!(place = %self.place.display(), %error, "not removed");
        }
    }
}

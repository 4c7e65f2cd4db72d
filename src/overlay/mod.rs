//! The root file system of a container (helper C writes this head).

use std::path::{Path, PathBuf};

use crate::container::spec::OverlayChoice;
use crate::layer::store::MergedView;

/// One range of a user namespace's id map: `inside..inside+count` has ids, others are unmapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedRange {
    pub inside: u32,
    pub count: u32,
}

/// What to mount. Called in the supervisor: inside U, with CAP_SYS_ADMIN there, in a mount namespace
/// of its own, while the process still has a single thread.
pub struct Plan {
    pub view: MergedView,
    /// The container's directory; `upper/` and `work/` and sidecars lie in it.
    pub container: PathBuf,
    pub choice: OverlayChoice,
    /// Ids that the mounting user namespace maps; an owner outside of them is reported as 0.
    pub uids: Vec<MappedRange>,
    pub gids: Vec<MappedRange>,
    /// Where unpacked trees are cached (mode Unpacked).
    pub unpacked_cache: PathBuf,
}

/// The way that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Hybrid,
    Full,
    Unpacked,
}

/// A mounted root: dropping it unmounts (detached) and ends its server thread.
pub struct Rootfs {
    _target: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    // helper C completes the list
}

/// Mounts the root at `target` (an empty directory in the caller's mount namespace). The server thread
/// runs in this process; the process must never touch `target` itself afterwards.
#[allow(unused_variables)]
pub fn mount(plan: Plan, target: &Path) -> Result<Rootfs, OverlayError> {
    todo!("helper C")
}

impl Rootfs {
    pub fn mode(&self) -> Mode {
        todo!()
    }
}

//! The root file system of a container: an image that is never unpacked, and what the container writes
//! on top of it.
//!
//! | mode | lower | upper | needs |
//! |---|---|---|---|
//! | Hybrid | `ImageFs`, read-only FUSE over the layer index | the kernel's overlayfs | /dev/fuse, overlayfs in user namespaces (Linux 5.11), an upper that overlayfs accepts |
//! | Full | `FullFs`, one FUSE file system for both | the same | /dev/fuse in user namespaces (Linux 4.18) |
//! | Unpacked | a cache of plain directories, written once per chain | the kernel's overlayfs | Linux 5.11 |
//!
//! [`OverlayChoice::Auto`] takes the first that works. All read and write the same upper (see `upper`
//! for what lies on disk), so a container may be started in another mode than before.
//!
//! Mount to ready takes 0.3 ms in Full and 0.7 ms in Hybrid and Unpacked, where overlayfs prepares and tries
//! out its work directory; on a busy disk that waits for the journal (4 to 8 ms). Unmounting the kernel's
//! overlay syncs the upper's whole file system unless it is volatile: 10 ms and more. Report the exit of a
//! container before the root is dropped.
//!
//! Everything here is called by the supervisor, inside the user's namespace U and a private mount
//! namespace. The supervisor serves the mount from threads of its own, so it must never touch a path
//! below the mount point: a single thread that waits for itself cannot be woken.

mod copy;
mod fill;
mod full;
mod image;
mod kernel;
mod lower;
mod records;
mod session;
mod throwaway;
mod unpacked;
mod upper;
mod written;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use crate::container::spec::OverlayChoice;
use crate::identity::Table;
use crate::layer::store::MergedView;

use full::FullFs;
use image::ImageFs;
use kernel::KernelOverlay;
use lower::Lower;
use session::{Access, Session};
use upper::Upper;

pub use fill::{fill, read_file};
pub use throwaway::Throwaway;
pub use unpacked::remove as remove_unpacked;
pub use upper::written_size;
pub use written::{Change, ChangeKind, Owners, Written};

/// Owners of the image and their ids where the root is mounted: `inside..inside+count` is
/// `outside..outside+count` there. The container's own id map, so that it sees the image's owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedRange {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

/// What to mount. Called in the supervisor: inside U, with CAP_SYS_ADMIN there, in a mount namespace
/// of its own, while the process still has a single thread.
pub struct Plan {
    pub view: MergedView,
    /// The container's directory; `upper/` and `work/` and sidecars lie in it.
    pub container: PathBuf,
    pub choice: OverlayChoice,
    /// Who the container's processes are, and where the owners of its files are to be told, where its users
    /// are emulated; in mode Full only, which is the first choice then.
    pub users: Option<Arc<Table>>,
    /// The container's ids; an owner that it has none for is shown as its root.
    pub uids: Vec<MappedRange>,
    pub gids: Vec<MappedRange>,
    /// Where unpacked trees are cached (mode Unpacked).
    pub unpacked_cache: PathBuf,
    /// Nobody will want the upper after a power cut (`--rm`): overlayfs need not sync.
    pub volatile: bool,
}

/// The way that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Hybrid,
    Full,
    Unpacked,
}

impl Mode {
    /// The word of `--storage-opt overlay=` and of `info`.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Hybrid => "hybrid",
            Mode::Full => "full",
            Mode::Unpacked => "unpacked",
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    #[error("opening /dev/fuse")]
    FuseDevice { source: Errno },
    #[error("mounting {fstype} at {}", target.display())]
    Mount { fstype: &'static str, target: PathBuf, source: Errno },
    #[error("shaking hands with the kernel's FUSE")]
    Handshake { source: io::Error },
    #[error("starting the thread of the root file system")]
    Thread { source: io::Error },
    #[error("opening {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("preparing the upper directory in {}", path.display())]
    Upper { path: PathBuf, source: io::Error },
    #[error("unpacking the image into {}", path.display())]
    Unpack { path: PathBuf, source: io::Error },
    #[error("overlay mode {mode} does not work here: {why}; try --storage-opt overlay={instead}")]
    Unusable { mode: Mode, why: String, instead: &'static str },
}

/// A mounted root: dropping it unmounts (detached) and ends its server thread.
pub struct Rootfs {
    mount: Mount,
    note: Option<String>,
}

/// In the order of unmounting: the overlay lies on top of the image, at the same mount point.
enum Mount {
    Hybrid { _overlay: KernelOverlay, _image: Session },
    Full { _session: Session },
    Unpacked { _overlay: KernelOverlay, _tree: unpacked::Tree },
    Bound { _bound: unpacked::Bound, _tree: unpacked::Tree },
}

impl Rootfs {
    pub fn mode(&self) -> Mode {
        match self.mount {
            Mount::Hybrid { .. } => Mode::Hybrid,
            Mount::Full { .. } => Mode::Full,
            Mount::Unpacked { .. } | Mount::Bound { .. } => Mode::Unpacked,
        }
    }

    /// Takes the root away from this mount namespace and serves those that it was given to until none of
    /// them has it any more. One that needs no server is not waited for.
    pub fn serve_others(self) {
        match self.mount {
            Mount::Hybrid { _overlay: overlay, _image: image } => {
                drop(overlay);
                image.serve_others();
            }
            Mount::Full { _session: session } => session.serve_others(),
            Mount::Unpacked { .. } | Mount::Bound { .. } => {}
        }
    }

    /// Why a better mode was not taken, for `inspect`.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

/// Mounts the root at `target` (an empty directory in the caller's mount namespace). The server thread
/// runs in this process; the process must never touch `target` itself afterwards.
pub fn mount(plan: Plan, target: &Path) -> Result<Rootfs, OverlayError> {
    let Plan { view, container, choice, users, uids, gids, unpacked_cache, volatile } = plan;
    let lower = Arc::new(Lower::new(view, uids, gids));
    let upper = Upper::open(&container, &lower)?;
    let site = Site { container, upper, lower, users, cache: unpacked_cache, volatile, target };
    match choice {
        OverlayChoice::Auto => site.best(),
        OverlayChoice::Hybrid => site.hybrid().map_err(|e| e.unusable(Mode::Hybrid)).map(plain),
        OverlayChoice::Full => site.full().map_err(|e| e.unusable(Mode::Full)).map(plain),
        OverlayChoice::Unpacked => site.unpacked().map_err(|e| e.unusable(Mode::Unpacked)).map(plain),
    }
}

/// As `mount`, read-only: nothing lies on top of the image.
fn mount_read_only(plan: Plan, target: &Path) -> Result<Rootfs, OverlayError> {
    let lower = Arc::new(Lower::new(plan.view, plan.uids, plan.gids));
    if plan.choice != OverlayChoice::Unpacked {
        match Session::mount(ImageFs::new(lower.clone()), target, Access::ReadOnly) {
            Err(error) if error.is_refusal() && plan.choice == OverlayChoice::Auto => {}
            Err(error) => return Err(error.unusable(Mode::Full)),
            Ok(session) => return Ok(plain(Mount::Full { _session: session })),
        }
    }
    let tree = unpacked::tree(&plan.unpacked_cache, &lower)?;
    let bound = unpacked::Bound::mount(&tree, target)?;
    Ok(plain(Mount::Bound { _bound: bound, _tree: tree }))
}

/// Mounts an image by itself, read-only, as `mount` does a container's root.
pub fn mount_image(
    view: MergedView,
    uids: Vec<MappedRange>,
    gids: Vec<MappedRange>,
    target: &Path,
) -> Result<Rootfs, OverlayError> {
    let lower = Arc::new(Lower::new(view, uids, gids));
    let session = Session::mount(ImageFs::new(lower), target, Access::ReadOnly)?;
    Ok(Rootfs { mount: Mount::Full { _session: session }, note: None })
}

fn plain(mount: Mount) -> Rootfs {
    Rootfs { mount, note: None }
}

/// Everything that one attempt needs; an attempt that fails leaves nothing mounted.
struct Site<'a> {
    container: PathBuf,
    lower: Arc<Lower>,
    upper: Upper,
    users: Option<Arc<Table>>,
    cache: PathBuf,
    volatile: bool,
    target: &'a Path,
}

impl Site<'_> {
    fn best(self) -> Result<Rootfs, OverlayError> {
        if self.users.is_some() {
            return match self.full() {
                Err(error) if error.is_refusal() => Site { users: None, ..self }.best(),
                mounted => mounted.map(plain),
            };
        }
        let hybrid = match self.hybrid() {
            Ok(mount) => return Ok(plain(mount)),
            Err(error) if error.is_refusal() => error.reason(),
            Err(error) => return Err(error),
        };
        let full = match self.full() {
            Ok(mount) => return Ok(Rootfs { mount, note: Some(format!("not hybrid: {hybrid}")) }),
            Err(error) if error.is_refusal() => error.reason(),
            Err(error) => return Err(error),
        };
        let mount = self.unpacked().map_err(|error| error.unusable(Mode::Unpacked))?;
        Ok(Rootfs { mount, note: Some(format!("neither hybrid nor full: {full}")) })
    }

    /// The overlay goes on top of the image at the same place: the lower directory is resolved before
    /// it is covered, and no second directory is needed.
    fn hybrid(&self) -> Result<Mount, OverlayError> {
        self.kernel_may_write(Mode::Hybrid)?;
        let image = Session::mount(ImageFs::new(self.lower.clone()), self.target, Access::ReadOnly)?;
        let overlay = KernelOverlay::mount(self.target, &self.upper, self.target, self.volatile)?;
        Ok(Mount::Hybrid { _overlay: overlay, _image: image })
    }

    fn full(&self) -> Result<Mount, OverlayError> {
        let fail = |source| OverlayError::Upper { path: self.container.clone(), source };
        let upper = self.upper.reopen().map_err(fail)?;
        let filesystem = FullFs::new(self.lower.clone(), upper, self.users.clone()).map_err(fail)?;
        Ok(Mount::Full { _session: Session::mount(filesystem, self.target, Access::ReadWrite)? })
    }

    fn unpacked(&self) -> Result<Mount, OverlayError> {
        self.kernel_may_write(Mode::Unpacked)?;
        let tree = unpacked::tree(&self.cache, &self.lower)?;
        let overlay = KernelOverlay::mount(tree.path(), &self.upper, self.target, self.volatile)?;
        Ok(Mount::Unpacked { _overlay: overlay, _tree: tree })
    }

    fn kernel_may_write(&self, mode: Mode) -> Result<(), OverlayError> {
        match kernel::refusal(&self.upper) {
            Some(why) => Err(OverlayError::Unusable { mode, why: why.into(), instead: Mode::Full.name() }),
            None => Ok(()),
        }
    }
}

impl OverlayError {
    /// Whether another mode may work where this one did not.
    fn is_refusal(&self) -> bool {
        match self {
            OverlayError::FuseDevice { source } | OverlayError::Mount { source, .. } => {
                kernel::is_refusal(*source)
            }
            OverlayError::Handshake { .. } | OverlayError::Unusable { .. } => true,
            _ => false,
        }
    }

    /// One line with the cause, for a note.
    fn reason(&self) -> String {
        match self {
            OverlayError::Unusable { why, .. } => why.clone(),
            other => match std::error::Error::source(other) {
                Some(cause) => format!("{other}: {cause}"),
                None => other.to_string(),
            },
        }
    }

    /// The answer to somebody who asked for `mode` by name.
    fn unusable(self, mode: Mode) -> OverlayError {
        if !self.is_refusal() {
            return self;
        }
        let instead = match (mode, &self) {
            (Mode::Unpacked, _) => Mode::Full,
            (_, OverlayError::FuseDevice { .. }) => Mode::Unpacked,
            (Mode::Hybrid, _) => Mode::Full,
            (Mode::Full, _) => Mode::Unpacked,
        };
        OverlayError::Unusable { mode, why: self.reason(), instead: instead.name() }
    }
}

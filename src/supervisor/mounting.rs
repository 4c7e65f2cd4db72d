//! Mounting for people: the root of a container that does not run, or an image, for `mount`.
//!
//! A process serves what is mounted, as a supervisor does, in a mount namespace of its own; whoever asked
//! gets the mount as a detached tree. The process ends when nobody has it mounted any more: after `unmount`,
//! or with the mount namespace that it was for, or when it is told to (`places`).

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::mount::{MountPropagationFlags, mount_change};
use serde::{Deserialize, Serialize};

use super::places::{Place, Serving};
use super::protocol::{Failure, FailureKind};
use super::root;
use crate::config::Config;
use crate::container::ContainerId;
use crate::container::store::{ContainerStore, MOUNTED};
use crate::digest::Digest;
use crate::image::ImageStore;
use crate::overlay::{self, Mode, Rootfs};
use crate::runtime::plan::identity;
use crate::runtime::{HostFacts, userns};
use crate::sys::lock::OfdLock;
use crate::sys::process;
use crate::sys::{mount, socket};

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-mount";

/// What is mounted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum What {
    /// One that does not run; the caller has the right to change it.
    Container(ContainerId),
    /// An image, by its id; read-only.
    Image(Digest),
}

#[derive(Debug, Serialize, Deserialize)]
struct Paper {
    config: Config,
    what: What,
    place: Place,
}

fn failed(step: &str, error: &io::Error) -> Failure {
    Failure::new(FailureKind::System, format!("{step}: {error}"))
}

/// A detached tree of what was asked for, to be attached at `place`, served from now on. The caller is root of the
/// user namespace that its mount namespace belongs to.
pub fn tree(config: &Config, what: What, place: Place) -> Result<OwnedFd, Failure> {
    let start = |error: io::Error| failed("starting the process that serves the mount", &error);
    let stream = send_off(&Paper { config: config.clone(), what, place }).map_err(start)?;
    let (_, tree) = socket::receive_with_fd(stream.as_fd(), &mut [0]).map_err(start)?;
    if let Some(tree) = tree {
        return Ok(tree);
    }
    let mut said = Vec::new();
    let heard = (&stream).read_to_end(&mut said);
    Err(heard
        .ok()
        .and_then(|_| serde_json::from_slice(&said).ok())
        .unwrap_or_else(|| Failure::new(FailureKind::System, "the process that serves the mount was killed")))
}

fn send_off(paper: &Paper) -> io::Result<UnixStream> {
    let mut file = File::from(rustix::fs::memfd_create(STAGE, rustix::fs::MemfdFlags::CLOEXEC)?);
    serde_json::to_writer(&file, paper)?;
    file.rewind()?;
    let (ours, theirs) = socket::pair()?;
    userns::spawn_stage_here(STAGE, file.as_fd(), &[theirs.as_fd()]).map_err(|error| error.source)?;
    Ok(ours)
}

/// Runs the stage: descriptor 3 is the paper, 4 takes the tree or the failure.
pub fn main() -> ! {
    let served = (|| -> io::Result<()> {
        let paper: Paper = serde_json::from_reader(File::from(process::inherited(3)?))?;
        let stream = UnixStream::from(process::inherited(4)?);
        // A directory that somebody has mounted would stay so for as long as this process stands in it.
        rustix::process::chdir("/")?;
        match make(&paper) {
            Ok(Served { rootfs, tree, serving, _lock }) => {
                serving.end_when_told()?;
                socket::send_with_fd(stream.as_fd(), b"m", tree.as_fd())?;
                // Else this process would be one that has it mounted.
                drop((tree, stream));
                rootfs.serve_others();
            }
            Err(failure) => {
                socket::send(stream.as_fd(), b"f")?;
                serde_json::to_writer(&stream, &failure)?;
            }
        }
        Ok(())
    })();
    std::process::exit(i32::from(served.is_err()))
}

struct Served {
    rootfs: Rootfs,
    tree: OwnedFd,
    serving: Serving,
    _lock: Option<OfdLock>,
}

fn make(paper: &Paper) -> Result<Served, Failure> {
    let config = &paper.config;
    let images = ImageStore::open(config);
    let host = HostFacts::gather().map_err(|e| failed("looking at the machine", &e))?;
    let serving = paper.place.serve().map_err(|e| failed("preparing the place to mount at", &e))?;
    let (rootfs, target, lock) = match &paper.what {
        What::Container(id) => {
            let store = ContainerStore::open(config);
            let record = store
                .record(id)
                .map_err(|e| Failure::system(&e))?
                .ok_or_else(|| Failure::new(FailureKind::System, format!("No such container: {id}")))?;
            let alive = File::options().read(true).write(true).open(store.directory(id).join("alive"));
            let lock = alive.and_then(|alive| OfdLock::try_new(alive, MOUNTED));
            let lock = lock.map_err(|e| failed("locking the container", &e))?.ok_or_else(|| {
                Failure::new(FailureKind::Conflict, format!("container {id} is mounted elsewhere"))
            })?;
            let (rootfs, target, _) = root::mount(config, &images, &record, &host)?;
            (rootfs, target, Some(lock))
        }
        What::Image(id) => {
            let image = images.find(&id.to_string()).map_err(|e| Failure::system(&e))?;
            let target = image_place(config).map_err(|e| failed("making a directory to mount at", &e))?;
            root::isolate(config)?;
            let view = images.layers.merged(&image.layers).map_err(|e| Failure::system(&e))?;
            let (uids, gids) =
                (root::ranges(&identity(&host.uid_map)), root::ranges(&identity(&host.gid_map)));
            let rootfs = overlay::mount_image(view, uids, gids, &target).map_err(|e| Failure::system(&e))?;
            (rootfs, target, None)
        }
    };
    if rootfs.mode() == Mode::Unpacked {
        let text = "without a /dev/fuse that can be used here nothing can tell when a mount is over, so there is none; use cp or export";
        return Err(Failure::new(FailureKind::Forbidden, text));
    }
    // What others mount from now on must not stay mounted for this process.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(|e| failed("separating the mounts", &e.into()))?;
    let tree = mount::clone_path(&target, false).map_err(|e| failed("copying the mount", &e))?;
    Ok(Served { rootfs, tree, serving, _lock: lock })
}

/// Where an image is mounted before it is given away.
fn image_place(config: &Config) -> io::Result<PathBuf> {
    let place = config.runtime.join("image");
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&place)?;
    Ok(place)
}

//! Mounting a container's root: for its supervisor, and for an errand while it is stopped.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::mount::{MountPropagationFlags, mount_change};

use super::protocol::{Failure, FailureKind};
use crate::config::Config;
use crate::container::ContainerRecord;
use crate::container::spec::{OverlayChoice, UserNamespaceMode};
use crate::identity::Table;
use crate::image::ImageStore;
use crate::overlay::{self, MappedRange, Mode, Rootfs};
use crate::runtime::HostFacts;
use crate::runtime::launch::IdMapping;
use crate::runtime::plan::{emulates_users, hinders_emulation, nested_maps};
use crate::sys;
use crate::sys::namespace;

/// Moves this process, which must have a single thread, into a mount namespace of its own and mounts the
/// root there; also says where, for others: this process must not touch it (module `overlay`). With the
/// owners of its files, where they are emulated.
pub fn mount(
    config: &Config,
    images: &ImageStore,
    record: &ContainerRecord,
    host: &HostFacts,
) -> Result<(Rootfs, PathBuf, Option<Arc<Table>>), Failure> {
    isolate(config)?;
    let directory = config.container(record.id.as_str());
    let target = directory.join("rootfs");
    match DirBuilder::new().mode(0o700).create(&target) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(failed("making the root", e)),
        _ => {}
    }
    let (uids, gids) = nested_maps(&record.spec, host)?;
    let choice = overlay_choice(config, record)?;
    let users = match emulates_users(&record.spec, host) {
        Some(_) => own_users(record, choice)?,
        None => match (&record.spec.user_namespace, hinders_emulation(host)) {
            (UserNamespaceMode::Emulated { .. }, Some(reason)) => {
                return Err(Failure::new(FailureKind::Forbidden, format!("--userns=emulated: {reason}")));
            }
            _ => None,
        },
    };
    let plan = overlay::Plan {
        view: images.layers.merged(&record.image.layers).map_err(|e| Failure::system(&e))?,
        container: directory,
        choice,
        users: users.clone(),
        uids: ranges(&uids),
        gids: ranges(&gids),
        unpacked_cache: config.unpacked(),
        volatile: record.spec.auto_remove,
    };
    let root = overlay::mount(plan, &target).map_err(|e| Failure::system(&e))?;
    let is_explicit = matches!(record.spec.user_namespace, UserNamespaceMode::Emulated { .. });
    if is_explicit && users.is_some() && root.mode() != Mode::Full {
        return Err(Failure::new(FailureKind::Forbidden, NEEDS_FULL));
    }
    let users = users.filter(|_| root.mode() == Mode::Full);
    Ok((root, target, users))
}

const NEEDS_FULL: &str = "--userns=emulated needs --storage-opt overlay=full and a usable /dev/fuse: owners are kept by our own file system";

/// The owners of emulated users lie in the file system that we serve ourselves.
fn own_users(record: &ContainerRecord, choice: OverlayChoice) -> Result<Option<Arc<Table>>, Failure> {
    if matches!(choice, OverlayChoice::Hybrid | OverlayChoice::Unpacked) {
        return match record.spec.user_namespace {
            UserNamespaceMode::Emulated { .. } => Err(Failure::new(FailureKind::Invalid, NEEDS_FULL)),
            _ => Ok(None),
        };
    }
    let table = Table::create().map_err(|e| failed("making the table of users", e))?;
    // What this process and its children make is root's, until one of them is somebody else.
    Table::belong_to_root().map_err(|e| failed("raising the limit of file locks", e))?;
    Ok(Some(Arc::new(table)))
}

/// Moves this process, which must have a single thread, into a mount namespace of its own.
pub fn isolate(config: &Config) -> Result<(), Failure> {
    namespace::unshare_mounts().map_err(|e| failed("unsharing the mount namespace", e))?;
    // What the host mounts later still arrives, so that binds with `rslave` show it.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(|e| failed("separating the mounts from the host's", e.into()))?;
    if let Err(error) = forget_mounted(config) {
        // In a user namespace below the mounts' own the kernel keeps them together. They go by propagation.
        tracing::debug!(%error, "mounts of others stay");
    }
    Ok(())
}

fn failed(step: &str, error: io::Error) -> Failure {
    Failure::new(FailureKind::System, format!("{step}: {error}"))
}

/// Takes away what `mount` has mounted for others, which would stay mounted for as long as this process
/// lives.
fn forget_mounted(config: &Config) -> io::Result<()> {
    let place = config.mounted();
    if std::fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_some()) {
        for point in sys::mount::points_below(&place)? {
            rustix::mount::unmount(&point, rustix::mount::UnmountFlags::DETACH)?;
        }
    }
    Ok(())
}

pub fn overlay_choice(config: &Config, record: &ContainerRecord) -> Result<OverlayChoice, Failure> {
    if let Some(choice) = record.spec.overlay {
        return Ok(choice);
    }
    match &config.overlay {
        None => Ok(OverlayChoice::Auto),
        Some(word) => serde_json::from_value(word.as_str().into()).map_err(|_| {
            let text = format!("overlay = {word:?} in config.toml: want auto, hybrid, full or unpacked");
            Failure::new(FailureKind::Invalid, text)
        }),
    }
}

/// A container's map as the overlay takes it.
pub fn ranges(map: &[IdMapping]) -> Vec<MappedRange> {
    map.iter().map(|m| MappedRange { inside: m.inside, outside: m.outside, count: m.count }).collect()
}

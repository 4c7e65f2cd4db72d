//! Verbs on volumes, and what `create` does for the volumes of a container.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::pipe::{PipeFlags, pipe_with};
use serde_json::{Value, json};

use crate::container::spec::{Asked, ImageVolumes, MountKind, MountSpec};
use crate::container::{ContainerId, ContainerSpec};
use crate::engine::archive::unpacked;
use crate::engine::prune::{Condition, Pruned};
use crate::engine::{Engine, Error, Kind, Result};
use crate::events::{self, Subject};
use crate::image::config::RunConfig;
use crate::runtime::plan::absolute;
use crate::supervisor::errand::{Errand, VolumeWay};
use crate::supervisor::removal;
use crate::sys::{signal, tree};
use crate::volume::{ANONYMOUS_LABEL, Held, VolumeError};

pub use crate::volume::{Volume, Wish};

impl From<VolumeError> for Error {
    fn from(error: VolumeError) -> Error {
        let kind = match &error {
            VolumeError::NotFound(_) => Kind::NotFound,
            VolumeError::Invalid(_) => Kind::InvalidParameter,
            VolumeError::Version { .. } | VolumeError::Io { .. } | VolumeError::Corrupt { .. } => {
                Kind::System
            }
        };
        Error::of(kind, error)
    }
}

/// Why a mount of one container cannot be another's.
fn invalid_source(text: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("invalid volumes-from specification: {text:?}"))
}

impl Engine {
    /// Makes a volume; one that is there stays as it is. Without a name it gets a random one and counts as
    /// anonymous.
    pub fn create_volume(&self, name: Option<&str>, mut wish: Wish) -> Result<Volume> {
        let random;
        let name = match name {
            Some(name) => name,
            None => {
                wish.labels.insert(ANONYMOUS_LABEL.to_owned(), String::new());
                random = ContainerId::random().to_string();
                &random
            }
        };
        let held = self.volumes.hold()?;
        Ok(self.make_volume(&held, name, &wish)?.0)
    }

    fn make_volume(&self, held: &Held, name: &str, wish: &Wish) -> Result<(Volume, bool)> {
        let (volume, is_new) = self.volumes.create(held, name, wish)?;
        if is_new {
            self.journal.append(&Subject::volume(name).event("create"));
        }
        Ok((volume, is_new))
    }

    pub fn volume(&self, name: &str) -> Result<Volume> {
        if name.trim().is_empty() {
            return Err(Error::of_client("invalid volume name or ID: value is empty"));
        }
        Ok(self.volumes.get(name)?.ok_or_else(|| VolumeError::NotFound(name.to_owned()))?)
    }

    /// Docker's JSON of a volume.
    pub fn inspect_volume(&self, volume: &Volume) -> Value {
        json!({
            "CreatedAt": volume.created.to_string(),
            "Driver": "local",
            "Labels": if volume.labels.is_empty() { Value::Null } else { json!(volume.labels) },
            "Mountpoint": self.volumes.data(&volume.name),
            "Name": volume.name,
            "Options": if volume.options.is_empty() { Value::Null } else { json!(volume.options) },
            "Scope": "local",
        })
    }

    /// Writes a volume's files as a tar archive.
    pub fn export_volume(&self, name: &str, archive: BorrowedFd<'_>) -> Result<()> {
        Errand::start_on_volume(&self.config, name, VolumeWay::Export, archive)?.answer()?;
        Ok(())
    }

    /// Makes in a volume what a tar archive has, plain or compressed. What is there stays unless the archive
    /// has something of that name.
    pub fn import_volume(&self, name: &str, source: impl Read + Send) -> Result<()> {
        let mut input = unpacked(source)?;
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)
            .map_err(|error| Error::caused(Kind::System, "making a pipe", error))?;
        let mut errand = Errand::start_on_volume(&self.config, name, VolumeWay::Import, read.as_fd())?;
        drop(read);
        // Whoever unpacks may stop before the end of the archive, and then tells why.
        signal::ignore(libc::SIGPIPE);
        let mut write = File::from(write);
        let copied = io::copy(&mut input, &mut write);
        drop(write);
        match copied {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::caused(Kind::System, "reading the archive", error))
            }
            _ => Ok(errand.answer().map(drop)?),
        }
    }

    /// Bytes in it, as far as the caller may look. A directory of the user's that is a volume is not ours
    /// to count.
    pub fn volume_size(&self, volume: &Volume) -> u64 {
        let data = self.volumes.data(&volume.name);
        if data.is_symlink() { 0 } else { tree::size(data) }
    }

    /// Removes a volume that no container has, running or not.
    pub fn remove_volume(&self, name: &str) -> Result<()> {
        let alone = self.volumes.alone()?;
        self.volume(name)?;
        if let Some(users) = self.containers.volume_users()?.get(name) {
            let users: Vec<&str> = users.iter().map(ContainerId::as_str).collect();
            let text = format!("remove {name}: volume is in use - [{}]", users.join(", "));
            return Err(Error::new(Kind::Conflict, text));
        }
        let mut left = alone.sweep();
        left.extend(alone.remove(name)?);
        self.journal.append(&Subject::volume(name).event("destroy"));
        drop(alone);
        remove_left(&left)
    }

    /// Removes the anonymous volumes that no container has, with `all` those with a name too.
    pub fn prune_volumes(&self, condition: &Condition, all: bool) -> Result<Pruned<String>> {
        let mut pruned = Pruned::nothing();
        let alone = self.volumes.alone()?;
        let used = self.containers.volume_users()?;
        let mut left = alone.sweep();
        for volume in self.volumes.list()? {
            let is_wanted = (all || volume.is_anonymous()) && !used.contains_key(&volume.name);
            if is_wanted && condition.holds(Some(volume.created), &volume.labels) {
                let size = self.volume_size(&volume);
                left.extend(alone.remove(&volume.name)?);
                self.journal.append(&Subject::volume(&volume.name).event("destroy"));
                pruned.reclaimed += size;
                pruned.removed.push(volume.name);
            }
        }
        drop(alone);
        remove_left(&left)?;
        self.pruned(events::Kind::Volume, pruned.reclaimed);
        Ok(pruned)
    }

    /// Removes those of the volumes that no container has any more.
    pub(super) fn remove_unused_volumes(&self, names: &[String]) -> Result<()> {
        let left = removal::unused_volumes(&self.volumes, &self.containers, &self.journal, names);
        remove_left(&left.map_err(|e| Error::new(Kind::System, e))?)
    }

    /// Keeps all volumes until the container's record says which it has; `None` when it will have none.
    pub(super) fn hold_volumes(&self, spec: &ContainerSpec, image: &RunConfig) -> Result<Option<Held>> {
        let is_needed = !spec.volumes_from.is_empty()
            || image.volumes.as_ref().is_some_and(|volumes| !volumes.is_empty())
            || spec.mounts.iter().any(|mount| mount.volume().is_some());
        Ok(if is_needed { Some(self.volumes.hold()?) } else { None })
    }

    /// Completes the wish: the mounts of other containers (`--volumes-from`), the VOLUMEs of the image, a
    /// name for every anonymous volume. What the wish mounts itself comes first.
    pub(super) fn complete_mounts(&self, spec: &mut ContainerSpec, image: &RunConfig) -> Result<()> {
        for source in &spec.volumes_from {
            let inherited = self.mounts_of(source)?;
            let is_free = |mount: &MountSpec| spec.mounts.iter().all(|own| own.target != mount.target);
            let inherited: Vec<MountSpec> = inherited.into_iter().filter(is_free).collect();
            spec.mounts.extend(inherited);
        }
        for path in image.volumes.iter().flat_map(BTreeMap::keys) {
            let target = absolute(Path::new(path));
            if spec.mounts.iter().any(|mount| absolute(&mount.target) == target) {
                continue;
            }
            let anonymous = MountKind::Volume {
                name: String::new(),
                anonymous: true,
                no_copy: false,
                subpath: None,
                labels: BTreeMap::new(),
                options: BTreeMap::new(),
                asked: Asked::Image,
            };
            let kind = match spec.image_volumes {
                ImageVolumes::Anonymous => anonymous,
                // Programs may lie there, as in a volume.
                ImageVolumes::Tmpfs => {
                    MountKind::Tmpfs { size: None, mode: None, options: vec!["exec".to_owned()] }
                }
                ImageVolumes::Ignore => continue,
            };
            spec.mounts.push(MountSpec::new(kind, target, false));
        }
        for mount in &mut spec.mounts {
            if let MountKind::Volume { name, labels, .. } = &mut mount.kind
                && name.is_empty()
            {
                *name = ContainerId::random().to_string();
                labels.insert(ANONYMOUS_LABEL.to_owned(), String::new());
            }
        }
        Ok(())
    }

    /// `NAME[:ro|rw|z|Z]`: what a container mounts of the host's, its tmpfs stay its own.
    fn mounts_of(&self, source: &str) -> Result<Vec<MountSpec>> {
        let (name, mode) = source.split_once(':').unwrap_or((source, ""));
        if name.is_empty() {
            return Err(invalid_source(source));
        }
        let read_only = match mode {
            "" | "rw" | "z" | "Z" => false,
            "ro" => true,
            other => return Err(Error::new(Kind::InvalidParameter, format!("invalid mode: {other}"))),
        };
        let mut mounts = self.find(name)?.record.spec.mounts;
        mounts.retain(|mount| !matches!(mount.kind, MountKind::Tmpfs { .. }));
        for mount in &mut mounts {
            mount.inherited = true;
            mount.read_only |= read_only;
            if let MountKind::Volume { no_copy, .. } = &mut mount.kind {
                *no_copy = true;
            }
        }
        Ok(mounts)
    }

    /// Makes the volumes that a container is to have. Those that were made now and have no name of their
    /// own go again if the container does not come to be.
    pub(super) fn make_volumes(&self, held: &Held, mounts: &[MountSpec]) -> Result<Vec<String>> {
        let mut made = BTreeSet::new();
        for mount in mounts {
            let MountKind::Volume { name, anonymous, labels, options, .. } = &mount.kind else { continue };
            let wish = Wish { labels: labels.clone(), options: options.clone() };
            let (_, is_new) = self.make_volume(held, name, &wish)?;
            if is_new && *anonymous {
                made.insert(name.clone());
            }
        }
        Ok(made.into_iter().collect())
    }
}

/// Directories with files of ids that only the user's namespace has power over.
fn remove_left(left: &[PathBuf]) -> Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    removal::remove(left).map_err(|e| Error::caused(Kind::System, "removing the files of volumes", e))
}

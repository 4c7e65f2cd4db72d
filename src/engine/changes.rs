//! Verbs on what a container has written: diff, export, commit.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use jiff::Timestamp;
use rustix::pipe::{PipeFlags, pipe_with};

use super::archive::ImportOptions;
use super::container::not_found;
use super::image::{image_error, sentence};
use super::inspect::Effective;
use crate::container::store::{Change as ChangeLock, ContainerView};
use crate::container::{ContainerId, ContainerRecord};
use crate::engine::{Engine, Error, Kind, Result};
use crate::image::Image;
use crate::image::commit::{self, Commit, CommitError, NewLayer};
use crate::image::config::RunConfig;
use crate::layer::LayerError;
use crate::layer::tar::TarError;
use crate::supervisor::client::{Client, ClientError};
use crate::supervisor::errand::{Answer, Errand, Job};
use crate::supervisor::protocol::{FailureKind, Request};

pub use crate::overlay::{Change, ChangeKind};

/// `commit`.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Name and `--change`, as for `import`; the message is empty unless given.
    pub image: ImportOptions,
    pub author: String,
    /// Hold all processes while their files are read.
    pub pause: bool,
}

/// A container that stays as it is while it is looked at: one that does not run cannot be started.
pub(super) struct Held<'a> {
    pub view: ContainerView,
    pub stopped: Option<ChangeLock<'a>>,
}

impl Engine {
    /// What differs from the image, sorted by path.
    pub fn diff(&self, id: &ContainerId) -> Result<Vec<Change>> {
        let held = self.held(id)?;
        match Errand::start(&self.config, &held.view, Job::Changes, None, None)?.answer()? {
            Answer::Changes(changes) => self.still_there(id).map(|()| changes),
            _ => Err(Error::new(Kind::System, "an answer to another question")),
        }
    }

    /// Writes the container's whole tree as a tar, without what is mounted in it.
    pub fn export(&self, id: &ContainerId, archive: BorrowedFd<'_>) -> Result<()> {
        let held = self.held(id)?;
        Errand::start(&self.config, &held.view, Job::Tree, Some(archive), None)?.answer()?;
        self.still_there(id)
    }

    /// Makes an image of what the container has written, on top of its own.
    pub fn commit(&self, id: &ContainerId, options: &CommitOptions) -> Result<Image> {
        let record = self.containers.record(id)?.ok_or_else(|| not_found(id))?;
        let run = self.images.pinned(&record.image).map_err(image_error)?.config.config;
        let mut wish = Commit {
            name: options.image.reference.clone(),
            author: options.author.clone(),
            message: options.image.message.clone().unwrap_or_default(),
            created_by: Effective::new(&record.spec, &run).command.unwrap_or_default().join(" "),
            run: run_config(&record, run),
            created: Timestamp::now(),
        };
        wish.change(&options.image.changes).map_err(commit_error)?;
        let layer = self.written_layer(id, options.pause)?;
        commit::commit(&self.images, &record.image, layer.as_ref(), &wish).map_err(commit_error)
    }

    /// Takes what the container has written into the layer store; nothing if it has written nothing.
    fn written_layer(&self, id: &ContainerId, pause: bool) -> Result<Option<NewLayer>> {
        let held = self.held(id)?;
        let paused = if pause { self.hold_processes(id)? } else { None };
        let system = |error: rustix::io::Errno| Error::caused(Kind::System, "making a pipe", error);
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
        let mut errand = Errand::start(&self.config, &held.view, Job::Layer, Some(write.as_fd()), None)?;
        drop(write);
        let layer = commit::take_in(&self.images, File::from(read));
        let answer = errand.answer();
        drop(paused);
        match (layer, answer) {
            (Ok(layer), Ok(Answer::Written(members))) => {
                self.still_there(id)?;
                Ok((members > 0).then_some(layer))
            }
            // The archive ended early: why, its writer knows.
            (Ok(_) | Err(CommitError::Layer(LayerError::Tar(TarError::Truncated { .. }))), Err(failure)) => {
                Err(failure.into())
            }
            (Err(error), _) => Err(commit_error(error)),
            (Ok(_), Ok(_)) => Err(Error::new(Kind::System, "an answer to another question")),
        }
    }

    pub(super) fn held(&self, id: &ContainerId) -> Result<Held<'_>> {
        let stopped = self.stopped(id)?;
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        Ok(Held { view, stopped })
    }

    /// What was read of a container that was removed under way may be anything.
    fn still_there(&self, id: &ContainerId) -> Result<()> {
        self.containers.record(id)?.map(drop).ok_or_else(|| not_found(id))
    }

    /// Holds all processes for as long as the connection lives; one that is paused already stays so.
    fn hold_processes(&self, id: &ContainerId) -> Result<Option<Client>> {
        let Some(mut client) = self.reach(id)? else { return Ok(None) };
        match client.ask(&Request::Hold) {
            Ok(_) => Ok(Some(client)),
            Err(ClientError::Failed(failure)) if failure.kind == FailureKind::Conflict => Ok(None),
            // Nothing runs any more.
            Err(ClientError::Ended) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the container started with. Triggers of its image have done their work (Docker's `merge` leaves
/// them out).
fn run_config(record: &ContainerRecord, image: RunConfig) -> RunConfig {
    let effective = Effective::new(&record.spec, &image);
    RunConfig {
        user: effective.user,
        env: Some(effective.env).filter(|env| !env.is_empty()),
        entrypoint: effective.entrypoint,
        cmd: effective.command,
        working_dir: effective.workdir,
        labels: Some(effective.labels).filter(|labels| !labels.is_empty()),
        stop_signal: effective.stop_signal,
        on_build: None,
        ..image
    }
}

fn commit_error(error: CommitError) -> Error {
    let kind = match error {
        CommitError::Image(error) => return image_error(error),
        CommitError::Layer(_) | CommitError::Base => Kind::System,
        CommitError::DigestReference | CommitError::Change(_) => Kind::InvalidParameter,
    };
    Error::new(kind, sentence(&error))
}

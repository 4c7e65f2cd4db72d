//! Files of a container as archives, in and out: what `cp` is made of.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::pipe::{PipeFlags, pipe_with};

use crate::container::ContainerId;
use crate::engine::{Engine, Error, Kind, Result};
use crate::supervisor::errand::{Answer, Errand, Job, Request};
use crate::supervisor::protocol::{Failure, FailureKind};

pub use crate::copy::Facts;
pub use crate::supervisor::errand::Owners;

/// How often a container may start or end while somebody wants to get at its files.
const TRIES: usize = 16;

/// Which way an archive goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Out,
    In,
}

/// A container's files, for one archive. One that does not run stays so as long as this lives.
pub struct Files {
    errand: Errand,
    /// Our end of the archive.
    archive: Option<File>,
    /// As it was asked for, for what is said about it.
    name: String,
}

impl Engine {
    /// Gets at the files of a container, which is called `name`.
    pub fn files(&self, id: &ContainerId, name: &str, way: Way) -> Result<Files> {
        for _ in 0..TRIES {
            let held = self.held(id)?;
            if held.stopped.is_some() && self.containers.is_mounted(id) {
                // It would be mounted a second time; and whoever has it mounted has paths to copy from and to.
                let text = format!(
                    "container {id} is mounted: unmount it where that was done, or end the shell of \"unshare\" there"
                );
                return Err(Error::new(Kind::Conflict, text));
            }
            let (read, write) = pipe_with(PipeFlags::CLOEXEC)
                .map_err(|error| Error::caused(Kind::System, "making a pipe", error))?;
            let (ours, theirs) = match way {
                Way::Out => (read, write),
                Way::In => (write, read),
            };
            let right = held.stopped.as_ref().map(|change| change.file());
            let mut errand = Errand::start(&self.config, &held.view, Job::Copy, Some(theirs.as_fd()), right)?;
            drop(theirs);
            if let Some(change) = held.stopped {
                change.hand_over();
            }
            errand.ask(&Request::Facts { path: b"/".to_vec() })?;
            match errand.answer() {
                Ok(_) => return Ok(Files { errand, archive: Some(ours.into()), name: name.to_owned() }),
                // It has ended just now: now it is one that does not run.
                Err(Failure { kind: FailureKind::Conflict, .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(Error::new(Kind::Conflict, format!("container {id} starts and ends all the time")))
    }
}

impl Files {
    /// What a name is; `None` if it is not there.
    pub fn facts(&mut self, path: &[u8]) -> Result<Option<Facts>> {
        if path.is_empty() {
            return Err(Error::new(Kind::InvalidParameter, "bad parameter: path cannot be empty"));
        }
        self.errand.ask(&Request::Facts { path: path.to_vec() })?;
        match self.errand.answer()? {
            Answer::Facts(facts) => Ok(facts),
            _ => Err(another_question()),
        }
    }

    /// The error of a name that is not there, in Docker's words.
    pub fn missing(&self, path: &[u8]) -> Error {
        let text =
            format!("Could not find the file {} in container {}", String::from_utf8_lossy(path), self.name);
        Error::new(Kind::NotFound, text)
    }

    /// The archive of what is at `path`, called `as_name` in it. To be read before `finish`.
    pub fn pack(&mut self, path: &[u8], as_name: &[u8]) -> Result<File> {
        let archive = self.archive.take().ok_or_else(another_question)?;
        self.errand.ask(&Request::Pack { path: path.to_vec(), as_name: as_name.to_vec() })?;
        Ok(archive)
    }

    /// Where to write an archive that is to be unpacked in `directory`. To be closed before `finish`.
    pub fn unpack(&mut self, directory: &[u8], owners: Owners) -> Result<File> {
        let archive = self.archive.take().ok_or_else(another_question)?;
        self.errand.ask(&Request::Unpack { directory: directory.to_vec(), owners })?;
        Ok(archive)
    }

    /// Waits until the archive is done with. `path` is what it was asked for.
    pub fn finish(mut self, path: &[u8]) -> Result<()> {
        match self.errand.answer()? {
            Answer::Done => Ok(()),
            Answer::Facts(None) => Err(self.missing(path)),
            _ => Err(another_question()),
        }
    }
}

fn another_question() -> Error {
    Error::new(Kind::System, "an answer to another question")
}

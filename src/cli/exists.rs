//! `exists` of containers, images, secrets and volumes: podman's question for scripts, answered by the status alone.

use super::failure::{Failure, Result};
use super::verb::{Context, Verb};
use crate::engine::{self, Kind};

#[derive(Debug, clap::Args)]
pub struct ContainerExists {
    #[arg(required = true, value_name = "CONTAINER")]
    name: String,
}

#[derive(Debug, clap::Args)]
pub struct ImageExists {
    #[arg(required = true, value_name = "IMAGE")]
    name: String,
}

#[derive(Debug, clap::Args)]
pub struct SecretExists {
    #[arg(required = true, value_name = "SECRET")]
    name: String,
}

#[derive(Debug, clap::Args)]
pub struct VolumeExists {
    #[arg(required = true, value_name = "VOLUME")]
    name: String,
}

/// 1 means no, so that whatever fails says something else.
const FAILED: u8 = 125;

impl Verb for ContainerExists {
    const NAMES: &'static [&'static str] = &["container exists"];
    const USAGE: &'static str = "CONTAINER";
    const ABOUT: &'static str =
        "Check if a container exists (status 0: yes, 1: no, 125: something went wrong)";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine().map_err(failed)?;
        answer(engine.find(&self.name))
    }
}

impl Verb for ImageExists {
    const NAMES: &'static [&'static str] = &["image exists"];
    const USAGE: &'static str = "IMAGE";
    const ABOUT: &'static str = "Check if an image exists (status 0: yes, 1: no, 125: something went wrong)";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine().map_err(failed)?;
        answer(engine.find_image(&self.name))
    }
}

impl Verb for SecretExists {
    const NAMES: &'static [&'static str] = &["secret exists"];
    const USAGE: &'static str = "SECRET";
    const ABOUT: &'static str = "Check if a secret exists (status 0: yes, 1: no, 125: something went wrong)";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine().map_err(failed)?;
        answer(engine.secrets.find(&self.name).map_err(engine::Error::from))
    }
}

impl Verb for VolumeExists {
    const NAMES: &'static [&'static str] = &["volume exists"];
    const USAGE: &'static str = "VOLUME";
    const ABOUT: &'static str = "Check if a volume exists (status 0: yes, 1: no, 125: something went wrong)";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine().map_err(failed)?;
        answer(engine.volume(&self.name))
    }
}

fn answer<T>(found: engine::Result<T>) -> Result<u8> {
    match found {
        Ok(_) => Ok(0),
        Err(error) if error.kind == Kind::NotFound => Ok(1),
        Err(error) => Err(failed(error.into())),
    }
}

fn failed(failure: Failure) -> Failure {
    Failure { status: FAILED, ..failure }
}

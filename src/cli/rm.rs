//! `rm`.

use super::failure::{Failure, Result};
use super::verb::{Context, Verb};
use crate::engine::Kind;

#[derive(Debug, clap::Args)]
pub struct Rm {
    /// Force the removal of a running container (uses SIGKILL)
    #[arg(short, long)]
    force: bool,
    /// Remove the specified link
    #[arg(short, long, hide = true)]
    link: bool,
    /// Remove anonymous volumes associated with the container
    #[arg(short, long)]
    volumes: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Rm {
    const NAMES: &'static [&'static str] = &["container rm", "container remove", "rm"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Remove one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        if self.link {
            return Err(Failure::new("--link: links between containers are not there yet"));
        }
        let engine = context.engine()?;
        super::each_at_once(&self.containers, |name| {
            let view = match engine.find(name) {
                // Gone is what was wanted.
                Err(error) if self.force && error.kind == Kind::NotFound => return Err(Failure::silent(0)),
                view => view?,
            };
            Ok(engine.remove(&view.record.id, self.force, self.volumes)?)
        })
    }
}

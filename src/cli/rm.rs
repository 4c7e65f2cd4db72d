//! `rm`.

use super::choice::{Choice, in_any_state};
use super::failure::{Failure, Result};
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Rm {
    /// Act on all containers
    #[arg(short, long)]
    all: bool,
    /// Force the removal of a running container (uses SIGKILL)
    #[arg(short, long)]
    force: bool,
    /// Pass over containers that do not exist
    #[arg(short, long)]
    ignore: bool,
    /// Act on the container created last
    #[arg(long)]
    latest: bool,
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
        let Rm { all, latest, force, volumes, .. } = self;
        // With -f, gone is what was wanted.
        let choice = Choice { names: &self.containers, all, latest, ignore: self.ignore || force };
        choice.each(&engine, in_any_state, |_, view| engine.remove(&view.record.id, force, volumes))
    }
}

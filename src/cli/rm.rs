//! `rm`.

use std::path::PathBuf;

use super::choice::{Choice, in_any_state};
use super::failure::{Failure, Result};
use super::filter;
use super::ui::units::go_int;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Rm {
    /// Act on all containers
    #[arg(short, long)]
    all: bool,
    /// Read the container's id from a file
    #[arg(long, value_name = "string")]
    cidfile: Vec<PathBuf>,
    /// Act on the containers that pass a filter of ps
    #[arg(long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
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
    /// With --force: seconds to wait for the container to stop before it is killed
    #[arg(short, long, alias = "timeout", value_name = "int", value_parser = go_int)]
    time: Option<i64>,
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
        if self.time.is_some() && !self.force {
            return Err(Failure::usage("--force option must be specified to use the --time option"));
        }
        if self.link {
            return Err(Failure::new("--link: links between containers are not there yet"));
        }
        let engine = context.engine()?;
        let (all, latest, force, volumes) = (self.all, self.latest, self.force, self.volumes);
        // With -f, gone is what was wanted.
        let choice = Choice {
            names: &self.containers,
            all,
            latest,
            ignore: self.ignore || force,
            cidfiles: &self.cidfile,
            filters: &self.filter,
        };
        choice.each(&engine, in_any_state, |_, view| {
            if force && self.time.is_some() && view.state.is_up() {
                engine.stop(&view.record.id, None, self.time)?;
            }
            engine.remove(&view.record.id, force, volumes)
        })
    }
}

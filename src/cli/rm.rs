//! `rm`.

use super::choice::{Choice, SelectionInWords, in_any_state};
use super::failure::{Failure, Result};
use super::ui::units::go_int;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Rm {
    /// Act on all containers
    #[arg(short, long)]
    all: bool,
    /// Force the removal of a running container (uses SIGKILL)
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    selection: SelectionInWords,
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
        let (force, volumes) = (self.force, self.volumes);
        let chosen = self.selection.0.among(&self.containers, self.all);
        // With -f, gone is what was wanted.
        let choice = Choice { ignore: chosen.ignore || force, ..chosen };
        choice.each(&engine, in_any_state, |_, view| {
            if force && self.time.is_some() && view.state.is_up() {
                engine.stop(&view.record.id, None, self.time)?;
            }
            engine.remove(&view.record.id, force, volumes)
        })
    }
}

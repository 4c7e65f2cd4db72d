//! `pause` and `unpause`.

use super::choice::{Selection, is_paused, is_running};
use super::failure::Result;
use super::verb::{Context, Verb};
use crate::container::State;

#[derive(Debug, clap::Args)]
pub struct Pause {
    /// Act on all running containers
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    selection: Selection,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Unpause {
    /// Act on all paused containers
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    selection: Selection,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Pause {
    const NAMES: &'static [&'static str] = &["container pause", "pause"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Pause all processes within one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let choice = self.selection.among(&self.containers, self.all);
        let fits = |state: &State| is_running(state) && !is_paused(state);
        choice.each(&engine, fits, |_, view| engine.pause(&view.record.id))
    }
}

impl Verb for Unpause {
    const NAMES: &'static [&'static str] = &["container unpause", "unpause"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Unpause all processes within one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let choice = self.selection.among(&self.containers, self.all);
        choice.each(&engine, is_paused, |_, view| engine.unpause(&view.record.id))
    }
}

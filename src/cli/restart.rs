//! `restart`.

use super::choice::{Selection, is_running};
use super::failure::Result;
use super::stop::signal_number;
use super::ui::units::go_int;
use super::verb::{Context, Verb};
use crate::container::State;

#[derive(Debug, clap::Args)]
pub struct Restart {
    /// Act on all containers
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    selection: Selection,
    /// With --all: only those that run
    #[arg(long)]
    running: bool,
    /// Signal to send to the container
    #[arg(short, long, value_name = "string")]
    signal: Option<String>,
    /// Seconds to wait before killing the container
    #[arg(short, long, alias = "time", value_name = "int", value_parser = go_int)]
    timeout: Option<i64>,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Restart {
    const NAMES: &'static [&'static str] = &["container restart", "restart"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Restart one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        let signal = self.signal.as_deref().map(signal_number).transpose()?;
        let engine = context.engine()?;
        let (all, running) = (self.all || self.running, self.running);
        let choice = self.selection.among(&self.containers, all);
        let fits = |state: &State| !running || is_running(state);
        choice.each(&engine, fits, |_, view| engine.restart(&view.record.id, signal, self.timeout))
    }
}

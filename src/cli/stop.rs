//! `stop`.

use super::choice::{Selection, is_running};
use super::failure::{Failure, Result};
use super::ui::units::go_int;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Stop {
    /// Act on all running containers
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    selection: Selection,
    /// Signal to send to the container
    #[arg(short, long, value_name = "string")]
    signal: Option<String>,
    /// Seconds to wait before killing the container
    #[arg(short, long, alias = "time", value_name = "int", value_parser = go_int)]
    timeout: Option<i64>,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Stop {
    const NAMES: &'static [&'static str] = &["container stop", "stop"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Stop one or more running containers";

    fn run(self, context: &Context) -> Result<u8> {
        let signal = self.signal.as_deref().map(signal_number).transpose()?;
        let engine = context.engine()?;
        let choice = self.selection.among(&self.containers, self.all);
        choice.each(&engine, is_running, |_, view| engine.stop(&view.record.id, signal, self.timeout))
    }
}

/// `TERM`, `SIGTERM`, `15`.
pub fn signal_number(text: &str) -> Result<i32> {
    crate::sys::signal::parse(text).ok_or_else(|| Failure::daemon(format!("invalid signal: {text}")))
}

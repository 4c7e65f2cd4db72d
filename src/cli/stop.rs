//! `stop`.

use std::path::PathBuf;

use super::choice::{Choice, is_running};
use super::failure::{Failure, Result};
use super::filter;
use super::ui::units::go_int;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Stop {
    /// Act on all running containers
    #[arg(short, long)]
    all: bool,
    /// Read the container's id from a file
    #[arg(long, value_name = "string")]
    cidfile: Vec<PathBuf>,
    /// Act on the containers that pass a filter of ps
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    /// Pass over containers that do not exist
    #[arg(short, long)]
    ignore: bool,
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
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
        let (all, latest, ignore) = (self.all, self.latest, self.ignore);
        let choice = Choice {
            names: &self.containers,
            all,
            latest,
            ignore,
            cidfiles: &self.cidfile,
            filters: &self.filter,
        };
        choice.each(&engine, is_running, |_, view| engine.stop(&view.record.id, signal, self.timeout))
    }
}

/// `TERM`, `SIGTERM`, `15`.
pub fn signal_number(text: &str) -> Result<i32> {
    crate::sys::signal::parse(text)
        .ok_or_else(|| Failure::new(format!("Error response from daemon: invalid signal: {text}")))
}

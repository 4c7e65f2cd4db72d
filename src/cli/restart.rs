//! `restart`.

use std::path::PathBuf;

use super::choice::{Choice, is_running};
use super::failure::Result;
use super::filter;
use super::stop::signal_number;
use super::ui::units::go_int;
use super::verb::{Context, Verb};
use crate::container::State;

#[derive(Debug, clap::Args)]
pub struct Restart {
    /// Act on all containers
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
        let (all, latest, running) = (self.all || self.running, self.latest, self.running);
        let choice = Choice {
            names: &self.containers,
            all,
            latest,
            ignore: self.ignore,
            cidfiles: &self.cidfile,
            filters: &self.filter,
        };
        let fits = |state: &State| !running || is_running(state);
        choice.each(&engine, fits, |_, view| engine.restart(&view.record.id, signal, self.timeout))
    }
}

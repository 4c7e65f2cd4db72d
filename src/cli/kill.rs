//! `kill`.

use std::path::PathBuf;

use super::choice::{Choice, is_running};
use super::failure::Result;
use super::filter;
use super::verb::{Context, Verb};
use crate::engine::{Error, Kind};

#[derive(Debug, clap::Args)]
pub struct Kill {
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
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Kill {
    const NAMES: &'static [&'static str] = &["container kill", "kill"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Kill one or more running containers";

    fn run(self, context: &Context) -> Result<u8> {
        let asked = self.signal.filter(|text| !text.is_empty());
        let signal = asked.as_deref().map_or(Ok(libc::SIGKILL), super::stop::signal_number)?;
        let engine = context.engine()?;
        let choice = Choice {
            names: &self.containers,
            all: self.all,
            latest: self.latest,
            ignore: self.ignore,
            cidfiles: &self.cidfile,
            filters: &self.filter,
        };
        choice.each(&engine, is_running, |name, view| {
            let id = &view.record.id;
            if !view.state.is_up() {
                let text = format!("cannot kill container: {name}: container {id} is not running");
                return Err(Error::new(Kind::Conflict, text));
            }
            engine.kill(id, signal)
        })
    }
}

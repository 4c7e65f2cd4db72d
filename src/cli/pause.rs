//! `pause` and `unpause`.

use std::path::PathBuf;

use super::choice::{Choice, is_paused, is_running};
use super::failure::Result;
use super::filter;
use super::verb::{Context, Verb};
use crate::container::State;

#[derive(Debug, clap::Args)]
pub struct Pause {
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
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Unpause {
    /// Act on all paused containers
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
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Pause {
    const NAMES: &'static [&'static str] = &["container pause", "pause"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Pause all processes within one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let choice = Choice {
            names: &self.containers,
            all: self.all,
            latest: self.latest,
            ignore: self.ignore,
            cidfiles: &self.cidfile,
            filters: &self.filter,
        };
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
        let choice = Choice {
            names: &self.containers,
            all: self.all,
            latest: self.latest,
            ignore: self.ignore,
            cidfiles: &self.cidfile,
            filters: &self.filter,
        };
        choice.each(&engine, is_paused, |_, view| engine.unpause(&view.record.id))
    }
}

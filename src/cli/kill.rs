//! `kill`.

use super::choice::{Selection, is_running};
use super::failure::Result;
use super::verb::{Context, Verb};
use crate::engine::{Error, Kind};

#[derive(Debug, clap::Args)]
pub struct Kill {
    /// Act on all running containers
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    selection: Selection,
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
        let choice = self.selection.among(&self.containers, self.all);
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

//! `kill`.

use super::failure::{Failure, Result};
use super::verb::{Context, Verb};
use crate::container::State;

#[derive(Debug, clap::Args)]
pub struct Kill {
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
        super::each_at_once(&self.containers, |name| {
            let view = engine.find(name)?;
            let id = &view.record.id;
            if !matches!(view.state, State::Running { .. }) {
                return Err(Failure::new(format!(
                    "Error response from daemon: cannot kill container: {name}: container {id} is not running"
                )));
            }
            Ok(engine.kill(id, signal)?)
        })
    }
}

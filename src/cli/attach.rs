//! `attach`.

use super::choice;
use super::failure::{Failure, Result};
use super::run::{attachment, status_of};
use super::verb::{Context, Verb};
use crate::container::State;

#[derive(Debug, clap::Args)]
pub struct Attach {
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string")]
    detach_keys: Option<String>,
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    /// Do not attach STDIN
    #[arg(long)]
    no_stdin: bool,
    /// Proxy all received signals to the process
    #[arg(long, action = clap::ArgAction::SetFalse)]
    sig_proxy: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
}

impl Verb for Attach {
    const NAMES: &'static [&'static str] = &["container attach", "attach"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const ABOUT: &'static str =
        "Attach local standard input, output, and error streams to a running container";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let view = choice::one(&engine, &self.container, self.latest)?;
        if !view.state.is_up() {
            return Err(Failure::new("You cannot attach to a stopped container, start it first"));
        }
        if view.state.is_paused() {
            return Err(Failure::new("You cannot attach to a paused container, unpause it first"));
        }
        if matches!(view.state, State::Restarting { .. }) {
            let text = "You cannot attach to a restarting container, wait until it is running";
            return Err(Failure::new(text));
        }
        let spec = &view.record.spec;
        let stdin = !self.no_stdin && spec.stdin_open;
        let proxy = self.sig_proxy;
        let options = attachment(context, spec.tty, stdin, proxy, self.detach_keys.as_deref())?;
        Ok(status_of(&engine.attach(&view.record.id, &options)?))
    }
}

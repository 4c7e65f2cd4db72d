//! `attach`.

use super::failure::{Failure, Result};
use super::run::{check_tty, detach_keys, status_of};
use super::verb::{Context, Verb};
use crate::container::State;
use crate::engine::container::AttachOptions;

#[derive(Debug, clap::Args)]
pub struct Attach {
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string")]
    detach_keys: Option<String>,
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
        let view = engine.find(&self.container)?;
        if !matches!(view.state, State::Running { .. }) {
            return Err(Failure::new("You cannot attach to a stopped container, start it first"));
        }
        let spec = &view.record.spec;
        let stdin = !self.no_stdin && spec.stdin_open;
        if stdin && spec.tty {
            check_tty()?;
        }
        let client = context.client_config()?;
        let keys = detach_keys(self.detach_keys.as_deref(), client.detach_keys.as_deref());
        let keys = keys.map_err(Failure::new)?;
        let options = AttachOptions {
            stdin,
            stdout: true,
            stderr: true,
            detach_keys: (spec.tty && stdin).then_some(keys),
            forward_signals: self.sig_proxy && !spec.tty,
        };
        Ok(status_of(&engine.attach(&view.record.id, &options)?))
    }
}

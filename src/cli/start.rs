//! `start`.

use super::failure::{Failure, Result};
use super::run::{attachment, status_of};
use super::ui;
use super::verb::{Context, Verb};
use crate::container::State;

#[derive(Debug, clap::Args)]
pub struct Start {
    /// Attach STDOUT/STDERR and forward signals
    #[arg(short, long)]
    attach: bool,
    /// Restore from this checkpoint
    #[arg(long, value_name = "string", hide = true)]
    checkpoint: Option<String>,
    /// Use a custom checkpoint storage directory
    #[arg(long, value_name = "string", hide = true)]
    checkpoint_dir: Option<String>,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string")]
    detach_keys: Option<String>,
    /// Attach container's STDIN
    #[arg(short, long)]
    interactive: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Start {
    const NAMES: &'static [&'static str] = &["container start", "start"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Start one or more stopped containers";

    fn run(self, context: &Context) -> Result<u8> {
        if self.checkpoint.is_some() || self.checkpoint_dir.is_some() {
            return Err(Failure::new(
                "--checkpoint: checkpoints need privileges that users do not have (CAP_CHECKPOINT_RESTORE)",
            ));
        }
        if self.attach || self.interactive { self.attached(context) } else { self.detached(context) }
    }
}

impl Start {
    fn detached(&self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let failed = super::each(&self.containers, |name| {
            let view = engine.find(name)?;
            if !matches!(view.state, State::Running { .. }) {
                engine.start(&view.record.id)?;
            }
            ui::line(name)
        })?;
        if failed.is_empty() {
            return Ok(0);
        }
        Err(Failure::new(format!("failed to start containers: {}", failed.join(", "))))
    }

    fn attached(&self, context: &Context) -> Result<u8> {
        let [name] = self.containers.as_slice() else {
            return Err(Failure::new("you cannot start and attach multiple containers at once"));
        };
        let engine = context.engine()?;
        let view = engine.find(name)?;
        let spec = &view.record.spec;
        let stdin = self.interactive && spec.stdin_open;
        let options = attachment(context, spec.tty, stdin, true, self.detach_keys.as_deref())?;
        let attached = if matches!(view.state, State::Running { .. }) {
            engine.attach(&view.record.id, &options)?
        } else {
            engine.start_attached(&view.record.id, &options)?
        };
        Ok(status_of(&attached))
    }
}

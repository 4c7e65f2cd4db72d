//! `start`.

use super::choice::{Filter, is_running};
use super::failure::{Failure, Result};
use super::run::{attachment, status_of};
use super::ui;
use super::verb::{Context, Verb};
use crate::engine::Engine;

#[derive(Debug, clap::Args)]
pub struct Start {
    /// Act on all containers that do not run
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
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
        let engine = context.engine()?;
        let choice = self.filter.among(&self.containers, self.all);
        let names = choice.resolve(&engine, |state| !is_running(state))?;
        match self.attach || self.interactive {
            true => self.attached(context, &engine, &names),
            false => detached(&engine, &names),
        }
    }
}

impl Start {
    fn attached(&self, context: &Context, engine: &Engine, names: &[String]) -> Result<u8> {
        let [name] = names else {
            return Err(Failure::new("you cannot start and attach multiple containers at once"));
        };
        let view = engine.find(name)?;
        let spec = &view.record.spec;
        let stdin = self.interactive && spec.stdin_open;
        let options = attachment(context, spec.tty, stdin, true, self.detach_keys.as_deref())?;
        let attached = if view.state.is_up() {
            engine.attach(&view.record.id, &options)?
        } else {
            engine.start_attached(&view.record.id, &options)?
        };
        Ok(status_of(&attached))
    }
}

fn detached(engine: &Engine, names: &[String]) -> Result<u8> {
    let failed = super::each(names, |name| {
        let view = engine.find(name)?;
        if !is_running(&view.state) {
            engine.start(&view.record.id)?;
        }
        ui::line(name)
    })?;
    if failed.is_empty() {
        return Ok(0);
    }
    Err(Failure::new(format!("failed to start containers: {}", failed.join(", "))))
}

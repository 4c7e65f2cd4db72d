//! `update`.

use super::failure::{Failure, Result};
use super::flags::limits::Limits;
use super::flags::values;
use super::ui;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Update {
    /// Restart policy to apply when a container exits
    #[arg(long, value_name = "string")]
    restart: Option<String>,
    #[command(flatten)]
    limits: Limits,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Update {
    const NAMES: &'static [&'static str] = &["container update", "update"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Update configuration of one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        if self.restart.is_none() && self.limits.is_empty() {
            return Err(Failure::new("you must provide one or more flags when using this command"));
        }
        let discarded = self.limits.discard(true).map_err(|f| Failure { status: 1, ..f })?;
        let policy = values::restart_policy(self.restart.as_deref().unwrap_or_default());
        let policy = policy.map_err(|f| Failure { status: 1, ..f })?;
        let engine = context.engine()?;
        let failed = super::each(&self.containers, |name| {
            let view = engine.find(name)?;
            if let Some(policy) = policy {
                engine.update_restart(&view.record.id, policy)?;
            }
            ui::line(name)
        })?;
        for _ in failed.len()..self.containers.len() {
            discarded.iter().try_for_each(ui::line)?;
        }
        Ok(u8::from(!failed.is_empty()))
    }
}

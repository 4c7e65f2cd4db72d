//! `healthcheck run`, podman's.

use super::failure::{Failure, Result};
use super::ui;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct HealthcheckRun {
    /// Exit with status 0 whatever comes of the check
    #[arg(long)]
    ignore_result: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
}

impl Verb for HealthcheckRun {
    const NAMES: &'static [&'static str] = &["healthcheck run"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const ABOUT: &'static str = "Run the health check of a container now";

    fn run(self, context: &Context) -> Result<u8> {
        let checked = (|| {
            let engine = context.engine()?;
            let view = engine.find(&self.container)?;
            Ok(engine.check_health(&view.record.id)?)
        })();
        // Status 1 is that of a check that fails.
        let (passed, status) = checked.map_err(|failure: Failure| Failure { status: 125, ..failure })?;
        if passed {
            return Ok(0);
        }
        ui::line(status.word())?;
        Ok(u8::from(!self.ignore_result))
    }
}

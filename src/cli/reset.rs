//! `system reset`.

use super::failure::{Failure, Result};
use super::prune::is_confirmed;
use super::ui;
use super::verb::{Context, Verb};
use crate::engine::prune::{Condition, names_to_remove};
use crate::engine::{self, Kind};

#[derive(Debug, clap::Args)]
pub struct SystemReset {
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

impl Verb for SystemReset {
    const NAMES: &'static [&'static str] = &["system reset"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Remove all containers, images, volumes and secrets, in use or not";

    fn run(self, context: &Context) -> Result<u8> {
        let warning = "This will remove:\n  - all containers, the running ones too\n  - all images\n  - all volumes\n  - all secrets\n";
        if !self.force && !is_confirmed(warning)? {
            return Ok(0);
        }
        let engine = context.engine()?;
        let mut status = 0;
        let mut tell = |result: engine::Result<()>| match result {
            Err(error) if error.kind != Kind::NotFound => {
                ui::warn(Failure::from(error).text);
                status = 1;
            }
            // Somebody else was faster.
            _ => {}
        };
        for view in engine.list()? {
            tell(engine.remove(&view.record.id, true, true));
        }
        for image in engine.images()?.iter().filter(|image| !image.read_only) {
            for name in names_to_remove(image) {
                tell(engine.remove_image(&name, true, false).map(drop));
            }
        }
        tell(engine.prune_volumes(&Condition::default(), true).map(drop));
        tell(engine.clear_mounts());
        for secret in engine.secrets.list().map_err(engine::Error::from)? {
            tell(engine.remove_secret(&secret.id).map(drop));
        }
        Ok(status)
    }
}

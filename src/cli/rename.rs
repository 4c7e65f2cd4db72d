//! `rename`.

use super::failure::{Failure, Result};
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Rename {
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    #[arg(required = true, value_name = "NEW_NAME")]
    new_name: String,
}

impl Verb for Rename {
    const NAMES: &'static [&'static str] = &["container rename", "rename"];
    const USAGE: &'static str = "CONTAINER NEW_NAME";
    const ABOUT: &'static str = "Rename a container";

    fn run(self, context: &Context) -> Result<u8> {
        if self.container.trim().is_empty() || self.new_name.trim().is_empty() {
            return Err(Failure::new("error: neither old nor new names may be empty"));
        }
        let engine = context.engine()?;
        let view = engine.find(&self.container)?;
        engine.rename(&view.record.id, &self.new_name)?;
        Ok(0)
    }
}

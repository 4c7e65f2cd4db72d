//! `wait`.

use super::failure::Result;
use super::ui;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Wait {
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Wait {
    const NAMES: &'static [&'static str] = &["container wait", "wait"];
    const USAGE: &'static str = "CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Block until one or more containers stop, then print their exit codes";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let failed = super::each(&self.containers, |name| {
            let view = engine.find(name)?;
            let exit = engine.wait(&view.record.id)?;
            ui::line(exit.code)
        })?;
        Ok(u8::from(!failed.is_empty()))
    }
}

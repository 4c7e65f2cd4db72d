//! `pause` and `unpause`.

use super::failure::Result;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Pause {
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Unpause {
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Pause {
    const NAMES: &'static [&'static str] = &["container pause", "pause"];
    const USAGE: &'static str = "CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Pause all processes within one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        super::each_at_once(&self.containers, |name| Ok(engine.pause(&engine.find(name)?.record.id)?))
    }
}

impl Verb for Unpause {
    const NAMES: &'static [&'static str] = &["container unpause", "unpause"];
    const USAGE: &'static str = "CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Unpause all processes within one or more containers";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        super::each_at_once(&self.containers, |name| Ok(engine.unpause(&engine.find(name)?.record.id)?))
    }
}

//! `create`: like `run`, without the start.

use super::failure::{Failure, Result};
use super::flags::ContainerFlags;
use super::run::Creation;
use super::ui;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Create {
    #[command(flatten)]
    flags: ContainerFlags,
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Verb for Create {
    const NAMES: &'static [&'static str] = &["container create", "create"];
    const USAGE: &'static str = "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    const ABOUT: &'static str = "Create a new container";

    fn run(self, context: &Context) -> Result<u8> {
        let made = (|| {
            let client = context.client_config()?;
            let creation = Creation::new(&self.flags)?;
            let spec = self.flags.into_spec(self.image, self.command, &client)?;
            creation.create(&context.engine()?, spec)
        })();
        let record = made.map_err(|failure: Failure| {
            let failure = Failure { status: failure.status.max(125), ..failure };
            failure.of_command(&context.program, &context.path)
        })?;
        ui::line(&record.id)?;
        Ok(0)
    }
}

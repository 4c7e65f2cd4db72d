//! `create`: like `run`, without the start.

use super::failure::{Failure, Finder, Result};
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
        let wish = (|| {
            let client = context.client_config()?;
            let creation = Creation::new(&self.flags)?;
            Ok((creation, self.flags.into_spec(self.image, self.command, &client)?))
        })();
        // Flags that contradict each other are 125 as with `run`; what Docker's daemon would say is 1.
        let (creation, spec) = wish.map_err(|failure: Failure| match failure.finder {
            Finder::Daemon => Failure { status: 1, ..failure },
            Finder::Client => Failure { status: 125, ..failure }.of_command(&context.program, &context.path),
        })?;
        let record = creation.create(&context.engine()?, spec);
        let record = record.map_err(|failure| Failure { status: 1, ..failure })?;
        ui::line(&record.id)?;
        Ok(0)
    }
}

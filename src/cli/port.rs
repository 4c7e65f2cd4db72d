//! `port`. No port is published yet, so there is none to list; what is asked is checked all the same.

use super::choice;
use super::failure::{Failure, Result};
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Port {
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    #[arg(value_name = "PRIVATE_PORT")]
    port: Option<String>,
}

impl Verb for Port {
    const NAMES: &'static [&'static str] = &["container port", "port"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [PRIVATE_PORT[/PROTO]]";
    const ABOUT: &'static str = "List port mappings or a specific mapping for the container";

    fn run(self, context: &Context) -> Result<u8> {
        let view = choice::one(&context.engine()?, &self.container, self.latest)?;
        let shown = if self.latest { view.record.name.as_str() } else { &self.container };
        let Some(port) = self.port else { return Ok(0) };
        let (number, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
        if number.parse::<u16>().is_err() {
            return Err(Failure::new(format!("invalid port '{number}'")));
        }
        Err(Failure::new(format!("no public port '{number}/{protocol}' published for {shown}")))
    }
}

//! `diff`.

use std::io::Write;

use super::choice;
use super::failure::{Failure, Result};
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Diff {
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
}

impl Verb for Diff {
    const NAMES: &'static [&'static str] = &["container diff", "diff"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const ABOUT: &'static str = "Inspect changes to files or directories on a container's filesystem";

    fn run(self, context: &Context) -> Result<u8> {
        if self.container.is_empty() && !self.latest {
            return Err(Failure::new("container name cannot be empty"));
        }
        let engine = context.engine()?;
        let mut lines = Vec::new();
        for change in engine.diff(&choice::one(&engine, &self.container, self.latest)?.record.id)? {
            lines.extend_from_slice(format!("{} ", change.kind.letter()).as_bytes());
            lines.extend_from_slice(&change.path);
            lines.push(b'\n');
        }
        std::io::stdout().write_all(&lines).map_err(|e| Failure::new(format!("write /dev/stdout: {e}")))?;
        Ok(0)
    }
}

//! `commit`.

use super::failure::{Failure, Result, chain};
use super::ui;
use super::verb::{Context, Verb};
use crate::engine::changes::CommitOptions;
use crate::engine::image::ImportOptions;
use crate::image::Reference;

#[derive(Debug, clap::Args)]
pub struct Commit {
    /// Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")
    #[arg(short, long, value_name = "string")]
    author: Option<String>,
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Commit message
    #[arg(short, long, value_name = "string")]
    message: Option<String>,
    /// Disable pausing container during commit
    #[arg(long)]
    no_pause: bool,
    /// Pause container during commit
    #[arg(short, long, action = clap::ArgAction::SetFalse, hide = true)]
    pause: bool,
    /// Print nothing but the id, as is done anyway
    #[arg(short, long, hide = true)]
    quiet: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    #[arg(value_name = "REPOSITORY")]
    reference: Option<String>,
}

impl Verb for Commit {
    const NAMES: &'static [&'static str] = &["container commit", "commit"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]";
    const ABOUT: &'static str = "Create a new image from a container's changes";

    fn run(self, context: &Context) -> Result<u8> {
        let reference = match self.reference.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Some(Reference::parse_name(text).map_err(|e| Failure::new(chain(&e)))?),
            None => None,
        };
        let options = CommitOptions {
            image: ImportOptions { reference, changes: self.change, message: self.message, platform: None },
            author: self.author.unwrap_or_default(),
            pause: self.pause && !self.no_pause,
        };
        let engine = context.engine()?;
        let container = engine.find(&self.container)?.record.id;
        ui::line(engine.commit(&container, &options)?.id)?;
        Ok(0)
    }
}

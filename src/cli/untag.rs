//! `untag`.

use super::failure::{Failure, Result};
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Untag {
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Verb for Untag {
    const NAMES: &'static [&'static str] = &["image untag", "untag"];
    const USAGE: &'static str = "IMAGE [NAME...]";
    const ABOUT: &'static str = "Take names, or all its names, away from an image";
    /// podman's, whose command this is.
    const WRONG_COUNT: u8 = 125;

    fn run(self, context: &Context) -> Result<u8> {
        let untagged = context.engine()?.untag_image(&self.image, &self.names);
        untagged.map_err(|error| Failure { status: 125, ..error.into() })?;
        Ok(0)
    }
}

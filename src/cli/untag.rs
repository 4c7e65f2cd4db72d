//! `untag`.

use super::failure::{Failure, Result, told};
use super::verb::{Context, Verb};
use crate::engine::Kind;

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
        let engine = context.engine().map_err(|failure| Failure { status: 125, ..failure })?;
        let untagged = engine.untag_image(&self.image, &self.names);
        untagged.map_err(|error| match error.kind {
            Kind::NotFound if engine.find_image(&self.image).is_err() => {
                Failure::of_podman(format!("{}: image not known", self.image))
            }
            _ => Failure::of_podman(told(&error)),
        })?;
        Ok(0)
    }
}

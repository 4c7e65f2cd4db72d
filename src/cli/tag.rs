//! `tag`.

use super::failure::Result;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Tag {
    #[arg(required = true, value_name = "SOURCE_IMAGE")]
    source: String,
    #[arg(required = true, value_name = "TARGET_IMAGE")]
    target: String,
}

impl Verb for Tag {
    const NAMES: &'static [&'static str] = &["image tag", "tag"];
    const USAGE: &'static str = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]";
    const ABOUT: &'static str = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE";

    fn run(self, context: &Context) -> Result<u8> {
        context.engine()?.tag_image(&self.source, &self.target)?;
        Ok(0)
    }
}

//! `tag`.

use super::failure::Result;
use super::grammar::Place;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Tag {
    #[arg(value_name = "SOURCE_IMAGE")]
    source: Option<String>,
    #[arg(value_name = "TARGET_IMAGE")]
    targets: Vec<String>,
}

impl Verb for Tag {
    const NAMES: &'static [&'static str] = &["image tag", "tag"];
    const USAGE: &'static str = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG] [TARGET_IMAGE[:TAG]...]";
    const ABOUT: &'static str = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE";

    fn run(self, context: &Context) -> Result<u8> {
        let wrong_count = || {
            let Context { program, path, .. } = context;
            let place = Place { program, path, usage: Self::USAGE, wrong_count: Self::WRONG_COUNT };
            place.bad_count("requires 2 arguments", "Run")
        };
        // Several targets are podman's.
        let is_strict = context.program == "docker";
        let (Some(source), false) = (self.source, is_strict && self.targets.len() > 1) else {
            return Err(wrong_count());
        };
        if self.targets.is_empty() {
            return Err(wrong_count());
        }
        let engine = context.engine()?;
        self.targets.iter().try_for_each(|target| engine.tag_image(&source, target))?;
        Ok(0)
    }
}

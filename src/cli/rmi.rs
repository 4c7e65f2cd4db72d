//! `rmi`.

use super::failure::{Failure, Result};
use super::ui;
use super::verb::{Context, Verb};
use crate::engine::Kind;
use crate::image::store::Removed;

#[derive(Debug, clap::Args)]
pub struct Rmi {
    /// Force removal of the image
    #[arg(short, long)]
    force: bool,
    /// Do not delete untagged parents
    #[arg(long)]
    no_prune: bool,
    /// Remove only the given platform variant
    #[arg(long, value_name = "strings", hide = true)]
    platform: Vec<String>,
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Verb for Rmi {
    const NAMES: &'static [&'static str] = &["image rm", "image remove", "rmi"];
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const ABOUT: &'static str = "Remove one or more images";

    fn run(self, context: &Context) -> Result<u8> {
        if !self.platform.is_empty() {
            return Err(Failure::usage(
                "--platform: an image here has one platform only; remove it by its name",
            ));
        }
        let engine = context.engine()?;
        let mut status = 0;
        for name in &self.images {
            match engine.remove_image(name, self.force, self.no_prune) {
                Ok(removed) => {
                    for item in removed {
                        match item {
                            Removed::Untagged(name) => ui::line(format_args!("Untagged: {name}"))?,
                            Removed::Deleted(digest) => ui::line(format_args!("Deleted: {digest}"))?,
                        }
                    }
                }
                Err(error) => {
                    // With -f a missing image is told, and no failure (Docker's rule).
                    if !(self.force && error.kind == Kind::NotFound) {
                        status = 1;
                    }
                    ui::warn(Failure::from(error).text);
                }
            }
        }
        Ok(status)
    }
}

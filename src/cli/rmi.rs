//! `rmi`.

use super::failure::{Failure, Result};
use super::ui;
use super::verb::{Context, Verb};
use crate::engine::prune::names_to_remove;
use crate::engine::{Engine, Kind};
use crate::image::store::Removed;

#[derive(Debug, clap::Args)]
pub struct Rmi {
    /// Remove all images
    #[arg(short, long)]
    all: bool,
    /// Force removal of the image
    #[arg(short, long)]
    force: bool,
    /// Pass over images that do not exist
    #[arg(short, long)]
    ignore: bool,
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
        for name in &self.names(&engine)? {
            match engine.remove_image(name, self.force, self.no_prune) {
                Ok(removed) => {
                    for item in removed {
                        match item {
                            Removed::Untagged(name) => ui::line(format_args!("Untagged: {name}"))?,
                            Removed::Deleted(digest) => ui::line(format_args!("Deleted: {digest}"))?,
                        }
                    }
                }
                // Gone with another name of it, or removed by somebody else.
                Err(error) if (self.ignore || self.all) && error.kind == Kind::NotFound => {}
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

impl Rmi {
    /// With `--all` every name there is: an image goes with the last of its names.
    fn names(&self, engine: &Engine) -> Result<Vec<String>> {
        if !self.all {
            return Ok(self.images.clone());
        }
        if self.images.len() > 1 {
            return Err(Failure::usage("--all and images cannot be used together"));
        }
        let own = engine.images()?.into_iter().filter(|image| !image.read_only);
        Ok(own.flat_map(|image| names_to_remove(&image)).collect())
    }
}

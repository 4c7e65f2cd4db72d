//! `push`.

use super::failure::{Failure, Result, chain};
use super::ui;
use super::ui::progress::{self, Target};
use super::verb::{Context, Verb};
use crate::image::Reference;

#[derive(Debug, clap::Args)]
pub struct Push {
    /// Push all tags of an image to the repository
    #[arg(short, long)]
    all_tags: bool,
    /// No image is signed by Docker's retired content trust
    #[arg(long, action = clap::ArgAction::SetFalse, hide = true)]
    disable_content_trust: bool,
    /// Push a platform-specific manifest as a single-platform image to the registry
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    #[arg(required = true, value_name = "NAME")]
    name: String,
}

impl Verb for Push {
    const NAMES: &'static [&'static str] = &["image push", "push"];
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG]";
    const ABOUT: &'static str = "Upload an image to a registry";

    fn run(self, context: &Context) -> Result<u8> {
        let named = Reference::parse_name(&self.name).map_err(|e| Failure::new(chain(&e)))?;
        if named.digest.is_some() {
            return Err(Failure::new("cannot push a digest reference"));
        }
        let engine = context.engine()?;
        let progress = progress::shown(Target::Stdout, self.quiet);
        if self.all_tags {
            if named.tag.is_some() {
                return Err(Failure::new("tag can't be used with --all-tags/-a"));
            }
            engine.push_all_tags(&named, &*progress)?;
        } else {
            if named.tag.is_none() && !self.quiet {
                ui::line("Using default tag: latest")?;
            }
            let name = named.or_latest();
            self.check_platform(&engine, &name)?;
            engine.push(&name, &*progress)?;
            if self.quiet {
                ui::line(&name)?;
            }
        }
        Ok(0)
    }
}

impl Push {
    /// An image here has one platform; asking for another is a mistake.
    fn check_platform(&self, engine: &crate::engine::Engine, name: &Reference) -> Result<()> {
        let Some(wanted) = super::flags::platform(self.platform.as_deref())? else { return Ok(()) };
        let config = engine.find_image(&name.to_string())?.config;
        let offered =
            crate::image::Platform::new(&config.os, &config.architecture, config.variant.as_deref());
        match wanted.rank(&offered) {
            Some(_) => Ok(()),
            None => Err(Failure::daemon(format!(
                "image with reference {} was found but does not provide the specified platform ({wanted})",
                name.familiar()
            ))),
        }
    }
}

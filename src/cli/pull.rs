//! `pull`.

use super::failure::{Failure, Result, chain};
use super::flags::platform;
use super::ui;
use super::ui::progress::{self, Target};
use super::verb::{Context, Verb};
use crate::engine::image::PullOptions;
use crate::image::Reference;

#[derive(Debug, clap::Args)]
pub struct Pull {
    /// Download all tagged images in the repository
    #[arg(short, long)]
    all_tags: bool,
    /// No image is verified by Docker's retired content trust
    #[arg(long, action = clap::ArgAction::SetFalse, hide = true)]
    disable_content_trust: bool,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    #[arg(required = true, value_name = "NAME")]
    name: String,
}

impl Verb for Pull {
    const NAMES: &'static [&'static str] = &["image pull", "pull"];
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG|@DIGEST]";
    const ABOUT: &'static str = "Download an image from a registry";

    fn run(self, context: &Context) -> Result<u8> {
        let named = Reference::parse_name(&self.name).map_err(|e| Failure::new(chain(&e)))?;
        if self.all_tags && (named.tag.is_some() || named.digest.is_some()) {
            return Err(Failure::new("tag can't be used with --all-tags/-a"));
        }
        let platform = platform(self.platform.as_deref()).map_err(|f| Failure { status: 1, ..f })?;
        let options = PullOptions { platform };
        let engine = context.engine()?;
        let progress = progress::shown(Target::Stdout, self.quiet);
        if self.all_tags {
            engine.pull_all_tags(&named, &options, &*progress)?;
            ui::line(named.repository())?;
            return Ok(0);
        }
        if named.tag.is_none() && named.digest.is_none() && !self.quiet {
            ui::line("Using default tag: latest")?;
        }
        let pulled = engine.pull(&named.or_latest(), &options, &*progress)?;
        drop(progress);
        ui::line(&pulled.reference)?;
        Ok(0)
    }
}

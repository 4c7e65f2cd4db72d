//! `pull`.

use super::failure::{Failure, Result, chain};
use super::flags::{platform, pull_policy};
use super::run::fits;
use super::ui;
use super::ui::progress::{self, Target};
use super::verb::{Context, Verb};
use crate::engine::container::PullPolicy;
use crate::engine::image::PullOptions;
use crate::engine::{Engine, Kind};
use crate::image::{Platform, Reference};

#[derive(Debug, clap::Args)]
pub struct Pull {
    /// Download all tagged images in the repository
    #[arg(short, long)]
    all_tags: bool,
    /// No image is verified by Docker's retired content trust
    #[arg(long, action = clap::ArgAction::SetFalse, hide = true)]
    disable_content_trust: bool,
    /// When to download ("always", "missing", "never", "newer")
    #[arg(long, value_name = "string", default_value = "always")]
    policy: String,
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
        let is_tagged = named.tag.is_some() || named.digest.is_some();
        let policy = pull_policy(&self.policy).map_err(|f| Failure { status: 1, ..f })?;
        let engine = context.engine()?;
        if self.all_tags && policy != PullPolicy::Always {
            return Err(Failure::new("--policy can't be used with --all-tags/-a"));
        }
        let name = named.clone().or_latest();
        let is_here = policy != PullPolicy::Always && is_here(&engine, &name, options.platform.as_ref())?;
        match policy {
            PullPolicy::Missing | PullPolicy::Never if is_here => {
                ui::line(&name)?;
                return Ok(0);
            }
            PullPolicy::Never => {
                return Err(Failure::daemon(format!("No such image: {}", name.familiar())));
            }
            _ => {}
        }
        let progress = progress::shown(Target::Stdout, self.quiet);
        if self.all_tags {
            engine.pull_all_tags(&named, &options, &*progress)?;
            ui::line(named.repository())?;
            return Ok(0);
        }
        if !is_tagged && !self.quiet {
            ui::line("Using default tag: latest")?;
        }
        match engine.pull(&name, &options, &*progress) {
            Ok(pulled) => {
                drop(progress);
                ui::line(&pulled.reference)?;
            }
            // What is here is good enough when the registry has nothing to say.
            Err(error) if policy == PullPolicy::Newer && is_here => {
                tracing::debug!(%error, "the image here is kept");
                drop(progress);
                ui::line(&name)?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(0)
    }
}

fn is_here(engine: &Engine, name: &Reference, platform: Option<&Platform>) -> Result<bool> {
    match engine.find_image(&name.to_string()) {
        Ok(image) => Ok(fits(&image.config, platform)),
        Err(error) if error.kind == Kind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

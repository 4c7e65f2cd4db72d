//! `import`.

use std::fs::File;
use std::path::Path;

use super::failure::{Failure, Result, chain};
use super::flags::environment::open_error;
use super::flags::platform;
use super::ui;
use super::ui::progress::{self, Target};
use super::verb::{Context, Verb};
use crate::engine::image::{ImportOptions, ImportSource};
use crate::image::Reference;

#[derive(Debug, clap::Args)]
pub struct Import {
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Set commit message for imported image
    #[arg(short, long, value_name = "string")]
    message: Option<String>,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[arg(required = true, value_name = "file|URL|-")]
    source: String,
    #[arg(value_name = "REPOSITORY")]
    reference: Option<String>,
}

impl Verb for Import {
    const NAMES: &'static [&'static str] = &["image import", "import"];
    const USAGE: &'static str = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]";
    const ABOUT: &'static str = "Import the contents from a tarball to create a filesystem image";

    fn run(self, context: &Context) -> Result<u8> {
        let reference = match self.reference.as_deref() {
            Some(text) => Some(Reference::parse(text).map_err(|e| Failure::new(chain(&e)))?),
            None => None,
        };
        let source = match self.source.as_str() {
            "-" => ImportSource::Stream(Box::new(std::io::stdin()), "-".to_owned()),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                ImportSource::Url(url.to_owned())
            }
            path => {
                let file = File::open(path).map_err(|e| Failure::new(open_error(Path::new(path), &e)))?;
                // Docker's client sends a file as what it reads from its standard input.
                ImportSource::Stream(Box::new(file), "-".to_owned())
            }
        };
        let options = ImportOptions {
            reference,
            changes: self.change,
            message: self.message,
            platform: platform(self.platform.as_deref()).map_err(|f| Failure { status: 1, ..f })?,
        };
        let engine = context.engine()?;
        // The id is all that standard output gets: scripts keep it.
        let progress = progress::shown(Target::Stderr, !ui::terminal::stderr_is_terminal());
        let image = engine.import(source, &options, &*progress)?;
        drop(progress);
        ui::line(image.id)?;
        Ok(0)
    }
}

//! `load`.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::failure::{Failure, Result};
use super::flags::environment::open_error;
use super::flags::platform;
use super::ui;
use super::ui::progress::{self, Target};
use super::ui::terminal;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Load {
    /// Read from tar archive file, instead of STDIN
    #[arg(short, long, value_name = "string")]
    input: Option<PathBuf>,
    /// Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Suppress the load output
    #[arg(short, long)]
    quiet: bool,
}

impl Verb for Load {
    const NAMES: &'static [&'static str] = &["image load", "load"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Load an image from a tar archive or STDIN";

    fn run(self, context: &Context) -> Result<u8> {
        let archive: Box<dyn Read + Send> = match &self.input {
            Some(path) => Box::new(File::open(path).map_err(|e| Failure::new(open_error(path, &e)))?),
            None if terminal::stdin_is_terminal() => {
                return Err(Failure::new("requested load from stdin, but stdin is empty"));
            }
            None => Box::new(std::io::stdin()),
        };
        let platform = platform(self.platform.as_deref()).map_err(|f| Failure { status: 1, ..f })?;
        let engine = context.engine()?;
        // Lines of progress would stand between the names that scripts read; bars do not.
        let progress = progress::shown(Target::Stdout, self.quiet || !terminal::stdout_is_terminal());
        let loaded = engine.load(archive, platform.as_ref(), &*progress)?;
        drop(progress);
        for image in loaded {
            ui::line(image)?;
        }
        Ok(0)
    }
}

//! `export`.

use std::os::fd::AsFd;
use std::path::PathBuf;

use super::failure::{Failure, Result};
use super::output;
use super::ui::terminal;
use super::verb::{Context, Verb};

#[derive(Debug, clap::Args)]
pub struct Export {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string")]
    output: Option<PathBuf>,
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
}

impl Verb for Export {
    const NAMES: &'static [&'static str] = &["container export", "export"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const ABOUT: &'static str = "Export a container's filesystem as a tar archive";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let id = || -> Result<_> { Ok(engine.find(&self.container)?.record.id) };
        match &self.output {
            Some(path) => {
                output::check_path(path)
                    .map_err(|f| Failure::new(format!("failed to export container: {}", f.text)))?;
                let id = id()?;
                output::to_file(path, |file| Ok(engine.export(&id, file.as_fd())?))?;
            }
            None if terminal::stdout_is_terminal() => {
                return Err(Failure::new(
                    "cowardly refusing to save to a terminal. Use the -o flag or redirect",
                ));
            }
            None => engine.export(&id()?, std::io::stdout().as_fd())?,
        }
        Ok(0)
    }
}

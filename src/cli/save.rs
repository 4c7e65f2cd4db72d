//! `save`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;

use super::failure::{Failure, Result};
use super::flags::environment::open_error;
use super::flags::platform;
use super::output;
use super::ui::terminal;
use super::verb::{Context, Verb};
use crate::image::archive::ArchiveFormat;

#[derive(Debug, clap::Args)]
pub struct Save {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string")]
    output: Option<PathBuf>,
    /// Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Write a docker-archive, which OCI tools read too, or an oci-archive
    #[arg(long, value_name = "string", default_value = "docker-archive", value_parser = ArchiveFormat::from_str)]
    format: ArchiveFormat,
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Verb for Save {
    const NAMES: &'static [&'static str] = &["image save", "save"];
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const ABOUT: &'static str = "Save one or more images to a tar archive (streamed to STDOUT by default)";

    fn run(self, context: &Context) -> Result<u8> {
        let platform = platform(self.platform.as_deref()).map_err(|f| Failure { status: 1, ..f })?;
        match &self.output {
            Some(path) => {
                output::check_path(path)
                    .map_err(|failure| Failure::new(format!("failed to save image: {}", failure.text)))?;
                let engine = context.engine()?;
                output::to_file(path, |file| {
                    let mut out = BufWriter::with_capacity(1 << 20, file);
                    engine.save(self.format, &self.images, platform.as_ref(), &mut out)?;
                    out.flush().map_err(|e| Failure::new(open_error(path, &e)))
                })?;
            }
            None if terminal::stdout_is_terminal() => {
                return Err(Failure::new(
                    "cowardly refusing to save to a terminal. Use the -o flag or redirect",
                ));
            }
            None => {
                let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout());
                context.engine()?.save(self.format, &self.images, platform.as_ref(), &mut out)?;
                out.flush().map_err(|e| Failure::new(format!("write /dev/stdout: {e}")))?;
            }
        }
        Ok(0)
    }
}

//! `save`.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::failure::{Failure, Result};
use super::flags::environment::open_error;
use super::flags::platform;
use super::ui::terminal;
use super::verb::{Context, Verb};
use crate::engine::Engine;
use crate::image::Platform;
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
            Some(path) => to_file(&context.engine()?, &self, platform.as_ref(), path)?,
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

/// A regular file appears whole, under a temporary name until then; pipes and devices are written to.
fn to_file(engine: &Engine, wish: &Save, platform: Option<&Platform>, path: &Path) -> Result<()> {
    let failed = |path: &Path, e: &std::io::Error| Failure::new(open_error(path, e));
    let is_special = fs::metadata(path).is_ok_and(|m| !m.is_file());
    if is_special {
        let mut file = OpenOptions::new().write(true).open(path).map_err(|e| failed(path, &e))?;
        engine.save(wish.format, &wish.images, platform, &mut file)?;
        return Ok(());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&temporary);
    let file = file.map_err(|e| failed(path, &e))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let written = engine
        .save(wish.format, &wish.images, platform, &mut out)
        .map_err(Failure::from)
        .and_then(|()| out.flush().map_err(|e| failed(path, &e)))
        .and_then(|()| fs::rename(&temporary, path).map_err(|e| failed(path, &e)));
    if written.is_err() {
        // The failure that matters is the one at hand.
        let _ = fs::remove_file(&temporary);
    }
    written
}

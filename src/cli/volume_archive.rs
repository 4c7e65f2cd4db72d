//! `volume export` and `volume import`, podman's.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::failure::{Failure, Result, told};
use super::flags::environment::open_error;
use super::output;
use super::ui::terminal;
use super::verb::{Context, Verb};
use crate::engine::{Engine, Error, Kind};

/// Podman's status for whatever goes wrong.
const FAILED: u8 = 125;

#[derive(Debug, clap::Args)]
pub struct VolumeExport {
    /// Write to a file (default: standard output, unless that is a terminal)
    #[arg(short, long, value_name = "string")]
    output: Option<PathBuf>,
    #[arg(required = true, value_name = "VOLUME")]
    volume: String,
}

#[derive(Debug, clap::Args)]
pub struct VolumeImport {
    #[arg(required = true, value_name = "VOLUME")]
    volume: String,
    #[arg(required = true, value_name = "SOURCE|-")]
    source: String,
}

impl Verb for VolumeExport {
    const NAMES: &'static [&'static str] = &["volume export"];
    const USAGE: &'static str = "[OPTIONS] VOLUME";
    const ABOUT: &'static str = "Export the content of a volume as a tar archive\n\n\
        Owners in the archive are those that containers see.";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine().map_err(status)?;
        match &self.output {
            Some(path) if path.as_os_str().is_empty() => {
                return Err(failed("must provide valid path for file to write to"));
            }
            Some(path) => {
                output::check_path(path).map_err(status)?;
                check(&engine, &self.volume)?;
                let write = |file: &mut File| {
                    engine.export_volume(&self.volume, file.as_fd()).map_err(|e| failed(told(&e)))
                };
                output::to_file(path, write).map_err(status)?;
            }
            None if terminal::stdout_is_terminal() => {
                return Err(failed("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
            }
            None => {
                check(&engine, &self.volume)?;
                let exported = engine.export_volume(&self.volume, std::io::stdout().as_fd());
                exported.map_err(|e| failed(told(&e)))?;
            }
        }
        Ok(0)
    }
}

impl Verb for VolumeImport {
    const NAMES: &'static [&'static str] = &["volume import"];
    const USAGE: &'static str = "VOLUME SOURCE|-";
    const ABOUT: &'static str = "Import a tar archive into a volume\n\n\
        The archive, plain or compressed, is added to what the volume has, with the owners it names.";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine().map_err(status)?;
        check(&engine, &self.volume)?;
        let imported = match self.source.as_str() {
            "-" => engine.import_volume(&self.volume, std::io::stdin()),
            path => {
                let opened = File::open(path);
                let file = opened.map_err(|e| failed(open_error(Path::new(path), &e)))?;
                engine.import_volume(&self.volume, file)
            }
        };
        imported.map_err(|e| failed(told(&e)))?;
        Ok(0)
    }
}

fn status(failure: Failure) -> Failure {
    Failure { status: FAILED, ..failure }
}

fn failed(text: impl AsRef<str>) -> Failure {
    Failure::of_podman(text)
}

/// Podman's words for a volume that is not there.
fn check(engine: &Engine, name: &str) -> Result<()> {
    match engine.volume(name) {
        Err(Error { kind: Kind::NotFound, .. }) => {
            Err(failed(format!("no volume with name {name:?} found: no such volume")))
        }
        found => found.map(drop).map_err(|e| failed(told(&e))),
    }
}

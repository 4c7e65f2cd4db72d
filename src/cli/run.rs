//! `run`: create, start, attach, wait.

use std::fs;
use std::path::{Path, PathBuf};

use super::failure::{Failure, Result, chain};
use super::flags::ContainerFlags;
use super::ui;
use super::ui::progress::{self, Target};
use super::ui::terminal::{self, DETACH_KEYS, parse_keys};
use super::verb::{Context, Verb};
use crate::container::spec::AttachStreams;
use crate::container::{ContainerRecord, ContainerSpec};
use crate::engine::container::{AttachOptions, Attached, PullPolicy};
use crate::engine::image::PullOptions;
use crate::engine::{self, Engine, Kind};
use crate::image::{Platform, Reference};

#[derive(Debug, clap::Args)]
pub struct Run {
    #[command(flatten)]
    flags: ContainerFlags,
    /// Run container in background and print container ID
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string")]
    detach_keys: Option<String>,
    /// Proxy received signals to the process
    #[arg(long, action = clap::ArgAction::SetFalse)]
    sig_proxy: bool,
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Verb for Run {
    const NAMES: &'static [&'static str] = &["container run", "run"];
    const USAGE: &'static str = "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    const ABOUT: &'static str = "Create and run a new container from an image";

    fn run(self, context: &Context) -> Result<u8> {
        if self.detach && !self.flags.attach.is_empty() {
            return Err(Failure::new("conflicting options: cannot specify both --attach and --detach"));
        }
        self.journey(context)
    }
}

impl Run {
    fn journey(self, context: &Context) -> Result<u8> {
        let named = |failure: Failure| failure.of_command(&context.program, &context.path);
        let client = context.client_config().map_err(|f| named(Failure { status: 125, ..f }))?;
        let keys = detach_keys(self.detach_keys.as_deref(), client.detach_keys.as_deref())
            .map_err(|why| named(Failure::usage(why)))?;
        let creation = Creation::new(&self.flags).map_err(named)?;
        let mut spec = self.flags.into_spec(self.image, self.command, &client).map_err(named)?;
        if self.detach {
            spec.attach = AttachStreams::default();
            spec.stdin_once = false;
        } else if spec.attach.stdin && spec.tty {
            check_tty()?;
        }
        let (tty, attach, auto_remove) = (spec.tty, spec.attach, spec.auto_remove);
        let engine = context.engine().map_err(|f| named(Failure { status: 125, ..f }))?;
        let record = creation.create(&engine, spec).map_err(named)?;

        let options = AttachOptions {
            stdin: attach.stdin,
            stdout: attach.stdout,
            stderr: attach.stderr,
            detach_keys: (tty && attach.stdin).then_some(keys),
            forward_signals: self.sig_proxy,
        };
        // Without the container's output there is room for its id.
        let is_quiet = !attach.stdout && !attach.stderr;
        let started = if is_quiet && !attach.stdin {
            engine.start(&record.id).map(|()| Attached::Detached)
        } else {
            engine.start_attached(&record.id, &options)
        };
        match started {
            Ok(attached) => {
                if is_quiet {
                    ui::line(&record.id)?;
                }
                Ok(status_of(&attached))
            }
            Err(error) => {
                if auto_remove {
                    // It may be gone already; the error that matters is the one at hand.
                    let _ = engine.remove(&record.id, true, true);
                }
                Err(named(run_failure(error)))
            }
        }
    }
}

/// An engine's error with the status that `run` and `create` have for it.
pub fn run_failure(error: engine::Error) -> Failure {
    Failure { status: error.run_status(), ..Failure::from(error) }
}

pub fn status_of(attached: &Attached) -> u8 {
    match attached {
        Attached::Exited(exit) => exit.code,
        Attached::Detached => 0,
    }
}

/// `-t` wants a terminal on standard input when that is attached; checked before anything is made.
pub fn check_tty() -> Result<()> {
    if terminal::stdin_is_terminal() { Ok(()) } else { Err(Failure::new("the input device is not a TTY")) }
}

/// How `attach` and `start -a` take part in a container: with all of its output. Signals go to it unless it
/// has a terminal, whose keys say the same.
pub fn attachment(
    context: &Context,
    tty: bool,
    stdin: bool,
    sig_proxy: bool,
    keys: Option<&str>,
) -> Result<AttachOptions> {
    if stdin && tty {
        check_tty()?;
    }
    let client = context.client_config()?;
    let keys = detach_keys(keys, client.detach_keys.as_deref()).map_err(Failure::new)?;
    Ok(AttachOptions {
        stdin,
        stdout: true,
        stderr: true,
        detach_keys: (tty && stdin).then_some(keys),
        forward_signals: sig_proxy && !tty,
    })
}

/// The flag, else the client's configuration, else ctrl-p ctrl-q.
pub fn detach_keys(flag: Option<&str>, configured: Option<&str>) -> Result<Vec<u8>, String> {
    match flag.or(configured).filter(|keys| !keys.is_empty()) {
        Some(keys) => parse_keys(keys),
        None => Ok(DETACH_KEYS.to_vec()),
    }
}

/// What `run` and `create` do before there is a container.
pub struct Creation {
    policy: PullPolicy,
    quiet: bool,
    replace: bool,
    cidfile: Option<PathBuf>,
    /// What Docker's client tells once there is a container.
    warnings: Vec<String>,
}

impl Creation {
    pub fn new(flags: &ContainerFlags) -> Result<Creation> {
        let (quiet, replace) = (flags.quiet, flags.replace);
        if replace && flags.name.as_deref().unwrap_or_default().is_empty() {
            return Err(Failure::usage("cannot replace container without --name being set"));
        }
        let (policy, warnings) = (flags.pull_policy()?, flags.limits.discard()?);
        Ok(Creation { policy, quiet, replace, cidfile: flags.cidfile.clone(), warnings })
    }

    /// Pulls as the policy says, makes the container and writes the cidfile.
    pub fn create(&self, engine: &Engine, spec: ContainerSpec) -> Result<ContainerRecord> {
        let cidfile = self.cidfile.as_deref().map(CidFile::claim).transpose()?;
        self.provide_image(engine, &spec)?;
        let created = if self.replace { engine.create_replacing(spec) } else { engine.create(spec) };
        let record = created.map_err(run_failure)?;
        if let Some(cidfile) = cidfile {
            cidfile.write(record.id.as_str())?;
        }
        for warning in &self.warnings {
            ui::warn(format_args!("WARNING: {warning}"));
        }
        Ok(record)
    }

    fn provide_image(&self, engine: &Engine, spec: &ContainerSpec) -> Result<()> {
        if let Err(error) = Reference::parse(&spec.image)
            && engine.find_image(&spec.image).is_err()
        {
            return Err(Failure::usage(chain(&error)));
        }
        match self.policy {
            PullPolicy::Never => Ok(()),
            PullPolicy::Always => self.pull(engine, spec),
            PullPolicy::Newer => {
                self.pull(engine, spec).or_else(|failure| match engine.find_image(&spec.image) {
                    Ok(image) if fits(&image.config, spec.platform.as_ref()) => Ok(()),
                    _ => Err(failure),
                })
            }
            PullPolicy::Missing => match engine.find_image(&spec.image) {
                Ok(image) if fits(&image.config, spec.platform.as_ref()) => Ok(()),
                Ok(_) => self.pull(engine, spec),
                Err(error) if error.kind == Kind::NotFound => {
                    if !self.quiet
                        && let Ok(name) = Reference::parse(&spec.image)
                    {
                        ui::warn(format_args!("Unable to find image '{}' locally", name.familiar()));
                    }
                    self.pull(engine, spec)
                }
                Err(error) => Err(run_failure(error)),
            },
        }
    }

    fn pull(&self, engine: &Engine, spec: &ContainerSpec) -> Result<()> {
        let name = Reference::parse(&spec.image).map_err(|e| Failure::usage(chain(&e)))?;
        let options = PullOptions { platform: spec.platform.clone() };
        let progress = progress::shown(Target::Stderr, self.quiet);
        engine.pull(&name, &options, &*progress).map(drop).map_err(run_failure)
    }
}

/// Whether an image that is here is for the platform asked for.
pub fn fits(config: &crate::image::ImageConfig, wanted: Option<&Platform>) -> bool {
    let offered = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
    wanted.is_none_or(|wanted| wanted.rank(&offered).is_some())
}

/// The file that gets the container's id; it must not exist before, and does not stay when nothing was made.
struct CidFile<'a> {
    path: &'a Path,
    written: bool,
}

impl CidFile<'_> {
    fn claim(path: &Path) -> Result<CidFile<'_>> {
        if path.exists() {
            return Err(Failure::usage(format!(
                "container ID file found, make sure the other container isn't running or delete {}",
                path.display()
            )));
        }
        fs::File::create_new(path)
            .map_err(|e| Failure::usage(format!("failed to create the container ID file: {e}")))?;
        Ok(CidFile { path, written: false })
    }

    fn write(mut self, id: &str) -> Result<()> {
        fs::write(self.path, id)
            .map_err(|e| Failure::usage(format!("failed to write the container ID to the file: {e}")))?;
        self.written = true;
        Ok(())
    }
}

impl Drop for CidFile<'_> {
    fn drop(&mut self) {
        if !self.written {
            // Nothing depends on an empty file that stays behind.
            let _ = fs::remove_file(self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_cidfile_is_refused_and_an_unused_one_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cid");
        drop(CidFile::claim(&path).unwrap());
        assert!(!path.exists());
        CidFile::claim(&path).unwrap().write("abc").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "abc");
        let Err(failure) = CidFile::claim(&path) else { panic!("taken twice") };
        assert_eq!(failure.status, 125);
        assert!(failure.text.starts_with("container ID file found"));
        assert!(path.exists());
    }

    #[test]
    fn the_flag_comes_before_the_configuration() {
        assert_eq!(detach_keys(None, None), Ok(vec![16, 17]));
        assert_eq!(detach_keys(None, Some("ctrl-x")), Ok(vec![24]));
        assert_eq!(detach_keys(Some("ctrl-a"), Some("ctrl-x")), Ok(vec![1]));
        assert!(detach_keys(Some("xx"), None).is_err());
    }
}

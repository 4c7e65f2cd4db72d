//! `exec`.

use std::path::PathBuf;

use super::choice;
use super::failure::{Failure, Result};
use super::flags::environment;
use super::run::{check_tty, detach_keys, status_of};
use super::verb::{Context, Verb};
use crate::engine::Kind;
use crate::engine::container::{AttachOptions, ExecSpec};

#[derive(Debug, clap::Args)]
pub struct Exec {
    /// Detached mode: run command in the background
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string")]
    detach_keys: Option<String>,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = environment::variable)]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    env_file: Vec<PathBuf>,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    interactive: bool,
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    /// Keep no session of the command, as none is ever kept
    #[arg(long, hide = true)]
    no_session: bool,
    /// Give extended privileges to the command
    #[arg(long)]
    privileged: bool,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    tty: bool,
    /// Username or UID (format: "<name|uid>[:<group|gid>]")
    #[arg(short, long, value_name = "string")]
    user: Option<String>,
    /// Working directory inside the container
    #[arg(short, long, value_name = "string")]
    workdir: Option<String>,
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Verb for Exec {
    const NAMES: &'static [&'static str] = &["container exec", "exec"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER COMMAND [ARG...]";
    const ABOUT: &'static str = "Execute a command in a running container";

    fn run(self, context: &Context) -> Result<u8> {
        let env = environment::read(&self.env_file, &self.env)
            .map_err(|failure| Failure { status: 1, ..failure })?;
        let client = context.client_config()?;
        let keys = detach_keys(self.detach_keys.as_deref(), client.detach_keys.as_deref());
        let keys = keys.map_err(Failure::new)?;
        let engine = context.engine()?;
        // Docker looks for the container before it minds the terminal, so that its absence is told first.
        let view = choice::one(&engine, &self.container, self.latest)?;
        let stdin = self.interactive && !self.detach;
        if stdin && self.tty {
            check_tty()?;
        }
        let spec = ExecSpec {
            argv: self.command,
            env,
            workdir: self.workdir.filter(|path| !path.is_empty()).map(PathBuf::from),
            user: self.user.filter(|user| !user.is_empty()),
            tty: self.tty,
            stdin,
            privileged: self.privileged,
            detach: self.detach,
        };
        let options = AttachOptions {
            stdin,
            stdout: !self.detach,
            stderr: !self.detach,
            detach_keys: (self.tty && stdin).then_some(keys),
            forward_signals: false,
        };
        match engine.exec(&view.record.id, spec, &options) {
            Ok(attached) => Ok(status_of(&attached)),
            Err(error) => {
                let status = match error.kind {
                    Kind::NotExecutable | Kind::CommandNotFound => error.run_status(),
                    _ => 1,
                };
                Err(Failure { status, ..Failure::from(error) })
            }
        }
    }
}

//! `unshare`, podman's.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::failure::{Failure, Result, told};
use super::verb::{Context, Verb};
use crate::copy::reason;

#[derive(Debug, clap::Args)]
pub struct Unshare {
    /// Refused: containers have no network namespace in common
    #[arg(long)]
    rootless_netns: bool,
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Verb for Unshare {
    const NAMES: &'static [&'static str] = &["unshare"];
    const USAGE: &'static str = "[OPTIONS] [COMMAND [ARG...]]";
    const ABOUT: &'static str = "Run a command in the user namespace of the containers\n\n\
        There the user is root, and files that containers have made belong to whom they belong to in \
        containers. The mounts it makes are its own. Without a command it is a shell ($SHELL). The exit status \
        is the command's; 125 if it could not be tried, 126 if it could not be run, 127 if it was not found.";
    const WRONG_COUNT: u8 = 125;

    fn run(self, context: &Context) -> Result<u8> {
        if self.rootless_netns {
            return Err(failed(
                125,
                "--rootless-netns: every container has a network namespace of its own and there is none in \
                 common to join; use coracle run --network container:NAME to join that of a container",
            ));
        }
        let engine = context.engine().map_err(|failure| Failure { status: 125, ..failure })?;
        engine.enter_user_namespace().map_err(|error| failed(125, &told(&error)))?;
        let shell = || std::env::var("SHELL").ok().filter(|shell| !shell.is_empty());
        let mut words = self.command.into_iter();
        let program = words.next().unwrap_or_else(|| shell().unwrap_or_else(|| "/bin/sh".to_owned()));
        // HOME may change in there, with a shell that reads /etc/passwd say.
        let error = Command::new(&program).args(words).env("CORACLE_ROOT", &engine.config.root).exec();
        let is_name = !program.contains('/');
        Err(match error.kind() {
            ErrorKind::NotFound if is_name => {
                failed(127, &format!("exec: {program:?}: executable file not found in $PATH"))
            }
            ErrorKind::NotFound => failed(127, &format!("fork/exec {program}: {}", reason(&error))),
            _ => failed(126, &format!("fork/exec {program}: {}", reason(&error))),
        })
    }
}

fn failed(status: u8, text: &str) -> Failure {
    Failure { status, ..Failure::of_podman(text) }
}

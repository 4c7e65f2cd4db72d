//! `completion SHELL`: scripts made from the commands' own structures.

use clap::Command;
use clap_complete::Shell;

use super::book::{self, ENTRIES};
use super::failure::{Failure, Result};
use super::verb::{Context, Entry, Verb, globals};

#[derive(Debug, clap::Args)]
pub struct Completion {
    #[arg(required = true, value_name = "SHELL")]
    shell: String,
}

impl Verb for Completion {
    const NAMES: &'static [&'static str] = &["completion"];
    const USAGE: &'static str = "SHELL";
    const ABOUT: &'static str = "Generate the autocompletion script for bash, fish, powershell or zsh";

    fn run(self, context: &Context) -> Result<u8> {
        let shell = match self.shell.as_str() {
            "bash" => Shell::Bash,
            "fish" => Shell::Fish,
            "powershell" => Shell::PowerShell,
            "zsh" => Shell::Zsh,
            other => {
                return Err(Failure::new(format!(
                    "{0}: unknown command: {0} completion {other}\n\nRun '{0} completion --help' for more information",
                    context.program
                )));
            }
        };
        super::ui::out(&script(shell, &context.program))?;
        Ok(0)
    }
}

pub fn script(shell: Shell, program: &str) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut tree(), program, &mut out);
    // What is laid out is our own text; blanks at line ends are clap_complete's.
    let text = String::from_utf8_lossy(&out);
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// All commands in one clap tree, as only completions want it.
fn tree() -> Command {
    let mut tree = Command::new("coracle")
        .about("Containers for a person who is not root")
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .args(globals().get_arguments().filter(|arg| arg.get_id() != "rest").cloned());
    for entry in ENTRIES {
        for name in entry.names.iter().filter(|name| !name.contains(' ')) {
            tree = tree.subcommand(named(entry, name));
        }
    }
    for (group, about) in book::GROUPS {
        let mut command =
            Command::new(*group).about(*about).disable_help_flag(true).disable_help_subcommand(true);
        let prefix = format!("{group} ");
        for entry in ENTRIES {
            for name in entry.names.iter().filter_map(|name| name.strip_prefix(prefix.as_str())) {
                command = command.subcommand(named(entry, name));
            }
        }
        tree = tree.subcommand(command);
    }
    tree
}

fn named(entry: &'static Entry, name: &'static str) -> Command {
    (entry.grammar)().name(name).about(entry.about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_well_formed() {
        tree().debug_assert();
        for entry in ENTRIES {
            (entry.grammar)().debug_assert();
        }
    }
}

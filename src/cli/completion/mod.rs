//! `completion SHELL`: the script of a shell. What there is to complete the script asks `__complete`.

use super::failure::{Failure, Result};
use super::verb::{Context, Verb};

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
        let Some(script) = script(&self.shell, &context.program) else {
            return Err(Failure::new(format!(
                "{0}: unknown command: {0} completion {1}\n\nRun '{0} completion --help' for more information",
                context.program, self.shell
            )));
        };
        super::ui::out(&script)?;
        Ok(0)
    }
}

/// The script for a program of this name; `None` for a shell that there is none for.
pub fn script(shell: &str, program: &str) -> Option<String> {
    let script = match shell {
        "bash" => include_str!("bash.sh"),
        "fish" => include_str!("fish.fish"),
        "powershell" => include_str!("powershell.ps1"),
        "zsh" => include_str!("zsh.zsh"),
        _ => return None,
    };
    Some(script.replace("coracle", program))
}

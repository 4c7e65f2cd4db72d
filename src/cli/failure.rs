//! How a command fails: one text on standard error and an exit status.

use crate::engine;

pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// What stands before an error of the engine.
const DAEMON: &str = "Error response from daemon: ";

/// Printed as it is; an empty text prints nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: u8,
    pub text: String,
    pub finder: Finder,
}

/// Who finds a mistake where Docker has two programs; `create` ends with another status for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finder {
    Client,
    Daemon,
}

impl Failure {
    /// What Docker's client would find, with a status of its own.
    pub fn with_status(status: u8, text: impl Into<String>) -> Failure {
        Failure { status, text: text.into(), finder: Finder::Client }
    }

    /// Most failures: status 1.
    pub fn new(text: impl Into<String>) -> Failure {
        Failure::with_status(1, text)
    }

    /// Docker's status for flags it cannot read, and for `run` and `create` that fail themselves.
    pub fn usage(text: impl Into<String>) -> Failure {
        Failure::with_status(125, text)
    }

    /// What Docker's daemon would say: status 1.
    pub fn daemon(text: impl AsRef<str>) -> Failure {
        let text = format!("{DAEMON}{}", text.as_ref());
        Failure { status: 1, text, finder: Finder::Daemon }
    }

    /// What Docker's daemon would say of a wish for a container: status 125, with which `run` ends then.
    pub fn refused(text: impl AsRef<str>) -> Failure {
        Failure { status: 125, ..Failure::daemon(text) }
    }

    /// Of a command that podman alone has: its status for whatever goes wrong, and its first word.
    pub fn of_podman(text: impl AsRef<str>) -> Failure {
        Failure::with_status(125, format!("Error: {}", text.as_ref()))
    }

    /// Everything has been told already.
    pub fn silent(status: u8) -> Failure {
        Failure::with_status(status, "")
    }

    /// `run` and `create` name themselves and point to their help, as Docker 28 does.
    pub fn of_command(self, program: &str, path: &str) -> Failure {
        if self.text.is_empty() {
            return self;
        }
        let text = format!("{program}: {}\n\nRun '{program} {path} --help' for more information", self.text);
        Failure { text, ..self }
    }
}

/// Engine errors carry the prefix that scripts and test libraries look for; the causes follow, each once,
/// and the hint stands on a line of its own.
impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Failure {
        match error.is_of_client {
            true => Failure::new(told(&error)),
            false => Failure::daemon(told(&error)),
        }
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Failure {
        Failure::new(chain(&error))
    }
}

/// Message, causes and hint of an engine error.
pub fn told(error: &engine::Error) -> String {
    match &error.hint {
        Some(hint) => format!("{}\nhint: {hint}", chain(error)),
        None => chain(error),
    }
}

/// An error and its causes, `message: cause: cause`; what a message already repeats is not told twice.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Error, Kind};

    #[test]
    fn causes_are_told_once_and_the_hint_last() {
        let cause = std::io::Error::other("disk on fire");
        let error = Error::caused(Kind::System, "writing the record", cause).with_hint("get water");
        assert_eq!(
            Failure::from(error).text,
            "Error response from daemon: writing the record: disk on fire\nhint: get water"
        );
    }
}

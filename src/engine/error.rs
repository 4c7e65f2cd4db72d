//! Errors as doors see them: a kind from the Docker vocabulary, a sentence, perhaps a hint. One table
//! turns kinds into exit codes and HTTP statuses.

use std::fmt;

pub type Result<T> = std::result::Result<T, Error>;

/// Docker's vocabulary (its errdefs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    NotFound,
    Conflict,
    InvalidParameter,
    Unauthorized,
    Forbidden,
    Unavailable,
    NotImplemented,
    System,
    /// The command could not be executed in the container: exit status 126.
    NotExecutable,
    /// The command was not found in the container: exit status 127.
    CommandNotFound,
}

#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    pub hint: Option<String>,
    /// Docker's client finds it by itself: `Error response from daemon` does not stand before it.
    pub is_of_client: bool,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), source: None, hint: None, is_of_client: false }
    }
    /// Wraps a module's error; its own sentence and its causes follow `message`.
    pub fn caused(
        kind: Kind,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Error {
        Error { source: Some(Box::new(source)), ..Error::new(kind, message) }
    }
    /// What Docker's client refuses without asking the daemon.
    pub fn of_client(message: impl Into<String>) -> Error {
        Error { is_of_client: true, ..Error::new(Kind::InvalidParameter, message) }
    }
    /// A module's error as it is: its sentence is ours, its causes follow.
    pub fn of(kind: Kind, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            message += &format!(": {next}");
            cause = next.source();
        }
        Error::new(kind, message)
    }
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }
    /// Status of `run`, `create`, `start -a` and `exec` when they fail themselves (Docker's numbers);
    /// other commands end with 1.
    pub fn run_status(&self) -> u8 {
        match self.kind {
            Kind::NotExecutable => 126,
            Kind::CommandNotFound => 127,
            _ => 125,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

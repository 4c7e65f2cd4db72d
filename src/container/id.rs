//! Ids and names of containers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// 64 lower-case hexadecimal digits, random.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerId(String);

/// A name a person gave, or one made up: `[a-zA-Z0-9][a-zA-Z0-9_.-]+` (Docker's rule).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid container name ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
pub struct InvalidName(pub String);

impl ContainerId {
    /// A fresh random id.
    pub fn random() -> ContainerId {
        todo!("helper E")
    }
    /// Takes a full id as found on disk.
    pub fn parse(text: &str) -> Option<ContainerId> {
        let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.as_bytes().iter().all(hex)).then(|| ContainerId(text.to_owned()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The first 12 digits, as Docker prints ids.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl ContainerName {
    /// Checks Docker's rule; one leading `/` is dropped, as Docker does.
    pub fn parse(text: &str) -> Result<ContainerName, InvalidName> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let alnum = |b: u8| b.is_ascii_alphanumeric();
        let rest = |b: u8| alnum(b) || matches!(b, b'_' | b'.' | b'-');
        match name.as_bytes() {
            [first, tail @ ..] if alnum(*first) && !tail.is_empty() && tail.iter().all(|b| rest(*b)) => {
                Ok(ContainerName(name.to_owned()))
            }
            _ => Err(InvalidName(text.to_owned())),
        }
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}
impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
        let mut bytes = [0; 32];
        let mut filled = 0;
        while filled < bytes.len() {
            // getrandom(2) only fails for want of entropy at boot, and then waits.
            filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())
                .expect("the kernel has random bytes");
        }
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        // Docker avoids short ids that read as a decimal number (a host name made of digits only confuses
        // resolvers): one letter is enough.
        if text.as_bytes()[..12].iter().all(u8::is_ascii_digit) {
            return ContainerId::random();
        }
        ContainerId(text)
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

/// A name is one of a file too.
const NAME_MAX: usize = 255;

impl ContainerName {
    /// Checks Docker's rule; one leading `/` is dropped, as Docker does.
    pub fn parse(text: &str) -> Result<ContainerName, InvalidName> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let alnum = |b: u8| b.is_ascii_alphanumeric();
        let rest = |b: u8| alnum(b) || matches!(b, b'_' | b'.' | b'-');
        match name.as_bytes() {
            [first, tail @ ..]
                if name.len() <= NAME_MAX
                    && alnum(*first)
                    && !tail.is_empty()
                    && tail.iter().all(|b| rest(*b)) =>
            {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_are_full_ids_and_differ() {
        let (a, b) = (ContainerId::random(), ContainerId::random());
        assert_ne!(a, b);
        assert_eq!(ContainerId::parse(a.as_str()), Some(a));
    }

    #[test]
    fn names_follow_dockers_rule() {
        for good in ["web", "/web", "a1", "A_b.c-d", "9x"] {
            assert!(ContainerName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a", "-ab", "_ab", "a b", "a/b", "//ab", "ü1", "ab\n", "..", "a\0b"] {
            assert!(ContainerName::parse(bad).is_err(), "{bad}");
        }
    }
}

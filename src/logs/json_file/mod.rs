//! Docker's `json-file`: one JSON object per line,
//! `{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.678901234Z"}`. A line of more than
//! 16 KiB is stored in parts, and only the last part ends in a newline. With `max-size` the file is
//! renamed to `.1`, `.1` to `.2` and so on up to `max-file` files; with one file it is cut to nothing.

mod reader;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use reader::read;
pub use writer::Writer;

use super::{OptionError, common_option, size};

/// Docker's limit of one entry.
pub(super) const PART: usize = 16 * 1024;

/// Options of the driver, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Bytes after which the file is rotated.
    pub max_size: Option<u64>,
    pub max_files: u32,
    /// Names of labels and variables that go into every entry's `attrs`.
    pub labels: Vec<String>,
    pub env: Vec<String>,
}

impl Options {
    /// Reads `--log-opt`s.
    pub fn parse(options: &BTreeMap<String, String>) -> Result<Options, OptionError> {
        let mut read = Options { max_size: None, max_files: 1, labels: Vec::new(), env: Vec::new() };
        let invalid = |text: String| Err(OptionError::Invalid(text));
        let list =
            |value: &str| value.split(',').map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect();
        for (name, value) in options {
            match name.as_str() {
                "max-size" => match size(value) {
                    Some(0) => return invalid("max-size must be a positive number".into()),
                    None => return invalid(format!("invalid size: '{value}'")),
                    some => read.max_size = some,
                },
                "max-file" => match value.parse::<u32>() {
                    Ok(0) => return invalid("max-file cannot be less than 1".into()),
                    Ok(n) => read.max_files = n,
                    Err(_) => return invalid(format!("invalid value for max-file: '{value}'")),
                },
                "labels" => read.labels = list(value),
                "env" => read.env = list(value),
                "compress" if value.parse::<bool>() == Ok(false) => {}
                "compress" | "labels-regex" | "env-regex" | "tag" => {
                    return Err(OptionError::NotImplemented(name.clone()));
                }
                _ => match common_option(name, value) {
                    Some(result) => result?,
                    None => return invalid(format!("unknown log opt '{name}' for json-file log driver")),
                },
            }
        }
        Ok(read)
    }
}

/// The `n`th rotated file; 0 is the one being written.
fn rotated(path: &Path, n: u32) -> PathBuf {
    match n {
        0 => path.to_owned(),
        n => {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{n}"));
            name.into()
        }
    }
}

#[cfg(test)]
mod tests;

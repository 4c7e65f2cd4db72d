//! Log drivers: each file holds the writer (used by the supervisor) and the reader (used by the engine)
//! of one format.

pub mod json_file;

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Which of the container's streams a line came from. A terminal has only `Stdout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// One stored entry: a line with its newline, or a part of a line longer than 16 KiB without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub time: Timestamp,
    pub stream: Stream,
    pub text: Vec<u8>,
}

/// What `logs` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Entries at or after this moment.
    pub since: Option<Timestamp>,
    /// Entries at or before this moment.
    pub until: Option<Timestamp>,
    /// The last so many lines; `None` for all.
    pub tail: Option<u64>,
    /// Go on until the container ends.
    pub follow: bool,
}

/// A log driver's options that are not to be had; the text is Docker's where Docker has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    #[error("{0}")]
    Invalid(String),
    #[error("log-opt {0} is not supported")]
    NotImplemented(String),
}

/// Options of every driver: nothing that is written here ever waits for a slow receiver, so both modes
/// are the same.
fn common_option(name: &str, value: &str) -> Option<Result<(), OptionError>> {
    let invalid = |text: String| Some(Err(OptionError::Invalid(text)));
    match name {
        "mode" if matches!(value, "blocking" | "non-blocking" | "") => Some(Ok(())),
        "mode" => invalid(format!("logger: logging mode '{value}' is not supported")),
        "max-buffer-size" if size(value).is_some() => Some(Ok(())),
        "max-buffer-size" => invalid(format!("invalid size: '{value}'")),
        _ => None,
    }
}

/// Checks the options of the driver `none`.
pub fn check_none(options: &BTreeMap<String, String>) -> Result<(), OptionError> {
    match options.keys().next() {
        Some(name) => Err(OptionError::Invalid(format!("unknown log opt '{name}' for none log driver"))),
        None => Ok(()),
    }
}

/// Sizes as Docker's log options take them: decimal units, `10m` is 10,000,000.
fn size(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    let unit = match lower[digits.len()..].trim().trim_end_matches('b').trim_end_matches('i') {
        "" => 1f64,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "p" => 1e15,
        _ => return None,
    };
    let number: f64 = digits.parse().ok()?;
    (number >= 0.0 && number.is_finite()).then_some((number * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal() {
        let cases = [
            ("10", Some(10)),
            ("10k", Some(10_000)),
            ("1.5m", Some(1_500_000)),
            ("2GB", Some(2_000_000_000)),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text), expected, "{text}");
        }
        for bad in ["", "k", "-1", "1x", "1e400", "nan"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }
}

//! `--log-opt`: what the drivers have in common, checked in Docker's words.

use std::collections::BTreeMap;

use super::attributes;

pub type Options = BTreeMap<String, String>;

/// Options that are not to be had; the text is Docker's where Docker has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    NotImplemented(String),
}

pub(super) fn invalid<T>(text: impl Into<String>) -> Result<T, OptionError> {
    Err(OptionError::Invalid(text.into()))
}

/// Whether the container waits for its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Blocking,
    /// What does not fit into so many bytes is lost.
    NonBlocking {
        buffer: usize,
    },
}

const DEFAULT_BUFFER: usize = 1024 * 1024;

const MODE_OPTIONS: [&str; 2] = ["mode", "max-buffer-size"];

pub(super) fn mode(options: &Options) -> Result<Mode, OptionError> {
    let non_blocking = match options.get("mode").map(String::as_str) {
        None | Some("" | "blocking") => false,
        Some("non-blocking") => true,
        Some(other) => return invalid(format!("logger: logging mode not supported: {other}")),
    };
    let buffer = match options.get("max-buffer-size") {
        None => DEFAULT_BUFFER,
        Some(_) if !non_blocking => {
            return invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
        }
        Some(text) => match ram_in_bytes(text) {
            Some(bytes) => bytes,
            None => return invalid(format!("error parsing option max-buffer-size: invalid size: '{text}'")),
        },
    };
    Ok(if non_blocking { Mode::NonBlocking { buffer } } else { Mode::Blocking })
}

/// How the files of a log are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rotation {
    /// Bytes after which a new file is begun.
    pub max_size: Option<u64>,
    pub max_files: u32,
    pub compress: bool,
}

impl Rotation {
    /// `max-size`, `max-file` and `compress`, with the driver's own defaults in `self`.
    pub fn read(mut self, options: &Options) -> Result<Rotation, OptionError> {
        if let Some(text) = options.get("max-size") {
            self.max_size = match size(text) {
                Some(0) => return invalid("max-size must be a positive number"),
                None => {
                    return invalid(format!("invalid value for max-size: {text}: invalid size: '{text}'"));
                }
                some => some,
            };
        }
        if let Some(text) = options.get("max-file") {
            self.max_files = match text.parse::<u32>() {
                Ok(0) => return invalid("max-file cannot be less than 1"),
                Ok(count) => count,
                Err(_) if text.parse::<i64>().is_ok_and(|count| count < 0) => {
                    return invalid("max-file cannot be less than 1");
                }
                Err(_) => {
                    return invalid(format!(
                        "invalid value for max-file: {text}: strconv.Atoi: parsing \"{text}\": invalid syntax"
                    ));
                }
            };
        }
        if let Some(text) = options.get("compress") {
            self.compress = match text.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
                "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
                _ => {
                    return invalid(format!(
                        "invalid boolean value for compress: strconv.ParseBool: parsing \"{text}\": invalid syntax"
                    ));
                }
            };
        }
        Ok(self)
    }
}

/// Of a driver that keeps files: these, and what makes attributes.
pub(super) fn is_known(name: &str) -> bool {
    matches!(name, "max-size" | "max-file" | "compress")
        || attributes::OPTIONS.contains(&name)
        || MODE_OPTIONS.contains(&name)
}

/// Sizes as Docker's log options take them: decimal units, `10m` is 10,000,000.
fn size(text: &str) -> Option<u64> {
    in_units(text, 1000.0)
}

fn ram_in_bytes(text: &str) -> Option<usize> {
    in_units(text, 1024.0).and_then(|bytes| usize::try_from(bytes).ok())
}

fn in_units(text: &str, step: f64) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    let unit = lower[digits.len()..].trim().trim_end_matches('b').trim_end_matches('i');
    let power = ["", "k", "m", "g", "t", "p"].iter().position(|name| *name == unit)?;
    let number: f64 = digits.parse().ok()?;
    (number >= 0.0 && number.is_finite()).then_some((number * step.powi(power as i32)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

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
        assert_eq!(ram_in_bytes("4k"), Some(4096));
    }

    #[test]
    fn drivers_and_options_are_refused_in_dockers_words() {
        for (driver, pairs, want) in [
            ("nosuch", &[][..], "logger: no log driver named 'nosuch' is registered"),
            ("syslog", &[], "the log driver syslog is not there yet, only json-file, local, none are"),
            ("json-file", &[("bogus", "1")], "unknown log opt 'bogus' for json-file log driver"),
            ("local", &[("bogus", "1")], "unknown log opt 'bogus' for log driver local"),
            ("none", &[("max-size", "1m")], "invalid logging opts for driver none"),
            ("json-file", &[("mode", "sideways")], "logger: logging mode not supported: sideways"),
            (
                "json-file",
                &[("max-buffer-size", "1m")],
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
            ),
            (
                "local",
                &[("mode", "non-blocking"), ("max-buffer-size", "x")],
                "error parsing option max-buffer-size: invalid size: 'x'",
            ),
            ("json-file", &[("max-file", "0")], "max-file cannot be less than 1"),
            ("json-file", &[("max-size", "0")], "max-size must be a positive number"),
            (
                "json-file",
                &[("compress", "true")],
                "compress cannot be true when max-file is less than 2 or max-size is not set",
            ),
            ("local", &[("max-file", "1")], "compression cannot be enabled when max file count is 1"),
            ("json-file", &[("tag", "{{.Nosuch}}")], "log-opt tag: no {{.Nosuch}} there"),
            (
                "json-file",
                &[("tag", "{{if x}}")],
                "log-opt tag: only fields like {{.Name}} are understood, not {{if x}}",
            ),
        ] {
            let error = super::super::check(driver, &options(pairs)).unwrap_err();
            assert_eq!(error.to_string(), want);
        }
        for (driver, pairs) in [
            ("json-file", &[("max-size", "10m"), ("max-file", "3"), ("compress", "true")][..]),
            ("json-file", &[("labels", "a,b"), ("env-regex", "^A"), ("tag", "{{.Name}}/{{ .ID }}")]),
            ("local", &[("max-file", "1"), ("compress", "0")]),
            ("local", &[("mode", "non-blocking"), ("max-buffer-size", "4m")]),
            ("none", &[]),
        ] {
            assert_eq!(super::super::check(driver, &options(pairs)), Ok(()), "{driver} {pairs:?}");
        }
        let bad_regex = super::super::check("local", &options(&[("labels-regex", "(")])).unwrap_err();
        assert!(bad_regex.to_string().starts_with("log-opt labels-regex: "), "{bad_regex}");
    }
}

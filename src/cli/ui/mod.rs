//! What the command line draws: tables, templates, progress, units, the terminal.

pub mod progress;
pub mod table;
pub mod template;
pub mod terminal;
pub mod time;
pub mod units;

use std::io::Write;

use super::failure::{Failure, Result};

/// Writes to standard output, as it is.
pub fn out(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|e| Failure::new(format!("write /dev/stdout: {e}")))
}

/// A line on standard output.
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    out(&format!("{text}\n"))
}

/// A line on standard error, in one piece: commands that run side by side do not cut each other's
/// short. Nobody is left to tell when that fails.
pub fn warn(text: impl std::fmt::Display) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

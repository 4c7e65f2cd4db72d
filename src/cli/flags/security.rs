//! `--security-opt`.

use std::path::Path;

use super::environment::open_error;
use super::later;
use crate::cli::failure::{Failure, Result};
use crate::cli::ui;
use crate::cli::ui::units::go_bool;
use crate::container::spec::SeccompChoice;

#[derive(Debug, Default, PartialEq)]
pub struct Security {
    pub no_new_privileges: bool,
    pub seccomp: SeccompChoice,
    pub system_paths_unconfined: bool,
}

pub fn read(options: &[String]) -> Result<Security> {
    let mut security = Security::default();
    for option in options {
        let invalid = || Failure::refused(format!("invalid --security-opt 2: {option:?}"));
        let (key, value) = match option.split_once('=').or_else(|| option.split_once(':')) {
            Some(pair) => pair,
            // The two that may stand alone.
            None if option == "no-new-privileges" => ("no-new-privileges", "true"),
            None if option == "disable" => ("label", "disable"),
            None => return Err(Failure::usage(format!("Invalid --security-opt: {option:?}"))),
        };
        match (key, value) {
            ("no-new-privileges", value) => {
                security.no_new_privileges = go_bool(value).map_err(|_| invalid())?;
            }
            ("seccomp", "unconfined") => security.seccomp = SeccompChoice::Unconfined,
            ("seccomp", "builtin") => security.seccomp = SeccompChoice::Default,
            ("seccomp", path) => security.seccomp = SeccompChoice::Profile(profile(path)?),
            ("systempaths", "unconfined") => security.system_paths_unconfined = true,
            // Nothing confines the container by these here, so there is nothing to take away.
            ("label", "disable") | ("apparmor", "unconfined") => {}
            ("label" | "apparmor", _) => {
                ui::warn(format_args!(
                    "WARNING: --security-opt {option} has no effect: only root can load and set such labels"
                ));
            }
            ("writable-cgroups" | "mask" | "unmask" | "proc-opts", _) => {
                return Err(later::not_yet("security-opt", &format!("{key} is not there yet")));
            }
            _ => return Err(invalid()),
        }
    }
    Ok(security)
}

/// The text of a profile; that it is JSON is checked here, what it says by the runtime.
fn profile(path: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        let why = open_error(Path::new(path), &e);
        Failure::usage(format!("opening seccomp profile ({path}) failed: {why}"))
    })?;
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(_) => Ok(text),
        Err(e) => Err(Failure::usage(format!("compacting json for seccomp profile ({path}) failed: {e}"))),
    }
}

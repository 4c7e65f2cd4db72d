//! Dockerfile instructions that change what a container of an image starts with: `--change` of `import`
//! and `commit`, and the same instructions of a build.
//!
//! The grammar is that of Docker's Dockerfile parser (`frontend/dockerfile/parser`, `instructions` and
//! `shell` of BuildKit): lines continued by a backslash, comments, exec form as a JSON list and anything
//! else as shell form, words with quotes and `$VARIABLES`.

mod port;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::config::RunConfig;
use crate::sys::signal;

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Cmd(Command),
    Entrypoint(Command),
    Env(Vec<(String, String)>),
    Expose(Vec<String>),
    Healthcheck(Healthcheck),
    Label(Vec<(String, String)>),
    OnBuild(String),
    StopSignal(String),
    User(String),
    Volume(Vec<String>),
    WorkDir(String),
}

/// What `CMD`, `ENTRYPOINT` and `HEALTHCHECK CMD` run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A JSON list: run as it is.
    Exec(Vec<String>),
    /// Anything else: run by the image's shell.
    Shell(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// `HEALTHCHECK NONE`: also none from a lower image.
    None,
    Check {
        command: Command,
        interval: Option<Duration>,
        timeout: Option<Duration>,
        start_period: Option<Duration>,
        start_interval: Option<Duration>,
        retries: Option<u32>,
    },
}

/// Why an instruction was refused, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("{0} is not a valid change command")]
    Instruction(String),
    #[error("{0} requires at least one argument")]
    AtLeastOne(&'static str),
    #[error("{0} requires exactly one argument")]
    ExactlyOne(&'static str),
    #[error("{0} must have two arguments")]
    TwoArguments(&'static str),
    #[error("{0} names can not be blank")]
    BlankName(&'static str),
    #[error("Syntax error - can't find = in {0:?}. Must be of the form: name=value")]
    NoEquals(String),
    #[error("VOLUME specified can not be an empty string")]
    EmptyVolume,
    #[error("invalid signal: {0}")]
    Signal(String),
    #[error("invalid containerPort: {0}")]
    Port(String),
    #[error("invalid proto: {0}")]
    Protocol(String),
    #[error("Unknown type {0:?} in HEALTHCHECK (try CMD)")]
    HealthcheckType(String),
    #[error("Missing command after HEALTHCHECK CMD")]
    HealthcheckCommand,
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthcheckNone,
    #[error("Unknown flag: {0}")]
    Flag(String),
    #[error("time: invalid duration {0:?}")]
    Duration(String),
    #[error("--{0} cannot be less than 1ms")]
    TooShort(String),
    #[error("--retries cannot be negative")]
    Retries,
    #[error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    ChainedOnBuild,
    #[error("{0} isn't allowed as an ONBUILD trigger")]
    Trigger(String),
    #[error("unexpected end of statement while looking for matching {0}")]
    Quote(char),
    #[error("failed to process {0:?}: bad substitution")]
    Substitution(String),
    #[error("{0}")]
    Required(String),
}

/// Applies the instructions in `changes`, each one line or more of a Dockerfile, in order.
///
/// # Errors
/// The first instruction that is refused; `config` may then have changed in part.
pub fn apply(changes: &[String], config: &mut RunConfig) -> Result<(), ChangeError> {
    let mut cmd_is_set = false;
    for line in lines(&changes.join("\n")) {
        let change = Change::parse(&line, config)?;
        // A new entrypoint makes the lower image's arguments meaningless, but not those set beside it.
        if matches!(change, Change::Entrypoint(_)) && !cmd_is_set {
            config.cmd = None;
        }
        cmd_is_set |= matches!(change, Change::Cmd(_));
        change.apply(config);
    }
    Ok(())
}

/// Whole instructions: continued lines joined, comments and empty lines left out.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with('#') || (line.trim().is_empty() && !current.is_empty()) {
            continue;
        }
        match line.trim_end().strip_suffix('\\') {
            Some(begun) => current.push_str(begun),
            None => {
                current.push_str(line);
                lines.push(std::mem::take(&mut current));
            }
        }
    }
    lines.push(current);
    lines.retain(|line| !line.trim().is_empty());
    lines
}

impl Change {
    /// Reads one instruction. Variables stand for what `config.env` says at this point.
    pub fn parse(line: &str, config: &RunConfig) -> Result<Change, ChangeError> {
        let line = line.trim();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let env = config.env.as_deref().unwrap_or_default();
        let some = |name| if rest.is_empty() { Err(ChangeError::AtLeastOne(name)) } else { Ok(()) };
        let one = |name| if rest.is_empty() { Err(ChangeError::ExactlyOne(name)) } else { Ok(()) };
        match name.to_ascii_uppercase().as_str() {
            "CMD" => Ok(Change::Cmd(Command::parse(rest))),
            "ENTRYPOINT" => some("ENTRYPOINT").map(|()| Change::Entrypoint(Command::parse(rest))),
            "ENV" => words::pairs("ENV", rest, env).map(Change::Env),
            "LABEL" => words::pairs("LABEL", rest, env).map(Change::Label),
            "EXPOSE" => {
                some("EXPOSE")?;
                port::specs(&words::expanded(rest, env)?).map(Change::Expose)
            }
            "HEALTHCHECK" => some("HEALTHCHECK").and_then(|()| healthcheck(rest)).map(Change::Healthcheck),
            "ONBUILD" => some("ONBUILD").and_then(|()| trigger(rest)),
            "STOPSIGNAL" => {
                one("STOPSIGNAL")?;
                let text = words::expand(rest, env)?;
                match signal::parse(&text) {
                    Some(_) => Ok(Change::StopSignal(text)),
                    None => Err(ChangeError::Signal(text)),
                }
            }
            "USER" => one("USER").and_then(|()| words::expand(rest, env)).map(Change::User),
            "VOLUME" => {
                some("VOLUME")?;
                volumes(rest, env).map(Change::Volume)
            }
            "WORKDIR" => {
                one("WORKDIR")?;
                let path = words::expand(rest, env)?;
                Ok(Change::WorkDir(clean(&config.working_dir, &path)))
            }
            _ => Err(ChangeError::Instruction(name.to_owned())),
        }
    }

    /// Enters the change into a config.
    pub fn apply(self, config: &mut RunConfig) {
        let shell = config.shell.clone();
        match self {
            Change::Cmd(command) => config.cmd = Some(command.argv(shell)),
            Change::Entrypoint(command) => {
                config.entrypoint = Some(command.argv(shell)).filter(|argv| !argv.is_empty());
            }
            Change::Env(pairs) => pairs.iter().for_each(|(name, value)| set_env(config, name, value)),
            Change::Expose(ports) => extend_keys(&mut config.exposed_ports, ports),
            Change::Volume(paths) => extend_keys(&mut config.volumes, paths),
            Change::Label(pairs) => config.labels.get_or_insert_default().extend(pairs),
            Change::Healthcheck(check) => config.healthcheck = Some(check.to_json()),
            Change::OnBuild(trigger) => config.on_build.get_or_insert_default().push(trigger),
            Change::StopSignal(signal) => config.stop_signal = Some(signal),
            Change::User(user) => config.user = user,
            Change::WorkDir(path) => config.working_dir = path,
        }
    }
}

fn extend_keys(map: &mut Option<BTreeMap<String, Value>>, keys: Vec<String>) {
    map.get_or_insert_default().extend(keys.into_iter().map(|key| (key, json!({}))));
}

/// Names of variables are compared as they are: Linux tells their case apart.
fn set_env(config: &mut RunConfig, name: &str, value: &str) {
    let env = config.env.get_or_insert_default();
    let entry = format!("{name}={value}");
    match env.iter_mut().find(|known| known.split('=').next() == Some(name)) {
        Some(known) => *known = entry,
        None => env.push(entry),
    }
}

impl Command {
    /// A JSON list of texts is the exec form; everything else, broken JSON too, is for the shell.
    pub fn parse(text: &str) -> Command {
        match list(text) {
            Some(argv) => Command::Exec(argv),
            None => Command::Shell(text.to_owned()),
        }
    }

    /// The argument vector; `shell` is the image's own, if it has one.
    pub fn argv(self, shell: Option<Vec<String>>) -> Vec<String> {
        match self {
            Command::Exec(argv) => argv,
            Command::Shell(text) if text.is_empty() => Vec::new(),
            Command::Shell(text) => {
                let mut argv = shell
                    .filter(|shell| !shell.is_empty())
                    .unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
                argv.push(text);
                argv
            }
        }
    }
}

fn list(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

fn volumes(rest: &str, env: &[String]) -> Result<Vec<String>, ChangeError> {
    let paths = match list(rest) {
        Some(paths) if paths.is_empty() => return Err(ChangeError::AtLeastOne("VOLUME")),
        Some(paths) => paths.iter().map(|path| words::expand(path, env)).collect::<Result<Vec<_>, _>>()?,
        None => words::expanded(rest, env)?,
    };
    let paths: Vec<String> = paths.iter().map(|path| path.trim().to_owned()).collect();
    if paths.iter().any(String::is_empty) { Err(ChangeError::EmptyVolume) } else { Ok(paths) }
}

fn trigger(rest: &str) -> Result<Change, ChangeError> {
    let name = rest.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match name.as_str() {
        "ONBUILD" => Err(ChangeError::ChainedOnBuild),
        "FROM" | "MAINTAINER" => Err(ChangeError::Trigger(name)),
        _ => Ok(Change::OnBuild(rest.to_owned())),
    }
}

/// A path below `base` (or absolute), without `.`, `..` and doubled slashes, as Go's `path.Clean`.
fn clean(base: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{base}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn healthcheck(mut rest: &str) -> Result<Healthcheck, ChangeError> {
    let mut durations: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut retries = None;
    while let Some(flag) = rest.strip_prefix("--") {
        let (flag, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
        rest = after.trim_start();
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        match name {
            "interval" | "timeout" | "start-period" | "start-interval" => {
                durations.extend(health_duration(name, value)?.map(|duration| (name, duration)));
            }
            "retries" => retries = health_retries(value)?,
            _ => return Err(ChangeError::Flag(name.to_owned())),
        }
    }
    let (kind, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let command = command.trim();
    match kind.to_ascii_uppercase().as_str() {
        "NONE" if command.is_empty() => Ok(Healthcheck::None),
        "NONE" => Err(ChangeError::HealthcheckNone),
        "CMD" => match Command::parse(command) {
            Command::Exec(argv) if argv.is_empty() => Err(ChangeError::HealthcheckCommand),
            Command::Shell(text) if text.is_empty() => Err(ChangeError::HealthcheckCommand),
            command => Ok(Healthcheck::Check {
                command,
                interval: durations.get("interval").copied(),
                timeout: durations.get("timeout").copied(),
                start_period: durations.get("start-period").copied(),
                start_interval: durations.get("start-interval").copied(),
                retries,
            }),
        },
        _ => Err(ChangeError::HealthcheckType(kind.to_owned())),
    }
}

/// 0 means Docker's default, and is not written.
fn health_duration(name: &str, text: &str) -> Result<Option<Duration>, ChangeError> {
    let duration = go_duration(text).ok_or_else(|| ChangeError::Duration(text.to_owned()))?;
    match duration {
        Duration::ZERO => Ok(None),
        short if short < Duration::from_millis(1) => Err(ChangeError::TooShort(name.to_owned())),
        duration => Ok(Some(duration)),
    }
}

fn health_retries(text: &str) -> Result<Option<u32>, ChangeError> {
    let retries: i32 = text.parse().map_err(|_| ChangeError::Duration(text.to_owned()))?;
    let retries = u32::try_from(retries).map_err(|_| ChangeError::Retries)?;
    Ok(Some(retries).filter(|retries| *retries > 0))
}

/// Go's `time.ParseDuration` without a sign: `1m30s`, `1.5s`, `100ms`, `0`.
fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let amount: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(amount * seconds).ok()?)?;
        if after.is_empty() {
            // Go's durations end at 63 bits of nanoseconds.
            return i64::try_from(total.as_nanos()).ok().map(|_| total);
        }
        rest = after;
    }
}

impl Healthcheck {
    /// As it stands in a config (Docker's `HealthConfig`): durations in nanoseconds, nothing for defaults.
    pub fn to_json(&self) -> Value {
        let Healthcheck::Check { command, interval, timeout, start_period, start_interval, retries } = self
        else {
            return json!({ "Test": ["NONE"] });
        };
        let test = match command {
            Command::Exec(argv) => std::iter::once("CMD").chain(argv.iter().map(String::as_str)).collect(),
            Command::Shell(text) => vec!["CMD-SHELL", text],
        };
        let mut check = json!({ "Test": test });
        for (key, duration) in [
            ("Interval", interval),
            ("Timeout", timeout),
            ("StartPeriod", start_period),
            ("StartInterval", start_interval),
        ] {
            if let Some(duration) = duration {
                check[key] = json!(duration.as_nanos() as u64);
            }
        }
        if let Some(retries) = retries {
            check["Retries"] = json!(retries);
        }
        check
    }
}

#[cfg(test)]
mod tests;

//! `wait`.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::choice::Choice;
use super::failure::Result;
use super::ui;
use super::ui::time::parse_duration;
use super::verb::{Context, Verb};
use crate::engine::container::Condition;
use crate::engine::{Engine, Kind};

#[derive(Debug, clap::Args)]
pub struct Wait {
    /// Wait for one of these states: created, running, paused, stopped, exited
    #[arg(long, value_name = "strings", value_delimiter = ',', value_parser = condition)]
    condition: Vec<Condition>,
    /// Return as soon as one of the containers is there, and print its exit code alone
    #[arg(long)]
    exit_first_match: bool,
    /// Print -1 for a container that does not exist
    #[arg(long)]
    ignore: bool,
    /// How often to look for a condition that nothing tells of (a duration, or milliseconds)
    #[arg(short, long, value_name = "string", value_parser = interval, default_value = "250ms")]
    interval: Duration,
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Wait {
    const NAMES: &'static [&'static str] = &["container wait", "wait"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Block until one or more containers stop, then print their exit codes";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let choice = Choice {
            names: &self.containers,
            all: false,
            latest: self.latest,
            ignore: self.ignore,
            ..Choice::default()
        };
        let names = choice.resolve(&engine, |_| true)?;
        if self.exit_first_match {
            return self.first(engine, names);
        }
        let failed = super::each(&names, |name| ui::line(self.status(&engine, name)?))?;
        Ok(u8::from(!failed.is_empty()))
    }
}

impl Wait {
    /// Waits for one; -1 where it has no status, because it has not ended (as podman) or is not there.
    fn status(&self, engine: &Engine, name: &str) -> Result<i16> {
        let view = match engine.find(name) {
            Err(error) if self.ignore && error.kind == Kind::NotFound => return Ok(-1),
            view => view?,
        };
        let id = &view.record.id;
        let exit = match self.condition.as_slice() {
            [] => Some(engine.wait(id)?),
            conditions => engine.wait_for(id, conditions, self.interval)?,
        };
        Ok(exit.map_or(-1, |exit| i16::from(exit.code)))
    }

    /// Waits for all at once. Those that go on waiting end with the process.
    fn first(self, engine: Engine, names: Vec<String>) -> Result<u8> {
        let (wait, engine) = (Arc::new(self), Arc::new(engine));
        let (sender, statuses) = mpsc::channel();
        for name in names {
            let (wait, engine, sender) = (wait.clone(), engine.clone(), sender.clone());
            std::thread::spawn(move || sender.send(wait.status(&engine, &name)));
        }
        drop(sender);
        ui::line(statuses.recv().expect("every thread sends before it ends")?)?;
        Ok(0)
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    match text {
        // podman's steps of making a container, which are one here.
        "configured" | "created" | "initialized" => Ok(Condition::Created),
        "running" => Ok(Condition::Running),
        "paused" => Ok(Condition::Paused),
        "stopped" | "exited" => Ok(Condition::Exited),
        "healthy" => Ok(Condition::Healthy),
        "unhealthy" => Ok(Condition::Unhealthy),
        "pausing" | "stopping" | "removing" => {
            Err(format!("no container is ever seen as {text}: the step is too short to have a name"))
        }
        _ => Err(format!("unknown container state: {text}: invalid argument")),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let milliseconds = text.parse::<u64>().map(Duration::from_millis);
    let duration = milliseconds.or_else(|_| {
        parse_duration(text).map(|ns| Duration::from_nanos(u64::try_from(ns).unwrap_or_default()))
    })?;
    if duration.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_podmans_words() {
        assert_eq!(condition("stopped"), Ok(Condition::Exited));
        assert_eq!(condition("configured"), Ok(Condition::Created));
        assert_eq!(
            condition("sideways"),
            Err("unknown container state: sideways: invalid argument".to_owned())
        );
        assert_eq!(condition("healthy"), Ok(Condition::Healthy));
        assert!(condition("").is_err());
    }

    #[test]
    fn an_interval_without_unit_is_milliseconds() {
        assert_eq!(interval("250"), Ok(Duration::from_millis(250)));
        assert_eq!(interval("1.5s"), Ok(Duration::from_millis(1500)));
        assert!(interval("0").is_err() && interval("-1s").is_err() && interval("x").is_err());
    }
}

//! `stats`.

use std::collections::HashMap;
use std::time::Duration;

use super::failure::{Failure, Result};
use super::format::{Format, HELP_OF_LISTINGS, Listing, row};
use super::ui;
use super::ui::template::Value;
use super::ui::terminal::stdout_is_terminal;
use super::ui::units::{binary_size, go_int, human_size};
use super::verb::{Context, Verb};
use crate::container::ContainerId;
use crate::engine::container::ContainerView;
use crate::engine::stats::Usage;
use crate::engine::{Engine, Kind};

#[derive(Debug, clap::Args)]
pub struct Stats {
    /// Show all containers (default shows just running)
    #[arg(short, long)]
    all: bool,
    #[arg(long, value_name = "string", help = HELP_OF_LISTINGS)]
    format: Option<String>,
    /// Seconds between two looks
    #[arg(short, long, value_name = "int", value_parser = seconds, default_value = "1")]
    interval: Duration,
    /// Disable streaming stats and only pull the first result
    #[arg(long)]
    no_stream: bool,
    /// Do not truncate output
    #[arg(long)]
    no_trunc: bool,
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Processes count their time in hundredths of a second: less than a second between two looks says little.
fn seconds(text: &str) -> Result<Duration, String> {
    match go_int(text)? {
        seconds @ 1.. => Ok(Duration::from_secs(seconds.unsigned_abs())),
        _ => Err("want at least 1".to_owned()),
    }
}

const LISTING: Listing = Listing {
    kind: "*container.statsContext",
    headings: &[
        ("Container", "CONTAINER"),
        ("Name", "NAME"),
        ("ID", "CONTAINER ID"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
};

const TABLE: &str =
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

impl Verb for Stats {
    const NAMES: &'static [&'static str] = &["container stats", "stats"];
    const USAGE: &'static str = "[OPTIONS] [CONTAINER...]";
    const ABOUT: &'static str = "Display a live stream of container(s) resource usage statistics";

    fn run(self, context: &Context) -> Result<u8> {
        let configured = context.client_config()?.stats_format;
        let format = Format::parse(&self.format.clone().or(configured).unwrap_or_default(), TABLE)?;
        let engine = context.engine()?;
        for name in &self.containers {
            engine.find(name)?;
        }
        let mut before = usages(&engine, &self.shown(&engine)?)?;
        let is_terminal = stdout_is_terminal();
        loop {
            // Of none that runs there is nothing to measure.
            if !(self.no_stream && before.is_empty()) {
                std::thread::sleep(self.interval);
            }
            let shown = self.shown(&engine)?;
            if shown.is_empty() && !self.containers.is_empty() && !self.no_stream {
                return Ok(0);
            }
            let now = usages(&engine, &shown)?;
            let rows: Vec<Value> = shown.iter().map(|one| self.describe(one, &before, &now)).collect();
            let text = format.render(&LISTING, &rows)?;
            match (self.no_stream, is_terminal) {
                (true, _) => return ui::out(&text).map(|()| 0),
                (false, true) => ui::out(&redraw(&text))?,
                // In a pipe there is no cursor to move.
                (false, false) => ui::out(&text)?,
            }
            before = now;
        }
    }
}

/// A container, and what it was called on the command line.
struct Shown {
    typed: String,
    view: ContainerView,
}

type Usages = HashMap<ContainerId, Usage>;

impl Stats {
    /// Those asked for that are still there, or those that run.
    fn shown(&self, engine: &Engine) -> Result<Vec<Shown>> {
        if self.containers.is_empty() {
            let views = if self.all { engine.list() } else { engine.list_running() }?;
            return Ok(views
                .into_iter()
                .map(|view| Shown { typed: view.record.id.short().to_owned(), view })
                .collect());
        }
        let mut found = Vec::new();
        for typed in &self.containers {
            match engine.find(typed) {
                Ok(view) => found.push(Shown { typed: typed.clone(), view }),
                Err(error) if error.kind == Kind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    fn describe(&self, one: &Shown, before: &Usages, now: &Usages) -> Value {
        let record = &one.view.record;
        let usage = now.get(&record.id);
        // One that has just come has used what it has used since its start.
        let cpu = usage.zip(before.get(&record.id)).map_or(0.0, |(now, before)| now.cpu_percent(before));
        let pair = |(a, b): (u64, u64)| format!("{} / {}", human_size(a, 3), human_size(b, 3));
        let percent = |value: f64| format!("{value:.2}%");
        let memory = usage.map_or((0, 0), |usage| (usage.memory, usage.memory_limit));
        Value::fields(row(vec![
            ("BlockIO", pair(usage.map_or((0, 0), |usage| usage.block))),
            ("CPUPerc", percent(cpu)),
            ("Container", one.typed.clone()),
            ("ID", if self.no_trunc { record.id.to_string() } else { record.id.short().to_owned() }),
            ("MemPerc", percent(usage.map_or(0.0, Usage::memory_percent))),
            ("MemUsage", format!("{} / {}", binary_size(memory.0), binary_size(memory.1))),
            ("Name", record.name.to_string()),
            ("NetIO", pair(usage.map_or((0, 0), |usage| usage.network))),
            ("PIDs", usage.map_or(0, |usage| usage.tasks).to_string()),
        ]))
    }
}

fn usages(engine: &Engine, shown: &[Shown]) -> Result<Usages> {
    let mut usages = Usages::new();
    for one in shown {
        let id = &one.view.record.id;
        match engine.usage(id) {
            Ok(usage) => usages.extend(usage.map(|usage| (id.clone(), usage))),
            // Removed since the look.
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(Failure::from(error)),
        }
    }
    Ok(usages)
}

/// Over what stands there: from the top, each line to its end, then what is below (as Docker does it).
fn redraw(text: &str) -> String {
    let lines: String = text.split('\n').map(|line| format!("{line} \x1b[K\n")).collect();
    format!("\x1b[H{lines}\x1b[J")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_drawn_over_itself() {
        assert_eq!(redraw("A\nb\n"), "\x1b[HA \x1b[K\nb \x1b[K\n \x1b[K\n\x1b[J");
    }
}

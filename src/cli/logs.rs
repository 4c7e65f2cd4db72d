//! `logs`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;

use super::choice::Choice;
use super::failure::{Failure, Result};
use super::ui::time::parse_moment;
use super::verb::{Context, Verb};
use crate::engine::container::ContainerView;
use crate::engine::{self, Engine};
use crate::logs::clock::Clock;
use crate::logs::{self, Entry, Query, Receiver, Stream};

#[derive(Debug, clap::Args)]
pub struct Logs {
    /// Give every container's lines a colour of their own
    #[arg(long)]
    color: bool,
    /// Show extra details provided to logs
    #[arg(long)]
    details: bool,
    /// Follow log output
    #[arg(short, long)]
    follow: bool,
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    /// Show the container's name before every line
    #[arg(long)]
    names: bool,
    /// Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string")]
    since: Option<String>,
    /// Number of lines to show from the end of the logs
    #[arg(short = 'n', long, value_name = "string", default_value = "all")]
    tail: String,
    /// Show timestamps
    #[arg(short, long)]
    timestamps: bool,
    /// Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string")]
    until: Option<String>,
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Verb for Logs {
    const NAMES: &'static [&'static str] = &["container logs", "logs"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Fetch the logs of a container";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let choice = Choice {
            names: &self.containers,
            all: false,
            latest: self.latest,
            ignore: false,
            ..Choice::default()
        };
        let names = choice.resolve(&engine, |_| true)?;
        let views = names.iter().map(|name| engine.find(name)).collect::<engine::Result<Vec<_>>>()?;
        let query = self.query(Timestamp::now())?;
        if let Some(view) = views.iter().find(|view| !logs::is_readable(&view.record.spec.log.driver)) {
            tracing::debug!(container = view.record.id.short(), "no log to read");
            return Err(Failure::daemon("configured logging driver does not support reading"));
        }
        let several = views.len() > 1;
        let printers = views.iter().enumerate().map(|(nth, view)| self.printer(nth, view, several));
        let mut printers: Vec<Printer> = printers.collect();
        let results: Vec<engine::Result<()>> = if several && self.follow {
            std::thread::scope(|scope| {
                let follow = |(view, printer): (_, _)| {
                    let query = &query;
                    let engine = &engine;
                    scope.spawn(move || show(engine, view, query, printer))
                };
                let threads: Vec<_> = views.iter().zip(&mut printers).map(follow).collect();
                let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                threads.into_iter().map(join).collect()
            })
        } else {
            views
                .iter()
                .zip(&mut printers)
                .map(|(view, printer)| show(&engine, view, &query, printer))
                .collect()
        };
        results.into_iter().collect::<engine::Result<()>>()?;
        Ok(0)
    }
}

fn show(engine: &Engine, view: &ContainerView, query: &Query, printer: &mut Printer) -> engine::Result<()> {
    engine.logs(&view.record.id, query, printer)
}

/// Bytes that are written at once.
const AT_ONCE: usize = 64 * 1024;
/// Green, yellow, blue, magenta, cyan.
const COLOURS: [u8; 5] = [32, 33, 34, 35, 36];
const PLAIN: &[u8] = b"\x1b[0m";

/// Writes entries to standard output and standard error, many at a time.
struct Printer {
    /// The start of a colour, or nothing.
    colour: Vec<u8>,
    /// The name of the container and a blank, or nothing.
    prefix: Vec<u8>,
    with_details: bool,
    with_time: bool,
    clock: Clock,
    /// What was not written yet, all of one stream: on a terminal both come in their order.
    waiting: Vec<u8>,
    stream: Stream,
    /// Parts of one long line carry one time.
    starts_line: [bool; 2],
}

impl Receiver for Printer {
    fn take(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        if entry.stream != self.stream || self.waiting.len() >= AT_ONCE {
            self.caught_up()?;
            self.stream = entry.stream;
        }
        let starts_line = &mut self.starts_line[entry.stream as usize];
        let is_start = std::mem::replace(starts_line, entry.text.ends_with(b"\n"));
        let out = &mut self.waiting;
        out.extend_from_slice(&self.colour);
        if is_start {
            out.extend_from_slice(&self.prefix);
            if self.with_time {
                self.clock.write_nine(entry.time, out);
                out.push(b' ');
            }
            if self.with_details {
                out.extend_from_slice(details(&entry.attributes()).as_bytes());
                out.push(b' ');
            }
        }
        match entry.text {
            [line @ .., b'\n'] if !self.colour.is_empty() => {
                out.extend_from_slice(line);
                out.extend_from_slice(PLAIN);
                out.push(b'\n');
            }
            text => out.extend_from_slice(text),
        }
        Ok(())
    }

    fn caught_up(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = match self.stream {
            Stream::Stdout => write(&mut io::stdout().lock(), &self.waiting),
            Stream::Stderr => write(&mut io::stderr().lock(), &self.waiting),
        };
        self.waiting.clear();
        written
    }
}

fn write(to: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

/// `a=1,b=2`, as Go's url.QueryEscape writes them.
fn details(attributes: &BTreeMap<String, String>) -> String {
    let pairs = attributes.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join(",")
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Logs {
    fn printer(&self, nth: usize, view: &ContainerView, several: bool) -> Printer {
        let record = &view.record;
        let prefix = match (self.names, several) {
            (true, _) => format!("{} ", record.name),
            // As podman: lines of several containers need something to tell them apart.
            (false, true) => format!("{} ", record.id.short()),
            (false, false) => String::new(),
        };
        let colour = match self.color {
            true => format!("\x1b[{}m", COLOURS[nth % COLOURS.len()]),
            false => String::new(),
        };
        Printer {
            colour: colour.into_bytes(),
            prefix: prefix.into_bytes(),
            with_details: self.details,
            with_time: self.timestamps,
            clock: Clock::default(),
            waiting: Vec::new(),
            stream: Stream::Stdout,
            starts_line: [true; 2],
        }
    }

    fn query(&self, now: Timestamp) -> Result<Query> {
        let moment = |flag: &str, text: &Option<String>| match text.as_deref().filter(|text| !text.is_empty())
        {
            None => Ok(None),
            Some(text) => match parse_moment(text, now) {
                Ok(moment) => Ok(Some(moment)),
                Err(why) => Err(Failure::new(format!("invalid value for {flag:?}: {why}"))),
            },
        };
        // Docker reads everything that is no number as all.
        let tail = self.tail.parse::<i64>().ok().and_then(|lines| u64::try_from(lines).ok());
        Ok(Query {
            since: moment("since", &self.since)?,
            until: moment("until", &self.until)?,
            tail,
            follow: self.follow,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_escaped_as_in_a_query() {
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        assert_eq!(details(&map(&[("b", "x y"), ("a.b", "1,2=ü")])), "a.b=1%2C2%3D%C3%BC,b=x+y");
        assert_eq!(details(&map(&[])), "");
    }
}

//! `logs`.

use std::io::Write;

use jiff::Timestamp;

use super::failure::{Failure, Result};
use super::ui::time::{parse_moment, rfc3339_nine};
use super::verb::{Context, Verb};
use crate::container::spec::LogDriver;
use crate::logs::{Entry, Query, Stream};

#[derive(Debug, clap::Args)]
pub struct Logs {
    /// Show extra details provided to logs
    #[arg(long)]
    details: bool,
    /// Follow log output
    #[arg(short, long)]
    follow: bool,
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
    container: String,
}

impl Verb for Logs {
    const NAMES: &'static [&'static str] = &["container logs", "logs"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const ABOUT: &'static str = "Fetch the logs of a container";

    fn run(self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let view = engine.find(&self.container)?;
        let query = self.query(Timestamp::now())?;
        if view.record.spec.log.driver == LogDriver::None {
            return Err(Failure::new(
                "Error response from daemon: configured logging driver does not support reading",
            ));
        }
        let mut out = std::io::stdout().lock();
        let mut err = std::io::stderr().lock();
        let stamp = self.timestamps;
        let mut starts_line = true;
        let mut each = |entry: &Entry| -> std::io::Result<()> {
            let target: &mut dyn Write = match entry.stream {
                Stream::Stdout => &mut out,
                Stream::Stderr => &mut err,
            };
            // Parts of one long line carry one time.
            if stamp && starts_line {
                write!(target, "{} ", rfc3339_nine(entry.time))?;
            }
            starts_line = entry.text.ends_with(b"\n");
            target.write_all(&entry.text)?;
            target.flush()
        };
        engine.logs(&view.record.id, &query, &mut each)?;
        Ok(0)
    }
}

impl Logs {
    /// `--details` asks for attributes that no log of ours has, so it changes nothing.
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

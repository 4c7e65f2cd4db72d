//! Log drivers: writer (used by the supervisor) and reader (used by the engine) of one format side by side.
//!
//! [`DRIVERS`] is the one table of them. What all have in common is around it: `options` reads `--log-opt`,
//! `attributes` says what goes into every entry (labels, variables, a tag), `ring` is `mode=non-blocking`,
//! and `files` keeps, rotates, compresses and follows the files of those formats that lie on disk.

mod attributes;
mod bytes;
pub mod clock;
mod files;
mod json_file;
mod local;
pub mod options;
mod ring;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;

pub use attributes::About;
pub use options::{OptionError, Options};

/// Which of the container's streams a line came from. A terminal has only `Stdout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// One stored entry: a line with its newline, or a part of a line longer than 16 KiB without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub time: Timestamp,
    pub stream: Stream,
    pub text: &'a [u8],
    /// What `--log-opt labels=…` and its like add: a JSON object, or nothing.
    pub attributes: &'a [u8],
}

impl Entry<'_> {
    /// The attributes by name.
    pub fn attributes(&self) -> BTreeMap<String, String> {
        serde_json::from_slice(self.attributes).unwrap_or_default()
    }
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

/// Takes what a reader finds. A closure that takes entries is one.
pub trait Receiver {
    fn take(&mut self, entry: &Entry<'_>) -> io::Result<()>;

    /// All there is so far was given: what waits in a buffer shall go out before the next is waited for.
    fn caught_up(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&Entry<'_>) -> io::Result<()>> Receiver for F {
    fn take(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self(entry)
    }
}

/// The supervisor's side of a driver.
pub trait Sink: Send {
    /// Takes what a stream gave. Whole lines are written, the rest waits for its end.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()>;

    /// The stream has ended: its unfinished line is stored without a newline.
    fn finish(&mut self, stream: Stream) -> io::Result<()>;
}

/// A driver. `path` is where one that keeps files has them; `attributes` a JSON object or nothing.
pub struct Driver {
    pub name: &'static str,
    /// Checks its own options; those of every driver are not among them.
    check: fn(&Options) -> Result<(), OptionError>,
    /// `None`: it keeps nothing.
    open: Option<Open>,
    /// `None`: what it has taken cannot be read back.
    read: Option<Read>,
}

type Open = fn(&Path, &Options, attributes: Vec<u8>) -> io::Result<Box<dyn Sink>>;
type Read = fn(&Path, &Query, is_alive: &dyn Fn() -> bool, to: &mut dyn Receiver) -> io::Result<()>;

pub const DEFAULT: &str = "json-file";

pub static DRIVERS: &[Driver] = &[
    Driver {
        name: DEFAULT,
        check: json_file::check,
        open: Some(json_file::open),
        read: Some(files::read::<json_file::Reader>),
    },
    Driver {
        name: "local",
        check: local::check,
        open: Some(local::open),
        read: Some(files::read::<local::Reader>),
    },
    Driver { name: "none", check: |_| Ok(()), open: None, read: None },
];

/// Docker's drivers that are not there yet, and podman's.
const LATER: &[&str] = &[
    "journald",
    "syslog",
    "fluentd",
    "gelf",
    "awslogs",
    "splunk",
    "gcplogs",
    "etwlogs",
    "k8s-file",
    "passthrough",
    "passthrough-tty",
];

fn find(name: &str) -> Result<&'static Driver, OptionError> {
    match DRIVERS.iter().find(|driver| driver.name == name) {
        Some(driver) => Ok(driver),
        None if LATER.contains(&name) => {
            let there: Vec<&str> = DRIVERS.iter().map(|driver| driver.name).collect();
            Err(OptionError::NotImplemented(format!(
                "the log driver {name} is not there yet, only {} are",
                there.join(", ")
            )))
        }
        None => Err(OptionError::Invalid(format!("logger: no log driver named '{name}' is registered"))),
    }
}

/// Checks a driver's name and options, in Docker's words and order.
pub fn check(driver: &str, options: &Options) -> Result<(), OptionError> {
    if driver == "none" {
        return match options.is_empty() {
            true => Ok(()),
            false => Err(OptionError::Invalid("invalid logging opts for driver none".into())),
        };
    }
    options::mode(options)?;
    (find(driver)?.check)(options)
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error("opening the log")]
    Io(#[from] io::Error),
}

/// The supervisor's end of a container's log; `None` where nothing is kept.
pub fn open(
    driver: &str,
    options: &Options,
    path: &Path,
    about: &About<'_>,
) -> Result<Option<Box<dyn Sink>>, OpenError> {
    check(driver, options)?;
    let Some(open) = find(driver)?.open else { return Ok(None) };
    let sink = open(path, options, attributes::json(options, about)?)?;
    Ok(Some(match options::mode(options)? {
        options::Mode::Blocking => sink,
        options::Mode::NonBlocking { buffer } => Box::new(ring::Ring::new(sink, buffer)?),
    }))
}

/// Whether what the driver has taken can be read back.
pub fn is_readable(driver: &str) -> bool {
    find(driver).is_ok_and(|driver| driver.read.is_some())
}

/// Hands the entries that `query` asks for to `to`, oldest first. With `query.follow` until `is_alive` says
/// no and everything written before has been read. A missing log is an empty one.
pub fn read(
    driver: &str,
    path: &Path,
    query: &Query,
    is_alive: &dyn Fn() -> bool,
    to: &mut dyn Receiver,
) -> io::Result<()> {
    let driver = find(driver).ok().and_then(|driver| driver.read);
    let read = driver.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
    read(path, query, is_alive, to)
}

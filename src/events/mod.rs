//! What happened: to which container, image, volume, and when. Whoever does something writes it down
//! itself, a command or a supervisor.
//!
//! ```text
//! events/log      one line of JSON per event, appended by one write(2) with O_APPEND
//! events/log.1    what was written before; goes at the next rotation
//! events/lock     held by who rotates
//!
//! {"v":1,"time":"2026-11-26T16:00:00.123456789Z","type":"container","action":"start","id":"…",
//!  "attributes":{"image":"busybox","name":"box"}}
//! ```
//!
//! Writers take no lock: the kernel appends a line as a whole. One that opened the file just before a
//! rotation writes into `log.1`; readers watch both. A line that a full disk or a power cut has cut short is
//! skipped, and the one that follows it in the same line is found (`read`). Writing never fails for the
//! writer: what is done is done, whether it was written down or not.

mod read;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::sys::lock::{Byte, OfdLock};

pub use read::Query;

/// Version of a line's format.
const VERSION: u32 = 1;
/// Size at which a new file is begun: some thousand events.
const FILE_SIZE: u64 = 2 << 20;
/// Longest line; an event with more has lost its longest attributes.
const LINE_SIZE: usize = 64 << 10;

/// What kind of thing it happened to, in Docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Builder,
    Container,
    Image,
    Network,
    Secret,
    Volume,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Builder => "builder",
            Kind::Container => "container",
            Kind::Image => "image",
            Kind::Network => "network",
            Kind::Secret => "secret",
            Kind::Volume => "volume",
        }
    }
}

/// To whom something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    kind: Kind,
    id: String,
    attributes: BTreeMap<String, String>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    v: u32,
    pub time: Timestamp,
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Docker's word, with what follows it: `die`, `exec_start: sh -c true`.
    pub action: String,
    pub id: String,
    pub attributes: BTreeMap<String, String>,
}

impl Subject {
    /// `labels`: those of the image and the container's own, which go before.
    pub fn container(id: &str, name: &str, image: &str, labels: BTreeMap<String, String>) -> Subject {
        Subject { kind: Kind::Container, id: id.to_owned(), attributes: labels }
            .with("image", image)
            .with("name", name)
    }

    /// `id` is what Docker puts there: the image's id, or the name that was pulled or pushed.
    pub fn image(id: &str, name: &str, labels: BTreeMap<String, String>) -> Subject {
        Subject { kind: Kind::Image, id: id.to_owned(), attributes: labels }.with("name", name)
    }

    pub fn volume(name: &str) -> Subject {
        Subject { kind: Kind::Volume, id: name.to_owned(), attributes: BTreeMap::new() }
            .with("driver", "local")
    }

    pub fn secret(id: &str, name: &str) -> Subject {
        Subject { kind: Kind::Secret, id: id.to_owned(), attributes: BTreeMap::new() }.with("name", name)
    }

    /// All of a kind: `prune`.
    pub fn all(kind: Kind) -> Subject {
        Subject { kind, id: String::new(), attributes: BTreeMap::new() }
    }

    pub fn with(mut self, attribute: &str, value: impl ToString) -> Subject {
        self.attributes.insert(attribute.to_owned(), value.to_string());
        self
    }

    /// It happens now.
    pub fn event(self, action: impl Into<String>) -> Event {
        let Subject { kind, id, attributes } = self;
        Event { v: VERSION, time: Timestamp::now(), kind, action: action.into(), id, attributes }
    }
}

/// `exec_create: sh -c true`, and `exec_start` alike. A blank follows a command without arguments, as in
/// Docker's.
pub fn exec_action(what: &str, argv: &[String]) -> String {
    let (command, arguments) = argv.split_first().map_or(("", &[][..]), |(c, a)| (c.as_str(), a));
    format!("{what}: {command} {}", arguments.join(" "))
}

/// `health_status: healthy`
pub fn health_status(status: &str) -> String {
    format!("health_status: {status}")
}

/// The events of one store.
#[derive(Debug, Clone)]
pub struct Journal {
    directory: PathBuf,
}

impl Journal {
    pub fn open(config: &Config) -> Journal {
        Journal { directory: config.events() }
    }

    /// Writes an event down, as well as can be.
    pub fn append(&self, event: &Event) {
        if let Err(error) = self.try_append(event) {
            tracing::debug!(action = event.action, id = event.id, %error, "an event was not written down");
        }
    }

    fn try_append(&self, event: &Event) -> io::Result<()> {
        let mut file = match self.open_log() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
                self.open_log()?
            }
            opened => opened?,
        };
        // Once, not until all is written: the rest of a line would stand behind another's.
        let line = encode(event);
        let written = file.write(&line)?;
        let facts = file.metadata()?;
        if facts.len() >= FILE_SIZE {
            self.rotate(facts.ino())?;
        }
        if written < line.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn open_log(&self) -> io::Result<File> {
        File::options().append(true).create(true).mode(0o600).open(self.log())
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn older(&self) -> PathBuf {
        self.directory.join("log.1")
    }

    /// Begins a new file, unless somebody else does or has done so.
    fn rotate(&self, full: u64) -> io::Result<()> {
        let path = self.directory.join("lock");
        let lock =
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let Some(_lock) = OfdLock::try_new(lock, Byte(0))? else { return Ok(()) };
        match fs::metadata(self.log()) {
            Ok(facts) if facts.ino() == full => fs::rename(self.log(), self.older()),
            _ => Ok(()),
        }
    }
}

fn encode(event: &Event) -> Vec<u8> {
    let encode = |event: &Event| {
        let mut line = serde_json::to_vec(event).expect("an event has string keys only");
        line.push(b'\n');
        line
    };
    let line = encode(event);
    if line.len() <= LINE_SIZE {
        return line;
    }
    let mut event = event.clone();
    let mut surplus = line.len() - LINE_SIZE;
    let mut by_length: Vec<(usize, String)> =
        event.attributes.iter().map(|(key, value)| (key.len() + value.len(), key.clone())).collect();
    by_length.sort();
    while surplus > 0 {
        let Some((length, key)) = by_length.pop() else { break };
        event.attributes.remove(&key);
        surplus = surplus.saturating_sub(length);
    }
    if surplus > 0 {
        // `exec` with a command line of its own length.
        let end = event.action.floor_char_boundary(LINE_SIZE / 16);
        event.action.truncate(end);
    }
    encode(&event)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn journal(dir: &tempfile::TempDir) -> Journal {
        Journal { directory: dir.path().join("events") }
    }

    pub fn all(journal: &Journal) -> Vec<Event> {
        let mut events = Vec::new();
        let query = Query { since: Some(Timestamp::MIN), until: Some(Timestamp::now()) };
        let mut keep = |event: &Event| {
            events.push(event.clone());
            Ok(())
        };
        journal.read(&query, &mut keep).unwrap();
        events
    }

    fn subject(name: &str) -> Subject {
        Subject::container("c0ffee", name, "busybox", BTreeMap::new())
    }

    #[test]
    fn what_is_written_is_read_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(&dir);
        assert_eq!(all(&journal), []);
        let events = ["create", "start", "die"].map(|action| subject("box").with("x", 1).event(action));
        events.iter().for_each(|event| journal.append(event));
        assert_eq!(all(&journal), events);
        let line = fs::read_to_string(journal.log()).unwrap();
        assert!(line.starts_with("{\"v\":1,\"time\":\""), "{line}");
    }

    #[test]
    fn the_files_stay_small_and_the_latest_events_are_in_them() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(&dir);
        let filler = "x".repeat(30_000);
        for n in 0..200 {
            journal.append(&subject("box").with("filler", &filler).with("n", n).event("start"));
        }
        let sizes: u64 = [journal.log(), journal.older()]
            .iter()
            .map(|path| fs::metadata(path).map_or(0, |facts| facts.len()))
            .sum();
        assert!(sizes < 2 * (FILE_SIZE + LINE_SIZE as u64), "{sizes}");
        let numbers: Vec<u32> = all(&journal).iter().map(|e| e.attributes["n"].parse().unwrap()).collect();
        assert!(numbers.len() > 60 && *numbers.last().unwrap() == 199, "{numbers:?}");
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    }

    #[test]
    fn a_line_has_an_end_whatever_is_in_it() {
        let long = "l".repeat(LINE_SIZE);
        let event = subject("box").with("long", &long).event("start");
        let line = encode(&event);
        assert!(line.len() <= LINE_SIZE);
        let read: Event = serde_json::from_slice(&line).unwrap();
        assert_eq!(read.attributes.keys().collect::<Vec<_>>(), ["image", "name"]);
        let line = encode(&subject("box").event(exec_action("exec_start", &[long.replace('l', "\u{1}")])));
        assert!(line.len() <= LINE_SIZE && line.ends_with(b"}\n"));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_nobodys_failure() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("events"), "").unwrap();
        journal(&dir).append(&subject("box").event("start"));
    }
}

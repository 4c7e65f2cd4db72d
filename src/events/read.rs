//! Reading events: those that are there, then those that come, across rotations.

use std::fs::{DirBuilder, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use super::{Event, Journal};

/// How long to wait for news where nobody reports changes: another machine's on a shared file system, or
/// when the user has no inotify instance left.
const PATIENCE: Duration = Duration::from_millis(500);
/// `f_type` of file systems that other machines write to (statfs(2), linux/magic.h): NFS, SMB, SMB2, CIFS,
/// Lustre, Ceph, GPFS, AFS, FUSE (whatever is behind it), 9p.
const SHARED: &[u64] = &[
    0x6969,
    0x517b,
    0xfe53_4d42,
    0xff53_4d42,
    0x0bd0_0bd0,
    0x00c3_6400,
    0x4750_4653,
    0x5346_414f,
    0x6573_5546,
    0x0102_1997,
];

/// Which events are wanted (Docker's rule): with `since` or `until` those that are there, without only
/// those that come. Those that come until `until`, for ever without.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Query {
    fn wants(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time <= until)
    }

    /// Time that is left for new ones; `None` for ever.
    fn left(&self) -> Option<Duration> {
        let until = self.until?;
        Some(Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default())
    }
}

impl Journal {
    /// Hands the events to `each`, oldest first; an error of `each` ends the reading.
    pub fn read(&self, query: &Query, each: &mut dyn FnMut(&Event) -> io::Result<()>) -> io::Result<()> {
        // The watch comes before the reading, so that nothing falls between them.
        let watch = match query.left() {
            Some(Duration::ZERO) => None,
            _ => Some(Watch::new(&self.directory)),
        };
        let mut tails = self.open_tails()?;
        if *query == Query::default() {
            for tail in &mut tails {
                tail.reader.seek(SeekFrom::End(0))?;
            }
        }
        let mut handle = |event: &Event| if query.wants(event.time) { each(event) } else { Ok(()) };
        loop {
            // Asked before the reading: what was written in time is then read.
            let left = query.left();
            for tail in &mut tails {
                tail.drain(&mut handle)?;
            }
            if self.has_rotated(&tails)? {
                self.follow_rotation(&mut tails)?;
                continue;
            }
            match &watch {
                Some(watch) if left != Some(Duration::ZERO) => watch.wait(left)?,
                _ => return Ok(()),
            }
        }
    }

    /// The older file and the one that is written, as far as they are there.
    fn open_tails(&self) -> io::Result<Vec<Tail>> {
        loop {
            // The newer first: a rotation in between shows it twice rather than not at all.
            let newer = open_if_there(&self.log())?;
            let older = open_if_there(&self.older())?;
            let inode = |file: &Option<File>| file.as_ref().and_then(|f| f.metadata().ok()).map(|m| m.ino());
            if newer.is_none() || inode(&newer) != inode(&older) {
                return [older, newer].into_iter().flatten().map(Tail::new).collect();
            }
        }
    }

    fn has_rotated(&self, tails: &[Tail]) -> io::Result<bool> {
        match self.log().metadata() {
            Ok(facts) => Ok(tails.last().is_none_or(|tail| tail.inode != facts.ino())),
            // Renamed, and the new one not begun.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// What was read so far is read on: somebody may just be writing into it.
    fn follow_rotation(&self, tails: &mut Vec<Tail>) -> io::Result<()> {
        let mut now = self.open_tails()?;
        for tail in &mut now {
            if let Some(at) = tails.iter().position(|known| known.inode == tail.inode) {
                std::mem::swap(tail, &mut tails[at]);
            }
        }
        *tails = now;
        Ok(())
    }
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

/// One file, from its current position on.
struct Tail {
    reader: BufReader<File>,
    /// As long as it is open, no other file has its number.
    inode: u64,
    /// A line without its end so far.
    part: Vec<u8>,
}

impl Tail {
    fn new(file: File) -> io::Result<Tail> {
        let inode = file.metadata()?.ino();
        Ok(Tail { reader: BufReader::with_capacity(64 << 10, file), inode, part: Vec::new() })
    }

    fn drain(&mut self, each: &mut dyn FnMut(&Event) -> io::Result<()>) -> io::Result<()> {
        while self.reader.read_until(b'\n', &mut self.part)? > 0 && self.part.ends_with(b"\n") {
            let event = parse(&self.part);
            self.part.clear();
            if let Some(event) = event {
                each(&event)?;
            }
        }
        Ok(())
    }
}

/// The event of a line. Before it may stand what a full disk has left of another: the event is the first
/// that is whole to the line's end. Its beginning cannot stand inside of a string, where quotes are escaped.
fn parse(line: &[u8]) -> Option<Event> {
    const BEGIN: &[u8] = b"{\"v\":";
    let begins = (0..line.len()).filter(|at| line[*at..].starts_with(BEGIN));
    begins.filter_map(|at| serde_json::from_slice(&line[at..]).ok()).next()
}

/// Wakes when something in the directory of events is written.
enum Watch {
    Inotify { fd: OwnedFd, is_shared: bool },
    None,
}

impl Watch {
    fn new(directory: &Path) -> Watch {
        Watch::inotify(directory).unwrap_or_else(|error| {
            tracing::debug!(%error, "no watch of the events: looking again and again");
            Watch::None
        })
    }

    fn inotify(directory: &Path) -> io::Result<Watch> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        inotify::add_watch(&fd, directory, WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::ONLYDIR)?;
        let kind = rustix::fs::statfs(directory)?.f_type as u64 & 0xffff_ffff;
        Ok(Watch::Inotify { fd, is_shared: SHARED.contains(&kind) })
    }

    /// Waits for news, at most so long.
    fn wait(&self, limit: Option<Duration>) -> io::Result<()> {
        let (fd, limit) = match self {
            Watch::Inotify { fd, is_shared: false } => (fd, limit),
            Watch::Inotify { fd, .. } => (fd, Some(limit.map_or(PATIENCE, |limit| limit.min(PATIENCE)))),
            Watch::None => {
                std::thread::sleep(limit.map_or(PATIENCE, |limit| limit.min(PATIENCE)));
                return Ok(());
            }
        };
        // poll(2) counts milliseconds in an int; longer is waited for in pieces.
        let timeout = limit
            .map(|limit| Timespec::try_from(limit.min(Duration::from_secs(86400))).expect("a day at most"));
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut news = inotify::Reader::new(fd, &mut buffer);
        loop {
            match news.next() {
                Ok(what) if what.events().contains(ReadFlags::IGNORED) => {
                    return Err(io::Error::new(
                        io::ErrorKind::NotFound,
                        "the directory of events was removed",
                    ));
                }
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all, journal};
    use super::super::{FILE_SIZE, Subject};
    use super::*;
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::sync::mpsc;

    fn event(n: usize) -> Event {
        Subject::container("c0ffee", "box", "busybox", BTreeMap::new()).with("v", n).event("start")
    }

    #[test]
    fn a_torn_line_costs_itself_only() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(&dir);
        journal.append(&event(0));
        let torn = serde_json::to_string(&event(1)).unwrap();
        for end in [3, 10, torn.len() / 2, torn.len() - 1] {
            let mut file = File::options().append(true).open(journal.log()).unwrap();
            file.write_all(&torn.as_bytes()[..end]).unwrap();
            journal.append(&event(2));
        }
        let numbers: Vec<String> = all(&journal).iter().map(|e| e.attributes["v"].clone()).collect();
        assert_eq!(numbers, ["0", "2", "2", "2", "2"]);
    }

    /// Reads for ever in a thread of its own.
    fn follow(journal: &Journal, query: Query) -> mpsc::Receiver<Event> {
        let (tell, events) = mpsc::channel();
        let journal = journal.clone();
        std::thread::spawn(move || {
            let _ = journal.read(&query, &mut |event| tell.send(event.clone()).map_err(io::Error::other));
        });
        events
    }

    #[test]
    fn events_are_followed_across_rotations_with_several_writers() {
        const WRITERS: usize = 4;
        const EACH: usize = 100;
        const ROUNDS: usize = 5;
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(&dir);
        journal.append(&event(0));
        let events = follow(&journal, Query { since: Some(Timestamp::MIN), until: None });
        let next = || events.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(next().attributes["v"], "0");
        let filler = "x".repeat(4000);
        let round = WRITERS * EACH;
        // A round fits into one file, so that the reader keeps up; all of them do not fit into two.
        assert!(((round * 4200) as u64) < FILE_SIZE && (ROUNDS * round * 4000) as u64 > 3 * FILE_SIZE);
        for _ in 0..ROUNDS {
            std::thread::scope(|scope| {
                for writer in 0..WRITERS {
                    let (journal, filler) = (&journal, &filler);
                    scope.spawn(move || {
                        for n in 0..EACH {
                            let mut event = event(writer * EACH + n);
                            event.attributes.insert("filler".into(), filler.clone());
                            journal.append(&event);
                        }
                    });
                }
            });
            let mut numbers: Vec<usize> =
                (0..round).map(|_| next().attributes["v"].parse().unwrap()).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..round).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_reading_ends_at_until() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(&dir);
        journal.append(&event(0));
        let soon = Timestamp::now() + Duration::from_millis(50);
        let mut count = 0;
        let mut counted = |_: &Event| {
            count += 1;
            Ok(())
        };
        journal.read(&Query { since: None, until: Some(soon) }, &mut counted).unwrap();
        assert!(count == 1 && Timestamp::now() >= soon);
        let before = Query { since: None, until: Some(Timestamp::UNIX_EPOCH) };
        journal.read(&before, &mut |_| panic!("too late")).unwrap();
    }
}

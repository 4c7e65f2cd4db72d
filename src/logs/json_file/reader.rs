//! The engine's side: from the last so many lines on, between two moments, following what is written.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use serde::Deserialize;

use super::rotated;
use crate::logs::{Entry, Query, Stream};

const CHUNK: usize = 64 * 1024;

/// How long to wait for news of a file on which nobody reports changes (another machine's, on NFS).
const PATIENCE: Duration = Duration::from_millis(500);
/// The same, once the log was closed and the supervisor is about to end.
const CLOSING: Duration = Duration::from_millis(5);

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

/// `None` for a line that a crash or a full disk has cut.
fn parse(line: &[u8]) -> Option<Entry> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let time = line.time.parse().ok()?;
    let stream = if line.stream == "stderr" { Stream::Stderr } else { Stream::Stdout };
    Some(Entry { time, stream, text: line.log.into_owned().into_bytes() })
}

/// Hands the entries that `query` asks for to `each`, oldest first. With `query.follow` until `is_alive`
/// says no and everything written before has been read. A missing log is an empty one.
pub fn read(
    path: &Path,
    query: &Query,
    is_alive: &dyn Fn() -> bool,
    each: &mut dyn FnMut(&Entry) -> io::Result<()>,
) -> io::Result<()> {
    // The watch comes before the reading, so that nothing falls between them.
    let watch = if query.follow { Watch::new(path).ok() } else { None };
    let mut files = open_all(path)?;
    if let Some(lines) = query.tail {
        seek_to_tail(&mut files, lines)?;
    }
    let mut last = None;
    let mut handle = |entry: &Entry| -> io::Result<bool> {
        if query.until.is_some_and(|until| entry.time > until) {
            return Ok(false);
        }
        if query.since.is_none_or(|since| entry.time >= since) {
            each(entry)?;
        }
        Ok(true)
    };
    for file in files {
        let mut lines = Lines::new(file);
        if !lines.drain(&mut handle)? {
            return Ok(());
        }
        last = Some(lines);
    }
    if query.follow { follow(path, last, watch, query.until, is_alive, &mut handle) } else { Ok(()) }
}

fn follow(
    path: &Path,
    mut lines: Option<Lines>,
    watch: Option<Watch>,
    until: Option<Timestamp>,
    is_alive: &dyn Fn() -> bool,
    handle: &mut dyn FnMut(&Entry) -> io::Result<bool>,
) -> io::Result<()> {
    let mut closing = false;
    loop {
        // Asked before reading: what was written while it lived is then read after.
        let alive = is_alive();
        if lines.is_none() {
            // The log has just been begun; it may have been rotated since.
            for file in open_all(path)? {
                if let Some(older) = &mut lines
                    && !older.drain(handle)?
                {
                    return Ok(());
                }
                lines = Some(Lines::new(file));
            }
        }
        if let Some(current) = &mut lines {
            if !current.drain(handle)? {
                return Ok(());
            }
            if current.was_replaced(path)? {
                // Rotated, perhaps more than once: the rest of ours, then all that came after it.
                let mut newer = files_after(path, current.inode()?)?;
                newer.reverse();
                while let Some(file) = newer.pop() {
                    if !lines.as_mut().expect("set above").drain(handle)? {
                        return Ok(());
                    }
                    lines = Some(Lines::new(file));
                }
                continue;
            }
        }
        if !alive || until.is_some_and(|until| Timestamp::now() > until) {
            return Ok(());
        }
        let patience = if closing { CLOSING } else { PATIENCE };
        match &watch {
            Some(watch) => closing = watch.wait(patience)? || closing,
            None => std::thread::sleep(PATIENCE.min(Duration::from_millis(100))),
        }
    }
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The rotated files and the one being written, oldest first.
fn open_all(path: &Path) -> io::Result<Vec<File>> {
    // The newest first, so that a rotation meanwhile shows a file twice rather than not at all; the
    // second copy is recognised by its inode.
    let mut files: Vec<File> = Vec::new();
    let mut seen = Vec::new();
    let mut missing = 0;
    for n in 0.. {
        let Some(file) = open_if_there(&rotated(path, n))? else {
            // A rotation renames from the oldest on, and leaves a hole that moves towards the newest: what
            // was there is behind it now. A second one may have begun.
            missing += 1;
            if missing > 2 {
                break;
            }
            continue;
        };
        missing = 0;
        let inode = file.metadata()?.ino();
        if !seen.contains(&inode) {
            seen.push(inode);
            files.push(file);
        }
    }
    files.reverse();
    Ok(files)
}

/// The files that were begun after the one with this inode, oldest first.
fn files_after(path: &Path, inode: u64) -> io::Result<Vec<File>> {
    let mut files = open_all(path)?;
    for at in (0..files.len()).rev() {
        if files[at].metadata()?.ino() == inode {
            files.drain(..=at);
            break;
        }
    }
    Ok(files)
}

/// Positions the files so that `lines` entries are left, reading backwards from the end.
fn seek_to_tail(files: &mut Vec<File>, lines: u64) -> io::Result<()> {
    let mut wanted = lines;
    let mut keep_from = files.len();
    for (at, file) in files.iter_mut().enumerate().rev() {
        keep_from = at;
        let (start, found) = tail_start(file, wanted)?;
        file.seek(SeekFrom::Start(start))?;
        wanted -= found;
        if wanted == 0 {
            break;
        }
    }
    files.drain(..keep_from);
    Ok(())
}

/// Where the last `wanted` lines begin, and how many there are if fewer.
fn tail_start(file: &mut File, wanted: u64) -> io::Result<(u64, u64)> {
    let end = file.seek(SeekFrom::End(0))?;
    if wanted == 0 {
        return Ok((end, 0));
    }
    let mut chunk = vec![0; CHUNK];
    let mut at = end;
    let mut found = 0;
    while at > 0 {
        let length = at.min(CHUNK as u64);
        at -= length;
        let piece = &mut chunk[..length as usize];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(piece)?;
        for (offset, _) in piece.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
            let next = at + offset as u64 + 1;
            // The newline that ends the file begins no line.
            if next == end {
                continue;
            }
            found += 1;
            if found == wanted {
                return Ok((next, found));
            }
        }
    }
    Ok((0, found + u64::from(end > 0)))
}

/// The lines of one open file, from its current position on.
struct Lines {
    reader: BufReader<File>,
    /// A line without its end so far.
    part: Vec<u8>,
    position: u64,
}

impl Lines {
    fn new(file: File) -> Lines {
        let mut file = file;
        let position = file.stream_position().unwrap_or(0);
        Lines { reader: BufReader::with_capacity(CHUNK, file), part: Vec::new(), position }
    }

    /// Reads to the end as it is now. `false` when `handle` has had enough.
    fn drain(&mut self, handle: &mut dyn FnMut(&Entry) -> io::Result<bool>) -> io::Result<bool> {
        if self.reader.get_ref().metadata()?.len() < self.position {
            // Cut to nothing by a rotation with a single file.
            self.reader.seek(SeekFrom::Start(0))?;
            self.position = 0;
            self.part.clear();
        }
        loop {
            let before = self.part.len();
            let n = self.reader.read_until(b'\n', &mut self.part)?;
            self.position += n as u64;
            if self.part.last() != Some(&b'\n') || self.part.len() == before {
                return Ok(true);
            }
            let entry = parse(&self.part);
            self.part.clear();
            if let Some(entry) = entry
                && !handle(&entry)?
            {
                return Ok(false);
            }
        }
    }

    fn inode(&self) -> io::Result<u64> {
        Ok(self.reader.get_ref().metadata()?.ino())
    }

    /// Whether the name now leads to another file.
    fn was_replaced(&self, path: &Path) -> io::Result<bool> {
        match path.metadata() {
            Ok(now) => {
                let mine = self.reader.get_ref().metadata()?;
                Ok((now.dev(), now.ino()) != (mine.dev(), mine.ino()))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// Wakes when something in the log's directory is written or closed.
struct Watch(OwnedFd);

impl Watch {
    fn new(path: &Path) -> io::Result<Watch> {
        use inotify::{CreateFlags, WatchFlags};
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let events =
            WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF;
        inotify::add_watch(&fd, directory, events)?;
        Ok(Watch(fd))
    }

    /// Waits for news; whether one of them was that a writer has closed a file.
    fn wait(&self, patience: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(patience).expect("a short time");
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.0, &mut buffer);
        let mut closed = false;
        loop {
            match events.next() {
                Ok(event) => closed |= event.events().contains(inotify::ReadFlags::CLOSE_WRITE),
                Err(rustix::io::Errno::AGAIN) => return Ok(closed),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

//! The engine's side: from the last so many lines on, between two moments, following what is written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

use super::compress::former_inode;
use super::{Decode, Step, compressed, rotated};
use crate::logs::{Entry, Query, Receiver};

/// Read at once.
const CHUNK: usize = 256 * 1024;
/// An entry longer than this is none.
const LONGEST: usize = 64 * CHUNK;

/// How long to wait for news of a file on which nobody reports changes (another machine's, on NFS).
const PATIENCE: Duration = Duration::from_millis(500);
/// The same, once the log was closed and the supervisor is about to end.
const CLOSING: Duration = Duration::from_millis(5);

/// As `logs::read`.
pub fn read<D: Decode>(
    path: &Path,
    query: &Query,
    is_alive: &dyn Fn() -> bool,
    to: &mut dyn Receiver,
) -> io::Result<()> {
    // The watch comes before the reading, so that nothing falls between them.
    let watch = if query.follow { Watch::new(path).ok() } else { None };
    let mut filter = Filter { query, to };
    let mut last = None;
    for file in tail::<D>(open_all(path)?, query.tail)? {
        let mut lines = file;
        if !lines.drain(&mut filter)? {
            return Ok(());
        }
        last = Some(lines);
    }
    if query.follow { follow(path, last, watch, is_alive, &mut filter) } else { filter.to.caught_up() }
}

/// Passes on what was asked for.
struct Filter<'a> {
    query: &'a Query,
    to: &'a mut dyn Receiver,
}

impl Filter<'_> {
    /// `false` when the end has come.
    fn take(&mut self, entry: &Entry<'_>) -> io::Result<bool> {
        if self.query.until.is_some_and(|until| entry.time > until) {
            self.to.caught_up()?;
            return Ok(false);
        }
        if self.query.since.is_none_or(|since| entry.time >= since) {
            self.to.take(entry)?;
        }
        Ok(true)
    }
}

fn follow<D: Decode>(
    path: &Path,
    mut lines: Option<Lines<D>>,
    watch: Option<Watch>,
    is_alive: &dyn Fn() -> bool,
    filter: &mut Filter<'_>,
) -> io::Result<()> {
    let mut closing = false;
    loop {
        // Asked before reading: what was written while it lived is then read after.
        let alive = is_alive();
        let newer = match &mut lines {
            // The log has just been begun; it may have been rotated since.
            None => open_all(path)?,
            Some(current) => {
                if !current.drain(filter)? {
                    return Ok(());
                }
                match current.was_replaced(path)? {
                    // Rotated, perhaps more than once: the rest of ours, then all that came after it.
                    true => files_after(path, current.inode)?,
                    false => Vec::new(),
                }
            }
        };
        let was_rotated = lines.is_some() && !newer.is_empty();
        for file in newer {
            if let Some(older) = &mut lines
                && !older.drain(filter)?
            {
                return Ok(());
            }
            lines = Some(Lines::new(file, 0)?);
        }
        if was_rotated {
            continue;
        }
        if let Some(current) = &mut lines
            && !current.drain(filter)?
        {
            return Ok(());
        }
        filter.to.caught_up()?;
        if !alive || filter.query.until.is_some_and(|until| Timestamp::now() > until) {
            return Ok(());
        }
        let patience = if closing { CLOSING } else { PATIENCE };
        match &watch {
            Some(watch) => closing = watch.wait(patience)? || closing,
            None => std::thread::sleep(PATIENCE.min(Duration::from_millis(100))),
        }
    }
}

/// One file of a log.
struct Found {
    file: File,
    /// The one it has, or had before it was compressed.
    inode: u64,
    is_compressed: bool,
}

impl Found {
    fn open(path: &Path, n: u32) -> io::Result<Option<Found>> {
        if let Some(file) = open_if_there(&rotated(path, n))? {
            let inode = file.metadata()?.ino();
            return Ok(Some(Found { file, inode, is_compressed: false }));
        }
        if n == 0 {
            return Ok(None);
        }
        // A file is compressed under its new name before the old one goes.
        let file = open_if_there(&compressed(path, n))?;
        Ok(file.map(|file| Found { inode: former_inode(&file), file, is_compressed: true }))
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
fn open_all(path: &Path) -> io::Result<Vec<Found>> {
    /// A log that is rotated more often than we can look is taken as it is then.
    const LOOKS: usize = 100;
    let mut files = look(path)?;
    for _ in 1..LOOKS {
        // Names that moved on while we looked may have been passed over.
        let newest = path.metadata().ok().map(|data| data.ino());
        if newest == files.last().map(|found| found.inode) {
            break;
        }
        files = look(path)?;
    }
    Ok(files)
}

fn look(path: &Path) -> io::Result<Vec<Found>> {
    // The newest first, so that a rotation meanwhile shows a file twice rather than not at all; the second
    // copy is recognised by its inode. Two neighbours never have had the same one.
    let mut files: Vec<Found> = Vec::new();
    let mut missing = 0;
    for n in 0.. {
        let Some(found) = Found::open(path, n)? else {
            // A rotation renames from the oldest on, and leaves a hole that moves towards the newest: what
            // was there is behind it now. A second one may have begun.
            missing += 1;
            if missing > 2 {
                break;
            }
            continue;
        };
        missing = 0;
        if files.last().is_none_or(|newer| newer.inode != found.inode) {
            files.push(found);
        }
    }
    files.reverse();
    Ok(files)
}

/// The files that were begun after the one with this inode, oldest first. An older one may have had the
/// same inode, a newer one cannot, as the file is still open.
fn files_after(path: &Path, inode: u64) -> io::Result<Vec<Found>> {
    let mut files = open_all(path)?;
    if let Some(at) = files.iter().rposition(|found| found.inode == inode) {
        files.drain(..=at);
    }
    Ok(files)
}

/// The files positioned so that `wanted` entries are left, looking from the newest on.
fn tail<D: Decode>(files: Vec<Found>, wanted: Option<u64>) -> io::Result<Vec<Lines<D>>> {
    let Some(mut wanted) = wanted else {
        return files.into_iter().map(|file| Lines::new(file, 0)).collect();
    };
    let mut chosen = Vec::new();
    for found in files.into_iter().rev() {
        if wanted == 0 && !chosen.is_empty() {
            break;
        }
        let (lines, count) = if found.is_compressed {
            // It can only be read forwards: once to count, once to show.
            let count = Lines::<D>::new(found.again()?, 0)?.count()?;
            (Lines::counted(found, count.saturating_sub(wanted))?, count.min(wanted))
        } else {
            let (start, count) = D::tail(&found.file, wanted)?;
            (Lines::new(found, start)?, count)
        };
        wanted -= count;
        chosen.push(lines);
    }
    chosen.reverse();
    Ok(chosen)
}

impl Found {
    /// The same file from its start, read apart from this one.
    fn again(&self) -> io::Result<Found> {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&self.file));
        let (inode, is_compressed) = (self.inode, self.is_compressed);
        Ok(Found { file: File::open(path)?, inode, is_compressed })
    }
}

enum Source {
    Plain(File),
    Compressed(Box<GzDecoder<File>>),
}

/// The entries of one open file, from a position on.
struct Lines<D> {
    source: Source,
    inode: u64,
    decoder: D,
    /// `buffer[start..end]` was read and not yet decoded.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Of a plain file, how far it was read.
    position: u64,
    /// Entries that are not wanted.
    skip: u64,
    /// Bytes of the file's head that were not passed over yet.
    head: usize,
}

impl<D: Decode> Lines<D> {
    fn new(found: Found, position: u64) -> io::Result<Lines<D>> {
        let Found { mut file, inode, is_compressed } = found;
        let source = if is_compressed {
            Source::Compressed(Box::new(GzDecoder::new(file)))
        } else {
            file.seek(SeekFrom::Start(position))?;
            Source::Plain(file)
        };
        let head = D::HEAD.len().saturating_sub(position as usize);
        let decoder = D::default();
        Ok(Lines { source, inode, decoder, buffer: Vec::new(), start: 0, end: 0, position, skip: 0, head })
    }

    fn counted(found: Found, skip: u64) -> io::Result<Lines<D>> {
        Ok(Lines { skip, ..Lines::new(found, 0)? })
    }

    /// Reads to the end as it is now. `false` when `filter` has had enough.
    fn drain(&mut self, filter: &mut Filter<'_>) -> io::Result<bool> {
        self.notice_cut()?;
        self.each(|entry| filter.take(entry))
    }

    fn count(mut self) -> io::Result<u64> {
        let mut count = 0;
        self.each(|_| {
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    }

    fn each(&mut self, mut act: impl FnMut(&Entry<'_>) -> io::Result<bool>) -> io::Result<bool> {
        loop {
            let head = self.head.min(self.end - self.start);
            self.head -= head;
            self.start += head;
            loop {
                match self.decoder.decode(&self.buffer[self.start..self.end]) {
                    Step::Entry(length, entry) => {
                        self.start += length;
                        if self.skip > 0 {
                            self.skip -= 1;
                        } else if !act(&entry)? {
                            return Ok(false);
                        }
                    }
                    Step::Damaged(length) => self.start += length,
                    Step::More => break,
                }
            }
            if self.fill()? == 0 {
                return Ok(true);
            }
        }
    }

    /// Reads on behind what is there; how much came.
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            if self.end >= LONGEST {
                self.end = 0;
            } else {
                let length = (self.buffer.len() * 2).max(CHUNK);
                self.buffer.resize(length, 0);
            }
        }
        let room = &mut self.buffer[self.end..];
        let n = match &mut self.source {
            Source::Plain(file) => file.read(room)?,
            Source::Compressed(stream) => stream.read(room)?,
        };
        self.end += n;
        self.position += n as u64;
        Ok(n)
    }

    /// Somebody has cut it to nothing: it is read from its start again.
    fn notice_cut(&mut self) -> io::Result<()> {
        if let Source::Plain(file) = &mut self.source
            && file.metadata()?.len() < self.position
        {
            file.seek(SeekFrom::Start(0))?;
            self.position = 0;
            (self.start, self.end) = (0, 0);
            self.head = D::HEAD.len();
        }
        Ok(())
    }

    /// Whether the name now leads to another file.
    fn was_replaced(&self, path: &Path) -> io::Result<bool> {
        match path.metadata() {
            Ok(now) => Ok(now.ino() != self.inode),
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

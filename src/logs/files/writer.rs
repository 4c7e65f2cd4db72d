//! The supervisor's side: bytes of a stream in, whole entries out, one write(2) for all that came.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::compress::Compressing;
use super::{Encode, PART, compressed, rotated};
use crate::logs::options::Rotation;
use crate::logs::{Sink, Stream};

/// Memory that an idle writer may keep.
const KEEP: usize = 4096;

/// Appends to one container's log. Never synced: a log is not worth a container's speed.
pub struct Writer<E: Encode> {
    file: Files<E>,
    encoder: E,
    /// The unfinished line of each stream.
    pending: [Vec<u8>; 2],
    out: Vec<u8>,
}

impl<E: Encode> Writer<E> {
    /// Opens the log for appending.
    pub fn open(path: &Path, rotation: Rotation, encoder: E) -> io::Result<Writer<E>> {
        let pending = [Vec::new(), Vec::new()];
        Ok(Writer { file: Files::open(path, rotation)?, encoder, pending, out: Vec::new() })
    }

    fn entry(&mut self, stream: Stream, text: &[u8], now: Timestamp) -> io::Result<()> {
        if self.file.is_full(self.out.len()) {
            self.flush()?;
            self.file.rotate()?;
        }
        self.encoder.encode(stream, text, now, &mut self.out);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let result = self.file.append(&self.out);
        // Much is followed by more: the memory goes when little comes.
        let length = self.out.len();
        self.out.clear();
        self.out.shrink_to(KEEP.max(2 * length));
        result
    }
}

impl<E: Encode> Sink for Writer<E> {
    fn write(&mut self, stream: Stream, mut bytes: &[u8]) -> io::Result<()> {
        let now = Timestamp::now();
        while !bytes.is_empty() {
            let waiting = self.pending[stream as usize].len();
            let room = PART - waiting;
            let window = &bytes[..bytes.len().min(room)];
            let end = match memchr::memchr(b'\n', window) {
                Some(at) => at + 1,
                None if window.len() == room => cut(window),
                None => {
                    self.pending[stream as usize].extend_from_slice(window);
                    break;
                }
            };
            let (entry, rest) = bytes.split_at(end);
            bytes = rest;
            if waiting == 0 {
                self.entry(stream, entry, now)?;
            } else {
                let mut whole = std::mem::take(&mut self.pending[stream as usize]);
                whole.extend_from_slice(entry);
                let result = self.entry(stream, &whole, now);
                whole.clear();
                whole.shrink_to(KEEP);
                self.pending[stream as usize] = whole;
                result?;
            }
        }
        self.flush()
    }

    fn finish(&mut self, stream: Stream) -> io::Result<()> {
        let rest = std::mem::take(&mut self.pending[stream as usize]);
        if rest.is_empty() {
            return Ok(());
        }
        self.entry(stream, &rest, Timestamp::now())?;
        self.flush()
    }
}

/// Where to cut a part that is full: not inside a UTF-8 character, which JSON could not hold.
fn cut(window: &[u8]) -> usize {
    let tail = window.len().saturating_sub(3);
    match std::str::from_utf8(&window[tail..]) {
        Err(e) if e.error_len().is_none() && tail + e.valid_up_to() > 0 => tail + e.valid_up_to(),
        _ => match window[tail..].iter().rposition(|b| *b >= 0xc0) {
            // The tail starts inside a character; a lead byte near the end begins the cut one.
            Some(at) if std::str::from_utf8(&window[tail + at..]).is_err() && tail + at > 0 => tail + at,
            _ => window.len(),
        },
    }
}

/// The file being written, and the older ones.
struct Files<E> {
    path: PathBuf,
    file: File,
    size: u64,
    rotation: Rotation,
    compressing: Option<Compressing>,
    format: std::marker::PhantomData<fn() -> E>,
}

impl<E: Encode> Files<E> {
    fn open(path: &Path, rotation: Rotation) -> io::Result<Files<E>> {
        let file = open(path)?;
        let size = E::mend(&file)?;
        let mut files = Files {
            path: path.to_owned(),
            file,
            size,
            rotation,
            compressing: None,
            format: std::marker::PhantomData,
        };
        if size == 0 {
            files.append(E::HEAD)?;
        }
        // What the one before us was not given the time for.
        if rotation.compress && rotated(path, 1).exists() {
            files.compressing = Some(Compressing::start(path)?);
        }
        Ok(files)
    }

    fn is_full(&self, pending: usize) -> bool {
        let size = self.size + pending as u64;
        self.rotation.max_size.is_some_and(|max| size >= max) && size > E::HEAD.len() as u64
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all(bytes) {
            Ok(()) => self.size += bytes.len() as u64,
            Err(error) => {
                // Half an entry would spoil the next one.
                if self.file.metadata().is_ok_and(|data| data.len() > self.size) {
                    let _ = self.file.set_len(self.size);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        if let Some(compressing) = self.compressing.take() {
            compressing.wait();
        }
        // Where it is missing, an earlier rotation has come that far.
        if self.path.exists() {
            if self.rotation.max_files > 1 {
                for n in (1..self.rotation.max_files).rev() {
                    self.shift(n)?;
                }
            } else {
                // Not cut to nothing, so that who follows it can read it to its end.
                fs::remove_file(&self.path)?;
            }
        }
        self.file = open(&self.path)?;
        self.size = 0;
        self.append(E::HEAD)?;
        if self.rotation.compress {
            self.compressing = Some(Compressing::start(&self.path)?);
        }
        Ok(())
    }

    /// Makes the file before the `n`th the `n`th.
    fn shift(&self, n: u32) -> io::Result<()> {
        let from_plain = rotated(&self.path, n - 1);
        let (plain, packed) = (rotated(&self.path, n), compressed(&self.path, n));
        if move_if_there(&from_plain, &plain)? {
            remove_if_there(&packed)?;
            // Two forms of one file: a compression was cut off at its last step.
            if n > 1 {
                remove_if_there(&compressed(&self.path, n - 1))?;
            }
        } else if n > 1 && move_if_there(&compressed(&self.path, n - 1), &packed)? {
            remove_if_there(&plain)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).append(true).create(true).mode(0o600).open(path)
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

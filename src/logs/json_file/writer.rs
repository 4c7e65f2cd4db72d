//! The supervisor's side: bytes of a stream in, whole entries out, one write(2) for all that came.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Options, PART, rotated};
use crate::logs::Stream;

/// Memory that an idle writer may keep.
const KEEP: usize = 4096;

/// Appends to one container's log. Never synced: a log is not worth a container's speed.
pub struct Writer {
    path: PathBuf,
    file: File,
    size: u64,
    options: Options,
    /// `"attrs":{…},` or nothing.
    attributes: Vec<u8>,
    /// The unfinished line of each stream.
    pending: [Vec<u8>; 2],
    out: Vec<u8>,
    clock: Clock,
    /// A failed write may have left half an entry: it is closed with a newline first.
    torn: bool,
}

impl Writer {
    /// Opens the log for appending. `attributes` go into every entry (`--log-opt labels=…`).
    pub fn open(path: &Path, options: Options, attributes: &[(String, String)]) -> io::Result<Writer> {
        let mut file = open(path)?;
        let size = file.seek(SeekFrom::End(0))?;
        let mut last = [b'\n'];
        if size > 0 {
            file.seek(SeekFrom::Start(size - 1))?;
            file.read_exact(&mut last)?;
        }
        let attributes = match attributes {
            [] => Vec::new(),
            some => {
                let object: serde_json::Map<String, serde_json::Value> =
                    some.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
                format!("\"attrs\":{},", serde_json::Value::Object(object)).into_bytes()
            }
        };
        Ok(Writer {
            path: path.to_owned(),
            file,
            size,
            options,
            attributes,
            pending: [Vec::new(), Vec::new()],
            out: Vec::new(),
            clock: Clock::default(),
            torn: last != [b'\n'],
        })
    }

    /// Takes what a stream gave. Whole lines are written, the rest waits for its end.
    pub fn write(&mut self, stream: Stream, mut bytes: &[u8]) -> io::Result<()> {
        let now = Timestamp::now();
        while !bytes.is_empty() {
            let waiting = self.pending[stream as usize].len();
            let room = PART - waiting;
            let window = &bytes[..bytes.len().min(room)];
            let end = match find_newline(window) {
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
                self.entry(stream, &whole, now)?;
                whole.clear();
                whole.shrink_to(KEEP);
                self.pending[stream as usize] = whole;
            }
        }
        self.flush()
    }

    /// The stream has ended: its unfinished line is stored without a newline.
    pub fn finish(&mut self, stream: Stream) -> io::Result<()> {
        let rest = std::mem::take(&mut self.pending[stream as usize]);
        if rest.is_empty() {
            return Ok(());
        }
        self.entry(stream, &rest, Timestamp::now())?;
        self.flush()
    }

    fn entry(&mut self, stream: Stream, text: &[u8], now: Timestamp) -> io::Result<()> {
        if self.options.max_size.is_some_and(|max| self.size + self.out.len() as u64 >= max) {
            self.flush()?;
            self.rotate()?;
        }
        let out = &mut self.out;
        out.extend_from_slice(b"{\"log\":\"");
        escape(text, out);
        out.extend_from_slice(match stream {
            Stream::Stdout => b"\",\"stream\":\"stdout\",",
            Stream::Stderr => b"\",\"stream\":\"stderr\",",
        });
        out.extend_from_slice(&self.attributes);
        out.extend_from_slice(b"\"time\":\"");
        self.clock.write(now, out);
        out.extend_from_slice(b"\"}\n");
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        if self.torn {
            self.out.insert(0, b'\n');
        }
        let result = self.file.write_all(&self.out);
        self.torn = result.is_err();
        self.size += self.out.len() as u64;
        self.out.clear();
        self.out.shrink_to(KEEP);
        result
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.size == 0 {
            return Ok(());
        }
        if self.options.max_files == 1 {
            self.file.set_len(0)?;
        } else {
            for n in (1..self.options.max_files).rev() {
                match fs::rename(rotated(&self.path, n - 1), rotated(&self.path, n)) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                    _ => {}
                }
            }
            self.file = open(&self.path)?;
        }
        self.size = 0;
        self.torn = false;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).append(true).create(true).mode(0o600).open(path)
}

fn find_newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == b'\n')
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

/// The text of a JSON string: as Docker, invalid UTF-8 becomes U+FFFD, `<`, `>`, `&`, U+2028 and U+2029 are
/// escaped.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    if text.iter().all(|b| matches!(b, 0x20..=0x7e) && !matches!(b, b'"' | b'\\' | b'<' | b'>' | b'&')) {
        return out.extend_from_slice(text);
    }
    for chunk in text.utf8_chunks() {
        escape_valid(chunk.valid(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

fn escape_valid(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let short: Option<&[u8]> = match byte {
            b'"' => Some(b"\\\""),
            b'\\' => Some(b"\\\\"),
            b'\n' => Some(b"\\n"),
            b'\r' => Some(b"\\r"),
            b'\t' => Some(b"\\t"),
            0..=0x1f | b'<' | b'>' | b'&' => None,
            0xe2 if matches!(&bytes[at..], [_, 0x80, 0xa8 | 0xa9, ..]) => {
                out.extend_from_slice(&bytes[done..at]);
                out.extend_from_slice(if bytes[at + 2] == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                at += 3;
                done = at;
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        };
        out.extend_from_slice(&bytes[done..at]);
        match short {
            Some(escaped) => out.extend_from_slice(escaped),
            None => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        at += 1;
        done = at;
    }
    out.extend_from_slice(&bytes[done..]);
}

/// RFC 3339 with nanoseconds. The date costs a calendar computation, so it is kept for its second.
#[derive(Default)]
struct Clock {
    second: Option<i64>,
    text: String,
}

impl Clock {
    fn write(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        if self.second != Some(now.as_second()) {
            self.second = Some(now.as_second());
            self.text = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        }
        out.extend_from_slice(self.text.as_bytes());
        let mut digits = [b'0'; 9];
        let mut rest = now.subsec_nanosecond().max(0);
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        // Go's RFC3339Nano drops final zeros.
        let length = digits.iter().rposition(|d| *d != b'0').map_or(0, |last| last + 1);
        if length > 0 {
            out.push(b'.');
            out.extend_from_slice(&digits[..length]);
        }
        out.push(b'Z');
    }
}

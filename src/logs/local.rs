//! `local`: a compact format of our own, rotated and compressed unless told otherwise.
//!
//! ```text
//! file    "CLG1" entry*
//! entry   u32 length of the body | body | u32 the same length again, to read backwards
//! body    u8 flags | i64 nanoseconds since 1970 | [u32 length | attributes as JSON] | text
//! flags   1: standard error; 2: a part of a line, no newline follows the text; 4: has attributes
//! ```
//! Numbers are little-endian.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use jiff::Timestamp;

use super::files::{Decode, Encode, Step, Writer};
use super::options::{OptionError, Options, Rotation, invalid, is_known};
use super::{Entry, Sink, Stream, attributes};

/// Docker's.
const DEFAULTS: Rotation = Rotation { max_size: Some(20 * 1024 * 1024), max_files: 5, compress: true };

const HEAD: &[u8] = b"CLG1";
const STDERR: u8 = 1;
const PART: u8 = 2;
const ATTRIBUTES: u8 = 4;
/// Of the flags and the time.
const FIXED: usize = 9;
/// No body is longer: text and attributes both have limits far below it.
const LONGEST: u32 = 16 * 1024 * 1024;

pub fn check(options: &Options) -> Result<(), OptionError> {
    if let Some(name) = options.keys().find(|name| !is_known(name)) {
        return invalid(format!("unknown log opt '{name}' for log driver local"));
    }
    let rotation = DEFAULTS.read(options)?;
    if rotation.compress && rotation.max_files < 2 {
        return invalid("compression cannot be enabled when max file count is 1");
    }
    attributes::check(options)
}

pub fn open(path: &Path, options: &Options, attributes: Vec<u8>) -> io::Result<Box<dyn Sink>> {
    let rotation = DEFAULTS.read(options).map_err(io::Error::other)?;
    Ok(Box::new(Writer::open(path, rotation, Encoder { attributes })?))
}

pub struct Encoder {
    pub attributes: Vec<u8>,
}

impl Encode for Encoder {
    const HEAD: &'static [u8] = HEAD;

    fn encode(&mut self, stream: Stream, text: &[u8], time: Timestamp, out: &mut Vec<u8>) {
        let (text, part) = match text {
            [line @ .., b'\n'] => (line, 0),
            _ => (text, PART),
        };
        let mut flags = part;
        if stream == Stream::Stderr {
            flags |= STDERR;
        }
        let mut length = FIXED + text.len();
        if !self.attributes.is_empty() {
            flags |= ATTRIBUTES;
            length += 4 + self.attributes.len();
        }
        let length = (length as u32).to_le_bytes();
        out.extend_from_slice(&length);
        out.push(flags);
        // Until the year 2262.
        let nanoseconds = i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX);
        out.extend_from_slice(&nanoseconds.to_le_bytes());
        if !self.attributes.is_empty() {
            out.extend_from_slice(&(self.attributes.len() as u32).to_le_bytes());
            out.extend_from_slice(&self.attributes);
        }
        out.extend_from_slice(text);
        out.extend_from_slice(&length);
    }

    /// What was cut goes.
    fn mend(file: &File) -> io::Result<u64> {
        let size = file.metadata()?.len();
        let whole = match before(file, size)? {
            Some(_) => size,
            None => whole_part(file, size)?,
        };
        if whole < size {
            file.set_len(whole)?;
        }
        Ok(whole)
    }
}

/// Where the entry that ends at `end` begins; `None` when none ends there.
fn before(file: &File, end: u64) -> io::Result<Option<u64>> {
    let mut number = [0; 4];
    let head = HEAD.len() as u64;
    if end < head + 8 + FIXED as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut number, end - 4)?;
    let length = u32::from_le_bytes(number);
    let start = end.checked_sub(8 + u64::from(length)).filter(|start| *start >= head);
    let Some(start) = start.filter(|_| length as usize >= FIXED) else { return Ok(None) };
    file.read_exact_at(&mut number, start)?;
    Ok((u32::from_le_bytes(number) == length).then_some(start))
}

/// How much of the file is whole entries.
fn whole_part(file: &File, size: u64) -> io::Result<u64> {
    let mut head = [0; HEAD.len()];
    if size < HEAD.len() as u64 {
        return Ok(0);
    }
    file.read_exact_at(&mut head, 0)?;
    if head != HEAD {
        return Ok(0);
    }
    let mut at = HEAD.len() as u64;
    let mut number = [0; 4];
    while at + 4 <= size {
        file.read_exact_at(&mut number, at)?;
        let end = at + 8 + u64::from(u32::from_le_bytes(number));
        if end > size || before(file, end)? != Some(at) {
            break;
        }
        at = end;
    }
    Ok(at)
}

#[derive(Default)]
pub struct Reader {
    text: Vec<u8>,
}

impl Decode for Reader {
    const HEAD: &'static [u8] = HEAD;

    fn decode<'a>(&'a mut self, bytes: &'a [u8]) -> Step<'a> {
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Step::More };
        let length = u32::from_le_bytes(*length);
        if length > LONGEST {
            // Where the next one begins is not known.
            return Step::Damaged(bytes.len());
        }
        let Some(body) = rest.get(..length as usize) else { return Step::More };
        if rest.len() < body.len() + 4 {
            return Step::More;
        }
        let whole = body.len() + 8;
        let Some((time, flags, attributes, text)) = parts(body) else { return Step::Damaged(whole) };
        self.text.clear();
        self.text.extend_from_slice(text);
        if flags & PART == 0 {
            self.text.push(b'\n');
        }
        let stream = if flags & STDERR != 0 { Stream::Stderr } else { Stream::Stdout };
        Step::Entry(whole, Entry { time, stream, text: &self.text, attributes })
    }

    fn tail(file: &File, wanted: u64) -> io::Result<(u64, u64)> {
        let mut at = file.metadata()?.len();
        let mut found = 0;
        while found < wanted {
            match before(file, at)? {
                Some(start) => {
                    at = start;
                    found += 1;
                }
                None if at <= HEAD.len() as u64 => break,
                // An entry is being written: what came before it is found from the start.
                None => at = whole_part(file, at - 1)?,
            }
        }
        Ok((at.max(HEAD.len() as u64), found))
    }
}

type Parts<'a> = (Timestamp, u8, &'a [u8], &'a [u8]);

fn parts(body: &[u8]) -> Option<Parts<'_>> {
    let (flags, rest) = body.split_first()?;
    let (time, mut text) = rest.split_first_chunk::<8>()?;
    let time = Timestamp::from_nanosecond(i64::from_le_bytes(*time).into()).ok()?;
    let mut attributes = &[][..];
    if flags & ATTRIBUTES != 0 {
        let (length, rest) = text.split_first_chunk::<4>()?;
        (attributes, text) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    }
    Some((time, *flags, attributes, text))
}

//! Docker's `json-file`: one JSON object per line,
//! `{"log":"text\n","stream":"stdout","attrs":{…},"time":"2026-01-02T03:04:05.678901234Z"}`. A line of more
//! than 16 KiB is stored in parts, and only the last part ends in a newline.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::clock::Clock;
use super::files::{Decode, Encode, Step, Writer};
use super::options::{OptionError, Options, Rotation, invalid, is_known};
use super::{Entry, Sink, Stream, attributes, bytes};

const DEFAULTS: Rotation = Rotation { max_size: None, max_files: 1, compress: false };

pub fn check(options: &Options) -> Result<(), OptionError> {
    if let Some(name) = options.keys().find(|name| !is_known(name)) {
        return invalid(format!("unknown log opt '{name}' for json-file log driver"));
    }
    let rotation = DEFAULTS.read(options)?;
    if rotation.compress && (rotation.max_files < 2 || rotation.max_size.is_none()) {
        return invalid("compress cannot be true when max-file is less than 2 or max-size is not set");
    }
    attributes::check(options)
}

pub fn open(path: &Path, options: &Options, attributes: Vec<u8>) -> io::Result<Box<dyn Sink>> {
    let rotation = DEFAULTS.read(options).map_err(io::Error::other)?;
    Ok(Box::new(Writer::open(path, rotation, Encoder::new(attributes))?))
}

pub struct Encoder {
    /// `"attrs":{…},` or nothing.
    attributes: Vec<u8>,
    clock: Clock,
    /// What follows the text, of the entry before: lines that come together have it in common.
    end: Vec<u8>,
    /// What it was made of.
    end_of: Option<(Stream, Timestamp)>,
}

impl Encoder {
    pub fn new(attributes: Vec<u8>) -> Encoder {
        let attributes = match attributes.is_empty() {
            true => attributes,
            false => [b"\"attrs\":", attributes.as_slice(), b","].concat(),
        };
        Encoder { attributes, clock: Clock::default(), end: Vec::new(), end_of: None }
    }

    fn end(&mut self, stream: Stream, time: Timestamp) -> &[u8] {
        if self.end_of != Some((stream, time)) {
            self.end_of = Some((stream, time));
            self.end.clear();
            self.end.extend_from_slice(match stream {
                Stream::Stdout => b"\",\"stream\":\"stdout\",",
                Stream::Stderr => b"\",\"stream\":\"stderr\",",
            });
            self.end.extend_from_slice(&self.attributes);
            self.end.extend_from_slice(b"\"time\":\"");
            self.clock.write(time, &mut self.end);
            self.end.extend_from_slice(b"\"}\n");
        }
        &self.end
    }
}

impl Encode for Encoder {
    const HEAD: &'static [u8] = b"";

    fn encode(&mut self, stream: Stream, text: &[u8], time: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"log\":\"");
        escape(text, out);
        out.extend_from_slice(self.end(stream, time));
    }

    /// Half a line is closed: readers pass over it.
    fn mend(mut file: &File) -> io::Result<u64> {
        let size = file.metadata()?.len();
        let mut last = [b'\n'];
        if size > 0 {
            rustix::io::pread(file, &mut last, size - 1)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
            return Ok(size + 1);
        }
        Ok(size)
    }
}

/// The text of a JSON string: as Docker, invalid UTF-8 becomes U+FFFD, `<`, `>`, `&`, U+2028 and U+2029 are
/// escaped.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    let (line, end): (_, &[u8]) = match text {
        [line @ .., b'\n'] => (line, b"\\n"),
        _ => (text, b""),
    };
    if !bytes::any(line, is_special) {
        out.extend_from_slice(line);
    } else {
        for chunk in line.utf8_chunks() {
            escape_valid(chunk.valid(), out);
            if !chunk.invalid().is_empty() {
                out.extend_from_slice(b"\\ufffd");
            }
        }
    }
    out.extend_from_slice(end);
}

/// What may not stand for itself. Written for vectors: the characters of a pair differ in one bit.
fn is_special(byte: u8) -> bool {
    let is_outside = (byte as i8) < 0x20;
    let is_quote_or_ampersand = byte & !0x04 == b'"';
    let is_angle = byte | 0x02 == b'>';
    let is_backslash = byte == b'\\';
    is_outside | is_quote_or_ampersand | is_angle | is_backslash
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

/// Lines of our own writing are read by hand, without an allocation; what else is valid, by serde.
#[derive(Default)]
pub struct Reader {
    text: Vec<u8>,
    clock: Clock,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    attrs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

impl Decode for Reader {
    const HEAD: &'static [u8] = b"";

    fn decode<'a>(&'a mut self, bytes: &'a [u8]) -> Step<'a> {
        let Some(end) = memchr::memchr(b'\n', bytes) else { return Step::More };
        let line = &bytes[..end];
        self.text.clear();
        let found = match self.by_hand(line) {
            Some(found) => Some(found),
            None => self.by_serde(line),
        };
        match found {
            Some((time, stream, attributes)) => {
                Step::Entry(end + 1, Entry { time, stream, text: &self.text, attributes })
            }
            // Cut by a crash or a full disk.
            None => Step::Damaged(end + 1),
        }
    }

    fn tail(file: &File, wanted: u64) -> io::Result<(u64, u64)> {
        const CHUNK: u64 = 64 * 1024;
        let end = file.metadata()?.len();
        if wanted == 0 {
            return Ok((end, 0));
        }
        let mut chunk = vec![0; CHUNK as usize];
        let mut at = end;
        let mut found = 0;
        while at > 0 {
            let length = at.min(CHUNK);
            at -= length;
            let piece = &mut chunk[..length as usize];
            std::os::unix::fs::FileExt::read_exact_at(file, piece, at)?;
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
}

type Found<'a> = (Timestamp, Stream, &'a [u8]);

impl Reader {
    fn by_hand<'a>(&mut self, line: &'a [u8]) -> Option<Found<'a>> {
        let mut rest = line.strip_prefix(b"{\"log\":\"")?;
        loop {
            let at = memchr::memchr2(b'"', b'\\', rest)?;
            self.text.extend_from_slice(&rest[..at]);
            if rest[at] == b'"' {
                rest = &rest[at + 1..];
                break;
            }
            let mut length = 2;
            self.text.push(match rest.get(at + 1)? {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'b' => 8,
                b'f' => 12,
                same @ (b'"' | b'\\' | b'/') => *same,
                b'u' => {
                    length = 6;
                    let digits = std::str::from_utf8(rest.get(at + 2..at + 6)?).ok()?;
                    // Others, and pairs of them, are left to serde.
                    u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?
                }
                _ => return None,
            });
            rest = &rest[at + length..];
        }
        let (stream, rest) = match rest.strip_prefix(b",\"stream\":\"stdout\"") {
            Some(rest) => (Stream::Stdout, rest),
            None => (Stream::Stderr, rest.strip_prefix(b",\"stream\":\"stderr\"")?),
        };
        let rest = rest.strip_suffix(b"\"}")?;
        let start = rest.iter().rposition(|byte| *byte == b'"')?;
        let time = self.clock.read(&rest[start + 1..])?;
        let attributes = match rest[..start].strip_suffix(b",\"time\":")? {
            [] => &[][..],
            rest => rest.strip_prefix(b",\"attrs\":")?,
        };
        Some((time, stream, attributes))
    }

    fn by_serde<'a>(&mut self, line: &'a [u8]) -> Option<Found<'a>> {
        let line: Line<'a> = serde_json::from_slice(line).ok()?;
        let time = line.time.parse().ok()?;
        let stream = if line.stream == "stderr" { Stream::Stderr } else { Stream::Stdout };
        self.text.clear();
        self.text.extend_from_slice(line.log.as_bytes());
        Some((time, stream, line.attrs.map_or(&[], |attributes| attributes.get().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(line: &str) -> Option<(String, Stream, String, String)> {
        let mut reader = Reader::default();
        match reader.decode(line.as_bytes()) {
            Step::Entry(length, entry) => {
                assert_eq!(length, line.len());
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                Some((text(entry.text), entry.stream, text(entry.attributes), entry.time.to_string()))
            }
            Step::Damaged(length) => {
                assert_eq!(length, line.len());
                None
            }
            Step::More => panic!("a whole line"),
        }
    }

    #[test]
    fn what_is_read_by_hand_is_what_serde_reads() {
        for text in ["a", "", "q\"\\\t<&>\u{1}\u{2028}\u{7f}\r\n", "ü \u{1f6f6}\n", "\u{8}\u{c}"] {
            for attributes in ["", r#"{"a":"}\",\"time\":\"x"}"#] {
                let mut line = Vec::new();
                let time: Timestamp = "2026-01-02T03:04:05.67Z".parse().unwrap();
                let mut encoder = Encoder::new(attributes.as_bytes().to_vec());
                encoder.encode(Stream::Stderr, text.as_bytes(), time, &mut line);
                let mut reader = Reader::default();
                let serde = reader.by_serde(&line[..line.len() - 1]).unwrap();
                assert_eq!(reader.text, text.as_bytes());
                reader.text.clear();
                if let Some(hand) = reader.by_hand(&line[..line.len() - 1]) {
                    assert_eq!((hand, reader.text.as_slice()), (serde, text.as_bytes()));
                } else {
                    assert!(text.contains('\u{2028}'), "{text}");
                }
                let want = (text.to_owned(), Stream::Stderr, attributes.to_owned(), time.to_string());
                assert_eq!(decoded(std::str::from_utf8(&line).unwrap()), Some(want));
            }
        }
    }

    #[test]
    fn lines_of_others_are_read_and_broken_ones_are_passed_over() {
        let time = "2026-01-02T03:04:05Z";
        let read = |line: &str| decoded(line).map(|(text, ..)| text);
        let line = format!(r#"{{"time":"{time}", "log":"\ud83d\udef6", "stream":"stdout"}}"#) + "\n";
        assert_eq!(read(&line).as_deref(), Some("\u{1f6f6}"));
        let line = "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05+01:00\"}\n";
        assert_eq!(decoded(line).unwrap().3, "2026-01-02T02:04:05Z");
        for bad in [
            "\n",
            "{\"log\":\"hal\n",
            "nonsense\n",
            "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"then\"}\n",
        ] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
        assert!(matches!(Reader::default().decode(b"{\"log\":\"x"), Step::More));
    }
}

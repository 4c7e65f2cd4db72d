//! Reads an archive from front to back, member by member.

use std::io::{self, BufRead, Read};

use super::header::{Format, Header, number};
use super::pax::{self, Records, decimal};
use super::sparse::{self, MAX_PIECES};
use super::{BLOCK, Data, Member, MemberKind, TarError};
use crate::layer::index::Mtime;

/// Longest extended header or GNU long name: as Go's reader has it.
const MAX_SPECIAL: u64 = 1 << 20;
/// Longest list of pieces of a sparse file of format 1.0, in bytes.
const MAX_MAP: usize = 16 << 20;

/// Reads the members of an archive. Data that the caller does not read is passed over.
pub struct TarReader<R> {
    input: R,
    /// Bytes read so far.
    offset: u64,
    /// Data of the current member that is still to come, and the filling after it.
    remaining: u64,
    padding: u64,
    ended: bool,
}

/// What the special members before a member say about it.
#[derive(Default)]
struct Extras {
    pax: Records,
    long_name: Option<Vec<u8>>,
    long_target: Option<Vec<u8>>,
}

impl<R: BufRead> TarReader<R> {
    pub fn new(input: R) -> TarReader<R> {
        TarReader { input, offset: 0, remaining: 0, padding: 0, ended: false }
    }

    /// The next member; `None` after the last one. What follows the end mark is left unread.
    pub fn next_member(&mut self) -> Result<Option<Member>, TarError> {
        let mut extras = Extras::default();
        let mut block = [0; BLOCK];
        loop {
            self.skip_data()?;
            let is_first = self.offset == 0;
            let read = match self.read_header(&mut block) {
                Err(TarError::Truncated { .. }) if is_first => {
                    return Err(TarError::Foreign {
                        why: "it ends before the first header does (unexpected EOF)",
                    });
                }
                read => read?,
            };
            if self.ended || !read {
                self.ended = true;
                return Ok(None);
            }
            let header = Header(&block);
            if !header.checksum_matches() && is_first {
                return Err(TarError::Foreign {
                    why: "it begins with an invalid tar header (wrong checksum)",
                });
            }
            if !header.checksum_matches() {
                return Err(self.invalid_header("wrong checksum"));
            }
            match header.type_flag() {
                b'x' => {
                    let records = self.special(&header)?;
                    extras.pax = pax::parse(&records).map_err(|why| self.invalid(why))?;
                }
                // Checked, and without meaning for what follows: as Docker has it.
                b'g' => drop(pax::parse(&self.special(&header)?).map_err(|why| self.invalid(why))?),
                b'L' => extras.long_name = Some(until_nul(self.special(&header)?)),
                b'K' => extras.long_target = Some(until_nul(self.special(&header)?)),
                // A volume's label.
                b'V' => drop(self.special(&header)?),
                _ => return self.member(&block, extras).map(Some),
            }
        }
    }

    /// The data of the member that was read last, as it is stored: of a sparse file without its holes.
    pub fn data(&mut self) -> impl Read {
        MemberData { reader: self }
    }

    /// Reads the next header; false at the end, which is two blocks of zeros, or the end of the input
    /// between two members.
    fn read_header(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, TarError> {
        if !self.read_block(block)? {
            return Ok(false);
        }
        if !Header(block).is_zero() {
            return Ok(true);
        }
        if self.read_block(block)? && !Header(block).is_zero() {
            return Err(self.invalid_header("data after a block of zeros"));
        }
        Ok(false)
    }

    /// The content of a special member.
    fn special(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        let size = header.size().and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| self.invalid_header("invalid size"))?;
        if size > MAX_SPECIAL {
            return Err(self.invalid_header("extended header is too large"));
        }
        let mut content = vec![0; size as usize];
        self.read_exact(&mut content)?;
        self.skip(padding(size))?;
        Ok(content)
    }

    fn member(&mut self, block: &[u8; BLOCK], extras: Extras) -> Result<Member, TarError> {
        let header = Header(block);
        let mut pax = extras.pax;
        let name = extras.long_name.or(pax.path.take()).unwrap_or_else(|| header.name());
        let target = extras.long_target.or(pax.linkpath.take());
        let kind = kind(header.type_flag(), &name).ok_or_else(|| {
            self.invalid_header(format!("unhandled tar header type {}", header.type_flag()))
        })?;
        let field = |value: Option<i64>, why| value.ok_or_else(|| self.invalid_header(why));
        let sec = field(header.mtime(), "invalid mtime")?;
        let owner = |id: i64, why| u32::try_from(id).map_err(|_| self.invalid_header(why));
        let uid = owner(field(header.uid(), "invalid uid")?, "invalid uid");
        let gid = owner(field(header.gid(), "invalid gid")?, "invalid gid");
        let mut member = Member {
            mode: (field(header.mode(), "invalid mode")? & 0o7777) as u32,
            // Where the extended header has an owner, the field often holds one that did not fit.
            uid: pax.uid.map_or(uid, Ok)?,
            gid: pax.gid.map_or(gid, Ok)?,
            mtime: pax.mtime.unwrap_or(Mtime { sec, nsec: 0 }),
            xattrs: std::mem::take(&mut pax.xattrs),
            ..Member::new(name, kind)
        };
        match kind {
            MemberKind::HardLink | MemberKind::Symlink => {
                member.target = target.unwrap_or_else(|| header.target().to_vec());
            }
            MemberKind::CharDevice | MemberKind::BlockDevice => {
                let number = |value: Option<i64>| {
                    value
                        .and_then(|n| u32::try_from(n).ok())
                        .ok_or_else(|| self.invalid_header("invalid device"))
                };
                member.device = (number(header.major())?, number(header.minor())?);
            }
            MemberKind::File => self.file(block, pax, &mut member)?,
            // Without data, whatever their size says.
            MemberKind::Directory | MemberKind::Fifo => {}
        }
        Ok(member)
    }

    fn file(&mut self, block: &[u8; BLOCK], pax: Records, member: &mut Member) -> Result<(), TarError> {
        let header = Header(block);
        let stored = match pax.size {
            Some(size) => size,
            None => {
                let size = header.size().and_then(|size| u64::try_from(size).ok());
                size.ok_or_else(|| self.invalid_header("invalid size"))?
            }
        };
        self.remaining = stored;
        self.padding = padding(stored);
        let (pieces, size) =
            match (header.type_flag(), pax.sparse.major.as_slice(), pax.sparse.minor.as_slice()) {
                (b'S', ..) => {
                    if header.format() != Format::Gnu {
                        return Err(self.invalid_header("sparse file in an archive that is not GNU's"));
                    }
                    self.gnu_pieces(block)?
                }
                (_, b"1", b"0") => (self.map_in_data()?, pax.sparse.size.unwrap_or(stored)),
                (_, b"", b"") | (_, b"0", b"0" | b"1") if pax.sparse.map.is_some() => {
                    let map = pax.sparse.map.unwrap_or_default();
                    if !map.len().is_multiple_of(2) || map.len() > 2 * MAX_PIECES {
                        return Err(self.invalid("invalid sparse map"));
                    }
                    (
                        map.as_chunks::<2>().0.iter().map(|[at, len]| (*at, *len)).collect(),
                        pax.sparse.size.unwrap_or(stored),
                    )
                }
                _ => {
                    member.size = stored;
                    member.data = Data::Plain { offset: self.offset };
                    return Ok(());
                }
            };
        if let Some(name) = pax.sparse.name {
            member.name = name;
        }
        if size > i64::MAX as u64 {
            return Err(self.invalid("invalid sparse size"));
        }
        member.size = size;
        let extents = sparse::extents(&pieces, size, self.offset, self.remaining);
        member.data = Data::Sparse(extents.map_err(|why| self.invalid(why))?);
        Ok(())
    }

    /// Old GNU format: four pieces and the size in the header, further pieces in blocks after it.
    fn gnu_pieces(&mut self, block: &[u8; BLOCK]) -> Result<(Vec<(u64, u64)>, u64), TarError> {
        let size = number(&block[483..495]).and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| self.invalid("invalid sparse size"))?;
        let mut pieces = Vec::new();
        let mut more = self.take_pieces(&block[386..482], &mut pieces)? && block[482] != 0;
        while more {
            let mut next = [0; BLOCK];
            if !self.read_block(&mut next)? {
                return Err(TarError::Truncated { offset: self.offset });
            }
            more = self.take_pieces(&next[..504], &mut pieces)? && next[504] != 0;
            if pieces.len() > MAX_PIECES {
                return Err(self.invalid("sparse file with too many pieces"));
            }
        }
        Ok((pieces, size))
    }

    /// Reads pairs of 12-byte numbers up to an empty one; false if there was one.
    fn take_pieces(&self, fields: &[u8], pieces: &mut Vec<(u64, u64)>) -> Result<bool, TarError> {
        for pair in fields.as_chunks::<24>().0 {
            if pair[0] == 0 {
                return Ok(false);
            }
            let value = |field| number(field).and_then(|n| u64::try_from(n).ok());
            match (value(&pair[..12]), value(&pair[12..])) {
                (Some(at), Some(len)) => pieces.push((at, len)),
                _ => return Err(self.invalid("invalid sparse map")),
            }
        }
        Ok(true)
    }

    /// PAX sparse format 1.0: the map stands before the data, in decimal lines, filled up to a block.
    fn map_in_data(&mut self) -> Result<Vec<(u64, u64)>, TarError> {
        let mut text = Vec::new();
        let mut lines = 0;
        let mut wanted = None;
        // The first line says how many pairs follow.
        while wanted.is_none_or(|wanted| lines < wanted) {
            let mut block = [0; BLOCK];
            if self.remaining < BLOCK as u64 || text.len() > MAX_MAP {
                return Err(self.invalid("invalid sparse map"));
            }
            self.read_exact(&mut block)?;
            self.remaining -= BLOCK as u64;
            lines += block.iter().filter(|byte| **byte == b'\n').count();
            text.extend_from_slice(&block);
            if wanted.is_none() && lines > 0 {
                let first = text.split(|byte| *byte == b'\n').next().and_then(decimal);
                let pieces = first.filter(|pieces| *pieces <= MAX_PIECES as u64);
                let pieces = pieces.ok_or_else(|| self.invalid("invalid sparse map"))?;
                wanted = Some(1 + 2 * pieces as usize);
            }
        }
        let wanted = wanted.unwrap_or(0);
        let numbers: Option<Vec<u64>> =
            text.split(|byte| *byte == b'\n').take(wanted).skip(1).map(decimal).collect();
        let numbers = numbers.ok_or_else(|| self.invalid("invalid sparse map"))?;
        Ok(numbers.as_chunks::<2>().0.iter().map(|[at, len]| (*at, *len)).collect())
    }

    fn skip_data(&mut self) -> Result<(), TarError> {
        let data = std::mem::take(&mut self.remaining);
        let padding = std::mem::take(&mut self.padding);
        self.skip(data)?;
        match self.skip(padding) {
            // Some tools (umoci's insert) write neither the last filling nor an end mark; Go's reader
            // takes that for the end.
            Err(TarError::Truncated { .. }) => Ok(()),
            skipped => skipped,
        }
    }

    fn skip(&mut self, mut len: u64) -> Result<(), TarError> {
        while len > 0 {
            let buffer = self.fill()?;
            if buffer == 0 {
                return Err(TarError::Truncated { offset: self.offset });
            }
            let part = len.min(buffer as u64);
            self.consume(part as usize);
            len -= part;
        }
        Ok(())
    }

    /// Reads a whole block; false if the input ends before its first byte.
    fn read_block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, TarError> {
        if self.fill()? == 0 {
            return Ok(false);
        }
        self.read_exact(block).map(|()| true)
    }

    fn read_exact(&mut self, mut out: &mut [u8]) -> Result<(), TarError> {
        while !out.is_empty() {
            let got = self.read_some(out)?;
            if got == 0 {
                return Err(TarError::Truncated { offset: self.offset });
            }
            out = &mut out[got..];
        }
        Ok(())
    }

    fn read_some(&mut self, out: &mut [u8]) -> Result<usize, TarError> {
        let got = loop {
            match self.input.read(out) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                got => break got.map_err(TarError::Read)?,
            }
        };
        self.offset += got as u64;
        Ok(got)
    }

    /// Length of what can be had without waiting; 0 at the end.
    fn fill(&mut self) -> Result<usize, TarError> {
        loop {
            match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                buffer => return buffer.map(<[u8]>::len).map_err(TarError::Read),
            }
        }
    }

    fn consume(&mut self, len: usize) {
        self.input.consume(len);
        self.offset += len as u64;
    }

    fn invalid(&self, why: &'static str) -> TarError {
        TarError::Invalid { offset: self.offset, why: why.into() }
    }

    fn invalid_header(&self, why: impl Into<std::borrow::Cow<'static, str>>) -> TarError {
        TarError::Invalid { offset: self.offset.saturating_sub(BLOCK as u64), why: why.into() }
    }
}

/// The stored data of one member.
struct MemberData<'a, R> {
    reader: &'a mut TarReader<R>,
}

impl<R: BufRead> Read for MemberData<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let want = self.reader.remaining.min(out.len() as u64) as usize;
        if want == 0 {
            return Ok(0);
        }
        match self.reader.read_some(&mut out[..want]) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off")),
            Ok(got) => {
                self.reader.remaining -= got as u64;
                Ok(got)
            }
            Err(TarError::Read(error)) => Err(error),
            Err(other) => Err(io::Error::other(other)),
        }
    }
}

/// How many bytes fill up the last block.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

fn kind(flag: u8, name: &[u8]) -> Option<MemberKind> {
    Some(match flag {
        // In v7 a trailing slash makes a directory.
        0 if name.ends_with(b"/") => MemberKind::Directory,
        0 | b'0' | b'7' | b'S' => MemberKind::File,
        b'1' => MemberKind::HardLink,
        b'2' => MemberKind::Symlink,
        b'3' => MemberKind::CharDevice,
        b'4' => MemberKind::BlockDevice,
        b'5' => MemberKind::Directory,
        b'6' => MemberKind::Fifo,
        _ => return None,
    })
}

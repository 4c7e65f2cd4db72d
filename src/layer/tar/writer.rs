//! Writes archives: ustar where a member fits into it, PAX records for what does not (long names, large
//! sizes and ids, fractions of seconds, xattrs). Sparse files are written out with their holes.

use std::io::{self, Read, Write};

use super::header::number;
use super::{BLOCK, Member, MemberKind};

/// Writes an archive member by member.
pub struct TarWriter<W: Write> {
    output: W,
}

impl<W: Write> TarWriter<W> {
    pub fn new(output: W) -> TarWriter<W> {
        TarWriter { output }
    }

    /// Writes a member; `data` must give exactly `member.size` bytes if it is a file, and is not read
    /// otherwise. `Member::data` means nothing here.
    pub fn append(&mut self, member: &Member, data: impl Read) -> io::Result<()> {
        let size = if member.kind == MemberKind::File { member.size } else { 0 };
        let mut block = [0; BLOCK];
        let mut records = Vec::new();
        fill(&mut block, member, size, &mut records);
        if !records.is_empty() {
            let mut header = [0; BLOCK];
            fill(
                &mut header,
                &Member::new("PaxHeader", MemberKind::File),
                records.len() as u64,
                &mut Vec::new(),
            );
            header[156] = b'x';
            self.output.write_all(&seal(header))?;
            self.output.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        self.output.write_all(&seal(block))?;
        let copied = io::copy(&mut data.take(size), &mut self.output)?;
        if copied != size {
            let why = format!("{}: got {copied} bytes of {size}", String::from_utf8_lossy(&member.name));
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        self.pad(size)
    }

    /// A regular file of these bytes.
    pub fn append_bytes(&mut self, mut member: Member, content: &[u8]) -> io::Result<()> {
        member.size = content.len() as u64;
        self.append(&member, content)
    }

    /// Writes the end mark and gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.write_all(&[0; 2 * BLOCK])?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn pad(&mut self, len: u64) -> io::Result<()> {
        let padding = (len.wrapping_neg() % BLOCK as u64) as usize;
        self.output.write_all(&[0; BLOCK][..padding])
    }
}

/// Fills in all fields but the checksum; what does not fit becomes a record.
fn fill(block: &mut [u8; BLOCK], member: &Member, size: u64, records: &mut Vec<u8>) {
    block[257..265].copy_from_slice(b"ustar\x0000");
    let mut name = member.name.clone();
    if member.kind == MemberKind::Directory && !name.ends_with(b"/") {
        name.push(b'/');
    }
    match split(&name) {
        Some((prefix, name)) => {
            put(&mut block[345..500], prefix);
            put(&mut block[0..100], name);
        }
        None => {
            put(&mut block[0..100], &name[..100]);
            record(records, b"path", &name);
        }
    }
    put(&mut block[157..257], &member.target[..member.target.len().min(100)]);
    if member.target.len() > 100 {
        record(records, b"linkpath", &member.target);
    }
    octal(&mut block[100..108], u64::from(member.mode & 0o7777));
    for (range, value, key) in [
        (108..116, u64::from(member.uid), &b"uid"[..]),
        (116..124, u64::from(member.gid), b"gid"),
        (124..136, size, b"size"),
    ] {
        if !octal(&mut block[range], value) {
            record(records, key, value.to_string().as_bytes());
        }
    }
    let whole = u64::try_from(member.mtime.sec).unwrap_or(0);
    if !octal(&mut block[136..148], whole) || member.mtime.nsec != 0 || member.mtime.sec < 0 {
        record(records, b"mtime", time(member).as_bytes());
    }
    // Major and minor have no records: the kernel's 12 and 20 bits fit into seven octal digits.
    octal(&mut block[329..337], member.device.0.into());
    octal(&mut block[337..345], member.device.1.into());
    for (name, value) in &member.xattrs {
        record(records, &[b"SCHILY.xattr.", &name[..]].concat(), value);
    }
    block[156] = match member.kind {
        MemberKind::File => b'0',
        MemberKind::HardLink => b'1',
        MemberKind::Symlink => b'2',
        MemberKind::CharDevice => b'3',
        MemberKind::BlockDevice => b'4',
        MemberKind::Directory => b'5',
        MemberKind::Fifo => b'6',
    };
}

/// Enters the checksum.
fn seal(mut block: [u8; BLOCK]) -> [u8; BLOCK] {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..155], sum);
    debug_assert_eq!(number(&block[148..156]), Some(sum.cast_signed()));
    block
}

/// ustar's prefix and name, parted at a slash.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((b"", name));
    }
    // The last byte may be the slash of a directory, which must not end up alone.
    let from = name.len().saturating_sub(101);
    let slash = from + name.get(from..name.len() - 1)?.iter().position(|byte| *byte == b'/')?;
    (slash > 0 && slash <= 155).then(|| (&name[..slash], &name[slash + 1..]))
}

fn put(field: &mut [u8], bytes: &[u8]) {
    field[..bytes.len()].copy_from_slice(bytes);
}

/// Octal digits and a NUL; false (and zeros) if the field is too small.
fn octal(field: &mut [u8], value: u64) -> bool {
    let digits = field.len() - 1;
    let fits = value < 1 << (3 * digits);
    let text = format!("{:0digits$o}\0", if fits { value } else { 0 });
    put(field, text.as_bytes());
    fits
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = key.len() + value.len() + 3;
    let mut len = body;
    while len != body + len.to_string().len() {
        len = body + len.to_string().len();
    }
    records.extend_from_slice(len.to_string().as_bytes());
    records.extend_from_slice(&[b" ", key, b"=", value, b"\n"].concat());
}

fn time(member: &Member) -> String {
    let (sec, nsec) = (member.mtime.sec, member.mtime.nsec);
    match (sec < 0, nsec) {
        (_, 0) => sec.to_string(),
        (false, _) => format!("{sec}.{nsec:09}"),
        (true, _) => format!("-{}.{:09}", -(sec + 1), 1_000_000_000 - nsec),
    }
}

//! Extended headers: records `LENGTH KEYWORD=VALUE\n`, where LENGTH counts itself and the newline, and
//! VALUE may hold any bytes, newlines too.

use super::super::index::Mtime;

/// What the extended headers before a member say about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub path: Option<Vec<u8>>,
    pub linkpath: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mtime: Option<Mtime>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: Sparse,
}

/// The records of GNU's sparse formats 0.0, 0.1 and 1.0.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sparse {
    pub major: Vec<u8>,
    pub minor: Vec<u8>,
    pub name: Option<Vec<u8>>,
    /// `GNU.sparse.size` or `GNU.sparse.realsize`.
    pub size: Option<u64>,
    /// Offset and length by turns.
    pub map: Option<Vec<u64>>,
}

/// Limits of the kernel (xattr(7)): nothing beyond could be given to a program.
const MAX_XATTR_NAME: usize = 255;
const MAX_XATTR_VALUE: usize = 65536;
/// All names together must fit in 64 KiB to be listed.
const MAX_XATTRS: usize = 1024;
const XATTR: &[u8] = b"SCHILY.xattr.";

/// Reads all records. A record with an empty value takes back an earlier one.
pub(super) fn parse(mut rest: &[u8]) -> Result<Records, &'static str> {
    let mut records = Records::default();
    while !rest.is_empty() {
        let (key, value) = record(&mut rest)?;
        records.take(key, value)?;
    }
    Ok(records)
}

/// Takes the first record off, and returns its keyword and value.
fn record<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], &'a [u8]), &'static str> {
    const BAD: &str = "malformed extended header record";
    let space = rest.iter().take(20).position(|byte| *byte == b' ').ok_or(BAD)?;
    let len = decimal(&rest[..space]).and_then(|len| usize::try_from(len).ok()).ok_or(BAD)?;
    let (record, following) = rest.split_at_checked(len).ok_or(BAD)?;
    *rest = following;
    let body = record.get(space + 1..).and_then(|body| body.strip_suffix(b"\n")).ok_or(BAD)?;
    let equals = body.iter().position(|byte| *byte == b'=').ok_or(BAD)?;
    let (key, value) = (&body[..equals], &body[equals + 1..]);
    if key.is_empty() || key.contains(&0) {
        return Err(BAD);
    }
    Ok((key, value))
}

impl Records {
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match key {
            b"path" => self.path = text(value)?,
            b"linkpath" => self.linkpath = text(value)?,
            b"size" => {
                self.size = if_any(value, |v| decimal(v).filter(|n| *n <= i64::MAX as u64), "invalid size")?
            }
            b"uid" => self.uid = if_any(value, owner, "invalid uid")?,
            b"gid" => self.gid = if_any(value, owner, "invalid gid")?,
            b"mtime" => self.mtime = if_any(value, time, "invalid mtime")?,
            b"GNU.sparse.major" => self.sparse.major = value.to_vec(),
            b"GNU.sparse.minor" => self.sparse.minor = value.to_vec(),
            b"GNU.sparse.name" => self.sparse.name = text(value)?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                self.sparse.size = if_any(value, decimal, "invalid sparse size")?;
            }
            b"GNU.sparse.map" => self.sparse.map = if_any(value, numbers, "invalid sparse map")?,
            b"GNU.sparse.offset" => self.sparse_pair(value, 0)?,
            b"GNU.sparse.numbytes" => self.sparse_pair(value, 1)?,
            _ => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    self.take_xattr(name, value)?;
                }
            }
        }
        Ok(())
    }

    /// Format 0.0: one record for each number, offset and length by turns.
    fn sparse_pair(&mut self, value: &[u8], turn: usize) -> Result<(), &'static str> {
        let map = self.sparse.map.get_or_insert_default();
        if map.len() % 2 != turn {
            return Err("invalid sparse map");
        }
        map.push(decimal(value).ok_or("invalid sparse map")?);
        Ok(())
    }

    fn take_xattr(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if name.is_empty() || name.len() > MAX_XATTR_NAME {
            return Err("invalid name of an extended attribute");
        }
        if value.len() > MAX_XATTR_VALUE {
            return Err("extended attribute is too large");
        }
        // An empty value is one here, as GNU tar has it: an attribute may be empty.
        match self.xattrs.iter().position(|(known, _)| known == name) {
            Some(at) => self.xattrs[at].1 = value.to_vec(),
            None if self.xattrs.len() < MAX_XATTRS => self.xattrs.push((name.to_vec(), value.to_vec())),
            None => return Err("too many extended attributes"),
        }
        Ok(())
    }
}

fn if_any<T>(
    value: &[u8],
    parse: impl FnOnce(&[u8]) -> Option<T>,
    bad: &'static str,
) -> Result<Option<T>, &'static str> {
    if value.is_empty() { Ok(None) } else { parse(value).map(Some).ok_or(bad) }
}

fn text(value: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    if value.contains(&0) {
        return Err("NUL in a name");
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

fn owner(value: &[u8]) -> Option<u32> {
    decimal(value).and_then(|id| u32::try_from(id).ok())
}

fn numbers(list: &[u8]) -> Option<Vec<u64>> {
    list.split(|byte| *byte == b',').map(decimal).collect()
}

/// `[-]SECONDS[.FRACTION]`, exactly; digits beyond nanoseconds are cut off.
fn time(value: &[u8]) -> Option<Mtime> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let sec = parts.next().and_then(decimal).and_then(|sec| i64::try_from(sec).ok())?;
    let mut nsec = 0;
    if let Some(fraction) = parts.next() {
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        nsec = digits.fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    }
    Some(match (negative, nsec) {
        (false, _) => Mtime { sec, nsec },
        (true, 0) => Mtime { sec: -sec, nsec: 0 },
        (true, _) => Mtime { sec: -sec - 1, nsec: 1_000_000_000 - nsec },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_cut_by_their_length_and_never_at_a_newline() {
        let value = b"\n22 path=smuggled\n13 size=1024\n";
        let xattr = [b"SCHILY.xattr.user.x=".as_slice(), value].concat();
        let len = xattr.len() + 4;
        let bytes = [format!("{len} ").as_bytes(), &xattr, b"\n", b"10 size=7\n"].concat();
        let records = parse(&bytes).unwrap();
        assert_eq!(records.path, None);
        assert_eq!(records.size, Some(7));
        assert_eq!(records.xattrs, [(b"user.x".to_vec(), value.to_vec())]);
    }

    #[test]
    fn malformed_records_are_refused() {
        let table: [&[u8]; 12] = [
            b"10 size=7",
            b"11 size=7\n",
            b"8 size=7\n",
            b" size=7\n",
            b"-1 size=7\n",
            b"99999999999999999999 a=b\n",
            b"6 size\n",
            b"5 =7\n",
            b"3 \n",
            b"12 size=7x\n\n",
            b"11 path=a\0\n",
            b"29 size=9223372036854775808\n\0",
        ];
        for bytes in table {
            assert!(parse(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn times_are_exact() {
        let at = |sec, nsec| Some(Mtime { sec, nsec });
        let table: [(&[u8], Option<Mtime>); 11] = [
            (b"1350244992.023960108", at(1350244992, 23960108)),
            (b"1.1", at(1, 100_000_000)),
            (b"1.0000000009", at(1, 0)),
            (b"0", at(0, 0)),
            (b"-1", at(-1, 0)),
            (b"-1.5", at(-2, 500_000_000)),
            (b"-0.000000001", at(-1, 999_999_999)),
            (b"5.", at(5, 0)),
            (b".5", None),
            (b"1e9", None),
            (b"99999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(time(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn an_empty_value_takes_back() {
        let records = parse(b"10 size=7\n8 size=\n10 path=a\n8 path=\n").unwrap();
        assert_eq!(records, Records::default());
    }
}

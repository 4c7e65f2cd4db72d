//! The 512 bytes before a member: fields, numbers, checksum.

use super::BLOCK;

/// Which fields a header has beyond those of v7.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    V7,
    /// POSIX: long names are split into prefix and name.
    Ustar,
    /// GNU's older magic: other fields stand where the prefix would.
    Gnu,
}

pub(super) struct Header<'a>(pub &'a [u8; BLOCK]);

impl<'a> Header<'a> {
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Sum of all bytes, the checksum's own counted as spaces. Some old archivers added signed bytes.
    pub fn checksum_matches(&self) -> bool {
        let Some(expected) = octal(&self.0[148..156]) else { return false };
        let bytes =
            || self.0.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { b' ' } else { *b });
        let unsigned: i64 = bytes().map(i64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
        expected == unsigned || expected == signed
    }

    pub fn format(&self) -> Format {
        match &self.0[257..265] {
            b"ustar\x0000" => Format::Ustar,
            b"ustar  \0" => Format::Gnu,
            // POSIX magic with another version (some archivers leave it blank): still has the prefix.
            magic if magic.starts_with(b"ustar\0") => Format::Ustar,
            _ => Format::V7,
        }
    }

    /// Name, with ustar's prefix before it.
    pub fn name(&self) -> Vec<u8> {
        let name = text(&self.0[0..100]);
        let prefix = match self.format() {
            Format::Ustar => text(&self.0[345..500]),
            Format::Gnu | Format::V7 => b"",
        };
        match prefix {
            b"" => name.to_vec(),
            _ => [prefix, b"/", name].concat(),
        }
    }

    pub fn mode(&self) -> Option<i64> {
        number(&self.0[100..108])
    }
    pub fn uid(&self) -> Option<i64> {
        number(&self.0[108..116])
    }
    pub fn gid(&self) -> Option<i64> {
        number(&self.0[116..124])
    }
    pub fn size(&self) -> Option<i64> {
        number(&self.0[124..136])
    }
    pub fn mtime(&self) -> Option<i64> {
        number(&self.0[136..148])
    }
    pub fn type_flag(&self) -> u8 {
        self.0[156]
    }
    pub fn target(&self) -> &'a [u8] {
        text(&self.0[157..257])
    }
    pub fn major(&self) -> Option<i64> {
        number(&self.0[329..337])
    }
    pub fn minor(&self) -> Option<i64> {
        number(&self.0[337..345])
    }
}

/// A text field: up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A numeric field: octal digits, or GNU's base-256 (first bit set: big-endian two's complement of the
/// other bits). `None` if it is neither or does not fit.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base_256(field),
        _ => octal(field),
    }
}

fn base_256(field: &[u8]) -> Option<i64> {
    let negative = field[0] & 0x40 != 0;
    // The marker bit is not part of the number: what is left of it is sign.
    let first = if negative { field[0] } else { field[0] & 0x7f };
    let (head, tail) = field.split_at(field.len().saturating_sub(8));
    let sign = if negative { 0xff } else { 0 };
    if head.iter().enumerate().any(|(at, byte)| (if at == 0 { first } else { *byte }) != sign) {
        return None;
    }
    let start = if negative { -1_i64 } else { 0 };
    let value = tail.iter().enumerate().fold(start, |value, (at, byte)| {
        let byte = if head.is_empty() && at == 0 { first } else { *byte };
        value << 8 | i64::from(byte)
    });
    ((value < 0) == negative).then_some(value)
}

/// Octal digits between NULs and spaces; none at all is 0.
fn octal(field: &[u8]) -> Option<i64> {
    let padding = |byte: &u8| matches!(byte, 0 | b' ');
    let Some(start) = field.iter().position(|byte| !padding(byte)) else { return Some(0) };
    let digits = text(&field[start..]);
    let digits = &digits[..digits.iter().rposition(|byte| !padding(byte)).map_or(0, |at| at + 1)];
    digits.iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        let table: [(&[u8], Option<i64>); 15] = [
            (b"0000644\0", Some(0o644)),
            (b" 644 \0\0\0", Some(0o644)),
            (b"\0\0 12 \0\0", Some(0o12)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"77777777", Some(0o77777777)),
            (b"12\x0034\0\0\0", Some(0o12)),
            (b"0000648\0", None),
            (b"-000001\0", None),
            (b"1 2    \0", None),
            (b"\x80\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", Some(i64::MIN)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
        ];
        for (field, expected) in table {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }
}

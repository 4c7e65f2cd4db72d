//! Moments as logs write them: RFC 3339 in UTC.

use jiff::Timestamp;

/// The date costs a calendar computation, so it is kept for its second.
#[derive(Debug, Default)]
pub struct Clock {
    second: Option<i64>,
    /// `2026-01-02T03:04:05`
    text: String,
}

/// Length of the part without fraction and zone.
const WHOLE: usize = 19;

impl Clock {
    /// As Go's RFC3339Nano: final zeros of the fraction are dropped.
    pub fn write(&mut self, moment: Timestamp, out: &mut Vec<u8>) {
        let digits = self.start(moment, out);
        let length = digits.iter().rposition(|d| *d != b'0').map_or(0, |last| last + 1);
        if length > 0 {
            out.push(b'.');
            out.extend_from_slice(&digits[..length]);
        }
        out.push(b'Z');
    }

    /// With all nine digits, as `logs -t` shows them.
    pub fn write_nine(&mut self, moment: Timestamp, out: &mut Vec<u8>) {
        let digits = self.start(moment, out);
        out.push(b'.');
        out.extend_from_slice(&digits);
        out.push(b'Z');
    }

    fn start(&mut self, moment: Timestamp, out: &mut Vec<u8>) -> [u8; 9] {
        if self.second != Some(moment.as_second()) {
            self.second = Some(moment.as_second());
            self.text = moment.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        }
        out.extend_from_slice(self.text.as_bytes());
        let mut digits = [b'0'; 9];
        let mut rest = moment.subsec_nanosecond().max(0);
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        digits
    }

    /// Reads what `write` wrote; `None` for any other form.
    pub fn read(&mut self, text: &[u8]) -> Option<Timestamp> {
        let (whole, rest) = text.split_at_checked(WHOLE)?;
        let fraction = match rest.strip_suffix(b"Z")? {
            [] => &[],
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => digits,
            _ => return None,
        };
        let mut nanoseconds = 0i32;
        for at in 0..9 {
            let digit = fraction.get(at).copied().unwrap_or(b'0');
            if !digit.is_ascii_digit() {
                return None;
            }
            nanoseconds = nanoseconds * 10 + i32::from(digit - b'0');
        }
        let second = match self.second {
            Some(second) if self.text.as_bytes() == whole => second,
            _ => {
                let whole = std::str::from_utf8(whole).ok()?;
                let second = format!("{whole}Z").parse::<Timestamp>().ok()?.as_second();
                self.second = Some(second);
                self.text = whole.to_owned();
                second
            }
        };
        Timestamp::new(second, nanoseconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_and_final_zeros_go() {
        let mut clock = Clock::default();
        for (text, nine) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000000Z"),
            ("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.100000000Z"),
            ("2026-01-02T03:04:05.000000009Z", "2026-01-02T03:04:05.000000009Z"),
            ("1999-12-31T23:59:59.999999999Z", "1999-12-31T23:59:59.999999999Z"),
        ] {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(clock.read(text.as_bytes()), Some(moment), "{text}");
            let (mut short, mut long) = (Vec::new(), Vec::new());
            clock.write(moment, &mut short);
            clock.write_nine(moment, &mut long);
            assert_eq!((short.as_slice(), long.as_slice()), (text.as_bytes(), nine.as_bytes()));
        }
        for bad in [
            "",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05.Z",
            "2026-13-02T03:04:05Z",
            "2026-01-02T03:04:05.xZ",
        ] {
            assert_eq!(clock.read(bad.as_bytes()), None, "{bad}");
        }
    }
}

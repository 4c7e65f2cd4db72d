//! Durations and moments as Docker reads and writes them (Go's time package, units.HumanDuration,
//! the engine's GetTimestamp).

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `About a minute`, `3 hours`, `2 weeks`.
pub fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    // Hours are rounded to the nearest one, as units.HumanDuration does.
    let hours = (seconds + 1800) / 3600;
    match () {
        _ if seconds < 1 => "Less than a second".to_owned(),
        _ if seconds == 1 => "1 second".to_owned(),
        _ if seconds < 60 => format!("{seconds} seconds"),
        _ if minutes == 1 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// What has passed since `then`; nothing when it lies in the future.
pub fn since(then: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(then)).unwrap_or_default()
}

/// `3 hours ago`.
pub fn ago(then: Timestamp) -> String {
    format!("{} ago", human_duration(since(then)))
}

/// Go's time.Time.String in the local zone, whole seconds: `2026-11-21 04:02:26 +0000 UTC`.
pub fn local(moment: Timestamp) -> String {
    let seconds = Timestamp::from_second(moment.as_second()).unwrap_or(moment);
    seconds.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// RFC 3339 with the local zone: `2026-11-21T04:02:26Z`, `2026-11-21T05:02:26+01:00`.
pub fn local_rfc3339(moment: Timestamp) -> String {
    let seconds = Timestamp::from_second(moment.as_second()).unwrap_or(moment);
    let text = seconds.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    match text.strip_suffix("+00:00") {
        Some(utc) => format!("{utc}Z"),
        None => text,
    }
}

/// The same with exactly nine digits of the second, as `events` prints it.
pub fn local_rfc3339_nine(moment: Timestamp) -> String {
    let text = moment.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string();
    match text.strip_suffix("+00:00") {
        Some(utc) => format!("{utc}Z"),
        None => text,
    }
}

const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// Go's time.ParseDuration, in nanoseconds: `1h30m`, `-1.5s`, `300ms`, `0`.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", super::template::quote(text));
    let (sign, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if !number.contains(|c: char| c.is_ascii_digit()) {
            return Err(invalid());
        }
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", super::template::quote(text)));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let quote = super::template::quote;
            return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text)));
        };
        total += number * scale;
        rest = tail;
    }
    // Beyond 292 years Go says invalid.
    if total >= i64::MAX as f64 { Err(invalid()) } else { Ok((sign * total).round() as i64) }
}

/// Reads what `--since` and `--until` take: a duration before `now`, RFC 3339 with or without zone and
/// parts (local time then), or seconds since 1970 with a fraction.
pub fn parse_moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(nanoseconds) = parse_duration(text) {
        let moment = now.as_nanosecond() - i128::from(nanoseconds);
        return Timestamp::from_nanosecond(moment).map_err(|e| e.to_string());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"] {
        // A date may carry `Z` or an offset as well.
        for (suffix, zoned) in [("", false), ("%:z", true)] {
            let format = format!("{format}{suffix}");
            let text = if zoned { text.replace('Z', "+00:00") } else { text.to_owned() };
            let Ok(parsed) = jiff::fmt::strtime::parse(&format, &text) else { continue };
            let time = parsed.to_time().unwrap_or(jiff::civil::Time::midnight());
            let Ok(date) = parsed.to_date() else { continue };
            let zone = match parsed.offset() {
                Some(offset) => TimeZone::fixed(offset),
                None => TimeZone::system(),
            };
            if let Ok(moment) = date.to_datetime(time).to_zoned(zone) {
                return Ok(moment.timestamp());
            }
        }
    }
    epoch(text).ok_or_else(|| format!("failed to parse value as time or duration: {text:?}"))
}

fn epoch(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let seconds: i64 = seconds.parse().ok()?;
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: i32 = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(seconds, nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_dockers_words() {
        for (seconds, want) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (180, "3 minutes"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (5399, "About an hour"),
            (5400, "2 hours"),
            (47 * 3600, "47 hours"),
            (48 * 3600, "2 days"),
            (13 * 86400, "13 days"),
            (14 * 86400, "2 weeks"),
            (59 * 86400, "8 weeks"),
            (60 * 86400, "2 months"),
            (729 * 86400, "24 months"),
            (730 * 86400, "2 years"),
        ] {
            assert_eq!(human_duration(Duration::from_secs(seconds)), want, "{seconds}");
        }
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, want) in [
            ("0", Ok(0)),
            ("10m", Ok(600_000_000_000)),
            ("1h30m", Ok(5_400_000_000_000)),
            ("-1.5s", Ok(-1_500_000_000)),
            ("5µs", Ok(5_000)),
            (".5s", Ok(500_000_000)),
            ("", Err("time: invalid duration \"\"")),
            ("90", Err("time: missing unit in duration \"90\"")),
            ("1d", Err("time: unknown unit \"d\" in duration \"1d\"")),
            ("1h 30m", Err("time: unknown unit \"h \" in duration \"1h 30m\"")),
            (".s", Err("time: invalid duration \".s\"")),
        ] {
            assert_eq!(parse_duration(text), want.map_err(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn moments_are_read_in_every_form_docker_takes() {
        let now: Timestamp = "2026-11-21T04:00:00Z".parse().unwrap();
        for (text, want) in [
            ("10m", "2026-11-21T03:50:00Z"),
            ("2013-01-02T13:23:37Z", "2013-01-02T13:23:37Z"),
            ("2013-01-02T13:23:37.123456789Z", "2013-01-02T13:23:37.123456789Z"),
            ("2013-01-02T13:23:37+02:00", "2013-01-02T11:23:37Z"),
            ("2013-01-02Z", "2013-01-02T00:00:00Z"),
            ("2013-01-02T13:23Z", "2013-01-02T13:23:00Z"),
            ("1136073600", "2006-01-01T00:00:00Z"),
            ("1136073600.5", "2006-01-01T00:00:00.5Z"),
        ] {
            assert_eq!(parse_moment(text, now).unwrap(), want.parse().unwrap(), "{text}");
        }
        assert_eq!(
            parse_moment("soon", now).unwrap_err(),
            "failed to parse value as time or duration: \"soon\""
        );
    }
}

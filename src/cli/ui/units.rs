//! Numbers as Docker reads and writes them (github.com/docker/go-units, Go's strconv).

const DECIMAL: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/// `12.3MB`: powers of 1000, at most `digits` significant digits (listings use 3, messages 4).
pub fn human_size(bytes: u64, digits: usize) -> String {
    scaled(bytes as f64, 1000.0, digits, &DECIMAL)
}

/// `3.84GiB`: powers of 1024, at most 4 significant digits.
pub fn binary_size(bytes: u64) -> String {
    scaled(bytes as f64, 1024.0, 4, &BINARY)
}

fn scaled(mut size: f64, base: f64, digits: usize, units: &[&str]) -> String {
    let mut unit = 0;
    // Rounding up to the base moves to the next unit, where Go prints `1e+03kB`.
    while unit + 1 < units.len()
        && (size >= base || significant(size, digits).parse::<f64>().is_ok_and(|s| s >= base))
    {
        size /= base;
        unit += 1;
    }
    format!("{}{}", significant(size, digits), units[unit])
}

/// Go's `%.Ng` for numbers below the precision's range: N significant digits, no trailing zeros.
fn significant(x: f64, digits: usize) -> String {
    let magnitude = if x == 0.0 { 0 } else { x.abs().log10().floor() as i32 };
    let decimals = (digits as i32 - 1 - magnitude).max(0) as usize;
    let text = format!("{x:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Reads `64m`, `1.5 GiB`, `512` as bytes; powers of 1024 whatever the spelling (RAMInBytes).
pub fn ram_in_bytes(text: &str) -> Result<u64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(invalid)?;
    let suffix = text[last + 1..].to_lowercase();
    let number = text[..=last].strip_suffix(' ').unwrap_or(&text[..=last]);
    let size: f64 = number
        .parse()
        .map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", go_quote(number)))?;
    if size < 0.0 || !size.is_finite() {
        return Err(invalid());
    }
    let power = match suffix.as_bytes() {
        [] | [b'b'] => 0,
        [unit] | [unit, b'b'] | [unit, b'i', b'b'] => match b"kmgtp".iter().position(|u| u == unit) {
            Some(at) => at as i32 + 1,
            None => return Err(format!("invalid suffix: '{suffix}'")),
        },
        _ => return Err(format!("invalid suffix: '{suffix}'")),
    };
    Ok((size * 1024f64.powi(power)) as u64)
}

/// Go's strconv.ParseInt with base 0: `12`, `-3`, `0x1f`, `0o17`, `017`, `0b11`, `1_000`.
pub fn go_int(text: &str) -> Result<i64, String> {
    let syntax = || format!("strconv.ParseInt: parsing {}: invalid syntax", go_quote(text));
    let range = || format!("strconv.ParseInt: parsing {}: value out of range", go_quote(text));
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let body = body.replace('_', "");
    if body.is_empty() || !body.chars().all(|c| c.is_digit(radix)) {
        return Err(syntax());
    }
    let value = i128::from_str_radix(&body, radix).map_err(|_| range())?;
    i64::try_from(if negative { -value } else { value }).map_err(|_| range())
}

/// Go's strconv.ParseUint with base 0.
pub fn go_uint(text: &str) -> Result<u64, String> {
    let refused = |why: &str| format!("strconv.ParseUint: parsing {}: {why}", go_quote(text));
    if text.starts_with(['-', '+']) {
        return Err(refused("invalid syntax"));
    }
    match go_int(text) {
        Ok(value) => u64::try_from(value).map_err(|_| refused("invalid syntax")),
        Err(why) if why.ends_with("value out of range") => Err(refused("value out of range")),
        Err(_) => Err(refused("invalid syntax")),
    }
}

/// Go's strconv.ParseBool.
pub fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", go_quote(text))),
    }
}

fn go_quote(text: &str) -> String {
    super::template::quote(text)
}

/// A plural `s` where it belongs.
pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_printed_as_docker_prints_them() {
        for (bytes, three, four) in [
            (0, "0B", "0B"),
            (999, "999B", "999B"),
            (1000, "1kB", "1kB"),
            (1024, "1.02kB", "1.024kB"),
            (12_345_678, "12.3MB", "12.35MB"),
            (124_000_000, "124MB", "124MB"),
            (999_999, "1MB", "1MB"),
            (1_999_999_999, "2GB", "2GB"),
            (1_234_567_890_123, "1.23TB", "1.235TB"),
        ] {
            assert_eq!((human_size(bytes, 3).as_str(), human_size(bytes, 4).as_str()), (three, four));
        }
        assert_eq!(binary_size(4_127_195_136), "3.844GiB");
        assert_eq!(binary_size(512), "512B");
    }

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        for (text, want) in [
            ("32", Ok(32)),
            ("32b", Ok(32)),
            ("32K", Ok(32 << 10)),
            ("32kb", Ok(32 << 10)),
            ("32KiB", Ok(32 << 10)),
            ("1.5g", Ok(3 << 29)),
            ("64 mb", Ok(64 << 20)),
            ("1t", Ok(1 << 40)),
            ("", Err("invalid size: ''")),
            ("x", Err("invalid size: 'x'")),
            ("-1", Err("invalid size: '-1'")),
            ("32zb", Err("invalid suffix: 'zb'")),
            ("32mbb", Err("invalid suffix: 'mbb'")),
            ("1kibi", Err("invalid suffix: 'kibi'")),
            ("1.2.3k", Err("strconv.ParseFloat: parsing \"1.2.3\": invalid syntax")),
        ] {
            assert_eq!(ram_in_bytes(text), want.map_err(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn integers_and_booleans_are_read_as_go_reads_them() {
        for (text, want) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("+7", Some(7)),
            ("0x1F", Some(31)),
            ("017", Some(15)),
            ("0b11", Some(3)),
            ("1_000", Some(1000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("", None),
            ("08", None),
            ("1.5", None),
            ("abc", None),
        ] {
            assert_eq!(go_int(text).ok(), want, "{text:?}");
        }
        assert_eq!(go_int("abc").unwrap_err(), "strconv.ParseInt: parsing \"abc\": invalid syntax");
        assert_eq!(go_bool("T"), Ok(true));
        assert_eq!(go_bool("0"), Ok(false));
        assert_eq!(go_bool("maybe").unwrap_err(), "strconv.ParseBool: parsing \"maybe\": invalid syntax");
    }
}

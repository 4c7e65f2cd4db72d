//! Go's fmt, as far as templates use it.

use super::Value;

/// `print`: blanks between operands when neither is a string.
pub fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (n, value) in values.iter().enumerate() {
        let strings = n > 0 && (is_string(value) || is_string(&values[n - 1]));
        if n > 0 && !strings {
            out.push(' ');
        }
        out.push_str(&value.to_string());
    }
    out
}

pub fn println(values: &[Value]) -> String {
    let words: Vec<String> = values.iter().map(Value::to_string).collect();
    words.join(" ") + "\n"
}

fn is_string(value: &Value) -> bool {
    matches!(value, Value::Str(_))
}

/// `%v` of a float: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub fn general(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = x.abs();
    if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        exponent(&format!("{x:e}"))
    } else {
        format!("{x}")
    }
}

/// Rust writes `1e21`, Go `1e+21`, with two digits at least.
fn exponent(text: &str) -> String {
    let Some((mantissa, power)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = match power.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', power),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `printf`, with Go's marks for mistakes (`%!d(string=x)`, `%!s(MISSING)`, `%!(EXTRA int=1)`).
pub fn printf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut values_left = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                _ => spec.zero = true,
            }
        }
        spec.width = number(&mut chars, &mut values_left);
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = Some(number(&mut chars, &mut values_left).unwrap_or(0));
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match values_left.next() {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => out.push_str(&pad(&spec, one(&spec, verb, value), value, verb)),
            },
        }
    }
    let extra: Vec<String> = values_left.map(|v| format!("{}={v}", v.kind())).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn number(
    chars: &mut std::iter::Peekable<std::str::Chars>,
    values: &mut std::slice::Iter<Value>,
) -> Option<usize> {
    if chars.next_if_eq(&'*').is_some() {
        return match values.next() {
            Some(Value::Int(n)) => usize::try_from(*n).ok().filter(|n| *n < MAX_WIDTH),
            _ => None,
        };
    }
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    digits.parse().ok().map(|n: usize| n.min(MAX_WIDTH))
}

/// Go's own bound on widths and precisions.
const MAX_WIDTH: usize = 1_000_000;

fn pad(spec: &Spec, text: String, value: &Value, verb: char) -> String {
    let width = spec.width.unwrap_or(0);
    let length = text.chars().count();
    if length >= width {
        return text;
    }
    let fill = width - length;
    let numeric = matches!(value, Value::Int(_) | Value::Float(_)) && verb != 's' && verb != 'q';
    if spec.minus {
        return text + &" ".repeat(fill);
    }
    if spec.zero {
        let sign = usize::from(numeric && text.starts_with(['-', '+', ' ']));
        return format!("{}{}{}", &text[..sign], "0".repeat(fill), &text[sign..]);
    }
    " ".repeat(fill) + &text
}

fn signed(spec: &Spec, negative: bool, digits: String) -> String {
    match (negative, spec.plus, spec.space) {
        (true, ..) => format!("-{digits}"),
        (_, true, _) => format!("+{digits}"),
        (_, _, true) => format!(" {digits}"),
        _ => digits,
    }
}

fn one(spec: &Spec, verb: char, value: &Value) -> String {
    let wrong = || format!("%!{verb}({}={value})", value.kind());
    match (verb, value) {
        ('T', _) => value.kind().to_owned(),
        ('v', Value::Str(s)) if spec.sharp => quote(s),
        ('v', Value::Int(i)) => signed(spec, *i < 0, i.unsigned_abs().to_string()),
        ('v', Value::Float(x)) => signed(spec, *x < 0.0, general(x.abs())),
        ('v', Value::Struct(fields)) if spec.plus => {
            let parts: Vec<String> = fields.iter().map(|(k, v)| format!("{k}:{v}")).collect();
            format!("{{{}}}", parts.join(" "))
        }
        ('v', _) => cut(spec, value.to_string(), matches!(value, Value::Str(_))),
        // Verbs apply to the elements of lists and maps.
        (_, Value::List(items)) => {
            let parts: Vec<String> = items.iter().map(|item| one(spec, verb, item)).collect();
            format!("[{}]", parts.join(" "))
        }
        (_, Value::Map(entries)) => {
            let part = |(k, v): &(String, Value)| {
                format!("{}:{}", one(spec, verb, &Value::str(k)), one(spec, verb, v))
            };
            format!("map[{}]", entries.iter().map(part).collect::<Vec<_>>().join(" "))
        }
        ('s', Value::Str(s)) => cut(spec, s.to_string(), true),
        ('q', Value::Str(s)) if spec.sharp && !s.contains('`') => format!("`{s}`"),
        ('q', Value::Str(s)) => quote(&cut(spec, s.to_string(), true)),
        ('x', Value::Str(s)) => s.bytes().map(|b| format!("{b:02x}")).collect(),
        ('X', Value::Str(s)) => s.bytes().map(|b| format!("{b:02X}")).collect(),
        ('t', Value::Bool(b)) => b.to_string(),
        (_, Value::Nil(_)) => format!("%!{verb}({value})"),
        ('d', Value::Int(i)) => signed(spec, *i < 0, i.unsigned_abs().to_string()),
        ('b', Value::Int(i)) => signed(spec, *i < 0, format!("{:b}", i.unsigned_abs())),
        ('o', Value::Int(i)) => {
            signed(spec, *i < 0, format!("{}{:o}", if spec.sharp { "0" } else { "" }, i.unsigned_abs()))
        }
        ('x', Value::Int(i)) => {
            signed(spec, *i < 0, format!("{}{:x}", if spec.sharp { "0x" } else { "" }, i.unsigned_abs()))
        }
        ('X', Value::Int(i)) => {
            signed(spec, *i < 0, format!("{}{:X}", if spec.sharp { "0X" } else { "" }, i.unsigned_abs()))
        }
        ('c', Value::Int(i)) => character(*i).to_string(),
        ('q', Value::Int(i)) => format!("{:?}", character(*i)),
        ('U', Value::Int(i)) => format!("U+{:04X}", i),
        ('f' | 'F', Value::Float(x)) => {
            signed(spec, *x < 0.0, format!("{:.*}", spec.precision.unwrap_or(6), x.abs()))
        }
        ('e', Value::Float(x)) => {
            let text = exponent(&format!("{:.*e}", spec.precision.unwrap_or(6), x.abs()));
            signed(spec, *x < 0.0, text)
        }
        ('g', Value::Float(x)) => signed(spec, *x < 0.0, general(x.abs())),
        _ => wrong(),
    }
}

fn character(code: i64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

fn cut(spec: &Spec, text: String, is_string: bool) -> String {
    match spec.precision {
        Some(limit) if is_string => text.chars().take(limit).collect(),
        _ => text,
    }
}

/// Go's strconv.Quote.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\x0b' => out.push_str("\\v"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

//! The functions templates may call: Go's own and Docker's.

use std::cmp::Ordering;

use super::printf;
use super::value::{Nil, Value};

/// For which text a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    Docker,
    /// For the headings of a table, what changes text leaves it alone.
    Headings,
}

/// What is wrong with a call.
pub enum Problem {
    /// Too few or too many arguments.
    Count(String),
    /// The argument of this number is of the wrong type; `{}` stands for its text.
    Argument(usize, String),
    /// Told as `error calling NAME: ...`.
    Call(String),
}

const NAMES: &[&str] = &[
    "and", "call", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower", "lt", "ne",
    "not", "or", "pad", "print", "printf", "println", "slice", "split", "title", "truncate", "upper",
    "urlquery",
];

pub fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

type Result<T = Value> = std::result::Result<T, Problem>;

fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Problem::Call(message.into()))
}

pub fn call(name: &str, arguments: &[Value], set: Set) -> Result {
    if set == Set::Headings && matches!(name, "json" | "title" | "lower" | "upper" | "truncate") {
        return Ok(arguments.iter().find(|a| matches!(a, Value::Str(_))).cloned().unwrap_or(Value::NO_VALUE));
    }
    let (least, most) = match name {
        "not" | "len" | "json" | "title" | "lower" | "upper" => (1, Some(1)),
        "ne" | "lt" | "le" | "gt" | "ge" | "split" | "join" | "truncate" => (2, Some(2)),
        "pad" => (3, Some(3)),
        "eq" | "printf" | "call" | "index" | "slice" => (1, None),
        _ => (0, None),
    };
    let given = arguments.len();
    let want = match most {
        Some(most) if given > most || given < least => Some(format!("want {least} got {given}")),
        None if given < least => Some(format!("want at least {least} got {given}")),
        _ => None,
    };
    if let Some(want) = want {
        return Err(Problem::Count(format!("wrong number of args for {name}: {want}")));
    }
    Ok(match name {
        "not" => Value::Bool(!arguments[0].is_true()),
        "len" => length(&arguments[0])?,
        "index" => index(arguments)?,
        "slice" => slice(arguments)?,
        "eq" => equal_to_any(arguments)?,
        "ne" => Value::Bool(!equal(&arguments[0], &arguments[1])?),
        "lt" => Value::Bool(order(&arguments[0], &arguments[1])? == Ordering::Less),
        "le" => Value::Bool(order(&arguments[0], &arguments[1])? != Ordering::Greater),
        "gt" => Value::Bool(order(&arguments[0], &arguments[1])? == Ordering::Greater),
        "ge" => Value::Bool(order(&arguments[0], &arguments[1])? != Ordering::Less),
        "print" => Value::str(printf::print(arguments)),
        "println" => Value::str(printf::println(arguments)),
        "printf" => Value::str(printf::printf(&text(arguments, 0)?, &arguments[1..])),
        "html" => Value::str(html(&printf::print(arguments))),
        "js" => Value::str(js(&printf::print(arguments))),
        "urlquery" => Value::str(urlquery(&printf::print(arguments))),
        "call" => match &arguments[0] {
            Value::Method(method) => method(&arguments[1..]).map_err(Problem::Call)?,
            Value::Nil(_) => return fail("call of nil"),
            other => return fail(format!("non-function {other} of type {}", other.kind())),
        },
        "json" => {
            let json = serde_json::to_string(&arguments[0].to_json());
            Value::str(json.map_err(|e| Problem::Call(e.to_string()))?)
        }
        "split" => {
            let separator = text(arguments, 1)?;
            let whole = text(arguments, 0)?;
            if separator.is_empty() {
                Value::list(whole.chars().map(|c| Value::str(c.to_string())).collect())
            } else {
                Value::list(whole.split(&separator).map(Value::str).collect())
            }
        }
        "join" => {
            let items = match &arguments[0] {
                Value::List(items) => items.as_slice(),
                Value::Nil(Nil::List) => &[],
                other => return Err(wrong_type(0, other, "[]string")),
            };
            let words: Vec<String> = items.iter().map(Value::to_string).collect();
            Value::str(words.join(&text(arguments, 1)?))
        }
        "title" => Value::str(title(&text(arguments, 0)?)),
        "lower" => Value::str(text(arguments, 0)?.to_lowercase()),
        "upper" => Value::str(text(arguments, 0)?.to_uppercase()),
        "pad" => {
            let source = text(arguments, 0)?;
            if source.is_empty() {
                return Ok(Value::str(""));
            }
            let blanks = |number| Ok(" ".repeat(count(arguments, number)?.min(10_000)));
            Value::str(format!("{}{source}{}", blanks(1)?, blanks(2)?))
        }
        "truncate" => {
            let source = text(arguments, 0)?;
            let limit = count(arguments, 1)?;
            Value::str(source.chars().take(limit).collect::<String>())
        }
        other => return Err(Problem::Count(format!("{other:?} is not a defined function"))),
    })
}

/// Constants are refused by their text, other values by their type.
fn wrong_type(number: usize, value: &Value, want: &str) -> Problem {
    let message = match value {
        Value::Nil(Nil::NoValue) => format!("invalid value; expected {want}"),
        Value::Str(_) if want.starts_with('[') => format!("can't handle {{}} for arg of type {want}"),
        Value::Int(_) | Value::Float(_) | Value::Bool(_) => format!("expected {want}; found {{}}"),
        other => format!("wrong type for value; expected {want}; got {}", other.kind()),
    };
    Problem::Argument(number, message)
}

fn text(arguments: &[Value], number: usize) -> Result<String> {
    match &arguments[number] {
        Value::Str(s) => Ok(s.to_string()),
        other => Err(wrong_type(number, other, "string")),
    }
}

fn count(arguments: &[Value], number: usize) -> Result<usize> {
    match &arguments[number] {
        Value::Int(n) => Ok(usize::try_from(*n).unwrap_or(0)),
        other => Err(wrong_type(number, other, "int")),
    }
}

fn length(value: &Value) -> Result {
    Ok(Value::Int(match value {
        Value::Str(s) => s.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) | Value::Struct(entries) => entries.len(),
        Value::Nil(Nil::List | Nil::Map) => 0,
        Value::Nil(_) => return fail("len of nil pointer"),
        other => return fail(format!("len of type {}", other.kind())),
    } as i64))
}

fn index(arguments: &[Value]) -> Result {
    let mut item = arguments[0].clone();
    if matches!(item, Value::Nil(Nil::NoValue)) {
        return fail("index of untyped nil");
    }
    for key in &arguments[1..] {
        item = match (&item, key) {
            (Value::List(items), Value::Int(n)) => {
                match usize::try_from(*n).ok().and_then(|n| items.get(n)) {
                    Some(item) => item.clone(),
                    None => return fail(format!("index out of range: {n}")),
                }
            }
            (Value::Str(s), Value::Int(n)) => {
                match usize::try_from(*n).ok().and_then(|n| s.as_bytes().get(n)) {
                    Some(byte) => Value::Int(i64::from(*byte)),
                    None => return fail(format!("index out of range: {n}")),
                }
            }
            (Value::Map(entries) | Value::Struct(entries), Value::Str(key)) => {
                let found = entries.iter().find(|(k, _)| **k == **key).map(|(_, value)| value.clone());
                found.unwrap_or_else(|| missing(&item))
            }
            (Value::Nil(Nil::Map), Value::Str(_)) => missing(&item),
            (Value::Nil(Nil::List), Value::Int(n)) => return fail(format!("index out of range: {n}")),
            (Value::Nil(_), _) => return fail("index of nil pointer"),
            (Value::List(_) | Value::Str(_), key) => {
                return fail(format!("cannot index slice/array with type {}", key.kind()));
            }
            (Value::Map(_) | Value::Struct(_), key) => {
                return fail(format!("value has type {}; should be string", key.kind()));
            }
            (other, _) => return fail(format!("can't index item of type {}", other.kind())),
        };
    }
    Ok(item)
}

/// What Go's `index` finds under a key that a map does not have: the zero of the map's type. The maps of
/// Docker's types are of strings, like labels, unless something else is in them.
fn missing(map: &Value) -> Value {
    let is_of_strings = match map {
        Value::Map(entries) => entries.iter().all(|(_, value)| matches!(value, Value::Str(_))),
        other => matches!(other, Value::Nil(Nil::Map)),
    };
    if is_of_strings { Value::str("") } else { Value::NO_VALUE }
}

fn slice(arguments: &[Value]) -> Result {
    let length = match &arguments[0] {
        Value::Str(s) => s.len(),
        Value::List(items) => items.len(),
        Value::Nil(Nil::List) => 0,
        Value::Nil(_) => return fail("slice of untyped nil"),
        other => return fail(format!("can't slice item of type {}", other.kind())),
    };
    if arguments.len() > 4 {
        return fail(format!("too many slice indexes: {}", arguments.len() - 1));
    }
    let mut bounds = [0, length];
    for (bound, value) in bounds.iter_mut().zip(&arguments[1..]) {
        let Value::Int(n) = value else {
            return fail(format!("cannot index slice/array with type {}", value.kind()));
        };
        match usize::try_from(*n) {
            Ok(n) if n <= length => *bound = n,
            _ => return fail(format!("index out of range: {n}")),
        }
    }
    let [from, to] = bounds;
    if from > to {
        return fail(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match &arguments[0] {
        Value::Str(s) => Value::str(String::from_utf8_lossy(&s.as_bytes()[from..to])),
        Value::List(items) => Value::list(items[from..to].to_vec()),
        _ => arguments[0].clone(),
    })
}

fn equal_to_any(arguments: &[Value]) -> Result {
    let [first, rest @ ..] = arguments else { return fail("missing argument for comparison") };
    if rest.is_empty() {
        return fail("missing argument for comparison");
    }
    for other in rest {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(a: &Value, b: &Value) -> Result<bool> {
    Ok(match (a, b) {
        (Value::Nil(_), Value::Nil(_)) => true,
        (Value::Nil(_), _) | (_, Value::Nil(_)) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::List(_) | Value::Map(_) | Value::Struct(_) | Value::Method(_), _) => {
            return fail(format!("non-comparable type {a}: {}", a.kind()));
        }
        _ => return fail("incompatible types for comparison"),
    })
}

fn order(a: &Value, b: &Value) -> Result<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b).unwrap_or(Ordering::Greater)),
        (Value::Str(a), Value::Str(b)) => Ok(a.cmp(b)),
        (Value::Int(_) | Value::Float(_) | Value::Str(_), _) => fail("incompatible types for comparison"),
        _ => fail("invalid type for comparison"),
    }
}

/// Upper case where a word begins (Go's strings.Title).
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric() || c == '_' || c == '\'';
    }
    out
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            '&' => out.push_str("\\u0026"),
            '=' => out.push_str("\\u003D"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

fn urlquery(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

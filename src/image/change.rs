//! `--change`: the Dockerfile instructions that alter an image's configuration and nothing else, for
//! `import` and `commit`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::config::RunConfig;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChange {
    #[error("{0} is not a valid change command")]
    Unknown(String),
    #[error("{0} requires at least one argument")]
    NoArgument(&'static str),
    #[error("{instruction} requires exactly one argument")]
    OneArgument { instruction: &'static str },
    #[error("Syntax error - can't find = in {word:?}. Must be of the form: name=value")]
    NoEquals { word: String },
    #[error("{0} names can not be blank")]
    Blank(&'static str),
    #[error("unexpected end of statement while looking for matching {0}")]
    Unterminated(char),
    #[error("{0} isn't allowed as an ONBUILD trigger")]
    Trigger(String),
    #[error("invalid containerPort: {0}")]
    Port(String),
    #[error("Unknown type {0:?} in HEALTHCHECK (try CMD)")]
    HealthType(String),
    #[error("unknown flag: {0}")]
    Flag(String),
    #[error("invalid value for --{flag}: {value:?}")]
    FlagValue { flag: String, value: String },
    #[error("{0} names can not contain an empty path")]
    EmptyPath(&'static str),
}

/// Applies one instruction: `CMD ["sh"]`, `ENV A=b C="d e"`, `EXPOSE 80/tcp`.
pub fn apply(config: &mut RunConfig, change: &str) -> Result<(), InvalidChange> {
    let change = change.trim();
    let (word, rest) = change.split_once(char::is_whitespace).unwrap_or((change, ""));
    let rest = rest.trim();
    let needs = |instruction: &'static str| match rest {
        "" => Err(InvalidChange::NoArgument(instruction)),
        rest => Ok(rest),
    };
    match word.to_ascii_uppercase().as_str() {
        "CMD" => config.cmd = command(rest),
        "ENTRYPOINT" => config.entrypoint = command(rest),
        "ENV" => {
            let env = config.env.get_or_insert_default();
            for (name, value) in pairs(needs("ENV")?, "ENV")? {
                let prefix = format!("{name}=");
                env.retain(|old| !old.starts_with(&prefix));
                env.push(format!("{prefix}{value}"));
            }
        }
        "LABEL" => config.labels.get_or_insert_default().extend(pairs(needs("LABEL")?, "LABEL")?),
        "EXPOSE" => {
            let ports = config.exposed_ports.get_or_insert_default();
            for text in needs("EXPOSE")?.split_whitespace() {
                ports.extend(expose(text)?.into_iter().map(|port| (port, json!({}))));
            }
        }
        "VOLUME" => {
            let volumes = config.volumes.get_or_insert_default();
            let list = json_list(needs("VOLUME")?)
                .unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
            for volume in list {
                if volume.trim().is_empty() {
                    return Err(InvalidChange::EmptyPath("VOLUME"));
                }
                volumes.insert(volume, json!({}));
            }
        }
        "USER" => config.user = one(rest, "USER")?,
        "WORKDIR" => {
            let directory = one(rest, "WORKDIR")?;
            let base = if config.working_dir.is_empty() { "/" } else { &config.working_dir };
            config.working_dir = Path::new("/").join(base).join(directory).display().to_string();
        }
        "STOPSIGNAL" => config.stop_signal = Some(one(rest, "STOPSIGNAL")?),
        "ONBUILD" => {
            let trigger = needs("ONBUILD")?;
            let first = trigger.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            if matches!(first.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
                return Err(InvalidChange::Trigger(first));
            }
            config.on_build.get_or_insert_default().push(trigger.to_owned());
        }
        "HEALTHCHECK" => config.healthcheck = Some(health(needs("HEALTHCHECK")?)?),
        _ => return Err(InvalidChange::Unknown(word.to_owned())),
    }
    Ok(())
}

fn one(rest: &str, instruction: &'static str) -> Result<String, InvalidChange> {
    if rest.is_empty() { Err(InvalidChange::OneArgument { instruction }) } else { Ok(rest.to_owned()) }
}

/// `["a","b"]`, if it is that.
fn json_list(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

/// JSON form as it is, shell form through `/bin/sh -c`; nothing resets.
fn command(rest: &str) -> Option<Vec<String>> {
    match json_list(rest) {
        Some(list) => Some(list).filter(|list| !list.is_empty()),
        None if rest.is_empty() => None,
        None => Some(["/bin/sh", "-c", rest].map(str::to_owned).to_vec()),
    }
}

/// `A=b C="d e"`, or the old form `A the rest`.
fn pairs(text: &str, instruction: &'static str) -> Result<BTreeMap<String, String>, InvalidChange> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let (name, value) = text
            .split_once(char::is_whitespace)
            .ok_or_else(|| InvalidChange::NoEquals { word: text.to_owned() })?;
        return Ok(BTreeMap::from([(name.to_owned(), unquote(value.trim())?)]));
    }
    let mut pairs = BTreeMap::new();
    for word in words(text)? {
        let (name, value) =
            word.split_once('=').ok_or_else(|| InvalidChange::NoEquals { word: word.clone() })?;
        let name = unquote(name)?;
        if name.is_empty() {
            return Err(InvalidChange::Blank(instruction));
        }
        pairs.insert(name, unquote(value)?);
    }
    Ok(pairs)
}

/// Words, with their quotes; blanks within quotes and behind a backslash part nothing.
fn words(text: &str) -> Result<Vec<String>, InvalidChange> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                word.push(c);
                word.extend(characters.next());
                continue;
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if let Some(open) = quote {
        return Err(InvalidChange::Unterminated(open));
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    Ok(words)
}

/// Takes quotes and backslashes away, as the shell does.
fn unquote(text: &str) -> Result<String, InvalidChange> {
    let mut plain = String::new();
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', None) => plain.extend(characters.next()),
            ('\\', Some('"')) if matches!(characters.peek(), Some('"' | '\\' | '$')) => {
                plain.extend(characters.next());
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, _) => plain.push(c),
        }
    }
    match quote {
        Some(open) => Err(InvalidChange::Unterminated(open)),
        None => Ok(plain),
    }
}

/// `80`, `53/udp`, `8000-8010/tcp`: one entry per port.
fn expose(text: &str) -> Result<Vec<String>, InvalidChange> {
    let bad = || InvalidChange::Port(text.to_owned());
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad);
    let (first, last) = (port(first)?, port(last)?);
    if first > last || !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(bad());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// `NONE`, or flags and `CMD`; durations become nanoseconds, as images have them.
fn health(text: &str) -> Result<Value, InvalidChange> {
    let mut rest = text;
    let mut check = serde_json::Map::new();
    while let Some(flag) = rest.strip_prefix("--") {
        let (flag, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        let bad = || InvalidChange::FlagValue { flag: name.to_owned(), value: value.to_owned() };
        let (key, value) = match name {
            "interval" => ("Interval", nanoseconds(value).ok_or_else(bad)?),
            "timeout" => ("Timeout", nanoseconds(value).ok_or_else(bad)?),
            "start-period" => ("StartPeriod", nanoseconds(value).ok_or_else(bad)?),
            "start-interval" => ("StartInterval", nanoseconds(value).ok_or_else(bad)?),
            "retries" => ("Retries", value.parse::<u32>().map_err(|_| bad())?.into()),
            _ => return Err(InvalidChange::Flag(format!("--{name}"))),
        };
        check.insert(key.to_owned(), json!(value));
        rest = after.trim_start();
    }
    let (kind, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let arguments = arguments.trim();
    let test = match kind.to_ascii_uppercase().as_str() {
        "NONE" => vec!["NONE".to_owned()],
        "CMD" if arguments.is_empty() => return Err(InvalidChange::NoArgument("HEALTHCHECK CMD")),
        "CMD" => match json_list(arguments) {
            Some(list) => std::iter::once("CMD".to_owned()).chain(list).collect(),
            None => vec!["CMD-SHELL".to_owned(), arguments.to_owned()],
        },
        _ => return Err(InvalidChange::HealthType(kind.to_owned())),
    };
    check.insert("Test".to_owned(), json!(test));
    Ok(Value::Object(check))
}

/// Go's durations: `1m30s`, `500ms`, `1.5h`.
fn nanoseconds(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let (name, factor) = UNITS.iter().rev().find(|(name, _)| {
            unit.strip_prefix(name).is_some_and(|after| !after.starts_with(|c: char| c.is_alphabetic()))
        })?;
        total += number * factor;
        rest = &unit[name.len()..];
    }
    (!text.is_empty() && total < i64::MAX as f64).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_change_the_config_as_in_a_dockerfile() {
        for (changes, expected) in [
            (&["CMD sh -l"][..], json!({"Cmd": ["/bin/sh", "-c", "sh -l"]})),
            (&["cmd [\"sh\", \"-l\"]"][..], json!({"Cmd": ["sh", "-l"]})),
            (&["CMD x", "CMD"][..], json!({})),
            (&["ENTRYPOINT [\"/a\"]"][..], json!({"Entrypoint": ["/a"]})),
            (
                &["ENV A=b C=\"d e\" F=g\\ h", "ENV A=2", "ENV OLD some  words"][..],
                json!({"Env": ["C=d e", "F=g h", "A=2", "OLD=some  words"]}),
            ),
            (&["LABEL a=b 'c d'=e", "LABEL a="][..], json!({"Labels": {"a": "", "c d": "e"}})),
            (
                &["EXPOSE 80 53/UDP 8000-8001"][..],
                json!({"ExposedPorts": {"53/udp": {}, "80/tcp": {}, "8000/tcp": {}, "8001/tcp": {}}}),
            ),
            (
                &["VOLUME /a /b", "VOLUME [\"/c d\"]"][..],
                json!({"Volumes": {"/a": {}, "/b": {}, "/c d": {}}}),
            ),
            (&["USER a:b"][..], json!({"User": "a:b"})),
            (&["WORKDIR /a", "WORKDIR b"][..], json!({"WorkingDir": "/a/b"})),
            (&["STOPSIGNAL SIGINT"][..], json!({"StopSignal": "SIGINT"})),
            (&["ONBUILD RUN a  b"][..], json!({"OnBuild": ["RUN a  b"]})),
            (&["HEALTHCHECK NONE"][..], json!({"Healthcheck": {"Test": ["NONE"]}})),
            (
                &["HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD true || false"][..],
                json!({"Healthcheck": {"Interval": 90_000_000_000i64, "Timeout": 500_000_000, "Retries": 3,
                                       "Test": ["CMD-SHELL", "true || false"]}}),
            ),
        ] {
            let mut config = RunConfig::default();
            for change in changes {
                apply(&mut config, change).unwrap_or_else(|e| panic!("{change}: {e}"));
            }
            let mut value = serde_json::to_value(&config).unwrap();
            let empty = |v: &Value| v.is_null() || v == "";
            value.as_object_mut().unwrap().retain(|_, v| !empty(v));
            assert_eq!(value, expected, "{changes:?}");
        }
    }

    #[test]
    fn other_instructions_and_nonsense_are_refused() {
        for (change, message) in [
            ("RUN x", "RUN is not a valid change command"),
            ("", " is not a valid change command"),
            ("ENV", "ENV requires at least one argument"),
            ("ENV A", "Syntax error - can't find = in \"A\". Must be of the form: name=value"),
            ("ENV A=b c", "Syntax error - can't find = in \"c\". Must be of the form: name=value"),
            ("ENV =b", "ENV names can not be blank"),
            ("LABEL a=\"b", "unexpected end of statement while looking for matching \""),
            ("EXPOSE 0", "invalid containerPort: 0"),
            ("EXPOSE 9-8", "invalid containerPort: 9-8"),
            ("EXPOSE 80/x", "invalid containerPort: 80/x"),
            ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
            ("HEALTHCHECK x", "Unknown type \"x\" in HEALTHCHECK (try CMD)"),
            ("HEALTHCHECK --interval=1 CMD x", "invalid value for --interval: \"1\""),
            ("HEALTHCHECK --x=1 CMD x", "unknown flag: --x"),
            ("WORKDIR", "WORKDIR requires exactly one argument"),
        ] {
            let error = apply(&mut RunConfig::default(), change).expect_err(change);
            assert_eq!(error.to_string(), message, "{change}");
        }
    }
}

//! `--secret NAME[,type=mount|env,target=,uid=,gid=,mode=]` (podman's).

use std::path::{Component, Path};

use crate::container::spec::{SECRETS, SecretPlace, SecretSpec};

/// Everybody in the container may read it.
const MODE: u32 = 0o444;

/// Reads one `--secret`.
pub fn parse_secret(text: &str) -> Result<SecretSpec, String> {
    let wrong = |what: String| format!("{what}: parsing secret");
    let (mut source, mut kind, mut target) = ("", "mount", "");
    let (mut uid, mut gid, mut mode) = (None, None, None);
    for (at, part) in text.split(',').enumerate() {
        let number = |value: &str, name: &str| {
            value.parse::<u32>().map_err(|_| wrong(format!("{name} {value} invalid")))
        };
        match part.split_once('=') {
            None if at == 0 => source = part,
            Some(("source" | "src", value)) => source = value,
            Some(("type", value @ ("mount" | "env"))) => kind = value,
            Some(("type", value)) => return Err(wrong(format!("type {value} is invalid"))),
            Some(("target" | "dst" | "destination", value)) => target = value,
            Some(("uid", value)) => uid = Some(number(value, "UID")?),
            Some(("gid", value)) => gid = Some(number(value, "GID")?),
            Some(("mode", value)) => {
                let bits = u32::from_str_radix(value, 8).ok().filter(|bits| *bits <= 0o7777);
                mode = Some(bits.ok_or_else(|| wrong(format!("mode {value} invalid")))?);
            }
            _ => return Err(wrong(format!("option {part} invalid"))),
        }
    }
    if text.is_empty() {
        return Err("no secret with name or id \"\": no such secret".to_owned());
    }
    if source.is_empty() {
        return Err(wrong(format!("no source found {text}")));
    }
    let place = match kind {
        "env" => {
            if uid.is_some() || gid.is_some() || mode.is_some() {
                return Err(wrong("UID, GID, Mode options cannot be set with secret type env".to_owned()));
            }
            let name = if target.is_empty() { source } else { target };
            if name.contains(['=', '\0']) {
                return Err(wrong(format!("variable {name:?} invalid")));
            }
            SecretPlace::Env { name: name.to_owned() }
        }
        _ => {
            let name = if target.is_empty() { source } else { target };
            if Path::new(name).components().any(|part| part == Component::ParentDir) {
                return Err(wrong(format!("target {name} invalid")));
            }
            SecretPlace::Mount { target: Path::new(SECRETS).join(name), uid, gid, mode: mode.unwrap_or(MODE) }
        }
    };
    Ok(SecretSpec { name: source.to_owned(), id: String::new(), place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_secret() {
        let mount =
            |target: &str, uid, gid, mode| SecretPlace::Mount { target: target.into(), uid, gid, mode };
        let env = |name: &str| SecretPlace::Env { name: name.to_owned() };
        for (text, want) in [
            ("db", mount("/run/secrets/db", None, None, 0o444)),
            ("db,type=mount,target=pw", mount("/run/secrets/pw", None, None, 0o444)),
            ("db,target=/etc/pw,uid=1,gid=2,mode=0400", mount("/etc/pw", Some(1), Some(2), 0o400)),
            ("source=db,type=env", env("db")),
            ("db,type=env,target=DB_PASSWORD", env("DB_PASSWORD")),
        ] {
            let secret = parse_secret(text).unwrap();
            assert_eq!((secret.name.as_str(), secret.place), ("db", want), "{text}");
        }
        for (text, part) in [
            ("target=x", "no source found"),
            ("db,type=file", "type file is invalid"),
            ("db,mode=999", "mode 999 invalid"),
            ("db,mode=10000", "mode 10000 invalid"),
            ("db,uid=-1", "UID -1 invalid"),
            ("db,type=env,mode=400", "cannot be set with secret type env"),
            ("db,nosuch=1", "option nosuch=1 invalid"),
            ("db,target=../../etc/passwd", "target ../../etc/passwd invalid"),
            ("db,other", "option other invalid"),
        ] {
            let error = parse_secret(text).unwrap_err();
            assert!(error.contains(part) && error.ends_with(": parsing secret"), "{error}");
        }
        assert_eq!(parse_secret("").unwrap_err(), "no secret with name or id \"\": no such secret");
    }
}

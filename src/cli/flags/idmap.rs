//! `--userns`, `--uidmap`, `--gidmap`, `--subuidname` and `--subgidname`.

use crate::cli::failure::{Failure, Result};
use crate::container::spec::{IdLine, UserNamespaceMode};
use crate::runtime::userns::{IdRange, named_ranges};

/// The mode that the flags ask for.
pub fn mode(
    userns: Option<&str>,
    [uidmap, gidmap]: [&[String]; 2],
    [subuidname, subgidname]: [Option<&str>; 2],
) -> Result<UserNamespaceMode> {
    let userns = userns.filter(|text| !text.is_empty());
    let has_maps = !uidmap.is_empty() || !gidmap.is_empty();
    let has_names = subuidname.is_some() || subgidname.is_some();
    let exclusive = |flags: &str| Err(Failure::usage(format!("{flags} are mutually exclusive")));
    match userns {
        Some(mode) if has_maps && mode != "private" => exclusive("--userns and --uidmap or --gidmap"),
        Some(mode) if has_names && mode != "private" => {
            exclusive("--userns and --subuidname or --subgidname")
        }
        _ if has_maps && has_names => exclusive("--uidmap or --gidmap and --subuidname or --subgidname"),
        _ if has_maps => explicit(uidmap, gidmap),
        _ if has_names => named(subuidname, subgidname),
        None => Ok(UserNamespaceMode::Default),
        Some(text) => by_word(text),
    }
}

fn by_word(text: &str) -> Result<UserNamespaceMode> {
    let (mode, options) = text.split_once(':').unwrap_or((text, ""));
    let bad = |option: &str| Failure::usage(format!("--userns: invalid option {option:?} of {mode}"));
    let pairs = || {
        options.split(',').filter(|option| !option.is_empty()).map(move |option| {
            option.split_once('=').ok_or_else(|| bad(option)).map(|(key, value)| (option, key, value))
        })
    };
    let id = |option: &str, value: &str| value.parse::<u32>().map_err(|_| bad(option));
    match mode {
        // The host's namespace as a rootless engine knows it: the user's own.
        "host" if options.is_empty() => Ok(UserNamespaceMode::Host),
        "private" if options.is_empty() => Ok(UserNamespaceMode::Private),
        "nomap" if options.is_empty() => Ok(UserNamespaceMode::NoMap),
        "single" if options.is_empty() => Ok(UserNamespaceMode::Single),
        "emulated" => match options {
            "" | "owners=shown" => Ok(UserNamespaceMode::Emulated { hides_owners: false }),
            "owners=hidden" => Ok(UserNamespaceMode::Emulated { hides_owners: true }),
            option => Err(bad(option)),
        },
        "container" if !options.is_empty() => {
            Ok(UserNamespaceMode::Container { name: options.to_owned(), like: None })
        }
        "keep-id" => {
            let (mut uid, mut gid, mut size) = (None, None, None);
            for pair in pairs() {
                let (option, key, value) = pair?;
                match key {
                    "uid" => uid = Some(id(option, value)?),
                    "gid" => gid = Some(id(option, value)?),
                    "size" => size = Some(id(option, value)?).filter(|size| *size > 0),
                    _ => return Err(bad(option)),
                }
            }
            Ok(UserNamespaceMode::KeepId { uid, gid, size })
        }
        "auto" => {
            let (mut size, mut uids, mut gids) = (None, Vec::new(), Vec::new());
            for pair in pairs() {
                let (option, key, value) = pair?;
                match key {
                    "size" => size = Some(id(option, value)?).filter(|size| *size > 0),
                    "uidmapping" => uids.push(line(value).ok_or_else(|| bad(option))?.0),
                    "gidmapping" => gids.push(line(value).ok_or_else(|| bad(option))?.0),
                    _ => return Err(bad(option)),
                }
            }
            Ok(UserNamespaceMode::Auto { size, uids, gids, given: None })
        }
        "ns" => Err(Failure::usage(
            "--userns: a container's user namespace is one below the user's own, so that no other can be its; use container:NAME",
        )),
        _ => Err(Failure::usage(format!(
            "--userns: invalid USER mode: {text:?}: must be one of host, private, keep-id, auto, nomap, emulated, single, container:NAME"
        ))),
    }
}

/// Podman's rule: a flag that is not there is as the other one; a line may say that it is for `u` or `g` only.
fn explicit(uidmap: &[String], gidmap: &[String]) -> Result<UserNamespaceMode> {
    let lines = |texts: &[String], flag: &str, of: char| -> Result<Vec<IdLine>> {
        let read = texts.iter().map(|text| {
            line(text).ok_or_else(|| {
                Failure::usage(format!(
                    "invalid argument {text:?} for \"--{flag}\" flag: want CONTAINER:OUTSIDE[:COUNT]"
                ))
            })
        });
        let read: Result<Vec<_>> = read.collect();
        let wanted = |(_, only): &(IdLine, Option<char>)| only.is_none_or(|only| only == of);
        Ok(read?.into_iter().filter(wanted).map(|(line, _)| line).collect())
    };
    let uids = if uidmap.is_empty() { (gidmap, "gidmap") } else { (uidmap, "uidmap") };
    let gids = if gidmap.is_empty() { (uidmap, "uidmap") } else { (gidmap, "gidmap") };
    Ok(UserNamespaceMode::Map { uids: lines(uids.0, uids.1, 'u')?, gids: lines(gids.0, gids.1, 'g')? })
}

/// `[u|g][+]CONTAINER:[@]OUTSIDE[:COUNT]`, and whom it is for.
fn line(text: &str) -> Option<(IdLine, Option<char>)> {
    let (mut only, mut extends, mut rest) = (None, false, text);
    while let Some(flag) = rest.chars().next().filter(|first| !first.is_ascii_digit()) {
        match flag {
            '+' => extends = true,
            // Both is neither.
            'u' | 'g' => only = if only.is_some_and(|other| other != flag) { None } else { Some(flag) },
            _ => return None,
        }
        rest = &rest[1..];
    }
    let mut fields = rest.split(':');
    let inside = fields.next()?.parse().ok()?;
    let outside = fields.next()?;
    let host = outside.strip_prefix('@');
    let count = fields.next().map_or(Some(1), |count| count.parse().ok()).filter(|count| *count > 0)?;
    let outside = host.unwrap_or(outside).parse().ok()?;
    fields
        .next()
        .is_none()
        .then_some((IdLine { inside, outside, count, is_host: host.is_some(), extends }, only))
}

fn named(subuidname: Option<&str>, subgidname: Option<&str>) -> Result<UserNamespaceMode> {
    let name = |own: Option<&str>, other: Option<&str>| own.or(other).unwrap_or_default().to_owned();
    let (user, group) = (name(subuidname, subgidname), name(subgidname, subuidname));
    let (uids, gids) = named_ranges(&user, &group);
    let lines = |ranges: &[IdRange], name: &str, file: &str| {
        if ranges.is_empty() {
            return Err(Failure::usage(format!("{file} has no range for {name}")));
        }
        let mut inside = 0;
        let line = |range: &IdRange| {
            let line =
                IdLine { inside, outside: range.first, count: range.count, is_host: true, extends: false };
            inside += range.count;
            line
        };
        Ok(ranges.iter().map(line).collect::<Vec<_>>())
    };
    Ok(UserNamespaceMode::Map {
        uids: lines(&uids, &user, "/etc/subuid")?,
        gids: lines(&gids, &group, "/etc/subgid")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps_are_read() {
        let plain =
            |inside, outside, count| IdLine { inside, outside, count, is_host: false, extends: false };
        assert_eq!(line("0:1:5"), Some((plain(0, 1, 5), None)));
        assert_eq!(line("7:@1000"), Some((IdLine { is_host: true, ..plain(7, 1000, 1) }, None)));
        assert_eq!(line("u+7:0:1"), Some((IdLine { extends: true, ..plain(7, 0, 1) }, Some('u'))));
        assert_eq!(line("ug7:0"), Some((plain(7, 0, 1), None)));
        for bad in ["", "1", "1:", ":1:1", "a:1:1", "1:1:0", "1:1:1:1", "-1:1:1", "x1:1:1", "1:@@1:1"] {
            assert_eq!(line(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_flag_is_for_both_and_letters_choose() {
        let texts = |list: &[&str]| list.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let UserNamespaceMode::Map { uids, gids } =
            mode(None, [&texts(&["0:1:5", "u+9:0:1"]), &[]], [None, None]).unwrap()
        else {
            panic!("a map")
        };
        assert_eq!((uids.len(), gids.len()), (2, 1));
        let error = mode(Some("keep-id"), [&texts(&["0:1:5"]), &[]], [None, None]).unwrap_err();
        assert!(error.text.contains("mutually exclusive"));
    }
}

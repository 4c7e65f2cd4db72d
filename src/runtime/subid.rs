//! /etc/subuid and /etc/subgid (subuid(5)): `name-or-uid:first:count`, one range per line.

use std::fs;
use std::process::Command;

use super::userns::IdRange;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

/// A user's ranges, sorted, without overlaps and without the user's own id.
pub(super) fn ranges_of(kind: Kind, name: Option<&str>, uid: u32, own: u32) -> Vec<IdRange> {
    let file = match kind {
        Kind::User => "/etc/subuid",
        Kind::Group => "/etc/subgid",
    };
    let listed = parse(&fs::read_to_string(file).unwrap_or_default(), name, uid);
    let ranges = if listed.is_empty() { ask(kind, name, uid) } else { listed };
    without(ranges, own)
}

fn parse(text: &str, name: Option<&str>, uid: u32) -> Vec<IdRange> {
    let uid = uid.to_string();
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (Some(owner) == name || owner == uid).then_some(IdRange { first, count })
    };
    text.lines().filter_map(range).collect()
}

/// Where nsswitch.conf names another source (sssd, FreeIPA), only shadow's own library can read it:
/// `getsubids`, a dynamic program, speaks for it.
fn ask(kind: Kind, name: Option<&str>, uid: u32) -> Vec<IdRange> {
    let elsewhere = fs::read_to_string("/etc/nsswitch.conf")
        .is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with("subid:")));
    if !elsewhere {
        return Vec::new();
    }
    let mut command = Command::new("getsubids");
    if kind == Kind::Group {
        command.arg("-g");
    }
    let user = name.map_or_else(|| uid.to_string(), str::to_owned);
    let output = command.arg(&user).output();
    output.map(|o| parse_getsubids(&String::from_utf8_lossy(&o.stdout))).unwrap_or_default()
}

/// Lines like `0: alice 100000 65536`.
fn parse_getsubids(text: &str) -> Vec<IdRange> {
    let range = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(2);
        Some(IdRange { first: words.next()?.parse().ok()?, count: words.next()?.parse().ok()? })
    };
    text.lines().filter_map(range).collect()
}

/// Sorts, drops what overlaps an earlier range or does not fit into 32 bits, and cuts `own` out: the
/// kernel refuses a map that names an id twice, or has more than 340 lines.
pub(super) fn without(ranges: impl IntoIterator<Item = IdRange>, own: u32) -> Vec<IdRange> {
    const MOST_LINES: usize = 339;
    let mut sorted: Vec<(u64, u64)> =
        ranges.into_iter().map(|r| (u64::from(r.first), u64::from(r.first) + u64::from(r.count))).collect();
    sorted.sort_unstable();
    let own = u64::from(own);
    let mut result = Vec::new();
    let (mut end, mut total) = (0, 1);
    for (first, past) in sorted {
        let (first, past) = (first.max(end), past.min(u64::from(u32::MAX)));
        end = end.max(past);
        let pieces = if (first..past).contains(&own) {
            [(first, own), (own + 1, past)]
        } else {
            [(first, past), (0, 0)]
        };
        for (first, past) in pieces {
            let count = past.saturating_sub(first).min(u64::from(u32::MAX) - total);
            if count > 0 && result.len() < MOST_LINES {
                total += count;
                result.push(IdRange { first: first as u32, count: count as u32 });
            }
        }
    }
    result
}

/// The name that /etc/subuid may know the caller by: from /etc/passwd, else (a directory service's
/// user) what the session says. A wrong one gains nothing: newuidmap asks for itself.
pub(super) fn user_name(uid: u32) -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let listed = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    listed.or_else(|| std::env::var("USER").ok().filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, count: u32) -> IdRange {
        IdRange { first, count }
    }

    #[test]
    fn lines_of_the_caller_are_found_by_name_and_by_uid() {
        let text = "bob:100000:65536\nalice:200000:10\n\n# alice:1:1\n1001:300000:5\nalice:x:5\nalice:7\n";
        assert_eq!(parse(text, Some("alice"), 1001), [range(200000, 10), range(300000, 5)]);
        assert_eq!(parse(text, None, 1001), [range(300000, 5)]);
        assert_eq!(parse(text, Some("carol"), 7), []);
    }

    #[test]
    fn getsubids_output_is_read() {
        assert_eq!(
            parse_getsubids("0: alice 100000 65536\n1: alice 300000 5\n"),
            [range(100000, 65536), range(300000, 5)]
        );
        assert_eq!(parse_getsubids("Error fetching ranges\n"), []);
    }

    #[test]
    fn no_id_is_named_twice() {
        let table: &[(&[IdRange], u32, &[IdRange])] = &[
            (&[range(10, 5), range(10, 5)], 0, &[range(10, 5)]),
            (&[range(20, 5), range(10, 12)], 0, &[range(10, 12), range(22, 3)]),
            (&[range(10, 10)], 12, &[range(10, 2), range(13, 7)]),
            (&[range(10, 10)], 10, &[range(11, 9)]),
            (&[range(10, 0)], 1, &[]),
            (&[range(u32::MAX - 1, 9)], 1, &[range(u32::MAX - 1, 1)]),
            (&[range(0, u32::MAX)], 0, &[range(1, u32::MAX - 1)]),
        ];
        for (given, own, expected) in table {
            assert_eq!(without(given.iter().copied(), *own), *expected, "{given:?} without {own}");
        }
    }
}

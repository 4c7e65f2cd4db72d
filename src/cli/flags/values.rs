//! Values of single flags, with Docker's complaints (docker/cli's opts).

use std::net::IpAddr;
use std::path::PathBuf;

use crate::cli::failure::{Failure, Result};
use crate::cli::ui::units::{go_int, go_uint};
use crate::container::health::HealthAction;
use crate::container::spec::{DeviceSpec, ImageVolumes, RestartPolicy, Ulimit, is_namespaced_sysctl};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdin,
    Stdout,
    Stderr,
}

/// `-a`
pub fn stream(text: &str) -> Result<Stream, String> {
    match text.to_ascii_lowercase().as_str() {
        "stdin" => Ok(Stream::Stdin),
        "stdout" => Ok(Stream::Stdout),
        "stderr" => Ok(Stream::Stderr),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".to_owned()),
    }
}

/// `KEY=VALUE`, or `KEY` for an empty value: Docker's maps.
pub fn key_or_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((key.to_owned(), value.to_owned()))
}

/// `--label k=v` or `k` alone
pub fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() || key.starts_with(char::is_whitespace) {
        return Err(format!("invalid label '{text}': empty name"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// `--add-host name:ip`, `name=ip`, IPv6 with or without brackets, `host-gateway` for the host itself.
pub fn extra_host(text: &str) -> Result<(String, String), String> {
    let (name, address) = match text.split_once('=') {
        Some(pair) => pair,
        None => text.split_once(':').unwrap_or((text, "")),
    };
    if name.is_empty() || address.is_empty() {
        return Err(format!("bad format for add-host: {text:?}"));
    }
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    if bare != "host-gateway" && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address in add-host: {address:?}"));
    }
    Ok((name.to_owned(), bare.to_owned()))
}

pub fn dns(text: &str) -> Result<IpAddr, String> {
    text.trim().parse().map_err(|_| format!("IP address is not correctly formatted: {text}"))
}

/// A domain, or `.` for none.
pub fn dns_search(text: &str) -> Result<String, String> {
    let domain = text.trim().trim_end_matches('.');
    if text.trim() == "." {
        return Ok(".".to_owned());
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
    };
    if domain.len() <= 255 && domain.split('.').all(label) && domain.contains(|c: char| c.is_alphabetic()) {
        Ok(text.trim().to_owned())
    } else {
        Err(format!("{text} is not a valid domain"))
    }
}

pub fn sysctl(text: &str) -> Result<(String, String), String> {
    let refused = || Err(format!("sysctl '{text}' is not allowed"));
    let Some((key, value)) = text.split_once('=') else { return refused() };
    match is_namespaced_sysctl(key) {
        true => Ok((key.to_owned(), value.to_owned())),
        false => refused(),
    }
}

const ULIMITS: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `--ulimit nofile=1024:2048` (units.ParseUlimit)
pub fn ulimit(text: &str) -> Result<Ulimit, String> {
    let Some((name, limits)) = text.split_once('=') else {
        return Err(format!("invalid ulimit argument: {text}"));
    };
    if !ULIMITS.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let parts: Vec<&str> = limits.split(':').collect();
    if parts.len() > 2 {
        return Err(format!(
            "too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`"
        ));
    }
    let soft = go_int(parts[0])?;
    let hard = parts.get(1).map_or(Ok(soft), |hard| go_int(hard))?;
    match (soft, hard) {
        (-1, hard) if hard != -1 => Err(format!(
            "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: {hard}"
        )),
        (soft, hard) if hard != -1 && soft > hard => {
            Err(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"))
        }
        _ => Ok(Ulimit { name: name.to_owned(), soft, hard }),
    }
}

/// Of several ulimits of one name the last counts.
pub fn last_of_each(ulimits: Vec<Ulimit>) -> Vec<Ulimit> {
    let mut kept: Vec<Ulimit> = Vec::new();
    for ulimit in ulimits {
        kept.retain(|other| other.name != ulimit.name);
        kept.push(ulimit);
    }
    kept
}

/// `--device SRC[:DST[:rwm]]`, `SRC:rwm`
pub fn device(text: &str) -> Result<DeviceSpec, String> {
    if !text.starts_with('/') && text.contains('=') {
        return Err(
            "devices of the Container Device Interface are not there yet; name the device's path".into()
        );
    }
    let is_access = |text: &str| !text.is_empty() && text.chars().all(|c| "rwm".contains(c));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, access) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, access] if is_access(access) => (source, source, access),
        [source, target] => (source, target, "rwm"),
        [source, target, access] if is_access(access) => (source, target, access),
        [_, _, access] => return Err(format!("bad mode specified: {access}")),
        _ => return Err(format!("bad format for path: {text}")),
    };
    for path in [source, target] {
        if !path.starts_with('/') {
            return Err(format!("{path} is not an absolute path"));
        }
    }
    Ok(DeviceSpec { source: PathBuf::from(source), target: PathBuf::from(target), access: access.to_owned() })
}

/// `--timeout`
pub fn seconds(text: &str) -> Result<u32, String> {
    let out_of_range = || format!("strconv.ParseUint: parsing {text:?}: value out of range");
    let number = go_uint(text).and_then(|number| u32::try_from(number).map_err(|_| out_of_range()));
    number.map_err(|why| format!("{why}: want a whole number of seconds"))
}

/// `--image-volume`; podman's `bind` has been a volume without a name since long.
pub fn image_volumes(text: &str) -> Result<ImageVolumes, String> {
    match text {
        "" | "anonymous" | "bind" => Ok(ImageVolumes::Anonymous),
        "tmpfs" => Ok(ImageVolumes::Tmpfs),
        "ignore" => Ok(ImageVolumes::Ignore),
        other => {
            Err(format!("invalid image-volume type {other:?}. Pick one of bind, tmpfs, ignore or anonymous"))
        }
    }
}

/// `--umask`, octal.
pub fn umask(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mask) if mask <= 0o777 => Ok(mask),
        _ => Err(format!("invalid umask {text}: want octal digits up to 0777")),
    }
}

/// `--health-on-failure`, as podman has it.
pub fn health_action(text: &str) -> Result<HealthAction, String> {
    match text {
        "" | "none" => Ok(HealthAction::None),
        "kill" => Ok(HealthAction::Kill),
        "restart" => Ok(HealthAction::Restart),
        "stop" => Ok(HealthAction::Stop),
        other => Err(format!(
            "invalid on-failure action {other:?} for health check: supported actions are none,kill,restart,stop"
        )),
    }
}

/// `--restart`, `None` for an empty text.
pub fn restart_policy(text: &str) -> Result<Option<RestartPolicy>> {
    let daemon = |why: &str| Err(Failure::refused(format!("invalid restart policy: {why}")));
    let (name, count) = text.split_once(':').unwrap_or((text, ""));
    let retries = match count {
        "" => 0,
        count => count.parse::<i64>().map_err(|_| {
            Failure::usage("invalid restart policy format: maximum retry count must be an integer")
        })?,
    };
    let policy = match name {
        "" if text.is_empty() => return Ok(None),
        "" => return Err(Failure::usage("invalid restart policy format: no policy provided before colon")),
        "no" => RestartPolicy::No,
        "always" => RestartPolicy::Always,
        "unless-stopped" => RestartPolicy::UnlessStopped,
        "on-failure" => match u32::try_from(retries) {
            Ok(retries) => return Ok(Some(RestartPolicy::OnFailure { retries })),
            Err(_) if retries < 0 => return daemon("maximum retry count cannot be negative"),
            Err(_) => return daemon("maximum retry count is too large"),
        },
        other => {
            return daemon(&format!(
                "unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            ));
        }
    };
    match retries {
        0 => Ok(Some(policy)),
        1.. => daemon("maximum retry count can only be used with 'on-failure'"),
        _ => daemon("maximum retry count can only be used with 'on-failure' and cannot be negative"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulimits_as_go_units_reads_them() {
        for (text, want) in [
            ("nofile=1024", Ok((1024, 1024))),
            ("nofile=1024:2048", Ok((1024, 2048))),
            ("core=-1", Ok((-1, -1))),
            ("core=0:-1", Ok((0, -1))),
            ("foo", Err("invalid ulimit argument: foo")),
            ("foo=1", Err("invalid ulimit type: foo")),
            ("nofile=a", Err("strconv.ParseInt: parsing \"a\": invalid syntax")),
            (
                "nofile=1:2:3",
                Err("too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"),
            ),
            ("nofile=3:2", Err("ulimit soft limit must be less than or equal to hard limit: 3 > 2")),
        ] {
            let got = ulimit(text).map(|u| (u.soft, u.hard));
            assert_eq!(got, want.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn hosts_may_be_written_in_four_ways() {
        for (text, want) in [
            ("a:1.2.3.4", Ok(("a", "1.2.3.4"))),
            ("a=1.2.3.4", Ok(("a", "1.2.3.4"))),
            ("a:::1", Ok(("a", "::1"))),
            ("a=[::1]", Ok(("a", "::1"))),
            ("a:host-gateway", Ok(("a", "host-gateway"))),
            ("a", Err("bad format for add-host: \"a\"")),
            ("a:x", Err("invalid IP address in add-host: \"x\"")),
        ] {
            let got = extra_host(text);
            let want = want.map(|(a, b)| (a.to_owned(), b.to_owned())).map_err(str::to_owned);
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn restart_policies_and_dockers_complaints() {
        use RestartPolicy::*;
        for (text, want) in [
            ("", None),
            ("no", Some(No)),
            ("always", Some(Always)),
            ("unless-stopped", Some(UnlessStopped)),
            ("on-failure", Some(OnFailure { retries: 0 })),
            ("on-failure:", Some(OnFailure { retries: 0 })),
            ("on-failure:5", Some(OnFailure { retries: 5 })),
        ] {
            assert_eq!(restart_policy(text), Ok(want), "{text}");
        }
        for (text, why) in [
            (":1", "no policy provided before colon"),
            ("on-failure:x", "maximum retry count must be an integer"),
            ("on-failure:-1", "maximum retry count cannot be negative"),
            ("on-failure:99999999999", "too large"),
            ("always:2", "maximum retry count can only be used with 'on-failure'"),
            ("no:-2", "can only be used with 'on-failure' and cannot be negative"),
            ("sometimes", "unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or"),
        ] {
            let error = restart_policy(text).unwrap_err().text;
            assert!(error.contains(why) && error.contains("invalid restart policy"), "{text}: {error}");
        }
    }

    #[test]
    fn devices_with_target_and_access() {
        for (text, want) in [
            ("/dev/fuse", Ok(("/dev/fuse", "/dev/fuse", "rwm"))),
            ("/dev/a:/dev/b", Ok(("/dev/a", "/dev/b", "rwm"))),
            ("/dev/a:r", Ok(("/dev/a", "/dev/a", "r"))),
            ("/dev/a:/dev/b:rw", Ok(("/dev/a", "/dev/b", "rw"))),
            ("/dev/a:/dev/b:x", Err("bad mode specified: x")),
            ("dev", Err("dev is not an absolute path")),
        ] {
            let got = device(text);
            let got = got.as_ref().map(|d| (d.source.to_str(), d.target.to_str(), d.access.as_str()));
            let want = want.map(|(s, t, a)| (Some(s), Some(t), a)).map_err(str::to_owned);
            assert_eq!(got.map_err(Clone::clone), want, "{text}");
        }
    }

    #[test]
    fn other_values() {
        assert_eq!((umask("027"), umask("0")), (Ok(0o27), Ok(0)));
        assert_eq!(umask("9"), Err("invalid umask 9: want octal digits up to 0777".into()));
        assert!(umask("1000").is_err());
        assert_eq!(stream("StdErr"), Ok(Stream::Stderr));
        assert_eq!(label("a.b"), Ok(("a.b".into(), String::new())));
        assert_eq!(label("=x"), Err("invalid label '=x': empty name".into()));
        assert!(sysctl("net.ipv4.ip_forward=1").is_ok());
        assert_eq!(sysctl("kernel.hostname=x"), Err("sysctl 'kernel.hostname=x' is not allowed".into()));
        assert_eq!(dns_search("."), Ok(".".into()));
        assert_eq!(dns_search("a b"), Err("a b is not a valid domain".into()));
        assert_eq!(dns("foo"), Err("IP address is not correctly formatted: foo".into()));
    }
}

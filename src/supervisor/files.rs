//! The files that a container gets from us: `/etc/hosts`, `/etc/hostname`, `/etc/resolv.conf`.
//!
//! They lie in the container's directory, are written anew at every start, and are bound over those of
//! the image.

use std::fmt::Write;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::container::spec::NetworkMode;
use crate::container::{ContainerId, ContainerSpec};
use crate::identity::files::note_owner;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The host as a container in the host's network sees it: itself.
const HOST_GATEWAY: &str = "127.0.0.1";
/// What systemd-resolved knows itself: the servers behind its stub.
const BEHIND_THE_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// Writes all three. They belong to `owner`, as this process numbers ids.
pub fn write(
    directory: &Path,
    id: &ContainerId,
    spec: &ContainerSpec,
    host_name: &str,
    owner: (u32, u32),
) -> io::Result<()> {
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        // One of another owner, if the user's ids have changed, might not let itself be written.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::write(&path, text)?;
        std::os::unix::fs::chown(&path, Some(owner.0), Some(owner.1))
    };
    let name = hostname(id, spec, host_name);
    // Docker's rule: the host's own list goes with the host's network, when that was asked for.
    let host_hosts = match spec.network {
        NetworkMode::Host => read_or_empty("/etc/hosts"),
        _ => String::new(),
    };
    write("hosts", hosts(spec, &name, &host_hosts))?;
    write("hostname", format!("{name}\n"))?;
    let resolv = match spec.network {
        NetworkMode::None => String::new(),
        _ => host_resolv_conf(),
    };
    write("resolv.conf", resolv_conf(spec, &resolv))
}

/// Makes them root's in the eyes of emulated users.
pub fn give_to_root(directory: &Path) {
    for name in ["hosts", "hostname", "resolv.conf"] {
        // Else they look like their own to all.
        let _ = note_owner(directory.join(name).as_os_str().as_bytes(), (0, 0));
    }
}

fn read_or_empty(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The name a container has: as asked, else the host's where it shares the host's network or UTS
/// namespace, else the short id.
pub fn hostname(id: &ContainerId, spec: &ContainerSpec, host_name: &str) -> String {
    use crate::container::spec::NamespaceMode;
    match &spec.hostname {
        Some(name) => name.clone(),
        None if matches!(spec.network, NetworkMode::Host) || spec.uts == NamespaceMode::Host => {
            host_name.to_owned()
        }
        None => id.short().to_owned(),
    }
}

/// The host's own entries if there are any, else Docker's list; then what was asked for.
fn hosts(spec: &ContainerSpec, name: &str, host: &str) -> String {
    let mut text = if host.trim().is_empty() {
        String::from(
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
        )
    } else {
        host.to_owned()
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for (host, address) in &spec.extra_hosts {
        let address = if address == "host-gateway" { HOST_GATEWAY } else { address };
        let _ = writeln!(text, "{}\t{host}", address.trim_start_matches('[').trim_end_matches(']'));
    }
    let known =
        |line: &str| line.split('#').next().unwrap_or("").split_whitespace().skip(1).any(|n| n == name);
    if !text.lines().any(known) {
        let full = match &spec.domainname {
            Some(domain) => format!("{name}.{domain} {name}"),
            None => name.to_owned(),
        };
        let _ = writeln!(text, "127.0.0.1\t{full}");
    }
    text
}

/// The host's configuration. Behind systemd-resolved's stub there may be servers of which a container
/// with the host's network has no less, but the stub answers for it too: it is taken as it is, unless the
/// stub is not there.
fn host_resolv_conf() -> String {
    let text = read_or_empty(RESOLV_CONF);
    if text.trim().is_empty() { read_or_empty(BEHIND_THE_STUB) } else { text }
}

/// What was asked for replaces the host's lines of the same kind (Docker's rule).
fn resolv_conf(spec: &ContainerSpec, host: &str) -> String {
    if spec.dns.is_empty() && spec.dns_search.is_empty() && spec.dns_options.is_empty() {
        return host.to_owned();
    }
    let words = |keyword: &'static str| {
        host.lines().filter_map(move |line| {
            let (key, rest) = line.split_once(char::is_whitespace)?;
            (key == keyword).then(|| rest.trim().to_owned())
        })
    };
    let mut text = String::new();
    let servers: Vec<String> = match spec.dns.is_empty() {
        true => words("nameserver").collect(),
        false => spec.dns.iter().map(IpAddr::to_string).collect(),
    };
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    // `search` and `domain` exclude each other: the last one counts.
    let search = match spec.dns_search.is_empty() {
        true => words("search").chain(words("domain")).last().unwrap_or_default(),
        false => spec.dns_search.join(" "),
    };
    if !search.is_empty() && search != "." {
        let _ = writeln!(text, "search {search}");
    }
    let options = match spec.dns_options.is_empty() {
        true => words("options").collect::<Vec<_>>().join(" "),
        false => spec.dns_options.join(" "),
    };
    if !options.is_empty() {
        let _ = writeln!(text, "options {options}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_asked_one_the_hosts_or_the_short_id() {
        let id = ContainerId::random();
        let mut spec = ContainerSpec::default();
        assert_eq!(hostname(&id, &spec, "box"), id.short());
        spec.network = NetworkMode::Host;
        assert_eq!(hostname(&id, &spec, "box"), "box");
        spec.hostname = Some("mine".into());
        assert_eq!(hostname(&id, &spec, "box"), "mine");
    }

    #[test]
    fn hosts_keeps_the_hosts_lines_and_adds_what_was_asked() {
        let spec = ContainerSpec {
            extra_hosts: vec![
                ("db".into(), "10.0.0.7".into()),
                ("six".into(), "[::2]".into()),
                ("up".into(), "host-gateway".into()),
            ],
            ..ContainerSpec::default()
        };
        let text = hosts(&spec, "me", "127.0.0.1 localhost\n10.1.1.1 me # here");
        assert_eq!(text, "127.0.0.1 localhost\n10.1.1.1 me # here\n10.0.0.7\tdb\n::2\tsix\n127.0.0.1\tup\n");
        let own = hosts(&ContainerSpec { domainname: Some("lan".into()), ..spec }, "me", "");
        assert!(own.starts_with("127.0.0.1\tlocalhost\n::1\t") && own.ends_with("127.0.0.1\tme.lan me\n"));
    }

    #[test]
    fn dns_flags_replace_lines_of_their_kind() {
        let host = "# made by hand\nnameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2\n";
        let plain = ContainerSpec::default();
        assert_eq!(resolv_conf(&plain, host), host);
        let dns = ContainerSpec { dns: vec!["9.9.9.9".parse().unwrap()], ..plain.clone() };
        assert_eq!(
            resolv_conf(&dns, host),
            "nameserver 9.9.9.9\nsearch a.example b.example\noptions ndots:2\n"
        );
        let none =
            ContainerSpec { dns_search: vec![".".into()], dns_options: vec!["rotate".into()], ..plain };
        assert_eq!(resolv_conf(&none, host), "nameserver 192.0.2.1\noptions rotate\n");
    }
}

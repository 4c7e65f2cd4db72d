//! `-v`, `--tmpfs`, `--mount` (docker/cli's opts/mount.go and the engine's volume parser).

use std::path::{Path, PathBuf};

use super::later;
use crate::cli::failure::{Failure, Result};
use crate::cli::ui::units::ram_in_bytes;
use crate::container::spec::{Bytes, MountKind, MountSpec, Propagation};

fn refused(text: String) -> Failure {
    Failure::usage(format!("Error response from daemon: {text}"))
}

const NAMED: &str = "named volumes are not there yet; mount a directory with -v /path:/path";
const ANONYMOUS: &str = "anonymous volumes are not there yet; mount a directory with -v /path:/path";

/// `-v SRC:DST[:OPTIONS]`
pub fn volumes(flags: &[String]) -> Result<Vec<MountSpec>> {
    flags.iter().map(|flag| volume(flag)).collect()
}

fn volume(flag: &str) -> Result<MountSpec> {
    let invalid = || refused(format!("invalid volume specification: '{flag}'"));
    let parts: Vec<&str> = flag.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] if target.starts_with('/') => return Err(later::not_yet("volume", ANONYMOUS)),
        [source, target] if target.starts_with('/') || mode(target).is_none() => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return Err(invalid()),
    };
    if source.is_empty() || target.is_empty() {
        return Err(invalid());
    }
    let bind = "invalid mount config for type \"bind\"";
    if !target.starts_with('/') {
        return Err(refused(format!(
            "invalid volume specification: '{flag}': {bind}: invalid mount path: '{target}' mount path must be absolute"
        )));
    }
    check_target(flag, target)?;
    let Some(mode) = mode(options) else { return Err(refused(format!("invalid mode: {options}"))) };
    let source = if source.starts_with('/') {
        PathBuf::from(source)
    } else if source == "." || source == ".." || source.starts_with("./") || source.starts_with("../") {
        absolute(source)?
    } else if is_volume_name(source) {
        return Err(later::not_yet("volume", NAMED));
    } else {
        return Err(refused(format!(
            "create {source}: {source:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        )));
    };
    let kind = MountKind::Bind {
        source: clean(&source),
        create_source: true,
        recursive: true,
        propagation: mode.propagation,
    };
    Ok(MountSpec { kind, target: clean(Path::new(target)), read_only: mode.read_only })
}

fn check_target(flag: &str, target: &str) -> Result<()> {
    if clean(Path::new(target)) == Path::new("/") {
        return Err(refused(format!(
            "invalid volume specification: '{flag}': invalid mount config for type \"bind\": invalid specification: destination can't be '/'"
        )));
    }
    Ok(())
}

fn is_volume_name(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric()) && text.len() > 1 && bytes.all(word)
}

fn absolute(path: &str) -> Result<PathBuf> {
    let absolute = std::path::absolute(path);
    absolute.map(|path| clean(&path)).map_err(|e| Failure::usage(format!("{path}: {e}")))
}

/// Go's filepath.Clean of an absolute path: `.` and `..` taken away as text.
fn clean(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::ParentDir => {
                out.pop();
            }
            Component::Normal(name) => out.push(name),
            _ => {}
        }
    }
    out
}

#[derive(Default)]
struct Mode {
    read_only: bool,
    propagation: Propagation,
}

/// Each kind of option may come once; SELinux's `z` and `Z` and macOS's consistency mean nothing here.
fn mode(options: &str) -> Option<Mode> {
    let mut mode = Mode::default();
    let mut seen = [false; 4];
    for option in options.split(',') {
        let kind = match option {
            "" if options.is_empty() => return Some(mode),
            "ro" | "rw" => {
                mode.read_only = option == "ro";
                0
            }
            "z" | "Z" => 1,
            "consistent" | "cached" | "delegated" => 2,
            other => {
                mode.propagation = propagation(other)?;
                3
            }
        };
        if std::mem::replace(&mut seen[kind], true) {
            return None;
        }
    }
    Some(mode)
}

fn propagation(text: &str) -> Option<Propagation> {
    Some(match text {
        "rprivate" => Propagation::RPrivate,
        "private" => Propagation::Private,
        "rshared" => Propagation::RShared,
        "shared" => Propagation::Shared,
        "rslave" => Propagation::RSlave,
        "slave" => Propagation::Slave,
        _ => return None,
    })
}

/// `--tmpfs DST[:OPTIONS]`
pub fn tmpfs(flags: &[String]) -> Result<Vec<MountSpec>> {
    flags
        .iter()
        .map(|flag| {
            let (target, options) = flag.split_once(':').unwrap_or((flag, ""));
            if !target.starts_with('/') {
                return Err(refused(format!(
                    "invalid mount config for type \"tmpfs\": invalid mount path: '{target}' mount path must be absolute"
                )));
            }
            check_target(flag, target)?;
            let (mut size, mut mode, mut rest, mut read_only) = (None, None, Vec::new(), false);
            for option in options.split(',').filter(|option| !option.is_empty()) {
                match option.split_once('=') {
                    Some(("size", "0")) => size = Some(Bytes(0)),
                    // A share of the memory is the kernel's to work out.
                    Some(("size", value)) if !value.ends_with('%') => {
                        size = Some(Bytes(ram_in_bytes(value).map_err(refused)?));
                    }
                    Some(("mode", value)) => {
                        let bits = u32::from_str_radix(value, 8).ok().filter(|bits| *bits <= 0o7777);
                        mode = Some(bits.ok_or_else(|| invalid_tmpfs(option))?);
                    }
                    Some(("size" | "uid" | "gid" | "nr_inodes" | "nr_blocks" | "mpol" | "huge", _)) => {
                        rest.push(option.to_owned());
                    }
                    Some(_) => return Err(invalid_tmpfs(option)),
                    None if option == "ro" => read_only = true,
                    None if option == "rw" => read_only = false,
                    None if TMPFS_WORDS.contains(&option) => rest.push(option.to_owned()),
                    None => return Err(invalid_tmpfs(option)),
                }
            }
            let kind = MountKind::Tmpfs { size, mode, options: rest };
            Ok(MountSpec { kind, target: clean(Path::new(target)), read_only })
        })
        .collect()
}

const TMPFS_WORDS: &[&str] = &[
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "sync",
    "async",
    "dirsync",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "mand",
    "nomand",
    "private",
    "rprivate",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "unbindable",
    "runbindable",
];

fn invalid_tmpfs(option: &str) -> Failure {
    refused(format!("invalid tmpfs option {option:?}"))
}

/// Two mounts on one place.
pub fn check_duplicates(mounts: &[MountSpec]) -> Result<()> {
    for (at, mount) in mounts.iter().enumerate() {
        if mounts[..at].iter().any(|other| other.target == mount.target) {
            return Err(refused(format!("Duplicate mount point: {}", mount.target.display())));
        }
    }
    Ok(())
}

/// `--mount`, read but not yet judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MountFlag {
    kind: String,
    source: String,
    target: String,
    read_only: bool,
    propagation: Option<String>,
    /// `enabled`, `disabled`, `writable`, `readonly`
    recursive: Option<String>,
    create_source: bool,
    size: Option<u64>,
    mode: Option<u32>,
    /// A key that belongs to volumes or images.
    foreign: Option<&'static str>,
}

/// Reads the comma-separated pairs; mistakes are told as docker/cli tells them.
pub fn parse_mount(text: &str) -> Result<MountFlag, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("value is empty".to_owned());
    }
    let mut mount = MountFlag { kind: "volume".to_owned(), ..MountFlag::default() };
    for field in csv_fields(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (field.as_str(), None),
        };
        if key.trim() != key {
            return Err(format!("invalid option '{key}' in '{field}': option should not have whitespace"));
        }
        if let Some(value) = value {
            if value.trim().is_empty() {
                return Err(format!("invalid value for '{key}': value is empty"));
            }
            if value.trim() != value {
                return Err(format!(
                    "invalid value for '{key}' in '{field}': value should not have whitespace"
                ));
            }
        }
        let key = key.to_lowercase();
        let flag = ["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"];
        let text = match value {
            Some(value) => value,
            None if flag.contains(&key.as_str()) => "true",
            None => return Err(format!("invalid field '{field}' must be a key=value pair")),
        };
        let truth = || match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(format!(
                "invalid value for '{key}': invalid boolean value ({text:?}): must be one of \"true\", \"1\", \"false\", or \"0\" (default \"true\")"
            )),
        };
        match key.as_str() {
            "type" => mount.kind = text.to_lowercase(),
            "source" | "src" => mount.source = text.to_owned(),
            "target" | "dst" | "destination" => mount.target = text.to_owned(),
            "readonly" | "ro" => mount.read_only = truth()?,
            "consistency" => {}
            "bind-propagation" => mount.propagation = Some(text.to_lowercase()),
            "bind-nonrecursive" => {
                mount.recursive = Some(if truth()? { "disabled" } else { "enabled" }.to_owned());
            }
            "bind-recursive" => match text {
                "enabled" | "disabled" | "writable" | "readonly" => mount.recursive = Some(text.to_owned()),
                _ => {
                    return Err(format!(
                        "invalid value for {key}: {text} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
                    ));
                }
            },
            "bind-create-src" => mount.create_source = truth()?,
            "tmpfs-size" => {
                mount.size =
                    Some(ram_in_bytes(text).map_err(|_| format!("invalid value for {key}: {text}"))?);
            }
            "tmpfs-mode" => {
                let bits = u32::from_str_radix(text, 8);
                mount.mode = Some(bits.map_err(|_| format!("invalid value for {key}: {text}"))?);
            }
            "volume-nocopy" | "volume-label" | "volume-driver" | "volume-opt" | "volume-subpath" => {
                mount.foreign = Some("volume");
            }
            "image-subpath" => mount.foreign = Some("image"),
            _ => return Err(format!("unknown option '{key}' in '{field}'")),
        }
    }
    mount.check().map(|()| mount)
}

impl MountFlag {
    fn check(&self) -> Result<(), String> {
        let mixed =
            |family: &str| Err(format!("cannot mix '{family}-*' options with mount type '{}'", self.kind));
        let is = |kind: &str| self.kind == kind;
        let bind_options = self.propagation.is_some() || self.recursive.is_some() || self.create_source;
        match () {
            _ if self.kind.is_empty() => Err("type is required".to_owned()),
            _ if self.target.is_empty() => Err("target is required".to_owned()),
            _ if self.foreign == Some("volume") && !is("volume") => mixed("volume"),
            _ if bind_options && !is("bind") => mixed("bind"),
            _ if (self.size.is_some() || self.mode.is_some()) && !is("tmpfs") => mixed("tmpfs"),
            _ if self.foreign == Some("image") && !is("image") => mixed("image"),
            _ => match self.recursive.as_deref() {
                Some(how @ ("writable" | "readonly")) if !self.read_only => Err(format!(
                    "option 'bind-recursive={how}' requires 'readonly' to be specified in conjunction"
                )),
                Some("readonly") if self.propagation.as_deref() != Some("rprivate") => Err(
                    "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"
                        .to_owned(),
                ),
                _ => Ok(()),
            },
        }
    }
}

pub fn mounts(flags: Vec<MountFlag>) -> Result<Vec<MountSpec>> {
    flags.into_iter().map(mount).collect()
}

fn mount(flag: MountFlag) -> Result<MountSpec> {
    let config = |what: &str| refused(format!("invalid mount config for type {:?}: {what}", flag.kind));
    if !flag.target.starts_with('/') {
        return Err(config(&format!("invalid mount path: '{}' mount path must be absolute", flag.target)));
    }
    if clean(Path::new(&flag.target)) == Path::new("/") {
        return Err(config("invalid specification: destination can't be '/'"));
    }
    let kind = match flag.kind.as_str() {
        "bind" => {
            if flag.source.is_empty() {
                return Err(config("field Source must not be empty"));
            }
            let source = match flag.source.as_str() {
                source if source.starts_with('.') => absolute(source)?,
                source if source.starts_with('/') => PathBuf::from(source),
                source => {
                    return Err(config(&format!(
                        "invalid mount path: '{source}' mount path must be absolute"
                    )));
                }
            };
            let propagation = match flag.propagation.as_deref() {
                None => Propagation::default(),
                Some(text) => {
                    propagation(text).ok_or_else(|| config(&format!("invalid propagation mode {text:?}")))?
                }
            };
            if flag.recursive.as_deref() == Some("writable") {
                return Err(later::not_yet("mount", "bind-recursive=writable is not there yet"));
            }
            let recursive = flag.recursive.as_deref() != Some("disabled");
            MountKind::Bind {
                source: clean(&source),
                create_source: flag.create_source,
                recursive,
                propagation,
            }
        }
        "tmpfs" => {
            if !flag.source.is_empty() {
                return Err(config("field Source must not be specified"));
            }
            MountKind::Tmpfs { size: flag.size.map(Bytes), mode: flag.mode, options: Vec::new() }
        }
        "volume" => return Err(later::not_yet("mount", NAMED)),
        "image" => return Err(later::not_yet("mount", "mounts of images are not there yet")),
        "npipe" | "cluster" => {
            return Err(later::not_yet("mount", "mounts of this type exist on Windows and in swarms only"));
        }
        other => return Err(refused(format!("mount type unknown: {other:?}"))),
    };
    Ok(MountSpec { kind, target: clean(Path::new(&flag.target)), read_only: flag.read_only })
}

/// One record of CSV: fields in quotes may hold commas, a doubled quote is a quote.
fn csv_fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, tail) = match rest.split_once(',') {
                Some((field, tail)) => (field, Some(tail)),
                None => (rest, None),
            };
            if field.contains('"') {
                return Err("parse error on line 1: bare \" in non-quoted-field".to_owned());
            }
            fields.push(field.to_owned());
            match tail {
                Some(tail) => rest = tail,
                None => return Ok(fields),
            }
            continue;
        };
        let mut field = String::new();
        let mut chars = quoted.char_indices().peekable();
        let end = loop {
            match chars.next() {
                None => {
                    return Err("parse error on line 1: extraneous or missing \" in quoted-field".to_owned());
                }
                Some((_, '"')) if chars.next_if(|(_, c)| *c == '"').is_some() => field.push('"'),
                Some((at, '"')) => break at + 1,
                Some((_, c)) => field.push(c),
            }
        };
        fields.push(field);
        match quoted[end..].strip_prefix(',') {
            Some(tail) => rest = tail,
            None if quoted.len() == end => return Ok(fields),
            None => return Err("parse error on line 1: extraneous or missing \" in quoted-field".to_owned()),
        }
    }
}

//! `-v`, `--tmpfs`, `--mount` (docker/cli's opts/mount.go and the engine's volume parser).

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::later;
use crate::cli::failure::{Failure, Result};
use crate::cli::ui::units::ram_in_bytes;
use crate::container::spec::{Asked, Bytes, MountKind, MountSpec, Propagation};
use crate::runtime::plan::absolute;
use crate::volume;

fn refused(text: String) -> Failure {
    Failure::refused(text)
}

/// `-v [SRC:]DST[:OPTIONS]`
pub fn volumes(flags: &[String]) -> Result<Vec<MountSpec>> {
    flags.iter().map(|flag| volume(flag)).collect()
}

fn volume(flag: &str) -> Result<MountSpec> {
    let invalid = || refused(format!("invalid volume specification: '{flag}'"));
    let parts: Vec<&str> = flag.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] if target.starts_with('/') || mode(target).is_none() => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => return Err(invalid()),
    };
    if source == Some("") || target.is_empty() {
        return Err(invalid());
    }
    let directory = match source {
        Some(source) if source.starts_with('/') => Some(PathBuf::from(source)),
        Some(source)
            if matches!(source, "." | "..") || source.starts_with("./") || source.starts_with("../") =>
        {
            Some(of_here(source)?)
        }
        _ => None,
    };
    if !target.starts_with('/') {
        let kind = if directory.is_some() { "bind" } else { "volume" };
        return Err(refused(format!(
            "invalid volume specification: '{flag}': invalid mount config for type \"{kind}\": invalid mount path: '{target}' mount path must be absolute"
        )));
    }
    check_target(flag, target)?;
    let bad_mode = || refused(format!("invalid mode: {options}"));
    let mode = mode(options).ok_or_else(bad_mode)?;
    let kind = match (directory, source) {
        (Some(_), _) if mode.no_copy => return Err(bad_mode()),
        (Some(source), _) => MountKind::Bind {
            source: absolute(&source),
            create_source: true,
            recursive: true,
            propagation: mode.propagation.unwrap_or_default(),
        },
        (None, _) if mode.propagation.is_some() => return Err(bad_mode()),
        (None, name) => {
            let name = name.unwrap_or_default();
            if !name.is_empty() {
                volume::check_name(name).map_err(|e| refused(e.to_string()))?;
            }
            MountKind::Volume {
                name: name.to_owned(),
                anonymous: name.is_empty(),
                no_copy: mode.no_copy,
                subpath: None,
                labels: BTreeMap::new(),
                options: BTreeMap::new(),
                asked: Asked::VolumeFlag,
            }
        }
    };
    // What is written over an overlay's directory is thrown away, not forbidden.
    if mode.overlay && (mode.read_only || mode.propagation.is_some()) {
        return Err(bad_mode());
    }
    let Mode { read_only, chown, overlay, .. } = mode;
    Ok(MountSpec { chown, overlay, ..MountSpec::new(kind, absolute(Path::new(target)), read_only) })
}

fn check_target(flag: &str, target: &str) -> Result<()> {
    if absolute(Path::new(target)) == Path::new("/") {
        return Err(refused(format!(
            "invalid volume specification: '{flag}': invalid mount config for type \"bind\": invalid specification: destination can't be '/'"
        )));
    }
    Ok(())
}

fn of_here(path: &str) -> Result<PathBuf> {
    let path_here = std::path::absolute(path);
    path_here.map(|path| absolute(&path)).map_err(|e| Failure::usage(format!("{path}: {e}")))
}

#[derive(Default)]
struct Mode {
    read_only: bool,
    propagation: Option<Propagation>,
    no_copy: bool,
    chown: bool,
    overlay: bool,
}

/// Each kind of option may come once; SELinux's `z` and `Z` and macOS's consistency mean nothing here.
fn mode(options: &str) -> Option<Mode> {
    let mut mode = Mode::default();
    let mut seen = [false; 7];
    for option in options.split(',') {
        let kind = match option {
            "" if options.is_empty() => return Some(mode),
            "ro" | "rw" => {
                mode.read_only = option == "ro";
                0
            }
            "z" | "Z" => 1,
            "consistent" | "cached" | "delegated" => 2,
            "nocopy" => {
                mode.no_copy = true;
                3
            }
            "U" => {
                mode.chown = true;
                4
            }
            "O" => {
                mode.overlay = true;
                5
            }
            other => {
                mode.propagation = Some(propagation(other)?);
                6
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
/// podman's writable places of a read-only container, where nothing else is mounted.
pub fn add_writable(mounts: &mut Vec<MountSpec>) {
    for target in ["/run", "/tmp", "/var/tmp"].map(PathBuf::from) {
        if mounts.iter().all(|mount| mount.target != target) {
            let mode = if target.ends_with("run") { 0o755 } else { 0o1777 };
            let kind = MountKind::Tmpfs { size: None, mode: Some(mode), options: Vec::new() };
            mounts.push(MountSpec::new(kind, target, false));
        }
    }
}

/// The file of a time zone as the container's /etc/localtime; nothing for an empty name.
pub fn time_zone(name: &str) -> Result<Option<MountSpec>> {
    let source = match name {
        "" => return Ok(None),
        "local" => PathBuf::from("/etc/localtime"),
        name => PathBuf::from("/usr/share/zoneinfo").join(name),
    };
    let is_inside = !name.starts_with('/') && name.split('/').all(|part| part != "..");
    match source.canonicalize().ok().filter(|path| is_inside && path.is_file()) {
        Some(source) => {
            let kind = MountKind::Bind {
                source,
                create_source: false,
                recursive: false,
                propagation: Propagation::RPrivate,
            };
            Ok(Some(MountSpec::new(kind, PathBuf::from("/etc/localtime"), true)))
        }
        None => Err(Failure::usage(format!("finding timezone: unknown time zone {name}"))),
    }
}

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
            Ok(MountSpec::new(kind, absolute(Path::new(target)), read_only))
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
    /// Podman's.
    chown: bool,
    propagation: Option<String>,
    /// `enabled`, `disabled`, `writable`, `readonly`
    recursive: Option<String>,
    create_source: bool,
    size: Option<u64>,
    mode: Option<u32>,
    volume: VolumeOptions,
    /// Podman's, of volumes and images.
    subpath: Option<PathBuf>,
    image_subpath: Option<PathBuf>,
    /// Podman's, of images.
    writable: Option<bool>,
}

/// `volume-*`
#[derive(Debug, Clone, Default, PartialEq)]
struct VolumeOptions {
    no_copy: bool,
    labels: BTreeMap<String, String>,
    driver: String,
    options: BTreeMap<String, String>,
    subpath: Option<PathBuf>,
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
        let flag = [
            "readonly",
            "ro",
            "rw",
            "readwrite",
            "u",
            "chown",
            "volume-nocopy",
            "bind-nonrecursive",
            "bind-create-src",
        ];
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
            "rw" | "readwrite" => mount.writable = Some(truth()?),
            "subpath" => mount.subpath = Some(PathBuf::from(text)),
            "consistency" => {}
            "u" | "chown" => mount.chown = truth()?,
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
            "volume-nocopy" => mount.volume.no_copy = truth()?,
            "volume-label" => mount.volume.labels.extend([pair(text)]),
            "volume-driver" => mount.volume.driver = text.to_owned(),
            "volume-opt" => mount.volume.options.extend([pair(text)]),
            "volume-subpath" => mount.volume.subpath = Some(PathBuf::from(text)),
            "image-subpath" => mount.image_subpath = Some(PathBuf::from(text)),
            _ => return Err(format!("unknown option '{key}' in '{field}'")),
        }
    }
    mount.check()?;
    match mount.kind.as_str() {
        "volume" => mount.volume.subpath = mount.volume.subpath.or(mount.subpath.take()),
        "image" => mount.image_subpath = mount.image_subpath.or(mount.subpath.take()),
        _ => {}
    }
    Ok(mount)
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
            _ if self.chown && (is("tmpfs") || is("image")) => mixed("chown"),
            _ if self.volume != VolumeOptions::default() && !is("volume") => mixed("volume"),
            _ if bind_options && !is("bind") => mixed("bind"),
            _ if (self.size.is_some() || self.mode.is_some()) && !is("tmpfs") => mixed("tmpfs"),
            _ if self.image_subpath.is_some() && !is("image") => mixed("image"),
            _ if self.subpath.is_some() && !is("image") && !is("volume") => mixed("subpath"),
            _ if self.writable.is_some() && !is("image") => mixed("rw"),
            _ if self.writable == Some(true) && self.read_only => {
                Err("options 'rw' and 'readonly' contradict each other".to_owned())
            }
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
    if absolute(Path::new(&flag.target)) == Path::new("/") {
        return Err(config("invalid specification: destination can't be '/'"));
    }
    let kind = match flag.kind.as_str() {
        "bind" => {
            if flag.source.is_empty() {
                return Err(config("field Source must not be empty"));
            }
            let source = match flag.source.as_str() {
                source if source.starts_with('.') => of_here(source)?,
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
                source: absolute(&source),
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
        "volume" => {
            let VolumeOptions { no_copy, labels, driver, options, subpath } = flag.volume;
            let anonymous = flag.source.is_empty();
            if anonymous && flag.read_only {
                return Err(config("must not set ReadOnly mode when using anonymous volumes"));
            }
            if anonymous && subpath.is_some() {
                return Err(config("must not set Subpath when using anonymous volumes"));
            }
            if subpath.as_deref().is_some_and(leads_out) {
                return Err(config("subpath must be a relative path within the volume"));
            }
            if !anonymous {
                volume::check_name(&flag.source).map_err(|e| refused(e.to_string()))?;
            }
            check_driver(&driver)?;
            let name = flag.source;
            MountKind::Volume { name, anonymous, no_copy, subpath, labels, options, asked: Asked::MountFlag }
        }
        "image" => {
            if flag.source.is_empty() {
                return Err(config("field Source must not be empty"));
            }
            if flag.image_subpath.as_deref().is_some_and(leads_out) {
                return Err(config("subpath must be a relative path within the image"));
            }
            let kind = MountKind::Image { source: flag.source, image: None, subpath: flag.image_subpath };
            let target = absolute(Path::new(&flag.target));
            return Ok(MountSpec::new(kind, target, flag.writable != Some(true)));
        }
        "npipe" | "cluster" => {
            return Err(later::not_yet("mount", "mounts of this type exist on Windows and in swarms only"));
        }
        other => return Err(refused(format!("mount type unknown: {other:?}"))),
    };
    let target = absolute(Path::new(&flag.target));
    Ok(MountSpec { chown: flag.chown, ..MountSpec::new(kind, target, flag.read_only) })
}

fn leads_out(subpath: &Path) -> bool {
    subpath.is_absolute() || subpath.components().any(|part| part == Component::ParentDir)
}

/// Docker's volume plugins need its engine; ours are all directories.
pub fn check_driver(driver: &str) -> Result<()> {
    match driver {
        "" | "local" => Ok(()),
        other => Err(refused(format!("error looking up volume plugin {other}: plugin {other:?} not found"))),
    }
}

fn pair(text: &str) -> (String, String) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    (key.to_owned(), value.to_owned())
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

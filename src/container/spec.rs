//! The wish: what somebody asked a container to be, in real types, whichever door it came through.
//! No flag names and no defaults of the image in here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ContainerName;
use super::health::{HealthAction, HealthCheck};
use crate::image::PinnedImage;
use crate::image::platform::Platform;

/// What a door asks for. `image` stays exactly as the user typed it (Docker shows it that way).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    pub image: String,
    pub platform: Option<Platform>,
    pub name: Option<ContainerName>,
    /// Replaces the image's CMD.
    pub command: Option<Vec<String>>,
    /// Replaces the image's ENTRYPOINT and drops its CMD; an empty list resets it.
    pub entrypoint: Option<Vec<String>>,
    /// Later entries win; `NAME=value`, already read from the client's environment where needed.
    pub env: Vec<(String, String)>,
    /// Of the caller's environment; the image's own come before these.
    pub host_env: Vec<(String, String)>,
    /// In the place of the image's: `$NAME` and `${NAME}` in a value stand for what the image has.
    pub merged_env: Vec<(String, String)>,
    /// Variables of the image that are left out.
    pub unset_env: Vec<String>,
    /// All of the image's variables are left out.
    pub unset_all_env: bool,
    pub workdir: Option<PathBuf>,
    /// `name|uid[:group|gid]`, resolved in the container's own /etc/passwd and /etc/group.
    pub user: Option<String>,
    pub groups: Vec<String>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub mounts: Vec<MountSpec>,
    /// `NAME[:ro|:rw]`, as typed; `create` adds the mounts of these containers to `mounts`.
    pub volumes_from: Vec<String>,
    pub secrets: Vec<SecretSpec>,
    pub network: NetworkMode,
    pub extra_hosts: Vec<(String, String)>,
    pub dns: Vec<std::net::IpAddr>,
    pub dns_search: Vec<String>,
    pub dns_options: Vec<String>,
    pub tty: bool,
    /// `-i`: stdin stays open without a client.
    pub stdin_open: bool,
    /// stdin closes when the first attached client goes.
    pub stdin_once: bool,
    pub attach: AttachStreams,
    pub read_only: bool,
    pub init: bool,
    pub privileged: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub no_new_privileges: bool,
    pub seccomp: SeccompChoice,
    /// `--security-opt systempaths=unconfined`: no masked or read-only paths.
    pub system_paths_unconfined: bool,
    pub devices: Vec<DeviceSpec>,
    pub ulimits: Vec<Ulimit>,
    pub sysctls: BTreeMap<String, String>,
    pub oom_score_adj: Option<i32>,
    /// Permission bits that new files do not get; 0022 when unset.
    pub umask: Option<u32>,
    /// Size of /dev/shm; Docker's default is 64 MiB.
    pub shm_size: Option<Bytes>,
    pub ipc: NamespaceMode,
    /// `--ipc none`: a namespace of its own, and no /dev/shm.
    pub without_shm: bool,
    pub pid: NamespaceMode,
    pub uts: NamespaceMode,
    pub cgroup: NamespaceMode,
    pub user_namespace: UserNamespaceMode,
    pub accounts: AccountsSpec,
    pub image_volumes: ImageVolumes,
    /// A signal's name or number as typed; the image's STOPSIGNAL, then SIGTERM, otherwise.
    pub stop_signal: Option<String>,
    /// Seconds between the stop signal and KILL; 10 when unset, negative waits for ever.
    pub stop_timeout: Option<i64>,
    /// Seconds after which a run is killed; no limit when unset.
    pub run_limit: Option<u32>,
    pub auto_remove: bool,
    pub restart: RestartPolicy,
    /// Comes before the image's, field by field.
    pub health: Option<HealthCheck>,
    pub on_unhealthy: HealthAction,
    pub overlay: Option<OverlayChoice>,
    pub log: LogSpec,
}

/// Where programs are looked for when neither the image nor the caller says so (Docker's).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl ContainerSpec {
    /// What the image says of the environment, as far as it is wanted, and the caller's where it says
    /// nothing; `env` comes before all of it.
    pub fn environment_below(&self, image: &[String]) -> Vec<String> {
        let name_of = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
        let is_kept = |line: &&String| !self.unset_all_env && !self.unset_env.contains(&name_of(line));
        let mut lines: Vec<String> = image.iter().filter(is_kept).cloned().collect();
        for (name, value) in &self.merged_env {
            let merged = format!("{name}={}", expand(value, image));
            match lines.iter_mut().find(|line| name_of(line) == *name) {
                Some(line) => *line = merged,
                None => lines.push(merged),
            }
        }
        let names: Vec<String> = lines.iter().map(|line| name_of(line)).collect();
        let below = self.host_env.iter().filter(|(name, _)| !names.contains(name));
        lines.extend(below.map(|(name, value)| format!("{name}={value}")));
        lines
    }

    /// The volumes that go with it where that is asked for.
    pub fn anonymous_volumes(&self) -> Vec<String> {
        let names = self.mounts.iter().filter_map(|mount| match &mount.kind {
            MountKind::Volume { name, anonymous: true, .. } => Some(name.clone()),
            _ => None,
        });
        names.collect()
    }
}

/// Whether a container that has ended runs again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum RestartPolicy {
    #[default]
    No,
    Always,
    /// As `Always`; but one that a user has stopped is not started when the machine comes up.
    UnlessStopped,
    /// When it fails, so many times at most; 0 for no limit.
    OnFailure {
        retries: u32,
    },
}

impl RestartPolicy {
    /// Docker's name of it.
    pub fn name(self) -> &'static str {
        match self {
            RestartPolicy::No => "no",
            RestartPolicy::Always => "always",
            RestartPolicy::UnlessStopped => "unless-stopped",
            RestartPolicy::OnFailure { .. } => "on-failure",
        }
    }

    pub fn retries(self) -> u32 {
        match self {
            RestartPolicy::OnFailure { retries } => retries,
            _ => 0,
        }
    }
}

/// A count of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bytes(pub u64);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachStreams {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

/// How a container writes to its root file system (DESIGN: H, F and the fallback).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverlayChoice {
    /// The first of the following that works.
    #[default]
    Auto,
    /// The kernel's overlayfs on top of the FUSE image.
    Hybrid,
    /// Our FUSE file system serves the upper directory as well.
    Full,
    /// Plain directories and the kernel's overlayfs; needs no /dev/fuse.
    Unpacked,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    pub kind: MountKind,
    /// Absolute path inside the container.
    pub target: PathBuf,
    pub read_only: bool,
    /// Came with `--volumes-from`.
    #[serde(default)]
    pub inherited: bool,
    /// What lies there is given to the container's user at every start (podman's `U`).
    #[serde(default)]
    pub chown: bool,
    /// What is written there goes into an overlay that ends with the run (podman's `O`).
    #[serde(default)]
    pub overlay: bool,
}

impl MountSpec {
    pub fn new(kind: MountKind, target: PathBuf, read_only: bool) -> MountSpec {
        MountSpec { kind, target, read_only, inherited: false, chown: false, overlay: false }
    }

    /// The volume that it mounts.
    pub fn volume(&self) -> Option<&str> {
        match &self.kind {
            MountKind::Volume { name, .. } => Some(name),
            MountKind::Bind { .. } | MountKind::Image { .. } | MountKind::Tmpfs { .. } => None,
        }
    }

    /// The image that it mounts.
    pub fn image(&self) -> Option<&PinnedImage> {
        match &self.kind {
            MountKind::Image { image, .. } => image.as_ref(),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum MountKind {
    Bind {
        /// Absolute path on the host.
        source: PathBuf,
        /// `-v` makes a missing source as a directory; `--mount` refuses it (Docker's rule).
        create_source: bool,
        /// Bind what is mounted below the source too (`bind-recursive`, default true).
        recursive: bool,
        propagation: Propagation,
    },
    Volume {
        /// Empty until `create` has named an anonymous one.
        name: String,
        /// Goes with the container (`rm -v`, `--rm`).
        anonymous: bool,
        /// Stays empty even where the image has something.
        no_copy: bool,
        /// A directory of the volume's, instead of all of it.
        subpath: Option<PathBuf>,
        /// Given to the volume should it be made now.
        labels: BTreeMap<String, String>,
        options: BTreeMap<String, String>,
        asked: Asked,
    },
    /// Another image, served as the root's is.
    Image {
        /// As asked for.
        source: String,
        /// `None` until `create` has found it.
        image: Option<PinnedImage>,
        /// A directory of the image's, instead of all of it.
        subpath: Option<PathBuf>,
    },
    Tmpfs {
        size: Option<Bytes>,
        /// Permission bits, 01777 when unset.
        mode: Option<u32>,
        /// Further mount options as typed after `--tmpfs DST:`, e.g. `exec`, `nosuid`.
        options: Vec<String>,
    },
}

/// Where secrets lie that ask for no other place (Docker's).
pub const SECRETS: &str = "/run/secrets";

/// A secret that the container gets; its value lies beside the record, under the number of its place in
/// `ContainerSpec::secrets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSpec {
    /// As asked for; the secret's own name once `create` has found it.
    pub name: String,
    /// Empty until then.
    pub id: String,
    pub place: SecretPlace,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SecretPlace {
    /// A read-only file in memory.
    Mount {
        /// Absolute path inside the container.
        target: PathBuf,
        /// Root of the container, where there is one, unless something else is asked for.
        uid: Option<u32>,
        gid: Option<u32>,
        /// Permission bits.
        mode: u32,
    },
    /// A variable of the environment.
    Env { name: String },
}

/// Where the wish for a volume stood; `inspect` shows it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    VolumeFlag,
    MountFlag,
    /// A VOLUME of the image.
    Image,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    #[default]
    RPrivate,
    Private,
    RShared,
    Shared,
    RSlave,
    Slave,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", content = "of", rename_all = "lowercase")]
pub enum NetworkMode {
    /// Not asked for: what coracle gives by default.
    #[default]
    Default,
    None,
    Host,
    Container(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", content = "of", rename_all = "lowercase")]
pub enum NamespaceMode {
    #[default]
    Private,
    Host,
    Container(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum UserNamespaceMode {
    /// Root in the container is the caller; other ids come from the caller's range, if there is one.
    #[default]
    Default,
    /// The same, by the name that Docker has for it.
    Host,
    /// The same, by podman's name.
    Private,
    /// The caller's own id inside as outside, and so many ids in all.
    KeepId {
        uid: Option<u32>,
        gid: Option<u32>,
        #[serde(default)]
        size: Option<u32>,
    },
    /// Ids that no other such container has, without the caller's own.
    Auto {
        /// How many; as many as the image has users for otherwise.
        size: Option<u32>,
        /// Besides.
        uids: Vec<IdLine>,
        gids: Vec<IdLine>,
        /// The range that it was given when it was created, as U numbers.
        given: Option<(u32, u32)>,
    },
    /// All ids but the caller's own.
    NoMap,
    /// The caller's id alone, as root.
    Single,
    /// The same, and other users all the same (see `identity`): what `Default` is where there is a single id.
    Emulated {
        /// The stat family is left alone.
        hides_owners: bool,
    },
    /// The map that another container has, found out when this one is created; not that container's
    /// namespace. The stage that makes a container holds the host's tree until it has its root. In a user
    /// namespace that another container is root of already it would be open to that one's CAP_SYS_PTRACE,
    /// through /proc/PID/root, wherever its number can be seen (`--pid`, a bound /proc): an execve makes a
    /// process dumpable again, so that it cannot hide before its first instruction.
    Container { name: String, like: Option<Box<UserNamespaceMode>> },
    /// As said (`--uidmap`, `--gidmap`, `--subuidname`, `--subgidname`); an empty list is the map of `Default`.
    Map { uids: Vec<IdLine>, gids: Vec<IdLine> },
}

/// Puts variables in for `$NAME` and `${NAME}` (Go's os.Expand); one that is not there is empty.
fn expand(text: &str, variables: &[String]) -> String {
    let value = |name: &str| {
        let found = variables.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let default = if name == "PATH" { DEFAULT_PATH } else { "" };
        found.unwrap_or(default)
    };
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        rest = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, after)) => {
                out.push_str(value(name));
                after
            }
            None => {
                let (name, after) = after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len()));
                // A dollar before what is no name is only that.
                out.push_str(if name.is_empty() { "$" } else { value(name) });
                after
            }
        };
    }
    out + rest
}

/// What becomes of the VOLUMEs of an image (podman's `--image-volume`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageVolumes {
    /// Each gets a volume without a name (Docker's way).
    #[default]
    Anonymous,
    /// Each is an empty file system in memory.
    Tmpfs,
    /// They are directories like others.
    Ignore,
}

/// Lines that the container's /etc/passwd and /etc/group get (podman's `--passwd`, `--hostuser`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountsSpec {
    /// There are none (`--passwd=false`).
    pub off: bool,
    /// The caller's, which keep-id gives to the user that it keeps.
    pub caller: Option<HostAccount>,
    /// Of this machine, as asked for.
    pub host: Vec<HostAccount>,
    /// Stands in the place of every line for /etc/passwd; `$USERNAME`, `$UID`, `$GID`, `$NAME` and `$HOME` are
    /// those of the line.
    pub passwd_entry: Option<String>,
    /// The same for /etc/group: `$GROUPNAME`, `$GID` and `$USERLIST`.
    pub group_entry: Option<String>,
}

/// An account of this machine, as it was when the container was created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAccount {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// The account's comment, as a rule the person's name.
    pub gecos: String,
    pub home: PathBuf,
    /// The name of `gid`.
    pub group: String,
}

/// A line of an id map as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdLine {
    pub inside: u32,
    /// As U numbers: the caller is 0, its ranges follow from 1 on.
    pub outside: u32,
    pub count: u32,
    /// `outside` is as the host numbers.
    pub is_host: bool,
    /// It takes the place of what the default map has there, of which the rest stays.
    pub extends: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "profile", content = "json", rename_all = "lowercase")]
pub enum SeccompChoice {
    /// Docker's default profile.
    #[default]
    Default,
    Unconfined,
    /// The text of a profile file in Docker's JSON form.
    Profile(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSpec {
    pub source: PathBuf,
    pub target: PathBuf,
    /// Any of `r`, `w`, `m`, as typed.
    pub access: String,
}

/// `--ulimit name=soft:hard`; -1 is unlimited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Docker's name: `nofile`, `nproc`, `core`, ...
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSpec {
    /// A name of `logs::DRIVERS`.
    pub driver: String,
    pub options: BTreeMap<String, String>,
}

impl Default for LogSpec {
    fn default() -> LogSpec {
        LogSpec { driver: "json-file".to_owned(), options: BTreeMap::new() }
    }
}

/// `exec` as a door asks for it. With `detach` the call returns `Attached::Detached` once it runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecSpec {
    pub argv: Vec<String>,
    /// Added to the container's own environment; later entries win.
    pub env: Vec<(String, String)>,
    pub workdir: Option<PathBuf>,
    pub user: Option<String>,
    pub tty: bool,
    pub stdin: bool,
    pub privileged: bool,
    pub detach: bool,
}

/// Whether a sysctl belongs to a namespace, and so to a container alone (Docker's opts.ValidateSysctl).
pub fn is_namespaced_sysctl(name: &str) -> bool {
    const IPC: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    name.starts_with("net.") || name.starts_with("fs.mqueue.") || IPC.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_image_are_put_in() {
        let image = ["A=1".to_owned(), "AB=2=3".to_owned()];
        for (text, want) in [
            ("${A}-x", "1-x"),
            ("$A:$AB", "1:2=3"),
            ("$NO${NO}", ""),
            ("100$ $", "100$ $"),
            ("${A", "${A"),
            ("$A.", "1."),
            ("$PATH:/x", &format!("{DEFAULT_PATH}:/x")),
        ] {
            assert_eq!(expand(text, &image), want, "{text}");
        }
        let spec = ContainerSpec {
            merged_env: vec![("A".into(), "$A$A".into()), ("C".into(), "${AB}".into())],
            ..ContainerSpec::default()
        };
        assert_eq!(spec.environment_below(&image), ["A=11", "AB=2=3", "C=2=3"]);
    }
}

//! `Launch`: everything decided, plain data. What a test can print and compare, and the paper that
//! travels from the supervisor to init. `Process` alone is the paper of `exec`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::sys::namespace::IdMapping;
pub use crate::sys::seccomp::BpfInstruction;

use crate::container::spec::Propagation;

/// A whole container, decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    pub namespaces: Namespaces,
    /// Map of the container's user namespace; `outside` as U numbers it.
    pub uid_map: Vec<IdMapping>,
    pub gid_map: Vec<IdMapping>,
    /// Whether `setgroups` is possible in the container's user namespace (not with a single id).
    pub allow_setgroups: bool,
    /// Set when the UTS namespace is new.
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub root_read_only: bool,
    /// In the order in which they are made.
    pub mounts: Vec<MountOp>,
    /// Mounts that the container's user is to own.
    pub given: Vec<Given>,
    pub secrets: Vec<SecretFile>,
    pub accounts: Accounts,
    pub masked_paths: Vec<PathBuf>,
    pub read_only_paths: Vec<PathBuf>,
    /// Relative to /proc/sys, with slashes: `net/core/somaxconn`.
    pub sysctls: Vec<(String, String)>,
    pub process: Process,
    /// A tiny init of ours stays as PID 1, forwards signals and reaps (`--init`).
    pub reaper: bool,
}

/// A mount whose files all become the container's user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    pub target: PathBuf,
    /// Once they are.
    pub read_only: bool,
}

/// Whom the container's /etc/passwd and /etc/group are to know, if they do not yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    pub users: Vec<Account>,
    /// Stand in the place of every line, with variables (see `AccountsSpec`).
    pub passwd_entry: Option<String>,
    pub group_entry: Option<String>,
}

/// Ids as the container numbers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub gecos: String,
    pub home: PathBuf,
    /// The group gets a line too.
    pub group: Option<String>,
}

/// A secret as the container sees it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFile {
    /// Absolute path inside the container.
    pub target: PathBuf,
    /// Inside the container; `None` for its root, where it has one.
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// Permission bits.
    pub mode: u32,
    #[serde(with = "packed_bytes")]
    pub value: Vec<u8>,
}

/// Without the value: what is printed may end up in a log.
impl std::fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SecretFile { target, uid, gid, mode, value } = self;
        write!(f, "{} ({uid:?}:{gid:?}, {mode:o}, {} bytes)", target.display(), value.len())
    }
}

/// What the first process and every `exec` have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    pub argv: Vec<String>,
    /// `NAME=value`; HOME is added from the container's passwd when missing.
    pub env: Vec<String>,
    pub cwd: PathBuf,
    /// Docker makes a missing working directory for `run`, not for `exec`.
    pub make_cwd: bool,
    /// `name|uid[:group|gid]`, resolved inside; empty is root.
    pub user: String,
    /// Further groups, by name or number, resolved inside.
    pub groups: Vec<String>,
    /// The groups that the caller is in stay, and no others are taken.
    #[serde(default)]
    pub keep_groups: bool,
    pub terminal: bool,
    pub capabilities: Capabilities,
    pub no_new_privileges: bool,
    /// Classic BPF program for seccomp, `None` when unconfined.
    #[serde(with = "packed_program")]
    pub seccomp: Option<Vec<BpfInstruction>>,
    /// The filter of emulated users, whose calls the emulator answers; the kernel's ids stay root's then.
    #[serde(with = "packed_program", default)]
    pub users: Option<Vec<BpfInstruction>>,
    pub rlimits: Vec<Rlimit>,
    pub oom_score_adj: Option<i32>,
    pub umask: u32,
    /// Why only one id exists inside; the hint of the error that another one gets.
    pub single_id_note: Option<String>,
    /// The flag that has chosen the ids there are, where they are not all that the caller has.
    #[serde(default)]
    pub map_from: Option<String>,
}

/// Bit masks by capability number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub bounding: u64,
    pub permitted: u64,
    pub effective: u64,
    pub inheritable: u64,
    pub ambient: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// RLIMIT_* number.
    pub resource: u32,
    /// `u64::MAX` is unlimited.
    pub soft: u64,
    pub hard: u64,
}

/// A new one, the one the supervisor is in, or another container's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    pub pid: NamespaceChoice,
    pub network: NamespaceChoice,
    pub ipc: NamespaceChoice,
    pub uts: NamespaceChoice,
    pub cgroup: NamespaceChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamespaceChoice {
    New,
    /// The one the supervisor is in (`host`).
    Inherit,
    /// One whose descriptor is given to `launch` (`container:X`).
    Join,
}

/// One step of building the mount tree. Targets are absolute paths inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountOp {
    /// A new file system of the kernel: proc, tmpfs, devpts, mqueue, sysfs, cgroup2.
    FileSystem {
        fstype: String,
        target: PathBuf,
        /// `MS_*` bits.
        flags: u64,
        /// Comma separated, as mount(2) takes it.
        data: String,
        /// Where the kernel does not allow a fresh one (proc and sysfs below masked ones, or of
        /// somebody else's network): the host's own, read-only where it is sysfs.
        or_host: bool,
        /// A failure is no failure of the container.
        optional: bool,
        /// Whom emulated users see it belong to; `None` where the kernel's word counts.
        owner: Option<(u32, u32)>,
    },
    /// A host path, opened by the supervisor and passed as a detached tree.
    Bind {
        source: PathBuf,
        target: PathBuf,
        recursive: bool,
        read_only: bool,
        propagation: Propagation,
        /// A missing source becomes a directory (Docker's rule for `-v`).
        create_source: bool,
    },
    /// A mount that belongs to a namespace of another container which is joined.
    Borrowed {
        what: Borrow,
        target: PathBuf,
    },
    /// A device of the host; the permission stays the host's.
    Device {
        source: PathBuf,
        target: PathBuf,
        optional: bool,
    },
    Symlink {
        content: PathBuf,
        path: PathBuf,
    },
    /// A directory of ours that outlives the container, or one below it, which what lies in the volume
    /// may not lead out of.
    Volume {
        source: PathBuf,
        subpath: Option<PathBuf>,
        target: PathBuf,
        read_only: bool,
    },
    /// A mount of the supervisor's, or a directory below it, which init looks for: whoever serves a file system
    /// must not wait for it.
    Served {
        source: PathBuf,
        subpath: Option<PathBuf>,
        target: PathBuf,
        read_only: bool,
    },
    /// Every device of the host's /dev that is not there yet (`--privileged`); what the user may not
    /// open stays closed.
    AllDevices,
}

/// What comes with a namespace of another container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Borrow {
    /// /proc, of the pid namespace.
    Proc,
    /// /dev/shm, which Docker counts to the ipc namespace.
    SharedMemory,
}

impl MountOp {
    /// Whether a detached tree that the supervisor opened comes with it.
    pub fn brings_tree(&self) -> bool {
        matches!(
            self,
            MountOp::Bind { .. } | MountOp::Volume { .. } | MountOp::Served { .. } | MountOp::Borrowed { .. }
        )
    }
}

/// Bytes as a base64 string.
mod packed_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        STANDARD.encode(bytes).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// The seccomp program as one base64 string: as JSON objects it would be ten times as long.
mod packed_program {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::BpfInstruction;

    pub fn serialize<S: Serializer>(program: &Option<Vec<BpfInstruction>>, to: S) -> Result<S::Ok, S::Error> {
        let pack = |program: &Vec<BpfInstruction>| {
            let bytes: Vec<u8> = program.iter().flat_map(|i| i.to_bytes()).collect();
            STANDARD.encode(bytes)
        };
        program.as_ref().map(pack).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<BpfInstruction>>, D::Error> {
        use serde::de::Error;
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        let (instructions, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::custom("seccomp program cut off"));
        }
        Ok(Some(instructions.iter().map(BpfInstruction::from_bytes).collect()))
    }
}

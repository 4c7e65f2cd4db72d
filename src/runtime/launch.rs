//! `Launch`: everything decided, plain data. What a test can print and compare.
//!
//! helper D owns this file and completes it; the shape below is what the others build against.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The paper handed to init on an inherited descriptor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Launch {
    pub namespaces: Namespaces,
    pub uid_map: Vec<IdMapping>,
    pub gid_map: Vec<IdMapping>,
    pub hostname: String,
    pub domainname: Option<String>,
    pub root_read_only: bool,
    pub mounts: Vec<MountOp>,
    pub sysctls: Vec<(String, String)>,
    pub process: Process,
    /// A tiny init of ours stays as PID 1, forwards signals and reaps (`--init`).
    pub reaper: bool,
}

/// What the first process and every `exec` have in common.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Process {
    pub argv: Vec<String>,
    /// `NAME=value`; HOME is added from the container's passwd when missing.
    pub env: Vec<String>,
    pub cwd: PathBuf,
    /// Docker makes a missing working directory for `run`, not for `exec`.
    pub make_cwd: bool,
    /// `name|uid[:group|gid]`, resolved inside.
    pub user: String,
    pub groups: Vec<String>,
    pub terminal: bool,
    pub capabilities: Capabilities,
    pub no_new_privileges: bool,
    /// Classic BPF program for seccomp, `None` when unconfined.
    pub seccomp: Option<Vec<BpfInstruction>>,
    pub rlimits: Vec<Rlimit>,
    pub oom_score_adj: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BpfInstruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

/// Bit masks by capability number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub bounding: u64,
    pub permitted: u64,
    pub effective: u64,
    pub inheritable: u64,
    pub ambient: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMapping {
    pub inside: u32,
    /// As the parent namespace (U) numbers it.
    pub outside: u32,
    pub count: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// RLIMIT_* number.
    pub resource: u32,
    pub soft: u64,
    pub hard: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Namespaces {
    /// A new one, the host's, or another container's.
    pub pid: NamespaceChoice,
    pub network: NamespaceChoice,
    pub ipc: NamespaceChoice,
    pub uts: NamespaceChoice,
    pub cgroup: NamespaceChoice,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamespaceChoice {
    New,
    /// The one the supervisor is in.
    Inherit,
    // helper D: join by descriptor for container:X
}

/// One step of building the mount tree, done in order by init. helper D completes the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum MountOp {}

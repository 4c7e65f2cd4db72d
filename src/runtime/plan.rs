//! Decides, purely: record, image and facts of the machine become a `Launch`.

use std::path::Path;

use super::launch::{IdMapping, Launch, NamespaceChoice, Process};
use crate::container::ContainerRecord;
use crate::image::config::RunConfig;

/// Everything `plan` looks at.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    pub record: &'a ContainerRecord,
    pub image: &'a RunConfig,
    pub host: &'a HostFacts,
    pub files: ContainerFiles<'a>,
    /// The network namespace that was decided for `record.spec.network`.
    pub network: NamespaceChoice,
}

/// Files of the container's directory that are bound over those of the image.
#[derive(Debug, Clone, Copy)]
pub struct ContainerFiles<'a> {
    pub hosts: &'a Path,
    pub hostname: &'a Path,
    pub resolv_conf: &'a Path,
}

/// What the machine and U offer; gathered once by the supervisor, inside U.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Maps of U: inside as U numbers, outside as the host does.
    pub uid_map: Vec<IdMapping>,
    pub gid_map: Vec<IdMapping>,
    /// Why U has a single id, when it has.
    pub single_id_note: Option<String>,
    pub hostname: String,
    /// Kernel version, for what depends on it in seccomp profiles.
    pub kernel: (u32, u32),
    /// Highest capability number the kernel knows.
    pub last_capability: u32,
    /// The supervisor's own hard limits by RLIMIT_* number; `u64::MAX` is unlimited.
    pub hard_limits: Vec<(u32, u64)>,
    /// The supervisor's oom_score_adj, below which nobody gets without privilege.
    pub oom_score_adj: i32,
    /// /sys/fs/cgroup is the unified hierarchy (v2).
    pub cgroup_unified: bool,
}

/// `exec` as the supervisor is asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecRequest {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub workdir: Option<std::path::PathBuf>,
    /// `None`: the container's own user.
    pub user: Option<String>,
    pub terminal: bool,
    pub privileged: bool,
}

/// Wishes that cannot be granted, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Docker's InvalidParameter.
    #[error("{0}")]
    Invalid(String),
    /// What this machine or an ordinary user cannot have (Docker's Forbidden); says why.
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    NotImplemented(String),
}

impl HostFacts {
    /// Reads them from /proc; cheap enough for every start. `note` is what `spawn_stage` or
    /// `IdRanges` said about the ids.
    pub fn gather(note: Option<String>) -> std::io::Result<HostFacts> {
        let _ = note;
        todo!()
    }
}

/// Decides a whole container.
pub fn plan(input: &PlanInput<'_>) -> Result<Launch, PlanError> {
    let _ = input;
    todo!()
}

/// Decides an `exec` into the container that `launch` describes.
pub fn plan_exec(launch: &Launch, host: &HostFacts, request: ExecRequest) -> Result<Process, PlanError> {
    let _ = (launch, host, request);
    todo!()
}

//! Decides, purely: record, image and facts of the machine become a `Launch`.

pub mod accounts;
mod idmap;
pub mod secrets;
#[cfg(test)]
mod tests;
mod tree;

pub use idmap::{Maps, container_maps, identity, nested_maps};

use std::io;
use std::path::{Path, PathBuf};

use super::capability;
use super::emulation::{self, Owners};
use super::launch::{IdMapping, Launch, NamespaceChoice, Namespaces, Process, Rlimit};
use super::seccomp;

use crate::container::spec::{
    DEFAULT_PATH, NamespaceMode, NetworkMode, SeccompChoice, Ulimit, UserNamespaceMode, is_namespaced_sysctl,
};
use crate::container::{ContainerRecord, ContainerSpec};
use crate::identity::table::{CARRIER, KEYS};
use crate::image::config::RunConfig;
use crate::sys;

/// The group that stands for all that the caller is in (podman's).
pub const KEEP_GROUPS: &str = "keep-groups";

/// Docker's (oci/defaults.go): what shows or steers the host although it looks like the container's.
pub const MASKED_PATHS: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
pub const READ_ONLY_PATHS: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Everything `plan` looks at.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    pub record: &'a ContainerRecord,
    pub image: &'a RunConfig,
    pub host: &'a HostFacts,
    pub files: ContainerFiles<'a>,
    /// The values of the wish's secrets, in their order.
    pub secrets: &'a [Vec<u8>],
    /// Where volumes lie.
    pub volumes: &'a Path,
    /// The container has emulated users, who see this much.
    pub users: Option<Owners>,
    /// The network namespace that was decided for `record.spec.network`.
    pub network: NamespaceChoice,
}

/// Files of the container's directory that are bound over those of the image.
#[derive(Debug, Clone, Copy)]
pub struct ContainerFiles<'a> {
    pub hosts: &'a Path,
    pub hostname: &'a Path,
    pub resolv_conf: &'a Path,
    /// The overlay over the wish's mount number n is mounted at `n` in here.
    pub overlays: &'a Path,
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
    pub hard_limits: Vec<u64>,
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
    pub workdir: Option<PathBuf>,
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
}

/// Finds what is wrong with a wish on any machine, as Docker does at `create`.
pub fn check(spec: &ContainerSpec) -> Result<(), PlanError> {
    capability::decide(&spec.cap_add, &spec.cap_drop, spec.privileged, 63).map_err(PlanError::Invalid)?;
    if matches!(spec.seccomp, SeccompChoice::Profile(_)) {
        seccomp::compile(&spec.seccomp, 0, (u32::MAX, 0)).map_err(|e| PlanError::Invalid(e.to_string()))?;
    }
    if spec.uts == NamespaceMode::Host && spec.hostname.is_some() {
        return Err(PlanError::Invalid("conflicting options: hostname and the UTS mode".to_owned()));
    }
    if spec.groups.len() > 1 && spec.groups.iter().any(|group| group == KEEP_GROUPS) {
        let text = "the '--group-add keep-groups' option is not allowed with any other --group-add options";
        return Err(PlanError::Invalid(text.to_owned()));
    }
    for limit in &spec.ulimits {
        rlimit(limit)?;
    }
    for name in spec.sysctls.keys() {
        check_sysctl(name)?;
    }
    if let Some(score) = spec.oom_score_adj
        && !(-1000..=1000).contains(&score)
    {
        let text = format!("Invalid value {score}, range for oom score adj is [-1000, 1000]");
        return Err(PlanError::Invalid(text));
    }
    if spec.shm_size.is_some_and(|size| size.0 == 0) {
        return Err(PlanError::Invalid("SHM size can not be less than 0".to_owned()));
    }
    tree::check(&spec.mounts)?;
    secrets::check(spec)
}

impl HostFacts {
    /// Reads them from /proc; cheap enough for every start.
    pub fn gather() -> io::Result<HostFacts> {
        let (uid_map, gid_map) = super::userns::current_maps()?;
        let system = rustix::system::uname();
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Ok(HostFacts {
            single_id_note: is_single(&uid_map).then(|| super::userns::single_id_reason(&uid_map, &gid_map)),
            uid_map,
            gid_map,
            hostname: system.nodename().to_string_lossy().into_owned(),
            kernel: kernel_version(&system.release().to_string_lossy()),
            // Debian 12's kernel and all later ones know 41; older ones say so here.
            last_capability: read("/proc/sys/kernel/cap_last_cap").trim().parse().unwrap_or(40),
            hard_limits: (0..16)
                .map(|resource| sys::process::limit(resource).map_or(u64::MAX, |l| l.1))
                .collect(),
            oom_score_adj: read("/proc/self/oom_score_adj").trim().parse().unwrap_or(0),
            cgroup_unified: super::cgroup::is_unified(),
        })
    }
}

/// `6.1.0-18-amd64` is (6, 1).
pub fn kernel_version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Whether a container is to have emulated users (see `identity`): by its mode, or because there is a
/// single id, if nothing hinders it: answering "go on" to a system call takes Linux 5.5.
pub fn emulates_users(spec: &ContainerSpec, host: &HostFacts) -> Option<Owners> {
    let owners = match idmap::mode(spec) {
        UserNamespaceMode::Emulated { hides_owners: true } => Owners::Hidden,
        UserNamespaceMode::Emulated { hides_owners: false } => Owners::Shown,
        UserNamespaceMode::Default | UserNamespaceMode::Host | UserNamespaceMode::Private
            if is_single(&host.uid_map) =>
        {
            Owners::Shown
        }
        _ => return None,
    };
    hinders_emulation(host).is_none().then_some(owners)
}

/// Why this machine cannot emulate users.
pub fn hinders_emulation(host: &HostFacts) -> Option<String> {
    let hard = host.hard_limits.get(CARRIER as usize).copied().unwrap_or(u64::MAX);
    if host.kernel < (5, 5) {
        return Some(format!("it takes Linux 5.5, and this is {}.{}", host.kernel.0, host.kernel.1));
    }
    (hard < KEYS).then(|| {
        format!("it takes a hard limit of file locks (ulimit -H -x) of {KEYS} or none, and this session has {hard}")
    })
}

/// Decides a whole container.
pub fn plan(input: &PlanInput<'_>) -> Result<Launch, PlanError> {
    let PlanInput { record, host, .. } = *input;
    let spec = &record.spec;
    check(spec)?;
    let (uid_map, gid_map) = nested_maps(spec, host)?;
    let namespaces = Namespaces {
        pid: choice(&spec.pid),
        network: input.network,
        ipc: choice(&spec.ipc),
        uts: choice(&spec.uts),
        cgroup: choice(&spec.cgroup),
    };
    let hostname = hostname(record, host);
    let confined = !spec.privileged && !spec.system_paths_unconfined;
    let paths = |list: &[&str]| list.iter().filter(|_| confined).map(PathBuf::from).collect();
    Ok(Launch {
        mounts: tree::mounts(input, &namespaces, &gid_map),
        given: tree::given(&spec.mounts),
        secrets: secrets::files(input),
        accounts: accounts::plan(spec, input.image, host),
        process: process(input, &hostname, &uid_map)?,
        hostname: (namespaces.uts == NamespaceChoice::New).then_some(hostname),
        domainname: spec.domainname.clone(),
        allow_setgroups: !is_single(&host.gid_map),
        root_read_only: spec.read_only,
        masked_paths: paths(&MASKED_PATHS),
        read_only_paths: paths(&READ_ONLY_PATHS),
        sysctls: sysctls(spec, &namespaces, &gid_map)?,
        reaper: spec.init,
        namespaces,
        uid_map,
        gid_map,
    })
}

/// Decides an `exec` into the container that `launch` describes.
pub fn plan_exec(launch: &Launch, host: &HostFacts, request: ExecRequest) -> Result<Process, PlanError> {
    if request.argv.is_empty() {
        return Err(PlanError::Invalid("No exec command specified".to_owned()));
    }
    let container = &launch.process;
    let mut env = container.env.clone();
    match (container.terminal, request.terminal) {
        (false, true) if !env.iter().any(|line| line.starts_with("TERM=")) => {
            set_env(&mut env, "TERM", "xterm")
        }
        // The terminal of the first process is not this one's.
        (true, false) => env.retain(|line| line != "TERM=xterm"),
        _ => {}
    }
    for (name, value) in &request.env {
        set_env(&mut env, name, value);
    }
    let capabilities = match request.privileged {
        true => capability::sets(capability::all(host.last_capability)),
        false => container.capabilities,
    };
    Ok(Process {
        argv: request.argv,
        env,
        cwd: request.workdir.map_or_else(|| container.cwd.clone(), |path| absolute(&path)),
        make_cwd: false,
        user: request.user.unwrap_or_else(|| container.user.clone()),
        terminal: request.terminal,
        capabilities,
        ..container.clone()
    })
}

fn process(input: &PlanInput<'_>, hostname: &str, uid_map: &[IdMapping]) -> Result<Process, PlanError> {
    let PlanInput { record, image, host, .. } = *input;
    let spec = &record.spec;
    let mask = capability::decide(&spec.cap_add, &spec.cap_drop, spec.privileged, host.last_capability)
        .map_err(PlanError::Invalid)?;
    Ok(Process {
        argv: argv(spec, image)?,
        env: env(input, hostname)?,
        cwd: working_directory(spec, image),
        make_cwd: true,
        user: user(spec, image, host),
        groups: spec.groups.iter().filter(|group| *group != KEEP_GROUPS).cloned().collect(),
        keep_groups: spec.groups.iter().any(|group| group == KEEP_GROUPS),
        terminal: spec.tty,
        capabilities: capability::sets(mask),
        no_new_privileges: spec.no_new_privileges,
        seccomp: seccomp_program(spec, mask, host)?,
        users: input
            .users
            .map(emulation::program)
            .transpose()
            .map_err(|e| PlanError::Invalid(e.to_string()))?,
        rlimits: rlimits(input)?,
        oom_score_adj: oom_score_adj(spec, host)?,
        umask: spec.umask.unwrap_or(DEFAULT_UMASK),
        single_id_note: host.single_id_note.clone().filter(|_| is_single(uid_map)),
        map_from: idmap::source(spec).map(str::to_owned),
    })
}

fn working_directory(spec: &ContainerSpec, image: &RunConfig) -> PathBuf {
    absolute(spec.workdir.as_deref().unwrap_or(Path::new(&image.working_dir)))
}

/// Docker's rules for ENTRYPOINT and CMD: an entrypoint of the user's drops the image's command.
fn argv(spec: &ContainerSpec, image: &RunConfig) -> Result<Vec<String>, PlanError> {
    let image_list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let (mut entrypoint, command) = match (&spec.entrypoint, &spec.command) {
        (Some(entrypoint), command) => (entrypoint.clone(), command.clone().unwrap_or_default()),
        (None, Some(command)) if !command.is_empty() => (image_list(&image.entrypoint), command.clone()),
        (None, _) => (image_list(&image.entrypoint), image_list(&image.cmd)),
    };
    if entrypoint == [""] {
        entrypoint.clear();
    }
    entrypoint.extend(command);
    match entrypoint.is_empty() {
        true => Err(PlanError::Invalid("no command specified".to_owned())),
        false => Ok(entrypoint),
    }
}

/// What runc gives.
const DEFAULT_UMASK: u32 = 0o022;

fn set_env(env: &mut Vec<String>, name: &str, value: &str) {
    let line = format!("{name}={value}");
    let same = |other: &&mut String| other.split_once('=').is_some_and(|(n, _)| n == name);
    match env.iter_mut().find(same) {
        Some(place) => *place = line,
        None => env.push(line),
    }
}

/// In Docker's order: defaults, the user's, then what only the image has; secrets over all of them (as podman
/// has it).
fn env(input: &PlanInput<'_>, hostname: &str) -> Result<Vec<String>, PlanError> {
    let (spec, image) = (&input.record.spec, input.image);
    let mut env = vec![format!("PATH={DEFAULT_PATH}"), format!("HOSTNAME={hostname}")];
    if spec.tty {
        env.push("TERM=xterm".to_owned());
    }
    let mut configured = Vec::new();
    for (name, value) in &spec.env {
        set_env(&mut configured, name, value);
    }
    for line in &spec.environment_below(image.env.as_deref().unwrap_or_default()) {
        let Some((name, value)) = line.split_once('=') else { continue };
        if !spec.env.iter().any(|(other, _)| other == name) {
            set_env(&mut configured, name, value);
        }
    }
    for line in &configured {
        let (name, value) = line.split_once('=').expect("set_env writes one");
        set_env(&mut env, name, value);
    }
    for (name, value) in secrets::variables(input)? {
        set_env(&mut env, name, value);
    }
    Ok(env)
}

fn hostname(record: &ContainerRecord, host: &HostFacts) -> String {
    let spec = &record.spec;
    match &spec.hostname {
        Some(name) => name.clone(),
        None if spec.network == NetworkMode::Host || spec.uts == NamespaceMode::Host => host.hostname.clone(),
        None => record.id.short().to_owned(),
    }
}

/// With keep-id the caller, unless somebody else was asked for (as podman has it).
fn user(spec: &ContainerSpec, image: &RunConfig, host: &HostFacts) -> String {
    match (&spec.user, idmap::mode(spec)) {
        (Some(user), _) => user.clone(),
        (None, UserNamespaceMode::KeepId { uid, gid, .. }) => {
            format!("{}:{}", idmap::kept(*uid, &host.uid_map), idmap::kept(*gid, &host.gid_map))
        }
        (None, _) => image.user.clone(),
    }
}

fn choice(mode: &NamespaceMode) -> NamespaceChoice {
    match mode {
        NamespaceMode::Private => NamespaceChoice::New,
        NamespaceMode::Host => NamespaceChoice::Inherit,
        NamespaceMode::Container(_) => NamespaceChoice::Join,
    }
}

fn is_single(map: &[IdMapping]) -> bool {
    map.iter().map(|line| u64::from(line.count)).sum::<u64>() <= 1
}

/// What Docker allows (its opts.ValidateSysctl): only what belongs to a namespace.
fn check_sysctl(name: &str) -> Result<(), PlanError> {
    let strange = name.contains('/') || name.split('.').any(str::is_empty);
    match is_namespaced_sysctl(name) && !strange {
        true => Ok(()),
        false => Err(PlanError::Invalid(format!("sysctl '{name}' is not allowed"))),
    }
}

/// The wished ones over the defaults. One of a namespace that is not the container's own would change
/// the host, which root's files in /proc/sys would even allow to root.
fn sysctls(
    spec: &ContainerSpec,
    namespaces: &Namespaces,
    gid_map: &[IdMapping],
) -> Result<Vec<(String, String)>, PlanError> {
    let mut sysctls = default_sysctls(namespaces, gid_map);
    for (name, value) in &spec.sysctls {
        let (kind, namespace) = match name.starts_with("net.") {
            true => ("network", namespaces.network),
            false => ("ipc", namespaces.ipc),
        };
        if namespace != NamespaceChoice::New {
            return Err(PlanError::Invalid(format!("sysctl '{name}' not allowed in host {kind} namespace")));
        }
        let path = name.replace('.', "/");
        sysctls.retain(|(known, _)| *known != path);
        sysctls.push((path, value.clone()));
    }
    Ok(sysctls)
}

/// Docker's: in a network of its own every user may listen on any port and ping.
fn default_sysctls(namespaces: &Namespaces, gid_map: &[IdMapping]) -> Vec<(String, String)> {
    if namespaces.network != NamespaceChoice::New {
        return Vec::new();
    }
    let mut sysctls = vec![("net/ipv4/ip_unprivileged_port_start".to_owned(), "0".to_owned())];
    // The kernel takes only mapped groups here.
    let past =
        gid_map.iter().fold(0, |past, line| if line.inside == past { past + line.count } else { past });
    if past > 0 {
        sysctls
            .push(("net/ipv4/ping_group_range".to_owned(), format!("0 {}", (past - 1).min(i32::MAX as u32))));
    }
    sysctls
}

/// RLIMIT_* number of Docker's name.
fn limit_number(name: &str) -> Option<u32> {
    // in the kernel's order (asm-generic/resource.h)
    const NAMES: [&str; 16] = [
        "cpu",
        "fsize",
        "data",
        "stack",
        "core",
        "rss",
        "nproc",
        "nofile",
        "memlock",
        "as",
        "locks",
        "sigpending",
        "msgqueue",
        "nice",
        "rtprio",
        "rttime",
    ];
    NAMES.iter().position(|known| *known == name).map(|number| number as u32)
}

fn rlimit(limit: &Ulimit) -> Result<Rlimit, PlanError> {
    let Ulimit { name, soft, hard } = limit;
    let resource =
        limit_number(name).ok_or_else(|| PlanError::Invalid(format!("invalid ulimit type: {name}")))?;
    let value = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    let (soft_limit, hard_limit) = (value(*soft), value(*hard));
    if soft_limit > hard_limit {
        let text = format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}");
        return Err(PlanError::Invalid(text));
    }
    Ok(Rlimit { resource, soft: soft_limit, hard: hard_limit })
}

fn rlimits(input: &PlanInput<'_>) -> Result<Vec<Rlimit>, PlanError> {
    let PlanInput { record, host, .. } = *input;
    let checked = |wish: &Ulimit| {
        let limit = rlimit(wish)?;
        let own = host.hard_limits.get(limit.resource as usize).copied().unwrap_or(u64::MAX);
        if limit.hard > own {
            let hard = if wish.hard < 0 { "unlimited".to_owned() } else { wish.hard.to_string() };
            return Err(PlanError::Forbidden(format!(
                "error setting rlimits for ready process: error setting rlimit type {}: operation not permitted: \
                 {}={hard} is above the hard limit of this session ({own})",
                limit.resource, wish.name
            )));
        }
        Ok(limit)
    };
    // That of file locks, which no kernel enforces, carries the identity of an emulated user.
    let is_free = |wish: &&Ulimit| input.users.is_none() || wish.name != "locks";
    record.spec.ulimits.iter().filter(is_free).map(checked).collect()
}

fn oom_score_adj(spec: &ContainerSpec, host: &HostFacts) -> Result<Option<i32>, PlanError> {
    match spec.oom_score_adj {
        Some(score) if score < host.oom_score_adj => Err(PlanError::Forbidden(format!(
            "oom-score-adj {score}: an ordinary user cannot go below the session's own {}",
            host.oom_score_adj
        ))),
        score => Ok(score),
    }
}

fn seccomp_program(
    spec: &ContainerSpec,
    capabilities: u64,
    host: &HostFacts,
) -> Result<Option<Vec<super::launch::BpfInstruction>>, PlanError> {
    let choice = match &spec.seccomp {
        SeccompChoice::Default if spec.privileged => &SeccompChoice::Unconfined,
        choice => choice,
    };
    seccomp::compile(choice, capabilities, host.kernel).map_err(|e| PlanError::Invalid(e.to_string()))
}

/// Absolute and without `.`, `..` and doubled slashes, by the text alone (Go's filepath.Join("/", p)).
pub fn absolute(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

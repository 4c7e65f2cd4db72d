//! Profiles: Docker's default and Docker's JSON form, settled into rules without conditions on the
//! container, the kernel or the machine.

use serde::Deserialize;

use super::default;

/// What happens to a call (seccomp(2), "filter return values").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    KillProcess,
    KillThread,
    Trap,
    Errno(u16),
    Notify,
    Trace(u16),
    Log,
    Allow,
}

/// Compares one 64-bit argument of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// 0 to 5.
    pub argument: u8,
    pub comparison: Comparison,
    /// The operand; the mask of `MaskedEqual`.
    pub value: u64,
    /// What the masked argument must be.
    pub second: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    MaskedEqual,
}

/// A settled rule: these calls get this action when all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub names: Vec<String>,
    pub action: Action,
    pub conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    X86,
    X32,
    Aarch64,
    Arm,
}

/// A profile settled for one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub fallback: Action,
    /// The machine's own first.
    pub architectures: Vec<Architecture>,
    pub rules: Vec<Rule>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("Decoding seccomp profile failed: {0}")]
    Json(#[from] serde_json::Error),
    #[error("Decoding seccomp profile failed: unknown action {0:?}")]
    Action(String),
    #[error("Decoding seccomp profile failed: unknown operator {0:?}")]
    Operator(String),
    #[error("Decoding seccomp profile failed: argument index {0} is not 0 to 5")]
    Argument(u64),
    #[error("Decoding seccomp profile failed: {0:?} is not a kernel version")]
    Kernel(String),
    #[error("Decoding seccomp profile failed: {0:?} is not a capability")]
    Capability(String),
    #[error("seccomp profile needs {0} instructions; the kernel takes 4096")]
    TooLong(usize),
    #[error("'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'")]
    NameAndNames,
}

/// Go's name of this machine's architecture, as profiles write it.
const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// The ABIs of this machine, its own first.
pub fn native() -> Vec<Architecture> {
    match MACHINE {
        "arm64" => vec![Architecture::Aarch64, Architecture::Arm],
        _ => vec![Architecture::X86_64, Architecture::X86, Architecture::X32],
    }
}

/// Docker's default profile for a container with `capabilities` on this `kernel`.
pub fn default(capabilities: u64, kernel: (u32, u32)) -> Rules {
    let has = |name: &&str| capability_bit(name).is_some_and(|bit| capabilities & bit != 0);
    let applies = |entry: &&default::Entry| {
        (entry.architectures.is_empty() || entry.architectures.contains(&MACHINE))
            && entry.needs.iter().all(has)
            && !entry.unless.iter().any(&has)
            && kernel >= entry.kernel
    };
    let rules = default::PROFILE.iter().filter(applies).map(|entry| Rule {
        names: entry.names.iter().map(|name| (*name).to_owned()).collect(),
        action: entry.action,
        conditions: entry.conditions.to_vec(),
    });
    Rules { fallback: Action::Errno(1), architectures: native(), rules: rules.collect() }
}

/// Docker's JSON form, also what runc and podman take.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    default_action: String,
    default_errno_ret: Option<u16>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    #[serde(default)]
    arch_map: Option<Vec<ArchitectureMap>>,
    #[serde(default)]
    syscalls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchitectureMap {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: String,
    errno_ret: Option<u16>,
    args: Option<Vec<Argument>>,
    #[serde(default)]
    includes: Filter,
    #[serde(default)]
    excludes: Filter,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u64,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Reads a profile in Docker's JSON form and settles it. Calls and architectures unknown here are
/// passed over, as libseccomp does: profiles name calls of every machine and of newer kernels.
pub fn read(json: &str, capabilities: u64, kernel: (u32, u32)) -> Result<Rules, ProfileError> {
    let document: Document = serde_json::from_str(json)?;
    let mut rules = Vec::new();
    for call in document.syscalls.unwrap_or_default() {
        if !included(&call.includes, capabilities, kernel)? || excluded(&call.excludes, capabilities, kernel)?
        {
            continue;
        }
        let names = match (call.name, call.names) {
            (Some(_), Some(names)) if !names.is_empty() => return Err(ProfileError::NameAndNames),
            (Some(name), _) => vec![name],
            (None, names) => names.unwrap_or_default(),
        };
        let action = action(&call.action, call.errno_ret)?;
        let conditions =
            call.args.unwrap_or_default().iter().map(condition).collect::<Result<Vec<_>, _>>()?;
        for conditions in alternatives(conditions) {
            rules.push(Rule { names: names.clone(), action, conditions });
        }
    }
    Ok(Rules {
        fallback: action(&document.default_action, document.default_errno_ret)?,
        architectures: architectures(document.architectures, document.arch_map),
        rules,
    })
}

/// Two conditions on one argument are alternatives, each with a rule of its own (runc's reading).
fn alternatives(conditions: Vec<Condition>) -> Vec<Vec<Condition>> {
    let mut arguments: Vec<u8> = conditions.iter().map(|c| c.argument).collect();
    arguments.sort_unstable();
    let repeated = arguments.windows(2).any(|pair| pair[0] == pair[1]);
    if repeated { conditions.into_iter().map(|c| vec![c]).collect() } else { vec![conditions] }
}

fn included(filter: &Filter, capabilities: u64, kernel: (u32, u32)) -> Result<bool, ProfileError> {
    let arch = filter.arches.as_ref().is_none_or(|a| a.is_empty() || a.iter().any(|a| a == MACHINE));
    let mut all = arch;
    for name in filter.caps.iter().flatten() {
        let bit = capability_bit(name).ok_or_else(|| ProfileError::Capability(name.clone()))?;
        all &= capabilities & bit != 0;
    }
    if let Some(text) = filter.min_kernel.as_deref().filter(|t| !t.is_empty()) {
        all &= kernel >= version(text)?;
    }
    Ok(all)
}

fn excluded(filter: &Filter, capabilities: u64, kernel: (u32, u32)) -> Result<bool, ProfileError> {
    let mut any = filter.arches.iter().flatten().any(|a| a == MACHINE);
    for name in filter.caps.iter().flatten() {
        let bit = capability_bit(name).ok_or_else(|| ProfileError::Capability(name.clone()))?;
        any |= capabilities & bit != 0;
    }
    if let Some(text) = filter.min_kernel.as_deref().filter(|t| !t.is_empty()) {
        any |= kernel >= version(text)?;
    }
    Ok(any)
}

fn version(text: &str) -> Result<(u32, u32), ProfileError> {
    let bad = || ProfileError::Kernel(text.to_owned());
    let (major, minor) = text.split_once('.').ok_or_else(bad)?;
    Ok((major.parse().map_err(|_| bad())?, minor.parse().map_err(|_| bad())?))
}

fn action(name: &str, errno: Option<u16>) -> Result<Action, ProfileError> {
    Ok(match name {
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_ERRNO" => Action::Errno(errno.unwrap_or(1)),
        "SCMP_ACT_TRACE" => Action::Trace(errno.unwrap_or(1)),
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_NOTIFY" => Action::Notify,
        other => return Err(ProfileError::Action(other.to_owned())),
    })
}

fn condition(argument: &Argument) -> Result<Condition, ProfileError> {
    let comparison = match argument.op.as_str() {
        "SCMP_CMP_EQ" => Comparison::Equal,
        "SCMP_CMP_NE" => Comparison::NotEqual,
        "SCMP_CMP_LT" => Comparison::Less,
        "SCMP_CMP_LE" => Comparison::LessOrEqual,
        "SCMP_CMP_GT" => Comparison::Greater,
        "SCMP_CMP_GE" => Comparison::GreaterOrEqual,
        "SCMP_CMP_MASKED_EQ" => Comparison::MaskedEqual,
        other => return Err(ProfileError::Operator(other.to_owned())),
    };
    let index = u8::try_from(argument.index).ok().filter(|index| *index < 6);
    let index = index.ok_or(ProfileError::Argument(argument.index))?;
    Ok(Condition { argument: index, comparison, value: argument.value, second: argument.value_two })
}

fn architectures(list: Option<Vec<String>>, map: Option<Vec<ArchitectureMap>>) -> Vec<Architecture> {
    let own = native()[0];
    let named = |name: &String| match name.as_str() {
        "SCMP_ARCH_X86_64" => Some(Architecture::X86_64),
        "SCMP_ARCH_X86" => Some(Architecture::X86),
        "SCMP_ARCH_X32" => Some(Architecture::X32),
        "SCMP_ARCH_AARCH64" => Some(Architecture::Aarch64),
        "SCMP_ARCH_ARM" => Some(Architecture::Arm),
        _ => None,
    };
    let mut out = vec![own];
    let mapped = map.into_iter().flatten().filter(|entry| named(&entry.architecture) == Some(own));
    let further = mapped.flat_map(|entry| entry.sub_architectures.unwrap_or_default());
    for name in list.into_iter().flatten().chain(further) {
        let known = named(&name).filter(|a| native().contains(a) && !out.contains(a));
        out.extend(known);
    }
    out
}

/// The bit of a capability by its kernel name (`CAP_CHOWN`).
fn capability_bit(name: &str) -> Option<u64> {
    CAPABILITIES.iter().position(|known| *known == name).map(|number| 1 << number)
}

/// By number (linux/capability.h).
#[rustfmt::skip]
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
    "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
];

//! Facts of this machine and this user, for `info` and `version`: plain data, gathered when asked.

use std::fs;
use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::runtime::HostFacts;
use crate::runtime::plan::hinders_emulation;
use crate::runtime::userns::IdRanges;

/// What the machine is and offers.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub hostname: String,
    pub kernel: String,
    /// `Debian GNU/Linux 12 (bookworm)`, from os-release.
    pub operating_system: String,
    pub os_version: String,
    /// As the kernel names it: `x86_64`.
    pub architecture: String,
    pub processors: usize,
    pub memory: u64,
    pub uid: u32,
    /// Ids available inside containers, the caller's own included.
    pub uids: u64,
    pub gids: u64,
    /// Why there is only one id.
    pub single_id_note: Option<String>,
    /// Why users cannot be emulated, if so.
    pub hinders_emulation: Option<String>,
    /// `/dev/fuse` can be opened.
    pub fuse: bool,
    /// The kernel has overlayfs.
    pub overlayfs: bool,
    /// User namespaces can be made by this user, as far as settings tell.
    pub user_namespaces: bool,
    pub seccomp: bool,
    pub cgroup: Cgroup,
    pub further_stores: Vec<PathBuf>,
    pub root: PathBuf,
    pub runtime: PathBuf,
    /// The way of writing that is configured, `auto` otherwise.
    pub overlay: String,
}

/// The control groups this process lives in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// 2 for the unified hierarchy.
    pub version: u8,
    /// The caller's own group below the mount point.
    pub path: String,
    /// Controllers that the caller may hand to its children.
    pub delegated: Vec<String>,
}

impl Engine {
    pub fn facts(&self) -> Facts {
        let name = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let release =
            os_release(&read("/etc/os-release").or_else(|| read("/usr/lib/os-release")).unwrap_or_default());
        let ranges = IdRanges::of_caller();
        let count = |list: &[crate::runtime::userns::IdRange]| {
            1 + list.iter().map(|range| u64::from(range.count)).sum::<u64>()
        };
        Facts {
            hostname: text(name.nodename()),
            kernel: text(name.release()),
            operating_system: release.0,
            os_version: release.1,
            architecture: text(name.machine()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory: total_memory(),
            uid: rustix::process::geteuid().as_raw(),
            uids: count(&ranges.uids),
            gids: count(&ranges.gids),
            single_id_note: ranges.note,
            hinders_emulation: HostFacts::gather().ok().and_then(|host| hinders_emulation(&host)),
            fuse: fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").is_ok(),
            overlayfs: read("/proc/filesystems").is_some_and(|text| has_filesystem(&text, "overlay")),
            user_namespaces: user_namespaces(),
            seccomp: Path::new("/proc/sys/kernel/seccomp").exists(),
            cgroup: cgroup(),
            further_stores: self.config.further_stores.clone(),
            root: self.config.root.clone(),
            runtime: self.config.runtime.clone(),
            overlay: self.config.overlay.clone().unwrap_or_else(|| "auto".to_owned()),
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// PRETTY_NAME and VERSION_ID (os-release(5)).
fn os_release(text: &str) -> (String, String) {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches(['"', '\'']).to_owned())
    };
    (value("PRETTY_NAME").unwrap_or_else(|| "Linux".to_owned()), value("VERSION_ID").unwrap_or_default())
}

/// Of this machine, in bytes.
pub fn total_memory() -> u64 {
    meminfo_total(&read("/proc/meminfo").unwrap_or_default())
}

fn meminfo_total(text: &str) -> u64 {
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    kilobytes.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn has_filesystem(text: &str, name: &str) -> bool {
    text.lines().any(|line| line.split_whitespace().next_back() == Some(name))
}

/// Debian's switch, the count, and AppArmor's restriction of Ubuntu. Only making one proves it.
fn user_namespaces() -> bool {
    let number = |path: &str| read(path).and_then(|text| text.trim().parse::<u64>().ok());
    rustix::process::geteuid().is_root()
        || (number("/proc/sys/kernel/unprivileged_userns_clone") != Some(0)
            && number("/proc/sys/user/max_user_namespaces") != Some(0)
            && number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") != Some(1))
}

fn cgroup() -> Cgroup {
    let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let path = read("/proc/self/cgroup")
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("0::").map(str::to_owned)))
        .unwrap_or_default();
    let directory = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
    let is_ours = rustix::fs::access(directory.join("cgroup.procs"), rustix::fs::Access::WRITE_OK).is_ok();
    let delegated = match fs::read_to_string(directory.join("cgroup.controllers")) {
        Ok(text) if unified && is_ours => text.split_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Cgroup { version: if unified { 2 } else { 1 }, path, delegated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_from_what_the_kernel_prints() {
        let release = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n";
        assert_eq!(os_release(release), ("Debian GNU/Linux 12 (bookworm)".into(), "12".into()));
        assert_eq!(os_release(""), ("Linux".into(), String::new()));
        assert_eq!(meminfo_total("MemTotal:        4030464 kB\nMemFree: 1 kB\n"), 4030464 * 1024);
        assert!(has_filesystem("nodev\toverlay\n\text4\n", "overlay"));
        assert!(!has_filesystem("nodev\toverlayx\n", "overlay"));
    }
}

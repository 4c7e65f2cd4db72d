//! What a container uses: of its control group where it has one of its own, else of its processes, which
//! miss what has ended without anybody waiting for it, and what the kernel keeps of files in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::system::total_memory;
use crate::container::ContainerId;
use crate::engine::{Engine, Result};
use crate::sys::process;

/// What a container uses at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    pub at: Instant,
    /// Time on all processors since the start.
    pub cpu: Duration,
    pub memory: u64,
    /// The machine's memory where there is none.
    pub memory_limit: u64,
    /// Bytes received and sent; nothing in a network that is not the container's alone.
    pub network: (u64, u64),
    /// Bytes read from and written to devices.
    pub block: (u64, u64),
    /// Processes and threads.
    pub tasks: u64,
}

impl Usage {
    /// Share of one processor since `before`, in percent.
    pub fn cpu_percent(&self, before: &Usage) -> f64 {
        let passed = self.at.saturating_duration_since(before.at).as_secs_f64();
        // Less than before: the time of a process that is gone.
        let used = self.cpu.saturating_sub(before.cpu).as_secs_f64();
        if passed > 0.0 { used / passed * 100.0 } else { 0.0 }
    }

    pub fn memory_percent(&self) -> f64 {
        if self.memory_limit == 0 { 0.0 } else { self.memory as f64 / self.memory_limit as f64 * 100.0 }
    }
}

impl Engine {
    /// What it uses now; `None` when it does not run.
    pub fn usage(&self, id: &ContainerId) -> Result<Option<Usage>> {
        let Some((supervisor, pids)) = self.inside(id)? else { return Ok(None) };
        let memory = total_memory();
        let processes: Vec<Process> = pids.iter().filter_map(|pid| Process::look(*pid)).collect();
        let cgroup = pids.first().and_then(|pid| own_cgroup(*pid, supervisor)).map(|path| Cgroup { path });
        let cgroup = cgroup.as_ref();
        let sum = |of: fn(&Process) -> u64| processes.iter().map(of).sum::<u64>();
        Ok(Some(Usage {
            at: Instant::now(),
            cpu: cgroup
                .and_then(Cgroup::cpu)
                .unwrap_or_else(|| processes.iter().map(|process| process.cpu).sum()),
            memory: cgroup.and_then(Cgroup::memory).unwrap_or_else(|| sum(|process| process.memory)),
            memory_limit: cgroup.and_then(Cgroup::memory_limit).map_or(memory, |limit| limit.min(memory)),
            network: pids.first().map_or((0, 0), |pid| network(*pid)),
            block: cgroup
                .and_then(Cgroup::block)
                .unwrap_or_else(|| (sum(|process| process.block.0), sum(|process| process.block.1))),
            tasks: cgroup.and_then(Cgroup::tasks).unwrap_or_else(|| sum(|process| process.threads)),
        }))
    }
}

/// One process (proc_pid_stat(5), proc_pid_smaps(5), proc_pid_io(5)).
#[derive(Debug, Default, PartialEq)]
struct Process {
    /// With that of its children that were waited for.
    cpu: Duration,
    /// Pages that others have as well are counted in parts.
    memory: u64,
    threads: u64,
    block: (u64, u64),
}

impl Process {
    /// `None` when it has just ended.
    fn look(pid: i32) -> Option<Process> {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let stat = parse_stat(&read("stat")?, rustix::param::clock_ticks_per_second())?;
        let shared_in_parts = read("smaps_rollup").and_then(|text| kilobytes(&text, "Pss:"));
        let resident = || {
            let pages: u64 = read("statm")?.split(' ').nth(1)?.parse().ok()?;
            Some(pages * rustix::param::page_size() as u64)
        };
        let io = read("io").unwrap_or_default();
        let count = |key: &str| io.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
        Some(Process {
            memory: shared_in_parts.or_else(resident).unwrap_or_default(),
            block: (count("read_bytes:").unwrap_or(0), count("write_bytes:").unwrap_or(0)),
            ..stat
        })
    }
}

fn parse_stat(stat: &str, ticks_per_second: u64) -> Option<Process> {
    let fields = process::stat_fields(stat)?;
    let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok());
    // utime, stime, cutime, cstime
    let ticks: u64 = (14..=17).filter_map(number).sum();
    let cpu = Duration::from_nanos(ticks * (1_000_000_000 / ticks_per_second.max(1)));
    Some(Process { cpu, threads: number(20)?, ..Process::default() })
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// A group is the container's own where its supervisor is not in it.
fn own_cgroup(pid: i32, supervisor: i32) -> Option<PathBuf> {
    let (container, supervisor) = (cgroup_of(pid)?, cgroup_of(supervisor)?);
    if container == supervisor {
        return None;
    }
    let path = Path::new("/sys/fs/cgroup").join(container.trim_start_matches('/'));
    path.join("cgroup.procs").exists().then_some(path)
}

/// In the unified hierarchy.
fn cgroup_of(pid: i32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::").map(str::to_owned))
}

/// A control group of version 2 (Documentation/admin-guide/cgroup-v2.rst). A file is missing where its
/// controller is not switched on.
struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path.join(name)).ok()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.read(name)?.trim().parse().ok()
    }

    fn cpu(&self) -> Option<Duration> {
        keyed(&self.read("cpu.stat")?, "usage_usec").map(Duration::from_micros)
    }

    /// Without the files that would be dropped first (Docker's way to count).
    fn memory(&self) -> Option<u64> {
        let current = self.number("memory.current")?;
        let droppable = self.read("memory.stat").and_then(|text| keyed(&text, "inactive_file")).unwrap_or(0);
        Some(if droppable < current { current - droppable } else { current })
    }

    fn memory_limit(&self) -> Option<u64> {
        self.number("memory.max")
    }

    fn tasks(&self) -> Option<u64> {
        self.number("pids.current")
    }

    fn block(&self) -> Option<(u64, u64)> {
        Some(io_stat(&self.read("io.stat")?))
    }
}

/// `name value`
fn keyed(text: &str, name: &str) -> Option<u64> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.find_map(|(key, value)| if key == name { value.trim().parse().ok() } else { None })
}

/// `8:0 rbytes=1 wbytes=2 rios=…`, a line per device.
fn io_stat(text: &str) -> (u64, u64) {
    let sum = |key: &str| {
        let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
        pairs.filter(|(name, _)| *name == key).filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
    };
    (sum("rbytes"), sum("wbytes"))
}

/// Of the interfaces in the process's network, unless it is the one of this process too.
fn network(pid: i32) -> (u64, u64) {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let theirs = namespace(&pid.to_string());
    if theirs.is_none() || theirs == namespace("self") {
        return (0, 0);
    }
    net_dev(&fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default())
}

/// proc_pid_net(5), without the loopback.
fn net_dev(text: &str) -> (u64, u64) {
    let interfaces = text.lines().filter_map(|line| line.trim().split_once(':'));
    interfaces.filter(|(name, _)| *name != "lo").fold((0, 0), |(received, sent), (_, counts)| {
        let counts: Vec<u64> = counts.split_whitespace().map(|word| word.parse().unwrap_or(0)).collect();
        let count = |at: usize| counts.get(at).copied().unwrap_or(0);
        (received + count(0), sent + count(8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_prints_is_read() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 25 25 20 0 3 0 1000 1 1";
        let process = parse_stat(stat, 100).unwrap();
        assert_eq!((process.cpu, process.threads), (Duration::from_millis(2500), 3));
        assert_eq!(
            kilobytes("Rss: 9 kB\nPss:                 123 kB\nPss_Dirty: 1 kB\n", "Pss:"),
            Some(123 << 10)
        );
        assert_eq!(io_stat("8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2 rios=1\n"), (11, 22));
        assert_eq!(io_stat(""), (0, 0));
        let dev = "Inter-|   Receive\n face |bytes packets\n    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n  eth0: 100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0\n  eth1:1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0\n";
        assert_eq!(net_dev(dev), (101, 202));
    }

    #[test]
    fn a_control_group_tells_what_its_controllers_know() {
        let dir = tempfile::tempdir().unwrap();
        let cgroup = Cgroup { path: dir.path().to_owned() };
        assert_eq!((cgroup.cpu(), cgroup.memory(), cgroup.block()), (None, None, None));
        for (name, text) in [
            ("cpu.stat", "usage_usec 2500000\nuser_usec 1\n"),
            ("memory.current", "1000\n"),
            ("memory.stat", "anon 1\ninactive_file 300\n"),
            ("memory.max", "max\n"),
            ("pids.current", "4\n"),
            ("io.stat", "8:0 rbytes=10 wbytes=20\n"),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        assert_eq!(cgroup.cpu(), Some(Duration::from_millis(2500)));
        assert_eq!((cgroup.memory(), cgroup.memory_limit(), cgroup.tasks()), (Some(700), None, Some(4)));
        assert_eq!(cgroup.block(), Some((10, 20)));
        fs::write(dir.path().join("memory.max"), "4096\n").unwrap();
        assert_eq!(cgroup.memory_limit(), Some(4096));
    }

    #[test]
    fn shares_are_of_one_processor() {
        let before = Usage {
            at: Instant::now(),
            cpu: Duration::from_secs(5),
            memory: 1 << 20,
            memory_limit: 4 << 20,
            network: (0, 0),
            block: (0, 0),
            tasks: 1,
        };
        let after = Usage { at: before.at + Duration::from_secs(2), cpu: Duration::from_secs(8), ..before };
        assert_eq!(after.cpu_percent(&before), 150.0);
        assert_eq!(before.cpu_percent(&before), 0.0);
        let less = Usage { cpu: Duration::from_secs(1), ..after };
        assert_eq!(less.cpu_percent(&before), 0.0);
        assert_eq!(after.memory_percent(), 25.0);
    }
}

//! Limits that only cgroups could enforce. No cgroup is given to a container yet, so each is read, checked
//! and discarded with the warning that Docker has for a kernel without the controller
//! (moby's verifyPlatformContainerResources, runconfig/hostconfig_unix.go).

use crate::cli::failure::{Failure, Result};
use crate::cli::ui::units::{go_int, go_uint, ram_in_bytes};

/// Those that a running container could be given as well.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Limits {
    #[arg(long, hide = true, value_parser = uint16)]
    blkio_weight: Option<u64>,
    #[arg(long, hide = true, value_parser = go_int)]
    cpu_period: Option<i64>,
    #[arg(long, hide = true, value_parser = go_int)]
    cpu_quota: Option<i64>,
    #[arg(long, hide = true, value_parser = go_int)]
    cpu_rt_period: Option<i64>,
    #[arg(long, hide = true, value_parser = go_int)]
    cpu_rt_runtime: Option<i64>,
    #[arg(short = 'c', long, hide = true, value_parser = go_int)]
    cpu_shares: Option<i64>,
    #[arg(long, hide = true, value_parser = nano_cpus)]
    cpus: Option<i64>,
    #[arg(long, hide = true)]
    cpuset_cpus: Option<String>,
    #[arg(long, hide = true)]
    cpuset_mems: Option<String>,
    #[arg(short = 'm', long, hide = true, value_parser = ram_in_bytes)]
    memory: Option<u64>,
    #[arg(long, hide = true, value_parser = ram_in_bytes)]
    memory_reservation: Option<u64>,
    #[arg(long, hide = true, value_parser = swap)]
    memory_swap: Option<i64>,
    #[arg(long, hide = true, value_parser = go_int)]
    pids_limit: Option<i64>,
}

/// Those of `run` and `create`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CreationLimits {
    #[command(flatten)]
    limits: Limits,
    #[arg(long, hide = true, value_parser = weight_device)]
    blkio_weight_device: Vec<String>,
    #[arg(long, hide = true)]
    cgroup_parent: Option<String>,
    #[arg(long, hide = true, value_parser = go_int)]
    cpu_percent: Option<i64>,
    #[arg(long, hide = true, value_parser = device_rule)]
    device_cgroup_rule: Vec<String>,
    #[arg(long, hide = true, value_parser = byte_rate)]
    device_read_bps: Vec<String>,
    #[arg(long, hide = true, value_parser = operation_rate)]
    device_read_iops: Vec<String>,
    #[arg(long, hide = true, value_parser = byte_rate)]
    device_write_bps: Vec<String>,
    #[arg(long, hide = true, value_parser = operation_rate)]
    device_write_iops: Vec<String>,
    #[arg(long, hide = true, value_parser = ram_in_bytes)]
    io_maxbandwidth: Option<u64>,
    #[arg(long, hide = true, value_parser = go_uint)]
    io_maxiops: Option<u64>,
    #[arg(long, hide = true, value_parser = ram_in_bytes)]
    kernel_memory: Option<u64>,
    #[arg(long, hide = true, value_parser = go_int)]
    memory_swappiness: Option<i64>,
    #[arg(long, hide = true)]
    oom_kill_disable: bool,
}

/// The least memory that Docker lets a container have.
const MEMORY_MIN: u64 = 6 << 20;

impl Limits {
    pub fn is_empty(&self) -> bool {
        let numbers = [
            self.cpu_period,
            self.cpu_quota,
            self.cpu_rt_period,
            self.cpu_rt_runtime,
            self.cpu_shares,
            self.cpus,
            self.memory_swap,
            self.pids_limit,
        ];
        let sizes = [self.blkio_weight, self.memory, self.memory_reservation];
        let texts = [&self.cpuset_cpus, &self.cpuset_mems];
        numbers.iter().all(Option::is_none)
            && sizes.iter().all(Option::is_none)
            && texts.iter().all(|text| text.is_none())
    }

    /// What is discarded, in Docker's words.
    ///
    /// # Errors
    /// Limits that contradict each other, and those that Docker refuses instead of discarding them.
    pub fn discard(&self, is_update: bool) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        self.memory(is_update, &mut warnings)?;
        if self.pids_limit.is_some_and(|limit| limit > 0) {
            warnings.push(missing("PIDs limit capabilities", "PIDs limit discarded."));
        }
        self.processors(&mut warnings)?;
        if self.blkio_weight.unwrap_or(0) > 0 {
            warnings.push(missing("Block I/O weight", "Weight discarded."));
        }
        Ok(warnings)
    }

    fn memory(&self, is_update: bool, warnings: &mut Vec<String>) -> Result<()> {
        let (memory, swap) = (self.memory.unwrap_or(0), self.memory_swap.unwrap_or(0));
        if memory > 0 && memory < MEMORY_MIN {
            return refused("Minimum memory limit allowed is 6MB");
        }
        if memory > 0 {
            warnings.push(missing("memory limit capabilities", "Limitation discarded."));
        } else if swap > 0 && !is_update {
            return refused("You should always set the Memory limit when using Memoryswap limit, see usage");
        }
        if memory > 0 && swap > 0 && u64::try_from(swap).is_ok_and(|swap| swap < memory) {
            return refused("Minimum memoryswap limit should be larger than memory limit, see usage");
        }
        if self.memory_reservation.unwrap_or(0) > 0 {
            warnings.push(missing("memory soft limit capabilities", "Limitation discarded."));
        }
        Ok(())
    }

    fn processors(&self, warnings: &mut Vec<String>) -> Result<()> {
        let asked = |number: Option<i64>| number.unwrap_or(0);
        let (cpus, period, quota) = (asked(self.cpus), asked(self.cpu_period), asked(self.cpu_quota));
        if asked(self.cpu_rt_period) != 0 || asked(self.cpu_rt_runtime) != 0 {
            return refused("Your kernel does not support CPU real-time scheduler");
        }
        if cpus > 0 && period > 0 {
            return refused("Conflicting options: Nano CPUs and CPU Period cannot both be set");
        }
        if cpus > 0 && quota > 0 {
            return refused("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
        }
        if cpus != 0 {
            return refused(
                "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
            );
        }
        if asked(self.cpu_shares) > 0 {
            warnings.push(missing("CPU shares", "Shares discarded."));
        }
        if period != 0 || quota != 0 {
            let text = "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.";
            warnings.push(text.to_owned());
        }
        let is_given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        if is_given(&self.cpuset_cpus) || is_given(&self.cpuset_mems) {
            warnings.push(missing("cpuset", "Cpuset discarded."));
        }
        Ok(())
    }
}

impl CreationLimits {
    /// As [`Limits::discard`].
    pub fn discard(&self) -> Result<Vec<String>> {
        if let Some(swappiness) = self.memory_swappiness
            && !(-1..=100).contains(&swappiness)
        {
            return Err(Failure::usage(format!(
                "invalid value: {swappiness}. Valid memory swappiness range is 0-100"
            )));
        }
        if self.io_maxbandwidth.unwrap_or(0) != 0 || self.io_maxiops.unwrap_or(0) != 0 {
            return refused(
                "Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps",
            );
        }
        let mut warnings = self.limits.discard(false)?;
        let swappiness = self.memory_swappiness.is_some_and(|swappiness| swappiness != -1);
        let own = [
            (swappiness, missing("memory swappiness capabilities", "Memory swappiness discarded.")),
            (
                self.kernel_memory.unwrap_or(0) > 0,
                missing("kernel memory limit capabilities", "Limitation discarded."),
            ),
            (
                self.oom_kill_disable,
                "Your kernel does not support OomKillDisable. OomKillDisable discarded.".to_owned(),
            ),
            (
                self.cpu_percent.unwrap_or(0) > 0,
                "linux does not support CPU percent. Percent discarded.".to_owned(),
            ),
            (
                !self.blkio_weight_device.is_empty(),
                missing("Block I/O weight_device", "Weight-device discarded."),
            ),
            (
                !self.device_read_bps.is_empty(),
                missing("BPS Block I/O read limit", "Block I/O BPS read limit discarded."),
            ),
            (
                !self.device_write_bps.is_empty(),
                missing("BPS Block I/O write limit", "Block I/O BPS write limit discarded."),
            ),
            (
                !self.device_read_iops.is_empty(),
                missing("IOPS Block read limit", "Block I/O IOPS read limit discarded."),
            ),
            (
                !self.device_write_iops.is_empty(),
                missing("IOPS Block write limit", "Block I/O IOPS write limit discarded."),
            ),
            (
                !self.device_cgroup_rule.is_empty(),
                "Only root may filter devices; the user's own permissions apply. Device cgroup rule discarded."
                    .to_owned(),
            ),
            (
                self.cgroup_parent.as_deref().is_some_and(|parent| !parent.is_empty()),
                "Containers have no cgroup of their own yet. Cgroup parent discarded.".to_owned(),
            ),
        ];
        warnings.extend(own.into_iter().filter(|(asked, _)| *asked).map(|(_, text)| text));
        Ok(warnings)
    }
}

fn missing(what: &str, then: &str) -> String {
    format!("Your kernel does not support {what} or the cgroup is not mounted. {then}")
}

fn refused<T>(why: &str) -> Result<T> {
    Err(Failure::refused(why))
}

fn uint16(text: &str) -> Result<u64, String> {
    match go_uint(text)? {
        weight if weight > u64::from(u16::MAX) => {
            Err(format!("strconv.ParseUint: parsing {text:?}: value out of range"))
        }
        weight => Ok(weight),
    }
}

/// A decimal number of processors, in billionths.
fn nano_cpus(text: &str) -> Result<i64, String> {
    let invalid = || format!("failed to parse {text} as a rational number");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
        return Err(invalid());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err("value is too precise".to_owned());
    }
    let nano: i64 = format!("{whole}{fraction:0<9}").parse().map_err(|_| invalid())?;
    Ok(if negative { -nano } else { nano })
}

/// Memory and swap together; -1 for no limit.
fn swap(text: &str) -> Result<i64, String> {
    match text {
        "-1" => Ok(-1),
        text => Ok(i64::try_from(ram_in_bytes(text)?).unwrap_or(i64::MAX)),
    }
}

fn of_device(text: &str) -> Result<&str, String> {
    match text.split_once(':') {
        Some((path, value)) if path.starts_with("/dev/") => Ok(value),
        Some((path, _)) if !path.is_empty() => Err(format!("bad format for device path: {text}")),
        _ => Err(format!("bad format: {text}")),
    }
}

fn weight_device(text: &str) -> Result<String, String> {
    match of_device(text)?.parse::<u16>() {
        Ok(0 | 10..=1000) => Ok(text.to_owned()),
        _ => Err(format!("invalid weight for device: {text}")),
    }
}

fn byte_rate(text: &str) -> Result<String, String> {
    match ram_in_bytes(of_device(text)?) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        )),
    }
}

fn operation_rate(text: &str) -> Result<String, String> {
    match of_device(text)?.parse::<u64>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive integer"
        )),
    }
}

/// `c 1:3 rwm`
fn device_rule(text: &str) -> Result<String, String> {
    let is_number = |text: &str| text == "*" || !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_rule = match text.split(' ').collect::<Vec<_>>()[..] {
        ["a" | "b" | "c", numbers, access] => {
            numbers.split_once(':').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
                && (1..=3).contains(&access.len())
                && access.chars().all(|c| "rwm".contains(c))
        }
        _ => false,
    };
    if is_rule { Ok(text.to_owned()) } else { Err(format!("invalid device cgroup format '{text}'")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_in_billionths() {
        for (text, want) in [
            ("1", Ok(1_000_000_000)),
            ("0.5", Ok(500_000_000)),
            (".25", Ok(250_000_000)),
            ("1.0000000000", Ok(1_000_000_000)),
            ("-1", Ok(-1_000_000_000)),
            ("foo", Err("failed to parse foo as a rational number")),
            ("", Err("failed to parse  as a rational number")),
            ("1.0000000001", Err("value is too precise")),
        ] {
            assert_eq!(nano_cpus(text), want.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn values_for_devices() {
        let refused = |result: Result<String, String>| result.unwrap_err();
        assert!(weight_device("/dev/sda:500").is_ok() && byte_rate("/dev/sda:1mb").is_ok());
        assert!(operation_rate("/dev/sda:100").is_ok() && device_rule("c 1:* rwm").is_ok());
        assert_eq!(refused(weight_device("x")), "bad format: x");
        assert_eq!(refused(weight_device("sda:10")), "bad format for device path: sda:10");
        assert_eq!(refused(weight_device("/dev/sda:5")), "invalid weight for device: /dev/sda:5");
        assert!(refused(byte_rate("/dev/a:-1")).starts_with("invalid rate for device: /dev/a:-1. "));
        assert!(refused(operation_rate("/dev/a:x")).ends_with("Number must be a positive integer"));
        assert_eq!(refused(device_rule("x")), "invalid device cgroup format 'x'");
        assert_eq!(refused(device_rule("c 1:3 rwmr")), "invalid device cgroup format 'c 1:3 rwmr'");
    }
}

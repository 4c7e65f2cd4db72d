//! Capabilities by name (capabilities(7)): Docker's default set and its rules for adding and dropping.

use super::launch::Capabilities;

/// By number.
pub const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What Docker gives to a container that asked for nothing.
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// Numbers of linux/capability.h, as bits.
pub(super) const CHOWN: u64 = 1;
pub(super) const SETGID: u64 = 1 << 6;
pub(super) const SETUID: u64 = 1 << 7;
pub(super) const MKNOD: u64 = 1 << 27;
pub(super) const SYS_ADMIN: u64 = 1 << 21;

/// The bit of a capability, named in any case with or without `CAP_`.
pub(super) fn bit(name: &str) -> Option<u64> {
    let upper = name.to_ascii_uppercase();
    let plain = upper.strip_prefix("CAP_").unwrap_or(&upper);
    NAMES.iter().position(|known| *known == plain).map(|number| 1 << number)
}

/// Every capability up to number `last`.
pub(super) fn all(last: u32) -> u64 {
    u64::MAX >> (63 - last.min(63))
}

/// One side of `--cap-add` or `--cap-drop`.
struct Wish {
    all: bool,
    mask: u64,
}

fn parse(list: &[String], option: &str) -> Result<Wish, String> {
    let mut wish = Wish { all: false, mask: 0 };
    for name in list {
        match bit(name) {
            Some(bit) => wish.mask |= bit,
            None if name.eq_ignore_ascii_case("ALL") || name.eq_ignore_ascii_case("CAP_ALL") => {
                wish.all = true
            }
            None => {
                let upper = name.to_ascii_uppercase();
                let shown = upper.strip_prefix("CAP_").unwrap_or(&upper);
                return Err(format!("invalid {option}: unknown capability: \"CAP_{shown}\""));
            }
        }
    }
    Ok(wish)
}

/// Docker's rule: with ALL on one side the other side makes the exceptions, in whatever order they
/// were written. The error is Docker's text.
pub(super) fn decide(add: &[String], drop: &[String], privileged: bool, last: u32) -> Result<u64, String> {
    let (add, drop) = (parse(add, "CapAdd")?, parse(drop, "CapDrop")?);
    let default: u64 = DEFAULT.iter().filter_map(|name| bit(name)).sum();
    let wished = match () {
        () if privileged => u64::MAX,
        () if add.all => !drop.mask,
        () if drop.all => add.mask,
        () => (default & !drop.mask) | add.mask,
    };
    Ok(wished & all(last))
}

/// The sets Docker gives to a process: nothing inheritable or ambient (CVE-2022-24769), so that another
/// user than root starts with none and gets at most `mask` by a set-user-id program.
pub(super) fn sets(mask: u64) -> Capabilities {
    Capabilities { bounding: mask, permitted: mask, effective: mask, inheritable: 0, ambient: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in a mask, with prefix, in the order of their numbers.
    fn names(mask: u64) -> Vec<String> {
        let set = |(number, name): (usize, &&str)| (mask >> number & 1 == 1).then(|| format!("CAP_{name}"));
        NAMES.iter().enumerate().filter_map(set).collect()
    }

    fn decided(add: &[&str], drop: &[&str]) -> Result<Vec<String>, String> {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        decide(&owned(add), &owned(drop), false, 40).map(names)
    }

    #[test]
    fn the_default_is_dockers() {
        let mask = decide(&[], &[], false, 40).unwrap();
        assert_eq!(mask, 0xa804_25fb, "as `grep Cap /proc/self/status` shows in a Docker container");
    }

    #[test]
    fn adding_and_dropping_follow_docker() {
        assert_eq!(decided(&["net_admin"], &["ALL"]).unwrap(), ["CAP_NET_ADMIN"]);
        assert_eq!(decided(&["CAP_Net_Admin", "kill"], &["all"]).unwrap(), ["CAP_KILL", "CAP_NET_ADMIN"]);
        assert_eq!(decided(&["ALL"], &["SYS_ADMIN"]).unwrap().len(), 40);
        assert_eq!(decided(&["ALL"], &["ALL"]).unwrap().len(), 41);
        assert_eq!(decided(&[], &["MKNOD", "cap_net_raw"]).unwrap().len(), 12);
        assert_eq!(decided(&["SYS_PTRACE"], &["sys_ptrace"]).unwrap().len(), 15);
    }

    #[test]
    fn unknown_names_are_refused_in_dockers_words() {
        assert_eq!(
            decided(&["nosuch"], &[]).unwrap_err(),
            "invalid CapAdd: unknown capability: \"CAP_NOSUCH\""
        );
        assert_eq!(decided(&[], &["CAP_X"]).unwrap_err(), "invalid CapDrop: unknown capability: \"CAP_X\"");
    }

    #[test]
    fn a_kernel_gets_no_capability_it_does_not_know() {
        assert_eq!(decide(&[], &[], true, 37).unwrap(), (1 << 38) - 1);
        assert_eq!(all(63), u64::MAX);
    }
}

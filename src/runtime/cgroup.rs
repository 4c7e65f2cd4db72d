//! Control groups: what there is. Nothing is limited here yet, and nothing pretends to be.

use rustix::fs::statfs;

/// CGROUP2_SUPER_MAGIC of linux/magic.h; the type of `f_type` depends on the architecture.
const UNIFIED: rustix::fs::FsWord = 0x6367_7270;

/// Whether /sys/fs/cgroup is the unified hierarchy (v2), as systemd has had it since 2019; else it
/// holds the hierarchies of v1 (some with v2 beside them, which no container tool uses).
pub fn is_unified() -> bool {
    statfs("/sys/fs/cgroup").is_ok_and(|fs| fs.f_type == UNIFIED)
}

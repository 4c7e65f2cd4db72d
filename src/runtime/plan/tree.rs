//! The mount tree as a list: Docker's defaults, the container's own files, the user's mounts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::super::launch::{Borrow, Given, IdMapping, MountOp, NamespaceChoice, Namespaces};
use super::{PlanError, PlanInput, absolute};
use crate::container::spec::{Bytes, DeviceSpec, MountKind, MountSpec, Propagation};
use crate::sys::namespace::lookup;
use crate::volume;

const RDONLY: u64 = libc::MS_RDONLY;
const NOSUID: u64 = libc::MS_NOSUID;
const NODEV: u64 = libc::MS_NODEV;
const NOEXEC: u64 = libc::MS_NOEXEC;
const QUIET: u64 = NOSUID | NODEV | NOEXEC;

/// Of Docker: 64 MiB.
const DEFAULT_SHM: u64 = 64 << 20;
/// The group of terminals in every distribution.
const TTY_GROUP: u32 = 5;
/// Bound from the host: device nodes cannot be made in a user namespace (mknod(2)).
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
    ("core", "/proc/kcore"),
];

/// What is wrong with the user's mounts on any machine.
pub(super) fn check(mounts: &[MountSpec]) -> Result<(), PlanError> {
    // What procfs emulators (lxcfs) replace; everything else of /proc must stay the kernel's
    // (CVE-2019-16884, CVE-2019-19921: a fake /proc disarms what is written there).
    const IN_PROC: [&str; 11] = [
        "cpuinfo",
        "diskstats",
        "meminfo",
        "stat",
        "swaps",
        "uptime",
        "loadavg",
        "slabinfo",
        "net/dev",
        "sys/kernel/ns_last_pid",
        "sys/crypto/fips_enabled",
    ];
    let mut seen = HashSet::new();
    for mount in mounts {
        let target = absolute(&mount.target);
        let invalid = |text: String| Err(PlanError::Invalid(text));
        if target == Path::new("/") {
            return invalid(
                "invalid mount config: invalid specification: destination can't be '/'".to_owned(),
            );
        }
        if let Ok(rest) = target.strip_prefix("/proc")
            && !IN_PROC.iter().any(|allowed| rest == Path::new(allowed))
        {
            return invalid(format!("\"{}\" cannot be mounted because it is inside /proc", target.display()));
        }
        if let MountKind::Tmpfs { options, .. } = &mount.kind {
            options.iter().try_for_each(|option| tmpfs_option(option, &mut 0, &mut Vec::new()))?;
        }
        if !seen.insert(target.clone()) {
            return invalid(format!("Duplicate mount point: {}", target.display()));
        }
    }
    Ok(())
}

/// The whole list, in the order of mounting.
pub(super) fn mounts(input: &PlanInput<'_>, namespaces: &Namespaces, gid_map: &[IdMapping]) -> Vec<MountOp> {
    let spec = &input.record.spec;
    let mut wished: Vec<MountOp> =
        (0..).zip(&spec.mounts).map(|(at, mount)| wish(mount, at, input)).collect();
    // A mount hides what was mounted below its target before it (Docker sorts by depth too).
    wished.sort_by_key(|op| depth(target(op)));
    let covered = |op: &MountOp| wished.iter().any(|wish| hides(target(wish), target(op)));
    let mut ops = kernel_mounts(input, namespaces, gid_map);
    ops.extend(file_mounts(input));
    ops.retain(|op| !covered(op));
    ops.extend(spec.devices.iter().map(device));
    if spec.privileged {
        ops.push(MountOp::AllDevices);
    }
    ops.append(&mut wished);
    ops
}

fn target(op: &MountOp) -> &Path {
    match op {
        MountOp::FileSystem { target, .. }
        | MountOp::Bind { target, .. }
        | MountOp::Borrowed { target, .. }
        | MountOp::Device { target, .. }
        | MountOp::Volume { target, .. }
        | MountOp::Served { target, .. }
        | MountOp::Symlink { path: target, .. } => target,
        MountOp::AllDevices => Path::new("/dev"),
    }
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

/// Whether the user's mount at `wish` stands for the default one at `default`: the same place, or the
/// whole of /dev or /sys (as Docker has it).
fn hides(wish: &Path, default: &Path) -> bool {
    wish == default || ((wish == Path::new("/dev") || wish == Path::new("/sys")) && default.starts_with(wish))
}

fn file_system(fstype: &str, target: &str, flags: u64, data: &str) -> MountOp {
    MountOp::FileSystem {
        fstype: fstype.to_owned(),
        target: PathBuf::from(target),
        flags,
        data: data.to_owned(),
        or_host: false,
        optional: false,
        owner: None,
    }
}

fn host_bind(path: &str, read_only: bool) -> MountOp {
    MountOp::Bind {
        source: PathBuf::from(path),
        target: PathBuf::from(path),
        recursive: true,
        read_only,
        propagation: Propagation::RPrivate,
        create_source: false,
    }
}

fn borrowed(what: Borrow, target: &str) -> MountOp {
    MountOp::Borrowed { what, target: PathBuf::from(target) }
}

fn kernel_mounts(input: &PlanInput<'_>, namespaces: &Namespaces, gid_map: &[IdMapping]) -> Vec<MountOp> {
    let spec = &input.record.spec;
    let sys_flags = if spec.privileged { QUIET } else { QUIET | RDONLY };
    let mut ops = Vec::new();
    ops.push(match namespaces.pid {
        NamespaceChoice::New => file_system("proc", "/proc", QUIET, "").or_host(),
        // A proc of a pid namespace that is not the container's own is refused to it.
        NamespaceChoice::Inherit => host_bind("/proc", false),
        NamespaceChoice::Join => borrowed(Borrow::Proc, "/proc"),
    });
    ops.push(file_system("tmpfs", "/dev", NOSUID | libc::MS_STRICTATIME, "mode=755,size=65536k"));
    ops.extend(DEVICES.iter().map(|name| {
        let path = Path::new("/dev").join(name);
        MountOp::Device { source: path.clone(), target: path, optional: false }
    }));
    ops.extend(DEVICE_LINKS.iter().map(|(name, content)| MountOp::Symlink {
        content: PathBuf::from(content),
        path: Path::new("/dev").join(name),
    }));
    let group = lookup(gid_map, TTY_GROUP).map_or(String::new(), |_| format!(",gid={TTY_GROUP}"));
    let options = format!("newinstance,ptmxmode=0666,mode=0620{group}");
    ops.push(file_system("devpts", "/dev/pts", NOSUID | NOEXEC, &options));
    ops.push(match namespaces.network {
        NamespaceChoice::New => file_system("sysfs", "/sys", sys_flags, "").or_host(),
        NamespaceChoice::Inherit | NamespaceChoice::Join => host_bind("/sys", true),
    });
    ops.push(match (input.host.cgroup_unified, namespaces.cgroup) {
        (true, NamespaceChoice::New) => file_system("cgroup2", "/sys/fs/cgroup", sys_flags, "").optional(),
        (true, _) => host_bind("/sys/fs/cgroup", true),
        // The hierarchies of v1 cannot be delegated to an ordinary user: nothing to see in them.
        (false, _) => file_system("tmpfs", "/sys/fs/cgroup", QUIET | RDONLY, "mode=755,size=4k").optional(),
    });
    // The host's where the namespace is; there may be none.
    ops.push(file_system("mqueue", "/dev/mqueue", QUIET, "").or_host().optional());
    match namespaces.ipc {
        NamespaceChoice::Inherit => ops.push(host_bind("/dev/shm", false)),
        NamespaceChoice::Join => ops.push(borrowed(Borrow::SharedMemory, "/dev/shm")),
        NamespaceChoice::New if spec.without_shm => {}
        NamespaceChoice::New => {
            let size = spec.shm_size.map_or(DEFAULT_SHM, |bytes| bytes.0);
            let memory = file_system("tmpfs", "/dev/shm", QUIET, &format!("mode=1777,size={size}"));
            ops.push(memory.owned(input.users.map(|_| (0, 0))));
        }
    }
    ops
}

/// /etc/resolv.conf, /etc/hostname and /etc/hosts of the container's own.
fn file_mounts(input: &PlanInput<'_>) -> [MountOp; 3] {
    let files = input.files;
    let own = |source: &Path, target: &str| MountOp::Bind {
        source: source.to_owned(),
        target: PathBuf::from(target),
        recursive: false,
        read_only: input.record.spec.read_only,
        propagation: Propagation::RPrivate,
        create_source: false,
    };
    [
        own(files.resolv_conf, "/etc/resolv.conf"),
        own(files.hostname, "/etc/hostname"),
        own(files.hosts, "/etc/hosts"),
    ]
}

fn device(device: &DeviceSpec) -> MountOp {
    MountOp::Bind {
        source: device.source.clone(),
        target: absolute(&device.target),
        recursive: true,
        read_only: false,
        propagation: Propagation::RPrivate,
        create_source: false,
    }
}

/// Mounts that init makes read-only are not so before.
pub(super) fn given(mounts: &[MountSpec]) -> Vec<Given> {
    let given = mounts.iter().filter(|mount| mount.chown);
    given.map(|mount| Given { target: absolute(&mount.target), read_only: mount.read_only }).collect()
}

fn wish(mount: &MountSpec, at: usize, input: &PlanInput<'_>) -> MountOp {
    let target = absolute(&mount.target);
    let read_only = mount.read_only && !mount.chown;
    match &mount.kind {
        MountKind::Bind { .. } | MountKind::Volume { .. } if mount.overlay => MountOp::Bind {
            source: input.files.overlays.join(at.to_string()),
            target,
            recursive: true,
            read_only,
            propagation: Propagation::RPrivate,
            create_source: false,
        },
        MountKind::Bind { source, create_source, recursive, propagation } => MountOp::Bind {
            source: source.clone(),
            target,
            recursive: *recursive,
            read_only,
            propagation: *propagation,
            create_source: *create_source,
        },
        MountKind::Volume { name, subpath, .. } => MountOp::Volume {
            source: volume::data_in(input.volumes, name),
            subpath: subpath.clone(),
            target,
            read_only,
        },
        MountKind::Image { subpath, .. } => MountOp::Served {
            source: input.files.overlays.join(at.to_string()),
            subpath: subpath.clone(),
            target,
            read_only,
        },
        MountKind::Tmpfs { size, mode, options } => {
            let mut flags = QUIET;
            let mut data = Vec::new();
            for option in options {
                tmpfs_option(option, &mut flags, &mut data).expect("check has looked at them");
            }
            let owner = input.users.map(|_| (take_id(&mut data, "uid="), take_id(&mut data, "gid=")));
            data.extend(size.map(|Bytes(size)| format!("size={size}")));
            data.extend(mode.map(|mode| format!("mode={mode:o}")));
            if mount.read_only {
                flags |= RDONLY;
            }
            MountOp::FileSystem {
                fstype: "tmpfs".to_owned(),
                target,
                flags,
                data: data.join(","),
                or_host: false,
                optional: false,
                owner,
            }
        }
    }
}

/// An id among the options, which the kernel would not know. What is no number stays for it to refuse.
fn take_id(options: &mut Vec<String>, key: &str) -> u32 {
    let parsed = |option: &String| option.strip_prefix(key)?.parse::<u32>().ok();
    let id = options.iter().filter_map(parsed).next_back().unwrap_or(0);
    options.retain(|option| parsed(option).is_none());
    id
}

/// One option of `--tmpfs DST:options`: a mount flag, or something for the file system itself.
fn tmpfs_option(option: &str, flags: &mut u64, data: &mut Vec<String>) -> Result<(), PlanError> {
    const FLAGS: [(&str, bool, u64); 18] = [
        ("ro", true, RDONLY),
        ("rw", false, RDONLY),
        ("nosuid", true, NOSUID),
        ("suid", false, NOSUID),
        ("nodev", true, NODEV),
        ("dev", false, NODEV),
        ("noexec", true, NOEXEC),
        ("exec", false, NOEXEC),
        ("sync", true, libc::MS_SYNCHRONOUS),
        ("async", false, libc::MS_SYNCHRONOUS),
        ("dirsync", true, libc::MS_DIRSYNC),
        ("noatime", true, libc::MS_NOATIME),
        ("atime", false, libc::MS_NOATIME),
        ("nodiratime", true, libc::MS_NODIRATIME),
        ("diratime", false, libc::MS_NODIRATIME),
        ("relatime", true, libc::MS_RELATIME),
        ("norelatime", false, libc::MS_RELATIME),
        ("strictatime", true, libc::MS_STRICTATIME),
    ];
    const KEYS: [&str; 9] =
        ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge", "inode32"];
    // Propagation and the like is no use on a file system that nothing else sees.
    const IGNORED: [&str; 6] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
    if let Some((_, set, bit)) = FLAGS.iter().find(|(name, ..)| *name == option) {
        if *set {
            *flags |= bit
        } else {
            *flags &= !bit
        }
        return Ok(());
    }
    let key = option.split_once('=').map_or(option, |(key, _)| key);
    if KEYS.contains(&key) && !option.contains(',') {
        data.push(option.to_owned());
    } else if !IGNORED.contains(&option) && !option.is_empty() {
        return Err(PlanError::Invalid(format!("Invalid tmpfs option [\"{option}\"]")));
    }
    Ok(())
}

impl MountOp {
    fn or_host(mut self) -> MountOp {
        if let MountOp::FileSystem { or_host, .. } = &mut self {
            *or_host = true;
        }
        self
    }

    fn owned(mut self, by: Option<(u32, u32)>) -> MountOp {
        if let MountOp::FileSystem { owner, .. } = &mut self {
            *owner = by;
        }
        self
    }

    fn optional(mut self) -> MountOp {
        if let MountOp::FileSystem { optional, .. } = &mut self {
            *optional = true;
        }
        self
    }
}

//! Docker's default profile as a table: what is allowed, to whom. Everything else fails with EPERM.
//!
//! Facts from moby's profile of 2026-08; entries for architectures that coracle does not build for are
//! left out.

use super::profile::{Action, Comparison, Condition};

/// One line of the profile: these calls get this action when all that is said here holds.
pub struct Entry {
    pub names: &'static [&'static str],
    pub action: Action,
    pub conditions: &'static [Condition],
    /// Only on these machines (Go's names); empty: everywhere.
    pub architectures: &'static [&'static str],
    /// Only when the container has all of these capabilities.
    pub needs: &'static [&'static str],
    /// Not when the container has one of these.
    pub unless: &'static [&'static str],
    /// From this kernel on.
    pub kernel: (u32, u32),
}

impl Entry {
    const PLAIN: Entry = Entry {
        names: &[],
        action: Action::Allow,
        conditions: &[],
        architectures: &[],
        needs: &[],
        unless: &[],
        kernel: (0, 0),
    };
}

#[rustfmt::skip]
pub static PROFILE: &[Entry] = &[
    Entry {
        action: Action::Allow,
        names: &[
            "accept", "accept4", "access", "adjtimex", "alarm", "bind", "brk", "cachestat", "capget",
            "capset", "chdir", "chmod", "chown", "chown32", "clock_adjtime", "clock_adjtime64",
            "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
            "clock_nanosleep_time64", "close", "close_range", "connect", "copy_file_range", "creat", "dup",
            "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
            "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat",
            "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate",
            "fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat",
            "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr",
            "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate",
            "ftruncate64", "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv",
            "futex_wake", "futimesat", "getcpu", "getcwd", "getdents", "getdents64", "getegid",
            "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
            "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
            "getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit",
            "get_robust_list", "getrusage", "getsid", "getsockname", "getsockopt", "get_thread_area",
            "gettid", "gettimeofday", "getuid", "getuid32", "getxattr", "getxattrat", "inotify_add_watch",
            "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "ioctl", "io_destroy",
            "io_getevents", "io_pgetevents", "io_pgetevents_time64", "ioprio_get", "ioprio_set",
            "io_setup", "io_submit", "ipc", "kill", "landlock_add_rule", "landlock_create_ruleset",
            "landlock_restrict_self", "lchown", "lchown32", "lgetxattr", "link", "linkat", "listen",
            "listmount", "listxattr", "listxattrat", "llistxattr", "_llseek", "lremovexattr", "lseek",
            "lsetxattr", "lstat", "lstat64", "madvise", "map_shadow_stack", "membarrier", "memfd_create",
            "memfd_secret", "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2",
            "mlockall", "mmap", "mmap2", "mprotect", "mq_getsetattr", "mq_notify", "mq_open",
            "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64",
            "mq_unlink", "mremap", "mseal", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock",
            "munlockall", "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "_newselect", "open",
            "openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc",
            "pkey_free", "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv",
            "preadv2", "prlimit64", "process_mrelease", "pselect6", "pselect6_time64", "pwrite64",
            "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recv",
            "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "remap_file_pages", "removexattr",
            "removexattrat", "rename", "renameat", "renameat2", "restart_syscall", "riscv_hwprobe",
            "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
            "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
            "rt_tgsigqueueinfo", "sched_getaffinity", "sched_getattr", "sched_getparam",
            "sched_get_priority_max", "sched_get_priority_min", "sched_getscheduler",
            "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr",
            "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget",
            "semop", "semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg",
            "sendmsg", "sendto", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32",
            "setgroups", "setgroups32", "setitimer", "setpgid", "setpriority", "setregid", "setregid32",
            "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit",
            "set_robust_list", "setsid", "setsockopt", "set_thread_area", "set_tid_address", "setuid",
            "setuid32", "setxattr", "setxattrat", "shmat", "shmctl", "shmdt", "shmget", "shutdown",
            "sigaltstack", "signalfd", "signalfd4", "sigprocmask", "sigreturn", "socketcall", "socketpair",
            "splice", "stat", "stat64", "statfs", "statfs64", "statmount", "statx", "symlink", "symlinkat",
            "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create",
            "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
            "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
            "timerfd_settime64", "times", "tkill", "truncate", "truncate64", "ugetrlimit", "umask",
            "uname", "unlink", "unlinkat", "uretprobe", "utime", "utimensat", "utimensat_time64", "utimes",
            "vfork", "vmsplice", "wait4", "waitid", "waitpid", "write", "writev",
        ],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "process_vm_readv", "process_vm_writev", "ptrace",
        ],
        kernel: (4, 8),
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "socket",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::Less, value: 38, second: 0 }],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "socket",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::Equal, value: 39, second: 0 }],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "socket",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::Greater, value: 40, second: 0 }],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "personality",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::Equal, value: 0, second: 0 }],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "personality",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::Equal, value: 8, second: 0 }],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "personality",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::Equal, value: 131072, second: 0 }],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "personality",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::Equal, value: 131080, second: 0 }],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "personality",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::Equal, value: 4294967295, second: 0 }],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush",
            "set_tls",
        ],
        architectures: &["arm", "arm64"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "arch_prctl",
        ],
        architectures: &["amd64", "x32"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "modify_ldt",
        ],
        architectures: &["amd64", "x32", "x86"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "open_by_handle_at",
        ],
        needs: &["CAP_DAC_READ_SEARCH"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick",
            "lookup_dcookie", "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount",
            "mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "quotactl_fd",
            "setdomainname", "sethostname", "setns", "syslog", "umount", "umount2", "unshare",
        ],
        needs: &["CAP_SYS_ADMIN"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "clone",
        ],
        conditions: &[Condition { argument: 0, comparison: Comparison::MaskedEqual, value: 2114060288, second: 0 }],
        unless: &["CAP_SYS_ADMIN"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Errno(38),
        names: &[
            "clone3",
        ],
        unless: &["CAP_SYS_ADMIN"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "reboot",
        ],
        needs: &["CAP_SYS_BOOT"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "chroot",
        ],
        needs: &["CAP_SYS_CHROOT"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "delete_module", "init_module", "finit_module",
        ],
        needs: &["CAP_SYS_MODULE"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "acct",
        ],
        needs: &["CAP_SYS_PACCT"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace",
        ],
        needs: &["CAP_SYS_PTRACE"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "iopl", "ioperm",
        ],
        needs: &["CAP_SYS_RAWIO"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "settimeofday", "stime", "clock_settime", "clock_settime64",
        ],
        needs: &["CAP_SYS_TIME"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "vhangup",
        ],
        needs: &["CAP_SYS_TTY_CONFIG"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node",
        ],
        needs: &["CAP_SYS_NICE"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "syslog",
        ],
        needs: &["CAP_SYSLOG"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "bpf",
        ],
        needs: &["CAP_BPF"],
        ..Entry::PLAIN
    },
    Entry {
        action: Action::Allow,
        names: &[
            "perf_event_open",
        ],
        needs: &["CAP_PERFMON"],
        ..Entry::PLAIN
    },
];

//! What a container may not see and not do, and what it is given.

use crate::harness::{Coracle, eventually};
use crate::need;

/// Docker's fourteen capabilities.
const DEFAULT_CAPABILITIES: &str = "00000000a80425fb";

fn status(c: &Coracle, flags: &[&str], field: &str) -> String {
    let output = c.sh(flags, &format!("grep ^{field}: /proc/self/status"));
    output.line().split_whitespace().nth(1).expect("a value").to_owned()
}

#[test]
fn capabilities_are_dockers() {
    let c = Coracle::busybox();
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(status(&c, &[], set), DEFAULT_CAPABILITIES, "{set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(status(&c, &[], set), "0000000000000000", "{set}");
    }
}

#[test]
fn capabilities_can_be_dropped_and_added_in_any_order() {
    let c = Coracle::busybox();
    let eff = |flags: &[&str]| status(&c, flags, "CapEff");
    assert_eq!(eff(&["--cap-drop", "ALL"]), "0000000000000000");
    assert_eq!(eff(&["--cap-drop", "all", "--cap-add", "NET_BIND_SERVICE"]), "0000000000000400");
    assert_eq!(eff(&["--cap-add", "cap_chown", "--cap-drop", "ALL"]), "0000000000000001");
    assert_eq!(eff(&["--cap-drop", "CAP_CHOWN"]), "00000000a80425fa");
    assert_eq!(eff(&["--cap-add", "SYS_ADMIN"]), "00000000a82425fb");
    c.fails(125, ["run", "--rm", "--cap-add", "NOSUCH", "busybox", "true"]).says("NOSUCH");
}

#[test]
fn privileged_has_all_capabilities_and_no_filter() {
    let c = Coracle::busybox();
    let last: u32 = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .expect("the kernel says")
        .trim()
        .parse()
        .expect("a number");
    let all = format!("{:016x}", (1_u64 << (last + 1)) - 1);
    assert_eq!(status(&c, &["--privileged"], "CapEff"), all);
    assert_eq!(status(&c, &["--privileged"], "Seccomp"), "0");
    assert_eq!(
        c.sh(&["--privileged"], "mount -t tmpfs none /tmp && grep -c ' /tmp ' /proc/mounts").line(),
        "1"
    );
}

#[test]
fn an_ordinary_user_has_no_effective_capabilities() {
    need!(ids);
    let c = Coracle::busybox();
    assert_eq!(status(&c, &["-u", "1000"], "CapEff"), "0000000000000000");
    assert_eq!(status(&c, &["-u", "1000"], "CapBnd"), DEFAULT_CAPABILITIES);
}

#[test]
fn seccomp_filters_by_default() {
    let c = Coracle::busybox();
    assert_eq!(status(&c, &[], "Seccomp"), "2");
    assert_eq!(status(&c, &["--security-opt", "seccomp=unconfined"], "Seccomp"), "0");
    // clone and unshare of user namespaces need CAP_SYS_ADMIN in Docker's profile.
    let denied = c.sh(&[], "unshare -U true 2>&1 || true");
    denied.says("Operation not permitted");
    c.sh(&["--security-opt", "seccomp=unconfined"], "unshare -U true");
}

#[test]
fn a_seccomp_profile_can_be_given() {
    let c = Coracle::busybox();
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],
        "syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}"#;
    let path = c.file("profile.json", profile);
    let option = format!("seccomp={}", path.display());
    c.sh(&["--security-opt", &option], "mkdir /x 2>&1 || true").says("Operation not permitted");
    c.fails(125, ["run", "--rm", "--security-opt", "seccomp=/no/such", "busybox", "true"]);
    let broken = c.file("broken.json", "{");
    c.fails(
        125,
        ["run", "--rm", "--security-opt", &format!("seccomp={}", broken.display()), "busybox", "true"],
    );
}

#[test]
fn no_new_privileges_is_on_request() {
    let c = Coracle::busybox();
    assert_eq!(status(&c, &[], "NoNewPrivs"), "0");
    assert_eq!(status(&c, &["--security-opt", "no-new-privileges"], "NoNewPrivs"), "1");
    assert_eq!(status(&c, &["--security-opt", "no-new-privileges=false"], "NoNewPrivs"), "0");
}

#[test]
fn mounting_is_denied() {
    let c = Coracle::busybox();
    c.sh(&[], "mount -t tmpfs none /tmp 2>&1 || true").says("permission denied");
}

#[test]
fn dangerous_parts_of_proc_are_masked() {
    let c = Coracle::busybox();
    for path in ["kcore", "keys", "timer_list", "sched_debug", "latency_stats", "timer_stats", "interrupts"] {
        let script = format!("test ! -e /proc/{path} || head -c 1 /proc/{path} | wc -c");
        let output = c.sh(&[], &script);
        assert!(matches!(output.text().trim(), "" | "0"), "/proc/{path} can be read: {output}");
    }
    let output =
        c.sh(&[], "ls /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : | grep . || echo empty");
    assert_eq!(output.line(), "empty");
}

#[test]
fn dangerous_parts_of_proc_are_read_only() {
    let c = Coracle::busybox();
    for path in ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches"] {
        if !std::path::Path::new(path).exists() {
            continue;
        }
        let output = c.sh(&[], &format!("echo x 2>&1 > {path} || true"));
        assert!(
            output.text().contains("Read-only file system") || output.err().contains("Read-only file system"),
            "{path}: {output}"
        );
    }
    for path in ["bus", "fs", "irq", "sys"] {
        let output = c.sh(&[], &format!("grep ' /proc/{path} ' /proc/mounts"));
        assert!(output.text().contains(" ro,"), "{path}: {output}");
    }
}

#[test]
fn systempaths_can_be_unconfined() {
    let c = Coracle::busybox();
    let output =
        c.sh(&["--security-opt", "systempaths=unconfined"], "grep -c ' /proc/' /proc/mounts || true");
    assert_eq!(output.line(), "0");
}

#[test]
fn sys_is_read_only() {
    let c = Coracle::busybox();
    c.sh(&[], "touch /sys/x 2>&1 || true").says("Read-only file system");
    assert!(c.sh(&[], "grep ' /sys ' /proc/mounts").line().contains("ro,"));
}

#[test]
fn dev_has_dockers_nodes_and_no_others() {
    let c = Coracle::busybox();
    let expected = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
    assert_eq!(c.sh(&[], "ls /dev | tr '\\n' ' '").line().trim(), expected);
    let script = "echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x > /dev/full; for l in fd stdin ptmx; do readlink /dev/$l; done";
    let output = c.output(["run", "--rm", "busybox", "sh", "-c", script]);
    assert_eq!(output.lines(), ["4", "4", "/proc/self/fd", "/proc/self/fd/0", "pts/ptmx"]);
    output.says("No space left on device");
}

#[test]
fn devices_can_be_passed() {
    need!(std::path::Path::new("/dev/fuse").exists(), "no /dev/fuse");
    let c = Coracle::busybox();
    assert_eq!(c.sh(&["--device", "/dev/fuse"], "test -c /dev/fuse && echo node").line(), "node");
    assert_eq!(c.sh(&["--device", "/dev/fuse:/dev/other"], "test -c /dev/other && echo node").line(), "node");
    c.fails(125, ["run", "--rm", "--device", "/dev/nosuch", "busybox", "true"])
        .says("no such file or directory");
}

#[test]
fn shared_memory_has_64_megabytes_or_what_was_asked() {
    let c = Coracle::busybox();
    let size = |flags: &[&str]| c.sh(flags, "df -k /dev/shm | tail -1 | awk '{print $2}'").line();
    assert_eq!(size(&[]), "65536");
    assert_eq!(size(&["--shm-size", "1m"]), "1024");
    let line = c.sh(&[], "grep ' /dev/shm ' /proc/mounts").line();
    for option in ["nosuid", "nodev", "noexec"] {
        assert!(line.contains(option), "{option} is missing in {line}");
    }
}

#[test]
fn only_the_three_standard_descriptors_arrive() {
    let c = Coracle::busybox();
    // No pipe: the shell would hold its ends for a moment. And `ls` has to be another process.
    assert_eq!(c.sh(&[], "ls /proc/$$/fd; true").lines(), ["0", "1", "2"]);
    let id = c.ok(["run", "-d", "busybox", "sleep", "600"]).line();
    let output = c.ok(["exec", &id, "sh", "-c", "ls /proc/1/fd; ls /proc/$$/fd; true"]);
    assert_eq!(output.lines(), ["0", "1", "2", "0", "1", "2"]);
}

#[test]
fn namespaces_are_its_own() {
    let c = Coracle::busybox();
    for namespace in ["mnt", "pid", "ipc", "uts", "user", "cgroup"] {
        let ours = std::fs::read_link(format!("/proc/self/ns/{namespace}")).expect("our namespace");
        let theirs = c.sh(&[], &format!("readlink /proc/self/ns/{namespace}")).line();
        assert_ne!(ours.to_str(), Some(theirs.as_str()), "{namespace}");
    }
    let processes = c.sh(&[], "set -- /proc/[0-9]*; echo $#").line();
    assert_eq!(processes, "1");
}

#[test]
fn host_namespaces_are_on_request() {
    let c = Coracle::busybox();
    for (flag, namespace) in [("--ipc", "ipc"), ("--uts", "uts"), ("--pid", "pid")] {
        let ours = std::fs::read_link(format!("/proc/self/ns/{namespace}")).expect("our namespace");
        let theirs = c.sh(&[flag, "host"], &format!("readlink /proc/self/ns/{namespace}")).line();
        assert_eq!(ours.to_str(), Some(theirs.as_str()), "{namespace}");
    }
}

#[test]
fn sysctls_of_its_namespaces_can_be_set() {
    let c = Coracle::busybox();
    let key = "net.ipv4.ip_unprivileged_port_start";
    let flags = ["--network", "none", "--sysctl", &format!("{key}=99")];
    assert_eq!(c.sh(&flags, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start").line(), "99");
}

#[test]
fn oom_score_can_be_raised() {
    let c = Coracle::busybox();
    assert_eq!(c.sh(&["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj").line(), "500");
}

#[test]
fn signals_start_unblocked_and_default() {
    let c = Coracle::busybox();
    for field in ["SigBlk", "SigIgn"] {
        let output = c.ok(["run", "--rm", "busybox", "grep", &format!("^{field}:"), "/proc/self/status"]);
        assert_eq!(output.line().split_whitespace().nth(1), Some("0000000000000000"), "{field}");
    }
}

#[test]
fn the_program_of_the_supervisor_cannot_be_written_from_inside() {
    // CVE-2019-5736: /proc/PID/exe of a process that entered the container.
    let c = Coracle::busybox();
    let id = c.detached(&["--init", "--privileged"], "exec sleep 600");
    let output = c.output(["exec", "--privileged", &id, "sh", "-c", "echo x > /proc/1/exe"]);
    assert_ne!(output.status, 0, "{output}");
    c.ok(["--version"]);
}

#[test]
fn the_hosts_files_are_not_there() {
    let c = Coracle::busybox();
    let marker = c.file("marker", "secret");
    c.fails(1, ["run", "--rm", "--privileged", "busybox", "cat", marker.to_str().expect("a plain path")]);
}

#[test]
fn namespaces_of_another_container_come_with_their_file_systems() {
    let c = Coracle::busybox();
    let other = c.detached(&[], "echo secret > /dev/shm/paper; exec sleep 4242");
    eventually("the other's file", || c.ok(["exec", &other, "ls", "/dev/shm"]).text() == "paper\n");
    let joined = format!("container:{other}");
    let seen = c.ok(["run", "--rm", "--pid", &joined, "busybox", "sh", "-c", "cat /proc/[0-9]*/cmdline"]);
    assert!(seen.text().contains("sleep\x004242"), "{}", seen.text());
    assert_eq!(seen.text().matches("coracle").count(), 0, "{}", seen.text());
    let count = c.ok(["run", "--rm", "--pid", &joined, "busybox", "sh", "-c", "ls -d /proc/[0-9]* | wc -l"]);
    assert!(count.line().trim().parse::<u32>().unwrap() < 6, "{}", count.line());
    let paper = c.ok(["run", "--rm", "--ipc", &joined, "busybox", "cat", "/dev/shm/paper"]);
    assert_eq!(paper.line(), "secret");
    c.ok(["run", "--rm", "--pid", "host", "--ipc", "host", "busybox", "true"]);
}

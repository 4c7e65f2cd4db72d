//! Emulated users: a container of a single id has other users all the same. As both users of the runner; what
//! can be compared with the kernel's own users is, where there are some.

use std::process::Command;
use std::sync::OnceLock;

use crate::harness::archive::busybox_program;
use crate::harness::command::{kill, output};
use crate::harness::{Coracle, DEADLINE, Entry, ImageBuilder, Output, has_program};
use crate::need;

/// Makes system calls and prints what came of them. `None` without a compiler.
fn probe() -> Option<&'static [u8]> {
    static PROBE: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let build = || {
        let home = tempfile::tempdir().expect("a directory");
        let source = home.path().join("probe.c");
        std::fs::write(&source, include_str!("emulated_users/probe.c")).expect("the source");
        let program = home.path().join("probe");
        let mut compiler = Command::new("cc");
        compiler.args(["-static", "-O1", "-w", "-pthread", "-o"]).arg(&program).arg(&source);
        output(&mut compiler, None, DEADLINE).success();
        std::fs::read(program).expect("a program")
    };
    PROBE.get_or_init(|| has_program("cc").then(build)).as_deref()
}

/// An image whose files have several owners.
fn image() -> ImageBuilder {
    let mut entries = vec![
        Entry::directory("owned/").owner(33, 34),
        Entry::file("owned/f", "x").owner(33, 34).mode(0o640),
        Entry::symlink("owned/l", "f").owner(35, 36),
        Entry::directory("owned/group/").owner(0, 50).mode(0o2775),
        Entry::character_device("owned/null", 1, 3).owner(7, 8).mode(0o666),
        Entry::file("bin/su-root", busybox_program()).mode(0o4755),
        Entry::file("etc/shadow", "root:$1$abcdefgh$IQtUouv7y7Q9dRWkQEPCc.:1::::::\n").mode(0o600),
    ];
    if let Some(program) = probe() {
        entries.push(Entry::file("probe", program).mode(0o755));
        entries.push(Entry::file("of-50", program).owner(50, 60).mode(0o6755));
    }
    ImageBuilder::busybox().layer(entries)
}

/// With emulated users in every container.
fn emulated() -> Coracle {
    let c = Coracle::new().with_run_flags(&["--userns", "emulated"]);
    c.load(&image().docker_archive(&["busybox:latest"]));
    c
}

fn tar_listing(archive: &[u8]) -> Vec<String> {
    let mut tar = Command::new("tar");
    tar.args(["--numeric-owner", "-tvf", "-"]);
    let listed = output(&mut tar, Some(archive), DEADLINE).success();
    let line = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        [&words[..2], &words[5..]].concat().join(" ")
    };
    listed.lines().iter().map(line).collect()
}

#[track_caller]
fn has(listing: &[String], lines: &[&str]) {
    for line in lines {
        assert!(listing.iter().any(|l| l == line), "{line} is not in {listing:#?}");
    }
}

const OWNERS: &str = "stat -c '%n %u:%g %A' /owned /owned/f /owned/l /owned/group /owned/null";
const THEIRS: [&str; 5] = [
    "/owned 33:34 drwxr-xr-x",
    "/owned/f 33:34 -rw-r-----",
    "/owned/l 35:36 lrwxrwxrwx",
    "/owned/group 0:50 drwxrwsr-x",
    "/owned/null 7:8 crw-rw-rw-",
];

#[test]
fn processes_are_who_they_are_said_to_be() {
    let c = emulated();
    let who = |flags: &[&str]| c.sh(flags, "id -u; id -g; id -G; echo ~").lines().join(" ");
    assert_eq!(who(&[]), "0 0 0 /root");
    assert_eq!(who(&["-u", "app"]), "1000 1000 1000 7 /home/app");
    assert_eq!(who(&["-u", "33"]), "33 0 0 /");
    assert_eq!(who(&["-u", "33:44"]), "33 44 44 /");
    assert_eq!(who(&["-u", "app:daemon", "--group-add", "27"]), "1000 1 1 27 /home/app");
    let image = image().config("User", "app".into());
    c.load(&image.docker_archive(&["for-app:latest"]));
    c.ok(["run", "-d", "--name", "box", "for-app", "sleep", "600"]);
    assert_eq!(c.ok(["exec", "box", "id", "-u"]).line(), "1000");
    assert_eq!(c.ok(["exec", "-u", "root", "box", "id", "-u"]).line(), "0");
    assert_eq!(c.ok(["exec", "-u", "33:34", "box", "sh", "-c", "echo $(id -u) $(id -g)"]).line(), "33 34");
    c.ok(["exec", "-u", "0", "-d", "box", "sh", "-c", "su app -c 'id -u > /tmp/who'"]);
    crate::harness::eventually("su has run", || {
        c.output(["exec", "box", "cat", "/tmp/who"]).text() == "1000\n"
    });
    let listed = c.ok(["exec", "box", "stat", "-c", "%u", "/proc/1", "/tmp/who"]);
    assert_eq!(listed.lines(), ["1000", "1000"]);
}

#[test]
fn it_is_how_a_container_of_a_single_id_is() {
    need!(single id);
    let c = Coracle::new();
    c.load(&image().docker_archive(&["busybox:latest"]));
    assert_eq!(c.sh(&["-u", "app"], "id -u").line(), "1000");
    assert_eq!(c.sh(&[], OWNERS).lines(), THEIRS);
    let output = c.fails(125, ["run", "--rm", "--userns", "single", "-u", "1000", "busybox", "true"]);
    assert!(output.err().contains("subuid"), "{output}");
    assert_eq!(c.sh(&["--userns", "single"], "stat -c %u /owned").line(), "0");
    assert_eq!(c.inspect(&c.detached(&[], "sleep 600"), "{{.HostConfig.UsernsMode}}"), "");
}

/// The same calls once with the kernel's users and once with emulated ones.
#[test]
fn calls_do_what_the_kernel_does() {
    need!("cc");
    need!(ids);
    let c = Coracle::new();
    c.load(&image().docker_archive(&["busybox:latest"]));
    for calls in [
        "rules",
        "look /owned f",
        "look /owned l",
        "look / owned",
        "look /owned null",
        "look /owned/group ..",
        "give /tmp",
        "give /owned",
        "bad",
        "limits",
        "peer",
        "race",
        "inside /tmp",
    ] {
        let run = |flags: &[&str]| c.sh(flags, &format!("/probe {calls} 2>&1")).lines().join("\n");
        let (real, emulated) = (run(&[]), run(&["--userns", "emulated"]));
        assert!(!real.is_empty());
        for (real, emulated) in real.lines().zip(emulated.lines()) {
            assert_eq!(emulated, real, "{calls}");
        }
        assert_eq!(emulated, real, "{calls}");
    }
}

#[test]
fn root_that_has_become_somebody_cannot_come_back() {
    need!("cc");
    let c = emulated();
    let output = c.sh(&[], "/probe rules");
    let lines = output.lines();
    for line in [
        "dropped: uid 33 33 33 gid 34 34 34 groups 4 27",
        "setuid(0) = -1 EPERM",
        "still: uid 33 33 33 gid 34 34 34 groups 4 27",
        "back: uid 0 0 0 gid 0 0 0 groups",
        "thread: uid 33 33 0 gid 0 0 0 groups",
        "vfork 33",
        "orphan: uid 33 33 33 gid 0 0 0 groups",
        "executed: uid 33 44 44 gid 0 0 0 groups",
    ] {
        assert!(lines.iter().any(|l| l.starts_with(line)), "{line}: {output}");
    }
    assert_eq!(c.sh(&[], "/probe many 100000").line(), "last: uid 100000 0 0 gid 0 0 0 groups 0");
    assert_eq!(c.sh(&[], "/probe race").line(), "raced");
}

#[test]
fn a_setuid_program_runs_as_its_owner() {
    need!("cc");
    let c = emulated();
    assert_eq!(c.sh(&["-u", "33:34"], "/of-50 ids x").line(), "x: uid 33 50 50 gid 34 60 60 groups 34");
    let barred = c.sh(&["-u", "33:34", "--security-opt", "no-new-privileges"], "/of-50 ids x");
    assert_eq!(barred.line(), "x: uid 33 33 33 gid 34 34 34 groups 34");
    // A script's bits and those of a file that was given away count for nothing.
    let script = "printf '#!/bin/sh\nid -u\n' > /tmp/s; chown 50 /tmp/s; chmod 6755 /tmp/s; \
                  cp /probe /tmp/p; chmod 4755 /tmp/p; chown 50 /tmp/p; su app -c '/tmp/s; /tmp/p ids x'";
    assert_eq!(c.sh(&[], script).lines(), ["1000", "x: uid 1000 1000 1000 gid 1000 1000 1000 groups 7 1000"]);
}

#[test]
fn su_asks_for_a_password() {
    let c = emulated();
    let su = |password: &str| {
        let script = format!("ln -s /bin/su-root /tmp/su; echo {password} | /tmp/su root -c 'id -u' 2>&1");
        c.output(["run", "--rm", "-u", "app", "busybox", "sh", "-c", &script])
    };
    assert_ne!(su("wrong").status, 0);
    let right = su("pw");
    assert!(right.text().ends_with("0\n"), "{right}");
    assert_eq!(c.sh(&[], "su app -c 'id -u'").line(), "1000");
}

#[test]
fn files_have_the_owners_of_the_image_and_of_their_makers() {
    let c = emulated();
    assert_eq!(c.sh(&[], OWNERS).lines(), THEIRS);
    assert_eq!(c.sh(&["-u", "app"], OWNERS).lines(), THEIRS);
    assert_eq!(c.sh(&["--userns", "emulated:owners=hidden"], "stat -c %u /owned; id -u").lines(), ["0", "0"]);
    let listed = c.sh(&[], "cd /owned; ls -ln | tail -n +2; chroot / ls -ln /owned/f");
    let owner = |line: &&str| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>().join(":");
    let owners: Vec<String> = listed.lines().iter().map(owner).collect();
    assert_eq!(owners, ["33:34", "0:50", "35:36", "7:8", "33:34"]);
    let script = "touch /tmp/mine; mkdir /tmp/d; ln -s x /tmp/l; mkfifo /tmp/p; touch /owned/group/f; mkdir /owned/group/d; \
                  stat -c '%n %u:%g %A' /tmp/mine /tmp/d /tmp/l /tmp/p /owned/group/f /owned/group/d";
    assert_eq!(
        c.sh(&["-u", "33:34"], script).lines(),
        [
            "/tmp/mine 33:34 -rw-r--r--",
            "/tmp/d 33:34 drwxr-xr-x",
            "/tmp/l 33:34 lrwxrwxrwx",
            "/tmp/p 33:34 prw-r--r--",
            "/owned/group/f 33:50 -rw-r--r--",
            "/owned/group/d 33:50 drwxr-sr-x",
        ]
    );
    // A directory of the image that is given away leaves what is in it.
    let script =
        "chown 5:6 /owned; echo y >> /owned/f; chmod 600 /owned/f; stat -c %u:%g /owned /owned/f /owned/l";
    assert_eq!(c.sh(&[], script).lines(), ["5:6", "33:34", "35:36"]);
}

#[test]
fn capabilities_that_are_dropped_are_missed() {
    let c = emulated();
    let refused = |drop: &str, script: &str| {
        let output = c.output(["run", "--rm", "--cap-drop", drop, "busybox", "sh", "-c", script]);
        assert_ne!(output.status, 0, "{drop} {script}");
        assert!(
            output.err().contains("Operation not permitted") || output.err().contains("can't set"),
            "{output}"
        );
    };
    refused("CHOWN", "chown 5 /owned/f");
    refused("CHOWN", "chown -h 5 /owned/l");
    refused("SETUID", "su app -c true");
    refused("SETGID", "su app -c true");
    refused("MKNOD", "mknod /x c 1 3");
    refused("ALL", "chown 5 /owned/f");
    let read_only = c.output(["run", "--rm", "--read-only", "busybox", "chown", "5", "/owned/f"]);
    assert!(read_only.err().contains("Read-only file system"), "{read_only}");
    let read_only = c.output(["run", "--rm", "--read-only", "busybox", "mknod", "/x", "c", "1", "3"]);
    assert!(read_only.err().contains("Read-only file system"), "{read_only}");
    let other = c.output([
        "run",
        "--rm",
        "-u",
        "app",
        "busybox",
        "sh",
        "-c",
        "chown 0 /owned/f || mknod /tmp/x c 1 3",
    ]);
    assert_eq!(other.err().matches("Operation not permitted").count(), 2, "{other}");
}

const CHANGES: &str = "chown 44:45 /owned/f; chown -h 46:47 /owned/l; mkdir /made; chown 48:49 /made; chmod 2770 /made; \
     mknod -m 640 /made/sda b 8 1; mknod /made/tty c 5 1; chown 3:4 /made/tty; mkfifo /made/p; chown 5:6 /made/p; \
     touch /made/f; ln /made/f /made/g; chown 70:71 /made/g";
const CHANGED: [&str; 8] = [
    "-rw-r----- 44/45 owned/f",
    "lrwxrwxrwx 46/47 owned/l -> f",
    "drwxrws--- 48/49 made/",
    "brw-r----- 0/49 made/sda",
    "crw-r--r-- 3/4 made/tty",
    "prw-r--r-- 5/6 made/p",
    "-rw-r--r-- 70/71 made/f",
    "hrw-r--r-- 70/71 made/g link to made/f",
];
const LOOK_AGAIN: &str =
    "stat -c '%n %u:%g %A' /owned/f /owned/l /made /made/sda /made/tty /made/p /made/g; cat /made/tty";
const SEEN_AGAIN: [&str; 7] = [
    "/owned/f 44:45 -rw-r-----",
    "/owned/l 46:47 lrwxrwxrwx",
    "/made 48:49 drwxrws---",
    "/made/sda 0:49 brw-r-----",
    "/made/tty 3:4 crw-r--r--",
    "/made/p 5:6 prw-r--r--",
    "/made/g 70:71 -rw-r--r--",
];

#[test]
fn owners_last_as_long_as_the_container() {
    let c = emulated();
    c.ok(["run", "-d", "--name", "box", "busybox", "sleep", "600"]);
    c.ok(["exec", "box", "sh", "-c", CHANGES]);
    let look = || c.output(["exec", "box", "sh", "-c", LOOK_AGAIN]);
    let check = |seen: Output| {
        assert_eq!(seen.lines(), SEEN_AGAIN);
        assert!(seen.err().contains("Permission denied"), "a device is never opened: {seen}");
    };
    check(look());
    c.ok(["restart", "-t", "0", "box"]);
    check(look());
    let pid: i32 = c.inspect("box", "{{.State.Pid}}").parse().expect("a pid");
    kill(parent(pid));
    c.wait_for_state("box", "exited");
    c.ok(["start", "box"]);
    check(look());
    assert_eq!(
        c.ok(["diff", "box"]).lines(),
        [
            "A /made",
            "A /made/f",
            "A /made/g",
            "A /made/p",
            "A /made/sda",
            "A /made/tty",
            "C /owned",
            "C /owned/f",
            "C /owned/l"
        ]
    );
}

fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let after = stat.rsplit_once(')').expect("a name").1;
    after.split_whitespace().nth(1).expect("a parent").parse().expect("a number")
}

#[test]
fn what_leaves_the_container_has_its_owners() {
    let c = emulated();
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", CHANGES]);
    let tree = c.ok(["export", "box"]);
    has(&tar_listing(&tree.stdout), &CHANGED);
    has(&tar_listing(&tree.stdout), &["drwxr-xr-x 33/34 owned/", "crw-rw-rw- 7/8 owned/null"]);
    c.ok(["commit", "box", "made"]);
    let seen = c.output(["run", "--rm", "made", "sh", "-c", LOOK_AGAIN]);
    assert_eq!(seen.lines(), SEEN_AGAIN);
    let saved = c.home().join("saved.tar");
    c.ok(["save", "-o", saved.to_str().unwrap(), "made"]);
    need!("skopeo", "umoci");
    let run = |line: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(c.home());
        output(&mut command, None, DEADLINE).success()
    };
    run("skopeo copy -q docker-archive:saved.tar oci:layout:x");
    run("umoci raw unpack --help > /dev/null");
    let top = "layout/blobs/sha256/$(python3 -c 'import json; r = lambda d: json.load(open(\"layout/blobs/sha256/\" + d.split(\":\")[1])); print(r(json.load(open(\"layout/index.json\"))[\"manifests\"][0][\"digest\"])[\"layers\"][-1][\"digest\"].split(\":\")[1])')";
    need!("python3");
    let layer = run(&format!("zcat -f {top}"));
    has(&tar_listing(&layer.stdout), &CHANGED);
}

#[test]
fn attributes_of_root_are_kept() {
    need!("cc");
    let c = emulated();
    for path in ["/owned/f", "/owned"] {
        c.ok(["run", "--name", "box", "busybox", "/probe", "attributes", path]);
        let output = c.ok(["logs", "box"]);
        for line in [
            "setxattr(path, \"trusted.t\", \"two\", 3, XATTR_CREATE) = -1 EEXIST",
            "fsetxattr(file, \"security.s\", \"three\", 5, 0) = 0 ",
            "removexattr(path, \"trusted.gone\") = -1 ENODATA",
            "getxattr(path, \"trusted.t\", value, sizeof value) = 3 ",
            "fgetxattr(file, \"security.s\", value, sizeof value) = 5 ",
            "getxattr(path, \"trusted.t\", value, 1) = -1 ERANGE",
            "setxattr(path, \"user.coracle.owner\", \"1:1\", 3, 0) = -1 EOPNOTSUPP",
            "setxattr(path, \"security.coracle.owner\", \"1:1\", 3, 0) = -1 EPERM",
            "setxattr(path, \"security.coracle.xattr.trusted.t\", \"x\", 1, 0) = -1 EPERM",
            "listed trusted.t",
            "listed security.s",
            "setxattr(path, \"trusted.t\", \"x\", 1, 0) = -1 EPERM",
        ] {
            assert!(output.text().contains(line), "{path}: {line}: {output}");
        }
        c.ok(["rm", "box"]);
    }
    c.ok(["run", "--name", "box", "busybox", "/probe", "attributes", "/owned/f"]);
    c.ok(["commit", "box", "made"]);
    let again = c.ok(["run", "--rm", "made", "/probe", "attributes", "/owned/f"]);
    assert!(
        again.text().starts_with("setxattr(path, \"trusted.t\", \"one\", 3, XATTR_CREATE) = -1 EEXIST"),
        "{again}"
    );
}

#[test]
fn limits_and_peers_do_not_show_it() {
    need!("cc");
    let c = emulated();
    let limits = c.sh(&["--ulimit", "locks=10"], "/probe limits; ulimit -a | grep -c unlimited > /dev/null");
    let lines = limits.lines();
    assert_eq!(lines[1], "1 1", "{limits}");
    assert!(lines.iter().any(|l| l.starts_with("limited again: uid 33 33 33")), "{limits}");
    let peers = c.sh(&[], "/probe peer");
    assert!(peers.text().contains("of the client 33:34 1 length 12\n"), "{peers}");
    assert!(peers.text().contains("of the server 0:0 1 length 12\n"), "{peers}");
    // Nobody can be asked who it was; root it was not.
    assert_eq!(c.sh(&[], "/probe gone").line(), "of the client 65534:65534 0 length 12");
    // There is one listener, and it is the emulator's.
    let listener = c.sh(&[], "/probe listener");
    assert!(listener.text().contains("= -1 EBUSY"), "{listener}");
    assert!(listener.text().contains("after: uid 0 0 0"), "{listener}");
}

#[test]
fn who_connects_from_outside_is_who_the_kernel_says() {
    need!("cc");
    let c = emulated();
    let directory = c.home().join("s");
    std::fs::create_dir(&directory).expect("a directory");
    let bind = format!("{}:/s", directory.display());
    let id = c.detached(&["-v", &bind], "exec /probe serve /s/x");
    let mut client = None;
    crate::harness::command::eventually("a server", || {
        client = std::os::unix::net::UnixStream::connect(directory.join("x")).ok();
        client.is_some()
    });
    // The caller is the container's root; its pid is none of the container's.
    c.wait_for_log(&id, "of the client 0:0 0 length 12");
}

#[test]
fn files_of_the_host_stay_as_they_are() {
    need!("cc");
    let c = emulated();
    let theirs = c.file("theirs", "x");
    let path = theirs.display();
    // Asked for at once: a look at it before would say that it is not there.
    for way in ["/proc/self/../..", "/proc/thread-self/../../../.."] {
        assert_eq!(
            c.sh(&[], &format!("/probe chown {way}{path}")).line(),
            "chown(argv[2], 5, 5) = -1 ENOENT"
        );
    }
    assert_ne!(
        c.output(["run", "--rm", "-v", "/etc:/hosts", "busybox", "chown", "5:5", "/hosts/passwd"]).status,
        0
    );
    let mut value = [0; 64];
    let record = rustix::fs::getxattr(&theirs, "user.coracle.owner", &mut value[..]);
    assert_eq!(record, Err(rustix::io::Errno::NODATA));
    // What is nobody's here is not whoever looks's.
    let shown = c.sh(&["-v", "/etc:/hosts", "-u", "33"], "stat -c %u /hosts/passwd");
    assert_ne!(shown.line(), "33");
    // An owner that could not be written down goes with the object.
    let volume = c.sh(
        &["-v", "vol:/v"],
        "ln -s x /v/l && chown -h 5:5 /v/l && rm /v/l && touch /v/f && stat -c %u:%g /v/f",
    );
    assert_eq!(volume.line(), "0:0");
}

#[test]
fn a_small_limit_of_files_is_no_hindrance() {
    let c = emulated();
    let script = format!(
        "ulimit -f 40000; exec {} run --rm --userns emulated -u 33 busybox id -u",
        crate::harness::binary().display()
    );
    let plain = c.command(["unused"]);
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(c.home()).env_clear();
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(output(&mut shell, None, DEADLINE).success().line(), "33");
}

#[test]
fn every_run_and_every_check_has_an_emulator() {
    let c = emulated();
    c.ok([
        "run",
        "-d",
        "--name",
        "again",
        "--restart",
        "on-failure:1",
        "-u",
        "33",
        "busybox",
        "sh",
        "-c",
        "id -u; exit 3",
    ]);
    c.wait_for_state("again", "exited");
    assert_eq!(c.ok(["logs", "again"]).lines(), ["33", "33"]);
    c.ok([
        "run",
        "-d",
        "--name",
        "checked",
        "-u",
        "33",
        "--health-cmd",
        "[ $(id -u) = 33 ]",
        "--health-interval",
        "1s",
        "busybox",
        "sleep",
        "600",
    ]);
    crate::harness::eventually("it is healthy", || {
        c.inspect("checked", "{{.State.Health.Status}}") == "healthy"
    });
    assert_eq!(c.sh(&["--init", "-u", "33"], "id -u; stat -c %u /proc/1").lines(), ["33", "33"]);
}

#[test]
fn a_container_that_loses_its_emulator_ends_with_the_reason() {
    let c = emulated();
    c.ok(["run", "-d", "--name", "box", "busybox", "sleep", "600"]);
    let pid: i32 = c.inspect("box", "{{.State.Pid}}").parse().expect("a pid");
    kill(emulator_of(pid));
    c.wait_for_state("box", "exited");
    let state = c.inspect("box", "{{.State.ExitCode}} {{.State.Error}}");
    assert_eq!(state, "137 the process that emulates the container's users has ended");
    c.ok(["start", "box"]);
    assert_eq!(c.ok(["exec", "-u", "33", "box", "id", "-u"]).line(), "33");
}

#[test]
fn a_policy_restarts_what_has_lost_its_emulator() {
    let c = emulated();
    c.ok(["run", "-d", "--name", "box", "--restart", "always", "-u", "33", "busybox", "sleep", "600"]);
    let first: i32 = c.inspect("box", "{{.State.Pid}}").parse().expect("a pid");
    kill(emulator_of(first));
    crate::harness::eventually("a second run", || {
        c.inspect("box", "{{.RestartCount}} {{.State.Status}}") == "1 running"
    });
    assert_eq!(c.ok(["exec", "box", "id", "-u"]).line(), "33");
}

/// Within a container that has emulated users coracle finds an emulator that it can ask.
#[test]
fn a_container_inside_has_other_users_too() {
    let c = emulated();
    let binary = format!("{}:/coracle:ro", crate::harness::binary().display());
    let archive = c.file("busybox.tar", crate::harness::busybox());
    let archive = format!("{}:/busybox.tar:ro", archive.display());
    let flags = [
        "--privileged",
        "--device",
        "/dev/fuse",
        "-v",
        &binary,
        "-v",
        &archive,
        "-e",
        "XDG_RUNTIME_DIR=/tmp",
    ];
    let script = "/coracle import /busybox.tar inner > /dev/null && \
                  /coracle run --rm -u 33:34 inner sh -c 'id -u; id -g'; id -u";
    assert_eq!(c.sh(&flags, script).lines(), ["33", "34", "0"]);
}

fn emulator_of(first: i32) -> i32 {
    let is_emulator = |pid: &i32| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"coracle-users"))
    };
    children(parent(first)).into_iter().find(is_emulator).expect("an emulator")
}

fn children(pid: i32) -> Vec<i32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[test]
fn copies_keep_owners_both_ways() {
    let c = emulated();
    c.ok(["run", "-d", "--name", "box", "-v", "vol:/vol", "busybox", "sleep", "600"]);
    c.ok(["exec", "box", "sh", "-c", &format!("{CHANGES}; touch /vol/f; chown 9:10 /vol/f")]);
    let inside = [
        "drwxrws--- 48/49 made/",
        "brw-r----- 0/49 made/sda",
        "crw-r--r-- 3/4 made/tty",
        "-rw-r--r-- 70/71 made/f",
        "prw-r--r-- 5/6 made/p",
    ];
    for state in ["running", "exited"] {
        let out = c.ok(["cp", "box:/made", "-"]);
        has(&tar_listing(&out.stdout), &inside);
        has(&tar_listing(&c.ok(["cp", "box:/owned/l", "-"]).stdout), &["lrwxrwxrwx 46/47 l -> f"]);
        let volume = c.ok(["cp", "box:/vol", "-"]);
        has(&tar_listing(&volume.stdout), &["-rw-r--r-- 9/10 vol/f"]);
        assert!(
            !String::from_utf8_lossy(&volume.stdout).contains("coracle"),
            "no attribute of ours goes out"
        );
        let place = format!("/root/{state}");
        c.given(&out.stdout, ["cp", "-a", "-", "box:/root"]).success();
        let back = c.ok(["cp", "box:/root/made", "-"]);
        has(&tar_listing(&back.stdout), &inside);
        let mine = c.file("mine", "x");
        c.ok(["cp", mine.to_str().unwrap(), &format!("box:{place}")]);
        has(
            &tar_listing(&c.ok(["cp", &format!("box:{place}"), "-"]).stdout),
            &[&format!("-rw-r--r-- 0/0 {state}")],
        );
        let own = format!("{0} {0}", rustix::process::getuid().as_raw()).replace(' ', "/");
        c.ok(["cp", "-a", mine.to_str().unwrap(), &format!("box:{place}")]);
        has(
            &tar_listing(&c.ok(["cp", &format!("box:{place}"), "-"]).stdout),
            &[&format!("-rw-r--r-- {own} {state}")],
        );
        if state == "running" {
            c.ok(["stop", "-t", "0", "box"]);
        }
    }
    c.ok(["start", "box"]);
    let seen =
        c.ok(["exec", "box", "stat", "-c", "%u:%g", "/root/made/f", "/root/made/tty", "/vol/f", "/vol"]);
    assert_eq!(seen.lines(), ["70:71", "3:4", "9:10", "0:0"]);
}

#[test]
fn volumes_have_owners() {
    let c = emulated();
    let look = "stat -c '%n %u:%g' /owned /owned/f /owned/group";
    let theirs = ["/owned 33:34", "/owned/f 33:34", "/owned/group 0:50"];
    for user in ["0", "7"] {
        assert_eq!(c.sh(&["-v", "vol:/owned", "-u", user], look).lines(), theirs);
    }
    let archive = c.ok(["volume", "export", "vol"]);
    has(
        &tar_listing(&archive.stdout),
        &["drwxr-xr-x 33/34 ./", "-rw-r----- 33/34 ./f", "drwxrwsr-x 0/50 ./group/"],
    );
    assert!(!String::from_utf8_lossy(&archive.stdout).contains("coracle"), "no attribute of ours goes out");
    let file = c.file("vol.tar", &archive.stdout);
    c.ok(["volume", "create", "other"]);
    c.ok(["volume", "import", "other", file.to_str().unwrap()]);
    if !crate::harness::has_subordinate_ids() {
        assert_eq!(c.sh(&["-v", "other:/owned", "-u", "7"], look).lines(), theirs);
    }
    let given = c.sh(&["-v", "vol:/owned:U", "-u", "app"], look);
    assert_eq!(given.lines(), ["/owned 1000:1000", "/owned/f 1000:1000", "/owned/group 1000:1000"]);
    assert_eq!(c.sh(&["-v", "vol:/owned"], "chown 4:5 /owned/f; stat -c %u:%g /owned/f").line(), "4:5");
    assert_eq!(c.sh(&["-v", "vol:/owned"], "stat -c %u:%g /owned/f").line(), "4:5");
}

#[test]
fn what_coracle_mounts_belongs_to_root() {
    let c = emulated();
    let script =
        "stat -c %u:%g /etc/hosts /etc/hostname /etc/resolv.conf /dev/shm /t /u /dev/null /proc/version";
    let flags = ["-u", "33", "--tmpfs", "/t", "--tmpfs", "/u:uid=44,gid=45,size=1m"];
    let owners = c.sh(&flags, script);
    assert_eq!(owners.lines()[..4], ["0:0"; 4], "{owners}");
    // Linux 6.6 was the first whose tmpfs takes attributes of users.
    need!(kernel() >= (6, 6), "needs Linux 6.6");
    assert_eq!(owners.lines()[4..6], ["0:0", "44:45"], "{owners}");
    let secret = c.file("secret", "s");
    c.ok(["secret", "create", "sec", secret.to_str().unwrap()]);
    let shown = c.sh(
        &["-u", "33", "--secret", "sec,uid=44,gid=45,mode=0400", "--secret", "source=sec,target=/elsewhere"],
        "stat -c '%n %u:%g' /run/secrets /run/secrets/sec /elsewhere",
    );
    assert_eq!(shown.lines(), ["/run/secrets 0:0", "/run/secrets/sec 44:45", "/elsewhere 0:0"]);
}

fn kernel() -> (u32, u32) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[test]
fn what_is_mounted_for_the_host_keeps_its_owners() {
    let c = emulated();
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", CHANGES]);
    let script = format!(
        "cd \"$({0} mount box)\" && echo new > made/new && mv owned/f owned/moved; cd / && {0} umount box",
        crate::harness::binary().display()
    );
    c.ok(["unshare", "sh", "-c", &script]);
    let tree = tar_listing(&c.ok(["export", "box"]).stdout);
    has(&tree, &["-rw-r--r-- 0/49 made/new", "-rw-r----- 44/45 owned/moved", "drwxrws--- 48/49 made/"]);
    let sizes = c.ok(["ps", "-a", "-s", "--format", "{{.Size}}"]);
    assert!(sizes.text().starts_with("6B ("), "owners take no room: {sizes}");
}

#[test]
fn bad_wishes_are_refused() {
    let c = emulated();
    for user in ["4294967295", "2147483648", "0:4294967295"] {
        let output = c.fails(125, ["run", "--rm", "-u", user, "busybox", "true"]);
        assert!(output.err().contains("must be in range 0-2147483647"), "{output}");
    }
    assert_eq!(
        c.sh(&["-u", "2147483647:2147483646"], "echo $(id -u) $(id -g)").line(),
        "2147483647 2147483646"
    );
    for mode in ["hybrid", "unpacked"] {
        let option = format!("overlay={mode}");
        let output = c.fails(125, ["run", "--rm", "--storage-opt", &option, "busybox", "true"]);
        assert!(output.err().contains("overlay=full"), "{output}");
    }
    for mode in ["emulated:x", "emulated:owners=x", "single:x"] {
        c.fails(125, ["run", "--rm", "--userns", mode, "busybox", "true"]).says("--userns: ");
    }
    let low = |what: &str| {
        let script = format!("ulimit -x 1000; exec {} {what}", crate::harness::binary().display());
        let plain = c.command(["unused"]);
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).current_dir(c.home()).env_clear();
        shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        output(&mut shell, None, DEADLINE)
    };
    let refused = low("run --rm --userns emulated busybox id -u");
    assert_eq!(refused.status, 125, "{refused}");
    assert!(refused.err().contains("hard limit of file locks"), "{refused}");
    assert_eq!(low("run --rm busybox id -u").line(), "0");
}

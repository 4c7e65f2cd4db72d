//! `export`.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::diff::{CHANGE, MODES, with_files};
use crate::harness::command::output;
use crate::harness::terminal::Terminal;
use crate::harness::{Coracle, DEADLINE, Entry, ImageBuilder, eventually};
use crate::need;

/// What tar(1) makes of an archive: kind and mode, owner in numbers, size, name.
pub fn listing(archive: &Path) -> Vec<String> {
    let mut tar = Command::new("tar");
    tar.args(["--numeric-owner", "-tvf"]).arg(archive);
    let listed = output(&mut tar, None, DEADLINE).success();
    let line = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        [&words[..3], &words[5..]].concat().join(" ")
    };
    listed.lines().iter().map(line).collect()
}

#[test]
fn the_tree_is_that_of_the_container() {
    for mode in MODES {
        let c = with_files(mode);
        let id = c.detached(&["--name", "box"], &format!("{CHANGE}; echo done; exec sleep 600"));
        c.wait_for_log(&id, "done");
        let inside = c.ok(["exec", "box", "sh", "-c", "find / -xdev -mindepth 1 | sort; cat /d/changed"]);
        let archive = c.home().join("box.tar");
        c.ok(["export", "-o", archive.to_str().unwrap(), "box"]);
        let names: Vec<String> = listing(&archive)
            .iter()
            .map(|line| {
                let name = line.splitn(4, ' ').nth(3).expect("a name");
                let name = name.split(" -> ").next().and_then(|name| name.split(" link to ").next());
                format!("/{}", name.expect("a name").trim_end_matches('/'))
            })
            .collect();
        let mut sorted = names.clone();
        sorted.sort();
        let mut expected: Vec<&str> = inside.lines();
        assert_eq!(expected.pop(), Some("new"));
        assert_eq!(sorted, expected, "{mode}");
        // Stopped it is the same, byte for byte.
        c.ok(["stop", "-t", "0", "box"]);
        let again = c.ok(["container", "export", "box"]);
        assert!(again.stdout == std::fs::read(&archive).unwrap(), "{mode}");
    }
}

#[test]
fn the_archive_made_an_image_again_has_the_same_content() {
    let c = with_files("hybrid");
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", CHANGE]);
    let archive = c.ok(["export", "box"]).stdout;
    c.import("again", &archive);
    let output =
        c.ok(["run", "--rm", "again", "sh", "-c", "cat /d/changed /hard; ls -R /again; ls /d; cat '/a b'"]);
    assert_eq!(output.text(), "new\nx\n/again:\nkept\nchanged\nkept\na b\n");
    let links = c.ok(["run", "--rm", "again", "stat", "-c", "%h", "/hard", "/new/deep/file"]);
    assert_eq!(links.lines(), ["2", "2"]);
}

#[test]
fn owners_modes_devices_and_attributes_are_the_containers() {
    need!(ids);
    for mode in MODES {
        let option = format!("overlay={mode}");
        let c = Coracle::new().with_run_flags(&["--storage-opt", &option]);
        let image = ImageBuilder::busybox().layer([
            Entry::file("theirs", "x").owner(1234, 4321).mode(0o4751),
            Entry::file("far", "x").owner(4_000_000, 4_000_000),
            Entry::character_device("null", 1, 3).mode(0o666),
            Entry::file("marked", "x").xattr("user.key", "value"),
        ]);
        c.load(&image.docker_archive(&["busybox:latest"]));
        c.ok([
            "run",
            "--name",
            "box",
            "busybox",
            "sh",
            "-c",
            "echo x > /mine; chown 1000:7 /mine; chmod 640 /mine; touch /far",
        ]);
        let archive = c.home().join("box.tar");
        c.ok(["export", "-o", archive.to_str().unwrap(), "box"]);
        let lines = listing(&archive);
        for line in [
            "-rwsr-x--x 1234/4321 1 theirs",
            // Its owner cannot be had here, and touch has copied it.
            "-rw-r--r-- 4000000/4000000 1 far",
            "crw-rw-rw- 0/0 1,3 null",
            "-rw-r----- 1000/7 2 mine",
        ] {
            assert!(lines.iter().any(|l| l == line), "{mode}: {line} is not in {lines:#?}");
        }
        let bytes = std::fs::read(&archive).unwrap();
        assert!(bytes.windows(27).any(|at| at == b"SCHILY.xattr.user.key=value"), "{mode}");
        assert!(!bytes.windows(12).any(|at| at == b"user.overlay"), "{mode}");
    }
}

#[test]
fn with_keep_id_owners_are_those_inside() {
    need!(ids);
    let c = Coracle::busybox();
    let flags = ["--name", "box", "--userns", "keep-id:uid=1000,gid=1000", "--user", "0"];
    let script = "chmod 777 /tmp; echo x > /tmp/root; echo x > /tmp/app; chown 1000:1000 /tmp/app";
    let args = ["run"].into_iter().chain(flags).chain(["busybox", "sh", "-c", script]);
    let output = c.output(args);
    if output.status != 0 && output.err().contains("chmod") {
        return crate::harness::skip("root of the image is somebody else here");
    }
    let archive = c.home().join("box.tar");
    c.ok(["export", "-o", archive.to_str().unwrap(), "box"]);
    let lines = listing(&archive);
    for line in ["-rw-r--r-- 0/0 2 tmp/root", "-rw-r--r-- 1000/1000 2 tmp/app"] {
        assert!(lines.iter().any(|l| l == line), "{line} is not in {lines:#?}");
    }
}

#[test]
fn mounts_are_empty_places() {
    let c = Coracle::busybox();
    let data = c.file("data/secret", "x").parent().unwrap().to_owned();
    c.ok(["run", "--name", "box", "-v", &format!("{}:/mounted", data.display()), "busybox", "true"]);
    let archive = c.home().join("box.tar");
    c.ok(["export", "-o", archive.to_str().unwrap(), "box"]);
    let lines = listing(&archive);
    assert!(lines.iter().any(|line| line.ends_with(" mounted/")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");
}

#[test]
fn a_terminal_gets_no_archive() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    let mut terminal = Terminal::start(&mut c.command(["export", "box"]));
    terminal.expect("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    assert_eq!(terminal.wait(), 1);
}

#[test]
fn what_cannot_be_written_is_said_and_leaves_no_file() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    c.fails(1, ["export", "nosuch"]).says("Error response from daemon: No such container: nosuch");
    c.fails(1, ["export", "-o", "no/such/file", "box"])
        .says("failed to export container: invalid output path: directory \"no/such\" does not exist");
    c.fails(1, ["export", "-o", "/dev/full", "box"]).says("got a device");
    c.fails(1, ["export", "-o", "new.tar", "nosuch"]);
    let mut full = c.command(["export", "box"]);
    full.stdout(File::options().write(true).open("/dev/full").unwrap());
    let failed = full.output().expect("it runs");
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("No space left on device"), "{failed:?}");
    let files: Vec<_> = std::fs::read_dir(c.home()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(!files.iter().any(|name| name.to_string_lossy().contains("new.tar")), "{files:?}");
}

#[test]
fn nothing_is_left_of_an_export_whose_client_was_killed() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    let fifo = c.home().join("fifo");
    crate::harness::command::tool("mkfifo", [&fifo]).success();
    // Nobody reads so much as the pipe holds: it cannot end by itself.
    let reader = File::options().read(true).write(true).open(&fifo).unwrap();
    let mut export = c.spawn(["export", "-o", fifo.to_str().unwrap(), "box"]);
    let of_errand = || -> Vec<i32> {
        let is_errand = |pid: &i32| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.starts_with(b"coracle-errand"))
        };
        c.processes().into_iter().filter(is_errand).collect()
    };
    eventually("the process that writes", || !of_errand().is_empty());
    export.signal(rustix::process::Signal::KILL);
    export.wait();
    eventually("the process that writes to end", || of_errand().is_empty());
    drop(reader);
    // And nothing is in the way of the container.
    c.ok(["start", "box"]);
}

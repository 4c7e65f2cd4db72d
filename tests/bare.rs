//! A user with a single id: no /etc/subuid entry, nothing prepared. And the user whose newuidmap is missing.

use crate::harness::{Coracle, Entry, ImageBuilder};
use crate::need;

#[test]
fn a_container_that_needs_only_root_works() {
    need!(single id);
    let c = Coracle::busybox();
    let output =
        c.sh(&[], "id -u; touch /made && stat -c %u /made; hostname > /dev/null && cat /proc/self/uid_map");
    let lines = output.lines();
    assert_eq!(lines[..2], ["0", "0"], "{output}");
    assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>()[2], "1", "{output}");
}

#[test]
fn owners_that_cannot_be_told_apart_are_root() {
    need!(single id);
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([Entry::file("theirs", "x").owner(1234, 1234).mode(0o640)]);
    c.load(&image.docker_archive(&["busybox:latest"]));
    for (mode, users) in [("hybrid", "host"), ("full", "single"), ("unpacked", "host")] {
        let option = format!("overlay={mode}");
        let output = c.sh(
            &["--storage-opt", &option, "--userns", users],
            "stat -c '%u:%g %a' /theirs; echo y >> /theirs && cat /theirs",
        );
        assert_eq!(output.lines(), ["0:0 640", "xy"], "{mode}");
    }
}

#[test]
fn another_user_is_refused_with_the_reason_where_none_is_emulated() {
    need!(single id);
    let c = Coracle::busybox();
    for flags in [["--userns", "single"], ["--storage-opt", "overlay=hybrid"]] {
        let run = ["run", "--rm", "-u", "1000"].into_iter().chain(flags);
        let output = c.fails(125, run.chain(["busybox", "true"]));
        assert!(output.err().contains("subuid"), "{output}");
    }
    c.ok(["run", "--rm", "-u", "root", "busybox", "true"]);
    c.ok(["run", "--rm", "-u", "0:0", "busybox", "true"]);
}

#[test]
fn info_says_what_is_missing() {
    need!(single id);
    let info = Coracle::new().ok(["info"]);
    assert!(info.text().contains("subuid") || info.err().contains("subuid"), "{info}");
}

#[test]
fn everything_in_the_store_belongs_to_the_caller() {
    need!(single id);
    use std::os::unix::fs::MetadataExt;
    let c = Coracle::busybox();
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", "mkdir -p /d/e; touch /d/e/f; chmod 000 /d/e"]);
    let me = rustix::process::getuid().as_raw();
    for file in c.store_files() {
        assert_eq!(std::fs::symlink_metadata(&file).expect("a file").uid(), me, "{}", file.display());
    }
    c.ok(["rm", "box"]);
    std::fs::remove_dir_all(c.root()).expect("rm -rf of the store works");
}

#[test]
fn a_missing_newuidmap_costs_other_users_and_nothing_else() {
    let c = Coracle::busybox().with_env("PATH", "/nonexistent");
    let output = c.ok(["run", "--rm", "busybox", "id", "-u"]);
    assert_eq!(output.text(), "0\n");
}

#[test]
fn subordinate_ids_are_mapped_where_there_are_some() {
    need!(ids);
    let c = Coracle::busybox();
    let output = c.sh(&[], "cat /proc/self/uid_map; cat /proc/self/gid_map");
    let counts: Vec<u32> = output
        .lines()
        .iter()
        .map(|line| line.split_whitespace().nth(2).expect("a count").parse().expect("a number"))
        .collect();
    assert!(counts.iter().sum::<u32>() >= 2 * 65536, "{output}");
}

#[test]
fn written_files_of_other_users_can_be_removed() {
    need!(ids);
    let c = Coracle::busybox();
    c.ok([
        "run",
        "--name",
        "box",
        "busybox",
        "sh",
        "-c",
        "mkdir -m 700 /d; touch /d/f; chown -R 1000:1000 /d; chmod 000 /d",
    ]);
    c.ok(["rm", "box"]);
    assert_eq!(c.container_directories(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn owners_of_the_image_survive_what_shows_them_as_root() {
    need!(single id);
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([
        Entry::directory("theirs/").owner(1234, 1234).mode(0o777),
        Entry::file("theirs/file", "x").owner(1234, 1234),
    ]);
    c.load(&image.docker_archive(&["busybox:latest"]));
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", "echo y >> /theirs/file; echo new > /theirs/new"]);
    assert_eq!(c.ok(["diff", "box"]).lines(), ["C /theirs", "C /theirs/file", "A /theirs/new"]);
    c.ok(["commit", "box", "made"]);
    c.ok(["create", "--name", "again", "made"]);
    for name in ["box", "again"] {
        let archive = c.home().join("x.tar");
        c.ok(["export", "-o", archive.to_str().unwrap(), name]);
        let lines = crate::export::listing(&archive);
        for line in [
            "drwxrwxrwx 1234/1234 0 theirs/",
            "-rw-r--r-- 1234/1234 3 theirs/file",
            "-rw-r--r-- 0/0 4 theirs/new",
        ] {
            assert!(lines.iter().any(|l| l == line), "{name}: {line} is not in {lines:#?}");
        }
    }
}

//! `diff`.

use crate::harness::{Coracle, Entry, ImageBuilder};

pub const MODES: [&str; 3] = ["hybrid", "full", "unpacked"];

/// An image with something to change, in one way of mounting.
pub fn with_files(mode: &str) -> Coracle {
    let option = format!("overlay={mode}");
    let c = Coracle::new().with_run_flags(&["--storage-opt", &option]);
    let image = ImageBuilder::busybox().layer([
        Entry::directory("d/"),
        Entry::file("d/changed", "old"),
        Entry::file("d/deleted", "x"),
        Entry::file("d/kept", "x"),
        Entry::directory("again/"),
        Entry::directory("again/sub/"),
        Entry::file("again/sub/old", "x"),
        Entry::file("again/kept", "old"),
        Entry::directory("whole/"),
        Entry::file("whole/a", "x"),
        Entry::file("mode", "x"),
        Entry::file("linked", "x"),
        Entry::hard_link("linked2", "linked"),
    ]);
    c.load(&image.docker_archive(&["busybox:latest"]));
    c
}

pub const CHANGE: &str = "echo new > /d/changed; rm /d/deleted; mkdir -p /new/deep; echo x > /new/deep/file; \
    rm -r /again; mkdir /again; echo new > /again/kept; rm -r /whole; chmod 600 /mode; ln -s /x /link; \
    echo y >> /linked; ln /new/deep/file /hard; mkfifo /fifo; touch /tmp/t; rm /tmp/t; echo 'a b' > '/a b'";

#[test]
fn every_change_is_one_line_sorted_by_path() {
    for mode in MODES {
        let c = with_files(mode);
        c.ok(["run", "--name", "box", "busybox", "sh", "-c", CHANGE]);
        let stopped = c.ok(["diff", "box"]);
        let mut lines = stopped.lines();
        // Where the names of a file stay one, the other is in the upper as well.
        lines.retain(|line| *line != "C /linked2");
        let expected = [
            "A /a b",
            "C /again",
            "C /again/kept",
            "D /again/sub",
            "C /d",
            "C /d/changed",
            "D /d/deleted",
            "A /fifo",
            "A /hard",
            "A /link",
            "C /linked",
            "C /mode",
            "A /new",
            "A /new/deep",
            "A /new/deep/file",
            "D /whole",
        ];
        assert_eq!(lines, expected, "{mode}");
        // The same while it runs, and by the other name.
        let id = c.detached(&["--name", "running"], &format!("{CHANGE}; echo done; exec sleep 600"));
        c.wait_for_log(&id, "done");
        assert_eq!(c.ok(["container", "diff", "running"]).text(), stopped.text(), "{mode}");
    }
}

#[test]
fn what_only_the_start_made_and_what_is_mounted_is_no_change() {
    let c = Coracle::busybox();
    let data = c.file("data/file", "x").parent().unwrap().to_owned();
    let mount = format!("{}:/mounted", data.display());
    c.ok([
        "run",
        "--name",
        "box",
        "-v",
        &mount,
        "--tmpfs",
        "/scratch",
        "busybox",
        "sh",
        "-c",
        "touch /mounted/new /scratch/new",
    ]);
    // The places to mount on stay, as with Docker.
    assert_eq!(c.ok(["diff", "box"]).lines(), ["A /mounted", "A /scratch"]);
    c.ok(["run", "--name", "idle", "busybox", "true"]);
    assert_eq!(c.ok(["diff", "idle"]).text(), "");
    c.ok(["create", "--name", "never", "busybox"]);
    assert_eq!(c.ok(["diff", "never"]).text(), "");
}

#[test]
fn an_image_without_any_directory_for_mounts_is_not_changed_by_them() {
    let c = Coracle::new();
    let busybox = crate::harness::archive::busybox_program();
    let bare =
        crate::harness::Tar::of([Entry::directory("bin/"), Entry::file("bin/sh", busybox).mode(0o755)]);
    c.import("bare", &bare.finish());
    c.ok(["run", "--name", "box", "bare", "sh", "-c", "echo x > /etc/own"]);
    assert_eq!(c.ok(["diff", "box"]).lines(), ["C /etc", "A /etc/own"]);
}

#[test]
fn files_of_every_id_are_seen() {
    crate::need!(ids);
    let c = Coracle::busybox();
    let script = "mkdir -m 700 /theirs; touch /theirs/file; chown -R 1000:1000 /theirs";
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", script]);
    assert_eq!(c.ok(["diff", "box"]).lines(), ["A /theirs", "A /theirs/file"]);
}

#[test]
fn wrong_names_are_refused() {
    let c = Coracle::busybox();
    c.fails(1, ["diff", "nosuch"]).says("Error response from daemon: No such container: nosuch");
    c.fails(1, ["diff", ""]).says("container name cannot be empty");
    c.fails(1, ["diff"]).says("requires 1 argument");
}

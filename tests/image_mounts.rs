//! `--mount type=image`.

use crate::harness::{Coracle, Entry, ImageBuilder};
use crate::need;

const MODES: [&str; 3] = ["overlay=full", "overlay=hybrid", "overlay=unpacked"];

/// With the images busybox and tools.
fn with_tools() -> Coracle {
    let c = Coracle::busybox();
    let tools = ImageBuilder::new().layer([
        Entry::file("tool", "sharp\n"),
        Entry::directory("box"),
        Entry::file("box/inner", "small\n"),
        Entry::symlink("out", "/../../box"),
    ]);
    c.load(&tools.docker_archive(&["tools:1"]));
    c
}

#[test]
fn an_image_is_mounted_read_only() {
    let c = with_tools();
    for mode in MODES {
        let script =
            "cat /t/tool; touch /t/x 2>/dev/null || echo refused; ls -d /tool 2>/dev/null; ls /t | wc -l";
        let output = c.sh(&["--storage-opt", mode, "--mount", "type=image,source=tools:1,target=/t"], script);
        assert_eq!(output.lines(), ["sharp", "refused", "3"], "{mode}");
    }
}

#[test]
fn what_is_written_to_an_image_goes_with_the_run() {
    let c = with_tools();
    for mode in MODES {
        let mount = ["--storage-opt", mode, "--mount", "type=image,src=tools:1,dst=/t,rw=true"];
        let script =
            "ls /t; cat /t/tool; echo blunt > /t/tool; rm -r /t/box; echo new > /t/new; cat /t/new /t/tool";
        let mut create = vec!["create", "--name", "box"];
        create.extend(mount);
        create.extend(["busybox", "sh", "-c", script]);
        c.ok(create);
        for _ in 0..2 {
            let output = c.ok(["start", "-a", "box"]);
            assert_eq!(output.lines(), ["box", "out", "tool", "sharp", "new", "blunt"], "{mode}");
        }
        assert_eq!(c.ok(["diff", "box"]).text().trim(), "A /t", "{mode}");
        c.ok(["rm", "box"]);
        assert_eq!(c.container_directories().len(), 0);
    }
}

#[test]
fn a_restart_mounts_it_anew() {
    let c = with_tools();
    let mount = "type=image,src=tools:1,dst=/t,rw";
    let script = "[ -e /t/new ] && exit 7; touch /t/new; exit 1";
    let args = ["run", "-d", "--name", "box", "--restart", "on-failure:1", "--mount", mount];
    c.ok(args.into_iter().chain(["busybox", "sh", "-c", script]));
    assert_eq!(c.ok(["wait", "--condition", "exited", "box"]).line(), "1");
    crate::harness::eventually("its second run", || {
        c.inspect("box", "{{.RestartCount}} {{.State.Status}}") == "1 exited"
    });
    assert_eq!(c.inspect("box", "{{.State.ExitCode}}"), "1");
}

#[test]
fn a_directory_of_an_image_is_mounted() {
    let c = with_tools();
    for (key, path) in [("subpath", "box"), ("image-subpath", "box"), ("subpath", "out")] {
        let mount = format!("type=image,source=tools:1,target=/t,{key}={path}");
        assert_eq!(c.sh(&["--mount", &mount], "ls /t; cat /t/inner").lines(), ["inner", "small"], "{path}");
    }
    let writable = "type=image,source=tools:1,target=/t,rw,subpath=box";
    assert_eq!(
        c.sh(&["--mount", writable], "echo more >> /t/inner; cat /t/inner").lines(),
        ["small", "more"]
    );
    for (path, why) in [("nosuch", "no such file or directory"), ("tool", "not a directory")] {
        let mount = format!("type=image,source=tools:1,target=/t,subpath={path}");
        c.fails(125, ["run", "--rm", "--mount", &mount, "busybox", "true"]).says(why);
    }
    let mount = "type=image,source=tools:1,target=/t,subpath=../x";
    c.fails(125, ["run", "--rm", "--mount", mount, "busybox", "true"])
        .says("subpath must be a relative path within the image");
}

#[test]
fn owners_are_those_of_the_image() {
    need!(ids);
    let c = Coracle::busybox();
    let tools = ImageBuilder::new().layer([Entry::file("tool", "").owner(33, 34)]);
    c.load(&tools.docker_archive(&["tools:1"]));
    for flags in [&[][..], &["--userns=auto"]] {
        let mut all = vec!["--mount", "type=image,source=tools:1,target=/t"];
        all.extend(flags);
        assert_eq!(c.sh(&all, "stat -c %u:%g /t/tool").line(), "33:34");
    }
}

#[test]
fn a_mounted_image_stays_as_long_as_its_container() {
    let c = with_tools();
    let mount = "type=image,source=tools:1,target=/t";
    c.ok(["create", "--name", "box", "--mount", mount, "busybox", "cat", "/t/tool"]);
    c.fails(1, ["rmi", "tools:1"]).says("(must force) - container");
    c.ok(["image", "prune", "-af"]);
    c.ok(["rmi", "-f", "tools:1"]);
    assert_eq!(c.ok(["start", "-a", "box"]).line(), "sharp");
    c.ok(["rm", "box"]);
    c.fails(1, ["create", "--mount", mount, "busybox"]).says("No such image: tools:1");
}

#[test]
fn it_is_shown_and_inherited() {
    let c = with_tools();
    let mount = "type=image,source=tools:1,target=/t,subpath=box";
    c.ok(["create", "--name", "box", "--mount", mount, "busybox", "true"]);
    let shown = c.inspect_json("box");
    let point = &shown["Mounts"][0];
    assert_eq!(
        (
            point["Type"].as_str(),
            point["Source"].as_str(),
            point["Destination"].as_str(),
            point["RW"].as_bool()
        ),
        (Some("image"), Some("tools:1"), Some("/t"), Some(false)),
        "{point}"
    );
    assert_eq!(shown["HostConfig"]["Mounts"][0]["ImageOptions"]["Subpath"], "box");
    assert_eq!(c.ok(["ps", "-a", "--filter", "volume=tools:1", "--format", "{{.Mounts}}"]).line(), "tools:1");
    assert_eq!(c.sh(&["--volumes-from", "box"], "cat /t/inner").line(), "small");
    // Nothing is there while it does not run.
    c.ok(["cp", "box:/etc/passwd", "-"]);
}

#[test]
fn mistakes_are_told() {
    let c = Coracle::busybox();
    for (mount, why) in [
        ("type=image,target=/t", "invalid mount config for type \"image\": field Source must not be empty"),
        ("type=image,source=x,target=/t,rw,ro", "options 'rw' and 'readonly' contradict each other"),
        ("type=image,source=x,target=/t,U", "cannot mix 'chown-*' options with mount type 'image'"),
        ("type=bind,source=/,target=/t,rw", "cannot mix 'rw-*' options with mount type 'bind'"),
        ("type=image,source=nosuch,target=/t", "No such image: nosuch"),
    ] {
        c.fails(125, ["run", "--mount", mount, "busybox"]).says(why);
    }
}

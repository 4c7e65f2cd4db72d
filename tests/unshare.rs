//! `unshare`, and what is mounted in there.

use crate::harness::Coracle;
use crate::need;

#[test]
fn a_command_is_root_where_containers_are() {
    let c = Coracle::busybox();
    assert_eq!(c.ok(["unshare", "id", "-u"]).line(), "0");
    assert_eq!(c.ok(["unshare", "--", "sh", "-c", "echo $0 \"$@\"", "a", "-b", "--c"]).line(), "a -b --c");
    assert_eq!(c.given(b"typed", ["unshare", "cat"]).success().text(), "typed");
    let there = c.ok(["unshare", "pwd"]).line();
    assert_eq!(std::path::Path::new(&there), c.home().canonicalize().expect("a home"));
    // What a container maps, it maps.
    let map = c.sh(&[], "cat /proc/self/uid_map | wc -l").line();
    assert_eq!(c.ok(["unshare", "sh", "-c", "cat /proc/self/uid_map | wc -l"]).line(), map);
    // That of a container which runs.
    c.detached(&["--name", "box"], "sleep 600");
    assert_eq!(c.ok(["unshare", "id", "-u"]).line(), "0");
    let supervisor = c.inspect("box", "{{.State.Pid}}");
    let parent = format!("awk '/^PPid/ {{ print $2 }}' /proc/{supervisor}/status");
    let same = format!("readlink /proc/self/ns/user; readlink /proc/$({parent})/ns/user");
    let output = c.ok(["unshare", "sh", "-c", &same]);
    assert_eq!(output.lines()[0], output.lines()[1], "{output}");
}

#[test]
fn owners_are_those_of_containers() {
    need!(ids);
    let c = Coracle::busybox();
    c.sh(&["-v", "db:/d"], "touch /d/f; chown 999:998 /d/f");
    let path = format!("{}/f", c.inspect("db", "{{.Mountpoint}}"));
    assert_eq!(c.ok(["unshare", "stat", "-c", "%u:%g", &path]).line(), "999:998");
    c.ok(["unshare", "chown", "7:8", &path]);
    assert_eq!(c.sh(&["-v", "db:/d"], "stat -c %u:%g /d/f").line(), "7:8");
}

#[test]
fn coracle_itself_works_in_there() {
    let c = Coracle::busybox();
    let coracle = crate::harness::binary();
    let coracle = coracle.to_str().expect("a path");
    c.detached(&["--name", "box"], "sleep 600");
    assert_eq!(c.ok(["unshare", coracle, "ps", "--format", "{{.Names}}"]).line(), "box");
    assert_eq!(c.ok(["unshare", coracle, "exec", "box", "echo", "in"]).line(), "in");
    assert_eq!(c.ok(["unshare", coracle, "run", "--rm", "busybox", "echo", "new"]).line(), "new");
    assert_eq!(c.ok(["unshare", coracle, "unshare", "id", "-u"]).line(), "0");
    // Without the session's variable as well.
    let mut command = c.command(["unshare", coracle, "ps", "-q"]);
    let output = crate::harness::command::output(
        command.env_remove("XDG_RUNTIME_DIR"),
        None,
        crate::harness::DEADLINE,
    );
    assert_eq!(output.success().lines().len(), 1);
}

#[test]
fn the_status_is_the_commands() {
    let c = Coracle::new();
    c.fails(7, ["unshare", "sh", "-c", "exit 7"]);
    c.fails(127, ["unshare", "nosuch"]).says("Error: exec: \"nosuch\": executable file not found in $PATH");
    c.fails(127, ["unshare", "/nosuch"]).says("Error: fork/exec /nosuch: no such file or directory");
    let text = c.file("text", "no program");
    c.fails(126, ["unshare", text.to_str().expect("a path")]).says("permission denied");
    c.fails(125, ["unshare", "--rootless-netns", "true"]).says("--network container:NAME");
    c.fails(125, ["unshare", "--nosuch"]).says("unknown flag");
    let shell = c.file("shell", "#!/bin/sh\necho the shell $#\n");
    crate::harness::set_mode(&shell, 0o755);
    let c = c.with_env("SHELL", &shell);
    assert_eq!(c.ok(["unshare"]).line(), "the shell 0");
}

#[test]
fn mounts_in_there_are_its_own() {
    let c = Coracle::new();
    std::fs::create_dir(c.home().join("m")).expect("the home is ours");
    let script = "mount -t tmpfs none m && touch m/f && ls m";
    assert_eq!(c.ok(["unshare", "sh", "-c", script]).line(), "f");
    assert_eq!(std::fs::read_dir(c.home().join("m")).expect("it is there").count(), 0);
}

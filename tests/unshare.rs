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

/// `coracle unshare sh -c SCRIPT`, with coracle as `$C`.
fn within(c: &Coracle, script: &str) -> crate::harness::Output {
    let binary = crate::harness::binary();
    let script = format!("set -e; C={}; {script}", binary.to_str().expect("a path"));
    c.output(["unshare", "sh", "-c", &script])
}

#[test]
fn mounting_is_for_within() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    for command in [&["mount", "box"][..], &["umount", "box"], &["image", "mount"], &["volume", "mount", "x"]]
    {
        c.fails(125, command).says("in rootless mode, must execute `coracle unshare` first");
    }
    within(&c, "$C mount nosuch")
        .status_is(125)
        .says("Error: no container with name or ID \"nosuch\" found: no such container");
    within(&c, "$C volume mount nosuch")
        .status_is(125)
        .says("Error: no volume with name \"nosuch\" found: no such volume");
    within(&c, "$C image mount nosuch").status_is(125).says("Error: nosuch: image not known");
    assert_eq!(within(&c, "$C image unmount busybox").success().text(), "");
    within(&c, "$C umount box").status_is(125).says("box is not mounted here");
    within(&c, "$C umount").status_is(125).says("requires at least 1 argument");
    within(&c, "$C mount --format x").status_is(125).says("unknown --format argument");
    within(&c, "$C mount --all box").status_is(125).says("cannot be used together");
}

#[test]
fn a_stopped_container_is_mounted_and_keeps_what_is_written() {
    let c = Coracle::busybox();
    for mode in ["overlay=full", "overlay=hybrid"] {
        let id = c.ok(["create", "--storage-opt", mode, "--name", "box", "busybox", "cat", "/made"]).line();
        let script = "P=$($C mount box); [ -x $P/bin/busybox ]; echo content > $P/made; \
            [ $($C mount box) = $P ]; $C mount; $C mount --format json --no-trunc; \
            $C diff box; $C export box | tar xO made; $C commit box kept > /dev/null; $C run --rm kept cat /made; \
            ! $C cp box:/made - 2>&1; cat $P/made; $C umount box; [ ! -e $P/made ]; $C mount; $C start -a box";
        let output = within(&c, script).success();
        let lines = output.lines();
        assert!(lines[0].starts_with(&format!("{}  /", &id[..12])), "{output}");
        output.text().find(&format!("\"id\": \"{id}\"")).expect("JSON");
        output.text().find("\"Names\": [\n      \"box\"").expect("JSON");
        let ends = output.text().split("]\n").last().expect("lines");
        assert!(ends.starts_with("A /made\ncontent\ncontent\n"), "{output}");
        assert!(ends.contains("is mounted: unmount it"), "{output}");
        assert!(ends.ends_with("\ncontent\nbox\ncontent\n"), "{output}");
        c.ok(["rmi", "kept"]);
        c.ok(["rm", "box"]);
    }
}

#[test]
fn a_mount_goes_with_the_shell_it_was_for() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "cat", "/made"]);
    c.ok(["create", "--name", "other", "busybox"]);
    within(&c, "P=$($C mount box); $C mount other > others; echo kept > $P/made").success();
    crate::harness::eventually("the mount to go", || c.output(["start", "-a", "box"]).text() == "kept\n");
    crate::harness::eventually("its server to end", || c.processes().is_empty());
}

#[test]
fn mounts_do_not_keep_each_other() {
    let c = Coracle::busybox();
    for name in ["aa", "bb"] {
        c.ok(["create", "--name", name, "busybox", "echo", name]);
    }
    let script = "$C mount aa bb | wc -l; $C run -d --name run busybox sleep 600 > /dev/null; \
        $C umount aa; $C start -a aa; $C umount --all; $C start -a bb";
    assert_eq!(within(&c, script).success().lines().last(), Some(&"bb"));
}

#[test]
fn one_in_use_is_unmounted_by_force() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "true"]);
    let script = "P=$($C mount box); cd $P; ! $C umount box 2>&1; $C umount --force box; cd /; \
        while ! $C start box 2>/dev/null; do sleep 0.05; done";
    within(&c, script).success().says("is in use");
}

#[test]
fn a_running_container_has_a_path_already() {
    let c = Coracle::busybox();
    c.detached(
        &["--name", "box"],
        "echo inside > /f; echo up; while [ ! -e /g ]; do sleep 0.05; done; cat /g",
    );
    c.wait_for_log("box", "up");
    let output = within(&c, "P=$($C mount box); cat $P/f; echo outside > $P/g; $C wait box").success();
    assert_eq!(output.lines(), ["inside", "0"]);
    assert_eq!(c.ok(["logs", "box"]).lines(), ["up", "outside"]);
}

#[test]
fn owners_in_a_mount_are_those_of_the_image() {
    need!(ids);
    let c = Coracle::new();
    let image = crate::harness::ImageBuilder::busybox()
        .layer([crate::harness::Entry::file("owned", "x").owner(33, 34)]);
    c.load(&image.docker_archive(&["busybox:latest"]));
    c.ok(["create", "--name", "box", "busybox"]);
    let output = within(&c, "stat -c %u:%g $($C mount box)/owned $($C image mount busybox)/owned").success();
    assert_eq!(output.lines(), ["33:34", "33:34"]);
}

#[test]
fn a_mount_stays_when_another_shell_unmounts_the_same() {
    let c = Coracle::busybox();
    let script = "P=$($C image mount busybox); $C unshare sh -c \"$C image mount busybox && $C image unmount busybox\"; \
        [ -x $P/bin/busybox ] && $C image mount";
    let output = within(&c, script).success();
    let [inner, _, outer] = output.lines()[..] else { panic!("{output}") };
    assert!(outer.contains("/mounted/") && !outer.contains(inner), "{output}");
}

#[test]
fn images_are_mounted_read_only() {
    let c = Coracle::busybox();
    let script = "P=$($C image mount busybox); [ -x $P/bin/busybox ]; ! touch $P/x 2>/dev/null; $C image mount; \
        $C image unmount busybox; [ ! -e $P ]; $C image mount";
    let output = within(&c, script).success();
    assert_eq!(output.lines().len(), 2, "{output}");
    crate::harness::eventually("its server to end", || c.processes().is_empty());
}

#[test]
fn volumes_are_directories() {
    let c = Coracle::busybox();
    c.sh(&["-v", "db:/d"], "echo content > /d/f");
    assert_eq!(
        within(&c, "cat $($C volume mount db)/f; $C volume unmount db").success().lines(),
        ["content", "db"]
    );
    within(&c, "$C volume mount nosuch")
        .status_is(125)
        .says("no volume with name \"nosuch\" found: no such volume");
}

/// Shells in `unshare` for as long as this lives: the output of the script up to its last line, and who ends it.
struct Shell<'c> {
    c: &'c Coracle,
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl<'c> Shell<'c> {
    fn new(c: &'c Coracle) -> Shell<'c> {
        use std::io::BufRead;
        let mut command = c.command(["unshare", "sh"]);
        command.env("C", crate::harness::binary());
        let piped = || std::process::Stdio::piped();
        let mut child = command.stdin(piped()).stdout(piped()).spawn().expect("a shell");
        let lines = std::io::BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Shell { c, child, lines }
    }

    /// The line that it prints.
    fn says(&mut self, script: &str) -> String {
        use std::io::Write;
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{script}\n").as_bytes()).expect("it reads");
        self.lines.next().expect("it lives").expect("text")
    }

    /// Whatever is left of mounts.
    fn left(&self) -> Vec<String> {
        let mounted = self.c.root().join("mounted");
        let names = std::fs::read_dir(mounted).map(|entries| {
            let names = entries.map(|entry| entry.expect("a name").file_name());
            names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name != ".lock").collect()
        });
        names.unwrap_or_default()
    }
}

impl Drop for Shell<'_> {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn a_start_takes_the_root_over_from_mounts_elsewhere() {
    let c = Coracle::busybox();
    for mode in ["overlay=full", "overlay=hybrid"] {
        c.ok(["create", "--storage-opt", mode, "--name", "box", "busybox", "cat", "/made"]);
        let mut shell = Shell::new(&c);
        shell.says("P=$($C mount box); echo content > $P/made; echo done");
        assert_eq!(c.ok(["start", "-a", "box"]).text(), "content\n");
        assert_eq!(shell.says("[ -e $P/made ]; echo $?"), "1");
        assert_eq!(shell.left(), [""; 0]);
        // A process that has it open writes to the same upper.
        assert_eq!(shell.says("P=$($C mount box); exec 5> $P/open; echo open"), "open");
        c.fails(1, ["start", "box"]).says("a process still uses what it had there");
        assert_eq!(shell.says("exec 5>&-; echo closed"), "closed");
        crate::harness::eventually("the mount to go", || {
            c.output(["start", "-a", "box"]).text() == "content\n"
        });
        c.ok(["rm", "box"]);
        drop(shell);
    }
}

#[test]
fn a_start_in_the_shell_of_the_mount_takes_it_over_unless_it_is_used() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "echo", "ran"]);
    let script =
        "P=$($C mount box); cd $P; ! $C start -a box 2>&1; cd /; $C start -a box; $C umount box 2>&1 || true";
    let output = within(&c, script).success();
    assert!(output.lines()[0].contains("is in use"), "{output}");
    assert_eq!(output.lines()[1], "ran");
    output.says("box is not mounted here");
}

#[test]
fn a_removal_unmounts() {
    let c = Coracle::busybox();
    for name in ["plain", "used", "pruned", "kept"] {
        c.ok(["create", "--name", name, "busybox"]);
    }
    let mut shell = Shell::new(&c);
    shell.says("for n in plain used pruned kept; do $C mount $n; done > /dev/null; echo done");
    c.ok(["rm", "plain"]);
    assert_eq!(shell.says("exec 5> $($C mount used)/f 6> $($C mount kept)/f; echo open"), "open");
    c.fails(1, ["rm", "used"]).says("a process still uses what it had there");
    assert_eq!(c.ok(["rm", "-f", "used"]).line(), "used");
    let pruned = c.ok(["container", "prune", "-f"]);
    assert_eq!(pruned.lines().len(), 4, "{pruned}");
    pruned.says("a process still uses what it had there");
    assert_eq!(c.ok(["ps", "-a", "--format", "{{.Names}}"]).line(), "kept");
    drop(shell);
    crate::harness::eventually("the servers to end", || c.processes().is_empty());
}

#[test]
fn a_reset_ends_mounts() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    let mut shell = Shell::new(&c);
    shell.says("exec 5> $($C mount box)/f 6< $($C image mount busybox)/bin/busybox; echo open");
    c.ok(["system", "reset", "-f"]);
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
    assert_eq!(c.ok(["images", "-q"]).text(), "");
    assert_eq!(shell.left(), [""; 0]);
    crate::harness::eventually("the servers to end", || c.processes().len() == 1);
}

#[test]
fn what_a_shell_leaves_is_cleared_away() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    within(&c, "$C mount box; $C image mount busybox").success();
    let mut shell = Shell::new(&c);
    assert_eq!(shell.left().len(), 1);
    crate::harness::eventually("the servers to end", || c.processes().len() == 1);
    let path = shell.says("$C image mount busybox");
    assert_eq!(shell.left().len(), 1);
    // What is in use stays.
    within(&c, "$C mount box").success();
    assert_eq!(shell.says(&format!("ls {path} | grep -x bin")), "bin");
}

#[test]
fn a_mounted_image_is_removed_by_force_only() {
    let c = Coracle::busybox();
    let id = c.inspect("busybox", "{{.Id}}");
    let mut shell = Shell::new(&c);
    let path = shell.says("$C image mount busybox");
    c.fails(1, ["rmi", "busybox"]).says("(must force) - its referenced image");
    c.fails(1, ["rmi", &id]).says("(must be forced) - image is mounted");
    c.ok(["image", "prune", "-af"]);
    assert_eq!(shell.says(&format!("ls {path} | grep -x bin")), "bin");
    c.ok(["rmi", "-f", "busybox"]);
    assert_eq!(shell.says(&format!("ls {path} 2>/dev/null | wc -l")), "0");
    assert_eq!(shell.left(), [""; 0]);
}

#[test]
fn an_unpacked_root_is_not_mounted() {
    let c = Coracle::busybox();
    c.ok(["create", "--storage-opt", "overlay=unpacked", "--name", "box", "busybox", "true"]);
    let refused = within(&c, "$C mount box").status_is(125);
    refused.says("nothing can tell when a mount is over");
    c.ok(["start", "-a", "box"]);
}

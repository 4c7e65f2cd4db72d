//! create, start, stop, kill, restart, wait, rm, rename, inspect, top.

use std::time::{Duration, Instant};

use crate::harness::{Coracle, eventually};

#[test]
fn created_containers_wait_to_be_started() {
    let c = Coracle::busybox();
    let id = c.ok(["create", "--name", "box", "busybox", "echo", "started"]).line();
    assert_eq!(id.len(), 64);
    assert_eq!(c.inspect("box", "{{.State.Status}} {{.State.StartedAt}}"), "created 0001-01-01T00:00:00Z");
    assert_eq!(c.ok(["start", "box"]).line(), "box");
    c.wait_for_log("box", "started");
    assert_eq!(c.ok(["wait", "box"]).line(), "0");
}

#[test]
fn start_a_attaches_and_ends_with_the_containers_status() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "sh", "-c", "echo out; echo err >&2; exit 5"]);
    let output = c.fails(5, ["start", "-a", "box"]);
    assert_eq!((output.text(), output.err().as_str()), ("out\n", "err\n"));
    // And again: a container starts as often as one likes.
    c.fails(5, ["start", "-a", "box"]).says("out");
}

#[test]
fn start_ai_passes_stdin() {
    let c = Coracle::busybox();
    c.ok(["create", "-i", "--name", "box", "busybox", "cat"]);
    assert_eq!(c.given(b"typed\n", ["start", "-ai", "box"]).success().text(), "typed\n");
}

#[test]
fn starting_a_running_container_is_no_error() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box"], "exec sleep 600");
    assert_eq!(c.ok(["start", "box"]).line(), "box");
    assert_eq!(c.ok(["ps", "-q", "--no-trunc"]).line(), id);
}

#[test]
fn starting_what_cannot_start_tells_why() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "nosuchprogram"]);
    c.output(["start", "box"]).status_is(1).says("executable file not found");
    assert_eq!(c.inspect("box", "{{.State.ExitCode}}"), "127");
    c.fails(1, ["start", "nosuch"]).says("No such container: nosuch");
}

#[test]
fn files_written_survive_a_restart() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "sh", "-c", "cat /kept 2>/dev/null; date +%s%N >> /kept"]);
    c.ok(["start", "-a", "box"]);
    let second = c.ok(["start", "-a", "box"]);
    assert_eq!(second.lines().len(), 1);
    assert_eq!(c.ok(["start", "-a", "box"]).lines().len(), 2);
}

#[test]
fn stop_asks_first() {
    let c = Coracle::busybox();
    let id = c.detached(
        &["--name", "box"],
        "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
    );
    c.wait_for_log(&id, "ready");
    assert_eq!(c.ok(["stop", "box"]).line(), "box");
    assert_eq!(c.inspect("box", "{{.State.Status}} {{.State.ExitCode}}"), "exited 0");
    assert_eq!(c.ok(["logs", "box"]).lines(), ["ready", "asked"]);
    // Stopped already: no error.
    assert_eq!(c.ok(["stop", "box"]).line(), "box");
}

#[test]
fn a_stop_right_after_the_start_reaches_the_handler() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "sleep 0.2; trap 'exit 7' TERM; while :; do sleep 0.05; done");
    c.ok(["stop", &id]);
    assert_eq!(c.inspect(&id, "{{.State.ExitCode}}"), "7");
}

#[test]
fn stop_kills_who_does_not_listen() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "trap '' TERM; echo ready; while :; do sleep 0.05; done");
    c.wait_for_log(&id, "ready");
    let start = Instant::now();
    c.ok(["stop", "-t", "1", &id]);
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(c.inspect(&id, "{{.State.ExitCode}}"), "137");
}

#[test]
fn stop_uses_the_containers_own_signal_and_timeout() {
    let c = Coracle::busybox();
    let script = "trap 'exit 9' USR2; trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let id = c.detached(&["--stop-signal", "SIGUSR2"], script);
    c.wait_for_log(&id, "ready");
    c.ok(["stop", &id]);
    assert_eq!(c.inspect(&id, "{{.State.ExitCode}}"), "9");
    let id = c.detached(&["--stop-timeout", "0"], "trap '' TERM; echo ready; while :; do sleep 0.05; done");
    c.wait_for_log(&id, "ready");
    c.ok(["stop", &id]);
    assert_eq!(c.inspect(&id, "{{.State.ExitCode}}"), "137");
    c.fails(125, ["run", "--stop-signal", "NOSUCH", "busybox", "true"]).says("NOSUCH");
}

#[test]
fn stop_takes_a_signal() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "trap 'exit 9' HUP; echo ready; while :; do sleep 0.05; done");
    c.wait_for_log(&id, "ready");
    c.ok(["stop", "-s", "HUP", &id]);
    assert_eq!(c.inspect(&id, "{{.State.ExitCode}}"), "9");
}

#[test]
fn kill_sends_any_signal_by_name_or_number() {
    let c = Coracle::busybox();
    let script =
        "trap 'echo got usr1' USR1; trap 'echo got hup' HUP; echo ready; while :; do sleep 0.05; done";
    let id = c.detached(&["--name", "box"], script);
    c.wait_for_log(&id, "ready");
    assert_eq!(c.ok(["kill", "-s", "SIGUSR1", "box"]).line(), "box");
    c.wait_for_log(&id, "got usr1");
    c.ok(["kill", "--signal", "1", "box"]);
    c.wait_for_log(&id, "got hup");
    c.fails(1, ["kill", "-s", "NOSUCH", "box"]).says("NOSUCH");
    c.ok(["kill", "box"]);
    assert_eq!(c.ok(["wait", "box"]).line(), "137");
    c.fails(1, ["kill", "box"]).says("is not running");
    c.fails(1, ["kill", "nosuch"]).says("No such container: nosuch");
}

#[test]
fn a_killed_container_has_ended_when_kill_returns() {
    let c = Coracle::busybox();
    for _ in 0..5 {
        let id = c.detached(&[], "exec sleep 600");
        c.ok(["kill", &id]);
        assert_eq!(c.inspect(&id, "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
        c.ok(["rm", &id]);
    }
}

#[test]
fn restart_stops_and_starts() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box"], "echo started; exec sleep 600");
    c.wait_for_log(&id, "started");
    let before = c.inspect("box", "{{.State.StartedAt}}");
    assert_eq!(c.ok(["restart", "-t", "0", "box"]).line(), "box");
    eventually("a second start", || c.ok(["logs", "box"]).lines() == ["started", "started"]);
    assert_ne!(c.inspect("box", "{{.State.StartedAt}}"), before);
    assert_eq!(c.inspect("box", "{{.State.Status}}"), "running");
}

#[test]
fn a_restart_removes_nothing_that_its_end_will() {
    let c = Coracle::busybox();
    c.detached(&["--rm", "--name", "box"], "touch /made-$(ls / | grep -c made); exec sleep 600");
    c.ok(["restart", "-t", "0", "box"]);
    eventually("a second start on the same files", || {
        c.ok(["exec", "box", "sh", "-c", "ls -d /made-*"]).lines() == ["/made-0", "/made-1"]
    });
    c.ok(["stop", "-t", "0", "box"]);
    c.fails(1, ["inspect", "box"]);
}

#[test]
fn wait_prints_the_statuses_in_order() {
    let c = Coracle::busybox();
    c.detached(&["--name", "box"], "sleep 0.3; exit 3");
    c.detached(&["--name", "other"], "exit 4");
    assert_eq!(c.ok(["wait", "box", "other"]).lines(), ["3", "4"]);
    assert_eq!(c.ok(["wait", "other"]).line(), "4");
    c.fails(1, ["wait", "nosuch"]).says("No such container: nosuch");
}

#[test]
fn wait_blocks_until_the_end() {
    let c = Coracle::busybox();
    let id = c.detached(&["-i"], "read x; exit 6");
    let mut wait = c.spawn(["wait", &id]);
    assert!(wait.is_running());
    c.given(b"go\n", ["attach", &id]).status_is(6);
    assert_eq!(wait.line(), "6");
    assert_eq!(wait.wait(), 0);
}

#[test]
fn rm_removes_stopped_containers_only() {
    let c = Coracle::busybox();
    let running = c.detached(&["--name", "running"], "exec sleep 600");
    c.ok(["create", "--name", "stopped", "busybox"]);
    let output = c.fails(1, ["rm", "running"]);
    output.says("cannot remove container").says("container is running");
    assert_eq!(c.ok(["rm", "stopped"]).line(), "stopped");
    c.fails(1, ["rm", "stopped"]).says("No such container: stopped");
    assert_eq!(c.ok(["rm", "-f", "running"]).line(), "running");
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
    assert!(!c.root().join("containers").join(&running).exists());
    c.ok(["rm", "-f", "nosuch"]);
}

#[test]
fn rm_goes_on_after_a_failure() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    let output = c.fails(1, ["rm", "nosuch", "box"]);
    assert_eq!(output.text(), "box\n");
}

#[test]
fn rm_f_kills_at_once() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "trap '' TERM; echo ready; while :; do sleep 0.05; done");
    c.wait_for_log(&id, "ready");
    let start = Instant::now();
    c.ok(["rm", "-f", &id]);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    eventually("its processes to end", || c.processes().is_empty());
}

#[test]
fn rename_moves_the_name() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "old"], "exec sleep 600");
    c.ok(["create", "--name", "taken", "busybox"]);
    c.fails(1, ["rename", "old", "taken"]).says("Conflict. The container name \"/taken\" is already in use");
    c.fails(1, ["rename", "old", "old"]);
    c.fails(1, ["rename", "old", "b@d"]).says("Invalid container name");
    c.ok(["rename", "old", "new"]);
    assert_eq!(c.inspect(&id, "{{.Name}}"), "/new");
    c.fails(1, ["inspect", "old"]);
    c.ok(["create", "--name", "old", "busybox"]);
}

#[test]
fn containers_are_found_by_prefix_of_the_id() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "exec sleep 600");
    for name in
        [&id, &id[..12], &id[..5], &format!("/{}", c.inspect(&id, "{{.Name}}").trim_start_matches('/'))]
    {
        assert_eq!(c.inspect(name, "{{.Id}}"), id);
    }
}

#[test]
fn inspect_shows_what_was_asked_and_what_is() {
    let c = Coracle::busybox();
    let id = c.detached(
        &[
            "--name",
            "box",
            "-e",
            "A=b",
            "-w",
            "/tmp",
            "-l",
            "k=v",
            "--read-only",
            "--cap-add",
            "SYS_PTRACE",
            "-h",
            "zed",
        ],
        "exec sleep 600",
    );
    let all = c.inspect_json("box");
    assert_eq!(all["Id"], id);
    assert_eq!(all["Name"], "/box");
    assert_eq!(all["State"]["Status"], "running");
    assert_eq!(all["State"]["Running"], true);
    assert!(all["State"]["Pid"].as_i64().expect("a number") > 1);
    assert_eq!(all["Config"]["Hostname"], "zed");
    assert_eq!(all["Config"]["WorkingDir"], "/tmp");
    assert_eq!(all["Config"]["Image"], "busybox");
    assert_eq!(all["Config"]["Cmd"], serde_json::json!(["sh", "-c", "exec sleep 600"]));
    assert_eq!(all["Config"]["Labels"]["k"], "v");
    assert!(all["Config"]["Env"].as_array().expect("a list").contains(&"A=b".into()));
    assert_eq!(all["HostConfig"]["ReadonlyRootfs"], true);
    assert!(all["Image"].as_str().expect("an id").starts_with("sha256:"));
    assert_eq!(all["Path"], "sh");
    assert!(all["Created"].as_str().expect("a time").ends_with('Z'));
}

#[test]
fn inspect_of_nothing_prints_an_empty_list() {
    let c = Coracle::new();
    let output = c.fails(1, ["inspect", "nosuch"]);
    assert_eq!(output.text(), "[]\n");
    output.says("o such object: nosuch");
}

#[test]
fn inspect_searches_containers_before_images() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "busybox", "busybox"]);
    assert_eq!(c.inspect("busybox", "{{.Name}}"), "/busybox");
    assert_eq!(c.ok(["inspect", "--type", "image", "--format", "{{.Os}}", "busybox"]).line(), "linux");
    c.fails(1, ["inspect", "--format", "{{.NoSuchField}}", "busybox"]).says("template");
    c.fails(64, ["inspect", "--format", "{{", "busybox"]).says("template parsing error");
}

#[test]
fn top_lists_the_processes() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "sleep 601 & exec sleep 602");
    eventually("both processes", || {
        let output = c.output(["top", &id]);
        output.text().contains("sleep 601") && output.text().contains("sleep 602")
    });
    let output = c.ok(["top", &id]);
    assert!(output.lines()[0].starts_with("UID"), "{output}");
    assert_eq!(output.lines().len(), 3, "{output}");
    c.ok(["top", &id, "-o", "pid,comm"]).says("COMMAND");
    c.ok(["stop", "-t", "0", &id]);
    c.fails(1, ["top", &id]).says("is not running");
}

#[test]
fn several_containers_stop_together() {
    let c = Coracle::busybox();
    let names: Vec<String> = (0..4).map(|nth| format!("c{nth}")).collect();
    for name in &names {
        c.detached(&["--name", name], "trap '' TERM; echo ready; while :; do sleep 0.05; done");
        c.wait_for_log(name, "ready");
    }
    let start = Instant::now();
    let args = ["stop", "-t", "1"].into_iter().chain(names.iter().map(String::as_str));
    assert_eq!(c.ok(args).lines(), names);
    assert!(start.elapsed() < Duration::from_millis(3500), "one after the other: {:?}", start.elapsed());
}

#[test]
fn nothing_is_left_when_a_container_has_ended() {
    let c = Coracle::busybox();
    c.detached(&["--name", "box"], "sleep 0.1");
    c.ok(["wait", "box"]);
    eventually("no process to be left", || c.processes().is_empty());
    c.ok(["rm", "box"]);
    assert_eq!(c.container_directories(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_paused_container_stands_still_and_goes_on_where_it_was() {
    let c = Coracle::busybox();
    // The shell, its child and a child of that: all count.
    let count = "while :; do echo >> /n; sleep 0.01; done";
    c.detached(&["--name", "box"], &format!("({count}) & sh -c '{count}' & echo started; wait"));
    c.wait_for_log("box", "started");
    let id = c.inspect("box", "{{.Id}}");
    assert_eq!(c.ok(["pause", "box"]).line(), "box");
    assert_eq!(
        c.inspect("box", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}"),
        "paused true true"
    );
    assert!(c.ok(["ps", "--format", "{{.Status}}"]).line().ends_with(" (Paused)"));
    assert_eq!(c.ok(["ps", "--filter", "status=paused", "--format", "{{.State}}"]).line(), "paused");
    assert_eq!(c.ok(["ps", "-q", "--filter", "status=running"]).text(), "");
    assert_eq!(c.ok(["info", "--format", "{{.ContainersRunning}} {{.ContainersPaused}}"]).line(), "0 1");
    let processes = c.processes_of("box");
    assert!(processes.len() >= 3, "{processes:?}");
    for pid in processes {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process that stands");
        // One that has ended just before stands too, until its parent goes on.
        assert!(stat.contains(") T ") || stat.contains(") Z "), "{stat}");
    }
    c.fails(1, ["pause", "box"]).says(&format!("container {id} is already paused"));
    c.fails(1, ["exec", "box", "true"])
        .says(&format!("container {id} is paused, unpause the container before exec"));
    c.fails(1, ["attach", "box"]).says("You cannot attach to a paused container, unpause it first");
    c.fails(1, ["rm", "box"]).says("container is paused and must be unpaused first");
    assert_eq!(c.ok(["container", "unpause", "box"]).line(), "box");
    assert_eq!(c.inspect("box", "{{.State.Status}} {{.State.Paused}}"), "running false");
    let written = || c.ok(["exec", "box", "sh", "-c", "wc -l < /n"]).line();
    let before = written();
    eventually("it to go on", || written() != before);
    c.fails(1, ["unpause", "box"]).says(&format!("container {id} is not paused"));
    c.ok(["rm", "-f", "box"]);
}

#[test]
fn only_running_containers_are_paused() {
    let c = Coracle::busybox();
    let id = c.ok(["create", "--name", "box", "busybox", "true"]).line();
    c.fails(1, ["pause", "box"]).says(&format!("container {id} is not running"));
    c.fails(1, ["unpause", "box"]).says(&format!("container {id} is not paused"));
    c.fails(1, ["pause", "nosuch"]).says("No such container: nosuch");
}

#[test]
fn stop_kill_and_rm_f_end_a_paused_container() {
    let c = Coracle::busybox();
    let begin = || {
        c.detached(&["--name", "box"], "trap 'exit 7' TERM; echo started; while :; do sleep 0.1; done");
        c.wait_for_log("box", "started");
        c.ok(["pause", "box"]);
    };
    begin();
    c.ok(["stop", "box"]);
    assert_eq!(c.inspect("box", "{{.State.Status}} {{.State.ExitCode}}"), "exited 7");
    c.ok(["start", "box"]);
    assert_eq!(c.inspect("box", "{{.State.Status}}"), "running");
    c.ok(["rm", "-f", "box"]);
    begin();
    c.ok(["kill", "box"]);
    assert_eq!(c.inspect("box", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    c.ok(["rm", "box"]);
    begin();
    c.ok(["rm", "-f", "box"]);
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
}

#[test]
fn a_port_that_is_not_published_is_told() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    assert_eq!(c.ok(["port", "box"]).text(), "");
    c.fails(1, ["port", "box", "80"]).says("no public port '80/tcp' published for box");
    c.fails(1, ["port", "box", "80/udp"]).says("no public port '80/udp' published for box");
    c.fails(1, ["port", "box", "eighty"]).says("invalid port 'eighty'");
    c.fails(1, ["port", "nosuch"]).says("No such container: nosuch");
}

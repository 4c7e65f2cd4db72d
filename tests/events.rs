//! `events`: what is written down, in which order, in Docker's words.

use crate::harness::registry::Registry;
use crate::harness::{Coracle, ImageBuilder, Running, eventually, skip};
use crate::need;
use serde_json::Value;

/// Type and action of what happened so far, with the attributes named.
fn history(c: &Coracle, flags: &[&str], attributes: &[&str]) -> Vec<String> {
    let shown: String =
        attributes.iter().map(|name| format!(" {name}={{{{index .Actor.Attributes {name:?}}}}}")).collect();
    let format = format!("{{{{.Type}}}} {{{{.Action}}}}{shown}");
    let head = ["events", "--since", "1", "--until", "0s", "--format", &format].into_iter();
    c.ok(head.chain(flags.iter().copied())).lines().into_iter().map(str::to_owned).collect()
}

fn containers(c: &Coracle) -> Vec<String> {
    let lines = history(c, &["--filter", "type=container"], &[]);
    lines.into_iter().map(|line| line.replacen("container ", "", 1)).collect()
}

#[test]
fn a_life_is_told_in_dockers_order() {
    let c = Coracle::busybox();
    c.ok(["run", "--rm", "busybox", "true"]);
    assert_eq!(containers(&c), ["create", "attach", "start", "die", "destroy"]);
    let c = Coracle::busybox();
    c.fails(3, ["run", "--name", "box", "busybox", "sh", "-c", "exit 3"]);
    c.ok(["rm", "box"]);
    let told = history(&c, &["--filter", "container=box"], &["exitCode", "execDuration"]);
    let nothing = "exitCode= execDuration=";
    assert_eq!(told.len(), 5, "{told:?}");
    for (line, action) in told.iter().zip(["create", "attach", "start", "die", "destroy"]) {
        let facts = if action == "die" { "exitCode=3 execDuration=0" } else { nothing };
        assert_eq!(*line, format!("container {action} {facts}"));
    }
}

#[test]
fn one_that_cannot_start_neither_starts_nor_dies() {
    let c = Coracle::busybox();
    c.fails(127, ["run", "--rm", "busybox", "nosuch"]);
    assert_eq!(containers(&c), ["create", "attach", "destroy"]);
}

#[test]
fn stop_kill_pause_and_restart_are_told() {
    let c = Coracle::busybox();
    c.detached(
        &["--name", "box", "--stop-signal", "USR1"],
        "trap 'exit 7' USR1; while :; do sleep 0.05; done",
    );
    c.ok(["pause", "box"]);
    c.ok(["unpause", "box"]);
    // Its handler is there as soon as it has written something.
    c.ok(["exec", "box", "true"]);
    c.ok(["restart", "-s", "KILL", "box"]);
    c.ok(["kill", "box"]);
    c.ok(["start", "box"]);
    c.ok(["rename", "box", "crate"]);
    c.ok(["top", "crate"]);
    // What was not shown was not looked at.
    c.fails(1, ["top", "crate", "-o", "user"]).says("Couldn't find PID field in ps output");
    c.ok(["rm", "-f", "crate"]);
    let told: Vec<String> =
        containers(&c).into_iter().filter(|action| !action.starts_with("exec_")).collect();
    let life = [
        "create", "start", "pause", "unpause", "kill", "die", "stop", "start", "restart", "kill", "die",
        "start", "rename", "top", "kill", "die", "destroy",
    ];
    assert_eq!(told, life);
    let signals = history(&c, &["--filter", "event=kill"], &["signal", "name"]);
    assert_eq!(
        signals,
        [
            "container kill signal=9 name=box",
            "container kill signal=9 name=box",
            "container kill signal=9 name=crate"
        ]
    );
    let renamed = history(&c, &["--filter", "event=rename"], &["name", "oldName"]);
    assert_eq!(renamed, ["container rename name=crate oldName=/box"]);
    // Its supervisor knows the new name too.
    assert_eq!(
        history(&c, &["--filter", "event=die"], &["name"]).last().unwrap(),
        "container die name=crate"
    );
}

#[test]
fn a_signal_that_comes_too_early_is_told_once() {
    let c = Coracle::busybox();
    // Its handler comes after the signal, which is sent again then.
    c.detached(&["--name", "box"], "sleep 0.3; trap 'exit 7' TERM; while :; do sleep 0.05; done");
    c.ok(["stop", "box"]);
    assert_eq!(c.inspect("box", "{{.State.ExitCode}}"), "7");
    assert_eq!(containers(&c), ["create", "start", "kill", "die", "stop"]);
}

#[test]
fn exec_is_told_with_its_command_and_its_status() {
    let c = Coracle::busybox();
    c.detached(&["--name", "box"], "exec sleep 600");
    c.fails(5, ["exec", "box", "sh", "-c", "exit 5"]);
    let told = history(&c, &["--filter", "event=exec_create", "--filter", "event=exec_start"], &[]);
    assert_eq!(told, ["container exec_create: sh -c exit 5", "container exec_start: sh -c exit 5"]);
    assert_eq!(
        history(&c, &["--filter", "event=exec_die"], &["exitCode"]),
        ["container exec_die exitCode=5"]
    );
    let ids = c.ok(["events", "--since", "1", "--until", "0s", "--format", "{{.Actor.Attributes.execID}}"]);
    let ids: Vec<&str> = ids.lines().into_iter().filter(|id| *id != "<no value>").collect();
    assert!(ids.len() == 3 && ids[0].len() == 64 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn images_are_told() {
    let c = Coracle::busybox();
    c.ok(["tag", "busybox", "other:2"]);
    let archive = c.home().join("x.tar");
    c.ok(["save", "-o", archive.to_str().unwrap(), "other:2"]);
    c.ok(["rmi", "other:2"]);
    c.ok(["rmi", "busybox"]);
    c.ok(["load", "-i", archive.to_str().unwrap()]);
    c.ok(["image", "prune", "-f"]);
    let id = c.inspect("other:2", "{{.Id}}");
    let want = [
        "tag name=busybox:latest",
        &format!("import name={id}"),
        "tag name=other:2",
        &format!("save name={id}"),
        &format!("untag name={id}"),
        &format!("untag name={id}"),
        &format!("delete name={id}"),
        &format!("load name={id}"),
        "prune name=",
    ];
    assert_eq!(history(&c, &[], &["name"]), want.map(|line| format!("image {line}")));
    c.ok(["rmi", &id]);
    let pruned = history(&c, &["--filter", "event=prune"], &["reclaimed"]);
    assert_eq!(pruned, ["image prune reclaimed=0"]);
}

#[test]
fn what_comes_from_registries_and_goes_there_is_told_by_name() {
    need!("docker-registry");
    let registry = Registry::start();
    let name = registry.image("team/app:1");
    let c = Coracle::new();
    c.load(&ImageBuilder::busybox().docker_archive(&[&name]));
    c.ok(["push", "-q", &name]);
    c.ok(["pull", "-q", &name]);
    let told = history(&c, &["--filter", "event=push", "--filter", "event=pull"], &["name"]);
    let bare = name.strip_suffix(":1").unwrap();
    assert_eq!(told, [format!("image push name={bare}"), format!("image pull name={bare}")]);
    let ids =
        c.ok(["events", "--since", "1", "--until", "0s", "--filter", "event=pull", "--format", "{{.ID}}"]);
    assert_eq!(ids.line(), name);
    assert_eq!(history(&c, &["--filter", &format!("image={bare}")], &[]).len(), 2);
}

#[test]
fn lines_and_json_are_dockers() {
    let c = Coracle::busybox();
    let id = c.ok(["create", "--name", "box", "-l", "tier=web", "busybox"]).line();
    let of_box = ["events", "--since", "1h", "--until", "0s", "--filter", "label=tier=web"];
    let line = c.ok(of_box).line();
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(rest, format!("container create {id} (image=busybox, name=box, tier=web)"));
    // Nine digits, and the zone of the tests.
    assert!(time.len() == "2026-11-26T16:00:00.123456789Z".len() && time.ends_with('Z'), "{time}");
    let json = c.ok(of_box.into_iter().chain(["--format", "json"])).line();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["status"], "create");
    assert_eq!(json["from"], "busybox");
    assert_eq!(json["Actor"]["ID"], id.as_str());
    assert_eq!(json["Actor"]["Attributes"]["name"], "box");
    assert_eq!(json["scope"], "local");
    let nanoseconds = json["timeNano"].as_i64().unwrap();
    assert_eq!(json["time"].as_i64().unwrap(), nanoseconds / 1_000_000_000);
}

#[test]
fn what_comes_is_shown_at_once_until_it_is_too_late() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "before", "busybox"]);
    let events = follow(&c, &["--filter", "type=container"]);
    c.ok(["run", "--name", "now", "busybox", "true"]);
    for action in ["create", "attach", "start", "die"] {
        let line = events.line();
        assert!(line.contains(&format!(" container {action} ")) && line.contains("name=now"), "{line}");
    }
    // With a moment to come it ends by itself.
    let begun = std::time::Instant::now();
    let output = c.ok(["events", "--since", "1", "--until", "-1s", "--filter", "event=create"]);
    assert_eq!(output.lines().len(), 2, "{output}");
    assert!(begun.elapsed() >= std::time::Duration::from_millis(900));
}

/// `events`, once it follows.
fn follow(c: &Coracle, flags: &[&str]) -> Running {
    let events = c.spawn(["events"].into_iter().chain(flags.iter().copied()));
    let watches = || {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fdinfo", events.pid())).into_iter().flatten();
        let mut texts = descriptors.flatten().filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
        texts.any(|text| text.contains("inotify wd:"))
    };
    let waits = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", events.pid())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
    };
    eventually("events to follow", || watches() && waits());
    events
}

#[test]
fn all_of_many_at_once_are_told() {
    let c = Coracle::busybox();
    let events = follow(&c, &["--filter", "event=create", "--format", "{{.Actor.ID}}"]);
    let mut made: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| c.ok(["create", "busybox"]).line())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut told: Vec<String> = (0..8).map(|_| events.line()).collect();
    made.sort();
    told.sort();
    assert_eq!(told, made);
}

#[test]
fn a_terminal_that_is_left_is_told() {
    use crate::harness::terminal::Terminal;
    let c = Coracle::busybox();
    let mut terminal = Terminal::start(&mut c.command(["run", "-it", "--name", "box", "busybox", "sh"]));
    terminal.expect("#");
    terminal.type_in("\u{10}\u{11}");
    terminal.wait();
    eventually("detach to be told", || containers(&c).last().is_some_and(|action| action == "detach"));
    assert_eq!(containers(&c), ["create", "attach", "start", "resize", "detach"]);
    let mut terminal = Terminal::start(&mut c.command(["exec", "-it", "box", "sh"]));
    terminal.expect("#");
    terminal.type_in("\u{10}\u{11}");
    terminal.wait();
    eventually("exec_detach to be told", || {
        containers(&c).last().is_some_and(|action| action == "exec_detach")
    });
}

#[test]
fn an_event_that_cannot_be_written_is_no_failure() {
    if rustix::process::geteuid().is_root() {
        return skip("root may write everywhere");
    }
    let c = Coracle::busybox();
    crate::harness::set_mode(&c.root().join("events"), 0o500);
    crate::harness::set_mode(&c.root().join("events/log"), 0o400);
    assert_eq!(c.sh(&[], "echo done").line(), "done");
    crate::harness::set_mode(&c.root().join("events"), 0o700);
}

#[test]
fn wrong_input_is_told() {
    let c = Coracle::new();
    c.fails(1, ["events", "--filter", "nosuch=1"]).says("invalid filter 'nosuch'");
    c.fails(125, ["events", "--filter", "nonsense"]).says("bad format of filter");
    c.fails(1, ["events", "--since", "soon"]).says("failed to parse value as time or duration: \"soon\"");
    c.fails(1, ["events", "--since", "10", "--until", "5"])
        .says("`since` time (10.000000000) cannot be after `until` time (5.000000000)");
    c.fails(64, ["events", "--format", "{{.Nonsense}}"]).says("Error parsing format: template: ");
    c.fails(1, ["events", "word"]);
    // Nothing has happened in a new home.
    assert_eq!(c.ok(["events", "--since", "1", "--until", "0s"]).text(), "");
}

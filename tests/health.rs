//! Health checks: what is run, what comes of it, who sees it, and what is done about it.

use serde_json::json;

use crate::harness::{Coracle, ImageBuilder, eventually};

const LONG: &str = "exec sleep 600";

fn status(c: &Coracle, container: &str) -> String {
    c.inspect(container, "{{.State.Health.Status}}")
}

#[track_caller]
fn wait_for(c: &Coracle, container: &str, wanted: &str) {
    eventually(&format!("{container} to be {wanted}"), || status(c, container) == wanted);
}

/// One that is checked when the test says so.
fn checked(c: &Coracle, flags: &[&str], check: &str) -> String {
    c.detached(&[&["--health-interval", "1h", "--health-cmd", check], flags].concat(), LONG)
}

#[test]
fn a_container_is_starting_then_healthy_then_unhealthy_and_everybody_sees_it() {
    let c = Coracle::busybox();
    let flags = [
        ["--health-cmd", "echo looked; test -e /ok"],
        ["--health-interval", "50ms"],
        ["--health-retries", "2"],
        ["--health-start-period", "10m"],
        ["--health-start-interval", "50ms"],
        ["--name", "box"],
    ];
    let id = c.detached(flags.as_flattened(), LONG);
    assert_eq!(status(&c, "box"), "starting");
    let shown = |filter: &str| {
        let format = "{{.Status}}|{{.HealthStatus}}|{{.State}}";
        let output = c.ok(["ps", "--format", format, "-f", filter]);
        output.text().trim().to_owned()
    };
    // Failures of the start period are told and do not count.
    eventually("a few checks", || c.inspect("box", "{{len .State.Health.Log}}") == "5");
    let text = shown("health=starting");
    assert!(text.starts_with("Up ") && text.ends_with(" (health: starting)|starting|running"), "{text}");
    assert_eq!(c.inspect("box", "{{.State.Health.FailingStreak}}"), "0");

    c.ok(["exec", "box", "touch", "/ok"]);
    wait_for(&c, "box", "healthy");
    assert!(shown("health=healthy").ends_with(" (healthy)|healthy|running"));
    assert_eq!(shown("health=starting"), "");

    c.ok(["exec", "box", "rm", "/ok"]);
    wait_for(&c, "box", "unhealthy");
    assert!(shown("health=unhealthy").ends_with(" (unhealthy)|unhealthy|running"));
    let health = &c.inspect_json("box")["State"]["Health"];
    assert!(health["FailingStreak"].as_u64().unwrap() >= 2, "{health}");
    let log = health["Log"].as_array().unwrap();
    assert_eq!(log.len(), 5);
    let last = &log[4];
    assert_eq!((&last["ExitCode"], &last["Output"]), (&json!(1), &json!("looked\n")));
    let time = |name: &str| last[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("Start") < time("End"));

    // The checks end with the container; nobody calls it healthy any more.
    c.ok(["exec", "box", "touch", "/ok"]);
    wait_for(&c, "box", "healthy");
    c.ok(["stop", "-t", "0", "box"]);
    assert_eq!(status(&c, "box"), "unhealthy");
    assert_eq!(c.ok(["ps", "-aq", "--no-trunc", "-f", "health=unhealthy"]).line(), id);
    // A new start begins anew.
    c.ok(["start", "box"]);
    wait_for(&c, "box", "healthy");
    assert!(c.processes_of("box").len() <= 4);
}

#[test]
fn the_images_check_applies_unless_the_user_says_otherwise() {
    let c = Coracle::busybox();
    let image = ImageBuilder::busybox().config(
        "Healthcheck",
        json!({ "Test": ["CMD", "test", "-e", "/bin/sh"], "Interval": 50_000_000, "Retries": 7 }),
    );
    c.load(&image.docker_archive(&["checked"]));
    let start = |flags: &[&str]| {
        let words = ["run", "-d"].into_iter().chain(flags.iter().copied()).chain(["checked", "sleep", "600"]);
        c.ok(words).line()
    };
    let plain = start(&[]);
    wait_for(&c, &plain, "healthy");
    assert_eq!(
        c.inspect_json(&plain)["Config"]["Healthcheck"],
        json!({ "Test": ["CMD", "test", "-e", "/bin/sh"], "Interval": 50_000_000, "Retries": 7 })
    );
    // A number of one's own with the image's test.
    let other = start(&["--health-retries", "1", "--health-timeout", "5s"]);
    wait_for(&c, &other, "healthy");
    assert_eq!(
        c.inspect_json(&other)["Config"]["Healthcheck"],
        json!({ "Test": ["CMD", "test", "-e", "/bin/sh"], "Interval": 50_000_000, "Timeout": 5_000_000_000_u64, "Retries": 1 })
    );
    let own = start(&["--health-cmd", "exit 3", "--health-retries", "1"]);
    wait_for(&c, &own, "unhealthy");
    let none = start(&["--no-healthcheck"]);
    assert_eq!(
        c.inspect(&none, "{{json .State.Health}} {{json .Config.Healthcheck.Test}}"),
        "null [\"NONE\"]"
    );
    assert_eq!(c.ok(["ps", "-q", "--no-trunc", "-f", "health=none"]).line(), none);
    assert!(!c.ok(["ps", "-f", "health=none", "--format", "{{.Status}}"]).line().contains("health"));
    // Never started, never checked.
    let created = c.ok(["create", "checked"]).line();
    assert_eq!(c.inspect(&created, "{{json .State.Health}}"), "null");
}

#[test]
fn the_check_runs_as_the_containers_own_process_would() {
    let c = Coracle::busybox();
    let id = checked(&c, &["-w", "/tmp", "-e", "COLOUR=blue"], "pwd; echo $COLOUR >&2; hostname");
    c.ok(["healthcheck", "run", &id]);
    let output = c.ok(["inspect", "-f", "{{(index .State.Health.Log 0).Output}}", &id]);
    // Its two streams come as they come.
    let mut lines: Vec<&str> = output.lines().into_iter().filter(|line| !line.is_empty()).collect();
    lines.sort();
    let mut expected = ["/tmp", &id[..12], "blue"];
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn a_check_that_takes_too_long_is_killed_with_its_children() {
    let c = Coracle::busybox();
    // The init collects the orphans.
    let flags = ["--init", "--health-timeout", "300ms"];
    let id = checked(&c, &flags, "echo said; sleep 600 & sleep 601; true");
    let before = c.processes_of(&id).len();
    c.fails(1, ["healthcheck", "run", &id]).says("starting");
    let last = c.inspect_json(&id)["State"]["Health"]["Log"][0].clone();
    assert_eq!(last["ExitCode"], -1);
    assert_eq!(last["Output"], "Health check exceeded timeout (300ms): said\n");
    eventually("the children to go", || c.processes_of(&id).len() == before);
    let silent = checked(&c, &["--health-timeout", "100ms"], "exec sleep 600");
    c.fails(1, ["healthcheck", "run", &silent]);
    let output = c.inspect(&silent, "{{(index .State.Health.Log 0).Output}}");
    assert_eq!(output, "Health check exceeded timeout (100ms)");
}

#[test]
fn output_is_kept_up_to_4096_bytes_and_a_check_that_cannot_run_says_why() {
    let c = Coracle::busybox();
    let id = checked(&c, &[], "head -c 500000 /dev/zero | tr '\\0' x");
    c.ok(["healthcheck", "run", &id]);
    let output = c.inspect(&id, "{{(index .State.Health.Log 0).Output}}");
    assert_eq!(output, "x".repeat(4096) + "...");
    let image = ImageBuilder::busybox().config(
        "Healthcheck",
        json!({ "Test": ["CMD", "nosuchprogram"], "Interval": 3_600_000_000_000_u64 }),
    );
    c.load(&image.docker_archive(&["broken"]));
    let id = c.ok(["run", "-d", "broken", "sleep", "600"]).line();
    c.fails(1, ["healthcheck", "run", &id]);
    let last = c.inspect_json(&id)["State"]["Health"]["Log"][0].clone();
    assert_eq!(last["ExitCode"], -1);
    let output = last["Output"].as_str().unwrap();
    assert!(output.contains("nosuchprogram") && output.contains("executable file not found"), "{output}");
}

#[test]
fn healthcheck_run_checks_now_and_what_it_finds_counts() {
    let c = Coracle::busybox();
    let id = checked(&c, &["--name", "box", "--health-retries", "2"], "test -e /ok");
    assert_eq!(c.fails(1, ["healthcheck", "run", "box"]).line(), "starting");
    assert_eq!(c.ok(["healthcheck", "run", "--ignore-result", "box"]).line(), "unhealthy");
    c.ok(["exec", "box", "touch", "/ok"]);
    assert_eq!(c.ok(["healthcheck", "run", &id[..8]]).text(), "");
    assert_eq!(c.inspect("box", "{{.State.Health.Status}} {{len .State.Health.Log}}"), "healthy 3");
    // Several at once are answered, by one check or more.
    let mut runs = [0; 5].map(|_| c.spawn(["healthcheck", "run", "box"]));
    assert_eq!(runs.each_mut().map(|run| run.wait()), [0; 5]);
    c.ok(["pause", "box"]);
    c.fails(125, ["healthcheck", "run", "box"]).says("paused");
    c.ok(["unpause", "box"]);
    c.ok(["kill", "box"]);
    c.fails(125, ["healthcheck", "run", "box"]).says("is not running");
    c.fails(125, ["healthcheck", "run", "nosuch"]).says("No such container: nosuch");
    let plain = c.detached(&[], LONG);
    c.fails(125, ["healthcheck", "run", &plain]).says("has no defined healthcheck");
}

#[test]
fn something_is_done_about_an_unhealthy_container() {
    let c = Coracle::busybox();
    let check = "test -e /ok";
    let with = |more: &[&str], script: &str| {
        let flags = ["--health-cmd", check, "--health-interval", "50ms", "--health-retries", "1"];
        c.detached(&[&flags, more].concat(), script)
    };
    let killed = with(&["--health-on-failure", "kill"], LONG);
    c.wait_for_state(&killed, "exited");
    assert_eq!(c.inspect(&killed, "{{.State.ExitCode}} {{.Config.HealthcheckOnFailureAction}}"), "137 kill");
    // A restart policy takes it from there.
    let again = with(&["--health-on-failure", "kill", "--restart", "on-failure:1"], LONG);
    c.wait_for_state(&again, "exited");
    assert_eq!(c.inspect(&again, "{{.State.ExitCode}} {{.RestartCount}}"), "137 1");
    let obedient = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done";
    let stopped = with(&["--health-on-failure", "stop", "--restart", "always"], obedient);
    c.wait_for_state(&stopped, "exited");
    assert_eq!(c.inspect(&stopped, "{{.State.ExitCode}} {{.RestartCount}}"), "7 0");
    // Run again without any policy; the second run is fine.
    let script = format!("test -e /second && touch /ok; touch /second; {obedient}");
    let restarted = with(&["--health-on-failure", "restart"], &script);
    wait_for(&c, &restarted, "healthy");
    assert_eq!(c.inspect(&restarted, "{{.State.Status}} {{.RestartCount}}"), "running 1");
    // With --rm as well: the container is still the same.
    let temporary = with(&["--health-on-failure", "restart", "--rm"], &script);
    wait_for(&c, &temporary, "healthy");
    c.ok(["stop", &temporary]);
    eventually("--rm", || c.output(["inspect", &temporary]).status == 1);
    let left_alone = with(&["--health-on-failure", "none"], LONG);
    wait_for(&c, &left_alone, "unhealthy");
    assert_eq!(c.inspect(&left_alone, "{{.State.Status}}"), "running");
    c.fails(125, ["run", "--health-on-failure", "kill", "busybox", "true"])
        .says("cannot set on-failure action to kill without a health check");
    c.fails(125, ["run", "--health-on-failure", "pray", "busybox", "true"]).says("invalid on-failure action");
}

#[test]
fn a_paused_container_is_not_checked() {
    let c = Coracle::busybox();
    let id = c.detached(&["--health-cmd", "true", "--health-interval", "20ms"], LONG);
    wait_for(&c, &id, "healthy");
    c.ok(["pause", &id]);
    let paused = jiff::Timestamp::now();
    let starts = || -> Vec<jiff::Timestamp> {
        let health = c.inspect_json(&id)["State"]["Health"].clone();
        let log = health["Log"].as_array().unwrap().clone();
        log.iter().map(|probe| probe["Start"].as_str().unwrap().parse().unwrap()).collect()
    };
    // Several intervals' worth of commands.
    for _ in 0..5 {
        assert!(starts().iter().all(|start| *start < paused));
        assert!(c.ok(["ps", "--format", "{{.Status}}"]).line().ends_with("(Paused)"));
    }
    let resumed = jiff::Timestamp::now();
    c.ok(["unpause", &id]);
    eventually("checks again", || starts().iter().any(|start| *start > resumed));
    assert!(starts().iter().all(|start| *start < paused || *start > resumed));
}

#[test]
fn every_run_starts_anew_and_keeps_what_was_seen() {
    let c = Coracle::busybox();
    let id = checked(&c, &["--restart", "always"], "echo looked");
    c.ok(["healthcheck", "run", &id]);
    assert_eq!(status(&c, &id), "healthy");
    let pid: i32 = c.inspect(&id, "{{.State.Pid}}").parse().unwrap();
    crate::harness::command::kill(pid);
    eventually("the next run", || c.inspect(&id, "{{.RestartCount}} {{.State.Status}}") == "1 running");
    assert_eq!(c.inspect(&id, "{{.State.Health.Status}} {{len .State.Health.Log}}"), "starting 1");
    c.ok(["healthcheck", "run", &id]);
    assert_eq!(c.inspect(&id, "{{.State.Health.Status}} {{len .State.Health.Log}}"), "healthy 2");
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    let c = Coracle::busybox();
    for (flags, why) in [
        (
            &["--no-healthcheck", "--health-cmd", "true"][..],
            "--no-healthcheck conflicts with --health-* options",
        ),
        (&["--health-interval=-1s"], "--health-interval cannot be negative"),
        (&["--health-timeout=-1s"], "--health-timeout cannot be negative"),
        (&["--health-retries=-1"], "--health-retries cannot be negative"),
        (&["--health-start-period=-1s"], "--health-start-period cannot be negative"),
        (&["--health-start-interval=-1s"], "--health-start-interval cannot be negative"),
        (&["--health-interval", "999us"], "Interval in Healthcheck cannot be less than 1ms"),
        (&["--health-timeout", "1ns"], "Timeout in Healthcheck cannot be less than 1ms"),
        (&["--health-interval", "soon"], "invalid argument \"soon\" for \"--health-interval\" flag"),
    ] {
        let args = ["create"].into_iter().chain(flags.iter().copied()).chain(["busybox"]);
        c.fails(125, args).says(why);
    }
    c.fails(1, ["ps", "-f", "health=good"]).says("invalid filter 'health=good'");
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
}

#[test]
fn whoever_waits_for_health_is_told_and_so_are_the_events() {
    let c = Coracle::busybox();
    let flags = ["--health-cmd", "test -e /well", "--health-interval", "50ms", "--health-retries", "1"];
    let id = c.detached(&flags, "exec sleep 600");
    assert_eq!(c.ok(["wait", "--condition", "unhealthy", &id]).line(), "-1");
    c.ok(["exec", &id, "touch", "/well"]);
    assert_eq!(c.ok(["wait", "--condition", "healthy", &id]).line(), "-1");
    let flags =
        ["--since", "10m", "--until", "0s", "--filter", "event=health_status", "--format", "{{.Action}}"];
    let told = c.ok(["events"].iter().chain(&flags));
    assert_eq!(told.lines(), ["health_status: unhealthy", "health_status: healthy"]);
}

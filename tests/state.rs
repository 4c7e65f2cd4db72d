//! It cannot be left broken: processes killed at any moment, a reboot, many commands at once.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::command::kill;
use crate::harness::{Coracle, Entry, ImageBuilder, busybox, eventually};

/// The parent of the container's first process.
fn supervisor(c: &Coracle, container: &str) -> i32 {
    let pid = c.inspect(container, "{{.State.Pid}}");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the first process");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent");
    let parent = parent.trim().parse().expect("a pid");
    assert!(parent > 1);
    parent
}

fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_killed_supervisor_ends_its_container_and_the_state_says_so() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box"], "echo started; exec sleep 600");
    c.wait_for_log("box", "started");
    let first = c.inspect("box", "{{.State.Pid}}");
    kill(supervisor(&c, "box"));
    eventually("the first process to end", || !is_alive(&first));
    assert_eq!(c.ok(["ps", "-q"]).text(), "");
    assert_eq!(c.inspect("box", "{{.State.Status}} {{.State.Running}}"), "exited false");
    assert!(c.ok(["ps", "-a", "--format", "{{.Status}}"]).line().starts_with("Exited ("));
    assert_eq!(c.ok(["logs", "box"]).line(), "started");
    // Told by the first who noticed, and by nobody else.
    let died =
        ["events", "--since", "1", "--until", "0s", "--filter", "event=die", "--filter", "container=box"];
    let format = ["--format", "{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}"];
    assert_eq!(c.ok(died.iter().chain(&format).copied()).line(), "box 255");
    assert!(c.inspect("box", "{{.State.Error}}").contains("supervisor of this container was killed"));
    c.fails(1, ["exec", "box", "true"]).says("is not running");
    // wait does not wait for ever.
    c.ok(["wait", "box"]);
    c.ok(["start", "box"]);
    eventually("a second start", || c.ok(["logs", "box"]).lines().len() == 2);
    assert_eq!(c.ok(["ps", "-q", "--no-trunc"]).line(), id);
    c.ok(["rm", "-f", "box"]);
}

#[test]
fn a_foreground_client_notices_the_supervisors_death() {
    let c = Coracle::busybox();
    let mut run = c.spawn(["run", "--name", "box", "busybox", "sh", "-c", "echo started; exec sleep 600"]);
    run.line_with("started");
    kill(supervisor(&c, "box"));
    assert_ne!(run.wait(), 0);
}

#[test]
fn a_reboot_loses_nothing() {
    let c = Coracle::busybox();
    c.detached(&["--name", "box"], "echo kept > /kept; echo started; exec sleep 600");
    c.detached(&["--name", "other", "--rm"], "echo started; exec sleep 600");
    c.wait_for_log("box", "started");
    c.wait_for_log("other", "started");
    for name in ["box", "other"] {
        kill(supervisor(&c, name));
    }
    eventually("all processes to end", || c.processes().is_empty());
    std::fs::remove_dir_all(c.runtime()).expect("the runtime directory goes");
    std::fs::create_dir(c.runtime()).expect("a new one comes");
    crate::harness::set_mode(&c.runtime(), 0o700);
    assert_eq!(c.ok(["ps", "-q"]).text(), "");
    assert_eq!(c.inspect("box", "{{.State.Status}}"), "exited");
    c.ok(["start", "box"]);
    assert_eq!(c.ok(["exec", "box", "cat", "/kept"]).line(), "kept");
    c.ok(["rm", "-f", "box"]);
    // What should have been removed at its end can be removed, and its name be used.
    c.ok(["rm", "-f", "other"]);
    let ends =
        ["events", "--since", "1", "--until", "0s", "--filter", "container=other", "--format", "{{.Action}}"];
    assert_eq!(c.ok(ends).lines()[2..], ["die", "destroy"]);
    c.ok(["run", "--rm", "--name", "other", "busybox", "true"]);
}

#[test]
fn fifty_parallel_runs_leave_nothing_and_ps_is_right_meanwhile() {
    let c = Coracle::busybox();
    let steady = c.detached(&["--name", "steady"], "exec sleep 600");
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..50)
            .map(|nth| {
                let c = &c;
                scope.spawn(move || {
                    let text = format!("number {nth}");
                    assert_eq!(c.ok(["run", "--rm", "busybox", "echo", &text]).line(), text);
                })
            })
            .collect();
        while runs.iter().any(|run| !run.is_finished()) {
            let output = c.ok(["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}} {{.Image}}"]);
            assert!(output.text().contains(&format!("{steady} running busybox")), "{output}");
            assert_eq!(output.err(), "", "{output}");
        }
    });
    assert_eq!(c.ok(["ps", "-aq", "--no-trunc"]).line(), steady);
    c.ok(["rm", "-f", "steady"]);
    eventually("no process to be left", || c.processes().is_empty());
}

#[test]
fn one_of_many_gets_the_name() {
    let c = Coracle::busybox();
    let won = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| c.output(["create", "--name", "wanted", "busybox"]).status))
            .collect();
        tries.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert_eq!(won.iter().filter(|status| **status == 0).count(), 1, "{won:?}");
    assert!(won.iter().all(|status| matches!(status, 0 | 125 | 1)), "{won:?}");
    assert_eq!(c.ok(["ps", "-aq"]).lines().len(), 1);
}

#[test]
fn many_starts_are_one() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "sh", "-c", "echo started; exec sleep 600"]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| c.output(["start", "box"]));
        }
    });
    c.wait_for_log("box", "started");
    assert_eq!(c.ok(["logs", "box"]).lines(), ["started"]);
}

#[test]
fn many_removals_are_one() {
    let c = Coracle::busybox();
    for _ in 0..5 {
        let id = c.detached(&[], "exec sleep 600");
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| c.output(["rm", "-f", &id]).does_not_say("panicked"));
            }
        });
        assert_eq!(c.ok(["ps", "-aq"]).text(), "");
    }
    eventually("no process to be left", || c.processes().is_empty());
}

#[test]
fn start_and_stop_at_once_end_in_one_of_both() {
    let c = Coracle::busybox();
    c.detached(&["--name", "box"], "exec sleep 600");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| c.output(["restart", "-t", "0", "box"]));
            scope.spawn(|| c.output(["stop", "-t", "0", "box"]));
        }
    });
    let state = c.inspect("box", "{{.State.Status}}");
    assert!(matches!(state.as_str(), "running" | "exited"), "{state}");
    c.ok(["restart", "-t", "0", "box"]);
    assert_eq!(c.inspect("box", "{{.State.Status}}"), "running");
}

/// Kills a command at moments spread over its life, and looks at the store after each.
fn killed_at_any_moment(c: &Coracle, args: &[&str], mut check: impl FnMut()) {
    let whole = std::time::Instant::now();
    c.output(args.iter().copied());
    let whole = whole.elapsed();
    check();
    for step in 0..12 {
        let mut command = c.spawn(args.iter().copied());
        std::thread::sleep(whole * step / 12);
        if command.is_running() {
            command.signal(Signal::KILL);
        }
        command.wait();
        check();
    }
}

#[test]
fn a_killed_load_leaves_a_usable_store() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox()
        .layer([Entry::file("a", vec![1; 4_000_000])])
        .layer([Entry::file("b", vec![2; 4_000_000])]);
    let file = c.file("image.tar", image.docker_archive(&["x:1"]));
    let file = file.to_str().expect("a plain path").to_owned();
    killed_at_any_moment(&c, &["load", "-i", &file], || {
        let output = c.ok(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
        assert!(matches!(output.text(), "" | "x:1\n"), "{output}");
        if !output.text().is_empty() {
            assert_eq!(c.ok(["run", "--rm", "x:1", "sh", "-c", "cat /a /b | wc -c"]).line(), "8000000");
            c.ok(["rmi", "x:1"]);
        }
    });
    c.ok(["load", "-i", &file]);
    let with_image = stored(&c);
    c.ok(["rmi", "x:1"]);
    assert!(stored(&c) < 100_000, "{} of {with_image} bytes are left: {:?}", stored(&c), c.store_files());
}

#[test]
fn a_killed_pull_leaves_a_usable_store() {
    let image = ImageBuilder::busybox()
        .layer([Entry::file("a", vec![1; 4_000_000])])
        .layer([Entry::file("b", vec![2; 4_000_000])]);
    let fake = crate::harness::fake::Fake::serving(&image.blobs(), |_| None);
    let c = Coracle::new();
    let name = fake.image("x");
    killed_at_any_moment(&c, &["pull", &name], || {
        if !c.ok(["images", "-q"]).text().is_empty() {
            assert_eq!(c.ok(["run", "--rm", &name, "sh", "-c", "cat /a /b | wc -c"]).line(), "8000000");
            c.ok(["rmi", &name]);
        }
    });
    c.ok(["pull", &name]);
    c.ok(["rmi", &name]);
    assert!(stored(&c) < 100_000, "{} bytes are left: {:?}", stored(&c), c.store_files());
}

#[test]
fn a_killed_rmi_leaves_the_image_or_nothing() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([Entry::file("a", vec![1; 1_000_000])]);
    let file = c.file("image.tar", image.docker_archive(&["x:1", "y:1"]));
    let file = file.to_str().expect("a plain path").to_owned();
    c.ok(["load", "-i", &file]);
    killed_at_any_moment(&c, &["rmi", "x:1", "y:1"], || {
        for name in ["x:1", "y:1"] {
            if c.output(["image", "inspect", name]).status == 0 {
                assert_eq!(c.ok(["run", "--rm", name, "sh", "-c", "cat /a | wc -c"]).line(), "1000000");
            }
        }
        c.ok(["load", "-i", &file]);
    });
    assert_eq!(c.ok(["run", "--rm", "x:1", "echo", "works"]).line(), "works");
}

#[test]
fn a_killed_run_leaves_a_container_or_none() {
    let c = Coracle::busybox();
    killed_at_any_moment(&c, &["run", "-d", "busybox", "sleep", "600"], || {
        let output = c.ok(["ps", "-a", "--format", "{{.ID}} {{.State}}"]);
        for line in output.lines() {
            let (id, state) = line.split_once(' ').expect("an id and a state");
            assert!(matches!(state, "running" | "created" | "exited"), "{line}");
            c.ok(["rm", "-f", id]);
        }
        assert_eq!(c.ok(["ps", "-aq"]).text(), "");
    });
    eventually("no process to be left", || c.processes().is_empty());
}

#[test]
fn a_killed_rm_can_be_repeated() {
    let c = Coracle::busybox();
    killed_at_any_moment(&c, &["rm", "-f", "box"], || {
        c.output(["rm", "-f", "box"]);
        assert_eq!(c.ok(["ps", "-aq"]).text(), "");
        c.detached(&["--name", "box"], "mkdir -p /d/e; exec sleep 600");
    });
}

#[test]
fn damage_in_one_container_does_not_touch_the_others() {
    let c = Coracle::busybox();
    let healthy = c.ok(["create", "--name", "healthy", "busybox", "echo", "works"]).line();
    let ill = c.ok(["create", "--name", "ill", "busybox"]).line();
    let directory = c.root().join("containers").join(&ill);
    for file in std::fs::read_dir(&directory).expect("the container's directory").flatten() {
        if file.file_type().is_ok_and(|kind| kind.is_file()) {
            std::fs::write(file.path(), "").expect("an emptied file");
        }
    }
    let output = c.ok(["ps", "-aq", "--no-trunc"]);
    assert!(output.lines().contains(&healthy.as_str()), "{output}");
    assert_eq!(c.ok(["start", "-a", "healthy"]).line(), "works");
}

#[test]
fn an_image_can_be_removed_and_pulled_while_its_container_runs() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "exec sleep 600");
    c.output(["rmi", "-f", "busybox"]);
    assert_eq!(c.ok(["exec", &id, "sh", "-c", "cat /etc/group | head -1"]).line(), "root:x:0:");
    c.import("busybox", busybox());
    assert_eq!(c.sh(&[], "echo again").line(), "again");
}

#[test]
fn supervisors_outlive_the_session_that_started_them() {
    let c = Coracle::busybox();
    let mut shell = std::process::Command::new("setsid");
    let command = c.command(["run", "-d", "busybox", "sleep", "600"]);
    shell.arg("--wait").arg(command.get_program()).args(command.get_args()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let id = crate::harness::command::output(&mut shell, None, Duration::from_secs(30)).success().line();
    assert_eq!(c.inspect(&id, "{{.State.Running}}"), "true");
    let pid = supervisor(&c, &id);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the supervisor");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    // Its own session, no terminal.
    assert_eq!(fields[4], "0", "a controlling terminal: {stat}");
}

fn stored(c: &Coracle) -> u64 {
    c.store_files().iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

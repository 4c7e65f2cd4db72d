//! `--restart`: what runs again, when, and what users can do meanwhile.

use rustix::process::Signal;

use crate::harness::command::kill;
use crate::harness::{Coracle, eventually};

/// Ends when it is asked to.
const OBEDIENT: &str = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";

fn restarts(c: &Coracle, container: &str) -> u32 {
    c.inspect(container, "{{.RestartCount}}").parse().expect("a number")
}

fn pid(c: &Coracle, container: &str) -> i32 {
    c.inspect(container, "{{.State.Pid}}").parse().expect("a number")
}

/// What a unit that starts containers at boot asks for `unless-stopped`.
fn was_stopped_by_user(c: &Coracle, id: &str) -> bool {
    let state = std::fs::read_to_string(c.root().join("containers").join(id).join("state.json"));
    let state: serde_json::Value = serde_json::from_str(&state.expect("a state")).expect("JSON");
    state["stopped_by_user"].as_bool().expect("yes or no")
}

fn parent(pid: i32) -> i32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the first process");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent");
    parent.trim().parse().expect("a pid")
}

/// Runs one that fails at once until its pauses last three seconds and more, and waits for such a pause.
fn in_back_off(c: &Coracle, name: &str) -> String {
    let id = c.detached(&["--name", name, "--restart", "always"], "echo run; exit 3");
    eventually("a long pause", || {
        restarts(c, name) >= 6 && c.inspect(name, "{{.State.Status}}") == "restarting"
    });
    id
}

#[test]
fn one_that_fails_runs_again_as_often_as_the_policy_says() {
    let c = Coracle::busybox();
    c.detached(&["--name", "box", "--restart", "on-failure:2"], "echo run; exit 3");
    c.wait_for_state("box", "exited");
    assert_eq!(c.ok(["logs", "box"]).lines(), ["run", "run", "run"]);
    assert_eq!(c.inspect("box", "{{.RestartCount}} {{.State.ExitCode}} {{.State.Restarting}}"), "2 3 false");
    let policy = "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}";
    assert_eq!(c.inspect("box", policy), "on-failure 2");
    // Whoever starts it by hand begins the count anew.
    c.ok(["start", "box"]);
    eventually("six runs", || c.ok(["logs", "box"]).lines().len() == 6);
    c.wait_for_state("box", "exited");
    assert_eq!(restarts(&c, "box"), 2);
    // What succeeds is done.
    let good = c.detached(&["--restart", "on-failure"], "echo run");
    c.wait_for_state(&good, "exited");
    assert_eq!((restarts(&c, &good), c.ok(["logs", &good]).line().as_str()), (0, "run"));
}

#[test]
fn each_run_has_fresh_mounts_on_the_same_root_and_one_supervisor() {
    let c = Coracle::busybox();
    let script = "ls /dev/shm /scratch /proc/self/task >/dev/null
        for f in /dev/shm/x /scratch/x; do test -e $f && echo stale; touch $f; done
        echo x >> /kept; echo runs $(wc -l < /kept) pid $$; exec sleep 600";
    c.detached(&["--name", "box", "--restart", "unless-stopped", "--tmpfs", "/scratch"], script);
    c.wait_for_log("box", "runs 1 pid 1");
    let first = pid(&c, "box");
    let supervisor = parent(first);
    kill(first);
    c.wait_for_log("box", "runs 2 pid 1");
    c.wait_for_state("box", "running");
    let second = pid(&c, "box");
    assert_ne!(first, second);
    assert_eq!(parent(second), supervisor);
    c.ok(["logs", "box"]).does_not_say("stale");
    assert_eq!(c.inspect("box", "{{.RestartCount}} {{.State.Running}} {{.State.ExitCode}}"), "1 true 0");
    assert_ne!(c.inspect("box", "{{.State.FinishedAt}}"), "0001-01-01T00:00:00Z");
    // Everything works on the second run as on the first.
    assert_eq!(c.ok(["exec", "box", "cat", "/kept"]).lines().len(), 2);
    assert!(c.processes_of("box").contains(&second));
    c.ok(["stop", "-t", "0", "box"]);
    assert_eq!(c.inspect("box", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    eventually("the supervisor to end", || c.processes().is_empty());
}

#[test]
fn whom_a_user_stops_or_kills_stays_down() {
    let c = Coracle::busybox();
    for policy in ["always", "unless-stopped", "on-failure"] {
        let id = c.detached(&["--restart", policy], OBEDIENT);
        c.wait_for_log(&id, "ready");
        c.ok(["stop", &id]);
        assert_eq!(c.inspect(&id, "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}"), "exited 7 0");
        assert!(was_stopped_by_user(&c, &id));
        c.ok(["start", &id]);
        c.wait_for_state(&id, "running");
        assert!(!was_stopped_by_user(&c, &id));
        c.ok(["kill", &id]);
        assert_eq!(c.inspect(&id, "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}"), "exited 137 0");
    }
    eventually("the supervisor to end", || c.processes().is_empty());
}

#[test]
fn with_a_stop_signal_of_its_own_other_signals_are_no_stop_but_for_unless_stopped() {
    let c = Coracle::busybox();
    let flags = |policy: &'static str| ["--stop-signal", "USR1", "--restart", policy];
    let id = c.detached(&flags("always"), OBEDIENT);
    c.wait_for_log(&id, "ready");
    c.ok(["kill", "-s", "TERM", &id]);
    eventually("a second run", || c.ok(["logs", &id]).lines().len() == 2);
    assert_eq!(restarts(&c, &id), 1);
    let id = c.detached(&flags("unless-stopped"), OBEDIENT);
    c.wait_for_log(&id, "ready");
    c.ok(["kill", "-s", "TERM", &id]);
    c.wait_for_state(&id, "exited");
    assert_eq!(restarts(&c, &id), 0);
}

#[test]
fn between_two_runs_it_counts_as_running_and_says_that_it_restarts() {
    let c = Coracle::busybox();
    let id = in_back_off(&c, "box");
    let status = c.ok(["ps", "--format", "{{.State}} {{.Status}}"]).line();
    assert!(status.starts_with("restarting Restarting (3) ") && status.ends_with(" ago"), "{status}");
    let fields =
        "{{.State.Running}} {{.State.Restarting}} {{.State.Paused}} {{.State.Pid}} {{.State.ExitCode}}";
    assert_eq!(c.inspect("box", fields), "true true false 0 3");
    assert_eq!(c.ok(["ps", "-q", "--no-trunc", "-f", "status=restarting"]).line(), id);
    assert_eq!(c.ok(["ps", "-q", "-f", "status=running"]).text(), "");
    let restarting = format!("Container {id} is restarting, wait until the container is running");
    c.fails(1, ["exec", "box", "true"]).says(&restarting);
    c.fails(1, ["pause", "box"]).says(&restarting);
    c.fails(1, ["top", "box"]).says(&restarting);
    c.fails(1, ["attach", "box"])
        .says("You cannot attach to a restarting container, wait until it is running");
    c.fails(1, ["rm", "box"]).says("container is restarting: stop the container before removing or force");
    assert_eq!(c.ok(["start", "box"]).line(), "box");
    c.ok(["container", "prune", "-f"]).does_not_say(&id);
    // There is nothing to follow.
    assert!(c.ok(["logs", "-f", "box"]).lines().len() >= 6);
    // Not the status of the run before, which has been told: the next one's.
    let before = restarts(&c, "box");
    assert_eq!(c.ok(["wait", "box"]).line(), "3");
    assert!(restarts(&c, "box") > before);
    c.ok(["stop", "box"]);
    assert_eq!(c.inspect("box", "{{.State.Status}} {{.State.ExitCode}}"), "exited 3");
    eventually("the supervisor to end", || c.processes().is_empty());
    c.ok(["rm", "box"]);
}

#[test]
fn one_that_waits_for_its_next_run_can_be_removed_restarted_and_killed() {
    let c = Coracle::busybox();
    let names = ["gone", "again", "killed"];
    std::thread::scope(|scope| {
        for name in names {
            scope.spawn(|| in_back_off(&c, name));
        }
    });
    c.ok(["rm", "-f", "gone"]);
    c.fails(1, ["inspect", "gone"]);
    let runs = || c.ok(["logs", "again"]).lines().len();
    let before = runs();
    c.ok(["restart", "again"]);
    eventually("the run that was asked for", || runs() > before);
    assert!(restarts(&c, "again") < 6, "the count begins anew");
    c.ok(["kill", "killed"]);
    assert_eq!(c.inspect("killed", "{{.State.Status}} {{.State.ExitCode}}"), "exited 3");
    c.ok(["rm", "-f", "again", "killed"]);
    eventually("the supervisor to end", || c.processes().is_empty());
}

#[test]
fn clients_see_one_run_and_its_status() {
    let c = Coracle::busybox();
    // The second run waits, so that there is something to find.
    let script = "echo run; test -e /second && exec sleep 600; touch /second; read x; exit 4";
    let mut run =
        c.spawn(["run", "-i", "--name", "box", "--restart", "always", "busybox", "sh", "-c", script]);
    run.line_with("run");
    let mut logs = c.spawn(["logs", "-f", "box"]);
    logs.line_with("run");
    let wait = c.spawn(["wait", "box"]);
    let mut attach = c.spawn(["attach", "box"]);
    attach.type_in("x\n");
    assert_eq!((attach.wait(), run.wait(), logs.wait()), (4, 4, 0));
    // It came in the first run, or waits for the second.
    c.wait_for_state("box", "running");
    eventually("the second run", || c.ok(["logs", "box"]).lines().len() == 2);
    c.ok(["kill", "box"]);
    assert!(["4", "137"].contains(&wait.line().as_str()));
}

#[test]
fn a_run_that_cannot_begin_is_the_end() {
    let c = Coracle::busybox();
    let source = c.home().join("source");
    std::fs::create_dir(&source).expect("a directory");
    let mount = format!("type=bind,src={},dst=/mnt", source.display());
    let id = c.detached(&["--restart", "always", "--mount", &mount], "echo ready; exec sleep 600");
    c.wait_for_log(&id, "ready");
    std::fs::remove_dir(&source).expect("it goes");
    kill(pid(&c, &id));
    c.wait_for_state(&id, "exited");
    assert_eq!(c.inspect(&id, "{{.State.ExitCode}}"), "137");
    assert!(c.inspect(&id, "{{.State.Error}}").contains("source"), "{}", c.inspect(&id, "{{.State.Error}}"));
    // The first start fails as without a policy.
    c.fails(127, ["run", "--restart", "always", "--name", "box", "busybox", "nosuch"]);
    assert_eq!(c.inspect("box", "{{.State.Running}} {{.RestartCount}}"), "false 0");
    eventually("no supervisor", || c.processes().is_empty());
}

#[test]
fn a_machine_that_goes_down_or_a_killed_supervisor_ends_it() {
    let c = Coracle::busybox();
    let id = c.detached(&["--restart", "always"], OBEDIENT);
    c.wait_for_log(&id, "ready");
    let supervisor = rustix::process::Pid::from_raw(parent(pid(&c, &id))).expect("a pid");
    rustix::process::kill_process(supervisor, Signal::TERM).expect("it is ours");
    c.wait_for_state(&id, "exited");
    assert_eq!(c.inspect(&id, "{{.State.ExitCode}} {{.RestartCount}}"), "7 0");
    assert!(!was_stopped_by_user(&c, &id));

    in_back_off(&c, "box");
    for supervisor in c.processes() {
        kill(supervisor);
    }
    eventually("the lock to be free", || c.inspect("box", "{{.State.Status}}") == "exited");
    assert_eq!(c.inspect("box", "{{.State.ExitCode}} {{.State.Restarting}}"), "3 false");
    c.ok(["start", "box"]);
    c.ok(["rm", "-f", "box"]);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let c = Coracle::busybox();
    for policy in ["always", "on-failure:3", "unless-stopped"] {
        c.fails(125, ["run", "--rm", "--restart", policy, "busybox", "true"])
            .says("conflicting options: cannot specify both --restart and --rm");
    }
    assert_eq!(c.sh(&["--restart", "no"], "echo fine").line(), "fine");
    for (status, policy, why) in [
        (1, "sometimes", "invalid restart policy: unknown policy 'sometimes'"),
        (125, "on-failure:x", "invalid restart policy format: maximum retry count must be an integer"),
        (1, "always:1", "invalid restart policy: maximum retry count can only be used with 'on-failure'"),
    ] {
        c.fails(status, ["create", "--restart", policy, "busybox"]).says(why);
    }
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
}

#[test]
fn update_reaches_a_running_container_one_that_waits_and_a_stopped_one() {
    let c = Coracle::busybox();
    let policy = |name: &str| {
        let policy = "{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}";
        c.inspect(name, policy)
    };
    c.detached(&["--name", "box"], "echo run; exec sleep 600");
    c.wait_for_log("box", "run");
    assert_eq!(c.ok(["update", "--restart", "on-failure:5", "box"]).line(), "box");
    assert_eq!(policy("box"), "on-failure:5");
    kill(pid(&c, "box"));
    eventually("a second run", || c.ok(["logs", "box"]).lines().len() == 2);
    c.wait_for_state("box", "running");
    c.ok(["container", "update", "--restart=no", "box"]);
    kill(pid(&c, "box"));
    c.wait_for_state("box", "exited");
    assert_eq!((restarts(&c, "box"), policy("box").as_str()), (1, "no:0"));
    // A stopped one keeps it for its next start.
    c.ok(["update", "--restart", "always", "box"]);
    c.ok(["start", "box"]);
    c.wait_for_state("box", "running");
    kill(pid(&c, "box"));
    eventually("another run", || restarts(&c, "box") == 1);

    // The pause that has begun goes on; the run after it is the last.
    in_back_off(&c, "loop");
    let runs = c.ok(["logs", "loop"]).lines().len();
    c.ok(["update", "--restart", "no", "loop"]);
    c.wait_for_state("loop", "exited");
    assert_eq!(c.ok(["logs", "loop"]).lines().len(), runs + 1);
}

#[test]
fn update_says_what_it_cannot_do() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    let temporary = c.detached(&["--rm"], "exec sleep 600");
    c.fails(1, ["update", "--restart", "always", &temporary]).says(&format!(
        "Cannot update container {temporary}: Restart policy cannot be updated because AutoRemove"
    ));
    c.ok(["update", "--restart", "no", &temporary]);
    c.fails(1, ["update", "box"]).says("you must provide one or more flags when using this command");
    c.fails(1, ["update", "--restart", "sometimes", "box"]).says("unknown policy 'sometimes'");
    for flag in ["--memory=1g", "-m=1g", "--pids-limit=7", "--cpuset-cpus=0", "--blkio-weight=10"] {
        assert_eq!(c.ok(["update", flag, "box"]).says("or the cgroup is not mounted.").lines()[0], "box");
    }
    c.fails(1, ["update", "--cpus=2", "box"]).says("NanoCPUs can not be set");
    c.fails(1, ["update", "-m=1m", "box"]).says("Minimum memory limit allowed is 6MB");
    c.fails(125, ["update", "--nosuch", "box"]).says("unknown flag: --nosuch");
    c.fails(1, ["update", "--restart", "always"]).says("requires at least 1 argument");
    // One that is not there is told, the others are done.
    let output =
        c.fails(1, ["update", "--restart", "always", "nosuch", "box"]).says("No such container: nosuch");
    assert_eq!(output.line(), "box");
    assert_eq!(c.inspect("box", "{{.HostConfig.RestartPolicy.Name}}"), "always");
}

#[test]
fn each_run_of_a_restarting_container_is_told() {
    let c = Coracle::busybox();
    c.ok(["run", "-d", "--name", "box", "--restart", "on-failure:1", "-v", "db:/d", "busybox", "false"]);
    c.wait_for_state("box", "exited");
    let flags = ["--since", "10m", "--until", "0s", "--format", "{{.Type}} {{.Action}}"];
    let told = c.ok(["events"].iter().chain(&flags));
    let run = ["volume mount", "container start", "container die", "volume unmount"];
    let mut want = vec!["volume create", "container create"];
    want.extend(run.iter().chain(&run));
    assert_eq!(told.lines()[2..], want, "{told}");
}

//! `run`: what it passes to the container, what it prints, and what it ends with.

use rustix::process::Signal;

use crate::harness::{Coracle, ImageBuilder, Running, eventually};
use crate::need;
use serde_json::json;

#[test]
fn output_goes_where_the_command_sent_it() {
    let c = Coracle::busybox();
    let output = c.ok(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((output.text(), output.err().as_str()), ("out\n", "err\n"));
}

#[test]
fn megabytes_of_output_arrive_whole() {
    let c = Coracle::busybox();
    let output = c.ok(["run", "--rm", "busybox", "sh", "-c", "yes 0123456789abcde | head -c 8000000"]);
    assert_eq!(output.stdout.len(), 8_000_000);
    assert!(output.stdout.chunks_exact(16).all(|line| line == b"0123456789abcde\n"));
}

#[test]
fn stdin_is_passed_with_i_and_its_end_arrives() {
    let c = Coracle::busybox();
    let input = b"0123456789abcdef".repeat(65536);
    let output = c.given(&input, ["run", "-i", "--rm", "busybox", "cat"]).success();
    assert!(output.stdout == input, "{} bytes came back", output.stdout.len());
}

#[test]
fn stdin_is_empty_without_i() {
    let c = Coracle::busybox();
    let output = c.given(b"not for you", ["run", "--rm", "busybox", "cat"]).success();
    assert_eq!(output.text(), "");
}

#[test]
fn the_status_is_the_commands_own() {
    let c = Coracle::busybox();
    for status in [0, 1, 7, 125, 126, 127, 255] {
        c.fails(status, ["run", "--rm", "busybox", "sh", "-c", &format!("exit {status}")]);
    }
}

#[test]
fn a_command_ended_by_a_signal_is_128_and_the_signal() {
    let c = Coracle::busybox();
    c.fails(137, ["run", "--rm", "--init", "busybox", "sh", "-c", "kill -KILL $$"]);
    c.fails(143, ["run", "--rm", "--init", "busybox", "sh", "-c", "kill -TERM $$"]);
}

#[test]
fn a_missing_command_is_127() {
    let c = Coracle::busybox();
    c.fails(127, ["run", "--rm", "busybox", "nosuchprogram"]).says("executable file not found in $PATH");
    c.fails(127, ["run", "--rm", "busybox", "/no/such/program"]).says("no such file or directory");
    // -d knows it too.
    c.fails(127, ["run", "-d", "--rm", "busybox", "nosuchprogram"]);
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
}

#[test]
fn a_command_that_cannot_be_executed_is_126() {
    let c = Coracle::busybox();
    c.fails(126, ["run", "--rm", "busybox", "/etc/passwd"]).says("permission denied");
    c.fails(126, ["run", "--rm", "busybox", "/etc"]);
}

#[test]
fn an_unknown_image_is_125_and_leaves_nothing() {
    let c = Coracle::new();
    let output = c.fails(125, ["run", "--pull", "never", "nosuch"]);
    output.says("No such image: nosuch:latest");
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
}

#[test]
fn options_end_at_the_image() {
    let c = Coracle::busybox();
    assert_eq!(
        c.ok(["run", "--rm", "busybox", "echo", "--rm", "-it", "--name", "x"]).line(),
        "--rm -it --name x"
    );
}

#[test]
fn environment_comes_from_flags_files_and_the_caller_in_dockers_order() {
    let c = Coracle::new().with_env("COPIED", "from the caller").with_env("LISTED", "by file");
    c.load(
        &ImageBuilder::busybox()
            .config("Env", json!(["PATH=/bin", "A=image", "B=image", "C=image"]))
            .docker_archive(&["busybox:latest"]),
    );
    let file = c.file("env", "# a comment\nB=file\nC=file\nQUOTED=\"x y\"\nLISTED\nUNSET_ONE\n\n");
    let file = file.to_str().expect("a plain path");
    let flags = ["--env-file", file, "-e", "C=flag", "-e", "COPIED", "-e", "NOT_SET", "-e", "EMPTY="];
    let output = c.sh(&flags, "env");
    let lines = output.lines();
    for wanted in [
        "A=image",
        "B=file",
        "C=flag",
        "QUOTED=\"x y\"",
        "LISTED=by file",
        "COPIED=from the caller",
        "EMPTY=",
    ] {
        assert!(lines.contains(&wanted), "{wanted} is missing in {output}");
    }
    for absent in ["NOT_SET", "UNSET_ONE", "XDG_RUNTIME_DIR", "#"] {
        assert!(!lines.iter().any(|line| line.starts_with(absent)), "{absent} is in {output}");
    }
    c.fails(125, ["run", "--rm", "--env-file", "/no/such", "busybox", "true"])
        .says("no such file or directory");
}

#[test]
fn home_hostname_and_path_are_set() {
    let c = Coracle::busybox();
    let output = c.sh(&["-h", "zed"], "echo $HOME; echo $HOSTNAME; echo $PATH");
    assert_eq!(
        output.lines(),
        ["/root", "zed", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    );
}

#[test]
fn the_working_directory_is_made_when_missing() {
    let c = Coracle::busybox();
    assert_eq!(c.sh(&[], "pwd").line(), "/");
    assert_eq!(c.sh(&["-w", "/tmp"], "pwd").line(), "/tmp");
    assert_eq!(c.sh(&["-w", "/deep/new/dir"], "pwd; ls -d /deep/new/dir").lines(), ["/deep/new/dir"; 2]);
    c.fails(125, ["run", "--rm", "-w", "relative", "busybox", "true"]).says("absolute path");
}

#[test]
fn users_come_from_the_containers_own_files() {
    need!(ids);
    let c = Coracle::busybox();
    let id = |user: &str| c.sh(&["-u", user], "id; echo $HOME").lines().join("|");
    assert_eq!(id("app"), "uid=1000(app) gid=1000(app) groups=7(extra),1000(app)|/home/app");
    assert_eq!(id("1000"), "uid=1000(app) gid=1000(app) groups=7(extra),1000(app)|/home/app");
    assert_eq!(id("1000:7"), "uid=1000(app) gid=7(extra) groups=7(extra)|/home/app");
    assert_eq!(id("app:extra"), "uid=1000(app) gid=7(extra) groups=7(extra)|/home/app");
    assert_eq!(id("4242"), "uid=4242 gid=0(root) groups=0(root)|/");
    assert_eq!(id("1:2"), "uid=1(daemon) gid=2 groups=2|/");
}

#[test]
fn an_unknown_user_is_refused_in_dockers_words() {
    let c = Coracle::busybox();
    let output = c.fails(125, ["run", "--rm", "-u", "nosuch", "busybox", "true"]);
    output.says("unable to find user nosuch: no matching entries in passwd file");
    let output = c.fails(125, ["run", "--rm", "-u", "root:nosuch", "busybox", "true"]);
    output.says("unable to find group nosuch: no matching entries in group file");
}

#[test]
fn extra_groups_are_added() {
    need!(ids);
    let c = Coracle::busybox();
    assert_eq!(c.sh(&["--group-add", "7", "--group-add", "daemon"], "id -G").line(), "0 1 7");
}

#[test]
fn entrypoint_and_command_combine_as_dockers() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox()
        .config("Entrypoint", json!(["echo", "entry"]))
        .config("Cmd", json!(["default"]))
        .config("WorkingDir", json!("/tmp"));
    c.load(&image.docker_archive(&["ep:latest"]));
    assert_eq!(c.ok(["run", "--rm", "ep"]).line(), "entry default");
    assert_eq!(c.ok(["run", "--rm", "ep", "given"]).line(), "entry given");
    assert_eq!(c.ok(["run", "--rm", "--entrypoint", "pwd", "ep"]).line(), "/tmp");
    assert_eq!(c.ok(["run", "--rm", "--entrypoint", "", "ep", "echo", "reset"]).line(), "reset");
    c.fails(125, ["run", "--rm", "--entrypoint", "", "ep"]).says("no command specified");
}

#[test]
fn the_images_user_and_stop_signal_apply() {
    need!(ids);
    let c = Coracle::new();
    let image = ImageBuilder::busybox().config("User", json!("app")).config("StopSignal", json!("SIGUSR1"));
    c.load(&image.docker_archive(&["u:latest"]));
    assert_eq!(c.ok(["run", "--rm", "u", "id", "-un"]).line(), "app");
    let script = "trap 'exit 33' USR1; echo ready; while :; do sleep 0.05; done";
    let id = c.ok(["run", "-d", "u", "sh", "-c", script]).line();
    c.wait_for_log(&id, "ready");
    c.ok(["stop", &id]);
    assert_eq!(c.inspect(&id, "{{.State.ExitCode}}"), "33");
}

#[test]
fn binds_show_the_hosts_files_both_ways() {
    let c = Coracle::busybox();
    let file = c.file("shared/in", "from the host\n");
    let source = file.parent().expect("a directory").to_str().expect("a plain path").to_owned();
    let volume = format!("{source}:/m");
    assert_eq!(c.sh(&["-v", &volume], "cat /m/in; echo back > /m/out").line(), "from the host");
    assert_eq!(std::fs::read_to_string(file.with_file_name("out")).expect("the container's file"), "back\n");
    let read_only = format!("{source}:/m:ro");
    let output = c.output(["run", "--rm", "-v", &read_only, "busybox", "touch", "/m/new"]);
    output.status_is(1).says("Read-only file system");
    // One file, and a relative source.
    let one = format!("{}:/etc/motd:ro", file.display());
    assert_eq!(c.sh(&["-v", &one], "cat /etc/motd").line(), "from the host");
    assert_eq!(c.sh(&["-v", "./shared:/m"], "cat /m/in").line(), "from the host");
}

#[test]
fn files_made_by_the_containers_root_belong_to_the_caller() {
    use std::os::unix::fs::MetadataExt;
    let c = Coracle::busybox();
    let directory = c.file("d/x", "").parent().expect("a directory").to_owned();
    c.sh(&["-v", &format!("{}:/m", directory.display())], "touch /m/mine");
    let owner = std::fs::metadata(directory.join("mine")).expect("the file").uid();
    assert_eq!(owner, rustix::process::getuid().as_raw());
}

#[test]
fn v_makes_a_missing_source_and_mount_refuses_it() {
    let c = Coracle::busybox();
    let missing = c.home().join("missing");
    let output = c.fails(
        125,
        ["run", "--rm", "--mount", &format!("type=bind,src={},dst=/m", missing.display()), "busybox", "true"],
    );
    output.says("bind source path does not exist");
    assert!(!missing.exists());
    c.sh(&["-v", &format!("{}:/m", missing.display())], "touch /m/f");
    assert!(missing.join("f").exists());
}

#[test]
fn mount_understands_its_keys() {
    let c = Coracle::busybox();
    let source = c.file("src/f", "x\n").parent().expect("a directory").display().to_string();
    let mount = format!("type=bind,source={source},target=/m,readonly");
    assert_eq!(
        c.sh(&["--mount", &mount], "cat /m/f; touch /m/g 2>/dev/null || echo ro").lines(),
        ["x", "ro"]
    );
    let tmpfs = "type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=0700";
    let output = c.sh(&["--mount", tmpfs], "stat -c %a /t; df -k /t | tail -1 | awk '{print $2}'");
    assert_eq!(output.lines(), ["700", "1024"]);
    c.fails(125, ["run", "--rm", "--mount", "type=bind,source=/,target=/m,nosuch=1", "busybox", "true"])
        .says("nosuch");
    c.fails(125, ["run", "--rm", "--mount", "type=nosuch,target=/m", "busybox", "true"]);
    c.fails(125, ["run", "--rm", "-v", "/:relative", "busybox", "true"]).says("relative");
}

#[test]
fn tmpfs_has_dockers_options() {
    let c = Coracle::busybox();
    let output = c.sh(&["--tmpfs", "/t:size=1m"], "grep ' /t ' /proc/mounts");
    let line = output.line();
    for option in ["tmpfs", "rw", "nosuid", "nodev", "noexec", "size=1024k"] {
        assert!(line.contains(option), "{option} is missing in {line}");
    }
}

#[test]
fn mounts_over_links_of_the_image_stay_inside() {
    // A hostile image may point the target of a bind anywhere; it is resolved within its own root.
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([
        crate::harness::Entry::symlink("out", "../../../../tmp"),
        crate::harness::Entry::symlink("abs", "/etc"),
    ]);
    c.load(&image.docker_archive(&["links:latest"]));
    let file = c.file("f", "content\n");
    let volume = format!("{}:/out/f", file.display());
    assert_eq!(c.ok(["run", "--rm", "-v", &volume, "links", "cat", "/tmp/f"]).line(), "content");
    let volume = format!("{}:/abs/passwd", file.display());
    assert_eq!(c.ok(["run", "--rm", "-v", &volume, "links", "cat", "/etc/passwd"]).line(), "content");
}

#[test]
fn directories_of_a_hostile_image_are_not_made_on_the_host() {
    let c = Coracle::new();
    let up = format!("../../../..{}", c.file("outside", "").parent().expect("a directory").display());
    let image = ImageBuilder::busybox().layer([crate::harness::Entry::symlink("out", &up)]);
    c.load(&image.docker_archive(&["links:latest"]));
    let here = c.file("mounted", "x");
    for flags in [["-w", "/out/made"], ["--tmpfs", "/out/made"]] {
        c.output(["run", "--rm", flags[0], flags[1], "links", "true"]);
    }
    c.output(["run", "--rm", "-v", &format!("{0}:/out/made/mounted", here.display()), "links", "true"]);
    assert!(!here.with_file_name("made").exists());
}

#[test]
fn directories_are_made_where_links_of_the_image_dangle() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([
        crate::harness::Entry::symlink("data", "mnt/data"),
        crate::harness::Entry::symlink("mnt", "srv/disk"),
        crate::harness::Entry::symlink("self", "self/x"),
    ]);
    c.load(&image.docker_archive(&["links:latest"]));
    assert_eq!(c.ok(["run", "--rm", "-w", "/data/in", "links", "pwd"]).line(), "/srv/disk/data/in");
    c.fails(125, ["run", "--rm", "-w", "/self/in", "links", "pwd"]).says("mkdir");
}

#[test]
fn read_only_roots_cannot_be_written() {
    let c = Coracle::busybox();
    let script = "touch /x 2>&1; touch /etc/x 2>&1; echo y > /dev/shm/x && cat /dev/shm/x";
    let output = c.sh(&["--read-only"], script);
    assert_eq!(output.text().matches("Read-only file system").count(), 2, "{output}");
    assert!(output.text().ends_with("y\n"));
    assert_eq!(c.sh(&["--read-only", "--tmpfs", "/tmp"], "echo z > /tmp/z; cat /tmp/z").line(), "z");
}

#[test]
fn ulimits_apply() {
    let c = Coracle::busybox();
    let output =
        c.sh(&["--ulimit", "nofile=123:456", "--ulimit", "core=0"], "ulimit -n; ulimit -Hn; ulimit -c");
    assert_eq!(output.lines(), ["123", "456", "0"]);
    c.fails(125, ["run", "--rm", "--ulimit", "nosuch=1", "busybox", "true"]).says("nosuch");
    c.fails(125, ["run", "--rm", "--ulimit", "nofile=9:5", "busybox", "true"]);
}

#[test]
fn hostnames_can_be_chosen() {
    let c = Coracle::busybox();
    let output = c.sh(&["-h", "zed"], "hostname; cat /etc/hostname; grep -c zed /etc/hosts");
    assert_eq!(output.lines(), ["zed", "zed", "1"]);
}

#[test]
fn without_a_choice_the_hostname_is_the_short_id() {
    let c = Coracle::busybox();
    let id = c.detached(&["--network", "none"], "hostname; cat /etc/hostname; exec sleep 600");
    c.wait_for_log(&id, &id[..12]);
    assert_eq!(c.ok(["logs", &id]).lines(), [&id[..12]; 2]);
}

#[test]
fn hosts_and_resolver_files_are_there() {
    let c = Coracle::busybox();
    let script = "cat /etc/hosts; test -s /etc/resolv.conf || echo no resolver";
    let output = c.sh(&["--add-host", "db:10.1.2.3", "--add-host", "six=::1"], script);
    for line in ["localhost", "10.1.2.3\tdb", "::1\tsix"] {
        assert!(output.text().contains(line), "{line:?} is missing in {output}");
    }
    output.does_not_say("no resolver");
    let script = "cat /etc/resolv.conf";
    let output =
        c.sh(&["--dns", "9.8.7.6", "--dns-search", "example.org", "--dns-option", "ndots:3"], script);
    output.says("nameserver 9.8.7.6").says("search example.org").says("ndots:3");
}

#[test]
fn the_containers_hosts_file_can_be_edited() {
    let c = Coracle::busybox();
    let output = c.sh(&[], "echo '1.2.3.4 me' >> /etc/hosts; echo x > /etc/resolv.conf; tail -1 /etc/hosts");
    assert_eq!(output.line(), "1.2.3.4 me");
}

#[test]
fn network_none_has_only_loopback_and_it_is_up() {
    let c = Coracle::busybox();
    let script =
        "tail -n +3 /proc/net/dev | awk '{print $1}'; ping -c 1 -w 5 127.0.0.1 >/dev/null && echo up";
    assert_eq!(c.sh(&["--network", "none"], script).lines(), ["lo:", "up"]);
}

#[test]
fn network_host_is_the_hosts() {
    let c = Coracle::busybox();
    let ours = std::fs::read_link("/proc/self/ns/net").expect("our network namespace");
    let theirs = c.sh(&["--network", "host"], "readlink /proc/self/ns/net").line();
    assert_eq!(ours.to_str(), Some(theirs.as_str()));
    c.fails(125, ["run", "--rm", "--network", "nosuch", "busybox", "true"]).says("network");
}

#[test]
fn names_are_taken_once() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "one"], "exec sleep 600");
    let output = c.fails(125, ["run", "--name", "one", "busybox", "true"]);
    output.says(&format!(
        "Conflict. The container name \"/one\" is already in use by container \"{id}\". \
         You have to remove (or rename) that container to be able to reuse that name."
    ));
    c.fails(125, ["run", "--name", "bad/name", "busybox", "true"]).says("Invalid container name (bad/name)");
    c.fails(125, ["run", "--name", "x", "busybox", "true"]).says("Invalid container name");
}

#[test]
fn rm_frees_the_name_before_the_client_returns() {
    let c = Coracle::busybox();
    for _ in 0..10 {
        c.ok(["run", "--rm", "--name", "again", "busybox", "true"]);
    }
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
}

#[test]
fn without_rm_the_container_stays() {
    let c = Coracle::busybox();
    c.fails(3, ["run", "--name", "stays", "busybox", "sh", "-c", "exit 3"]);
    assert_eq!(
        c.inspect("stays", "{{.State.Status}} {{.State.ExitCode}} {{.State.Running}}"),
        "exited 3 false"
    );
}

#[test]
fn detached_prints_the_id_and_returns() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "exec sleep 600");
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(c.inspect(&id, "{{.State.Running}}"), "true");
}

#[test]
fn detached_with_rm_cleans_up_by_itself() {
    let c = Coracle::busybox();
    let id = c.detached(&["--rm"], "exit 0");
    eventually("the container to be gone", || c.output(["inspect", &id]).status == 1);
    eventually("its directory to be gone", || !c.root().join("containers").join(&id).exists());
}

#[test]
fn cidfile_gets_the_id_and_must_not_exist() {
    let c = Coracle::busybox();
    let path = c.home().join("cid");
    let path = path.to_str().expect("a plain path");
    let id = c.ok(["run", "-d", "--cidfile", path, "busybox", "sleep", "600"]).line();
    assert_eq!(std::fs::read_to_string(path).expect("the id file"), id);
    c.fails(125, ["run", "--cidfile", path, "busybox", "true"]).says("container ID file found");
}

#[test]
fn labels_are_kept() {
    let c = Coracle::busybox();
    let file = c.file("labels", "c=3\n");
    c.ok([
        "create",
        "--name",
        "box",
        "-l",
        "a=1",
        "--label",
        "b",
        "--label-file",
        file.to_str().expect("a path"),
        "busybox",
    ]);
    assert_eq!(c.inspect("box", "{{json .Config.Labels}}"), r#"{"a":"1","b":"","c":"3"}"#);
}

#[test]
fn pull_policies_are_checked() {
    let c = Coracle::busybox();
    c.ok(["run", "--rm", "--pull", "never", "busybox", "true"]);
    c.ok(["run", "--rm", "--pull", "missing", "busybox", "true"]);
    c.fails(125, ["run", "--rm", "--pull", "sometimes", "busybox", "true"]).says("sometimes");
}

#[test]
fn conflicting_flags_are_refused() {
    let c = Coracle::busybox();
    c.fails(1, ["run", "-d", "-a", "stdout", "busybox", "true"]).says("conflicting options");
    c.fails(1, ["run", "-it", "busybox", "true"]).says("the input device is not a TTY");
}

#[test]
fn signals_are_forwarded() {
    let c = Coracle::busybox();
    for (signal, name, status) in [
        (Signal::TERM, "TERM", 41),
        (Signal::HUP, "HUP", 42),
        (Signal::INT, "INT", 43),
        (Signal::USR1, "USR1", 44),
    ] {
        let script = format!("trap 'exit {status}' {name}; echo ready; while :; do sleep 0.05; done");
        let mut run = c.spawn(["run", "--rm", "busybox", "sh", "-c", &script]);
        run.line_with("ready");
        run.signal(signal);
        assert_eq!(run.wait(), status, "after {name}");
    }
}

#[test]
fn sig_proxy_can_be_switched_off() {
    let c = Coracle::busybox();
    let script = "trap 'exit 41' TERM; echo ready; while :; do sleep 0.05; done";
    let mut run = c.spawn(["run", "--name", "np", "--sig-proxy=false", "busybox", "sh", "-c", script]);
    run.line_with("ready");
    run.signal(Signal::TERM);
    run.wait();
    assert_eq!(c.inspect("np", "{{.State.Running}}"), "true");
}

#[test]
fn a_killed_client_leaves_the_container_running() {
    let c = Coracle::busybox();
    let mut run: Running =
        c.spawn(["run", "--name", "left", "busybox", "sh", "-c", "echo ready; exec sleep 600"]);
    run.line_with("ready");
    run.signal(Signal::KILL);
    run.wait();
    assert_eq!(c.inspect("left", "{{.State.Status}}"), "running");
    assert_eq!(c.ok(["exec", "left", "echo", "alive"]).line(), "alive");
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_container() {
    let c = Coracle::busybox();
    let mut run = c.spawn([
        "run",
        "--name",
        "noisy",
        "busybox",
        "sh",
        "-c",
        "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo done",
    ]);
    run.line();
    run.signal(Signal::KILL);
    run.wait();
    c.wait_for_state("noisy", "exited");
    assert_eq!(c.inspect("noisy", "{{.State.ExitCode}}"), "0");
    assert_eq!(c.ok(["logs", "-n", "1", "noisy"]).line(), "done");
}

#[test]
fn pid_1_is_spared_from_signals_it_does_not_handle() {
    let c = Coracle::busybox();
    assert_eq!(c.sh(&[], "echo $$; kill -TERM $$; echo alive").lines(), ["1", "alive"]);
}

#[test]
fn init_reaps_orphans_and_passes_signals() {
    let c = Coracle::busybox();
    let id = c.detached(&["--init"], "sh -c 'sleep 0.1 & echo started'; exec sleep 600");
    c.wait_for_log(&id, "started");
    eventually("the orphan to be reaped", || {
        let processes = c.ok(["exec", &id, "ps", "-o", "stat,args"]);
        !processes.text().contains("Z") && !processes.text().contains("sleep 0.1")
    });
    assert_ne!(c.ok(["exec", &id, "cat", "/proc/1/comm"]).line(), "sleep");
    c.ok(["kill", "-s", "TERM", &id]);
    assert_eq!(c.ok(["wait", &id]).line(), "143");
}

#[test]
fn without_init_orphans_stay_zombies() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "sh -c 'sleep 0.1 & echo started'; exec sleep 600");
    c.wait_for_log(&id, "started");
    eventually("the orphan to be a zombie", || {
        c.ok(["exec", &id, "ps", "-o", "stat,args"])
            .lines()
            .iter()
            .any(|line| line.trim_start().starts_with('Z'))
    });
}

#[test]
fn names_of_images_stay_as_typed() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox:latest"]);
    c.ok(["create", "--name", "other", "docker.io/library/busybox"]);
    assert_eq!(c.inspect("box", "{{.Config.Image}}"), "busybox:latest");
    assert_eq!(c.inspect("other", "{{.Config.Image}}"), "docker.io/library/busybox");
}

#[test]
fn containers_run_by_image_id_and_its_prefix() {
    let c = Coracle::busybox();
    let id = c.ok(["images", "-q", "--no-trunc"]).line();
    let hex = id.trim_start_matches("sha256:");
    for name in [&id, hex, &hex[..12], &hex[..4]] {
        assert_eq!(c.ok(["run", "--rm", name, "echo", "x"]).line(), "x");
    }
}

#[test]
fn two_containers_of_one_image_do_not_see_each_others_files() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "echo mine > /tmp/f; echo > /bin/ls; echo ready; exec sleep 600");
    c.wait_for_log(&id, "ready");
    assert_eq!(c.sh(&[], "ls /tmp; test -s /bin/busybox && echo whole").lines(), ["whole"]);
}

#[test]
fn limits_without_a_cgroup_are_warned_of_and_discarded() {
    let c = Coracle::busybox();
    let flags =
        ["--rm", "-m", "512m", "--pids-limit", "100", "--cpu-shares", "5", "--device-cgroup-rule", "c 1:3 r"];
    let output = c.ok(["run"].iter().chain(&flags).chain(&["busybox", "echo", "here"]));
    assert_eq!(output.line(), "here");
    let warnings = output.err();
    let of_docker = "WARNING: Your kernel does not support";
    assert_eq!(warnings.matches(of_docker).count(), 3, "{warnings}");
    for part in ["memory limit capabilities", "PIDs limit discarded.", "Shares discarded.", "rule discarded."]
    {
        assert!(warnings.contains(part), "{part} is missing in {warnings}");
    }
    let id = c.ok(["create", "-m", "512m", "busybox"]).says("WARNING: ").line();
    assert_eq!(c.inspect(&id, "{{.HostConfig.Memory}}"), "0");
}

//! `exec`: another process in a running container.

use crate::harness::{Coracle, eventually};
use crate::need;

fn sleeping(flags: &[&str]) -> (Coracle, String) {
    let c = Coracle::busybox();
    let head = ["run", "-d"].into_iter();
    let id = c.ok(head.chain(flags.iter().copied()).chain(["busybox", "sleep", "600"])).line();
    (c, id)
}

#[test]
fn output_and_status_come_through() {
    let (c, id) = sleeping(&[]);
    let output = c.fails(7, ["exec", &id, "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((output.text(), output.err().as_str()), ("out\n", "err\n"));
    c.fails(137, ["exec", &id, "sh", "-c", "kill -KILL $$"]);
}

#[test]
fn stdin_is_passed_with_i() {
    let (c, id) = sleeping(&[]);
    let input = b"0123456789abcdef".repeat(65536);
    let output = c.given(&input, ["exec", "-i", &id, "cat"]).success();
    assert!(output.stdout == input, "{} bytes came back", output.stdout.len());
    assert_eq!(c.given(b"x", ["exec", &id, "cat"]).success().text(), "");
}

#[test]
fn it_sees_the_containers_world() {
    let (c, id) = sleeping(&["-e", "A=b", "-h", "zed", "-w", "/tmp"]);
    let output = c.ok(["exec", &id, "sh", "-c", "echo $A; hostname; pwd; cat /proc/1/comm; echo x > /made"]);
    assert_eq!(output.lines(), ["b", "zed", "/tmp", "sleep"]);
    assert_eq!(c.ok(["exec", &id, "cat", "/made"]).line(), "x");
    for namespace in ["mnt", "pid", "ipc", "uts", "user", "net", "cgroup"] {
        let path = format!("/proc/{{1,self}}/ns/{namespace}");
        let script = format!("for p in 1 self; do readlink /proc/$p/ns/{namespace}; done | uniq | wc -l");
        assert_eq!(c.ok(["exec", &id, "sh", "-c", &script]).line(), "1", "{path}");
    }
}

#[test]
fn environment_and_directory_can_be_given() {
    let (c, id) = sleeping(&["-e", "A=container"]);
    let file = c.file("env", "B=file\n");
    let file = file.to_str().expect("a plain path");
    let args = ["exec", "-e", "A=exec", "--env-file", file, "-w", "/etc", &id, "sh", "-c", "echo $A $B $PWD"];
    assert_eq!(c.ok(args).line(), "exec file /etc");
    let output = c.output(["exec", "-w", "/no/such", &id, "true"]);
    assert!(output.status != 0, "{output}");
}

#[test]
fn users_are_looked_up_in_the_container() {
    need!(ids);
    let (c, id) = sleeping(&[]);
    let output = c.ok(["exec", "-u", "app", &id, "sh", "-c", "id; echo $HOME"]);
    assert_eq!(output.lines(), ["uid=1000(app) gid=1000(app) groups=7(extra),1000(app)", "/home/app"]);
    assert_eq!(c.ok(["exec", "-u", "1:7", &id, "id", "-g"]).line(), "7");
    let output = c.output(["exec", "-u", "nosuch", &id, "true"]);
    assert_ne!(output.status, 0);
    output.says("unable to find user nosuch");
}

#[test]
fn missing_and_unfit_commands_have_their_statuses() {
    let (c, id) = sleeping(&[]);
    c.fails(127, ["exec", &id, "nosuchprogram"]).says("executable file not found");
    c.fails(126, ["exec", &id, "/etc/passwd"]).says("permission denied");
}

#[test]
fn it_needs_a_running_container() {
    let c = Coracle::busybox();
    c.fails(1, ["exec", "nosuch", "true"]).says("No such container: nosuch");
    let id = c.ok(["create", "busybox"]).line();
    c.fails(1, ["exec", &id, "true"]).says("is not running");
    c.fails(1, ["exec", &id]).says("requires at least 2 arguments");
}

#[test]
fn detached_it_prints_nothing_and_goes_on() {
    let (c, id) = sleeping(&[]);
    assert_eq!(c.ok(["exec", "-d", &id, "sh", "-c", "sleep 0.1; echo x > /made"]).text(), "");
    eventually("the file", || c.output(["exec", &id, "cat", "/made"]).text() == "x\n");
}

#[test]
fn capabilities_and_filter_are_the_containers() {
    let (c, id) = sleeping(&["--cap-drop", "CHOWN"]);
    let status = |flags: &[&str], field: &str| {
        let args = ["exec"].into_iter().chain(flags.iter().copied());
        let field = format!("^{field}:");
        let output = c.ok(args.chain([id.as_str(), "grep", &field, "/proc/self/status"]));
        output.line().split_whitespace().nth(1).expect("a value").to_owned()
    };
    assert_eq!(status(&[], "CapEff"), "00000000a80425fa");
    assert_eq!(status(&[], "Seccomp"), "2");
    assert!(status(&["--privileged"], "CapEff").ends_with("ffffffff"));
}

#[test]
fn many_at_once_keep_their_output_apart() {
    let (c, id) = sleeping(&[]);
    std::thread::scope(|scope| {
        for nth in 0..12 {
            let (c, id) = (&c, &id);
            scope.spawn(move || {
                let text = format!("number {nth}");
                assert_eq!(c.ok(["exec", id, "echo", &text]).line(), text);
            });
        }
    });
}

#[test]
fn it_ends_with_its_container() {
    let (c, id) = sleeping(&[]);
    let mut exec = c.spawn(["exec", &id, "sh", "-c", "echo ready; exec sleep 600"]);
    exec.line_with("ready");
    c.ok(["kill", &id]);
    assert_eq!(exec.wait(), 137);
}

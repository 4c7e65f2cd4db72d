//! Containers on a terminal: `-t`, its size, detaching and coming back.

use crate::harness::Coracle;
use crate::harness::terminal::Terminal;

fn terminal<'a>(c: &Coracle, args: impl IntoIterator<Item = &'a str>) -> Terminal {
    Terminal::start(&mut c.command(args))
}

#[test]
fn a_shell_with_it_is_a_session() {
    let c = Coracle::busybox();
    let mut shell = terminal(&c, ["run", "--rm", "-it", "busybox", "sh"]);
    shell.expect("# ");
    shell.type_in("tty; echo $TERM; test -t 0 && test -t 1 && test -t 2 && echo all of them\r");
    shell.expect("/dev/pts/0");
    shell.expect("xterm");
    shell.expect("all of them");
    shell.expect("# ");
    shell.type_in("exit 9\r");
    assert_eq!(shell.wait(), 9);
}

#[test]
fn the_interrupt_key_reaches_the_foreground_job() {
    let c = Coracle::busybox();
    let mut shell = terminal(&c, ["run", "--rm", "-it", "busybox", "sh"]);
    shell.expect("# ");
    shell.type_in("sh -c 'echo run''ning; exec sleep 600'\r");
    shell.expect("running\r\n");
    shell.type_in("\x03");
    shell.expect("# ");
    shell.type_in("echo status $?\r");
    shell.expect("status 130");
    shell.type_in("exit\r");
    shell.wait();
}

#[test]
fn the_size_is_the_callers_and_follows() {
    let c = Coracle::busybox();
    let mut shell = terminal(&c, ["run", "--rm", "-it", "busybox", "sh"]);
    shell.expect("# ");
    shell.type_in("stty size\r");
    shell.expect("24 80");
    shell.expect("# ");
    shell.resize(33, 99);
    shell.type_in("sleep 0.3; stty size\r");
    shell.expect("33 99");
    shell.type_in("exit\r");
    shell.wait();
}

#[test]
fn the_size_is_right_from_the_first_moment() {
    let c = Coracle::busybox();
    let mut run = terminal(&c, ["run", "--rm", "-it", "busybox", "stty", "size"]);
    run.expect("24 80");
    assert_eq!(run.wait(), 0);
}

#[test]
fn detach_keys_leave_the_container_running_and_attach_comes_back() {
    let c = Coracle::busybox();
    let mut shell = terminal(&c, ["run", "-it", "--name", "box", "busybox", "sh"]);
    shell.expect("# ");
    shell.type_in("x=kept\r");
    shell.expect("# ");
    shell.type_in("\x10\x11");
    assert_eq!(shell.wait(), 0);
    assert_eq!(c.inspect("box", "{{.State.Status}}"), "running");
    let mut again = terminal(&c, ["attach", "box"]);
    again.type_in("\recho $x\r");
    again.expect("kept\r\n");
    again.type_in("exit 4\r");
    assert_eq!(again.wait(), 4);
}

#[test]
fn detach_keys_can_be_chosen_and_prefixes_pass() {
    let c = Coracle::busybox();
    let keys = ["--detach-keys", "ctrl-x,d"];
    let command = ["busybox", "sh", "-c", "echo ready; exec cat -v"];
    let args = ["run", "-it", "--name", "box"].into_iter().chain(keys).chain(command);
    let mut shell = terminal(&c, args);
    shell.expect("ready");
    shell.type_in("first\r");
    shell.expect("first\r\nfirst");
    // The prefix and something else: both arrive.
    shell.type_in("\x18y\r");
    shell.expect("^Xy\r\n^Xy");
    shell.type_in("\x18d");
    assert_eq!(shell.wait(), 0);
    assert_eq!(c.inspect("box", "{{.State.Status}}"), "running");
    c.fails(125, ["run", "--detach-keys", "ctrl-nosuch", "busybox", "true"]);
}

#[test]
fn a_closed_terminal_leaves_the_container_running() {
    let c = Coracle::busybox();
    let mut shell = terminal(&c, ["run", "-it", "--name", "box", "busybox", "sh"]);
    shell.expect("# ");
    shell.hang_up();
    assert_eq!(c.inspect("box", "{{.State.Status}}"), "running");
}

#[test]
fn t_without_a_terminal_still_gives_one_inside() {
    let c = Coracle::busybox();
    let output = c.ok(["run", "--rm", "-t", "busybox", "sh", "-c", "tty; echo err >&2"]);
    assert_eq!(output.text(), "/dev/pts/0\r\nerr\r\n");
    assert_eq!(c.ok(["run", "--rm", "-t", "busybox", "ls", "/dev/console"]).text(), "/dev/console\r\n");
}

#[test]
fn exec_it_is_a_session_of_its_own() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "exec sleep 600");
    let mut shell = terminal(&c, ["exec", "-it", &id, "sh"]);
    shell.expect("# ");
    shell.type_in("tty; stty size\r");
    shell.expect("/dev/pts/");
    shell.expect("24 80");
    shell.resize(40, 100);
    shell.type_in("sleep 0.3; stty size\r");
    shell.expect("40 100");
    shell.type_in("exit 6\r");
    assert_eq!(shell.wait(), 6);
}

#[test]
fn no_byte_of_a_terminals_stream_is_lost() {
    let c = Coracle::busybox();
    let output = c.ok([
        "run",
        "--rm",
        "-t",
        "busybox",
        "sh",
        "-c",
        "stty -opost; yes 0123456789abcde | head -c 1600000",
    ]);
    assert_eq!(output.stdout.len(), 1_600_000);
}

#[test]
fn the_callers_terminal_is_put_back() {
    let c = Coracle::busybox();
    let script = format!(
        "stty -a > before; '{}' run --rm -it busybox true; stty -a > after; cmp before after && echo same",
        crate::harness::binary().display()
    );
    let mut command = c.command(["x"]);
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(script).current_dir(c.home()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env_clear();
    let mut terminal = Terminal::start(&mut shell);
    terminal.expect("same");
    terminal.wait();
}

#[test]
fn attach_without_a_terminal_follows_the_output() {
    let c = Coracle::busybox();
    let id = c.detached(&["-i"], "read x; echo got $x; exit 3");
    let mut attach = c.spawn(["attach", &id]);
    attach.type_in("word\n");
    assert_eq!(attach.line_with("got"), "got word");
    assert_eq!(attach.wait(), 3);
}

#[test]
fn attach_needs_a_running_container() {
    let c = Coracle::busybox();
    let id = c.ok(["create", "busybox"]).line();
    c.fails(1, ["attach", &id]).says("You cannot attach to a stopped container, start it first");
    c.fails(1, ["attach", "nosuch"]).says("No such container: nosuch");
}

#[test]
fn attach_can_leave_stdin_alone() {
    let c = Coracle::busybox();
    let id = c.detached(&["-i"], "(while :; do echo tick; sleep 0.05; done) & read x; echo got $x");
    let attach = c.spawn(["attach", "--no-stdin", &id]);
    attach.line_with("tick");
    let mut typing = c.spawn(["attach", &id]);
    typing.type_in("word\n");
    assert_eq!(attach.line_with("got"), "got word");
}

#[test]
fn attach_passes_signals() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "trap 'echo int; exit 12' INT; while :; do echo tick; sleep 0.05; done");
    let mut attach = c.spawn(["attach", &id]);
    attach.line_with("tick");
    attach.signal(rustix::process::Signal::INT);
    attach.line_with("int");
    assert_eq!(attach.wait(), 12);
}

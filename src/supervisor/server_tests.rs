use super::super::client::{Client, ClientError};
use super::super::session::Ends;
use super::*;
use crate::container::spec::{LogSpec, RestartPolicy};
use crate::logs::{self, Entry, Query};
use crate::supervisor::protocol::{Request, STDIN_CREDIT};
use crate::supervisor::session::Wanted;
use crate::sys::socket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

/// Processes of this machine in place of a container's.
struct Host {
    script: String,
    wanted: Wanted,
    log: PathBuf,
}

impl Host {
    fn run(&self) -> Run {
        let log = LogSpec::default();
        let log = logs::open(&log.driver, &log.options, &self.log, &logs::About::default()).unwrap();
        let (stdio, ends): (Stdio, Ends) = self.wanted.open().unwrap();
        let main = spawn(&["/bin/sh", "-c", &self.script], stdio);
        let main = Session::new(main, ends, self.wanted).unwrap();
        Run { main, log, health: Some(Health::default()), helper: None }
    }
}

#[allow(clippy::zombie_processes, reason = "the server collects it by its pidfd")]
fn spawn(argv: &[&str], stdio: Stdio) -> Started {
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]);
    let console = match stdio {
        Stdio::Streams { stdin, stdout, stderr } => {
            command.stdin(stdin).stdout(stdout).stderr(stderr);
            None
        }
        Stdio::Terminal { rows, columns } => {
            let pty = crate::sys::terminal::open_pty().unwrap();
            let copy = || pty.slave.try_clone().unwrap();
            command.stdin(copy()).stdout(copy()).stderr(copy());
            crate::sys::terminal::set_window_size(pty.master.as_fd(), WindowSize { rows, columns }).unwrap();
            Some(pty.master)
        }
    };
    let child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    Started { pid: child.id() as i32, pidfd, console }
}

impl Machine for Host {
    fn exec(&mut self, spec: &ExecSpec, stdio: Stdio) -> Result<Started, Failure> {
        if spec.argv[0] == "nosuch" {
            return Err(Failure::new(super::super::protocol::FailureKind::CommandNotFound, "not found"));
        }
        Ok(spawn(&spec.argv.iter().map(String::as_str).collect::<Vec<_>>(), stdio))
    }

    fn show_health(&mut self, _: &Health) {}

    fn start(&mut self, _: u32) -> Result<Run, Failure> {
        Ok(self.run())
    }

    fn show_paused(&mut self, _: bool) -> std::io::Result<()> {
        Ok(())
    }

    fn report(&mut self, _: &str, _: &[(&str, String)]) {}
}

struct Served {
    dir: tempfile::TempDir,
    exit: mpsc::Receiver<Exit>,
}

const PIPES: Wanted = Wanted { stdin: true, output: true, terminal: None, close_stdin: true };

fn serve(script: &str, wanted: Wanted) -> Served {
    serve_again(script, wanted, RestartPolicy::No)
}

/// With `exit` of every run.
fn serve_again(script: &str, wanted: Wanted, policy: RestartPolicy) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let listener = socket::listen(&dir.path().join("s")).unwrap();
    let (tell, exit) = mpsc::channel();
    // Nothing runs before the first client says so.
    let script = format!("while ! test -e {}/go; do sleep 0.01; done; {script}", dir.path().display());
    let host = Host { script, wanted, log: dir.path().join("log") };
    std::thread::spawn(move || {
        let signals = SignalFd::new(&signal::SignalSet::empty()).unwrap();
        let settings = Settings {
            stop_signal: 15,
            stops_by_that_only: false,
            stop_timeout: Duration::from_secs(1),
            run_limit: None,
            checks: None,
        };
        let main = host.run();
        let restarts = Restarts::new(policy);
        let mut server = Server::new(listener, signals, host, main, settings, restarts, None).unwrap();
        let exit = loop {
            let exit = exit_of(&server.run().unwrap());
            server.finish().unwrap();
            tell.send(exit.clone()).unwrap();
            let Some(pause) = server.pause_before_next(&exit) else { break exit };
            server.announce_run(&exit);
            if !server.rest(pause).unwrap() {
                break exit;
            }
            server.start().unwrap();
        };
        server.close();
        server.announce(&exit);
        server.stay().unwrap();
    });
    Served { dir, exit }
}

impl Served {
    fn client(&self) -> Client {
        Client::connect(&self.dir.path().join("s")).unwrap()
    }
    fn attached(&self) -> Client {
        let mut client = self.client();
        let all = AttachStreams { stdin: true, stdout: true, stderr: true };
        assert_eq!(client.ask(&Request::Attach(all)).unwrap(), Reply::Done);
        client
    }
    fn go(&self) {
        std::fs::write(self.dir.path().join("go"), "").unwrap();
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Everything until the end: stdout, stderr, status.
fn collect(client: &mut Client) -> (Vec<u8>, Vec<u8>, u8) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    loop {
        match client.receive().unwrap() {
            Reply::Stdout(bytes) => out.extend(bytes),
            Reply::Stderr(bytes) => err.extend(bytes),
            Reply::Exited(exit) => return (out, err, exit.code),
            _ => {}
        }
    }
}

fn logged(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    logs::read(logs::DEFAULT, path, &Query::default(), &|| false, &mut |entry: &Entry<'_>| {
        text.extend_from_slice(entry.text);
        Ok(())
    })
    .unwrap();
    text
}

#[test]
fn every_client_and_the_log_get_all_output_before_the_end() {
    let served = serve("printf 'out\\n'; printf 'err\\n' >&2; exit 7", PIPES);
    let (mut a, mut b) = (served.attached(), served.attached());
    let mut waiter = served.client();
    waiter.send(&Request::Wait).unwrap();
    served.go();
    for client in [&mut a, &mut b] {
        assert_eq!(collect(client), (b"out\n".to_vec(), b"err\n".to_vec(), 7));
    }
    assert_eq!(collect(&mut waiter), (vec![], vec![], 7));
    assert_eq!(logged(&served.path("log")).len(), 8);
}

#[test]
fn a_client_that_does_not_read_loses_nothing_and_holds_up_no_other_request() {
    let served = serve("seq 1 400000", PIPES);
    let mut slow = served.attached();
    served.go();
    let mut other = served.client();
    // Long enough for the queue to fill; answers come all the same.
    for _ in 0..20 {
        assert!(matches!(other.ask(&Request::Processes).unwrap(), Reply::Processes(_)));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(served.exit.try_recv().is_err(), "the container is held back");
    let (out, _, code) = collect(&mut slow);
    let expected: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert_eq!((out == expected.as_bytes(), code), (true, 0));
    assert!(logged(&served.path("log")) == expected.as_bytes());
}

#[test]
fn a_slow_client_that_goes_lets_the_container_go_on() {
    let served = serve("seq 1 400000", PIPES);
    let slow = served.attached();
    served.go();
    std::thread::sleep(Duration::from_millis(50));
    drop(slow);
    assert_eq!(served.exit.recv_timeout(Duration::from_secs(20)).unwrap().code, 0);
    assert!(logged(&served.path("log")).ends_with(b"\n400000\n"));
}

#[test]
fn stdin_comes_through_whole_with_credit_and_its_end_is_seen() {
    let served = serve("cat", PIPES);
    let mut client = served.attached();
    served.go();
    let text: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let (mut sent, mut credit, mut out) = (0, STDIN_CREDIT, Vec::new());
    loop {
        while sent < text.len() && credit > 0 {
            let piece = &text[sent..(sent + credit.min(30_000)).min(text.len())];
            client.send(&Request::Stdin(piece.to_vec())).unwrap();
            sent += piece.len();
            credit -= piece.len();
            if sent == text.len() {
                client.send(&Request::CloseStdin).unwrap();
            }
        }
        match client.receive().unwrap() {
            Reply::Stdout(bytes) => out.extend(bytes),
            Reply::StdinTaken(n) => credit += n,
            Reply::Exited(exit) => break assert_eq!(exit.code, 0),
            other => panic!("{other:?}"),
        }
    }
    assert!(out == text);
}

#[test]
fn a_signal_goes_through_while_nobody_takes_the_input() {
    let served = serve("exec sleep 1000", PIPES);
    let mut client = served.attached();
    served.go();
    client.send(&Request::Stdin(vec![0; 60_000])).unwrap();
    client.send(&Request::Stdin(vec![0; 60_000])).unwrap();
    client.send(&Request::Signal(15)).unwrap();
    assert_eq!(collect(&mut client).2, 128 + 15);
}

#[test]
fn input_that_nobody_will_read_is_taken_all_the_same() {
    let served = serve("exec <&-; sleep 0.2; echo end", PIPES);
    let mut client = served.attached();
    served.go();
    std::thread::sleep(Duration::from_millis(100));
    client.send(&Request::Stdin(b"x".to_vec())).unwrap();
    assert_eq!(client.receive().unwrap(), Reply::StdinTaken(1));
    assert_eq!(collect(&mut client), (b"end\n".to_vec(), vec![], 0));
}

#[test]
fn garbage_costs_the_client_its_connection_and_nobody_else_anything() {
    use std::io::{Read, Write};
    let served = serve("cat", PIPES);
    let mut good = served.attached();
    served.go();
    for garbage in
        [&b"GET / HTTP/1.0\r\n\r\n"[..], &[0xff; 4096], &[0; 64], &[5, 0, 0, 0, 0, b'n', b'o', b'p', b'e']]
    {
        let mut bad = std::os::unix::net::UnixStream::connect(served.path("s")).unwrap();
        bad.write_all(garbage).unwrap();
        bad.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let end = bad.read(&mut [0; 16]);
        assert!(matches!(&end, Ok(0)) || end.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset));
    }
    good.send(&Request::Stdin(b"still here".to_vec())).unwrap();
    good.send(&Request::CloseStdin).unwrap();
    assert_eq!(collect(&mut good).0, b"still here");
}

#[test]
fn more_stdin_than_the_credit_ends_the_connection() {
    let served = serve("exec sleep 1000", PIPES);
    let mut client = served.attached();
    served.go();
    for _ in 0..100 {
        let _ = client.send(&Request::Stdin(vec![0; 60_000]));
    }
    let end = loop {
        match client.receive() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(end, ClientError::Ended));
    served.client().send(&Request::Signal(9)).unwrap();
    assert_eq!(served.exit.recv().unwrap().signal, Some(9));
}

#[test]
fn exec_has_its_own_streams_and_status_and_leaves_the_container_alone() {
    let served = serve("sleep 0.5; echo main", PIPES);
    let mut main = served.attached();
    served.go();
    let exec = |script: &str| {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let mut client = served.client();
        let spec = ExecSpec { argv, stdin: true, ..ExecSpec::default() };
        assert_eq!(client.ask(&Request::Exec { spec, window: None }).unwrap(), Reply::Started);
        client
    };
    assert_eq!(collect(&mut exec("echo one; exit 3")), (b"one\n".to_vec(), vec![], 3));
    // A child that keeps the pipe open does not keep the client.
    let started = Instant::now();
    let (pid, _, code) = collect(&mut exec("sleep 20 & echo $!"));
    assert!(code == 0 && started.elapsed() < Duration::from_secs(10));
    let pid = std::str::from_utf8(&pid).unwrap().trim().parse().unwrap();
    crate::sys::process::kill(pid, libc::SIGKILL).unwrap();
    let mut unknown = served.client();
    let spec = ExecSpec { argv: vec!["nosuch".into()], ..ExecSpec::default() };
    assert!(matches!(unknown.ask(&Request::Exec { spec, window: None }), Err(ClientError::Failed(_))));
    // One that outlives the container ends with it, and its client learns so.
    let mut long = exec("exec sleep 1000");
    assert_eq!(collect(&mut main).0, b"main\n");
    assert_eq!(collect(&mut long).2, 128 + 9);
}

#[test]
fn a_terminal_has_one_stream_and_a_size() {
    let window = WindowSize { rows: 12, columns: 34 };
    let wanted = Wanted { terminal: Some(window), ..PIPES };
    let served = serve("stty size; read x; stty size; echo $x >&2", wanted);
    let mut client = served.attached();
    served.go();
    loop {
        if let Reply::Stdout(bytes) = client.receive().unwrap() {
            assert_eq!(bytes, b"12 34\r\n");
            break;
        }
    }
    client.send(&Request::Resize(WindowSize { rows: 43, columns: 21 })).unwrap();
    client.send(&Request::Stdin(b"hi\n".to_vec())).unwrap();
    let (out, err, code) = collect(&mut client);
    assert_eq!((String::from_utf8(out).unwrap().as_str(), err.len(), code), ("hi\r\n43 21\r\nhi\r\n", 0, 0));
}

#[test]
fn without_stdin_once_the_containers_stdin_outlives_its_clients() {
    let served = serve("cat", Wanted { close_stdin: false, ..PIPES });
    let mut first = served.attached();
    served.go();
    first.send(&Request::Stdin(b"one ".to_vec())).unwrap();
    first.send(&Request::CloseStdin).unwrap();
    loop {
        if first.receive().unwrap() == Reply::Stdout(b"one ".to_vec()) {
            break;
        }
    }
    drop(first);
    let mut second = served.attached();
    second.send(&Request::Stdin(b"two".to_vec())).unwrap();
    loop {
        if second.receive().unwrap() == Reply::Stdout(b"two".to_vec()) {
            break;
        }
    }
    second.send(&Request::Signal(15)).unwrap();
    assert_eq!(collect(&mut second).2, 128 + 15);
}

#[test]
fn many_clients_come_and_go_and_leave_no_descriptor() {
    let served = serve("exec sleep 1000", PIPES);
    served.go();
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for _ in 0..2000 {
        let mut client = served.attached();
        client.send(&Request::Processes).unwrap();
    }
    let mut last = served.client();
    last.ask(&Request::Signal(9)).unwrap();
    served.exit.recv().unwrap();
    drop(last);
    // Other tests run beside this one: far fewer than two thousand is the claim.
    assert!(open() < before + 500);
}

#[test]
fn the_next_run_has_streams_of_its_own_and_the_same_log() {
    let served = serve_again("echo run; exit 3", PIPES, RestartPolicy::OnFailure { retries: 2 });
    let mut first = served.attached();
    served.go();
    assert_eq!(collect(&mut first), (b"run\n".to_vec(), vec![], 3));
    let codes: Vec<u8> = served.exit.iter().map(|exit| exit.code).collect();
    assert_eq!(codes, [3, 3, 3]);
    assert_eq!(logged(&served.path("log")), b"run\nrun\nrun\n");
}

#[test]
fn between_two_runs_nothing_is_there_to_talk_to_and_a_signal_ends_the_waiting() {
    let served = serve_again("exit 1", PIPES, RestartPolicy::Always);
    served.go();
    // Pauses of 100, 200, 400 and 800 ms: long enough to be asked in.
    for _ in 0..4 {
        served.exit.recv().unwrap();
    }
    let mut client = served.client();
    let all = AttachStreams { stdin: true, stdout: true, stderr: true };
    let spec = ExecSpec { argv: vec!["true".into()], ..ExecSpec::default() };
    for request in [Request::Attach(all), Request::Exec { spec, window: None }, Request::Pause] {
        let error = client.ask(&request).unwrap_err();
        assert!(error.to_string().contains("restarting"), "{request:?}: {error}");
    }
    assert_eq!(client.ask(&Request::Processes).unwrap(), Reply::Processes(vec![]));
    assert_eq!(client.ask(&Request::Signal(15)).unwrap(), Reply::Done);
    client.send(&Request::Wait).unwrap();
    assert!(matches!(client.receive(), Ok(Reply::Exited(Exit { code: 1, .. })) | Err(ClientError::Ended)));
    assert!(served.exit.recv().is_err(), "it has run again");
}

#[test]
fn a_new_policy_counts_from_the_next_end_on() {
    let served = serve_again("exec sleep 1000", PIPES, RestartPolicy::Always);
    let mut client = served.client();
    served.go();
    assert_eq!(client.ask(&Request::Restart(RestartPolicy::No)).unwrap(), Reply::Done);
    let Reply::Processes(pids) = client.ask(&Request::Processes).unwrap() else { panic!("no processes") };
    crate::sys::process::kill(pids[0], libc::SIGKILL).unwrap();
    assert_eq!(served.exit.recv().unwrap().signal, Some(9));
    assert!(served.exit.recv().is_err(), "it has run again");
}

//! Commands with a deadline: nothing a test starts can hang it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::DEADLINE;

/// What came of a command.
#[derive(Debug)]
pub struct Output {
    /// As a shell counts it: 128 + n after signal n.
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    command: String,
}

impl Output {
    #[track_caller]
    pub fn success(self) -> Output {
        self.status_is(0)
    }
    #[track_caller]
    pub fn status_is(self, status: i32) -> Output {
        if self.status != status {
            panic!("status {}, not {status}: {self}", self.status);
        }
        self
    }
    /// stdout or stderr has the text.
    #[track_caller]
    pub fn says(self, text: &str) -> Output {
        if !self.text().contains(text) && !self.err().contains(text) {
            panic!("does not say {text:?}: {self}");
        }
        self
    }
    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Output {
        if self.text().contains(text) || self.err().contains(text) {
            panic!("says {text:?}: {self}");
        }
        self
    }
    /// stdout.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text on stdout")
    }
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
    /// stdout, which must be one line.
    #[track_caller]
    pub fn line(&self) -> String {
        let lines = self.lines();
        assert!(lines.len() == 1, "one line is wanted: {self}");
        lines[0].to_owned()
    }
    #[track_caller]
    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let clip = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]).into_owned();
        write!(
            f,
            "{}\n-- status {}\n-- stdout\n{}\n-- stderr\n{}",
            self.command,
            self.status,
            clip(&self.stdout),
            clip(&self.stderr)
        )
    }
}

fn shell_status(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().expect("neither code nor signal"))
}

/// Runs a command to its end and to the end of its output: a process that stays behind with the output
/// open counts as hanging.
#[track_caller]
pub fn output(command: &mut Command, input: Option<&[u8]>, limit: Duration) -> Output {
    let input = input.map(<[u8]>::to_vec);
    match finish(command, input, limit) {
        Ok(output) => output,
        Err(why) => panic!("{why}"),
    }
}

/// The same where a hanging command is no failure of the test.
pub fn try_output(command: &mut Command, limit: Duration) -> Option<Output> {
    finish(command, None, limit).ok()
}

fn finish(command: &mut Command, input: Option<Vec<u8>>, limit: Duration) -> Result<Output, String> {
    let what = format!("{command:?}");
    let what = what.split("\" \"").collect::<Vec<_>>().join(" ");
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{what}: {error}"))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A reader that goes early (a bad archive) is what some tests are about.
        thread::spawn(move || stdin.write_all(&input));
    }
    let stdout = collect(child.stdout.take().expect("piped"));
    let stderr = collect(child.stderr.take().expect("piped"));
    let end = Instant::now() + limit;
    let hangs = |what: &str, child: &mut Child| {
        let state = match child.try_wait() {
            Ok(Some(_)) => "ended but left its output open",
            _ => "still runs",
        };
        let _ = child.kill();
        let _ = child.wait();
        Err(format!("{what}: {state} after {limit:?}"))
    };
    let mut taken = [Vec::new(), Vec::new()];
    for (bytes, stream) in taken.iter_mut().zip([stdout, stderr]) {
        match stream.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(all) => *bytes = all,
            Err(_) => return hangs(&what, &mut child),
        }
    }
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() > end => return hangs(&what, &mut child),
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    let [stdout, stderr] = taken;
    Ok(Output { status: shell_status(status), stdout, stderr, command: what })
}

fn collect(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// A command that runs beside the test. Dropping it kills it.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<Vec<u8>>>,
    what: String,
}

impl Running {
    #[track_caller]
    pub fn start(command: &mut Command) -> Running {
        let what = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        thread::spawn(move || {
            for line in stdout.split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (child.stderr.take().expect("piped"), stderr.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                to.lock().expect("no panic while held").extend_from_slice(&buffer[..count]);
            }
        });
        Running { stdin: child.stdin.take(), child, lines, stderr, what }
    }
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }
    /// The next line of stdout.
    #[track_caller]
    pub fn line(&self) -> String {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{}: no line in time; stderr: {}", self.what, self.err())
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("{}: its output ended; stderr: {}", self.what, self.err())
            }
        }
    }
    /// Reads on until a line has the text.
    #[track_caller]
    pub fn line_with(&self, text: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
    }
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().expect("no panic while held")).into_owned()
    }
    #[track_caller]
    pub fn type_in(&mut self, text: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(text.as_ref()).and_then(|()| stdin.flush()).expect("the command reads its stdin");
    }
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid()).expect("a child has a pid");
        kill_process(pid, signal).expect("the command still runs");
    }
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
    /// Waits for its end; the status as a shell counts it.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        self.wait_for(DEADLINE)
    }
    #[track_caller]
    pub fn wait_for(&mut self, limit: Duration) -> i32 {
        let end = Instant::now() + limit;
        loop {
            match self.child.try_wait().expect("our child") {
                Some(status) => return shell_status(status),
                None if Instant::now() > end => {
                    panic!("{}: still runs after {limit:?}; stderr: {}", self.what, self.err())
                }
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until it holds.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited {DEADLINE:?} in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs another program (a second opinion, a tool); must succeed.
#[track_caller]
pub fn tool<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Output {
    output(Command::new(program).args(args), None, DEADLINE).success()
}

/// Processes that have a path in their environment.
pub fn processes_with_environment(path: &Path) -> Vec<i32> {
    let needle = path.as_os_str().as_bytes();
    let mentions = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(needle.len()).any(|window| window == needle)
    };
    let own = std::process::id() as i32;
    let numbers = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != own).filter(mentions).collect()
}

/// Kills a process and returns when it is gone, with all of its threads and descriptors: a dying one has no
/// environment any more while it still holds its locks.
pub fn kill(pid: i32) {
    let pid = Pid::from_raw(pid).expect("a pid");
    // It may have ended by itself.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    let _ = pidfd_send_signal(&process, Signal::KILL);
    let gone = PollFd::new(&process, PollFlags::IN);
    let deadline = rustix::time::Timespec { tv_sec: 60, tv_nsec: 0 };
    // One that does not end is found by the test's next look; a drop must not panic.
    let _ = rustix::event::poll(&mut [gone], Some(&deadline));
}

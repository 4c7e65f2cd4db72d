//! The loop of a supervisor: one thread, one epoll, everything non-blocking. Processes of the
//! container on one side, clients on the other, the log in between.
//!
//! A client that does not take its output holds up the container once [`HIGH`](super::connection::HIGH)
//! bytes wait for it (as Docker does), but never another client's requests. A client that breaks the
//! protocol loses its connection and nothing else.

mod checks;
mod clients;
mod streams;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, waitid};

use super::connection::Connection;
use super::pause::Paused;
use super::protocol::{DATA_LIMIT, Failure, FailureKind, Reply};
use super::restarts::Restarts;
use super::session::Session;
use crate::container::Exit;
use crate::container::health::Health;
use crate::container::spec::{AttachStreams, ExecSpec};
use crate::logs::{Sink, Stream};
use crate::runtime::{Started, Stdio};
use crate::sys::signal::{self, SignalFd};
use crate::sys::terminal::WindowSize;
use checks::Checks;
pub use checks::Plan as CheckPlan;

/// Beyond this many clients new ones are turned away: a runaway script must not use up our descriptors.
const CLIENTS: usize = 256;
/// Of a terminal whose client has none.
pub const DEFAULT_WINDOW: WindowSize = WindowSize { rows: 24, columns: 80 };
/// The first process's place among the sessions.
const MAIN: usize = 0;

/// How processes are started: the runtime, or a fake in tests.
pub trait Machine {
    fn exec(&mut self, spec: &ExecSpec, stdio: Stdio) -> Result<Started, Failure>;

    /// Runs the first process once more.
    fn start(&mut self, restarts: u32) -> Result<Run, Failure>;

    /// Shows others what came of a health check.
    fn show_health(&mut self, health: &Health);

    /// Shows others whether the container is paused.
    fn show_paused(&mut self, paused: bool) -> io::Result<()>;

    /// Writes down what happens in the container.
    fn report(&mut self, action: &str, facts: &[(&str, String)]);
}

/// One run of the container.
pub struct Run {
    pub main: Session,
    pub log: Option<Box<dyn Sink>>,
    /// Where its health stands, if it is checked.
    pub health: Option<Health>,
    /// A process without which it must not run on.
    pub helper: Option<Helper>,
}

/// A process outside of the container that works for it.
pub struct Helper {
    pub pidfd: OwnedFd,
    /// What came of it, if it ends before the container.
    pub loss: &'static str,
}

/// podman's status of a container that its time limit has ended.
const TIMED_OUT: u8 = 255;

/// What the loop needs to know of the container.
pub struct Settings {
    /// The signal that asks the container to stop, when the supervisor itself is asked to (a machine that
    /// goes down).
    pub stop_signal: i32,
    /// Somebody has chosen that signal, so that others do not mean a stop.
    pub stops_by_that_only: bool,
    pub stop_timeout: Duration,
    /// How long a run may take before it is killed.
    pub run_limit: Option<Duration>,
    pub checks: Option<CheckPlan>,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Listener,
    Signals,
    Connection(usize),
    Output(usize, Stream),
    Input(usize),
    Process(usize),
    Helper,
}

impl Source {
    fn token(self) -> epoll::EventData {
        let (kind, index) = match self {
            Source::Listener => (0, 0),
            Source::Signals => (1, 0),
            Source::Connection(i) => (2, i),
            Source::Output(i, Stream::Stdout) => (3, i),
            Source::Output(i, Stream::Stderr) => (4, i),
            Source::Input(i) => (5, i),
            Source::Process(i) => (6, i),
            Source::Helper => (7, 0),
        };
        epoll::EventData::new_u64((kind << 32) | index as u64)
    }

    fn of(token: u64) -> Source {
        let index = (token & 0xffff_ffff) as usize;
        match token >> 32 {
            0 => Source::Listener,
            1 => Source::Signals,
            2 => Source::Connection(index),
            3 => Source::Output(index, Stream::Stdout),
            4 => Source::Output(index, Stream::Stderr),
            5 => Source::Input(index),
            6 => Source::Process(index),
            _ => Source::Helper,
        }
    }
}

/// Values at numbers that stay theirs.
struct Slots<T>(Vec<Option<T>>);

impl<T> Slots<T> {
    fn add(&mut self, value: T) -> usize {
        let at = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if at == self.0.len() {
            self.0.push(None);
        }
        self.0[at] = Some(value);
        at
    }
    fn get(&mut self, at: usize) -> Option<&mut T> {
        self.0.get_mut(at)?.as_mut()
    }
    fn take(&mut self, at: usize) -> Option<T> {
        self.0.get_mut(at)?.take()
    }
    fn numbers(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|i| self.0[*i].is_some()).collect()
    }
}

pub struct Server<M> {
    poll: OwnedFd,
    listener: Option<UnixListener>,
    signals: SignalFd,
    pub machine: M,
    pub restarts: Restarts,
    settings: Settings,
    sessions: Slots<Session>,
    connections: Slots<Connection>,
    log: Option<Box<dyn Sink>>,
    buffer: Vec<u8>,
    /// When a container that was asked to stop is killed.
    deadline: Option<Instant>,
    /// When the pause between two runs is over.
    next_run: Option<Instant>,
    /// When the current run has begun.
    begun: Instant,
    /// When the current run has lasted long enough.
    limit: Option<Instant>,
    /// The last run was ended by that.
    timed_out: bool,
    /// Its end removes nothing.
    pub is_kept: bool,
    paused: Option<Paused>,
    /// The connection whose end ends the pause.
    holder: Option<usize>,
    checks: Option<Checks>,
    helper: Option<Helper>,
    /// Why the last run was ended, if its helper ended first.
    loss: Option<&'static str>,
}

impl<M: Machine> Server<M> {
    /// `starter` is the client that started the container, already attached if it wants to be.
    pub fn new(
        listener: UnixListener,
        signals: SignalFd,
        machine: M,
        run: Run,
        mut settings: Settings,
        restarts: Restarts,
        starter: Option<(Connection, Option<AttachStreams>)>,
    ) -> io::Result<Server<M>> {
        let Run { main, log, health, helper } = run;
        let checks = settings.checks.take().map(Checks::new);
        let limit = settings.run_limit.map(|limit| Instant::now() + limit);
        let mut server = Server {
            poll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            listener: None,
            signals,
            machine,
            restarts,
            settings,
            sessions: Slots(Vec::new()),
            connections: Slots(Vec::new()),
            log,
            buffer: vec![0; DATA_LIMIT],
            deadline: None,
            next_run: None,
            begun: Instant::now(),
            limit,
            timed_out: false,
            is_kept: false,
            paused: None,
            holder: None,
            checks,
            helper: None,
            loss: None,
        };
        server.watch(listener.as_fd(), Source::Listener, epoll::EventFlags::IN)?;
        server.listener = Some(listener);
        epoll::add(&server.poll, &server.signals, Source::Signals.token(), epoll::EventFlags::IN)?;
        if let Some((connection, attach)) = starter {
            let number = server.add_connection(connection)?;
            server.add_session(main)?;
            if let Some(streams) = attach {
                server.attach(number, MAIN, streams);
            }
        } else {
            server.add_session(main)?;
        }
        server.watch_helper(helper)?;
        server.begin_checks(health);
        Ok(server)
    }

    fn watch_helper(&mut self, helper: Option<Helper>) -> io::Result<()> {
        if let Some(helper) = &helper {
            self.watch(helper.pidfd.as_fd(), Source::Helper, epoll::EventFlags::IN)?;
        }
        self.helper = helper;
        Ok(())
    }

    /// What the container cannot do without has ended.
    fn helper_ended(&mut self) -> io::Result<()> {
        let Some(helper) = self.helper.take() else { return Ok(()) };
        let _ = epoll::delete(&self.poll, &helper.pidfd);
        self.loss = Some(helper.loss);
        self.send_to_main(libc::SIGKILL)
    }

    fn watch(&self, fd: BorrowedFd<'_>, source: Source, events: epoll::EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.poll, fd, source.token(), events)?)
    }

    fn add_connection(&mut self, connection: Connection) -> io::Result<usize> {
        let number = self.connections.add(connection);
        let connection = self.connections.get(number).expect("just added");
        let added = epoll::add(
            &self.poll,
            &*connection,
            Source::Connection(number).token(),
            epoll::EventFlags::IN | epoll::EventFlags::RDHUP,
        );
        if let Err(error) = added {
            self.connections.take(number);
            return Err(error.into());
        }
        Ok(number)
    }

    fn add_session(&mut self, session: Session) -> io::Result<usize> {
        let number = self.sessions.add(session);
        let session = self.sessions.get(number).expect("just added");
        epoll::add(&self.poll, &session.pidfd, Source::Process(number).token(), epoll::EventFlags::IN)?;
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(fd) = &session.outputs[stream as usize] {
                let source = Source::Output(number, stream);
                epoll::add(&self.poll, fd, source.token(), epoll::EventFlags::IN)?;
            }
        }
        Ok(number)
    }

    /// Serves until the first process has ended; its status.
    pub fn run(&mut self) -> io::Result<WaitIdStatus> {
        loop {
            if let Some(status) = self.turn()? {
                return Ok(status);
            }
        }
    }

    /// How the run ended that `run` told of.
    pub fn exit(&self, status: &WaitIdStatus) -> Exit {
        match exit_of(status) {
            exit if self.timed_out => Exit { code: TIMED_OUT, ..exit },
            exit => Exit { error: self.loss.map(str::to_owned), ..exit },
        }
    }

    /// How long to rest before the container runs again; `None` when it does not.
    pub fn pause_before_next(&mut self, exit: &Exit) -> Option<Duration> {
        self.restarts.after(exit.code, self.begun.elapsed())
    }

    /// Serves while nothing runs. Whether the time is over, or else somebody wants no further run.
    pub fn rest(&mut self, pause: Duration) -> io::Result<bool> {
        let until = Instant::now() + pause;
        self.next_run = Some(until);
        while !self.restarts.is_cancelled() && Instant::now() < until {
            self.turn()?;
        }
        self.next_run = None;
        Ok(!self.restarts.is_cancelled())
    }

    /// Runs the container again.
    pub fn start(&mut self) -> Result<(), Failure> {
        let Run { main, log, health, helper } = self.machine.start(self.restarts.count())?;
        self.log = log;
        self.begun = Instant::now();
        self.limit = self.settings.run_limit.map(|limit| self.begun + limit);
        self.timed_out = false;
        self.loss = None;
        let number = self.add_session(main).map_err(|e| Failure::system(&e))?;
        assert_eq!(number, MAIN, "every session of the run before has ended");
        self.watch_helper(helper).map_err(|e| Failure::system(&e))?;
        self.begin_checks(health);
        Ok(())
    }

    /// Waits for events and handles them. The first process's status when it has ended.
    fn turn(&mut self) -> io::Result<Option<WaitIdStatus>> {
        let empty = epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) };
        let mut events = [empty; 16];
        let check = self.checks.as_ref().and_then(Checks::next);
        let next = [self.deadline, self.next_run, self.limit, check].into_iter().flatten().min();
        let timeout = next.map(|at| {
            Timespec::try_from(at.saturating_duration_since(Instant::now())).expect("a short time")
        });
        let count = match epoll::wait(&self.poll, events.as_mut_slice(), timeout.as_ref()) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        if self.deadline.is_some_and(|at| at <= Instant::now()) {
            self.deadline = None;
            self.signal_main(libc::SIGKILL)?;
        }
        if self.limit.is_some_and(|at| at <= Instant::now()) {
            self.limit = None;
            self.timed_out = true;
            self.signal_main(libc::SIGKILL)?;
        }
        let mut ended = None;
        for event in &events[..count] {
            match Source::of(event.data.u64()) {
                Source::Listener => self.accept(),
                Source::Signals => self.asked_to_stop()?,
                Source::Connection(number) => self.connection_event(number, event.flags),
                Source::Output(number, stream) => self.output(number, stream),
                Source::Input(number) => self.input(number),
                Source::Helper => self.helper_ended()?,
                Source::Process(MAIN) => ended = self.reap(MAIN)?,
                Source::Process(number) => self.exec_ended(number)?,
            }
        }
        if ended.is_none() {
            self.tend_checks();
        }
        Ok(ended)
    }

    /// SIGTERM and SIGINT to the supervisor mean the container.
    fn asked_to_stop(&mut self) -> io::Result<()> {
        while let Some(number) = self.signals.read()? {
            if number != libc::SIGHUP && self.deadline.is_none() {
                self.restarts.cancel();
                self.stop()?;
            }
        }
        Ok(())
    }

    /// Asks the container to end, and gives it so much time.
    fn stop(&mut self) -> io::Result<()> {
        self.deadline = Some(Instant::now() + self.settings.stop_timeout);
        self.signal_main(self.settings.stop_signal)
    }

    /// What asks a container to end also ends its pause, or it could not (Docker's rule).
    fn signal_main(&mut self, number: i32) -> io::Result<()> {
        self.send_to_main(number)?;
        self.machine.report("kill", &[("signal", number.to_string())]);
        if [self.settings.stop_signal, libc::SIGTERM, libc::SIGKILL].contains(&number) {
            self.resume_processes()?;
        }
        Ok(())
    }

    fn send_to_main(&mut self, number: i32) -> io::Result<()> {
        let Some(main) = self.sessions.get(MAIN) else { return Ok(()) };
        match signal::send(main.pidfd.as_fd(), number) {
            // It has just ended: the event is on its way.
            Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            other => other,
        }
    }

    fn pause_processes(&mut self) -> Result<(), Failure> {
        let conflict = |text: &str| Failure::new(FailureKind::Conflict, text);
        self.running()?;
        if self.paused.is_some() {
            return Err(conflict("already paused"));
        }
        self.suspend_checks();
        let paused = match Paused::stop(|| self.tree()) {
            Ok(paused) => paused,
            Err(error) => {
                self.resume_checks();
                return Err(Failure::system(&error));
            }
        };
        if let Err(error) = self.machine.show_paused(true) {
            paused.resume();
            self.resume_checks();
            return Err(Failure::system(&error));
        }
        self.paused = Some(paused);
        self.machine.report("pause", &[]);
        Ok(())
    }

    /// Whether there was something to let go on.
    fn resume_processes(&mut self) -> io::Result<bool> {
        let Some(paused) = self.paused.take() else { return Ok(false) };
        self.holder = None;
        paused.resume();
        self.resume_checks();
        self.machine.show_paused(false)?;
        self.machine.report("unpause", &[]);
        Ok(true)
    }

    // --- clients

    // --- streams

    // --- ends

    fn reap(&mut self, number: usize) -> io::Result<Option<WaitIdStatus>> {
        let Some(session) = self.sessions.get(number) else { return Ok(None) };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        Ok(waitid(WaitId::PidFd(session.pidfd.as_fd()), options)?)
    }

    fn exec_ended(&mut self, number: usize) -> io::Result<()> {
        let Some(status) = self.reap(number)? else { return Ok(()) };
        self.drain(number);
        let Some(session) = self.sessions.take(number) else { return Ok(()) };
        let _ = epoll::delete(&self.poll, &session.pidfd);
        if let Some(input) = &session.input
            && input.watched
        {
            let _ = epoll::delete(&self.poll, &input.fd);
        }
        let exit = exit_of(&status);
        if let Some(id) = session.exec_id {
            self.machine.report("exec_die", &[("execID", id), ("exitCode", exit.code.to_string())]);
        }
        self.tell_end(&exit, |connection| connection.attachment.is_some_and(|a| a.session == number));
        self.check_ended(number, &exit);
        Ok(())
    }

    /// The first process has ended: ends and reaps the others, passes on and stores every last byte, closes
    /// the log.
    pub fn finish(&mut self) -> io::Result<()> {
        self.deadline = None;
        self.limit = None;
        if let Some(helper) = self.helper.take() {
            let _ = epoll::delete(&self.poll, &helper.pidfd);
        }
        self.suspend_checks();
        for number in self.sessions.numbers().into_iter().filter(|n| *n != MAIN) {
            // With the host's pid namespace they do not end by themselves.
            if let Some(session) = self.sessions.get(number) {
                let _ = signal::send(session.pidfd.as_fd(), libc::SIGKILL);
                let _ = waitid(
                    WaitId::PidFd(session.pidfd.as_fd()),
                    WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
                );
            }
            self.exec_ended(number)?;
        }
        self.drain(MAIN);
        if let Some(main) = self.sessions.take(MAIN) {
            let _ = epoll::delete(&self.poll, &main.pidfd);
            if let Some(input) = &main.input
                && input.watched
            {
                let _ = epoll::delete(&self.poll, &input.fd);
            }
        }
        self.resume_processes()?;
        self.log = None;
        Ok(())
    }

    /// No new client is let in: there is no further run.
    pub fn close(&mut self) {
        if let Some(listener) = self.listener.take() {
            let _ = epoll::delete(&self.poll, &listener);
        }
    }

    /// Stays until everybody has taken all that is theirs.
    pub fn stay(&mut self) -> io::Result<()> {
        while !self.connections.numbers().is_empty() {
            self.turn()?;
        }
        Ok(())
    }

    /// All processes inside: ours and what came of them. An orphan's parent is the first process, so the
    /// tree below it and below each `exec` holds them all.
    fn processes(&self) -> Vec<i32> {
        let mut found = self.tree();
        found.sort_unstable();
        found
    }

    /// The same, parents before children.
    fn tree(&self) -> Vec<i32> {
        tree_of(self.sessions.0.iter().flatten().map(|session| session.pid).collect())
    }
}

fn done(result: io::Result<()>) -> Reply {
    result.map_or_else(|error| Reply::Failed(Failure::system(&error)), |()| Reply::Done)
}

/// Processes and all that came of them.
fn tree_of(roots: Vec<i32>) -> Vec<i32> {
    let mut found = roots;
    let mut at = 0;
    while at < found.len() {
        for child in children(found[at]) {
            if !found.contains(&child) {
                found.push(child);
            }
        }
        at += 1;
    }
    found
}

/// proc_pid_children(5); of every thread, as each has its own.
fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|p| p.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Docker's numbers: the status, or 128 and the signal.
fn exit_of(status: &WaitIdStatus) -> Exit {
    let signal = status.terminating_signal();
    let code = match signal {
        Some(signal) => 128 + signal,
        None => status.exit_status().unwrap_or(0),
    };
    Exit { code: code as u8, signal, oom_killed: false, finished: jiff::Timestamp::now(), error: None }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;

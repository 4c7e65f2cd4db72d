//! The loop of a supervisor: one thread, one epoll, everything non-blocking. Processes of the
//! container on one side, clients on the other, the log in between.
//!
//! A client that does not take its output holds up the container once [`HIGH`](super::connection::HIGH)
//! bytes wait for it (as Docker does), but never another client's requests. A client that breaks the
//! protocol loses its connection and nothing else.

mod checks;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, waitid};

use super::connection::{Attachment, Connection, Gone, HIGH, LOW};
use super::pause::Paused;
use super::protocol::{DATA_LIMIT, Failure, FailureKind, Reply, Request, STDIN_CREDIT, output_header};
use super::restarts::Restarts;
use super::session::{Session, Taken, Wanted};
use crate::container::health::Health;
use crate::container::spec::{AttachStreams, ExecSpec};
use crate::container::{ContainerId, Exit};
use crate::events::exec_action;
use crate::logs::{Sink, Stream};
use crate::runtime::{Started, Stdio};
use crate::sys::signal::{self, SignalFd};
use crate::sys::socket;
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

    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        // One per event is enough: the poller reports what is left again.
        let Ok((stream, _)) = listener.accept() else { return };
        let own = rustix::process::geteuid().as_raw();
        if socket::peer_uid(stream.as_fd()).ok() != Some(own) || self.connections.numbers().len() >= CLIENTS {
            return;
        }
        // A failure drops the stream: the client sees its end.
        let _ = Connection::new(stream).and_then(|connection| self.add_connection(connection));
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

    fn connection_event(&mut self, number: usize, flags: epoll::EventFlags) {
        let result = (|| -> Result<(), Gone> {
            if flags.contains(epoll::EventFlags::OUT) {
                self.connections.get(number).ok_or(Gone::Closed)?.flush()?;
                self.after_sending(number)?;
            }
            if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::HUP) {
                self.receive(number)?;
            }
            Ok(())
        })();
        if let Err(gone) = result {
            tracing::debug!(connection = number, %gone, "client gone");
            self.drop_connection(number);
        }
    }

    fn receive(&mut self, number: usize) -> Result<(), Gone> {
        let connection = self.connections.get(number).ok_or(Gone::Closed)?;
        let received = connection.receive(&mut self.buffer);
        while let Some(request) = self.connections.get(number).ok_or(Gone::Closed)?.request()? {
            self.handle(number, request)?;
        }
        received
    }

    fn handle(&mut self, number: usize, request: Request) -> Result<(), Gone> {
        let attachment = self.connections.get(number).ok_or(Gone::Closed)?.attachment;
        match request {
            Request::Attach(streams) => {
                let reply = match self.running() {
                    Ok(()) => Reply::Done,
                    Err(failure) => Reply::Failed(failure),
                };
                self.attach(number, MAIN, streams);
                if reply == Reply::Done {
                    self.machine.report("attach", &[]);
                }
                self.reply(number, &reply)
            }
            Request::Exec { spec, window } => self.exec(number, &spec, window),
            Request::Stdin(bytes) => match attachment {
                Some(Attachment { session, streams }) if streams.stdin => self.stdin(number, session, bytes),
                _ => Ok(()),
            },
            Request::CloseStdin => {
                if let Some(Attachment { session, streams }) = attachment
                    && streams.stdin
                {
                    self.close_stdin(session);
                }
                Ok(())
            }
            Request::Resize(size) => {
                if let Some(session) = attachment.and_then(|a| self.sessions.get(a.session)) {
                    session.resize(size);
                    if session.exec_id.is_none() {
                        let facts = [("height", size.rows.to_string()), ("width", size.columns.to_string())];
                        self.machine.report("resize", &facts);
                    }
                }
                Ok(())
            }
            Request::Detach => {
                if let Some(session) = attachment.and_then(|a| self.sessions.get(a.session)) {
                    match session.exec_id.clone() {
                        Some(id) => self.machine.report("exec_detach", &[("execID", id)]),
                        None => self.machine.report("detach", &[]),
                    }
                }
                Ok(())
            }
            Request::Signal(signal) => {
                let ends = [self.settings.stop_signal, libc::SIGKILL].contains(&signal);
                self.restarts.signalled(ends || !self.settings.stops_by_that_only);
                let reply = done(self.signal_main(signal));
                self.reply(number, &reply)
            }
            Request::SignalAgain(signal) => {
                let reply = done(self.send_to_main(signal));
                self.reply(number, &reply)
            }
            Request::Pause => {
                let reply = self.pause_processes().map_or_else(Reply::Failed, |()| Reply::Done);
                self.reply(number, &reply)
            }
            Request::Hold => {
                let held = self.pause_processes().map(|()| self.holder = Some(number));
                let reply = held.map_or_else(Reply::Failed, |()| Reply::Done);
                self.reply(number, &reply)
            }
            Request::Unpause => {
                let reply = match self.resume_processes() {
                    Ok(true) => Reply::Done,
                    Ok(false) => Reply::Failed(Failure::new(FailureKind::Conflict, "not paused")),
                    Err(error) => Reply::Failed(Failure::system(&error)),
                };
                self.reply(number, &reply)
            }
            Request::Wait => {
                self.connections.get(number).ok_or(Gone::Closed)?.waiting = true;
                Ok(())
            }
            Request::CheckHealth => match self.check_now(number) {
                Ok(()) => Ok(()),
                Err(failure) => self.reply(number, &Reply::Failed(failure)),
            },
            Request::Restart(policy) => {
                self.restarts.set_policy(policy);
                self.reply(number, &Reply::Done)
            }
            Request::Processes => {
                let reply = Reply::Processes(self.processes());
                self.reply(number, &reply)
            }
        }
    }

    /// Fails between two runs.
    fn running(&mut self) -> Result<(), Failure> {
        match self.sessions.get(MAIN) {
            Some(_) => Ok(()),
            None => Err(Failure::new(
                FailureKind::Conflict,
                "the container is restarting, wait until the container is running",
            )),
        }
    }

    fn attach(&mut self, number: usize, session: usize, streams: AttachStreams) {
        let (Some(connection), Some(target)) = (self.connections.get(number), self.sessions.get(session))
        else {
            return;
        };
        connection.attachment = Some(Attachment { session, streams });
        if !target.viewers.contains(&number) {
            target.viewers.push(number);
        }
    }

    fn exec(&mut self, number: usize, spec: &ExecSpec, window: Option<WindowSize>) -> Result<(), Gone> {
        if let Err(failure) = self.running() {
            return self.reply(number, &Reply::Failed(failure));
        }
        if self.paused.is_some() {
            let text = "the container is paused, unpause the container before exec";
            return self.reply(number, &Reply::Failed(Failure::new(FailureKind::Conflict, text)));
        }
        let wanted = Wanted {
            stdin: spec.stdin && !spec.detach,
            output: !spec.detach,
            terminal: spec.tty.then_some(window.unwrap_or(DEFAULT_WINDOW)),
            close_stdin: true,
        };
        let id = ContainerId::random().as_str().to_owned();
        for action in ["exec_create", "exec_start"] {
            self.machine.report(&exec_action(action, &spec.argv), &[("execID", id.clone())]);
        }
        let started = wanted.open().map_err(|e| Failure::system(&e)).and_then(|(stdio, ends)| {
            let started = self.machine.exec(spec, stdio)?;
            let mut session = Session::new(started, ends, wanted).map_err(|e| Failure::system(&e))?;
            session.exec_id = Some(id);
            self.add_session(session).map_err(|e| Failure::system(&e))
        });
        let reply = match started {
            Ok(session) => {
                if !spec.detach {
                    let streams = AttachStreams { stdin: spec.stdin, stdout: true, stderr: true };
                    self.attach(number, session, streams);
                }
                Reply::Started
            }
            Err(failure) => Reply::Failed(failure),
        };
        self.reply(number, &reply)
    }

    fn reply(&mut self, number: usize, reply: &Reply) -> Result<(), Gone> {
        self.connections.get(number).ok_or(Gone::Closed)?.reply(reply)?;
        self.after_sending(number)
    }

    /// Watches for room while something waits, and lets paused streams go on.
    fn after_sending(&mut self, number: usize) -> Result<(), Gone> {
        let connection = self.connections.get(number).ok_or(Gone::Closed)?;
        let queued = connection.queued();
        if queued == 0 && connection.closing {
            return Err(Gone::Closed);
        }
        if connection.watched_for_room != (queued > 0) {
            connection.watched_for_room = queued > 0;
            let mut events = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
            events.set(epoll::EventFlags::OUT, queued > 0);
            epoll::modify(&self.poll, &*connection, Source::Connection(number).token(), events)
                .map_err(io::Error::from)?;
        }
        let session = connection.attachment.map(|a| a.session);
        if let Some(session) = session {
            if queued > HIGH {
                self.pause(session);
            } else if queued <= LOW {
                self.resume(session);
            }
        }
        Ok(())
    }

    fn drop_connection(&mut self, number: usize) {
        let Some(connection) = self.connections.take(number) else { return };
        let _ = epoll::delete(&self.poll, &connection);
        if self.holder == Some(number)
            && let Err(error) = self.resume_processes()
        {
            tracing::debug!(%error, "not shown as going on");
        }
        let Some(Attachment { session, streams }) = connection.attachment else { return };
        if let Some(session) = self.sessions.get(session) {
            session.viewers.retain(|viewer| *viewer != number);
        }
        if streams.stdin {
            self.close_stdin(session);
        }
        self.resume(session);
    }

    // --- streams

    fn pause(&mut self, number: usize) {
        let Some(session) = self.sessions.get(number) else { return };
        if !std::mem::replace(&mut session.paused, true) {
            // Taken out altogether: an ended stream is reported even to those who ask for nothing.
            for fd in session.outputs.iter().flatten() {
                let _ = epoll::delete(&self.poll, fd);
            }
        }
    }

    fn resume(&mut self, number: usize) {
        let Some(session) = self.sessions.get(number) else { return };
        if !session.paused {
            return;
        }
        let viewers = session.viewers.clone();
        if viewers.into_iter().any(|v| self.connections.get(v).is_some_and(|c| c.queued() > LOW)) {
            return;
        }
        let Some(session) = self.sessions.get(number) else { return };
        session.paused = false;
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(fd) = &session.outputs[stream as usize] {
                let _ =
                    epoll::add(&self.poll, fd, Source::Output(number, stream).token(), epoll::EventFlags::IN);
            }
        }
    }

    /// One read: the poller reports what is left again, after everybody else had a turn.
    fn output(&mut self, number: usize, stream: Stream) {
        if self.sessions.get(number).is_some_and(|s| !s.paused) {
            self.pump(number, stream);
        }
    }

    /// Passes on what one read gives. Whether there may be more.
    fn pump(&mut self, number: usize, stream: Stream) -> bool {
        let Some(session) = self.sessions.get(number) else { return false };
        let n = match session.read(stream, &mut self.buffer) {
            Ok(None) => return false,
            // A stream that cannot be read has ended for us.
            Ok(Some(0)) | Err(_) => {
                self.close_output(number, stream);
                return false;
            }
            Ok(Some(n)) => n,
        };
        self.take_check_output(number, n);
        let Some(session) = self.sessions.get(number) else { return false };
        let bytes = &self.buffer[..n];
        if number == MAIN
            && let Some(log) = &mut self.log
            && let Err(error) = log.write(stream, bytes)
        {
            // A full disk costs log lines, not the container.
            tracing::debug!(%error, "log not written");
        }
        let head = output_header(stream == Stream::Stderr, n);
        let mut sent = Vec::new();
        for &viewer in &session.viewers {
            let Some(connection) = self.connections.get(viewer) else { continue };
            let wants = connection.attachment.is_some_and(|a| match stream {
                Stream::Stdout => a.streams.stdout,
                Stream::Stderr => a.streams.stderr,
            });
            if wants {
                sent.push((viewer, connection.send(&head, bytes)));
            }
        }
        for (viewer, result) in sent {
            if result.and_then(|()| self.after_sending(viewer)).is_err() {
                self.drop_connection(viewer);
            }
        }
        true
    }

    fn close_output(&mut self, number: usize, stream: Stream) {
        let Some(session) = self.sessions.get(number) else { return };
        let paused = session.paused;
        if let Some(fd) = session.outputs[stream as usize].take()
            && !paused
        {
            let _ = epoll::delete(&self.poll, &fd);
        }
        if number == MAIN
            && let Some(log) = &mut self.log
        {
            let _ = log.finish(stream);
        }
    }

    /// Everything that a process whose end is known has left in its streams, whoever waits for room.
    fn drain(&mut self, number: usize) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            while self.pump(number, stream) {}
            self.close_output(number, stream);
        }
    }

    fn stdin(&mut self, number: usize, session: usize, bytes: Vec<u8>) -> Result<(), Gone> {
        let length = bytes.len();
        let Some(target) = self.sessions.get(session) else { return Ok(()) };
        let Some(input) = &mut target.input else {
            // Closed on the other side: taken, as a pipe to nowhere would.
            return self.reply(number, &Reply::StdinTaken(length));
        };
        if input.waiting_of(number) + length > 2 * STDIN_CREDIT {
            return Err(Gone::Broken(io::ErrorKind::InvalidInput.into()));
        }
        input.push(number, bytes);
        self.input(session);
        Ok(())
    }

    fn close_stdin(&mut self, session: usize) {
        if let Some(target) = self.sessions.get(session) {
            target.end_of_stdin();
            self.input(session);
        }
    }

    /// Writes what waits for a process, and tells the clients what was taken.
    fn input(&mut self, number: usize) {
        let Some(session) = self.sessions.get(number) else { return };
        let Some(input) = &mut session.input else { return };
        let (Taken(taken), result) = input.write();
        let over = result.is_err() || input.is_finished();
        if input.watched != (input.is_waiting() && !over) {
            input.watched = !input.watched;
            let _ = match input.watched {
                true => {
                    epoll::add(&self.poll, &input.fd, Source::Input(number).token(), epoll::EventFlags::OUT)
                }
                false => epoll::delete(&self.poll, &input.fd),
            };
        }
        if over {
            session.input = None;
        }
        for (connection, n) in taken {
            if self.reply(connection, &Reply::StdinTaken(n)).is_err() {
                self.drop_connection(connection);
            }
        }
    }

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

    fn tell_end(&mut self, exit: &Exit, whom: impl Fn(&Connection) -> bool) {
        for number in self.connections.numbers() {
            let Some(connection) = self.connections.get(number) else { continue };
            if !whom(connection) {
                continue;
            }
            connection.attachment = None;
            connection.closing = true;
            if self.reply(number, &Reply::Exited(exit.clone())).is_err() {
                self.drop_connection(number);
            }
        }
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

    /// Tells the end of a run to those whom it concerns.
    pub fn announce_run(&mut self, exit: &Exit) {
        self.tell_end(exit, |connection| {
            connection.waiting || connection.attachment.is_some_and(|a| a.session == MAIN)
        });
    }

    /// Tells everybody the end. Nobody is waited for.
    pub fn announce(&mut self, exit: &Exit) {
        self.announce_run(exit);
        for number in self.connections.numbers() {
            if self.connections.get(number).is_some_and(|c| !c.closing) {
                self.drop_connection(number);
            }
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

//! Health checks: a process of `exec` from time to time, whose end is a result.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::{MAIN, Machine, Server};
use crate::container::Exit;
use crate::container::health::{Health, HealthAction, HealthCheck, HealthStatus, Probe};
use crate::container::spec::ExecSpec;
use crate::events;
use crate::supervisor::pause::Paused;
use crate::supervisor::protocol::{Failure, FailureKind, Reply};
use crate::supervisor::session::{Session, Wanted};
use crate::sys::signal;

/// Bytes of a check's output that are kept.
const OUTPUT: usize = 4096;

/// How a container is checked.
#[derive(Debug, Clone)]
pub struct Plan {
    pub check: HealthCheck,
    pub argv: Vec<String>,
    pub action: HealthAction,
}

pub(super) struct Checks {
    plan: Plan,
    health: Health,
    /// When the next one begins.
    due: Option<Instant>,
    current: Option<Current>,
}

/// A check that runs.
struct Current {
    session: usize,
    start: Timestamp,
    /// Of the container's run, when the check began.
    age: Duration,
    /// When it takes too long; `None` when it has.
    deadline: Option<Instant>,
    output: Output,
}

/// Text as long as Docker keeps it.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Output {
    fn add(&mut self, bytes: &[u8]) {
        let room = OUTPUT - self.bytes.len();
        self.is_cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn text(&self) -> String {
        let end = if self.is_cut { "..." } else { "" };
        String::from_utf8_lossy(&self.bytes).into_owned() + end
    }
}

impl Checks {
    pub(super) fn new(plan: Plan) -> Checks {
        Checks { plan, health: Health::default(), due: None, current: None }
    }

    /// When something is to be done.
    pub(super) fn next(&self) -> Option<Instant> {
        match &self.current {
            Some(current) => current.deadline,
            None => self.due,
        }
    }

    fn schedule(&mut self, age: Duration) {
        self.due = Some(Instant::now() + self.health.pause(&self.plan.check, age));
    }
}

impl<M: Machine> Server<M> {
    /// A run has begun, with this on disk.
    pub(super) fn begin_checks(&mut self, health: Option<Health>) {
        if let (Some(checks), Some(health)) = (&mut self.checks, health) {
            checks.health = health;
            checks.schedule(Duration::ZERO);
        }
    }

    /// The run has ended or stands still: a check that runs has no result.
    pub(super) fn suspend_checks(&mut self) {
        let Some(checks) = &mut self.checks else { return };
        checks.due = None;
        if let Some(current) = checks.current.take() {
            self.kill_session(current.session);
        }
        let failure = Failure::new(FailureKind::Conflict, "the container is not running");
        self.answer_askers(&Reply::Failed(failure));
    }

    /// The run goes on.
    pub(super) fn resume_checks(&mut self) {
        let age = self.begun.elapsed();
        if let Some(checks) = &mut self.checks
            && self.sessions.get(MAIN).is_some()
        {
            checks.schedule(age);
        }
    }

    /// Does what is due.
    pub(super) fn tend_checks(&mut self) {
        let now = Instant::now();
        let Some(checks) = &mut self.checks else { return };
        if checks.next().is_none_or(|next| next > now) {
            return;
        }
        match &mut checks.current {
            Some(current) => {
                current.deadline = None;
                let session = current.session;
                self.kill_session(session);
            }
            None => self.begin_check(),
        }
    }

    /// A client wants to know now. It is answered when there is a result.
    pub(super) fn check_now(&mut self, number: usize) -> Result<(), Failure> {
        self.running()?;
        let conflict = |text: &str| Failure::new(FailureKind::Conflict, text);
        if self.paused.is_some() {
            return Err(conflict("the container is paused, unpause the container before exec"));
        }
        let Some(checks) = &self.checks else {
            return Err(Failure::new(FailureKind::Invalid, "has no defined healthcheck"));
        };
        let is_running = checks.current.is_some();
        if let Some(connection) = self.connections.get(number) {
            connection.asks_for_health = true;
        }
        if !is_running {
            self.begin_check();
        }
        Ok(())
    }

    fn begin_check(&mut self) {
        let age = self.begun.elapsed();
        let Some(checks) = &mut self.checks else { return };
        checks.due = None;
        let timeout = checks.plan.check.timeout();
        let spec = ExecSpec { argv: checks.plan.argv.clone(), ..ExecSpec::default() };
        let start = Timestamp::now();
        let wanted = Wanted { stdin: false, output: true, terminal: None, close_stdin: true };
        let started = wanted.open().map_err(|e| Failure::system(&e)).and_then(|(stdio, ends)| {
            let started = self.machine.exec(&spec, stdio)?;
            let session = Session::new(started, ends, wanted).map_err(|e| Failure::system(&e))?;
            self.add_session(session).map_err(|e| Failure::system(&e))
        });
        match started {
            Ok(session) => {
                let deadline = Some(Instant::now() + timeout);
                let current = Current { session, start, age, deadline, output: Output::default() };
                if let Some(checks) = &mut self.checks {
                    checks.current = Some(current);
                }
            }
            Err(failure) => {
                let (exit_code, output) = (-1, failure.text);
                self.checked(Probe { start, end: Timestamp::now(), exit_code, output }, age);
            }
        }
    }

    /// Keeps output that is a check's.
    pub(super) fn take_check_output(&mut self, session: usize, length: usize) {
        if let Some(current) = self.checks.as_mut().and_then(|checks| checks.current.as_mut())
            && current.session == session
        {
            current.output.add(&self.buffer[..length]);
        }
    }

    /// A process of `exec` has ended; perhaps it was the check.
    pub(super) fn check_ended(&mut self, session: usize, exit: &Exit) {
        let Some(checks) = &mut self.checks else { return };
        let timeout = checks.plan.check.timeout();
        let Some(current) = checks.current.take_if(|current| current.session == session) else { return };
        let output = current.output.text();
        let (exit_code, output) = match (current.deadline, output.as_str()) {
            (Some(_), _) => (i32::from(exit.code), output),
            (None, "") => (-1, format!("Health check exceeded timeout ({})", go_duration(timeout))),
            (None, _) => (-1, format!("Health check exceeded timeout ({}): {output}", go_duration(timeout))),
        };
        let probe = Probe { start: current.start, end: exit.finished, exit_code, output };
        self.checked(probe, current.age);
    }

    fn checked(&mut self, probe: Probe, age: Duration) {
        // What fails because the container ends says nothing about its health.
        if self.main_has_ended() {
            return;
        }
        let now = self.begun.elapsed();
        let Some(checks) = &mut self.checks else { return };
        let passed = probe.exit_code == 0;
        let turned = checks.health.judge(probe, &checks.plan.check, age);
        checks.schedule(now);
        self.machine.show_health(&checks.health);
        let (status, action) = (checks.health.status, checks.plan.action);
        self.answer_askers(&Reply::Health { passed, status });
        if let Some(turned) = turned {
            self.machine.report(&events::health_status(turned.word()), &[]);
        }
        if turned == Some(HealthStatus::Unhealthy) {
            self.act_on_unhealthy(action);
        }
    }

    fn act_on_unhealthy(&mut self, action: HealthAction) {
        let asked = match action {
            HealthAction::None => Ok(()),
            // A restart policy brings it back.
            HealthAction::Kill => self.signal_main(libc::SIGKILL),
            HealthAction::Stop => {
                self.restarts.signalled(true);
                self.stop()
            }
            HealthAction::Restart => {
                self.restarts.demand();
                self.stop()
            }
        };
        if let Err(error) = asked {
            tracing::debug!(%error, "nothing done about an unhealthy container");
        }
    }

    fn answer_askers(&mut self, reply: &Reply) {
        for number in self.connections.numbers() {
            let Some(connection) = self.connections.get(number) else { continue };
            if std::mem::take(&mut connection.asks_for_health) && self.reply(number, reply).is_err() {
                self.drop_connection(number);
            }
        }
    }

    fn main_has_ended(&mut self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.sessions.get(MAIN).is_none_or(|main| {
            waitid(WaitId::PidFd(main.pidfd.as_fd()), options).is_ok_and(|status| status.is_some())
        })
    }

    /// Kills a process of `exec` with all that came of it: a shell would leave its children behind.
    fn kill_session(&mut self, number: usize) {
        let Some(session) = self.sessions.get(number) else { return };
        let pid = session.pid;
        match Paused::stop(|| super::tree_of(vec![pid])) {
            Ok(stopped) => stopped.kill(),
            Err(error) => tracing::debug!(%error, "only the check's first process is killed"),
        }
        let Some(session) = self.sessions.get(number) else { return };
        let _ = signal::send(session.pidfd.as_fd(), libc::SIGKILL);
    }
}

/// As Go prints durations: `1m30s`, `1.5s`, `250ms`.
fn go_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let fraction = |unit: f64| nanoseconds as f64 / unit;
    match nanoseconds {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(1e3)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(1e6)),
        _ => {
            let (hours, minutes) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60);
            let seconds = duration - Duration::from_secs(hours * 3600 + minutes * 60);
            let text = format!("{}s", seconds.as_nanos() as f64 / 1e9);
            match (hours, minutes) {
                (0, 0) => text,
                (0, _) => format!("{minutes}m{text}"),
                _ => format!("{hours}h{minutes}m{text}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_prints_them() {
        for (nanoseconds, want) in [
            (0, "0s"),
            (7, "7ns"),
            (1_500, "1.5µs"),
            (250_000_000, "250ms"),
            (1_000_000_000, "1s"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_661_500_000_000, "1h1m1.5s"),
        ] {
            assert_eq!(go_duration(Duration::from_nanos(nanoseconds)), want);
        }
    }

    #[test]
    fn output_is_cut_where_docker_cuts_it() {
        let mut output = Output::default();
        output.add(&[b'x'; 4000]);
        output.add(&[b'y'; 96]);
        assert_eq!(output.text().len(), 4096);
        output.add(b"z");
        assert!(output.text().ends_with("yy...") && output.text().len() == 4099);
    }
}

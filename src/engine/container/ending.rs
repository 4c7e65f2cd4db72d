//! What makes a container stop or pause, and waiting for that.

use std::time::{Duration, Instant};

use super::{
    AFTER_KILL, BETWEEN_LOOKS, BETWEEN_STATES, Condition, LOOK_AGAIN, YOUNG, check_runs, not_found,
    not_running,
};
use crate::container::{ContainerId, ContainerRecord, Exit, State};
use crate::engine::{Engine, Error, Kind, Result};
use crate::supervisor::client::{Client, ClientError};
use crate::supervisor::protocol::{FailureKind, Reply, Request};
use crate::sys::signal;

impl Engine {
    /// Stop signal, then KILL after `timeout` seconds (negative: never; `None`: the container's own).
    /// One that does not run is fine.
    pub fn stop(&self, id: &ContainerId, signal: Option<i32>, timeout: Option<i64>) -> Result<()> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        let Some(mut client) = self.connect(&view)? else { return Ok(()) };
        let spec = &view.record.spec;
        let signal = match signal {
            Some(signal) => signal,
            None => self.stop_signal(&view.record),
        };
        let timeout = timeout.or(spec.stop_timeout).unwrap_or(10);
        let ended = (|| -> std::result::Result<bool, ClientError> {
            let deaf = deaf_by_youth(&view.state, signal);
            // In this order: a run that ends in between is then the last one. Who comes too late to wait hears
            // the connection end.
            client.send(&Request::Signal(signal))?;
            client.send(&Request::Wait)?;
            let patience = match u64::try_from(timeout) {
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => None,
            };
            let begun = Instant::now();
            if let Some(pid) = deaf
                && ask_again(&mut client, pid, signal, patience)?.is_some()
            {
                return Ok(true);
            }
            let patience = patience.map(|patience| patience.saturating_sub(begun.elapsed()));
            if wait_for_exit(&mut client, patience)?.is_some() {
                return Ok(true);
            }
            client.send(&Request::Signal(libc::SIGKILL))?;
            Ok(wait_for_exit(&mut client, Some(AFTER_KILL))?.is_some())
        })();
        match ended {
            Ok(true) | Err(ClientError::Ended) => {
                self.container_did(&view.record, "stop");
                Ok(())
            }
            Ok(false) => {
                let text = format!("cannot stop container: {id}: it does not end even when killed");
                Err(Error::new(Kind::System, text))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn stop_signal(&self, record: &ContainerRecord) -> i32 {
        let asked = record.spec.stop_signal.clone().or_else(|| {
            let image = self.images.pinned(&record.image).ok()?;
            image.config.config.stop_signal
        });
        asked.as_deref().and_then(signal::parse).unwrap_or(libc::SIGTERM)
    }

    /// Stop, then start; a stopped container is just started.
    pub fn restart(&self, id: &ContainerId, signal: Option<i32>, timeout: Option<i64>) -> Result<()> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        if view.record.spec.auto_remove
            && let Some(mut client) = self.connect(&view)?
        {
            client.ask(&Request::Keep)?;
        }
        let record = view.record;
        self.stop(id, signal, timeout)?;
        self.start(id)?;
        self.container_did(&record, "restart");
        Ok(())
    }

    /// Sends a signal to the first process. KILL is waited for, as Docker's engine does: who kills a
    /// container may remove or start it in the next line.
    pub fn kill(&self, id: &ContainerId, signal: i32) -> Result<()> {
        let stopped = || {
            Error::new(Kind::Conflict, format!("Cannot kill container: {id}: container {id} is not running"))
        };
        let mut client = self.reach(id)?.ok_or_else(stopped)?;
        match client.ask(&Request::Signal(signal)) {
            Ok(_) => {}
            Err(ClientError::Ended) => return Err(stopped()),
            Err(error) => return Err(error.into()),
        }
        if signal != libc::SIGKILL {
            return Ok(());
        }
        match client.send(&Request::Wait).and_then(|()| wait_for_exit(&mut client, Some(AFTER_KILL))) {
            // One that does not end is left to `ps` and `rm`: the signal was sent.
            Ok(_) | Err(ClientError::Ended) => {}
            Err(error) => return Err(error.into()),
        }
        let _ = self.last_exit(id)?;
        Ok(())
    }

    /// Stops every process of it where it stands.
    pub fn pause(&self, id: &ContainerId) -> Result<()> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        check_runs(&view)?;
        let mut client = self.connect(&view)?.ok_or_else(|| not_running(id))?;
        match client.ask(&Request::Pause) {
            Ok(_) => Ok(()),
            Err(ClientError::Ended) => Err(not_running(id)),
            Err(ClientError::Failed(failure)) if failure.kind == FailureKind::Conflict => {
                Err(Error::new(Kind::Conflict, format!("container {id} is already paused")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Lets a paused one go on.
    pub fn unpause(&self, id: &ContainerId) -> Result<()> {
        let not_paused = || Error::new(Kind::Conflict, format!("container {id} is not paused"));
        let mut client = self.reach(id)?.ok_or_else(not_paused)?;
        match client.ask(&Request::Unpause) {
            Ok(_) => Ok(()),
            Err(ClientError::Ended) => Err(not_paused()),
            Err(ClientError::Failed(failure)) if failure.kind == FailureKind::Conflict => Err(not_paused()),
            Err(error) => Err(error.into()),
        }
    }

    /// Blocks until its run has ended, or the next one where it waits for that; the exit status.
    pub fn wait(&self, id: &ContainerId) -> Result<Exit> {
        if let Some(mut client) = self.reach(id)? {
            client.send(&Request::Wait)?;
            match wait_for_exit(&mut client, None) {
                Ok(Some(exit)) => return Ok(exit),
                Ok(None) | Err(ClientError::Ended) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.last_exit(id)
    }

    /// Blocks until one of the conditions is met; its exit status where that is its end. The end of a running
    /// one is told by its supervisor; whatever else is looked for every `interval`.
    pub fn wait_for(
        &self,
        id: &ContainerId,
        conditions: &[Condition],
        interval: Duration,
    ) -> Result<Option<Exit>> {
        let mut starts = None;
        loop {
            let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
            let was_started = view.facts.starts > *starts.get_or_insert(view.facts.starts);
            if let Some(met) = conditions.iter().find(|c| c.is_met(&view, was_started)) {
                return match (met, view.state) {
                    (Condition::Exited, State::Exited { exit, .. } | State::Restarting { exit, .. }) => {
                        Ok(Some(exit))
                    }
                    _ => Ok(None),
                };
            }
            let only_end = conditions.iter().all(|c| *c == Condition::Exited);
            match view.state {
                State::Running { .. } if only_end => return self.wait(id).map(Some),
                _ => std::thread::sleep(interval),
            }
        }
    }

    /// The status on disk, once it is there: the supervisor may be about to write it.
    pub(super) fn last_exit(&self, id: &ContainerId) -> Result<Exit> {
        let deadline = Instant::now() + BETWEEN_STATES;
        loop {
            // Asked before looking: what it wrote while it lived is then seen after.
            let alive = self.containers.is_alive(id);
            let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
            if let State::Exited { exit, .. } | State::Restarting { exit, .. } = view.state {
                return Ok(exit);
            }
            if !alive || Instant::now() > deadline {
                // Never started: as Docker's `wait`, which has nothing to wait for.
                return Ok(Exit {
                    code: 0,
                    signal: None,
                    oom_killed: false,
                    finished: jiff::Timestamp::now(),
                    error: None,
                });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

pub(super) fn wait_for_exit(
    client: &mut Client,
    patience: Option<Duration>,
) -> std::result::Result<Option<Exit>, ClientError> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        let reply = match deadline {
            Some(deadline) => match client.receive_before(deadline)? {
                Some(reply) => reply,
                None => return Ok(None),
            },
            None => client.receive()?,
        };
        if let Reply::Exited(exit) = reply {
            return Ok(Some(exit));
        }
    }
}

/// PID 1 of a container too young to have installed its handlers, when it has none for `signal`: the
/// kernel drops such a signal (pid_namespaces(7)). A container starts within milliseconds, so `run -d` and
/// `stop` in one script come that early.
pub(super) fn deaf_by_youth(state: &State, signal: i32) -> Option<i32> {
    let State::Running { started, pid, .. } = state else { return None };
    let age = Duration::try_from(jiff::Timestamp::now().duration_since(*started)).unwrap_or_default();
    (age < YOUNG && !catches(*pid, signal)).then_some(*pid)
}

/// Repeats the signal once when the handler is there.
pub(super) fn ask_again(
    client: &mut Client,
    pid: i32,
    signal: i32,
    patience: Option<Duration>,
) -> std::result::Result<Option<Exit>, ClientError> {
    let deadline = Instant::now() + patience.map_or(YOUNG, |patience| patience.min(YOUNG));
    while Instant::now() < deadline {
        if let Some(exit) = wait_for_exit(client, Some(BETWEEN_LOOKS))? {
            return Ok(Some(exit));
        }
        if catches(pid, signal) {
            client.send(&Request::SignalAgain(signal))?;
            break;
        }
    }
    Ok(None)
}

/// Whether the process has a handler for the signal. The pid only decides whether to ask the supervisor
/// again; nothing is ever sent to it from here.
pub(super) fn catches(pid: i32, signal: i32) -> bool {
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    // Without an answer there is nothing to repeat.
    caught().is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

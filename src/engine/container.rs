//! Verbs on containers: create, start, attach, exec, stop, kill, wait, remove, rename, update, find, list, logs.
//!
//! What is asked of a running container goes through its supervisor's socket, never by a pid. Whoever
//! changes a stopped one holds its `CHANGE` lock (`container::store`); `start` hands that lock to the
//! supervisor it starts.

mod creation;
mod ending;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::container::health::HealthStatus;
use crate::container::spec::{AttachStreams, MountSpec, RestartPolicy};
use crate::container::store::{Change, StoreError};
use crate::container::{ContainerId, ContainerName, Exit, State};
use crate::engine::events;
use crate::engine::{Engine, Error, Kind, Result};
use crate::image::store::{InUse, User};
use crate::logs;
use crate::runtime::PlanError;
use crate::supervisor::attach::{self, Ended, Front};
use crate::supervisor::client::{self, Client, ClientError};
use crate::supervisor::protocol::{Failure, FailureKind, Reply, Request};
use crate::supervisor::{Paper, removal};
use ending::wait_for_exit;

pub use crate::container::spec::ExecSpec;
pub use crate::container::store::ContainerView;

/// How long a supervisor may take between two states that last microseconds (its lock held, its socket
/// not there).
const BETWEEN_STATES: Duration = Duration::from_secs(10);
/// How long after its start a program may still be installing its signal handlers.
const YOUNG: Duration = Duration::from_secs(2);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// How long the end of one may take whose exit is known: unmounting the root writes back what the disk
/// has not taken yet, of the whole file system.
const UNMOUNTING: Duration = Duration::from_secs(600);
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// How long a killed container may take to be gone.
const AFTER_KILL: Duration = Duration::from_secs(30);

/// `--pull`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PullPolicy {
    #[default]
    Missing,
    Always,
    Never,
    /// As always, but what is here is good enough when the registry has nothing to say (podman's).
    Newer,
}

/// What `wait --condition` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Created,
    /// Met too by one that was started meanwhile and has ended already.
    Running,
    Paused,
    /// Has ended, perhaps to run again; one that never ran is waited for.
    Exited,
    /// The last of its health checks says so.
    Healthy,
    Unhealthy,
}

impl Condition {
    fn is_met(self, view: &ContainerView, was_started: bool) -> bool {
        let is_judged = |status| view.health.as_ref().is_some_and(|health| health.status == status);
        match (self, &view.state) {
            (Condition::Healthy, State::Running { .. }) => is_judged(HealthStatus::Healthy),
            (Condition::Unhealthy, State::Running { .. }) => is_judged(HealthStatus::Unhealthy),
            (Condition::Created, State::Created) => true,
            (Condition::Running, State::Running { paused, .. }) => !paused,
            (Condition::Running, State::Exited { .. }) => was_started,
            (Condition::Paused, State::Running { paused, .. }) => *paused,
            (Condition::Exited, State::Exited { .. } | State::Restarting { .. }) => true,
            _ => false,
        }
    }
}

/// Which of a container's streams to connect and how to leave them.
#[derive(Debug, Clone)]
pub struct AttachOptions {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// Bytes that detach when typed (default ctrl-p ctrl-q); `None` switches detaching off. Only a
    /// container with a terminal looks for them.
    pub detach_keys: Option<Vec<u8>>,
    /// Only without a terminal, whose keys say the same.
    pub forward_signals: bool,
}

/// How an attachment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attached {
    Exited(Exit),
    Detached,
}

impl From<Ended> for Attached {
    fn from(ended: Ended) -> Attached {
        match ended {
            Ended::Exited(exit) => Attached::Exited(exit),
            Ended::Detached => Attached::Detached,
        }
    }
}

impl AttachOptions {
    fn streams(&self, stdin_open: bool) -> AttachStreams {
        AttachStreams { stdin: self.stdin && stdin_open, stdout: self.stdout, stderr: self.stderr }
    }

    /// `terminal`: of the process; `redraw`: it was running before.
    fn front(&self, streams: AttachStreams, terminal: bool, redraw: bool) -> Result<Front> {
        let options = attach::Options {
            streams,
            terminal,
            detach_keys: self.detach_keys.clone(),
            forward_signals: self.forward_signals,
            redraw,
        };
        Front::new(options).map_err(|e| Error::caused(Kind::System, "taking over the signals", e))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        let kind = match &error {
            StoreError::NotFound(_) => Kind::NotFound,
            StoreError::Ambiguous(_) => Kind::InvalidParameter,
            StoreError::NameTaken { .. } => Kind::Conflict,
            StoreError::Version { .. } | StoreError::Io { .. } | StoreError::Corrupt { .. } => Kind::System,
        };
        Error::of(kind, error)
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Error {
        let kind = match &error {
            PlanError::Invalid(_) => Kind::InvalidParameter,
            PlanError::Forbidden(_) => Kind::Forbidden,
        };
        Error::new(kind, error.to_string())
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Error {
        match error {
            ClientError::Failed(failure) => failure.into(),
            other => Error::of(Kind::System, other),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let kind = match failure.kind {
            FailureKind::CommandNotFound => Kind::CommandNotFound,
            FailureKind::NotExecutable => Kind::NotExecutable,
            FailureKind::Invalid => Kind::InvalidParameter,
            FailureKind::Forbidden => Kind::Forbidden,
            FailureKind::NotImplemented => Kind::NotImplemented,
            FailureKind::Conflict => Kind::Conflict,
            FailureKind::System => Kind::System,
        };
        let error = Error::new(kind, failure.text);
        match failure.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

pub(super) fn not_found(id: &ContainerId) -> Error {
    Error::new(Kind::NotFound, format!("No such container: {id}"))
}

fn not_running(id: &ContainerId) -> Error {
    Error::new(Kind::Conflict, format!("container {id} is not running"))
}

/// What needs a process to talk to has to wait between two runs.
fn check_runs(view: &ContainerView) -> Result<()> {
    let id = &view.record.id;
    match view.state {
        State::Running { .. } => Ok(()),
        State::Restarting { .. } => {
            let text = format!("Container {id} is restarting, wait until the container is running");
            Err(Error::new(Kind::Conflict, text))
        }
        State::Created | State::Exited { .. } => Err(not_running(id)),
    }
}

/// What came of starting.
enum Start {
    Running(Client),
    WasRunning,
}

impl Engine {
    /// Starts it and returns when its command runs (or could not be run: NotExecutable, CommandNotFound).
    /// One that runs already is fine.
    pub fn start(&self, id: &ContainerId) -> Result<()> {
        self.start_with(id, None).map(drop)
    }

    /// Starts it with the caller's streams attached before the first byte of output; returns its end.
    pub fn start_attached(&self, id: &ContainerId, options: &AttachOptions) -> Result<Attached> {
        let record = self.containers.record(id)?.ok_or_else(|| not_found(id))?;
        let streams = options.streams(record.spec.stdin_open);
        // Before the start, so that no signal falls between.
        let front = options.front(streams, record.spec.tty, false)?;
        match self.start_with(id, Some(streams))? {
            Start::Running(client) => self.carry(id, front, client),
            Start::WasRunning => {
                drop(front);
                self.attach(id, options)
            }
        }
    }

    fn start_with(&self, id: &ContainerId, attach: Option<AttachStreams>) -> Result<Start> {
        let Some(change) = self.stopped(id)? else { return Ok(Start::WasRunning) };
        if self.containers.is_mounted(id) {
            // Two file systems over one upper would not know of each other.
            self.unmount_everywhere(id.as_str(), false)?;
        }
        let paper = Paper {
            config: self.config.clone(),
            id: id.clone(),
            attach,
            window: attach::window_size(),
            say_listening: false,
        };
        let started = client::start(paper, change.file());
        change.hand_over();
        match started {
            Ok(client) => Ok(Start::Running(client)),
            Err(ClientError::Ended) => Err(Error::new(
                Kind::System,
                "the container's supervisor was killed before the container ran",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The right to change a container that nobody keeps alive; `None` when it runs. It may be mounted: who
    /// mounts its root looks for that.
    pub(super) fn stopped(&self, id: &ContainerId) -> Result<Option<Change<'_>>> {
        let begun = Instant::now();
        loop {
            let change = self.containers.change(id)?.ok_or_else(|| not_found(id))?;
            if !self.containers.is_alive(id) {
                return Ok(Some(change));
            }
            drop(change);
            let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
            let patience = match view.state {
                State::Running { .. } | State::Restarting { .. } => return Ok(None),
                State::Exited { .. } => UNMOUNTING,
                State::Created => BETWEEN_STATES,
            };
            if begun.elapsed() > patience {
                return Err(Error::new(Kind::Conflict, format!("container {id} does not end")));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Connects to a running container.
    pub fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<Attached> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        let stopped =
            || Error::new(Kind::Conflict, "You cannot attach to a stopped container, start it first");
        if view.state.is_up() {
            check_runs(&view)?;
        }
        let mut client = self.connect(&view)?.ok_or_else(stopped)?;
        let streams = options.streams(view.record.spec.stdin_open);
        let front = options.front(streams, view.record.spec.tty, true)?;
        client.ask(&Request::Attach(streams)).map_err(|error| match error {
            ClientError::Ended => stopped(),
            other => other.into(),
        })?;
        self.carry(id, front, client)
    }

    fn carry(&self, id: &ContainerId, front: Front, mut client: Client) -> Result<Attached> {
        match front.run(&mut client) {
            Ok(ended) => Ok(ended.into()),
            Err(ClientError::Ended) => self.last_exit(id).map(Attached::Exited),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs a further process in a running container.
    pub fn exec(&self, id: &ContainerId, spec: ExecSpec, options: &AttachOptions) -> Result<Attached> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        check_runs(&view)?;
        let mut client = self.connect(&view)?.ok_or_else(|| not_running(id))?;
        if view.state.is_paused() {
            let text = format!("container {id} is paused, unpause the container before exec");
            return Err(Error::new(Kind::Conflict, text));
        }
        let (terminal, detach) = (spec.tty, spec.detach);
        let streams = options.streams(spec.stdin);
        let front = match detach {
            true => None,
            false => Some(options.front(streams, terminal, false)?),
        };
        let window = if terminal { attach::window_size() } else { None };
        client.ask(&Request::Exec { spec, window }).map_err(|error| match error {
            ClientError::Ended => not_running(id),
            other => other.into(),
        })?;
        match front {
            Some(front) => self.carry(id, front, client),
            None => Ok(Attached::Detached),
        }
    }

    /// A conversation with the supervisor of a running container; `None` when it does not run.
    fn connect(&self, view: &ContainerView) -> Result<Option<Client>> {
        let id = &view.record.id;
        if !view.state.is_up() {
            return Ok(None);
        }
        let socket = view.facts.socket.clone().unwrap_or_else(|| self.config.socket(id.as_str()));
        let deadline = Instant::now() + BETWEEN_STATES;
        loop {
            match Client::connect(&socket) {
                Ok(client) => return Ok(Some(client)),
                Err(_) if !self.is_up(id)? => return Ok(None),
                Err(error) if Instant::now() > deadline => {
                    let text = format!("reaching the supervisor of container {id} at {}", socket.display());
                    return Err(Error::caused(Kind::Unavailable, text, error));
                }
                Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }

    fn is_up(&self, id: &ContainerId) -> Result<bool> {
        Ok(self.containers.view(id)?.is_some_and(|view| view.state.is_up()))
    }

    /// As `connect`, for a container of which only the id is known.
    pub(super) fn reach(&self, id: &ContainerId) -> Result<Option<Client>> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        self.connect(&view)
    }

    /// Removes it; with `force` a running one is killed first. One that does not run and is mounted is unmounted,
    /// wherever that is, as podman's storage does it; without `force` only if nobody uses the mount. With
    /// `volumes` its anonymous volumes go too, unless another container has them.
    pub fn remove(&self, id: &ContainerId, force: bool, volumes: bool) -> Result<()> {
        loop {
            if let Some(change) = self.stopped(id)? {
                if self.containers.is_mounted(id) {
                    self.unmount_everywhere(id.as_str(), force)?;
                }
                return self.remove_stopped(change, volumes);
            }
            let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
            if !force {
                let why = match view.state {
                    State::Running { paused: true, .. } => "container is paused and must be unpaused first",
                    State::Restarting { .. } => {
                        "container is restarting: stop the container before removing or force remove"
                    }
                    _ => "container is running: stop the container before removing or force remove",
                };
                let text = format!("cannot remove container \"/{}\": {why}", view.record.name);
                return Err(Error::new(Kind::Conflict, text));
            }
            if let Some(mut client) = self.connect(&view)? {
                client.send(&Request::Signal(libc::SIGKILL))?;
                client.send(&Request::Wait)?;
                match wait_for_exit(&mut client, Some(AFTER_KILL)) {
                    Ok(Some(_)) | Err(ClientError::Ended) => {}
                    Ok(None) => {
                        let text = format!("Could not kill running container {id}, cannot remove");
                        return Err(Error::new(Kind::Conflict, text));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            // With `--rm` its supervisor has removed it.
            if self.containers.record(id)?.is_none() {
                return Ok(());
            }
        }
    }

    fn remove_stopped(&self, change: Change<'_>, volumes: bool) -> Result<()> {
        let id = change.id().clone();
        // Before, as its image may go next. A record that cannot be read must not keep its container from going.
        let record = self.containers.record(&id).ok().flatten();
        let anonymous = record.as_ref().filter(|_| volumes).map(|record| record.spec.anonymous_volumes());
        let subject = record.map(|record| events::container(&record, &self.run_config(&record)));
        let left = change.remove()?;
        if let Some(subject) = subject {
            self.journal.append(&subject.event("destroy"));
        }
        // Of a supervisor that was killed.
        let _ = fs::remove_file(self.config.socket(id.as_str()));
        if let Some(directory) = left {
            // Files of ids that only the user's namespace has power over.
            removal::remove(&[directory]).map_err(|e| {
                Error::caused(Kind::System, format!("removing the files of container {id}"), e)
            })?;
        }
        self.remove_unused_volumes(&anonymous.unwrap_or_default())
    }

    /// Gives it another name.
    pub fn rename(&self, id: &ContainerId, name: &str) -> Result<()> {
        let name =
            ContainerName::parse(name).map_err(|e| Error::new(Kind::InvalidParameter, e.to_string()))?;
        let change = self.containers.change(id)?.ok_or_else(|| not_found(id))?;
        let mut record = self.containers.record(id)?.ok_or_else(|| not_found(id))?;
        if record.name == name {
            let text = "Renaming a container with the same name as its current name";
            return Err(Error::new(Kind::InvalidParameter, text));
        }
        change.rename(&name)?;
        let before = std::mem::replace(&mut record.name, name);
        let subject = events::container(&record, &self.run_config(&record));
        self.journal.append(&subject.with("oldName", format!("/{before}")).event("rename"));
        Ok(())
    }

    /// Says what is to happen when its runs end; a container that is up follows from the next end on.
    pub fn update_restart(&self, id: &ContainerId, policy: RestartPolicy) -> Result<()> {
        // Held until the supervisor knows: of two updates the later one counts for both.
        let change = self.containers.change(id)?.ok_or_else(|| not_found(id))?;
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        if view.record.spec.auto_remove && policy != RestartPolicy::No {
            let text = format!(
                "Cannot update container {id}: Restart policy cannot be updated because AutoRemove is enabled for the container"
            );
            return Err(Error::new(Kind::Conflict, text));
        }
        change.set_restart(policy)?;
        let Some(mut client) = self.connect(&view)? else { return Ok(()) };
        match client.ask(&Request::Restart(policy)) {
            // It has just ended: the next start reads the record.
            Ok(_) | Err(ClientError::Ended) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds by full id, name (with or without `/`), or unique id prefix, in that order.
    pub fn find(&self, name: &str) -> Result<ContainerView> {
        if name.trim().is_empty() {
            return Err(Error::of_client("invalid container name or ID: value is empty"));
        }
        let view = self.containers.find(name)?;
        if self.collect_abandoned(&view) {
            return Err(StoreError::NotFound(name.to_owned()).into());
        }
        Ok(view)
    }

    /// All containers, newest first.
    pub fn list(&self) -> Result<Vec<ContainerView>> {
        let mut views = self.containers.list()?;
        views.retain(|view| !self.collect_abandoned(view));
        Ok(views)
    }

    /// The running ones, newest first: as `list`, without looking into the others.
    pub fn list_running(&self) -> Result<Vec<ContainerView>> {
        Ok(self.containers.list_running()?)
    }

    /// Who uses images, for `ImageStore::remove`.
    pub fn images_in_use(&self) -> Result<Vec<InUse>> {
        let mut used = Vec::new();
        for view in self.containers.list()? {
            let user = User::Container { id: view.record.id.to_string(), running: view.state.is_up() };
            let mounted = view.record.spec.mounts.iter().filter_map(MountSpec::image);
            used.extend(mounted.map(|image| InUse { user: user.clone(), image: image.clone() }));
            used.push(InUse { user, image: view.record.image });
        }
        used.extend(self.images_mounted()?.into_iter().map(|image| InUse { user: User::Mount, image }));
        Ok(used)
    }

    /// Runs the container's health check now: whether it passed, and where the container's health stands.
    pub fn check_health(&self, id: &ContainerId) -> Result<(bool, HealthStatus)> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        check_runs(&view)?;
        if view.health.is_none() {
            let text = format!("container {id} has no defined healthcheck");
            return Err(Error::new(Kind::InvalidParameter, text));
        }
        let mut client = self.connect(&view)?.ok_or_else(|| not_running(id))?;
        match client.ask(&Request::CheckHealth) {
            Ok(Reply::Health { passed, status }) => Ok((passed, status)),
            Ok(_) | Err(ClientError::Ended) => Err(not_running(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Host pids of the processes inside.
    pub fn processes(&self, id: &ContainerId) -> Result<Vec<i32>> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        check_runs(&view)?;
        let mut client = self.connect(&view)?.ok_or_else(|| not_running(id))?;
        match client.ask(&Request::Processes) {
            Ok(Reply::Processes(pids)) => Ok(pids),
            Ok(_) | Err(ClientError::Ended) => Err(not_running(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Its supervisor and the processes inside, the first one first; `None` when it does not run.
    pub(super) fn inside(&self, id: &ContainerId) -> Result<Option<(i32, Vec<i32>)>> {
        let view = self.containers.view(id)?.ok_or_else(|| not_found(id))?;
        let Some(mut client) = self.connect(&view)? else { return Ok(None) };
        match client.ask(&Request::Processes) {
            Ok(Reply::Processes(mut pids)) => {
                pids.sort_by_key(|pid| Some(*pid) != view.facts.pid);
                let supervisor = client
                    .supervisor()
                    .map_err(|e| Error::caused(Kind::System, "asking who supervises the container", e))?;
                Ok(Some((supervisor, pids)))
            }
            Ok(_) | Err(ClientError::Ended) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Bytes the container itself wrote (`ps -s`).
    pub fn written_size(&self, id: &ContainerId) -> Result<u64> {
        Ok(crate::overlay::written_size(&self.containers.directory(id)))
    }

    /// Hands every stored entry that `query` asks for to `to`, oldest first; with `query.follow` until the
    /// container's run ends. An error of `to` (a closed pipe) ends the reading and is no failure.
    pub fn logs(&self, id: &ContainerId, query: &logs::Query, to: &mut dyn logs::Receiver) -> Result<()> {
        let record = self.containers.record(id)?.ok_or_else(|| not_found(id))?;
        let driver = &record.spec.log.driver;
        if !logs::is_readable(driver) {
            let text = "configured logging driver does not support reading";
            return Err(Error::new(Kind::NotImplemented, text));
        }
        let mut guarded = Guarded { to, stopped: false };
        // As with Docker, following ends with the run, though there may be another.
        let this_run = self.containers.view(id)?.ok_or_else(|| not_found(id))?.facts.starts;
        let runs = || {
            let view = self.containers.view(id).ok().flatten();
            view.is_none_or(|view| {
                let same = view.facts.starts.max(1) == this_run.max(1);
                same && matches!(view.state, State::Created | State::Running { .. })
            })
        };
        let alive = || self.containers.is_alive(id) && runs();
        match logs::read(driver, &self.log_path(id), query, &alive, &mut guarded) {
            Err(error) if !guarded.stopped => {
                Err(Error::caused(Kind::System, format!("reading the log of container {id}"), error))
            }
            _ => Ok(()),
        }
    }

    /// Where the log lies (`inspect` shows it as LogPath).
    pub fn log_path(&self, id: &ContainerId) -> PathBuf {
        self.containers.directory(id).join("container.log")
    }
}

/// Tells a receiver that has had enough from a log that cannot be read.
struct Guarded<'a> {
    to: &'a mut dyn logs::Receiver,
    stopped: bool,
}

impl logs::Receiver for Guarded<'_> {
    fn take(&mut self, entry: &logs::Entry<'_>) -> io::Result<()> {
        let result = self.to.take(entry);
        self.stopped |= result.is_err();
        result
    }

    fn caught_up(&mut self) -> io::Result<()> {
        let result = self.to.caught_up();
        self.stopped |= result.is_err();
        result
    }
}

/// Docker's shortest duration, in nanoseconds.
const SHORTEST: i64 = 1_000_000;

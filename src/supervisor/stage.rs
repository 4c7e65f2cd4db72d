//! The life of a supervisor, from the paper to the last client.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::protocol::{Failure, FailureKind, Reply};
use super::report::Reporter;
use super::restarts::Restarts;
use super::server::{CheckPlan, DEFAULT_WINDOW, Helper, Machine, Run, Server, Settings};
use super::session::{Session, Wanted};
use super::{files, joins, paper::Paper, removal, root};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::container::health::{Health, HealthCheck};
use crate::container::spec::{ExecSpec, MountKind, NetworkMode};
use crate::container::store::{self, ALIVE, CHANGE, ContainerStore, PAUSED, Withdrawn};
use crate::container::{ContainerRecord, Exit, StateFile};
use crate::identity::Table;
use crate::image::config::RunConfig;
use crate::image::{Image, ImageStore, PinnedImage};
use crate::logs;
use crate::overlay;
use crate::runtime::emulation::{Emulator, Powers};
use crate::runtime::launch::NamespaceChoice;
use crate::runtime::plan::{emulates_users, nested_maps};
use crate::runtime::{
    self, ContainerFiles, ExecRequest, HostFacts, Launch, LaunchError, PlanError, PlanInput,
};
use crate::runtime::{Started, Stdio};
use crate::sys::namespace::lookup;
use crate::sys::signal::{self, SignalFd, SignalSet};
use crate::sys::{lock, memory, process, socket};
use crate::volume::VolumeStore;

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Failure {
        let kind = match error {
            PlanError::Invalid(_) => FailureKind::Invalid,
            PlanError::Forbidden(_) => FailureKind::Forbidden,
        };
        Failure::new(kind, error.to_string())
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Failure {
        match error {
            LaunchError::NotFound { text } => Failure::new(FailureKind::CommandNotFound, text),
            LaunchError::NotExecutable { text } => Failure::new(FailureKind::NotExecutable, text),
            LaunchError::Invalid { text, hint } => Failure { kind: FailureKind::Invalid, text, hint },
            LaunchError::System { text } => Failure::new(FailureKind::System, text),
        }
    }
}

fn failed(step: &str) -> impl Fn(io::Error) -> Failure {
    let step = step.to_owned();
    move |error| Failure::new(FailureKind::System, format!("{step}: {error}"))
}

/// What a supervisor has from its start to its end.
struct Stage {
    paper: Paper,
    store: ContainerStore,
    record: ContainerRecord,
    directory: PathBuf,
    /// Holds the bytes `CHANGE` (from the starter) and `ALIVE`.
    alive: File,
    socket: PathBuf,
    reporter: Rc<Reporter>,
}

/// What every run of the container stands on, made once.
struct Ground {
    host: HostFacts,
    image: RunConfig,
    /// Where the root is mounted.
    target: PathBuf,
    /// Mode and note of the root.
    overlay: (String, Option<String>),
    checks: Option<CheckPlan>,
    /// Who is who, where users are emulated.
    users: Option<Arc<Table>>,
}

/// A container that runs.
struct Running {
    run: Run,
    launch: Launch,
    init: OwnedFd,
    facts: StateFile,
    throwaways: Vec<overlay::Throwaway>,
    users: Option<Emulator>,
}

/// The runtime, for the first process and for `exec`.
struct Container<'s> {
    stage: &'s Stage,
    ground: Ground,
    /// Of the current run, or of the one before.
    launch: Launch,
    init: OwnedFd,
    facts: StateFile,
    throwaways: Vec<overlay::Throwaway>,
    users: Option<Emulator>,
}

impl Machine for Container<'_> {
    fn exec(&mut self, spec: &ExecSpec, stdio: Stdio) -> Result<Started, Failure> {
        let request = ExecRequest {
            argv: spec.argv.clone(),
            env: spec.env.clone(),
            workdir: spec.workdir.clone(),
            user: spec.user.clone(),
            terminal: spec.tty,
            privileged: spec.privileged,
        };
        let process = runtime::plan_exec(&self.launch, &self.ground.host, request)?;
        Ok(runtime::start::exec(self.init.as_fd(), &self.launch, &process, stdio, self.users.as_ref())?)
    }

    fn start(&mut self, restarts: u32) -> Result<Run, Failure> {
        // Each run has its own.
        self.throwaways.clear();
        self.users = None;
        let Running { run, launch, init, facts, throwaways, users } =
            self.stage.start(&self.ground, restarts)?;
        (self.launch, self.init, self.facts, self.throwaways) = (launch, init, facts, throwaways);
        self.users = users;
        self.stage.reporter.began();
        Ok(run)
    }

    fn show_health(&mut self, health: &Health) {
        if let Err(error) = store::write_health(&self.stage.directory, health) {
            tracing::debug!(%error, "health not written");
        }
    }

    fn report(&mut self, action: &str, facts: &[(&str, String)]) {
        self.stage.reporter.say(action, facts);
    }

    fn show_paused(&mut self, paused: bool) -> io::Result<()> {
        match paused {
            true => lock::lock(self.stage.alive.as_fd(), PAUSED),
            false => lock::unlock(self.stage.alive.as_fd(), PAUSED),
        }
    }
}

impl Container<'_> {
    /// Shows others that the container waits for its next run.
    fn show_restarting(&self, exit: &Exit, restarts: u32) {
        let state = StateFile { exit: Some(exit.clone()), restarting: true, restarts, ..self.facts.clone() };
        if let Err(error) = store::write_last_state(&self.stage.directory, &state) {
            // It shows as running, with a process that has gone.
            tracing::debug!(%error, "state not written");
        }
        self.stage.report_end(&state);
    }
}

/// Runs the stage on the descriptors it was started with.
pub fn run() -> Result<(), Failure> {
    // Seen in ps(1) and top(1), where it would have the name of whatever file the binary is called.
    let _ = rustix::thread::set_name(c"coracle-superv");
    memory::share_one_heap();
    let paper = read_paper().map_err(failed("reading the supervisor's paper"))?;
    let starter = process::inherited(4).map_err(failed("taking the starter's socket"))?;
    let alive = process::inherited(5).map_err(failed("taking the container's lock"))?;
    let mut starter = Connection::new(UnixStream::from(starter)).map_err(failed("the starter's socket"))?;
    match begin(paper, alive.into(), &mut starter) {
        Ok((stage, begun)) => stage.serve(begun, starter),
        Err(failure) => {
            // The starter may have gone: then nobody is left to tell.
            let _ = starter.reply(&Reply::Failed(failure.clone()));
            let _ = starter.flush();
            Err(failure)
        }
    }
}

fn read_paper() -> io::Result<Paper> {
    let mut bytes = Vec::new();
    File::from(process::inherited(3)?).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Everything until the command runs. A failure leaves the container stopped, or removed with `--rm`.
fn begin(paper: Paper, alive: File, starter: &mut Connection) -> Result<(Stage, Begun), Failure> {
    let store = ContainerStore::open(&paper.config);
    if !lock::try_lock(alive.as_fd(), ALIVE).map_err(failed("locking the container"))? {
        return Err(Failure::new(
            FailureKind::Conflict,
            format!("container {} is already running", paper.id),
        ));
    }
    let record = store
        .record(&paper.id)
        .map_err(|e| Failure::system(&e))?
        .ok_or_else(|| Failure::new(FailureKind::System, format!("No such container: {}", paper.id)))?;
    let directory = store.directory(&paper.id);
    let socket = paper.config.socket(paper.id.as_str());
    let images = ImageStore::open(&paper.config);
    let image = images.pinned(&record.image).map_err(|e| Failure::system(&e));
    let labels = image.as_ref().ok().and_then(|image| image.config.config.labels.clone());
    let reporter = Rc::new(Reporter::new(&paper.config, &record, labels));
    let stage = Stage { paper, store, record, directory, alive, socket, reporter };
    if stage.paper.attach.is_some() {
        stage.reporter.say("attach", &[]);
    }
    let result = stage.listen(starter).and_then(|serving| {
        let (ground, rootfs) = stage.prepare(&images, image?)?;
        Ok(Begun { running: stage.start(&ground, 0)?, ground, rootfs, serving })
    });
    match result {
        Ok(begun) => Ok((stage, begun)),
        Err(failure) => {
            stage.give_up(&failure);
            Err(failure)
        }
    }
}

fn emulator_as_helper(emulator: &Emulator) -> io::Result<Helper> {
    let pidfd = emulator.process().try_clone_to_owned()?;
    Ok(Helper { pidfd, loss: "the process that emulates the container's users has ended" })
}

/// All that the start has made.
struct Begun {
    running: Running,
    ground: Ground,
    rootfs: overlay::Rootfs,
    serving: Serving,
}

/// Where clients come in, and what the supervisor itself is told.
struct Serving {
    listener: UnixListener,
    signals: SignalFd,
}

impl Stage {
    /// First of all, so that others can join U from now on. They only connect; nobody asks anything of a
    /// container before its state says that it runs.
    fn listen(&self, starter: &mut Connection) -> Result<Serving, Failure> {
        let listener = socket::listen(&self.socket).map_err(failed("listening"))?;
        if self.paper.say_listening {
            let _ = starter.reply(&Reply::Listening);
        }
        // Before there is a second thread, which would get them otherwise.
        let set = SignalSet::of(&[libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT]);
        signal::block(&set).map_err(failed("blocking signals"))?;
        signal::ignore(libc::SIGPIPE);
        let signals = SignalFd::new(&set).map_err(failed("watching signals"))?;
        Ok(Serving { listener, signals })
    }

    /// Mounts the root, in a mount namespace of our own.
    fn prepare(&self, images: &ImageStore, image: Image) -> Result<(Ground, overlay::Rootfs), Failure> {
        let host = HostFacts::gather().map_err(failed("looking at the machine"))?;
        let (rootfs, target, users) = root::mount(&self.paper.config, images, &self.record, &host)?;
        self.fill_volumes(images, &host, users.is_some())?;
        let overlay = (rootfs.mode().to_string(), rootfs.note().map(str::to_owned));
        let image = image.config.config;
        let checks = self.checks(&image);
        Ok((Ground { host, image, target, overlay, checks, users }, rootfs))
    }

    fn checks(&self, image: &RunConfig) -> Option<CheckPlan> {
        let spec = &self.record.spec;
        let check = HealthCheck::effective(spec.health.as_ref(), image.healthcheck.as_ref())?;
        let argv = check.argv(image.shell.as_deref())?;
        Some(CheckPlan { check, argv, action: spec.on_unhealthy })
    }

    /// Runs the container's first process, for the first time or once more.
    fn start(&self, ground: &Ground, restarts: u32) -> Result<Running, Failure> {
        let (spec, id) = (&self.record.spec, &self.record.id);
        let joins = joins::find(&self.paper.config, &self.store, spec)?;
        let network = match &spec.network {
            NetworkMode::Default | NetworkMode::Host => NamespaceChoice::Inherit,
            NetworkMode::None => NamespaceChoice::New,
            NetworkMode::Container(_) => NamespaceChoice::Join,
        };
        let (uids, gids) = nested_maps(spec, &ground.host)?;
        // Root of the container, if it has one; else they stay the caller's.
        let owner = lookup(&uids, 0).zip(lookup(&gids, 0)).unwrap_or((0, 0));
        files::write(&self.directory, id, spec, &ground.host.hostname, owner)
            .map_err(failed("writing /etc/hosts"))?;
        if ground.users.is_some() {
            files::give_to_root(&self.directory);
        }
        let secrets = store::read_secrets(&self.directory, spec.secrets.len())
            .map_err(failed("reading the secrets"))?;
        let mut launch = runtime::plan(&PlanInput {
            record: &self.record,
            image: &ground.image,
            host: &ground.host,
            files: ContainerFiles {
                hosts: &self.directory.join("hosts"),
                hostname: &self.directory.join("hostname"),
                resolv_conf: &self.directory.join("resolv.conf"),
                overlays: &self.overlays(),
            },
            secrets: &secrets,
            volumes: &self.paper.config.volumes(),
            users: ground.users.as_ref().and_then(|_| emulates_users(spec, &ground.host)),
            network,
        })?;
        let users = ground.users.as_ref().map(|table| self.emulate(table, &launch)).transpose()?;
        let throwaways = self.mount_throwaways(&ground.host)?;
        let wanted = Wanted {
            stdin: spec.stdin_open,
            output: true,
            terminal: spec.tty.then_some(self.paper.window.unwrap_or(DEFAULT_WINDOW)),
            close_stdin: spec.stdin_once,
        };
        let log = self.open_log(&ground.image)?;
        let (stdio, ends) = wanted.open().map_err(failed("making the streams"))?;
        let started = runtime::launch(&launch, &ground.target, joins, stdio, users.as_ref())?;
        // Kept for `exec`, which has no use for them.
        launch.secrets = Vec::new();
        let shown = self.show_running(ground, started.pid, restarts).map_err(failed("writing the state"));
        let taken = shown.and_then(|facts| {
            let init = started.pidfd.try_clone().map_err(failed("copying a descriptor"))?;
            let helper = users.as_ref().map(emulator_as_helper).transpose();
            Ok((facts, init, helper.map_err(failed("copying a descriptor"))?))
        });
        let ((facts, health), init, helper) = match taken {
            Ok(both) => both,
            Err(failure) => {
                // It must not run on while its container counts as ended.
                let _ = signal::send(started.pidfd.as_fd(), libc::SIGKILL);
                let _ = waitid(WaitId::PidFd(started.pidfd.as_fd()), WaitIdOptions::EXITED);
                return Err(failure);
            }
        };
        let main = Session::new(started, ends, wanted).map_err(failed("taking the streams"))?;
        Ok(Running { run: Run { main, log, health, helper }, launch, init, facts, throwaways, users })
    }

    fn emulate(&self, table: &Table, launch: &Launch) -> Result<Emulator, Failure> {
        let powers = Powers::of(launch.process.capabilities.bounding);
        Emulator::start(table, powers).map_err(failed("starting the emulator of users"))
    }

    fn show_running(
        &self,
        ground: &Ground,
        pid: i32,
        restarts: u32,
    ) -> io::Result<(StateFile, Option<Health>)> {
        let health = ground.checks.as_ref().map(|_| {
            let mut health = store::read_health(&self.directory);
            health.begin();
            health
        });
        // Before the state says that it counts.
        health.as_ref().map_or(Ok(()), |health| store::write_health(&self.directory, health))?;
        let before = store::read_state(&self.directory);
        let (overlay, overlay_note) = ground.overlay.clone();
        let facts = StateFile {
            version: before.version,
            started: Some(jiff::Timestamp::now()),
            pid: Some(pid),
            exit: None,
            restarting: false,
            restarts,
            stopped_by_user: false,
            finished_before: before.exit.map(|exit| exit.finished),
            overlay: Some(overlay),
            overlay_note,
            is_checked: health.is_some(),
            starts: before.starts + 1,
            socket: Some(self.socket.clone()),
        };
        // Not synced: after a power cut it reads as it was before, and is stopped either way. A full disk has
        // room for what is set aside.
        store::write_last_state(&self.directory, &facts)?;
        if !self.record.spec.auto_remove {
            store::reserve_last_state(&self.directory);
        }
        Ok((facts, health))
    }

    fn overlays(&self) -> PathBuf {
        self.directory.join("overlays")
    }

    /// Mounts images, and what takes the writes for directories that are to stay as they are.
    fn mount_throwaways(&self, host: &HostFacts) -> Result<Vec<overlay::Throwaway>, Failure> {
        let mut mounted = Vec::new();
        for (at, mount) in self.record.spec.mounts.iter().enumerate() {
            let place = self.overlays().join(at.to_string());
            let throwaway = match &mount.kind {
                MountKind::Image { .. } => {
                    let Some(image) = mount.image() else { continue };
                    let plan = self.image_plan(image, &place, host)?;
                    overlay::Throwaway::mount_image(plan, mount.read_only, &place)
                }
                MountKind::Bind { source, .. } if mount.overlay => overlay::Throwaway::mount(source, &place),
                MountKind::Volume { name, .. } if mount.overlay => {
                    overlay::Throwaway::mount(&VolumeStore::open(&self.paper.config).data(name), &place)
                }
                MountKind::Bind { .. } | MountKind::Volume { .. } | MountKind::Tmpfs { .. } => continue,
            };
            mounted
                .push(throwaway.map_err(|e| Failure { kind: FailureKind::Invalid, ..Failure::system(&e) })?);
        }
        Ok(mounted)
    }

    fn image_plan(
        &self,
        image: &PinnedImage,
        place: &Path,
        host: &HostFacts,
    ) -> Result<overlay::Plan, Failure> {
        let config = &self.paper.config;
        let images = ImageStore::open(config);
        let (uids, gids) = nested_maps(&self.record.spec, host)?;
        Ok(overlay::Plan {
            view: images.layers.merged(&image.layers).map_err(|e| Failure::system(&e))?,
            container: place.with_extension("image"),
            choice: root::overlay_choice(config, &self.record)?,
            users: None,
            uids: root::ranges(&uids),
            gids: root::ranges(&gids),
            unpacked_cache: config.unpacked(),
            volatile: true,
        })
    }

    /// Gives empty volumes what the image has where they are mounted.
    fn fill_volumes(
        &self,
        images: &ImageStore,
        host: &HostFacts,
        emulates_users: bool,
    ) -> Result<(), Failure> {
        let volumes = VolumeStore::open(&self.paper.config);
        let (uids, gids) = nested_maps(&self.record.spec, host)?;
        for mount in &self.record.spec.mounts {
            let MountKind::Volume { name, no_copy: false, subpath: None, .. } = &mount.kind else { continue };
            let told = |error: io::Error| match error.kind() {
                io::ErrorKind::NotFound => {
                    let place = volumes.data(name);
                    let place = fs::read_link(&place).unwrap_or(place);
                    let text =
                        format!("failed to mount local volume: {}: no such directory", place.display());
                    Failure::new(FailureKind::Invalid, text)
                }
                _ => failed(&format!("filling volume {name}"))(error),
            };
            let Some(filling) = volumes.begin_filling(name).map_err(told)? else { continue };
            let view = images.layers.merged(&self.record.image.layers).map_err(|e| Failure::system(&e))?;
            let (uids, gids) = (root::ranges(&uids), root::ranges(&gids));
            match overlay::fill(view, uids, gids, &mount.target, &filling.data, emulates_users) {
                Ok(()) => filling.finish().map_err(told)?,
                Err(error) => {
                    // The error that matters is the one at hand.
                    let _ = filling.undo();
                    return Err(told(error));
                }
            }
        }
        Ok(())
    }

    fn open_log(&self, image: &RunConfig) -> Result<Option<Box<dyn logs::Sink>>, Failure> {
        let spec = &self.record.spec;
        let mut labels = image.labels.clone().unwrap_or_default();
        labels.extend(spec.labels.clone());
        let of_image = image.env.iter().flatten().filter_map(|pair| pair.split_once('='));
        let of_image = of_image.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let about = logs::About {
            id: self.record.id.as_str(),
            name: self.record.name.as_str(),
            image_id: &self.record.image.id.hex(),
            image_name: &spec.image,
            command: spec.command.as_deref().unwrap_or_default(),
            labels,
            env: of_image.chain(spec.env.iter().cloned()).collect(),
        };
        let path = self.directory.join("container.log");
        logs::open(&spec.log.driver, &spec.log.options, &path, &about).map_err(|error| match error {
            logs::OpenError::Option(error) => Failure::new(FailureKind::Invalid, error.to_string()),
            logs::OpenError::Io(error) => failed("opening the log")(error),
        })
    }

    /// The start has failed: what is known is written down, and a `--rm` container goes.
    fn give_up(&self, failure: &Failure) {
        let code = match failure.kind {
            FailureKind::CommandNotFound => 127,
            FailureKind::NotExecutable => 126,
            _ => 128,
        };
        let exit = Exit {
            code,
            signal: None,
            oom_killed: false,
            finished: jiff::Timestamp::now(),
            error: Some(failure.text.clone()),
        };
        let before = store::read_state(&self.directory);
        let state = StateFile {
            started: None,
            pid: None,
            exit: Some(exit),
            restarting: false,
            restarts: 0,
            is_checked: false,
            ..before
        };
        self.end(&state, None, false, || {});
    }

    /// Writes the last state or removes the container, tells the end, and lets go of it: afterwards it is
    /// not alive, and nothing of ours touches its directory.
    ///
    /// Unmounting an overlay that is not volatile writes back all of the file system that the upper lies on
    /// (8 to 330 ms measured). Clients do not wait for that: they are told as soon as the state is there to
    /// be read. Whoever wants to change the container waits for the lock. Of a `--rm` container they are
    /// told when it is gone for everybody and its name is free; then its files go.
    fn end(&self, state: &StateFile, root: Option<overlay::Rootfs>, is_kept: bool, tell: impl FnOnce()) {
        let _ = fs::remove_file(&self.socket);
        if self.record.spec.auto_remove && !is_kept {
            self.report_end(state);
            drop(root);
            let withdrawn = self.withdraw();
            let volumes = VolumeStore::open(&self.paper.config);
            // In U nothing is left over for somebody in U to remove.
            let names = self.record.spec.anonymous_volumes();
            let removed = removal::unused_volumes(&volumes, &self.store, self.reporter.journal(), &names);
            if let Err(error) = removed {
                tracing::debug!(error, "anonymous volumes not removed");
            }
            if let Ok(Some(_)) = &withdrawn {
                self.reporter.say("destroy", &[]);
            }
            // Its name is free and nobody sees it any more: nobody need wait for the files.
            tell();
            match withdrawn.and_then(|withdrawn| withdrawn.map_or(Ok(None), Withdrawn::remove)) {
                Ok(_) => drop(self.store.sweep()),
                Err(error) => tracing::debug!(%error, "not removed"),
            }
            return self.let_go();
        }
        let written = store::write_last_state(&self.directory, state);
        self.report_end(state);
        tell();
        drop(root);
        if let Err(error) = written.and_then(|()| store::sync_state(&self.directory)) {
            // A disk that fails: the container will read as one whose supervisor was killed.
            tracing::debug!(%error, "state not written");
        }
        self.let_go();
    }

    /// `die`, of one that has lived.
    fn report_end(&self, state: &StateFile) {
        let (Some(started), Some(exit)) = (state.started, &state.exit) else { return };
        let lived = exit.finished.duration_since(started).as_secs().max(0);
        let facts = [("exitCode", exit.code.to_string()), ("execDuration", lived.to_string())];
        self.reporter.ended(&facts);
    }

    fn let_go(&self) {
        for byte in [CHANGE, PAUSED, ALIVE] {
            let _ = lock::unlock(self.alive.as_fd(), byte);
        }
    }

    /// `None` if somebody has removed it already.
    fn withdraw(&self) -> Result<Option<Withdrawn>, store::StoreError> {
        let alive = self.alive.try_clone().map_err(|source| store::StoreError::Io {
            step: "copying a descriptor of",
            path: self.directory.join("alive"),
            source,
        })?;
        // Whoever is changing it now (a rename) finishes first; if it is the starter, the lock is ours.
        lock::lock(alive.as_fd(), CHANGE).map_err(|source| store::StoreError::Io {
            step: "locking",
            path: self.directory.join("alive"),
            source,
        })?;
        if self.store.record(&self.record.id)?.is_none() {
            return Ok(None);
        }
        self.store.inherited_change(&self.record.id, alive.into()).withdraw().map(Some)
    }

    fn serve(self, begun: Begun, mut starter: Connection) -> Result<(), Failure> {
        let Begun { running, ground, rootfs, serving } = begun;
        let spec = &self.record.spec;
        self.reporter.began();
        let told = starter.reply(&Reply::Started);
        // The start is over: others may change the container again.
        let _ = lock::unlock(self.alive.as_fd(), CHANGE);
        let starter = told.is_ok().then_some((starter, self.paper.attach));
        let asked = spec.stop_signal.as_ref().or(ground.image.stop_signal.as_ref());
        let asked = asked.and_then(|signal| signal::parse(signal));
        let settings = Settings {
            stop_signal: asked.unwrap_or(libc::SIGTERM),
            stops_by_that_only: asked.is_some(),
            stop_timeout: Duration::from_secs(spec.stop_timeout.unwrap_or(10).clamp(0, 3600) as u64),
            run_limit: spec.run_limit.map(|seconds| Duration::from_secs(seconds.into())),
            checks: ground.checks.clone(),
        };
        let result = (|| {
            let Serving { listener, signals } = serving;
            let Running { run, launch, init, facts, throwaways, users } = running;
            let machine = Container { stage: &self, ground, launch, init, facts, throwaways, users };
            let restarts = Restarts::new(spec.restart);
            let mut server = Server::new(listener, signals, machine, run, settings, restarts, starter)?;
            let exit = loop {
                // What the start has used is not needed again for as long as the container runs.
                memory::trim();
                let status = server.run()?;
                let exit = server.exit(&status);
                server.finish()?;
                let Some(pause) = server.pause_before_next(&exit) else { break exit };
                server.machine.show_restarting(&exit, server.restarts.count());
                server.announce_run(&exit);
                if !server.rest(pause)? {
                    break exit;
                }
                if let Err(failure) = server.start() {
                    // Docker keeps the status of the last run, with the error of what did not become one.
                    break Exit { error: Some(failure.text), ..exit };
                }
            };
            server.close();
            server.machine.throwaways.clear();
            server.machine.users = None;
            let state = StateFile {
                exit: Some(exit.clone()),
                restarts: server.restarts.count(),
                stopped_by_user: server.restarts.was_stopped_by_user(),
                ..server.machine.facts.clone()
            };
            self.end(&state, Some(rootfs), server.is_kept, || server.announce(&exit));
            server.stay()
        })();
        result.map_err(failed("serving the container"))
    }
}

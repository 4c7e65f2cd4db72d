//! `create`, and what it finds wrong with a wish.

use std::cell::Cell;
use std::time::Duration;
use std::{fs, io};

use super::{BETWEEN_STATES, LOOK_AGAIN, SHORTEST};
use crate::container::health::{HealthAction, HealthCheck};
use crate::container::spec::{LogSpec, MountKind};
use crate::container::store::{ContainerView, StoreError};
use crate::container::{ContainerId, ContainerRecord, ContainerSpec, names, record};
use crate::engine::image::image_error;
use crate::engine::{Engine, Error, Kind, Result, events};
use crate::image::ImageConfig;
use crate::supervisor::removal;
use crate::{logs, runtime};

impl Engine {
    /// Makes a container: claims id and name, pins the image (which must be here), writes the record.
    pub fn create(&self, spec: ContainerSpec) -> Result<ContainerRecord> {
        self.create_with(spec, |_| Ok(false))
    }

    /// The same; a container that has the name is stopped and removed first, once everything else is known
    /// to be in order.
    pub fn create_replacing(&self, spec: ContainerSpec) -> Result<ContainerRecord> {
        let waited = Cell::new(Duration::ZERO);
        self.create_with(spec, |holder| {
            match self.stop(holder, None, None).and_then(|()| self.remove(holder, true, false)) {
                // It goes by itself (`--rm`), or is only being made.
                Err(error) if error.kind == Kind::NotFound && waited.get() < BETWEEN_STATES => {
                    std::thread::sleep(LOOK_AGAIN);
                    waited.set(waited.get() + LOOK_AGAIN);
                    Ok(true)
                }
                removed => removed.map(|()| true),
            }
        })
    }

    /// `free_name` is called for whoever has the name, while nothing is locked; whether to try again.
    pub(super) fn create_with(
        &self,
        mut spec: ContainerSpec,
        free_name: impl Fn(&ContainerId) -> Result<bool>,
    ) -> Result<ContainerRecord> {
        runtime::plan::check(&spec)?;
        check_log(&spec.log)?;
        check_sources(&spec)?;
        check_health_wish(&spec)?;
        self.collect_leftovers();
        // Until the record is on disk the image must not go.
        let _held = self.images.hold().map_err(image_error)?;
        let image = self.images.find(&spec.image).map_err(image_error)?;
        check_command(&spec, &image.config)?;
        check_health_action(&spec, &image.config)?;
        let secrets = self.take_secrets(&mut spec)?;
        let mut volumes = self.hold_volumes(&spec, &image.config.config)?;
        self.complete_mounts(&mut spec, &image.config.config)?;
        self.pin_mounted_images(&mut spec)?;
        let _ids = self.complete_user_namespace(&mut spec, &image)?;
        let record = ContainerRecord {
            version: record::VERSION,
            id: ContainerId::random(),
            name: names::made_up(0),
            created: jiff::Timestamp::now(),
            image: image.pin(),
            spec,
        };
        let mut made = Vec::new();
        let error = loop {
            if let Some(held) = &volumes {
                made.extend(self.make_volumes(held, &record.spec.mounts)?);
            }
            let error = match self.containers.create_with(record.clone(), &secrets) {
                Ok(record) => {
                    self.journal.append(&events::container(&record, &image.config.config).event("create"));
                    return Ok(record);
                }
                Err(error) => error,
            };
            let needs_volumes = volumes.take().is_some();
            match &error {
                StoreError::NameTaken { id, .. } => match free_name(id) {
                    Ok(true) if needs_volumes => volumes = Some(self.volumes.hold()?),
                    Ok(true) => {}
                    Ok(false) => break error.into(),
                    Err(error) => break error,
                },
                _ => break error.into(),
            }
        };
        self.remove_unused_volumes(&made)?;
        Err(error)
    }

    /// Finds the images that the wish mounts, which must be here.
    pub(super) fn pin_mounted_images(&self, spec: &mut ContainerSpec) -> Result<()> {
        for mount in &mut spec.mounts {
            if let MountKind::Image { source, image, .. } = &mut mount.kind
                && image.is_none()
            {
                *image = Some(self.images.find(source).map_err(image_error)?.pin());
            }
        }
        Ok(())
    }

    /// What killed processes have left half made or half removed.
    pub(super) fn collect_leftovers(&self) {
        let left = self.containers.sweep();
        if !left.is_empty()
            && let Err(error) = removal::remove(&left)
        {
            // The next one tries again.
            tracing::debug!(%error, "leftovers not collected");
        }
    }

    /// Takes note of a container whose supervisor was killed, and removes it if it is a `--rm` one, as a start
    /// of Docker's engine does. True when it is gone.
    pub(super) fn collect_abandoned(&self, view: &ContainerView) -> bool {
        if let Some(exit) = self.containers.note_death(view) {
            self.died(view, &exit);
        }
        self.containers.is_abandoned(view)
            && match self.stopped(&view.record.id) {
                Ok(Some(change)) => self.remove_stopped(change, true).is_ok(),
                Ok(None) => false,
                // Somebody else was faster.
                Err(error) => error.kind == Kind::NotFound,
            }
    }
}

fn check_log(log: &LogSpec) -> Result<()> {
    logs::check(&log.driver, &log.options).map_err(|error| {
        let kind = match &error {
            logs::OptionError::Invalid(_) => Kind::InvalidParameter,
            logs::OptionError::NotImplemented(_) => Kind::NotImplemented,
        };
        Error::new(kind, error.to_string())
    })
}

/// `--mount` refuses a source that is not there; `-v` makes it, when the container starts.
fn check_sources(spec: &ContainerSpec) -> Result<()> {
    for mount in &spec.mounts {
        if let MountKind::Bind { source, create_source: false, .. } = &mount.kind
            && fs::symlink_metadata(source).is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
        {
            let text = format!(
                "invalid mount config for type \"bind\": bind source path does not exist: {}",
                source.display()
            );
            return Err(Error::new(Kind::InvalidParameter, text));
        }
    }
    Ok(())
}

fn check_health_wish(spec: &ContainerSpec) -> Result<()> {
    let Some(check) = &spec.health else { return Ok(()) };
    let refused = |text: String| Err(Error::new(Kind::InvalidParameter, text));
    for (name, nanoseconds) in [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ] {
        if nanoseconds != 0 && nanoseconds < SHORTEST {
            return refused(format!("{name} in Healthcheck cannot be less than 1ms"));
        }
    }
    if check.retries < 0 {
        return refused("Retries in Healthcheck cannot be negative".to_owned());
    }
    Ok(())
}

fn check_health_action(spec: &ContainerSpec, image: &ImageConfig) -> Result<()> {
    let check = HealthCheck::effective(spec.health.as_ref(), image.config.healthcheck.as_ref());
    if spec.on_unhealthy == HealthAction::None || check.is_some_and(|check| check.argv(None).is_some()) {
        return Ok(());
    }
    let text = format!("cannot set on-failure action to {} without a health check", spec.on_unhealthy.word());
    Err(Error::new(Kind::InvalidParameter, text))
}

fn check_command(spec: &ContainerSpec, image: &ImageConfig) -> Result<()> {
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|words| !words.is_empty());
    let image = &image.config;
    let entrypoint = match &spec.entrypoint {
        Some(own) => !own.is_empty(),
        None => given(&image.entrypoint),
    };
    let command = match (&spec.command, &spec.entrypoint) {
        (Some(own), _) if !own.is_empty() => true,
        // An entrypoint of one's own drops the image's command.
        (_, Some(_)) => false,
        _ => given(&image.cmd),
    };
    if entrypoint || command {
        return Ok(());
    }
    Err(Error::new(Kind::InvalidParameter, "no command specified"))
}

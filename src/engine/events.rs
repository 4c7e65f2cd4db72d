//! What the verbs write into the journal, and its reading. What happens in a running container (start,
//! attach, exec, kill, die) its supervisor writes.

use std::io;

use crate::container::spec::MountSpec;
use crate::container::store::ContainerView;
use crate::container::{ContainerRecord, Exit};
use crate::engine::{Engine, Error, Kind, Result};
use crate::events::{self, Event, Query, Subject};
use crate::image::config::RunConfig;
use crate::image::store::Removed;
use crate::image::{Image, Reference};

/// A container with its labels; `config` is its image's.
pub fn container(record: &ContainerRecord, config: &RunConfig) -> Subject {
    let mut labels = config.labels.clone().unwrap_or_default();
    labels.extend(record.spec.labels.clone());
    Subject::container(record.id.as_str(), record.name.as_str(), &record.spec.image, labels)
}

fn image(image: &Image, id: &str, name: &str) -> Subject {
    Subject::image(id, name, image.config.config.labels.clone().unwrap_or_default())
}

impl Engine {
    /// Hands what happened, and what happens while it is asked for, to `each`. An error of `each` (a closed
    /// pipe) ends the reading and is no failure.
    pub fn events(&self, query: &Query, each: &mut dyn FnMut(&Event) -> io::Result<()>) -> Result<()> {
        let mut stopped = false;
        let mut guarded = |event: &Event| {
            let result = each(event);
            stopped = result.is_err();
            result
        };
        match self.journal.read(query, &mut guarded) {
            Err(error) if !stopped => Err(Error::caused(Kind::System, "reading the events", error)),
            _ => Ok(()),
        }
    }

    /// Somebody was shown its processes (`top`).
    pub fn was_looked_at(&self, record: &ContainerRecord) {
        self.container_did(record, "top");
    }

    pub(super) fn container_did(&self, record: &ContainerRecord, action: &str) {
        self.journal.append(&container(record, &self.run_config(record)).event(action));
    }

    /// What a supervisor says of the end of its container, of one whose supervisor could not.
    pub(super) fn died(&self, view: &ContainerView, exit: &Exit) {
        let record = &view.record;
        let lived = exit.finished.duration_since(view.facts.started.unwrap_or(exit.finished));
        let subject = container(record, &self.run_config(record)).with("exitCode", exit.code);
        self.journal.append(&subject.with("execDuration", lived.as_secs().max(0)).event("die"));
        for name in record.spec.mounts.iter().filter_map(MountSpec::volume) {
            self.journal.append(&Subject::volume(name).with("container", &record.id).event("unmount"));
        }
    }

    /// `id` and `name` are Docker's: of an image that came or went by name, both are names.
    pub(super) fn image_did(&self, of: &Image, id: &str, name: &str, action: &str) {
        self.journal.append(&image(of, id, name).event(action));
    }

    /// `pull` and `push`: by name.
    pub(super) fn image_moved(&self, of: &Image, name: &Reference, action: &str) {
        self.image_did(of, &name.familiar(), &name.familiar_name(), action);
    }

    pub(super) fn image_was_removed(&self, of: Option<&Image>, removed: &[Removed]) {
        let mut is_gone = false;
        for what in removed {
            let id = of.map_or_else(String::new, |image| image.id.to_string());
            match what {
                Removed::Untagged(_) => match of {
                    Some(of) => self.image_did(of, &id, &id, "untag"),
                    None => self.journal.append(&Subject::all(events::Kind::Image).event("untag")),
                },
                // The image; its layers follow it.
                Removed::Deleted(image) if !is_gone => {
                    is_gone = true;
                    let id = image.to_string();
                    self.journal.append(&Subject::image(&id, &id, Default::default()).event("delete"));
                }
                Removed::Deleted(_) => {}
            }
        }
    }

    /// `prune`, with the bytes that it gave back.
    pub(super) fn pruned(&self, kind: events::Kind, reclaimed: u64) {
        self.journal.append(&Subject::all(kind).with("reclaimed", reclaimed).event("prune"));
    }
}

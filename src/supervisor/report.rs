//! What happens in the container, written into the journal.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::config::Config;
use crate::container::ContainerRecord;
use crate::container::store::ContainerStore;
use crate::events::{Journal, Subject};

pub struct Reporter {
    journal: Journal,
    store: ContainerStore,
    record: ContainerRecord,
    /// The image's, and the container's own over them.
    labels: BTreeMap<String, String>,
    /// Whether a run has begun of which no end is told.
    is_running: Cell<bool>,
}

impl Reporter {
    pub fn new(
        config: &Config,
        record: &ContainerRecord,
        image_labels: Option<BTreeMap<String, String>>,
    ) -> Reporter {
        let mut labels = image_labels.unwrap_or_default();
        labels.extend(record.spec.labels.clone());
        Reporter {
            journal: Journal::open(config),
            store: ContainerStore::open(config),
            record: record.clone(),
            labels,
            is_running: Cell::new(false),
        }
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A run has begun.
    pub fn began(&self) {
        self.say_of_volumes("mount");
        self.say("start", &[]);
        self.is_running.set(true);
    }

    /// The run is over, if one had begun; it is told once.
    pub fn ended(&self, facts: &[(&str, String)]) {
        if self.is_running.replace(false) {
            self.say("die", facts);
            self.say_of_volumes("unmount");
        }
    }

    /// Writes down that the container's volumes are mounted, or are not any more.
    fn say_of_volumes(&self, action: &str) {
        for mount in &self.record.spec.mounts {
            let Some(name) = mount.volume() else { continue };
            let mut subject = Subject::volume(name).with("container", &self.record.id);
            if action == "mount" {
                subject = subject
                    .with("destination", mount.target.display())
                    .with("propagation", "")
                    .with("read/write", !mount.read_only);
            }
            self.journal.append(&subject.event(action));
        }
    }

    /// Writes down that something happens now, with what there is to know about it.
    pub fn say(&self, action: &str, facts: &[(&str, String)]) {
        let id = &self.record.id;
        // It may have another name by now; once it is removed, its last one counts.
        let now = self.store.record(id).ok().flatten();
        let name = &now.as_ref().unwrap_or(&self.record).name;
        let subject =
            Subject::container(id.as_str(), name.as_str(), &self.record.spec.image, self.labels.clone());
        let subject = facts.iter().fold(subject, |subject, (key, value)| subject.with(key, value));
        self.journal.append(&subject.event(action));
    }
}

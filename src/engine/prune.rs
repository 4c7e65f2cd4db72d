//! `prune`: what nobody needs goes. A stopped container that is started meanwhile, an image that a new
//! container takes meanwhile, stays.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::container::ContainerId;
use crate::digest::Digest;
use crate::engine::{Engine, Kind, Result};
use crate::events;
use crate::image::store::Removed;
use crate::image::{Image, Reference};
use crate::layer::{DiffId, chain_id};

/// What may be pruned (Docker's filters `until`, `label` and `label!`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// Only what was made before.
    pub until: Option<Timestamp>,
    /// Only what has all of these: `name` or `name=value`.
    pub labels: Vec<String>,
    /// Not what has all of these.
    pub without_labels: Vec<String>,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub struct Pruned<T> {
    pub removed: Vec<T>,
    /// Bytes that were given back, as `ps -s` and `images` count them.
    pub reclaimed: u64,
    /// Why something stays that might have gone, for whoever asked.
    pub kept: Vec<String>,
}

impl<T> Pruned<T> {
    pub(super) fn nothing() -> Pruned<T> {
        Pruned { removed: Vec::new(), reclaimed: 0, kept: Vec::new() }
    }
}

impl Condition {
    pub(super) fn holds(&self, made: Option<Timestamp>, labels: &BTreeMap<String, String>) -> bool {
        let has_all = |wanted: &[String]| wanted.iter().all(|wanted| has_label(wanted, labels));
        self.until.is_none_or(|until| made.is_none_or(|made| made < until))
            && has_all(&self.labels)
            && (self.without_labels.is_empty() || !has_all(&self.without_labels))
    }
}

/// Whether there is a label `name`, or `name=value` with just that value.
pub fn has_label(wanted: &str, labels: &BTreeMap<String, String>) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|v| v == value),
        None => labels.contains_key(wanted),
    }
}

impl Engine {
    /// Removes the containers that do not run, those never started too. One that is mounted is unmounted, unless
    /// somebody uses the mount.
    pub fn prune_containers(&self, condition: &Condition) -> Result<Pruned<ContainerId>> {
        let mut pruned = Pruned::nothing();
        for view in self.list()? {
            let (id, record) = (&view.record.id, &view.record);
            if view.state.is_up() || !condition.holds(Some(record.created), &record.spec.labels) {
                continue;
            }
            let written = self.written_size(id)?;
            match self.remove(id, false, false) {
                Ok(()) => {
                    pruned.removed.push(id.clone());
                    pruned.reclaimed += written;
                }
                Err(error) if self.containers.is_mounted(id) => pruned.kept.push(error.to_string()),
                // Started or removed by somebody else since the look.
                Err(error) if matches!(error.kind, Kind::Conflict | Kind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        self.pruned(events::Kind::Container, pruned.reclaimed);
        Ok(pruned)
    }

    /// Removes the images without a tag, with `all` those with one too, that no container uses.
    pub fn prune_images(&self, condition: &Condition, all: bool) -> Result<Pruned<Removed>> {
        let used: HashSet<Digest> = self.images_in_use()?.into_iter().map(|user| user.image.id).collect();
        let mut pruned = Pruned::nothing();
        for image in self.images()? {
            let is_dangling = image.names.iter().all(|name| name.tag.is_none());
            let made = image.config.created.as_deref().and_then(|text| text.parse().ok());
            let labels = image.config.config.labels.clone().unwrap_or_default();
            if image.read_only
                || used.contains(&image.id)
                || !(all || is_dangling)
                || !condition.holds(made, &labels)
            {
                continue;
            }
            let sizes = layer_sizes(&image, |layer| self.images.layer_size(layer));
            for name in names_to_remove(&image) {
                match self.remove_image(&name, false, false) {
                    Ok(removed) => {
                        let freed = removed.iter().filter_map(|what| match what {
                            Removed::Deleted(chain) => sizes.get(chain),
                            Removed::Untagged(_) => None,
                        });
                        pruned.reclaimed += freed.sum::<u64>();
                        pruned.removed.extend(removed);
                    }
                    // Taken by a new container, or gone with a name before.
                    Err(error) if matches!(error.kind, Kind::Conflict | Kind::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.pruned(events::Kind::Image, pruned.reclaimed);
        Ok(pruned)
    }
}

/// Name after name, never by force: an image that gets a user in between stays.
pub fn names_to_remove(image: &Image) -> Vec<String> {
    match image.names.as_slice() {
        [] => vec![image.id.to_string()],
        names => names.iter().map(Reference::familiar).collect(),
    }
}

/// Sizes by chain id, as `Removed::Deleted` names the layers that go.
fn layer_sizes(image: &Image, size: impl Fn(&DiffId) -> u64) -> HashMap<Digest, u64> {
    let chains = (1..=image.layers.len()).map(|height| &image.layers[..height]);
    chains.filter_map(|chain| Some((chain_id(chain), size(chain.last()?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_dockers() {
        let labels: BTreeMap<String, String> =
            [("stage", "test"), ("keep", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let list = |words: &[&str]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        let holds = |with: &[&str], without: &[&str]| {
            let condition = Condition { until: None, labels: list(with), without_labels: list(without) };
            condition.holds(None, &labels)
        };
        assert!(holds(&[], &[]) && holds(&["stage"], &[]) && holds(&["stage=test", "keep"], &[]));
        assert!(!holds(&["stage=live"], &[]) && !holds(&["stage", "other"], &[]));
        assert!(!holds(&[], &["keep"]) && holds(&[], &["other"]) && holds(&[], &["keep", "other"]));
        let until = |until: &str| Condition { until: until.parse().ok(), ..Condition::default() };
        let made = "2026-01-02T00:00:00Z".parse().ok();
        assert!(until("2026-01-03T00:00:00Z").holds(made, &labels));
        assert!(!until("2026-01-01T00:00:00Z").holds(made, &labels));
    }
}

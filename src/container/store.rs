//! Containers on disk (helper E writes this head: layout, locks, versions).

use crate::config::Config;

pub struct ContainerStore {
    _config: Config,
}

impl ContainerStore {
    pub fn open(config: &Config) -> ContainerStore {
        ContainerStore { _config: config.clone() }
    }
}

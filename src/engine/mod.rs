//! The verbs, by noun. Every door calls these; they decide, write records and start supervisors.

pub mod archive;
pub mod changes;
pub mod container;
pub mod copy;
pub mod disk;
pub mod error;
pub mod events;
pub mod image;
pub mod inspect;
pub mod mount;
pub mod namespace;
pub mod prune;
pub mod secret;
pub mod stats;
pub mod system;
mod userns;
pub mod volume;

pub use error::{Error, Kind, Result};

use crate::config::Config;
use crate::container::store::ContainerStore;
use crate::events::Journal;
use crate::image::ImageStore;
use crate::secret::SecretStore;
use crate::volume::VolumeStore;

/// The stores of one user.
pub struct Engine {
    pub config: Config,
    pub images: ImageStore,
    pub containers: ContainerStore,
    pub volumes: VolumeStore,
    pub secrets: SecretStore,
    pub journal: Journal,
}

impl Engine {
    pub fn open(config: Config) -> Engine {
        Engine {
            images: ImageStore::open(&config),
            containers: ContainerStore::open(&config),
            volumes: VolumeStore::open(&config),
            secrets: SecretStore::open(&config),
            journal: Journal::open(&config),
            config,
        }
    }
}

//! The image store (helper B writes this head).

use super::{ImageConfig, PinnedImage, Reference};
use crate::config::Config;
use crate::digest::Digest;
use crate::layer::{DiffId, LayerStore};

/// An image of the store (the user's own, or a further one).
#[derive(Debug, Clone)]
pub struct Image {
    /// Digest of the config: Docker's image id.
    pub id: Digest,
    pub manifest: Digest,
    pub config: ImageConfig,
    pub layers: Vec<DiffId>,
    /// Uncompressed size of all layers, in bytes.
    pub size: u64,
    /// Tags and digests that name it, in Docker's order.
    pub names: Vec<Reference>,
}

/// What came of removing a name or an image, in the order Docker prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// `Untagged: debian:12`
    Untagged(String),
    /// `Deleted: sha256:…`
    Deleted(Digest),
}

pub struct ImageStore {
    pub layers: LayerStore,
    // helper B
}

#[allow(unused_variables)]
impl ImageStore {
    pub fn open(config: &Config) -> ImageStore {
        todo!("helper B")
    }
    /// Finds an image by reference, by id (`sha256:…`, hex, unique prefix) as Docker does.
    pub fn find(&self, name: &str) -> Result<Image, ImageError> {
        todo!()
    }
    /// The image a container pinned, even when no name points to it any more.
    pub fn pinned(&self, pin: &PinnedImage) -> Result<Image, ImageError> {
        todo!()
    }
    /// The raw config bytes, as they came.
    pub fn config_bytes(&self, id: &Digest) -> Result<Vec<u8>, ImageError> {
        todo!()
    }
    /// Keeps images from being removed while it lives: whoever pins an image (`create`) holds it from
    /// finding the image until the record is on disk.
    pub fn hold(&self) -> Result<Held, ImageError> {
        todo!()
    }
    /// All images, dangling ones included, newest first.
    pub fn list(&self) -> Result<Vec<Image>, ImageError> {
        todo!()
    }
    pub fn tag(&self, image: &Image, name: &Reference) -> Result<(), ImageError> {
        todo!()
    }
    /// `rmi NAME`: removes the name, and the image when it was the last one and no pin of a container
    /// needs it. `in_use` is asked for the containers once nobody can `hold` an image any more.
    /// Docker's rules and conflict messages; `force` as Docker's.
    pub fn remove(
        &self,
        name: &str,
        force: bool,
        in_use: &mut dyn FnMut() -> Vec<InUse>,
    ) -> Result<Vec<Removed>, ImageError> {
        todo!()
    }
}

/// See [`ImageStore::hold`].
#[must_use]
pub struct Held {
    _lock: std::fs::File,
}

/// A container that uses an image: engine tells the store, which does not know containers' store.
#[derive(Debug, Clone)]
pub struct InUse {
    pub container: String,
    pub running: bool,
    pub image: PinnedImage,
}

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("No such image: {0}")]
    NotFound(String),
    // helper B completes the list
}

/// Docker's words: `Untagged: debian:12`, `Deleted: sha256:…`.
impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Removed::Untagged(name) => write!(f, "Untagged: {name}"),
            Removed::Deleted(id) => write!(f, "Deleted: {id}"),
        }
    }
}

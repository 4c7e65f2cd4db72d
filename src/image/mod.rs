//! Images: references, platforms, manifests and configs; the store of names and blobs; registries and
//! archives, through which they come and go.
//!
//! What lies on disk and who holds which lock, `store` says; layers lie in the layer store. An image
//! becomes visible in one place, `ImageStore::enter`, when all of it is here: pulls, loads and imports
//! keep their layers by a lease until then. The bytes of manifests and configs are kept as they came, and
//! the types here are views of them.

pub mod archive;
pub mod change;
pub mod commit;
pub mod config;
pub mod import;
pub mod manifest;
pub mod platform;
pub mod progress;
pub mod reference;
pub mod registry;
pub mod store;
#[cfg(test)]
mod testing;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::layer::DiffId;

pub use config::ImageConfig;
pub use platform::Platform;
pub use progress::{Progress, Step};
pub use reference::Reference;
pub use store::{Image, ImageError, ImageStore};

/// The image a container was made from, whatever its names point to now. The image's config stays in
/// the blob store as long as a container pins it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedImage {
    /// Digest of the config: the image id.
    pub id: Digest,
    pub manifest: Digest,
    pub layers: Vec<DiffId>,
}

//! Archives of images: Docker's (`manifest.json`) and OCI layouts (`index.json`), read from a stream that
//! cannot seek, and written as one file that is both.

mod import;
mod load;
mod save;
#[cfg(test)]
mod tests;

use std::io;

pub use import::{Import, import};
pub use load::{LoadedImage, load};
pub use save::{Selected, save};

use super::ImageError;
use super::change::InvalidChange;
use super::manifest::ManifestError;
use super::reference::InvalidReference;
use crate::digest::Digest;
use crate::layer::DiffId;
use crate::layer::store::LayerError;
use crate::layer::tar::TarError;

const DOCKER_MANIFEST_FILE: &str = "manifest.json";
const INDEX_FILE: &str = "index.json";
const LAYOUT_FILE: &str = "oci-layout";
const BLOBS: &str = "blobs/sha256/";
/// The full name of an image, in an index of an archive.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// Its tag, or whatever the tool that wrote it was told.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("unrecognized image format")]
    Unrecognized,
    #[error("reading the archive")]
    Read(#[source] io::Error),
    #[error("reading the archive")]
    Tar(#[from] TarError),
    #[error("writing the archive")]
    Write(#[source] io::Error),
    #[error("{name} in the archive is not what it should be")]
    Json { name: String, source: serde_json::Error },
    #[error("the archive has more than {0} bytes of descriptions")]
    TooMuch(usize),
    #[error("{0} is missing in the archive")]
    Missing(String),
    #[error("{name} in the archive does not match its digest")]
    Digest { name: String },
    #[error("layer {got} in the archive is not what the image config wants: {wanted}")]
    Layer { wanted: DiffId, got: DiffId },
    #[error("no image in the archive is for {0}")]
    NoPlatform(String),
    #[error(
        "image with reference {name} was found but its platform ({actual}) does not match the specified platform ({wanted})"
    )]
    WrongPlatform { name: String, actual: String, wanted: String },
    #[error("image {0}: {1}")]
    Name(String, #[source] InvalidReference),
    #[error("layer {0} was damaged on disk; remove its image and pull it again")]
    Damaged(Digest),
    #[error(transparent)]
    Change(#[from] InvalidChange),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    LayerStore(#[from] LayerError),
}

/// `blobs/sha256/<hex>`
fn blob_path(digest: &Digest) -> String {
    format!("{BLOBS}{}", digest.hex())
}

/// The digest that a member's name promises.
fn blob_digest(name: &str) -> Option<Digest> {
    Digest::from_hex(name.strip_prefix(BLOBS)?).ok()
}

//! Archives of images: what `save` writes and `load` reads.
//!
//! Two forms are known, and an archive may be both at once, as those of Docker since its version 25 and
//! ours are:
//!
//! ```text
//! docker-archive  manifest.json                   [{"Config": PATH, "RepoTags": [NAME…], "Layers": [PATH…]}]
//!                 <id>.json, <id>/layer.tar …     or blobs/sha256/<hex>, as manifest.json says
//! OCI layout      oci-layout, index.json          (OCI image spec, "Image Layout")
//!                 blobs/sha256/<hex>              manifests, configs, layers
//! ```
//!
//! Reading is one pass over a stream that cannot be rewound (`read`): layers go into the layer store as
//! they come by, under a lease, before it is known whether anybody wants them; papers (JSON) are kept in
//! memory within limits. What they say is understood after the last member (`docker`, `oci`). Then all
//! images become visible together, or none. Nothing is written but layers, and nothing is read twice.
//!
//! Writing (`save`) sends the papers first, then each layer once, uncompressed: its bytes are in the
//! store, named by their digest. The same images give the same bytes.

mod docker;
mod oci;
mod read;
mod save;

use std::collections::HashSet;
use std::io::{self, Read};
use std::str::FromStr;
use std::sync::Arc;

use super::manifest::ManifestError;
use super::reference::InvalidReference;
use super::store::{AskInUse, ImageError, NewImage};
use super::{Image, ImageConfig, ImageStore, Platform, Progress, Reference};
use crate::digest::Digest;
use crate::layer::store::LayerError;
use crate::layer::tar::TarError;
use crate::layer::{DiffId, Lease};

use self::read::{Layer, Members};

pub use self::read::{Packing, peek, unpacked};
pub use self::save::{Selected, save};

/// Papers of an archive. Everything that is read into memory is of this name.
const MANIFEST: &str = "manifest.json";
const INDEX: &str = "index.json";
const LAYOUT: &str = "oci-layout";
const REPOSITORIES: &str = "repositories";
const BLOBS: &str = "blobs/sha256/";

/// The full name of an image on its descriptor: containerd's, and therefore Docker's.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// A tag, or with podman and skopeo often the full name (OCI image spec, "Annotations").
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What `save` writes. The words are podman's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// For Docker of any age; an OCI layout as well.
    #[default]
    Docker,
    /// An OCI layout alone.
    Oci,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {0:?}: want docker-archive or oci-archive")]
pub struct InvalidFormat(String);

impl FromStr for ArchiveFormat {
    type Err = InvalidFormat;
    fn from_str(text: &str) -> Result<ArchiveFormat, InvalidFormat> {
        match text {
            "docker-archive" => Ok(ArchiveFormat::Docker),
            "oci-archive" => Ok(ArchiveFormat::Oci),
            _ => Err(InvalidFormat(text.to_owned())),
        }
    }
}

/// An image that came with an archive, and the names it had there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    pub id: Digest,
    pub names: Vec<Reference>,
}

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("reading the archive")]
    Read(#[source] io::Error),
    #[error("the archive is empty: unexpected EOF")]
    Empty,
    #[error("the archive is cut off: unexpected EOF")]
    Truncated,
    #[error(transparent)]
    Tar(TarError),
    #[error(
        "the archive is compressed with {packing}, which coracle does not read: give it what `{packing} -dc` makes of it"
    )]
    Packed { packing: Packing },
    #[error("invalid archive: does not contain a manifest.json: no such file or directory")]
    NoManifest,
    #[error("invalid archive: failed to decode {path}")]
    Json { path: String, source: serde_json::Error },
    #[error("invalid archive: failed to decode {path}")]
    Document { path: String, source: ManifestError },
    #[error("invalid manifest, manifest cannot be null (but can be [])")]
    NullManifest,
    #[error("open {0}: no such file or directory")]
    Missing(String),
    #[error("{0} is a layer, not JSON")]
    NotJson(String),
    #[error("{path} has {size} bytes, more than a config or manifest may have")]
    TooLarge { path: String, size: u64 },
    #[error("the archive has more than {0} bytes of configs and manifests")]
    TooMuch(usize),
    #[error("the archive has more than {0} members")]
    TooMany(usize),
    #[error("{0} is a sparse file, which no archive of images should have")]
    Sparse(String),
    #[error("{path} does not match its digest: got {got}")]
    Digest { path: String, got: Digest },
    #[error("{path} does not match its descriptor: want {expected} bytes, got {got}")]
    Size { path: String, expected: u64, got: u64 },
    #[error("loading {path}")]
    Layer { path: String, source: Arc<LayerError> },
    #[error("invalid manifest, layers length mismatch: expected {expected}, got {got}")]
    LayerCount { expected: usize, got: usize },
    #[error("invalid diffID for layer {layer}: expected \"{expected}\", got \"{got}\"")]
    DiffId { layer: usize, expected: DiffId, got: DiffId },
    #[error("cannot load {0} image on linux")]
    Os(String),
    #[error("invalid tag {tag:?}")]
    Tag { tag: String, source: InvalidReference },
    #[error("invalid archive: no image in it")]
    NoImage,
    #[error("requested platform ({0}) not found in the archive")]
    Platform(Platform),
    #[error(
        "image with reference {name} was found but its platform ({found}) does not match the specified platform ({wanted})"
    )]
    SavePlatform { name: String, found: String, wanted: String },
    #[error("writing the archive")]
    Write(#[source] io::Error),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Store(LayerError),
}

/// Takes all images of an archive in. `in_use` tells the containers, should layers have to be given up
/// again: those that came and that no image needs, or all that came when it fails.
///
/// # Errors
/// In Docker's words, where it has some. No image became visible then.
pub fn load(
    store: &ImageStore,
    archive: impl Read + Send,
    platform: Option<&Platform>,
    progress: &dyn Progress,
    in_use: AskInUse,
) -> Result<Vec<LoadedImage>, ArchiveError> {
    let mut surplus = HashSet::new();
    let loaded = load_under_lease(store, archive, platform, progress, &mut surplus);
    // The lease is gone now. Tidying up is best effort: the next removal of an image does it too.
    if let Err(error) = store.discard(surplus, in_use) {
        tracing::debug!(%error, "layers that nobody needs stay until the next removal");
    }
    loaded
}

fn load_under_lease(
    store: &ImageStore,
    archive: impl Read + Send,
    platform: Option<&Platform>,
    progress: &dyn Progress,
    surplus: &mut HashSet<DiffId>,
) -> Result<Vec<LoadedImage>, ArchiveError> {
    let lease = store.layers.lease().map_err(ArchiveError::Store)?;
    let members = Members::read(archive, &store.layers, &lease, progress, surplus)?;
    let contents = Contents { members, store, lease: &lease, wanted: platform };
    let images = match contents.members.has(MANIFEST) {
        true => docker::images(&contents)?,
        false => oci::images(&contents)?,
    };
    announce_moved_names(store, &images, progress)?;
    let entered = store.enter(&images)?;
    let loaded = |(image, new): (&Image, NewImage)| LoadedImage { id: image.id, names: new.names };
    surplus.retain(|layer| !entered.iter().any(|image| image.layers.contains(layer)));
    Ok(entered.iter().zip(images).map(loaded).collect())
}

/// Docker says so when a name is taken from another image.
fn announce_moved_names(
    store: &ImageStore,
    images: &[NewImage],
    progress: &dyn Progress,
) -> Result<(), ArchiveError> {
    for image in images {
        let id = Digest::of(&image.config);
        for name in &image.names {
            let Some((manifest, false)) = store.resolve(name)? else { continue };
            // An image that cannot be read any more is not worth a sentence.
            let Ok((_, before)) = store.manifest(&manifest) else { continue };
            if before.config.digest != id {
                progress.line(&format!(
                    "The image {} already exists, renaming the old one with ID {} to empty string",
                    name.familiar(),
                    before.config.digest
                ));
            }
        }
    }
    Ok(())
}

/// Everything there is to understand an archive with.
struct Contents<'a> {
    members: Members,
    store: &'a ImageStore,
    lease: &'a Lease,
    /// `--platform`
    wanted: Option<&'a Platform>,
}

impl Contents<'_> {
    /// A layer that the archive left out, if the store has it; it stays there now.
    fn kept(&self, diff_id: &DiffId) -> Result<Option<Layer>, ArchiveError> {
        self.lease.add(diff_id).map_err(ArchiveError::Write)?;
        let size = self.store.layers.size(diff_id);
        Ok(size.map(|size| Layer { diff_id: *diff_id, size, blob: diff_id.0, blob_size: size }))
    }

    /// The platform asked for, or this machine's.
    fn platform(&self) -> Platform {
        self.wanted.cloned().unwrap_or_else(Platform::host)
    }

    /// Whether an image is for the platform asked for, if one was.
    fn accepts(&self, config: &ImageConfig) -> Result<bool, ArchiveError> {
        let platform = platform_of(config);
        if platform.os != "linux" {
            return Err(ArchiveError::Os(platform.os));
        }
        Ok(self.wanted.is_none_or(|wanted| wanted.rank(&platform).is_some()))
    }
}

fn platform_of(config: &ImageConfig) -> Platform {
    Platform::new(&config.os, &config.architecture, config.variant.as_deref())
}

fn name(tag: &str) -> Result<Reference, ArchiveError> {
    Reference::parse(tag).map_err(|source| ArchiveError::Tag { tag: tag.to_owned(), source })
}

#[cfg(test)]
mod tests;

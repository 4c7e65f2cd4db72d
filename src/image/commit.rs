//! `commit`: an image of what a container has written, on top of the image it was made from.

use std::io::Read;

use jiff::Timestamp;
use serde_json::json;

use super::change::{self, ChangeError};
use super::config::{History, RootFs, RunConfig};
use super::manifest::{DOCKER_LAYER_GZIP, Descriptor, Manifest, OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP};
use super::store::{ImageError, NewImage};
use super::{Image, ImageConfig, ImageStore, PinnedImage, Reference};
use crate::digest::Digest;
use crate::layer::store::{Expected, Ingested, LayerError};
use crate::layer::{DiffId, Lease};

/// What the new image shall be.
#[derive(Debug, Clone)]
pub struct Commit {
    /// None makes a nameless image.
    pub name: Option<Reference>,
    pub author: String,
    /// The comment in its history.
    pub message: String,
    /// What containers of it start with.
    pub run: RunConfig,
    /// What the layer was made by.
    pub created_by: String,
    pub created: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("cannot commit to digest reference")]
    DigestReference,
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error("taking in the layer")]
    Layer(#[from] LayerError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error("the manifest of the container's image does not fit its layers")]
    Base,
}

impl Commit {
    /// Applies Dockerfile instructions, as typed; finds what is wrong with the wish.
    pub fn change(&mut self, changes: &[String]) -> Result<(), CommitError> {
        if self.name.as_ref().is_some_and(|name| name.digest.is_some()) {
            return Err(CommitError::DigestReference);
        }
        Ok(change::apply(changes, &mut self.run)?)
    }
}

/// A layer that has come in, and what keeps it until an image has it.
pub struct NewLayer {
    ingested: Ingested,
    _lease: Lease,
}

/// Takes the layer in, in one pass. It is no image's yet.
pub fn take_in(store: &ImageStore, layer: impl Read + Send) -> Result<NewLayer, CommitError> {
    let lease = store.layers.lease()?;
    let ingested = store.layers.ingest_leased(layer, &Expected::default(), &lease)?;
    Ok(NewLayer { ingested, _lease: lease })
}

/// Makes the image. Without a layer it has the one before's, and says in its history that it adds none.
pub fn commit(
    store: &ImageStore,
    base: &PinnedImage,
    layer: Option<&NewLayer>,
    commit: &Commit,
) -> Result<Image, CommitError> {
    let below = store.pinned(base)?.config;
    let (_, manifest) = store.manifest(&base.manifest)?;
    if manifest.layers.len() != base.layers.len() {
        return Err(CommitError::Base);
    }
    let mut layers: Vec<Descriptor> = manifest.layers.into_iter().map(as_oci).collect();
    let layer = layer.map(|layer| &layer.ingested);
    layers.extend(layer.map(|layer| Descriptor::new(OCI_LAYER, layer.diff_id.0, layer.size)));
    let config = config(below, &base.layers, layer.map(|layer| layer.diff_id), commit);
    let descriptor = Descriptor::new(OCI_CONFIG, Digest::of(&config), config.len() as u64);
    let manifest = Manifest::synthesize(descriptor, layers).to_bytes();
    let names = commit.name.clone().map(Reference::or_latest).into_iter().collect();
    let entered = store.enter(&[NewImage { manifest, config, index: None, names }])?;
    Ok(entered.into_iter().next().expect("one image went in, and came out"))
}

/// One manifest speaks one language.
fn as_oci(layer: Descriptor) -> Descriptor {
    match layer.media_type.as_str() {
        DOCKER_LAYER_GZIP => Descriptor { media_type: OCI_LAYER_GZIP.to_owned(), ..layer },
        _ => layer,
    }
}

fn config(below: ImageConfig, layers: &[DiffId], layer: Option<DiffId>, commit: &Commit) -> Vec<u8> {
    let created = Some(commit.created.to_string());
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut history = below.history;
    history.push(History {
        created: created.clone(),
        created_by: some(&commit.created_by),
        author: some(&commit.author),
        comment: some(&commit.message),
        empty_layer: layer.is_none(),
    });
    let comment = some(&commit.message).map(|comment| ("comment".to_owned(), json!(comment)));
    ImageConfig {
        architecture: below.architecture,
        os: below.os,
        variant: below.variant,
        created,
        author: some(&commit.author),
        config: commit.run.clone(),
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: Some(layers.iter().copied().chain(layer).collect()),
        },
        history,
        extra: comment.into_iter().collect(),
    }
    .to_bytes()
}

//! What `manifest.json` says: the archives of `docker save`, of every age but the first, and of everybody
//! who writes them since. The older `repositories` is ignored.

use std::collections::HashMap;

use serde::Deserialize;

use super::read::Layer;
use super::{ArchiveError, Contents, MANIFEST, name};
use crate::digest::Digest;
use crate::image::ImageConfig;
use crate::image::manifest::{Descriptor, Document, Manifest, OCI_CONFIG, OCI_LAYER};
use crate::image::store::NewImage;

/// An entry of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// The images of a docker-archive that are for the platform asked for.
pub(super) fn images(contents: &Contents) -> Result<Vec<NewImage>, ArchiveError> {
    let items: Option<Vec<Item>> = serde_json::from_slice(contents.members.paper(MANIFEST)?)
        .map_err(|source| ArchiveError::Json { path: MANIFEST.to_owned(), source })?;
    let items = items.ok_or(ArchiveError::NullManifest)?;
    let manifests = manifests(contents);
    let mut images = Vec::new();
    for item in &items {
        images.extend(image(contents, item, &manifests)?);
    }
    match contents.wanted {
        Some(wanted) if images.is_empty() && !items.is_empty() => Err(ArchiveError::Platform(wanted.clone())),
        _ => Ok(images),
    }
}

/// OCI manifests that stand in the archive too, by the config they name.
type Manifests<'a> = HashMap<Digest, Vec<(&'a [u8], Manifest)>>;

fn manifests<'a>(contents: &'a Contents) -> Manifests<'a> {
    let mut manifests = Manifests::new();
    for (_, bytes) in contents.members.blobs() {
        if let Ok(Document::Image(manifest)) = Document::parse(bytes) {
            manifests.entry(manifest.config.digest).or_default().push((bytes, manifest));
        }
    }
    manifests
}

/// `None` if it is for another platform.
fn image(contents: &Contents, item: &Item, manifests: &Manifests) -> Result<Option<NewImage>, ArchiveError> {
    let bytes = contents.members.paper(&item.config)?;
    let config = ImageConfig::parse(bytes)?;
    if !contents.accepts(&config)? {
        return Ok(None);
    }
    let paths = item.layers.as_deref().unwrap_or_default();
    let diff_ids = config.layers();
    if paths.len() != diff_ids.len() {
        return Err(ArchiveError::LayerCount { expected: paths.len(), got: diff_ids.len() });
    }
    let mut layers = Vec::new();
    for (layer, (path, diff_id)) in paths.iter().zip(diff_ids).enumerate() {
        layers.push(match contents.members.layer(path)? {
            Some(found) if found.diff_id == *diff_id => found.clone(),
            Some(found) => {
                return Err(ArchiveError::DiffId { layer, expected: *diff_id, got: found.diff_id });
            }
            None => contents.kept(diff_id)?.ok_or_else(|| ArchiveError::Missing(path.clone()))?,
        });
    }
    let id = Digest::of(bytes);
    let original = manifests.get(&id).and_then(|manifests| original(manifests, &layers));
    let manifest = original.map_or_else(|| plain_manifest(bytes, &layers).to_bytes(), <[u8]>::to_vec);
    let names =
        item.repo_tags.iter().flatten().map(String::as_str).map(name).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(NewImage { manifest, config: bytes.to_vec(), index: None, names }))
}

/// The manifest the image had, if the archive has it and it tells the truth about the layers.
fn original<'a>(manifests: &[(&'a [u8], Manifest)], layers: &[Layer]) -> Option<&'a [u8]> {
    let is_true = |manifest: &Manifest| {
        let said = manifest.layers.iter().map(|layer| (layer.digest, layer.size));
        said.eq(layers.iter().map(|layer| (layer.blob, layer.blob_size)))
    };
    // Several could be: which one, must not depend on the order of a map.
    manifests.iter().filter(|(_, manifest)| is_true(manifest)).map(|(bytes, _)| *bytes).min()
}

/// A manifest of the layers uncompressed.
fn plain_manifest(config: &[u8], layers: &[Layer]) -> Manifest {
    let config = Descriptor::new(OCI_CONFIG, Digest::of(config), config.len() as u64);
    let layers = layers.iter().map(|layer| Descriptor::new(OCI_LAYER, layer.diff_id.0, layer.size));
    Manifest::synthesize(config, layers.collect())
}

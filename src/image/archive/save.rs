//! Saving: one archive that Docker reads by `manifest.json` and OCI tools by `index.json`, as Docker
//! writes it since version 25. Layers stand in it uncompressed, called after their diff ids. The same
//! images give the same bytes each time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};

use serde::Serialize;

use super::{
    ArchiveError, BLOBS, DOCKER_MANIFEST_FILE, IMAGE_NAME, INDEX_FILE, LAYOUT_FILE, REF_NAME, blob_path,
};
use crate::digest::{Digest, Digester};
use crate::image::manifest::{
    Descriptor, ImageIndex, Manifest, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST,
};
use crate::image::store::ImageStore;
use crate::image::{Image, Reference};
use crate::layer::tar::{Member, MemberKind, TarWriter};

/// An image to save, and the names to save it under.
#[derive(Debug, Clone)]
pub struct Selected {
    pub image: Image,
    pub names: Vec<Reference>,
}

/// One entry of Docker's `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
    layer_sources: BTreeMap<Digest, Descriptor>,
}

enum Blob {
    Small(Vec<u8>),
    Layer(File, u64),
}

/// Writes the archive. Everything is found and opened before the first byte goes out.
pub fn save(store: &ImageStore, images: &[Selected], output: &mut dyn Write) -> Result<(), ArchiveError> {
    let mut blobs = BTreeMap::new();
    let mut entries = Vec::new();
    let mut manifests = Vec::new();
    for selected in images {
        let (entry, manifest) = describe(store, selected, &mut blobs)?;
        entries.push(entry);
        manifests.extend(named(&manifest, &selected.names));
    }
    let index = ImageIndex {
        schema_version: 2,
        media_type: Some(OCI_INDEX.to_owned()),
        manifests,
        extra: BTreeMap::new(),
    };
    write(blobs, &index, &entries, output)
}

fn describe(
    store: &ImageStore,
    selected: &Selected,
    blobs: &mut BTreeMap<Digest, Blob>,
) -> Result<(DockerEntry, Descriptor), ArchiveError> {
    let image = &selected.image;
    let mut layers = Vec::new();
    for id in &image.layers {
        let (tar, size) = store.layers.tar(id)?;
        blobs.entry(id.0).or_insert(Blob::Layer(tar, size));
        layers.push(Descriptor::new(OCI_LAYER, id.0, size));
    }
    let config = store.config_bytes(&image.id)?;
    let config_descriptor = Descriptor::new(OCI_CONFIG, image.id, config.len() as u64);
    let manifest = Manifest::synthesize(config_descriptor, layers.clone()).to_bytes();
    let digest = Digest::of(&manifest);
    let descriptor = Descriptor::new(OCI_MANIFEST, digest, manifest.len() as u64);
    blobs.insert(image.id, Blob::Small(config));
    blobs.insert(digest, Blob::Small(manifest));
    let tags: Vec<String> =
        selected.names.iter().filter(|n| n.tag.is_some()).map(Reference::familiar).collect();
    let entry = DockerEntry {
        config: blob_path(&image.id),
        repo_tags: Some(tags).filter(|tags| !tags.is_empty()),
        layers: layers.iter().map(|layer| blob_path(&layer.digest)).collect(),
        layer_sources: layers.into_iter().map(|layer| (layer.digest, layer)).collect(),
    };
    Ok((entry, descriptor))
}

/// The entries of one image in the index: one per name.
fn named(manifest: &Descriptor, names: &[Reference]) -> Vec<Descriptor> {
    let entry = |name: &Reference| {
        let annotations = BTreeMap::from([
            (IMAGE_NAME.to_owned(), name.to_string()),
            (REF_NAME.to_owned(), name.tag.clone().unwrap_or_default()),
        ]);
        Descriptor { annotations: Some(annotations), ..manifest.clone() }
    };
    let tagged: Vec<Descriptor> = names.iter().filter(|name| name.tag.is_some()).map(entry).collect();
    if tagged.is_empty() { vec![manifest.clone()] } else { tagged }
}

fn write(
    blobs: BTreeMap<Digest, Blob>,
    index: &ImageIndex,
    entries: &[DockerEntry],
    output: &mut dyn Write,
) -> Result<(), ArchiveError> {
    let failed = ArchiveError::Write;
    let mut archive = TarWriter::new(output);
    let file = |name: &str| Member::new(name, MemberKind::File);
    for directory in ["blobs/", BLOBS] {
        archive.append(&Member::new(directory, MemberKind::Directory), io::empty()).map_err(failed)?;
    }
    for (digest, blob) in blobs {
        let name = blob_path(&digest);
        match blob {
            Blob::Small(bytes) => archive.append_bytes(file(&name), &bytes).map_err(failed)?,
            Blob::Layer(tar, size) => {
                let mut tar = Hashed { input: tar.take(size), digester: Digester::new() };
                archive.append(&Member { size, ..file(&name) }, &mut tar).map_err(failed)?;
                if tar.digester.finish() != digest {
                    return Err(ArchiveError::Damaged(digest));
                }
            }
        }
    }
    archive.append_bytes(file(INDEX_FILE), &json(index)).map_err(failed)?;
    archive.append_bytes(file(DOCKER_MANIFEST_FILE), &json(&entries)).map_err(failed)?;
    archive
        .append_bytes(file(LAYOUT_FILE), &json(&serde_json::json!({"imageLayoutVersion": "1.0.0"})))
        .map_err(failed)?;
    archive.finish().and_then(|output| output.flush()).map_err(failed)
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers become JSON")
}

/// What a disk returns is not what was put there just because it is long enough.
struct Hashed<R> {
    input: R,
    digester: Digester,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.digester.update(&buffer[..n]);
        Ok(n)
    }
}

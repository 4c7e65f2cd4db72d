//! Writes archives: papers first, then every layer once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Read, Write};

use serde_json::{Value, json};

use super::{
    ArchiveError, ArchiveFormat, BLOBS, IMAGE_NAME, INDEX, LAYOUT, MANIFEST, REF_NAME, REPOSITORIES,
    platform_of,
};
use crate::digest::{Digest, Digester};
use crate::image::manifest::{
    DescribedPlatform, Descriptor, Manifest, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST,
};
use crate::image::store::ImageError;
use crate::image::{Image, ImageStore, Platform, Reference};
use crate::layer::DiffId;
use crate::layer::store::LayerError;
use crate::layer::tar::{Member, MemberKind, TarWriter};

/// Large enough that reading and writing layers costs few system calls.
const BUFFER: usize = 256 << 10;

/// An image to save, with the names it shall have in the archive.
#[derive(Debug, Clone)]
pub struct Selected {
    pub image: Image,
    /// Tags; none if it was asked for by its id.
    pub tags: Vec<Reference>,
}

impl Selected {
    /// Looks all of them up: names, ids, and bare repository names, which stand for all their tags. An
    /// image that is meant several times is there once.
    pub fn find(store: &ImageStore, names: &[String]) -> Result<Vec<Selected>, ArchiveError> {
        let mut selected: Vec<Selected> = Vec::new();
        for name in names {
            for (image, tag) in find(store, name)? {
                let at = match selected.iter().position(|known| known.image.id == image.id) {
                    Some(at) => at,
                    None => {
                        selected.push(Selected { image, tags: Vec::new() });
                        selected.len() - 1
                    }
                };
                let tags = &mut selected[at].tags;
                tags.extend(tag.filter(|tag| !tags.contains(tag)));
            }
        }
        Ok(selected)
    }
}

/// What one name typed stands for.
fn find(store: &ImageStore, name: &str) -> Result<Vec<(Image, Option<Reference>)>, ImageError> {
    let parsed = Reference::parse_name(name).ok();
    if let Some(bare) = parsed.as_ref().filter(|name| name.tag.is_none() && name.digest.is_none()) {
        let tags = store.tags(bare)?;
        if !tags.is_empty() {
            let find = |tag: Reference| Ok((store.find(&tag.to_string())?, Some(tag)));
            return tags.into_iter().map(find).collect();
        }
    }
    let image = store.find(name)?;
    // Found by its id, it has no name here, even if what was typed could be one.
    let tag = parsed.map(Reference::or_latest).filter(|tag| tag.digest.is_none());
    let tag = match tag {
        Some(tag) if store.resolve(&tag)?.is_some() => Some(tag),
        _ => None,
    };
    Ok(vec![(image, tag)])
}

/// An image ready to be written.
struct Ready<'a> {
    selected: &'a Selected,
    config: Vec<u8>,
    manifest: Vec<u8>,
    layers: Vec<Descriptor>,
}

/// Writes an archive of these images. Everything is looked up before the first byte is written.
///
/// # Errors
/// Also when a layer's bytes are not what its digest says.
pub fn save(
    store: &ImageStore,
    images: &[Selected],
    format: ArchiveFormat,
    platform: Option<&Platform>,
    archive: &mut dyn Write,
) -> Result<(), ArchiveError> {
    let lease = store.layers.lease().map_err(ArchiveError::Store)?;
    let mut ready = Vec::new();
    for selected in images {
        check_platform(selected, platform)?;
        for layer in &selected.image.layers {
            lease.add(layer).map_err(ArchiveError::Write)?;
        }
        ready.push(prepare(store, selected)?);
    }
    let mut tar = TarWriter::new(BufWriter::with_capacity(BUFFER, archive));
    papers(&mut tar, &ready, format).map_err(ArchiveError::Write)?;
    let mut written = BTreeSet::new();
    for layer in ready.iter().flat_map(|image| &image.layers) {
        if written.insert(layer.digest) {
            write_layer(store, layer, &mut tar)?;
        }
    }
    tar.finish().map(drop).map_err(ArchiveError::Write)
}

fn check_platform(selected: &Selected, wanted: Option<&Platform>) -> Result<(), ArchiveError> {
    let found = platform_of(&selected.image.config);
    match wanted.filter(|wanted| wanted.rank(&found).is_none()) {
        Some(wanted) => Err(ArchiveError::SavePlatform {
            name: selected.tags.first().map_or_else(|| selected.image.id.to_string(), Reference::familiar),
            found: found.to_string(),
            wanted: wanted.to_string(),
        }),
        None => Ok(()),
    }
}

fn prepare<'a>(store: &ImageStore, selected: &'a Selected) -> Result<Ready<'a>, ArchiveError> {
    let image = &selected.image;
    let config = store.config_bytes(&image.id)?;
    let mut layers = Vec::new();
    for layer in &image.layers {
        let (_, size) = store.layers.tar(layer).map_err(ArchiveError::Store)?;
        layers.push(Descriptor::new(OCI_LAYER, layer.0, size));
    }
    let (bytes, manifest) = store.manifest(&image.manifest)?;
    // What it came with serves if it speaks of uncompressed layers; else these need a manifest of their own.
    let blobs = |layers: &[Descriptor]| layers.iter().map(|l| (l.digest, l.size)).collect::<Vec<_>>();
    let serves = manifest.media_type() == OCI_MANIFEST && blobs(&manifest.layers) == blobs(&layers);
    let manifest = match serves {
        true => bytes,
        false => {
            let config = Descriptor::new(OCI_CONFIG, image.id, config.len() as u64);
            Manifest::synthesize(config, layers.clone()).to_bytes()
        }
    };
    Ok(Ready { selected, config, manifest, layers })
}

fn papers(tar: &mut TarWriter<impl Write>, images: &[Ready], format: ArchiveFormat) -> io::Result<()> {
    let mut paper = |name: &str, content: &Value| {
        let text = serde_json::to_vec(content).expect("texts and numbers become JSON");
        tar.append_bytes(file(name), &text)
    };
    paper(LAYOUT, &json!({ "imageLayoutVersion": "1.0.0" }))?;
    paper(INDEX, &index(images, format))?;
    if format == ArchiveFormat::Docker {
        paper(MANIFEST, &images.iter().map(manifest_item).collect())?;
        let repositories = repositories(images);
        if !repositories.is_empty() {
            paper(REPOSITORIES, &json!(repositories))?;
        }
    }
    for directory in ["blobs", "blobs/sha256"] {
        tar.append(&Member::new(directory, MemberKind::Directory), io::empty())?;
    }
    let blobs: BTreeMap<Digest, &[u8]> = images
        .iter()
        .flat_map(|image| [&image.manifest, &image.config])
        .map(|bytes| (Digest::of(bytes), bytes.as_slice()))
        .collect();
    blobs.iter().try_for_each(|(digest, bytes)| tar.append_bytes(file(&blob_path(digest)), bytes))
}

fn file(name: &str) -> Member {
    Member::new(name, MemberKind::File)
}

fn blob_path(digest: &Digest) -> String {
    format!("{BLOBS}{}", digest.hex())
}

/// One entry for each tag, as OCI has it.
fn index(images: &[Ready], format: ArchiveFormat) -> Value {
    let mut manifests = Vec::new();
    for image in images {
        let descriptor = descriptor(image);
        let named = |tag: &Reference| Descriptor {
            annotations: Some(annotations(tag, format)),
            ..descriptor.clone()
        };
        match image.selected.tags.as_slice() {
            [] => manifests.push(descriptor),
            tags => manifests.extend(tags.iter().map(named)),
        }
    }
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests })
}

fn descriptor(image: &Ready) -> Descriptor {
    let config = &image.selected.image.config;
    let platform = DescribedPlatform {
        architecture: config.architecture.clone(),
        os: config.os.clone(),
        variant: config.variant.clone(),
        extra: BTreeMap::new(),
    };
    let bytes = &image.manifest;
    let descriptor = Descriptor::new(OCI_MANIFEST, Digest::of(bytes), bytes.len() as u64);
    Descriptor { platform: Some(platform), ..descriptor }
}

/// Docker writes the tag as `ref.name`, podman the whole name; each reads its own.
fn annotations(tag: &Reference, format: ArchiveFormat) -> BTreeMap<String, String> {
    let short = match format {
        ArchiveFormat::Docker => tag.target(),
        ArchiveFormat::Oci => tag.to_string(),
    };
    [(IMAGE_NAME.to_owned(), tag.to_string()), (REF_NAME.to_owned(), short)].into()
}

fn manifest_item(image: &Ready) -> Value {
    let tags: Vec<String> = image.selected.tags.iter().map(Reference::familiar).collect();
    let sources: BTreeMap<String, &Descriptor> =
        image.layers.iter().map(|layer| (layer.digest.to_string(), layer)).collect();
    json!({
        "Config": blob_path(&image.selected.image.id),
        // Docker writes `null` for none.
        "RepoTags": Some(tags).filter(|tags| !tags.is_empty()),
        "Layers": image.layers.iter().map(|layer| blob_path(&layer.digest)).collect::<Vec<_>>(),
        "LayerSources": sources,
    })
}

/// What Docker before 1.10 read: repository, tag, topmost layer.
fn repositories(images: &[Ready]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for image in images {
        let Some(top) = image.layers.last() else { continue };
        for tag in &image.selected.tags {
            repositories.entry(tag.familiar_name()).or_default().insert(tag.target(), top.digest.hex());
        }
    }
    repositories
}

/// Copies a layer's tar, which must be what its name says.
fn write_layer(
    store: &ImageStore,
    layer: &Descriptor,
    tar: &mut TarWriter<impl Write>,
) -> Result<(), ArchiveError> {
    let id = DiffId(layer.digest);
    let (source, _) = store.layers.tar(&id).map_err(ArchiveError::Store)?;
    let member = Member { size: layer.size, ..file(&blob_path(&layer.digest)) };
    let mut data = Hashed { input: source, digester: Digester::new() };
    tar.append(&member, &mut data).map_err(ArchiveError::Write)?;
    match data.digester.finish() == layer.digest {
        true => Ok(()),
        false => Err(ArchiveError::Store(LayerError::Damaged(id))),
    }
}

struct Hashed<R> {
    input: R,
    digester: Digester,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.input.read(out)?;
        self.digester.update(&out[..got]);
        Ok(got)
    }
}

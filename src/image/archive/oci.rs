//! What `index.json` says: an OCI image layout in a tar.

use super::read::Layer;
use super::{ArchiveError, BLOBS, Contents, IMAGE_NAME, INDEX, REF_NAME, name};
use crate::digest::Digest;
use crate::image::manifest::{Descriptor, Document, ImageIndex, Manifest, ManifestError};
use crate::image::store::NewImage;
use crate::image::{ImageConfig, Platform, Reference};

/// Indexes in indexes: one is usual, more than this is mischief.
const DEPTH_MAX: usize = 4;

/// The images of a layout: of each name, and of each nameless entry, the one for the platform asked for,
/// else for this machine; one that stands alone is taken whatever it is for, as Docker does.
pub(super) fn images(contents: &Contents) -> Result<Vec<NewImage>, ArchiveError> {
    if !contents.members.has(INDEX) {
        return Err(ArchiveError::NoManifest);
    }
    let index = match document(INDEX, contents.members.paper(INDEX)?)? {
        Document::Index(index) => index,
        Document::Image(_) => return Err(ArchiveError::NoImage),
    };
    let mut images: Vec<(Digest, NewImage)> = Vec::new();
    for (name, entries) in by_name(&index)? {
        for entry in chosen(contents, name.is_some(), entries)? {
            let found = manifest(contents, entry, DEPTH_MAX)?;
            let at = match images.iter().position(|(known, _)| *known == found.digest) {
                Some(at) => at,
                None => {
                    images.push((found.digest, image(contents, &found)?));
                    images.len() - 1
                }
            };
            images[at].1.names.extend(name.clone());
        }
    }
    match images.is_empty() {
        true => Err(ArchiveError::NoImage),
        false => Ok(images.into_iter().map(|(_, image)| image).collect()),
    }
}

fn document(path: &str, bytes: &[u8]) -> Result<Document, ArchiveError> {
    Document::parse(bytes).map_err(|source| ArchiveError::Document { path: path.to_owned(), source })
}

/// Entries of one name, or those without any.
type Named<'a> = (Option<Reference>, Vec<&'a Descriptor>);

fn by_name(index: &ImageIndex) -> Result<Vec<Named<'_>>, ArchiveError> {
    let mut groups: Vec<Named> = Vec::new();
    for entry in index.manifests.iter().filter(|entry| entry.is_image()) {
        let name = entry_name(entry)?;
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((name, vec![entry])),
        }
    }
    Ok(groups)
}

/// containerd's name, or podman's full one. A word alone as `ref.name` is a tag: with a full name beside
/// it, the one that counts (umoci keeps the other when it makes an image of an image); without, of a
/// repository that nobody knows, and the image stays nameless.
fn entry_name(entry: &Descriptor) -> Result<Option<Reference>, ArchiveError> {
    let ref_name = entry.annotation(REF_NAME);
    let is_tag = |text: &&str| !text.contains([':', '/', '@']);
    let Some(full) = entry.annotation(IMAGE_NAME) else {
        return ref_name.filter(|text| !is_tag(text)).map(name).transpose();
    };
    let full = name(full)?;
    match ref_name.filter(is_tag).filter(|_| full.digest.is_none()) {
        Some(tag) => name(&format!("{}:{tag}", full.repository())).map(Some),
        None => Ok(Some(full)),
    }
}

fn chosen<'a>(
    contents: &Contents,
    have_name: bool,
    entries: Vec<&'a Descriptor>,
) -> Result<Vec<&'a Descriptor>, ArchiveError> {
    if entries.len() == 1 {
        return Ok(entries);
    }
    let platform = contents.platform();
    if have_name {
        return Ok(vec![ImageIndex::choose_of(entries, &platform)?]);
    }
    let serves = |entry: &&&Descriptor| match &entry.platform {
        Some(p) => platform.rank(&Platform::new(&p.os, &p.architecture, p.variant.as_deref())).is_some(),
        None => true,
    };
    let serving: Vec<&Descriptor> = entries.iter().filter(serves).copied().collect();
    match (serving.is_empty(), contents.wanted) {
        (false, _) => Ok(serving),
        (true, Some(wanted)) => Err(ArchiveError::Platform(wanted.clone())),
        (true, None) => Ok(entries),
    }
}

/// An image's manifest.
struct Found<'a> {
    digest: Digest,
    bytes: &'a [u8],
    manifest: Manifest,
}

/// Follows a descriptor to an image, through indexes.
fn manifest<'a>(contents: &'a Contents, entry: &Descriptor, depth: usize) -> Result<Found<'a>, ArchiveError> {
    let bytes = paper(contents, entry)?;
    let index = match document(&blob_path(entry), bytes)? {
        Document::Image(manifest) => return Ok(Found { digest: entry.digest, bytes, manifest }),
        Document::Index(_) if depth == 0 => return Err(ArchiveError::NoImage),
        Document::Index(index) => index,
    };
    // Docker and buildx leave images out of an archive that their index still names.
    let present = index.manifests.iter().filter(|entry| entry.is_image());
    let present: Vec<&Descriptor> = present.filter(|entry| contents.members.has(&blob_path(entry))).collect();
    let entry = match (present.as_slice(), contents.wanted) {
        ([alone], None) => *alone,
        _ => ImageIndex::choose_of(present, &contents.platform())?,
    };
    manifest(contents, entry, depth - 1)
}

fn image(contents: &Contents, found: &Found) -> Result<NewImage, ArchiveError> {
    let bytes = paper(contents, &found.manifest.config)?;
    let config = ImageConfig::parse(bytes)?;
    if !contents.accepts(&config)? {
        return Err(ArchiveError::Platform(contents.platform()));
    }
    let descriptors = &found.manifest.layers;
    let diff_ids = config.layers();
    if descriptors.len() != diff_ids.len() {
        return Err(ArchiveError::LayerCount { expected: descriptors.len(), got: diff_ids.len() });
    }
    for (layer, (descriptor, diff_id)) in descriptors.iter().zip(diff_ids).enumerate() {
        if !descriptor.is_layer() {
            return Err(ManifestError::Layer(descriptor.media_type.clone()).into());
        }
        match contents.members.layer(&blob_path(descriptor))? {
            Some(Layer { diff_id: got, .. }) if got != diff_id => {
                return Err(ArchiveError::DiffId { layer, expected: *diff_id, got: *got });
            }
            Some(found) => check_size(descriptor, found.blob_size)?,
            None if contents.kept(diff_id)?.is_some() => {}
            None => return Err(ArchiveError::Missing(blob_path(descriptor))),
        }
    }
    Ok(NewImage { manifest: found.bytes.to_vec(), config: bytes.to_vec(), index: None, names: Vec::new() })
}

/// A paper of the right length. Its digest was checked when it was read.
fn paper<'a>(contents: &'a Contents, descriptor: &Descriptor) -> Result<&'a [u8], ArchiveError> {
    let bytes = contents.members.paper(&blob_path(descriptor))?;
    check_size(descriptor, bytes.len() as u64).map(|()| bytes)
}

fn check_size(descriptor: &Descriptor, got: u64) -> Result<(), ArchiveError> {
    match descriptor.size == got {
        true => Ok(()),
        false => Err(ArchiveError::Size { path: blob_path(descriptor), expected: descriptor.size, got }),
    }
}

fn blob_path(descriptor: &Descriptor) -> String {
    format!("{BLOBS}{}", descriptor.digest.hex())
}

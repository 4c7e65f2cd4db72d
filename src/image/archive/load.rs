//! Loading. Members come in any order, and the descriptions mostly last: layers are taken in as they
//! come by, under a lease, and what is small and no layer is remembered until the end. A name leads to
//! the images only when everything was read and fits together.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufReader, Cursor, Read};

use serde::Deserialize;

use super::{ArchiveError, DOCKER_MANIFEST_FILE, IMAGE_NAME, INDEX_FILE, REF_NAME, blob_digest, blob_path};
use crate::digest::Digest;
use crate::image::manifest::{
    Descriptor, Document, ImageIndex, Manifest, ManifestError, OCI_CONFIG, OCI_LAYER, SIZE_MAX,
};
use crate::image::progress::{Progress, Step};
use crate::image::store::{AskInUse, Image, ImageStore, NewImage};
use crate::image::{ImageConfig, Platform, Reference};
use crate::layer::store::{Compression, Expected, LayerError};
use crate::layer::tar::{MemberKind, TarReader};
use crate::layer::{DiffId, Lease};

/// All descriptions of an archive together, in bytes.
const DESCRIPTIONS_MAX: usize = 64 << 20;
/// Links within an archive that lead to links.
const LINKS_MAX: usize = 8;
const BLOCK: usize = 512;

/// An image that came, with the names it came under.
#[derive(Debug)]
pub struct LoadedImage {
    pub image: Image,
    pub names: Vec<Reference>,
}

/// One entry of Docker's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    #[serde(default, deserialize_with = "crate::image::config::null_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "crate::image::config::null_default")]
    layers: Vec<String>,
}

/// Takes in an archive. `in_use` tells the containers when layers must be given up again.
pub fn load(
    store: &ImageStore,
    archive: Box<dyn Read + Send>,
    platform: Option<&Platform>,
    progress: &dyn Progress,
    in_use: AskInUse,
) -> Result<Vec<LoadedImage>, ArchiveError> {
    let before: HashSet<DiffId> = store.layers.list()?.into_iter().collect();
    let lease = store.layers.lease()?;
    let mut contents = Contents {
        store,
        lease,
        progress,
        layers: BTreeMap::new(),
        small: BTreeMap::new(),
        links: BTreeMap::new(),
        remembered: 0,
    };
    let loaded = contents
        .read(archive)
        .and_then(|()| contents.images(platform))
        .and_then(|new| Ok((store.enter(&new)?, new)));
    let came: HashSet<DiffId> = contents.layers.values().map(|layer| layer.id).collect();
    drop(contents);
    match loaded {
        Ok((images, new)) => {
            let pairs = images.into_iter().zip(new);
            Ok(pairs.map(|(image, new)| LoadedImage { image, names: new.names }).collect())
        }
        Err(error) => {
            // The error at hand matters more than one of tidying up; the next removal tries again.
            if let Err(error) = store.discard(&came - &before, in_use) {
                tracing::debug!(%error, "layers of a failed load were left");
            }
            Err(error)
        }
    }
}

/// A layer that came by.
struct Layer {
    id: DiffId,
    /// Uncompressed.
    size: u64,
}

struct Contents<'a> {
    store: &'a ImageStore,
    lease: Lease,
    progress: &'a dyn Progress,
    layers: BTreeMap<String, Layer>,
    small: BTreeMap<String, Vec<u8>>,
    /// Old archives of Docker link layers that are alike.
    links: BTreeMap<String, String>,
    remembered: usize,
}

impl Contents<'_> {
    fn read(&mut self, mut archive: Box<dyn Read + Send>) -> Result<(), ArchiveError> {
        let start = start(&mut archive, BLOCK).map_err(ArchiveError::Read)?;
        let compression = Compression::of(&start).map_err(ArchiveError::Read)?;
        let input = Cursor::new(start).chain(archive);
        let plain: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(input),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
            Compression::Zstd => {
                Box::new(zstd::stream::read::Decoder::new(input).map_err(ArchiveError::Read)?)
            }
        };
        let mut members = TarReader::new(BufReader::with_capacity(128 << 10, plain));
        while let Some(member) = members.next_member()? {
            let Some(name) = clean(&member.name) else { continue };
            match member.kind {
                MemberKind::File => self.file(name, member.size, members.data())?,
                MemberKind::Symlink => self.link(&name, &member.target, true),
                MemberKind::HardLink => self.link(&name, &member.target, false),
                _ => {}
            }
        }
        // Read to the end: a checksum may follow, and whoever writes into the pipe must not be cut off.
        io::copy(&mut members.into_inner(), &mut io::sink()).map_err(ArchiveError::Read)?;
        Ok(())
    }

    fn file(&mut self, name: String, size: u64, mut data: impl Read + Send) -> Result<(), ArchiveError> {
        let start = start(&mut data, BLOCK).map_err(ArchiveError::Read)?;
        if is_layer(&name, &start)? {
            return self.layer(name, size, Cursor::new(start).chain(data));
        }
        if size > SIZE_MAX as u64 {
            // No description is as large, and no layer begins like this.
            return Ok(());
        }
        let mut content = start;
        data.read_to_end(&mut content).map_err(ArchiveError::Read)?;
        self.remembered += content.len() + name.len();
        if self.remembered > DESCRIPTIONS_MAX {
            return Err(ArchiveError::TooMuch(DESCRIPTIONS_MAX));
        }
        self.small.insert(name, content);
        Ok(())
    }

    fn layer(&mut self, name: String, size: u64, data: impl Read + Send) -> Result<(), ArchiveError> {
        let promised = blob_digest(&name);
        let shown = promised.unwrap_or_else(|| Digest::of(name.as_bytes())).short();
        if let Some(id) = promised.map(DiffId) {
            // An uncompressed layer is called after its diff id: if that one is here, so is the layer.
            self.lease.add(&id).map_err(LayerError::Write)?;
            if let Some(size) = self.store.layers.size(&id) {
                self.progress.layer(&shown, Step::AlreadyHere);
                self.layers.insert(name, Layer { id, size });
                return Ok(());
            }
        }
        let mut reader =
            Watched { input: data, done: 0, total: size, shown: &shown, progress: self.progress };
        let expected = Expected { blob: promised, blob_size: Some(size), diff_id: None };
        let ingested = self.store.layers.ingest_leased(&mut reader, &expected, &self.lease)?;
        self.progress.layer(&shown, Step::Loaded);
        self.layers.insert(name, Layer { id: ingested.diff_id, size: ingested.size });
        Ok(())
    }

    fn link(&mut self, name: &str, target: &[u8], relative: bool) {
        let Ok(target) = std::str::from_utf8(target) else { return };
        let target = match name.rsplit_once('/') {
            Some((directory, _)) if relative && !target.starts_with('/') => format!("{directory}/{target}"),
            _ => target.to_owned(),
        };
        if let Some(target) = clean(target.as_bytes()) {
            self.remembered += name.len() + target.len();
            if self.remembered <= DESCRIPTIONS_MAX {
                self.links.insert(name.to_owned(), target);
            }
        }
    }

    fn follow<'n>(&'n self, name: &'n str) -> &'n str {
        let mut name = name;
        for _ in 0..LINKS_MAX {
            match self.links.get(name) {
                Some(target) => name = target,
                None => break,
            }
        }
        name
    }

    fn small(&self, name: &str) -> Result<&[u8], ArchiveError> {
        let found = self.small.get(self.follow(name)).map(Vec::as_slice);
        found.ok_or_else(|| ArchiveError::Missing(name.to_owned()))
    }

    fn blob(&self, digest: &Digest) -> Result<&[u8], ArchiveError> {
        let name = blob_path(digest);
        let bytes = self.small(&name)?;
        if Digest::of(bytes) == *digest { Ok(bytes) } else { Err(ArchiveError::Digest { name }) }
    }

    /// What the descriptions say, checked against the layers that came.
    fn images(&self, platform: Option<&Platform>) -> Result<Vec<NewImage>, ArchiveError> {
        let mut images: Vec<(Digest, NewImage)> = Vec::new();
        let index = self.small.get(INDEX_FILE);
        let docker = self.small.get(DOCKER_MANIFEST_FILE);
        if index.is_none() && docker.is_none() {
            return Err(ArchiveError::Unrecognized);
        }
        if let Some(index) = index {
            let Document::Index(index) = Document::parse(index)? else {
                return Err(ArchiveError::Unrecognized);
            };
            self.of_index(&index, platform, &[], 0, &mut images)?;
        }
        if let Some(text) = docker {
            let entries: Vec<DockerEntry> = serde_json::from_slice(text)
                .map_err(|source| ArchiveError::Json { name: DOCKER_MANIFEST_FILE.to_owned(), source })?;
            for entry in entries {
                self.of_docker(&entry, platform, &mut images)?;
            }
        }
        match (images.is_empty(), platform) {
            (true, Some(platform)) => Err(ArchiveError::NoPlatform(platform.to_string())),
            _ => Ok(images.into_iter().map(|(_, image)| image).collect()),
        }
    }

    fn of_index(
        &self,
        index: &ImageIndex,
        platform: Option<&Platform>,
        inherited: &[Reference],
        depth: usize,
        images: &mut Vec<(Digest, NewImage)>,
    ) -> Result<(), ArchiveError> {
        for descriptor in index.manifests.iter().filter(|d| d.is_image()) {
            let mut names = names_of(descriptor)?;
            names.extend(inherited.iter().cloned());
            let bytes = self.blob(&descriptor.digest)?;
            match Document::parse(bytes)? {
                Document::Image(manifest) => self.of_manifest(bytes, &manifest, platform, names, images)?,
                Document::Index(list) if depth < 2 => {
                    // One of the list is wanted: the others may not even be in the archive.
                    let host = Platform::host();
                    let chosen = list.choose(platform.unwrap_or(&host))?.clone();
                    let one = ImageIndex { manifests: vec![chosen], ..list };
                    self.of_index(&one, platform, &names, depth + 1, images)?;
                }
                Document::Index(_) => return Err(ArchiveError::Unrecognized),
            }
        }
        Ok(())
    }

    fn of_manifest(
        &self,
        bytes: &[u8],
        manifest: &Manifest,
        platform: Option<&Platform>,
        names: Vec<Reference>,
        images: &mut Vec<(Digest, NewImage)>,
    ) -> Result<(), ArchiveError> {
        let id = manifest.config.digest;
        let config = self.blob(&id)?;
        let parsed = ImageConfig::parse(config)?;
        if !serves(platform, &parsed) {
            return Ok(());
        }
        if parsed.layers().len() != manifest.layers.len() {
            return Err(ManifestError::RootFs.into());
        }
        for (wanted, layer) in parsed.layers().iter().zip(&manifest.layers) {
            self.check_layer(wanted, &blob_path(&layer.digest))?;
        }
        add(images, id, NewImage { manifest: bytes.to_vec(), config: config.to_vec(), index: None, names });
        Ok(())
    }

    fn of_docker(
        &self,
        entry: &DockerEntry,
        platform: Option<&Platform>,
        images: &mut Vec<(Digest, NewImage)>,
    ) -> Result<(), ArchiveError> {
        let path = clean(entry.config.as_bytes()).unwrap_or_default();
        let config = self.small(&path)?;
        let id = Digest::of(config);
        let promised = blob_digest(&path)
            .or_else(|| path.strip_suffix(".json").and_then(|hex| Digest::from_hex(hex).ok()));
        if promised.is_some_and(|promised| promised != id) {
            return Err(ArchiveError::Digest { name: path });
        }
        let parsed = ImageConfig::parse(config)?;
        if !serves(platform, &parsed) {
            return Ok(());
        }
        let parse = |tag: &String| Reference::parse(tag).map_err(|e| ArchiveError::Name(tag.clone(), e));
        let names = entry.repo_tags.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if let Some((_, known)) = images.iter_mut().find(|(other, _)| *other == id) {
            // The same image was described by the index already, with its own manifest.
            merge(&mut known.names, names);
            return Ok(());
        }
        if parsed.layers().len() != entry.layers.len() {
            return Err(ManifestError::RootFs.into());
        }
        let mut layers = Vec::new();
        for (wanted, path) in parsed.layers().iter().zip(&entry.layers) {
            let path = clean(path.as_bytes()).unwrap_or_default();
            let size = self.check_layer(wanted, &path)?;
            layers.push(Descriptor::new(OCI_LAYER, wanted.0, size));
        }
        let descriptor = Descriptor::new(OCI_CONFIG, id, config.len() as u64);
        let manifest = Manifest::synthesize(descriptor, layers).to_bytes();
        add(images, id, NewImage { manifest, config: config.to_vec(), index: None, names });
        Ok(())
    }

    /// The layer came with the archive, or is here anyway. Its uncompressed size.
    fn check_layer(&self, wanted: &DiffId, path: &str) -> Result<u64, ArchiveError> {
        match self.layers.get(self.follow(path)) {
            Some(layer) if layer.id == *wanted => Ok(layer.size),
            Some(layer) => Err(ArchiveError::Layer { wanted: *wanted, got: layer.id }),
            None => {
                self.lease.add(wanted).map_err(LayerError::Write)?;
                self.store.layers.size(wanted).ok_or_else(|| ArchiveError::Missing(path.to_owned()))
            }
        }
    }
}

fn add(images: &mut Vec<(Digest, NewImage)>, id: Digest, image: NewImage) {
    match images.iter_mut().find(|(other, known)| *other == id && known.manifest == image.manifest) {
        Some((_, known)) => merge(&mut known.names, image.names),
        None => images.push((id, image)),
    }
}

fn merge(names: &mut Vec<Reference>, more: Vec<Reference>) {
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
}

/// Names that an index gives one of its images: the full one; else what the tool was told, which may be
/// a whole reference.
fn names_of(descriptor: &Descriptor) -> Result<Vec<Reference>, ArchiveError> {
    let Some(text) = descriptor.annotation(IMAGE_NAME).or(descriptor.annotation(REF_NAME)) else {
        return Ok(Vec::new());
    };
    Reference::parse(text).map(|name| vec![name]).map_err(|e| ArchiveError::Name(text.to_owned(), e))
}

fn serves(platform: Option<&Platform>, config: &ImageConfig) -> bool {
    let offered = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
    platform.is_none_or(|wanted| wanted.rank(&offered).is_some())
}

/// A member's name as the descriptions write it: without `./` and `..`. What points out of the archive
/// is nothing.
fn clean(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/")).filter(|name| !name.is_empty())
}

/// Whether a member is a layer: compressed, or a tar.
fn is_layer(name: &str, start: &[u8]) -> Result<bool, ArchiveError> {
    if name.ends_with(".json") || name == super::LAYOUT_FILE {
        return Ok(false);
    }
    match Compression::of(start).map_err(ArchiveError::Read)? {
        Compression::None => Ok(is_tar(start)),
        _ => Ok(true),
    }
}

/// Whether it begins like a tar: a header whose checksum fits, or the end of an empty archive.
fn is_tar(start: &[u8]) -> bool {
    let Ok(block) = <&[u8; BLOCK]>::try_from(start) else { return false };
    if block.iter().all(|b| *b == 0) {
        return true;
    }
    let field = String::from_utf8_lossy(&block[148..156]);
    let field = field.trim_matches(['\0', ' ']);
    let sum = |blank: u32| -> u32 {
        let others = block[..148].iter().chain(&block[156..]).map(|b| u32::from(*b)).sum::<u32>();
        others + 8 * blank
    };
    u32::from_str_radix(field, 8).is_ok_and(|stored| stored == sum(u32::from(b' ')))
}

/// The first bytes, as many as there are up to `limit`.
fn start(input: &mut impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(limit);
    input.take(limit as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// Tells how far it is.
struct Watched<'a, R> {
    input: R,
    done: u64,
    total: u64,
    shown: &'a str,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.done += n as u64;
        self.progress.layer(self.shown, Step::Loading { done: self.done, total: self.total });
        Ok(n)
    }
}

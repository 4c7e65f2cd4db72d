//! The image store: names, manifests and configs on disk.
//!
//! ```text
//! blobs/sha256/<hex>          manifests, lists, configs: verified when they enter and when they are read
//! images/<repository>.json    names of one repository -> digests of image manifests (`names.rs`)
//! images/untagged.json        images without a name (`<none>`)
//! images/forms/<diff id>.json compressed forms of a layer that registries know (`forms.rs`)
//! images/lock                 held shared by who pins an image, alone by who changes names or collects
//! ```
//!
//! An image exists when a name (or `untagged.json`) leads to its manifest. Blobs and names are written
//! under the lock in that order, after the layers; removal goes the other way. A crash in between
//! leaves only things that no name leads to, and the next removal collects them. The lock is never held
//! during a transfer: what is on its way is kept by the layer store's leases.

mod blobs;
mod forms;
mod names;
mod remove;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

pub use forms::{Form, Forms};
pub use remove::Removed;

use self::blobs::Blobs;
use self::names::{Names, Origin};
use super::manifest::{Document, Manifest, ManifestError};
use super::reference::InvalidReference;
use super::{ImageConfig, PinnedImage, Reference};
use crate::config::Config;
use crate::digest::Digest;
use crate::layer::store::LayerError;
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
    /// Tags and digests that name it, in Docker's order. An image found by name has those of that
    /// repository here; `ImageStore::names_of` knows all.
    pub names: Vec<Reference>,
    /// The repository a nameless image once belonged to.
    pub origin: Option<String>,
    /// Lies in a further store: it can be used and tagged, not removed.
    pub read_only: bool,
}

impl Image {
    pub fn pin(&self) -> PinnedImage {
        PinnedImage { id: self.id, manifest: self.manifest, layers: self.layers.clone() }
    }
}

/// An image on its way in: complete, its layers in the layer store.
#[derive(Debug, Clone)]
pub struct NewImage {
    pub manifest: Vec<u8>,
    pub config: Vec<u8>,
    /// The list it was chosen from.
    pub index: Option<Vec<u8>>,
    /// Tags and digests that shall lead to it; none makes a nameless image.
    pub names: Vec<Reference>,
}

pub struct ImageStore {
    pub layers: LayerStore,
    directory: PathBuf,
    blobs: Blobs,
    own: Names,
    further: Vec<Names>,
    forms: Forms,
}

/// See [`ImageStore::hold`].
#[must_use]
pub struct Held {
    _lock: File,
}

/// What went wrong when the users of images were asked for.
pub type InUseError = Box<dyn std::error::Error + Send + Sync>;

/// Asks for the users of images; called while nobody can pin another image.
pub type AskInUse<'a> = &'a mut dyn FnMut() -> Result<Vec<InUse>, InUseError>;

/// An image that is used: engine tells the store, which knows neither containers nor mounts.
#[derive(Debug, Clone)]
pub struct InUse {
    pub user: User,
    pub image: PinnedImage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    Container {
        id: String,
        running: bool,
    },
    /// It is mounted for somebody (`image mount`).
    Mount,
}

impl User {
    pub fn is_running(&self) -> bool {
        matches!(self, User::Container { running: true, .. })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("No such image: {0}")]
    NotFound(String),
    #[error(transparent)]
    InvalidReference(#[from] InvalidReference),
    /// podman's words.
    #[error("{0}: tag not known")]
    NotItsName(String),
    #[error("multiple IDs found with provided prefix: {0}")]
    Ambiguous(String),
    #[error("conflict: {0}")]
    Conflict(String),
    #[error("image {0} lies in a read-only store")]
    ReadOnly(String),
    #[error("blob {0} is not here")]
    MissingBlob(Digest),
    #[error("{} is damaged: it does not match its digest; pull the image again", path.display())]
    Damaged { path: PathBuf },
    #[error("manifest {0} names a list, not an image")]
    NotAnImage(Digest),
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("writing {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is damaged", path.display())]
    NamesFile { path: PathBuf, source: serde_json::Error },
    #[error("{} has version {version}, which this coracle does not know", path.display())]
    NamesVersion { path: PathBuf, version: u32 },
    #[error("looking for containers that use the image")]
    InUse(#[source] InUseError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Layer(#[from] LayerError),
}

impl ImageError {
    /// Whether what a name leads to is missing or not what it should be.
    fn is_damage(&self) -> bool {
        matches!(
            self,
            ImageError::MissingBlob(_)
                | ImageError::Damaged { .. }
                | ImageError::NotAnImage(_)
                | ImageError::Manifest(_)
        )
    }
}

/// Everything that names lead to, by manifest.
type Named = BTreeMap<Digest, Vec<Reference>>;

impl ImageStore {
    pub fn open(config: &Config) -> ImageStore {
        let further = &config.further_stores;
        ImageStore {
            layers: LayerStore::open(config),
            directory: config.images(),
            blobs: Blobs::new(config.blobs(), further.iter().map(|s| s.join("blobs/sha256")).collect()),
            own: Names::new(config.images()),
            further: further.iter().map(|s| Names::new(s.join("images"))).collect(),
            forms: Forms::new(config.images().join("forms")),
        }
    }

    /// What is known of the compressed forms of layers.
    pub fn forms(&self) -> &Forms {
        &self.forms
    }

    /// Finds an image by reference, by id (`sha256:…`, hex, unique prefix) as Docker does: a name goes
    /// before an id that begins alike.
    pub fn find(&self, name: &str) -> Result<Image, ImageError> {
        if let Some(id) = full_id(name) {
            return self.by_id_prefix(&id.hex())?.ok_or_else(|| ImageError::NotFound(name.to_owned()));
        }
        let reference = Reference::parse(name);
        if let Ok(reference) = &reference
            && let Some((manifest, read_only)) = self.resolve(reference)?
        {
            return self.load(&manifest, read_only, &self.siblings(reference, &manifest, read_only)?);
        }
        if let Some(image) = self.by_id_prefix(name.strip_prefix("sha256:").unwrap_or(name))? {
            return Ok(image);
        }
        Err(ImageError::NotFound(reference?.familiar()))
    }

    /// What a name stands for, and whether a further store said so.
    pub fn resolve(&self, name: &Reference) -> Result<Option<(Digest, bool)>, ImageError> {
        if let Some(manifest) = self.own.repository(name)?.get(name) {
            return Ok(Some((manifest, false)));
        }
        for store in &self.further {
            // A further store that is broken or of another version is as good as none.
            if let Some(manifest) = store.repository(name).ok().and_then(|r| r.get(name)) {
                return Ok(Some((manifest, true)));
            }
        }
        Ok(None)
    }

    /// Names in the same repository that stand for the same. Looking into all repositories would cost
    /// every `run` a walk over the directory.
    fn siblings(
        &self,
        name: &Reference,
        manifest: &Digest,
        further: bool,
    ) -> Result<Vec<Reference>, ImageError> {
        if further {
            return Ok(vec![name.clone()]);
        }
        let names = self.own.repository(name)?.names();
        Ok(names.into_iter().filter(|(_, other)| other == manifest).map(|(name, _)| name).collect())
    }

    /// Tags of this repository in the own store, in order.
    pub fn tags(&self, repository: &Reference) -> Result<Vec<Reference>, ImageError> {
        let names = self.own.repository(repository)?.names();
        Ok(names.into_iter().map(|(name, _)| name).filter(|name| name.tag.is_some()).collect())
    }

    /// The image a container pinned, even when no name points to it any more. Its names are not
    /// looked for.
    pub fn pinned(&self, pin: &PinnedImage) -> Result<Image, ImageError> {
        let config = ImageConfig::parse(&self.blobs.read(&pin.id)?)?;
        Ok(Image {
            id: pin.id,
            manifest: pin.manifest,
            layers: pin.layers.clone(),
            size: self.size(&pin.layers, &mut HashMap::new()),
            config,
            names: Vec::new(),
            origin: None,
            read_only: false,
        })
    }

    /// The raw config bytes, as they came.
    pub fn config_bytes(&self, id: &Digest) -> Result<Vec<u8>, ImageError> {
        self.blobs.read(id)
    }

    /// The raw manifest bytes, as they came, and what they say.
    pub fn manifest(&self, digest: &Digest) -> Result<(Vec<u8>, Manifest), ImageError> {
        let bytes = self.blobs.read(digest)?;
        match Document::parse(&bytes)? {
            Document::Image(manifest) => Ok((bytes, manifest)),
            Document::Index(_) => Err(ImageError::NotAnImage(*digest)),
        }
    }

    /// Keeps images from being removed while it lives: whoever pins an image (`create`) holds it from
    /// finding the image until the record is on disk.
    pub fn hold(&self) -> Result<Held, ImageError> {
        let file = self.lock_file()?;
        file.lock_shared().map_err(|source| self.lock_error(source))?;
        Ok(Held { _lock: file })
    }

    /// The names of all images, in their order; looks into no image.
    pub fn names(&self) -> Result<Vec<Reference>, ImageError> {
        let mut names = BTreeSet::new();
        for store in std::iter::once(&self.own).chain(&self.further) {
            names.extend(store.all()?.iter().flat_map(|repository| repository.names()).map(|(name, _)| name));
        }
        Ok(names.into_iter().collect())
    }

    /// All images, dangling ones included, newest first.
    pub fn list(&self) -> Result<Vec<Image>, ImageError> {
        let mut sizes = HashMap::new();
        let mut images: BTreeMap<Digest, Image> = BTreeMap::new();
        let mut add = |manifest: &Digest, names: Vec<Reference>, origin: Option<String>, read_only| {
            let loaded = self.load_sized(manifest, read_only, names, &mut sizes);
            // Removed meanwhile by somebody else, or damaged: `inspect` of it says so.
            let Ok(mut image) = loaded else { return };
            image.origin = origin;
            match images.get_mut(&image.id) {
                Some(known) => merge_names(&mut known.names, image.names),
                None => drop(images.insert(image.id, image)),
            }
        };
        for (manifest, names) in named(&self.own)? {
            add(&manifest, names, None, false);
        }
        for (manifest, origin) in self.own.untagged()?.images {
            add(&manifest, Vec::new(), origin.repository, false);
        }
        for store in &self.further {
            for (manifest, names) in named(store).unwrap_or_default() {
                add(&manifest, names, None, true);
            }
        }
        let mut images: Vec<Image> = images.into_values().collect();
        images.sort_by(|a, b| created(b).cmp(&created(a)).then_with(|| a.names.cmp(&b.names)));
        Ok(images)
    }

    /// Gives the image a name; a name that stands for another image moves, and that one stays nameless.
    pub fn tag(&self, image: &Image, name: &Reference) -> Result<(), ImageError> {
        let (manifest, _) = self.manifest(&image.manifest)?;
        let config = self.config_bytes(&image.id)?;
        let new = NewImage { manifest, config, index: None, names: vec![name.clone()] };
        self.enter(&[new]).map(drop)
    }

    /// Makes images visible: blobs first, then names. All their layers must be here.
    pub fn enter(&self, images: &[NewImage]) -> Result<Vec<Image>, ImageError> {
        let configs = images.iter().map(|image| ImageConfig::parse(&image.config));
        let configs = configs.collect::<Result<Vec<_>, _>>()?;
        for config in &configs {
            // Made here, not by the first run; and layers that do not fit together (a hard link to a file
            // that no layer has) are refused before any name leads to them.
            self.layers.merged(config.layers())?;
        }
        let _lock = self.lock_alone()?;
        let mut manifests = Vec::new();
        for (image, config) in images.iter().zip(&configs) {
            if let Some(missing) = config.layers().iter().find(|layer| !self.layers.contains(layer)) {
                return Err(LayerError::Missing(*missing).into());
            }
            self.blobs.write(&image.config)?;
            if let Some(index) = &image.index {
                self.blobs.write(index)?;
            }
            manifests.push(self.blobs.write(&image.manifest)?);
        }
        for (image, manifest) in images.iter().zip(&manifests) {
            if image.names.is_empty() && self.names_of_own(manifest)?.is_empty() {
                self.remember_untagged(manifest, Origin::default())?;
            }
            for name in &image.names {
                self.set_name(name, manifest)?;
            }
        }
        manifests.iter().map(|m| self.load(m, false, &self.names_of(m)?)).collect()
    }

    /// Lets the repository's digest lead to the image, too: after a push, the registry knows it by that.
    pub fn know_digest(&self, name: &Reference, digest: Digest, image: &Image) -> Result<(), ImageError> {
        let _lock = self.lock_alone()?;
        // Only where the name is ours and still stands for what was pushed.
        match self.own.repository(name)?.get(name) {
            Some(manifest) if manifest == image.manifest => {
                self.set_name(&name.with_digest(digest), &image.manifest)
            }
            _ => Ok(()),
        }
    }

    fn set_name(&self, name: &Reference, manifest: &Digest) -> Result<(), ImageError> {
        let mut repository = self.own.repository(name)?;
        let before = repository.set(name, *manifest);
        if before == Some(*manifest) {
            return Ok(());
        }
        if let Some(old) = before {
            // Written before the name moves: a crash in between must not lose the old image.
            let mut others = self.names_of_own(&old)?;
            others.retain(|other| other != name);
            if others.is_empty() {
                self.remember_untagged(&old, Origin { repository: Some(name.repository()) })?;
            }
        }
        self.own.save(&repository)?;
        self.forget_untagged(manifest)
    }

    fn remember_untagged(&self, manifest: &Digest, origin: Origin) -> Result<(), ImageError> {
        let mut untagged = self.own.untagged()?;
        untagged.images.insert(*manifest, origin);
        self.own.save_untagged(&untagged)
    }

    fn forget_untagged(&self, manifest: &Digest) -> Result<(), ImageError> {
        let mut untagged = self.own.untagged()?;
        match untagged.images.remove(manifest) {
            Some(_) => self.own.save_untagged(&untagged),
            None => Ok(()),
        }
    }

    /// All names that lead to this manifest, tags before digests.
    pub fn names_of(&self, manifest: &Digest) -> Result<Vec<Reference>, ImageError> {
        let mut names = self.names_of_own(manifest)?;
        for store in &self.further {
            merge_names(&mut names, named(store).unwrap_or_default().remove(manifest).unwrap_or_default());
        }
        Ok(names)
    }

    fn names_of_own(&self, manifest: &Digest) -> Result<Vec<Reference>, ImageError> {
        Ok(named(&self.own)?.remove(manifest).unwrap_or_default())
    }

    fn by_id_prefix(&self, prefix: &str) -> Result<Option<Image>, ImageError> {
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(hex) {
            return Ok(None);
        }
        let mut found = self.list()?.into_iter().filter(|image| image.id.hex().starts_with(prefix));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(ImageError::Ambiguous(prefix.to_owned())),
            (one, _) => Ok(one),
        }
    }

    fn load(&self, manifest: &Digest, read_only: bool, names: &[Reference]) -> Result<Image, ImageError> {
        self.load_sized(manifest, read_only, names.to_vec(), &mut HashMap::new())
    }

    fn load_sized(
        &self,
        digest: &Digest,
        read_only: bool,
        names: Vec<Reference>,
        sizes: &mut HashMap<DiffId, u64>,
    ) -> Result<Image, ImageError> {
        let (_, manifest) = self.manifest(digest)?;
        let id = manifest.config.digest;
        let config = ImageConfig::parse(&self.blobs.read(&id)?)?;
        let layers = config.layers().to_vec();
        let size = self.size(&layers, sizes);
        Ok(Image { id, manifest: *digest, config, layers, size, names, origin: None, read_only })
    }

    fn size(&self, layers: &[DiffId], known: &mut HashMap<DiffId, u64>) -> u64 {
        layers.iter().map(|layer| *known.entry(*layer).or_insert_with(|| self.layer_size(layer))).sum()
    }

    /// Uncompressed bytes of a layer; 0 when it is not here.
    pub fn layer_size(&self, layer: &DiffId) -> u64 {
        self.layers.tar(layer).map(|(_, size)| size).unwrap_or_default()
    }

    fn lock_file(&self) -> Result<File, ImageError> {
        let path = self.directory.join("lock");
        fs::create_dir_all(&self.directory)
            .and_then(|()| File::options().create(true).truncate(false).write(true).read(true).open(&path))
            .map_err(|source| ImageError::Write { path, source })
    }

    fn lock_error(&self, source: io::Error) -> ImageError {
        ImageError::Write { path: self.directory.join("lock"), source }
    }

    fn lock_alone(&self) -> Result<File, ImageError> {
        let file = self.lock_file()?;
        file.lock().map_err(|source| self.lock_error(source))?;
        Ok(file)
    }
}

/// `sha256:<64>` or 64 hexadecimal digits.
fn full_id(name: &str) -> Option<Digest> {
    name.parse().ok().or_else(|| Digest::from_hex(name).ok())
}

fn named(names: &Names) -> Result<Named, ImageError> {
    let mut all = Named::new();
    for (name, manifest) in names.all()?.iter().flat_map(|repository| repository.names()) {
        all.entry(manifest).or_default().push(name);
    }
    for names in all.values_mut() {
        // Docker's order: tags, then digests.
        names.sort_by_key(|name| (name.digest.is_some(), name.to_string()));
    }
    Ok(all)
}

fn merge_names(names: &mut Vec<Reference>, more: Vec<Reference>) {
    let known: BTreeSet<Reference> = names.iter().cloned().collect();
    names.extend(more.into_iter().filter(|name| !known.contains(name)));
    names.sort_by_key(|name| (name.digest.is_some(), name.to_string()));
}

/// When it was made; images that do not say are the oldest.
fn created(image: &Image) -> jiff::Timestamp {
    let text = image.config.created.as_deref();
    text.and_then(|t| t.parse().ok()).unwrap_or(jiff::Timestamp::MIN)
}

//! Verbs on images: what every door calls to pull, push, load, save, import, tag, list, show and remove.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::engine::{Engine, Error, Kind, Result};
use crate::image::archive::{self, ArchiveError, Import, Selected};
use crate::image::registry::{self, PullOutcome, PushOutcome, RegistryError, Settings};
use crate::image::store::{InUseError, Removed};
use crate::image::{Image, ImageError, Platform, Progress, Reference};
use crate::layer::DiffId;

/// `pull`.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// `--platform`; else the machine's own.
    pub platform: Option<Platform>,
}

/// What a pull brought.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The name pulled. Docker prints its full form (`Display`) as the last line, and it alone with `-q`.
    pub reference: Reference,
    /// What the registry's name stood for: digest of the manifest, or of the list it came from.
    pub digest: Digest,
    /// Whether the name stood for something else (or nothing) here before.
    pub newer: bool,
    pub image: Image,
}

/// What a push left at the registry.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub reference: Reference,
    pub digest: Digest,
    /// Length of the manifest in bytes.
    pub size: u64,
}

/// One image of a loaded archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    Name(Reference),
    /// It has no name in the archive.
    Id(Digest),
}

/// `Loaded image: debian:12` or `Loaded image ID: sha256:…`
impl std::fmt::Display for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Loaded::Name(name) => write!(f, "Loaded image: {}", name.familiar()),
            Loaded::Id(id) => write!(f, "Loaded image ID: {id}"),
        }
    }
}

/// Where `import` reads.
pub enum ImportSource {
    /// A file, a pipe, standard input. The text is what `import` names as its origin (`-` or the path).
    Stream(Box<dyn Read + Send>, String),
    /// `http://` or `https://`; Docker also takes `host/path` without a scheme as http.
    Url(String),
}

/// `import`.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// `REPOSITORY[:TAG]`; without it the image has no name.
    pub reference: Option<Reference>,
    /// `--change`, as typed: `CMD ["sh"]`, `ENV A=b`.
    pub changes: Vec<String>,
    /// `--message`; else `Imported from -`.
    pub message: Option<String>,
    pub platform: Option<Platform>,
}

/// A line of `history`, newest first.
#[derive(Debug, Clone)]
pub struct HistoryLine {
    /// The image's id for the first line, `None` (`<missing>`) below.
    pub id: Option<Digest>,
    /// RFC 3339, as the image says.
    pub created: Option<String>,
    pub created_by: String,
    /// Uncompressed bytes of the layer; 0 where the step made none.
    pub size: u64,
    pub comment: String,
    /// Tags of the image, on the first line.
    pub tags: Vec<Reference>,
}

impl Engine {
    /// Downloads `name` from its registry; it becomes visible when it is complete. Docker's lines
    /// (`12: Pulling from library/debian` to `Status: …`) go to `progress`; the last line, the full
    /// name, is the caller's.
    ///
    /// # Errors
    /// Docker's words, with `NotFound`, `Unauthorized`, `Unavailable` or `System`.
    pub fn pull(&self, name: &Reference, options: &PullOptions, progress: &dyn Progress) -> Result<Pulled> {
        let settings = Settings::from_environment();
        registry::pull(&self.images, name, options.platform.as_ref(), &settings, progress)
            .map(Pulled::from)
            .map_err(registry_error)
    }

    /// `pull -a`: every tag of the repository.
    pub fn pull_all_tags(
        &self,
        repository: &Reference,
        options: &PullOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<Pulled>> {
        let settings = Settings::from_environment();
        registry::pull_all_tags(&self.images, repository, options.platform.as_ref(), &settings, progress)
            .map(|all| all.into_iter().map(Pulled::from).collect())
            .map_err(registry_error)
    }

    /// Uploads the image that `name` stands for to the registry that `name` says. All lines go to
    /// `progress`, the last one (`12: digest: sha256:… size: 529`) too.
    pub fn push(&self, name: &Reference, progress: &dyn Progress) -> Result<Pushed> {
        if name.digest.is_some() {
            return Err(registry_error(RegistryError::PushDigest));
        }
        let image = self.image_to_push(name)?;
        progress.line(&format!("The push refers to repository [{}]", name.repository()));
        self.push_one(&image, name, progress)
    }

    /// `push -a`: every tag of the repository that is here.
    pub fn push_all_tags(&self, repository: &Reference, progress: &dyn Progress) -> Result<Vec<Pushed>> {
        let tags = self.images.tags(repository).map_err(image_error)?;
        if tags.is_empty() {
            return Err(registry_error(RegistryError::NothingToPush(repository.familiar_name())));
        }
        progress.line(&format!("The push refers to repository [{}]", repository.repository()));
        tags.iter().map(|name| self.push_one(&self.image_to_push(name)?, name, progress)).collect()
    }

    fn image_to_push(&self, name: &Reference) -> Result<Image> {
        match self.images.resolve(name).map_err(image_error)? {
            Some(_) => self.images.find(&name.to_string()).map_err(image_error),
            None => Err(registry_error(RegistryError::NothingToPush(name.familiar()))),
        }
    }

    fn push_one(&self, image: &Image, name: &Reference, progress: &dyn Progress) -> Result<Pushed> {
        let settings = Settings::from_environment();
        let PushOutcome { reference, digest, size } =
            registry::push(&self.images, image, name, &settings, progress).map_err(registry_error)?;
        // The repository's digest now leads here, as after a pull.
        self.images.know_digest(&reference, digest, image).map_err(image_error)?;
        Ok(Pushed { reference, digest, size })
    }

    /// Takes images from an archive as `docker save` or OCI tools write it, from a file or a pipe,
    /// plain, gzip or zstd. All of it or nothing becomes visible.
    pub fn load(
        &self,
        archive: Box<dyn Read + Send>,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Vec<Loaded>> {
        let loaded = archive::load(&self.images, archive, platform, progress, &mut || self.in_use());
        let mut lines = Vec::new();
        for image in loaded.map_err(archive_error)? {
            match image.names.is_empty() {
                true => lines.push(Loaded::Id(image.image.id)),
                false => lines.extend(image.names.into_iter().map(Loaded::Name)),
            }
        }
        Ok(lines)
    }

    /// Writes an archive of the images named (names or ids; a bare repository name stands for all its
    /// tags) that Docker and OCI tools read. All names are looked up before the first byte is written.
    pub fn save(&self, names: &[String], platform: Option<&Platform>, archive: &mut dyn Write) -> Result<()> {
        let mut selected: Vec<Selected> = Vec::new();
        for name in names {
            for (image, reference) in self.images_to_save(name)? {
                check_platform(name, &image, platform)?;
                let known = selected.iter().position(|s| s.image.id == image.id);
                let entry = known.unwrap_or_else(|| {
                    selected.push(Selected { image, names: Vec::new() });
                    selected.len() - 1
                });
                let names = &mut selected[entry].names;
                names.extend(reference.filter(|name| !names.contains(name)));
            }
        }
        archive::save(&self.images, &selected, archive).map_err(archive_error)
    }

    /// Images with the name they are saved under; an id gives none.
    fn images_to_save(&self, name: &str) -> Result<Vec<(Image, Option<Reference>)>> {
        let parsed = Reference::parse_name(name).ok();
        if let Some(bare) = parsed.as_ref().filter(|n| n.tag.is_none() && n.digest.is_none()) {
            let tags = self.images.tags(bare).map_err(image_error)?;
            if !tags.is_empty() {
                return tags
                    .into_iter()
                    .map(|tag| Ok((self.find_image(&tag.to_string())?, Some(tag))))
                    .collect();
            }
        }
        let image = self.find_image(name)?;
        let reference =
            parsed.map(Reference::or_latest).filter(|n| n.tag.is_some() && image.names.contains(n));
        Ok(vec![(image, reference)])
    }

    /// Makes an image of one layer from a tar of a root file system.
    pub fn import(
        &self,
        source: ImportSource,
        options: &ImportOptions,
        progress: &dyn Progress,
    ) -> Result<Image> {
        if options.reference.as_ref().is_some_and(|name| name.digest.is_some()) {
            return Err(Error::new(Kind::InvalidParameter, "cannot import digest reference"));
        }
        let (tar, origin): (Box<dyn Read + Send>, String) = match source {
            ImportSource::Stream(stream, origin) => (stream, origin),
            ImportSource::Url(url) => {
                let url = if url.contains("://") { url } else { format!("http://{url}") };
                progress.line(&format!("Downloading from {url}"));
                let body = registry::fetch(&url, &Settings::from_environment()).map_err(registry_error)?;
                (Box::new(body), url)
            }
        };
        let import = Import {
            name: options.reference.as_ref(),
            changes: &options.changes,
            comment: options.message.clone().unwrap_or_else(|| format!("Imported from {origin}")),
            platform: options.platform.as_ref(),
        };
        archive::import(&self.images, tar, &import).map_err(archive_error)
    }

    /// All images, dangling ones included, newest first.
    pub fn images(&self) -> Result<Vec<Image>> {
        self.images.list().map_err(image_error)
    }

    /// Finds by name, `name@digest`, id or unique id prefix. `NotFound` says `No such image: X`.
    pub fn find_image(&self, name: &str) -> Result<Image> {
        self.images.find(name).map_err(image_error)
    }

    /// What `image inspect` shows, in Docker's field order.
    pub fn inspect_image(&self, name: &str) -> Result<Value> {
        let image = self.find_image(name)?;
        let names = self.images.names_of(&image.manifest).map_err(image_error)?;
        let raw = self.images.config_bytes(&image.id).map_err(image_error)?;
        // The run configuration as the image has it, unknown fields included.
        let raw: Value = serde_json::from_slice(&raw).unwrap_or_default();
        let (digests, tags): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.digest.is_some());
        let familiar = |list: Vec<&Reference>| list.into_iter().map(Reference::familiar).collect::<Vec<_>>();
        let config = &image.config;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let last = config.history.last();
        let mut shown = json!({
            "Id": image.id,
            "RepoTags": familiar(tags),
            "RepoDigests": familiar(digests),
            "Parent": "",
            "Comment": last.map(|step| text(&step.comment)).unwrap_or_default(),
            "Created": text(&config.created),
            "DockerVersion": raw["docker_version"].as_str().unwrap_or_default(),
            "Author": text(&config.author),
            "Config": raw["config"],
            "Architecture": config.architecture,
        });
        let fields = shown.as_object_mut().expect("made as an object above");
        if let Some(variant) = &config.variant {
            fields.insert("Variant".to_owned(), json!(variant));
        }
        let rest = json!({
            "Os": config.os,
            "Size": image.size,
            "GraphDriver": { "Name": "coracle", "Data": null },
            "RootFS": { "Type": config.rootfs.kind, "Layers": image.layers },
            "Metadata": { "LastTagTime": "0001-01-01T00:00:00Z" },
            "Descriptor": { "digest": image.manifest },
        });
        if let Value::Object(rest) = rest {
            fields.extend(rest);
        }
        Ok(shown)
    }

    /// `tag SOURCE TARGET`: the target moves if it exists.
    pub fn tag_image(&self, source: &str, target: &str) -> Result<()> {
        let target = Reference::parse(target).map_err(|error| {
            let message =
                format!("error parsing reference: {target:?} is not a valid repository/tag: {error}");
            Error::new(Kind::InvalidParameter, message)
        })?;
        if target.digest.is_some() {
            return Err(Error::new(
                Kind::InvalidParameter,
                "refusing to create a tag with a digest reference",
            ));
        }
        let image = self.find_image(source)?;
        self.images.tag(&image, &target).map_err(image_error)
    }

    /// `rmi NAME`. An image of ours has no untagged parents, which is all that `no_prune` could keep: it
    /// is taken for Docker's sake.
    pub fn remove_image(&self, name: &str, force: bool, no_prune: bool) -> Result<Vec<Removed>> {
        let _ = no_prune;
        self.images.remove(name, force, &mut || self.in_use()).map_err(image_error)
    }

    /// Newest first.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryLine>> {
        let image = self.find_image(name)?;
        let names = self.images.names_of(&image.manifest).map_err(image_error)?;
        let mut layers = image.layers.iter();
        let mut sizes: HashMap<DiffId, u64> = HashMap::new();
        let mut lines: Vec<HistoryLine> = Vec::new();
        for step in &image.config.history {
            let layer = if step.empty_layer { None } else { layers.next() };
            let mut size = |id: &DiffId| *sizes.entry(*id).or_insert_with(|| self.images.layer_size(id));
            lines.push(HistoryLine {
                id: None,
                created: step.created.clone(),
                created_by: step.created_by.clone().unwrap_or_default(),
                size: layer.map(&mut size).unwrap_or_default(),
                comment: step.comment.clone().unwrap_or_default(),
                tags: Vec::new(),
            });
        }
        lines.reverse();
        if let Some(newest) = lines.first_mut() {
            newest.id = Some(image.id);
            newest.tags = names.into_iter().filter(|name| name.tag.is_some()).collect();
        }
        Ok(lines)
    }

    fn in_use(&self) -> std::result::Result<Vec<crate::image::store::InUse>, InUseError> {
        self.images_in_use().map_err(InUseError::from)
    }
}

impl From<PullOutcome> for Pulled {
    fn from(outcome: PullOutcome) -> Pulled {
        let PullOutcome { reference, digest, newer, image } = outcome;
        Pulled { reference, digest, newer, image }
    }
}

fn check_platform(name: &str, image: &Image, wanted: Option<&Platform>) -> Result<()> {
    let config = &image.config;
    let actual = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
    match wanted {
        Some(wanted) if wanted.rank(&actual).is_none() => Err(archive_error(ArchiveError::WrongPlatform {
            name: name.to_owned(),
            actual: actual.to_string(),
            wanted: wanted.to_string(),
        })),
        _ => Ok(()),
    }
}

/// The sentence of an error and its causes, as Go joins them.
fn sentence(error: &dyn StdError) -> String {
    let causes = std::iter::successors(Some(error), |e| (*e).source()).map(ToString::to_string);
    let mut sentences: Vec<String> = Vec::new();
    for cause in causes {
        // A transparent error says what its source says.
        if sentences.last() != Some(&cause) {
            sentences.push(cause);
        }
    }
    sentences.join(": ")
}

fn image_error(error: ImageError) -> Error {
    let kind = match &error {
        ImageError::NotFound(_) => Kind::NotFound,
        ImageError::Conflict(_) => Kind::Conflict,
        ImageError::InvalidReference(_) | ImageError::Ambiguous(_) => Kind::InvalidParameter,
        ImageError::ReadOnly(_) => Kind::Forbidden,
        _ => Kind::System,
    };
    Error::new(kind, sentence(&error))
}

fn registry_error(error: RegistryError) -> Error {
    let kind = match error {
        RegistryError::Image(error) => return image_error(error),
        RegistryError::ManifestUnknown { .. }
        | RegistryError::NameUnknown { .. }
        | RegistryError::PullDenied { .. }
        | RegistryError::NothingToPush(_)
        | RegistryError::WrongPlatform { .. } => Kind::NotFound,
        RegistryError::NoCredentials { .. } => Kind::Unauthorized,
        RegistryError::Refused { status: 401, .. } => Kind::Unauthorized,
        RegistryError::Refused { status: 403, .. } => Kind::Forbidden,
        RegistryError::Connect { .. } => Kind::Unavailable,
        RegistryError::PushDigest => Kind::InvalidParameter,
        _ => Kind::System,
    };
    Error::new(kind, sentence(&error))
}

fn archive_error(error: ArchiveError) -> Error {
    let kind = match error {
        ArchiveError::Image(error) => return image_error(error),
        ArchiveError::WrongPlatform { .. } | ArchiveError::NoPlatform(_) => Kind::NotFound,
        ArchiveError::Read(_) | ArchiveError::Write(_) | ArchiveError::LayerStore(_) => Kind::System,
        ArchiveError::Damaged(_) => Kind::System,
        _ => Kind::InvalidParameter,
    };
    Error::new(kind, sentence(&error))
}

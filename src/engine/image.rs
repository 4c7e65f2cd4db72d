//! Verbs on images: what every door calls to pull, push, tag, list, show and remove.
//! Those on archives are in `archive`.

use std::collections::HashMap;
use std::error::Error as StdError;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::engine::{Engine, Error, Kind, Result};
use crate::image::registry::{self, PullOutcome, PushOutcome, RegistryError, Settings};
use crate::image::store::{InUseError, Removed, User};
use crate::image::{Image, ImageError, Platform, Progress, Reference};
use crate::layer::DiffId;
use crate::supervisor::removal;

pub use crate::engine::archive::{ImportOptions, ImportSource};

/// `pull`.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// `--platform`; else the machine's own.
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
    pub fn pull(
        &self,
        name: &Reference,
        options: &PullOptions,
        progress: &dyn Progress,
    ) -> Result<PullOutcome> {
        let settings = Settings::from_environment();
        let pulled = registry::pull(&self.images, name, options.platform.as_ref(), &settings, progress)
            .map_err(registry_error)?;
        self.image_moved(&pulled.image, name, "pull");
        Ok(pulled)
    }

    /// `pull -a`: every tag of the repository.
    pub fn pull_all_tags(
        &self,
        repository: &Reference,
        options: &PullOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<PullOutcome>> {
        let settings = Settings::from_environment();
        let pulled =
            registry::pull_all_tags(&self.images, repository, options.platform.as_ref(), &settings, progress)
                .map_err(registry_error)?;
        for one in &pulled {
            self.image_moved(&one.image, &one.reference, "pull");
        }
        Ok(pulled)
    }

    /// Uploads the image that `name` stands for to the registry that `name` says. All lines go to
    /// `progress`, the last one (`12: digest: sha256:… size: 529`) too.
    pub fn push(&self, name: &Reference, progress: &dyn Progress) -> Result<PushOutcome> {
        if name.digest.is_some() {
            return Err(registry_error(RegistryError::PushDigest));
        }
        let image = self.image_to_push(name)?;
        progress.line(&format!("The push refers to repository [{}]", name.repository()));
        self.push_one(&image, name, progress)
    }

    /// `push -a`: every tag of the repository that is here.
    pub fn push_all_tags(&self, repository: &Reference, progress: &dyn Progress) -> Result<Vec<PushOutcome>> {
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

    fn push_one(&self, image: &Image, name: &Reference, progress: &dyn Progress) -> Result<PushOutcome> {
        let settings = Settings::from_environment();
        let pushed =
            registry::push(&self.images, image, name, &settings, progress).map_err(registry_error)?;
        // The repository's digest now leads here, as after a pull.
        self.images.know_digest(&pushed.reference, pushed.digest, image).map_err(image_error)?;
        self.image_moved(image, name, "push");
        Ok(pushed)
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
        let read = |text: &str| {
            Reference::parse(text).map_err(|error| {
                let message =
                    format!("error parsing reference: {text:?} is not a valid repository/tag: {error}");
                Error::of_client(message)
            })
        };
        let is_id = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_id(source) && !source.starts_with("sha256:") {
            read(source)?;
        }
        let target = read(target)?;
        if target.digest.is_some() {
            return Err(Error::new(
                Kind::InvalidParameter,
                "refusing to create a tag with a digest reference",
            ));
        }
        let image = self.find_image(source)?;
        self.images.tag(&image, &target).map_err(image_error)?;
        self.image_did(&image, &image.id.to_string(), &target.or_latest().familiar(), "tag");
        Ok(())
    }

    /// Takes names away from an image, all of them when none is given; the image stays.
    pub fn untag_image(&self, image: &str, names: &[String]) -> Result<()> {
        let read = |name: &String| match Reference::parse(name) {
            Ok(name) => Ok(name.or_latest()),
            Err(error) => Err(Error::of_client(error.to_string())),
        };
        let names = names.iter().map(read).collect::<Result<Vec<_>>>()?;
        let found = self.find_image(image)?;
        let removed = self.images.untag(image, &names).map_err(image_error)?;
        self.image_was_removed(Some(&found), &removed);
        Ok(())
    }

    /// `rmi NAME`. An image of ours has no untagged parents, which is all that `no_prune` could keep: it
    /// is taken for Docker's sake.
    pub fn remove_image(&self, name: &str, force: bool, no_prune: bool) -> Result<Vec<Removed>> {
        let _ = no_prune;
        // Its labels go with it; one that is damaged has none.
        let image = self.find_image(name).ok();
        let mut in_use = || {
            let mut used = self.in_use()?;
            // By force it goes from where it is mounted as well, afterwards.
            used.retain(|used| !force || used.user != User::Mount);
            Ok(used)
        };
        let removed = self.images.remove(name, force, &mut in_use).map_err(image_error)?;
        self.image_was_removed(image.as_ref(), &removed);
        if let Some(image) = image.filter(|image| removed.contains(&Removed::Deleted(image.id))) {
            self.unmount_everywhere(&image.id.hex(), true)?;
        }
        if removed.iter().any(|what| matches!(what, Removed::Deleted(_)))
            && let Err(error) = removal::remove_unpacked(&self.config.unpacked())
        {
            // The next removal tries again.
            tracing::debug!(%error, "unpacked images stay");
        }
        Ok(removed)
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

    pub(super) fn in_use(&self) -> std::result::Result<Vec<crate::image::store::InUse>, InUseError> {
        self.images_in_use().map_err(InUseError::from)
    }
}

/// The sentence of an error and its causes, as Go joins them.
pub(super) fn sentence(error: &dyn StdError) -> String {
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

pub fn image_error(error: ImageError) -> Error {
    let kind = match &error {
        ImageError::NotFound(_) => Kind::NotFound,
        ImageError::Conflict(_) => Kind::Conflict,
        ImageError::InvalidReference(_) | ImageError::Ambiguous(_) => Kind::InvalidParameter,
        ImageError::ReadOnly(_) => Kind::Forbidden,
        _ => Kind::System,
    };
    Error::new(kind, sentence(&error))
}

pub(super) fn registry_error(error: RegistryError) -> Error {
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

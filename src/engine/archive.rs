//! Verbs on archives of images: what every door calls to load, save and import.

use std::io::{BufRead, Read, Write};

use jiff::Timestamp;

use super::image::{image_error, registry_error, sentence};
use crate::digest::Digest;
use crate::engine::{Engine, Error, Kind, Result};
use crate::image::archive::{self, ArchiveError, ArchiveFormat, Selected};
use crate::image::import::{self, Import, ImportError};
use crate::image::registry::{self, Settings};
use crate::image::{Image, Platform, Progress, Reference};

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
    /// A file, a pipe, standard input. The text is what `import` names as its origin (with Docker `-`).
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

impl Engine {
    /// Takes images from an archive as `docker save` or OCI tools write it, from a file or a pipe,
    /// plain, gzip or zstd. All of it or nothing becomes visible.
    pub fn load(
        &self,
        archive: Box<dyn Read + Send>,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Vec<Loaded>> {
        let loaded = archive::load(&self.images, archive, platform, progress, &mut || self.in_use());
        let name_or_id = |image: archive::LoadedImage| match image.names.is_empty() {
            true => vec![Loaded::Id(image.id)],
            false => image.names.into_iter().map(Loaded::Name).collect(),
        };
        let loaded = loaded.map_err(archive_error)?;
        for image in &loaded {
            let id = image.id.to_string();
            if let Ok(image) = self.images.find(&id) {
                self.image_did(&image, &id, &id, "load");
            }
        }
        Ok(loaded.into_iter().flat_map(name_or_id).collect())
    }

    /// Writes an archive of the images named (names or ids; a bare repository name stands for all its
    /// tags) that Docker and OCI tools read. All names are looked up before the first byte is written.
    pub fn save(
        &self,
        format: ArchiveFormat,
        names: &[String],
        platform: Option<&Platform>,
        archive: &mut dyn Write,
    ) -> Result<()> {
        let selected = Selected::find(&self.images, names).map_err(archive_error)?;
        archive::save(&self.images, &selected, format, platform, archive).map_err(archive_error)?;
        for Selected { image, .. } in &selected {
            let id = image.id.to_string();
            self.image_did(image, &id, &id, "save");
        }
        Ok(())
    }

    /// Makes an image of one layer from a tar of a root file system.
    pub fn import(
        &self,
        source: ImportSource,
        options: &ImportOptions,
        progress: &dyn Progress,
    ) -> Result<Image> {
        let (archive, origin): (Box<dyn Read + Send>, String) = match source {
            ImportSource::Stream(archive, origin) => (archive, origin),
            ImportSource::Url(url) => {
                let url = if url.contains("://") { url } else { format!("http://{url}") };
                progress.line(&format!("Downloading from {url}"));
                let body = registry::fetch(&url, &Settings::from_environment()).map_err(registry_error)?;
                (Box::new(body), url)
            }
        };
        let wish = Import {
            name: options.reference.clone(),
            changes: options.changes.clone(),
            message: options.message.clone().unwrap_or_else(|| format!("Imported from {origin}")),
            platform: options.platform.clone().unwrap_or_else(Platform::host),
            created: Timestamp::now(),
        };
        let image = import::import(&self.images, archive, &wish).map_err(import_error)?;
        let id = image.id.to_string();
        if let Some(name) = wish.name {
            self.image_did(&image, &id, &name.or_latest().familiar(), "tag");
        }
        self.image_did(&image, &id, &id, "import");
        Ok(image)
    }
}

/// An archive without its own compression.
pub fn unpacked<'a>(archive: impl Read + Send + 'a) -> Result<Box<dyn BufRead + Send + 'a>> {
    archive::unpacked(archive).map_err(archive_error)
}

fn archive_error(error: ArchiveError) -> Error {
    let kind = match error {
        ArchiveError::Image(error) => return image_error(error),
        ArchiveError::Platform(_) | ArchiveError::SavePlatform { .. } => Kind::NotFound,
        ArchiveError::Read(_) | ArchiveError::Write(_) | ArchiveError::Store(_) => Kind::System,
        _ => Kind::InvalidParameter,
    };
    Error::new(kind, sentence(&error))
}

fn import_error(error: ImportError) -> Error {
    let kind = match error {
        ImportError::Image(error) => return image_error(error),
        ImportError::Read(_) | ImportError::Layer(_) => Kind::System,
        _ => Kind::InvalidParameter,
    };
    Error::new(kind, sentence(&error))
}

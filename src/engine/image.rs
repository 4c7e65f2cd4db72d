//! Verbs on images: what every door calls to pull, push, load, save, import, tag, list, show and remove.

use std::io::{Read, Write};

use crate::digest::Digest;
use crate::engine::{Engine, Result};
use crate::image::store::Removed;
use crate::image::{Image, Platform, Progress, Reference};

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

#[allow(unused_variables)]
impl Engine {
    /// Downloads `name` from its registry; it becomes visible when it is complete. Docker's lines
    /// (`12: Pulling from library/debian` to `Status: …`) go to `progress`; the last line, the full
    /// name, is the caller's.
    ///
    /// # Errors
    /// Docker's words, with `NotFound`, `Unauthorized`, `Unavailable` or `System`.
    pub fn pull(&self, name: &Reference, options: &PullOptions, progress: &dyn Progress) -> Result<Pulled> {
        todo!("image")
    }

    /// `pull -a`: every tag of the repository.
    pub fn pull_all_tags(
        &self,
        repository: &Reference,
        options: &PullOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<Pulled>> {
        todo!("image")
    }

    /// Uploads the image that `name` stands for to the registry that `name` says. All lines go to
    /// `progress`, the last one (`12: digest: sha256:… size: 529`) too.
    pub fn push(&self, name: &Reference, progress: &dyn Progress) -> Result<Pushed> {
        todo!("image")
    }

    /// `push -a`: every tag of the repository that is here.
    pub fn push_all_tags(&self, repository: &Reference, progress: &dyn Progress) -> Result<Vec<Pushed>> {
        todo!("image")
    }

    /// Takes images from an archive as `docker save` or OCI tools write it, from a file or a pipe,
    /// plain, gzip or zstd. All of it or nothing becomes visible.
    pub fn load(
        &self,
        archive: Box<dyn Read + Send>,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Vec<Loaded>> {
        todo!("image")
    }

    /// Writes an archive of the images named (names or ids; a bare repository name stands for all its
    /// tags) that Docker and OCI tools read. All names are looked up before the first byte is written.
    pub fn save(&self, names: &[String], platform: Option<&Platform>, archive: &mut dyn Write) -> Result<()> {
        todo!("image")
    }

    /// Makes an image of one layer from a tar of a root file system.
    pub fn import(
        &self,
        source: ImportSource,
        options: &ImportOptions,
        progress: &dyn Progress,
    ) -> Result<Image> {
        todo!("image")
    }

    /// All images, dangling ones included, newest first.
    pub fn images(&self) -> Result<Vec<Image>> {
        todo!("image")
    }

    /// Finds by name, `name@digest`, id or unique id prefix. `NotFound` says `No such image: X`.
    pub fn find_image(&self, name: &str) -> Result<Image> {
        todo!("image")
    }

    /// What `image inspect` shows, in Docker's field order.
    pub fn inspect_image(&self, name: &str) -> Result<serde_json::Value> {
        todo!("image")
    }

    /// `tag SOURCE TARGET`: the target moves if it exists.
    pub fn tag_image(&self, source: &str, target: &str) -> Result<()> {
        todo!("image")
    }

    /// `rmi NAME`. With `no_prune` layers and blobs stay until the next removal.
    pub fn remove_image(&self, name: &str, force: bool, no_prune: bool) -> Result<Vec<Removed>> {
        todo!("image")
    }

    /// Newest first.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryLine>> {
        todo!("image")
    }
}

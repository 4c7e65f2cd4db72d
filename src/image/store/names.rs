//! `images/<repository>.json`: what the names of one repository stand for, and `images/untagged.json`:
//! images that have no name.
//!
//! ```json
//! {"version":1,"repository":"docker.io/library/debian",
//!  "tags":{"12":"sha256:<manifest>"},
//!  "digests":{"sha256:<what the registry's name stood for>":"sha256:<manifest>"}}
//! {"version":1,"images":{"sha256:<manifest>":{"repository":"docker.io/library/debian"}}}
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::ImageError;
use crate::digest::Digest;
use crate::image::Reference;
use crate::sys::file::{self, Durability};

const VERSION: u32 = 1;
const UNTAGGED: &str = "untagged.json";
/// Longer names are filed under their digest: file names end at 255 bytes.
const PLAIN_NAME_MAX: usize = 200;
/// A repository of 100,000 tags needs about 10 MB.
const FILE_MAX: u64 = 64 << 20;

/// The names of one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Repository {
    pub version: u32,
    pub repository: String,
    #[serde(default)]
    pub tags: BTreeMap<String, Digest>,
    #[serde(default)]
    pub digests: BTreeMap<Digest, Digest>,
}

/// Where an image without a name came from: Docker shows the repository when it knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Untagged {
    pub version: u32,
    #[serde(default)]
    pub images: BTreeMap<Digest, Origin>,
}

/// The directory of names of one store.
pub(super) struct Names {
    directory: PathBuf,
}

impl Names {
    pub fn new(directory: PathBuf) -> Names {
        Names { directory }
    }

    /// The names of the repository of `name`, none when it is unknown.
    pub fn repository(&self, name: &Reference) -> Result<Repository, ImageError> {
        let repository = name.repository();
        let empty = || Repository { version: VERSION, repository: repository.clone(), ..Default::default() };
        let found: Option<Repository> = self.load(&self.directory.join(file_name(&repository)))?;
        // The file says itself whose it is: a file under a digest of a name could only be another's
        // if somebody moved it there.
        Ok(found.filter(|r| r.repository == repository).unwrap_or_else(empty))
    }

    /// Replaces the file; without any name in it, it goes away.
    pub fn save(&self, repository: &Repository) -> Result<(), ImageError> {
        let path = self.directory.join(file_name(&repository.repository));
        if repository.tags.is_empty() && repository.digests.is_empty() {
            return remove(&path);
        }
        self.write(&path, repository)
    }

    pub fn untagged(&self) -> Result<Untagged, ImageError> {
        Ok(self.load(&self.directory.join(UNTAGGED))?.unwrap_or_default())
    }

    pub fn save_untagged(&self, untagged: &Untagged) -> Result<(), ImageError> {
        let path = self.directory.join(UNTAGGED);
        if untagged.images.is_empty() {
            return remove(&path);
        }
        self.write(&path, &Untagged { version: VERSION, ..untagged.clone() })
    }

    /// Every repository, in the order of names.
    pub fn all(&self) -> Result<Vec<Repository>, ImageError> {
        let listing = match fs::read_dir(&self.directory) {
            Ok(listing) => listing,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(ImageError::Read { path: self.directory.clone(), source }),
        };
        let mut all = Vec::new();
        for entry in listing.flatten() {
            let name = entry.file_name();
            let is_repository =
                name.to_str().is_some_and(|n| n.ends_with(".json") && !n.starts_with('.') && n != UNTAGGED);
            if is_repository {
                all.extend(self.load::<Repository>(&entry.path())?);
            }
        }
        all.sort_by(|a, b| a.repository.cmp(&b.repository));
        Ok(all)
    }

    /// Removes what processes left that were killed while they wrote. Only under the lock that writing
    /// needs, too.
    pub fn sweep(&self) {
        let Ok(listing) = fs::read_dir(&self.directory) else { return };
        for entry in listing.flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with('.') && name.contains(".json.")) {
                // What cannot be removed now stays for the next one.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn load<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, ImageError> {
        let text = match read_file(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ImageError::Read { path: path.to_owned(), source }),
        };
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let invalid = |source| ImageError::NamesFile { path: path.to_owned(), source };
        let Version { version } = serde_json::from_slice(&text).map_err(invalid)?;
        if version != VERSION {
            return Err(ImageError::NamesVersion { path: path.to_owned(), version });
        }
        serde_json::from_slice(&text).map(Some).map_err(invalid)
    }

    fn write(&self, path: &Path, content: &impl Serialize) -> Result<(), ImageError> {
        let wrong = |source| ImageError::Write { path: path.to_owned(), source };
        fs::create_dir_all(&self.directory).map_err(wrong)?;
        let text = serde_json::to_vec(content).expect("names and digests become JSON");
        file::replace(path, &text, Durability::Synced).map_err(wrong)
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    fs::File::open(path)?.take(FILE_MAX).read_to_end(&mut text)?;
    Ok(text)
}

fn remove(path: &Path) -> Result<(), ImageError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ImageError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// `/` becomes `+`, which no reference contains. Every repository has a `/`, so no file of names is
/// ever called like one of ours.
fn file_name(repository: &str) -> String {
    if repository.len() <= PLAIN_NAME_MAX {
        format!("{}.json", repository.replace('/', "+"))
    } else {
        format!("long+{}.json", Digest::of(repository.as_bytes()).hex())
    }
}

impl Repository {
    /// What `name` stands for: its digest when it has one (as Docker, which then ignores the tag).
    pub fn get(&self, name: &Reference) -> Option<Digest> {
        match (&name.digest, &name.tag) {
            (Some(digest), _) => self.digests.get(digest).copied(),
            (None, Some(tag)) => self.tags.get(tag).copied(),
            (None, None) => self.tags.get("latest").copied(),
        }
    }

    pub fn set(&mut self, name: &Reference, manifest: Digest) -> Option<Digest> {
        match (&name.digest, &name.tag) {
            (Some(digest), _) => self.digests.insert(*digest, manifest),
            (None, tag) => self.tags.insert(tag.clone().unwrap_or_else(|| "latest".to_owned()), manifest),
        }
    }

    pub fn unset(&mut self, name: &Reference) -> Option<Digest> {
        match (&name.digest, &name.tag) {
            (Some(digest), _) => self.digests.remove(digest),
            (None, tag) => self.tags.remove(tag.as_deref().unwrap_or("latest")),
        }
    }

    /// All names with what they stand for: tags, then digests.
    pub fn names(&self) -> Vec<(Reference, Digest)> {
        let Ok(base) = Reference::parse_name(&self.repository) else { return Vec::new() };
        let tags = self.tags.iter().map(|(tag, manifest)| (base.with_tag(tag), *manifest));
        let digests = self.digests.iter().map(|(digest, manifest)| (base.with_digest(*digest), *manifest));
        tags.chain(digests).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_and_an_empty_repository_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let names = Names::new(dir.path().join("images"));
        let long = format!("host.example:5000/{}/b:t", "a".repeat(240));
        for text in ["debian:12", "localhost:5000/a/b:t", "[::1]:5000/x:t", &long] {
            let name = Reference::parse(text).unwrap();
            let mut repository = names.repository(&name).unwrap();
            assert_eq!(repository.get(&name), None);
            repository.set(&name, Digest::of(b"m"));
            names.save(&repository).unwrap();
            assert_eq!(names.repository(&name).unwrap().names(), [(name.clone(), Digest::of(b"m"))]);
        }
        assert_eq!(names.all().unwrap().len(), 4);
        for mut repository in names.all().unwrap() {
            for (name, _) in repository.names() {
                repository.unset(&name);
            }
            names.save(&repository).unwrap();
        }
        assert_eq!(fs::read_dir(dir.path().join("images")).unwrap().count(), 0);
    }

    #[test]
    fn a_file_of_another_version_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("docker.io+library+x.json"), r#"{"version":9}"#).unwrap();
        let error = Names::new(dir.path().to_owned()).all().unwrap_err();
        assert!(error.to_string().contains("docker.io+library+x.json"), "{error}");
    }
}

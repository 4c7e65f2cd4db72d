//! Secrets: values that containers get to see and nobody else is shown.
//!
//! ```text
//! secrets/<id>     a line of JSON (name, labels, when), then the bytes of the value; mode 0600
//! secrets/.lock    flock(2), below
//! ```
//!
//! As podman's driver `file` keeps them: not encrypted, readable by their user and by root only. A secret is
//! one file, so that it comes, and goes, as a whole. Who makes or removes secrets holds `.lock` alone, because
//! a name is given once; readers take no lock. `--replace` writes the new file before it removes the old one:
//! of two with one name the younger counts, and the next who changes that name removes the elder.
//!
//! A container has copies of its own, taken when it was created (`container::store`).

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::sys::file::{self, Durability};

const VERSION: u32 = 1;
/// A value must be shorter (Docker's and podman's limit).
pub const MAX_SIZE: usize = 512_000;
/// Longest name in bytes (podman's).
const MAX_NAME: usize = 253;
/// Hexadecimal digits of an id (podman's).
const ID_LENGTH: usize = 25;

/// The secrets of one store.
#[derive(Debug)]
pub struct SecretStore {
    root: PathBuf,
}

/// A secret without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    pub id: String,
    pub name: String,
    pub created: Timestamp,
    pub labels: BTreeMap<String, String>,
}

/// The first line of a secret's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    version: u32,
    name: String,
    created: Timestamp,
    labels: BTreeMap<String, String>,
}

/// What becomes of a name that is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfTaken {
    #[default]
    Refuse,
    /// The secret that has it goes.
    Replace,
    /// The secret that has it stays as it is.
    Keep,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("no secret with name or id {0:?}: no such secret")]
    NotFound(String),
    #[error("secret {name} is ambiguous ({count} matches found)")]
    Ambiguous { name: String, count: usize },
    #[error("{0}: secret name in use")]
    NameTaken(String),
    #[error("{0}")]
    Invalid(String),
    #[error("secret {id} was made by a newer coracle (format {found}, this one knows {VERSION})")]
    Version { id: String, found: u32 },
    #[error("{step} {}", path.display())]
    Io { step: &'static str, path: PathBuf, source: io::Error },
    #[error("reading {}", path.display())]
    Corrupt { path: PathBuf, source: serde_json::Error },
}

fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretError {
    let path = path.to_owned();
    move |source| SecretError::Io { step, path, source }
}

/// podman's rule, and no name that means a directory where the secret is mounted.
pub fn check_name(name: &str) -> Result<(), SecretError> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains([',', '/', '=', '\0']) {
        return Err(SecretError::Invalid(format!(
            "secret name {name:?} can not include '=', '/', ',', or the NULL '\\0' and be between 1 and {MAX_NAME} characters: invalid secret name"
        )));
    }
    match name {
        "." | ".." => {
            Err(SecretError::Invalid(format!("secret name {name:?} means a directory: invalid secret name")))
        }
        _ => Ok(()),
    }
}

fn check_value(value: &[u8]) -> Result<(), SecretError> {
    match value.len() {
        1..MAX_SIZE => Ok(()),
        _ => Err(SecretError::Invalid(format!(
            "secret data must be larger than 0 and less than {MAX_SIZE} bytes"
        ))),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn random_id() -> String {
    crate::container::ContainerId::random().as_str()[..ID_LENGTH].to_owned()
}

impl SecretStore {
    pub fn open(config: &Config) -> SecretStore {
        SecretStore { root: config.secrets() }
    }

    fn lock(&self) -> Result<File, SecretError> {
        let lock = || {
            DirBuilder::new().mode(0o700).recursive(true).create(&self.root)?;
            let path = self.root.join(".lock");
            let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(io_error("locking", &self.root))
    }

    /// Makes a secret. Whether it was made now; `IfTaken::Keep` gives the one that is there otherwise.
    pub fn create(
        &self,
        name: &str,
        value: &[u8],
        labels: BTreeMap<String, String>,
        if_taken: IfTaken,
    ) -> Result<(Secret, bool), SecretError> {
        check_name(name)?;
        check_value(value)?;
        let _lock = self.lock()?;
        let mut before = self.all()?;
        before.retain(|secret| secret.name == name);
        match (before.first(), if_taken) {
            (Some(_), IfTaken::Refuse) => return Err(SecretError::NameTaken(name.to_owned())),
            (Some(found), IfTaken::Keep) => return Ok((found.clone(), false)),
            _ => {}
        }
        let secret = Secret { id: random_id(), name: name.to_owned(), created: Timestamp::now(), labels };
        let Secret { name, created, labels, .. } = secret.clone();
        let mut bytes = serde_json::to_vec(&Head { version: VERSION, name, created, labels })
            .expect("a head has string keys only");
        bytes.push(b'\n');
        bytes.extend(value);
        let path = self.root.join(&secret.id);
        file::replace(&path, &bytes, Durability::Synced).map_err(io_error("writing", &path))?;
        before.iter().try_for_each(|secret| self.remove_file(secret))?;
        Ok((secret, true))
    }

    /// By name. What cannot be read is left out.
    pub fn list(&self) -> Result<Vec<Secret>, SecretError> {
        let mut secrets = self.all()?;
        let mut seen = HashSet::new();
        secrets.retain(|secret| seen.insert(secret.name.clone()));
        Ok(secrets)
    }

    /// The younger first where a killed process has left two with one name.
    fn all(&self) -> Result<Vec<Secret>, SecretError> {
        let entries = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io_error("listing", &self.root))?,
        };
        let mut secrets = Vec::new();
        for entry in entries {
            let name = entry.map_err(io_error("listing", &self.root))?.file_name();
            let Some(id) = name.to_str().filter(|name| is_id(name)) else { continue };
            match self.read(id, None) {
                Ok(secret) => secrets.extend(secret),
                Err(error) => tracing::debug!(id, %error, "left out of the list"),
            }
        }
        secrets.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| b.created.cmp(&a.created)));
        Ok(secrets)
    }

    /// `None` when it is gone; the value goes into `value`.
    fn read(&self, id: &str, value: Option<&mut Vec<u8>>) -> Result<Option<Secret>, SecretError> {
        let path = self.root.join(id);
        let file = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(io_error("reading", &path))?,
        };
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line).map_err(io_error("reading", &path))?;
        let head: Head = serde_json::from_slice(&line)
            .map_err(|source| SecretError::Corrupt { path: path.clone(), source })?;
        if head.version > VERSION {
            return Err(SecretError::Version { id: id.to_owned(), found: head.version });
        }
        if let Some(value) = value {
            file.read_to_end(value).map_err(io_error("reading", &path))?;
        }
        let Head { name, created, labels, .. } = head;
        Ok(Some(Secret { id: id.to_owned(), name, created, labels }))
    }

    /// By full id, name or unique beginning of an id, in this order.
    pub fn find(&self, text: &str) -> Result<Secret, SecretError> {
        let secrets = self.list()?;
        let exact = secrets.iter().find(|secret| secret.id == text);
        if let Some(secret) = exact.or_else(|| secrets.iter().find(|secret| secret.name == text)) {
            return Ok(secret.clone());
        }
        let begins = |secret: &&Secret| !text.is_empty() && secret.id.starts_with(text);
        match secrets.iter().filter(begins).collect::<Vec<_>>()[..] {
            [only] => Ok(only.clone()),
            [] => Err(SecretError::NotFound(text.to_owned())),
            ref several => Err(SecretError::Ambiguous { name: text.to_owned(), count: several.len() }),
        }
    }

    /// The value too.
    pub fn reveal(&self, text: &str) -> Result<(Secret, Vec<u8>), SecretError> {
        let found = self.find(text)?;
        let mut value = Vec::new();
        let secret = self.read(&found.id, Some(&mut value))?;
        secret.map(|secret| (secret, value)).ok_or_else(|| SecretError::NotFound(text.to_owned()))
    }

    /// Removes it; containers keep their copies.
    pub fn remove(&self, text: &str) -> Result<Secret, SecretError> {
        let _lock = self.lock()?;
        let found = self.find(text)?;
        self.all()?
            .iter()
            .filter(|secret| secret.name == found.name)
            .try_for_each(|s| self.remove_file(s))?;
        Ok(found)
    }

    fn remove_file(&self, secret: &Secret) -> Result<(), SecretError> {
        let path = self.root.join(&secret.id);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error("removing", &path)(e)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn store(dir: &Path) -> SecretStore {
        SecretStore { root: dir.join("secrets") }
    }

    #[test]
    fn a_secret_is_a_private_file_and_its_name_is_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        assert!(store.list().unwrap().is_empty());
        let labels: BTreeMap<_, _> = [("a".to_owned(), "b".to_owned())].into();
        let value = b"line\n\0and more".as_slice();
        let (secret, made) = store.create("db", value, labels, IfTaken::Refuse).unwrap();
        assert!(made && is_id(&secret.id));
        let path = dir.path().join("secrets").join(&secret.id);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        for text in ["db", &secret.id, &secret.id[..6]] {
            assert_eq!(store.reveal(text).unwrap(), (secret.clone(), value.to_vec()), "{text}");
        }
        let again = |if_taken| store.create("db", b"new", BTreeMap::new(), if_taken);
        assert!(matches!(again(IfTaken::Refuse), Err(SecretError::NameTaken(_))));
        assert_eq!(again(IfTaken::Keep).unwrap(), (secret.clone(), false));
        let (replaced, _) = again(IfTaken::Replace).unwrap();
        assert_ne!(replaced.id, secret.id);
        assert_eq!(store.list().unwrap(), [replaced]);
        assert_eq!(store.reveal("db").unwrap().1, b"new");
        store.remove("db").unwrap();
        assert!(matches!(store.remove("db"), Err(SecretError::NotFound(_))));
    }

    #[test]
    fn of_two_with_one_name_the_younger_counts_and_both_go() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let make = |value: &[u8]| store.create("db", value, BTreeMap::new(), IfTaken::Replace).unwrap().0;
        let elder = make(b"old");
        let kept = fs::read(store.root.join(&elder.id)).unwrap();
        let younger = make(b"new");
        // Killed between the two halves of a replacement.
        fs::write(store.root.join(&elder.id), kept).unwrap();
        assert_eq!(store.list().unwrap(), [younger]);
        assert_eq!(store.reveal("db").unwrap().1, b"new");
        store.remove("db").unwrap();
        assert!(store.list().unwrap().is_empty());
    }

    #[test]
    fn names_and_sizes_have_limits() {
        for name in ["a", ".hidden", "a b", &"x".repeat(MAX_NAME)] {
            check_name(name).unwrap();
        }
        for name in ["", ".", "..", "a/b", "a=b", "a,b", "a\0", &"x".repeat(MAX_NAME + 1)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_value(b"").is_err() && check_value(&vec![0; MAX_SIZE]).is_err());
        check_value(&vec![0; MAX_SIZE - 1]).unwrap();
    }
}

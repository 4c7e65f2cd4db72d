//! `images/forms/<diff id>.json`: which compressed blobs of a layer registries are known to have, so
//! that a push neither compresses nor uploads what is there. A hint and nothing more: the registry is
//! asked each time, and losing the file costs one compression.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::blobs::read_limited;
use crate::digest::Digest;
use crate::layer::DiffId;
use crate::sys::file::{self, Durability};

const VERSION: u32 = 1;
/// Forms and sources remembered per layer; the oldest go.
const KEPT: usize = 16;

/// One compressed form of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    pub digest: Digest,
    /// Compressed bytes.
    pub size: u64,
    pub media_type: String,
    /// Repositories (`docker.io/library/debian`) that have it, latest last.
    pub repositories: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct FormsFile {
    version: u32,
    forms: Vec<Form>,
}

pub struct Forms {
    directory: PathBuf,
}

impl Forms {
    pub(super) fn new(directory: PathBuf) -> Forms {
        Forms { directory }
    }

    /// What is known of this layer, latest last. A file that cannot be read is no knowledge.
    pub fn of(&self, layer: &DiffId) -> Vec<Form> {
        let file: Option<FormsFile> =
            read_limited(&self.path(layer)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        file.filter(|f| f.version == VERSION).unwrap_or_default().forms
    }

    /// Notes that `repository` has this form. Best effort: what cannot be noted is only found out again.
    pub fn remember(&self, layer: &DiffId, digest: Digest, size: u64, media_type: &str, repository: &str) {
        let mut forms = self.of(layer);
        let mut form = match forms.iter().position(|form| form.digest == digest) {
            Some(known) => forms.remove(known),
            None => Form { digest, size, media_type: media_type.to_owned(), repositories: Vec::new() },
        };
        form.repositories.retain(|known| known != repository);
        form.repositories.push(repository.to_owned());
        keep_latest(&mut form.repositories);
        forms.push(form);
        keep_latest(&mut forms);
        let text = serde_json::to_vec(&FormsFile { version: VERSION, forms }).expect("texts become JSON");
        let written = fs::create_dir_all(&self.directory)
            .and_then(|()| file::replace(&self.path(layer), &text, Durability::Atomic));
        if let Err(error) = written {
            tracing::debug!(%layer, %error, "a compressed form was not remembered");
        }
    }

    /// Forgets layers that are gone.
    pub(super) fn forget(&self, layer: &DiffId) {
        // A hint about a layer that is not there harms nobody.
        let _ = fs::remove_file(self.path(layer));
    }

    fn path(&self, layer: &DiffId) -> PathBuf {
        self.directory.join(format!("{}.json", layer.0.hex()))
    }
}

fn keep_latest<T>(list: &mut Vec<T>) {
    let surplus = list.len().saturating_sub(KEPT);
    list.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_remembered_once_with_their_latest_repositories() {
        let dir = tempfile::tempdir().unwrap();
        let forms = Forms::new(dir.path().join("forms"));
        let layer = DiffId(Digest::of(b"tar"));
        for n in 0..20 {
            forms.remember(&layer, Digest::of(b"gz"), 3, "x+gzip", &format!("host/{n}"));
        }
        forms.remember(&layer, Digest::of(b"zst"), 2, "x+zstd", "host/1");
        forms.remember(&layer, Digest::of(b"zst"), 2, "x+zstd", "host/1");
        let known = forms.of(&layer);
        assert_eq!(known.len(), 2);
        assert_eq!(known[0].repositories.len(), KEPT);
        assert_eq!(known[0].repositories.last().unwrap(), "host/19");
        assert_eq!(known[1].repositories, ["host/1"]);
        forms.forget(&layer);
        assert!(forms.of(&layer).is_empty());
    }
}

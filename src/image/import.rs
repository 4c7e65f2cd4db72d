//! `import`: an image of one layer, made of a tar of a root file system.

use std::io::{self, Read};

use jiff::Timestamp;
use serde_json::json;

use super::archive::{Packing, peek};
use super::change::{self, ChangeError};
use super::config::{History, RootFs, RunConfig};
use super::manifest::{Descriptor, Manifest, OCI_CONFIG, OCI_LAYER};
use super::store::{ImageError, NewImage};
use super::{Image, ImageConfig, ImageStore, Platform, Reference};
use crate::digest::Digest;
use crate::layer::DiffId;
use crate::layer::store::{Expected, LayerError};

/// What the new image shall be.
#[derive(Debug, Clone)]
pub struct Import {
    /// None makes a nameless image.
    pub name: Option<Reference>,
    /// Instructions as typed.
    pub changes: Vec<String>,
    /// The comment in its history.
    pub message: String,
    pub platform: Platform,
    pub created: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot import digest reference")]
    DigestReference,
    #[error("operating system is not supported: {0}")]
    Os(String),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error("reading the archive")]
    Read(#[source] io::Error),
    #[error(
        "the archive is compressed with {packing}, which coracle does not read: give it what `{packing} -dc` makes of it"
    )]
    Packed { packing: Packing },
    #[error("importing the archive")]
    Layer(#[source] LayerError),
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Takes the tar in, plain or packed with gzip or zstd, and makes an image of it. What can be wrong with
/// the rest is found before the first byte is read.
pub fn import(store: &ImageStore, archive: impl Read + Send, import: &Import) -> Result<Image, ImportError> {
    if import.name.as_ref().is_some_and(|name| name.digest.is_some()) {
        return Err(ImportError::DigestReference);
    }
    if import.platform.os != "linux" {
        return Err(ImportError::Os(import.platform.os.clone()));
    }
    let mut run = RunConfig::default();
    change::apply(&import.changes, &mut run)?;

    let (packing, archive) = peek(archive).map_err(ImportError::Read)?;
    if matches!(packing, Packing::Xz | Packing::Bzip2) {
        return Err(ImportError::Packed { packing });
    }
    let lease = store.layers.lease().map_err(ImportError::Layer)?;
    let layer =
        store.layers.ingest_leased(archive, &Expected::default(), &lease).map_err(ImportError::Layer)?;
    let config = config(import, run, layer.diff_id);
    let manifest = Manifest::synthesize(
        Descriptor::new(OCI_CONFIG, Digest::of(&config), config.len() as u64),
        vec![Descriptor::new(OCI_LAYER, layer.diff_id.0, layer.size)],
    );
    let names = import.name.clone().map(Reference::or_latest).into_iter().collect();
    let image = NewImage { manifest: manifest.to_bytes(), config, index: None, names };
    let entered = store.enter(&[image])?;
    Ok(entered.into_iter().next().expect("one image went in, and came out"))
}

/// The config as Docker writes it, without the fields that say nothing.
fn config(import: &Import, run: RunConfig, layer: DiffId) -> Vec<u8> {
    let created = Some(import.created.to_string());
    ImageConfig {
        architecture: import.platform.architecture.clone(),
        os: import.platform.os.clone(),
        variant: import.platform.variant.clone(),
        created: created.clone(),
        author: None,
        config: run,
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: Some(vec![layer]) },
        history: vec![History { created, comment: Some(import.message.clone()), ..History::default() }],
        extra: [("comment".to_owned(), json!(import.message))].into(),
    }
    .to_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::Value;

    use super::*;
    use crate::config::Config;
    use crate::layer::tar::{Member, MemberKind, TarWriter};

    fn store(root: &std::path::Path) -> ImageStore {
        ImageStore::open(&Config {
            root: root.to_owned(),
            runtime: root.join("run"),
            further_stores: Vec::new(),
            overlay: None,
        })
    }

    fn tar() -> Vec<u8> {
        let mut tar = TarWriter::new(Vec::new());
        tar.append_bytes(Member::new("hello", MemberKind::File), b"hi\n").unwrap();
        tar.finish().unwrap()
    }

    fn wish(changes: &[&str]) -> Import {
        Import {
            name: Some(Reference::parse_name("made").unwrap()),
            changes: changes.iter().map(|change| (*change).to_owned()).collect(),
            message: "Imported from -".to_owned(),
            platform: "linux/arm64/v8".parse().unwrap(),
            created: "2020-01-02T03:04:05.6Z".parse().unwrap(),
        }
    }

    #[test]
    fn the_image_is_what_docker_would_make_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let image = import(&store, &tar()[..], &wish(&["CMD [\"sh\"]", "ENV A=b"])).unwrap();
        assert_eq!(image.names, [Reference::parse("made:latest").unwrap()]);
        let config: Value = serde_json::from_slice(&store.config_bytes(&image.id).unwrap()).unwrap();
        assert_eq!(
            config,
            json!({
                "architecture": "arm64", "os": "linux", "created": "2020-01-02T03:04:05.6Z",
                "config": {"Cmd": ["sh"], "Env": ["A=b"]},
                "rootfs": {"type": "layers", "diff_ids": [Digest::of(&tar())]},
                "history": [{"created": "2020-01-02T03:04:05.6Z", "comment": "Imported from -"}],
                "comment": "Imported from -",
            })
        );
        let (_, manifest) = store.manifest(&image.manifest).unwrap();
        assert_eq!(manifest.layers[0].size, tar().len() as u64);
    }

    #[test]
    fn packings_are_recognised_and_foreign_ones_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar()).unwrap();
        let zstd = zstd::encode_all(&tar()[..], 1).unwrap();
        let plain = import(&store, &tar()[..], &wish(&[])).unwrap();
        for packed in [gzip.finish().unwrap(), zstd] {
            assert_eq!(import(&store, &packed[..], &wish(&[])).unwrap().layers, plain.layers);
        }
        for (start, program) in [(&b"\xfd7zXZ\0\0\x04"[..], "xz"), (b"BZh91AY&SY..", "bzip2")] {
            let error = import(&store, start, &wish(&[])).unwrap_err().to_string();
            assert!(error.contains(&format!("`{program} -dc`")), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_before_the_archive_is_read() {
        struct Untouched;
        impl Read for Untouched {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("the archive was read")
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        assert!(import(&store, Untouched, &wish(&["RUN x"])).is_err());
        let name = Some(Reference::parse(&format!("a@{}", Digest::of(b""))).unwrap());
        assert!(import(&store, Untouched, &Import { name, ..wish(&[]) }).is_err());
        let platform = "windows/amd64".parse().unwrap();
        assert!(import(&store, Untouched, &Import { platform, ..wish(&[]) }).is_err());
    }

    #[test]
    fn a_cut_archive_makes_no_image() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        assert!(import(&store, &tar()[..514], &wish(&[])).is_err());
        assert!(store.list().unwrap().is_empty());
        assert!(store.layers.list().unwrap().is_empty());
    }
}

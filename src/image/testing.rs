//! Images made in memory, for tests.

use std::io::Write;
use std::path::Path;

use crate::config::Config;
use crate::digest::Digest;
use crate::image::manifest::{Descriptor, Manifest, OCI_CONFIG, OCI_LAYER_GZIP};
use crate::layer::DiffId;
use crate::layer::tar::{Member, MemberKind, TarWriter};

/// A user's configuration with everything under one directory.
pub fn config_in(directory: &Path) -> Config {
    Config {
        root: directory.join("root"),
        runtime: directory.join("run"),
        further_stores: Vec::new(),
        overlay: None,
    }
}

/// A tar with one file of this content.
pub fn tar(content: &[u8]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    writer.append_bytes(Member::new("file", MemberKind::File), content).unwrap();
    writer.finish().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image: its blobs (layers, then the config) and its manifest.
pub struct Built {
    pub blobs: Vec<Vec<u8>>,
    pub manifest: Vec<u8>,
    pub diff_ids: Vec<DiffId>,
}

/// An image of gzip layers with these files.
pub fn build(files: &[&[u8]]) -> Built {
    let tars: Vec<Vec<u8>> = files.iter().map(|content| tar(content)).collect();
    let diff_ids: Vec<DiffId> = tars.iter().map(|tar| DiffId(Digest::of(tar))).collect();
    let mut built = Built {
        blobs: tars.iter().map(|tar| gzip(tar)).collect(),
        manifest: Vec::new(),
        diff_ids: Vec::new(),
    };
    built.blobs.push(Vec::new());
    built.set_diff_ids(&diff_ids);
    built
}

impl Built {
    /// Digest of the config.
    pub fn id(&self) -> Digest {
        Digest::of(self.blobs.last().unwrap())
    }

    /// Makes config and manifest anew, with these diff ids.
    pub fn set_diff_ids(&mut self, diff_ids: &[DiffId]) {
        self.diff_ids = diff_ids.to_vec();
        let layers = self.blobs.len() - 1;
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z",
            "config": {"Cmd": ["sh"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": "test"}],
        });
        self.blobs[layers] = serde_json::to_vec(&config).unwrap();
        let describe = |kind: &str, blob: &[u8]| Descriptor::new(kind, Digest::of(blob), blob.len() as u64);
        let config = describe(OCI_CONFIG, &self.blobs[layers]);
        let layers = self.blobs[..layers].iter().map(|blob| describe(OCI_LAYER_GZIP, blob)).collect();
        self.manifest = Manifest::synthesize(config, layers).to_bytes();
    }
}

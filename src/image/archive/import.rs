//! Importing: a root file system's tar becomes an image of one layer.

use std::io::Read;

use super::ArchiveError;
use crate::digest::Digest;
use crate::image::change;
use crate::image::config::{History, ImageConfig, RootFs, RunConfig};
use crate::image::manifest::{Descriptor, Manifest, OCI_CONFIG, OCI_LAYER};
use crate::image::store::{Image, ImageStore, NewImage};
use crate::image::{Platform, Reference};
use crate::layer::store::Expected;

/// What the image shall be besides its files.
#[derive(Debug, Default)]
pub struct Import<'a> {
    pub name: Option<&'a Reference>,
    /// `--change`, as typed.
    pub changes: &'a [String],
    /// What its history says.
    pub comment: String,
    pub platform: Option<&'a Platform>,
}

/// Takes in a tar, plain or compressed with gzip or zstd.
pub fn import(store: &ImageStore, tar: impl Read + Send, import: &Import) -> Result<Image, ArchiveError> {
    // Refused before anything is read.
    let mut run = RunConfig::default();
    for change in import.changes {
        change::apply(&mut run, change)?;
    }
    let lease = store.layers.lease()?;
    let layer = store.layers.ingest_leased(tar, &Expected::default(), &lease)?;
    let platform = import.platform.cloned().unwrap_or_else(Platform::host);
    let now = jiff::Timestamp::now().to_string();
    let config = ImageConfig {
        architecture: platform.architecture,
        os: platform.os,
        variant: platform.variant,
        created: Some(now.clone()),
        config: run,
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: Some(vec![layer.diff_id]) },
        history: vec![History {
            created: Some(now),
            comment: Some(import.comment.clone()),
            ..History::default()
        }],
        ..ImageConfig::default()
    };
    let config = serde_json::to_vec(&config).expect("texts and numbers become JSON");
    let descriptor = Descriptor::new(OCI_CONFIG, Digest::of(&config), config.len() as u64);
    let layer = Descriptor::new(OCI_LAYER, layer.diff_id.0, layer.size);
    let manifest = Manifest::synthesize(descriptor, vec![layer]).to_bytes();
    let names = import.name.into_iter().cloned().collect();
    let entered = store.enter(&[NewImage { manifest, config, index: None, names }])?;
    Ok(entered.into_iter().next().expect("one image entered"))
}

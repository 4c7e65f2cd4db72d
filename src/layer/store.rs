//! The layer store (helper A writes this head).

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::{DiffId, Index};
use crate::config::Config;
use crate::digest::Digest;

/// What the bytes of a layer must be. Everything given is checked before the layer becomes visible.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Digest of the bytes as they come (compressed, from a registry's descriptor).
    pub blob: Option<Digest>,
    /// Length of the bytes as they come.
    pub blob_size: Option<u64>,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<DiffId>,
}

/// What came in.
#[derive(Debug, Clone)]
pub struct Ingested {
    pub diff_id: DiffId,
    /// Length of the uncompressed tar.
    pub size: u64,
    pub blob: Digest,
    pub blob_size: u64,
    pub compression: Compression,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// The merged view of an image's layers: what the root file system serves.
pub struct MergedView {
    pub index: Arc<Index>,
    /// The tars in the order of `index.layers()`.
    pub tars: Vec<File>,
}

pub struct LayerStore {
    _root: PathBuf,
}

#[allow(unused_variables)]
impl LayerStore {
    pub fn open(config: &Config) -> LayerStore {
        todo!("helper A")
    }
    /// Whether the layer is here or in a further store.
    pub fn contains(&self, id: &DiffId) -> bool {
        todo!()
    }
    /// Takes a layer in, as a stream, in one pass: decompress (recognised by magic bytes), hash twice,
    /// write the tar, build the index; synced, then renamed into place. Nothing is left of a failure.
    pub fn ingest(&self, blob: impl Read + Send, expected: &Expected) -> Result<Ingested, LayerError> {
        todo!()
    }
    /// The uncompressed tar, to export or push, and its length.
    pub fn tar(&self, id: &DiffId) -> Result<(File, u64), LayerError> {
        todo!()
    }
    /// The merged view of a chain of layers, lowest first; made once per chain and cached.
    pub fn merged(&self, chain: &[DiffId]) -> Result<MergedView, LayerError> {
        todo!()
    }
    /// Every layer of the user's own store.
    pub fn list(&self) -> Result<Vec<DiffId>, LayerError> {
        todo!()
    }
    /// Removes a layer of the user's own store (and merged views that contain it); running containers
    /// keep their open files.
    pub fn remove(&self, id: &DiffId) -> Result<(), LayerError> {
        todo!()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error("layer {0} is not here")]
    Missing(DiffId),
    // helper A completes the list
}

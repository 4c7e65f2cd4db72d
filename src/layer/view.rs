//! The merged view of an image's layers, with the data.

use std::fs::File;
use std::sync::Arc;

use super::index::Index;

/// The merged view of an image's layers: what the root file system serves.
pub struct MergedView {
    pub index: Arc<Index>,
    /// The tars in the order of `index.layers()`.
    pub tars: Vec<File>,
}

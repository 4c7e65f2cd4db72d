//! Layers: a tar exactly as its digest names it, and an index of what is in it. Never unpacked.
//! (helper A writes this head: layout, format, locks.)

pub mod index;
pub mod store;

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

pub use index::{EntryId, FileKind, Index};
pub use store::LayerStore;

/// Digest of a layer's uncompressed tar (OCI image spec, "Layer DiffID").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(pub Digest);

impl fmt::Display for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! Layers: a tar exactly as its digest names it, and an index of what is in it. Never unpacked.
//!
//! On disk, below the store's root:
//!
//! ```text
//! layers/<diff id>/tar       the uncompressed layer; runs of zeros are holes. Never written again
//! layers/<diff id>/index     what is in it (module `index`): every name, its attributes, where its data is
//! layers/<diff id>/origin    instead of a tar: which further store has it, and what it was when verified
//! layers/merged/<chain id>   index of the merged view of a chain of layers; a cache
//! layers/leases/             what running pulls need (module `lease`)
//! layers/gate                lock between adding to a lease (shared) and collecting garbage (exclusive)
//! layers/.tmp-*              layers in the making, locked while their maker lives, and on their way out
//! ```
//!
//! A layer is complete from the moment it has its name: it is written under a temporary one, synced and
//! renamed. Reading takes no lock: who has opened a layer's files keeps them, whatever is removed. All
//! indexes can be made anew from the tars, and are when they are missing, damaged or of another version.
//!
//! Further stores are roots of the same form. Nothing in them is believed but bytes that have the digest:
//! a layer found there is read once, whole, when it is first asked for; its index is made from what was
//! read and kept in our own store, with the tar's length, inode and times, by which it is known again.

pub mod index;
mod ingest;
pub mod lease;
mod origin;
mod pipe;
pub mod store;
pub mod tar;
mod temporary;
mod view;

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

pub use index::{EntryId, FileKind, Index};
pub use ingest::index_of;
pub use lease::Lease;
pub use store::{LayerError, LayerStore};
pub use view::MergedView;

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

/// Digest that names a chain of layers, lowest first (OCI image spec, "Layer ChainID"). Of no layers: the
/// digest of nothing.
pub fn chain_id(chain: &[DiffId]) -> Digest {
    let Some((first, rest)) = chain.split_first() else { return Digest::of(b"") };
    rest.iter().fold(first.0, |below, id| Digest::of(format!("{below} {id}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_named_from_the_bottom() {
        let (a, b) = (DiffId(Digest::of(b"a")), DiffId(Digest::of(b"b")));
        assert_eq!(chain_id(&[a]), a.0);
        assert_eq!(chain_id(&[a, b]), Digest::of(format!("{} {}", a.0, b.0).as_bytes()));
    }
}

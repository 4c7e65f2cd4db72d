//! The record: id, name, spec and the image pinned by digest. Written by `create`, changed only by
//! `rename` and `update`, under the container's record lock. What happened to the container
//! since is in `state`.

use serde::{Deserialize, Serialize};

use super::{ContainerId, ContainerName, ContainerSpec};
use crate::image::PinnedImage;

/// Version of the record's format on disk.
pub const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerRecord {
    pub version: u32,
    pub id: ContainerId,
    pub name: ContainerName,
    pub created: jiff::Timestamp,
    pub spec: ContainerSpec,
    pub image: PinnedImage,
}

//! What lies on disk, and what of it could go: `system df`.

use std::collections::{HashMap, HashSet};

use crate::digest::Digest;
use crate::engine::container::ContainerView;
use crate::engine::volume::Volume;
use crate::engine::{Engine, Result};
use crate::image::Image;
use crate::layer::DiffId;

/// What the user's own store holds. What lies in further stores is not the user's disk.
#[derive(Debug, Default)]
pub struct DiskUsage {
    pub images: Vec<ImageUsage>,
    /// Bytes of all layers, each once.
    pub layers: u64,
    /// Bytes of the layers that no container needs.
    pub unused_layers: u64,
    pub containers: Vec<ContainerUsage>,
    pub volumes: Vec<VolumeUsage>,
}

#[derive(Debug)]
pub struct ImageUsage {
    pub image: Image,
    /// Bytes of the layers that another image has too.
    pub shared: u64,
    /// Containers made from it.
    pub containers: usize,
}

#[derive(Debug)]
pub struct ContainerUsage {
    pub view: ContainerView,
    /// Bytes it wrote itself.
    pub written: u64,
}

#[derive(Debug)]
pub struct VolumeUsage {
    pub volume: Volume,
    /// Containers that have it.
    pub links: usize,
    pub size: u64,
}

impl ContainerUsage {
    /// Paused ones too; any other could go.
    pub fn is_running(&self) -> bool {
        self.view.state.is_up()
    }
}

impl Engine {
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        let mut containers = Vec::new();
        for view in self.list()? {
            let written = self.written_size(&view.record.id)?;
            containers.push(ContainerUsage { view, written });
        }
        let images: Vec<Image> = self.images()?.into_iter().filter(|image| !image.read_only).collect();
        let own: Vec<DiffId> = self.images.layers.list().map_err(|e| super::image::image_error(e.into()))?;
        let sizes: HashMap<DiffId, u64> =
            own.into_iter().map(|layer| (layer, self.images.layer_size(&layer))).collect();
        let users = self.containers.volume_users()?;
        let volumes = self.volumes.list()?.into_iter().map(|volume| VolumeUsage {
            links: users.get(&volume.name).map_or(0, Vec::len),
            size: self.volume_size(&volume),
            volume,
        });
        Ok(DiskUsage { volumes: volumes.collect(), ..weigh(images, containers, &sizes) })
    }
}

/// `sizes`: of the store's own layers.
fn weigh(images: Vec<Image>, containers: Vec<ContainerUsage>, sizes: &HashMap<DiffId, u64>) -> DiskUsage {
    let mut users: HashMap<Digest, usize> = HashMap::new();
    let mut needed: HashSet<DiffId> = HashSet::new();
    for container in &containers {
        let pin = &container.view.record.image;
        *users.entry(pin.id).or_default() += 1;
        needed.extend(&pin.layers);
    }
    let mut having: HashMap<DiffId, usize> = HashMap::new();
    for image in &images {
        let distinct: HashSet<&DiffId> = image.layers.iter().collect();
        distinct.into_iter().for_each(|layer| *having.entry(*layer).or_default() += 1);
    }
    let images = images
        .into_iter()
        .map(|image| {
            let shared = image.layers.iter().filter(|layer| having[layer] > 1);
            let shared = shared.filter_map(|layer| sizes.get(layer)).sum();
            ImageUsage { shared, containers: users.get(&image.id).copied().unwrap_or_default(), image }
        })
        .collect();
    let unused = sizes.iter().filter(|(layer, _)| !needed.contains(layer));
    DiskUsage {
        images,
        layers: sizes.values().sum(),
        unused_layers: unused.map(|(_, size)| size).sum(),
        containers,
        volumes: Vec::new(),
    }
}

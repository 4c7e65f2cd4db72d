//! Roots of containers, images and volumes as paths, for whoever is in U (`unshare`).

use std::fs::DirBuilder;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use super::image::image_error;
use crate::container::store::ContainerView;
use crate::engine::{Engine, Error, Kind, Result};
use crate::image::{Image, PinnedImage};
use crate::supervisor::client;
use crate::supervisor::mounting::{self, What};
use crate::supervisor::places::{self, Place, Places};
use crate::sys::mount;

/// How long a server whose mount was taken away may go on for somebody who stands in it before it is ended.
const LEAVING: Duration = Duration::from_secs(1);
/// How long the server of a mount that has gone may take to end.
const ENDING: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A container or an image that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Full, without an algorithm.
    pub id: String,
    pub names: Vec<String>,
    pub path: PathBuf,
}

fn failed(step: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::caused(Kind::System, step, error)
}

fn unmount(point: &Path, force: bool) -> Result<()> {
    let flags = if force { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match rustix::mount::unmount(point, flags) {
        Err(Errno::BUSY) => {
            let text = format!("{} is in use: leave it, or unmount with --force", point.display());
            Err(Error::new(Kind::Conflict, text))
        }
        unmounted => unmounted.map_err(|e| failed("unmounting")(e.into())),
    }
}

impl Engine {
    /// In a directory of this mount namespace's own: to remove a directory takes away what is mounted on it in
    /// others (rmdir(2) since Linux 3.18).
    fn place(&self, id: &str) -> Result<Place> {
        Place::here(&self.config, id).map_err(failed("reading the mounts"))
    }

    fn points(&self) -> Result<Vec<PathBuf>> {
        mount::points_below(&self.config.mounted()).map_err(failed("reading the mounts"))
    }

    fn is_mounted_here(&self, id: &str) -> Result<bool> {
        let place = self.place(id)?.path();
        let own = place.strip_prefix(self.config.mounted()).expect("places lie there").to_owned();
        Ok(self.points()?.iter().any(|point| point.ends_with(&own)))
    }

    fn mount_at_place(&self, id: &str, what: What) -> Result<PathBuf> {
        let places = Places::lock(&self.config).map_err(failed("locking the mounts"))?;
        places.clear().map_err(failed("clearing up what was mounted"))?;
        let place = self.place(id)?;
        let tree = mounting::tree(&self.config, what, place.clone())?;
        let path = place.path();
        let made = DirBuilder::new().mode(0o700).recursive(true).create(&path);
        made.and_then(|()| mount::attach(tree.as_fd(), &path)).map_err(failed("mounting"))?;
        Ok(path)
    }

    /// `false`: it is not mounted.
    fn unmount_place(&self, id: &str, force: bool) -> Result<bool> {
        if !self.is_mounted_here(id)? {
            return Ok(false);
        }
        let place = self.place(id)?;
        unmount(&place.path(), force)?;
        let _ = place.detach();
        Ok(true)
    }

    /// Takes a container or an image away from wherever it is mounted, and waits until nobody uses the mount. With
    /// `force` who still uses it finds it gone.
    ///
    /// # Errors
    /// Without `force`: a process stands in it, or has a file of it open.
    pub(super) fn unmount_everywhere(&self, id: &str, force: bool) -> Result<()> {
        let places = Places::lock_if_any(&self.config).map_err(failed("locking the mounts"))?;
        let Some(places) = places else { return Ok(()) };
        for point in self.points()?.iter().filter(|point| point.ends_with(id)) {
            unmount(point, force)?;
        }
        let all = places::of(&self.config, id).map_err(failed("looking for mounts"))?;
        for place in &all {
            place.detach().map_err(failed("unmounting"))?;
        }
        let left_within = |patience: Duration| -> Result<bool> {
            let begun = Instant::now();
            for place in &all {
                let left = place.is_left_within(patience.saturating_sub(begun.elapsed()));
                if !left.map_err(failed("waiting for the end of a mount"))? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let mut is_left = left_within(LEAVING)?;
        if !is_left && force {
            for place in &all {
                place.end_servers().map_err(failed("ending the process that serves a mount"))?;
            }
            is_left = left_within(ENDING)?;
        }
        if !is_left {
            let text = format!(
                "{id} was mounted, and a process still uses what it had there: end it, or let it leave, and try again"
            );
            return Err(Error::new(Kind::Conflict, text));
        }
        places.clear().map_err(failed("clearing up what was mounted"))
    }

    /// Removes what shells have left that ended without `unmount`.
    pub fn clear_mounts(&self) -> Result<()> {
        let places = Places::lock_if_any(&self.config).map_err(failed("locking the mounts"))?;
        places.map_or(Ok(()), |places| places.clear()).map_err(failed("clearing up what was mounted"))
    }

    /// Where the root of a container is: mounted now, or as its supervisor has it mounted.
    pub fn mount_container(&self, view: &ContainerView) -> Result<PathBuf> {
        let id = &view.record.id;
        loop {
            if let Some(path) = self.running_root(view) {
                return match std::fs::read_dir(&path) {
                    Ok(_) => Ok(path),
                    Err(error) => Err(Error::caused(
                        Kind::Conflict,
                        format!(
                            "container {id} runs in another user namespace than this shell: leave it and unshare again"
                        ),
                        error,
                    )),
                };
            }
            if self.is_mounted_here(id.as_str())? {
                return Ok(self.place(id.as_str())?.path());
            }
            let Some(change) = self.stopped(id)? else {
                // It has started just now.
                let Some(path) = self.running_root(&self.find(id.as_str())?) else { continue };
                return Ok(path);
            };
            let path = self.mount_at_place(id.as_str(), What::Container(id.clone()));
            drop(change);
            return path;
        }
    }

    fn running_root(&self, view: &ContainerView) -> Option<PathBuf> {
        let id = view.record.id.as_str();
        let socket = view.facts.socket.clone().unwrap_or_else(|| self.config.socket(id));
        let pid = client::process_behind(&socket).filter(|_| view.state.is_up())?;
        let target = self.config.container(id).join("rootfs");
        let below = target.strip_prefix("/").unwrap_or(&target);
        Some(Path::new(&format!("/proc/{pid}/root")).join(below))
    }

    /// `false`: it is not mounted, or it runs, and what it runs on stays.
    pub fn unmount_container(&self, view: &ContainerView, force: bool) -> Result<bool> {
        let id = &view.record.id;
        if !self.unmount_place(id.as_str(), force)? {
            return Ok(false);
        }
        // With --force somebody may still be in there, and the server goes on for them.
        let begun = Instant::now();
        while !force && self.containers.is_mounted(id) && begun.elapsed() < ENDING {
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(true)
    }

    /// The containers whose root has a path here.
    pub fn mounted_containers(&self) -> Result<Vec<Mounted>> {
        let mut mounted = Vec::new();
        for view in self.list()? {
            let id = view.record.id.to_string();
            let running = self.running_root(&view);
            let path = match running {
                Some(path) => path,
                None if self.is_mounted_here(&id)? => self.place(&id)?.path(),
                None => continue,
            };
            mounted.push(Mounted { id, names: vec![view.record.name.to_string()], path });
        }
        Ok(mounted)
    }

    pub fn mount_image(&self, image: &Image) -> Result<PathBuf> {
        let id = image.id.hex();
        // Until it is known to be mounted it must not go.
        let _held = self.images.hold().map_err(image_error)?;
        match self.is_mounted_here(&id)? {
            true => Ok(self.place(&id)?.path()),
            false => self.mount_at_place(&id, What::Image(image.id)),
        }
    }

    /// `false`: it is not mounted.
    pub fn unmount_image(&self, image: &Image, force: bool) -> Result<bool> {
        self.unmount_place(&image.id.hex(), force)
    }

    /// The images that anybody has mounted.
    pub(super) fn images_mounted(&self) -> Result<Vec<PinnedImage>> {
        let mut images = Vec::new();
        for id in places::served(&self.config).map_err(failed("looking for mounts"))? {
            // Else it is a container.
            if let Ok(image) = self.images.find(&format!("sha256:{id}")) {
                images.push(image.pin());
            }
        }
        Ok(images)
    }

    /// Here.
    pub fn mounted_images(&self) -> Result<Vec<Mounted>> {
        let mut mounted = Vec::new();
        for image in self.images.list().map_err(image_error)? {
            let id = image.id.hex().to_string();
            if self.is_mounted_here(&id)? {
                let names = image.names.iter().map(|name| name.familiar()).collect();
                mounted.push(Mounted { path: self.place(&id)?.path(), id, names });
            }
        }
        Ok(mounted)
    }
}

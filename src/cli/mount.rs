//! `mount` and `unmount`, `image mount` and `image unmount`, `volume mount` and `volume unmount`: podman's.

use std::path::Path;

use serde_json::json;

use super::failure::{Failure, Result, told};
use super::ui;
use super::verb::{Context, Verb};
use crate::engine::container::ContainerView;
use crate::engine::image::image_error;
use crate::engine::mount::Mounted;
use crate::engine::namespace::is_root_of_mounts;
use crate::engine::{self, Engine, Kind};
use crate::image::Image;
use crate::volume::Volume;

/// Podman's status for whatever goes wrong.
const FAILED: u8 = 125;

#[derive(Debug, clap::Args)]
pub struct Mount {
    /// Mount all containers
    #[arg(short, long)]
    all: bool,
    /// Print the mounts in another format (json)
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    /// Don't truncate ids
    #[arg(long)]
    no_trunc: bool,
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Unmount {
    /// Unmount all containers
    #[arg(short, long)]
    all: bool,
    /// Unmount what is in use, too
    #[arg(short, long)]
    force: bool,
    /// Act on the container created last
    #[arg(short, long)]
    latest: bool,
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ImageMount {
    /// Mount all images
    #[arg(short, long)]
    all: bool,
    /// Print the mounts in another format (json)
    #[arg(long, value_name = "string")]
    format: Option<String>,
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ImageUnmount {
    /// Unmount all images
    #[arg(short, long)]
    all: bool,
    /// Unmount what is in use, too
    #[arg(short, long)]
    force: bool,
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct VolumeMount {
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct VolumeUnmount {
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
}

fn failed(text: impl AsRef<str>) -> Failure {
    Failure::of_podman(text)
}

fn engine_failed(error: engine::Error) -> Failure {
    failed(told(&error))
}

/// Whatever is not there, in podman's words.
fn absent(error: engine::Error, words: String) -> Failure {
    if error.kind == Kind::NotFound { failed(words) } else { engine_failed(error) }
}

fn find_container(engine: &Engine, name: &str) -> Result<ContainerView> {
    let words = || format!("no container with name or ID {name:?} found: no such container");
    engine.find(name).map_err(|error| absent(error, words()))
}

fn find_image(engine: &Engine, name: &str) -> Result<Image> {
    engine.find_image(name).map_err(|error| absent(error, format!("{name}: image not known")))
}

fn find_volume(engine: &Engine, name: &str) -> Result<Volume> {
    let words = || format!("no volume with name {name:?} found: no such volume");
    engine.volume(name).map_err(|error| absent(error, words()))
}

/// Outside nothing could be mounted, and owners would be those of the disk.
fn engine_inside(context: &Context) -> Result<Engine> {
    if !is_root_of_mounts() {
        let program = &context.program;
        return Err(failed(format!(
            "cannot run command \"{program} {}\" in rootless mode, must execute `{program} unshare` first",
            context.path
        )));
    }
    context.engine().map_err(|failure| Failure { status: FAILED, ..failure })
}

fn is_json(format: Option<&str>) -> Result<bool> {
    match format {
        None | Some("") => Ok(false),
        Some("json") => Ok(true),
        Some(other) => Err(failed(format!("unknown --format argument: {other:?}"))),
    }
}

/// `all`, or names; not both.
fn check_choice(all: bool, latest: bool, names: &[String]) -> Result<()> {
    match usize::from(all) + usize::from(latest) + usize::from(!names.is_empty()) > 1 {
        true => Err(failed("--all, --latest and names cannot be used together")),
        false => Ok(()),
    }
}

/// A single path where one was named, else a line for each.
fn show(mounted: &[Mounted], json: bool, no_trunc: bool, is_single: bool) -> Result<()> {
    if json {
        let one = |mounted: &Mounted| json!({ "id": mounted.id, "Names": mounted.names, "mountpoint": mounted.path });
        let all: Vec<_> = mounted.iter().map(one).collect();
        return ui::out(&format!("{:#}\n", serde_json::Value::Array(all)));
    }
    for one in mounted {
        let id = if no_trunc { &one.id } else { &one.id[..12.min(one.id.len())] };
        match is_single {
            true => ui::line(one.path.display())?,
            false => ui::line(format_args!("{id}  {}", one.path.display()))?,
        }
    }
    Ok(())
}

/// Each is tried; the status tells whether all worked.
fn each<T>(names: &[T], mut act: impl FnMut(&T) -> Result<()>) -> u8 {
    let mut status = 0;
    for name in names {
        if let Err(failure) = act(name) {
            ui::warn(failure.text);
            status = FAILED;
        }
    }
    status
}

impl Verb for Mount {
    const NAMES: &'static [&'static str] = &["container mount", "mount"];
    const USAGE: &'static str = "[OPTIONS] [CONTAINER...]";
    const ABOUT: &'static str = "Mount the root file systems of containers and print the paths\n\n\
        Works within `unshare`. One that runs has a path already. To start or to remove a \
        container unmounts it. Without containers, what is mounted is listed.";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        check_choice(self.all, self.latest, &self.containers)?;
        let json = is_json(self.format.as_deref())?;
        let engine = engine_inside(context)?;
        let names = names_of_containers(&engine, self.all, self.latest, self.containers)?;
        if names.is_empty() && !self.all {
            let mounted = engine.mounted_containers().map_err(engine_failed)?;
            show(&mounted, json, self.no_trunc, false)?;
            return Ok(0);
        }
        let mut mounted = Vec::new();
        let status = each(&names, |name| {
            let view = find_container(&engine, name)?;
            let path = engine.mount_container(&view).map_err(engine_failed)?;
            let names = vec![view.record.name.to_string()];
            mounted.push(Mounted { id: view.record.id.to_string(), names, path });
            Ok(())
        });
        show(&mounted, json, self.no_trunc, names.len() == 1 && !self.all)?;
        Ok(status)
    }
}

fn names_of_containers(engine: &Engine, all: bool, latest: bool, names: Vec<String>) -> Result<Vec<String>> {
    if !all && !latest {
        return Ok(names);
    }
    let views = engine.list().map_err(engine_failed)?;
    if latest && views.is_empty() {
        return Err(failed("--latest: there is no container"));
    }
    let wanted = views.iter().take(if latest { 1 } else { views.len() });
    Ok(wanted.map(|view| view.record.id.to_string()).collect())
}

impl Verb for Unmount {
    const NAMES: &'static [&'static str] = &["container unmount", "container umount", "unmount", "umount"];
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Unmount the root file systems of containers\n\n\
        Works within `unshare`. What a container runs on stays.";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        check_choice(self.all, self.latest, &self.containers)?;
        let engine = engine_inside(context)?;
        let names = names_of_containers(&engine, self.all, self.latest, self.containers)?;
        if names.is_empty() && !self.all {
            return Err(failed("requires at least 1 argument, --all or --latest"));
        }
        Ok(each(&names, |name| {
            let view = find_container(&engine, name)?;
            let was_mounted = engine.unmount_container(&view, self.force).map_err(engine_failed)?;
            told_of(was_mounted || view.state.is_up(), self.all, name)
        }))
    }
}

/// One that is not mounted is worth a word only to whoever has named it.
fn told_of(was_mounted: bool, all: bool, name: &str) -> Result<()> {
    match (was_mounted, all) {
        (true, _) => ui::line(name),
        (false, true) => Ok(()),
        (false, false) => Err(failed(format!("{name} is not mounted here"))),
    }
}

impl Verb for ImageMount {
    const NAMES: &'static [&'static str] = &["image mount"];
    const USAGE: &'static str = "[OPTIONS] [IMAGE...]";
    const ABOUT: &'static str = "Mount images, read-only, and print the paths\n\n\
        Works within `unshare`. An image that is mounted is removed by force only. Without images, what is mounted is listed.";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        check_choice(self.all, false, &self.images)?;
        let json = is_json(self.format.as_deref())?;
        let engine = engine_inside(context)?;
        if self.images.is_empty() && !self.all {
            show(&engine.mounted_images().map_err(engine_failed)?, json, false, false)?;
            return Ok(0);
        }
        let names = names_of_images(&engine, self.all, self.images)?;
        let mut mounted = Vec::new();
        let status = each(&names, |name| {
            let image = find_image(&engine, name)?;
            let path = engine.mount_image(&image).map_err(engine_failed)?;
            let names = image.names.iter().map(|name| name.familiar()).collect();
            mounted.push(Mounted { id: image.id.hex().to_string(), names, path });
            Ok(())
        });
        show(&mounted, json, false, names.len() == 1 && !self.all)?;
        Ok(status)
    }
}

fn names_of_images(engine: &Engine, all: bool, names: Vec<String>) -> Result<Vec<String>> {
    if !all {
        return Ok(names);
    }
    let images = engine.images.list().map_err(|error| engine_failed(image_error(error)))?;
    Ok(images.iter().map(|image| image.id.to_string()).collect())
}

impl Verb for ImageUnmount {
    const NAMES: &'static [&'static str] = &["image unmount", "image umount"];
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const ABOUT: &'static str = "Unmount images\n\nWorks within `unshare`.";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        check_choice(self.all, false, &self.images)?;
        let engine = engine_inside(context)?;
        if self.images.is_empty() && !self.all {
            return Err(failed("requires at least 1 argument or --all"));
        }
        Ok(each(&names_of_images(&engine, self.all, self.images)?, |name| {
            let image = find_image(&engine, name)?;
            let was_mounted = engine.unmount_image(&image, self.force).map_err(engine_failed)?;
            match was_mounted {
                true => ui::line(image.id.hex()),
                // As podman has it: it is what was asked for.
                false => Ok(()),
            }
        }))
    }
}

impl Verb for VolumeMount {
    const NAMES: &'static [&'static str] = &["volume mount"];
    const USAGE: &'static str = "VOLUME [VOLUME...]";
    const ABOUT: &'static str = "Print the paths of volumes\n\n\
        Works within `unshare`, where their files belong to whom they belong to in containers.";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = engine_inside(context)?;
        Ok(each(&self.volumes, |name| {
            let volume = find_volume(&engine, name)?;
            let data = engine.volumes.data(&volume.name);
            // A volume that is a directory elsewhere.
            let path = data.canonicalize().map_err(|e| no_directory(&data, &e))?;
            ui::line(path.display())
        }))
    }
}

fn no_directory(path: &Path, error: &std::io::Error) -> Failure {
    failed(format!("{}: {}", path.display(), crate::copy::reason(error)))
}

impl Verb for VolumeUnmount {
    const NAMES: &'static [&'static str] = &["volume unmount", "volume umount"];
    const USAGE: &'static str = "VOLUME [VOLUME...]";
    const ABOUT: &'static str = "Be done with the paths of volumes\n\n\
        Works within `unshare`. A volume is a directory: there is nothing to unmount, and its files stay.";
    const WRONG_COUNT: u8 = FAILED;

    fn run(self, context: &Context) -> Result<u8> {
        let engine = engine_inside(context)?;
        Ok(each(&self.volumes, |name| ui::line(find_volume(&engine, name)?.name)))
    }
}

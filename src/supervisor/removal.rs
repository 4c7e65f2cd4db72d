//! Removes directories that hold files of ids which only exist inside U. A stage of its own, since the
//! caller is not in U and has no power over them.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::container::store::ContainerStore;
use crate::events::{Journal, Subject};
use crate::overlay;
use crate::runtime::userns;
use crate::sys::tree::{Removal, remove_tree};
use crate::sys::{process, socket};
use crate::volume::{VolumeError, VolumeStore};

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-remove";

/// What is to be removed.
#[derive(Debug, Serialize, Deserialize)]
enum Paper {
    Trees(Vec<PathBuf>),
    /// Of this cache, what no container runs on.
    Unpacked(PathBuf),
}

/// Removes the directories, with the help of a process inside U.
pub fn remove(paths: &[PathBuf]) -> io::Result<()> {
    order(&Paper::Trees(paths.to_owned()))
}

/// Removes unpacked images that no container runs on: they are made again when one is needed.
pub fn remove_unpacked(cache: &Path) -> io::Result<()> {
    match cache.exists() {
        true => order(&Paper::Unpacked(cache.to_owned())),
        false => Ok(()),
    }
}

/// Removes those of the volumes that no container has. Gives the directories that only a process in U can
/// remove.
pub fn unused_volumes(
    volumes: &VolumeStore,
    containers: &ContainerStore,
    journal: &Journal,
    names: &[String],
) -> Result<Vec<PathBuf>, String> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let told = |error: &dyn std::error::Error| format!("removing anonymous volumes: {error}");
    let alone = volumes.alone().map_err(|e| told(&e))?;
    let used = containers.volume_users().map_err(|e| told(&e))?;
    let mut left = alone.sweep();
    for name in names.iter().filter(|name| !used.contains_key(*name)) {
        match alone.remove(name) {
            Ok(directory) => {
                left.extend(directory);
                journal.append(&Subject::volume(name).event("destroy"));
            }
            // Removed by hand since.
            Err(VolumeError::NotFound(_)) => {}
            Err(error) => return Err(told(&error)),
        }
    }
    Ok(left)
}

fn order(wish: &Paper) -> io::Result<()> {
    let fd = rustix::fs::memfd_create(STAGE, rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut paper = std::fs::File::from(fd);
    serde_json::to_writer(&paper, wish)?;
    io::Seek::rewind(&mut paper)?;
    let (mut ours, theirs) = socket::pair()?;
    userns::spawn_stage(STAGE, paper.as_fd(), &[theirs.as_fd()], None).map_err(io::Error::other)?;
    drop(theirs);
    let mut answer = String::new();
    ours.read_to_string(&mut answer)?;
    match answer.as_str() {
        "done" => Ok(()),
        "" => Err(io::Error::other("the process that removes files of other ids was killed")),
        error => Err(io::Error::other(error.to_owned())),
    }
}

/// Runs the stage: descriptor 3 is the list, 4 takes the answer.
pub fn main() -> ! {
    let answer = match run() {
        Ok(()) => "done".to_owned(),
        Err(error) => error.to_string(),
    };
    if let Ok(socket) = process::inherited(4) {
        let _ = socket::send(socket.as_fd(), answer.as_bytes());
    }
    std::process::exit(0)
}

fn run() -> io::Result<()> {
    let paper = std::fs::File::from(process::inherited(3)?);
    let paths = match serde_json::from_reader(paper)? {
        Paper::Trees(paths) => paths,
        Paper::Unpacked(cache) => return overlay::remove_unpacked(&cache).map(drop),
    };
    for path in paths {
        if remove_tree(&path)? == Removal::NeedsNamespace {
            let text = format!("{} holds files of an id that is not yours", path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
    }
    Ok(())
}

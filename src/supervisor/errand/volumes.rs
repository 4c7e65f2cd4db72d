//! `volume export` and `volume import`: a volume's files with owners as U numbers them, which is as
//! containers with the default map see them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::{Answer, BUFFER, failed, raise_limit};
use crate::config::Config;
use crate::copy::{self, Base, Ids, Owner};
use crate::runtime::HostFacts;
use crate::runtime::plan::identity;
use crate::supervisor::protocol::{Failure, FailureKind};
use crate::volume::VolumeStore;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    Export,
    Import,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Paper {
    pub config: Config,
    pub name: String,
    pub way: Way,
}

pub(super) fn run(paper: &Paper, archive: OwnedFd) -> Result<Answer, Failure> {
    raise_limit();
    rustix::process::umask(Mode::empty());
    let volumes = VolumeStore::open(&paper.config);
    match paper.way {
        Way::Export => export(&volumes, &paper.name, archive),
        Way::Import => import(&volumes, &paper.name, archive),
    }
}

fn open(volumes: &VolumeStore, name: &str) -> Result<OwnedFd, Failure> {
    let data = volumes.data(name);
    // A volume that is a directory elsewhere is a link.
    rustix::fs::open(&data, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| failed(&format!("opening {}", data.display()), &e.into()))
}

fn export(volumes: &VolumeStore, name: &str, archive: OwnedFd) -> Result<Answer, Failure> {
    let directory = open(volumes, name)?;
    let mut output = BufWriter::with_capacity(BUFFER, File::from(archive));
    let ids = Ids { are_noted: true, ..Ids::default() };
    let packed = copy::pack(directory, b".", b".", &ids, &mut output);
    packed.and_then(|_| output.flush()).map(|()| Answer::Done).map_err(|error| {
        // Not to be tried again when it is dropped.
        let _ = output.into_parts();
        Failure::new(FailureKind::System, error.to_string())
    })
}

fn import(volumes: &VolumeStore, name: &str, archive: OwnedFd) -> Result<Answer, Failure> {
    let _alone = volumes.begin_import(name).map_err(|e| failed(&format!("opening volume {name}"), &e))?;
    let host = HostFacts::gather().map_err(|e| failed("looking at the machine", &e))?;
    // With a single id containers have emulated users.
    let are_noted = host.single_id_note.is_some();
    let ids = Ids { uids: identity(&host.uid_map), gids: identity(&host.gid_map), are_noted };
    let mut input = BufReader::with_capacity(BUFFER, File::from(archive));
    copy::unpack(Base::Whole(open(volumes, name)?), Owner::Archive(ids), &mut input)
        .map_err(|e| Failure::system(&e))?;
    // Whoever writes it is not to fail for the filling after its end.
    let _ = io::copy(&mut input, &mut io::sink());
    Ok(Answer::Done)
}

//! A short-lived process in U that looks at the files of one container or volume, or copies some: for
//! `diff`, `export`, `commit`, `cp`, `volume export` and `volume import`. The caller is not in U, and some
//! of the files belong to ids that only U has.
//!
//! It gets its paper as descriptor 3, answers over 4, and reads or writes an archive on 5.

mod copying;
mod volumes;

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::client;
use super::protocol::{Failure, FailureKind};
use super::root::ranges;
use crate::config::Config;
use crate::container::store::{ContainerStore, ContainerView};
use crate::container::{ContainerId, ContainerRecord};
use crate::copy::Facts;
use crate::image::ImageStore;
use crate::overlay::{self, Change, Written};
use crate::runtime::plan::nested_maps;
use crate::runtime::{self, HostFacts, userns};
use crate::sys::{process, socket};

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-errand";

pub use volumes::Way as VolumeWay;

/// What an archive is written through.
const BUFFER: usize = 1 << 20;
/// Longest answer: the changes of a container that has touched some million names.
const ANSWER_LIMIT: u32 = 1 << 30;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Tells what differs from the image.
    Changes,
    /// Writes that as a layer.
    Layer,
    /// Writes the whole tree, without what is mounted in it.
    Tree,
    /// Copies what it is asked for (`Request`), until nobody asks any more.
    Copy,
}

/// What is asked of one that copies. Paths are the container's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// What a name is.
    Facts { path: Vec<u8> },
    /// Writes what is there to the archive, under another name.
    Pack { path: Vec<u8>, as_name: Vec<u8> },
    /// Makes in this directory what the archive has.
    Unpack { directory: Vec<u8>, owners: Owners },
}

/// Whose the files are that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owners {
    Root,
    Archive,
}

/// What the process is given.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Container(Paper),
    Volume(volumes::Paper),
    /// To show the namespace it is in, which is a new one.
    Namespace,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Paper {
    config: Config,
    id: ContainerId,
    job: Job,
    /// The right to change a container that does not run came along.
    stopped: bool,
    /// Where the root of a container that does not run is mounted, for the one who is to copy.
    root: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Changes(Vec<Change>),
    /// So many members are in the archive.
    Written(u64),
    /// `None`: there is no such name.
    Facts(Option<Facts>),
    Done,
}

/// One that is under way.
pub struct Errand {
    stream: UnixStream,
}

impl Errand {
    /// Sends it off. `archive` is where an archive goes to or comes from; `stopped` the right to change a
    /// container that does not run, without which nothing can be copied there.
    pub fn start(
        config: &Config,
        view: &ContainerView,
        job: Job,
        archive: Option<BorrowedFd<'_>>,
        stopped: Option<BorrowedFd<'_>>,
    ) -> Result<Errand, Failure> {
        let paper = Paper {
            config: config.clone(),
            id: view.record.id.clone(),
            job,
            stopped: stopped.is_some(),
            root: None,
        };
        send_off(&Order::Container(paper), || namespace(config, view), archive, stopped)
    }

    /// Sends one off to a volume: its files as an archive, or those of an archive as its own.
    pub fn start_on_volume(
        config: &Config,
        name: &str,
        way: VolumeWay,
        archive: BorrowedFd<'_>,
    ) -> Result<Errand, Failure> {
        let paper = volumes::Paper { config: config.clone(), name: name.to_owned(), way };
        let join = || client::find_namespace(&config.runtime);
        send_off(&Order::Volume(paper), join, Some(archive), None)
    }

    /// Asks for something; the answer is `answer`'s to wait for.
    pub fn ask(&mut self, request: &Request) -> Result<(), Failure> {
        send(&mut self.stream, request).or_else(|error| match error.kind() {
            // What it had to say before it went is still to be read.
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Failure::system(&error)),
        })
    }

    /// Waits for the answer.
    pub fn answer(&mut self) -> Result<Answer, Failure> {
        receive(&mut self.stream)
            .and_then(|answer| answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into()))
            .unwrap_or_else(|_| {
                let text = "the process that looks at the container's files was killed";
                Err(Failure::new(FailureKind::System, text))
            })
    }
}

/// Starts the process in the U that `join` finds, else in a new one.
fn send_off(
    order: &Order,
    join: impl FnOnce() -> Option<OwnedFd>,
    archive: Option<BorrowedFd<'_>>,
    stopped: Option<BorrowedFd<'_>>,
) -> Result<Errand, Failure> {
    (|| -> io::Result<Errand> {
        let file = paper_file(order)?;
        let (ours, theirs) = socket::pair()?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let inherited = [theirs.as_fd(), archive.unwrap_or(null.as_fd()), stopped.unwrap_or(null.as_fd())];
        let spawn = |join: Option<&OwnedFd>| {
            userns::spawn_stage(STAGE, file.as_fd(), &inherited, join.map(|fd| fd.as_fd()))
        };
        match &join() {
            // It may have gone between the look and the joining.
            Some(fd) => spawn(Some(fd)).or_else(|_| spawn(None)),
            None => spawn(None),
        }
        .map_err(io::Error::other)?;
        Ok(Errand { stream: ours })
    })()
    .map_err(|e| Failure::system(&e))
}

/// U, for whoever wants to join it: the running containers' one, else one made for this.
pub fn namespace_of_containers(config: &Config) -> Result<OwnedFd, Failure> {
    if let Some(found) = client::find_namespace(&config.runtime) {
        return Ok(found);
    }
    let errand = send_off(&Order::Namespace, || None, None, None)?;
    let received =
        socket::receive_with_fd(errand.stream.as_fd(), &mut [0]).map_err(|e| Failure::system(&e))?;
    received.1.ok_or_else(|| {
        Failure::new(FailureKind::System, "the process that made the user namespace was killed")
    })
}

/// U as the container has it, or any that maps the same.
fn namespace(config: &Config, view: &ContainerView) -> Option<OwnedFd> {
    let socket = view.facts.socket.as_deref().filter(|_| view.state.is_up());
    let own = socket.and_then(client::namespace_behind);
    own.or_else(|| client::find_namespace(&config.runtime))
}

/// A length and a JSON value.
fn send(stream: &mut UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, value)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    stream.write_all(&bytes)
}

/// `None` at the end.
fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_le_bytes(length);
    if length > ANSWER_LIMIT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    stream.take(length.into()).read_to_end(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

fn has_hung_up(stream: &UnixStream) -> io::Result<bool> {
    let mut gone = [PollFd::new(stream, PollFlags::RDHUP)];
    Ok(poll(&mut gone, Some(&Timespec::default()))? > 0)
}

fn paper_file(order: &Order) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create(STAGE, rustix::fs::MemfdFlags::CLOEXEC)?);
    serde_json::to_writer(&file, order)?;
    file.rewind()?;
    Ok(file)
}

/// Runs the stage.
pub fn main() -> ! {
    let ended = (|| -> io::Result<()> {
        let order: Order = serde_json::from_reader(File::from(process::inherited(3)?))?;
        let mut stream = UnixStream::from(process::inherited(4)?);
        let archive = process::inherited(5)?;
        let paper = match order {
            Order::Container(paper) => paper,
            Order::Namespace => {
                let namespace = File::open("/proc/self/ns/user")?;
                return socket::send_with_fd(stream.as_fd(), b"n", namespace.as_fd()).map(drop);
            }
            Order::Volume(paper) => {
                if paper.way == VolumeWay::Export {
                    end_with_parent(&stream)?;
                }
                return send(&mut stream, &volumes::run(&paper, archive));
            }
        };
        if paper.job == Job::Copy {
            return copying::run(&paper, stream, archive);
        }
        end_with_parent(&stream)?;
        send(&mut stream, &run(&paper, archive))
    })();
    // Whoever was to know has gone.
    std::process::exit(i32::from(ended.is_err()))
}

/// Nobody wants the rest when whoever asked is gone, by Ctrl-C say; or was before this.
fn end_with_parent(stream: &UnixStream) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match has_hung_up(stream)? {
        true => Err(io::ErrorKind::BrokenPipe.into()),
        false => Ok(()),
    }
}

/// One descriptor for every directory on the way down.
fn raise_limit() {
    if let Ok((_, hard)) = process::limit(libc::RLIMIT_NOFILE) {
        // With fewer, a tree that is too deep is refused.
        let _ = process::set_limit(libc::RLIMIT_NOFILE, hard, hard);
    }
}

fn run(paper: &Paper, archive: OwnedFd) -> Result<Answer, Failure> {
    raise_limit();
    let record = record(paper)?;
    let written = written(paper, &record)?;
    match paper.job {
        Job::Changes => {
            let changes =
                written.changes().map_err(|e| failed("reading what the container has written", &e))?;
            Ok(Answer::Changes(changes))
        }
        Job::Layer => into_archive(archive, |output| written.write_layer(output)),
        Job::Tree | Job::Copy => into_archive(archive, |output| written.write_tree(output)),
    }
}

fn failed(step: &str, error: &io::Error) -> Failure {
    Failure::new(FailureKind::System, format!("{step}: {error}"))
}

fn into_archive(
    archive: OwnedFd,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<u64>,
) -> Result<Answer, Failure> {
    let mut output = BufWriter::with_capacity(BUFFER, File::from(archive));
    let written = write(&mut output).and_then(|members| output.flush().map(|()| members));
    written.map(Answer::Written).map_err(|e| {
        // Not to be tried again when it is dropped.
        let _ = output.into_parts();
        failed("writing the archive", &e)
    })
}

fn record(paper: &Paper) -> Result<ContainerRecord, Failure> {
    let store = ContainerStore::open(&paper.config);
    let record = store.record(&paper.id).map_err(|e| Failure::system(&e))?;
    record.ok_or_else(|| Failure::new(FailureKind::System, format!("No such container: {}", paper.id)))
}

fn written(paper: &Paper, record: &ContainerRecord) -> Result<Written, Failure> {
    let host = HostFacts::gather().map_err(|e| failed("looking at the machine", &e))?;
    let images = ImageStore::open(&paper.config);
    let view = images.layers.merged(&record.image.layers).map_err(|e| Failure::system(&e))?;
    let (uids, gids) = nested_maps(&record.spec, &host)?;
    let mut written = Written::open(
        &paper.config.container(record.id.as_str()),
        view,
        ranges(&uids),
        ranges(&gids),
        overlay::Owners { uids, gids },
    )
    .map_err(|e| failed("opening what the container has written", &e))?;
    // The lines that its start adds for users whom the image does not have.
    let image = images.pinned(&record.image).map_err(|e| Failure::system(&e))?;
    let accounts = runtime::plan::accounts::plan(&record.spec, &image.config.config, &host);
    if !accounts.users.is_empty() {
        let of_image = |path: &str| {
            let view = images.layers.merged(&record.image.layers).map_err(|e| Failure::system(&e))?;
            Ok::<_, Failure>(overlay::read_file(view, Path::new(path), 16 << 20).unwrap_or_default())
        };
        let (mut passwd, mut group) = (of_image("/etc/passwd")?, of_image("/etc/group")?);
        let (passwd_text, group_text) = (String::from_utf8_lossy(&passwd), String::from_utf8_lossy(&group));
        let added = runtime::accounts::added(&accounts, &passwd_text, &group_text);
        for (path, content, lines) in
            [("etc/passwd", &mut passwd, added.passwd), ("etc/group", &mut group, added.group)]
        {
            if !lines.is_empty() {
                content.extend(lines.as_bytes());
                written.made_by_start(path, std::mem::take(content));
            }
        }
    }
    Ok(written)
}

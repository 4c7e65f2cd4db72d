//! `cp`: in the root of a running container as it sees it, with everything that is mounted there; or in
//! that of one which does not run, mounted for as long as this takes.
//!
//! A process must not touch a root that it serves itself (module `overlay`), so for a container that does
//! not run there are two: one mounts and serves, the other copies.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::super::{joins, root};
use super::{
    Answer, BUFFER, Order, Owners, Paper, Request, STAGE, failed, paper_file, raise_limit, receive, record,
    send,
};
use crate::container::ContainerRecord;
use crate::container::spec::{MountKind, MountSpec};
use crate::container::store::ContainerStore;
use crate::copy::{self, Base, Ids, Kind, Owner, Root};
use crate::identity::Table;
use crate::image::ImageStore;
use crate::runtime::plan::{emulates_users, nested_maps};
use crate::runtime::{HostFacts, userns};
use crate::supervisor::protocol::{Failure, FailureKind};
use crate::sys::{mount, namespace, process};
use crate::volume;

/// How long a copy that nobody waits for any more may take to clear up after itself.
const CLEARING_UP: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// What works for whoever asks. Killed clients end it by the end of the archive, not by a signal: what is
/// half made is then removed.
struct Copier {
    root: Root,
    record: ContainerRecord,
    ids: Ids,
    /// The first process of a container that runs; none where the root was mounted for this.
    first: Option<OwnedFd>,
}

pub(super) fn run(paper: &Paper, stream: UnixStream, archive: OwnedFd) -> io::Result<()> {
    if paper.root.is_some() {
        return match Copier::in_mounted(paper) {
            Ok(copier) => copier.serve(stream, archive),
            Err(failure) => refuse(stream, &failure),
        };
    }
    if paper.stopped {
        return match mount_for_another(paper, &stream, archive) {
            Ok(()) => Ok(()),
            Err(failure) => refuse(stream, &failure),
        };
    }
    match Copier::in_running(paper) {
        Ok(Some(copier)) => copier.serve(stream, archive),
        Ok(None) => refuse(stream, &Failure::new(FailureKind::Conflict, "it does not run any more")),
        Err(failure) => refuse(stream, &failure),
    }
}

/// Whatever is asked, this is the answer.
fn refuse(mut stream: UnixStream, failure: &Failure) -> io::Result<()> {
    send(&mut stream, &Err::<Answer, _>(failure.clone()))
}

/// Mounts the root, has another process copy in it, and unmounts it when that one has ended or nobody
/// wants it any more. Holds the right to change the container until then.
fn mount_for_another(paper: &Paper, stream: &UnixStream, archive: OwnedFd) -> Result<(), Failure> {
    let system = |step: &'static str| move |error: io::Error| failed(step, &error);
    let _right = process::inherited(6).map_err(system("taking the container's lock"))?;
    let record = record(paper)?;
    let host = HostFacts::gather().map_err(system("looking at the machine"))?;
    let images = ImageStore::open(&paper.config);
    let (rootfs, target, _) = root::mount(&paper.config, &images, &record, &host)?;
    let paper = Paper {
        config: paper.config.clone(),
        id: paper.id.clone(),
        job: paper.job,
        stopped: true,
        root: Some(target),
    };
    let file = paper_file(&Order::Container(paper)).map_err(system("writing the paper"))?;
    let inherited = [stream.as_fd(), archive.as_fd()];
    let pidfd =
        userns::spawn_stage_here(STAGE, file.as_fd(), &inherited).map_err(|e| failed(e.step, &e.source))?;
    // The other end is to see the end of the archive.
    drop(archive);
    let mut events = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(stream, PollFlags::RDHUP)];
    rustix::io::retry_on_intr(|| poll(&mut events, None))
        .map_err(|e| failed("waiting for the copy", &e.into()))?;
    if events[0].revents().is_empty() {
        // Nobody asks for more. The end of the archive ends what is under way, and it clears up after itself.
        let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
        if rustix::io::retry_on_intr(|| poll(&mut ended, Some(&CLEARING_UP))) == Ok(0) {
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
            let _ = rustix::io::retry_on_intr(|| poll(&mut ended, None));
        }
    }
    drop(rootfs);
    Ok(())
}

impl Copier {
    /// `None` if the container does not run.
    fn in_running(paper: &Paper) -> Result<Option<Copier>, Failure> {
        let store = ContainerStore::open(&paper.config);
        let view = store.view(&paper.id).map_err(|e| Failure::system(&e))?;
        let view = view.ok_or_else(|| gone(paper))?;
        let opened = joins::of_first_process(&paper.config, &view, |pid| {
            let process = Pid::from_raw(pid).ok_or(io::ErrorKind::NotFound)?;
            let first = pidfd_open(process, PidfdFlags::empty())?;
            Ok((open_root(Path::new(&format!("/proc/{pid}/root")))?, first))
        })?;
        opened.map(|(root, first)| Copier::new(root, view.record, Some(first))).transpose()
    }

    fn in_mounted(paper: &Paper) -> Result<Copier, Failure> {
        let record = record(paper)?;
        let target = paper.root.as_deref().ok_or_else(|| gone(paper))?;
        // Binds are this process's own: the one who mounted unmounts nothing but the root.
        namespace::unshare_mounts().map_err(|e| failed("unsharing the mount namespace", &e))?;
        rustix::mount::mount_change(
            "/",
            rustix::mount::MountPropagationFlags::PRIVATE | rustix::mount::MountPropagationFlags::REC,
        )
        .map_err(|e| failed("separating the mounts", &e.into()))?;
        let root = open_root(target).map_err(|e| failed("opening the root", &e))?;
        let copier = Copier::new(root, record, None)?;
        copier
            .bind(&paper.config.volumes())
            .map_err(|e| failed("mounting what the container has mounted", &e))?;
        Ok(copier)
    }

    fn new(root: OwnedFd, record: ContainerRecord, first: Option<OwnedFd>) -> Result<Copier, Failure> {
        raise_limit();
        rustix::process::umask(Mode::empty());
        let host = HostFacts::gather().map_err(|e| failed("looking at the machine", &e))?;
        let (uids, gids) = nested_maps(&record.spec, &host)?;
        let are_noted = emulates_users(&record.spec, &host).is_some();
        if are_noted {
            Table::belong_to_root().map_err(|e| failed("raising the limit of file locks", &e))?;
        }
        Ok(Copier { root: Root::new(root), record, ids: Ids { uids, gids, are_noted }, first })
    }

    /// Mounts the directories and files of the host and the volumes that the container has, the outer ones first. One
    /// that cannot be mounted is what the next start will tell.
    fn bind(&self, volumes: &Path) -> io::Result<()> {
        let mut mounts: Vec<&MountSpec> = self.record.spec.mounts.iter().collect();
        mounts.sort_by_key(|mount| mount.target.components().count());
        for wish in mounts {
            let tree = match &wish.kind {
                // What is written over these would be thrown away.
                _ if wish.overlay => continue,
                MountKind::Bind { source, recursive, .. } => mount::clone_path(source, *recursive),
                MountKind::Volume { name, subpath, .. } => {
                    volume::tree(&volume::data_in(volumes, name), subpath.as_deref())
                }
                // These are there only while it runs.
                MountKind::Image { .. } | MountKind::Tmpfs { .. } => continue,
            };
            let Ok(tree) = tree else { continue };
            let kind = FileType::from_raw_mode(rustix::fs::fstat(&tree)?.st_mode);
            let target = wish.target.as_os_str().as_encoded_bytes();
            let Some(place) = self.place_to_mount(target, kind == FileType::Directory) else { continue };
            if wish.read_only {
                mount::set_attributes(tree.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, true)?;
            }
            mount::attach(tree.as_fd(), Path::new(&format!("/proc/self/fd/{}", place.as_raw_fd())))?;
        }
        Ok(())
    }

    /// What a start would mount on; made, as a start would make it.
    fn place_to_mount(&self, path: &[u8], is_directory: bool) -> Option<OwnedFd> {
        let path = self.root.settled(path).ok()?;
        let open = || self.root.open(&path, OFlags::PATH, Mode::empty());
        if let Ok(found) = open() {
            let kind = FileType::from_raw_mode(rustix::fs::fstat(&found).ok()?.st_mode);
            return ((kind == FileType::Directory) == is_directory).then_some(found);
        }
        let ends = (1..path.len()).filter(|at| path[*at] == b'/').chain([path.len()]);
        for end in ends {
            let (parent, name) = self.root.parent(&path[..end]).ok()?;
            let made = match end == path.len() && !is_directory {
                true => {
                    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    rustix::fs::openat(&parent, &*name, flags, Mode::from_raw_mode(0o644)).map(drop)
                }
                false => rustix::fs::mkdirat(&parent, &*name, Mode::from_raw_mode(0o755)),
            };
            if made.is_err_and(|errno| errno != Errno::EXIST) {
                return None;
            }
        }
        open().ok()
    }

    fn serve(self, mut stream: UnixStream, archive: OwnedFd) -> io::Result<()> {
        let mut archive = Some(archive);
        while let Some(request) = receive(&mut stream)? {
            let answer = match request {
                Request::Facts { path } => self.facts(&path),
                Request::Pack { path, as_name } => match archive.take() {
                    Some(archive) => self.pack(&path, &as_name, archive),
                    None => Err(used_up()),
                },
                Request::Unpack { directory, owners } => match archive.take() {
                    Some(archive) => self.unpack(directory, owners, archive.as_fd()),
                    None => Err(used_up()),
                },
            };
            send(&mut stream, &answer.map_err(|failure| self.why(failure)))?;
        }
        Ok(())
    }

    /// A root goes with its container, and then nothing in it can be had.
    fn why(&self, failure: Failure) -> Failure {
        let ended = self.first.as_ref().is_some_and(|first| {
            poll(&mut [PollFd::new(first, PollFlags::IN)], Some(&Timespec::default())) != Ok(0)
        });
        match ended {
            true => {
                let text = format!("the container has ended while files were copied: {}", failure.text);
                Failure::new(FailureKind::Conflict, text)
            }
            false => failure,
        }
    }

    fn facts(&self, path: &[u8]) -> Result<Answer, Failure> {
        match self.root.facts(path) {
            Ok(facts) => Ok(Answer::Facts(Some(facts))),
            Err(Errno::NOENT) => Ok(Answer::Facts(None)),
            Err(errno) => Err(at("lstat", path, errno)),
        }
    }

    fn pack(&self, path: &[u8], as_name: &[u8], archive: OwnedFd) -> Result<Answer, Failure> {
        let facts = self.root.facts(path).map_err(|errno| at("lstat", path, errno))?;
        // The directory is opened by what is written, so that `link/` is what the link leads to.
        let opened = match facts.kind {
            Kind::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                self.root.open(path, flags, Mode::empty()).map(|directory| (directory, b".".to_vec()))
            }
            _ => self.root.parent(path),
        };
        let (directory, name) = opened.map_err(|errno| at("open", path, errno))?;
        let mut output = BufWriter::with_capacity(BUFFER, File::from(archive));
        let packed = copy::pack(directory, &name, as_name, &self.ids, &mut output);
        packed.and_then(|_| output.flush()).map(|()| Answer::Done).map_err(|error| {
            // Not to be tried again when it is dropped.
            let _ = output.into_parts();
            Failure::new(FailureKind::System, error.to_string())
        })
    }

    fn unpack(&self, directory: Vec<u8>, owners: Owners, archive: BorrowedFd<'_>) -> Result<Answer, Failure> {
        let invalid = |text: &str| Failure::new(FailureKind::Invalid, text);
        let settled = self.root.settled(&directory).map_err(|errno| at("lstat", &directory, errno))?;
        let opened = match self.root.open(&settled, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(Answer::Facts(None)),
            Err(Errno::NOTDIR) => return Err(invalid("extraction point is not a directory")),
            Err(errno) => return Err(at("open", &directory, errno)),
        };
        self.check_writable(&settled, &opened)?;
        drop(opened);
        let owner = match owners {
            Owners::Root => Owner::Root(self.ids.clone()),
            Owners::Archive => Owner::Archive(self.ids.clone()),
        };
        let mut input = BufReader::with_capacity(
            BUFFER,
            File::from(archive.try_clone_to_owned().map_err(|e| failed("reading the archive", &e))?),
        );
        copy::unpack(Base::InRoot(&self.root, settled), owner, &mut input)
            .map_err(|e| Failure::system(&e))?;
        // Whoever writes it is not to fail for the filling after its end.
        let _ = io::copy(&mut input, &mut io::sink());
        Ok(Answer::Done)
    }

    /// Docker's words for what the kernel would refuse; of a container that does not run, it would not.
    fn check_writable(&self, path: &[u8], directory: &OwnedFd) -> Result<(), Failure> {
        let spec = &self.record.spec;
        let mounted = spec.mounts.iter().filter(|mount| {
            // Nothing is there while it does not run.
            let is_of_run = matches!(mount.kind, MountKind::Image { .. } | MountKind::Tmpfs { .. });
            if self.first.is_none() && is_of_run {
                return false;
            }
            let target = copy::path::clean(mount.target.as_os_str().as_encoded_bytes());
            path.strip_prefix(&target[..]).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        });
        let mounted = mounted.max_by_key(|mount| mount.target.components().count());
        let forbidden = |text: &str| Err(Failure::new(FailureKind::Forbidden, text));
        let facts =
            rustix::fs::fstatvfs(directory).map_err(|e| failed("looking at the file system", &e.into()))?;
        let read_only = facts.f_flag.contains(StatVfsMountFlags::RDONLY);
        match mounted {
            Some(mount) if mount.read_only || read_only => forbidden("mounted volume is marked read-only"),
            None if read_only || (self.first.is_none() && spec.read_only) => {
                forbidden("container rootfs is marked read-only")
            }
            _ => Ok(()),
        }
    }
}

fn open_root(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn at(what: &str, path: &[u8], errno: Errno) -> Failure {
    let text = format!("{what} {}: {}", String::from_utf8_lossy(path), copy::reason(&errno.into()));
    Failure::new(FailureKind::System, text)
}

fn gone(paper: &Paper) -> Failure {
    Failure::new(FailureKind::System, format!("No such container: {}", paper.id))
}

fn used_up() -> Failure {
    Failure::new(FailureKind::Invalid, "an errand has one archive")
}

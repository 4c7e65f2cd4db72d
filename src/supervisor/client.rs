//! The other end of a supervisor's socket: starting one, asking one.

use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::STAGE;
use super::paper::Paper;
use super::protocol::{Decoder, Failure, Malformed, Message, Reply, Request};
use crate::runtime::userns::{self, UsernsError};
use crate::sys::lock::{Byte, OfdLock};
use crate::sys::socket;

/// Sockets that are tried for one whose namespace can be joined: dead ones of killed supervisors may be
/// among them.
const TRIES: usize = 64;

/// A conversation with a supervisor.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    decoder: Decoder,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Killed, most likely; the state on disk tells.
    #[error("the container's supervisor has gone")]
    Ended,
    #[error("talking to the container's supervisor")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("starting the container's supervisor")]
    Start(#[source] UsernsError),
}

impl Client {
    pub fn connect(path: &Path) -> io::Result<Client> {
        socket::connect(path).map(Client::new)
    }

    fn new(stream: UnixStream) -> Client {
        Client { stream, decoder: Decoder::default() }
    }

    /// The supervisor's own pid.
    pub fn supervisor(&self) -> io::Result<i32> {
        socket::peer_pid(self.stream.as_fd())
    }

    pub fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match socket::send(self.stream.as_fd(), rest) {
                Ok(n) => rest = &rest[n..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // What it had to say before it went is still to be read.
                Err(e) if matches!(e.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)) => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// The next reply; waits for it.
    pub fn receive(&mut self) -> Result<Reply, ClientError> {
        loop {
            if let Some(reply) = self.received()? {
                return Ok(reply);
            }
            self.fill()?;
        }
    }

    /// The next reply, `None` when it did not come in time.
    pub fn receive_before(&mut self, deadline: Instant) -> Result<Option<Reply>, ClientError> {
        loop {
            if let Some(reply) = self.received()? {
                return Ok(Some(reply));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left.min(Duration::from_secs(3600))).expect("an hour at most");
            match poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], Some(&timeout)) {
                Ok(0) if Instant::now() >= deadline => return Ok(None),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => self.fill()?,
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }

    /// A reply that is already here.
    pub fn received(&mut self) -> Result<Option<Reply>, ClientError> {
        Ok(self.decoder.take()?)
    }

    /// Reads once; blocks when there is nothing.
    pub fn fill(&mut self) -> Result<(), ClientError> {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(ClientError::Ended),
            Ok(n) => {
                self.decoder.feed(&buffer[..n]);
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Err(ClientError::Ended),
            Err(e) => Err(e.into()),
        }
    }

    /// Asks for something that is answered by `Done`, `Started`, or `Failed`.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, ClientError> {
        self.send(request)?;
        match self.receive()? {
            Reply::Failed(failure) => Err(failure.into()),
            reply => Ok(reply),
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Starts the supervisor of a container and returns when its command runs. `alive` carries the right to
/// change the container, which the supervisor takes over. The client is attached as the paper says.
pub fn start(mut paper: Paper, alive: BorrowedFd<'_>) -> Result<Client, ClientError> {
    let (ours, theirs) = socket::pair()?;
    let runtime = paper.config.runtime.clone();
    let mut join = find_namespace(&runtime);
    // Whoever comes first makes the namespace, and the others wait until it can be joined. A failure of the
    // lock costs a second namespace and nothing else.
    let mut making = None;
    if join.is_none() {
        making = lock_making(&runtime).ok();
        join = find_namespace(&runtime);
        if join.is_some() {
            making = None;
        }
    }
    paper.say_listening = making.is_some();
    let paper = paper_file(&paper)?;
    let inherited = [theirs.as_fd(), alive];
    let spawned = match join {
        Some(fd) => userns::spawn_stage(STAGE, paper.as_fd(), &inherited, Some(fd.as_fd()))
            // It may have gone between the look and the joining.
            .or_else(|_| userns::spawn_stage(STAGE, paper.as_fd(), &inherited, None)),
        None => userns::spawn_stage(STAGE, paper.as_fd(), &inherited, None),
    };
    spawned.map_err(ClientError::Start)?;
    drop(theirs);
    let mut client = Client::new(ours);
    loop {
        match client.receive()? {
            Reply::Listening => making = None,
            Reply::Started => break,
            Reply::Failed(failure) => return Err(failure.into()),
            // Output cannot come before `Started`.
            _ => return Err(ClientError::Ended),
        }
    }
    drop(making);
    Ok(client)
}

fn paper_file(paper: &Paper) -> io::Result<std::fs::File> {
    let fd = rustix::fs::memfd_create(STAGE, rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(fd);
    file.write_all(&serde_json::to_vec(paper).expect("a paper has string keys only"))?;
    file.rewind()?;
    Ok(file)
}

fn lock_making(runtime: &Path) -> io::Result<OfdLock> {
    let path = runtime.join("userns.lock");
    let file = std::fs::File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    OfdLock::new(file, Byte(0))
}

/// U, behind any supervisor that listens. The kernel tells who that is; as long as the connection stands,
/// the number is its own.
pub(super) fn find_namespace(runtime: &Path) -> Option<std::os::fd::OwnedFd> {
    let sockets = std::fs::read_dir(runtime).ok()?.flatten().map(|entry| entry.path());
    let sockets = sockets.filter(|path| path.extension().is_some_and(|e| e == "sock"));
    sockets.take(TRIES).find_map(|path| namespace_behind(&path))
}

/// The supervisor that listens there, by its pid, which is its own as long as it lives.
pub fn process_behind(path: &Path) -> Option<i32> {
    socket::peer_pid(socket::connect(path).ok()?.as_fd()).ok()
}

/// U, behind the supervisor that listens there.
pub(super) fn namespace_behind(path: &Path) -> Option<std::os::fd::OwnedFd> {
    let stream = socket::connect(path).ok()?;
    let namespace = userns::of_process(socket::peer_pid(stream.as_fd()).ok()?).ok()?;
    let mut still = [PollFd::new(&stream, PollFlags::RDHUP)];
    let gone = poll(&mut still, Some(&Timespec::default())) != Ok(0);
    (!gone).then_some(namespace)
}

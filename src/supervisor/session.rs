//! One process of the container with its streams: the first one, or one of `exec`.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::logs::Stream;
use crate::runtime::{Started, Stdio};
use crate::sys::terminal::{self, WindowSize};

/// What a process shall have as streams.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub stdin: bool,
    /// Without, stdout and stderr lead to nothing.
    pub output: bool,
    /// `Some` for a terminal.
    pub terminal: Option<WindowSize>,
    /// Close the process's stdin when a client's ends.
    pub close_stdin: bool,
}

/// Our ends of the pipes, made before the process.
pub struct Ends {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

pub struct Session {
    pub pid: i32,
    pub pidfd: OwnedFd,
    /// Of an `exec`: what events call it.
    pub exec_id: Option<String>,
    /// By `Stream`. A terminal has the first only.
    pub outputs: [Option<OwnedFd>; 2],
    pub input: Option<Input>,
    console: Option<OwnedFd>,
    close_stdin: bool,
    /// Nobody reads the outputs now, because a client has too much waiting.
    pub paused: bool,
    /// Connections that see the output.
    pub viewers: Vec<usize>,
}

/// The process's stdin, with what it has not taken yet.
pub struct Input {
    pub fd: OwnedFd,
    queue: VecDeque<(usize, Vec<u8>)>,
    /// Bytes of the first chunk that are written.
    written: usize,
    close_when_empty: bool,
    pub watched: bool,
}

/// Bytes of one connection's stdin that went on their way.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken(pub Vec<(usize, usize)>);

fn dev_null() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// A pipe whose end on our side does not block: (read end, write end).
fn pipe(ours_reads: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(if ours_reads { &read } else { &write }, true)?;
    Ok((read, write))
}

impl Wanted {
    /// Makes the streams: what the process gets, and our ends.
    pub fn open(self) -> io::Result<(Stdio, Ends)> {
        if let Some(WindowSize { rows, columns }) = self.terminal {
            return Ok((Stdio::Terminal { rows, columns }, Ends { stdin: None, stdout: None, stderr: None }));
        }
        let (stdin, our_stdin) = match self.stdin {
            true => pipe(false).map(|(read, write)| (read, Some(write)))?,
            false => (dev_null()?, None),
        };
        let output = || match self.output {
            true => pipe(true).map(|(read, write)| (write, Some(read))),
            false => dev_null().map(|null| (null, None)),
        };
        let (stdout, our_stdout) = output()?;
        let (stderr, our_stderr) = output()?;
        let ends = Ends { stdin: our_stdin, stdout: our_stdout, stderr: our_stderr };
        Ok((Stdio::Streams { stdin, stdout, stderr }, ends))
    }
}

impl Session {
    pub fn new(started: Started, ends: Ends, wanted: Wanted) -> io::Result<Session> {
        let (outputs, input) = match &started.console {
            Some(console) => {
                rustix::io::ioctl_fionbio(console, true)?;
                // Copies, so that each can be watched for its own direction.
                ([Some(console.try_clone()?), None], Some(Input::new(console.try_clone()?)))
            }
            None => ([ends.stdout, ends.stderr], ends.stdin.map(Input::new)),
        };
        Ok(Session {
            pid: started.pid,
            pidfd: started.pidfd,
            exec_id: None,
            outputs,
            input,
            console: started.console,
            // A terminal has no end of its input: the one who types it is a key.
            close_stdin: wanted.close_stdin && wanted.terminal.is_none(),
            paused: false,
            viewers: Vec::new(),
        })
    }

    pub fn resize(&self, size: WindowSize) {
        if let Some(console) = &self.console {
            // Its process may just have gone.
            let _ = terminal::set_window_size(console.as_fd(), size);
        }
    }

    /// Reads what a stream has. 0: it has ended. `None`: nothing now.
    pub fn read(&self, stream: Stream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(fd) = &self.outputs[stream as usize] else { return Ok(None) };
        match rustix::io::read(fd, buffer) {
            Ok(n) => Ok(Some(n)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            // How a pty says that nobody has its other side open.
            Err(rustix::io::Errno::IO) => Ok(Some(0)),
            Err(error) => Err(error.into()),
        }
    }

    /// A client's stdin has ended; whether ours shall, once everything is written.
    pub fn end_of_stdin(&mut self) {
        if let Some(input) = &mut self.input
            && self.close_stdin
        {
            input.close_when_empty = true;
        }
    }
}

impl Input {
    fn new(fd: OwnedFd) -> Input {
        Input { fd, queue: VecDeque::new(), written: 0, close_when_empty: false, watched: false }
    }

    pub fn push(&mut self, connection: usize, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.queue.push_back((connection, bytes));
        }
    }

    /// Bytes of one connection that wait.
    pub fn waiting_of(&self, connection: usize) -> usize {
        self.queue.iter().filter(|(of, _)| *of == connection).map(|(_, bytes)| bytes.len()).sum()
    }

    pub fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    pub fn is_finished(&self) -> bool {
        self.close_when_empty && self.queue.is_empty()
    }

    /// Writes what the process takes now. An error means that it takes nothing any more.
    pub fn write(&mut self) -> (Taken, io::Result<()>) {
        let mut taken = Taken::default();
        while let Some((connection, bytes)) = self.queue.front() {
            match rustix::io::write(&self.fd, &bytes[self.written..]) {
                Ok(n) => {
                    taken.0.push((*connection, n));
                    self.written += n;
                    if self.written == bytes.len() {
                        self.written = 0;
                        self.queue.pop_front();
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => {
                    // The client must not wait for ever for what nobody will read.
                    let mut rest = std::mem::take(&mut self.queue);
                    if let Some((connection, bytes)) = rest.pop_front() {
                        taken.0.push((connection, bytes.len() - self.written));
                    }
                    taken.0.extend(rest.into_iter().map(|(connection, bytes)| (connection, bytes.len())));
                    return (taken, Err(error.into()));
                }
            }
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        (taken, Ok(()))
    }
}

impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

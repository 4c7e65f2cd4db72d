//! The caller's side of an attachment: its terminal, its stdin, stdout and stderr, the signals it gets.
//!
//! One thread and one poll(2). Nothing here blocks but a write to a file or terminal: a pipe is written to
//! only as far as it has room, so that signals go through even when nobody reads the output.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;

use super::client::{Client, ClientError};
use super::keys::DetachKeys;
use super::protocol::{Reply, Request, STDIN_CREDIT};
use crate::container::Exit;
use crate::container::spec::AttachStreams;
use crate::sys::signal::{self, SignalFd, SignalSet};
use crate::sys::terminal::{self, RawMode, WindowSize};

/// What a pipe that poll(2) calls writable takes without blocking (PIPE_BUF).
const PIPE_ROOM: usize = 4096;

/// How to attach.
#[derive(Debug, Clone)]
pub struct Options {
    pub streams: AttachStreams,
    /// The process has a terminal.
    pub terminal: bool,
    pub detach_keys: Option<Vec<u8>>,
    pub forward_signals: bool,
    /// Make a running program draw its screen again.
    pub redraw: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Exited(Exit),
    Detached,
}

/// The caller's end, ready before the container starts: no signal falls between.
pub struct Front {
    options: Options,
    signals: SignalFd,
    mask_before: SignalSet,
    raw: Option<RawMode>,
    keys: DetachKeys,
    credit: usize,
    stdin_open: bool,
    /// Output on its way to one of our descriptors: is it stderr, the bytes, how many are out.
    pending: Option<(bool, Vec<u8>, usize)>,
    outputs_are_pipes: [bool; 2],
}

/// The size of the caller's terminal.
pub fn window_size() -> Option<WindowSize> {
    [rustix::stdio::stdout(), rustix::stdio::stdin(), rustix::stdio::stderr()]
        .into_iter()
        .find_map(terminal::window_size)
}

/// Signals that are passed on: all but those that are about this very process (its children, its pipes,
/// its terminal, its timers in Go's case).
fn forwarded() -> SignalSet {
    let mut set = SignalSet::all_forwardable();
    for own in [libc::SIGCHLD, libc::SIGPIPE, libc::SIGURG, libc::SIGTTIN, libc::SIGTTOU, libc::SIGABRT] {
        set.remove(own);
    }
    set
}

fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(fd)
        .is_ok_and(|stat| matches!(FileType::from_raw_mode(stat.st_mode), FileType::Fifo | FileType::Socket))
}

impl Front {
    /// Takes over the signals of this process.
    pub fn new(mut options: Options) -> io::Result<Front> {
        // Keys of a terminal reach the process as bytes, and a killed client must not kill it.
        options.forward_signals &= !options.terminal;
        let set = if options.forward_signals {
            forwarded()
        } else if options.terminal {
            SignalSet::of(&[libc::SIGWINCH, libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT])
        } else {
            SignalSet::empty()
        };
        let mask_before = signal::block(&set)?;
        let keys = options.detach_keys.clone().filter(|_| options.terminal && options.streams.stdin);
        Ok(Front {
            signals: SignalFd::new(&set)?,
            mask_before,
            raw: None,
            keys: DetachKeys::new(keys.unwrap_or_default()),
            credit: STDIN_CREDIT,
            stdin_open: options.streams.stdin,
            pending: None,
            outputs_are_pipes: [is_pipe(rustix::stdio::stdout()), is_pipe(rustix::stdio::stderr())],
            options,
        })
    }

    /// Carries bytes and signals until the process ends or the user detaches.
    pub fn run(mut self, client: &mut Client) -> Result<Ended, ClientError> {
        if self.options.terminal {
            if self.options.streams.stdin && terminal::is_terminal(rustix::stdio::stdin()) {
                self.raw = RawMode::enter(rustix::stdio::stdin()).ok();
            }
            self.greet(client)?;
        }
        loop {
            while self.pending.is_none() {
                let Some(reply) = client.received()? else { break };
                if let Some(ended) = self.take(reply) {
                    return Ok(ended);
                }
                self.write_pending(false)?;
            }
            if let Some(ended) = self.wait(client)? {
                return Ok(ended);
            }
        }
    }

    /// A changed size is what makes programs draw their screen again.
    fn greet(&self, client: &mut Client) -> Result<(), ClientError> {
        let Some(size) = window_size() else { return Ok(()) };
        if self.options.redraw {
            client.send(&Request::Resize(WindowSize { rows: size.rows + 1, ..size }))?;
        }
        client.send(&Request::Resize(size))
    }

    fn take(&mut self, reply: Reply) -> Option<Ended> {
        match reply {
            Reply::Stdout(bytes) => self.pending = Some((false, bytes, 0)),
            Reply::Stderr(bytes) => self.pending = Some((true, bytes, 0)),
            Reply::StdinTaken(n) => self.credit = (self.credit + n).min(STDIN_CREDIT),
            Reply::Exited(exit) => return Some(Ended::Exited(exit)),
            // Answers to signals: one that came too late is no failure of the attachment.
            _ => {}
        }
        None
    }

    /// Writes of the output what goes now. `ready` says that poll(2) has found room.
    fn write_pending(&mut self, mut ready: bool) -> io::Result<()> {
        while let Some((is_stderr, bytes, written)) = &mut self.pending {
            let fd = if *is_stderr { rustix::stdio::stderr() } else { rustix::stdio::stdout() };
            let rest = &bytes[*written..];
            let piece = match self.outputs_are_pipes[usize::from(*is_stderr)] {
                true if !ready && !has_room(fd) => return Ok(()),
                true => &rest[..rest.len().min(PIPE_ROOM)],
                false => rest,
            };
            ready = false;
            match rustix::io::write(fd, piece) {
                Ok(n) => *written += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    // Somebody else has made our stdout non-blocking.
                    let _ = poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None);
                }
                Err(rustix::io::Errno::PIPE) => self.die_of(libc::SIGPIPE),
                Err(error) => return Err(error.into()),
            }
            if let Some((_, bytes, written)) = &self.pending
                && *written >= bytes.len()
            {
                self.pending = None;
            }
        }
        Ok(())
    }

    fn wait(&mut self, client: &mut Client) -> Result<Option<Ended>, ClientError> {
        let reads_stdin = self.stdin_open && self.credit > 0;
        let output = self.pending.as_ref().map(|(is_stderr, ..)| match is_stderr {
            true => rustix::stdio::stderr(),
            false => rustix::stdio::stdout(),
        });
        // With output waiting no more is read: that is what holds the container back.
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            match output {
                Some(output) => PollFd::from_borrowed_fd(output, PollFlags::OUT),
                None => PollFd::from_borrowed_fd(client.as_fd(), PollFlags::IN),
            },
        ];
        if reads_stdin {
            fds.push(PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        while let Some(number) = self.signals.read()? {
            self.signal(number, client)?;
        }
        match output {
            Some(_) if ready[1] => self.write_pending(true)?,
            None if ready[1] => client.fill()?,
            _ => {}
        }
        if reads_stdin && ready[2] {
            return self.stdin(client);
        }
        Ok(None)
    }

    fn stdin(&mut self, client: &mut Client) -> Result<Option<Ended>, ClientError> {
        let mut buffer = vec![0; self.credit.min(32 * 1024)];
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => {
                self.stdin_open = false;
                client.send(&Request::CloseStdin)?;
            }
            Ok(n) => {
                let mut typed = Vec::with_capacity(n);
                let detached = self.keys.pass(&buffer[..n], &mut typed);
                if !typed.is_empty() {
                    self.credit = self.credit.saturating_sub(typed.len());
                    client.send(&Request::Stdin(typed))?;
                }
                if detached {
                    client.send(&Request::Detach)?;
                    return Ok(Some(Ended::Detached));
                }
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            // The terminal has gone, or we are in its background: no more input, the rest goes on.
            Err(_) => {
                self.stdin_open = false;
                client.send(&Request::CloseStdin)?;
            }
        }
        Ok(None)
    }

    fn signal(&mut self, number: i32, client: &mut Client) -> Result<(), ClientError> {
        match number {
            libc::SIGWINCH if self.options.terminal => match window_size() {
                Some(size) => client.send(&Request::Resize(size)),
                None => Ok(()),
            },
            _ if self.options.forward_signals => client.send(&Request::Signal(number)),
            _ => self.die_of(number),
        }
    }

    /// Ends as the signal's default would have ended us, with the terminal as it was.
    fn die_of(&mut self, number: i32) -> ! {
        self.raw = None;
        signal::restore_default(number);
        let _ = signal::unblock(&SignalSet::of(&[number]));
        signal::raise(number);
        std::process::exit(128 + number);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // The terminal first: a signal that is pending may end us.
        self.raw = None;
        let _ = signal::set_mask(&self.mask_before);
    }
}

fn has_room(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|n| n > 0)
}

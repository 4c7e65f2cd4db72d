//! What the supervisor and a stage say to each other over the socket on descriptor 3: first the paper
//! (length, JSON) downwards; then upwards perhaps a terminal, and perhaps why it went wrong. The
//! socket closes by itself when the command is executed: that is the success.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::sys::socket;

/// The side on which a failure lies; decides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fault {
    CommandNotFound,
    NotExecutable,
    /// A wish that cannot be granted.
    Wish,
    System,
}

/// Why a stage could not execute the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub fault: Fault,
    pub text: String,
    /// Docker's daemon says this itself, without the words of an OCI runtime around it.
    pub verbatim: bool,
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(fault: Fault, text: impl Into<String>) -> Failure {
        Failure { fault, text: text.into(), verbatim: false, hint: None }
    }
    /// `what: errno's text`, as Go programs write it.
    pub fn system(what: impl std::fmt::Display, error: impl Into<io::Error>) -> Failure {
        Failure::new(Fault::System, format!("{what}: {}", reason(&error.into())))
    }
    pub fn verbatim(mut self) -> Failure {
        self.verbatim = true;
        self
    }
    pub fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

/// An error's text as Go writes it, which scripts look for: `no such file or directory`.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

const TERMINAL: u8 = b'T';
const FAILURE: u8 = b'F';
/// More than the kernel takes as arguments and environment (ARG_MAX) with mounts and filter on top.
const LONGEST: u32 = 64 << 20;

pub(super) fn send_paper(mut to: &UnixStream, paper: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, paper)?;
    let length = u32::try_from(bytes.len() - 4).map_err(|_| io::ErrorKind::InvalidInput)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&bytes)
}

pub(super) fn receive_paper<T: DeserializeOwned>(mut from: &UnixStream) -> io::Result<T> {
    Ok(serde_json::from_slice(&receive_bytes(&mut from)?)?)
}

fn receive_bytes(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Sends the master side of the terminal up.
pub(super) fn send_terminal(to: &UnixStream, master: BorrowedFd<'_>) -> io::Result<()> {
    socket::send_with_fd(to.as_fd(), &[TERMINAL], master)?;
    Ok(())
}

/// Tells why it failed. Nobody is left to hear it if this fails.
pub(super) fn send_failure(mut to: &UnixStream, failure: &Failure) {
    let mut bytes = vec![FAILURE, 0, 0, 0, 0];
    if serde_json::to_writer(&mut bytes, failure).is_ok() {
        let length = (bytes.len() - 5) as u32;
        bytes[1..5].copy_from_slice(&length.to_le_bytes());
        let _ = to.write_all(&bytes);
    }
}

/// Listens until the command runs (`Ok`, with the terminal if one was sent) or has failed.
pub(super) fn await_start(mut from: &UnixStream) -> Result<Option<OwnedFd>, Failure> {
    let lost = |error: io::Error| Failure::system("hearing from the container's first process", error);
    let mut console = None;
    loop {
        let mut kind = [0u8];
        let (received, descriptor) = socket::receive_with_fd(from.as_fd(), &mut kind).map_err(lost)?;
        console = console.or(descriptor);
        match (received, kind[0]) {
            (0, _) => return Ok(console),
            (_, TERMINAL) => {}
            (_, FAILURE) => {
                let bytes = receive_bytes(&mut from).map_err(lost)?;
                return Err(serde_json::from_slice(&bytes).map_err(|e| lost(e.into()))?);
            }
            _ => return Err(lost(io::ErrorKind::InvalidData.into())),
        }
    }
}

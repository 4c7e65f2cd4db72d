//! What the supervisor and a stage say to each other over the socket on descriptor 3: first the paper
//! (length, JSON) downwards; then upwards perhaps a descriptor, perhaps a filter's listener with the
//! identity of the process under it, and perhaps why it went wrong. The
//! socket closes by itself when the command is executed: that is the success.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::identity::Credentials;
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

const DESCRIPTOR: u8 = b'D';
const FAILURE: u8 = b'F';
const LISTENER: u8 = b'L';
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

/// Sends up what could only be opened inside: the master side of a terminal, a mount.
pub(super) fn send_descriptor(to: &UnixStream, opened: BorrowedFd<'_>) -> io::Result<()> {
    socket::send_with_fd(to.as_fd(), &[DESCRIPTOR], opened)?;
    Ok(())
}

/// Sends up where system calls are to be answered, and who this process is.
pub(super) fn send_listener(
    mut to: &UnixStream,
    listener: BorrowedFd<'_>,
    identity: &Credentials,
) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, identity)?;
    let length = (bytes.len() - 4) as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    socket::send_with_fd(to.as_fd(), &[LISTENER], listener)?;
    to.write_all(&bytes)
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

/// Listens until the command runs (`Ok`, with the descriptor if one was sent) or has failed. `attend` is
/// given the listener of the filter that the process is under, and its identity: it waits for answers.
pub(super) fn await_start(
    mut from: &UnixStream,
    attend: impl Fn(OwnedFd, Credentials) -> io::Result<()>,
) -> Result<Option<OwnedFd>, Failure> {
    let lost = |error: io::Error| Failure::system("hearing from the container's first process", error);
    let mut opened = None;
    loop {
        let mut kind = [0u8];
        let (received, descriptor) = socket::receive_with_fd(from.as_fd(), &mut kind).map_err(lost)?;
        match (received, kind[0], descriptor) {
            (0, ..) => return Ok(opened),
            (_, DESCRIPTOR, descriptor) => opened = opened.or(descriptor),
            (_, LISTENER, Some(listener)) => {
                let bytes = receive_bytes(&mut from).map_err(lost)?;
                let identity = serde_json::from_slice(&bytes).map_err(|e| lost(e.into()))?;
                attend(listener, identity)
                    .map_err(|e| Failure::system("handing over to the emulator of users", e))?;
            }
            (_, FAILURE, _) => {
                let bytes = receive_bytes(&mut from).map_err(lost)?;
                return Err(serde_json::from_slice(&bytes).map_err(|e| lost(e.into()))?);
            }
            _ => return Err(lost(io::ErrorKind::InvalidData.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_and_failures_arrive_whole() {
        let (above, below) = UnixStream::pair().unwrap();
        send_paper(&above, &vec!["a".repeat(10_000)]).unwrap();
        assert_eq!(receive_paper::<Vec<String>>(&below).unwrap()[0].len(), 10_000);
        let failure = Failure::new(Fault::NotExecutable, "exec").verbatim().with_hint("hint");
        send_failure(&below, &failure);
        assert_eq!(await_start(&above, |_, _| Ok(())).unwrap_err(), failure);
    }

    #[test]
    fn the_end_of_the_channel_is_the_start_of_the_command() {
        let (above, below) = UnixStream::pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        send_descriptor(&below, null.as_fd()).unwrap();
        drop(below);
        assert!(await_start(&above, |_, _| Ok(())).unwrap().is_some());
    }

    #[test]
    fn what_a_stage_would_never_say_is_an_error() {
        for said in [&b"X"[..], b"F\x05\0\0\0{}", b"F\xff\xff\xff\xff", b"F\x02\0\0\0{}"] {
            let (above, mut below) = UnixStream::pair().unwrap();
            below.write_all(said).unwrap();
            drop(below);
            assert_eq!(await_start(&above, |_, _| Ok(())).unwrap_err().fault, Fault::System, "{said:?}");
        }
    }

    #[test]
    fn reasons_read_as_go_writes_them() {
        for (number, text) in [
            (libc::ENOENT, "no such file or directory"),
            (libc::EACCES, "permission denied"),
            (libc::ENOEXEC, "exec format error"),
            (libc::EISDIR, "is a directory"),
        ] {
            assert_eq!(reason(&io::Error::from_raw_os_error(number)), text);
        }
    }
}

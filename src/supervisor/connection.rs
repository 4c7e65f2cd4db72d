//! One client: bytes in become requests, replies wait here until the client takes them.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use super::protocol::{Decoder, Malformed, Message, Reply, Request};
use crate::container::spec::AttachStreams;

/// Bytes that may wait for a client before the streams it is attached to are no longer read.
pub const HIGH: usize = 256 * 1024;
/// Bytes at which reading goes on.
pub const LOW: usize = 64 * 1024;

/// What a connection is attached to.
#[derive(Debug, Clone, Copy)]
pub struct Attachment {
    pub session: usize,
    pub streams: AttachStreams,
}

pub struct Connection {
    stream: UnixStream,
    decoder: Decoder,
    out: Vec<u8>,
    sent: usize,
    pub attachment: Option<Attachment>,
    /// Wants to know the end of the container.
    pub waiting: bool,
    /// Wants to know what comes of the health check that runs.
    pub asks_for_health: bool,
    /// Is told no more; goes when it has taken what is there.
    pub closing: bool,
    /// Whether the poller watches for room.
    pub watched_for_room: bool,
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    #[error("the client has closed")]
    Closed,
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl Connection {
    pub fn new(stream: UnixStream) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream,
            decoder: Decoder::default(),
            out: Vec::new(),
            sent: 0,
            attachment: None,
            waiting: false,
            asks_for_health: false,
            closing: false,
            watched_for_room: false,
        })
    }

    /// Bytes that the client has not taken yet.
    pub fn queued(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Takes in what has come. `request` then gives the requests.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<(), Gone> {
        match self.stream.read(buffer) {
            Ok(0) => Err(Gone::Closed),
            Ok(n) => {
                self.decoder.feed(&buffer[..n]);
                Ok(())
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    pub fn request(&mut self) -> Result<Option<Request>, Gone> {
        Ok(self.decoder.take()?)
    }

    pub fn reply(&mut self, reply: &Reply) -> Result<(), Gone> {
        let mut bytes = Vec::new();
        reply.encode(&mut bytes);
        self.send(&bytes, &[])
    }

    /// Sends head and body, or keeps what the client does not take now.
    pub fn send(&mut self, head: &[u8], body: &[u8]) -> Result<(), Gone> {
        let mut taken = 0;
        if self.queued() == 0 {
            match self.stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]) {
                Ok(n) => taken = n,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(e) => return Err(e.into()),
            }
        }
        for part in [head, body] {
            let skip = taken.min(part.len());
            self.out.extend_from_slice(&part[skip..]);
            taken -= skip;
        }
        Ok(())
    }

    /// Sends of the queue what the client takes now.
    pub fn flush(&mut self) -> Result<(), Gone> {
        while self.queued() > 0 {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        if self.queued() == 0 {
            self.out = Vec::new();
            self.sent = 0;
        } else if self.sent > HIGH {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

//! `mode=non-blocking`: the container never waits for its log. What the log's disk does not take in time
//! waits in memory, and what does not fit there is lost, as with Docker.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::{Sink, Stream};

pub struct Ring {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    news: Condvar,
    limit: usize,
}

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    bytes: usize,
    closed: bool,
}

enum Piece {
    Bytes(Stream, Vec<u8>),
    End(Stream),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no panic while it is held")
    }
}

impl Ring {
    pub fn new(mut sink: Box<dyn Sink>, limit: usize) -> io::Result<Ring> {
        let shared = Arc::new(Shared { waiting: Mutex::default(), news: Condvar::new(), limit });
        let of_writer = shared.clone();
        let writer = thread::Builder::new().name("log".into()).spawn(move || {
            while let Some(piece) = next(&of_writer) {
                let result = match &piece {
                    Piece::Bytes(stream, bytes) => sink.write(*stream, bytes),
                    Piece::End(stream) => sink.finish(*stream),
                };
                if let Err(error) = result {
                    tracing::debug!(%error, "log not written");
                }
            }
        })?;
        Ok(Ring { shared, writer: Some(writer) })
    }
}

/// `None` when closed and everything is written.
fn next(shared: &Shared) -> Option<Piece> {
    let mut waiting = shared.lock();
    loop {
        if let Some(piece) = waiting.pieces.pop_front() {
            if let Piece::Bytes(_, bytes) = &piece {
                waiting.bytes -= bytes.len();
            }
            return Some(piece);
        }
        if waiting.closed {
            return None;
        }
        waiting = shared.news.wait(waiting).expect("no panic while it is held");
    }
}

impl Sink for Ring {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let mut waiting = self.shared.lock();
        if waiting.bytes + bytes.len() > self.shared.limit && waiting.bytes > 0 {
            tracing::debug!(bytes = bytes.len(), "log lost: its buffer is full");
            return Ok(());
        }
        waiting.bytes += bytes.len();
        waiting.pieces.push_back(Piece::Bytes(stream, bytes.to_vec()));
        self.shared.news.notify_one();
        Ok(())
    }

    fn finish(&mut self, stream: Stream) -> io::Result<()> {
        self.shared.lock().pieces.push_back(Piece::End(stream));
        self.shared.news.notify_one();
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.news.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// Takes a piece only when told to.
    struct Slow {
        may_go: Receiver<()>,
        taken: SyncSender<Vec<u8>>,
    }

    impl Sink for Slow {
        fn write(&mut self, _: Stream, bytes: &[u8]) -> io::Result<()> {
            let _ = self.may_go.recv();
            let _ = self.taken.send(bytes.to_vec());
            Ok(())
        }
        fn finish(&mut self, _: Stream) -> io::Result<()> {
            let _ = self.taken.send(b"end".to_vec());
            Ok(())
        }
    }

    #[test]
    fn a_slow_log_holds_nobody_up_and_what_does_not_fit_is_lost() {
        let (go, may_go) = sync_channel(100);
        let (taken, seen) = sync_channel(100);
        let mut ring = Ring::new(Box::new(Slow { may_go, taken }), 10).unwrap();
        ring.write(Stream::Stdout, b"first").unwrap();
        // The writer has the first piece in its hands: the buffer is free.
        while ring.shared.lock().bytes > 0 {
            thread::yield_now();
        }
        for piece in [&b"123456"[..], b"7890", b"lost", b"lost too"] {
            ring.write(Stream::Stdout, piece).unwrap();
        }
        ring.finish(Stream::Stdout).unwrap();
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        drop(ring);
        let got: Vec<Vec<u8>> = seen.try_iter().collect();
        assert_eq!(got, [&b"first"[..], b"123456", b"7890", b"end"]);
    }

    #[test]
    fn one_piece_larger_than_the_buffer_is_taken() {
        let (go, may_go) = sync_channel(1);
        let (taken, seen) = sync_channel(10);
        let mut ring = Ring::new(Box::new(Slow { may_go, taken }), 0).unwrap();
        go.send(()).unwrap();
        ring.write(Stream::Stderr, b"large").unwrap();
        drop(ring);
        assert_eq!(seen.try_iter().next().unwrap(), b"large");
    }
}

//! Chunks of bytes from one thread to another: a bounded queue whose buffers are used again, so that
//! memory is flat and no page is touched for the first time twice.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// Large enough that a hand-over costs nothing against inflating what is in it.
pub(super) const CHUNK: usize = 256 << 10;
/// How many chunks may wait: enough for one side to go on while the other writes to the disk.
const DEPTH: usize = 4;

enum Message {
    Chunk(Vec<u8>),
    /// The writer came to its end in order. A writer that dies sends none.
    End,
    Failed(io::Error),
}

pub(super) struct PipeWriter {
    queue: SyncSender<Message>,
    used: Receiver<Vec<u8>>,
}

pub(super) struct PipeReader {
    queue: Receiver<Message>,
    used: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    /// How much of the chunk was consumed.
    at: usize,
    ended: bool,
}

/// The other side is gone: it failed, and knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

pub(super) fn pipe() -> (PipeWriter, PipeReader) {
    let (queue, queued) = sync_channel(DEPTH);
    let (used, returned) = channel();
    let reader = PipeReader { queue: queued, used, chunk: Vec::new(), at: 0, ended: false };
    (PipeWriter { queue, used: returned }, reader)
}

impl PipeWriter {
    /// Reads `source` to its end, in whole chunks, showing each to `look` before it is sent on.
    pub fn copy_from(
        &self,
        mut source: impl Read,
        mut look: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, Closed> {
        loop {
            let mut chunk = self.used.try_recv().unwrap_or_default();
            chunk.resize(CHUNK, 0);
            let (len, failure) = fill(&mut source, &mut chunk);
            chunk.truncate(len);
            let failure = look(&chunk).err().or(failure);
            if let Some(error) = failure {
                // The reader learns that it failed, the caller why.
                let told = io::Error::new(error.kind(), "the source failed");
                let _ = self.queue.send(Message::Failed(told));
                return Ok(Err(error));
            }
            let last = len < CHUNK;
            if len > 0 {
                self.queue.send(Message::Chunk(chunk)).map_err(|_| Closed)?;
            }
            if last {
                return self.queue.send(Message::End).map(Ok).map_err(|_| Closed);
            }
        }
    }
}

/// Reads until the buffer is full or the source ends or fails.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut len = 0;
    while len < buffer.len() {
        match source.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(got) => len += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (len, Some(error)),
        }
    }
    (len, None)
}

impl PipeReader {
    /// Whether all of the chunk at hand was consumed: the next `fill_buf` brings another.
    pub fn is_drained(&self) -> bool {
        self.at == self.chunk.len()
    }
}

impl BufRead for PipeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.chunk.len() && !self.ended {
            // A writer that is gone takes no buffers back.
            let _ = self.used.send(std::mem::take(&mut self.chunk));
            self.at = 0;
            match self.queue.recv() {
                Ok(Message::Chunk(chunk)) => self.chunk = chunk,
                Ok(Message::End) => self.ended = true,
                Ok(Message::Failed(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, len: usize) {
        self.at = self.chunk.len().min(self.at + len);
    }
}

impl Read for PipeReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(out)?;
        self.consume(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_and_buffers_come_back() {
        let content: Vec<u8> = (0..3 * CHUNK + 7).map(|at| (at / 1000) as u8).collect();
        let (writer, mut reader) = pipe();
        let source = &content[..];
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut seen = 0;
                let look = |chunk: &[u8]| {
                    seen += chunk.len();
                    Ok(())
                };
                writer.copy_from(source, look).unwrap().unwrap();
                assert_eq!(seen, source.len());
            });
            let mut got = Vec::new();
            reader.read_to_end(&mut got).unwrap();
            assert!(got == content);
        });
    }

    #[test]
    fn a_writer_that_dies_is_no_end() {
        let (writer, mut reader) = pipe();
        drop(writer);
        assert!(reader.read(&mut [0]).is_err());
    }

    #[test]
    fn a_reader_that_left_stops_the_writer() {
        let (writer, reader) = pipe();
        drop(reader);
        assert_eq!(writer.copy_from(io::repeat(1), |_| Ok(())).err(), Some(Closed));
    }
}

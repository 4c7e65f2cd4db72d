//! A layer's way in: one pass, three threads.
//!
//! ```text
//! caller: read, hash the blob ──chunks──▶ inflate ──chunks──▶ hash the tar, write it, index it
//! ```
//!
//! Inflating takes three quarters of the work, so that the whole takes about as long as inflating alone.
//! Memory is a few chunks and the index of the members (about 110 bytes and the name for each). Runs of
//! zeros in the tar become holes of its file.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::FileExt;
use std::thread;

use super::index::{Draft, LayerBuilder};
use super::pipe::{CHUNK, PipeReader, PipeWriter, pipe};
use super::store::{Compression, Expected, Ingested, LayerError};
use super::tar::{TarError, TarReader};
use super::{DiffId, index};
use crate::digest::{Digest, Digester};

/// Smallest run of zeros that becomes a hole: smaller ones cost more in extents than they save.
const HOLE: usize = 64 << 10;

/// Reads a layer's blob to its end: writes its tar to `tar`, and returns what it was and its index.
/// Digests and sizes are checked against `expected`.
pub(super) fn ingest(
    blob: impl Read,
    expected: &Expected,
    tar: &File,
) -> Result<(Ingested, Draft), LayerError> {
    let (compressed, inflating) = pipe();
    let (inflated, indexing) = pipe();
    let (source, inflate, sink) = thread::scope(|scope| {
        let inflate = spawn(scope, "inflate", move || decompress(inflating, &inflated));
        let sink = spawn(scope, "index", move || Sink::new(indexing, tar).run());
        let source = feed(blob, expected, compressed);
        (source, inflate.map(join), sink.map(join))
    });
    // Where it went wrong first is what went wrong: the stages after it only saw their input end. A stage
    // that was told to stop (`None`) leaves it to the later ones to say why.
    let source = source?;
    if let Some((blob, size)) = &source {
        check_blob(expected, blob, *size)?;
    }
    let inflate = inflate.map_err(LayerError::Thread)?.map_err(LayerError::Decompress)?;
    let sink = sink.map_err(LayerError::Thread)??;
    let (Some((blob, blob_size)), Some(compression)) = (source, inflate) else {
        unreachable!("a stage stops early only for a later one that failed")
    };
    if let Some(wanted) = expected.diff_id
        && wanted != sink.diff_id
    {
        return Err(LayerError::DiffId { expected: wanted, got: sink.diff_id });
    }
    let ingested = Ingested { diff_id: sink.diff_id, size: sink.size, blob, blob_size, compression };
    Ok((ingested, sink.builder.finish(sink.diff_id, sink.size)))
}

/// Reads a tar that is in a store already, and returns its digest and its index.
pub(super) fn reindex(tar: impl BufRead) -> Result<(DiffId, Draft), LayerError> {
    let mut input = Counting { input: tar, digester: Digester::new(), size: 0 };
    let builder = scan(&mut input)?;
    io::copy(&mut input, &mut io::sink()).map_err(|source| LayerError::Tar(TarError::Read(source)))?;
    let (id, size) = (DiffId(input.digester.finish()), input.size);
    Ok((id, builder.finish(id, size)))
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<thread::ScopedJoinHandle<'scope, T>> {
    thread::Builder::new().name(name.to_owned()).stack_size(256 << 10).spawn_scoped(scope, work)
}

fn join<T>(handle: thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn check_blob(expected: &Expected, blob: &Digest, size: u64) -> Result<(), LayerError> {
    match (expected.blob_size, expected.blob) {
        (Some(wanted), _) if wanted != size => Err(LayerError::BlobSize { expected: wanted, got: size }),
        (_, Some(wanted)) if wanted != *blob => Err(LayerError::BlobDigest { expected: wanted, got: *blob }),
        _ => Ok(()),
    }
}

/// Reads the blob. `None` if the stages after it stopped before its end.
fn feed(
    blob: impl Read,
    expected: &Expected,
    output: PipeWriter,
) -> Result<Option<(Digest, u64)>, LayerError> {
    let mut digester = Digester::new();
    let mut size = 0;
    let limit = expected.blob_size.unwrap_or(u64::MAX);
    let fed = output.copy_from(blob, |chunk| {
        digester.update(chunk);
        size += chunk.len() as u64;
        if size > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    });
    match fed {
        Err(_closed) => Ok(None),
        Ok(Err(_)) if size > limit => Err(LayerError::BlobSize { expected: limit, got: size }),
        Ok(Err(source)) => Err(LayerError::Read(source)),
        Ok(Ok(())) => Ok(Some((digester.finish(), size))),
    }
}

/// Inflates all of the input. `None` if the stage after it stopped.
fn decompress(mut input: PipeReader, output: &PipeWriter) -> io::Result<Option<Compression>> {
    let pass = |source: &mut dyn Read| match output.copy_from(source, |_| Ok(())) {
        Ok(result) => result.map(|()| true),
        Err(_closed) => Ok(false),
    };
    let compression = Compression::of(input.fill_buf()?)?;
    let whole = match compression {
        Compression::None => pass(&mut input),
        Compression::Gzip => pass(&mut flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Zstd => pass(&mut zstd::stream::read::Decoder::with_buffer(input)?),
    }?;
    Ok(whole.then_some(compression))
}

impl Compression {
    /// Recognised by the first bytes (RFC 1952 section 2.3.1, RFC 8878 sections 3.1.1 and 3.1.2).
    pub fn of(start: &[u8]) -> io::Result<Compression> {
        let refuse = |name| {
            Err(io::Error::new(io::ErrorKind::Unsupported, format!("{name} compression is not supported")))
        };
        match start {
            [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Compression::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => refuse("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => refuse("bzip2"),
            _ => Ok(Compression::None),
        }
    }
}

/// Reads the members of an archive up to its end mark.
fn scan(input: &mut impl BufRead) -> Result<LayerBuilder, LayerError> {
    let mut members = TarReader::new(input);
    let mut builder = LayerBuilder::new();
    while let Some(member) = members.next_member().map_err(LayerError::Tar)? {
        builder.add(&member).map_err(LayerError::Member)?;
    }
    Ok(builder)
}

/// The last stage: every chunk that comes is hashed and written as a whole, then the archive's reader has it.
struct Sink<'a> {
    input: PipeReader,
    tar: &'a File,
    digester: Digester,
    size: u64,
    /// Whether the chunk at hand was hashed and written.
    taken: bool,
    write_error: Option<io::Error>,
}

struct Sunk {
    diff_id: DiffId,
    size: u64,
    builder: LayerBuilder,
}

impl<'a> Sink<'a> {
    fn new(input: PipeReader, tar: &'a File) -> Sink<'a> {
        Sink { input, tar, digester: Digester::new(), size: 0, taken: false, write_error: None }
    }

    fn run(mut self) -> Result<Sunk, LayerError> {
        let builder = self.scan_to_end();
        if let Some(source) = self.write_error {
            return Err(LayerError::Write(source));
        }
        let builder = builder?;
        // The last hole, if the tar ends with one.
        self.tar.set_len(self.size).map_err(LayerError::Write)?;
        Ok(Sunk { diff_id: DiffId(self.digester.finish()), size: self.size, builder })
    }

    /// What follows the archive's end mark is part of the layer too: its digest is over every byte.
    fn scan_to_end(&mut self) -> Result<LayerBuilder, LayerError> {
        let builder = scan(self)?;
        loop {
            match self
                .fill_buf()
                .map(<[u8]>::len)
                .map_err(|source| LayerError::Tar(TarError::Read(source)))?
            {
                0 => return Ok(builder),
                len => self.consume(len),
            }
        }
    }
}

impl BufRead for Sink<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let chunk = self.input.fill_buf()?;
        if !self.taken {
            self.taken = true;
            self.digester.update(chunk);
            if let Err(error) = write_sparse(self.tar, chunk, self.size) {
                let kind = error.kind();
                self.write_error = Some(error);
                return Err(kind.into());
            }
            self.size += chunk.len() as u64;
        }
        Ok(chunk)
    }

    fn consume(&mut self, len: usize) {
        self.input.consume(len);
        self.taken = !self.input.is_drained();
    }
}

impl Read for Sink<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(out)?;
        self.consume(got);
        Ok(got)
    }
}

/// Writes what is not zero.
fn write_sparse(file: &File, chunk: &[u8], offset: u64) -> io::Result<()> {
    const { assert!(CHUNK.is_multiple_of(HOLE)) };
    let mut start = 0;
    for (at, piece) in chunk.chunks(HOLE).enumerate().map(|(n, piece)| (n * HOLE, piece)) {
        if is_zero(piece) {
            file.write_all_at(&chunk[start..at], offset + start as u64)?;
            start = at + piece.len();
        }
    }
    file.write_all_at(&chunk[start..], offset + start as u64)
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<32>();
    words.iter().all(|word| *word == [0; 32]) && rest.iter().all(|byte| *byte == 0)
}

/// Hashes and counts what is read through it.
struct Counting<R> {
    input: R,
    digester: Digester,
    size: u64,
}

impl<R: BufRead> BufRead for Counting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }
    fn consume(&mut self, len: usize) {
        // What was shown by `fill_buf` is shown again without reading: `len` bytes of it are there.
        if let Ok(buffer) = self.input.fill_buf() {
            self.digester.update(&buffer[..len]);
            self.size += len as u64;
        }
        self.input.consume(len);
    }
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(out)?;
        self.consume(got);
        Ok(got)
    }
}

/// The index of a tar in memory: for tests and for whoever has no store.
pub fn index_of(tar: &[u8]) -> Result<index::Index, LayerError> {
    reindex(tar).map(|(_, draft)| index::Index::from_draft(&draft))
}

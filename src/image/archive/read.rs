//! One pass over an archive: layers into the layer store, papers into memory.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use super::{ArchiveError, BLOBS};
use crate::digest::Digest;
use crate::image::manifest::SIZE_MAX;
use crate::image::{Progress, Step};
use crate::layer::store::{Compression, Expected, LayerError};
use crate::layer::tar::{Data, Member, MemberKind, TarError, TarReader};
use crate::layer::{DiffId, LayerStore, Lease};

/// Bytes of papers kept in memory. Attestations of a large multi-platform image come to some 20 MiB.
const PAPERS_MAX: usize = 64 << 20;
/// Members remembered by name. An image has at most 1024 layers, each old one with three files.
const MEMBERS_MAX: usize = 1 << 16;
/// A chain of links longer than this is a circle.
const LINKS_MAX: usize = 16;
/// Enough to tell a tar by its first header.
const START: usize = 512;
/// Progress is told in steps of this many bytes.
const TOLD_EACH: u64 = 1 << 20;
const BUFFER: usize = 256 << 10;

/// How an archive as a whole is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Packing {
    /// Told by the first bytes.
    pub fn of(start: &[u8]) -> Packing {
        match Compression::of(start) {
            Ok(Compression::None) => Packing::None,
            Ok(Compression::Gzip) => Packing::Gzip,
            Ok(Compression::Zstd) => Packing::Zstd,
            Err(_) if start.starts_with(b"BZ") => Packing::Bzip2,
            Err(_) => Packing::Xz,
        }
    }
}

/// The name of the program that unpacks it.
impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Packing::None => "nothing",
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Xz => "xz",
            Packing::Bzip2 => "bzip2",
        })
    }
}

/// A layer that is in the layer store now.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub diff_id: DiffId,
    /// Length of the uncompressed tar.
    pub size: u64,
    /// Digest and length of the bytes in the archive.
    pub blob: Digest,
    pub blob_size: u64,
}

enum Content {
    Paper(Vec<u8>),
    Layer(Layer),
    /// Looks like JSON and is too large for a paper.
    Large(u64),
    /// Not a layer that can be used; whether that matters, the papers say.
    Unusable(Arc<LayerError>),
}

/// What an archive held, by cleaned path. Of several members of one name, the last counts, as if they
/// had been unpacked.
pub(super) struct Members {
    files: HashMap<String, Content>,
    links: HashMap<String, String>,
}

impl Members {
    /// Reads an archive to its end. `came` gets the layers that were not in the store before, whether it
    /// succeeds or not.
    pub fn read(
        archive: impl Read + Send,
        layers: &LayerStore,
        lease: &Lease,
        progress: &dyn Progress,
        came: &mut HashSet<DiffId>,
    ) -> Result<Members, ArchiveError> {
        let mut input = unpacked(archive)?;
        let mut reading = Reading {
            members: Members { files: HashMap::new(), links: HashMap::new() },
            paper_bytes: 0,
            layers,
            before: layers.list().map_err(ArchiveError::Store)?.into_iter().collect(),
            came,
            lease,
            progress,
        };
        let mut tar = TarReader::new(&mut input);
        while let Some(member) = tar.next_member().map_err(ArchiveError::Tar)? {
            reading.take(&member, &mut tar)?;
        }
        // A writer that is still writing padding must not die of a closed pipe, and a compressed archive
        // has its checksum at the end.
        io::copy(&mut input, &mut io::sink()).map_err(read_error)?;
        Ok(reading.members)
    }

    pub fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    fn find(&self, path: &str) -> Option<&Content> {
        let mut path = clean(path);
        for _ in 0..LINKS_MAX {
            if let Some(content) = self.files.get(&path) {
                return Some(content);
            }
            path.clone_from(self.links.get(&path)?);
        }
        None
    }

    /// A config or manifest.
    pub fn paper(&self, path: &str) -> Result<&[u8], ArchiveError> {
        match self.find(path) {
            Some(Content::Paper(bytes)) => Ok(bytes),
            Some(Content::Large(size)) => Err(ArchiveError::TooLarge { path: path.to_owned(), size: *size }),
            Some(Content::Layer(_) | Content::Unusable(_)) => Err(ArchiveError::NotJson(path.to_owned())),
            None => Err(ArchiveError::Missing(path.to_owned())),
        }
    }

    /// The layer at this path; `None` if the archive does not have it.
    pub fn layer(&self, path: &str) -> Result<Option<&Layer>, ArchiveError> {
        let unusable = |source| ArchiveError::Layer { path: path.to_owned(), source };
        match self.find(path) {
            Some(Content::Layer(layer)) => Ok(Some(layer)),
            Some(Content::Unusable(error)) => Err(unusable(Arc::clone(error))),
            Some(Content::Paper(_) | Content::Large(_)) => {
                let why = TarError::Invalid { offset: 0, why: "this is JSON".into() };
                Err(unusable(Arc::new(LayerError::Tar(why))))
            }
            None => Ok(None),
        }
    }

    /// All papers that are blobs, with their digests.
    pub fn blobs(&self) -> impl Iterator<Item = (Digest, &[u8])> {
        self.files.iter().filter_map(|(path, content)| match content {
            Content::Paper(bytes) => Some((blob_digest(path)?, bytes.as_slice())),
            _ => None,
        })
    }
}

struct Reading<'a> {
    members: Members,
    paper_bytes: usize,
    layers: &'a LayerStore,
    /// What was in the store when this began.
    before: HashSet<DiffId>,
    came: &'a mut HashSet<DiffId>,
    lease: &'a Lease,
    progress: &'a dyn Progress,
}

impl Reading<'_> {
    fn take<R: BufRead + Send>(
        &mut self,
        member: &Member,
        tar: &mut TarReader<R>,
    ) -> Result<(), ArchiveError> {
        // Names that are not UTF-8 cannot stand in any JSON.
        let Ok(name) = std::str::from_utf8(&member.name) else { return Ok(()) };
        let path = clean(name);
        match member.kind {
            MemberKind::File => {
                let content = self.content(&path, member, tar)?;
                self.members.links.remove(&path);
                self.members.files.extend(content.map(|content| (path, content)));
            }
            MemberKind::Symlink | MemberKind::HardLink => {
                let target = String::from_utf8_lossy(&member.target);
                let below = match member.kind {
                    MemberKind::Symlink if !target.starts_with('/') => {
                        path.rsplit_once('/').map_or("", |s| s.0)
                    }
                    _ => "",
                };
                let target = clean(&format!("{below}/{target}"));
                self.members.files.remove(&path);
                self.members.links.insert(path, target);
            }
            _ => {}
        }
        match self.members.files.len() + self.members.links.len() > MEMBERS_MAX {
            true => Err(ArchiveError::TooMany(MEMBERS_MAX)),
            false => Ok(()),
        }
    }

    /// What a file of the archive is; nothing for what nobody reads.
    fn content<R: BufRead + Send>(
        &mut self,
        path: &str,
        member: &Member,
        tar: &mut TarReader<R>,
    ) -> Result<Option<Content>, ArchiveError> {
        // Docker's oldest form has both for each layer.
        if path.ends_with("/VERSION") || path.ends_with("/json") {
            return Ok(None);
        }
        if matches!(member.data, Data::Sparse(_)) {
            return Err(ArchiveError::Sparse(path.to_owned()));
        }
        if let Some(layer) = self.known(path, member.size)? {
            return Ok(Some(Content::Layer(layer)));
        }
        let mut data = tar.data();
        let mut start = [0; START];
        let len = read_start(&mut data, &mut start).map_err(read_error)?;
        let start = &start[..len];
        if !looks_like_json(start) || is_tar(start) {
            return self.layer(path, member.size, start, data).map(Some);
        }
        if member.size > SIZE_MAX as u64 {
            return Ok(Some(Content::Large(member.size)));
        }
        self.paper_bytes += member.size as usize;
        if self.paper_bytes > PAPERS_MAX {
            return Err(ArchiveError::TooMuch(PAPERS_MAX));
        }
        let mut bytes = start.to_vec();
        data.read_to_end(&mut bytes).map_err(read_error)?;
        if let Some(expected) = blob_digest(path) {
            check(path, expected, Digest::of(&bytes))?;
        }
        Ok(Some(Content::Paper(bytes)))
    }

    /// An uncompressed layer that the store has already: its name says what its bytes are.
    fn known(&self, path: &str, size: u64) -> Result<Option<Layer>, ArchiveError> {
        let Some(digest) = blob_digest(path) else { return Ok(None) };
        let diff_id = DiffId(digest);
        if self.layers.size(&diff_id) != Some(size) {
            return Ok(None);
        }
        self.lease.add(&diff_id).map_err(ArchiveError::Write)?;
        // It may have been collected before it was leased.
        if !self.layers.contains(&diff_id) {
            return Ok(None);
        }
        self.progress.layer(&short(path), Step::AlreadyHere);
        Ok(Some(Layer { diff_id, size, blob: digest, blob_size: size }))
    }

    fn layer(
        &mut self,
        path: &str,
        size: u64,
        start: &[u8],
        rest: impl Read + Send,
    ) -> Result<Content, ArchiveError> {
        let is_layer = is_tar(start) || !matches!(Packing::of(start), Packing::None);
        let progress = is_layer.then_some(self.progress);
        let id = short(path);
        let data = Told { input: start.chain(rest), id: &id, total: size, done: 0, told: 0, progress };
        // The length is the member's: a layer that ends earlier is a cut-off archive.
        let expected = Expected { blob: blob_digest(path), ..Expected::default() };
        match self.layers.ingest_leased(data, &expected, self.lease) {
            Ok(ingested) => {
                self.progress.layer(&id, Step::Loaded);
                if !self.before.contains(&ingested.diff_id) {
                    self.came.insert(ingested.diff_id);
                }
                Ok(Content::Layer(Layer {
                    diff_id: ingested.diff_id,
                    size: ingested.size,
                    blob: ingested.blob,
                    blob_size: ingested.blob_size,
                }))
            }
            Err(LayerError::Read(error)) => Err(read_error(error)),
            Err(LayerError::BlobDigest { got, .. }) => {
                Err(ArchiveError::Digest { path: path.to_owned(), got })
            }
            Err(error @ (LayerError::Decompress(_) | LayerError::Tar(_) | LayerError::Member(_))) => {
                Ok(Content::Unusable(Arc::new(error)))
            }
            Err(error) => Err(ArchiveError::Layer { path: path.to_owned(), source: Arc::new(error) }),
        }
    }
}

fn check(path: &str, expected: Digest, got: Digest) -> Result<(), ArchiveError> {
    match expected == got {
        true => Ok(()),
        false => Err(ArchiveError::Digest { path: path.to_owned(), got }),
    }
}

/// How an archive is packed, and the archive, whole again.
pub fn peek<R: Read + Send>(mut archive: R) -> io::Result<(Packing, impl Read + Send)> {
    let mut start = [0; 16];
    // A pipe may give less than is asked for.
    let len = read_start(&mut archive, &mut start)?;
    let start = &start[..len];
    Ok((Packing::of(start), Cursor::new(start.to_vec()).chain(archive)))
}

/// The archive without its own compression.
pub fn unpacked<'a>(archive: impl Read + Send + 'a) -> Result<Box<dyn BufRead + Send + 'a>, ArchiveError> {
    let (packing, archive) = peek(archive).map_err(read_error)?;
    let mut archive = BufReader::with_capacity(BUFFER, archive);
    if archive.fill_buf().map_err(read_error)?.is_empty() {
        return Err(ArchiveError::Empty);
    }
    let unpacked: Box<dyn Read + Send + 'a> = match packing {
        Packing::None => return Ok(Box::new(archive)),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(archive)),
        Packing::Zstd => {
            Box::new(zstd::stream::read::Decoder::with_buffer(archive).map_err(ArchiveError::Read)?)
        }
        Packing::Xz | Packing::Bzip2 => return Err(ArchiveError::Packed { packing }),
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER, unpacked)))
}

/// An archive that ends too early is what people meet: it has its own words.
fn read_error(error: io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::Truncated,
        _ => ArchiveError::Read(error),
    }
}

fn read_start(data: &mut impl Read, start: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < start.len() {
        match data.read(&mut start[len..]) {
            Ok(0) => break,
            Ok(got) => len += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

fn looks_like_json(start: &[u8]) -> bool {
    matches!(start.trim_ascii_start().first(), Some(b'{' | b'[' | b'n'))
}

/// Whether a tar begins so: a valid header, or the zeros of an empty one.
fn is_tar(start: &[u8]) -> bool {
    let first = || TarReader::new(start).next_member();
    start.len() == START && matches!(first(), Ok(_) | Err(TarError::Truncated { .. }))
}

/// What the content of `blobs/sha256/<hex>` must hash to.
fn blob_digest(path: &str) -> Option<Digest> {
    Digest::from_hex(path.strip_prefix(BLOBS)?).ok()
}

/// Without `.`, `..`, doubled and leading slashes: what the path names in an archive that was unpacked
/// into a root of its own.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Twelve digits to show: those of the path if it has any, else of its digest.
fn short(path: &str) -> String {
    let parts = path.split(['/', '.', ':']).rev();
    let mut digits = parts.filter_map(|part| Digest::from_hex(part).ok());
    digits.next().unwrap_or_else(|| Digest::of(path.as_bytes())).short()
}

/// Tells how far a layer is.
struct Told<'a, R> {
    input: R,
    id: &'a str,
    total: u64,
    done: u64,
    told: u64,
    progress: Option<&'a dyn Progress>,
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.input.read(out)?;
        self.done += got as u64;
        if let Some(progress) = self.progress
            && (self.done >= self.told + TOLD_EACH || (got == 0 && self.told < self.done))
        {
            self.told = self.done;
            progress.layer(self.id, Step::Loading { done: self.done, total: self.total });
        }
        Ok(got)
    }
}

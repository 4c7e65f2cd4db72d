//! The layer store: takes layers in, finds them again, merges them, removes them.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::index::{BuildError, Draft, MergeError, merge};
use super::lease::{self, Lease, open_gate};
use super::origin::Origin;
use super::tar::TarError;
use super::temporary::{self, Mark, TemporaryDirectory};
use super::{DiffId, Index, chain_id, ingest};
use crate::config::Config;
use crate::digest::Digest;
use crate::sys::file::{self, Durability};

pub use super::view::MergedView;

/// What the bytes of a layer must be. Everything given is checked before the layer becomes visible.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Digest of the bytes as they come (compressed, from a registry's descriptor).
    pub blob: Option<Digest>,
    /// Length of the bytes as they come.
    pub blob_size: Option<u64>,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<DiffId>,
}

/// What came in.
#[derive(Debug, Clone)]
pub struct Ingested {
    pub diff_id: DiffId,
    /// Length of the uncompressed tar.
    pub size: u64,
    pub blob: Digest,
    pub blob_size: u64,
    pub compression: Compression,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// The user's own layers and those of further stores. Every process may have its own; they agree by what
/// is on disk.
#[derive(Debug, Clone)]
pub struct LayerStore {
    root: PathBuf,
    /// `layers/` of the further stores, in the order of the search.
    further: Vec<PathBuf>,
}

impl LayerStore {
    pub fn open(config: &Config) -> LayerStore {
        let further = config.further_stores.iter().map(|root| root.join("layers")).collect();
        LayerStore { root: config.layers(), further }
    }

    /// Whether the layer is here or in a further store. One that is found in a further store for the first
    /// time is read whole to verify it, which takes as long as hashing it; a wrong one is not here.
    pub fn contains(&self, id: &DiffId) -> bool {
        self.index(id).is_ok()
    }

    /// Takes a layer in, as a stream, in one pass: decompress (recognised by magic bytes), hash twice,
    /// write the tar, build the index; synced, then renamed into place. Nothing is left of a failure. Who
    /// takes in the same layer at the same time succeeds too.
    pub fn ingest(&self, blob: impl Read + Send, expected: &Expected) -> Result<Ingested, LayerError> {
        self.take_in(blob, expected, None)
    }

    /// Takes in a layer whose diff id is not known before: it is added to the lease before it can be seen,
    /// and so before it can be collected.
    pub fn ingest_leased(
        &self,
        blob: impl Read + Send,
        expected: &Expected,
        lease: &Lease,
    ) -> Result<Ingested, LayerError> {
        self.take_in(blob, expected, Some(lease))
    }

    fn take_in(
        &self,
        blob: impl Read + Send,
        expected: &Expected,
        lease: Option<&Lease>,
    ) -> Result<Ingested, LayerError> {
        self.make_root()?;
        temporary::sweep(&self.root);
        let directory = TemporaryDirectory::create(&self.root, Mark::Tar)
            .map_err(|source| LayerError::Store { path: self.root.clone(), source })?;
        let (ingested, draft) = ingest::ingest(blob, expected, &directory.file)?;
        if let Some(lease) = lease {
            lease.add(&ingested.diff_id).map_err(LayerError::Write)?;
        }
        self.keep(directory, &ingested.diff_id, |directory| {
            write_index(&directory.path().join("index"), &draft)?;
            directory.file.sync_all()
        })?;
        Ok(ingested)
    }

    /// Completes a new layer's directory, and gives it its name.
    fn keep(
        &self,
        directory: TemporaryDirectory,
        id: &DiffId,
        complete: impl FnOnce(&TemporaryDirectory) -> io::Result<()>,
    ) -> Result<(), LayerError> {
        let target = self.directory(id);
        let done = (|| {
            complete(&directory)?;
            sync(directory.path())?;
            // In the way may be a layer without its tar (a further store has it, or had), or a damaged one.
            let len = |path: &Path| fs::metadata(path.join("tar")).map(|facts| facts.len()).ok();
            if target.exists() && len(&target) != len(directory.path()) {
                remove_if_there(&target)?;
            }
            directory.publish(&target)?;
            sync(&self.root)
        })();
        done.map_err(LayerError::Write)
    }

    /// The uncompressed tar, to export or push, and its length.
    pub fn tar(&self, id: &DiffId) -> Result<(File, u64), LayerError> {
        let path = self.directory(id).join("tar");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.further_tar(id)?,
            Err(source) => return Err(LayerError::Store { path, source }),
        };
        let size = file.metadata().map_err(|source| LayerError::Store { path, source })?.len();
        Ok((file, size))
    }

    /// Length of the layer's tar, if the layer is here or in a further store.
    pub fn size(&self, id: &DiffId) -> Option<u64> {
        self.tar(id).ok().map(|(_, size)| size)
    }

    /// The index of one layer, with its whiteouts.
    pub fn index(&self, id: &DiffId) -> Result<Index, LayerError> {
        self.index_and_tar(id).map(|(index, _)| index)
    }

    fn index_and_tar(&self, id: &DiffId) -> Result<(Index, File), LayerError> {
        let (tar, size) = self.tar(id)?;
        let path = self.directory(id).join("index");
        if let Ok(index) = Index::open(&path)
            && index.layers() == [*id]
        {
            return match index.tar_size(0) == Some(size) {
                true => Ok((index, tar)),
                false => Err(LayerError::Damaged(*id)),
            };
        }
        let (found, draft) = ingest::reindex(BufReader::with_capacity(256 << 10, &tar))?;
        if found != *id {
            return Err(LayerError::Damaged(*id));
        }
        // A store that cannot be written to, or is full, still serves what it has.
        let index = match replace_index(&path, &draft) {
            Ok(()) => Index::open(&path).unwrap_or_else(|_| Index::from_draft(&draft)),
            Err(_) => Index::from_draft(&draft),
        };
        Ok((index, tar))
    }

    /// The merged view of a chain of layers, lowest first; made once per chain and cached.
    pub fn merged(&self, chain: &[DiffId]) -> Result<MergedView, LayerError> {
        let path = self.root.join("merged").join(chain_id(chain).hex());
        let index = match Index::open(&path) {
            Ok(index) if index.layers() == chain => index,
            _ => self.merge(chain, &path)?,
        };
        let tars = chain.iter().enumerate().map(|(layer, id)| match self.tar(id)? {
            (tar, size) if index.tar_size(layer) == Some(size) => Ok(tar),
            _ => Err(LayerError::Damaged(*id)),
        });
        let tars = tars.collect::<Result<Vec<File>, LayerError>>()?;
        Ok(MergedView { index: Arc::new(index), tars })
    }

    fn merge(&self, chain: &[DiffId], path: &Path) -> Result<Index, LayerError> {
        let layers = chain.iter().map(|id| self.index(id)).collect::<Result<Vec<Index>, LayerError>>()?;
        let draft = merge(&layers).map_err(LayerError::Merge)?;
        let directory = self.root.join("merged");
        let written = make_directory(&directory).and_then(|()| replace_index(path, &draft));
        // The cache is a convenience: without space for it, the view is in memory.
        Ok(match written {
            Ok(()) => Index::open(path).unwrap_or_else(|_| Index::from_draft(&draft)),
            Err(_) => Index::from_draft(&draft),
        })
    }

    /// Every layer of the user's own store.
    pub fn list(&self) -> Result<Vec<DiffId>, LayerError> {
        let mut ids: Vec<DiffId> =
            names(&self.root)?.iter().filter_map(|name| Digest::from_hex(name).ok()).map(DiffId).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// A lease, which keeps the layers added to it from being collected.
    pub fn lease(&self) -> Result<Lease, LayerError> {
        self.make_root()?;
        let path = self.root.join("leases");
        Lease::create(&path, &self.gate()).map_err(|source| LayerError::Store { path, source })
    }

    /// The layers that living processes hold leases on.
    pub fn leased(&self) -> Result<HashSet<DiffId>, LayerError> {
        let path = self.root.join("leases");
        lease::leased(&path).map_err(|source| LayerError::Store { path, source })
    }

    /// Removes every layer of the user's own store that neither `referenced` names nor a lease holds, and
    /// returns those removed, with their sizes. `referenced` is asked while nobody can add to a lease, and
    /// after the leases were read: whoever names a layer before giving up the lease on it does not lose it.
    /// An error of `referenced` removes nothing.
    pub fn collect<E: From<LayerError>>(
        &self,
        referenced: impl FnOnce() -> Result<HashSet<DiffId>, E>,
    ) -> Result<Vec<(DiffId, u64)>, E> {
        if !self.root.exists() {
            return Ok(Vec::new());
        }
        temporary::sweep(&self.root);
        let gate = self.close_gate()?;
        let leased = self.leased()?;
        let referenced = referenced()?;
        let mut removed = Vec::new();
        for id in self.list()? {
            if !leased.contains(&id) && !referenced.contains(&id) {
                let size = fs::metadata(self.directory(&id).join("tar")).map_or(0, |facts| facts.len());
                self.remove_layer(&id)?;
                removed.push((id, size));
            }
        }
        drop(gate);
        if !removed.is_empty() {
            self.remove_stale_views()?;
        }
        Ok(removed)
    }

    /// Removes a layer of the user's own store (and merged views that contain it); running containers
    /// keep their open files. One that is not there is no error.
    pub fn remove(&self, id: &DiffId) -> Result<(), LayerError> {
        self.remove_layer(id)?;
        self.remove_stale_views()
    }

    fn remove_layer(&self, id: &DiffId) -> Result<(), LayerError> {
        let path = self.directory(id);
        remove_if_there(&path).map_err(|source| LayerError::Remove { path, source })
    }

    /// Removes merged views that name a layer which is gone, or that nobody can read.
    fn remove_stale_views(&self) -> Result<(), LayerError> {
        let layers: HashSet<DiffId> = self.list()?.into_iter().collect();
        let directory = self.root.join("merged");
        for name in names(&directory)? {
            let path = directory.join(name);
            if !Index::open(&path).is_ok_and(|index| index.layers().iter().all(|id| layers.contains(id))) {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    removed => removed.map_err(|source| LayerError::Remove { path, source })?,
                }
            }
        }
        Ok(())
    }

    /// The tar in a further store: as it was verified before, or verified now.
    fn further_tar(&self, id: &DiffId) -> Result<File, LayerError> {
        let origin = self.directory(id).join("origin");
        if let Some(tar) = Origin::read(&origin).and_then(|origin| origin.open()) {
            return Ok(tar);
        }
        let found = self.further.iter().find_map(|layers| {
            let path = layers.join(id.0.hex()).join("tar");
            let tar = File::open(&path).ok()?;
            self.adopt(id, path, &tar).ok()?;
            Some(tar)
        });
        found.ok_or(LayerError::Missing(*id))
    }

    /// Verifies a tar of a further store, and remembers that, with the index of what was read.
    fn adopt(&self, id: &DiffId, path: PathBuf, tar: &File) -> Result<(), LayerError> {
        let store = |source| LayerError::Store { path: path.clone(), source };
        // The facts before reading: what changes meanwhile makes the record worthless, not wrong.
        let origin = Origin::of(path.clone(), tar).map_err(store)?;
        let (found, draft) = ingest::reindex(BufReader::with_capacity(256 << 10, tar))?;
        if found != *id {
            return Err(LayerError::DiffId { expected: *id, got: found });
        }
        self.make_root()?;
        let directory = TemporaryDirectory::create(&self.root, Mark::Origin).map_err(store)?;
        // What an earlier, no longer valid record left.
        remove_if_there(&self.directory(id)).map_err(store)?;
        self.keep(directory, id, |directory| {
            write_index(&directory.path().join("index"), &draft)?;
            (&directory.file).write_all(&origin.to_json())?;
            directory.file.sync_all()
        })
    }

    fn directory(&self, id: &DiffId) -> PathBuf {
        self.root.join(id.0.hex())
    }

    fn gate(&self) -> PathBuf {
        self.root.join("gate")
    }

    fn close_gate(&self) -> Result<File, LayerError> {
        let path = self.gate();
        let closed = open_gate(&path).and_then(|gate| gate.lock().map(|()| gate));
        closed.map_err(|source| LayerError::Store { path, source })
    }

    fn make_root(&self) -> Result<(), LayerError> {
        make_directory(&self.root).map_err(|source| LayerError::Store { path: self.root.clone(), source })
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(true).create(path)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn remove_if_there(directory: &Path) -> io::Result<()> {
    match temporary::remove(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// File names in a directory that may be missing.
fn names(directory: &Path) -> Result<Vec<String>, LayerError> {
    let store = |source| LayerError::Store { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(store)?,
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.collect::<io::Result<_>>().map_err(store)
}

fn write_index(path: &Path, draft: &Draft) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    write_draft(&mut file, draft)?;
    file.sync_all()
}

fn write_draft(file: &mut File, draft: &Draft) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(256 << 10, file);
    draft.write_to(&mut out)?;
    out.flush()
}

/// Synced, as a view with a hole where a power cut fell would give wrong answers, not none.
fn replace_index(path: &Path, draft: &Draft) -> io::Result<()> {
    file::replace_with(path, Durability::Synced, |file| write_draft(file, draft))
}

#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error("layer {0} is not here")]
    Missing(DiffId),
    /// The tar has another length or digest than when it was taken in.
    #[error("layer {0} was damaged on disk; remove its image and pull it again")]
    Damaged(DiffId),
    #[error("reading the layer")]
    Read(#[source] io::Error),
    #[error("decompressing the layer")]
    Decompress(#[source] io::Error),
    #[error("writing the layer")]
    Write(#[source] io::Error),
    #[error("starting a thread")]
    Thread(#[source] io::Error),
    #[error("unpacking the layer")]
    Tar(#[source] TarError),
    #[error("unpacking the layer")]
    Member(#[source] BuildError),
    #[error("merging the layers")]
    Merge(#[source] MergeError),
    #[error("filesystem layer verification failed for digest {expected}: got {got}")]
    BlobDigest { expected: Digest, got: Digest },
    #[error("filesystem layer verification failed: expected {expected} bytes, got {got}")]
    BlobSize { expected: u64, got: u64 },
    #[error("filesystem layer verification failed for diff id {expected}: got {got}")]
    DiffId { expected: DiffId, got: DiffId },
    #[error("using the layer store at {}", path.display())]
    Store { path: PathBuf, source: io::Error },
    #[error("removing {}", path.display())]
    Remove { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests;

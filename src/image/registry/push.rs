//! Pushing: blobs that the registry has are left alone, blobs that another repository of it has are
//! mounted, the rest is compressed while it goes up. When nothing had to be compressed anew the very
//! manifest that came goes up, and the image keeps its digest.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use flate2::write::GzEncoder;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::session::{Access, Session};
use super::{RegistryError, Settings, at_once, runtime};
use crate::digest::Digest;
use crate::image::manifest::{DOCKER_LAYER_GZIP, Descriptor, Manifest, OCI_LAYER_GZIP};
use crate::image::progress::{Progress, Step};
use crate::image::store::ImageStore;
use crate::image::{Image, Reference};
use crate::layer::DiffId;

/// What goes up in one request; with one waiting and one being filled, a layer takes three of these.
const CHUNK: usize = 2 << 20;
const READ: usize = 128 << 10;
/// Attempts at a layer: an upload starts again from the beginning.
const ATTEMPTS: u32 = 3;

#[derive(Debug)]
pub struct PushOutcome {
    pub reference: Reference,
    pub digest: Digest,
    /// Length of the manifest.
    pub size: u64,
}

/// Pushes the image to the registry and under the tag that `reference` says.
pub fn push(
    store: &ImageStore,
    image: &Image,
    reference: &Reference,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<PushOutcome, RegistryError> {
    let (bytes, manifest) = store.manifest(&image.manifest)?;
    let runtime = runtime()?;
    let sources = sources(store, image, reference);
    let session = runtime.block_on(Session::open(reference, Access::Push, sources, settings))?;
    let push = Push { store, session: &session, handle: runtime.handle(), manifest: &manifest, progress };
    let layers = push.layers(image)?;
    let config = store.config_bytes(&image.id)?;
    let (bytes, digest) = runtime.block_on(async {
        if !session.has_blob(&image.id).await? {
            session.put_blob(config, &image.id).await?;
        }
        let bytes = if layers == manifest.layers {
            bytes
        } else {
            Manifest { layers, ..manifest.clone() }.to_bytes()
        };
        session.put_manifest(bytes.clone(), manifest.media_type()).await?;
        let digest = Digest::of(&bytes);
        Ok::<_, RegistryError>((bytes, digest))
    })?;
    let size = bytes.len() as u64;
    progress.line(&format!("{}: digest: {digest} size: {size}", reference.target()));
    Ok(PushOutcome { reference: reference.clone(), digest, size })
}

/// Paths of other repositories of the same registry that are known to have layers of this image.
fn sources(store: &ImageStore, image: &Image, reference: &Reference) -> Vec<String> {
    let prefix = format!("{}/", reference.domain);
    let mut sources: Vec<String> = image
        .layers
        .iter()
        .flat_map(|layer| store.forms().of(layer))
        .flat_map(|form| form.repositories)
        .filter_map(|repository| repository.strip_prefix(&prefix).map(str::to_owned))
        .filter(|path| *path != reference.path)
        .collect();
    sources.sort();
    sources.dedup();
    // Every one becomes a scope of the token, and some servers limit the length of a URL.
    sources.truncate(8);
    sources
}

struct Push<'a> {
    store: &'a ImageStore,
    session: &'a Arc<Session>,
    handle: &'a Handle,
    manifest: &'a Manifest,
    progress: &'a dyn Progress,
}

impl Push<'_> {
    /// Brings every layer to the registry; returns the descriptors they have there.
    fn layers(&self, image: &Image) -> Result<Vec<Descriptor>, RegistryError> {
        let mut queue: VecDeque<(DiffId, &Descriptor)> = VecDeque::new();
        for pair in image.layers.iter().copied().zip(&self.manifest.layers) {
            if !queue.iter().any(|(id, _)| *id == pair.0) {
                self.progress.layer(&pair.0.0.short(), Step::Preparing);
                queue.push_back(pair);
            }
        }
        let done: Mutex<BTreeMap<DiffId, Descriptor>> = Mutex::default();
        at_once(self.session.settings.parallel, queue, |(id, descriptor), stop| {
            let there = self.layer(&id, descriptor, stop)?;
            done.lock().expect("no worker panics").insert(id, there);
            Ok(())
        })?;
        let done = done.into_inner().expect("no worker panics");
        Ok(image.layers.iter().filter_map(|id| done.get(id).cloned()).collect())
    }

    fn layer(
        &self,
        id: &DiffId,
        stored: &Descriptor,
        stop: &AtomicBool,
    ) -> Result<Descriptor, RegistryError> {
        let short = id.0.short();
        let repository = self.session.repository.repository();
        let candidates = self.candidates(id, stored);
        for (descriptor, _) in &candidates {
            if self.handle.block_on(self.session.has_blob(&descriptor.digest))? {
                self.progress.layer(&short, Step::AlreadyThere);
                self.remember(id, descriptor, &repository);
                return Ok(descriptor.clone());
            }
        }
        for (descriptor, sources) in &candidates {
            for source in sources {
                if self.handle.block_on(self.session.mount(source, &descriptor.digest)) {
                    self.progress.layer(&short, Step::MountedFrom(source.clone()));
                    self.remember(id, descriptor, &repository);
                    return Ok(descriptor.clone());
                }
            }
        }
        let (digest, size) = self.upload(id, &short, stop)?;
        self.progress.layer(&short, Step::Pushed);
        // What came out may be what once came in: then its descriptor stands, annotations and all.
        if digest == stored.digest {
            self.remember(id, stored, &repository);
            return Ok(stored.clone());
        }
        let media_type = if self.manifest.is_docker() { DOCKER_LAYER_GZIP } else { OCI_LAYER_GZIP };
        let descriptor = Descriptor::new(media_type, digest, size);
        self.remember(id, &descriptor, &repository);
        Ok(descriptor)
    }

    /// Forms in which the registry may have the layer, the manifest's own first, with the paths of
    /// repositories to mount them from. A plain tar is looked for too, but never uploaded.
    fn candidates(&self, id: &DiffId, stored: &Descriptor) -> Vec<(Descriptor, Vec<String>)> {
        let prefix = format!("{}/", self.session.repository.domain);
        let own_path = &self.session.repository.path;
        let paths = |repositories: &[String]| -> Vec<String> {
            let here = repositories.iter().rev().filter_map(|r| r.strip_prefix(&prefix));
            here.filter(|path| path != own_path).map(str::to_owned).take(4).collect()
        };
        let forms = self.store.forms().of(id);
        let known = forms.iter().find(|form| form.digest == stored.digest);
        let first = (stored.clone(), known.map(|f| paths(&f.repositories)).unwrap_or_default());
        // Docker's schema 2 knows neither zstd nor OCI's names.
        let fits = |media_type: &str| media_type.contains("vnd.docker.") == self.manifest.is_docker();
        let others = forms.iter().rev().filter(|form| form.digest != stored.digest && fits(&form.media_type));
        let others = others.map(|form| {
            (Descriptor::new(&form.media_type, form.digest, form.size), paths(&form.repositories))
        });
        std::iter::once(first).chain(others).collect()
    }

    fn remember(&self, id: &DiffId, descriptor: &Descriptor, repository: &str) {
        self.store.forms().remember(
            id,
            descriptor.digest,
            descriptor.size,
            &descriptor.media_type,
            repository,
        );
    }

    fn upload(&self, id: &DiffId, short: &str, stop: &AtomicBool) -> Result<(Digest, u64), RegistryError> {
        let mut attempt = 1;
        loop {
            match self.upload_once(id, short, stop) {
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                    let wait = self.session.settings.wait(attempt);
                    self.progress.layer(short, Step::Retrying { seconds: wait.as_secs().max(1) });
                    std::thread::sleep(wait);
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// Compresses in this thread while the network's sends: three buffers, whatever the layer's size.
    fn upload_once(
        &self,
        id: &DiffId,
        short: &str,
        stop: &AtomicBool,
    ) -> Result<(Digest, u64), RegistryError> {
        let (tar, total) = self.store.layers.tar(id)?;
        let (sender, receiver) = mpsc::channel::<io::Result<bytes::Bytes>>(1);
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        });
        let session = self.session.clone();
        let task = self.handle.spawn(async move { session.upload(stream).await });
        let compressed = compress(tar, total, &sender, stop, |done| {
            self.progress.layer(short, Step::Pushing { done, total });
        });
        if let Err(error) = &compressed {
            // The upload must not end as if the layer were whole.
            let _ = sender.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
        }
        drop(sender);
        let pushed = self.handle.block_on(task).unwrap_or(Err(RegistryError::Cancelled));
        match (compressed, pushed) {
            (_, Ok(pushed)) => Ok(pushed),
            // The network's failure made the compressor stop, and says more.
            (Ok(()), Err(error)) => Err(error),
            (Err(error), Err(_)) if error.kind() == io::ErrorKind::Interrupted => {
                Err(RegistryError::Cancelled)
            }
            (Err(error), Err(_)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(RegistryError::ReadLayer(error))
            }
            (Err(_), Err(error)) => Err(error),
        }
    }
}

/// gzip without a name or a time, so that the same tar gives the same blob each time.
fn compress(
    mut tar: File,
    total: u64,
    sender: &mpsc::Sender<io::Result<bytes::Bytes>>,
    stop: &AtomicBool,
    progress: impl Fn(u64),
) -> io::Result<()> {
    let sink = Sender { sender, buffer: Vec::with_capacity(CHUNK) };
    let mut encoder = GzEncoder::new(sink, flate2::Compression::default());
    let mut buffer = vec![0; READ];
    let mut done = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "cancelled"));
        }
        match tar.read(&mut buffer)? {
            0 => break,
            n => {
                encoder.write_all(&buffer[..n])?;
                done += n as u64;
                progress(done);
            }
        }
    }
    if done != total {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the layer is shorter than it was"));
    }
    encoder.finish()?.send()
}

/// Gathers compressed bytes and hands them over in large chunks.
struct Sender<'a> {
    sender: &'a mpsc::Sender<io::Result<bytes::Bytes>>,
    buffer: Vec<u8>,
}

impl Sender<'_> {
    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender.blocking_send(Ok(full.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Sender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

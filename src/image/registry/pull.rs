//! Pulling: manifest, config, then the layers that are not here, three at a time, each streamed straight
//! into the layer store. A lease keeps them from being collected until the image has its name, which is
//! written last.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::session::{Access, Session};
use super::{RegistryError, Settings, at_once, runtime};
use crate::digest::Digest;
use crate::image::manifest::{Descriptor, Document, Manifest, ManifestError, SIZE_MAX};
use crate::image::progress::{Progress, Step};
use crate::image::store::{Image, ImageStore, NewImage};
use crate::image::{ImageConfig, Platform, Reference};
use crate::layer::DiffId;
use crate::layer::store::{Expected, LayerError};

/// Chunks on their way from the network to the layer store; one is at most 400 KB or so.
const CHUNKS: usize = 4;
/// An index of indexes of indexes is somebody's joke.
const NESTING_MAX: usize = 3;

/// What a pull brought.
#[derive(Debug)]
pub struct PullOutcome {
    pub reference: Reference,
    /// What the registry's name stands for.
    pub digest: Digest,
    pub newer: bool,
    pub image: Image,
}

/// What the registry has under a name.
struct Found {
    /// Of the first document: the list, where there is one.
    target: Digest,
    index: Option<Vec<u8>>,
    manifest_bytes: Vec<u8>,
    manifest_digest: Digest,
    manifest: Manifest,
}

/// Pulls one name.
pub fn pull(
    store: &ImageStore,
    reference: &Reference,
    platform: Option<&Platform>,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<PullOutcome, RegistryError> {
    let runtime = runtime()?;
    let session = runtime.block_on(Session::open(reference, Access::Pull, Vec::new(), settings))?;
    let pulled =
        Pull { store, session: &session, handle: runtime.handle(), platform, progress }.one(reference)?;
    status(progress, &reference.familiar(), pulled.newer);
    Ok(pulled)
}

/// Pulls every tag of a repository.
pub fn pull_all_tags(
    store: &ImageStore,
    repository: &Reference,
    platform: Option<&Platform>,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Vec<PullOutcome>, RegistryError> {
    let runtime = runtime()?;
    let session = runtime.block_on(Session::open(repository, Access::Pull, Vec::new(), settings))?;
    let tags = runtime.block_on(session.tags()).map_err(|e| explain(e, repository))?;
    let pull = Pull { store, session: &session, handle: runtime.handle(), platform, progress };
    let mut pulled = Vec::new();
    for tag in tags {
        // What a registry says is as untrusted as what a user types.
        let name = format!("{}:{tag}", repository.repository());
        let name = Reference::parse(&name).map_err(|e| RegistryError::Image(e.into()))?;
        pulled.push(pull.one(&name)?);
    }
    status(progress, &repository.familiar_name(), pulled.iter().any(|p| p.newer));
    Ok(pulled)
}

fn status(progress: &dyn Progress, name: &str, newer: bool) {
    progress.line(&if newer {
        format!("Status: Downloaded newer image for {name}")
    } else {
        format!("Status: Image is up to date for {name}")
    });
}

struct Pull<'a> {
    store: &'a ImageStore,
    session: &'a Arc<Session>,
    handle: &'a Handle,
    platform: Option<&'a Platform>,
    progress: &'a dyn Progress,
}

impl Pull<'_> {
    fn one(&self, reference: &Reference) -> Result<PullOutcome, RegistryError> {
        let found = self.handle.block_on(self.find(reference)).map_err(|e| explain(e, reference))?;
        self.progress.line(&format!("{}: Pulling from {}", reference.target(), reference.path));
        let names = names(reference, found.target);
        if let Some(image) = self.already(&names, &found)? {
            self.progress.line(&format!("Digest: {}", found.target));
            return Ok(PullOutcome {
                reference: reference.clone(),
                digest: found.target,
                newer: false,
                image,
            });
        }
        let config = self.config(&found).map_err(|e| explain(e, reference))?;
        let parsed = ImageConfig::parse(&config)?;
        self.check_platform(reference, &parsed, found.index.is_some())?;
        let layers = pair(&found.manifest, &parsed)?;
        let lease = self.store.layers.lease()?;
        for (id, _) in &layers {
            lease.add(id).map_err(LayerError::Write)?;
        }
        self.layers(&layers).map_err(|e| explain(e, reference))?;
        for (id, descriptor) in &layers {
            let forms = self.store.forms();
            forms.remember(
                id,
                descriptor.digest,
                descriptor.size,
                &descriptor.media_type,
                &reference.repository(),
            );
        }
        let new = NewImage { manifest: found.manifest_bytes, config, index: found.index, names };
        let image = self.store.enter(&[new])?.pop().expect("one image entered");
        drop(lease);
        self.progress.line(&format!("Digest: {}", found.target));
        Ok(PullOutcome { reference: reference.clone(), digest: found.target, newer: true, image })
    }

    /// The manifest for the platform wanted, through as many lists as it takes.
    async fn find(&self, reference: &Reference) -> Result<Found, RegistryError> {
        let host = Platform::host();
        let wanted = self.platform.unwrap_or(&host);
        let (mut bytes, target) = self.session.manifest(&reference.target()).await?;
        let mut digest = target;
        let mut index = None;
        for _ in 0..NESTING_MAX {
            let chosen = match Document::parse(&bytes)? {
                Document::Image(manifest) => {
                    let manifest_bytes = bytes;
                    return Ok(Found { target, index, manifest_bytes, manifest_digest: digest, manifest });
                }
                Document::Index(list) => list.choose(wanted)?.digest,
            };
            let list = bytes;
            (bytes, digest) = self.session.manifest(&chosen.to_string()).await?;
            index.get_or_insert(list);
        }
        Err(RegistryError::Protocol { what: "the manifest", why: "lists within lists".to_owned() })
    }

    /// The image, if every name stands for it here already and nothing of it is missing.
    fn already(&self, names: &[Reference], found: &Found) -> Result<Option<Image>, RegistryError> {
        for name in names {
            match self.store.resolve(name)? {
                Some((manifest, false)) if manifest == found.manifest_digest => {}
                _ => return Ok(None),
            }
        }
        let Ok(image) = self.store.find(&names[0].to_string()) else { return Ok(None) };
        let complete = image.layers.iter().all(|layer| self.store.layers.contains(layer));
        Ok(complete.then_some(image))
    }

    fn config(&self, found: &Found) -> Result<Vec<u8>, RegistryError> {
        let descriptor = &found.manifest.config;
        match self.store.config_bytes(&descriptor.digest) {
            Ok(bytes) => Ok(bytes),
            Err(_) => self.handle.block_on(self.session.small_blob(descriptor, SIZE_MAX)),
        }
    }

    /// A lone image was chosen by nobody; it must be what `--platform` asked for.
    fn check_platform(
        &self,
        reference: &Reference,
        config: &ImageConfig,
        chosen: bool,
    ) -> Result<(), RegistryError> {
        let Some(wanted) = self.platform.filter(|_| !chosen) else { return Ok(()) };
        let actual = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
        match wanted.rank(&actual) {
            Some(_) => Ok(()),
            None => Err(RegistryError::WrongPlatform {
                reference: reference.familiar(),
                actual: actual.to_string(),
                wanted: wanted.to_string(),
            }),
        }
    }

    /// Fetches what is not here; the first failure ends the others.
    fn layers(&self, layers: &[(DiffId, &Descriptor)]) -> Result<(), RegistryError> {
        let mut missing: BTreeMap<DiffId, &Descriptor> = BTreeMap::new();
        let mut queue = VecDeque::new();
        for (id, descriptor) in layers {
            let short = descriptor.digest.short();
            if self.store.layers.contains(id) {
                self.progress.layer(&short, Step::AlreadyHere);
            } else if missing.insert(*id, descriptor).is_none() {
                self.progress.layer(&short, Step::Queued);
                queue.push_back((*id, *descriptor));
            }
        }
        at_once(self.session.settings.parallel, queue, |(id, descriptor), stop| {
            self.layer(&id, descriptor, stop)
        })
    }

    fn layer(&self, id: &DiffId, descriptor: &Descriptor, stop: &AtomicBool) -> Result<(), RegistryError> {
        let short = descriptor.digest.short();
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let task = self.handle.spawn(download(self.session.clone(), descriptor.clone(), sender));
        let mut reader = Chunks {
            receiver,
            current: bytes::Bytes::new(),
            failure: None,
            done: 0,
            stop,
            progress: self.progress,
            id: &short,
            total: descriptor.size,
        };
        let expected =
            Expected { blob: Some(descriptor.digest), blob_size: Some(descriptor.size), diff_id: Some(*id) };
        let ingested = self.store.layers.ingest(&mut reader, &expected);
        task.abort();
        match (ingested, reader.failure) {
            (Ok(_), _) => {
                self.progress.layer(&short, Step::Pulled);
                Ok(())
            }
            (Err(_), Some(error)) => Err(error),
            (Err(error), None) => Err(error.into()),
        }
    }
}

/// What comes over the channel.
enum Part {
    Bytes(bytes::Bytes),
    Retrying(u64),
    Failed(RegistryError),
    Complete,
}

/// Downloads a blob; goes on where it stopped when the connection breaks. Ends when nobody listens.
async fn download(session: Arc<Session>, descriptor: Descriptor, sender: mpsc::Sender<Part>) {
    let mut offset = 0;
    let mut attempt = 0;
    while offset < descriptor.size {
        let before = offset;
        let error = match transfer(&session, &descriptor, &mut offset, &sender).await {
            Ok(true) => break,
            Ok(false) => return,
            Err(error) => error,
        };
        // Progress is worth new patience: only attempts that bring nothing are counted.
        attempt = if offset > before { 0 } else { attempt + 1 };
        let fresh_token = error.is_unauthorized() && attempt == 1;
        if fresh_token {
            session.forget_token().await;
        }
        // It could be reached a moment ago: now refused means restarted.
        let passing = error.is_passing() || matches!(error, RegistryError::Connect { .. });
        if !(fresh_token || passing) || attempt > session.settings.retries {
            let _ = sender.send(Part::Failed(error)).await;
            return;
        }
        let wait = session.settings.wait(attempt.saturating_sub(1));
        // An early note; if nobody listens any more, the next chunk finds out.
        let _ = sender.send(Part::Retrying(wait.as_secs().max(1))).await;
        tokio::time::sleep(wait).await;
    }
    let _ = sender.send(Part::Complete).await;
}

/// One connection's worth; false when nobody listens any more.
async fn transfer(
    session: &Session,
    descriptor: &Descriptor,
    offset: &mut u64,
    sender: &mpsc::Sender<Part>,
) -> Result<bool, RegistryError> {
    let (mut stream, mut skip) = session.blob(descriptor, *offset).await?;
    while let Some(chunk) = stream.next().await {
        let mut chunk = chunk?;
        let skipped = skip.min(chunk.len() as u64);
        skip -= skipped;
        let _ = chunk.split_to(skipped as usize);
        if chunk.is_empty() {
            continue;
        }
        *offset += chunk.len() as u64;
        if *offset > descriptor.size {
            // More than announced: an endless blob would be read for ever.
            return Err(RegistryError::LayerDigest(descriptor.digest));
        }
        if sender.send(Part::Bytes(chunk)).await.is_err() {
            return Ok(false);
        }
    }
    if *offset < descriptor.size {
        return Err(RegistryError::Connect {
            method: "Get",
            url: format!("blobs/{}", descriptor.digest),
            why: "unexpected EOF".to_owned(),
            retry: true,
        });
    }
    Ok(true)
}

/// The blob as a reader, for the layer store's thread.
struct Chunks<'a> {
    receiver: mpsc::Receiver<Part>,
    current: bytes::Bytes,
    /// Why the blob ended early, in full; the reader's own error cannot carry it.
    failure: Option<RegistryError>,
    done: u64,
    stop: &'a AtomicBool,
    progress: &'a dyn Progress,
    id: &'a str,
    total: u64,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            if self.stop.load(Ordering::Relaxed) {
                self.failure = Some(RegistryError::Cancelled);
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            match self.receiver.blocking_recv() {
                Some(Part::Bytes(bytes)) => {
                    self.done += bytes.len() as u64;
                    self.current = bytes;
                    self.progress.layer(self.id, Step::Downloading { done: self.done, total: self.total });
                }
                Some(Part::Retrying(seconds)) => self.progress.layer(self.id, Step::Retrying { seconds }),
                Some(Part::Failed(error)) => {
                    self.failure = Some(error);
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Some(Part::Complete) => {
                    self.progress.layer(self.id, Step::Downloaded);
                    return Ok(0);
                }
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.current.len());
        buffer[..n].copy_from_slice(&self.current.split_to(n));
        Ok(n)
    }
}

/// The names a pull gives: the tag, and the digest the registry has for it; of `name:tag@digest` the
/// digest alone, as Docker.
fn names(reference: &Reference, target: Digest) -> Vec<Reference> {
    let digest = reference.with_digest(target);
    match (&reference.digest, &reference.tag) {
        (None, Some(tag)) => vec![reference.with_tag(tag), digest],
        _ => vec![digest],
    }
}

/// Layers of the manifest with the diff ids of the config: they must agree in number, and their digests
/// are checked when they come.
fn pair<'m>(
    manifest: &'m Manifest,
    config: &ImageConfig,
) -> Result<Vec<(DiffId, &'m Descriptor)>, RegistryError> {
    if let Some(other) = manifest.layers.iter().find(|layer| !layer.is_layer()) {
        return Err(ManifestError::Layer(other.media_type.clone()).into());
    }
    if manifest.layers.len() != config.layers().len() {
        return Err(ManifestError::RootFs.into());
    }
    Ok(config.layers().iter().copied().zip(&manifest.layers).collect())
}

/// Docker's sentences for what a registry refuses (its `distribution/errors.go`).
pub(super) fn explain(error: RegistryError, reference: &Reference) -> RegistryError {
    let repository = || reference.familiar_name();
    match error {
        RegistryError::Refused { code, message, .. } if code == "denied" => {
            RegistryError::PullDenied { repository: repository(), code, message }
        }
        RegistryError::Refused { code, message, .. } if code == "manifest unknown" => {
            RegistryError::ManifestUnknown { reference: reference.familiar(), code, message }
        }
        RegistryError::Refused { code, message, .. } if code == "name unknown" => {
            RegistryError::NameUnknown { repository: repository(), code, message }
        }
        RegistryError::Status { status: 404, .. } => {
            let unknown = "manifest unknown".to_owned();
            RegistryError::ManifestUnknown {
                reference: reference.familiar(),
                code: unknown.clone(),
                message: unknown,
            }
        }
        other => other,
    }
}

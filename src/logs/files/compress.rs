//! Compressing an older file, in a thread of its own: a container does not wait for it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use flate2::{Compression, GzBuilder};

use super::{compressed, rotated, with_suffix};

const CHUNK: usize = 64 * 1024;

/// The field of the gzip header (RFC 1952, 2.3.1.1) that holds the inode the file had.
const FIELD: [u8; 4] = [b'C', b'I', 8, 0];

/// A compression on its way. Dropping it gives up; the file then stays as it was.
pub struct Compressing {
    given_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Compressing {
    /// Compresses the newest of the older files, if it is not.
    pub fn start(path: &Path) -> io::Result<Compressing> {
        let path = path.to_owned();
        let given_up = Arc::new(AtomicBool::new(false));
        let flag = given_up.clone();
        let thread = thread::Builder::new().name("log-gzip".into()).spawn(move || {
            if let Err(error) = compress(&path, &flag) {
                // A full disk: the file stays as it is.
                tracing::debug!(%error, "log not compressed");
            }
        })?;
        Ok(Compressing { given_up, thread: Some(thread) })
    }

    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Compressing {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn compress(path: &Path, given_up: &AtomicBool) -> io::Result<()> {
    let source = rotated(path, 1);
    let mut from = match File::open(&source) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let partial = with_suffix(path, ".gz.partial");
    let result = (|| {
        let to = File::options().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        let mut extra = FIELD.to_vec();
        extra.extend_from_slice(&from.metadata()?.ino().to_le_bytes());
        let mut to = GzBuilder::new().extra(extra).write(to, Compression::fast());
        let mut chunk = vec![0; CHUNK];
        loop {
            if given_up.load(Ordering::Relaxed) {
                return Ok(false);
            }
            match from.read(&mut chunk)? {
                0 => break,
                n => to.write_all(&chunk[..n])?,
            }
        }
        to.finish()?;
        // Both are there for a moment, so that readers find one of them.
        fs::rename(&partial, compressed(path, 1))?;
        fs::remove_file(&source)?;
        Ok(true)
    })();
    if !matches!(result, Ok(true)) {
        let _ = fs::remove_file(&partial);
    }
    result.map(drop)
}

/// The inode that a compressed file had; 0 when it does not say.
pub fn former_inode(file: &File) -> u64 {
    let mut head = [0; 24];
    let read = rustix::io::pread(file, &mut head, 0).unwrap_or(0);
    match head {
        [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, 12, 0, b'C', b'I', 8, 0, inode @ ..]
            if flags & 4 != 0 && read == head.len() =>
        {
            u64::from_le_bytes(inode)
        }
        _ => 0,
    }
}

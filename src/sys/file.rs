//! Files of state: written under a temporary name, synced where it matters, renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a file must survive a power cut, or only a killed process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// fsync of the file before the rename and of the directory after it.
    Synced,
    /// Atomic for every reader, but a power cut may bring the old content (never half of the new).
    Atomic,
}

/// A name that nobody else has given: processes of several machines may share a directory, and a dead
/// process's leftover may have our number.
pub fn unique_name(prefix: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 4];
    // Without random bytes (a kernel before its first entropy) the rest is nearly always enough.
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::NONBLOCK);
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{}-{unique}-{:08x}", std::process::id(), u32::from_ne_bytes(random))
}

/// Replaces `path` by `content`, mode 0600. Readers see the old or the new file, never a part. What a
/// killed process leaves is called `.<name>.…` and lies beside it.
pub fn replace(path: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    replace_with(path, durability, |file| file.write_all(content))
}

/// As `replace`, with content that `write` makes.
pub fn replace_with(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = directory.join(unique_name(&format!(".{name}.")));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        write(&mut file)?;
        if durability == Durability::Synced {
            file.sync_all()?;
        }
        fs::rename(&temporary, path)
    })();
    if let Err(error) = written {
        // Best effort: the error that matters is the one already at hand.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    if durability == Durability::Synced {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replace_leaves_only_the_new_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        replace(&path, b"old", Durability::Synced).unwrap();
        replace(&path, b"new", Durability::Atomic).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

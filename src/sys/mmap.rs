//! Read-only maps of whole files.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags};

/// A whole file, mapped read-only and shared with every process that maps it; given back on drop.
///
/// Map only files that are replaced by renaming and never written in place: a file that shrinks while
/// it is mapped turns a read beyond its new end into SIGBUS (mmap(2)).
pub struct Map {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the pages are never writable through the map, so that any thread may read them at any time;
// the address is owned by the `Map` alone and stays valid until its drop.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Maps all of `file` as long as it is now. The descriptor may be closed afterwards.
    pub fn whole(file: &File) -> io::Result<Map> {
        let len = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if len == 0 {
            return Ok(Map { start: NonNull::dangling(), len });
        }
        // SAFETY: a new private mapping at an address of the kernel's choice touches no memory in use.
        // What another process could break is the content (see the type's note), not the mapping.
        let start = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, file, 0)?
        };
        let start = NonNull::new(start.cast()).expect("mmap without MAP_FIXED never returns page 0");
        Ok(Map { start, len })
    }
}

impl Deref for Map {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `start` is valid for `len` bytes until drop, or dangling with a length of 0.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: the mapping was made by `whole` with this length, and no slice of it outlives `self`.
            // It fails only for arguments that mmap would not have returned.
            let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_shows_the_file_and_outlives_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"some bytes").unwrap();
        let map = Map::whole(&File::open(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(&map[..], b"some bytes");
    }

    #[test]
    fn an_empty_file_maps_to_nothing() {
        let map = Map::whole(&tempfile::tempfile().unwrap()).unwrap();
        assert!(map.is_empty());
    }
}

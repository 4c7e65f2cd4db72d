//! Maps: of whole files, read-only, and of words that processes share.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

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

impl Map {
    /// Lets go of the pages that were read so far; they are read again when needed (madvise(2)).
    pub fn forget(&self) {
        if self.len > 0 {
            // SAFETY: a read-only map of a file has nothing to lose, and its content is the file's afterwards.
            let _ = unsafe {
                rustix::mm::madvise(self.start.as_ptr().cast(), self.len, rustix::mm::Advice::LinuxDontNeed)
            };
        }
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

/// Words in memory that other processes map too: a file without a name, of which only the pages that
/// were written take memory.
pub struct SharedWords {
    start: NonNull<AtomicU64>,
    count: usize,
    file: OwnedFd,
}

// SAFETY: all access goes through atomics; the address is owned by the value and valid until its drop.
unsafe impl Send for SharedWords {}
// SAFETY: as above.
unsafe impl Sync for SharedWords {}

impl SharedWords {
    /// New ones, all zero. Their size is sealed, so that no process can take them away from another.
    pub fn create(count: usize) -> io::Result<SharedWords> {
        use rustix::fs::{MemfdFlags, SealFlags};
        let file = rustix::fs::memfd_create(c"words", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&file, (count * size_of::<AtomicU64>()) as u64)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        SharedWords::map(file, count)
    }

    /// Those behind a descriptor that another process made.
    ///
    /// # Errors
    /// `InvalidData`: its size is not sealed.
    pub fn open(file: OwnedFd) -> io::Result<SharedWords> {
        use rustix::fs::SealFlags;
        if !rustix::fs::fcntl_get_seals(&file)?.contains(SealFlags::SHRINK) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = rustix::fs::fstat(&file)?.st_size as usize / size_of::<AtomicU64>();
        SharedWords::map(file, count)
    }

    fn map(file: OwnedFd, count: usize) -> io::Result<SharedWords> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use. The file's
        // size is sealed, so that every word of it stays there.
        let start = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), count * size_of::<AtomicU64>(), access, flags, &file, 0)?
        };
        let start = NonNull::new(start.cast()).expect("mmap without MAP_FIXED never returns page 0");
        Ok(SharedWords { start, count, file })
    }
}

impl AsFd for SharedWords {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Deref for SharedWords {
    type Target = [AtomicU64];
    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: `start` is valid for `count` words until drop, and atomics may be shared.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this length, and no slice of it outlives `self`.
        let _ =
            unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.count * size_of::<AtomicU64>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shared_by_descriptor() {
        use std::sync::atomic::Ordering::SeqCst;
        let ours = SharedWords::create(1 << 20).unwrap();
        let theirs = SharedWords::open(ours.as_fd().try_clone_to_owned().unwrap()).unwrap();
        ours[1 << 19].store(7, SeqCst);
        assert_eq!((theirs[1 << 19].load(SeqCst), theirs.len()), (7, 1 << 20));
    }

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

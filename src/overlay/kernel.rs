//! The kernel's overlayfs inside a user namespace (Linux 5.11): upper directory on the host's disk,
//! marks in `user.overlay.*`.
//!
//! What differs from overlayfs over directories, and is the kernel's: copy_file_range(2) from a file of
//! the image to one of the upper is EXDEV (two file systems; cp(1) reads and writes then), and readdir(3)
//! tells another inode number than stat(2) for a file that was copied up.

use std::fmt::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

use super::OverlayError;
use super::upper::Upper;

/// A mounted overlay; dropping it unmounts detached.
pub struct KernelOverlay {
    target: PathBuf,
}

impl KernelOverlay {
    /// Mounts `lower` under `upper` at `target`. `lower` may itself be `target`: it is resolved before
    /// the overlay covers it.
    pub fn mount(
        lower: &Path,
        upper: &Upper,
        target: &Path,
        volatile: bool,
    ) -> Result<KernelOverlay, OverlayError> {
        if volatile {
            upper.forget_volatile();
        }
        KernelOverlay::mount_at(lower, upper.directory(), upper.work(), target, volatile)
    }

    /// As `mount`, with any two empty directories of one file system.
    pub fn mount_at(
        lower: &Path,
        upper: &OwnedFd,
        work: &OwnedFd,
        target: &Path,
        volatile: bool,
    ) -> Result<KernelOverlay, OverlayError> {
        // Open until mount(2) has returned: the options name it by number.
        let lower = open_path(lower)?;
        let options = options([("lowerdir", &lower), ("upperdir", upper), ("workdir", work)], volatile);
        // xino=on would put the layer into bit 63 of st_ino, which 32-bit programs and i64 cannot hold.
        let flags = MountFlags::empty();
        rustix::mount::mount("overlay", target, "overlay", flags, options.as_c_str())
            .map_err(|source| OverlayError::Mount { fstype: "overlay", target: target.to_owned(), source })?;
        Ok(KernelOverlay { target: target.to_owned() })
    }
}

/// Descriptors instead of paths: nothing to escape, no limit of 256 bytes, no name to swap. The kernel
/// resolves them while mounting and needs them no longer.
fn options(layers: [(&str, &OwnedFd); 3], volatile: bool) -> std::ffi::CString {
    let mut text = String::from("userxattr,xino=off");
    for (key, directory) in layers {
        write!(text, ",{key}=/proc/self/fd/{}", directory.as_fd().as_raw_fd()).expect("strings grow");
    }
    if volatile {
        text.push_str(",volatile");
    }
    std::ffi::CString::new(text).expect("numbers and names hold no NUL")
}

fn open_path(path: &Path) -> Result<OwnedFd, OverlayError> {
    rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| OverlayError::Open { path: path.to_owned(), source: errno.into() })
}

impl Drop for KernelOverlay {
    fn drop(&mut self) {
        if let Err(errno) = rustix::mount::unmount(&*self.target, UnmountFlags::DETACH) {
            tracing::debug!(target = %self.target.display(), %errno, "unmounting the overlay");
        }
    }
}

/// Why the kernel's overlayfs cannot write to `upper`, if that can be told without mounting.
pub fn refusal(upper: &Upper) -> Option<&'static str> {
    const NFS: u64 = 0x6969;
    const FUSE: u64 = 0x6573_5546;
    const CIFS: u64 = 0xff53_4d42;
    const SMB2: u64 = 0xfe53_4d42;
    const V9FS: u64 = 0x0102_1997;
    let magic = rustix::fs::fstatfs(upper.directory()).map(|s| s.f_type as u64 & 0xffff_ffff).ok()?;
    match magic {
        NFS => return Some("the container lies on NFS, where overlayfs cannot write"),
        FUSE => return Some("the container lies on a FUSE file system, where overlayfs cannot write"),
        CIFS | SMB2 => return Some("the container lies on a Windows share, where overlayfs cannot write"),
        V9FS => return Some("the container lies on a 9p share, where overlayfs cannot write"),
        _ => {}
    }
    match upper.marks() {
        super::upper::Marks::Overlayfs => None,
        super::upper::Marks::Files => {
            Some("whiteouts are files in this container's upper, as its file system allows no others")
        }
    }
}

/// Whether an error of mount(2) says that this kernel or directory will never do.
pub fn is_refusal(errno: Errno) -> bool {
    !matches!(errno, Errno::NOMEM | Errno::MFILE | Errno::NFILE | Errno::INTR)
}

//! The upper directory: what a container wrote.
//!
//! ```text
//! <container>/upper/   the written tree, in overlayfs's own format, so that the kernel's overlayfs and
//!                      ours read the same: a character device 0:0 hides a name, the attribute
//!                      user.overlay.opaque=y hides what lies below a directory
//! <container>/work/    overlayfs's scratch; ours keeps unfinished copies in it
//! <container>/owners   whom files belong to where users are emulated (see `records`)
//! <container>/marks    "files" where the file system has no user xattrs or lets nobody make whiteouts
//!                      (NFS, some FUSE): then .wh.NAME hides a name and .wh..wh..opq a directory's lower
//!                      part, as in an image layer. Only ours can write such an upper.
//! ```
//!
//! Only the container's supervisor writes here; who inspects or removes an upper holds the container's
//! lock or knows it stopped. Files may belong to subordinate ids, so removing happens inside U.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::OverlayError;
use super::copy;
use super::lower::Lower;
use crate::layer::EntryId;
use crate::sys::tree;

/// overlayfs's attribute for an opaque directory (mount option `userxattr`).
pub const OPAQUE: &str = "user.overlay.opaque";
/// Prefix of a whiteout that is a file (OCI image spec, "Whiteouts").
pub const WHITEOUT_PREFIX: &[u8] = b".wh.";
/// The opaque mark that is a file.
pub const OPAQUE_FILE: &[u8] = b".wh..wh..opq";

/// How deleted names are marked in an upper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// Devices and attributes, as the kernel's overlayfs does.
    Overlayfs,
    /// Files named `.wh.`, where the file system allows no others.
    Files,
}

/// The open directories of one container's upper.
pub struct Upper {
    container: OwnedFd,
    directory: OwnedFd,
    work: OwnedFd,
    marks: Marks,
}

impl Upper {
    /// Opens the upper of `container`; makes it, with the image's root attributes, if it is new.
    pub fn open(container: &Path, lower: &Lower) -> Result<Upper, OverlayError> {
        let fail = |source: io::Error| OverlayError::Upper { path: container.to_owned(), source };
        let root =
            open_directory(rustix::fs::CWD, container.as_os_str().as_bytes()).map_err(|e| fail(e.into()))?;
        let directory = match open_directory(&root, b"upper") {
            Err(Errno::NOENT) => {
                make_upper(&root, lower).map_err(fail)?;
                open_directory(&root, b"upper").map_err(|e| fail(e.into()))?
            }
            opened => opened.map_err(|e| fail(e.into()))?,
        };
        match rustix::fs::mkdirat(&root, "work", Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(fail(errno.into())),
        }
        let work = open_directory(&root, b"work").map_err(|e| fail(e.into()))?;
        let marks = marks(&root, &directory).map_err(fail)?;
        Ok(Upper { container: root, directory, work, marks })
    }

    pub fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    pub fn container(&self) -> &OwnedFd {
        &self.container
    }

    pub fn work(&self) -> &OwnedFd {
        &self.work
    }

    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// A second set of descriptors, for a file system that owns its own.
    pub fn reopen(&self) -> io::Result<Upper> {
        Ok(Upper {
            container: self.container.try_clone()?,
            directory: self.directory.try_clone()?,
            work: self.work.try_clone()?,
            marks: self.marks,
        })
    }

    /// From now on marks are files. Written down first: a reader must know before it sees one.
    pub fn use_files_as_marks(&mut self) -> io::Result<()> {
        if self.marks != Marks::Files {
            write_marks(&self.container)?;
            self.marks = Marks::Files;
        }
        Ok(())
    }

    /// A volatile overlay leaves a mark (the directory `volatile` with a file `dirty` in it) that refuses
    /// the next mount: after a power cut the upper may be torn. Whoever asks for volatile again has said
    /// that it may.
    pub fn forget_volatile(&self) {
        if let Ok(marks) = open_directory(&self.work, b"work/incompat") {
            // What stays is for mount(2) to complain about.
            let _ = remove_tree(&marks, b"volatile");
        }
    }
}

pub fn open_directory(at: impl AsFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

/// overlayfs shows the upper's own attributes for the root, so they must be the image's. Made aside and
/// renamed: a half-made root is never used.
fn make_upper(container: &OwnedFd, lower: &Lower) -> io::Result<()> {
    const NEW: &str = "upper.new";
    match rustix::fs::mkdirat(container, NEW, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let made = open_directory(container, NEW.as_bytes())?;
    copy::attributes(&made, lower, EntryId::ROOT)?;
    rustix::fs::fchmod(&made, root_mode(lower.attr(EntryId::ROOT).perm))?;
    Ok(rustix::fs::renameat(container, NEW, container, "upper")?)
}

/// Everybody may enter the root, whatever the image says: Docker's engine makes it 0755, and images whose
/// tar was made from a private directory (`./` with 0700) work there for users other than root.
fn root_mode(image: u16) -> Mode {
    Mode::from_raw_mode(u32::from(image) | 0o755)
}

/// Decided once per upper: by what it holds, else by what the file system takes.
fn marks(container: &OwnedFd, upper: &OwnedFd) -> io::Result<Marks> {
    match rustix::fs::statat(container, "marks", AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => return Ok(Marks::Files),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    match rustix::fs::fgetxattr(upper, OPAQUE, &mut [0u8; 8]) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            write_marks(container)?;
            Ok(Marks::Files)
        }
        _ => Ok(Marks::Overlayfs),
    }
}

fn write_marks(container: &OwnedFd) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let file = rustix::fs::openat(container, "marks", flags, Mode::RUSR | Mode::WUSR)?;
    rustix::io::write(&file, b"files\n")?;
    Ok(rustix::fs::fsync(&file)?)
}

/// Whether a stat is that of overlayfs's whiteout.
pub fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Bytes that a container wrote (as `docker ps -s`); 0 when nothing was written.
pub fn written_size(container: &Path) -> u64 {
    tree::size(container.join("upper"))
}

/// Removes `name` below `parent` with everything in it, never following a link.
pub fn remove_tree(parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
    Ok(tree::remove_at(parent.as_fd(), &CString::new(name)?)?)
}

/// The names in a directory, without the dots.
pub fn list(directory: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    // Its own description: the offset of `directory` stays where it is.
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}

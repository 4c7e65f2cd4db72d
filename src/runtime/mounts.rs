//! Builds the mount tree, from inside: the container's root already is `/` of this process, so the
//! kernel itself resolves every target within it, whatever symlinks an image or a volume holds
//! (CVE-2019-16884, CVE-2021-30465). The host's tree is reachable through `Host` only.

use std::ffi::CString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};

use super::channel::{Failure, Fault, reason};
use super::launch::{Launch, MountOp};
use crate::identity::files::note_owner;
use crate::sys::mount;

/// The tree the supervisor sees, until it is detached.
pub(super) struct Host {
    root: OwnedFd,
}

/// Makes `root` the root of this process; what was there before is `Host`.
pub(super) fn enter(root: BorrowedFd<'_>) -> Result<Host, Failure> {
    let steps = || -> io::Result<OwnedFd> {
        // pivot_root refuses where mounts are shared with others; nothing here may reach them anyway.
        rustix::mount::mount_change(
            "/",
            rustix::mount::MountPropagationFlags::PRIVATE | rustix::mount::MountPropagationFlags::REC,
        )?;
        mount::enter(root)
    };
    Ok(Host { root: steps().map_err(|e| Failure::system("error changing the root file system", e))? })
}

impl Host {
    /// Makes the mounts in order; `trees` are those of the ones that bring one, in the same order.
    pub fn apply(&self, ops: &[MountOp], trees: Vec<OwnedFd>) -> Result<(), Failure> {
        let mut trees = trees.into_iter();
        let next = |trees: &mut std::vec::IntoIter<OwnedFd>| {
            trees.next().ok_or_else(|| Failure::new(Fault::System, "a mount's source is missing"))
        };
        for op in ops {
            match op {
                MountOp::FileSystem { fstype, target, flags, data, or_host, optional, owner } => {
                    let made = self.file_system(fstype, target, *flags, data, *or_host);
                    if !optional {
                        made.map_err(|e| mount_failure(Path::new(fstype), target, &e))?;
                    }
                    if let Some(owner) = owner {
                        // A read-only one looks like everybody's own.
                        let _ = note_owner(target.as_os_str().as_bytes(), *owner);
                    }
                }
                MountOp::Bind { source, target, .. } | MountOp::Volume { source, target, .. } => {
                    let tree = next(&mut trees)?;
                    bind(tree.as_fd(), target).map_err(|e| mount_failure(source, target, &e))?;
                }
                MountOp::Served { source, subpath, target, .. } => {
                    let tree = next(&mut trees)?;
                    bind(tree.as_fd(), target).map_err(|e| mount_failure(source, target, &e))?;
                    if let Some(below) = subpath {
                        let replaced = replace_by_below(tree.as_fd(), below, target);
                        replaced.map_err(|e| mount_failure(below, target, &e))?;
                    }
                }
                MountOp::Borrowed { target, .. } => {
                    let tree = next(&mut trees)?;
                    bind(tree.as_fd(), target).map_err(|e| mount_failure(target, target, &e))?;
                }
                MountOp::Device { source, target, optional } => match self.device(source, target) {
                    Err(error) if !optional => return Err(mount_failure(source, target, &error)),
                    _ => {}
                },
                MountOp::Symlink { content, path } => match symlink(content, path) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(Failure::system(format!("symlink {}", path.display()), error));
                    }
                    _ => {}
                },
                MountOp::AllDevices => self.all_devices(Path::new("dev"), 2),
            }
        }
        Ok(())
    }

    fn file_system(
        &self,
        fstype: &str,
        target: &Path,
        flags: u64,
        data: &str,
        or_host: bool,
    ) -> io::Result<()> {
        make_directory(target)?;
        if matches!(fstype, "proc" | "sysfs") && fs::symlink_metadata(target)?.is_symlink() {
            // What is written to these files must reach the kernel (CVE-2019-19921).
            return Err(io::Error::other("must be mounted on an ordinary directory"));
        }
        let (kind, options) = (CString::new(fstype)?, CString::new(data)?);
        match mount::mount(&kind, target, flags, &options) {
            Err(_) if or_host => {
                let read_only = if fstype == "sysfs" { libc::MOUNT_ATTR_RDONLY } else { 0 };
                let tree = mount::clone_tree(self.root.as_fd(), relative(target), true)?;
                mount::set_attributes(tree.as_fd(), read_only, 0, true)?;
                mount::attach(tree.as_fd(), target)
            }
            other => other,
        }
    }

    fn device(&self, source: &Path, target: &Path) -> io::Result<()> {
        let tree = mount::clone_tree(self.root.as_fd(), relative(source), false)?;
        make_file(target)?;
        mount::attach(tree.as_fd(), target)
    }

    /// Binds the devices below `directory` (relative to the host's root). One that cannot be bound is one
    /// that the user could not have opened either.
    fn all_devices(&self, directory: &Path, depth: u32) {
        // The container has its own of these.
        const OWN: [&str; 6] = ["pts", "shm", "mqueue", "fd", "console", "ptmx"];
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(handle) = rustix::fs::openat(&self.root, directory, flags, Mode::empty()) else { return };
        let Ok(entries) = rustix::fs::Dir::read_from(&handle) else { return };
        for entry in entries.flatten() {
            let name = std::ffi::OsStr::from_bytes(entry.file_name().to_bytes());
            let path = directory.join(name);
            let inside = Path::new("/").join(&path);
            let skipped = name == "." || name == ".." || OWN.iter().any(|own| name == *own);
            match entry.file_type() {
                _ if skipped => {}
                FileType::Directory if depth > 1 => self.all_devices(&path, depth - 1),
                FileType::CharacterDevice | FileType::BlockDevice if !inside.exists() => {
                    let _ = self.device(&path, &inside);
                }
                _ => {}
            }
        }
    }

    /// Docker's protection of /proc and /sys: `read_only_paths` stay visible, `masked_paths` become
    /// empty. What does not exist needs no protection.
    pub fn protect(&self, launch: &Launch) -> Result<(), Failure> {
        let failed = |path: &Path, e: &io::Error| {
            Failure::new(Fault::System, format!("error protecting {}: {}", path.display(), reason(e)))
        };
        for path in &launch.read_only_paths {
            match read_only(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, &error)),
                _ => {}
            }
        }
        let mut mask = Mask { host: self, empty: None };
        for path in &launch.masked_paths {
            match mask.put(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives the host's tree up: from here on there is no way back to it.
    pub fn detach(self) -> Result<(), Failure> {
        mount::leave(self.root).map_err(|e| Failure::system("error leaving the host's file systems", e))
    }
}

/// Makes the root mount itself read-only, not what is mounted below it (`--read-only`).
pub(super) fn make_root_read_only() -> Result<(), Failure> {
    let root = File::open("/").map_err(|e| Failure::system("opening the root file system", e))?;
    mount::set_attributes(root.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, false)
        .map_err(|e| Failure::system("making the root file system read-only", e))
}

/// Hides paths: a file under /dev/null, a directory under one that is empty and read-only.
struct Mask<'a> {
    host: &'a Host,
    /// The first hidden directory; the others are copies of its mount.
    empty: Option<PathBuf>,
}

impl Mask<'_> {
    fn put(&mut self, path: &Path) -> io::Result<()> {
        if !fs::symlink_metadata(path)?.is_dir() {
            return mount::attach(self.null()?.as_fd(), path);
        }
        match &self.empty {
            Some(empty) => mount::attach(mount::clone_path(empty, false)?.as_fd(), path),
            None => {
                mount::mount(
                    c"tmpfs",
                    path,
                    libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV,
                    c"size=0k,nr_inodes=1",
                )?;
                self.empty = Some(path.to_owned());
                Ok(())
            }
        }
    }

    /// The host's, and really it: a file in its place would show what ought to be hidden
    /// (CVE-2025-31133).
    fn null(&self) -> io::Result<OwnedFd> {
        let tree = mount::clone_tree(self.host.root.as_fd(), Path::new("dev/null"), false)?;
        if is_null(tree.as_fd()) {
            Ok(tree)
        } else {
            Err(io::Error::other("/dev/null is not the null device"))
        }
    }
}

fn read_only(path: &Path) -> io::Result<()> {
    let tree = mount::clone_path(path, true)?;
    mount::set_attributes(tree.as_fd(), libc::MOUNT_ATTR_RDONLY, 0, true)?;
    mount::attach(tree.as_fd(), path)
}

fn bind(tree: BorrowedFd<'_>, target: &Path) -> io::Result<()> {
    let found = rustix::fs::fstat(tree)?;
    let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
    match fs::metadata(target) {
        Ok(existing) if existing.is_dir() != is_directory => return Err(rustix::io::Errno::NOTDIR.into()),
        Ok(_) => {}
        Err(_) if is_directory => make_directory(target)?,
        Err(_) => make_file(target)?,
    }
    mount::attach(tree, target)
}

/// Mounts, instead of the whole of a mount, what lies below it: a detached tree can only be copied as a whole
/// (open_tree(2) before Linux 6.15).
fn replace_by_below(whole: BorrowedFd<'_>, below: &Path, target: &Path) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let directory = rustix::fs::openat2(whole, below, flags, Mode::empty(), inside)?;
    let tree = mount::clone_tree(directory.as_fd(), Path::new(""), false)?;
    rustix::mount::unmount(target, rustix::mount::UnmountFlags::DETACH)?;
    mount::attach(tree.as_fd(), target)
}

fn mount_failure(source: &Path, target: &Path, error: &io::Error) -> Failure {
    let (source, target) = (source.display(), target.display());
    let mut text = format!(
        "error mounting \"{source}\" to rootfs at \"{target}\": mount {source}:{target}: {}",
        reason(error)
    );
    if error.raw_os_error() == Some(libc::ENOTDIR) {
        text.push_str(
            ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path \
             exists and is the expected type",
        );
    }
    Failure::new(Fault::Wish, text)
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// Makes a directory and those above it, mode 0755, unless it is there.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(rustix::io::Errno::NOTDIR.into()),
        Err(_) => make_missing(path, DEEPEST),
    }
}

/// Also where symlinks on the way dangle, as a link of the image to a volume that is not there yet. `left`
/// bounds links that lead to themselves.
fn make_missing(path: &Path, left: usize) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let left = left.checked_sub(1).ok_or(rustix::io::Errno::LOOP)?;
    let path = settled(path);
    if let Some(parent) = path.parent() {
        make_missing(parent, left)?;
    }
    match DirBuilder::new().mode(0o755).create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Makes an empty file to mount on, and the directories above it, unless something is there.
pub(super) fn make_file(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let path = settled(path);
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    let made = File::options().write(true).create(true).truncate(false).open(&path)?;
    made.set_permissions(Permissions::from_mode(0o644))
}

/// How many links and missing directories one path may go through: PATH_MAX holds 2,048 of the latter.
const DEEPEST: usize = 2_100;

/// Where a symlink that dangles points to, as images have them for /etc/resolv.conf.
fn settled(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // As many as the kernel follows (path_resolution(7)).
    for _ in 0..40 {
        let Ok(content) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(content);
    }
    path
}

/// Whether it is the null device.
pub(super) fn is_null(file: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(file).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice
            && found.st_rdev == rustix::fs::makedev(1, 3)
    })
}

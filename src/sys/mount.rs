//! Mounts: detached trees and what rustix lacks of the mount API.

use std::ffi::{CStr, OsString};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, OpenTreeFlags};

/// Propagation as mount_setattr(2) takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagate {
    Private,
    Slave,
    Shared,
}

/// A copy of the mount at `path` (relative to `directory`), attached nowhere; with all that is mounted
/// below it when `recursive`. Dropping the descriptor drops the mount. The mount must be in the
/// caller's own mount namespace, over which the caller needs CAP_SYS_ADMIN (open_tree(2), kernel 5.2).
pub fn clone_tree(directory: BorrowedFd<'_>, path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    Ok(rustix::mount::open_tree(directory, path, flags)?)
}

/// `clone_tree` of a path of this process's own mount namespace.
pub fn clone_path(path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    clone_tree(CWD, path, recursive)
}

/// Attaches a detached tree at `target`, following symlinks.
pub fn attach(tree: BorrowedFd<'_>, target: &Path) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    Ok(rustix::mount::move_mount(tree, c"", CWD, target, flags)?)
}

/// Sets and clears attributes (`MOUNT_ATTR_*`) of a mount, of all below it too when `recursive`
/// (mount_setattr(2), kernel 5.12).
pub fn set_attributes(tree: BorrowedFd<'_>, set: u64, clear: u64, recursive: bool) -> io::Result<()> {
    mount_setattr(
        tree,
        libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 },
        recursive,
    )
}

/// Changes how mount events travel between this mount and others.
pub fn set_propagation(tree: BorrowedFd<'_>, how: Propagate, recursive: bool) -> io::Result<()> {
    let propagation = match how {
        Propagate::Private => libc::MS_PRIVATE,
        Propagate::Slave => libc::MS_SLAVE,
        Propagate::Shared => libc::MS_SHARED,
    };
    mount_setattr(tree, libc::mount_attr { attr_set: 0, attr_clr: 0, propagation, userns_fd: 0 }, recursive)
}

fn mount_setattr(tree: BorrowedFd<'_>, attributes: libc::mount_attr, recursive: bool) -> io::Result<()> {
    // AT_RECURSIVE of linux/fcntl.h
    let flags = libc::AT_EMPTY_PATH | if recursive { 0x8000 } else { 0 };
    // SAFETY: the structure has the kernel's layout and lives across the call; the path is constant.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            mem::size_of_val(&attributes),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Where something is mounted below a directory in this process's mount namespace, the last mounted first
/// (proc_pid_mountinfo(5)).
pub fn points_below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let Ok(directory) = directory.canonicalize() else { return Ok(Vec::new()) };
    let text = std::fs::read("/proc/self/mountinfo")?;
    let mut points = points(&text);
    points.retain(|point| point.starts_with(&directory) && *point != directory);
    points.reverse();
    Ok(points)
}

fn points(mountinfo: &[u8]) -> Vec<PathBuf> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    let fields = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    fields.map(|field| PathBuf::from(OsString::from_vec(unescaped(field)))).collect()
}

/// Blanks, tabs, newlines and backslashes are written in octal.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\');
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    bytes
}

/// Mounts a file system of the kernel by mount(2). `data` is its options, comma separated.
pub fn mount(fstype: &CStr, target: &Path, flags: u64, data: &CStr) -> io::Result<()> {
    let flags = rustix::mount::MountFlags::from_bits_retain(flags as u32);
    Ok(rustix::mount::mount(fstype, target, fstype, flags, data)?)
}

/// A /proc of the pid namespace the caller is in, attached nowhere, without setuid, devices and programs.
/// Needs CAP_SYS_ADMIN in the user namespace that owns the pid namespace, and in the caller's mount
/// namespace a /proc of which nothing is hidden (fsmount(2), kernel 5.2).
pub fn proc_tree() -> io::Result<OwnedFd> {
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
    let context = rustix::mount::fsopen(c"proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Attaches the mount tree of `root` over `/` and makes it the root directory of this process. Returns
/// the old one, which lies below until `leave`.
///
/// Below, not on top as after pivot_root(2): there, `..` at the root directory would lead to whatever is
/// mounted over it, and with it the symlinks of an image to the host. The process needs CAP_SYS_CHROOT.
pub fn enter(root: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let old = open_root()?;
    attach(root, Path::new("/"))?;
    rustix::process::fchdir(root)?;
    rustix::process::chroot(c".")?;
    Ok(old)
}

/// Makes the root directory that of the mount namespace too, and unmounts what `enter` found, with all
/// below it, as soon as nobody uses it any more.
pub fn leave(old: OwnedFd) -> io::Result<()> {
    let root = open_root()?;
    // pivot_root(2) exchanges the root directory of the caller, which therefore is the old one again.
    rustix::process::fchdir(old.as_fd())?;
    rustix::process::chroot(c".")?;
    rustix::process::fchdir(root)?;
    // "." for both: the old root ends up stacked on the new one (pivot_root(2), notes).
    rustix::process::pivot_root(c".", c".")?;
    rustix::process::fchdir(old.as_fd())?;
    drop(old);
    rustix::mount::unmount(c".", rustix::mount::UnmountFlags::DETACH)?;
    Ok(rustix::process::chdir(c"/")?)
}

fn open_root() -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    Ok(rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_their_blanks() {
        let text =
            b"36 35 98:0 /mnt1 /a\\040b rw - ext3 /dev/root rw\n37 36 0:5 / /c\\134d rw - tmpfs x rw\n";
        assert_eq!(points(text), [Path::new("/a b"), Path::new("/c\\d")]);
    }
}

//! Files as a process of the container names them, reached from outside.
//!
//! This process is in the container's mount namespace, at its root, and stands in the host's /proc: a path
//! of a process that starts at its working directory or at a descriptor goes through the links there
//! (`PID/cwd/…`, `PID/fd/N/…`), in one call and without opening anything. An absolute path is the same for
//! both, except for who has changed its root or its mounts: that is looked at once somebody may have.

use std::ffi::CStr;
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::calls::Named;
use crate::sys::notify::{self, Notification, RawStat};

/// PATH_MAX with its NUL.
const LONGEST: usize = 4096;

/// A file as this process reaches it: a path from its working directory, and `AT_SYMLINK_NOFOLLOW` or 0.
pub struct Target {
    path: Vec<u8>,
    pub flags: i32,
    /// Absolute as the caller named it.
    pub is_absolute: bool,
    /// Keeps what `path` leads through.
    _held: Option<OwnedFd>,
}

impl Target {
    fn new(mut path: Vec<u8>, flags: i32, held: Option<OwnedFd>) -> Target {
        path.push(0);
        Target { is_absolute: path.starts_with(b"/"), path, flags, _held: held }
    }

    pub fn path(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.path).expect("made with one NUL, at its end")
    }

    /// The file itself, opened without any right to its data.
    pub fn open(&self) -> rustix::io::Result<OwnedFd> {
        let link =
            if self.flags & libc::AT_SYMLINK_NOFOLLOW == 0 { OFlags::empty() } else { OFlags::NOFOLLOW };
        rustix::fs::openat(CWD, self.path(), OFlags::PATH | OFlags::CLOEXEC | link, Mode::empty())
    }
}

/// How an open file of ours is named from the host's /proc.
pub fn magic_link(file: &OwnedFd) -> Vec<u8> {
    format!("self/fd/{}", file.as_raw_fd()).into_bytes()
}

/// What the container's processes see, as far as it is the same for all.
pub struct View {
    root: (u64, u64),
    mounts: u64,
    /// Some process may have another root or other mounts.
    is_divided: AtomicBool,
}

impl View {
    /// Called when this process has arrived.
    pub fn new() -> io::Result<View> {
        let root = RawStat::read(c"/", 0)?;
        let mounts = RawStat::read(c"self/ns/mnt", 0)?.inode();
        Ok(View { root: (root.device(), root.inode()), mounts, is_divided: AtomicBool::new(false) })
    }

    /// Device number of the container's root file system.
    pub fn device(&self) -> u64 {
        self.root.0
    }

    pub fn divide(&self) {
        self.is_divided.store(true, Ordering::Relaxed);
    }

    /// The file that a call names. `None`: nothing that could be reached so; the kernel will say why.
    pub fn target(&self, call: &Notification, named: Named) -> Option<Target> {
        let arguments = &call.arguments;
        match named {
            Named::Descriptor => by_descriptor(call.pid, arguments[0] as i32, b"", 0),
            Named::Path { follow } => {
                let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
                let path = read_path(call.pid, arguments[0]).filter(|path| !path.is_empty())?;
                self.from(call.pid, libc::AT_FDCWD, path, flags)
            }
            Named::At { flags } => {
                let flags = arguments.get(usize::from(flags)).map_or(0, |flags| *flags as i32);
                let empty = flags & libc::AT_EMPTY_PATH != 0;
                let path = match arguments[1] {
                    0 if empty => Vec::new(),
                    address => read_path(call.pid, address)?,
                };
                if path.is_empty() && !empty {
                    return None;
                }
                self.from(call.pid, arguments[0] as i32, path, flags & libc::AT_SYMLINK_NOFOLLOW)
            }
        }
    }

    /// The directory and the last name of the path that a call names.
    pub fn parent(&self, call: &Notification, named: Named) -> Option<(Target, Vec<u8>)> {
        let (directory, address) = match named {
            Named::At { .. } => (call.arguments[0] as i32, call.arguments[1]),
            _ => (libc::AT_FDCWD, call.arguments[0]),
        };
        let path = read_path(call.pid, address)?;
        let cut = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let name = path[cut..].to_vec();
        if name.is_empty() || name == b"." || name == b".." {
            return None;
        }
        let parent = if cut == 0 { b".".to_vec() } else { path[..cut].to_vec() };
        Some((self.from(call.pid, directory, parent, 0)?, name))
    }

    fn from(&self, pid: i32, directory: i32, path: Vec<u8>, flags: i32) -> Option<Target> {
        if self.is_divided.load(Ordering::Relaxed) && !self.is_shared_by(pid) {
            return elsewhere(pid, directory, path, flags);
        }
        if path.starts_with(b"/") {
            return Some(Target::new(of_caller(pid, &path, flags).unwrap_or(path), flags, None));
        }
        if directory != libc::AT_FDCWD {
            return by_descriptor(pid, directory, &path, flags);
        }
        let mut from = start(pid, "cwd");
        if path.is_empty() {
            return Some(Target::new(from, 0, None));
        }
        from.push(b'/');
        from.extend_from_slice(&path);
        Some(Target::new(from, flags, None))
    }

    /// Whether a process has the root and the mounts that this one has.
    fn is_shared_by(&self, pid: i32) -> bool {
        let at = |name| {
            let path = Target::new(start(pid, name), 0, None);
            RawStat::read(path.path(), 0)
        };
        at("root").is_ok_and(|root| (root.device(), root.inode()) == self.root)
            && at("ns/mnt").is_ok_and(|mounts| mounts.inode() == self.mounts)
    }
}

/// Names that mean something else to every process, which /proc of the container does not tell this one.
fn of_caller(pid: i32, path: &[u8], flags: i32) -> Option<Vec<u8>> {
    let links: [(&[u8], &str); 6] = [
        (b"/proc/self/", ""),
        (b"/proc/thread-self/", ""),
        (b"/dev/fd/", "fd/"),
        (b"/dev/stdin", "fd/0"),
        (b"/dev/stdout", "fd/1"),
        (b"/dev/stderr", "fd/2"),
    ];
    links.iter().find_map(|(link, own)| {
        let rest = path.strip_prefix(*link)?;
        // From here `..` leads out of the container: this is the host's /proc.
        if rest.split(|byte| *byte == b'/').any(|name| name == b"..") {
            return None;
        }
        // The last three are links themselves, which may be what is meant.
        let is_led_on = link.ends_with(b"/") || (rest.is_empty() && flags == 0);
        is_led_on.then(|| [start(pid, own), rest.to_vec()].concat())
    })
}

fn start(pid: i32, name: &str) -> Vec<u8> {
    let mut path = String::with_capacity(64);
    let _ = write!(path, "{pid}/{name}");
    path.into_bytes()
}

/// What is open behind a descriptor, or a path from there.
fn by_descriptor(pid: i32, descriptor: i32, path: &[u8], flags: i32) -> Option<Target> {
    if descriptor < 0 {
        return None;
    }
    let mut from = String::with_capacity(32 + path.len());
    let _ = write!(from, "{pid}/fd/{descriptor}");
    let mut from = from.into_bytes();
    if path.is_empty() {
        return Some(Target::new(from, 0, None));
    }
    from.push(b'/');
    from.extend_from_slice(path);
    Some(Target::new(from, flags, None))
}

/// For a process with a root or mounts of its own. A path from a directory starts at the root where that
/// shows the directory; else only paths without links are followed, as the root they would start again
/// from is not this process's.
fn elsewhere(pid: i32, directory: i32, path: Vec<u8>, flags: i32) -> Option<Target> {
    let base = match directory {
        libc::AT_FDCWD => start(pid, "cwd"),
        _ => start(pid, &format!("fd/{directory}")),
    };
    let (from, path, how) = match path.strip_prefix(b"/") {
        Some(rest) => (start(pid, "root"), rest.to_vec(), ResolveFlags::IN_ROOT),
        None => match below_root(pid, &base) {
            Some(above) if !path.is_empty() => {
                (start(pid, "root"), [&above[..], b"/", &path].concat(), ResolveFlags::IN_ROOT)
            }
            _ => (base, path, ResolveFlags::NO_SYMLINKS),
        },
    };
    let from = rustix::fs::openat(CWD, from, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    if path.is_empty() {
        return Some(Target::new(magic_link(&from), 0, Some(from)));
    }
    let link = if flags & libc::AT_SYMLINK_NOFOLLOW == 0 { OFlags::empty() } else { OFlags::NOFOLLOW };
    let file = openat2(&from, path, OFlags::PATH | OFlags::CLOEXEC | link, Mode::empty(), how).ok()?;
    Some(Target::new(magic_link(&file), 0, Some(file)))
}

/// The path of a directory from the root of a process, without slashes at its ends.
fn below_root(pid: i32, directory: &[u8]) -> Option<Vec<u8>> {
    let target =
        |link: &[u8]| rustix::fs::readlinkat(CWD, link, Vec::new()).ok().map(|path| path.into_bytes());
    let root = target(&start(pid, "root"))?;
    let path = target(directory)?;
    let below = if root == b"/" { &path[..] } else { path.strip_prefix(&root[..])? };
    match below {
        b"" => Some(Vec::new()),
        below => below.strip_prefix(b"/").map(<[u8]>::to_vec),
    }
}

/// A path of the caller's, without its NUL. `None` where there is none that the kernel would take.
pub fn read_path(pid: i32, address: u64) -> Option<Vec<u8>> {
    let mut path = Vec::new();
    let mut chunk = [0; 256];
    while path.len() < LONGEST {
        let at = address.checked_add(path.len() as u64)?;
        // Not beyond the page: the next one may not exist.
        let size = chunk.len().min((4096 - at % 4096) as usize);
        let read = notify::read_memory(pid, at, &mut chunk[..size]).ok().filter(|read| *read > 0)?;
        if let Some(end) = memchr::memchr(0, &chunk[..read]) {
            path.extend_from_slice(&chunk[..end]);
            return Some(path);
        }
        path.extend_from_slice(&chunk[..read]);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    #[test]
    fn paths_are_read_across_pages() {
        let mut memory = vec![b'x'; 3 * 4096];
        memory[2 * 4096] = 0;
        let me = std::process::id() as i32;
        let address = memory.as_ptr() as u64;
        assert_eq!(read_path(me, address + 4097).unwrap().len(), 4095);
        assert_eq!(read_path(me, address), None, "longer than PATH_MAX");
        let short = CString::new("/etc/passwd").unwrap();
        assert_eq!(read_path(me, short.as_ptr() as u64).unwrap(), b"/etc/passwd");
        assert_eq!(read_path(me, 8), None);
    }
}

//! Extended attributes of a name in an open directory: the calls got no `*at` variants before Linux 6.13.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::XattrFlags;
use rustix::io::{Errno, Result};

/// The largest value and list of names that Linux allows (limits.h: XATTR_SIZE_MAX, XATTR_LIST_MAX).
const MAX: usize = 64 << 10;

fn path(directory: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    [format!("/proc/self/fd/{}/", directory.as_raw_fd()).as_bytes(), name].concat()
}

/// Names and values, in the file system's order; none where it has no attributes.
pub fn read(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = path(directory, name);
    let mut names = vec![0; MAX];
    let length = match rustix::fs::llistxattr(&*path, &mut names[..]) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => 0,
        length => length?,
    };
    let mut found = Vec::new();
    for attribute in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; MAX];
        match rustix::fs::lgetxattr(&*path, attribute, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                found.push((attribute.to_vec(), value));
            }
            // Taken away just now, or not for us to read.
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(found)
}

/// A single value; `None` where there is none, or none for us to read.
pub fn get(directory: BorrowedFd<'_>, name: &[u8], attribute: &[u8]) -> Option<Vec<u8>> {
    let mut value = vec![0; 256];
    let length = rustix::fs::lgetxattr(&*path(directory, name), attribute, &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

pub fn set(directory: BorrowedFd<'_>, name: &[u8], attribute: &[u8], value: &[u8]) -> Result<()> {
    rustix::fs::lsetxattr(&*path(directory, name), attribute, value, XattrFlags::empty())
}

//! POSIX access control lists, as Linux keeps them in extended attributes (linux/posix_acl_xattr.h): a
//! version, then entries of tag, permissions and id.

use std::os::fd::AsFd;

use rustix::io::{Errno, Result};

pub const ACCESS: &str = "system.posix_acl_access";
pub const DEFAULT: &str = "system.posix_acl_default";

const HEADER: usize = 4;
const ENTRY: usize = 8;

const USER_OBJ: u16 = 0x01;
const GROUP_OBJ: u16 = 0x04;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// Whether the file system of `file` keeps such lists.
pub fn are_kept(file: impl AsFd) -> bool {
    !matches!(rustix::fs::fgetxattr(file, ACCESS, &mut [0u8; 0]), Err(Errno::OPNOTSUPP | Errno::NOSYS))
}

/// What a directory gives to what is made in it.
pub fn default_of(directory: impl AsFd) -> Result<Option<Vec<u8>>> {
    let mut value = vec![0; 1024];
    loop {
        match rustix::fs::fgetxattr(&directory, DEFAULT, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                return Ok(Some(value));
            }
            Err(Errno::RANGE) if value.len() < 64 << 10 => value.resize(64 << 10, 0),
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(None),
            Err(errno) => return Err(errno),
        }
    }
}

/// The access list of an object made with `mode` where `default` is given, and the mode that it has then
/// (acl(5), "Object creation and default ACLs"): each takes from the other what it does not allow.
pub fn inherited(default: &[u8], mode: u32) -> Result<(Vec<u8>, u32)> {
    let mut access = default.to_vec();
    if access.len() < HEADER || !(access.len() - HEADER).is_multiple_of(ENTRY) {
        return Err(Errno::INVAL);
    }
    let tag_of = |entry: &[u8]| u16::from_le_bytes([entry[0], entry[1]]);
    let has_mask = access[HEADER..].chunks(ENTRY).any(|entry| tag_of(entry) == MASK);
    let mut result = mode & !0o777;
    for entry in access[HEADER..].chunks_mut(ENTRY) {
        let shift = match tag_of(entry) {
            USER_OBJ => 6,
            MASK => 3,
            GROUP_OBJ if !has_mask => 3,
            OTHER => 0,
            _ => continue,
        };
        let permissions = u16::from_le_bytes([entry[2], entry[3]]) & ((mode >> shift) & 7) as u16;
        entry[2..4].copy_from_slice(&permissions.to_le_bytes());
        result |= u32::from(permissions) << shift;
    }
    Ok((access, result))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16)]) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0];
        for (tag, permissions) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(u32::MAX.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn mode_and_default_list_limit_each_other() {
        let plain = list(&[(USER_OBJ, 7), (GROUP_OBJ, 5), (OTHER, 0)]);
        let (access, mode) = inherited(&plain, 0o4666).unwrap();
        assert_eq!((access, mode), (list(&[(USER_OBJ, 6), (GROUP_OBJ, 4), (OTHER, 0)]), 0o4640));
        let named = list(&[(USER_OBJ, 7), (2, 7), (GROUP_OBJ, 5), (MASK, 7), (OTHER, 5)]);
        let (access, mode) = inherited(&named, 0o640).unwrap();
        let expected = list(&[(USER_OBJ, 6), (2, 7), (GROUP_OBJ, 5), (MASK, 4), (OTHER, 0)]);
        assert_eq!((access, mode), (expected, 0o640));
        assert_eq!(inherited(&named[..7], 0o640), Err(Errno::INVAL));
    }
}

//! Identities and owners in memory that two processes share.
//!
//! ```text
//! word 0           the first free word of the identities
//! words 1..        identities, each written once, by the process that answers system calls:
//!                    MARK | groups    real | effective << 32 and saved | files << 32 of the user,
//!                    the same of the group, then two groups a word
//! OWNERS..         the owner of every inode that is not root's, by inode number, written by the process
//!                  that serves the files: OWNED | gid << 31 | uid
//! ```
//!
//! Ids have 31 bits: a larger one is EINVAL where it would be set.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Credentials, Ids};
use crate::sys::mmap::SharedWords;
use crate::sys::notify;

/// 32 MiB of identities, about 700,000 without groups.
const OWNERS: usize = 4 << 20;
/// Keys are smaller: a hard limit below this could not carry them all.
pub const KEYS: u64 = OWNERS as u64;
/// 1 GiB of owners, of which only what is written takes memory. Inodes beyond are shown as root's.
const INODES: usize = 128 << 20;
/// The soft limit that carries a process's identity.
pub const CARRIER: u32 = libc::RLIMIT_LOCKS;

/// Says that an identity begins here, so that no other number is taken for a key: no id is so large.
const MARK: u64 = 0xC04A_C1E0 << 32;
/// Bits beside the number of groups.
const KEEPS_POWERS: u64 = 1 << 24;
const HAS_KEPT_POWERS: u64 = 1 << 25;
const GROUPS: u64 = (1 << 24) - 1;
const OWNED: u64 = 1 << 63;
/// Ids from here on do not fit.
pub const ID_LIMIT: u32 = 1 << 31;

/// Shown for those.
const OVERFLOW: u32 = 65534;

/// No key of the table: the hard limit, whatever it is.
pub const ROOT: u64 = u64::MAX;

/// Words before the groups.
const HEAD: usize = 5;

pub struct Table {
    words: SharedWords,
}

impl Table {
    pub fn create() -> io::Result<Table> {
        let words = SharedWords::create(OWNERS + room_for_owners())?;
        words[0].store(1, Ordering::Relaxed);
        Ok(Table { words })
    }

    /// The one behind a descriptor that another process made.
    pub fn open(file: OwnedFd) -> io::Result<Table> {
        let words = SharedWords::open(file)?;
        match words.len() >= OWNERS {
            true => Ok(Table { words }),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Writes an identity down and returns its key. Nobody else may do so at the same time.
    ///
    /// # Errors
    /// EAGAIN: no room is left.
    pub fn add(&self, identity: &Credentials) -> io::Result<u64> {
        let key = self.words[0].load(Ordering::Relaxed);
        let start = key as usize;
        let length = HEAD + identity.groups.len().div_ceil(2);
        if start + length > OWNERS {
            return Err(io::Error::from_raw_os_error(libc::EAGAIN));
        }
        let put = |at: usize, low: u32, high: u32| {
            self.words[start + at].store(u64::from(low) | u64::from(high) << 32, Ordering::Relaxed);
        };
        for (at, ids) in [(1, identity.user), (3, identity.group)] {
            put(at, ids.real, ids.effective);
            put(at + 1, ids.saved, ids.files);
        }
        for (at, pair) in identity.groups.chunks(2).enumerate() {
            put(HEAD + at, pair[0], pair.get(1).copied().unwrap_or(0));
        }
        let bit = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let bits = bit(identity.keeps_powers, KEEPS_POWERS) | bit(identity.has_kept_powers, HAS_KEPT_POWERS);
        self.words[start].store(MARK | bits | identity.groups.len() as u64, Ordering::Release);
        self.words[0].store(key + length as u64, Ordering::Relaxed);
        Ok(key)
    }

    /// Where the identity of this key lies, and its first word. `None` is root.
    fn find(&self, key: u64) -> Option<(usize, u64)> {
        let start = usize::try_from(key).ok().filter(|start| *start > 0 && *start < OWNERS)?;
        let head = self.words[start].load(Ordering::Acquire);
        (head >> 32 == MARK >> 32).then_some((start, head))
    }

    fn pair(&self, at: usize) -> (u32, u32) {
        let word = self.words.get(at).map_or(0, |word| word.load(Ordering::Relaxed));
        (word as u32, (word >> 32) as u32)
    }

    fn ids(&self, at: usize) -> Ids {
        let ((real, effective), (saved, files)) = (self.pair(at), self.pair(at + 1));
        Ids { real, effective, saved, files }
    }

    /// The whole identity behind a key.
    pub fn credentials(&self, key: u64) -> Credentials {
        let Some((start, head)) = self.find(key) else { return Credentials::default() };
        let groups = (0..(head & GROUPS) as usize).map(|at| {
            let (low, high) = self.pair(start + HEAD + at / 2);
            if at % 2 == 0 { low } else { high }
        });
        Credentials {
            user: self.ids(start + 1),
            group: self.ids(start + 3),
            groups: groups.collect(),
            keeps_powers: head & KEEPS_POWERS != 0,
            has_kept_powers: head & HAS_KEPT_POWERS != 0,
        }
    }

    /// Its ids alone: user, group.
    pub fn ids_of(&self, key: u64) -> (Ids, Ids) {
        self.find(key).map_or_else(Default::default, |(start, _)| (self.ids(start + 1), self.ids(start + 3)))
    }

    /// The key that a process carries.
    ///
    /// # Errors
    /// ESRCH: there is no such process any more.
    pub fn key_of(pid: i32) -> io::Result<u64> {
        Ok(notify::limit_of(pid, CARRIER)?.0)
    }

    /// Makes a process carry a key. The hard limit stays.
    ///
    /// # Errors
    /// EINVAL: this user's hard limit of file locks is below the key.
    pub fn give(pid: i32, key: u64) -> io::Result<()> {
        let (_, hard) = notify::limit_of(pid, CARRIER)?;
        if key != ROOT && key > hard {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        notify::set_limit_of(pid, CARRIER, key.min(hard), hard)
    }

    /// Makes this process carry no key, whatever its limit was, and the children that it will have.
    pub fn belong_to_root() -> io::Result<()> {
        let (_, hard) = notify::limit_of(0, CARRIER)?;
        notify::set_limit_of(0, CARRIER, hard, hard)
    }

    /// User and group of the files that a process makes; of one that was killed meanwhile they are root's.
    pub fn makes_files_as(&self, pid: i32) -> (u32, u32) {
        let (user, group) = self.ids_of(Table::key_of(pid).unwrap_or(ROOT));
        (user.files, group.files)
    }

    fn owner_word(&self, inode: u64) -> Option<&AtomicU64> {
        self.words.get(OWNERS + usize::try_from(inode).ok()?)
    }

    /// Whom an inode of the container's root belongs to; `None` is root, user and group.
    pub fn owner(&self, inode: u64) -> Option<(u32, u32)> {
        let word = self.owner_word(inode)?.load(Ordering::Relaxed);
        (word & OWNED != 0).then_some(((word as u32) & (ID_LIMIT - 1), (word >> 31) as u32 & (ID_LIMIT - 1)))
    }

    /// Remembers whom an inode belongs to.
    pub fn set_owner(&self, inode: u64, (uid, gid): (u32, u32)) {
        let Some(place) = self.owner_word(inode) else { return };
        // As the kernel shows ids that it cannot (fs.overflowuid).
        let shown = |id: u32| u64::from(if id < ID_LIMIT { id } else { OVERFLOW });
        let word = match (uid, gid) {
            (0, 0) => 0,
            _ => OWNED | shown(gid) << 31 | shown(uid),
        };
        place.store(word, Ordering::Relaxed);
    }
}

/// As many owners as the size of a file is allowed to hold: beyond that limit (`ulimit -f`) setting the size
/// would end this process (setrlimit(2), RLIMIT_FSIZE).
fn room_for_owners() -> usize {
    let (soft, _) = crate::sys::process::limit(libc::RLIMIT_FSIZE).unwrap_or((u64::MAX, u64::MAX));
    let words = usize::try_from(soft / size_of::<u64>() as u64).unwrap_or(usize::MAX);
    words.saturating_sub(OWNERS).min(INODES)
}

impl AsFd for Table {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.words.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_found_by_key_and_only_by_key() {
        let table = Table::create().unwrap();
        let www = Credentials { keeps_powers: true, ..Credentials::new(33, 33, vec![4, 27, 1000]) };
        let other = Credentials::new(7, 8, Vec::new());
        let keys = [table.add(&www).unwrap(), table.add(&other).unwrap()];
        let theirs = Table::open(table.as_fd().try_clone_to_owned().unwrap()).unwrap();
        assert_eq!(theirs.credentials(keys[0]), www);
        assert_eq!(theirs.credentials(keys[1]), other);
        assert_eq!(theirs.ids_of(keys[1]), (Ids::all(7), Ids::all(8)));
        for key in [0, keys[0] + 1, keys[1] + 1, 5000, OWNERS as u64, u64::MAX] {
            assert_eq!(theirs.credentials(key), Credentials::default(), "{key}");
        }
    }

    #[test]
    fn a_full_table_takes_nobody_more() {
        let table = Table::create().unwrap();
        let crowd = |uid| Credentials::new(uid, 0, vec![uid; 65536]);
        let full = (1..1000).find_map(|uid| table.add(&crowd(uid)).err()).unwrap();
        assert_eq!(full.raw_os_error(), Some(libc::EAGAIN));
        let last = Credentials::new(5, 5, Vec::new());
        let key = table.add(&last).expect("a smaller one still fits");
        assert!(key < KEYS);
        assert_eq!(table.credentials(key), last);
    }

    #[test]
    fn ids_that_do_not_fit_are_nobodys() {
        let table = Table::create().unwrap();
        table.set_owner(3, (u32::MAX - 1, ID_LIMIT));
        assert_eq!(table.owner(3), Some((65534, 65534)));
    }

    #[test]
    fn owners_are_roots_until_said_otherwise() {
        let table = Table::create().unwrap();
        assert_eq!(table.owner(9), None);
        for owner in [(33, 44), (0, 5), (ID_LIMIT - 1, ID_LIMIT - 1), (70_000, 0)] {
            table.set_owner(9, owner);
            assert_eq!(table.owner(9), Some(owner));
        }
        table.set_owner(9, (0, 0));
        assert_eq!(table.owner(9), None);
        table.set_owner(INODES as u64, (1, 1));
        assert_eq!(table.owner(INODES as u64), None, "beyond the table");
    }

    #[test]
    fn a_process_carries_its_identity_to_its_children() {
        let table = Table::create().unwrap();
        let key = table.add(&Credentials::new(33, 34, Vec::new())).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id() as i32;
        assert_eq!(table.makes_files_as(pid), (0, 0));
        Table::give(pid, key).unwrap();
        assert_eq!(table.makes_files_as(pid), (33, 34));
        Table::give(pid, ROOT).unwrap();
        assert_eq!(table.makes_files_as(pid), (0, 0));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

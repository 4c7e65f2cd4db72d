//! A call with what is asked of its caller on the way.

use std::io;
use std::os::fd::BorrowedFd;

use super::super::calls::{Decoded, Named};
use super::super::view;
use super::number;
use crate::identity::credentials::{KEEP, Refusal};
use crate::identity::table::ID_LIMIT;
use crate::sys::notify::{self, Answer, Notification};

const LONGEST_NAME: usize = 255;
/// Shown for what an ABI of 16-bit ids has no room for, and for whoever is not known (fs.overflowuid).
pub(super) const OVERFLOW: u32 = 65534;

pub(super) type Outcome = Result<Answer, Errno>;

/// A positive errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errno(pub(super) i32);

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Errno {
        Errno(errno.raw_os_error())
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        Errno(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<Refusal> for Errno {
    fn from(refusal: Refusal) -> Errno {
        match refusal {
            Refusal::NotPermitted => Errno(libc::EPERM),
            Refusal::Invalid => Errno(libc::EINVAL),
        }
    }
}

pub(super) const DONE: Outcome = Ok(Answer::Value(0));

/// One call, and whose it is.
pub(super) struct Context<'a> {
    pub(super) listener: BorrowedFd<'a>,
    pub(super) call: &'a Notification,
    pub(super) decoded: Decoded,
}

impl Context<'_> {
    pub(super) fn argument(&self, at: usize) -> u64 {
        self.call.arguments[at]
    }

    /// An id as the caller's ABI passes it.
    pub(super) fn id(&self, at: usize) -> Result<u32, Errno> {
        let id = self.argument(at) as u32;
        match id {
            _ if self.decoded.is_narrow && id & 0xffff == 0xffff => Ok(KEEP),
            _ if self.decoded.is_narrow => Ok(id & 0xffff),
            KEEP => Ok(KEEP),
            id if id >= ID_LIMIT => Err(Errno(libc::EINVAL)),
            id => Ok(id),
        }
    }

    pub(super) fn shown(&self, id: u32) -> u32 {
        if self.decoded.is_narrow && id > 0xffff { OVERFLOW } else { id }
    }

    /// The caller's memory is written only as long as it waits: later its pid may be another's.
    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        self.still_waits()?;
        Ok(notify::write_memory(self.call.pid, address, bytes)?)
    }

    /// An error when the caller is gone: what was read since the call may have been another's.
    pub(super) fn still_waits(&self) -> Result<(), Errno> {
        match notify::still_waits(self.listener, self.call.id) {
            true => Ok(()),
            false => Err(Errno(libc::ESRCH)),
        }
    }

    pub(super) fn write_ids(&self, address: u64, ids: &[u32]) -> Result<(), Errno> {
        let ids = ids.iter().map(|id| self.shown(*id));
        let bytes: Vec<u8> = match self.decoded.is_narrow {
            true => ids.flat_map(|id| (id as u16).to_ne_bytes()).collect(),
            false => ids.flat_map(u32::to_ne_bytes).collect(),
        };
        self.write(address, &bytes)
    }

    pub(super) fn read(&self, address: u64, size: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; size];
        match size == 0 || notify::read_memory(self.call.pid, address, &mut bytes)? == size {
            true => Ok(bytes),
            false => Err(Errno(libc::EFAULT)),
        }
    }

    /// EBADF where a call takes a descriptor that is none, or one of a path only (open(2), O_PATH).
    pub(super) fn check_descriptor(&self, named: Named) -> Result<(), Errno> {
        if named != Named::Descriptor {
            return Ok(());
        }
        let bad = Errno(libc::EBADF);
        let info = format!("{}/fdinfo/{}", self.call.pid, self.argument(0) as i32);
        let info = std::fs::read_to_string(info).map_err(|_| bad)?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).map(str::trim);
        let flags = flags.and_then(|flags| i32::from_str_radix(flags, 8).ok()).ok_or(bad)?;
        if flags & libc::O_PATH == 0 { Ok(()) } else { Err(bad) }
    }

    /// Whether a call that takes `AT_*` flags in this argument has only such as are known here.
    pub(super) fn has_known_flags(&self, at: usize, known: i32) -> bool {
        self.argument(at) as i32 & !(known | libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) == 0
    }

    /// A limit that the caller wants to set, as the kernel would take it.
    pub(super) fn check_limit(&self, address: u64, half: usize) -> Result<(), Errno> {
        let limit = self.read(address, 2 * half)?;
        let (soft, hard) = limit.split_at(half);
        if number(soft) <= number(hard) { Ok(()) } else { Err(Errno(libc::EINVAL)) }
    }

    /// A name of an attribute.
    pub(super) fn name(&self, address: u64) -> Option<Vec<u8>> {
        view::read_path(self.call.pid, address).filter(|name| name.len() <= LONGEST_NAME)
    }
}

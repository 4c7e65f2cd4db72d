//! Answers, call by call.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::Thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, XattrFlags};

use super::calls::{Call, Decoded, Decoder, Kind, Named, Which, Xattr};
use super::view::{self, Place, View, magic_link};
use super::{CARRIED, Powers};
use crate::identity::credentials::{KEEP, Refusal};
use crate::identity::table::ID_LIMIT;
use crate::identity::{Credentials, Ids, Table, files};
use crate::runtime::capability;
use crate::sys::notify::{self, Answer, Notification, RawStat, RawStatx};

/// More never wait at once: each can be held up by a file system only.
const MOST_THREADS: usize = 16;
/// What a thread needs for the paths and buffers of one call.
const STACK: usize = 256 << 10;
/// XATTR_SIZE_MAX, XATTR_NAME_MAX
const LONGEST_VALUE: usize = 64 << 10;
const LONGEST_NAME: usize = 255;
/// NGROUPS_MAX
const MOST_GROUPS: usize = 65536;
/// Shown to an ABI whose ids have 16 bits for what does not fit (fs.overflowuid).
const OVERFLOW: u32 = 65534;

/// Whose files lie on a file system other than the container's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owned {
    /// The kernel's own: as it says.
    Kernel,
    /// /proc, whose directories belong to processes.
    Process,
    /// Volumes, binds, tmpfs: what was recorded, else whoever looks.
    Record,
}

/// Everything that the answers depend on.
pub struct Server {
    table: Table,
    /// Keys of the identities that were written down. Held while one is added.
    keys: Mutex<HashMap<Credentials, u64>>,
    powers: Powers,
    view: View,
    decoder: Decoder,
    systems: RwLock<HashMap<u64, Owned>>,
    /// Owners of objects on other file systems that take no attributes, by device and inode.
    elsewhere: Mutex<HashMap<Object, (u32, u32)>>,
    /// Processes that were made somebody else by what they were about to execute, and how many.
    executing: Mutex<HashMap<i32, Executing>>,
    are_executing: AtomicUsize,
}

/// Device, inode and birth: another object may have the first two later.
type Object = (u64, u64, u64);

/// An execve(2) whose end is not known yet.
struct Executing {
    before: Credentials,
    /// Device and inode of the file.
    file: (u64, u64),
}

type Outcome = Result<Answer, Errno>;

/// A positive errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Errno(i32);

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

/// Shown for the caller's files to a process in U.
const OURS: u32 = 0;
/// Objects on other file systems whose owners are remembered at most.
const MOST_ELSEWHERE: usize = 65536;

const DONE: Outcome = Ok(Answer::Value(0));

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call, and whose it is.
struct Context<'a> {
    listener: BorrowedFd<'a>,
    call: &'a Notification,
    decoded: Decoded,
}

impl Context<'_> {
    fn argument(&self, at: usize) -> u64 {
        self.call.arguments[at]
    }

    /// An id as the caller's ABI passes it.
    fn id(&self, at: usize) -> Result<u32, Errno> {
        let id = self.argument(at) as u32;
        match id {
            _ if self.decoded.is_narrow && id & 0xffff == 0xffff => Ok(KEEP),
            _ if self.decoded.is_narrow => Ok(id & 0xffff),
            KEEP => Ok(KEEP),
            id if id >= ID_LIMIT => Err(Errno(libc::EINVAL)),
            id => Ok(id),
        }
    }

    fn shown(&self, id: u32) -> u32 {
        if self.decoded.is_narrow && id > 0xffff { OVERFLOW } else { id }
    }

    /// The caller's memory is written only as long as it waits: later its pid may be another's.
    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        self.still_waits()?;
        Ok(notify::write_memory(self.call.pid, address, bytes)?)
    }

    /// An error when the caller is gone: what was read since the call may have been another's.
    fn still_waits(&self) -> Result<(), Errno> {
        match notify::still_waits(self.listener, self.call.id) {
            true => Ok(()),
            false => Err(Errno(libc::ESRCH)),
        }
    }

    fn write_ids(&self, address: u64, ids: &[u32]) -> Result<(), Errno> {
        let ids = ids.iter().map(|id| self.shown(*id));
        let bytes: Vec<u8> = match self.decoded.is_narrow {
            true => ids.flat_map(|id| (id as u16).to_ne_bytes()).collect(),
            false => ids.flat_map(u32::to_ne_bytes).collect(),
        };
        self.write(address, &bytes)
    }

    fn read(&self, address: u64, size: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; size];
        match size == 0 || notify::read_memory(self.call.pid, address, &mut bytes)? == size {
            true => Ok(bytes),
            false => Err(Errno(libc::EFAULT)),
        }
    }

    /// EBADF where a call takes a descriptor that is none, or one of a path only (open(2), O_PATH).
    fn check_descriptor(&self, named: Named) -> Result<(), Errno> {
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
    fn has_known_flags(&self, at: usize, known: i32) -> bool {
        self.argument(at) as i32 & !(known | libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) == 0
    }

    /// A limit that the caller wants to set, as the kernel would take it.
    fn check_limit(&self, address: u64, half: usize) -> Result<(), Errno> {
        let limit = self.read(address, 2 * half)?;
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (soft, hard) = limit.split_at(half);
        if number(soft) <= number(hard) { Ok(()) } else { Err(Errno(libc::EINVAL)) }
    }

    /// A name of an attribute.
    fn name(&self, address: u64) -> Option<Vec<u8>> {
        view::read_path(self.call.pid, address).filter(|name| name.len() <= LONGEST_NAME)
    }
}

impl Server {
    pub fn new(table: Table, powers: Powers) -> io::Result<Server> {
        Ok(Server {
            table,
            keys: Mutex::default(),
            powers,
            view: View::new()?,
            decoder: Decoder::new(),
            systems: RwLock::default(),
            elsewhere: Mutex::default(),
            executing: Mutex::default(),
            are_executing: AtomicUsize::new(0),
        })
    }

    /// Makes a process somebody.
    pub fn identify(&self, pid: i32, identity: &Credentials) -> io::Result<()> {
        let key = match *identity == Credentials::default() {
            true => u64::MAX,
            false => {
                let mut keys = locked(&self.keys);
                match keys.get(identity) {
                    Some(key) => *key,
                    None => {
                        let key = self.table.add(identity)?;
                        keys.insert(identity.clone(), key);
                        key
                    }
                }
            }
        };
        Table::give(pid, key)
    }

    fn credentials(&self, pid: i32) -> Credentials {
        self.table.credentials(Table::key_of(pid).0)
    }

    fn ids(&self, pid: i32, kind: Kind) -> Ids {
        let (user, group) = self.table.ids_of(Table::key_of(pid).0);
        match kind {
            Kind::User => user,
            Kind::Group => group,
        }
    }

    fn answer(&self, listener: BorrowedFd<'_>, call: &Notification) -> Answer {
        let Some(decoded) = self.decoder.decode(call.architecture, call.number) else {
            return Answer::Continue;
        };
        let context = Context { listener, call, decoded };
        match self.outcome(&context) {
            Ok(answer) => answer,
            Err(Errno(errno)) => Answer::Error(errno),
        }
    }

    fn outcome(&self, context: &Context<'_>) -> Outcome {
        let pid = context.call.pid;
        self.settle(pid);
        match context.decoded.call {
            Call::Get(kind, which) => {
                let ids = self.ids(pid, kind);
                let id = match which {
                    Which::Real => ids.real,
                    Which::Effective => ids.effective,
                };
                Ok(Answer::Value(context.shown(id).into()))
            }
            Call::GetThree(kind) => {
                let ids = self.ids(pid, kind);
                for (at, id) in [ids.real, ids.effective, ids.saved].into_iter().enumerate() {
                    context.write_ids(context.argument(at), &[id])?;
                }
                DONE
            }
            Call::GetGroups => self.get_groups(context),
            Call::SetGroups => self.set_groups(context),
            Call::Set(kind) => {
                let id = context.id(0)?;
                self.change(context, kind, |ids, free| ids.set(id, free))
            }
            Call::SetTwo(kind) => {
                let (real, effective) = (context.id(0)?, context.id(1)?);
                self.change(context, kind, |ids, free| ids.set_two(real, effective, free))
            }
            Call::SetThree(kind) => {
                let (real, effective, saved) = (context.id(0)?, context.id(1)?, context.id(2)?);
                self.change(context, kind, |ids, free| ids.set_three(real, effective, saved, free))
            }
            Call::SetFiles(kind) => {
                let id = context.id(0).unwrap_or(KEEP);
                let mut before = 0;
                self.change(context, kind, |ids, free| {
                    before = ids.set_files(id, free);
                    Ok(())
                })?;
                Ok(Answer::Value(before.into()))
            }
            Call::Stat(named) => self.stat(context, named),
            Call::Statx => self.statx(context),
            Call::Chown(named) => self.chown(context, named),
            Call::MakeNode(named) => self.make_node(context, named),
            Call::Xattr(what, named) => self.xattr(context, what, named),
            Call::Execute(named) => self.execute(context, named),
            Call::PeerCredentials => self.peer(context),
            Call::GetCarrier => {
                let unlimited: &[u8] = if context.decoded.is_native { &[0xff; 16] } else { &[0xff; 8] };
                context.write(context.argument(1), unlimited)?;
                DONE
            }
            Call::SetCarrier => {
                context.check_limit(context.argument(1), if context.decoded.is_native { 8 } else { 4 })?;
                DONE
            }
            Call::GetAndSetCarrier => {
                // By its number in the container, whose /proc this process sees.
                let of = context.argument(0) as i32;
                if of != 0 && !Path::new(&format!("/proc/{of}")).exists() {
                    return Err(Errno(libc::ESRCH));
                }
                if context.argument(2) != 0 {
                    context.check_limit(context.argument(2), 8)?;
                }
                if context.argument(3) != 0 {
                    context.write(context.argument(3), &[0xff; 16])?;
                }
                DONE
            }
            Call::KeepCapabilities => self.keep_capabilities(context),
            Call::ChangeView => {
                self.view.divide();
                Ok(Answer::Continue)
            }
            Call::Clone => {
                // The first member of `struct clone_args`. Changed after this it would only mislead about paths.
                let flags = context.read(context.argument(0), 8)?;
                if flags[..4].iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
                    & libc::CLONE_NEWNS as u32
                    != 0
                {
                    self.view.divide();
                }
                Ok(Answer::Continue)
            }
        }
    }

    /// Whether a process may take on any id: it has root's powers, and has not given this one away.
    fn is_free(&self, pid: i32, identity: &Credentials, kind: Kind) -> bool {
        let (is_allowed, capability) = match kind {
            Kind::User => (self.powers.set_uid, capability::SETUID),
            Kind::Group => (self.powers.set_gid, capability::SETGID),
        };
        let holds = || {
            let effective = status_field(pid, "CapEff:")?;
            Some(u64::from_str_radix(&effective, 16).ok()? & capability != 0)
        };
        identity.is_powerful() && is_allowed && holds().unwrap_or(false)
    }

    fn change(
        &self,
        context: &Context<'_>,
        kind: Kind,
        change: impl FnOnce(&mut Ids, bool) -> Result<(), Refusal>,
    ) -> Outcome {
        let pid = context.call.pid;
        let before = self.credentials(pid);
        let mut identity = before.clone();
        let free = self.is_free(pid, &identity, kind);
        match kind {
            Kind::User => identity.change_user(|ids| change(ids, free))?,
            Kind::Group => change(&mut identity.group, free)?,
        }
        if identity != before {
            context.still_waits()?;
            self.identify(pid, &identity)?;
        }
        DONE
    }

    /// Remembers the wish; the kernel, for which this process stays root, hears it too.
    fn keep_capabilities(&self, context: &Context<'_>) -> Outcome {
        /// `SECBIT_KEEP_CAPS`
        const KEEP_CAPS: u64 = 1 << 4;
        let value = context.argument(1);
        let keeps = match context.argument(0) as i32 {
            libc::PR_SET_KEEPCAPS => value == 1,
            _ => value & KEEP_CAPS != 0,
        };
        let identity = self.credentials(context.call.pid);
        if identity.keeps_powers != keeps {
            context.still_waits()?;
            self.identify(context.call.pid, &Credentials { keeps_powers: keeps, ..identity })?;
        }
        Ok(Answer::Continue)
    }

    fn get_groups(&self, context: &Context<'_>) -> Outcome {
        let groups = self.credentials(context.call.pid).groups;
        let room = context.argument(0) as i32;
        match usize::try_from(room) {
            Ok(0) => {}
            Ok(room) if room >= groups.len() => context.write_ids(context.argument(1), &groups)?,
            _ => return Err(Errno(libc::EINVAL)),
        }
        Ok(Answer::Value(groups.len() as i64))
    }

    fn set_groups(&self, context: &Context<'_>) -> Outcome {
        let mut identity = self.credentials(context.call.pid);
        let free = self.is_free(context.call.pid, &identity, Kind::Group);
        let count = context.argument(0) as usize;
        if free && count > MOST_GROUPS {
            return Err(Errno(libc::EINVAL));
        }
        let width = if context.decoded.is_narrow { 2 } else { 4 };
        let bytes = if free { context.read(context.argument(1), count * width)? } else { Vec::new() };
        let groups = bytes.chunks(width).map(|id| match *id {
            [a, b] => u32::from(u16::from_ne_bytes([a, b])),
            [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]),
            _ => KEEP,
        });
        let groups: Vec<u32> = groups.collect();
        if groups.iter().any(|gid| *gid >= ID_LIMIT) {
            return Err(Errno(libc::EINVAL));
        }
        identity.set_groups(groups, free)?;
        context.still_waits()?;
        self.identify(context.call.pid, &identity)?;
        DONE
    }
}

/// Owners of files.
impl Server {
    fn stat(&self, context: &Context<'_>, named: Named) -> Outcome {
        let is_at = matches!(named, Named::At { .. });
        if !context.decoded.is_native || (is_at && !context.has_known_flags(3, libc::AT_NO_AUTOMOUNT)) {
            return Ok(Answer::Continue);
        }
        let Some(place) = self.view.place(context.call, named) else { return Ok(Answer::Continue) };
        let Ok(stat) = RawStat::read(place.path(), place.flags) else { return Ok(Answer::Continue) };
        let Some((uid, gid)) = self.shown_owner(context, &place, stat.device(), stat.inode(), stat.uid())
        else {
            return Ok(Answer::Continue);
        };
        let buffer = if is_at { 2 } else { 1 };
        context.write(context.argument(buffer), stat.with_owner(uid, gid).bytes())?;
        DONE
    }

    fn statx(&self, context: &Context<'_>) -> Outcome {
        let kept = libc::AT_NO_AUTOMOUNT | libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC;
        if !context.has_known_flags(2, kept) {
            return Ok(Answer::Continue);
        }
        let Some(place) = self.view.place(context.call, Named::At { flags: 2 }) else {
            return Ok(Answer::Continue);
        };
        let flags = place.flags | (context.argument(2) as i32 & kept);
        let mask = context.argument(3) as u32 | libc::STATX_INO | libc::STATX_UID;
        let Ok(stat) = RawStatx::read(place.path(), flags, mask) else { return Ok(Answer::Continue) };
        let Some((uid, gid)) = self.shown_owner(context, &place, stat.device(), stat.inode(), stat.uid())
        else {
            return Ok(Answer::Continue);
        };
        context.write(context.argument(4), stat.with_owner(uid, gid).bytes())?;
        DONE
    }

    /// The owner to show instead of the kernel's; `None` where that is right.
    fn shown_owner(
        &self,
        context: &Context<'_>,
        place: &Place,
        device: u64,
        inode: u64,
        kernels: u32,
    ) -> Option<(u32, u32)> {
        if device == self.view.device() {
            return self.table.owner(inode);
        }
        match self.system(device, place) {
            Owned::Kernel => None,
            Owned::Process => self.process_owner(place),
            // Somebody else's on the host: nobody here owns it.
            Owned::Record if kernels != OURS => None,
            Owned::Record => {
                let owner = self.recorded(place, device, inode);
                owner
                    .or_else(|| Some(self.table.makes_files_as(context.call.pid)))
                    .filter(|owner| *owner != (0, 0))
            }
        }
    }

    fn system(&self, device: u64, place: &Place) -> Owned {
        if let Some(known) = self.systems.read().unwrap_or_else(PoisonError::into_inner).get(&device) {
            return *known;
        }
        let owned = place.open().map_or(Owned::Kernel, |file| owned_by(&file, device));
        self.systems.write().unwrap_or_else(PoisonError::into_inner).insert(device, owned);
        owned
    }

    fn recorded(&self, place: &Place, device: u64, inode: u64) -> Option<(u32, u32)> {
        let mut value = [0; 32];
        let length = match place.flags & libc::AT_SYMLINK_NOFOLLOW {
            0 => rustix::fs::getxattr(place.path(), files::OWNER, &mut value),
            _ => rustix::fs::lgetxattr(place.path(), files::OWNER, &mut value),
        };
        match length {
            Ok(length) => files::Record::read(&value[..length]).map(|record| record.owner),
            Err(_) => {
                let known = locked(&self.elsewhere);
                if known.is_empty() {
                    return None;
                }
                known.get(&(device, inode, birth(place.path(), place.flags))).copied()
            }
        }
    }

    /// Who runs as /proc/PID, of the container's /proc: what ps(1) shows.
    fn process_owner(&self, place: &Place) -> Option<(u32, u32)> {
        if !place.is_absolute {
            return None;
        }
        let path = place.path().to_str().ok()?.trim_end_matches('/');
        let pid = path.strip_prefix("/proc/")?;
        if pid.is_empty() || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // Its number is the container's, so it is asked by name. The columns are those of proc_pid_limits(5).
        let limits = std::fs::read_to_string(Path::new(path).join("limits")).ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix(CARRIED))?;
        let key = line.split_whitespace().next()?.parse().ok()?;
        let (user, group) = self.table.ids_of(key);
        Some((user.effective, group.effective)).filter(|owner| *owner != (0, 0))
    }

    fn chown(&self, context: &Context<'_>, named: Named) -> Outcome {
        let at = if matches!(named, Named::At { .. }) { 2 } else { 1 };
        if at == 2 && !context.has_known_flags(4, 0) {
            return Err(Errno(libc::EINVAL));
        }
        context.check_descriptor(named)?;
        let (uid, gid) = (context.id(at)?, context.id(at + 1)?);
        let Some(place) = self.view.place(context.call, named) else { return Ok(Answer::Continue) };
        // The kernel knows best what is wrong with a name.
        let Ok(file) = place.open() else { return Ok(Answer::Continue) };
        let stat = rustix::fs::fstat(&file)?;
        context.still_waits()?;
        let inside = stat.st_dev == self.view.device();
        if !inside && stat.st_uid != OURS {
            return Err(Errno(libc::EPERM));
        }
        let identity = self.credentials(context.call.pid);
        let recorded = match inside {
            true => self.table.owner(stat.st_ino),
            false if self.system(stat.st_dev, &place) != Owned::Record => None,
            // Nobody's yet: whoever looks sees it as their own.
            false => self
                .recorded(&place, stat.st_dev, stat.st_ino)
                .or(Some((identity.user.files, identity.group.files))),
        };
        let before = recorded.unwrap_or((0, 0));
        if !identity.may_give(before, uid, gid, identity.is_powerful() && self.powers.chown) {
            return Err(Errno(libc::EPERM));
        }
        let owner = (if uid == KEEP { before.0 } else { uid }, if gid == KEEP { before.1 } else { gid });
        let record = files::Record { owner, device: None };
        if inside {
            rustix::fs::setxattr(magic_link(&file), files::SET_OWNER, &record.write(), XattrFlags::empty())?;
        } else {
            self.record_elsewhere(&file, (stat.st_dev, stat.st_ino), record)?;
        }
        // As the kernel does (chown(2)): such a file would run as somebody else now.
        let mode = stat.st_mode;
        if mode & libc::S_IFMT == libc::S_IFREG {
            let lost = libc::S_ISUID | if mode & libc::S_IXGRP != 0 { libc::S_ISGID } else { 0 };
            if mode & lost != 0 {
                let kept = Mode::from_raw_mode(mode & 0o7777 & !lost);
                rustix::fs::chmodat(rustix::fs::CWD, magic_link(&file), kept, AtFlags::empty())?;
            }
            // Most have none.
            let _ = rustix::fs::removexattr(magic_link(&file), "security.capability");
        }
        DONE
    }

    fn record_elsewhere(
        &self,
        file: &OwnedFd,
        object: (u64, u64),
        record: files::Record,
    ) -> Result<(), Errno> {
        use rustix::io::Errno as Raw;
        match rustix::fs::setxattr(magic_link(file), files::OWNER, &record.write(), XattrFlags::empty()) {
            Ok(()) => {}
            Err(Raw::ROFS) => return Err(Raw::ROFS.into()),
            // Links and special files take none, and some file systems take none at all.
            Err(Raw::PERM | Raw::OPNOTSUPP | Raw::ACCESS) => {
                let link = std::ffi::CString::new(magic_link(file)).map_err(|_| Errno(libc::EINVAL))?;
                let mut known = locked(&self.elsewhere);
                if known.len() >= MOST_ELSEWHERE {
                    return Err(Errno(libc::ENOSPC));
                }
                known.insert((object.0, object.1, birth(&link, 0)), record.owner);
            }
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    fn make_node(&self, context: &Context<'_>, named: Named) -> Outcome {
        let at = if matches!(named, Named::At { .. }) { 2 } else { 1 };
        let (mode, device) = (context.argument(at) as u32, context.argument(at + 1) as u32);
        let identity = self.credentials(context.call.pid);
        if !(identity.is_powerful() && self.powers.make_nodes) {
            return Err(Errno(libc::EPERM));
        }
        let Some((parent, name)) = self.view.parent(context.call, named) else { return Ok(Answer::Continue) };
        let Ok(directory) = parent.open() else { return Ok(Answer::Continue) };
        context.still_waits()?;
        if rustix::fs::fstat(&directory)?.st_dev != self.view.device() {
            return Ok(Answer::Continue);
        }
        // A whiteout, which anybody may make (mknod(2), Linux 5.8).
        if device == 0 && mode & libc::S_IFMT == libc::S_IFCHR {
            return Ok(Answer::Continue);
        }
        let umask = status_field(context.call.pid, "Umask:")
            .and_then(|text| u32::from_str_radix(&text, 8).ok())
            .unwrap_or(0);
        let node = files::Device {
            is_block: mode & libc::S_IFMT == libc::S_IFBLK,
            // The kernel's `new_decode_dev`.
            major: (device >> 8) & 0xfff,
            minor: (device & 0xff) | ((device >> 12) & 0xfff00),
        };
        let record = files::Record { owner: (identity.user.files, identity.group.files), device: Some(node) };
        // Under a name that nobody has asked for, so that the kernel has no memory of it.
        let aside = format!(".coracle-node-{}", context.call.id);
        let wish = files::NodeWish { mode: mode & 0o7777 & !umask, record, name: aside.as_bytes() };
        rustix::fs::setxattr(magic_link(&directory), files::MAKE_NODE, &wish.write(), XattrFlags::empty())?;
        let moved = rustix::fs::renameat_with(
            &directory,
            aside.as_str(),
            &directory,
            name.as_slice(),
            RenameFlags::NOREPLACE,
        );
        if let Err(errno) = moved {
            let _ = rustix::fs::unlinkat(&directory, aside.as_str(), AtFlags::empty());
            return Err(errno.into());
        }
        DONE
    }

    /// Attributes that take more than the container's root has: `trusted.*` and `security.*`. The others,
    /// and those of other file systems, are the kernel's.
    fn xattr(&self, context: &Context<'_>, what: Xattr, named: Named) -> Outcome {
        let Some(name) = context.name(context.argument(1)) else { return Ok(Answer::Continue) };
        let is_trusted = name.starts_with(b"trusted.");
        // Reading `security.*` is everybody's, and file capabilities the kernel sets itself.
        let is_emulated = is_trusted
            || (what != Xattr::Get && name.starts_with(b"security.") && name != b"security.capability");
        if !is_emulated || name.starts_with(files::PRIVATE) {
            return Ok(Answer::Continue);
        }
        context.check_descriptor(named)?;
        let Some(place) = self.view.place(context.call, named) else { return Ok(Answer::Continue) };
        let Ok(file) = place.open() else { return Ok(Answer::Continue) };
        context.still_waits()?;
        if rustix::fs::fstat(&file)?.st_dev != self.view.device() {
            return Ok(Answer::Continue);
        }
        if !self.credentials(context.call.pid).is_powerful() {
            let errno = if what == Xattr::Get { libc::ENODATA } else { libc::EPERM };
            return Err(Errno(errno));
        }
        let name = [files::XATTR, &name[..]].concat();
        let path = magic_link(&file);
        match what {
            Xattr::Remove => rustix::fs::removexattr(path, name)?,
            Xattr::Set => {
                let size = context.argument(3) as usize;
                if size > LONGEST_VALUE {
                    return Err(Errno(libc::E2BIG));
                }
                let value = context.read(context.argument(2), size)?;
                let flags = XattrFlags::from_bits_retain(context.argument(4) as u32);
                rustix::fs::setxattr(path, name, &value, flags)?;
            }
            Xattr::Get => {
                let mut value = vec![0; LONGEST_VALUE];
                let length = rustix::fs::getxattr(path, name, &mut value[..])?;
                let room = context.argument(3) as usize;
                if room > 0 {
                    if room < length {
                        return Err(Errno(libc::ERANGE));
                    }
                    context.write(context.argument(2), &value[..length])?;
                }
                return Ok(Answer::Value(length as i64));
            }
        }
        DONE
    }
}

/// Processes.
impl Server {
    /// Takes on what a setuid program gives, before the kernel runs it as root's root.
    ///
    /// It may still fail, for want of memory or of room for its arguments. The next call shows that, by what
    /// the process runs then, and gives it back who it was.
    fn execute(&self, context: &Context<'_>, named: Named) -> Outcome {
        let pid = context.call.pid;
        let Some(place) = self.view.place(context.call, named) else { return Ok(Answer::Continue) };
        let Ok(stat) = RawStat::read(place.path(), place.flags) else { return Ok(Answer::Continue) };
        if stat.mode() & libc::S_IFMT != libc::S_IFREG || stat.mode() & 0o111 == 0 {
            return Ok(Answer::Continue);
        }
        let before = self.credentials(pid);
        let mut identity = before.clone();
        let given = self.gives_to(context, &place, &stat);
        let (user, group) = given.unwrap_or_default();
        identity.execute(user, group);
        if identity != before {
            context.still_waits()?;
            if given.is_some() {
                let mut executing = locked(&self.executing);
                executing.retain(|pid, _| Path::new(&pid.to_string()).exists());
                executing.insert(pid, Executing { before, file: (stat.device(), stat.inode()) });
                self.are_executing.store(executing.len(), Ordering::Relaxed);
            }
            self.identify(pid, &identity)?;
        }
        Ok(Answer::Continue)
    }

    /// What has become of an execve(2) that was let go on.
    fn settle(&self, pid: i32) {
        if self.are_executing.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut executing = locked(&self.executing);
        let ended = executing.remove(&pid);
        self.are_executing.store(executing.len(), Ordering::Relaxed);
        drop(executing);
        let Some(Executing { before, file }) = ended else { return };
        let runs = std::ffi::CString::new(format!("{pid}/exe"))
            .is_ok_and(|path| RawStat::read(&path, 0).is_ok_and(|exe| (exe.device(), exe.inode()) == file));
        if !runs {
            // One that has gone needs no identity.
            let _ = self.identify(pid, &before);
        }
    }

    /// The ids that running a file gives.
    fn gives_to(
        &self,
        context: &Context<'_>,
        place: &Place,
        stat: &RawStat,
    ) -> Option<(Option<u32>, Option<u32>)> {
        let mode = stat.mode();
        let sets_user = mode & libc::S_ISUID != 0;
        let sets_group = mode & (libc::S_ISGID | libc::S_IXGRP) == libc::S_ISGID | libc::S_IXGRP;
        if stat.device() != self.view.device()
            || !(sets_user || sets_group)
            || status_field(context.call.pid, "NoNewPrivs:")? != "0"
            || is_script(place)
        {
            return None;
        }
        let (uid, gid) = self.table.owner(stat.inode()).unwrap_or((0, 0));
        Some((sets_user.then_some(uid), sets_group.then_some(gid)))
    }

    /// `SO_PEERCRED`: the ids that the process at the other end has now.
    fn peer(&self, context: &Context<'_>) -> Outcome {
        let pid = context.call.pid;
        let socket = status_field(pid, "Tgid:")
            .and_then(|text| rustix::process::Pid::from_raw(text.parse().ok()?))
            .and_then(|process| {
                let none = rustix::process::PidfdFlags::empty();
                let process = rustix::process::pidfd_open(process, none).ok()?;
                let none = rustix::process::PidfdGetfdFlags::empty();
                rustix::process::pidfd_getfd(process, context.argument(0) as i32, none).ok()
            });
        let Some(socket) = socket else { return Ok(Answer::Continue) };
        let Ok(peer) = crate::sys::socket::peer_pid(socket.as_fd()) else { return Ok(Answer::Continue) };
        // Whoever is not in the container has no identity here.
        let namespace = |pid: i32| {
            let path = std::ffi::CString::new(format!("{pid}/ns/pid")).ok()?;
            RawStat::read(&path, 0).ok().map(|stat| stat.inode())
        };
        if namespace(peer).is_none() || namespace(peer) != namespace(pid) {
            return Ok(Answer::Continue);
        }
        let (user, group) = self.table.ids_of(Table::key_of(peer).0);
        // As the innermost namespace numbers it.
        let number = status_field(peer, "NSpid:")
            .and_then(|numbers| numbers.split_whitespace().last().and_then(|last| last.parse::<u32>().ok()));
        let Some(number) = number else { return Ok(Answer::Continue) };
        let room = context.read(context.argument(4), 4)?;
        let room = i32::from_ne_bytes([room[0], room[1], room[2], room[3]]);
        let Ok(room) = usize::try_from(room) else { return Err(Errno(libc::EINVAL)) };
        let credentials: Vec<u8> =
            [number, user.effective, group.effective].into_iter().flat_map(u32::to_ne_bytes).collect();
        let length = credentials.len().min(room);
        context.write(context.argument(3), &credentials[..length])?;
        context.write(context.argument(4), &(length as u32).to_ne_bytes())?;
        DONE
    }
}

/// When an object was made; 0 where that is not known.
fn birth(path: &std::ffi::CStr, flags: i32) -> u64 {
    RawStatx::read(path, flags, libc::STATX_BTIME).map_or(0, |stat| stat.birth())
}

/// A line of /proc/PID/status (proc_pid_status(5)).
fn status_field(pid: i32, name: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}

/// The kernel takes nothing from the bits of a script.
fn is_script(place: &Place) -> bool {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::open(place.path(), flags, Mode::empty()) else { return true };
    let mut start = [0; 2];
    rustix::io::read(&file, &mut start[..]).is_ok_and(|read| start[..read] == *b"#!")
}

/// statfs(2) and linux/magic.h tell file systems apart.
fn owned_by(file: &OwnedFd, device: u64) -> Owned {
    const PROC: u64 = 0x9fa0;
    const TMPFS: u64 = 0x0102_1994;
    // sysfs, cgroup, cgroup2, FUSE (mounted images), mqueue, pipes, sockets, nsfs, anonymous inodes, pidfs, bpf
    const KERNELS: [u64; 11] = [
        0x6265_6572,
        0x0027_e0eb,
        0x6367_7270,
        0x6573_5546,
        0x1980_0202,
        0x5049_5045,
        0x534f_434b,
        0x6e73_6673,
        0x0904_1934,
        0x5049_4446,
        0xcafe_4a11,
    ];
    let Ok(statfs) = rustix::fs::fstatfs(file) else { return Owned::Kernel };
    match statfs.f_type as u64 {
        PROC => Owned::Process,
        TMPFS if RawStat::read(c"/dev", 0).is_ok_and(|dev| dev.device() == device) => Owned::Kernel,
        magic if KERNELS.contains(&magic) => Owned::Kernel,
        _ => Owned::Record,
    }
}

/// How long a call may take before somebody else waits for the next ones.
const PATIENCE: Duration = Duration::from_millis(20);

/// Serves listeners, each from a thread of its own. One thread waits in the kernel's queue and answers: that
/// lets the caller's processor run it at once, where two that wait would both be woken by every call. Only when it
/// is held up, by a file system, does the watch give it company.
pub struct Service {
    server: Server,
    /// Older kernels do not wake who waits when the last process has gone (Linux 6.11): there poll(2) is
    /// asked first.
    polls: bool,
    workers: Mutex<Vec<Arc<Worker>>>,
    /// Workers beyond the first of each listener, who go when they are not needed any more.
    are_more: AtomicUsize,
    /// The watch sleeps until the next call.
    is_idle: AtomicBool,
    watch: OnceLock<Thread>,
}

/// A thread that answers.
struct Worker {
    listener: Arc<OwnedFd>,
    /// How many steps it has made: odd while it answers.
    steps: AtomicU64,
}

impl Worker {
    fn is_busy(steps: u64) -> bool {
        steps % 2 == 1
    }
}

impl Service {
    pub fn new(server: Server) -> Arc<Service> {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        Arc::new(Service {
            server,
            polls: crate::runtime::plan::kernel_version(&release) < (6, 11),
            workers: Mutex::default(),
            are_more: AtomicUsize::new(0),
            is_idle: AtomicBool::new(false),
            watch: OnceLock::new(),
        })
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Answers what arrives at a listener until no process is left that it could hear from.
    pub fn serve(self: &Arc<Service>, listener: OwnedFd) -> io::Result<()> {
        // Older kernels do without.
        let _ = notify::wake_on_the_callers_processor(listener.as_fd());
        if self.watch.get().is_none() {
            let own = self.clone();
            let watch = thread("watch", move || own.watch())?;
            // Nobody else starts one: orders arrive one by one.
            let _ = self.watch.set(watch);
        }
        self.hire(Arc::new(listener))
    }

    fn hire(self: &Arc<Service>, listener: Arc<OwnedFd>) -> io::Result<()> {
        let worker = Arc::new(Worker { listener, steps: AtomicU64::new(0) });
        {
            let mut workers = locked(&self.workers);
            workers.push(worker.clone());
            self.are_more.store(count_more(&workers), Ordering::Relaxed);
        }
        let own = self.clone();
        let hired = thread("users", {
            let worker = worker.clone();
            move || {
                own.work(&worker);
                own.dismiss(&worker);
            }
        });
        if hired.is_err() {
            self.dismiss(&worker);
        }
        hired.map(drop)
    }

    fn dismiss(&self, worker: &Arc<Worker>) {
        let mut workers = locked(&self.workers);
        workers.retain(|other| !Arc::ptr_eq(other, worker));
        self.are_more.store(count_more(&workers), Ordering::Relaxed);
    }

    /// Whether somebody else waits for calls of the same listener; then this one is not a worker any more.
    fn is_superfluous(&self, worker: &Worker) -> bool {
        let mut workers = locked(&self.workers);
        let waits = |other: &&Arc<Worker>| {
            !std::ptr::eq(Arc::as_ptr(other), worker)
                && Arc::ptr_eq(&other.listener, &worker.listener)
                && !Worker::is_busy(other.steps.load(Ordering::SeqCst))
        };
        let is_superfluous = workers.iter().any(|other| waits(&other));
        if is_superfluous {
            workers.retain(|other| !std::ptr::eq(Arc::as_ptr(other), worker));
            self.are_more.store(count_more(&workers), Ordering::Relaxed);
        }
        is_superfluous
    }

    fn work(&self, worker: &Worker) {
        let listener = worker.listener.as_fd();
        while let Some(call) = self.next(listener) {
            worker.steps.fetch_add(1, Ordering::SeqCst);
            if self.is_idle.load(Ordering::SeqCst)
                && self.is_idle.swap(false, Ordering::SeqCst)
                && let Some(watch) = self.watch.get()
            {
                watch.unpark();
            }
            let answer = self.server.answer(listener, &call);
            // Whoever was killed needs none.
            let _ = notify::answer(listener, call.id, answer);
            worker.steps.fetch_add(1, Ordering::SeqCst);
            if self.are_more.load(Ordering::Relaxed) > 0 && self.is_superfluous(worker) {
                return;
            }
        }
    }

    /// `None` when the last process under the filter has gone.
    fn next(&self, listener: BorrowedFd<'_>) -> Option<Notification> {
        loop {
            if self.polls && has_ended(listener, None) {
                return None;
            }
            match notify::receive(listener) {
                Ok(call) => return Some(call),
                // The caller was killed meanwhile, or there are none any more.
                Err(_) if has_ended(listener, Some(&NOW)) => return None,
                Err(_) => {}
            }
        }
    }

    /// Looks from time to time whether all that serve a listener are held up, as long as there are calls.
    fn watch(self: &Arc<Service>) {
        let mut before: Vec<(*const Worker, u64)> = Vec::new();
        loop {
            std::thread::sleep(PATIENCE);
            let workers = locked(&self.workers).clone();
            let steps: Vec<_> = workers
                .iter()
                .map(|worker| (Arc::as_ptr(worker), worker.steps.load(Ordering::SeqCst)))
                .collect();
            let is_held_up = |at: usize| Worker::is_busy(steps[at].1) && before.contains(&steps[at]);
            for (at, worker) in workers.iter().enumerate() {
                let same = |other: usize| Arc::ptr_eq(&workers[other].listener, &worker.listener);
                let crew: Vec<usize> = (0..workers.len()).filter(|other| same(*other)).collect();
                let is_first = crew.first() == Some(&at);
                if is_first && crew.len() < MOST_THREADS && crew.iter().all(|at| is_held_up(*at)) {
                    // Without one more the others wait longer.
                    let _ = self.hire(worker.listener.clone());
                }
            }
            let is_quiet = steps == before && steps.iter().all(|(_, steps)| !Worker::is_busy(*steps));
            before = steps;
            if is_quiet {
                self.is_idle.store(true, Ordering::SeqCst);
                // One that began before it could see that is not slept over.
                let busy = |worker: &Arc<Worker>| Worker::is_busy(worker.steps.load(Ordering::SeqCst));
                if !locked(&self.workers).iter().any(busy) {
                    while self.is_idle.load(Ordering::SeqCst) {
                        std::thread::park();
                    }
                }
                self.is_idle.store(false, Ordering::SeqCst);
            }
        }
    }
}

fn count_more(workers: &[Arc<Worker>]) -> usize {
    let is_first =
        |at: usize| !workers[..at].iter().any(|other| Arc::ptr_eq(&other.listener, &workers[at].listener));
    workers.len() - (0..workers.len()).filter(|at| is_first(*at)).count()
}

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Whether nobody is left who could call; waits as long for a call.
fn has_ended(listener: BorrowedFd<'_>, patience: Option<&Timespec>) -> bool {
    let mut watched = [PollFd::new(&listener, PollFlags::IN)];
    match poll(&mut watched, patience) {
        Ok(_) => watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR),
        Err(errno) => errno != rustix::io::Errno::INTR,
    }
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    let started = std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(body)?;
    Ok(started.thread().clone())
}

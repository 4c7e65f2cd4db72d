//! Whose a file is.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::PoisonError;

use rustix::fs::{AtFlags, Mode, RenameFlags, XattrFlags};

use super::super::CARRIED;
use super::super::calls::{Named, Xattr};
use super::super::view::{Target, magic_link};
use super::context::{Context, DONE, Errno, Outcome};
use super::{Server, locked, status_field};
use crate::identity::credentials::KEEP;
use crate::identity::files;
use crate::sys::notify::{Answer, RawStat, RawStatx};

/// XATTR_SIZE_MAX, XATTR_NAME_MAX
const LONGEST_VALUE: usize = 64 << 10;
/// Shown for the caller's files to a process in U.
const OURS: u32 = 0;
/// Objects on other file systems whose owners are remembered at most.
const MOST_ELSEWHERE: usize = 65536;

/// Whose files lie on a file system other than the container's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owned {
    /// The kernel's own: as it says.
    Kernel,
    /// /proc, whose directories belong to processes.
    Process,
    /// Volumes, binds, tmpfs: what was recorded, else whoever looks.
    Record,
}

/// Device, inode and birth: another object may have the first two later.
pub(super) type Object = (u64, u64, u64);

impl Server {
    pub(super) fn stat(&self, context: &Context<'_>, named: Named) -> Outcome {
        let is_at = matches!(named, Named::At { .. });
        if !context.decoded.is_native || (is_at && !context.has_known_flags(3, libc::AT_NO_AUTOMOUNT)) {
            return Ok(Answer::Continue);
        }
        let Some(target) = self.view.target(context.call, named) else { return Ok(Answer::Continue) };
        let Ok(stat) = RawStat::read(target.path(), target.flags) else { return Ok(Answer::Continue) };
        let Some((uid, gid)) = self.shown_owner(context, &target, stat.device(), stat.inode(), stat.uid())
        else {
            return Ok(Answer::Continue);
        };
        let buffer = if is_at { 2 } else { 1 };
        context.write(context.argument(buffer), stat.with_owner(uid, gid).bytes())?;
        DONE
    }

    pub(super) fn statx(&self, context: &Context<'_>) -> Outcome {
        let kept = libc::AT_NO_AUTOMOUNT | libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC;
        if !context.has_known_flags(2, kept) {
            return Ok(Answer::Continue);
        }
        let Some(target) = self.view.target(context.call, Named::At { flags: 2 }) else {
            return Ok(Answer::Continue);
        };
        let flags = target.flags | (context.argument(2) as i32 & kept);
        let mask = context.argument(3) as u32 | libc::STATX_INO | libc::STATX_UID;
        let Ok(stat) = RawStatx::read(target.path(), flags, mask) else { return Ok(Answer::Continue) };
        let Some((uid, gid)) = self.shown_owner(context, &target, stat.device(), stat.inode(), stat.uid())
        else {
            return Ok(Answer::Continue);
        };
        context.write(context.argument(4), stat.with_owner(uid, gid).bytes())?;
        DONE
    }

    /// The owner to show instead of the kernel's; `None` where that is right.
    pub(super) fn shown_owner(
        &self,
        context: &Context<'_>,
        target: &Target,
        device: u64,
        inode: u64,
        kernels: u32,
    ) -> Option<(u32, u32)> {
        if device == self.view.device() {
            return self.table.owner(inode);
        }
        match self.system(device, target) {
            Owned::Kernel => None,
            Owned::Process => self.process_owner(target),
            // Somebody else's on the host: nobody here owns it.
            Owned::Record if kernels != OURS => None,
            Owned::Record => {
                let owner = self.recorded(target, device, inode);
                owner
                    .or_else(|| Some(self.table.makes_files_as(context.call.pid)))
                    .filter(|owner| *owner != (0, 0))
            }
        }
    }

    pub(super) fn system(&self, device: u64, target: &Target) -> Owned {
        if let Some(known) = self.systems.read().unwrap_or_else(PoisonError::into_inner).get(&device) {
            return *known;
        }
        let owned = target.open().map_or(Owned::Kernel, |file| owned_by(&file, device));
        self.systems.write().unwrap_or_else(PoisonError::into_inner).insert(device, owned);
        owned
    }

    pub(super) fn recorded(&self, target: &Target, device: u64, inode: u64) -> Option<(u32, u32)> {
        let mut value = [0; 32];
        let length = match target.flags & libc::AT_SYMLINK_NOFOLLOW {
            0 => rustix::fs::getxattr(target.path(), files::OWNER, &mut value),
            _ => rustix::fs::lgetxattr(target.path(), files::OWNER, &mut value),
        };
        match length {
            Ok(length) => files::Record::read(&value[..length]).map(|record| record.owner),
            Err(_) => {
                let known = locked(&self.elsewhere);
                if known.is_empty() {
                    return None;
                }
                known.get(&(device, inode, birth(target.path(), target.flags))).copied()
            }
        }
    }

    /// Who runs as /proc/PID, of the container's /proc: what ps(1) shows.
    pub(super) fn process_owner(&self, target: &Target) -> Option<(u32, u32)> {
        if !target.is_absolute {
            return None;
        }
        let path = target.path().to_str().ok()?.trim_end_matches('/');
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

    pub(super) fn chown(&self, context: &Context<'_>, named: Named) -> Outcome {
        let at = if matches!(named, Named::At { .. }) { 2 } else { 1 };
        if at == 2 && !context.has_known_flags(4, 0) {
            return Err(Errno(libc::EINVAL));
        }
        context.check_descriptor(named)?;
        let (uid, gid) = (context.id(at)?, context.id(at + 1)?);
        let Some(target) = self.view.target(context.call, named) else { return Ok(Answer::Continue) };
        // The kernel knows best what is wrong with a name.
        let Ok(file) = target.open() else { return Ok(Answer::Continue) };
        let stat = rustix::fs::fstat(&file)?;
        context.still_waits()?;
        let inside = stat.st_dev == self.view.device();
        if !inside && stat.st_uid != OURS {
            return Err(Errno(libc::EPERM));
        }
        let identity = self.credentials(context.call.pid)?;
        let recorded = match inside {
            true => self.table.owner(stat.st_ino),
            false if self.system(stat.st_dev, &target) != Owned::Record => None,
            // Nobody's yet: whoever looks sees it as their own.
            false => self
                .recorded(&target, stat.st_dev, stat.st_ino)
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
            if !inside {
                // Most have none. In the container's root the owner's change takes them away.
                let _ = rustix::fs::removexattr(magic_link(&file), "security.capability");
            }
        }
        DONE
    }

    pub(super) fn record_elsewhere(
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

    pub(super) fn make_node(&self, context: &Context<'_>, named: Named) -> Outcome {
        let at = if matches!(named, Named::At { .. }) { 2 } else { 1 };
        let (mode, device) = (context.argument(at) as u32, context.argument(at + 1) as u32);
        let identity = self.credentials(context.call.pid)?;
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
    pub(super) fn xattr(&self, context: &Context<'_>, what: Xattr, named: Named) -> Outcome {
        let Some(name) = context.name(context.argument(1)) else { return Ok(Answer::Continue) };
        let is_trusted = name.starts_with(b"trusted.");
        // Reading `security.*` is everybody's, and file capabilities the kernel sets itself.
        let is_emulated = is_trusted
            || (what != Xattr::Get && name.starts_with(b"security.") && name != b"security.capability");
        if !is_emulated || name.starts_with(files::PRIVATE) {
            return Ok(Answer::Continue);
        }
        context.check_descriptor(named)?;
        let Some(target) = self.view.target(context.call, named) else { return Ok(Answer::Continue) };
        let Ok(file) = target.open() else { return Ok(Answer::Continue) };
        context.still_waits()?;
        if rustix::fs::fstat(&file)?.st_dev != self.view.device() {
            return Ok(Answer::Continue);
        }
        if !self.credentials(context.call.pid)?.is_powerful() {
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

/// When an object was made; 0 where that is not known.
pub(super) fn birth(path: &std::ffi::CStr, flags: i32) -> u64 {
    RawStatx::read(path, flags, libc::STATX_BTIME).map_or(0, |stat| stat.birth())
}

/// statfs(2) and linux/magic.h tell file systems apart.
pub(super) fn owned_by(file: &OwnedFd, device: u64) -> Owned {
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

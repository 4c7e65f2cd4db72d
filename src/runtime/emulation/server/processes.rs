//! What a program's start gives, and who is at the other end of a socket.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::Ordering;

use rustix::fs::{Mode, OFlags};

use super::super::calls::Named;
use super::super::view::Target;
use super::context::{Context, DONE, Errno, OVERFLOW, Outcome};
use super::{Server, locked, status_field};
use crate::identity::{Credentials, Table};
use crate::sys::notify::{Answer, RawStat};
use crate::sys::process;

/// An execve(2) whose end is not known yet.
pub(super) struct Executing {
    /// Start of the process: its number may be another's later.
    started: Option<u64>,
    before: Credentials,
    /// Device and inode of the file.
    file: (u64, u64),
}

impl Server {
    /// Takes on what a setuid program gives, before the kernel runs it as root's root.
    ///
    /// It may still fail, for want of memory or of room for its arguments. The next call shows that, by what
    /// the process runs then, and gives it back who it was.
    pub(super) fn execute(&self, context: &Context<'_>, named: Named) -> Outcome {
        let pid = context.call.pid;
        let Some(target) = self.view.target(context.call, named) else { return Ok(Answer::Continue) };
        let Ok(stat) = RawStat::read(target.path(), target.flags) else { return Ok(Answer::Continue) };
        if stat.mode() & libc::S_IFMT != libc::S_IFREG || stat.mode() & 0o111 == 0 {
            return Ok(Answer::Continue);
        }
        let before = self.credentials(pid)?;
        let mut identity = before.clone();
        let given = self.gives_to(context, &target, &stat);
        let (user, group) = given.unwrap_or_default();
        identity.execute(user, group);
        if identity != before {
            context.still_waits()?;
            if given.is_some() {
                let mut executing = locked(&self.executing);
                executing.retain(|pid, _| Path::new(&pid.to_string()).exists());
                let file = (stat.device(), stat.inode());
                executing.insert(pid, Executing { started: started(pid), before, file });
                self.are_executing.store(executing.len(), Ordering::Relaxed);
            }
            self.identify(pid, &identity)?;
        }
        Ok(Answer::Continue)
    }

    /// What has become of an execve(2) that was let go on.
    pub(super) fn settle(&self, pid: i32) {
        if self.are_executing.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut executing = locked(&self.executing);
        let ended = executing.remove(&pid);
        self.are_executing.store(executing.len(), Ordering::Relaxed);
        drop(executing);
        let Some(Executing { started: then, before, file }) = ended else { return };
        if started(pid) != then {
            return;
        }
        let runs = std::ffi::CString::new(format!("{pid}/exe"))
            .is_ok_and(|path| RawStat::read(&path, 0).is_ok_and(|exe| (exe.device(), exe.inode()) == file));
        if !runs {
            // One that has gone needs no identity.
            let _ = self.identify(pid, &before);
        }
    }

    /// The ids that running a file gives.
    pub(super) fn gives_to(
        &self,
        context: &Context<'_>,
        target: &Target,
        stat: &RawStat,
    ) -> Option<(Option<u32>, Option<u32>)> {
        let mode = stat.mode();
        let sets_user = mode & libc::S_ISUID != 0;
        let sets_group = mode & (libc::S_ISGID | libc::S_IXGRP) == libc::S_ISGID | libc::S_IXGRP;
        if stat.device() != self.view.device()
            || !(sets_user || sets_group)
            || status_field(context.call.pid, "NoNewPrivs:")? != "0"
            || is_script(target)
        {
            return None;
        }
        let (uid, gid) = self.table.owner(stat.inode()).unwrap_or((0, 0));
        Some((sets_user.then_some(uid), sets_group.then_some(gid)))
    }

    /// `SO_PEERCRED`: the ids that the process at the other end has now.
    pub(super) fn peer(&self, context: &Context<'_>) -> Outcome {
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
        let namespace = |pid: i32| {
            let path = std::ffi::CString::new(format!("{pid}/ns/pid")).ok()?;
            RawStat::read(&path, 0).ok().map(|stat| stat.inode())
        };
        // As the innermost namespace numbers it.
        let number = || {
            let numbers = status_field(peer, "NSpid:")?;
            numbers.split_whitespace().last()?.parse::<u32>().ok()
        };
        let [number, uid, gid] = match (number(), Table::key_of(peer)) {
            // Whoever is not in the container has no identity here; nor does this process see where they are.
            (Some(_), _) if namespace(peer).is_none_or(|there| Some(there) != namespace(pid)) => {
                return Ok(Answer::Continue);
            }
            (Some(number), Ok(key)) => {
                let (user, group) = self.table.ids_of(key);
                [number, user.effective, group.effective]
            }
            // It has gone, and the kernel would say that it was root.
            _ => [0, OVERFLOW, OVERFLOW],
        };
        let room = context.read(context.argument(4), 4)?;
        let room = i32::from_ne_bytes([room[0], room[1], room[2], room[3]]);
        let Ok(room) = usize::try_from(room) else { return Err(Errno(libc::EINVAL)) };
        let credentials: Vec<u8> = [number, uid, gid].into_iter().flat_map(u32::to_ne_bytes).collect();
        let length = credentials.len().min(room);
        context.write(context.argument(3), &credentials[..length])?;
        context.write(context.argument(4), &(length as u32).to_ne_bytes())?;
        DONE
    }
}

fn started(pid: i32) -> Option<u64> {
    process::start_time(&std::fs::read_to_string(format!("{pid}/stat")).ok()?)
}

/// The kernel takes nothing from the bits of a script.
pub(super) fn is_script(target: &Target) -> bool {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::open(target.path(), flags, Mode::empty()) else { return true };
    let mut start = [0; 2];
    rustix::io::read(&file, &mut start[..]).is_ok_and(|read| start[..read] == *b"#!")
}

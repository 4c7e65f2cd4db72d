//! Answers, call by call.

mod context;
mod files;
mod ids;
mod processes;

use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::Powers;
use super::calls::{Call, Decoder, Kind, Which};
use super::view::View;
use crate::identity::credentials::KEEP;
use crate::identity::table::ROOT;
use crate::identity::{Credentials, Ids, Table};
use crate::sys::notify::{Answer, Notification};
use context::{Context, DONE, Errno, Outcome};
use files::{Object, Owned};
use processes::Executing;

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

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            true => ROOT,
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

    /// Who a process is. One that was killed while it waited is nobody, and never root.
    fn credentials(&self, pid: i32) -> Result<Credentials, Errno> {
        Ok(self.table.credentials(Table::key_of(pid)?))
    }

    fn ids(&self, pid: i32, kind: Kind) -> Result<Ids, Errno> {
        let (user, group) = self.table.ids_of(Table::key_of(pid)?);
        Ok(match kind {
            Kind::User => user,
            Kind::Group => group,
        })
    }

    pub fn answer(&self, listener: BorrowedFd<'_>, call: &Notification) -> Answer {
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
                let ids = self.ids(pid, kind)?;
                let id = match which {
                    Which::Real => ids.real,
                    Which::Effective => ids.effective,
                };
                Ok(Answer::Value(context.shown(id).into()))
            }
            Call::GetThree(kind) => {
                let ids = self.ids(pid, kind)?;
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
                let flags = context.read(context.argument(0), 4)?;
                if number(&flags) & libc::CLONE_NEWNS as u64 != 0 {
                    self.view.divide();
                }
                Ok(Answer::Continue)
            }
        }
    }
}

/// A number as the machine stores it.
fn number(bytes: &[u8]) -> u64 {
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    if cfg!(target_endian = "little") { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
}

/// A line of /proc/PID/status (proc_pid_status(5)).
fn status_field(pid: i32, name: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}

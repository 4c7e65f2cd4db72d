//! Who a process is, and who it may become.

use super::super::calls::Kind;
use super::context::{Context, DONE, Errno, Outcome};
use super::{Server, status_field};
use crate::identity::credentials::{KEEP, Refusal};
use crate::identity::table::ID_LIMIT;
use crate::identity::{Credentials, Ids};
use crate::runtime::capability;
use crate::sys::notify::Answer;

/// NGROUPS_MAX
const MOST_GROUPS: usize = 65536;

impl Server {
    /// Whether a process may take on any id: it has root's powers, and has not given this one away.
    pub(super) fn is_free(&self, pid: i32, identity: &Credentials, kind: Kind) -> bool {
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

    pub(super) fn change(
        &self,
        context: &Context<'_>,
        kind: Kind,
        change: impl FnOnce(&mut Ids, bool) -> Result<(), Refusal>,
    ) -> Outcome {
        let pid = context.call.pid;
        let before = self.credentials(pid)?;
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
    pub(super) fn keep_capabilities(&self, context: &Context<'_>) -> Outcome {
        /// `SECBIT_KEEP_CAPS`
        const KEEP_CAPS: u64 = 1 << 4;
        let value = context.argument(1);
        let keeps = match context.argument(0) as i32 {
            libc::PR_SET_KEEPCAPS => value == 1,
            _ => value & KEEP_CAPS != 0,
        };
        let identity = self.credentials(context.call.pid)?;
        if identity.keeps_powers != keeps {
            context.still_waits()?;
            self.identify(context.call.pid, &Credentials { keeps_powers: keeps, ..identity })?;
        }
        Ok(Answer::Continue)
    }

    pub(super) fn get_groups(&self, context: &Context<'_>) -> Outcome {
        let groups = self.credentials(context.call.pid)?.groups;
        let room = context.argument(0) as i32;
        match usize::try_from(room) {
            Ok(0) => {}
            Ok(room) if room >= groups.len() => context.write_ids(context.argument(1), &groups)?,
            _ => return Err(Errno(libc::EINVAL)),
        }
        Ok(Answer::Value(groups.len() as i64))
    }

    pub(super) fn set_groups(&self, context: &Context<'_>) -> Outcome {
        let mut identity = self.credentials(context.call.pid)?;
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

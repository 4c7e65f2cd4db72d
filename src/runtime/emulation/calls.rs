//! Which system calls are answered, and the filter that stops them.

use crate::runtime::launch::BpfInstruction;
use crate::runtime::seccomp::{
    Action, Architecture, Comparison, Condition, ProfileError, Rule, Rules, generate, native,
};

/// Users' ids or groups'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    User,
    Group,
}

/// Which of the ids a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Real,
    Effective,
}

/// How a call names a file: which argument says what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A path in argument 0.
    Path { follow: bool },
    /// A descriptor in argument 0.
    Descriptor,
    /// A directory in argument 0, a path in 1, `AT_*` flags in the given one.
    At { flags: u8 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Xattr {
    Set,
    Get,
    Remove,
}

/// A call that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Get(Kind, Which),
    GetThree(Kind),
    GetGroups,
    Set(Kind),
    SetTwo(Kind),
    SetThree(Kind),
    SetFiles(Kind),
    SetGroups,
    /// The structure goes to argument 1 (path, descriptor) or 2.
    Stat(Named),
    Statx,
    /// The owner is in the two arguments after the name.
    Chown(Named),
    /// Mode and device are in the two arguments after the name.
    MakeNode(Named),
    Xattr(Xattr, Named),
    Execute(Named),
    /// The credentials of a socket's other end.
    PeerCredentials,
    /// The limit that carries the identity, asked for by getrlimit or prlimit.
    GetCarrier,
    SetCarrier,
    GetAndSetCarrier,
    /// prctl(2): the wish to keep capabilities through a change of ids, by itself or among the secure bits.
    KeepCapabilities,
    /// From now on paths may mean something else to some process.
    ChangeView,
    /// The same, if the flags at the address in argument 0 say so.
    Clone,
}

/// Which files' owners a container sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    Shown,
    /// The stat family is left alone: all files look like root's, at full speed.
    Hidden,
}

const PATH: Named = Named::Path { follow: true };
const LINK: Named = Named::Path { follow: false };
const FD: Named = Named::Descriptor;

/// `SO_PEERCRED`; the carrier's number.
const PEERCRED: u64 = libc::SO_PEERCRED as u64;
const CARRIER: u64 = libc::RLIMIT_LOCKS as u64;

/// An `int` is this number: the kernel looks at its 32 bits only.
const fn equal(argument: u8, value: u64) -> Condition {
    masked(argument, 0xffff_ffff, value)
}

const fn masked(argument: u8, mask: u64, value: u64) -> Condition {
    Condition { argument, comparison: Comparison::MaskedEqual, value: mask, second: value }
}

const TYPE: u64 = libc::S_IFMT as u64;
const CHARACTER: u64 = libc::S_IFCHR as u64;
const BLOCK: u64 = libc::S_IFBLK as u64;
const NEW_MOUNTS: u64 = libc::CLONE_NEWNS as u64;

/// Name, what it is, and when it is stopped (every condition holds).
type Row = (&'static str, Call, &'static [Condition]);

#[rustfmt::skip]
const IDS: &[Row] = {
    use Kind::{Group, User};
    use Which::{Effective, Real};
    &[
        ("getuid", Call::Get(User, Real), &[]), ("geteuid", Call::Get(User, Effective), &[]),
        ("getgid", Call::Get(Group, Real), &[]), ("getegid", Call::Get(Group, Effective), &[]),
        ("getresuid", Call::GetThree(User), &[]), ("getresgid", Call::GetThree(Group), &[]),
        ("getgroups", Call::GetGroups, &[]), ("setgroups", Call::SetGroups, &[]),
        ("setuid", Call::Set(User), &[]), ("setgid", Call::Set(Group), &[]),
        ("setreuid", Call::SetTwo(User), &[]), ("setregid", Call::SetTwo(Group), &[]),
        ("setresuid", Call::SetThree(User), &[]), ("setresgid", Call::SetThree(Group), &[]),
        ("setfsuid", Call::SetFiles(User), &[]), ("setfsgid", Call::SetFiles(Group), &[]),
    ]
};

#[rustfmt::skip]
const FILES: &[Row] = &[
    ("chown", Call::Chown(PATH), &[]), ("lchown", Call::Chown(LINK), &[]), ("fchown", Call::Chown(FD), &[]),
    ("fchownat", Call::Chown(Named::At { flags: 4 }), &[]),
    ("mknod", Call::MakeNode(LINK), &[masked(1, TYPE, CHARACTER)]),
    ("mknod", Call::MakeNode(LINK), &[masked(1, TYPE, BLOCK)]),
    ("mknodat", Call::MakeNode(Named::At { flags: u8::MAX }), &[masked(2, TYPE, CHARACTER)]),
    ("mknodat", Call::MakeNode(Named::At { flags: u8::MAX }), &[masked(2, TYPE, BLOCK)]),
    ("setxattr", Call::Xattr(Xattr::Set, PATH), &[]), ("lsetxattr", Call::Xattr(Xattr::Set, LINK), &[]),
    ("fsetxattr", Call::Xattr(Xattr::Set, FD), &[]),
    ("getxattr", Call::Xattr(Xattr::Get, PATH), &[]), ("lgetxattr", Call::Xattr(Xattr::Get, LINK), &[]),
    ("fgetxattr", Call::Xattr(Xattr::Get, FD), &[]),
    ("removexattr", Call::Xattr(Xattr::Remove, PATH), &[]),
    ("lremovexattr", Call::Xattr(Xattr::Remove, LINK), &[]),
    ("fremovexattr", Call::Xattr(Xattr::Remove, FD), &[]),
];

#[rustfmt::skip]
const STATS: &[Row] = &[
    ("stat", Call::Stat(PATH), &[]), ("lstat", Call::Stat(LINK), &[]), ("fstat", Call::Stat(FD), &[]),
    ("newfstatat", Call::Stat(Named::At { flags: 3 }), &[]), ("statx", Call::Statx, &[]),
];

#[rustfmt::skip]
const OTHERS: &[Row] = &[
    ("execve", Call::Execute(PATH), &[]), ("execveat", Call::Execute(Named::At { flags: 4 }), &[]),
    ("getsockopt", Call::PeerCredentials, &[equal(1, libc::SOL_SOCKET as u64), equal(2, PEERCRED)]),
    ("getrlimit", Call::GetCarrier, &[equal(0, CARRIER)]), ("ugetrlimit", Call::GetCarrier, &[equal(0, CARRIER)]),
    ("setrlimit", Call::SetCarrier, &[equal(0, CARRIER)]),
    ("prlimit64", Call::GetAndSetCarrier, &[equal(1, CARRIER)]),
    ("chroot", Call::ChangeView, &[]), ("pivot_root", Call::ChangeView, &[]), ("setns", Call::ChangeView, &[]),
    ("unshare", Call::ChangeView, &[]), ("clone3", Call::Clone, &[]),
    ("prctl", Call::KeepCapabilities, &[equal(0, libc::PR_SET_KEEPCAPS as u64)]),
    ("prctl", Call::KeepCapabilities, &[equal(0, libc::PR_SET_SECUREBITS as u64)]),
    ("clone", Call::ChangeView, &[masked(0, NEW_MOUNTS, NEW_MOUNTS)]),
];

/// What 32-bit ABIs call the calls whose ids have 32 bits; the plain names take 16 there.
fn wide(name: &str) -> Option<String> {
    let is_ids = IDS.iter().any(|(known, ..)| *known == name);
    (is_ids || matches!(name, "chown" | "lchown" | "fchown")).then(|| format!("{name}32"))
}

fn rows(owners: Owners) -> impl Iterator<Item = &'static Row> {
    let stats: &[Row] = match owners {
        Owners::Shown => STATS,
        Owners::Hidden => &[],
    };
    IDS.iter().chain(FILES).chain(stats).chain(OTHERS)
}

/// The filter. It lies over the container's own, and can only take away from it.
///
/// # Errors
/// None that a fixed table could have; the signature is the generator's.
pub fn program(owners: Owners) -> Result<Vec<BpfInstruction>, ProfileError> {
    let rules = rows(owners).flat_map(|(name, _, conditions)| {
        let names = [Some((*name).to_owned()), wide(name)];
        names.into_iter().flatten().map(|name| Rule {
            names: vec![name],
            action: Action::Notify,
            conditions: conditions.to_vec(),
        })
    });
    generate(&Rules { fallback: Action::Allow, architectures: native(), rules: rules.collect() })
}

/// A call as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    pub call: Call,
    /// The machine's own ABI: structures have the layout of ours.
    pub is_native: bool,
    /// Ids are 16 bits wide.
    pub is_narrow: bool,
}

/// From numbers to calls, for the ABIs of this machine.
pub struct Decoder {
    native: u32,
    by_number: Vec<Option<Decoded>>,
    foreign: u32,
    foreign_by_number: Vec<Option<Decoded>>,
}

impl Decoder {
    pub fn new() -> Decoder {
        let architectures = native();
        let (own, other) = (architectures[0], architectures[1]);
        Decoder {
            native: own.audit(),
            by_number: by_number(own, true),
            foreign: other.audit(),
            foreign_by_number: by_number(other, false),
        }
    }

    pub fn decode(&self, architecture: u32, number: i32) -> Option<Decoded> {
        let table = match architecture {
            a if a == self.native => &self.by_number,
            a if a == self.foreign => &self.foreign_by_number,
            _ => return None,
        };
        *table.get(usize::try_from(number).ok()?)?
    }
}

fn by_number(architecture: Architecture, is_native: bool) -> Vec<Option<Decoded>> {
    let mut table = Vec::new();
    let mut put = |name: &str, decoded| {
        let known = architecture.calls();
        let Ok(at) = known.binary_search_by_key(&name, |(name, _)| name) else { return };
        let number = known[at].1 as usize;
        if table.len() <= number {
            table.resize(number + 1, None);
        }
        table[number] = Some(decoded);
    };
    for (name, call, _) in rows(Owners::Shown) {
        let decoded = Decoded { call: *call, is_native, is_narrow: false };
        match wide(name) {
            Some(wide) if !is_native => {
                put(&wide, decoded);
                put(name, Decoded { is_narrow: true, ..decoded });
            }
            _ => put(name, decoded),
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(architecture: Architecture, name: &str) -> i32 {
        let known = architecture.calls();
        known[known.binary_search_by_key(&name, |(name, _)| name).unwrap()].1 as i32
    }

    #[test]
    fn calls_are_known_by_number_and_abi() {
        let decoder = Decoder::new();
        let [own, other] = [native()[0], native()[1]];
        let decode = |architecture: Architecture, name| {
            decoder.decode(architecture.audit(), number(architecture, name))
        };
        let set = decode(own, "setuid").unwrap();
        assert_eq!(set, Decoded { call: Call::Set(Kind::User), is_native: true, is_narrow: false });
        let narrow = decode(other, "setuid").unwrap();
        assert!(narrow.is_narrow && !narrow.is_native);
        assert!(!decode(other, "setuid32").unwrap().is_narrow);
        assert_eq!(decode(other, "fchownat").unwrap().call, Call::Chown(Named::At { flags: 4 }));
        assert_eq!(decode(own, "read"), None);
        assert_eq!(decoder.decode(1, 1), None);
    }

    #[test]
    fn files_look_like_roots_when_owners_are_hidden() {
        let (shown, hidden) = (program(Owners::Shown).unwrap(), program(Owners::Hidden).unwrap());
        assert!(hidden.len() < shown.len());
        assert!(shown.len() < 400, "{}", shown.len());
    }
}

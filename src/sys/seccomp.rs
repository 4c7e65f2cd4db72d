//! Loading seccomp filters.

use std::io;

/// One instruction of classic BPF (`struct sock_filter`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BpfInstruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

impl BpfInstruction {
    /// Little-endian, in the order of the fields.
    pub fn to_bytes(&self) -> [u8; 8] {
        let [c0, c1] = self.code.to_le_bytes();
        let [k0, k1, k2, k3] = self.k.to_le_bytes();
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }

    pub fn from_bytes(bytes: &[u8; 8]) -> BpfInstruction {
        let [c0, c1, jt, jf, k0, k1, k2, k3] = *bytes;
        BpfInstruction { code: u16::from_le_bytes([c0, c1]), jt, jf, k: u32::from_le_bytes([k0, k1, k2, k3]) }
    }
}

/// Puts this thread under `program` for good. Needs CAP_SYS_ADMIN in the user namespace or
/// no_new_privs (seccomp(2)); `flags` are `SECCOMP_FILTER_FLAG_*` bits.
pub fn load(program: &[BpfInstruction], flags: u64) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let filter =
        libc::sock_fprog { len: length, filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut() };
    // SAFETY: `filter` points at `length` instructions that live across the call and have the layout
    // of sock_filter (repr(C), same fields); the kernel copies and checks them.
    let done =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

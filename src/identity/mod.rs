//! Emulated users: who the processes of a container are, and whom its files belong to, where the kernel
//! knows a single id.
//!
//! A user without subordinate ids has one id, the container's root. The kernel then refuses every other
//! one, and shows all files as root's. Here is what the container sees instead:
//!
//! - `credentials`: the ids of a process and how system calls change them.
//! - `table`: memory that the two processes share which have to know: the one that answers the
//!   container's system calls (`runtime::emulation`) and the one that serves its files (`overlay`).
//! - `files`: what is written down about a file on disk.
//!
//! **A process carries its identity with it**, as its soft limit of file locks (`RLIMIT_LOCKS`), which no
//! kernel since 2.4.25 enforces: copied by fork, kept by execve, shared by threads, readable from outside by
//! one call. The number is a key of the table; any that is none of its keys means root. The hard
//! limit stays as it is. So nobody has to follow the container's processes, and none can slip through.

pub mod credentials;
pub mod files;
pub mod table;

pub use credentials::{Credentials, Ids};
pub use table::Table;

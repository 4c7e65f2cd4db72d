//! Safe wrappers over system calls; the only home of `unsafe`. rustix first, libc where it
//! lacks a call. A wrapper takes and returns owned types.
#![allow(unsafe_code)]

pub mod file; // atomic replacement
pub mod lock; // OFD locks: who is alive, who may write
pub mod memory; // what the allocator keeps
pub mod mmap; // read-only maps of files
pub mod mount; // the mount API that rustix lacks
pub mod namespace; // unshare, setns, id maps
pub mod notify; // answering system calls of other processes
pub mod process; // clone3, execveat, pidfds, prctl, capabilities
pub mod seccomp; // loading filters
pub mod signal; // masks, signalfd, names and numbers
pub mod socket; // unix sockets that carry descriptors
pub mod terminal; // ptys, raw mode, window sizes
pub mod tree;
pub mod xattr; // removing directory trees

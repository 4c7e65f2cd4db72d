//! coracle: containers for a person who is not root. `ls` sorts by alphabet; this is the order of the
//! floors. A module imports from floors below its own (ARCHITECTURE.md draws the picture).

#![deny(unsafe_code)]
#![recursion_limit = "256"] // json!() of Docker's long objects

// doors
pub mod cli; // docker's command line; ui/ inside draws tables, progress and the terminal
// deciding
pub mod engine; // the verbs, by noun; used by every door
// keeping
pub mod supervisor; // one process per container: console, log, exit status, the root file system
// machines (they do not know each other)
pub mod copy; // files as tar streams, out of a tree and into one
pub mod logs; // log drivers: writer and reader of one format side by side
pub mod overlay; // the root file system: FUSE overlay, kernel overlayfs on top of it, or unpacked
pub mod runtime; // namespaces, mounts, capabilities, seccomp, init, exec
// records
pub mod container; // what a container is: spec, record, state, names, on disk
pub mod identity; // emulated users: who processes are where the kernel knows a single id
pub mod image; // reference, manifest, config, store; registry and archives inside
pub mod layer; // tar blob + index; never unpacked
pub mod secret; // values that containers get to see and nobody else is shown
pub mod volume; // directories that outlive containers
// ground
pub mod config; // where things lie, what the user configured
pub mod digest; // sha256 digests
pub mod events; // what happened: written by whoever does it, read by `events`
pub mod sys; // safe wrappers over system calls; the only home of `unsafe`

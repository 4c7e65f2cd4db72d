//! Namespaces, mounts, capabilities, seccomp, init, exec.
//!
//! `plan` decides, purely; `start` carries out, from the supervisor; `init` and `exec` are the two
//! stages that run inside: this binary started again, with the paper on descriptor 3. `userns` is U,
//! the namespace in which all supervisors of a user live.

pub mod accounts;
pub mod borrow;
pub mod capability;
pub mod cgroup;
mod channel;
mod command;
mod console;
pub mod emulation;
pub mod exec;
mod executable;
mod given;
pub mod init;
pub mod launch;
mod mounts;
pub mod plan;
mod reaper;
pub mod seccomp;
mod secrets;
pub mod start;
mod subid;
mod user;
pub mod userns;

pub use launch::Launch;
pub use plan::{ContainerFiles, ExecRequest, HostFacts, PlanError, PlanInput, plan, plan_exec};
pub use start::{Joins, LaunchError, Started, Stdio, launch};

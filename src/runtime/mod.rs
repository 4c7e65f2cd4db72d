//! Namespaces, mounts, capabilities, seccomp, init, exec. (helper D writes this head.)
//!
//! `plan` decides, purely; `launch` carries out, from the supervisor; `init` and `exec` are the two
//! stages that run inside.

pub mod launch;
pub mod userns;

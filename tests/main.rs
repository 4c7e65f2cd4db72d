//! The commands, end to end: the real program in a hermetic home, images made in the test, registries on
//! loopback; a file per feature. `tests/runner` starts this as ordinary users.

mod harness;

mod bare;
mod commit;
mod completion;
mod cp;
mod diff;
mod emulated_users;
mod events;
mod exec;
mod export;
mod grammar;
mod health;
mod hostile;
mod image_mounts;
mod images;
mod isolation;
mod lifecycle;
mod logdrivers;
mod logs;
mod packages;
mod podman;
mod prune;
mod ps;
mod registry;
mod restart;
mod rootfs;
mod run;
mod secrets;
mod state;
mod stats;
mod system;
mod terminal;
mod unshare;
mod userns;
mod volume_archives;
mod volumes;

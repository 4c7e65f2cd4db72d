//! The commands, end to end: the real program in a hermetic home, images made in the test, registries on
//! loopback; a file per feature. `tests/runner` starts this as ordinary users.

#[allow(dead_code, unused_imports, unused_macros)]
mod harness;

mod exec;
mod grammar;
mod isolation;
mod lifecycle;
mod logs;
mod ps;
mod run;
mod terminal;

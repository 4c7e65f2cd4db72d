//! Opens mounts that come with a namespace of another container, X: /proc with `--pid container:X`,
//! /dev/shm with `--ipc container:X`. Both take power over X's user namespace: U has it; the user
//! namespace of the container that wants them, X's sibling, has not. And somebody has to go there:
//! procfs shows the pid namespace of whoever mounts it, and only from within a mount namespace can its
//! mounts be copied.
//!
//! X may see this process while it works, and even end it, but not look into it: it belongs to U.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::channel::{self, Failure};
use super::launch::Borrow;
use crate::sys;

/// Name (`argv[0]`) under which main dispatches here; `argv[1]` is the `name` of what is wanted.
pub const STAGE: &str = "coracle-borrow";

pub(super) fn name(what: Borrow) -> &'static str {
    match what {
        Borrow::Proc => "proc",
        Borrow::SharedMemory => "shm",
    }
}

/// Runs the stage: descriptor 3 is the supervisor.
pub fn main() -> ! {
    let Ok(status) = sys::process::inherited(3).map(UnixStream::from) else { std::process::exit(125) };
    let wanted = std::env::args().nth(1).unwrap_or_default();
    match open(&wanted).and_then(|tree| channel::send_descriptor(&status, tree.as_fd())) {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            let failure = Failure::system(format!("error opening {wanted} of the container to join"), error);
            channel::send_failure(&status, &failure);
            std::process::exit(1)
        }
    }
}

fn open(wanted: &str) -> io::Result<OwnedFd> {
    match wanted {
        "proc" => sys::mount::proc_tree(),
        // The root directory is X's, and so is whatever a symlink leads to.
        "shm" => sys::mount::clone_path(Path::new("/dev/shm"), false),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

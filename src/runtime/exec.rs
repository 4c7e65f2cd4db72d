//! A further process of a running container (`exec`), from a fresh start of this binary to the command.
//! It is in the container's namespaces from its first instruction.

use std::convert::Infallible;
use std::os::unix::net::UnixStream;

use super::channel::{self, Failure};
use super::launch::Process;
use super::start::ExecPaper;
use super::{command, console};
use crate::sys;

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-exec";

/// Runs the stage: descriptor 3 is the supervisor.
pub fn main() -> ! {
    // The container's processes can see this one: none may look into it (CVE-2016-9962).
    let hidden = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let Ok(status) = sys::process::inherited(3).map(UnixStream::from) else { std::process::exit(125) };
    let Err(failure) = exec(&status, hidden.map_err(|e| Failure::system("hiding", e)));
    channel::send_failure(&status, &failure);
    std::process::exit(1)
}

fn exec(status: &UnixStream, hidden: Result<(), Failure>) -> Result<Infallible, Failure> {
    hidden?;
    let ExecPaper { process, window }: ExecPaper<Process> =
        channel::receive_paper(status).map_err(|e| Failure::system("receiving the plan", e))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(process.umask));
    if process.terminal {
        console::set_up(status, window, false)?;
    }
    command::run(process, false, status)
}

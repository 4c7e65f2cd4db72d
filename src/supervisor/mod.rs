//! One process per container: console, log, exit status, the root file system.
//!
//! A supervisor is this binary started again inside U (`stage`). It holds the container's `alive` lock,
//! listens at `<runtime directory>/<short id>.sock`, mounts the root, launches the first process and then
//! serves clients from one loop (`server`) until that process ends; a restart policy makes it launch the
//! next one on the same root (`restarts` says when), and it makes the health checks. It outlives the command that started it, and takes
//! its container with it should it be killed.
//!
//! The two sides of the socket: `protocol` is what is said, `connection` and `server` the supervisor's
//! side, `client` and `attach` the side of whoever talks to it.

pub mod attach;
pub mod client;
mod connection;
pub mod errand;
mod files;
mod joins;
mod keys;
pub mod mounting;
mod paper;
mod pause;
pub mod places;
pub mod protocol;
pub mod removal;
mod report;
mod restarts;
mod root;
mod server;
mod session;
mod stage;

pub use paper::Paper;

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-supervisor";

/// Runs the stage: descriptor 3 is the paper, 4 the starter's socket, 5 the container's `alive`.
pub fn main() -> ! {
    match stage::run() {
        Ok(()) => std::process::exit(0),
        // Who was to know has been told over the socket.
        Err(failure) => {
            tracing::debug!(%failure, "supervisor ends");
            std::process::exit(1)
        }
    }
}

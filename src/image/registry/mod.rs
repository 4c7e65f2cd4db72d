//! Registries: pulling and pushing. tokio lives here, behind functions that block.

mod certs;
pub mod credentials;
mod error;
mod fetch;
mod pull;
mod push;
mod session;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::credentials::Sources;

pub use error::RegistryError;
pub use fetch::fetch;
pub use pull::{PullOutcome, pull, pull_all_tags};
pub use push::{PushOutcome, push};

/// How patient to be, and where the user's credentials and authorities are.
#[derive(Debug, Clone)]
pub struct Settings {
    pub connect_timeout: Duration,
    /// Longest silence in the middle of a transfer.
    pub idle_timeout: Duration,
    /// Further attempts after the connection failed without having brought a byte.
    pub retries: u32,
    /// Before the second attempt; doubled each time.
    pub backoff: Duration,
    /// Layers at once, in either direction (Docker's `max-concurrent-downloads`).
    pub parallel: usize,
    pub credentials: Sources,
    pub certificate_directories: Vec<PathBuf>,
}

impl Settings {
    /// `CORACLE_REGISTRY_TIMEOUT` (seconds) sets both time-outs.
    pub fn from_environment() -> Settings {
        let given = std::env::var("CORACLE_REGISTRY_TIMEOUT").ok();
        let given = given.and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
        let timeout = |default| Duration::from_secs(given.unwrap_or(default));
        Settings {
            connect_timeout: timeout(20),
            idle_timeout: timeout(60),
            retries: 4,
            // Together 7.5 seconds: longer waiting looks like hanging, and a user can ask again.
            backoff: Duration::from_millis(500),
            parallel: 3,
            credentials: Sources::from_environment(),
            certificate_directories: certs::directories(),
        }
    }

    /// How long to wait before attempt `attempt + 2`.
    fn wait(&self, attempt: u32) -> Duration {
        self.backoff * 2u32.saturating_pow(attempt.min(5))
    }
}

/// Two threads: one for the network, one for what it blocks on (names, files). The layers' own threads
/// do the rest.
fn runtime() -> Result<tokio::runtime::Runtime, RegistryError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("registry")
        .enable_all()
        .build()
        .map_err(RegistryError::Runtime)
}

/// Works through a queue with some threads. The first failure ends the others, who look at the flag.
fn at_once<T: Send>(
    threads: usize,
    queue: VecDeque<T>,
    work: impl Fn(T, &AtomicBool) -> Result<(), RegistryError> + Sync,
) -> Result<(), RegistryError> {
    let threads = threads.min(queue.len());
    let queue = Mutex::new(queue);
    let failure: Mutex<Option<RegistryError>> = Mutex::default();
    let stop = AtomicBool::new(false);
    let next = || queue.lock().expect("no worker panics").pop_front();
    let worker = || {
        while !stop.load(Ordering::Relaxed)
            && let Some(item) = next()
        {
            if let Err(error) = work(item, &stop) {
                stop.store(true, Ordering::Relaxed);
                failure.lock().expect("no worker panics").get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(worker);
        }
    });
    failure.into_inner().expect("no worker panics").map_or(Ok(()), Err)
}

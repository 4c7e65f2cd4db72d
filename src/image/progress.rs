//! What a transfer tells while it runs, in Docker's words. A door draws it: bars on a terminal, plain
//! lines elsewhere, nothing when asked to be quiet.

use std::fmt;

/// Receives what happens. Called from several threads at once, and often: it must return quickly.
pub trait Progress: Sync {
    /// A sentence of its own: `12: Pulling from library/debian`, `Digest: sha256:…`, `Status: …`.
    fn line(&self, text: &str);
    /// What happens to one layer now; `id` is 12 hexadecimal digits, unique in this transfer.
    fn layer(&self, id: &str, step: Step);
}

/// Where a layer is on its way. Amounts are bytes as they travel (compressed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    // pulling
    Queued,
    Downloading {
        done: u64,
        total: u64,
    },
    /// Waiting before another attempt, after the connection failed.
    Retrying {
        seconds: u64,
    },
    Downloaded,
    Pulled,
    AlreadyHere,
    // pushing
    Preparing,
    Pushing {
        done: u64,
        total: u64,
    },
    Pushed,
    AlreadyThere,
    MountedFrom(String),
    // loading
    Loading {
        done: u64,
        total: u64,
    },
    Loaded,
}

impl Step {
    /// Bytes done and wanted, where this step has an extent. `total` is 0 when it is not known.
    pub fn amount(&self) -> Option<(u64, u64)> {
        match self {
            Step::Downloading { done, total }
            | Step::Pushing { done, total }
            | Step::Loading { done, total } => Some((*done, *total)),
            _ => None,
        }
    }

    /// Whether nothing more will be said of this layer.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Step::Pulled
                | Step::AlreadyHere
                | Step::Pushed
                | Step::AlreadyThere
                | Step::MountedFrom(_)
                | Step::Loaded
        )
    }
}

/// Docker's words for it: `Pull complete`, `Layer already exists`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Queued => f.write_str("Pulling fs layer"),
            Step::Downloading { .. } => f.write_str("Downloading"),
            Step::Retrying { seconds: 1 } => f.write_str("Retrying in 1 second"),
            Step::Retrying { seconds } => write!(f, "Retrying in {seconds} seconds"),
            Step::Downloaded => f.write_str("Download complete"),
            Step::Pulled => f.write_str("Pull complete"),
            Step::AlreadyHere => f.write_str("Already exists"),
            Step::Preparing => f.write_str("Preparing"),
            Step::Pushing { .. } => f.write_str("Pushing"),
            Step::Pushed => f.write_str("Pushed"),
            Step::AlreadyThere => f.write_str("Layer already exists"),
            Step::MountedFrom(repository) => write!(f, "Mounted from {repository}"),
            Step::Loading { .. } => f.write_str("Loading layer"),
            Step::Loaded => f.write_str("Loaded"),
        }
    }
}

/// Tells nobody.
pub struct Quiet;

impl Progress for Quiet {
    fn line(&self, _text: &str) {}
    fn layer(&self, _id: &str, _step: Step) {}
}

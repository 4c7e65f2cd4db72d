//! Log drivers: each file holds the writer (used by the supervisor) and the reader (used by the engine)
//! of one format.

use jiff::Timestamp;

/// Which of the container's streams a line came from. A terminal has only `Stdout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// One stored entry: a line with its newline, or a part of a line longer than 16 KiB without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub time: Timestamp,
    pub stream: Stream,
    pub text: Vec<u8>,
}

/// What `logs` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Entries at or after this moment.
    pub since: Option<Timestamp>,
    /// Entries at or before this moment.
    pub until: Option<Timestamp>,
    /// The last so many lines; `None` for all.
    pub tail: Option<u64>,
    /// Go on until the container ends.
    pub follow: bool,
}

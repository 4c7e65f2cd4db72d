//! The paper that a supervisor is started with.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::container::ContainerId;
use crate::container::spec::AttachStreams;
use crate::sys::terminal::WindowSize;

/// Everything else it reads from the container's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    pub config: Config,
    pub id: ContainerId,
    /// What the starter wants to see from the first byte on.
    pub attach: Option<AttachStreams>,
    /// The starter's terminal.
    pub window: Option<WindowSize>,
    /// Whether the starter waits for `Reply::Listening`.
    pub say_listening: bool,
}

//! Platforms as Docker writes them: `os/arch[/variant]` (containerd's platform rules).

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}
// helper B: FromStr with normalisation (x86_64 -> amd64, aarch64 -> arm64, ...), Display, host(), matching order

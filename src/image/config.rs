//! The typed view of an image's config. The bytes that came are kept and never rewritten; this is read
//! from them, and keeps Docker's own fields that the OCI specification does not have.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::manifest::{ManifestError, SIZE_MAX};
use crate::layer::DiffId;

/// Reads `null` as nothing: Go programs write it for empty lists, maps and texts.
pub(super) fn null_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    #[serde(deserialize_with = "null_default")]
    pub architecture: String,
    #[serde(deserialize_with = "null_default")]
    pub os: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(deserialize_with = "null_default")]
    pub config: RunConfig,
    #[serde(deserialize_with = "null_default")]
    pub rootfs: RootFs,
    #[serde(deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

impl ImageConfig {
    /// Reads a config as it came. Field by field it is as lenient as Go's decoder is with `null`.
    ///
    /// # Errors
    /// Larger than 4 MiB, no JSON, or without a root file system (a chart, a signature: not an image).
    pub fn parse(bytes: &[u8]) -> Result<ImageConfig, ManifestError> {
        if bytes.len() > SIZE_MAX {
            return Err(ManifestError::ConfigTooLarge);
        }
        let config: ImageConfig = serde_json::from_slice(bytes).map_err(ManifestError::Config)?;
        if config.rootfs.kind != "layers" {
            return Err(ManifestError::RootFs);
        }
        Ok(config)
    }

    /// As Docker writes it, without the fields that say nothing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut value = serde_json::to_value(self).expect("texts become JSON");
        if let Some(run) = value["config"].as_object_mut() {
            run.retain(|_, field| !field.is_null() && *field != serde_json::Value::String(String::new()));
        }
        serde_json::to_vec(&value).expect("what became JSON becomes text")
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[DiffId] {
        self.rootfs.diff_ids.as_deref().unwrap_or_default()
    }
}

/// What a container of this image starts with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RunConfig {
    #[serde(deserialize_with = "null_default")]
    pub user: String,
    pub exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    pub env: Option<Vec<String>>,
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Option<Vec<String>>,
    pub volumes: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(deserialize_with = "null_default")]
    pub working_dir: String,
    pub labels: Option<BTreeMap<String, String>>,
    pub stop_signal: Option<String>,
    pub shell: Option<Vec<String>>,
    pub on_build: Option<Vec<String>>,
    pub healthcheck: Option<serde_json::Value>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RootFs {
    #[serde(rename = "type", deserialize_with = "null_default")]
    pub kind: String,
    /// `null` is written by some builders for no layers.
    pub diff_ids: Option<Vec<DiffId>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(deserialize_with = "null_default", skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_read_as_nothing_and_dockers_own_fields_stay() {
        let text = r#"{
            "architecture": "amd64", "os": "linux", "created": null, "history": null,
            "config": {"User": null, "Env": null, "Labels": null, "Healthcheck": {"Test": ["NONE"]},
                       "OnBuild": ["RUN x"], "Shell": ["/bin/bash"], "ArgsEscaped": true},
            "rootfs": {"type": "layers", "diff_ids": null}, "docker_version": "20"
        }"#;
        let config = ImageConfig::parse(text.as_bytes()).unwrap();
        assert!(config.layers().is_empty());
        assert_eq!(config.config.on_build.as_deref(), Some(&["RUN x".to_owned()][..]));
        assert_eq!(config.config.extra["ArgsEscaped"], true);
        assert_eq!(config.extra["docker_version"], "20");
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for text in ["{}", r#"{"name":"chart","version":"1"}"#, r#"{"rootfs":{"type":"x"}}"#] {
            let error = ImageConfig::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "invalid rootfs in image configuration", "{text}");
        }
        assert!(ImageConfig::parse(b"[]").is_err());
        assert!(ImageConfig::parse(&vec![b' '; SIZE_MAX + 1]).is_err());
    }
}

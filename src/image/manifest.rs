//! Manifests: Docker's schema 2, OCI image manifests, lists and indexes of them.
//!
//! The bytes that came are what is kept, hashed and pushed again; the types here are a view of them.
//! They keep unknown fields, so that what we do write (`save`, a recompressed push) loses nothing, and
//! their maps are ordered, so that it is the same every time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Platform;
use crate::digest::Digest;

pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What a registry is asked for, in Docker's order of preference.
pub const ACCEPTED: &[&str] = &[DOCKER_MANIFEST, DOCKER_LIST, OCI_INDEX, OCI_MANIFEST];

/// Largest manifest or config believed, in bytes: the limit that registries and containerd set.
pub const SIZE_MAX: usize = 4 << 20;

/// More layers than any image has (Docker stops at 127); keeps a hostile manifest from costing us.
const LAYERS_MAX: usize = 1024;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub size: u64,
    pub digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urls: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<DescribedPlatform>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The platform of a list's entry, as written there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribedPlatform {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    pub config: Descriptor,
    #[serde(default, deserialize_with = "super::config::null_default")]
    pub layers: Vec<Descriptor>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// One image for several platforms: Docker's manifest list, OCI's image index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default, deserialize_with = "super::config::null_default")]
    pub manifests: Vec<Descriptor>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // made one at a time, and taken apart where it was made
pub enum Document {
    Image(Manifest),
    Index(ImageIndex),
}

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("manifest is larger than {SIZE_MAX} bytes")]
    TooLarge,
    #[error("manifest is not what it should be")]
    Json(#[from] serde_json::Error),
    #[error(
        "Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported. Ask the author of the image to upgrade it to the OCI Format or Docker Image manifest v2, schema 2"
    )]
    Schema1,
    #[error("unsupported manifest schema version {0}")]
    SchemaVersion(u64),
    #[error("unsupported manifest media type {0}")]
    MediaType(String),
    #[error("manifest is both an image and a list of images")]
    Ambiguous,
    #[error("manifest has {0} layers")]
    TooManyLayers(usize),
    #[error("no matching manifest for {0} in the manifest list entries")]
    NoPlatform(String),
    #[error("unsupported layer media type {0}")]
    Layer(String),
    #[error("image config is larger than {SIZE_MAX} bytes")]
    ConfigTooLarge,
    #[error("image config is not what it should be")]
    Config(#[source] serde_json::Error),
    #[error("invalid rootfs in image configuration")]
    RootFs,
}

/// What decides what a document is, before it is read as that.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Value>,
    layers: Option<Value>,
    fs_layers: Option<Value>,
    manifests: Option<Value>,
}

impl Document {
    /// Reads a manifest or a list. What it is follows from its own fields; a document that could be
    /// both is refused (CVE-2021-41190: two clients would see two images behind one digest).
    pub fn parse(bytes: &[u8]) -> Result<Document, ManifestError> {
        if bytes.len() > SIZE_MAX {
            return Err(ManifestError::TooLarge);
        }
        let head: Head = serde_json::from_slice(bytes)?;
        match head.schema_version {
            Some(2) => {}
            Some(1) => return Err(ManifestError::Schema1),
            other => return Err(ManifestError::SchemaVersion(other.unwrap_or_default())),
        }
        let is_image = head.config.is_some() || head.layers.is_some() || head.fs_layers.is_some();
        let is_index = head.manifests.is_some();
        let known_index = |t: &str| matches!(t, DOCKER_LIST | OCI_INDEX);
        let known_image = |t: &str| matches!(t, DOCKER_MANIFEST | OCI_MANIFEST);
        match (is_image, is_index, head.media_type.as_deref()) {
            (true, true, _) => Err(ManifestError::Ambiguous),
            (_, true, Some(t)) if !known_index(t) => Err(ManifestError::MediaType(t.to_owned())),
            (_, false, Some(t)) if !known_image(t) => Err(ManifestError::MediaType(t.to_owned())),
            (_, true, _) => Ok(Document::Index(serde_json::from_slice(bytes)?)),
            (_, false, _) => {
                let manifest: Manifest = serde_json::from_slice(bytes)?;
                if manifest.layers.len() > LAYERS_MAX {
                    return Err(ManifestError::TooManyLayers(manifest.layers.len()));
                }
                Ok(Document::Image(manifest))
            }
        }
    }
}

impl Manifest {
    /// The type it is pushed under. OCI manifests may leave it out.
    pub fn media_type(&self) -> &str {
        self.media_type.as_deref().unwrap_or(OCI_MANIFEST)
    }

    pub fn is_docker(&self) -> bool {
        self.media_type() == DOCKER_MANIFEST
    }

    /// A manifest of uncompressed layers, for images that came without one.
    pub fn synthesize(config: Descriptor, layers: Vec<Descriptor>) -> Manifest {
        Manifest {
            schema_version: 2,
            media_type: Some(OCI_MANIFEST.to_owned()),
            config,
            layers,
            extra: BTreeMap::new(),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps of strings and numbers become JSON")
    }
}

impl Descriptor {
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            size,
            digest,
            urls: None,
            annotations: None,
            platform: None,
            extra: BTreeMap::new(),
        }
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether it names an archive of files. What compression it really has, its bytes say.
    pub fn is_layer(&self) -> bool {
        let t = self.media_type.as_str();
        t.is_empty()
            || t.starts_with("application/vnd.oci.image.layer.")
            || t.starts_with("application/vnd.docker.image.rootfs.")
    }

    /// Whether the registry need not have it (Windows base layers).
    pub fn is_foreign(&self) -> bool {
        self.media_type.contains("nondistributable") || self.media_type.contains("rootfs.foreign")
    }

    fn is_attestation(&self) -> bool {
        let unknown =
            self.platform.as_ref().is_some_and(|p| p.os == "unknown" || p.architecture == "unknown");
        unknown || self.annotation("vnd.docker.reference.type") == Some("attestation-manifest")
    }

    /// Whether a list's entry may be an image: no attestation, no other artifact.
    pub fn is_image(&self) -> bool {
        self.may_be_image() && !self.is_attestation()
    }

    fn may_be_image(&self) -> bool {
        matches!(self.media_type.as_str(), "" | DOCKER_MANIFEST | OCI_MANIFEST | DOCKER_LIST | OCI_INDEX)
    }
}

impl ImageIndex {
    /// The entry that serves `wanted` best. Attestations are no images; an entry without a platform is
    /// believed only where no other fits.
    pub fn choose(&self, wanted: &Platform) -> Result<&Descriptor, ManifestError> {
        ImageIndex::choose_of(&self.manifests, wanted)
    }

    /// The same of some of a list's entries.
    pub fn choose_of<'a>(
        entries: impl IntoIterator<Item = &'a Descriptor>,
        wanted: &Platform,
    ) -> Result<&'a Descriptor, ManifestError> {
        let rank = |d: &&Descriptor| match &d.platform {
            Some(p) => wanted.rank(&Platform::new(&p.os, &p.architecture, p.variant.as_deref())),
            None => Some(usize::MAX),
        };
        entries
            .into_iter()
            .filter(|d| d.is_image())
            .filter_map(|d| Some((rank(&d)?, d)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, descriptor)| descriptor)
            .ok_or_else(|| ManifestError::NoPlatform(spoken(wanted)))
    }
}

/// Docker always says the default variant of arm64 in this sentence.
fn spoken(platform: &Platform) -> String {
    match (platform.architecture.as_str(), &platform.variant) {
        ("arm64", None) => format!("{platform}/v8"),
        _ => platform.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> Digest {
        Digest::of(&[n])
    }

    fn index(entries: &str) -> ImageIndex {
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entries}]}}"#);
        match Document::parse(text.as_bytes()).unwrap() {
            Document::Index(index) => index,
            other => panic!("{other:?}"),
        }
    }

    fn entry(n: u8, os: &str, architecture: &str, variant: &str) -> String {
        format!(
            r#"{{"mediaType":"{OCI_MANIFEST}","size":1,"digest":"{}","platform":{{"os":"{os}","architecture":"{architecture}","variant":"{variant}"}}}}"#,
            digest(n)
        )
    }

    #[test]
    fn the_best_entry_of_a_list_is_chosen() {
        let list = index(
            &[
                entry(0, "unknown", "unknown", ""),
                entry(1, "linux", "arm", "v7"),
                entry(2, "linux", "amd64", ""),
                entry(3, "linux", "amd64", "v2"),
                entry(4, "linux", "arm64", "v8"),
                entry(5, "windows", "amd64", ""),
            ]
            .join(","),
        );
        for (wanted, chosen) in [
            ("linux/amd64", 2),
            ("linux/amd64/v3", 3),
            ("linux/arm64", 4),
            ("linux/arm64/v8", 4),
            ("linux/arm/v7", 1),
            ("windows/amd64", 5),
        ] {
            assert_eq!(list.choose(&wanted.parse().unwrap()).unwrap().digest, digest(chosen), "{wanted}");
        }
    }

    #[test]
    fn a_platform_that_is_not_there_is_named() {
        let list = index(&entry(1, "linux", "amd64", ""));
        for (wanted, named) in [
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/s390x", "linux/s390x"),
            ("linux/arm/v6", "linux/arm/v6"),
        ] {
            assert_eq!(
                list.choose(&wanted.parse().unwrap()).unwrap_err().to_string(),
                format!("no matching manifest for {named} in the manifest list entries")
            );
        }
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let config = format!(r#"{{"size":1,"digest":"{}"}}"#, digest(1));
        for (text, message) in [
            ("", "manifest is not what it should be"),
            ("<html>", "manifest is not what it should be"),
            ("{}", "unsupported manifest schema version 0"),
            (r#"{"schemaVersion":3}"#, "unsupported manifest schema version 3"),
            (r#"{"schemaVersion":2}"#, "manifest is not what it should be"),
            (r#"{"schemaVersion":2,"mediaType":"x/y","layers":[]}"#, "unsupported manifest media type x/y"),
            (
                &format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"manifests":[]}}"#),
                "manifest is both an image and a list of images",
            ),
            (
                r#"{"schemaVersion":2,"config":{"size":1,"digest":"sha256:12"},"layers":[]}"#,
                "manifest is not what it should be",
            ),
        ] {
            assert_eq!(Document::parse(text.as_bytes()).unwrap_err().to_string(), message, "{text}");
        }
        let old = Document::parse(br#"{"schemaVersion":1,"fsLayers":[]}"#).unwrap_err();
        assert!(matches!(old, ManifestError::Schema1));
    }

    #[test]
    fn what_is_written_again_keeps_unknown_fields() {
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}","size":1,"digest":"{}","x":{{"y":1}}}},"layers":[],"annotations":{{"b":"1","a":"2"}},"subject":null}}"#,
            digest(1)
        );
        let Document::Image(manifest) = Document::parse(text.as_bytes()).unwrap() else { panic!() };
        let again: Value = serde_json::from_slice(&manifest.to_bytes()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(&text).unwrap());
    }
}

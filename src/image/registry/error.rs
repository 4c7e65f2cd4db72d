//! What goes wrong with a registry, in Docker's words.

use std::error::Error as StdError;

use oci_client::errors::{OciDistributionError, OciErrorCode};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::credentials::CredentialsError;
use crate::digest::Digest;
use crate::image::ImageError;
use crate::image::manifest::ManifestError;
use crate::layer::store::LayerError;

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer: refused, unreachable, unknown host, no trust, silence.
    #[error("{method} \"{url}\": {why}")]
    Connect { method: &'static str, url: String, why: String, retry: bool },
    /// The registry's own error: `manifest unknown: manifest unknown`.
    #[error("{code}: {message}")]
    Refused { code: String, message: String, status: u16 },
    #[error("received unexpected HTTP status: {status} {reason}")]
    Status { status: u16, reason: &'static str },
    #[error("Get \"{url}\": no basic auth credentials")]
    NoCredentials { url: String },
    #[error("the registry asks for credentials over an unencrypted connection at {0}")]
    ClearText(String),
    #[error("{what} is larger than {limit} bytes")]
    TooLarge { what: &'static str, limit: usize },
    #[error("{what} of the registry is not what it should be")]
    Answer { what: &'static str, source: serde_json::Error },
    #[error("{what} of the registry is not what it should be: {why}")]
    Protocol { what: &'static str, why: String },
    #[error("filesystem layer verification failed for digest {0}")]
    LayerDigest(Digest),
    #[error("manifest verification failed for digest {0}")]
    ManifestDigest(Digest),
    #[error("image config verification failed for digest {0}")]
    ConfigDigest(Digest),
    #[error("manifest for {reference} not found: {code}: {message}")]
    ManifestUnknown { reference: String, code: String, message: String },
    #[error("repository {repository} not found: {code}: {message}")]
    NameUnknown { repository: String, code: String, message: String },
    #[error(
        "pull access denied for {repository}, repository does not exist or may require 'docker login': {code}: {message}"
    )]
    PullDenied { repository: String, code: String, message: String },
    #[error(
        "image with reference {reference} was found but its platform ({actual}) does not match the specified platform ({wanted})"
    )]
    WrongPlatform { reference: String, actual: String, wanted: String },
    #[error("An image does not exist locally with the tag: {0}")]
    NothingToPush(String),
    #[error("cannot push a digest reference")]
    PushDigest,
    #[error(
        "no certificate authorities were found: install the package ca-certificates, or name a file of them in SSL_CERT_FILE"
    )]
    NoAuthorities,
    #[error("cancelled")]
    Cancelled,
    #[error("starting the network runtime")]
    Runtime(#[source] std::io::Error),
    #[error("reading the layer to push")]
    ReadLayer(#[source] std::io::Error),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// An error body (OCI distribution spec, "Error Codes").
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    code: String,
    #[serde(default)]
    message: Option<String>,
}

/// `MANIFEST_UNKNOWN` as Docker says it.
fn spoken(code: &str) -> String {
    code.to_lowercase().replace('_', " ")
}

impl RegistryError {
    /// Whether another attempt may end otherwise.
    pub fn is_passing(&self) -> bool {
        match self {
            RegistryError::Connect { retry, .. } => *retry,
            RegistryError::Status { status, .. } | RegistryError::Refused { status, .. } => {
                matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
            _ => false,
        }
    }

    /// Whether a fresh token may help.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, RegistryError::Status { status: 401, .. } | RegistryError::Refused { status: 401, .. })
    }

    /// What an answer other than success says.
    pub fn from_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> RegistryError {
        if status == StatusCode::UNAUTHORIZED
            && let Some((code, message)) = bearer_error(headers)
        {
            return RegistryError::Refused { code, message, status: 401 };
        }
        let detail = serde_json::from_slice::<Envelope>(body).ok().and_then(|e| e.errors.into_iter().next());
        match detail {
            Some(detail) => RegistryError::Refused {
                message: detail.message.filter(|m| !m.is_empty()).unwrap_or_else(|| spoken(&detail.code)),
                code: spoken(&detail.code),
                status: status.as_u16(),
            },
            None if status == StatusCode::UNAUTHORIZED => RegistryError::Refused {
                code: "unauthorized".to_owned(),
                message: "authentication required".to_owned(),
                status: 401,
            },
            None => RegistryError::Status {
                status: status.as_u16(),
                reason: status.canonical_reason().unwrap_or_default(),
            },
        }
    }

    /// What a request that got no answer says, as Go's HTTP client says it.
    pub fn from_request(method: &'static str, url: &str, error: &reqwest::Error) -> RegistryError {
        let connect =
            |why: String, retry: bool| RegistryError::Connect { method, url: url.to_owned(), why, retry };
        let chain = causes(error);
        let address = error.url().map(host_and_port).unwrap_or_else(|| url.to_owned());
        let has = |text: &str| chain.iter().any(|cause| cause.contains(text));
        if error.is_timeout() || has("operation timed out") {
            return connect(
                "net/http: request canceled (Client.Timeout exceeded while awaiting headers)".to_owned(),
                !error.is_connect(),
            );
        }
        if has("Connection refused") {
            return connect(format!("dial tcp {address}: connect: connection refused"), false);
        }
        if has("dns error") || has("failed to lookup address") {
            let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
            return connect(format!("dial tcp: lookup {host}: no such host"), false);
        }
        if let Some(why) = chain.iter().find(|cause| cause.contains("certificate")) {
            return connect(format!("tls: failed to verify certificate: {why}"), false);
        }
        let why = chain.last().cloned().unwrap_or_else(|| error.to_string());
        connect(why, !error.is_builder() && !error.is_redirect())
    }

    /// What oci-client reports.
    pub fn from_client(method: &'static str, url: &str, error: OciDistributionError) -> RegistryError {
        match error {
            OciDistributionError::RequestError(error) => RegistryError::from_request(method, url, &error),
            OciDistributionError::UnauthorizedError { .. } => RegistryError::Refused {
                code: "unauthorized".to_owned(),
                message: "authentication required".to_owned(),
                status: 401,
            },
            OciDistributionError::RegistryError { envelope, .. } => {
                match envelope.errors.into_iter().next() {
                    Some(first) => {
                        let status = status_of(&first.code);
                        let code = spoken(
                            serde_json::to_value(&first.code)
                                .ok()
                                .as_ref()
                                .and_then(|v| v.as_str())
                                .unwrap_or("unknown"),
                        );
                        let message = if first.message.is_empty() { code.clone() } else { first.message };
                        RegistryError::Refused { code, message, status }
                    }
                    None => RegistryError::Protocol {
                        what: "the answer",
                        why: "an error without a reason".to_owned(),
                    },
                }
            }
            OciDistributionError::ServerError { code, message, .. } => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                RegistryError::from_answer(status, &HeaderMap::new(), message.as_bytes())
            }
            other => RegistryError::Protocol { what: "the answer", why: other.to_string() },
        }
    }
}

/// oci-client drops the status of an answer that has a body in the specification's form.
fn status_of(code: &OciErrorCode) -> u16 {
    match code {
        OciErrorCode::Unauthorized => 401,
        OciErrorCode::Denied => 403,
        OciErrorCode::Toomanyrequests => 429,
        OciErrorCode::BlobUnknown
        | OciErrorCode::ManifestUnknown
        | OciErrorCode::NameUnknown
        | OciErrorCode::NotFound
        | OciErrorCode::BlobUploadUnknown => 404,
        _ => 400,
    }
}

/// Errors of RFC 6750 in the challenge beat the body, as in Docker.
fn bearer_error(headers: &HeaderMap) -> Option<(String, String)> {
    let challenge = headers.get(reqwest::header::WWW_AUTHENTICATE)?.to_str().ok()?;
    let (code, message) = if challenge.contains("insufficient_scope") {
        ("denied", "requested access to the resource is denied")
    } else if challenge.contains("invalid_token") {
        ("unauthorized", "authentication required")
    } else {
        return None;
    };
    Some((code.to_owned(), message.to_owned()))
}

fn host_and_port(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// What an error says, and what its causes say.
fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    std::iter::successors(Some(error), |e| (*e).source()).map(ToString::to_string).collect()
}

//! One repository of one registry: how to reach it, who we are to it, and the requests that oci-client
//! lacks or does without limits.
//!
//! Blobs (streams, ranges, uploads, mounts) and manifests that go up travel through oci-client. Beside
//! it, over an HTTP client of the same make and into its token cache: the first look (`/v2/`, which
//! decides between HTTP and HTTPS once instead of before every request), tokens (identity tokens, several
//! scopes, errors in words), manifests and tag lists that come down (oci-client reads them without
//! limit).

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use oci_client::client::{
    BlobResponse, Certificate, CertificateEncoding, ClientConfig, ClientProtocol, LayerDescriptor,
};
use oci_client::secrets::RegistryAuth;
use oci_client::token_cache::{RegistryOperation, RegistryToken, RegistryTokenType};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LINK, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::credentials::{Credentials, Sources};
use super::{RegistryError, Settings, certs};
use crate::digest::Digest;
use crate::image::Reference;
use crate::image::manifest::{ACCEPTED, Descriptor, SIZE_MAX};

const USER_AGENT: &str = concat!("coracle/", env!("CARGO_PKG_VERSION"));
/// Docker's own registry is not called what its images are called after.
const DOCKER_HOST: &str = "registry-1.docker.io";
const TOKEN_MAX: usize = 1 << 20;
const ERROR_MAX: usize = 64 << 10;
const TAGS_MAX: usize = 16 << 20;
const TAG_PAGES_MAX: usize = 1000;
/// What a token is good for when the server does not say (distribution's token specification).
const TOKEN_LIFE: Duration = Duration::from_secs(60);
/// oci-client must not fetch tokens by itself: it knows no identity tokens. Ours are renewed in time.
const CLIENT_TOKEN_LIFE: usize = 24 * 3600;
/// Nobody is made to wait longer than this between attempts, whatever `Retry-After` says.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What for: pulling, or pulling and pushing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Pull,
    Push,
}

/// How the registry wants to know who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Challenge {
    None,
    Basic,
    Bearer { realm: String, service: Option<String> },
}

struct Token {
    header: HeaderValue,
    until: Option<Instant>,
}

pub struct Session {
    pub repository: Reference,
    pub settings: Settings,
    base: String,
    access: Access,
    image: oci_client::Reference,
    client: oci_client::Client,
    http: reqwest::Client,
    challenge: Challenge,
    credentials: Credentials,
    /// Further repositories that blobs shall be mounted from.
    sources: Vec<String>,
    token: Mutex<Option<Token>>,
}

/// An answer read within limits.
pub struct Answer {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Session {
    /// Reaches the registry of `repository` and learns how it wants to be asked. `sources` are paths of
    /// repositories of the same registry that may be read too.
    pub async fn open(
        repository: &Reference,
        access: Access,
        sources: Vec<String>,
        settings: &Settings,
    ) -> Result<Arc<Session>, RegistryError> {
        // Another user of the library in this process may have chosen already; any choice will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let host = match repository.domain.as_str() {
            "docker.io" => DOCKER_HOST,
            domain => domain,
        };
        let authorities = certs::authorities(&settings.certificate_directories, &repository.domain);
        let http = http_client(host, &authorities, settings)?;
        let (scheme, challenge) = first_look(&http, host, settings).await?;
        let client = oci_client(host, scheme, &authorities, access, settings)?;
        let credentials = Sources::find(&settings.credentials, repository)?;
        Ok(Arc::new(Session {
            repository: repository.clone(),
            settings: settings.clone(),
            base: format!("{scheme}://{host}"),
            access,
            image: oci_client::Reference::with_tag(
                host.to_owned(),
                repository.path.clone(),
                repository.tag.clone().unwrap_or_else(|| "latest".to_owned()),
            ),
            client,
            http,
            challenge,
            credentials,
            sources,
            token: Mutex::new(None),
        }))
    }

    /// The manifest or list that `target` (a tag or a digest) stands for, verified if it is a digest.
    pub async fn manifest(&self, target: &str) -> Result<(Vec<u8>, Digest), RegistryError> {
        let url = format!("{}/v2/{}/manifests/{target}", self.base, self.repository.path);
        let answer = self.get(&url, &ACCEPTED.join(", "), SIZE_MAX, "manifest").await?;
        let digest = Digest::of(&answer.body);
        let claimed = answer.headers.get("docker-content-digest").and_then(|v| v.to_str().ok());
        let claimed = claimed.and_then(|text| text.parse::<Digest>().ok());
        match target.parse::<Digest>().ok().or(claimed) {
            Some(expected) if expected != digest => Err(RegistryError::ManifestDigest(expected)),
            _ => Ok((answer.body, digest)),
        }
    }

    /// All tags of the repository.
    pub async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default, deserialize_with = "crate::image::config::null_default")]
            tags: Vec<String>,
        }
        let mut url = format!("{}/v2/{}/tags/list?n=1000", self.base, self.repository.path);
        let mut tags = Vec::new();
        for _ in 0..TAG_PAGES_MAX {
            let answer = self.get(&url, "application/json", TAGS_MAX, "the list of tags").await?;
            let page: Page = serde_json::from_slice(&answer.body)
                .map_err(|source| RegistryError::Answer { what: "the list of tags", source })?;
            tags.extend(page.tags);
            match next_page(&answer.headers, &url) {
                // A page elsewhere would take our token along.
                Some(next) if next.starts_with(&format!("{}/", self.base)) => url = next,
                _ => break,
            }
        }
        Ok(tags)
    }

    /// A small blob, whole and verified.
    pub async fn small_blob(&self, descriptor: &Descriptor, limit: usize) -> Result<Vec<u8>, RegistryError> {
        let too_large = || RegistryError::TooLarge { what: "a config", limit };
        if descriptor.size > limit as u64 {
            return Err(too_large());
        }
        let mut attempt = 0;
        loop {
            let read = async {
                let (mut stream, _) = self.blob(descriptor, 0).await?;
                let mut body = Vec::new();
                while let Some(chunk) = stream.next().await {
                    body.extend_from_slice(&chunk?);
                    if body.len() as u64 > descriptor.size {
                        return Err(RegistryError::ConfigDigest(descriptor.digest));
                    }
                }
                Ok(body)
            };
            match read.await {
                Ok(body) if Digest::of(&body) == descriptor.digest => return Ok(body),
                Ok(_) => return Err(RegistryError::ConfigDigest(descriptor.digest)),
                Err(error) => attempt = self.retry(error, attempt).await?,
            }
        }
    }

    /// Waits before another attempt, and returns its number; the error again when it is final.
    async fn retry(&self, error: RegistryError, attempt: u32) -> Result<u32, RegistryError> {
        if error.is_unauthorized() && attempt == 0 && self.challenge != Challenge::None {
            self.forget_token().await;
            return Ok(1);
        }
        if !error.is_passing() || attempt >= self.settings.retries {
            return Err(error);
        }
        tokio::time::sleep(self.settings.wait(attempt)).await;
        Ok(attempt + 1)
    }

    /// Opens a blob from `offset` on. The number is how many bytes must be skipped, where the registry
    /// does not know ranges. One attempt.
    pub async fn blob(
        &self,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<(BoxStream<'static, Result<bytes::Bytes, RegistryError>>, u64), RegistryError> {
        self.authorize().await?;
        let digest = descriptor.digest.to_string();
        // Only content that registries may not have is looked for elsewhere, and never in clear text.
        let urls = descriptor.urls.clone().filter(|_| descriptor.is_foreign());
        let urls = urls.map(|urls| urls.into_iter().filter(|url| url.starts_with("https://")).collect());
        let wanted = LayerDescriptor { digest: &digest, urls: &urls };
        let url = format!("{}/v2/{}/blobs/{digest}", self.base, self.repository.path);
        let opened = self.client.pull_blob_stream_partial(&self.image, &wanted, offset, None).await;
        let (stream, skip) = match opened {
            Ok(BlobResponse::Full(stream)) => (stream.stream, offset),
            Ok(BlobResponse::Partial(stream)) => (stream.stream, 0),
            Err(error) => return Err(RegistryError::from_client("Get", &url, error)),
        };
        let expected = descriptor.digest;
        let stream = stream.map(move |chunk| chunk.map_err(|e| stream_error(&url, expected, e)));
        Ok((stream.boxed(), skip))
    }

    /// Whether the repository has the blob.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let url = format!("{}/v2/{}/blobs/{digest}", self.base, self.repository.path);
        let mut attempt = 0;
        loop {
            self.authorize().await?;
            match self.client.blob_exists(&self.image, &digest.to_string()).await {
                Ok(answer) => return Ok(answer),
                // HEAD answers have no body: the status is all there is.
                Err(oci_client::errors::OciDistributionError::RequestError(e)) if e.status().is_some() => {
                    let status = e.status().unwrap_or_default();
                    let error = RegistryError::from_answer(status, &HeaderMap::new(), b"");
                    attempt = self.retry(error, attempt).await?;
                }
                Err(e) => attempt = self.retry(RegistryError::from_client("Head", &url, e), attempt).await?,
            }
        }
    }

    /// Lets the repository take a blob from another of the same registry; false when it does not.
    pub async fn mount(&self, source: &str, digest: &Digest) -> bool {
        if self.authorize().await.is_err() {
            return false;
        }
        let source = oci_client::Reference::with_tag(
            self.image.registry().to_owned(),
            source.to_owned(),
            "latest".to_owned(),
        );
        self.client.mount_blob(&self.image, &source, &digest.to_string()).await.is_ok()
    }

    /// Uploads a stream as a blob; digest and size are known when it ends. One attempt.
    pub async fn upload(
        self: &Arc<Session>,
        blob: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static,
    ) -> Result<(Digest, u64), RegistryError> {
        self.authorize().await?;
        let url = format!("{}/v2/{}/blobs/uploads/", self.base, self.repository.path);
        let session = self.clone();
        // An upload may outlive its token; oci-client looks into its cache before every chunk.
        let blob = blob.then(move |chunk| {
            let session = session.clone();
            async move {
                session.authorize().await.map_err(|e| std::io::Error::other(e.to_string()))?;
                chunk.map_err(oci_client::errors::OciDistributionError::IoError)
            }
        });
        let pushed = self
            .client
            .push_blob_stream_chunked(&self.image, blob)
            .await
            .map_err(|e| RegistryError::from_client("Patch", &url, e))?;
        let digest = pushed.blob_digest.parse().map_err(|_| RegistryError::Protocol {
            what: "the digest of an upload",
            why: pushed.blob_digest.clone(),
        })?;
        Ok((digest, pushed.size))
    }

    /// Uploads a small blob.
    pub async fn put_blob(&self, bytes: Vec<u8>, digest: &Digest) -> Result<(), RegistryError> {
        let url = format!("{}/v2/{}/blobs/uploads/", self.base, self.repository.path);
        let bytes = bytes::Bytes::from(bytes);
        let mut attempt = 0;
        loop {
            self.authorize().await?;
            match self.client.push_blob(&self.image, bytes.clone(), &digest.to_string()).await {
                Ok(_) => return Ok(()),
                Err(e) => attempt = self.retry(RegistryError::from_client("Put", &url, e), attempt).await?,
            }
        }
    }

    /// Uploads a manifest under the tag of the repository's reference.
    pub async fn put_manifest(&self, bytes: Vec<u8>, media_type: &str) -> Result<(), RegistryError> {
        let url = format!("{}/v2/{}/manifests/{}", self.base, self.repository.path, self.repository.target());
        let media_type = HeaderValue::from_str(media_type)
            .map_err(|e| RegistryError::Protocol { what: "a media type", why: e.to_string() })?;
        let bytes = bytes::Bytes::from(bytes);
        let mut attempt = 0;
        loop {
            self.authorize().await?;
            let put = self.client.push_manifest_raw(&self.image, bytes.clone(), media_type.clone());
            match put.await {
                Ok(_) => return Ok(()),
                Err(e) => attempt = self.retry(RegistryError::from_client("Put", &url, e), attempt).await?,
            }
        }
    }

    /// GET with everything that asking takes: token, attempts, limits.
    async fn get(
        &self,
        url: &str,
        accept: &str,
        limit: usize,
        what: &'static str,
    ) -> Result<Answer, RegistryError> {
        let mut attempt = 0;
        loop {
            let authorization = self.authorize().await?;
            let mut request = self.http.get(url).header(ACCEPT, accept);
            if let Some(authorization) = authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            match read(request, url, limit, what).await {
                Ok(answer) => return Ok(answer),
                Err((error, Some(wait))) if error.is_passing() && attempt < self.settings.retries => {
                    tokio::time::sleep(wait.min(WAIT_MAX)).await;
                    attempt += 1;
                }
                Err((error, _)) => attempt = self.retry(error, attempt).await?,
            }
        }
    }

    pub async fn forget_token(&self) {
        *self.token.lock().await = None;
    }

    /// What the next request says of us; fetched when it is missing or old, and put into oci-client's
    /// cache.
    pub async fn authorize(&self) -> Result<Option<HeaderValue>, RegistryError> {
        let mut token = self.token.lock().await;
        if let Some(token) = &*token
            && token.until.is_none_or(|until| Instant::now() < until)
        {
            return Ok(Some(token.header.clone()));
        }
        let (kind, life) = match &self.challenge {
            Challenge::None => return Ok(None),
            Challenge::Basic => match &self.credentials {
                Credentials::Basic { user, password } => {
                    (RegistryTokenType::Basic(user.clone(), password.clone()), None)
                }
                _ => return Err(RegistryError::NoCredentials { url: format!("{}/v2/", self.base) }),
            },
            Challenge::Bearer { realm, service } => {
                let (token, life) = self.fetch_token(realm, service.as_deref()).await?;
                (RegistryTokenType::Bearer(RegistryToken::Token { token }), Some(life))
            }
        };
        let header = header(&kind)?;
        // oci-client looks at its tokens only for registries it has some word on.
        let auth = match &self.credentials {
            Credentials::Basic { user, password } => RegistryAuth::Basic(user.clone(), password.clone()),
            _ => RegistryAuth::Anonymous,
        };
        self.client.store_auth_if_needed(self.image.resolve_registry(), &auth).await;
        for operation in [RegistryOperation::Pull, RegistryOperation::Push] {
            self.client.tokens.insert(&self.image, operation, kind.clone()).await;
        }
        // Renewed while the old one still works.
        let until = life.map(|life| Instant::now() + life * 3 / 4);
        *token = Some(Token { header: header.clone(), until });
        Ok(Some(header))
    }

    /// Asks the registry's authority for a token (distribution's token specification; refresh tokens by
    /// POST, as its OAuth2 page has it).
    async fn fetch_token(
        &self,
        realm: &str,
        service: Option<&str>,
    ) -> Result<(String, Duration), RegistryError> {
        let mut url = Url::parse(realm)
            .map_err(|e| RegistryError::Protocol { what: "the challenge", why: format!("{realm}: {e}") })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RegistryError::Protocol { what: "the challenge", why: realm.to_owned() });
        }
        if self.base.starts_with("https:")
            && url.scheme() == "http"
            && self.credentials != Credentials::Anonymous
        {
            return Err(RegistryError::ClearText(realm.to_owned()));
        }
        let scopes = self.scopes();
        let mut attempt = 0;
        let answer = loop {
            let request = match &self.credentials {
                Credentials::Identity(refresh) => self
                    .http
                    .post(url.clone())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form(&[
                        ("grant_type", "refresh_token"),
                        ("client_id", "coracle"),
                        ("service", service.unwrap_or_default()),
                        ("scope", &scopes.join(" ")),
                        ("refresh_token", refresh),
                    ])),
                other => {
                    let mut query = url.query_pairs_mut();
                    query.clear().extend_pairs(Url::parse(realm).iter().flat_map(|u| u.query_pairs()));
                    if let Some(service) = service {
                        query.append_pair("service", service);
                    }
                    query.extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
                    drop(query);
                    let request = self.http.get(url.clone());
                    match other {
                        Credentials::Basic { user, password } => request.basic_auth(user, Some(password)),
                        _ => request,
                    }
                }
            };
            match read(request, realm, TOKEN_MAX, "a token").await {
                Ok(answer) => break answer,
                Err((error, _)) if error.is_passing() && attempt < self.settings.retries => {
                    tokio::time::sleep(self.settings.wait(attempt)).await;
                    attempt += 1;
                }
                Err((error, _)) => return Err(error),
            }
        };
        #[derive(Deserialize)]
        struct Granted {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<u64>,
        }
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|source| RegistryError::Answer { what: "a token", source })?;
        let token = granted.token.filter(|t| !t.is_empty()).or(granted.access_token).unwrap_or_default();
        if token.is_empty() {
            let why = "authorization server did not include a token in the response".to_owned();
            return Err(RegistryError::Protocol { what: "a token", why });
        }
        let life = granted.expires_in.map_or(TOKEN_LIFE, Duration::from_secs);
        Ok((token, life.clamp(TOKEN_LIFE, Duration::from_secs(24 * 3600))))
    }

    fn scopes(&self) -> Vec<String> {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        let own = format!("repository:{}:{actions}", self.repository.path);
        let others = self.sources.iter().map(|source| format!("repository:{source}:pull"));
        std::iter::once(own).chain(others).collect()
    }
}

/// A digest that does not fit is oci-client's finding, everything else a connection that broke.
fn stream_error(url: &str, expected: Digest, error: std::io::Error) -> RegistryError {
    let inner = error.get_ref();
    if inner.is_some_and(|e| e.is::<oci_client::errors::DigestError>()) {
        return RegistryError::LayerDigest(expected);
    }
    match inner.and_then(|e| e.downcast_ref::<reqwest::Error>()) {
        Some(error) => match RegistryError::from_request("Get", url, error) {
            // Once bytes came, whatever stops them may pass.
            RegistryError::Connect { method, url, why, .. } => {
                RegistryError::Connect { method, url, why, retry: true }
            }
            other => other,
        },
        None => {
            RegistryError::Connect { method: "Get", url: url.to_owned(), why: error.to_string(), retry: true }
        }
    }
}

fn header(token: &RegistryTokenType) -> Result<HeaderValue, RegistryError> {
    use base64::Engine as _;
    let text = match token {
        RegistryTokenType::Bearer(token) => token.bearer_token(),
        RegistryTokenType::Basic(user, password) => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            format!("Basic {encoded}")
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| RegistryError::Protocol {
        what: "a token",
        why: "it has characters no header may have".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn form(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://form").expect("a constant");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

/// Sends and reads an answer within `limit`. With an error comes how long the registry asks to wait.
async fn read(
    request: reqwest::RequestBuilder,
    url: &str,
    limit: usize,
    what: &'static str,
) -> Result<Answer, (RegistryError, Option<Duration>)> {
    let failed = |e: reqwest::Error| (RegistryError::from_request("Get", url, &e), None);
    let mut response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let limit = if status.is_success() { limit } else { ERROR_MAX };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            if status.is_success() {
                return Err((RegistryError::TooLarge { what, limit }, None));
            }
            break;
        }
    }
    if status.is_success() {
        return Ok(Answer { headers, body });
    }
    let seconds = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|t| t.trim().parse().ok());
    Err((RegistryError::from_answer(status, &headers, &body), seconds.map(Duration::from_secs)))
}

/// The URL of a `Link: <…>; rel="next"` header.
fn next_page(headers: &HeaderMap, current: &str) -> Option<String> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(())?;
    Some(Url::parse(current).ok()?.join(target).ok()?.into())
}

/// Whether Docker would speak plain HTTP to it.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn http_client(
    host: &str,
    authorities: &[String],
    settings: &Settings,
) -> Result<reqwest::Client, RegistryError> {
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.idle_timeout);
        // As Go does: nobody's proxy reaches this machine's own ports.
        if is_loopback(host) { builder.no_proxy() } else { builder }
    };
    // oci-client makes a client of the system's authorities alone, whatever it is told, and panics when
    // there are none: the same is tried here first.
    let plain = builder().build().map_err(|_| RegistryError::NoAuthorities)?;
    if authorities.is_empty() {
        return Ok(plain);
    }
    let failed = |e: reqwest::Error| RegistryError::from_request("Get", &format!("https://{host}/v2/"), &e);
    let certificates = authorities.iter().map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()));
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    builder().tls_certs_merge(certificates).build().map_err(failed)
}

/// A client for a URL that is no registry's.
pub(super) fn plain_client(url: &str, settings: &Settings) -> Result<reqwest::Client, RegistryError> {
    let parsed =
        Url::parse(url).map_err(|e| RegistryError::Protocol { what: "the URL", why: e.to_string() })?;
    http_client(parsed.host_str().unwrap_or_default(), &[], settings)
}

fn oci_client(
    host: &str,
    scheme: &str,
    authorities: &[String],
    access: Access,
    settings: &Settings,
) -> Result<oci_client::Client, RegistryError> {
    let pem = |data: &[u8]| Certificate { encoding: CertificateEncoding::Pem, data: data.to_vec() };
    // The read time-out runs from the first byte sent: a chunk that goes up must be through by then.
    let patience = match access {
        Access::Pull => settings.idle_timeout,
        Access::Push => settings.idle_timeout * 5,
    };
    oci_client::Client::try_from(ClientConfig {
        protocol: if scheme == "http" { ClientProtocol::Http } else { ClientProtocol::Https },
        extra_root_certificates: authorities.iter().map(|a| pem(a.as_bytes())).collect(),
        connect_timeout: Some(settings.connect_timeout),
        read_timeout: Some(patience),
        user_agent: USER_AGENT,
        default_token_expiration_secs: CLIENT_TOKEN_LIFE,
        platform_resolver: None,
        // Naming any proxy switches those of the environment off; then every name and address is
        // exempt from that one.
        http_proxy: is_loopback(host).then(|| "http://127.0.0.1".to_owned()),
        no_proxy: is_loopback(host).then(|| "*,0.0.0.0/0,::/0".to_owned()),
        ..ClientConfig::default()
    })
    .map_err(|e| RegistryError::from_client("Get", &format!("https://{host}/v2/"), e))
}

/// Finds out whether the registry speaks HTTP or HTTPS and how it wants to be asked. Everybody gets
/// HTTPS but registries on this machine: these mostly speak HTTP, so that is tried first there.
async fn first_look(
    http: &reqwest::Client,
    host: &str,
    settings: &Settings,
) -> Result<(&'static str, Challenge), RegistryError> {
    if is_loopback(host) {
        match look(http, "http", host, settings).await {
            Ok(found) => return Ok(found),
            // What a TLS server makes of plain HTTP: 400 (Go, nginx) or no HTTP at all.
            Err(RegistryError::Status { status: 400, .. } | RegistryError::Refused { status: 400, .. }) => {}
            Err(error @ RegistryError::Connect { retry: true, .. }) => {
                return look(http, "https", host, settings).await.map_err(|_| error);
            }
            Err(error) => return Err(error),
        }
    }
    look(http, "https", host, settings).await
}

async fn look(
    http: &reqwest::Client,
    scheme: &'static str,
    host: &str,
    settings: &Settings,
) -> Result<(&'static str, Challenge), RegistryError> {
    let url = format!("{scheme}://{host}/v2/");
    let mut attempt = 0;
    let response = loop {
        match http.get(&url).send().await {
            Ok(response) => break response,
            Err(error) => {
                let error = RegistryError::from_request("Get", &url, &error);
                if !error.is_passing() || attempt >= settings.retries.min(1) {
                    return Err(error);
                }
                tokio::time::sleep(settings.wait(attempt)).await;
                attempt += 1;
            }
        }
    };
    match response.status() {
        StatusCode::UNAUTHORIZED => Ok((scheme, challenge(response.headers()))),
        StatusCode::BAD_REQUEST => {
            Err(RegistryError::from_answer(StatusCode::BAD_REQUEST, response.headers(), b""))
        }
        _ => Ok((scheme, Challenge::None)),
    }
}

/// The challenge a registry makes: Bearer before Basic.
fn challenge(headers: &HeaderMap) -> Challenge {
    let mut found = Challenge::None;
    for text in headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|v| v.to_str().ok()) {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            let parameters = parameters(rest);
            let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            if let Some(realm) = get("realm") {
                return Challenge::Bearer { realm, service: get("service") };
            }
        } else if scheme.eq_ignore_ascii_case("basic") {
            found = Challenge::Basic;
        }
    }
    found
}

/// `name="value",name=value`: RFC 9110, section 11.2.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut list = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        let mut value = String::new();
        match after.strip_prefix('"') {
            Some(quoted) => {
                let mut characters = quoted.char_indices();
                let mut end = quoted.len();
                while let Some((at, c)) = characters.next() {
                    match c {
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        '\\' => value.extend(characters.next().map(|(_, c)| c)),
                        c => value.push(c),
                    }
                }
                rest = &quoted[end..];
            }
            None => {
                let (word, tail) = after.split_once(',').unwrap_or((after, ""));
                value = word.trim().to_owned();
                rest = tail;
            }
        }
        list.push((name, value));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|v| (WWW_AUTHENTICATE, HeaderValue::from_str(v).unwrap())).collect()
    }

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        };
        for (values, expected) in [
            (&[][..], Challenge::None),
            (&["Basic realm=\"x\""][..], Challenge::Basic),
            (&["Negotiate"][..], Challenge::None),
            (&["Bearer realm=\"https://a/token\",service=\"s\""][..], bearer("https://a/token", Some("s"))),
            (&["bearer Realm=\"https://a/t,\\\"x\", scope=\"y\""][..], bearer("https://a/t,\"x", None)),
            (&["Basic realm=x", "Bearer service=s, realm=https://a/t"][..], bearer("https://a/t", Some("s"))),
            (&["Bearer service=s"][..], Challenge::None),
            (&["Bearer realm=\"open"][..], bearer("open", None)),
        ] {
            assert_eq!(challenge(&headers(values)), expected, "{values:?}");
        }
    }

    #[test]
    fn loopback_hosts_are_known() {
        for (host, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("[::1]:5000", true),
            ("128.0.0.1", false),
            ("[::2]", false),
            ("localhost.example", false),
            ("quay.io", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn the_next_page_is_found() {
        let link = |text: &str| [(LINK, HeaderValue::from_str(text).unwrap())].into_iter().collect();
        let current = "http://h/v2/x/tags/list?n=2";
        let next = next_page(&link("</v2/x/tags/list?last=b&n=2>; rel=\"next\""), current);
        assert_eq!(next.as_deref(), Some("http://h/v2/x/tags/list?last=b&n=2"));
        assert_eq!(next_page(&link("</x>; rel=\"prev\""), current), None);
        assert_eq!(next_page(&HeaderMap::new(), current), None);
    }
}

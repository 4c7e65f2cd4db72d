//! Against a registry on loopback that can lie.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::credentials::Sources;
use super::*;
use crate::config::Config;
use crate::digest::Digest;
use crate::image::manifest::*;
use crate::image::progress::{Progress, Quiet, Step};
use crate::image::testing::{Built, build, config_in, gzip};
use crate::image::{ImageStore, Platform, Reference};

#[derive(Debug, Clone)]
struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[derive(Debug, Clone, Default)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Sends only so many bytes of the body, then closes.
    cut: Option<usize>,
    /// Says nothing for so long before it answers.
    silence: Option<Duration>,
    /// Repeats the body for ever, or until nobody reads.
    endless: bool,
}

impl Response {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response { status, body: body.into(), ..Response::default() }
    }
    fn with(mut self, name: &str, value: impl Into<String>) -> Response {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Handler = dyn Fn(&Request) -> Option<Response> + Send + Sync;

/// What it has; a handler may answer first.
#[derive(Default)]
struct Content {
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    blobs: BTreeMap<String, Vec<u8>>,
    tags: Vec<String>,
    uploads: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone)]
struct Fake {
    address: std::net::SocketAddr,
    content: Arc<Mutex<Content>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    fn start(handler: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Fake {
            address: listener.local_addr().unwrap(),
            content: Arc::default(),
            requests: Arc::default(),
        };
        let handler: Arc<Handler> = Arc::new(handler);
        let server = fake.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (server, handler) = (server.clone(), handler.clone());
                std::thread::spawn(move || server.serve(connection, &*handler));
            }
        });
        fake
    }

    fn honest() -> Fake {
        Fake::start(|_| None)
    }

    fn host(&self) -> String {
        self.address.to_string()
    }

    fn name(&self, rest: &str) -> Reference {
        Reference::parse(&format!("{}/{rest}", self.host())).unwrap()
    }

    fn has(&self, tag: &str, image: &Built) {
        let mut content = self.content.lock().unwrap();
        for blob in &image.blobs {
            content.blobs.insert(Digest::of(blob).to_string(), blob.clone());
        }
        content.manifests.insert(tag.to_owned(), (OCI_MANIFEST.to_owned(), image.manifest.clone()));
        let digest = Digest::of(&image.manifest).to_string();
        content.manifests.insert(digest, (OCI_MANIFEST.to_owned(), image.manifest.clone()));
        content.tags.push(tag.to_owned());
    }

    fn asked(&self, method: &str, part: &str) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|r| r.method == method && r.path.contains(part)).cloned().collect()
    }

    fn serve(&self, connection: TcpStream, handler: &Handler) {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let Some(request) = read_request(&mut reader) else { return };
        self.requests.lock().unwrap().push(request.clone());
        let response = handler(&request).unwrap_or_else(|| self.answer(&request));
        let _ = write_response(connection, &request, response);
    }

    fn answer(&self, request: &Request) -> Response {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let query: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k, v.replace("%3A", ":").replace("%2F", "/")))
            .collect();
        let mut content = self.content.lock().unwrap();
        let last = path.rsplit('/').next().unwrap_or_default();
        match request.method.as_str() {
            _ if path == "/v2/" => Response::new(200, "{}"),
            "GET" if path.ends_with("/tags/list") => {
                Response::new(200, serde_json::json!({"name": "x", "tags": content.tags}).to_string())
            }
            "GET" | "HEAD" if path.contains("/manifests/") => match content.manifests.get(last) {
                Some((kind, bytes)) => Response::new(200, bytes.clone()).with("Content-Type", kind.clone()),
                None => error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            },
            "GET" | "HEAD" if path.contains("/blobs/sha256:") => match content.blobs.get(last) {
                Some(bytes) => ranged(request, bytes),
                None => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
            },
            "POST" if path.contains("/blobs/uploads/") => {
                if let (Some(digest), Some(_)) = (query.get("mount"), query.get("from"))
                    && content.blobs.contains_key(digest)
                {
                    return Response::new(201, "").with("Location", format!("/v2/x/blobs/{digest}"));
                }
                let id = format!("upload{}", content.uploads.len());
                content.uploads.insert(id.clone(), Vec::new());
                Response::new(202, "").with("Location", format!("/v2/x/blobs/uploads/{id}"))
            }
            "PATCH" => {
                content.uploads.get_mut(last).unwrap().extend_from_slice(&request.body);
                Response::new(202, "").with("Location", path)
            }
            "PUT" if path.contains("/uploads/") => {
                let mut bytes = content.uploads.remove(last).unwrap();
                bytes.extend_from_slice(&request.body);
                let digest = Digest::of(&bytes).to_string();
                if query.get("digest") != Some(&digest) {
                    return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
                }
                content.blobs.insert(digest.clone(), bytes);
                Response::new(201, "").with("Location", format!("/v2/x/blobs/{digest}"))
            }
            "PUT" if path.contains("/manifests/") => {
                let kind = request.header("content-type").unwrap_or_default().to_owned();
                content.manifests.insert(last.to_owned(), (kind, request.body.clone()));
                Response::new(201, "").with("Location", path)
            }
            _ => error(404, "NAME_UNKNOWN", "repository name not known to registry"),
        }
    }
}

fn error(status: u16, code: &str, message: &str) -> Response {
    Response::new(status, serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string())
}

fn range_start(request: &Request) -> Option<usize> {
    request.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn ranged(request: &Request, bytes: &[u8]) -> Response {
    match range_start(request) {
        Some(start) => Response::new(206, &bytes[start.min(bytes.len())..]),
        None => Response::new(200, bytes),
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

fn write_response(mut to: TcpStream, request: &Request, response: Response) -> std::io::Result<()> {
    if let Some(silence) = response.silence {
        std::thread::sleep(silence);
    }
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", response.status);
    if !response.endless {
        head += &format!("Content-Length: {}\r\n", response.body.len());
    }
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    to.write_all(format!("{head}\r\n").as_bytes())?;
    if request.method == "HEAD" {
        return Ok(());
    }
    loop {
        to.write_all(&response.body[..response.cut.unwrap_or(response.body.len())])?;
        if !response.endless {
            return Ok(());
        }
    }
}

fn settings() -> Settings {
    Settings {
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(5),
        retries: 2,
        backoff: Duration::from_millis(5),
        parallel: 3,
        credentials: Sources::default(),
        certificate_directories: Vec::new(),
    }
}

/// A store in a directory that goes away with it.
struct Store {
    store: ImageStore,
    config: Config,
    _directory: tempfile::TempDir,
}

fn store() -> Store {
    let directory = tempfile::tempdir().unwrap();
    let config = config_in(directory.path());
    Store { store: ImageStore::open(&config), config, _directory: directory }
}

impl Store {
    fn pull(&self, name: &Reference) -> Result<PullOutcome, RegistryError> {
        pull(&self.store, name, None, &settings(), &Quiet)
    }

    /// Names, blobs and complete layers there are.
    fn counts(&self) -> (usize, usize, usize) {
        let blobs = std::fs::read_dir(self.config.blobs()).map_or(0, Iterator::count);
        (self.store.list().unwrap().len(), blobs, self.store.layers.list().unwrap().len())
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn line(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn layer(&self, id: &str, step: Step) {
        if step.amount().is_none() {
            self.0.lock().unwrap().push(format!("{id}: {step}"));
        }
    }
}

#[test]
fn a_pull_brings_the_image_and_the_next_one_nothing() {
    let (fake, store, told) = (Fake::honest(), store(), Told::default());
    let image = build(&[b"one", b"two"]);
    fake.has("12", &image);
    let name = fake.name("library/x:12");
    let pulled = pull(&store.store, &name, None, &settings(), &told).unwrap();
    assert!(pulled.newer);
    assert_eq!(pulled.image.id, image.id());
    assert_eq!(pulled.digest, Digest::of(&image.manifest));
    assert_eq!(pulled.image.layers, image.diff_ids);
    assert_eq!(pulled.image.names, [name.clone(), name.with_digest(pulled.digest)]);
    let told = told.0.into_inner().unwrap();
    assert_eq!(told[0], "12: Pulling from library/x");
    assert_eq!(told[told.len() - 2], format!("Digest: {}", pulled.digest));
    assert_eq!(
        told[told.len() - 1],
        format!("Status: Downloaded newer image for {}/library/x:12", fake.host())
    );
    for step in ["Pulling fs layer", "Download complete", "Pull complete"] {
        assert_eq!(told.iter().filter(|line| line.ends_with(step)).count(), 2, "{step}");
    }
    let before = fake.asked("GET", "/blobs/").len();
    assert!(!store.pull(&name).unwrap().newer);
    assert_eq!(fake.asked("GET", "/blobs/").len(), before);
}

#[test]
fn the_platform_is_chosen_from_a_list_and_the_list_names_the_image() {
    let (fake, store) = (Fake::honest(), store());
    let (amd, arm) = (build(&[b"amd"]), build(&[b"arm"]));
    fake.has("amd", &amd);
    fake.has("arm", &arm);
    let entry = |image: &Built, platform: &str| {
        let (os, architecture) = platform.split_once('/').unwrap();
        serde_json::json!({"mediaType": OCI_MANIFEST, "size": image.manifest.len(),
            "digest": Digest::of(&image.manifest), "platform": {"os": os, "architecture": architecture}})
    };
    let list = serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        entry(&arm, "unknown/unknown"), entry(&arm, "linux/arm64"), entry(&amd, "linux/amd64")]});
    let list = serde_json::to_vec(&list).unwrap();
    fake.content.lock().unwrap().manifests.insert("1".to_owned(), (OCI_INDEX.to_owned(), list.clone()));
    let name = fake.name("x:1");
    let arm64: Platform = "linux/arm64".parse().unwrap();
    let pulled = pull(&store.store, &name, Some(&arm64), &settings(), &Quiet).unwrap();
    assert_eq!((pulled.image.id, pulled.digest), (arm.id(), Digest::of(&list)));
    let by_digest = store.store.find(&name.with_digest(pulled.digest).to_string()).unwrap();
    assert_eq!(by_digest.id, arm.id());
    let s390x: Platform = "linux/s390x".parse().unwrap();
    let error = pull(&store.store, &name, Some(&s390x), &settings(), &Quiet).unwrap_err();
    assert_eq!(error.to_string(), "no matching manifest for linux/s390x in the manifest list entries");
}

#[test]
fn bytes_that_do_not_match_are_refused_and_leave_nothing() {
    let good = build(&[b"one"]);
    let layer = Digest::of(&good.blobs[0]).to_string();
    let other = gzip(&crate::image::testing::tar(b"other"));
    let same_length = {
        let mut b = good.blobs[0].clone();
        let n = b.len();
        b[n - 5] ^= 1;
        b
    };
    for lie in [other, same_length, b"<html>".to_vec(), Vec::new()] {
        let (fake, store) = (Fake::honest(), store());
        fake.has("1", &good);
        fake.content.lock().unwrap().blobs.insert(layer.clone(), lie);
        let error = store.pull(&fake.name("x:1")).unwrap_err();
        assert_eq!(store.counts(), (0, 0, 0), "{error}");
    }
}

#[test]
fn a_config_that_wants_other_layers_is_refused() {
    let (fake, store) = (Fake::honest(), store());
    let mut image = build(&[b"one"]);
    image.set_diff_ids(&[crate::layer::DiffId(Digest::of(b"something else"))]);
    fake.has("1", &image);
    let error = store.pull(&fake.name("x:1")).unwrap_err();
    assert!(error.to_string().contains("verification failed"), "{error}");
    let mut image = build(&[b"one"]);
    image.set_diff_ids(&[]);
    fake.has("2", &image);
    let error = store.pull(&fake.name("x:2")).unwrap_err();
    assert_eq!(error.to_string(), "invalid rootfs in image configuration");
    assert_eq!(store.counts(), (0, 0, 0));
}

#[test]
fn a_manifest_under_another_digest_is_refused() {
    let image = build(&[b"one"]);
    let (fake, store) = (Fake::honest(), store());
    fake.has("1", &image);
    let wanted = Digest::of(b"another");
    fake.content
        .lock()
        .unwrap()
        .manifests
        .insert(wanted.to_string(), (String::new(), image.manifest.clone()));
    let error = store.pull(&fake.name("x:1").with_digest(wanted)).unwrap_err();
    assert_eq!(error.to_string(), format!("manifest verification failed for digest {wanted}"));
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    for ranges in [true, false] {
        let image =
            build(&[&vec![7u8; 300_000], &(0..200_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()]);
        let big = Digest::of(&image.blobs[1]);
        let bytes = image.blobs[1].clone();
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let seen = attempts.clone();
        let fake = Fake::start(move |request| {
            if !request.path.ends_with(&big.to_string()) {
                return None;
            }
            let start = range_start(request).unwrap_or(0);
            let mut seen = seen.lock().unwrap();
            seen.push(start);
            let mut response =
                if ranges { ranged(request, &bytes) } else { Response::new(200, bytes.clone()) };
            if seen.len() < 4 {
                // Each connection breaks after some more of it.
                let from = if ranges { 0 } else { start };
                response.cut = Some(from + 50_000);
            }
            Some(response)
        });
        fake.has("1", &image);
        let store = store();
        store.pull(&fake.name("x:1")).unwrap();
        let attempts = attempts.lock().unwrap();
        assert_eq!(*attempts, [0, 50_000, 100_000, 150_000], "ranges: {ranges}");
    }
}

#[test]
fn silence_ends_a_pull() {
    let fake = Fake::start(|request| {
        let late = || Response { silence: Some(Duration::from_secs(20)), ..Response::new(200, "") };
        request.path.contains("/manifests/").then(late)
    });
    let store = store();
    let impatient = Settings { idle_timeout: Duration::from_millis(100), retries: 1, ..settings() };
    let error = pull(&store.store, &fake.name("x:1"), None, &impatient, &Quiet).unwrap_err();
    assert!(error.to_string().contains("Client.Timeout exceeded"), "{error}");
}

#[test]
fn endless_and_senseless_answers_are_refused() {
    let endless = |part: &'static str, status: u16| {
        move |request: &Request| {
            request
                .path
                .contains(part)
                .then(|| Response { endless: true, ..Response::new(status, vec![b' '; 65536]) })
        }
    };
    let store = store();
    let fake = Fake::start(endless("/manifests/", 200));
    let error = store.pull(&fake.name("x:1")).unwrap_err();
    assert_eq!(error.to_string(), "manifest is larger than 4194304 bytes");
    let fake = Fake::start(endless("/manifests/", 403));
    assert_eq!(
        store.pull(&fake.name("x:1")).unwrap_err().to_string(),
        "received unexpected HTTP status: 403 Forbidden"
    );
    let image = build(&[b"one"]);
    let fake = Fake::start(endless("/blobs/", 200));
    fake.has("1", &image);
    assert!(store.pull(&fake.name("x:1")).is_err());
    for garbage in ["", "<html>", "{}", "null", "[]", "{\"schemaVersion\":2}"] {
        let fake = Fake::start(move |request| {
            request.path.contains("/manifests/").then(|| Response::new(200, garbage))
        });
        assert!(store.pull(&fake.name("x:1")).is_err(), "{garbage}");
    }
    assert_eq!(store.counts(), (0, 0, 0));
}

#[test]
fn refusals_are_told_in_dockers_words() {
    let answer = |response: Response| {
        Fake::start(move |request| request.path.contains("/manifests/").then(|| response.clone()))
    };
    let store = store();
    for (response, expected) in [
        (
            error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            "manifest for H/x:1 not found: manifest unknown: manifest unknown",
        ),
        (
            error(404, "NAME_UNKNOWN", "repository name not known to registry"),
            "repository H/x not found: name unknown: repository name not known to registry",
        ),
        (Response::new(404, "<html>"), "manifest for H/x:1 not found: manifest unknown: manifest unknown"),
        (
            error(403, "DENIED", "requested access to the resource is denied"),
            "pull access denied for H/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
        ),
        (
            Response::new(401, "").with(
                "WWW-Authenticate",
                "Bearer realm=\"http://127.0.0.1:1/t\",error=\"insufficient_scope\"",
            ),
            "pull access denied for H/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
        ),
        (error(401, "UNAUTHORIZED", "authentication required"), "unauthorized: authentication required"),
        (Response::new(500, ""), "received unexpected HTTP status: 500 Internal Server Error"),
        (error(429, "TOOMANYREQUESTS", "slow down"), "toomanyrequests: slow down"),
    ] {
        let fake = answer(response);
        let error = store.pull(&fake.name("x:1")).unwrap_err().to_string();
        assert_eq!(error.replace(&fake.host(), "H"), expected);
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = store.pull(&Reference::parse(&format!("{closed}/x")).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Get \"http://{closed}/v2/\": dial tcp {closed}: connect: connection refused")
    );
}

#[test]
fn passing_trouble_is_waited_out() {
    let count = Arc::new(Mutex::new(0));
    let fake = Fake::start(move |request| {
        let mut count = count.lock().unwrap();
        *count += u32::from(request.path.contains("/manifests/") || request.path.contains("/blobs/"));
        let busy = Response::new(429, "").with("Retry-After", "0");
        (request.path != "/v2/" && *count % 3 == 1).then_some(busy)
    });
    fake.has("1", &build(&[b"one", b"two"]));
    store().pull(&fake.name("x:1")).unwrap();
}

#[test]
fn complete_layers_of_a_failed_pull_are_kept() {
    let image = build(&[b"one", b"two"]);
    let broken = Digest::of(&image.blobs[1]).to_string();
    let (fake, store) = (Fake::honest(), store());
    fake.has("1", &image);
    let layer = fake.content.lock().unwrap().blobs.remove(&broken).unwrap();
    let one_by_one = Settings { parallel: 1, ..settings() };
    let name = fake.name("x:1");
    assert!(pull(&store.store, &name, None, &one_by_one, &Quiet).is_err());
    assert_eq!(store.counts(), (0, 0, 1));
    fake.content.lock().unwrap().blobs.insert(broken, layer);
    let told = Told::default();
    pull(&store.store, &name, None, &settings(), &told).unwrap();
    let told = told.0.into_inner().unwrap();
    assert_eq!(told.iter().filter(|line| line.ends_with("Already exists")).count(), 1);
}

fn with_login(fake: &Fake, user: &str) -> Settings {
    let host = fake.host();
    let inline = serde_json::json!({"auths": {host: {"username": user, "password": "secret"}}}).to_string();
    Settings { credentials: Sources { inline: Some(inline), files: Vec::new() }, ..settings() }
}

#[test]
fn basic_credentials_are_shown_where_they_are_asked_for() {
    let fake = Fake::start(|request| {
        let expected = "Basic dXNlcjpzZWNyZXQ=";
        let denied = || {
            error(401, "UNAUTHORIZED", "authentication required")
                .with("WWW-Authenticate", "Basic realm=\"x\"")
        };
        (request.header("authorization") != Some(expected)).then(denied)
    });
    fake.has("1", &build(&[b"one"]));
    let (store, name) = (store(), fake.name("x:1"));
    let error = store.pull(&name).unwrap_err().to_string();
    assert_eq!(error, format!("Get \"http://{}/v2/\": no basic auth credentials", fake.host()));
    let error = pull(&store.store, &name, None, &with_login(&fake, "other"), &Quiet).unwrap_err();
    assert_eq!(error.to_string(), "unauthorized: authentication required");
    pull(&store.store, &name, None, &with_login(&fake, "user"), &Quiet).unwrap();
}

/// A registry that gives tokens, good for one repository and its own requests.
fn with_tokens(check: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> Fake {
    Fake::start(move |request| {
        let host = request.header("host").unwrap_or_default();
        if request.path.starts_with("/token") {
            return check(request)
                .or_else(|| Some(Response::new(200, r#"{"token":"t0ken","expires_in":300}"#)));
        }
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"s\"");
        let denied =
            || error(401, "UNAUTHORIZED", "authentication required").with("WWW-Authenticate", challenge);
        (request.header("authorization") != Some("Bearer t0ken")).then(denied)
    })
}

#[test]
fn tokens_are_fetched_once_for_all_requests() {
    let fake = with_tokens(|_| None);
    fake.has("1", &build(&[b"one", b"two", b"three"]));
    store().pull(&fake.name("a/x:1")).unwrap();
    let asked = fake.asked("GET", "/token");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/token?service=s&scope=repository%3Aa%2Fx%3Apull");
    assert_eq!(asked[0].header("authorization"), None);
    assert_eq!(fake.requests.lock().unwrap().iter().filter(|r| r.path == "/v2/").count(), 1);
}

#[test]
fn identity_tokens_are_exchanged() {
    let fake = with_tokens(|request| {
        let body = String::from_utf8_lossy(&request.body);
        let good = request.method == "POST"
            && body.contains("grant_type=refresh_token")
            && body.contains("refresh_token=refresh%2Bme");
        (!good).then(|| error(401, "UNAUTHORIZED", "bad refresh token"))
    });
    fake.has("1", &build(&[b"one"]));
    let login = |token: &str| {
        let host = fake.host();
        let inline = serde_json::json!({"auths": {host: {"identitytoken": token}}}).to_string();
        Settings { credentials: Sources { inline: Some(inline), files: Vec::new() }, ..settings() }
    };
    let (store, name) = (store(), fake.name("x:1"));
    let error = pull(&store.store, &name, None, &login("wrong"), &Quiet).unwrap_err();
    assert_eq!(error.to_string(), "unauthorized: bad refresh token");
    pull(&store.store, &name, None, &login("refresh+me"), &Quiet).unwrap();
}

#[test]
fn a_redirect_to_another_host_does_not_take_the_credentials_along() {
    let image = build(&[b"one"]);
    let storage = Fake::honest();
    storage.has("1", &image);
    let elsewhere = format!("http://localhost:{}", storage.address.port());
    let fake = with_tokens(|_| None);
    fake.has("1", &image);
    let blobs = fake.content.clone();
    blobs.lock().unwrap().blobs.clear();
    let front = {
        let inner = fake.clone();
        Fake::start(move |request| {
            if request.path.contains("/blobs/") {
                return Some(Response::new(307, "").with("Location", format!("{elsewhere}{}", request.path)));
            }
            if request.header("authorization") != Some("Bearer t0ken") && !request.path.starts_with("/token")
            {
                let host = request.header("host").unwrap_or_default();
                let challenge = format!("Bearer realm=\"http://{host}/token\"");
                return Some(error(401, "UNAUTHORIZED", "x").with("WWW-Authenticate", challenge));
            }
            if request.path.starts_with("/token") {
                return Some(Response::new(200, r#"{"access_token":"t0ken"}"#));
            }
            Some(inner.answer(request))
        })
    };
    store().pull(&front.name("x:1")).unwrap();
    let asked = storage.asked("GET", "/blobs/");
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|request| request.header("authorization").is_none()));
    assert!(front.asked("GET", "/blobs/").iter().all(|r| r.header("authorization").is_some()));
}

#[test]
fn all_tags_are_pulled() {
    let (fake, store) = (Fake::honest(), store());
    fake.has("1", &build(&[b"one"]));
    fake.has("2", &build(&[b"two"]));
    let repository = Reference::parse_name(&format!("{}/x", fake.host())).unwrap();
    let pulled = pull_all_tags(&store.store, &repository, None, &settings(), &Quiet).unwrap();
    assert_eq!(pulled.len(), 2);
    assert_eq!(store.counts().0, 2);
}

#[test]
fn a_pushed_image_keeps_its_digest_where_its_blobs_are_known() {
    let (fake, store) = (Fake::honest(), store());
    let image = build(&[b"one", b"two"]);
    fake.has("1", &image);
    let pulled = store.pull(&fake.name("a/x:1")).unwrap();
    // Another repository of the same registry: every layer is mounted or there already.
    let target = fake.name("b/y:2");
    store.store.tag(&pulled.image, &target).unwrap();
    let told = Told::default();
    let pushed = push(&store.store, &pulled.image, &target, &settings(), &told).unwrap();
    assert_eq!(pushed.digest, Digest::of(&image.manifest));
    assert!(fake.asked("PATCH", "").is_empty());
    let told = told.0.into_inner().unwrap();
    assert_eq!(told.last().unwrap(), &format!("2: digest: {} size: {}", pushed.digest, image.manifest.len()));
    assert_eq!(fake.content.lock().unwrap().manifests["2"].1, image.manifest);
}

#[test]
fn layers_a_registry_lacks_are_compressed_and_come_back_the_same() {
    let (first, second, store) = (Fake::honest(), Fake::honest(), store());
    let large: Vec<u8> =
        (0..2_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let image = build(&[b"one", &large]);
    first.has("1", &image);
    let pulled = store.pull(&first.name("x:1")).unwrap();
    let target = second.name("x:1");
    let pushed = push(&store.store, &pulled.image, &target, &settings(), &Quiet).unwrap();
    assert!(second.asked("PATCH", "").len() > 3, "a large layer goes up in pieces");
    let uploads = second.asked("POST", "/uploads/").len();
    let again = push(&store.store, &pulled.image, &target, &settings(), &Quiet).unwrap();
    assert_eq!(again.digest, pushed.digest);
    assert_eq!(second.asked("POST", "/uploads/").len(), uploads, "nothing goes up twice");
    let other = self::store();
    let back = other.pull(&target).unwrap();
    assert_eq!((back.image.id, back.digest), (image.id(), pushed.digest));
}

#[test]
fn a_broken_upload_is_an_error_and_leaves_no_manifest() {
    let (fake, store) = (Fake::honest(), store());
    fake.has("1", &build(&[b"one"]));
    let pulled = store.pull(&fake.name("x:1")).unwrap();
    for status in [401, 403, 413, 500] {
        let broken =
            Fake::start(move |request| (request.method == "PATCH").then(|| Response::new(status, "")));
        let error = push(&store.store, &pulled.image, &broken.name("x:1"), &settings(), &Quiet).unwrap_err();
        assert!(!error.to_string().is_empty());
        assert!(broken.asked("PUT", "/manifests/").is_empty(), "{status}");
    }
}

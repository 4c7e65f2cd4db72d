//! Who the user is to a registry: from Docker's and podman's files and credential helpers.
//!
//! Asked in this order, the first that knows the registry wins: `$DOCKER_AUTH_CONFIG` (the JSON itself),
//! `$REGISTRY_AUTH_FILE`, `${DOCKER_CONFIG:-~/.docker}/config.json`,
//! `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`. Secrets go to no log and
//! to no command line.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::image::Reference;

/// Docker's own registry under the key that `docker login` writes.
const DOCKER_KEY: &str = "https://index.docker.io/v1/";
const FILE_MAX: u64 = 4 << 20;
const HELPER_ANSWER_MAX: u64 = 1 << 20;

#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Anonymous,
    Basic {
        user: String,
        password: String,
    },
    /// A refresh token, exchanged for access tokens.
    Identity(String),
}

/// Never shows a secret.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Credentials::Anonymous => "Anonymous",
            Credentials::Basic { .. } => "Basic",
            Credentials::Identity(_) => "Identity",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{origin} is not valid")]
    Json { origin: String, source: serde_json::Error },
    #[error("{origin}: the entry for {registry} is not valid")]
    Entry { origin: String, registry: String },
    #[error("running docker-credential-{helper}")]
    Helper { helper: String, source: io::Error },
    #[error("docker-credential-{helper} failed: {answer}")]
    HelperFailed { helper: String, answer: String },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AuthFile {
    auths: BTreeMap<String, Auth>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth")
    }
}

/// Where credentials are looked for; from the environment, but in tests.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    pub inline: Option<String>,
    pub files: Vec<PathBuf>,
}

impl Sources {
    pub fn from_environment() -> Sources {
        let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let home = var("HOME");
        let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let docker = var("DOCKER_CONFIG").or_else(|| under_home(".docker"));
        let config = var("XDG_CONFIG_HOME").or_else(|| under_home(".config"));
        let files = [
            var("REGISTRY_AUTH_FILE"),
            docker.map(|directory| directory.join("config.json")),
            var("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json")),
            config.map(|directory| directory.join("containers/auth.json")),
        ];
        let inline = std::env::var("DOCKER_AUTH_CONFIG").ok().filter(|text| !text.trim().is_empty());
        Sources { inline, files: files.into_iter().flatten().collect() }
    }

    /// What the user has for this repository's registry.
    ///
    /// # Errors
    /// A file that is there and cannot be read: going on as nobody would end in a riddle.
    pub fn find(&self, repository: &Reference) -> Result<Credentials, CredentialsError> {
        if let Some(text) = &self.inline
            && let Some(found) =
                parse(text.as_bytes(), "DOCKER_AUTH_CONFIG")?.find(repository, "DOCKER_AUTH_CONFIG")?
        {
            return Ok(found);
        }
        for path in &self.files {
            let text = match read(path) {
                Ok(text) => text,
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(source) => return Err(CredentialsError::Read { path: path.clone(), source }),
            };
            let origin = path.display().to_string();
            if text.trim_ascii().is_empty() {
                continue;
            }
            if let Some(found) = parse(&text, &origin)?.find(repository, &origin)? {
                return Ok(found);
            }
        }
        Ok(Credentials::Anonymous)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(FILE_MAX).read_to_end(&mut text)?;
    Ok(text)
}

fn parse(text: &[u8], origin: &str) -> Result<AuthFile, CredentialsError> {
    serde_json::from_slice(text)
        .map_err(|source| CredentialsError::Json { origin: origin.to_owned(), source })
}

impl AuthFile {
    fn find(&self, repository: &Reference, origin: &str) -> Result<Option<Credentials>, CredentialsError> {
        let keys = keys(repository);
        let server = if repository.domain == "docker.io" { DOCKER_KEY } else { &repository.domain };
        let helper = keys.iter().find_map(|key| self.helpers.get(key)).or(self.store.as_ref());
        if let Some(helper) = helper.filter(|helper| !helper.is_empty())
            && let Some(found) = ask_helper(helper, server)?
        {
            return Ok(Some(found));
        }
        let exact = keys.iter().find_map(|key| self.auths.get(key));
        let by_host =
            || self.auths.iter().find(|(key, _)| keys.iter().any(|k| k == host_of(key))).map(|e| e.1);
        match exact.or_else(by_host) {
            Some(auth) => auth.credentials().map_err(|()| CredentialsError::Entry {
                origin: origin.to_owned(),
                registry: repository.domain.clone(),
            }),
            None => Ok(None),
        }
    }
}

/// What an entry for this repository may be called, most specific first: `host/user/app`, `host/user`,
/// `host`; Docker's own registry has several names.
fn keys(repository: &Reference) -> Vec<String> {
    let hosts: &[&str] = match repository.domain.as_str() {
        "docker.io" => &["docker.io", "index.docker.io", "registry-1.docker.io"],
        domain => &[domain],
    };
    let mut prefixes = Vec::new();
    let mut path = repository.path.as_str();
    loop {
        prefixes.push(path);
        match path.rsplit_once('/') {
            Some((parent, _)) => path = parent,
            None => break,
        }
    }
    let nested = prefixes.iter().flat_map(|prefix| hosts.iter().map(move |host| format!("{host}/{prefix}")));
    nested.chain(hosts.iter().map(|host| (*host).to_owned())).collect()
}

/// `https://index.docker.io/v1/` is an entry for `index.docker.io`. A key with a path of a repository
/// is one for that alone.
fn host_of(key: &str) -> &str {
    let Some(rest) = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")) else {
        return key
            .strip_suffix("/v1/")
            .or_else(|| key.strip_suffix("/v2/"))
            .unwrap_or(key)
            .trim_end_matches('/');
    };
    rest.split('/').next().unwrap_or(rest)
}

impl Auth {
    fn credentials(&self) -> Result<Option<Credentials>, ()> {
        let filled = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        if let Some(token) = filled(&self.identitytoken) {
            return Ok(Some(Credentials::Identity(token)));
        }
        if let Some(auth) = filled(&self.auth) {
            let decoded = STANDARD.decode(auth.trim()).map_err(drop)?;
            // Docker pads with NUL bytes.
            let text = String::from_utf8(decoded).map_err(drop)?;
            let (user, password) = text.trim_end_matches('\0').split_once(':').ok_or(())?;
            return Ok(Some(basic(user, password)));
        }
        Ok(filled(&self.username).map(|user| basic(&user, self.password.as_deref().unwrap_or_default())))
    }
}

fn basic(user: &str, password: &str) -> Credentials {
    match user {
        // What helpers and files write for a refresh token.
        "<token>" => Credentials::Identity(password.to_owned()),
        _ => Credentials::Basic { user: user.to_owned(), password: password.to_owned() },
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// `docker-credential-NAME get` with the server on its standard input.
fn ask_helper(helper: &str, server: &str) -> Result<Option<Credentials>, CredentialsError> {
    let failed = |source| CredentialsError::Helper { helper: helper.to_owned(), source };
    if helper.contains('/') {
        return Err(failed(io::Error::other("a helper is named without its path")));
    }
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read what it is asked answers for itself below.
        let _ = stdin.write_all(server.as_bytes());
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(HELPER_ANSWER_MAX).read_to_end(&mut answer).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    let text = String::from_utf8_lossy(&answer);
    if !status.success() {
        // The protocol's only error that is none (docker-credential-helpers, credentials/error.go).
        return if text.contains("credentials not found") {
            Ok(None)
        } else {
            Err(CredentialsError::HelperFailed { helper: helper.to_owned(), answer: text.trim().to_owned() })
        };
    }
    let answer: HelperAnswer = serde_json::from_str(&text).map_err(|source| CredentialsError::Json {
        origin: format!("the answer of docker-credential-{helper}"),
        source,
    })?;
    Ok(Some(basic(&answer.username, &answer.secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        Reference::parse(text).unwrap()
    }

    fn user(name: &str) -> Credentials {
        Credentials::Basic { user: name.to_owned(), password: "secret".to_owned() }
    }

    #[test]
    fn entries_are_found_under_all_their_names() {
        let auth = |name: &str| STANDARD.encode(format!("{name}:secret"));
        let file = format!(
            r#"{{"auths":{{
                "https://index.docker.io/v1/":{{"auth":"{}"}},
                "localhost:5000":{{"auth":"{}"}},
                "https://quay.io/v2/":{{"auth":"{}"}},
                "quay.io/team/app":{{"username":"app","password":"secret"}},
                "quay.io/team":{{"auth":"{}"}},
                "empty.io":{{}},
                "token.io":{{"auth":"eDp5","identitytoken":"refresh"}}
            }}}}"#,
            auth("hub"),
            auth("local"),
            auth("quay"),
            auth("team")
        );
        let sources = Sources { inline: Some(file), files: Vec::new() };
        for (name, expected) in [
            ("debian", user("hub")),
            ("someone/app", user("hub")),
            ("localhost:5000/x", user("local")),
            ("localhost:5001/x", Credentials::Anonymous),
            ("quay.io/other/x", user("quay")),
            ("quay.io/team/app", user("app")),
            ("quay.io/team/b", user("team")),
            ("quay.io/teamwork/b", user("quay")),
            ("empty.io/x", Credentials::Anonymous),
            ("token.io/x", Credentials::Identity("refresh".to_owned())),
        ] {
            assert!(sources.find(&reference(name)).unwrap() == expected, "{name}");
        }
    }

    #[test]
    fn the_first_file_that_knows_wins_and_a_broken_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let first = file("a", r#"{"auths":{"a.io":{"username":"a","password":"secret"}},"unknown":1}"#);
        let second =
            file("b", r#"{"auths":{"a.io":{"username":"b"},"b.io":{"username":"b","password":"secret"}}}"#);
        let files = vec![dir.path().join("none"), first, file("empty", ""), second];
        let sources = Sources { inline: None, files };
        assert!(sources.find(&reference("a.io/x")).unwrap() == user("a"));
        assert!(sources.find(&reference("b.io/x")).unwrap() == user("b"));
        for text in ["{", r#"{"auths":{"a.io":{"auth":"?"}}}"#, r#"{"auths":{"a.io":{"auth":"eA=="}}}"#] {
            let broken = Sources { inline: None, files: vec![file("c", text)] };
            let error = broken.find(&reference("a.io/x")).unwrap_err().to_string();
            assert!(error.contains("/c ") || error.contains("/c:"), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?} {:?}", user("x"), Credentials::Identity("secret".to_owned()));
        assert!(!shown.contains("secret"));
    }
}

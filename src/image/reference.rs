//! Image references as Docker reads them: the grammar, the normalisation and the words of
//! `distribution/reference`.
//!
//! ```text
//! reference        := name [ ":" tag ] [ "@" digest ]
//! name             := domain "/" path-component [ "/" path-component ]*
//! domain           := host [ ":" digits ]
//! host             := domain-component [ "." domain-component ]* | "[" hex digits and colons "]"
//! domain-component := letters, digits and inner hyphens
//! path-component   := [a-z0-9]+ [ separator [a-z0-9]+ ]*      separator := "." | "_" | "__" | "-"+
//! tag              := [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127}
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;

const DEFAULT_DOMAIN: &str = "docker.io";
/// What Docker's index was called before there were registries.
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
const DEFAULT_TAG: &str = "latest";
const PATH_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// A parsed, normalised reference: `docker.io/library/debian:12` for `debian:12`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Registry host with port: `docker.io`, `localhost:5000`.
    pub domain: String,
    /// `library/debian`
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

/// Why a text is no reference, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    #[error("invalid reference format")]
    Format,
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
    #[error("repository name must not be more than {PATH_MAX} characters")]
    TooLong,
    #[error("unsupported digest algorithm")]
    DigestAlgorithm,
    #[error("invalid checksum digest length")]
    DigestLength,
    #[error("invalid checksum digest format")]
    DigestFormat,
}

impl Reference {
    /// Reads a reference as typed; `latest` is added when it has neither tag nor digest.
    pub fn parse(text: &str) -> Result<Reference, InvalidReference> {
        Reference::parse_name(text).map(Reference::or_latest)
    }

    /// Reads a reference as typed and adds no tag.
    pub fn parse_name(text: &str) -> Result<Reference, InvalidReference> {
        if is_identifier(text) {
            return Err(InvalidReference::LooksLikeId(text.to_owned()));
        }
        let (domain, remainder) = split_domain(text);
        let remote = remainder.split(':').next().unwrap_or_default();
        if remote.chars().any(char::is_uppercase) {
            return Err(InvalidReference::Uppercase(remote.to_owned()));
        }
        let (named, digest) = match remainder.split_once('@') {
            Some((named, digest)) => (named, Some(parse_digest(digest)?)),
            None => (remainder.as_str(), None),
        };
        let (path, tag) = match named.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (named, None),
        };
        let valid = is_domain(&domain) && is_path(path) && tag.is_none_or(is_tag);
        if !valid {
            return Err(InvalidReference::Format);
        }
        if path.len() > PATH_MAX {
            return Err(InvalidReference::TooLong);
        }
        Ok(Reference { domain, path: path.to_owned(), tag: tag.map(str::to_owned), digest })
    }

    /// The same, with `latest` when it has neither tag nor digest.
    pub fn or_latest(mut self) -> Reference {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The full name of the repository: `docker.io/library/debian`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The repository name as Docker shows it: `debian`, `user/app`, `localhost:5000/a/b`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.repository();
        }
        let official = self.path.strip_prefix(OFFICIAL_PREFIX).filter(|name| !name.contains('/'));
        official.unwrap_or(&self.path).to_owned()
    }

    /// The whole as Docker shows it: `debian:12`, `debian@sha256:…`.
    pub fn familiar(&self) -> String {
        format!("{}{}", self.familiar_name(), Suffix(self))
    }

    /// The same repository with this tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Reference {
        Reference { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }

    /// The same repository with this digest and no tag.
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// What a registry is asked for: the digest when there is one, else the tag.
    pub fn target(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => DEFAULT_TAG.to_owned(),
        }
    }
}

struct Suffix<'a>(&'a Reference);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.0.tag {
            write!(f, ":{tag}")?;
        }
        match &self.0.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The full form: `docker.io/library/debian:12`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, Suffix(self))
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;
    fn from_str(text: &str) -> Result<Reference, InvalidReference> {
        Reference::parse(text)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Reference, D::Error> {
        Reference::parse_name(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// 64 hexadecimal digits: an image id, never a name.
fn is_identifier(text: &str) -> bool {
    Digest::from_hex(text).is_ok()
}

/// Domain and the rest, with Docker's defaults: `debian` is `docker.io` and `library/debian`. A first
/// part without dot, port or capital letter is a user at Docker's registry, not a host.
fn split_domain(text: &str) -> (String, String) {
    let official = |rest: &str| (DEFAULT_DOMAIN.to_owned(), format!("{OFFICIAL_PREFIX}{rest}"));
    let Some((first, rest)) = text.split_once('/') else {
        return official(text);
    };
    if first == DEFAULT_DOMAIN || first == LEGACY_DOMAIN {
        return if rest.contains('/') {
            (DEFAULT_DOMAIN.to_owned(), rest.to_owned())
        } else {
            official(rest)
        };
    }
    let is_host = first == "localhost" || first.contains(['.', ':']) || first.chars().any(char::is_uppercase);
    if is_host { (first.to_owned(), rest.to_owned()) } else { (DEFAULT_DOMAIN.to_owned(), text.to_owned()) }
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, after)) = rest.split_once(']') else { return false };
            let address_ok =
                !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            return address_ok && (after.is_empty() || after.strip_prefix(':').is_some_and(is_digits));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    host.split('.').all(is_domain_component) && port.is_none_or(is_digits)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_domain_component(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_path(text: &str) -> bool {
    text.split('/').all(is_path_component)
}

fn is_path_component(text: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_separator =
        |run: &str| matches!(run, "." | "_" | "__") || (!run.is_empty() && run.bytes().all(|b| b == b'-'));
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    alnum(*first)
        && alnum(*last)
        && text
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|run| run.is_empty() || is_separator(run))
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = text.as_bytes();
    bytes.len() <= TAG_MAX
        && bytes.first().is_some_and(|b| word(*b))
        && bytes.iter().all(|b| word(*b) || matches!(b, b'.' | b'-'))
}

fn parse_digest(text: &str) -> Result<Digest, InvalidReference> {
    let (algorithm, hex) = text.split_once(':').ok_or(InvalidReference::Format)?;
    let grammar = algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
        && algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+.".contains(&b))
        && hex.len() >= 32
        && hex.bytes().all(|b| b.is_ascii_hexdigit());
    if !grammar {
        return Err(InvalidReference::Format);
    }
    if algorithm != "sha256" {
        return Err(InvalidReference::DigestAlgorithm);
    }
    if hex.len() != 64 {
        return Err(InvalidReference::DigestLength);
    }
    Digest::from_hex(hex).map_err(|_| InvalidReference::DigestFormat)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_read_as_docker_reads_them() {
        let digest = format!("sha256:{HEX}");
        let with = |text: &str| text.replace('D', &digest);
        // typed, full form, familiar form
        for (typed, full, familiar) in [
            ("debian", "docker.io/library/debian:latest", "debian:latest"),
            ("debian:12", "docker.io/library/debian:12", "debian:12"),
            ("library/debian", "docker.io/library/debian:latest", "debian:latest"),
            ("docker.io/debian", "docker.io/library/debian:latest", "debian:latest"),
            ("docker.io/library/debian", "docker.io/library/debian:latest", "debian:latest"),
            ("index.docker.io/debian", "docker.io/library/debian:latest", "debian:latest"),
            ("index.docker.io/user/app:1", "docker.io/user/app:1", "user/app:1"),
            ("user/app", "docker.io/user/app:latest", "user/app:latest"),
            ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
            ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
            ("localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"),
            ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
            ("127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest"),
            ("quay.io/x", "quay.io/x:latest", "quay.io/x:latest"),
            ("Host/x", "Host/x:latest", "Host/x:latest"),
            ("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"),
            ("[fd00:1:2::3]/x:t", "[fd00:1:2::3]/x:t", "[fd00:1:2::3]/x:t"),
            ("a__b/c.d/e--f", "docker.io/a__b/c.d/e--f:latest", "a__b/c.d/e--f:latest"),
            ("xn--n3h.com/myimage", "xn--n3h.com/myimage:latest", "xn--n3h.com/myimage:latest"),
            ("debian@D", "docker.io/library/debian@D", "debian@D"),
            ("host:5000/a/b:t@D", "host:5000/a/b:t@D", "host:5000/a/b:t@D"),
            ("debian:Upper_Tag.1-2", "docker.io/library/debian:Upper_Tag.1-2", "debian:Upper_Tag.1-2"),
            ("debian:_x", "docker.io/library/debian:_x", "debian:_x"),
        ] {
            let parsed = Reference::parse(&with(typed)).unwrap_or_else(|e| panic!("{typed}: {e}"));
            assert_eq!(parsed.to_string(), with(full), "{typed}");
            assert_eq!(parsed.familiar(), with(familiar), "{typed}");
            assert_eq!(Reference::parse(&parsed.to_string()).unwrap(), parsed, "{typed} again");
            assert_eq!(Reference::parse(&parsed.familiar()).unwrap(), parsed, "{typed} from familiar");
        }
    }

    #[test]
    fn bad_references_are_refused_in_dockers_words() {
        let long_tag = format!("debian:{}", "t".repeat(129));
        let long_path = format!("{}/x", "a".repeat(255));
        let format = "invalid reference format";
        for (typed, message) in [
            ("", format),
            (" ", format),
            (":", format),
            ("debian:", format),
            (":12", format),
            ("debian@", format),
            ("debian@sha256:12", format),
            ("debian:1:2", format),
            ("debian:-x", format),
            ("debian: 12", format),
            ("deb ian", format),
            ("-debian", format),
            ("debian-", format),
            ("deb..ian", format),
            ("deb___ian", format),
            ("deb._ian", format),
            ("a//b", format),
            ("/debian", format),
            ("debian/", format),
            ("../debian", format),
            ("http://host/x", format),
            ("https://index.docker.io/v1/x", format),
            ("-host.com/x", format),
            ("host-.com/x", format),
            ("host..com/x", format),
            ("host:/x", format),
            ("host:port/x", format),
            ("[::1/x", format),
            ("[]:5000/x", format),
            ("[::1]5000/x", format),
            ("[fe80::1%eth0]/x", format),
            ("foo_bar.com/x", format),
            ("déb", format),
            ("a$b", format),
            (&long_tag, format),
            ("Debian", "invalid reference format: repository name (library/Debian) must be lowercase"),
            ("user/App:1", "invalid reference format: repository name (user/App) must be lowercase"),
            ("localhost:5000/App", "invalid reference format: repository name (App) must be lowercase"),
            (HEX, &format!("invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings")),
            (&long_path, "repository name must not be more than 255 characters"),
            (&format!("x@sha512:{HEX}{HEX}"), "unsupported digest algorithm"),
            (&format!("x@sha256:{}", &HEX[..62]), "invalid checksum digest length"),
            (&format!("x@sha256:{}", HEX.to_uppercase()), "invalid checksum digest format"),
        ] {
            let error = Reference::parse(typed).expect_err(typed);
            assert_eq!(error.to_string(), message, "{typed}");
        }
    }

    #[test]
    fn a_path_of_255_characters_and_a_tag_of_128_are_allowed() {
        assert!(Reference::parse(&format!("host.com/{}:{}", "a".repeat(255), "t".repeat(128))).is_ok());
    }

    #[test]
    fn no_tag_is_added_where_the_caller_wants_to_know() {
        assert_eq!(Reference::parse_name("debian").unwrap().tag, None);
        assert_eq!(Reference::parse_name("debian").unwrap().target(), "latest");
    }

    #[test]
    fn a_digest_is_what_a_registry_is_asked_for() {
        let reference = Reference::parse(&format!("debian:12@sha256:{HEX}")).unwrap();
        assert_eq!(reference.target(), format!("sha256:{HEX}"));
    }
}

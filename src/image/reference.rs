//! Image references as Docker reads them (distribution's reference grammar).

/// A parsed, normalised reference: `docker.io/library/debian:12` for `debian:12`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Registry host with port: `docker.io`, `localhost:5000`.
    pub domain: String,
    /// `library/debian`
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<crate::digest::Digest>,
}
// helper B: parse (Docker's messages), with `latest` when neither tag nor digest; familiar() ("debian:12",
// Docker's short form), Display (full form), and whatever is needed

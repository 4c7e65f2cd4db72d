//! Whom to trust: the system's certificate authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` are heeded by
//! the TLS library itself) and those put down for one registry, as Docker and podman read them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

const FILE_MAX: u64 = 1 << 20;

/// `certs.d` directories, in the order in which they are read; all count.
pub fn directories() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
        .or_else(|| home.map(|home| home.join(".config")));
    let users = config.into_iter().flat_map(|c| [c.join("docker/certs.d"), c.join("containers/certs.d")]);
    users.chain(["/etc/docker/certs.d", "/etc/containers/certs.d"].map(PathBuf::from)).collect()
}

/// Authorities for `host` (with its port): every certificate of `<directory>/<host>/*.crt`, as PEM.
pub fn authorities(directories: &[PathBuf], host: &str) -> Vec<String> {
    // A host is letters, digits, dots, colons, brackets: never a path of its own.
    let mut files: Vec<PathBuf> = directories
        .iter()
        .filter_map(|directory| fs::read_dir(directory.join(host)).ok())
        .flat_map(|listing| listing.flatten().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "crt"))
        .collect();
    files.sort();
    files.iter().flat_map(|path| certificates(path)).collect()
}

fn certificates(path: &Path) -> Vec<String> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(FILE_MAX).read_to_string(&mut text));
    if let Err(error) = read {
        tracing::debug!(path = %path.display(), %error, "a certificate was not read");
        return Vec::new();
    }
    split(&text)
}

/// The certificates of a PEM file, one by one.
fn split(text: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = text.split(BEGIN).skip(1);
    blocks.filter_map(|block| Some(format!("{BEGIN}{}{END}\n", block.split_once(END)?.0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crt_file_of_the_host_counts() {
        let dir = tempfile::tempdir().unwrap();
        let host = dir.path().join("localhost:5000");
        fs::create_dir(&host).unwrap();
        let nobody = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        fs::write(host.join("ca.crt"), format!("comment\n{nobody}{nobody}")).unwrap();
        fs::write(host.join("client.cert"), nobody).unwrap();
        fs::write(host.join("broken.crt"), "-----BEGIN CERTIFICATE-----\nAA").unwrap();
        let directories = [dir.path().to_owned(), dir.path().join("none")];
        let found = authorities(&directories, "localhost:5000");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].trim(), nobody.trim());
        assert!(authorities(&directories, "localhost").is_empty());
    }
}

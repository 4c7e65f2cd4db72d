//! Debian's docker-registry on loopback, on a port the kernel gives; plain, with a password, with TLS.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use tempfile::TempDir;

use super::command::{output, tool};
use super::{DEADLINE, set_mode};

pub struct Registry {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
    directory: TempDir,
}

/// What the registry asks of its clients.
#[derive(Default)]
pub struct Options {
    /// User and password.
    pub login: Option<(&'static str, &'static str)>,
    pub tls: bool,
}

impl Registry {
    pub fn start() -> Registry {
        Registry::with(Options::default())
    }
    pub fn with(options: Options) -> Registry {
        let directory = tempfile::Builder::new().prefix("reg").tempdir().expect("a directory for a registry");
        let path = directory.path();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {0}/data}}, delete: {{enabled: true}}}}\n\
             http:\n  addr: 127.0.0.1:0\n",
            path.display()
        );
        if options.tls {
            make_certificates(path);
            let (certificate, key) = (path.join("server.pem"), path.join("server.key"));
            config += &format!("  tls: {{certificate: {}, key: {}}}\n", certificate.display(), key.display());
        }
        if let Some((user, password)) = options.login {
            let line = tool("htpasswd", ["-Bbn", "-C", "4", user, password]);
            std::fs::write(path.join("passwords"), line.stdout).expect("a password file");
            let passwords = path.join("passwords");
            config += &format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", passwords.display());
        }
        std::fs::write(path.join("config.yml"), config).expect("a configuration file");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(path.join("config.yml"));
        command.env_clear().env("HOME", path).env("OTEL_TRACES_EXPORTER", "none");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("docker-registry starts");
        let (sender, address) = channel();
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        // Reads to the end: a full pipe would stop the registry.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("listening on ") {
                    let address = rest.split(['"', ',', ' ']).next().unwrap_or_default();
                    let _ = sender.send(address.to_owned());
                }
            }
        });
        let address = address.recv_timeout(DEADLINE).expect("the registry says where it listens");
        Registry { child, address, directory }
    }
    /// `127.0.0.1:PORT/NAME`
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }
    /// `localhost:PORT/NAME`: the name in the TLS certificate.
    pub fn named_image(&self, name: &str) -> String {
        format!("localhost:{}/{name}", self.address.rsplit(':').next().expect("a port"))
    }
    /// The authority that signed the TLS certificate.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }
    pub fn get(&self, path: &str) -> Option<serde_json::Value> {
        let mut stream = std::net::TcpStream::connect(&self.address).ok()?;
        let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: {accept}\r\n\r\n", self.address);
        std::io::Write::write_all(&mut stream, request.as_bytes()).ok()?;
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        if !head.contains(" 200 ") {
            return None;
        }
        serde_json::from_str(body).ok()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority, and a certificate for localhost and 127.0.0.1 that it signed.
fn make_certificates(path: &Path) {
    let run = |script: &str| {
        let mut command = Command::new("sh");
        command.arg("-ec").arg(script).current_dir(path).env("HOME", path);
        output(&mut command, None, DEADLINE).success()
    };
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
            -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr
         printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > ext
         openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem");
    set_mode(&path.join("server.key"), 0o600);
}

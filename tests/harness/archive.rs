//! Images made in the test: a root file system of Debian's static busybox, layers on top of it, and all of
//! it as a docker archive, an OCI archive, or blobs for a registry.

use std::io::Write;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::command::output;
use super::{DEADLINE, Entry, Tar};

/// `sha256:…` of bytes.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The tar of a root file system with busybox and nothing else. Debian's package busybox-static must be
/// there: every test needs it.
pub fn busybox() -> &'static [u8] {
    static TAR: OnceLock<Vec<u8>> = OnceLock::new();
    TAR.get_or_init(|| rootfs().finish())
}

/// The program, which must be linked statically: it is all there is in most images of the tests.
pub fn busybox_program() -> Vec<u8> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs =
        std::env::split_paths(&path).filter_map(|directory| std::fs::read(directory.join("busybox")).ok());
    let is_static =
        |program: &Vec<u8>| !program[..program.len().min(4096)].windows(9).any(|at| at == b"/ld-linux");
    programs.into_iter().find(is_static).expect("Debian's busybox-static is installed")
}

/// The same, to go on with.
pub fn rootfs() -> Tar {
    let program = busybox_program();
    let mut tar = Tar::of([
        Entry::directory("bin/"),
        Entry::file("bin/busybox", program).mode(0o755),
        Entry::directory("etc/"),
        Entry::file(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\n\
             app:x:1000:1000:App:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        ),
        Entry::file("etc/group", "root:x:0:\ndaemon:x:1:\nextra:x:7:app\napp:x:1000:\nnogroup:x:65534:\n"),
        Entry::directory("home/"),
        Entry::directory("home/app/").owner(1000, 1000),
        Entry::directory("root/").mode(0o700),
        Entry::directory("tmp/").mode(0o1777),
        Entry::directory("usr/"),
        Entry::directory("usr/bin/"),
        Entry::directory("var/"),
        Entry::directory("dev/"),
        Entry::directory("proc/"),
        Entry::directory("sys/"),
    ]);
    let applets = output(Command::new("busybox").arg("--list"), None, DEADLINE).success();
    for applet in applets.lines().into_iter().filter(|applet| *applet != "busybox") {
        tar = tar.with(Entry::symlink(format!("bin/{applet}"), "busybox"));
    }
    tar
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pack {
    Plain,
    Gzip,
    Zstd,
}

impl Pack {
    pub fn pack(self, tar: &[u8]) -> Vec<u8> {
        match self {
            Pack::Plain => tar.to_vec(),
            Pack::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(tar).and_then(|()| encoder.finish()).expect("gzip in memory")
            }
            Pack::Zstd => zstd::encode_all(tar, 1).expect("zstd in memory"),
        }
    }
    fn suffix(self) -> &'static str {
        match self {
            Pack::Plain => "",
            Pack::Gzip => "+gzip",
            Pack::Zstd => "+zstd",
        }
    }
}

/// An image from layers and a config.
#[derive(Clone)]
pub struct ImageBuilder {
    layers: Vec<(Vec<u8>, Pack)>,
    config: Value,
    architecture: String,
    docker_schema: bool,
    /// Steps that follow those of the layers and make none.
    further_steps: Vec<Value>,
    /// What the config says instead of the layers' true diff ids.
    pub false_diff_ids: Option<Vec<String>>,
}

/// An image as a registry has it.
#[derive(Clone)]
pub struct Blobs {
    pub manifest: Vec<u8>,
    pub media_type: String,
    /// Config first, then layers.
    pub blobs: Vec<Vec<u8>>,
}

impl ImageBuilder {
    pub fn new() -> ImageBuilder {
        let config = json!({ "Cmd": ["sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] });
        ImageBuilder {
            layers: Vec::new(),
            config,
            architecture: "amd64".to_owned(),
            docker_schema: false,
            further_steps: Vec::new(),
            false_diff_ids: None,
        }
    }
    /// busybox as the lowest layer.
    pub fn busybox() -> ImageBuilder {
        ImageBuilder::new().raw_layer(busybox().to_vec(), Pack::Gzip)
    }
    pub fn layer(self, entries: impl IntoIterator<Item = Entry>) -> ImageBuilder {
        self.raw_layer(Tar::of(entries).finish(), Pack::Gzip)
    }
    pub fn packed_layer(self, pack: Pack, entries: impl IntoIterator<Item = Entry>) -> ImageBuilder {
        self.raw_layer(Tar::of(entries).finish(), pack)
    }
    pub fn raw_layer(mut self, tar: Vec<u8>, pack: Pack) -> ImageBuilder {
        self.layers.push((tar, pack));
        self
    }
    /// A field of the config (`Cmd`, `Entrypoint`, `User`, …).
    pub fn config(mut self, key: &str, value: Value) -> ImageBuilder {
        self.config[key] = value;
        self
    }
    pub fn architecture(mut self, architecture: &str) -> ImageBuilder {
        self.architecture = architecture.to_owned();
        self
    }
    /// Docker's media types (schema 2) instead of OCI's.
    pub fn docker_schema(mut self) -> ImageBuilder {
        self.docker_schema = true;
        self
    }

    /// A step of the history that makes no layer.
    pub fn step(mut self, command: &str, comment: &str) -> ImageBuilder {
        self.further_steps.push(json!({
            "created": "2020-01-02T03:04:06Z",
            "created_by": command,
            "comment": comment,
            "empty_layer": true,
        }));
        self
    }

    pub fn config_json(&self) -> Vec<u8> {
        let true_ids = || self.layers.iter().map(|(tar, _)| digest(tar)).collect();
        let diff_ids: Vec<String> = self.false_diff_ids.clone().unwrap_or_else(true_ids);
        let history: Vec<Value> = (0..self.layers.len())
            .map(|nth| json!({ "created": "2020-01-02T03:04:05Z", "created_by": format!("layer {nth}") }))
            .chain(self.further_steps.iter().cloned())
            .collect();
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": "2020-01-02T03:04:05Z",
            "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history,
        });
        config.to_string().into_bytes()
    }
    /// Docker's image id.
    pub fn id(&self) -> String {
        digest(&self.config_json())
    }

    pub fn blobs(&self) -> Blobs {
        let config = self.config_json();
        let packed: Vec<Vec<u8>> = self.layers.iter().map(|(tar, pack)| pack.pack(tar)).collect();
        let (media_type, config_type) = match self.docker_schema {
            true => (DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json"),
            false => (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json"),
        };
        let layers = packed.iter().zip(&self.layers).map(|(blob, (_, pack))| {
            let kind = match self.docker_schema {
                true => "application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned(),
                false => format!("application/vnd.oci.image.layer.v1.tar{}", pack.suffix()),
            };
            json!({ "mediaType": kind, "digest": digest(blob), "size": blob.len() })
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": { "mediaType": config_type, "digest": digest(&config), "size": config.len() },
            "layers": layers.collect::<Vec<_>>(),
        });
        let blobs = std::iter::once(config).chain(packed).collect();
        Blobs { manifest: manifest.to_string().into_bytes(), media_type: media_type.to_owned(), blobs }
    }

    /// As `docker save` before its version 25 wrote it.
    pub fn docker_archive(&self, names: &[&str]) -> Vec<u8> {
        let config = self.config_json();
        let config_name = format!("{}.json", digest(&config).trim_start_matches("sha256:"));
        let mut tar = Tar::new();
        let mut paths = Vec::new();
        for (nth, (layer, _)) in self.layers.iter().enumerate() {
            let path = format!("layer{nth}/layer.tar");
            tar = tar.with(Entry::file(&path, layer));
            paths.push(path);
        }
        let manifest = json!([{ "Config": config_name, "RepoTags": names, "Layers": paths }]);
        tar.with(Entry::file(&config_name, config))
            .with(Entry::file("manifest.json", manifest.to_string()))
            .finish()
    }

    /// An OCI image layout in a tar.
    pub fn oci_archive(&self, name: &str) -> Vec<u8> {
        let Blobs { manifest, media_type, blobs } = self.blobs();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": media_type, "digest": digest(&manifest), "size": manifest.len(),
                "annotations": { "org.opencontainers.image.ref.name": name, "io.containerd.image.name": name },
            }],
        });
        let mut tar = Tar::of([
            Entry::file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#),
            Entry::file("index.json", index.to_string()),
            Entry::directory("blobs/"),
            Entry::directory("blobs/sha256/"),
        ]);
        for blob in blobs.iter().chain([&manifest]) {
            let path = format!("blobs/sha256/{}", digest(blob).trim_start_matches("sha256:"));
            tar = tar.with(Entry::file(path, blob));
        }
        tar.finish()
    }
}

pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// An index over images of several platforms.
pub fn index(media_type: &str, images: &[(&str, &Blobs)]) -> Vec<u8> {
    let manifests = images.iter().map(|(architecture, image)| {
        json!({
            "mediaType": image.media_type, "digest": digest(&image.manifest), "size": image.manifest.len(),
            "platform": { "os": "linux", "architecture": architecture },
        })
    });
    let manifests: Vec<Value> = manifests.collect();
    json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests }).to_string().into_bytes()
}

//! Archives as Docker and OCI tools write them, and as nobody should.

use std::io::{self, Read};

use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::image::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::image::progress::Quiet;
use crate::image::testing::{Built, build, config_in, gzip, tar};
use crate::image::{ImageStore, Platform, Reference};
use crate::layer::tar::{Member, MemberKind, TarWriter};

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

/// A pipe: gives what it has in small pieces, and cannot go back.
struct Pipe(io::Cursor<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(1000);
        self.0.read(&mut buffer[..n])
    }
}

impl Store {
    fn load(&self, archive: Vec<u8>) -> Result<Vec<LoadedImage>, ArchiveError> {
        let pipe = Box::new(Pipe(io::Cursor::new(archive)));
        load(&self.store, pipe, None, &Quiet, &mut || Ok(Vec::new()))
    }

    fn save(&self, names: &[&str]) -> Vec<u8> {
        let selected: Vec<Selected> = names
            .iter()
            .map(|name| {
                let image = self.store.find(name).unwrap();
                Selected { image, names: vec![Reference::parse(name).unwrap()] }
            })
            .collect();
        let mut archive = Vec::new();
        save(&self.store, &selected, &mut archive).unwrap();
        archive
    }

    fn is_empty(&self) -> bool {
        let blobs = std::fs::read_dir(self.config.blobs()).map_or(0, Iterator::count);
        blobs == 0 && self.store.list().unwrap().is_empty() && self.store.layers.list().unwrap().is_empty()
    }
}

enum Entry {
    File(&'static str, Vec<u8>),
    Named(String, Vec<u8>),
    Link(&'static str, &'static str, MemberKind),
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for entry in entries {
        match entry {
            Entry::File(name, bytes) => {
                writer.append_bytes(Member::new(*name, MemberKind::File), bytes).unwrap();
            }
            Entry::Named(name, bytes) => {
                writer.append_bytes(Member::new(name.as_bytes(), MemberKind::File), bytes).unwrap();
            }
            Entry::Link(name, target, kind) => {
                let member = Member { target: target.as_bytes().to_vec(), ..Member::new(*name, *kind) };
                writer.append(&member, io::empty()).unwrap();
            }
        }
    }
    writer.finish().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// An old archive of Docker: a directory per layer, equal ones linked, the description last.
fn docker(image: &Built, layers: &[&[u8]]) -> Vec<u8> {
    let config = image.blobs.last().unwrap().clone();
    let name = format!("{}.json", image.id().hex());
    archive(&[
        Entry::File("a/VERSION", b"1.0".to_vec()),
        Entry::File("a/json", b"{}".to_vec()),
        Entry::File("a/layer.tar", tar(layers[0])),
        Entry::Link("b/layer.tar", "../a/layer.tar", MemberKind::Symlink),
        Entry::Link("c/layer.tar", "a/layer.tar", MemberKind::HardLink),
        Entry::File("./d/layer.tar", gzip(&tar(layers[3]))),
        Entry::Named(name.clone(), config),
        Entry::File("repositories", b"{}".to_vec()),
        Entry::File(
            "manifest.json",
            bytes(&json!([{"Config": name, "RepoTags": ["x:1", "host:5000/y:2"],
                "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar", "d/layer.tar"]}])),
        ),
    ])
}

/// An OCI layout whose descriptions come first or last.
fn oci(image: &Built, first: bool, name: Option<&str>) -> Vec<u8> {
    let annotations = name.map(|name| json!({"org.opencontainers.image.ref.name": name}));
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {"mediaType": OCI_MANIFEST, "size": image.manifest.len(), "digest": Digest::of(&image.manifest),
         "annotations": annotations}]});
    let mut entries = vec![
        Entry::File("index.json", bytes(&index)),
        Entry::File("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec()),
        Entry::Named(blob_path(&Digest::of(&image.manifest)), image.manifest.clone()),
    ];
    entries.extend(image.blobs.iter().map(|b| Entry::Named(blob_path(&Digest::of(b)), b.clone())));
    if !first {
        entries.reverse();
    }
    archive(&entries)
}

#[test]
fn an_old_docker_archive_loads_with_its_linked_layers() {
    let files: [&[u8]; 4] = [b"one", b"one", b"one", b"four"];
    let image = build(&files);
    for wrap in [|a: Vec<u8>| a, |a: Vec<u8>| gzip(&a), |a: Vec<u8>| zstd::encode_all(&a[..], 1).unwrap()] {
        let store = store();
        let loaded = store.load(wrap(docker(&image, &files))).unwrap();
        assert_eq!(loaded.len(), 1);
        assert_eq!(loaded[0].image.id, image.id());
        assert_eq!(loaded[0].names, ["x:1", "host:5000/y:2"].map(|n| Reference::parse(n).unwrap()));
        assert_eq!(store.store.find("host:5000/y:2").unwrap().layers, image.diff_ids);
    }
}

#[test]
fn an_oci_layout_keeps_its_manifest_whatever_comes_first() {
    let image = build(&[b"one", b"two"]);
    for (first, name) in [(true, Some("x:1")), (false, Some("docker.io/library/x:1")), (false, None)] {
        let store = store();
        let loaded = store.load(oci(&image, first, name)).unwrap();
        assert_eq!(loaded[0].image.manifest, Digest::of(&image.manifest));
        assert_eq!(loaded[0].names.len(), usize::from(name.is_some()));
        assert_eq!(store.store.list().unwrap()[0].names, loaded[0].names);
    }
}

#[test]
fn what_is_saved_loads_again_and_is_the_same_each_time() {
    let first = store();
    first.load(oci(&build(&[b"one", b"two"]), true, Some("x:1"))).unwrap();
    first.load(oci(&build(&[b"one", b"three"]), true, Some("y:2"))).unwrap();
    let saved = first.save(&["x:1", "y:2"]);
    assert_eq!(saved, first.save(&["x:1", "y:2"]));
    let second = store();
    let loaded = second.load(saved.clone()).unwrap();
    let names: Vec<String> = loaded.iter().flat_map(|l| &l.names).map(Reference::familiar).collect();
    assert_eq!(names, ["x:1", "y:2"]);
    for name in ["x:1", "y:2"] {
        assert_eq!(second.store.find(name).unwrap().id, first.store.find(name).unwrap().id);
    }
    assert_eq!(second.save(&["x:1", "y:2"]), saved);
}

#[test]
fn broken_archives_are_refused_and_leave_nothing() {
    let image = build(&[b"one", b"two"]);
    let whole = oci(&image, false, Some("x:1"));
    let config = image.blobs.last().unwrap().clone();
    let docker = |config_name: &str, layer: &str| {
        archive(&[
            Entry::File("l.tar", tar(b"one")),
            Entry::File("c.json", config.clone()),
            Entry::File("manifest.json", bytes(&json!([{"Config": config_name, "Layers": [layer, layer]}]))),
        ])
    };
    let mut other = build(&[b"one", b"two"]);
    other.blobs[0] = gzip(&tar(b"else"));
    let mut renamed = build(&[b"one"]);
    let lie = Entry::Named(blob_path(&Digest::of(&renamed.blobs[0])), gzip(&tar(b"lie")));
    renamed.blobs.remove(0);
    for (what, archive) in [
        ("nothing", Vec::new()),
        ("no archive", b"hello, this is no archive at all".repeat(40)),
        ("an empty archive", archive(&[])),
        ("a root file system", archive(&[Entry::File("etc/passwd", b"root".to_vec())])),
        ("a cut archive", whole[..whole.len() / 2].to_vec()),
        ("a cut compressed archive", gzip(&whole)[..gzip(&whole).len() - 20].to_vec()),
        ("layers that are missing", oci(&other, true, Some("x:1"))),
        ("a layer under another digest", archive(&[lie])),
        ("a config that is missing", docker("d.json", "l.tar")),
        ("a config outside", docker("../../c.json", "l.tar")),
        ("a layer that is not the config's", docker("c.json", "l.tar")),
        ("a layer that is missing", docker("c.json", "m.tar")),
        ("names that are none", oci(&image, true, Some("UPPER:1"))),
        ("a manifest that is none", archive(&[Entry::File("manifest.json", b"{".to_vec())])),
        ("an index that is none", archive(&[Entry::File("index.json", b"[]".to_vec())])),
        (
            "links in a circle",
            archive(&[
                Entry::Link("a", "b", MemberKind::Symlink),
                Entry::Link("b", "a", MemberKind::Symlink),
                Entry::File("c.json", config.clone()),
                Entry::File("manifest.json", bytes(&json!([{"Config": "c.json", "Layers": ["a", "a"]}]))),
            ]),
        ),
    ] {
        let store = store();
        let error = store.load(archive).expect_err(what);
        assert!(store.is_empty(), "{what}: {error}");
    }
}

#[test]
fn a_platform_that_is_not_in_the_archive_is_named() {
    let store = store();
    let archive = Box::new(io::Cursor::new(oci(&build(&[b"one"]), true, Some("x:1"))));
    let arm: Platform = "linux/arm64".parse().unwrap();
    let error = load(&store.store, archive, Some(&arm), &Quiet, &mut || Ok(Vec::new())).unwrap_err();
    assert_eq!(error.to_string(), "no image in the archive is for linux/arm64");
    assert!(store.is_empty());
}

#[test]
fn a_tar_becomes_an_image() {
    let store = store();
    let name = Reference::parse("mine:1").unwrap();
    let changes = ["CMD [\"sh\"]".to_owned(), "ENV A=b".to_owned()];
    let options = Import {
        name: Some(&name),
        changes: &changes,
        comment: "Imported from -".to_owned(),
        platform: None,
    };
    let image = import(&store.store, &gzip(&tar(b"file"))[..], &options).unwrap();
    assert_eq!(image.layers, [DiffId(Digest::of(&tar(b"file")))]);
    assert_eq!(image.config.config.cmd.as_deref(), Some(&["sh".to_owned()][..]));
    assert_eq!(image.config.history[0].comment.as_deref(), Some("Imported from -"));
    assert_eq!(store.store.find("mine:1").unwrap().id, image.id);
    let wrong = Import { changes: &["RUN x".to_owned()], ..Import::default() };
    assert_eq!(
        import(&store.store, &tar(b"x")[..], &wrong).unwrap_err().to_string(),
        "RUN is not a valid change command"
    );
    let xz = b"\xfd7zXZ\0rest of it".repeat(10);
    let refused = import(&store.store, &xz[..], &Import::default()).unwrap_err();
    assert!(format!("{refused:?}").contains("xz compression is not supported"), "{refused:?}");
}

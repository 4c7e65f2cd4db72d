//! Archives as Docker and OCI tools write them, and as nobody should.

use std::cell::RefCell;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::image::Step;
use crate::image::progress::Quiet;
use crate::image::testing::{config_in, gzip};
use crate::layer::tar::{Member, MemberKind, TarWriter};

/// A store of its own.
struct Home {
    store: ImageStore,
    config: Config,
    _directory: tempfile::TempDir,
}

fn home() -> Home {
    let directory = tempfile::tempdir().unwrap();
    let config = config_in(directory.path());
    Home { store: ImageStore::open(&config), config, _directory: directory }
}

impl Home {
    fn load(&self, archive: &[u8]) -> Result<Vec<LoadedImage>, ArchiveError> {
        self.load_for(archive, None)
    }

    fn load_for(&self, archive: &[u8], platform: Option<&str>) -> Result<Vec<LoadedImage>, ArchiveError> {
        let platform = platform.map(|platform| platform.parse().unwrap());
        load(&self.store, archive, platform.as_ref(), &Quiet, &mut || Ok(Vec::new()))
    }

    fn refuses(&self, archive: &[u8]) -> String {
        let error = self.load(archive).expect_err("a bad archive");
        assert!(self.store.list().unwrap().is_empty(), "{error}");
        assert!(!self.config.blobs().exists(), "{error}");
        assert!(self.store.layers.list().unwrap().is_empty(), "{error}");
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    fn save(&self, names: &[&str], format: ArchiveFormat) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut archive = Vec::new();
        let selected = Selected::find(&self.store, &names).unwrap();
        save(&self.store, &selected, format, None, &mut archive).unwrap();
        archive
    }
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    for (name, content) in members {
        tar.append_bytes(Member::new(*name, MemberKind::File), content).unwrap();
    }
    tar.finish().unwrap()
}

fn layer(content: &str) -> Vec<u8> {
    tar(&[("file", content.as_bytes())])
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn config(architecture: &str, layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let config = json!({
        "architecture": architecture, "os": "linux", "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    config.to_string().into_bytes()
}

fn blob(bytes: &[u8]) -> String {
    format!("{BLOBS}{}", Digest::of(bytes).hex())
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len() })
}

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn manifest(config: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let layers: Vec<Value> =
        layers.iter().map(|l| descriptor("application/vnd.oci.image.layer.v1.tar+gzip", l)).collect();
    let config = descriptor("application/vnd.oci.image.config.v1+json", config);
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    manifest.to_string().into_bytes()
}

fn index(entries: &[Value]) -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }).to_string().into_bytes()
}

/// An OCI layout of these blobs and this index.
fn layout(blobs: &[&[u8]], entries: &[Value]) -> Vec<u8> {
    let names: Vec<String> = blobs.iter().map(|bytes| blob(bytes)).collect();
    let index = index(entries);
    let mut members: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(blobs.iter().copied()).collect();
    members.extend([("index.json", &index[..]), ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)]);
    tar(&members)
}

fn item(config: &str, tags: Value, layers: &[&str]) -> Vec<u8> {
    json!([{ "Config": config, "RepoTags": tags, "Layers": layers }]).to_string().into_bytes()
}

fn names(loaded: &[LoadedImage]) -> Vec<String> {
    loaded.iter().flat_map(|image| &image.names).map(Reference::familiar).collect()
}

#[test]
fn members_may_come_in_any_order() {
    let (low, high) = (layer("low"), gzip(&layer("high")));
    let config = config("amd64", &[&low, &layer("high")]);
    let manifest = item("c.json", json!(["a:1", "example.org/b/c:2"]), &["low/layer.tar", "./high.tar"]);
    let members = [
        ("c.json", &config[..]),
        ("low/layer.tar", &low),
        ("high.tar", &high),
        ("manifest.json", &manifest),
        ("repositories", br#"{"nonsense": 1}"#),
        ("low/VERSION", b"1.0"),
        ("low/json", br#"{"id": "x"}"#),
    ];
    for turn in 0..members.len() {
        let mut order = members;
        order.rotate_left(turn);
        for reversed in [false, true] {
            if reversed {
                order.reverse();
            }
            let home = home();
            let loaded = home.load(&tar(&order)).unwrap();
            assert_eq!(loaded[0].id, Digest::of(&config));
            assert_eq!(names(&loaded), ["a:1", "example.org/b/c:2"]);
            let image = home.store.find("a:1").unwrap();
            assert_eq!(image.layers, [Digest::of(&low), Digest::of(&layer("high"))].map(DiffId));
        }
    }
}

#[test]
fn an_archive_may_be_packed_as_a_whole_and_come_byte_by_byte() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let len = out.len().min(1);
            self.0.read(&mut out[..len])
        }
    }
    let low = layer("low");
    let config = config("amd64", &[&low]);
    let archive = tar(&[
        ("l.tar", &low),
        ("c.json", &config),
        ("manifest.json", &item("c.json", json!(["a:1"]), &["l.tar"])),
    ]);
    for archive in [archive.clone(), gzip(&archive), zstd(&archive)] {
        let home = home();
        let loaded = load(&home.store, Slow(&archive), None, &Quiet, &mut || Ok(Vec::new())).unwrap();
        assert_eq!(loaded[0].id, Digest::of(&config));
    }
    for (start, program) in [(&b"\xfd7zXZ\0\0\x04"[..], "xz"), (b"BZh91AY&SY", "bzip2")] {
        assert!(home().refuses(start).contains(&format!("`{program} -dc`")));
    }
}

#[test]
fn layers_may_be_links_to_each_other() {
    let low = layer("low");
    let config = config("amd64", &[&low, &low, &low]);
    let manifest = item("c.json", json!(null), &["1/layer.tar", "2/layer.tar", "3/layer.tar"]);
    let link = |kind, name: &str, target: &str| Member { target: target.into(), ..Member::new(name, kind) };
    for first_links in [true, false] {
        let mut tar = TarWriter::new(Vec::new());
        let links = [
            link(MemberKind::Symlink, "2/layer.tar", "../1/layer.tar"),
            link(MemberKind::HardLink, "3/layer.tar", "2/layer.tar"),
        ];
        let append_links = |tar: &mut TarWriter<Vec<u8>>| {
            links.iter().for_each(|link| tar.append(link, io::empty()).unwrap());
        };
        if first_links {
            append_links(&mut tar);
        }
        tar.append_bytes(Member::new("1/layer.tar", MemberKind::File), &low).unwrap();
        tar.append_bytes(Member::new("c.json", MemberKind::File), &config).unwrap();
        tar.append_bytes(Member::new("manifest.json", MemberKind::File), &manifest).unwrap();
        if !first_links {
            append_links(&mut tar);
        }
        let loaded = home().load(&tar.finish().unwrap()).unwrap();
        assert_eq!(loaded, [LoadedImage { id: Digest::of(&config), names: Vec::new() }]);
    }
}

#[test]
fn layouts_keep_their_manifests_and_names() {
    let (plain, packed, stronger) = (layer("1"), gzip(&layer("2")), zstd(&layer("3")));
    let config = config("amd64", &[&layer("1"), &layer("2"), &layer("3")]);
    let manifest = manifest(&config, &[&plain, &packed, &stronger]);
    let entry = |annotations: Value| {
        let mut entry = descriptor(OCI_MANIFEST, &manifest);
        entry["annotations"] = annotations;
        entry
    };
    let blobs: [&[u8]; 5] = [&plain, &packed, &stronger, &config, &manifest];
    for (entries, expected) in [
        (vec![entry(json!({ IMAGE_NAME: "docker.io/library/a:1", REF_NAME: "1" }))], vec!["a:1"]),
        (vec![entry(json!({ IMAGE_NAME: "docker.io/library/a:1", REF_NAME: "changed" }))], vec!["a:changed"]),
        (vec![entry(json!({ REF_NAME: "localhost/a:1" }))], vec!["localhost/a:1"]),
        (vec![entry(json!({ REF_NAME: "latest" }))], vec![]),
        (vec![descriptor(OCI_MANIFEST, &manifest)], vec![]),
        (vec![entry(json!({ IMAGE_NAME: "a:1" })), entry(json!({ IMAGE_NAME: "b:2" }))], vec!["a:1", "b:2"]),
    ] {
        let home = home();
        let loaded = home.load(&layout(&blobs, &entries)).unwrap();
        assert_eq!(loaded.len(), 1);
        assert_eq!(names(&loaded), expected);
        let image = home.store.find(&Digest::of(&config).hex()).unwrap();
        assert_eq!(image.manifest, Digest::of(&manifest));
    }
}

/// A layout of one image for two platforms; `present` of them are in the archive.
fn two_platforms(present: &[&str]) -> (Vec<u8>, [Digest; 2]) {
    let mut blobs = Vec::new();
    let mut entries = Vec::new();
    let mut ids = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let low = gzip(&layer(architecture));
        let config = config(architecture, &[&layer(architecture)]);
        let manifest = manifest(&config, &[&low]);
        let mut entry = descriptor(OCI_MANIFEST, &manifest);
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entries.push(entry);
        ids.push(Digest::of(&config));
        if present.contains(&architecture) {
            blobs.extend([low, config, manifest]);
        }
    }
    let attestation = br#"{"schemaVersion":2,"config":{"size":0,"digest":"x"}}"#;
    let mut entry = descriptor(OCI_MANIFEST, attestation);
    entry["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    entries.push(entry);
    let list = index(&entries);
    let mut entry = descriptor(OCI_INDEX, &list);
    entry["annotations"] = json!({ IMAGE_NAME: "docker.io/library/multi:1" });
    blobs.push(list);
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    (layout(&blobs, &[entry]), [ids[0], ids[1]])
}

#[test]
fn of_several_platforms_one_is_taken_and_the_others_layers_go() {
    let (both, [amd64, arm64]) = two_platforms(&["amd64", "arm64"]);
    for (platform, id) in [("linux/amd64", amd64), ("linux/arm64", arm64)] {
        let home = home();
        assert_eq!(home.load_for(&both, Some(platform)).unwrap()[0].id, id);
        assert_eq!(home.store.layers.list().unwrap().len(), 1);
    }
    assert!(home().load_for(&both, Some("linux/s390x")).is_err());
    let (one, _) = two_platforms(&["arm64"]);
    assert_eq!(home().load(&one).unwrap()[0].id, arm64, "the only one there is");
    assert_eq!(home().load_for(&one, Some("linux/arm64")).unwrap()[0].id, arm64);
    assert!(home().load_for(&one, Some("linux/amd64")).is_err());
}

#[test]
fn a_docker_archive_is_searched_for_the_platform() {
    let (low, arm) = (layer("amd64"), layer("arm64"));
    let (one, two) = (config("amd64", &[&low]), config("arm64", &[&arm]));
    let manifest = json!([
        { "Config": "1.json", "RepoTags": ["a:1"], "Layers": ["1.tar"] },
        { "Config": "2.json", "RepoTags": ["a:2"], "Layers": ["2.tar"] },
    ]);
    let archive = tar(&[
        ("1.json", &one),
        ("2.json", &two),
        ("1.tar", &low),
        ("2.tar", &arm),
        ("manifest.json", manifest.to_string().as_bytes()),
    ]);
    let home = home();
    assert_eq!(names(&home.load_for(&archive, Some("linux/arm64")).unwrap()), ["a:2"]);
    assert_eq!(home.store.layers.list().unwrap().len(), 1);
    let error = home.load_for(&archive, Some("linux/riscv64")).unwrap_err();
    assert!(error.to_string().contains("requested platform (linux/riscv64) not found"), "{error}");
    assert_eq!(names(&home.load(&archive).unwrap()), ["a:1", "a:2"]);
}

#[test]
fn a_layer_that_is_here_may_be_missing_in_the_archive() {
    let (low, high) = (layer("low"), layer("high"));
    let home = home();
    let one = config("amd64", &[&low]);
    let manifest = item("c.json", json!(["a:1"]), &["l.tar"]);
    home.load(&tar(&[("l.tar", &low), ("c.json", &one), ("manifest.json", &manifest)])).unwrap();
    let two = config("amd64", &[&low, &high]);
    let manifest = item("c.json", json!(["a:2"]), &["l.tar", "h.tar"]);
    home.load(&tar(&[("h.tar", &high), ("c.json", &two), ("manifest.json", &manifest)])).unwrap();
    assert_eq!(home.store.find("a:2").unwrap().layers.len(), 2);
    let error =
        home.load(&tar(&[("c.json", &config("amd64", &[&low, &layer("x")])), ("manifest.json", &manifest)]));
    assert_eq!(error.unwrap_err().to_string(), "open h.tar: no such file or directory");
    assert_eq!(home.store.layers.list().unwrap().len(), 2, "what others need stays");
}

#[test]
fn a_name_that_moves_is_announced() {
    struct Lines(Mutex<Vec<String>>);
    impl Progress for Lines {
        fn line(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
        fn layer(&self, _id: &str, _step: Step) {}
    }
    let home = home();
    let lines = Lines(Mutex::default());
    let mut ids = Vec::new();
    for content in ["old", "new", "new"] {
        let low = layer(content);
        let config = config("amd64", &[&low]);
        let manifest = item("c.json", json!(["a:1"]), &["l.tar"]);
        let archive = tar(&[("l.tar", &low), ("c.json", &config), ("manifest.json", &manifest)]);
        load(&home.store, &archive[..], None, &lines, &mut || Ok(Vec::new())).unwrap();
        ids.push(Digest::of(&config));
    }
    let told = lines.0.into_inner().unwrap();
    let expected =
        format!("The image a:1 already exists, renaming the old one with ID {} to empty string", ids[0]);
    assert_eq!(told, [expected]);
}

#[test]
fn what_lies_is_refused_and_leaves_nothing() {
    let low = layer("low");
    let good = config("amd64", &[&low]);
    let archive = |config: &[u8], manifest: &[u8]| {
        tar(&[("l.tar", &low), ("c.json", config), ("manifest.json", manifest)])
    };
    let windows = String::from_utf8(good.clone()).unwrap().replace("linux", "windows");
    let wrong = Digest::of(b"wrong").hex();
    let deep = (0..9).fold((index(&[]), Vec::new()), |(inner, mut blobs), _| {
        let outer = index(&[descriptor(OCI_INDEX, &inner)]);
        blobs.push(inner);
        (outer, blobs)
    });
    let deep_blobs: Vec<&[u8]> = deep.1.iter().map(Vec::as_slice).chain([&deep.0[..]]).collect();
    let large = [b"{".as_slice(), &vec![b' '; 5 << 20], b"}"].concat();
    let mut sparse_link = TarWriter::new(Vec::new());
    for (name, target) in [("manifest.json", "a"), ("a", "b"), ("b", "a")] {
        let link = Member { target: target.into(), ..Member::new(name, MemberKind::Symlink) };
        sparse_link.append(&link, io::empty()).unwrap();
    }
    for (what, archive, message) in [
        ("nothing", Vec::new(), "unexpected EOF"),
        ("text", b"hello\n".repeat(1000), "not a tar archive"),
        ("an empty archive", tar(&[]), "does not contain a manifest.json"),
        ("another archive", tar(&[("x", b"y")]), "does not contain a manifest.json"),
        ("a circle of links", sparse_link.finish().unwrap(), "does not contain a manifest.json"),
        ("null", archive(&good, b"null"), "manifest cannot be null"),
        ("no list", archive(&good, b"{}"), "failed to decode manifest.json"),
        ("no JSON", archive(&good, b"[{"), "failed to decode manifest.json"),
        (
            "too many layers",
            archive(&good, &item("c.json", json!(["a:1"]), &["l.tar", "l.tar"])),
            "layers length mismatch: expected 2, got 1",
        ),
        (
            "a missing layer",
            tar(&[("c.json", &good), ("manifest.json", &item("c.json", json!(["a:1"]), &["x.tar"]))]),
            "open x.tar: no such file or directory",
        ),
        (
            "a way out",
            archive(&good, &item("../../../../etc/passwd", json!(["a:1"]), &[])),
            "open ../../../../etc/passwd: no such file or directory",
        ),
        (
            "another layer",
            archive(&config("amd64", &[b"x"]), &item("c.json", json!(["a:1"]), &["l.tar"])),
            "invalid diffID for layer 0",
        ),
        ("a config as layer", archive(&good, &item("c.json", json!(["a:1"]), &["c.json"])), "this is JSON"),
        (
            "a layer as config",
            archive(&good, &item("l.tar", json!(["a:1"]), &["l.tar"])),
            "l.tar is a layer, not JSON",
        ),
        ("a bad name", archive(&good, &item("c.json", json!(["A b"]), &["l.tar"])), "invalid tag \"A b\""),
        (
            "another system",
            archive(windows.as_bytes(), &item("c.json", json!(["a:1"]), &["l.tar"])),
            "cannot load windows image on linux",
        ),
        (
            "a large config",
            archive(&large, &item("c.json", json!(["a:1"]), &["l.tar"])),
            "more than a config or manifest may have",
        ),
        (
            "a layer in xz",
            tar(&[
                ("l.tar", &[b"\xfd7zXZ\0".as_slice(), &[7; 600]].concat()),
                ("c.json", &good),
                ("manifest.json", &item("c.json", json!(["a:1"]), &["l.tar"])),
            ]),
            "xz compression is not supported",
        ),
        ("a false layer blob", tar(&[(&format!("{BLOBS}{wrong}"), &low)]), "does not match its digest"),
        ("a false paper", tar(&[(&format!("{BLOBS}{wrong}"), b"{}")]), "does not match its digest"),
        ("indexes without end", layout(&deep_blobs, &[descriptor(OCI_INDEX, &deep.0)]), "no image in it"),
        ("an empty layout", layout(&[], &[]), "no image in it"),
        (
            "a manifest that is elsewhere",
            layout(&[], &[descriptor(OCI_MANIFEST, b"x")]),
            "no such file or directory",
        ),
    ] {
        let said = home().refuses(&archive);
        assert!(said.contains(message), "{what}: {said}");
    }
}

#[test]
fn descriptors_must_tell_the_right_size() {
    let low = gzip(&layer("low"));
    let config = config("amd64", &[&layer("low")]);
    let text = String::from_utf8(manifest(&config, &[&low])).unwrap();
    let false_size = text.replace(&format!("\"size\":{}", low.len()), "\"size\":1");
    let archive =
        layout(&[&low, &config, false_size.as_bytes()], &[descriptor(OCI_MANIFEST, false_size.as_bytes())]);
    let said = home().refuses(&archive);
    assert!(said.contains("does not match its descriptor"), "{said}");
}

/// A small generator with a fixed seed (xorshift).
fn numbers() -> impl FnMut(usize) -> usize {
    let state = RefCell::new(0x9e37_79b9_7f4a_7c15_u64);
    move |below| {
        let mut x = state.borrow_mut();
        *x ^= *x << 13;
        *x ^= *x >> 7;
        *x ^= *x << 17;
        (*x % below as u64) as usize
    }
}

#[test]
fn cut_and_damaged_archives_never_make_another_image() {
    let (low, high) = (layer("low"), gzip(&layer("high")));
    let config = config("amd64", &[&low, &layer("high")]);
    let id = Digest::of(&config);
    let manifest = manifest(&config, &[&low, &high]);
    let item = item("c.json", json!(["a:1"]), &["l.tar", "h.tar"]);
    let docker = tar(&[("l.tar", &low), ("h.tar", &high), ("c.json", &config), ("manifest.json", &item)]);
    let oci = layout(&[&low, &high, &config, &manifest], &[descriptor(OCI_MANIFEST, &manifest)]);
    let packed = gzip(&oci);
    let mut number = numbers();
    for archive in [docker, oci, packed] {
        for _ in 0..40 {
            let mut damaged = archive.clone();
            match number(3) {
                0 => damaged.truncate(number(archive.len())),
                _ => {
                    let at = number(archive.len());
                    damaged[at] ^= 1 << number(8);
                }
            }
            let home = home();
            match home.load(&damaged) {
                // The damage hit padding, a time, a name nobody needs, or text that is no digest's business.
                Ok(loaded) => {
                    for layer in &home.store.find(&loaded[0].id.hex()).unwrap().layers {
                        assert!([Digest::of(&low), Digest::of(&self::layer("high"))].contains(&layer.0));
                    }
                    let config = home.store.config_bytes(&loaded[0].id).unwrap();
                    assert_eq!(Digest::of(&config), loaded[0].id);
                }
                Err(_) => {
                    assert!(home.store.list().unwrap().is_empty());
                    assert!(home.store.layers.list().unwrap().is_empty());
                }
            }
        }
        for end in (0..archive.len().saturating_sub(1024 + 9)).step_by(511) {
            let home = home();
            match home.load(&archive[..end]) {
                Ok(loaded) => assert_eq!(loaded[0].id, id, "cut at {end} of {}", archive.len()),
                Err(_) => assert!(home.store.layers.list().unwrap().is_empty(), "cut at {end}"),
            }
        }
    }
}

#[test]
fn saved_images_come_back_the_same_and_give_the_same_bytes() {
    let (low, high) = (layer("low"), layer("high"));
    let source = home();
    for (name, layers) in [("a:1", vec![&low]), ("b:1", vec![&low, &high])] {
        let paths: Vec<String> = (0..layers.len()).map(|n| format!("{n}.tar")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let layers: Vec<&[u8]> = layers.into_iter().map(Vec::as_slice).collect();
        let config = config("amd64", &layers);
        let manifest = item("c.json", json!([name]), &paths);
        let mut members: Vec<(&str, &[u8])> = paths.iter().copied().zip(layers.iter().copied()).collect();
        members.extend([("c.json", &config[..]), ("manifest.json", &manifest)]);
        source.load(&tar(&members)).unwrap();
    }
    let (a, b) = (source.store.find("a:1").unwrap(), source.store.find("b:1").unwrap());
    source.store.tag(&a, &Reference::parse("a:2").unwrap()).unwrap();
    let id = b.id.hex();
    for (typed, expected, formats) in [
        (vec!["a:1"], vec!["a:1"], 2),
        (vec!["a"], vec!["a:1", "a:2"], 2),
        (vec!["a:2", "a:1", "a"], vec!["a:2", "a:1"], 2),
        (vec!["a:1", "b:1"], vec!["a:1", "b:1"], 2),
        (vec![&id[..12]], vec![], 2),
    ] {
        for format in [ArchiveFormat::Docker, ArchiveFormat::Oci].into_iter().take(formats) {
            let archive = source.save(&typed, format);
            assert!(archive == source.save(&typed, format), "{typed:?} twice");
            let target = home();
            let loaded = target.load(&archive).unwrap();
            assert_eq!(names(&loaded), expected, "{format:?}");
            for image in &loaded {
                let original = source.store.find(&image.id.hex()).unwrap();
                assert_eq!(target.store.find(&image.id.hex()).unwrap().manifest, original.manifest);
            }
            assert!(archive == target.save(&typed, format), "{typed:?} saved again elsewhere");
        }
    }
    let both = source.save(&["a:1", "b:1"], ArchiveFormat::Docker);
    let copies = both.windows(low.len()).filter(|window| *window == &low[..]).count();
    assert_eq!(copies, 1, "shared layers are there once");
}

#[test]
fn a_save_needs_all_names_the_platform_and_undamaged_layers() {
    let low = layer("low");
    let home = home();
    let config = config("amd64", &[&low]);
    let manifest = item("c.json", json!(["a:1"]), &["l.tar"]);
    home.load(&tar(&[("l.tar", &low), ("c.json", &config), ("manifest.json", &manifest)])).unwrap();
    let find = |names: &[&str]| {
        Selected::find(&home.store, &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(find(&["a:1", "nosuch"]).unwrap_err().to_string(), "No such image: nosuch:latest");
    let selected = find(&["a:1"]).unwrap();
    let save = |platform: Option<&str>| {
        let platform = platform.map(|platform| platform.parse().unwrap());
        let mut out = Vec::new();
        save(&home.store, &selected, ArchiveFormat::Docker, platform.as_ref(), &mut out).map(|()| out)
    };
    assert!(save(Some("linux/amd64")).is_ok());
    assert_eq!(
        save(Some("linux/arm64")).unwrap_err().to_string(),
        "image with reference a:1 was found but its platform (linux/amd64) does not match the specified \
         platform (linux/arm64)"
    );
    let path = home.config.layers().join(Digest::of(&low).hex()).join("tar");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[600] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(save(None).unwrap_err().to_string().contains("was damaged on disk"));
}

//! The store through its public functions: names that move, removal, damage, further stores.

use std::fs;

use super::*;
use crate::image::testing::{Built, build, config_in, tar};
use crate::layer::store::Expected;

struct Home {
    store: ImageStore,
    config: Config,
    directory: tempfile::TempDir,
}

fn home() -> Home {
    let directory = tempfile::tempdir().unwrap();
    let config = config_in(directory.path());
    Home { store: ImageStore::open(&config), config, directory }
}

impl Home {
    fn has(&self, files: &[&[u8]], names: &[&str]) -> Image {
        for file in files {
            self.store.layers.ingest(&tar(file)[..], &Expected::default()).unwrap();
        }
        let Built { manifest, mut blobs, .. } = build(files);
        let names = names.iter().map(|n| Reference::parse(n).unwrap()).collect();
        let new = NewImage { manifest, config: blobs.pop().unwrap(), index: None, names };
        self.store.enter(&[new]).unwrap().pop().unwrap()
    }

    fn remove(&self, name: &str, force: bool, pins: &[InUse]) -> Result<Vec<String>, String> {
        let removed = self.store.remove(name, force, &mut || Ok(pins.to_vec()));
        removed.map(|all| all.iter().map(Removed::to_string).collect()).map_err(|e| e.to_string())
    }

    fn blobs(&self) -> usize {
        fs::read_dir(self.config.blobs()).map_or(0, Iterator::count)
    }

    fn layers(&self) -> usize {
        self.store.layers.list().unwrap().len()
    }
}

fn pin(image: &Image, running: bool) -> InUse {
    InUse { user: User::Container { id: "c".repeat(64), running }, image: image.pin() }
}

#[test]
fn images_are_found_by_name_and_by_id() {
    let home = home();
    let image = home.has(&[b"one"], &["debian:12"]);
    let hex = image.id.hex();
    for name in [
        "debian:12",
        "docker.io/library/debian:12",
        &hex,
        &hex[..4],
        &image.id.to_string(),
        &format!("sha256:{}", &hex[..9]),
    ] {
        assert_eq!(home.store.find(name).unwrap().id, image.id, "{name}");
    }
    for (name, message) in [
        ("nosuch", "No such image: nosuch:latest"),
        ("debian", "No such image: debian:latest"),
        ("debian:13", "No such image: debian:13"),
        ("A", "invalid reference format: repository name (library/A) must be lowercase"),
        ("", "invalid reference format"),
    ] {
        assert_eq!(home.store.find(name).unwrap_err().to_string(), message, "{name}");
    }
    let unknown = Digest::of(b"unknown").to_string();
    assert_eq!(home.store.find(&unknown).unwrap_err().to_string(), format!("No such image: {unknown}"));
}

#[test]
fn a_prefix_of_two_ids_is_ambiguous() {
    let home = home();
    let mut by_digit: HashMap<char, usize> = HashMap::new();
    for n in 0..17u8 {
        let image = home.has(&[&[n]], &[]);
        *by_digit.entry(image.id.hex().chars().next().unwrap()).or_default() += 1;
    }
    let (digit, _) = by_digit.into_iter().find(|(_, count)| *count > 1).expect("17 ids, 16 digits");
    let error = home.store.find(&digit.to_string()).unwrap_err();
    assert_eq!(error.to_string(), format!("multiple IDs found with provided prefix: {digit}"));
}

#[test]
fn a_name_that_moves_leaves_the_old_image_nameless() {
    let home = home();
    let old = home.has(&[b"one"], &["x:1"]);
    let new = home.has(&[b"two"], &["x:1"]);
    assert_eq!(home.store.find("x:1").unwrap().id, new.id);
    let list = home.store.list().unwrap();
    let nameless = list.iter().find(|image| image.id == old.id).unwrap();
    assert!(nameless.names.is_empty());
    assert_eq!(nameless.origin.as_deref(), Some("docker.io/library/x"));
    // A name brings it back among the others, and once only.
    home.store.tag(&old, &Reference::parse("x:2").unwrap()).unwrap();
    assert_eq!(home.store.list().unwrap().len(), 2);
    assert!(home.store.own.untagged().unwrap().images.is_empty());
}

#[test]
fn the_last_name_takes_the_image_along_but_not_what_others_need() {
    let home = home();
    let image = home.has(&[b"base", b"one"], &["x:1", "x:2"]);
    home.has(&[b"base", b"two"], &["y:1"]);
    assert_eq!(home.remove("x:1", false, &[]).unwrap(), ["Untagged: x:1"]);
    let chain = Digest::of(format!("{} {}", image.layers[0].0, image.layers[1].0).as_bytes());
    assert_eq!(
        home.remove("x:2", false, &[]).unwrap(),
        ["Untagged: x:2".to_owned(), format!("Deleted: {}", image.id), format!("Deleted: {chain}")]
    );
    assert_eq!((home.blobs(), home.layers()), (2, 2));
    home.remove("y:1", false, &[]).unwrap();
    assert_eq!((home.blobs(), home.layers()), (0, 0));
    assert_eq!(home.remove("y:1", false, &[]).unwrap_err(), "No such image: y:1");
}

#[test]
fn a_container_keeps_what_it_pins() {
    let home = home();
    let image = home.has(&[b"one"], &["x:1"]);
    let running = [pin(&image, true)];
    assert!(home.remove("x:1", false, &running).unwrap_err().contains("must force"));
    assert_eq!(home.remove("x:1", true, &running).unwrap(), ["Untagged: x:1"]);
    assert_eq!(home.store.list().unwrap().len(), 1, "nameless, as it is running");
    assert!(home.remove(&image.id.hex(), true, &running).unwrap_err().contains("cannot be forced"));
    let stopped = [pin(&image, false)];
    assert_eq!(home.remove(&image.id.hex(), true, &stopped).unwrap(), [format!("Deleted: {}", image.id)]);
    assert!(home.store.list().unwrap().is_empty());
    assert_eq!(home.store.pinned(&image.pin()).unwrap().layers, image.layers);
    assert_eq!(home.layers(), 1);
    // The next removal, without the container, collects it.
    home.has(&[b"two"], &["y:1"]);
    home.remove("y:1", false, &[]).unwrap();
    assert_eq!((home.blobs(), home.layers()), (0, 0));
}

#[test]
fn leftovers_of_a_crash_are_collected_but_not_what_is_on_its_way() {
    let home = home();
    home.store.layers.ingest(&tar(b"left")[..], &Expected::default()).unwrap();
    let lease = home.store.layers.lease().unwrap();
    let coming = home.store.layers.ingest_leased(&tar(b"coming")[..], &Expected::default(), &lease).unwrap();
    home.has(&[b"one"], &["x:1"]);
    fs::write(home.config.blobs().join(Digest::of(b"left").hex()), b"left").unwrap();
    fs::write(home.config.blobs().join(".half.1.1"), b"ha").unwrap();
    home.remove("x:1", false, &[]).unwrap();
    assert_eq!(home.store.layers.list().unwrap(), [coming.diff_id]);
    assert_eq!(home.blobs(), 0);
    drop(lease);
}

#[test]
fn a_damaged_image_is_named_and_can_be_removed_or_replaced() {
    let home = home();
    let image = home.has(&[b"one"], &["x:1"]);
    let path = home.config.blobs().join(image.id.hex());
    fs::write(&path, b"{}").unwrap();
    assert!(home.store.find("x:1").unwrap_err().to_string().contains("is damaged"));
    assert!(home.store.list().unwrap().is_empty());
    home.has(&[b"one"], &["x:1"]);
    assert_eq!(home.store.find("x:1").unwrap().id, image.id);
    fs::remove_file(&path).unwrap();
    assert_eq!(home.remove("x:1", false, &[]).unwrap(), ["Untagged: x:1"]);
    assert_eq!((home.blobs(), home.layers()), (0, 0));
}

#[test]
fn a_further_store_is_searched_and_never_changed() {
    let theirs = home();
    let image = theirs.has(&[b"one"], &["x:1"]);
    let directory = tempfile::tempdir().unwrap();
    let config = Config { further_stores: vec![theirs.config.root.clone()], ..config_in(directory.path()) };
    let store = ImageStore::open(&config);
    let found = store.find("x:1").unwrap();
    assert_eq!((found.id, found.read_only), (image.id, true));
    assert_eq!(store.find(&image.id.hex()[..6]).unwrap().id, image.id);
    let error = store.remove("x:1", true, &mut || Ok(Vec::new())).unwrap_err();
    assert_eq!(error.to_string(), "image x:1 lies in a read-only store");
    // A name of our own, over their layers.
    store.tag(&found, &Reference::parse("mine:1").unwrap()).unwrap();
    assert!(!store.find("mine:1").unwrap().read_only);
    store.remove("mine:1", false, &mut || Ok(Vec::new())).unwrap();
    assert_eq!(theirs.store.find("x:1").unwrap().id, image.id);
    // What they changed behind our back is not believed.
    fs::write(theirs.config.blobs().join(image.id.hex()), b"{}").unwrap();
    assert!(store.find("x:1").is_err());
    drop(theirs.directory);
}

#[test]
fn an_image_without_its_layers_does_not_enter() {
    let home = home();
    let Built { manifest, mut blobs, .. } = build(&[b"one"]);
    let names = vec![Reference::parse("x:1").unwrap()];
    let new = NewImage { manifest, config: blobs.pop().unwrap(), index: None, names };
    assert!(home.store.enter(&[new]).is_err());
    assert!(home.store.list().unwrap().is_empty());
}

#[test]
fn nobody_removes_while_an_image_is_held() {
    let home = home();
    home.has(&[b"one"], &["x:1"]);
    let held = home.store.hold().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            home.remove("x:1", false, &[]).unwrap();
            sender.send(()).unwrap();
        });
        let early = receiver.recv_timeout(std::time::Duration::from_millis(50));
        assert!(early.is_err(), "removed while held");
        drop(held);
        receiver.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
    });
}

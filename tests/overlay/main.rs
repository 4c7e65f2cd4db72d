//! The root file system, in a user namespace of its own.
//!
//! Each test runs this program again under unshare(1), for its own name: mounts need CAP_SYS_ADMIN in a
//! namespace, a fault must not reach the machine, and a hang must end at a deadline. Where the account
//! has subordinate ids the namespace maps them, else it has one id and the test does what one id can.
//!
//! The kernel's overlayfs over plain directories (mode Unpacked) is the judge: the same operations must
//! have the same outcome in every mode, and leave an upper that reads the same in every mode.

mod image;
mod objects;
mod operations;

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use coracle::container::spec::OverlayChoice;
use coracle::layer::DiffId;
use coracle::layer::store::{Expected, LayerStore};
use coracle::overlay::{self, MappedRange, Mode, OverlayError, Plan, Rootfs};
use coracle::sys::tree::{Removal, remove_tree};

const INSIDE: &str = "CORACLE_TEST_INSIDE";
const DEADLINE: Duration = Duration::from_secs(300);
const MODES: [OverlayChoice; 3] = [OverlayChoice::Unpacked, OverlayChoice::Hybrid, OverlayChoice::Full];

/// Whether this process is the one inside. Outside, the test runs itself inside and checks the outcome.
fn inside(test: &str) -> bool {
    if std::env::var(INSIDE).is_ok_and(|name| name == test) {
        return true;
    }
    let ranges = Command::new("unshare").args(["-Ur", "--map-auto", "true"]).stderr(Stdio::null()).status();
    let mut command = Command::new("unshare");
    command.args(["-Urm", "--propagation", "private"]);
    if ranges.is_ok_and(|status| status.success()) {
        command.arg("--map-auto");
    } else {
        eprintln!("{test}: no subordinate ids, with one id only");
    }
    command.arg(std::env::current_exe().unwrap()).args([test, "--exact", "--nocapture"]).env(INSIDE, test);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("unshare(1)");
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = err.read_to_string(&mut text);
        text
    });
    let other = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = out.read_to_string(&mut text);
        text
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if started.elapsed() > DEADLINE => {
                child.kill().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let text = reader.join().unwrap() + &other.join().unwrap();
    assert!(status.is_some_and(|status| status.success()), "{test} inside its namespace: {status:?}\n{text}");
    false
}

/// A store with an image in it, and containers beside.
struct Home {
    directory: tempfile::TempDir,
    store: LayerStore,
    chain: Vec<DiffId>,
}

impl Home {
    fn new(layers: &[Vec<u8>]) -> Home {
        let directory = tempfile::tempdir().unwrap();
        let config = coracle::config::Config {
            root: directory.path().join("store"),
            runtime: directory.path().join("run"),
            further_stores: Vec::new(),
            overlay: None,
        };
        std::fs::create_dir_all(config.layers()).unwrap();
        let store = LayerStore::open(&config);
        let ingest = |tar: &Vec<u8>| store.ingest(&tar[..], &Expected::default()).unwrap().diff_id;
        let chain = layers.iter().map(ingest).collect();
        Home { store, chain, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn plan(&self, container: &str, choice: OverlayChoice) -> Plan {
        Plan {
            view: self.store.merged(&self.chain).unwrap(),
            container: self.path(container),
            choice,
            users: None,
            uids: ranges("/proc/self/uid_map"),
            gids: ranges("/proc/self/gid_map"),
            unpacked_cache: self.directory.path().join("unpacked"),
            volatile: false,
        }
    }

    fn mount(&self, container: &str, choice: OverlayChoice) -> (Rootfs, PathBuf) {
        let target = self.path("root");
        (overlay::mount(self.plan(container, choice), &target).unwrap(), target)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for entry in std::fs::read_dir(self.directory.path()).unwrap().flatten() {
            let _ = remove_tree(&entry.path());
        }
        let _ = overlay::remove_unpacked(&self.directory.path().join("unpacked"));
    }
}

fn ranges(map: &str) -> Vec<MappedRange> {
    let text = std::fs::read_to_string(map).unwrap();
    let line = |line: &str| {
        let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap());
        let (inside, _, count) = (numbers.next().unwrap(), numbers.next(), numbers.next().unwrap());
        MappedRange { inside, outside: inside, count }
    };
    text.lines().map(line).collect()
}

fn same(what: &str, expected: &[String], found: &[String]) {
    for (at, (left, right)) in expected.iter().zip(found).enumerate() {
        assert_eq!(left, right, "{what}, line {at}");
    }
    assert_eq!(expected.len(), found.len(), "{what}: number of lines");
}

#[test]
fn an_image_looks_the_same_in_every_mode() {
    if !inside("an_image_looks_the_same_in_every_mode") {
        return;
    }
    let home = Home::new(&image::layers());
    let mut seen = Vec::new();
    for choice in MODES {
        let (root, target) = home.mount(&format!("{choice:?}"), choice);
        seen.push(image::describe(&target));
        drop(root);
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0, "{choice:?} is still mounted");
    }
    same("hybrid", &seen[0], &seen[1]);
    same("full", &seen[0], &seen[2]);
    let one_id = ranges("/proc/self/uid_map").iter().map(|range| range.count).sum::<u32>() == 1;
    image::check(&seen[0], one_id);
}

#[test]
fn operations_have_the_same_outcome_in_every_mode() {
    if !inside("operations_have_the_same_outcome_in_every_mode") {
        return;
    }
    let home = Home::new(&image::layers());
    let mut outcomes = Vec::new();
    for choice in MODES {
        let (_root, target) = home.mount(&format!("{choice:?}"), choice);
        outcomes.push(operations::run(&target));
    }
    same("hybrid", &outcomes[0], &outcomes[1]);
    same("full", &outcomes[0], &outcomes[2]);
}

#[test]
fn an_upper_reads_the_same_in_every_mode() {
    if !inside("an_upper_reads_the_same_in_every_mode") {
        return;
    }
    let home = Home::new(&image::layers());
    for writer in MODES {
        let container = format!("{writer:?}");
        let (root, target) = home.mount(&container, writer);
        operations::run(&target);
        let before = image::describe(&target);
        drop(root);
        let read = MODES.map(|reader| {
            let (_root, target) = home.mount(&container, reader);
            image::describe(&target)
        });
        same(&format!("{writer:?} read by hybrid"), &read[0], &read[1]);
        same(&format!("{writer:?} read by full"), &read[0], &read[2]);
        // The kernel numbers the names of a link that it copied up alike only after the next mount.
        if writer == OverlayChoice::Full {
            same("full before and after", &before, &read[2]);
        }
    }
}

#[test]
fn marks_may_be_files() {
    if !inside("marks_may_be_files") {
        return;
    }
    let home = Home::new(&image::layers());
    let container = home.path("files");
    std::fs::write(container.join("marks"), "files\n").unwrap();
    let (root, target) = home.mount("devices", OverlayChoice::Full);
    let expected = operations::run(&target);
    drop(root);
    let (root, target) = home.mount("files", OverlayChoice::Auto);
    assert_eq!(root.mode(), Mode::Full);
    assert!(root.note().is_some_and(|note| note.contains("whiteouts")), "{:?}", root.note());
    same("marks as files", &expected, &operations::run(&target));
    let before = image::describe(&target);
    drop(root);
    let (_root, target) = home.mount("files", OverlayChoice::Full);
    same("mounted again", &before, &image::describe(&target));
    let refused = overlay::mount(home.plan("files", OverlayChoice::Hybrid), &target);
    assert!(matches!(refused, Err(OverlayError::Unusable { mode: Mode::Hybrid, instead: "full", .. })));
}

#[test]
fn a_full_disk_loses_nothing() {
    if !inside("a_full_disk_loses_nothing") {
        return;
    }
    let home = Home::new(&image::layers());
    for choice in MODES {
        let container = home.path("small");
        let small = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"];
        assert!(Command::new("mount").args(small).arg(&container).status().unwrap().success());
        let (root, target) = home.mount("small", choice);
        let big = target.join("usr/lib/big");
        let whole = std::fs::read(&big).unwrap();
        let error = File::options()
            .append(true)
            .open(&big)
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"more"));
        assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::StorageFull, "{choice:?}");
        assert_eq!(std::fs::read(&big).unwrap(), whole, "{choice:?}");
        std::fs::write(target.join("etc/small"), "fits").unwrap();
        std::fs::remove_file(&big).unwrap();
        assert!(!big.exists());
        drop(root);
        assert_eq!(overlay::written_size(&container), 4, "{choice:?}: an unfinished copy is left");
        assert!(Command::new("umount").arg(&container).status().unwrap().success());
    }
}

#[test]
fn without_the_device_the_image_is_unpacked() {
    if !inside("without_the_device_the_image_is_unpacked") {
        return;
    }
    let home = Home::new(&image::layers());
    let null = Command::new("mount").args(["--bind", "/dev/null", "/dev/fuse"]).status().unwrap();
    assert!(null.success());
    let (root, _) = home.mount("auto", OverlayChoice::Auto);
    assert_eq!(root.mode(), Mode::Unpacked);
    assert!(root.note().is_some());
    let target = home.path("root");
    let refused = overlay::mount(home.plan("full", OverlayChoice::Full), &target).err().unwrap();
    let text = refused.to_string();
    assert!(text.contains("full does not work here") && text.contains("overlay=unpacked"), "{text}");
    let cache = home.directory.path().join("unpacked");
    assert_eq!(overlay::remove_unpacked(&cache).unwrap(), 0, "in use");
    drop(root);
    assert_eq!(overlay::remove_unpacked(&cache).unwrap(), 1);
}

#[test]
fn dropping_ends_the_server_while_the_mount_is_still_held() {
    if !inside("dropping_ends_the_server_while_the_mount_is_still_held") {
        return;
    }
    let home = Home::new(&image::layers());
    let (root, target) = home.mount("held", OverlayChoice::Hybrid);
    let file = File::open(target.join("etc/passwd")).unwrap();
    let started = Instant::now();
    drop(root);
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    let mut text = String::new();
    // Cached or cut off, but it must not hang.
    let _ = (&file).read_to_string(&mut text);
}

#[test]
fn an_upper_is_removed_whatever_is_in_it() {
    if !inside("an_upper_is_removed_whatever_is_in_it") {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new(&image::layers());
    let (root, target) = home.mount("deep", OverlayChoice::Full);
    let mut directory = rustix::fs::open(
        &target,
        rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    for _ in 0..1500 {
        rustix::fs::mkdirat(&directory, "d", rustix::fs::Mode::RWXU).unwrap();
        directory = rustix::fs::openat(
            &directory,
            "d",
            rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
            rustix::fs::Mode::empty(),
        )
        .unwrap();
    }
    std::fs::create_dir_all(target.join("closed/inner")).unwrap();
    std::fs::set_permissions(target.join("closed"), PermissionsExt::from_mode(0o000)).unwrap();
    drop((root, directory));
    let container = home.path("deep");
    assert_eq!(remove_tree(&container).unwrap(), Removal::Done);
    assert!(!container.exists());
}

fn broken_link(writer: OverlayChoice, operation: &str, kind: objects::Kind) -> Option<&'static str> {
    if writer == OverlayChoice::Full {
        return None;
    }
    if matches!(kind, objects::Kind::LowerLinked | objects::Kind::LinkedCopiedUp) {
        return Some(
            "without an index overlayfs copies up one name of a hard link, and goes on counting those of the image",
        );
    }
    operation
        .starts_with("link")
        .then_some("overlayfs numbers the names of a file that it copied up alike only after the next mount")
}

/// Why a cell of the table may answer differently from a plain directory, if it may.
fn explained(
    choice: OverlayChoice,
    operation: &str,
    kind: objects::Kind,
    found: &str,
) -> Option<&'static str> {
    use objects::Kind::*;
    let moves = operation.starts_with("rename") || operation.starts_with("exchange");
    if moves && found.starts_with("error 18") && matches!(kind, LowerEmpty | LowerDirectory | Merged) {
        return Some("a directory of the image is moved by copying, as in overlayfs without redirects");
    }
    if operation == "rename whiteout" && found.starts_with("error 22") {
        return Some("overlayfs does not take RENAME_WHITEOUT itself");
    }
    if let Some(why) = broken_link(choice, operation, kind) {
        return Some(why);
    }
    if choice == OverlayChoice::Full && operation == "tmpfile" && found.starts_with("error 95") {
        return Some("fuser does not know FUSE_TMPFILE");
    }
    if matches!(operation, "append" | "read on after a change") && kind == LowerFifo {
        return Some("neither overlayfs nor FUSE passes on the time of a write to a FIFO");
    }
    if choice == OverlayChoice::Full && operation == "collapse a range" && found.starts_with("error 95") {
        return Some("the kernel's FUSE punches holes and zeroes ranges only");
    }
    None
}

#[test]
fn every_operation_does_to_every_object_what_it_does_on_a_plain_directory() {
    if !inside("every_operation_does_to_every_object_what_it_does_on_a_plain_directory") {
        return;
    }
    let home = Home::new(&[objects::layer()]);
    let (root, target) = home.mount("plain", OverlayChoice::Full);
    let plain = home.path("copy");
    let copied = Command::new("cp").args(["-a", "--"]).arg(target.join("cells")).arg(&plain).status();
    assert!(copied.unwrap().success());
    drop(root);
    objects::prepare(&plain);
    let expected = objects::run(&plain);
    // Without it overlayfs syncs each of the many copies.
    let mount = |container: &str, choice| {
        let target = home.path("root");
        (overlay::mount(Plan { volatile: true, ..home.plan(container, choice) }, &target).unwrap(), target)
    };
    let mut faults = Vec::new();
    for choice in MODES {
        let (root, target) = mount(&format!("{choice:?}"), choice);
        objects::prepare(&target);
        let found = objects::run(&target);
        for ((operation, kind, plain), (.., found)) in expected.iter().zip(&found) {
            if plain != found && explained(choice, operation, *kind, found).is_none() {
                faults.push(format!("{choice:?}: {operation}, {kind:?}: {found}\non a plain one: {plain}"));
            }
        }
        // What was written reads the same afterwards, in every mode.
        let before = objects::describe(&target);
        drop(root);
        let read = MODES.map(|reader| {
            let (_root, target) = mount(&format!("{choice:?}"), reader);
            objects::describe(&target)
        });
        for (reader, read) in MODES.iter().zip(&read) {
            for ((operation, kind, left), (.., right)) in before.iter().zip(read) {
                let explained =
                    broken_link(choice, operation, *kind).or(broken_link(*reader, operation, *kind));
                if left != right && explained.is_none() {
                    faults.push(format!(
                        "{choice:?} read by {reader:?}: {operation}, {kind:?}: {right}\nbefore: {left}"
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_volatile_upper_is_mounted_again() {
    if !inside("a_volatile_upper_is_mounted_again") {
        return;
    }
    let home = Home::new(&image::layers());
    let target = home.path("root");
    for choice in [OverlayChoice::Hybrid, OverlayChoice::Hybrid, OverlayChoice::Full, OverlayChoice::Unpacked]
    {
        let root = overlay::mount(Plan { volatile: true, ..home.plan("volatile", choice) }, &target).unwrap();
        std::fs::write(target.join("etc/passwd"), format!("{choice:?}")).unwrap();
        drop(root);
    }
}

use super::super::{names, record, state};
use super::*;
use crate::container::ContainerSpec;
use crate::digest::Digest;
use crate::image::PinnedImage;

fn store(dir: &Path) -> ContainerStore {
    let config =
        Config { root: dir.to_owned(), runtime: dir.to_owned(), further_stores: Vec::new(), overlay: None };
    ContainerStore::open(&config)
}

fn wish(name: Option<&str>) -> ContainerRecord {
    let digest = Digest::of(b"");
    let name = name.map(|n| ContainerName::parse(n).unwrap());
    ContainerRecord {
        version: record::VERSION,
        id: ContainerId::random(),
        name: names::made_up(0),
        created: jiff::Timestamp::now(),
        spec: ContainerSpec { name, ..ContainerSpec::default() },
        image: PinnedImage { id: digest, manifest: digest, layers: Vec::new() },
    }
}

fn hold(store: &ContainerStore, id: &ContainerId) -> OfdLock {
    let path = store.directory(id).join("alive");
    OfdLock::try_new(open_lock(&path).unwrap(), ALIVE).unwrap().expect("free")
}

#[test]
fn a_container_is_found_by_id_name_and_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let made = store.create(wish(Some("web"))).unwrap();
    for text in [made.id.as_str(), made.id.short(), &made.id.as_str()[..3], "web", "/web"] {
        assert_eq!(store.find(text).unwrap().record, made, "{text}");
    }
    assert!(matches!(store.find("we"), Err(StoreError::NotFound(_))));
    assert!(matches!(store.find(""), Err(StoreError::NotFound(_))));
    for _ in 0..20 {
        store.create(wish(None)).unwrap();
    }
    let common = store.ids().unwrap().iter().map(|id| id.as_str()[..1].to_owned()).collect::<Vec<_>>();
    let twice = common.iter().find(|c| common.iter().filter(|d| d == c).count() > 1).unwrap();
    assert_eq!(
        store.find(twice).unwrap_err().to_string(),
        format!("multiple IDs found with provided prefix: {twice}")
    );
}

#[test]
fn a_name_in_use_is_refused_in_dockers_words_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let made = store.create(wish(Some("web"))).unwrap();
    let error = store.create(wish(Some("web"))).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "Conflict. The container name \"/web\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
            made.id
        )
    );
    assert_eq!(store.ids().unwrap(), std::slice::from_ref(&made.id));
    assert_eq!(fs::read_dir(dir.path().join("containers/partial")).unwrap().count(), 0);
    assert_eq!(store.find("web").unwrap().record.id, made.id);
}

#[test]
fn of_many_that_want_one_name_exactly_one_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    store.make_directories().unwrap();
    // A leftover claim: all of them must take it over at the same time.
    let dead = ContainerId::random();
    std::os::unix::fs::symlink(format!("../{dead}"), dir.path().join("containers/names/web")).unwrap();
    let won: usize = std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..16).map(|_| scope.spawn(|| store.create(wish(Some("web"))).is_ok() as usize)).collect();
        all.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
    assert_eq!(store.ids().unwrap().len(), 1);
    assert_eq!(store.find("web").unwrap().record.name.as_str(), "web");
}

#[test]
fn collecting_leftovers_never_takes_what_is_being_made() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                store.sweep();
            }
        });
        let made: Vec<_> = (0..500).map(|_| store.create(wish(None)).map(drop)).collect();
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(made.iter().all(Result::is_ok), "{:?}", made.iter().find(|m| m.is_err()));
    });
    assert_eq!(store.list().unwrap().len(), 500);
}

#[test]
fn what_a_killed_creator_left_is_collected_and_its_name_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    store.make_directories().unwrap();
    let dead = ContainerId::random();
    let partial = store.partial(&dead);
    fs::create_dir(&partial).unwrap();
    let alive = partial.join("alive");
    let creator = OfdLock::new(open_new(&alive).unwrap(), CHANGE).unwrap();
    std::os::unix::fs::symlink(format!("../{dead}"), dir.path().join("containers/names/web")).unwrap();
    assert!(matches!(store.create(wish(Some("web"))), Err(StoreError::NameTaken { .. })));
    assert!(partial.exists());
    assert!(store.sweep().is_empty() && partial.exists());
    drop(creator);
    assert!(store.sweep().is_empty() && !partial.exists());
    store.create(wish(Some("web"))).unwrap();
}

#[test]
fn renaming_moves_the_claim() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let made = store.create(wish(Some("old"))).unwrap();
    store.create(wish(Some("other"))).unwrap();
    let change = store.change(&made.id).unwrap().unwrap();
    assert!(matches!(change.rename(&"other".parse_name()), Err(StoreError::NameTaken { .. })));
    // As one leaves it that was killed after claiming the name.
    std::os::unix::fs::symlink(Path::new("..").join(made.id.as_str()), store.claim(&"new".parse_name()))
        .unwrap();
    change.rename(&"new".parse_name()).unwrap();
    change.rename(&"new".parse_name()).unwrap();
    drop(change);
    assert_eq!(store.find("new").unwrap().record.id, made.id);
    assert!(store.find("old").is_err());
    store.create(wish(Some("old"))).unwrap();
}

trait ParseName {
    fn parse_name(&self) -> ContainerName;
}
impl ParseName for str {
    fn parse_name(&self) -> ContainerName {
        ContainerName::parse(self).unwrap()
    }
}

#[test]
fn removing_frees_the_name_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let made = store.create(wish(Some("web"))).unwrap();
    fs::create_dir_all(store.directory(&made.id).join("upper/a/b")).unwrap();
    assert_eq!(store.change(&made.id).unwrap().unwrap().remove().unwrap(), None);
    assert!(store.change(&made.id).unwrap().is_none());
    assert!(store.view(&made.id).unwrap().is_none());
    assert!(fs::symlink_metadata(dir.path().join("containers/names/web")).is_err());
    assert_eq!(fs::read_dir(dir.path().join("containers/partial")).unwrap().count(), 0);
    store.create(wish(Some("web"))).unwrap();
}

#[test]
fn the_state_is_what_lock_and_file_say_together() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let id = store.create(wish(None)).unwrap().id;
    let state = || store.view(&id).unwrap().unwrap().state;
    assert_eq!(state(), State::Created);
    let started = jiff::Timestamp::now();
    let running = StateFile { started: Some(started), pid: Some(7), ..StateFile::default() };
    write_state(&store.directory(&id), &running, Durability::Atomic).unwrap();
    let lock = hold(&store, &id);
    assert_eq!(state(), State::Running { started, pid: 7, paused: false });
    assert_eq!(store.list_running().unwrap().len(), 1);
    drop(lock);
    assert!(matches!(state(), State::Exited { exit: Exit { code: 255, .. }, .. }));
    assert!(store.list_running().unwrap().is_empty());
    let exit = Exit { code: 3, signal: None, oom_killed: false, finished: started, error: None };
    let over = StateFile { exit: Some(exit.clone()), ..running };
    write_state(&store.directory(&id), &over, Durability::Atomic).unwrap();
    assert_eq!(state(), State::Exited { started: Some(started), exit: exit.clone() });
    // Between two runs, or with a supervisor that was killed there.
    let waiting = StateFile { restarting: true, ..over.clone() };
    write_state(&store.directory(&id), &waiting, Durability::Atomic).unwrap();
    assert_eq!(state(), State::Exited { started: Some(started), exit: exit.clone() });
    let lock = hold(&store, &id);
    assert_eq!(state(), State::Restarting { started, exit: exit.clone() });
    assert_eq!(store.list_running().unwrap().len(), 1);
    drop(lock);
    write_state(&store.directory(&id), &over, Durability::Atomic).unwrap();
    // The next start is under way: nothing new is known yet.
    let _lock = hold(&store, &id);
    assert_eq!(state(), State::Exited { started: Some(started), exit });
    fs::write(store.directory(&id).join("state.json"), "garbage").unwrap();
    assert_eq!(state(), State::Created);
}

#[test]
fn the_last_state_takes_the_space_set_aside_and_does_without() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path();
    let last = |code| {
        let exit =
            Exit { code, signal: None, oom_killed: false, finished: jiff::Timestamp::now(), error: None };
        StateFile { exit: Some(exit), version: state::VERSION, ..StateFile::default() }
    };
    write_state(directory, &StateFile::default(), Durability::Atomic).unwrap();
    for code in [3, 4] {
        reserve_last_state(directory);
        let reserved = fs::metadata(directory.join(RESERVED)).unwrap();
        let state = last(code);
        write_last_state(directory, &state).unwrap();
        assert_eq!(read_state(directory), state);
        // The same file: its space was there before.
        use std::os::unix::fs::MetadataExt;
        assert_eq!(fs::metadata(directory.join("state.json")).unwrap().ino(), reserved.ino());
    }
    let state = last(5);
    write_last_state(directory, &state).unwrap();
    assert_eq!(read_state(directory), state);
    assert_eq!(fs::read_dir(directory).unwrap().count(), 1);
}

#[test]
fn a_damaged_or_newer_record_does_not_hide_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (bad, newer) = (store.create(wish(None)).unwrap(), store.create(wish(None)).unwrap());
    let good = store.create(wish(None)).unwrap();
    fs::write(store.directory(&bad.id).join("record.json"), "").unwrap();
    let future = ContainerRecord { version: record::VERSION + 1, ..newer.clone() };
    write_record_over(&store.directory(&newer.id), &future).unwrap();
    assert_eq!(store.list().unwrap().into_iter().map(|v| v.record.id).collect::<Vec<_>>(), [good.id]);
    assert!(matches!(store.find(newer.id.as_str()), Err(StoreError::Version { .. })));
    assert!(store.change(&bad.id).unwrap().unwrap().remove().unwrap().is_none());
}

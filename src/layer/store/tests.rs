use std::io::Cursor;

use flate2::write::GzEncoder;

use super::*;
use crate::layer::index::EntryId;
use crate::layer::tar::{Member, MemberKind, TarWriter};

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap() }
    }

    fn store(&self) -> LayerStore {
        self.store_with(&[])
    }

    fn store_with(&self, further: &[&Home]) -> LayerStore {
        LayerStore::open(&Config {
            root: self.dir.path().to_owned(),
            runtime: self.dir.path().to_owned(),
            further_stores: further.iter().map(|home| home.dir.path().to_owned()).collect(),
            overlay: None,
        })
    }

    /// What lies in `layers/`, without leases and the gate.
    fn names(&self) -> Vec<String> {
        let mut names = names(&self.dir.path().join("layers")).unwrap();
        names.retain(|name| !matches!(name.as_str(), "leases" | "gate" | "merged"));
        names.sort();
        names
    }
}

/// A tar of files with content.
fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (name, content) in files {
        writer.append_bytes(Member::new(*name, MemberKind::File), content.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn ingest(store: &LayerStore, tar: &[u8]) -> DiffId {
    store.ingest(tar, &Expected::default()).unwrap().diff_id
}

fn content(view: &MergedView, path: &str) -> Option<String> {
    let id = view.index.find(path.as_bytes())?;
    let entry = view.index.entry(id);
    let mut content = vec![0; entry.size() as usize];
    if let Some(data) = entry.plain_extent() {
        std::os::unix::fs::FileExt::read_exact_at(&view.tars[entry.layer()], &mut content, data.tar_offset)
            .unwrap();
    }
    Some(String::from_utf8(content).unwrap())
}

#[test]
fn a_layer_goes_in_compressed_and_comes_out_exact() {
    let tar = tar(&[("etc/hostname", "boat\n"), ("big", &"x".repeat(1_000_000))]);
    let zstd = zstd::encode_all(&tar[..], 3).unwrap();
    let (front, back) = tar.split_at(700);
    let members = [gzip(front), gzip(back)].concat();
    for (blob, compression) in [
        (tar.clone(), Compression::None),
        (gzip(&tar), Compression::Gzip),
        (members, Compression::Gzip),
        (zstd, Compression::Zstd),
    ] {
        let home = Home::new();
        let store = home.store();
        let expected = Expected {
            blob: Some(Digest::of(&blob)),
            blob_size: Some(blob.len() as u64),
            diff_id: Some(DiffId(Digest::of(&tar))),
        };
        let ingested = store.ingest(&blob[..], &expected).unwrap();
        assert_eq!(ingested.compression, compression);
        assert_eq!((ingested.size, ingested.blob_size), (tar.len() as u64, blob.len() as u64));
        let (mut file, size) = store.tar(&ingested.diff_id).unwrap();
        let mut kept = Vec::new();
        file.read_to_end(&mut kept).unwrap();
        assert!(kept == tar && size == tar.len() as u64);
        let view = store.merged(&[ingested.diff_id]).unwrap();
        assert_eq!(content(&view, "/etc/hostname").unwrap(), "boat\n");
        assert_eq!(content(&view, "big").unwrap().len(), 1_000_000);
        assert_eq!(store.list().unwrap(), [ingested.diff_id]);
    }
}

#[test]
fn a_wrong_blob_is_refused_and_nothing_is_left() {
    let tar = tar(&[("a", "a")]);
    let other = Digest::of(b"other");
    let size = tar.len() as u64;
    let expected = |blob, blob_size, diff_id| Expected { blob, blob_size, diff_id };
    let compressed = gzip(&tar);
    let mut flipped = compressed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let table: [(&[u8], Expected, &str); 9] = [
        (&tar, expected(Some(other), None, None), "verification failed for digest"),
        (&tar, expected(None, Some(size + 1), None), "expected"),
        (&tar, expected(None, Some(size - 1), None), "expected"),
        (&tar, expected(None, None, Some(DiffId(other))), "verification failed for diff id"),
        (&compressed[..compressed.len() - 9], Expected::default(), "decompressing"),
        (&flipped, Expected::default(), "decompressing"),
        (&tar[..512], Expected::default(), "unpacking"),
        (
            b"this is no archive, but it is longer than one block would be".repeat(20).leak(),
            Expected::default(),
            "unpacking",
        ),
        (b"\xfd7zXZ\0\0\0", Expected::default(), "decompressing"),
    ];
    for (blob, expected, message) in table {
        let home = Home::new();
        let error = home.store().ingest(blob, &expected).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(home.names(), [""; 0]);
    }
}

/// A source that fails after some bytes.
struct Dropping(Cursor<Vec<u8>>);

impl Read for Dropping {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            got => Ok(got),
        }
    }
}

#[test]
fn a_dropped_connection_is_reported_as_such() {
    let home = Home::new();
    let blob = gzip(&tar(&[("a", &"a".repeat(100_000))]));
    let source = Dropping(Cursor::new(blob[..blob.len() / 2].to_vec()));
    let error = home.store().ingest(source, &Expected::default()).unwrap_err();
    assert!(matches!(error, LayerError::Read(source) if source.kind() == io::ErrorKind::ConnectionReset));
    assert_eq!(home.names(), [""; 0]);
}

#[test]
fn what_follows_the_end_mark_belongs_to_the_layer() {
    let home = Home::new();
    let mut bytes = tar(&[("a", "a")]);
    bytes.extend_from_slice(&[0; 10_000]);
    bytes.extend_from_slice(b"not zero, and not a whole block");
    let id = ingest(&home.store(), &bytes);
    assert_eq!(id.0, Digest::of(&bytes));
}

#[test]
fn zeros_become_holes_and_stay_zeros() {
    use std::os::unix::fs::MetadataExt;
    let home = Home::new();
    let zeros = "\0".repeat(8 << 20);
    let bytes = tar(&[("zeros", &zeros), ("end", "end")]);
    let id = ingest(&home.store(), &bytes);
    let (mut file, _) = home.store().tar(&id).unwrap();
    let mut kept = Vec::new();
    file.read_to_end(&mut kept).unwrap();
    assert!(kept == bytes);
    assert!(file.metadata().unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn two_at_once_take_in_one_copy() {
    let home = Home::new();
    let bytes = tar(&[("a", &"a".repeat(3_000_000))]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| ingest(&home.store(), &bytes));
        }
    });
    assert_eq!(home.names(), [Digest::of(&bytes).hex()]);
}

#[test]
fn what_a_killed_ingest_left_is_swept_by_the_next() {
    let home = Home::new();
    let dead = home.dir.path().join("layers/.tmp-1-0-0");
    fs::create_dir_all(&dead).unwrap();
    fs::write(dead.join("tar"), b"half of a layer").unwrap();
    let id = ingest(&home.store(), &tar(&[]));
    assert_eq!(home.names(), [id.0.hex()]);
}

#[test]
fn a_lost_or_foreign_index_is_made_anew() {
    let home = Home::new();
    let store = home.store();
    let id = ingest(&store, &tar(&[("a", "one")]));
    let other = ingest(&store, &tar(&[("a", "two")]));
    let path = |id: &DiffId| store.directory(id).join("index");
    for damage in [None, Some(b"coracidx".to_vec()), Some(fs::read(path(&other)).unwrap())] {
        match damage {
            None => fs::remove_file(path(&id)).unwrap(),
            Some(bytes) => fs::write(path(&id), bytes).unwrap(),
        }
        assert_eq!(store.index(&id).unwrap().layers(), [id]);
        assert_eq!(Index::open(&path(&id)).unwrap().layers(), [id]);
    }
    let merged = home.dir.path().join("layers/merged").join(chain_id(&[id]).hex());
    assert_eq!(content(&store.merged(&[id]).unwrap(), "a").unwrap(), "one");
    for file in [&path(&id), &merged] {
        let good = fs::read(file).unwrap();
        for at in (0..good.len()).step_by(7).chain([good.len() - 1]) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(file, bad).unwrap();
            assert!(Index::open(file).is_err(), "bit {} of byte {at}", at % 8);
        }
        assert_eq!(content(&store.merged(&[id]).unwrap(), "a").unwrap(), "one");
        assert_eq!(store.index(&id).unwrap().layers(), [id]);
        assert_eq!(fs::read(file).unwrap(), good, "{}", file.display());
    }
    fs::write(&merged, b"nonsense").unwrap();
    assert_eq!(content(&store.merged(&[id]).unwrap(), "a").unwrap(), "one");
    assert!(Index::open(&merged).is_ok());
}

#[test]
fn a_shortened_tar_is_noticed() {
    let home = Home::new();
    let store = home.store();
    let id = ingest(&store, &tar(&[("a", "one")]));
    store.merged(&[id]).unwrap();
    File::options().write(true).open(store.directory(&id).join("tar")).unwrap().set_len(600).unwrap();
    assert!(matches!(store.merged(&[id]), Err(LayerError::Damaged(damaged)) if damaged == id));
}

#[test]
fn removing_a_layer_removes_the_views_it_is_in() {
    let home = Home::new();
    let store = home.store();
    let (a, b) = (ingest(&store, &tar(&[("a", "a")])), ingest(&store, &tar(&[("b", "b")])));
    let view = store.merged(&[a, b]).unwrap();
    store.merged(&[a]).unwrap();
    store.remove(&b).unwrap();
    assert_eq!(home.names(), [a.0.hex()]);
    assert_eq!(names(&home.dir.path().join("layers/merged")).unwrap(), [chain_id(&[a]).hex()]);
    assert!(matches!(store.merged(&[a, b]), Err(LayerError::Missing(missing)) if missing == b));
    assert_eq!(content(&view, "b").unwrap(), "b", "who has a view open keeps it");
    store.remove(&b).unwrap();
}

#[test]
fn collecting_spares_the_named_and_the_leased() {
    let home = Home::new();
    let store = home.store();
    let ids = ["a", "b", "c"].map(|name| ingest(&store, &tar(&[(name, name)])));
    let lease = store.lease().unwrap();
    lease.add(&ids[1]).unwrap();
    let fourth = store.ingest_leased(&tar(&[("d", "d")])[..], &Expected::default(), &lease).unwrap().diff_id;
    let named = || Ok::<_, LayerError>(HashSet::from([ids[0]]));
    let removed = store.collect(named).unwrap();
    assert_eq!(removed, [(ids[2], tar(&[("c", "c")]).len() as u64)]);
    drop(lease);
    let removed: HashSet<DiffId> = store.collect(named).unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(removed, HashSet::from([ids[1], fourth]));
    assert_eq!(store.list().unwrap(), [ids[0]]);
    store.collect(|| Err::<HashSet<_>, _>(LayerError::Missing(ids[0]))).unwrap_err();
    assert_eq!(store.list().unwrap(), [ids[0]]);
}

#[test]
fn a_further_store_serves_after_verification() {
    let (theirs, ours) = (Home::new(), Home::new());
    let id = ingest(&theirs.store(), &tar(&[("a", "theirs")]));
    let bad = ingest(&theirs.store(), &tar(&[("a", "good")]));
    let bad_tar = theirs.store().directory(&bad).join("tar");
    fs::write(&bad_tar, tar(&[("a", "evil")])).unwrap();
    // Their index is not looked at.
    fs::write(theirs.store().directory(&id).join("index"), b"nonsense").unwrap();

    let store = ours.store_with(&[&Home::new(), &theirs]);
    assert!(store.contains(&id));
    assert!(!store.contains(&bad));
    assert_eq!(ours.names(), [id.0.hex()]);
    assert_eq!(content(&store.merged(&[id]).unwrap(), "a").unwrap(), "theirs");

    // Changed behind our back: no longer what was verified.
    let tar_path = theirs.store().directory(&id).join("tar");
    fs::write(&tar_path, tar(&[("a", "forged")])).unwrap();
    assert!(!store.contains(&id));
    fs::write(&tar_path, tar(&[("a", "theirs")])).unwrap();
    assert!(store.contains(&id));
}

#[test]
fn a_layer_of_a_further_store_can_still_be_taken_in() {
    let (theirs, ours) = (Home::new(), Home::new());
    let bytes = tar(&[("a", "a")]);
    let id = ingest(&theirs.store(), &bytes);
    let store = ours.store_with(&[&theirs]);
    assert!(store.contains(&id));
    ingest(&store, &bytes);
    assert!(ours.store().contains(&id), "now it is our own");
    assert_eq!(ours.names(), [id.0.hex()]);
}

#[test]
fn an_image_without_layers_is_an_empty_directory() {
    let view = Home::new().store().merged(&[]).unwrap();
    assert_eq!(view.index.len(), 1);
    assert!(view.index.entry(EntryId::ROOT).children().is_empty());
}

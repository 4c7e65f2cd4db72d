use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::layer::index::Mtime;
use crate::layer::tar::{Member, MemberKind, TarReader, TarWriter};
use crate::layer::{EntryId, index_of};

/// An image, and an upper whose deletions are marked by files: those anybody can make.
struct Case {
    _home: tempfile::TempDir,
    container: PathBuf,
    image: Vec<u8>,
}

impl Case {
    fn new(members: &[(Member, &[u8])]) -> Case {
        let home = tempfile::tempdir().unwrap();
        let container = home.path().join("container");
        fs::create_dir_all(container.join("upper")).unwrap();
        fs::write(container.join("marks"), "files\n").unwrap();
        Case { _home: home, container, image: tar(members) }
    }

    fn upper(&self, path: &str) -> PathBuf {
        let path = self.container.join("upper").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn written(&self) -> Written {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&self.image).unwrap();
        let view = MergedView { index: Arc::new(index_of(&self.image).unwrap()), tars: vec![file] };
        let ids = vec![MappedRange { inside: 0, outside: 0, count: 70000 }];
        let own = |outside: u32| IdMapping { inside: 0, outside, count: 1000 };
        // As if U were the whole machine.
        let owners = Owners {
            uids: vec![own(rustix::process::geteuid().as_raw())],
            gids: vec![own(rustix::process::getegid().as_raw())],
        };
        Written::open(&self.container, view, ids.clone(), ids, owners).unwrap()
    }

    fn changes(&self) -> Vec<String> {
        let changes = self.written().changes().unwrap();
        let line = |c: &Change| format!("{} {}", c.kind.letter(), String::from_utf8_lossy(&c.path));
        changes.iter().map(line).collect()
    }

    fn layer(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.written().write_layer(&mut out).unwrap();
        out
    }

    fn tree(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.written().write_tree(&mut out).unwrap();
        out
    }
}

fn tar(members: &[(Member, &[u8])]) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    for (member, data) in members {
        tar.append_bytes(member.clone(), data).unwrap();
    }
    tar.finish().unwrap()
}

fn file(name: &str) -> Member {
    Member::new(name, MemberKind::File)
}

/// A directory that belongs to whoever runs the test.
fn directory(name: &str) -> Member {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    Member { uid, gid, ..Member::new(name, MemberKind::Directory) }
}

fn make_directory(path: &Path) {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// `name kind target content` of every member.
fn members(tar: &[u8]) -> Vec<String> {
    let mut reader = TarReader::new(tar);
    let mut lines = Vec::new();
    while let Some(member) = reader.next_member().unwrap() {
        let mut content = String::new();
        reader.data().read_to_string(&mut content).unwrap();
        let kind = format!("{:?}", member.kind);
        let parts = [
            String::from_utf8_lossy(&member.name).into_owned(),
            kind,
            String::from_utf8_lossy(&member.target).into_owned(),
            content,
        ];
        lines.push(parts.join(" ").trim_end().to_owned());
    }
    lines
}

#[test]
fn added_changed_and_deleted_names_are_told_sorted_with_their_directories() {
    let case = Case::new(&[
        (directory("etc"), b""),
        (file("etc/passwd"), b"old"),
        (file("etc/gone"), b"x"),
        (directory("same"), b""),
        (file("same/file"), b""),
        (directory("a"), b""),
        (file("a/b"), b""),
        (file("a-b"), b""),
    ]);
    fs::write(case.upper("etc/passwd"), "new").unwrap();
    fs::write(case.upper("etc/.wh.gone"), "").unwrap();
    fs::write(case.upper("etc/.wh.never"), "").unwrap();
    fs::write(case.upper("etc/hosts"), "").unwrap();
    fs::write(case.upper("a/b"), "").unwrap();
    fs::write(case.upper("a-b"), "").unwrap();
    for name in ["same", "proc", "sys", "new/deep", "etc", "a"] {
        make_directory(&case.upper(name));
    }
    let expected =
        ["C /a", "C /a-b", "C /a/b", "C /etc", "D /etc/gone", "C /etc/passwd", "A /new", "A /new/deep"];
    assert_eq!(case.changes(), expected);
}

#[test]
fn what_the_start_made_is_told_once_it_is_something_else() {
    let case = Case::new(&[]);
    fs::write(case.upper("etc/hosts"), "changed").unwrap();
    fs::write(case.upper("etc/resolv.conf"), "").unwrap();
    make_directory(&case.upper("dev"));
    assert_eq!(case.changes(), ["C /etc", "A /etc/hosts"]);
    assert_eq!(members(&case.layer()), ["etc/ Directory", "etc/hosts File  changed"]);
}

#[test]
fn an_opaque_directory_shows_nothing_of_the_image() {
    let case = Case::new(&[
        (directory("d"), b""),
        (file("d/gone"), b"gone"),
        (directory("d/sub"), b""),
        (file("d/sub/gone"), b"gone"),
        (file("d/kept"), b"old"),
    ]);
    fs::write(case.upper("d/.wh..wh..opq"), "").unwrap();
    fs::write(case.upper("d/kept"), "new").unwrap();
    make_directory(&case.upper("d/sub"));
    make_directory(&case.upper("d"));
    assert_eq!(case.changes(), ["C /d", "D /d/gone", "C /d/kept", "C /d/sub", "D /d/sub/gone"]);
    assert_eq!(
        members(&case.layer()),
        ["d/ Directory", "d/.wh..wh..opq File", "d/kept File  new", "d/sub/ Directory"]
    );
    assert_eq!(members(&case.tree()), ["d/ Directory", "d/kept File  new", "d/sub/ Directory"]);
}

#[test]
fn a_directory_and_a_file_may_change_places() {
    let case = Case::new(&[(directory("d"), b""), (file("d/x"), b""), (file("f"), b"")]);
    fs::write(case.upper("d"), "file now").unwrap();
    fs::write(case.upper("f/x"), "").unwrap();
    assert_eq!(case.changes(), ["C /d", "C /f", "A /f/x"]);
    assert_eq!(members(&case.tree()), ["d File  file now", "f/ Directory", "f/x File"]);
}

#[test]
fn the_layer_on_top_of_the_image_is_the_tree() {
    let link = Member { target: b"one/a".to_vec(), ..Member::new("two", MemberKind::HardLink) };
    let case = Case::new(&[
        (directory("one"), b""),
        (file("one/a"), b"shared"),
        (link, b""),
        (directory("untouched"), b""),
        (file("untouched/file"), b"content"),
    ]);
    fs::write(case.upper("one/b"), "linked").unwrap();
    fs::hard_link(case.upper("one/b"), case.upper("c")).unwrap();
    symlink("/nowhere", case.upper("link")).unwrap();
    fs::write(case.upper(".wh.gone"), "").unwrap();
    make_directory(&case.upper("one"));
    assert_eq!(
        members(&case.tree()),
        [
            "c File  linked",
            "link Symlink /nowhere",
            "one/ Directory",
            "one/a File  shared",
            "one/b HardLink c",
            "two HardLink one/a",
            "untouched/ Directory",
            "untouched/file File  content",
        ]
    );
    // Twice the same: nothing depends on the order of a directory on the disk.
    assert_eq!(case.layer(), case.layer());
    let layers = [index_of(&case.image).unwrap(), index_of(&case.layer()).unwrap()];
    let merged = crate::layer::index::merge(&layers).unwrap();
    let merged = crate::layer::Index::from_draft(&merged);
    let paths = |index: &crate::layer::Index| -> Vec<Vec<u8>> {
        let mut paths: Vec<_> = index.entries().skip(1).map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    assert_eq!(paths(&merged), paths(&index_of(&case.tree()).unwrap()));
    assert_eq!(merged.find(b"one").map(|id| id == EntryId::ROOT), Some(false));
}

#[test]
fn owners_times_modes_and_holes_arrive() {
    let case = Case::new(&[]);
    let path = case.upper("sparse");
    let sparse = File::create(&path).unwrap();
    sparse.set_len(3 << 20).unwrap();
    sparse.set_permissions(Permissions::from_mode(0o4751)).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 5);
    sparse.set_modified(time).unwrap();
    let layer = case.layer();
    let member = TarReader::new(&layer[..]).next_member().unwrap().unwrap();
    assert_eq!((member.uid, member.gid, member.mode), (0, 0, 0o4751));
    assert_eq!(member.mtime, Mtime { sec: 1_000_000_000, nsec: 5 });
    assert_eq!(member.size, 3 << 20);
}

#[test]
fn a_container_that_never_ran_has_changed_nothing() {
    let case = Case::new(&[(file("f"), b"x")]);
    fs::remove_dir(case.container.join("upper")).unwrap();
    assert_eq!(case.changes(), Vec::<String>::new());
    assert_eq!(members(&case.layer()), Vec::<String>::new());
    assert_eq!(members(&case.tree()), ["f File  x"]);
}

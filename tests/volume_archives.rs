//! `volume export` and `volume import`.

use crate::harness::{Coracle, Entry, Tar};

const LOOK: &str = "cd /d; stat -c '%n %u:%g %a' . f sub sub/g; readlink link; cat f sub/g";

#[test]
fn a_volume_comes_back_as_it_was() {
    let c = Coracle::busybox();
    let make = "cd /d; mkdir sub; echo one > f; echo two > sub/g; ln -s f link; \
                chown 33:34 f sub; chown 999:999 .; chmod 700 .; chmod 640 f; chmod 2755 sub";
    c.sh(&["-v", "db:/d"], make);
    let before = c.sh(&["-v", "db:/d"], LOOK).text().to_owned();
    assert_eq!(before, ". 999:999 700\nf 33:34 640\nsub 33:34 2755\nsub/g 0:0 644\nf\none\ntwo\n");
    let archive = c.home().join("db.tar");
    c.ok(["volume", "export", "db", "-o", archive.to_str().expect("a name")]);
    let piped = c.ok(["volume", "export", "db"]).stdout;
    assert_eq!(std::fs::read(&archive).expect("the archive"), piped);
    c.ok(["volume", "create", "file"]);
    c.ok(["volume", "import", "file", "db.tar"]);
    assert_eq!(c.sh(&["-v", "file:/d"], LOOK).text(), before);
    c.ok(["volume", "create", "pipe"]);
    c.given(&piped, ["volume", "import", "pipe", "-"]).success();
    assert_eq!(c.sh(&["-v", "pipe:/d"], LOOK).text(), before);
}

#[test]
fn what_an_import_does_not_name_stays() {
    let c = Coracle::busybox();
    c.sh(&["-v", "db:/d"], "echo old > /d/a; echo old > /d/b");
    let tar = Tar::of([Entry::file("b", "new\n").owner(7, 8), Entry::file("c/d", "deep\n")]);
    let packed = gzip(&tar.finish());
    c.given(&packed, ["volume", "import", "db", "-"]).success();
    assert_eq!(c.sh(&["-v", "db:/d"], "cd /d; cat a b c/d").lines(), ["old", "new", "deep"]);
    assert_eq!(c.sh(&["-v", "db:/d"], "stat -c %u:%g /d/b").line(), "7:8");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn an_import_never_leaves_the_volume() {
    let c = Coracle::busybox();
    let outside = c.file("outside/f", "untouched");
    let there = outside.parent().expect("it has one").to_str().expect("a name");
    let tar = Tar::of([Entry::symlink("l", there), Entry::file("l/f", "bad")]);
    c.ok(["volume", "create", "db"]);
    c.given(&tar.finish(), ["volume", "import", "db", "-"]).status_is(125);
    assert_eq!(std::fs::read_to_string(outside).expect("it is there"), "untouched");
}

#[test]
fn the_first_container_adds_nothing_to_an_imported_volume() {
    let c = Coracle::busybox();
    let tar = Tar::of([Entry::file("only", "x")]);
    c.ok(["volume", "create", "db"]);
    c.given(&tar.finish(), ["volume", "import", "db", "-"]).success();
    assert_eq!(
        c.sh(&["-v", "db:/etc"], "ls /etc | grep -v -e hosts -e hostname -e resolv.conf").line(),
        "only"
    );
}

#[test]
fn failures_are_podmans() {
    let c = Coracle::new();
    let missing = "Error: no volume with name \"nosuch\" found: no such volume";
    c.fails(125, ["volume", "export", "nosuch"]).says(missing);
    c.fails(125, ["volume", "export", "nosuch", "-o", "x.tar"]).says(missing);
    c.fails(125, ["volume", "import", "nosuch", "-"]).says(missing);
    assert!(!c.home().join("x.tar").exists());
    c.ok(["volume", "create", "db"]);
    c.fails(125, ["volume", "import", "db", "nosuch.tar"]).says("nosuch.tar: no such file");
    c.given(b"no archive", ["volume", "import", "db", "-"])
        .status_is(125)
        .says("not a tar archive: it ends before");
    c.given(&[b'x'; 2000], ["volume", "import", "db", "-"])
        .status_is(125)
        .says("not a tar archive: it begins with");
    c.fails(125, ["volume", "import", "db"]).says("requires");
    c.fails(125, ["volume", "export", "db", "-o", "nosuch/x.tar"]).says("does not exist");
}

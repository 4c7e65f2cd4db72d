use super::*;
use crate::digest::Digest;
use crate::layer::tar::{Data, Member, MemberKind};

fn member(name: &str, kind: MemberKind) -> Member {
    Member::new(name, kind)
}

/// A file whose size tells it from others.
fn file(name: &str, size: u64) -> Member {
    Member { size, data: Data::Plain { offset: 512 }, ..member(name, MemberKind::File) }
}

fn directory(name: &str) -> Member {
    member(name, MemberKind::Directory)
}

fn link(name: &str, target: &str) -> Member {
    Member { target: target.into(), ..member(name, MemberKind::HardLink) }
}

fn symlink(name: &str, target: &str) -> Member {
    Member { target: target.into(), ..member(name, MemberKind::Symlink) }
}

fn build(members: &[Member]) -> Result<Index, BuildError> {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut builder = LayerBuilder::new();
    for member in members {
        builder.add(member)?;
    }
    Ok(Index::from_draft(&builder.finish(DiffId(Digest::of(&number.to_le_bytes())), 4096)))
}

fn layer(members: &[Member]) -> Index {
    build(members).unwrap()
}

fn refused(members: &[Member]) -> build::Refusal {
    build(members).err().expect("the layer must be refused").why
}

fn merged(layers: &[&[Member]]) -> Index {
    let layers: Vec<Index> = layers.iter().map(|members| layer(members)).collect();
    Index::from_draft(&merge(&layers).unwrap())
}

/// All that an index shows, one line per entry, as a table can hold it: path, and for a file `=size`, for a
/// directory `/`, for a symlink `->target`; `!` before a whiteout, `o` behind an opaque directory, `?` behind
/// an implicit one, `*n` behind one of n names.
fn show(index: &Index) -> Vec<String> {
    let mut lines: Vec<String> = index.entries().skip(1).map(|entry| show_entry(&entry)).collect();
    lines.sort();
    lines
}

fn show_entry(entry: &Entry) -> String {
    let path = String::from_utf8_lossy(&entry.path()).into_owned();
    let kind = match entry.kind() {
        _ if entry.is_whiteout() => return format!("!{path}"),
        _ if entry.lower_link().is_some() => "=lower".to_owned(),
        FileKind::File => format!("={}", entry.size()),
        FileKind::Directory => "/".to_owned(),
        FileKind::Symlink => format!("->{}", String::from_utf8_lossy(entry.target())),
        other => format!("={other:?}"),
    };
    let opaque = if entry.is_opaque() { "o" } else { "" };
    let implicit = if entry.is_implicit() { "?" } else { "" };
    let links = if entry.nlink() > 1 { format!("*{}", entry.nlink()) } else { String::new() };
    format!("{path}{kind}{opaque}{implicit}{links}")
}

/// What must hold of every index that we write.
fn check_form(index: &Index) {
    for entry in index.entries() {
        let names: Vec<&[u8]> = entry.children().map(|id| index.entry(EntryId(id)).name()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "children are sorted and unique");
        for id in entry.children() {
            assert_eq!(index.entry(EntryId(id)).parent(), entry.id());
            assert_eq!(index.lookup(entry.id(), index.entry(EntryId(id)).name()), Some(EntryId(id)));
        }
        assert_eq!(index.find(&entry.path()), Some(entry.id()));
        let links = index.links(entry.id());
        assert_eq!(links.len() as u32, entry.nlink());
        assert_eq!(links[0], entry.inode());
        assert!(links.contains(&entry.id()));
    }
}

#[test]
fn members_become_what_unpacking_them_in_order_would_make() {
    let table: &[(&str, &[Member], &[&str])] = &[
        ("parents are made", &[file("a/b/c", 1)], &["a/?", "a/b/?", "a/b/c=1"]),
        ("parents may come later", &[file("a/b", 1), directory("a/")], &["a/", "a/b=1"]),
        ("the last one wins", &[file("a", 1), file("a", 2)], &["a=2"]),
        (
            "a directory again keeps its content",
            &[directory("a"), file("a/b", 1), directory("a")],
            &["a/", "a/b=1"],
        ),
        ("a file replaces a directory", &[directory("a"), file("a/b", 1), file("a", 2)], &["a=2"]),
        ("a directory replaces a file", &[file("a", 1), directory("a"), file("a/b", 2)], &["a/", "a/b=2"]),
        (
            "what was below a replaced directory does not come back",
            &[file("a/b", 1), file("a", 2), directory("a"), file("a/c", 3)],
            &["a/", "a/c=3"],
        ),
        ("names are cleaned", &[file("/./a//b/../c", 1)], &["a/?", "a/c=1"]),
        ("a link has its target's inode", &[file("a", 1), link("b", "a")], &["a=1*2", "b=1*2"]),
        (
            "a link to a link",
            &[file("a", 1), link("b", "./a"), link("c", "/b")],
            &["a=1*3", "b=1*3", "c=1*3"],
        ),
        ("a link outlives its target's name", &[file("a", 1), link("b", "a"), file("a", 2)], &["a=2", "b=1"]),
        ("a link before its target", &[link("b", "a"), file("a", 1)], &["a=1*2", "b=1*2"]),
        ("a link to itself", &[file("a", 1), link("a", "a")], &["a=1"]),
        ("a link to nothing here", &[link("b", "a")], &["b=lower"]),
        ("a link to a symlink", &[symlink("a", "x"), link("b", "a")], &["a->x*2", "b->x*2"]),
        ("a link replaces a directory", &[file("a", 1), file("d/x", 2), link("d", "a")], &["a=1*2", "d=1*2"]),
        (
            "symlinks on the way are followed inside",
            &[directory("usr/lib"), symlink("lib", "usr/lib"), file("lib/a", 1)],
            &["lib->usr/lib", "usr/?", "usr/lib/", "usr/lib/a=1"],
        ),
        (
            "absolute ones and those with .. too",
            &[symlink("d/l", "/../../etc"), symlink("d/m", "../../../x"), file("d/l/a", 1), file("d/m/b", 2)],
            &["d/?", "d/l->/../../etc", "d/m->../../../x", "etc/?", "etc/a=1", "x/?", "x/b=2"],
        ),
        (
            "a symlink where a directory was",
            &[file("a/b", 1), symlink("a", "c"), file("a/d", 2)],
            &["a->c", "c/?", "c/d=2"],
        ),
        ("a directory where a symlink was", &[symlink("a", "c"), directory("a")], &["a/"]),
        ("a whiteout", &[file("d/.wh.a", 0)], &["!d/a", "d/?"]),
        ("a whiteout says nothing of its own layer", &[file("a", 1), file(".wh.a", 0)], &["a=1"]),
        ("wherever it stands", &[file(".wh.a", 0), file("a", 1)], &["a=1"]),
        ("a whited out directory that is there is opaque", &[file(".wh.a", 0), directory("a")], &["a/o"]),
        ("also when the mark is later", &[file("a/b", 1), file(".wh.a", 0)], &["a/b=1", "a/o?"]),
        ("opaque", &[file("a/.wh..wh..opq", 0), file("a/b", 1), directory("a")], &["a/b=1", "a/o"]),
        ("opaque, later", &[file("a/b", 1), file("a/.wh..wh..opq", 0)], &["a/b=1", "a/o?"]),
        (
            "bookkeeping of AUFS",
            &[file(".wh..wh.plnk/1.2", 1), file(".wh..wh.aufs", 1), file("d/.wh..wh.x", 1)],
            &["d/?"],
        ),
        ("a long name", &[file(&"n".repeat(255), 1)], &[&format!("{}=1", "n".repeat(255))]),
    ];
    for (what, members, expected) in table {
        let index = layer(members);
        check_form(&index);
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(show(&index), expected, "{what}");
    }
}

#[test]
fn members_that_no_file_system_could_hold_are_refused() {
    use build::Refusal::*;
    let table = [
        (vec![file("../a", 1)], Outside),
        (vec![file("a/../../b", 1)], Outside),
        (vec![link("a", "../b")], TargetOutside),
        (vec![link("a", "/")], LinkToDirectory),
        (vec![link("a", "")], NoTarget),
        (vec![symlink("a", "")], NoTarget),
        (vec![directory("a"), link("b", "a")], LinkToDirectory),
        (vec![file("a", 1), file("a/b", 1)], NotADirectory),
        (vec![symlink("a", "b"), symlink("b", "a"), file("a/c", 1)], TooManyLinks),
        (vec![file("./", 1)], Root),
        (vec![symlink("/", "a")], Root),
        (vec![file("d/.wh.", 1)], EmptyWhiteout),
        (vec![file("d/.wh...", 1)], EmptyWhiteout),
        (vec![file("d/.wh..", 1)], EmptyWhiteout),
        (vec![file(&"n".repeat(256), 1)], NameTooLong),
        (vec![file(&"n/".repeat(2048), 1)], NameTooLong),
        (vec![symlink("a", &"n".repeat(4096))], NameTooLong),
    ];
    for (members, why) in table {
        assert_eq!(refused(&members), why, "{}", String::from_utf8_lossy(&members[0].name));
    }
}

#[test]
fn attributes_come_through() {
    let mtime = Mtime { sec: -5, nsec: 123 };
    let mut device = Member { device: (259, 70_000), ..member("dev", MemberKind::BlockDevice) };
    device.xattrs = vec![(b"user.a".to_vec(), b"\0\n=\xff".to_vec()), (b"user.empty".to_vec(), Vec::new())];
    let special =
        Member { mode: 0o107755, uid: u32::MAX - 1, gid: 70_000, mtime, ..file("d/name-\u{e4}", 1 << 62) };
    let extents = vec![
        Extent { file_offset: 4096, tar_offset: 1024, len: 10 },
        Extent { file_offset: 9000, tar_offset: 1034, len: 1 },
    ];
    let sparse = Member { size: 10_000, data: Data::Sparse(extents.clone()), ..file("sparse", 0) };
    let hole = Member { size: 1 << 40, data: Data::Sparse(Vec::new()), ..file("hole", 0) };
    let root = Member { mode: 0o1777, ..directory("./") };
    let alone = layer(&[device, special, sparse, hole, root]);
    let merged = Index::from_draft(&merge(&[alone]).unwrap());
    let find = |path: &str| merged.entry(merged.find(path.as_bytes()).unwrap());
    assert_eq!(find("").mode(), 0o1777);
    let entry = find("/d/name-\u{e4}");
    assert_eq!((entry.mode(), entry.uid(), entry.gid()), (0o7755, u32::MAX - 1, 70_000));
    assert_eq!((entry.mtime(), entry.size()), (mtime, 1 << 62));
    assert_eq!(entry.extents(), [Extent { file_offset: 0, tar_offset: 512, len: 1 << 62 }]);
    assert_eq!(find("dev").device(), (259, 70_000));
    assert_eq!(find("dev").xattrs(), [(&b"user.a"[..], &b"\0\n=\xff"[..]), (b"user.empty", b"")]);
    assert_eq!(find("dev").xattr(b"user.empty"), Some(&b""[..]));
    assert_eq!((find("sparse").extents(), find("sparse").plain_extent()), (extents, None));
    assert_eq!((find("hole").extents(), find("hole").size()), (vec![], 1 << 40));
    assert!(merged.has_xattrs());
    assert_eq!(merged.tar_size(0), Some(4096));
}

#[test]
fn layers_are_merged_as_the_image_specification_has_it() {
    type Layers<'a> = &'a [&'a [Member]];
    let table: &[(&str, Layers, &[&str])] = &[
        ("no layers", &[], &[]),
        ("upper files win", &[&[file("a", 1), file("b", 1)], &[file("a", 2)]], &["a=2", "b=1"]),
        ("directories are merged", &[&[file("d/a", 1)], &[file("d/b", 2)]], &["d/", "d/a=1", "d/b=2"]),
        ("whiteout", &[&[file("d/a", 1), file("d/b", 1)], &[file("d/.wh.a", 0)]], &["d/", "d/b=1"]),
        ("whiteout of a directory", &[&[file("d/a", 1)], &[file(".wh.d", 0)]], &[]),
        ("whiteout of nothing", &[&[file(".wh.a", 0)]], &[]),
        (
            "a file comes back above its whiteout",
            &[&[file("a", 1)], &[file(".wh.a", 0)], &[file("a", 3)]],
            &["a=3"],
        ),
        (
            "a directory comes back empty above its whiteout",
            &[&[file("d/a", 1)], &[file(".wh.d", 0)], &[file("d/b", 3)]],
            &["d/", "d/b=3"],
        ),
        (
            "opaque hides what is below, not what is above",
            &[&[file("d/a", 1)], &[file("d/.wh..wh..opq", 0), file("d/b", 2)], &[file("d/c", 3)]],
            &["d/", "d/b=2", "d/c=3"],
        ),
        ("opaque root", &[&[file("a", 1)], &[file(".wh..wh..opq", 0), file("b", 2)]], &["b=2"]),
        (
            "whiteout and directory in one layer",
            &[&[file("d/a", 1)], &[file(".wh.d", 0), file("d/b", 2)]],
            &["d/", "d/b=2"],
        ),
        ("a file over a directory", &[&[file("d/a", 1)], &[file("d", 2)]], &["d=2"]),
        ("a directory over a file", &[&[file("d", 1)], &[file("d/a", 2)]], &["d/", "d/a=2"]),
        (
            "a file between hides for ever",
            &[&[file("d/a", 1)], &[file("d", 2)], &[file("d/b", 3)]],
            &["d/", "d/b=3"],
        ),
        (
            "a directory over a symlink, as when Docker unpacks each layer alone",
            &[&[symlink("lib", "usr/lib"), directory("usr/lib")], &[file("lib/a", 2)]],
            &["lib/", "lib/a=2", "usr/", "usr/lib/"],
        ),
        ("a link to a lower layer", &[&[file("a", 1)], &[link("b", "a")]], &["a=1*2", "b=1*2"]),
        (
            "through a lower symlink",
            &[&[file("d/a", 1), symlink("s", "x/../d")], &[directory("x")], &[link("b", "s/a")]],
            &["b=1*2", "d/", "d/a=1*2", "s->x/../d", "x/"],
        ),
        (
            "a link to a link of a lower layer",
            &[&[file("a", 1)], &[link("b", "a")], &[link("c", "b")]],
            &["a=1*3", "b=1*3", "c=1*3"],
        ),
        (
            "a link and a whiteout of its target",
            &[&[file("a", 1)], &[link("b", "a"), file(".wh.a", 0)]],
            &["b=1"],
        ),
        (
            "a link whose target changes above",
            &[&[file("a", 1)], &[link("b", "a")], &[file("a", 3)]],
            &["a=3", "b=1"],
        ),
        (
            "a link to a file of a lower group",
            &[&[file("a", 1), link("b", "a")], &[link("c", "b")], &[file(".wh.a", 0)]],
            &["b=1*2", "c=1*2"],
        ),
        (
            "a group that loses a name",
            &[&[file("a", 1), link("b", "a"), link("c", "a")], &[file(".wh.b", 0)]],
            &["a=1*2", "c=1*2"],
        ),
        (
            "a group that is replaced as a whole",
            &[&[file("a", 1), link("b", "a")], &[file("a", 2), link("b", "a")]],
            &["a=2*2", "b=2*2"],
        ),
    ];
    for (what, layers, expected) in table {
        let index = merged(layers);
        check_form(&index);
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(show(&index), expected, "{what}");
    }
}

#[test]
fn data_comes_from_the_layer_that_has_it() {
    let index = merged(&[&[file("a", 1), file("b", 1)], &[file("b", 2)], &[link("c", "a")]]);
    let layer = |path: &str| index.entry(index.find(path.as_bytes()).unwrap()).layer();
    assert_eq!((layer("a"), layer("b"), layer("c")), (0, 1, 0));
    assert_eq!(index.layers().len(), 3);
}

#[test]
fn implicit_directories_take_a_lower_layers_attributes() {
    let owned = |name, uid| Member { uid, mode: 0o700, ..directory(name) };
    let index =
        merged(&[&[owned("d", 7), owned("./", 5)], &[file("d/a", 1)], &[file("d/b", 1), file("e/f", 1)]]);
    let uid = |path: &str| index.entry(index.find(path.as_bytes()).unwrap()).uid();
    assert_eq!((uid("d"), uid("e"), uid("")), (7, 0, 5));
    let index = merged(&[&[owned("d", 7)], &[file(".wh.d", 0)], &[file("d/a", 1)]]);
    assert_eq!(index.entry(index.find(b"d").unwrap()).uid(), 0, "a directory that was removed lends nothing");
}

#[test]
fn a_link_to_a_file_that_no_layer_has_is_an_error() {
    let layers = |members: &[&[Member]]| members.iter().map(|members| layer(members)).collect::<Vec<_>>();
    for chain in [
        layers(&[&[link("b", "a")]]),
        layers(&[&[file("a", 1)], &[file(".wh.a", 0)], &[link("b", "a")]]),
        layers(&[&[directory("a")], &[link("b", "a")]]),
        layers(&[&[symlink("s", "s")], &[link("b", "s/a")]]),
    ] {
        let error = merge(&chain).err().expect("must fail");
        assert!(error.to_string().contains("no such file or directory"), "{error}");
    }
}

#[test]
fn no_damage_makes_an_index_panic() {
    let draft = {
        let layers = [
            layer(&[file("d/a", 1), link("d/b", "d/a"), symlink("s", "d"), directory("e/f")]),
            layer(&[Member {
                xattrs: vec![(b"user.x".to_vec(), b"y".to_vec())],
                data: Data::Sparse(vec![Extent { file_offset: 1, tar_offset: 2, len: 3 }]),
                ..file("d/c", 9)
            }]),
        ];
        merge(&layers).unwrap()
    };
    let mut good = Vec::new();
    draft.write_to(&mut good).unwrap();
    for len in 0..good.len() {
        assert!(Index::from_bytes(good[..len].to_vec()).is_err(), "cut to {len}");
    }
    let mut random = Random(1);
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = [0, 0xff, 0x80, random.next() as u8][random.below(4)];
        }
        if let Ok(index) = Index::from_bytes(bytes) {
            touch(&index);
        }
    }
}

/// Calls everything.
fn touch(index: &Index) {
    for entry in index.entries().chain([index.entry(EntryId(u32::MAX))]) {
        std::hint::black_box((
            (
                entry.kind(),
                entry.mode(),
                entry.size(),
                entry.device(),
                entry.nlink(),
                entry.target(),
                entry.layer(),
            ),
            (entry.extents(), entry.xattrs(), entry.path(), entry.lower_link(), entry.plain_extent()),
            (
                index.links(entry.id()),
                index.lookup(entry.id(), b"a"),
                index.find(b"d/a"),
                entry.children().count(),
            ),
        ));
    }
}

/// A small generator with a fixed seed (xorshift64): failures repeat.
pub(crate) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

//! An image with everything that may be in one, and a description of a tree to compare.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use coracle::layer::index::Mtime;
use coracle::layer::tar::{Member, MemberKind, TarWriter};

const CAPABILITY: &[u8] = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";

struct Tar(TarWriter<Vec<u8>>);

impl Tar {
    fn member(name: impl Into<Vec<u8>>, kind: MemberKind) -> Member {
        let mut member = Member::new(name, kind);
        member.mtime = Mtime { sec: 1_600_000_000, nsec: 0 };
        member
    }
    fn directory(&mut self, name: &str, mode: u32, gid: u32) {
        let member = Member { mode, gid, ..Tar::member(name, MemberKind::Directory) };
        self.0.append(&member, std::io::empty()).unwrap();
    }
    fn file(&mut self, name: impl Into<Vec<u8>>, content: &[u8]) {
        self.put(Tar::member(name, MemberKind::File), content);
    }
    fn put(&mut self, member: Member, content: &[u8]) {
        self.0.append_bytes(member, content).unwrap();
    }
    fn link(&mut self, name: &str, target: &str, kind: MemberKind) {
        let member = Member { target: target.into(), mode: 0o777, ..Tar::member(name, kind) };
        self.0.append(&member, std::io::empty()).unwrap();
    }
}

pub fn layers() -> Vec<Vec<u8>> {
    vec![lower(), upper()]
}

fn lower() -> Vec<u8> {
    let mut tar = Tar(TarWriter::new(Vec::new()));
    for name in ["etc", "usr", "usr/bin", "usr/lib", "var", "var/del", "var/del/sub", "var/opq", "many"] {
        tar.directory(name, 0o755, 0);
    }
    tar.directory("tmp", 0o1777, 0);
    tar.directory("var/sgid", 0o2775, 50);
    let home = Member { uid: 1000, gid: 1000, mode: 0o700, ..Tar::member("home", MemberKind::Directory) };
    tar.0.append(&home, std::io::empty()).unwrap();
    tar.file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n");
    let shadow = Member { mode: 0o640, gid: 42, ..Tar::member("etc/shadow", MemberKind::File) };
    tar.put(shadow, b"secret\n");
    let precise = Mtime { sec: 1_600_000_000, nsec: 123_456_789 };
    tar.put(Member { mtime: precise, ..Tar::member("etc/precise", MemberKind::File) }, b"abc");
    let before = Mtime { sec: -2, nsec: 500_000_000 };
    tar.put(Member { mtime: before, ..Tar::member("etc/ancient", MemberKind::File) }, b"old");
    tar.put(Member { mode: 0o4755, ..Tar::member("usr/bin/suid", MemberKind::File) }, b"#!/bin/sh\n");
    tar.put(Member { mode: 0o2755, gid: 8, ..Tar::member("usr/bin/sgid", MemberKind::File) }, b"#!/bin/sh\n");
    let xattrs = [
        (&b"security.capability"[..], CAPABILITY),
        (b"user.mime", b"text/plain"),
        (b"trusted.overlay.opaque", b"y"),
        (b"user.overlay.opaque", b"y"),
        (b"security.selinux", b"x"),
    ];
    let xattrs = xattrs.map(|(name, value)| (name.to_vec(), value.to_vec())).to_vec();
    tar.put(Member { mode: 0o755, xattrs, ..Tar::member("usr/bin/cap", MemberKind::File) }, b"cap\n");
    tar.file("usr/bin/link1", b"linked\n");
    tar.link("usr/lib/link2", "usr/bin/link1", MemberKind::HardLink);
    tar.link("usr/bin/link3", "usr/bin/link1", MemberKind::HardLink);
    tar.link("usr/bin/symbolic", "link1", MemberKind::Symlink);
    tar.link("etc/dangling", "/nowhere", MemberKind::Symlink);
    let fifo = Member { mode: 0o600, ..Tar::member("tmp/fifo", MemberKind::Fifo) };
    tar.0.append(&fifo, std::io::empty()).unwrap();
    for name in ["var/del/a", "var/del/b", "var/del/sub/c", "var/opq/old"] {
        tar.file(name, b"x");
    }
    tar.file(format!("usr/lib/{}", "n".repeat(250)), b"x");
    tar.file(&b"usr/lib/latin-\xe9\xff"[..], b"x");
    let big: Vec<u8> = (0..1_500_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    tar.file("usr/lib/big", &big);
    for number in 0..400 {
        tar.file(format!("many/f{number:04}"), format!("{number}\n").as_bytes());
    }
    tar.0.finish().unwrap()
}

fn upper() -> Vec<u8> {
    let mut tar = Tar(TarWriter::new(Vec::new()));
    tar.file("var/del/.wh.a", b"");
    tar.file("var/opq/.wh..wh..opq", b"");
    tar.file("var/opq/new", b"x");
    tar.file("usr/bin/link3", b"replaced\n");
    tar.link("etc/from-below", "etc/passwd", MemberKind::HardLink);
    tar.0.finish().unwrap()
}

/// One line per object, names in order: everything that stat(2), read(2) and the xattrs tell, and which
/// names are one file. Changes of the last minute read as "now".
pub fn describe(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut groups = HashMap::new();
    walk(root, root, &mut groups, &mut lines);
    lines
}

fn walk(root: &Path, path: &Path, groups: &mut HashMap<u64, usize>, lines: &mut Vec<String>) {
    let stat = path.symlink_metadata().unwrap();
    let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().escape_ascii();
    let mut line = format!("{name} {:o} {}:{} {}", stat.mode(), stat.uid(), stat.gid(), time(&stat));
    if stat.is_dir() {
        lines.push(line);
        let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        return names.iter().for_each(|child| walk(root, child, groups, lines));
    }
    let next = groups.len();
    let group =
        if stat.nlink() > 1 { format!("{:?}", groups.entry(stat.ino()).or_insert(next)) } else { "-".into() };
    line += &format!(" {} links {} group {group}", stat.len(), stat.nlink());
    if stat.is_symlink() {
        line += &format!(" -> {}", std::fs::read_link(path).unwrap().display());
    } else if stat.is_file() {
        line += &format!(" {}", coracle::digest::Digest::of(&std::fs::read(path).unwrap()).short());
        for name in xattr_names(path) {
            let mut value = [0; 4096];
            let length = rustix::fs::lgetxattr(path, &*name, &mut value[..]).unwrap();
            line += &format!(" {}={}", name.display(), value[..length].escape_ascii());
        }
    }
    lines.push(line);
}

pub fn xattr_names(path: &Path) -> Vec<std::ffi::OsString> {
    let mut names = [0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut names: Vec<_> = names.map(|name| OsStr::from_bytes(name).to_owned()).collect();
    names.sort();
    names
}

fn time(stat: &std::fs::Metadata) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    if now - stat.mtime() < 600 { "now".into() } else { format!("{}.{:09}", stat.mtime(), stat.mtime_nsec()) }
}

/// What a description of the image must say, whatever the mode. With one id every owner is 0.
pub fn check(lines: &[String], one_id: bool) {
    let owner = |id: u32| if one_id { 0 } else { id };
    let capability = CAPABILITY.escape_ascii();
    for start in [
        " 40755 0:0".to_string(),
        "tmp 41777 0:0 1600000000.000000000".into(),
        format!("var/sgid 42775 0:{} ", owner(50)),
        format!("home 40700 {0}:{0} ", owner(1000)),
        format!("etc/shadow 100640 0:{} 1600000000.000000000 7 links 1", owner(42)),
        "etc/precise 100644 0:0 1600000000.123456789 3".into(),
        "etc/ancient 100644 0:0 -2.500000000 3".into(),
        "usr/bin/suid 104755 0:0".into(),
        format!("usr/bin/sgid 102755 0:{} ", owner(8)),
        "usr/bin/link1 100644 0:0 1600000000.000000000 7 links 2 group".into(),
        "usr/lib/link2 100644 0:0 1600000000.000000000 7 links 2 group".into(),
        "usr/bin/link3 100644 0:0 1600000000.000000000 9 links 1 group -".into(),
        "etc/from-below 100644 0:0 1600000000.000000000 26 links 2 group".into(),
        "etc/dangling 120777 0:0 1600000000.000000000 8 links 1 group - -> /nowhere".into(),
        "tmp/fifo 10600 0:0".into(),
        "var/del/b ".into(),
        "var/opq/new ".into(),
        "usr/lib/latin-\\xe9\\xff ".into(),
    ] {
        assert!(lines.iter().any(|line| line.starts_with(&start)), "no line {start:?} in {lines:#?}");
    }
    let cap = lines.iter().find(|line| line.starts_with("usr/bin/cap ")).unwrap();
    assert!(cap.ends_with(&format!(" security.capability={capability} user.mime=text/plain")), "{cap}");
    for gone in ["var/del/a ", "var/opq/old "] {
        assert!(!lines.iter().any(|line| line.starts_with(gone)), "{gone} is hidden");
    }
}

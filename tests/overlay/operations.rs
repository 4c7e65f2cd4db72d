//! What programs do to a root file system, as a list of outcomes to compare.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Mode, RenameFlags, Timespec, Timestamps, XattrFlags,
};

struct Script<'a> {
    root: &'a Path,
    lines: Vec<String>,
}

/// Runs the operations and says how each ended.
pub fn run(root: &Path) -> Vec<String> {
    let mut script = Script { root, lines: Vec::new() };
    for part in [copy_up, attributes, xattrs, making, removing, renaming, links, unlinked, data, listing] {
        part(&mut script);
    }
    script.lines
}

impl Script<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
    fn note<T: std::fmt::Debug>(&mut self, what: &str, outcome: io::Result<T>) {
        let outcome = match outcome {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{:?}", rustix::io::Errno::from_io_error(&error)),
        };
        self.lines.push(format!("{what}: {outcome}"));
    }
    fn stat(&mut self, name: &str) {
        let stat = fs::symlink_metadata(self.path(name)).map(|stat| {
            let size = if stat.is_dir() { 0 } else { stat.len() };
            let links = if stat.is_dir() { 1 } else { stat.nlink() };
            format!("{:o} {}:{} {size} {links}", stat.mode(), stat.uid(), stat.gid())
        });
        self.note(&format!("stat {name}"), stat);
    }
    fn mtime(&mut self, name: &str) {
        let time = fs::symlink_metadata(self.path(name)).map(|stat| (stat.mtime(), stat.mtime_nsec()));
        self.note(&format!("mtime {name}"), time);
    }
    fn read(&mut self, name: &str) {
        let content =
            fs::read(self.path(name)).map(|bytes| bytes[..bytes.len().min(60)].escape_ascii().to_string());
        self.note(&format!("read {name}"), content);
    }
    fn write(&mut self, name: &str, content: &str) {
        let written = fs::write(self.path(name), content);
        self.note(&format!("write {name}"), written);
    }
    fn list(&mut self, name: &str) {
        let names = fs::read_dir(self.path(name)).map(|entries| {
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        });
        self.note(&format!("list {name}"), names);
    }
    fn append(&mut self, name: &str, content: &str) {
        let path = self.path(name);
        let done =
            File::options().append(true).open(path).and_then(|mut file| file.write_all(content.as_bytes()));
        self.note(&format!("append {name}"), done);
    }
    fn rename(&mut self, from: &str, to: &str, flags: RenameFlags) {
        let done = rustix::fs::renameat_with(CWD, self.path(from), CWD, self.path(to), flags);
        self.note(&format!("rename {from} {to} {flags:?}"), done.map_err(Into::into));
    }
    fn mode(&mut self, name: &str, mode: u32) {
        let done = fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode));
        self.note(&format!("chmod {name}"), done);
    }
    fn remove(&mut self, name: &str) {
        let done = fs::remove_file(self.path(name));
        self.note(&format!("unlink {name}"), done);
    }
    fn remove_directory(&mut self, name: &str) {
        let done = fs::remove_dir(self.path(name));
        self.note(&format!("rmdir {name}"), done);
    }
    fn make_directory(&mut self, name: &str) {
        let done = fs::create_dir_all(self.path(name));
        self.note(&format!("mkdir {name}"), done);
    }
}

fn copy_up(s: &mut Script<'_>) {
    s.append("etc/passwd", "more\n");
    s.read("etc/passwd");
    s.mtime("etc");
    s.write("etc/shadow", "new");
    s.stat("etc/shadow");
    s.append("etc/from-below", "joined?");
    s.stat("etc/shadow");
    s.mode("usr/bin/suid", 0o6711);
    s.stat("usr/bin/suid");
    s.mtime("usr/bin/suid");
    s.append("usr/bin/suid", "x");
    s.stat("usr/bin/suid");
    s.append("usr/bin/sgid", "x");
    s.stat("usr/bin/sgid");
    let big = s.path("usr/lib/big");
    for size in [700_000, 2_000_000, 3] {
        let done = File::options().write(true).open(&big).and_then(|file| file.set_len(size));
        s.note("truncate", done);
        s.stat("usr/lib/big");
        let end = fs::read(&big).map(|bytes| coracle::digest::Digest::of(&bytes).short());
        s.note("content", end);
    }
    let reading = File::open(s.path("many/f0007")).unwrap();
    s.write("many/f0007", "changed");
    let mut start = [0; 1];
    s.note("an open file across copy-up", reading.read_at(&mut start, 0));
}

fn attributes(s: &mut Script<'_>) {
    for (sec, nsec) in [(1_111_111_111, 123_456_789), (-2, 500_000_001), (-1, 0), (0, 1)] {
        let time = Timespec { tv_sec: sec, tv_nsec: nsec };
        let times = Timestamps { last_access: time, last_modification: time };
        let done = rustix::fs::utimensat(CWD, s.path("etc/precise"), &times, AtFlags::empty());
        s.note("utimens", done.map_err(Into::into));
        s.mtime("etc/precise");
        let done = rustix::fs::utimensat(CWD, s.path("usr/bin/symbolic"), &times, AtFlags::SYMLINK_NOFOLLOW);
        s.note("utimens of a link", done.map_err(Into::into));
        s.mtime("usr/bin/symbolic");
    }
    for (uid, gid) in [(5, 6), (0, 0), (u32::MAX - 1, 0)] {
        let done = std::os::unix::fs::chown(s.path("usr/bin/suid"), Some(uid), Some(gid));
        s.note("chown", done);
        s.stat("usr/bin/suid");
        let done = std::os::unix::fs::lchown(s.path("etc/dangling"), Some(uid), Some(gid));
        s.note("lchown", done);
        s.stat("etc/dangling");
    }
    s.mode("home", 0o750);
    s.stat("home");
    s.mode("nothing", 0o750);
    s.mode("tmp/fifo", 0o666);
    s.stat("tmp/fifo");
}

fn xattrs(s: &mut Script<'_>) {
    let cap = s.path("usr/bin/cap");
    let set = |path: &Path, name: &str, value: &[u8], flags| {
        rustix::fs::lsetxattr(path, name, value, flags).map_err(io::Error::from)
    };
    let get = |path: &Path, name: &str| {
        let mut value = vec![0; 70_000];
        rustix::fs::lgetxattr(path, name, &mut value[..])
            .map(|length| (length, value[..length.min(30)].escape_ascii().to_string()))
            .map_err(io::Error::from)
    };
    s.note("create", set(&cap, "user.new", &[b'v'; 3000], XattrFlags::CREATE));
    s.note("create again", set(&cap, "user.new", b"v", XattrFlags::CREATE));
    s.note("replace nothing", set(&cap, "user.none", b"v", XattrFlags::REPLACE));
    s.note("large", get(&cap, "user.new"));
    s.note("capability kept by copy-up", get(&cap, "security.capability"));
    s.note("remove", rustix::fs::lremovexattr(&cap, "user.mime").map_err(Into::into));
    s.note("remove again", rustix::fs::lremovexattr(&cap, "user.mime").map_err(Into::into));
    s.note("names", Ok(super::image::xattr_names(&cap)));
    s.note("none", get(&s.path("etc/passwd"), "user.none"));
    s.note("trusted", set(&cap, "trusted.x", b"v", XattrFlags::empty()));
    s.note("on a directory", set(&s.path("var"), "user.x", b"v", XattrFlags::empty()));
    s.note("on a link", set(&s.path("usr/bin/symbolic"), "user.x", b"v", XattrFlags::empty()));
    s.append("usr/bin/cap", "x");
    s.note("a write takes the capability away", Ok(super::image::xattr_names(&cap)));
}

fn making(s: &mut Script<'_>) {
    s.make_directory("new/inner");
    s.write("new/file", "hello");
    let again = File::options().write(true).create_new(true).open(s.path("new/file"));
    s.note("exclusive", again.map(drop));
    let private = File::options().write(true).create_new(true).mode(0o600).open(s.path("new/private"));
    s.note("private", private.map(drop));
    s.stat("new/private");
    s.note("symlink", std::os::unix::fs::symlink("file", s.path("new/link")));
    s.read("new/link");
    for (name, kind, device) in [
        ("fifo", FileType::Fifo, 0),
        ("socket", FileType::Socket, 0),
        ("file2", FileType::RegularFile, 0),
        ("null", FileType::CharacterDevice, rustix::fs::makedev(1, 3)),
        ("whiteout", FileType::CharacterDevice, 0),
    ] {
        let made = rustix::fs::mknodat(CWD, s.path("new").join(name), kind, Mode::RUSR | Mode::XOTH, device);
        s.note(name, made.map_err(Into::into));
    }
    s.note("long", File::create(s.path("new").join("L".repeat(255))).map(drop));
    s.note("too long", File::create(s.path("new").join("L".repeat(256))).map(drop));
    s.make_directory("var/sgid/inner");
    s.stat("var/sgid/inner");
    s.write("var/sgid/file", "");
    s.stat("var/sgid/file");
    s.write("etc/passwd/below", "");
    s.list("new");
}

fn removing(s: &mut Script<'_>) {
    s.remove("var/del/b");
    s.list("var/del");
    s.write("var/del/b", "again");
    s.read("var/del/b");
    s.remove("var/del/b");
    s.make_directory("var/del/b");
    s.list("var/del/b");
    s.remove_directory("var/del/b");
    s.note("symlink over a whiteout", std::os::unix::fs::symlink("x", s.path("var/del/b")));
    s.remove("var/del/b");
    s.note("link over a whiteout", fs::hard_link(s.path("etc/shadow"), s.path("var/del/b")));
    s.stat("var/del/b");
    s.remove_directory("var/del/sub");
    s.remove("var/del/sub/c");
    s.remove_directory("var/del/sub");
    s.list("var/del");
    s.make_directory("var/del/sub");
    s.list("var/del/sub");
    s.write("var/del/sub/n", "n");
    s.remove("many");
    s.remove_directory("etc/passwd");
    s.remove("nothing");
    s.note("a whole tree", fs::remove_dir_all(s.path("var/opq")));
    s.make_directory("var/opq");
    s.list("var/opq");
    s.list("var");
}

fn renaming(s: &mut Script<'_>) {
    let plain = RenameFlags::empty();
    s.rename("many/f0001", "many/moved", plain);
    s.read("many/moved");
    s.stat("many/f0001");
    s.rename("new/file", "many/f0002", plain);
    s.read("many/f0002");
    s.rename("var/del", "var/elsewhere", plain);
    s.rename("new", "newer", plain);
    s.list("newer");
    s.note("many goes", fs::remove_dir_all(s.path("usr/lib")));
    s.rename("newer", "usr/lib", plain);
    s.list("usr/lib");
    s.rename("usr/lib", "newer", plain);
    s.list("usr");
    s.rename("etc/precise", "tmp", plain);
    s.rename("newer", "etc/precise", plain);
    s.rename("newer", "many", plain);
    s.rename("newer", "newer/inner/self", plain);
    s.rename("etc/precise", "etc/ancient", RenameFlags::NOREPLACE);
    s.rename("etc/precise", "etc/fresh", RenameFlags::NOREPLACE);
    s.rename("etc/fresh", "etc/ancient", RenameFlags::EXCHANGE);
    s.read("etc/fresh");
    s.read("etc/ancient");
    s.rename("etc/fresh", "etc/nothing", RenameFlags::EXCHANGE);
    s.make_directory("ua/x");
    s.make_directory("ub/y");
    s.rename("ua", "ub", RenameFlags::EXCHANGE);
    s.list("ua");
    s.rename("ua", "many", RenameFlags::EXCHANGE);
    s.rename("ua", "etc/fresh", RenameFlags::EXCHANGE);
    s.stat("ua");
    s.list("etc/fresh");
    s.rename("usr/bin/symbolic", "usr/bin/other", plain);
    s.rename("usr/bin/other", "usr/bin/symbolic", plain);
    s.list("usr/bin");
    s.list("etc");
}

fn links(s: &mut Script<'_>) {
    s.note("link", fs::hard_link(s.path("many/f0010"), s.path("tmp/linked")));
    s.stat("tmp/linked");
    s.append("tmp/linked", "both");
    s.read("many/f0010");
    s.remove("many/f0010");
    s.stat("tmp/linked");
    s.note("link a directory", fs::hard_link(s.path("etc"), s.path("etc2")));
    s.note("link over", fs::hard_link(s.path("tmp/linked"), s.path("etc/shadow")));
    s.remove("usr/bin/link1");
    s.read("usr/bin/symbolic");
}

fn unlinked(s: &mut Script<'_>) {
    let edit = |path: PathBuf| File::options().read(true).write(true).create(true).truncate(false).open(path);
    for name in ["many/f0020", "tmp/mine"] {
        let outcome = edit(s.path(name)).and_then(|mut file| {
            fs::remove_file(s.path(name))?;
            file.write_all(b"still here")?;
            file.seek(SeekFrom::Start(0))?;
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            file.set_len(5)?;
            file.set_permissions(fs::Permissions::from_mode(0o640))?;
            let stat = file.metadata()?;
            rustix::fs::fsetxattr(&file, "user.x", b"1", XattrFlags::empty())?;
            file.sync_all()?;
            Ok((text, stat.len(), stat.mode(), stat.nlink()))
        });
        s.note(name, outcome);
    }
    let reading = File::open(s.path("many/f0021")).unwrap();
    s.remove("many/f0021");
    let mut content = [0; 2];
    s.note("reading on", reading.read_at(&mut content, 0).map(|_| content));
    s.write("tmp/one", "one");
    s.write("tmp/two", "two");
    let reading = File::open(s.path("tmp/two")).unwrap();
    s.rename("tmp/one", "tmp/two", RenameFlags::empty());
    let mut content = [0; 3];
    s.note("replaced while open", reading.read_at(&mut content, 0).map(|_| content));
    s.read("tmp/two");
    s.make_directory("tmp/gone");
    let directory = File::open(s.path("tmp/gone")).unwrap();
    s.remove_directory("tmp/gone");
    s.note("removed directory", directory.metadata().map(|stat| stat.is_dir()));
}

fn data(s: &mut Script<'_>) {
    let edit = |path: PathBuf| File::options().read(true).write(true).create(true).truncate(false).open(path);
    let file = edit(s.path("tmp/sparse")).unwrap();
    file.write_all_at(b"x", 1 << 20).unwrap();
    file.set_len(4 << 20).unwrap();
    let seek = |to| rustix::fs::seek(&file, to).map_err(io::Error::from);
    s.note("data", seek(rustix::fs::SeekFrom::Data(0)));
    s.note("hole", seek(rustix::fs::SeekFrom::Hole(1 << 20)));
    s.note("past the end", seek(rustix::fs::SeekFrom::Data(5 << 20)));
    let mut zeros = [1; 8];
    s.note("zeros", file.read_at(&mut zeros, 77).map(|_| zeros));
    for (mode, offset, length) in [
        (FallocateFlags::empty(), 0, 5 << 20),
        (FallocateFlags::KEEP_SIZE, 6 << 20, 4096),
        (FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 1 << 20, 4096),
    ] {
        let done = rustix::fs::fallocate(&file, mode, offset, length).map_err(io::Error::from);
        s.note("fallocate", done.and_then(|()| file.metadata()).map(|stat| stat.len()));
    }
    s.note("punched", file.read_at(&mut zeros, 1 << 20).map(|_| zeros));
    let (source, target) = (edit(s.path("tmp/sparse")).unwrap(), edit(s.path("tmp/copy")).unwrap());
    let copied = rustix::fs::copy_file_range(&source, Some(&mut 100), &target, Some(&mut 10), 5000);
    s.note("copy_file_range", copied.map_err(Into::into));
    s.stat("tmp/copy");
    let (one, two) = (File::options().append(true).create(true).open(s.path("tmp/log")).unwrap(), {
        File::options().append(true).open(s.path("tmp/log")).unwrap()
    });
    for at in 0..4 {
        (&one).write_all(format!("a{at}").as_bytes()).unwrap();
        (&two).write_all(format!("b{at}").as_bytes()).unwrap();
    }
    s.read("tmp/log");
    s.note("lock", one.try_lock().map_err(io::Error::from));
    s.note("locked", two.try_lock().map_err(io::Error::from));
    s.note("sync", one.sync_all().and_then(|()| File::open(s.path("tmp"))?.sync_all()));
}

fn listing(s: &mut Script<'_>) {
    s.make_directory("tmp/crowd");
    for at in 0..1000 {
        File::create(s.path("tmp/crowd").join(at.to_string())).unwrap();
    }
    for name in ["many", "tmp/crowd"] {
        let before = fs::read_dir(s.path(name)).unwrap().count();
        let mut seen = Vec::new();
        for (at, entry) in fs::read_dir(s.path(name)).unwrap().enumerate() {
            let entry = entry.unwrap();
            if at % 2 == 0 {
                fs::remove_file(entry.path()).unwrap();
            }
            seen.push(entry.file_name());
        }
        let listed = seen.len();
        seen.sort();
        seen.dedup();
        s.note(name, Ok((before, listed, seen.len(), fs::read_dir(s.path(name)).unwrap().count())));
        s.note("all of it", fs::remove_dir_all(s.path(name)));
        s.stat(name);
    }
    let one = s.path("var/del/sub/n");
    let before = fs::metadata(&one).unwrap().ino();
    fs::write(&one, "changed").unwrap();
    s.note("stable number", fs::metadata(&one).map(|stat| stat.ino() == before));
}

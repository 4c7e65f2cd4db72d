//! A table of operations and kinds of objects: each operation meets each kind in a directory of its own,
//! in every mode and on a plain directory, and what it answers and leaves behind is compared.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use coracle::layer::tar::{Member, MemberKind, TarWriter};
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, XattrFlags,
};

/// Each stands as `o`. What the image has of it, and what the container does before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Missing,
    Lower,
    /// With the second name `o2`.
    LowerLinked,
    LowerSymlink,
    LowerFifo,
    LowerEmpty,
    LowerDirectory,
    Upper,
    UpperLinked,
    UpperDirectory,
    CopiedUp,
    /// Copied up through its other name.
    LinkedCopiedUp,
    /// A directory of the image in which something was removed and something made.
    Merged,
    Whiteout,
    /// A file where the image has a directory.
    OverDirectory,
    /// A directory where the image has a file.
    OverFile,
    Opaque,
}

pub const KINDS: [Kind; 17] = [
    Kind::Missing,
    Kind::Lower,
    Kind::LowerLinked,
    Kind::LowerSymlink,
    Kind::LowerFifo,
    Kind::LowerEmpty,
    Kind::LowerDirectory,
    Kind::Upper,
    Kind::UpperLinked,
    Kind::UpperDirectory,
    Kind::CopiedUp,
    Kind::LinkedCopiedUp,
    Kind::Merged,
    Kind::Whiteout,
    Kind::OverDirectory,
    Kind::OverFile,
    Kind::Opaque,
];

/// The place of one operation on one object: `o`, beside a file `s` and a directory `sd` of the image,
/// and a file `u` and a directory `ud` of the container's.
struct Cell {
    at: PathBuf,
}

type Operation = fn(&Cell) -> io::Result<String>;

fn place(operation: &str, kind: Kind) -> String {
    format!("cells/{}/{kind:?}", operation.replace(' ', "-"))
}

/// The image that holds what the cells have below.
pub fn layer() -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    let mut put = |name: String, kind: MemberKind, mode: u32, target: &str, content: &[u8]| {
        let mut member = Member { mode, target: target.into(), ..Member::new(name, kind) };
        member.mtime.sec = 1_600_000_000;
        if kind == MemberKind::File {
            member.xattrs = vec![(b"user.kept".to_vec(), b"1".to_vec())];
        }
        tar.append_bytes(member, content).unwrap();
    };
    put("cells".into(), MemberKind::Directory, 0o755, "", b"");
    for (operation, _) in OPERATIONS {
        put(format!("cells/{}", operation.replace(' ', "-")), MemberKind::Directory, 0o755, "", b"");
        for kind in KINDS {
            let at = place(operation, kind);
            let o = format!("{at}/o");
            put(at.clone(), MemberKind::Directory, 0o755, "", b"");
            put(format!("{at}/s"), MemberKind::File, 0o644, "", b"sibling\n");
            put(format!("{at}/sd"), MemberKind::Directory, 0o755, "", b"");
            put(format!("{at}/sd/x"), MemberKind::File, 0o644, "", b"x\n");
            match kind {
                Kind::Missing | Kind::Upper | Kind::UpperLinked | Kind::UpperDirectory => {}
                Kind::Lower | Kind::CopiedUp | Kind::Whiteout | Kind::OverFile => {
                    put(o, MemberKind::File, 0o6755, "", &[b'l'; 6000]);
                }
                Kind::LowerLinked | Kind::LinkedCopiedUp => {
                    put(o.clone(), MemberKind::File, 0o644, "", &[b'h'; 6000]);
                    put(format!("{at}/o2"), MemberKind::HardLink, 0o644, &o, b"");
                }
                Kind::LowerSymlink => put(o, MemberKind::Symlink, 0o777, "s", b""),
                Kind::LowerFifo => put(o, MemberKind::Fifo, 0o644, "", b""),
                Kind::LowerEmpty => put(o, MemberKind::Directory, 0o755, "", b""),
                Kind::LowerDirectory | Kind::Merged | Kind::OverDirectory | Kind::Opaque => {
                    put(o.clone(), MemberKind::Directory, 0o755, "", b"");
                    put(format!("{o}/a"), MemberKind::File, 0o644, "", b"a\n");
                    put(format!("{o}/b"), MemberKind::File, 0o644, "", b"b\n");
                }
            }
        }
    }
    tar.finish().unwrap()
}

/// What the container did before the operations.
pub fn prepare(root: &Path) {
    for (operation, _) in OPERATIONS {
        for kind in KINDS {
            let cell = Cell { at: root.join(place(operation, kind)) };
            cell.prepare(kind).unwrap_or_else(|error| panic!("{operation}, {kind:?}: {error}"));
        }
    }
}

/// Every operation on every kind: what it answered, and what its directory holds then.
pub fn run(root: &Path) -> Vec<(&'static str, Kind, String)> {
    let mut cells = Vec::new();
    for (operation, act) in OPERATIONS {
        for kind in KINDS {
            let at = root.join(place(operation, kind));
            // Whoever opens a FIFO for one direction waits for the other.
            let _other_end = match kind {
                Kind::LowerFifo => File::options().read(true).write(true).open(at.join("o")).ok(),
                _ => None,
            };
            let answer = match act(&Cell { at: at.clone() }) {
                Ok(answer) => answer,
                Err(error) => format!("error {}", error.raw_os_error().unwrap_or_default()),
            };
            let left = super::image::describe(&at).join("\n  ");
            cells.push((operation, kind, format!("{answer}\n  {left}")));
        }
    }
    cells
}

/// What lies in each cell.
pub fn describe(root: &Path) -> Vec<(&'static str, Kind, String)> {
    let mut cells = Vec::new();
    for (operation, _) in OPERATIONS {
        for kind in KINDS {
            let left = super::image::describe(&root.join(place(operation, kind)));
            cells.push((operation, kind, left.join("\n  ")));
        }
    }
    cells
}

impl Cell {
    fn path(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }
    fn o(&self) -> PathBuf {
        self.path("o")
    }
    fn edit(&self) -> io::Result<File> {
        File::options().read(true).write(true).open(self.o())
    }
    fn rename(&self, from: &str, to: &str, flags: RenameFlags) -> io::Result<String> {
        rustix::fs::renameat_with(CWD, self.path(from), CWD, self.path(to), flags)?;
        Ok("moved".into())
    }

    fn prepare(&self, kind: Kind) -> io::Result<()> {
        fs::write(self.path("u"), "upper\n")?;
        fs::create_dir(self.path("ud"))?;
        fs::write(self.path("ud/y"), "y\n")?;
        match kind {
            Kind::Upper => fs::write(self.o(), [b'u'; 6000]),
            Kind::UpperLinked => {
                fs::write(self.o(), [b'u'; 6000])?;
                fs::hard_link(self.o(), self.path("o2"))
            }
            Kind::UpperDirectory => {
                fs::create_dir(self.o())?;
                fs::write(self.path("o/n"), "n\n")
            }
            Kind::CopiedUp => fs::set_permissions(self.o(), Permissions::from_mode(0o6711)),
            Kind::LinkedCopiedUp => fs::set_permissions(self.path("o2"), Permissions::from_mode(0o711)),
            Kind::Merged => {
                fs::remove_file(self.path("o/b"))?;
                fs::write(self.path("o/n"), "n\n")
            }
            Kind::Whiteout => fs::remove_file(self.o()),
            Kind::OverDirectory => {
                fs::remove_dir_all(self.o())?;
                fs::write(self.o(), [b'u'; 6000])
            }
            Kind::OverFile => {
                fs::remove_file(self.o())?;
                fs::create_dir(self.o())?;
                fs::write(self.path("o/n"), "n\n")
            }
            Kind::Opaque => {
                fs::remove_dir_all(self.o())?;
                fs::create_dir(self.o())?;
                fs::write(self.path("o/n"), "n\n")
            }
            _ => Ok(()),
        }
    }
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<_> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    names.sort();
    Ok(names)
}

fn fallocate(cell: &Cell, mode: FallocateFlags, offset: u64, length: u64) -> io::Result<String> {
    let file = cell.edit()?;
    rustix::fs::fallocate(&file, mode, offset, length)?;
    Ok(format!("{}", file.metadata()?.len()))
}

fn mode_of(path: &Path) -> io::Result<String> {
    Ok(format!("{:o}", fs::symlink_metadata(path)?.mode()))
}

/// A list with an entry for user 1, as setfacl(1) would write it.
fn access_list(user: u16, mask: u16) -> Vec<u8> {
    let mut value = vec![2, 0, 0, 0];
    for (tag, permissions, id) in
        [(1u16, 6u16, u32::MAX), (2, user, 1), (4, 4, u32::MAX), (0x10, mask, u32::MAX), (0x20, 0, u32::MAX)]
    {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

fn xattr(path: &Path, name: &str) -> io::Result<String> {
    let mut value = [0; 256];
    let length = rustix::fs::lgetxattr(path, name, &mut value[..])?;
    Ok(value[..length].escape_ascii().to_string())
}

/// What two processes see of each other's mapping and locks; no test here has the unsafe to map by itself.
const TWO_PROCESSES: &str = r#"
import fcntl, mmap, os, sys
path = sys.argv[1]
f = open(path, "r+b")
m = mmap.mmap(f.fileno(), 0)
fcntl.lockf(f, fcntl.LOCK_EX, 10, 0)
pid = os.fork()
if pid == 0:
    g = open(path, "r+b")
    n = mmap.mmap(g.fileno(), 0)
    n[3:6] = b"MAP"
    os.pwrite(g.fileno(), b"WRITE", 4096)
    try:
        fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 5)
        print("locked twice")
    except OSError as error:
        print("held:", error.errno)
    fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 10)
    print("beside it", flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print(m[3:6], m[4096:4101], os.pread(f.fileno(), 3, 3), os.pread(f.fileno(), 5, 4096))
m.flush()
"#;

const PUNCH: FallocateFlags = FallocateFlags::PUNCH_HOLE.union(FallocateFlags::KEEP_SIZE);

const OPERATIONS: [(&str, Operation); 62] = [
    ("stat", |c| mode_of(&c.o())),
    ("read", |c| {
        if fs::symlink_metadata(c.o()).is_ok_and(|stat| stat.file_type().is_fifo()) {
            return Ok("would wait".into());
        }
        fs::read(c.o()).map(|bytes| coracle::digest::Digest::of(&bytes).short().to_string())
    }),
    ("list", |c| Ok(format!("{:?}", names(&c.o())?))),
    ("append", |c| {
        File::options().append(true).open(c.o())?.write_all(b"more")?;
        mode_of(&c.o())
    }),
    ("write inside", |c| c.edit()?.write_all_at(b"inside", 4094).map(|()| String::new())),
    ("open to cut", |c| {
        File::options().write(true).truncate(true).open(c.o())?;
        mode_of(&c.o())
    }),
    ("truncate", |c| c.edit()?.set_len(5000).map(|()| String::new())),
    ("truncate longer", |c| c.edit()?.set_len(9000).map(|()| String::new())),
    ("create", |c| File::create(c.o()).map(|_| String::new())),
    ("create exclusively", |c| File::create_new(c.o()).map(|_| String::new())),
    ("open for writing only", |c| File::options().write(true).open(c.o()).map(|_| String::new())),
    ("chmod", |c| {
        fs::set_permissions(c.o(), Permissions::from_mode(0o4711))?;
        mode_of(&c.o())
    }),
    ("chown", |c| {
        std::os::unix::fs::lchown(c.o(), Some(0), Some(0))?;
        mode_of(&c.o())
    }),
    ("utimens", |c| {
        let time = Timespec { tv_sec: 1_000_000_000, tv_nsec: 1 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(CWD, c.o(), &times, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(String::new())
    }),
    ("set xattr", |c| {
        rustix::fs::lsetxattr(c.o(), "user.new", b"v", XattrFlags::CREATE)?;
        xattr(&c.o(), "user.kept")
    }),
    ("remove xattr", |c| {
        rustix::fs::lremovexattr(c.o(), "user.kept")?;
        Ok(String::new())
    }),
    ("set capability", |c| {
        let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        rustix::fs::lsetxattr(c.o(), "security.capability", capability, XattrFlags::empty())?;
        c.edit()?.write_all_at(b"x", 0)?;
        Ok(format!("{:?}", xattr(&c.o(), "security.capability").is_ok()))
    }),
    ("set acl", |c| {
        rustix::fs::lsetxattr(c.o(), "system.posix_acl_access", &access_list(6, 6), XattrFlags::empty())?;
        fs::set_permissions(c.o(), Permissions::from_mode(0o640))?;
        Ok(format!("{} {}", mode_of(&c.o())?, xattr(&c.o(), "system.posix_acl_access")?))
    }),
    ("default acl", |c| {
        rustix::fs::lsetxattr(c.o(), "system.posix_acl_default", &access_list(7, 7), XattrFlags::empty())?;
        fs::write(c.path("o/made"), "x")?;
        fs::create_dir(c.path("o/below"))?;
        let (made, below) = (c.path("o/made"), c.path("o/below"));
        Ok(format!(
            "{} {} {} {}",
            mode_of(&made)?,
            xattr(&made, "system.posix_acl_access")?,
            mode_of(&below)?,
            xattr(&below, "system.posix_acl_default")?
        ))
    }),
    ("link", |c| fs::hard_link(c.o(), c.path("linked")).map(|()| String::new())),
    ("link to it", |c| fs::hard_link(c.path("s"), c.o()).map(|()| String::new())),
    ("link and write", |c| {
        fs::hard_link(c.o(), c.path("linked"))?;
        if fs::symlink_metadata(c.o())?.file_type().is_fifo() {
            return Ok("would wait".into());
        }
        File::options().append(true).open(c.path("linked"))?.write_all(b"both")?;
        let (one, two) = (fs::metadata(c.o())?, fs::metadata(c.path("linked"))?);
        Ok(format!("{} {}", one.len() == two.len(), one.ino() == two.ino()))
    }),
    ("unlink", |c| fs::remove_file(c.o()).map(|()| String::new())),
    ("rmdir", |c| fs::remove_dir(c.o()).map(|()| String::new())),
    ("remove all", |c| fs::remove_dir_all(c.o()).map(|()| String::new())),
    ("remove and make a file", |c| {
        let _ = fs::remove_dir_all(c.o());
        let _ = fs::remove_file(c.o());
        fs::write(c.o(), "again").map(|()| String::new())
    }),
    ("remove and make a directory", |c| {
        let _ = fs::remove_dir_all(c.o());
        let _ = fs::remove_file(c.o());
        fs::create_dir(c.o())?;
        Ok(format!("{:?}", names(&c.o())?))
    }),
    ("mkdir", |c| fs::create_dir(c.o()).map(|()| String::new())),
    ("make below", |c| fs::write(c.path("o/made"), "made").map(|()| String::new())),
    ("mkdir below", |c| fs::create_dir_all(c.path("o/b/c")).map(|()| String::new())),
    ("symlink", |c| symlink("s", c.o()).map(|()| String::new())),
    ("fifo", |c| {
        rustix::fs::mknodat(CWD, c.o(), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        Ok(String::new())
    }),
    ("socket", |c| std::os::unix::net::UnixListener::bind(c.o()).map(|_| String::new())),
    ("rename away", |c| c.rename("o", "moved", RenameFlags::empty())),
    ("rename there and back", |c| {
        c.rename("o", "moved", RenameFlags::empty())?;
        c.rename("moved", "o", RenameFlags::empty())
    }),
    ("rename over a file of the image", |c| c.rename("o", "s", RenameFlags::empty())),
    ("rename over a directory of the image", |c| c.rename("o", "sd", RenameFlags::empty())),
    ("rename over a file", |c| c.rename("o", "u", RenameFlags::empty())),
    ("rename into a directory of the image", |c| c.rename("o", "sd/o", RenameFlags::empty())),
    ("rename into a directory", |c| c.rename("o", "ud/o", RenameFlags::empty())),
    ("rename over it", |c| c.rename("s", "o", RenameFlags::empty())),
    ("rename a directory over it", |c| c.rename("ud", "o", RenameFlags::empty())),
    ("rename a directory into it", |c| c.rename("ud", "o/ud", RenameFlags::empty())),
    ("rename to itself", |c| c.rename("o", "o", RenameFlags::empty())),
    ("rename noreplace", |c| c.rename("o", "fresh", RenameFlags::NOREPLACE)),
    ("rename noreplace over", |c| c.rename("s", "o", RenameFlags::NOREPLACE)),
    ("exchange with a file of the image", |c| c.rename("o", "s", RenameFlags::EXCHANGE)),
    ("exchange with a directory", |c| c.rename("o", "ud", RenameFlags::EXCHANGE)),
    ("exchange with nothing", |c| c.rename("o", "fresh", RenameFlags::EXCHANGE)),
    ("rename whiteout", |c| c.rename("o", "fresh", RenameFlags::WHITEOUT)),
    ("tmpfile", |c| {
        let flags = OFlags::TMPFILE | OFlags::RDWR;
        let file = File::from(rustix::fs::open(c.o(), flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all_at(b"temporary", 0)?;
        let fd = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        rustix::fs::linkat(CWD, fd, CWD, c.path("kept"), AtFlags::SYMLINK_FOLLOW)?;
        Ok(format!("{}", fs::metadata(c.path("kept"))?.nlink()))
    }),
    ("fallocate", |c| fallocate(c, FallocateFlags::empty(), 0, 10_000)),
    ("fallocate keep size", |c| fallocate(c, FallocateFlags::KEEP_SIZE, 0, 10_000)),
    ("punch a hole", |c| fallocate(c, PUNCH, 0, 4096)),
    ("zero a range", |c| fallocate(c, FallocateFlags::ZERO_RANGE, 100, 5000)),
    ("collapse a range", |c| fallocate(c, FallocateFlags::COLLAPSE_RANGE, 0, 4096)),
    ("seek", |c| {
        let file = c.edit()?;
        file.set_len(1 << 20)?;
        let hole = rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(0))?;
        let data = rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(hole));
        Ok(format!("{} {data:?}", (6000..1 << 20).contains(&hole)))
    }),
    ("copy within", |c| {
        let file = c.edit()?;
        let copied = rustix::fs::copy_file_range(&file, Some(&mut 0), &file, Some(&mut 8192), 3000)?;
        Ok(format!("{copied}"))
    }),
    ("unlinked but open", |c| {
        let mut file = c.edit()?;
        fs::remove_file(c.o())?;
        file.write_all(b"still here")?;
        file.set_len(100)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.seek(SeekFrom::Start(0))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        file.sync_all()?;
        let stat = file.metadata()?;
        Ok(format!("{} {} {:o}", &text[..12], stat.len(), stat.mode()))
    }),
    ("read on after a change", |c| {
        let reading = File::open(c.o())?;
        let before = reading.metadata()?.ino();
        File::options().append(true).open(c.o())?.write_all(b"x")?;
        let mut first = [0; 4];
        reading.read_exact_at(&mut first, 0)?;
        // Numbers stay, whatever is copied up.
        Ok(format!("{first:?} {}", fs::metadata(c.o())?.ino() == before))
    }),
    ("flock", |c| {
        let (one, two) = (c.edit()?, File::open(c.o())?);
        one.lock()?;
        Ok(format!("{:?}", two.try_lock().is_err()))
    }),
    ("two processes", |c| {
        // Of what is no file of two pages the script would complain in a language of its own.
        if !fs::symlink_metadata(c.o())?.is_file() {
            return Ok("no file".into());
        }
        let ran = Command::new("python3").args(["-c", TWO_PROCESSES]).arg(c.o()).output()?;
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr))
    }),
];

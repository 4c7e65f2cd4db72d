//! Makes a tree of an archive that nobody vouches for. What a file is made of is written under another
//! name beside it and renamed: there is no half file, and nothing is ever written through a link, hard or
//! symbolic, that the archive or somebody else has put there. What a killed copy leaves under such a name is
//! removed by the next one that comes to its directory.

use std::collections::HashSet;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::pack::is_carried;
use super::root::{Root, resolve};
use super::{Ids, path, reason};
use crate::identity::files::{Device, MAKE_NODE, NodeWish, OWNER, Record, SET_OWNER};
use crate::layer::tar::{Data, Member, MemberKind, TarError, TarReader};
use crate::sys::file::unique_name;
use crate::sys::xattr;

const BUFFER: usize = 256 << 10;
/// How names begin under which files are made; the number of the process follows.
const TEMPORARY: &str = ".coracle-cp-";
/// A file that nobody has written to for so long is nobody's, even where the processes of its maker cannot be
/// seen (a directory shared between machines).
const ABANDONED: Duration = Duration::from_secs(60);

/// The directory that names of the archive are below.
pub enum Base<'a> {
    /// One of the caller's: no link below it is followed.
    Beneath(OwnedFd),
    /// One that is the archive's as a whole, its own owner, mode and times too; no link is followed.
    Whole(OwnedFd),
    /// A path within a container: links lead wherever they lead inside.
    InRoot(&'a Root, Vec<u8>),
}

/// Whose the new files are.
#[derive(Debug, Clone)]
pub enum Owner {
    /// Whoever makes them.
    Maker,
    /// Root of the container.
    Root(Ids),
    /// Whom the archive names, as far as the container has such an id; root else.
    Archive(Ids),
}

#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error(transparent)]
    Archive(#[from] TarError),
    #[error("invalid name in the archive: {0:?}")]
    Name(String),
    /// Docker's words.
    #[error("cannot overwrite directory {0:?} with non-directory {1:?}")]
    FileOverDirectory(String, String),
    #[error("cannot overwrite non-directory {0:?} with directory {1:?}")]
    DirectoryOverFile(String, String),
    #[error("{what} {path}: {}", reason(&(*errno).into()))]
    File { what: &'static str, path: String, errno: Errno },
    #[error("write {path}: {}", reason(error))]
    Write { path: String, error: io::Error },
}

type Result<T> = std::result::Result<T, UnpackError>;

pub struct Unpack<'a> {
    base: Base<'a>,
    owner: Owner,
    /// The directory that was used last, as nearly every member has the one before's.
    last: Option<(Vec<u8>, Arc<OwnedFd>)>,
    /// The directories that were looked through for what others have left.
    swept: HashSet<Vec<u8>>,
    /// Modes and times of directories, set when nothing is put into them any more.
    directories: Vec<(Vec<u8>, Member)>,
}

/// Makes everything that the archive has.
pub fn unpack(base: Base<'_>, owner: Owner, archive: impl io::BufRead) -> Result<()> {
    let mut unpack = Unpack { base, owner, last: None, swept: HashSet::new(), directories: Vec::new() };
    let mut reader = TarReader::new(archive);
    while let Some(member) = reader.next_member()? {
        unpack.member(member, &mut reader)?;
    }
    unpack.finish()
}

/// Removes what killed copies have left in a directory, as well as can be.
fn sweep(directory: &OwnedFd) {
    // The descriptor itself may be one that cannot be read from.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(readable) = rustix::fs::openat(directory, ".", flags, Mode::empty()) else { return };
    let Ok(entries) = Dir::new(readable) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_ok_and(|name| name.starts_with(TEMPORARY)) && is_left(directory, name) {
            let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
        }
    }
}

fn is_left(directory: &OwnedFd, name: &CStr) -> bool {
    let maker =
        name.to_str().ok().and_then(|name| name.strip_prefix(TEMPORARY)?.split('-').next()?.parse().ok());
    let is_there = |pid: u32| Path::new("/proc").join(pid.to_string()).exists();
    let Ok(stat) = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
    let written = UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
    let is_old = written.elapsed().is_ok_and(|age| age > ABANDONED);
    is_old && !maker.is_some_and(is_there)
}

/// Names of a path, without those that mean nothing; one that climbs is refused.
fn names(path: &[u8]) -> Result<Vec<&[u8]>> {
    let names: Vec<_> =
        path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").collect();
    match names.contains(&&b".."[..]) || path.contains(&0) {
        true => Err(UnpackError::Name(String::from_utf8_lossy(path).into_owned())),
        false => Ok(names),
    }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn failed(what: &'static str, path: &[u8]) -> impl Fn(Errno) -> UnpackError {
    move |errno| UnpackError::File { what, path: shown(path), errno }
}

impl Base<'_> {
    fn open_directory(&self, relative: &[u8]) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match self {
            Base::Beneath(directory) | Base::Whole(directory) => {
                let relative = if relative.is_empty() { b"." } else { relative };
                let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
                resolve(directory, relative, flags, Mode::empty(), how)
            }
            Base::InRoot(root, directory) => {
                root.open(&[directory, &b"/"[..], relative].concat(), flags, Mode::empty())
            }
        }
    }
}

impl Unpack<'_> {
    fn member<R: io::BufRead>(&mut self, member: Member, reader: &mut TarReader<R>) -> Result<()> {
        let names = names(&member.name)?;
        let Some((name, above)) = names.split_last() else {
            // The topmost directory is there; as a rule it is not the archive's to change.
            if matches!(self.base, Base::Whole(_)) && member.kind == MemberKind::Directory {
                self.directories.push((b".".to_vec(), member));
            }
            return Ok(());
        };
        let path = names.join(&b'/');
        let parent = self.directory(above)?;
        let found = match rustix::fs::statat(&parent, *name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(FileType::from_raw_mode(stat.st_mode)),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(failed("lstat", &path)(errno)),
        };
        match (found, member.kind) {
            (Some(FileType::Directory), MemberKind::Directory) => {
                self.directories.push((path, member));
                return Ok(());
            }
            (Some(FileType::Directory), _) => {
                return Err(UnpackError::FileOverDirectory(shown(&path), shown(&member.name)));
            }
            (Some(_), MemberKind::Directory) => {
                return Err(UnpackError::DirectoryOverFile(shown(&path), shown(&member.name)));
            }
            (None, MemberKind::Directory) => {
                rustix::fs::mkdirat(&parent, *name, Mode::RWXU).map_err(failed("mkdir", &path))?;
                self.own(&parent, name, &member).map_err(failed("chown", &path))?;
                self.directories.push((path, member));
                return Ok(());
            }
            _ => {}
        }
        let temporary = unique_name(TEMPORARY).into_bytes();
        let made = self.make(&parent, &temporary, &member, &path, reader).and_then(|()| {
            rustix::fs::renameat(&parent, &*temporary, &parent, *name).map_err(failed("rename", &path))
        });
        // Renaming one name of a file to another of the same does nothing (rename(2)).
        if made.is_err() || member.kind == MemberKind::HardLink {
            let _ = rustix::fs::unlinkat(&parent, &*temporary, AtFlags::empty());
        }
        made
    }

    /// The directory of these names; made where it is missing, as Docker does for archives that do not
    /// tell of their directories.
    fn directory(&mut self, names: &[&[u8]]) -> Result<Arc<OwnedFd>> {
        let path = names.join(&b'/');
        if let Some((last, directory)) = &self.last
            && *last == path
        {
            return Ok(directory.clone());
        }
        let opened = match self.base.open_directory(&path) {
            Err(Errno::NOENT) => {
                for end in 1..=names.len() {
                    let above = self.base.open_directory(&names[..end - 1].join(&b'/'));
                    let above = above.map_err(failed("open", &path))?;
                    match rustix::fs::mkdirat(&above, names[end - 1], Mode::from_raw_mode(0o755)) {
                        Ok(()) => {
                            let made = Member::new(names[..end].join(&b'/'), MemberKind::Directory);
                            self.own(&above, names[end - 1], &made).map_err(failed("chown", &path))?;
                        }
                        Err(Errno::EXIST) => {}
                        Err(errno) => return Err(failed("mkdir", &path)(errno)),
                    }
                }
                self.base.open_directory(&path)
            }
            opened => opened,
        };
        let opened = Arc::new(opened.map_err(failed("open", &path))?);
        if self.swept.insert(path.clone()) {
            sweep(&opened);
        }
        self.last = Some((path, opened.clone()));
        Ok(opened)
    }

    /// Makes anything but a directory, complete, under a name of its own.
    fn make<R: io::BufRead>(
        &mut self,
        parent: &OwnedFd,
        name: &[u8],
        member: &Member,
        path: &[u8],
        reader: &mut TarReader<R>,
    ) -> Result<()> {
        match member.kind {
            MemberKind::File => {
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)
                    .map_err(failed("open", path))?;
                write(File::from(file), member, path, reader)?;
            }
            MemberKind::HardLink => {
                let target = names(&member.target)?;
                let Some((last, above)) = target.split_last() else {
                    return Err(UnpackError::Name(shown(&member.target)));
                };
                let from = self.base.open_directory(&above.join(&b'/')).map_err(failed("link", path))?;
                let linked = rustix::fs::linkat(&from, *last, parent, name, AtFlags::empty());
                // Its attributes are those of the file that it is.
                return linked.map_err(failed("link", path));
            }
            MemberKind::Symlink => {
                rustix::fs::symlinkat(&*member.target, parent, name).map_err(failed("symlink", path))?;
            }
            MemberKind::CharDevice | MemberKind::BlockDevice | MemberKind::Fifo => {
                let kind = match member.kind {
                    MemberKind::CharDevice => FileType::CharacterDevice,
                    MemberKind::BlockDevice => FileType::BlockDevice,
                    _ => FileType::Fifo,
                };
                let device = rustix::fs::makedev(member.device.0, member.device.1);
                match rustix::fs::mknodat(parent, name, kind, Mode::RUSR | Mode::WUSR, device) {
                    Err(Errno::PERM) if self.notes_owners() => note_device(parent, name, member),
                    made => made,
                }
                .map_err(failed("mknod", path))?;
            }
            MemberKind::Directory => unreachable!("directories are made in place"),
        }
        self.own(parent, name, member).map_err(failed("chown", path))?;
        attributes(parent, name, member, path)
    }

    /// chown(2) takes setuid bits and capabilities away, so it comes before them.
    fn own(&self, parent: &OwnedFd, name: &[u8], member: &Member) -> rustix::io::Result<()> {
        let root = |ids: &Ids| (Ids::outside(&ids.uids, 0), Ids::outside(&ids.gids, 0));
        let (uid, gid) = match &self.owner {
            Owner::Maker => return Ok(()),
            Owner::Root(ids) if ids.are_noted => return note(parent, name, (0, 0)),
            Owner::Archive(ids) if ids.are_noted => return note(parent, name, (member.uid, member.gid)),
            Owner::Root(ids) => root(ids),
            Owner::Archive(ids) => {
                let (uid, gid) = root(ids);
                (Ids::outside(&ids.uids, member.uid).or(uid), Ids::outside(&ids.gids, member.gid).or(gid))
            }
        };
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        rustix::fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn notes_owners(&self) -> bool {
        matches!(&self.owner, Owner::Root(ids) | Owner::Archive(ids) if ids.are_noted)
    }

    fn finish(mut self) -> Result<()> {
        // What is in a directory before the directory: each child changes its time.
        for (path, member) in std::mem::take(&mut self.directories).into_iter().rev() {
            let (above, name) = path::split(&path);
            let above = if above == b"." { Vec::new() } else { above };
            let parent = self.base.open_directory(&above).map_err(failed("open", &path))?;
            let stat = rustix::fs::statat(&parent, &*name, AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map_err(failed("lstat", &path))?;
            // Somebody else has put something else there.
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                self.own(&parent, &name, &member).map_err(failed("chown", &path))?;
                attributes(&parent, &name, &member, &path)?;
            }
        }
        Ok(())
    }
}

/// Writes down whose a file is: on disk, or with the container's root, which does not show that attribute.
/// What takes neither belongs to whoever looks.
fn note(parent: &OwnedFd, name: &[u8], owner: (u32, u32)) -> rustix::io::Result<()> {
    let record = Record { owner, device: None }.write();
    for attribute in [OWNER, SET_OWNER] {
        match xattr::set(parent.as_fd(), name, attribute.as_bytes(), &record) {
            Err(Errno::OPNOTSUPP | Errno::PERM) => {}
            set => return set,
        }
    }
    Ok(())
}

/// A device that nobody can open, which only a container's root has.
fn note_device(parent: &OwnedFd, name: &[u8], member: &Member) -> rustix::io::Result<()> {
    let (major, minor) = member.device;
    let device = Device { is_block: member.kind == MemberKind::BlockDevice, major, minor };
    let record = Record { owner: (0, 0), device: Some(device) };
    // Under a name that nobody has asked for, so that the kernel has no memory of it.
    let aside = unique_name(TEMPORARY).into_bytes();
    let wish = NodeWish { mode: 0o600, record, name: &aside }.write();
    match xattr::set(parent.as_fd(), b".", MAKE_NODE.as_bytes(), &wish) {
        Err(Errno::OPNOTSUPP) => Err(Errno::PERM),
        Err(errno) => Err(errno),
        Ok(()) => rustix::fs::renameat(parent, &*aside, parent, name),
    }
}

fn write<R: io::BufRead>(
    mut file: File,
    member: &Member,
    path: &[u8],
    reader: &mut TarReader<R>,
) -> Result<()> {
    let wrong = |error: io::Error| UnpackError::Write { path: shown(path), error };
    let mut data = reader.data();
    let mut buffer = vec![0; BUFFER.min(member.size.max(1) as usize)];
    let mut copy = |file: &mut File, mut left: u64| -> Result<()> {
        while left > 0 {
            let want = left.min(buffer.len() as u64) as usize;
            let got = data.read(&mut buffer[..want]).map_err(TarError::Read)?;
            if got == 0 {
                return Err(TarError::Read(io::ErrorKind::UnexpectedEof.into()).into());
            }
            file.write_all(&buffer[..got]).map_err(wrong)?;
            left -= got as u64;
        }
        Ok(())
    };
    match &member.data {
        Data::Plain { .. } => copy(&mut file, member.size),
        Data::Sparse(extents) => {
            for extent in extents {
                file.seek(SeekFrom::Start(extent.file_offset)).map_err(wrong)?;
                copy(&mut file, extent.len)?;
            }
            file.set_len(member.size).map_err(wrong)
        }
    }
}

/// Mode, attributes and times, in the order that keeps all of them.
fn attributes(parent: &OwnedFd, name: &[u8], member: &Member, path: &[u8]) -> Result<()> {
    if member.kind != MemberKind::Symlink {
        chmod(parent, name, member.mode).map_err(failed("chmod", path))?;
    }
    for (attribute, value) in member.xattrs.iter().filter(|(attribute, _)| is_carried(attribute)) {
        match xattr::set(parent.as_fd(), name, attribute, value) {
            // A file system without them, a link that cannot have them, a caller who may not give them:
            // Docker does without, too.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM | Errno::NOSYS) => {}
            Err(errno) => return Err(failed("setting attributes of", path)(errno)),
        }
    }
    let time = Timespec { tv_sec: member.mtime.sec, tv_nsec: member.mtime.nsec.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(failed("utimes", path))
}

/// By a descriptor: fchmodat(2) would follow a link that took the name, out of the container.
fn chmod(parent: &OwnedFd, name: &[u8], mode: u32) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP);
    }
    let itself = format!("/proc/self/fd/{}", found.as_raw_fd());
    rustix::fs::chmod(itself, Mode::from_raw_mode(mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    use super::*;
    use crate::layer::tar::TarWriter;

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

    fn link(kind: MemberKind, name: &str, target: &str) -> Member {
        Member { target: target.into(), ..Member::new(name, kind) }
    }

    fn open(path: &Path) -> OwnedFd {
        fs::File::open(path).unwrap().into()
    }

    fn unpack_in(directory: &Path, members: &[(Member, &[u8])]) -> Result<()> {
        unpack(Base::Beneath(open(directory)), Owner::Maker, &tar(members)[..])
    }

    #[test]
    fn nothing_is_written_outside_whatever_the_archive_says() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        let secret = outside.join("secret");
        let fresh = || {
            for path in [&inside, &outside] {
                let _ = fs::remove_dir_all(path);
                fs::create_dir(path).unwrap();
            }
            fs::write(&secret, "untouched").unwrap();
        };
        let out = outside.to_str().unwrap();
        let direct = secret.to_str().unwrap();
        let attacks: Vec<Vec<(Member, &[u8])>> = vec![
            vec![(file("../out/secret"), b"bad")],
            vec![(file("a/../../out/secret"), b"bad")],
            vec![(link(MemberKind::Symlink, "l", out), b""), (file("l/secret"), b"bad")],
            vec![(link(MemberKind::Symlink, "l", "../out"), b""), (file("l/secret"), b"bad")],
            vec![(link(MemberKind::Symlink, "l", direct), b""), (file("l"), b"fine")],
            vec![(link(MemberKind::HardLink, "h", "../out/secret"), b""), (file("h"), b"bad")],
            vec![
                (link(MemberKind::Symlink, "l", out), b""),
                (link(MemberKind::HardLink, "h", "l/secret"), b""),
            ],
            vec![(link(MemberKind::Symlink, "l", out), b""), (Member::new("l", MemberKind::Directory), b"")],
            vec![(link(MemberKind::HardLink, "h", ""), b"")],
        ];
        for attack in attacks {
            fresh();
            let _ = unpack_in(&inside, &attack);
            assert_eq!(fs::read_to_string(&secret).unwrap(), "untouched", "{attack:?}");
            assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "{attack:?}");
            assert_eq!(fs::metadata(&secret).unwrap().nlink(), 1, "{attack:?}");
        }
    }

    #[test]
    fn links_that_were_there_are_replaced_and_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("in");
        fs::create_dir(&inside).unwrap();
        let other = dir.path().join("other");
        fs::write(&other, "untouched").unwrap();
        symlink(&other, inside.join("sym")).unwrap();
        fs::hard_link(&other, inside.join("hard")).unwrap();
        unpack_in(&inside, &[(file("sym"), b"new"), (file("hard"), b"new")]).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "untouched");
        assert_eq!(fs::read_to_string(inside.join("sym")).unwrap(), "new");
        assert_eq!(fs::read_to_string(inside.join("hard")).unwrap(), "new");
    }

    #[test]
    fn in_a_root_links_lead_within_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("usr/lib")).unwrap();
        symlink("/usr/lib", root.join("lib")).unwrap();
        symlink("../../../../..", root.join("up")).unwrap();
        let root = Root::new(open(&root));
        let archive = tar(&[(file("lib/x"), b"1"), (file("up/y"), b"2"), (file("new/deep/z"), b"3")]);
        let ids = Ids::default();
        let owner = if rustix::process::geteuid().is_root() { Owner::Root(ids) } else { Owner::Maker };
        unpack(Base::InRoot(&root, b"/".to_vec()), owner, &archive[..]).unwrap();
        let read = |path: &str| fs::read_to_string(dir.path().join("root").join(path)).unwrap();
        assert_eq!((read("usr/lib/x"), read("y"), read("new/deep/z")), ("1".into(), "2".into(), "3".into()));
        assert_eq!(root.settled(b"/lib/../lib/x").unwrap(), b"/usr/lib/x");
        assert_eq!(root.settled(b"/up/lib").unwrap(), b"/usr/lib");
        assert_eq!(root.settled(b"nosuch/../x").unwrap(), b"/x");
    }

    #[test]
    fn kinds_do_not_replace_each_other() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("f"), "x").unwrap();
        let error = unpack_in(dir.path(), &[(file("d"), b"x")]).unwrap_err().to_string();
        assert_eq!(error, "cannot overwrite directory \"d\" with non-directory \"d\"");
        let error =
            unpack_in(dir.path(), &[(Member::new("f", MemberKind::Directory), b"")]).unwrap_err().to_string();
        assert_eq!(error, "cannot overwrite non-directory \"f\" with directory \"f/\"");
    }

    #[test]
    fn a_cut_archive_leaves_no_half_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("big"), "old").unwrap();
        let archive = tar(&[(file("big"), &[7; 100_000])]);
        let cut = &archive[..50_000];
        assert!(unpack(Base::Beneath(open(dir.path())), Owner::Maker, cut).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("big")).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn modes_and_times_of_directories_survive_what_is_put_into_them() {
        let dir = tempfile::tempdir().unwrap();
        let time = crate::layer::index::Mtime { sec: 1_000_000_000, nsec: 5 };
        let closed = Member { mode: 0o500, mtime: time, ..Member::new("d", MemberKind::Directory) };
        let inner = Member { mode: 0o640, mtime: time, ..file("d/f") };
        let again = link(MemberKind::HardLink, "d/g", "d/f");
        unpack_in(dir.path(), &[(closed, b""), (inner, b"x"), (again, b"")]).unwrap();
        let facts = |path: &str| fs::metadata(dir.path().join(path)).unwrap();
        assert_eq!((facts("d").permissions().mode() & 0o7777, facts("d").mtime()), (0o500, 1_000_000_000));
        assert_eq!((facts("d/g").permissions().mode() & 0o7777, facts("d/g").nlink()), (0o640, 2));
        assert_eq!(facts("d/g").mtime_nsec(), 5);
        fs::set_permissions(dir.path().join("d"), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

//! Random operations by several processes at once, each carried out on the file system under test and on
//! a plain one: every answer must be the same, and so must the trees at the end. In a directory that all
//! share, where nobody can foresee an answer, only the errors of a broken file system are refused.
//!
//! `stress SUBJECT PLAIN SEED PROCESSES OPERATIONS`: both directories hold the same `p0`, `p1`, … at the
//! start, one for each process; what is in there is what the first operations find. A sixth argument is its
//! own: one of the processes, with a directory that all share in the third place.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const EXDEV: i32 = 18;
/// EIO, ENOTCONN, ESTALE: what no program may ever see of a local file system.
const BROKEN: [i32; 3] = [5, 107, 116];

struct Random(u64);

impl Random {
    /// xorshift64*
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
    }
}

/// Two descriptors that stay open while names come and go.
struct Open {
    subject: File,
    plain: File,
}

struct Pair {
    subject: PathBuf,
    plain: PathBuf,
    random: Random,
    open: Vec<Open>,
    moved_by_copy: u64,
}

type Answer = Result<String, i32>;

fn answer<T: std::fmt::Debug>(outcome: io::Result<T>) -> Answer {
    match outcome {
        Ok(value) => Ok(format!("{value:?}")),
        Err(error) => Err(error.raw_os_error().unwrap_or(-1)),
    }
}

impl Pair {
    /// A path of up to three of a few names, so that operations meet; now and then one that was there.
    fn name(&mut self) -> String {
        let depth = 1 + self.random.next(3);
        let names: Vec<String> = (0..depth)
            .map(|_| match self.random.next(3) {
                0 => format!("f{}", self.random.next(6)),
                1 => format!("d{}", self.random.next(4)),
                _ => format!("n{}", self.random.next(5)),
            })
            .collect();
        names.join("/")
    }

    fn both<T: std::fmt::Debug>(
        &mut self,
        what: &str,
        act: impl Fn(&Path) -> io::Result<T>,
    ) -> Result<(), String> {
        let found = answer(act(&self.subject.clone()));
        // A directory that the image has a part in is moved by copying; here it stays.
        if found == Err(EXDEV) {
            self.moved_by_copy += 1;
            return Ok(());
        }
        let expected = answer(act(&self.plain.clone()));
        if found == expected {
            Ok(())
        } else {
            Err(format!("{what}: {found:?}, on a plain one {expected:?}"))
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let (a, b) = (self.name(), self.name());
        let (at, size) = (self.random.next(70_000), self.random.next(9_000) as usize);
        let byte = b'a' + (self.random.next(26) as u8);
        let mode = [0o644, 0o600, 0o4755, 0o2755, 0o777, 0o400][self.random.next(6) as usize];
        match self.random.next(22) {
            0 | 1 => self.both(&format!("write {a}"), |root| fs::write(root.join(&a), vec![byte; size])),
            2 => self.both(&format!("append {a}"), |root| {
                File::options().append(true).open(root.join(&a))?.write_all(&vec![byte; size])
            }),
            3 => self.both(&format!("write {a} at {at}"), |root| {
                File::options().write(true).open(root.join(&a))?.write_all_at(&vec![byte; size], at)
            }),
            4 => self.both(&format!("truncate {a} to {at}"), |root| {
                File::options().write(true).open(root.join(&a))?.set_len(at)
            }),
            5 => {
                self.both(&format!("read {a}"), |root| fs::read(root.join(&a)).map(|content| hash(&content)))
            }
            6 | 7 => self.both(&format!("mkdir {a}"), |root| fs::create_dir(root.join(&a))),
            8 | 9 => self.both(&format!("unlink {a}"), |root| fs::remove_file(root.join(&a))),
            10 => self.both(&format!("rmdir {a}"), |root| fs::remove_dir(root.join(&a))),
            11 => self.both(&format!("rm -r {a}"), |root| fs::remove_dir_all(root.join(&a))),
            12..=14 => self.both(&format!("rename {a} {b}"), |root| fs::rename(root.join(&a), root.join(&b))),
            15 => self.both(&format!("link {a} {b}"), |root| fs::hard_link(root.join(&a), root.join(&b))),
            16 => self.both(&format!("symlink {b}"), |root| symlink(&a, root.join(&b))),
            17 => self.both(&format!("chmod {mode:o} {a}"), |root| {
                fs::set_permissions(root.join(&a), Permissions::from_mode(mode))
            }),
            18 => self.both(&format!("list {a}"), |root| names(&root.join(&a))),
            19 => self.both(&format!("copy {a} {b}"), |root| fs::copy(root.join(&a), root.join(&b))),
            20 => self.hold(&a),
            _ => self.through_open(byte, at, size),
        }?;
        self.both(&format!("stat {a}"), |root| {
            let stat = fs::symlink_metadata(root.join(&a))?;
            let (links, size) = if stat.is_dir() { (0, 0) } else { (stat.nlink(), stat.len()) };
            Ok((stat.mode(), links, size))
        })
    }

    fn hold(&mut self, name: &str) -> Result<(), String> {
        let open = |root: &Path| File::options().read(true).write(true).open(root.join(name));
        match (open(&self.subject), open(&self.plain)) {
            (Ok(subject), Ok(plain)) => {
                if self.open.len() == 8 {
                    self.open.remove(0);
                }
                self.open.push(Open { subject, plain });
                Ok(())
            }
            (subject, plain) => {
                let (found, expected) = (answer(subject.map(drop)), answer(plain.map(drop)));
                if found == expected { Ok(()) } else { Err(format!("open {name}: {found:?}, {expected:?}")) }
            }
        }
    }

    /// Through a descriptor whose name may be gone or another file's.
    fn through_open(&mut self, byte: u8, at: u64, size: usize) -> Result<(), String> {
        if self.open.is_empty() {
            return Ok(());
        }
        let which = self.random.next(self.open.len() as u64) as usize;
        let cut = self.random.next(4) == 0;
        let act = |mut file: &File| -> io::Result<(u64, u64, u64)> {
            match cut {
                true => file.set_len(at)?,
                false => file.write_all_at(&vec![byte; size], at)?,
            }
            let mut content = Vec::new();
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(&mut content)?;
            let stat = file.metadata()?;
            Ok((stat.len(), stat.nlink(), hash(&content)))
        };
        let open = &self.open[which];
        let (found, expected) = (answer(act(&open.subject)), answer(act(&open.plain)));
        if found == expected { Ok(()) } else { Err(format!("through an open file: {found:?}, {expected:?}")) }
    }
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// FNV-1a
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A line for each object: what it is, and which names are one file.
fn describe(
    root: &Path,
    path: &Path,
    files: &mut BTreeMap<u64, usize>,
    lines: &mut Vec<String>,
) -> io::Result<()> {
    let stat = fs::symlink_metadata(path)?;
    let name = path.strip_prefix(root).unwrap_or(path).display();
    if stat.is_dir() {
        lines.push(format!("{name} {:o} {}:{}", stat.mode(), stat.uid(), stat.gid()));
        for child in names(path)? {
            describe(root, &path.join(child), files, lines)?;
        }
        return Ok(());
    }
    let next = files.len();
    let file = *files.entry(stat.ino()).or_insert(next);
    let content = match stat.is_symlink() {
        true => fs::read_link(path)?.display().to_string(),
        false => format!("{:x}", hash(&fs::read(path)?)),
    };
    let (mode, links, size) = (stat.mode(), stat.nlink(), stat.len());
    lines.push(format!("{name} {mode:o} {}:{} {size} {links} #{file} {content}", stat.uid(), stat.gid()));
    Ok(())
}

/// An operation among all the others; what it answers depends on them.
fn crowd(shared: &Path, random: &mut Random) -> Result<(), String> {
    let path = |number| shared.join(format!("s{number}"));
    let (a, b) = (path(random.next(12)), path(random.next(12)));
    let outcome = match random.next(7) {
        0 => fs::write(&a, vec![b'x'; random.next(20_000) as usize]),
        1 => fs::remove_file(&a),
        2 => fs::rename(&a, &b),
        3 => fs::hard_link(&a, &b),
        4 => fs::create_dir(&a).and_then(|()| fs::remove_dir(&a)),
        5 => names(shared).map(drop),
        _ => fs::read(&a).and_then(|content| match content.iter().all(|byte| matches!(byte, b'x' | 0)) {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(BROKEN[0])),
        }),
    };
    match outcome {
        Err(error) if error.raw_os_error().is_some_and(|code| BROKEN.contains(&code)) => {
            Err(format!("among the others at {}: {error}", a.display()))
        }
        _ => Ok(()),
    }
}

/// One process: `operations` on both trees, then the comparison.
fn work(subject: &Path, plain: &Path, shared: &Path, seed: u64, operations: u64) -> Result<u64, String> {
    let mut pair = Pair {
        subject: subject.to_owned(),
        plain: plain.to_owned(),
        random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
        open: Vec::new(),
        moved_by_copy: 0,
    };
    for at in 0..operations {
        pair.step().map_err(|fault| format!("seed {seed}, operation {at}: {fault}"))?;
        crowd(shared, &mut pair.random).map_err(|fault| format!("seed {seed}, operation {at}: {fault}"))?;
    }
    let trees = [subject, plain].map(|root| {
        let mut lines = Vec::new();
        describe(root, root, &mut BTreeMap::new(), &mut lines).map(|()| lines)
    });
    match trees {
        [Ok(found), Ok(expected)] => {
            for (at, line) in expected.iter().enumerate() {
                if found.get(at) != Some(line) {
                    return Err(format!(
                        "seed {seed}, at the end: {:?}, on a plain one {line:?}",
                        found.get(at)
                    ));
                }
            }
            if found.len() == expected.len() { Ok(pair.moved_by_copy) } else { Err("more at the end".into()) }
        }
        [found, expected] => Err(format!("seed {seed}, at the end: {:?} {:?}", found.err(), expected.err())),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments[at].parse::<u64>().expect("a number");
    if arguments.len() == 7 {
        let [subject, plain, shared] = [1, 2, 3].map(|at| Path::new(&arguments[at]));
        return match work(subject, plain, shared, number(4), number(5)) {
            Ok(_) => ExitCode::SUCCESS,
            Err(fault) => {
                println!("{fault}");
                ExitCode::FAILURE
            }
        };
    }
    let [subject, plain] = [1, 2].map(|at| Path::new(&arguments[at]));
    let shared = subject.join("shared");
    let _ = fs::create_dir(&shared);
    let start = |process: u64| {
        let own = format!("p{process}");
        Command::new("/proc/self/exe")
            .args([&subject.join(&own), &plain.join(&own), &shared])
            .args([(number(3) + process).to_string(), arguments[5].clone(), String::new()])
            .spawn()
            .expect("this program again")
    };
    let children: Vec<_> = (0..number(4)).map(start).collect();
    let failed = children
        .into_iter()
        .filter(|_| true)
        .map(|mut child| child.wait())
        .filter(|status| !status.as_ref().is_ok_and(std::process::ExitStatus::success));
    if failed.count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

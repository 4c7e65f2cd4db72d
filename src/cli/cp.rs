//! `cp`: Docker's client decides where things land, so it is done here.

use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::failure::{Failure, Result, chain};
use super::output;
use super::ui::{terminal, units};
use super::verb::{Context, Verb};
use crate::copy::path::{Destination, Landing, Source, base, clean, followed, keep_end, landing, split};
use crate::copy::{self, Base, Ids, Owner, reason};
use crate::engine::copy::{Files, Owners, Way};
use crate::engine::{Engine, Error, Kind};
use crate::sys::signal;

/// How often the size that was copied is shown anew.
const BETWEEN_SIZES: Duration = Duration::from_millis(75);
const BUFFER: usize = 1 << 20;
/// How often a copy is begun of a container that starts and ends.
const TRIES: usize = 4;
/// How many links a destination may lead through (Docker's number).
const LINKS: usize = 10;

#[derive(Debug, clap::Args)]
pub struct Cp {
    /// Archive mode (copy all uid/gid information)
    #[arg(short, long)]
    archive: bool,
    /// Always follow symlinks in SRC_PATH
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached
    #[arg(short, long)]
    quiet: bool,
    #[arg(required = true, value_name = "SOURCE")]
    source: String,
    #[arg(required = true, value_name = "DESTINATION")]
    destination: String,
}

impl Verb for Cp {
    const NAMES: &'static [&'static str] = &["container cp", "cp"];
    const USAGE: &'static str =
        "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tcoracle cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH";
    const ABOUT: &'static str = "Copy files/folders between a container and the local filesystem\n\n\
         Use '-' as the source to read a tar archive from stdin\n\
         and extract it to a directory destination in a container.\n\
         Use '-' as the destination to stream a tar archive of a\n\
         container source to stdout.";

    fn run(self, context: &Context) -> Result<u8> {
        for (path, what) in [(&self.source, "source"), (&self.destination, "destination")] {
            if path.is_empty() {
                return Err(Failure::new(format!("{what} can not be empty")));
            }
        }
        let copy = Copy {
            engine: context.engine()?,
            archive: self.archive,
            follow: self.follow_link,
            quiet: self.quiet || !terminal::stdout_is_terminal(),
        };
        match (container_path(&self.source), container_path(&self.destination)) {
            (Some((name, path)), None) => copy.copy_out(name, path, &self.destination)?,
            (None, Some((name, path))) => copy.copy_in(&self.source, name, path)?,
            (Some(_), Some(_)) => return Err(Failure::new("copying between containers is not supported")),
            (None, None) => return Err(Failure::new("must specify at least one container source")),
        }
        Ok(0)
    }
}

/// Container and path; `None` for a path of this machine, which may have a colon if it begins with a
/// slash or a dot.
fn container_path(argument: &str) -> Option<(&str, &str)> {
    let (name, path) = argument.split_once(':')?;
    (!argument.starts_with('/') && !name.starts_with('.') && !name.is_empty()).then_some((name, path))
}

/// Why a copy failed.
enum Trouble {
    /// The container has started or ended under way: as it is now, it may work.
    Moved(Error),
    Failed(Failure),
}

type Tried<T = ()> = std::result::Result<T, Trouble>;

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error.kind {
            Kind::Conflict => Trouble::Moved(error),
            _ => Trouble::Failed(error.into()),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Failed(failure)
    }
}

/// Copies, once more where the container moved under it.
fn again(mut copy: impl FnMut() -> Tried) -> Result<()> {
    for _ in 1..TRIES {
        match copy() {
            Ok(()) => return Ok(()),
            Err(Trouble::Moved(_)) => {}
            Err(Trouble::Failed(failure)) => return Err(failure),
        }
    }
    copy().map_err(|trouble| match trouble {
        Trouble::Moved(error) => error.into(),
        Trouble::Failed(failure) => failure,
    })
}

struct Copy {
    engine: Engine,
    archive: bool,
    follow: bool,
    quiet: bool,
}

impl Copy {
    fn files(&self, name: &str, way: Way) -> Tried<Files> {
        let id = self.engine.find(name)?.record.id;
        Ok(self.engine.files(&id, name, way)?)
    }

    /// Out of a container.
    fn copy_out(&self, name: &str, source: &str, destination: &str) -> Result<()> {
        let to_stdout = destination == "-";
        let destination = if to_stdout { Vec::new() } else { absolute(destination)? };
        if !to_stdout {
            output::check_path(&path_of(&destination))?;
        }
        let mut landed = None;
        again(|| {
            let mut files = self.files(name, Way::Out)?;
            let mut path = source.as_bytes().to_vec();
            let mut facts = files.facts(&path)?.ok_or_else(|| files.missing(&path))?;
            let mut rename = None;
            if self.follow
                && let Some(target) = &facts.target
            {
                (path, rename) = followed(&path, target);
                facts = files.facts(&path)?.ok_or_else(|| files.missing(&path))?;
            }
            if to_stdout {
                return self.to_stdout(files, &path);
            }
            let is_directory = facts.kind == copy::Kind::Directory;
            let landing = match &landed {
                Some(landing) => landing,
                None => {
                    let source = Source { path: path.clone(), is_directory, rename };
                    let landing = landing(&source, &local_destination(&destination)?);
                    landed.insert(landing.map_err(|e| Failure::new(e.to_string()))?)
                }
            };
            let copied = self.unpack(files, &path, landing)?;
            let content = if is_directory { copied } else { facts.size };
            self.tell(content, copied, &String::from_utf8_lossy(&destination));
            Ok(())
        })
    }

    fn to_stdout(&self, mut files: Files, path: &[u8]) -> Tried {
        let whole = keep_end(&clean(&[b"/", path].concat()), path);
        let mut archive = files.pack(path, &topmost(base(&whole)))?;
        let copied = io::copy(&mut archive, &mut io::stdout().lock());
        drop(archive);
        let failed = |error: io::Error| Failure::new(format!("write /dev/stdout: {}", reason(&error)));
        copied.map_err(failed)?;
        // What has been written cannot be taken back, and not be written again.
        files.finish(path).map_err(Failure::from)?;
        Ok(())
    }

    /// Makes of this machine's files what is at `path`; the length of the archive.
    fn unpack(&self, mut files: Files, path: &[u8], landing: &Landing) -> Tried<u64> {
        let into = open_directory(&landing.directory)?;
        let archive = files.pack(path, &topmost(&landing.name))?;
        let mut meter = Meter::new(archive, "Copying from container - ", self.quiet);
        let owner = match self.archive && rustix::process::geteuid().is_root() {
            true => Owner::Archive(Ids::default()),
            false => Owner::Maker,
        };
        let mut input = BufReader::with_capacity(BUFFER, &mut meter);
        let unpacked = copy::unpack(Base::Beneath(into), owner, &mut input);
        if unpacked.is_ok() {
            // To its end, or whoever writes it would fail; what is wrong there, the next answer tells.
            let _ = io::copy(&mut input, &mut io::sink());
        }
        let copied = meter.end();
        match unpacked {
            // The archive ended early: why, its writer knows.
            Ok(()) | Err(copy::UnpackError::Archive(_)) => files.finish(path)?,
            Err(_) => {}
        }
        unpacked.map_err(|e| Failure::new(chain(&e)))?;
        Ok(copied)
    }

    /// Into a container.
    fn copy_in(&self, source: &str, name: &str, destination: &str) -> Result<()> {
        // Whoever unpacks may stop before the end of the archive, and then tells why.
        signal::ignore(libc::SIGPIPE);
        let mut landed = None;
        again(|| {
            let mut files = self.files(name, Way::In)?;
            let mut path = destination.as_bytes().to_vec();
            let mut facts = match files.facts(&path) {
                // What cannot be told now is told by the one who unpacks.
                Err(error) if error.kind == Kind::System => None,
                facts => facts?,
            };
            if let Some(target) = facts.as_ref().and_then(|facts| facts.target.clone()) {
                path = target;
                facts = files.facts(&path)?;
            }
            if facts.as_ref().is_some_and(|facts| facts.kind == copy::Kind::Device) {
                return Err(Failure::new(format!(
                    "destination \"{name}:{destination}\" must be a directory or a regular file: got a device"
                ))
                .into());
            }
            let is_directory = facts.map(|facts| facts.kind == copy::Kind::Directory);
            if source == "-" {
                if is_directory != Some(true) {
                    let text = format!("destination \"{name}:{destination}\" must be a directory");
                    return Err(Failure::new(text).into());
                }
                return self.stream(files, &path);
            }
            let (source, directory, own_name) = local_source(&absolute(source)?, self.follow)?;
            let landing = match &landed {
                Some(landing) => landing,
                None => {
                    let landing = landing(&source, &Destination { path: path.clone(), is_directory });
                    landed.insert(landing.map_err(|e| Failure::new(e.to_string()))?)
                }
            };
            let (content, copied) = self.pack(files, directory, &own_name, landing)?;
            self.tell(content, copied, &format!("{name}:{}", String::from_utf8_lossy(&path)));
            Ok(())
        })
    }

    /// Has the container make what `own_name` is here; bytes of files, and the length of the archive.
    fn pack(
        &self,
        mut files: Files,
        directory: OwnedFd,
        own_name: &[u8],
        landing: &Landing,
    ) -> Tried<(u64, u64)> {
        let owners = if self.archive { Owners::Archive } else { Owners::Root };
        let archive = files.unpack(&landing.directory, owners)?;
        let mut meter = Meter::new(archive, "Copying to container - ", self.quiet);
        let mut output = BufWriter::with_capacity(BUFFER, &mut meter);
        let packed = copy::pack(directory, own_name, &topmost(&landing.name), &Ids::default(), &mut output)
            .and_then(|packed| output.flush().map(|()| packed));
        // Not to be tried again when it is dropped.
        let _ = output.into_parts();
        let copied = meter.end();
        match packed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(error.to_string()).into())
            }
            packed => {
                files.finish(&landing.directory)?;
                let packed = packed.map_err(|error| Failure::new(error.to_string()))?;
                Ok((packed.content, copied))
            }
        }
    }

    /// The archive on standard input, plain, gzip or zstd; owners are those that it names.
    fn stream(&self, mut files: Files, path: &[u8]) -> Tried {
        let mut input = crate::engine::archive::unpacked(io::stdin())?;
        let archive = files.unpack(path, Owners::Archive)?;
        let mut meter = Meter::new(archive, "Copying to container - ", self.quiet);
        let copied = io::copy(&mut input, &mut meter);
        let size = meter.end();
        match copied {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Failure::new(format!("read /dev/stdin: {}", reason(&error))).into());
            }
            // What has been read is not there to be read again.
            _ => files.finish(path).map_err(Failure::from)?,
        }
        self.tell(size, size, &String::from_utf8_lossy(path));
        Ok(())
    }

    fn tell(&self, content: u64, copied: u64, destination: &str) {
        if self.quiet {
            return;
        }
        let size = |bytes| units::human_size(bytes, 3);
        let transferred = match content == copied {
            true => String::new(),
            false => format!(" (transferred {})", size(copied)),
        };
        eprintln!("Successfully copied {}{transferred} to {destination}", size(content));
    }
}

/// The root directory has no name of its own.
fn topmost(name: &[u8]) -> Vec<u8> {
    if name == b"/" { b".".to_vec() } else { name.to_vec() }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec()))
}

/// Absolute and cleaned, with the end that was written.
fn absolute(path: &str) -> Result<Vec<u8>> {
    let whole = match path.starts_with('/') {
        true => path.as_bytes().to_vec(),
        false => {
            let here = std::env::current_dir().map_err(|e| Failure::new(format!("getwd: {}", reason(&e))))?;
            [here.as_os_str().as_bytes(), b"/", path.as_bytes()].concat()
        }
    };
    Ok(keep_end(&clean(&whole), path.as_bytes()))
}

fn failed(what: &str, path: &[u8], error: &io::Error) -> Failure {
    Failure::new(format!("{what} {}: {}", String::from_utf8_lossy(path), reason(error)))
}

fn open_directory(path: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed("open", path, &e.into()))
}

/// What is to be copied into a container, the directory it lies in, and its name there.
fn local_source(path: &[u8], follow: bool) -> Result<(Source, OwnedFd, Vec<u8>)> {
    let lstat = |error: io::Error| failed("lstat", path, &error);
    let settled = |path: &[u8]| fs::canonicalize(path_of(path)).map(|path| path.into_os_string().into_vec());
    let (resolved, rename) = match follow {
        true => followed(path, &settled(path).map_err(lstat)?),
        false => {
            let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
            let directory = settled(&path[..start]).map_err(lstat)?;
            let resolved = [&directory[..], b"/", &path[start..]].concat();
            let renamed = path.ends_with(b"/") && base(path) != base(&resolved);
            (resolved, renamed.then(|| base(path).to_vec()))
        }
    };
    let found = fs::symlink_metadata(path_of(&resolved)).map_err(lstat)?;
    let (directory, name) = match found.is_dir() {
        true => (open_directory(&resolved)?, b".".to_vec()),
        false => {
            let (directory, name) = split(&resolved);
            (open_directory(&directory)?, name)
        }
    };
    Ok((Source { path: resolved, is_directory: found.is_dir(), rename }, directory, name))
}

/// Where something out of a container is to go: links of this machine are followed.
fn local_destination(path: &[u8]) -> Result<Destination> {
    let mut path = path.to_vec();
    for _ in 0..=LINKS {
        match fs::symlink_metadata(path_of(&path)) {
            Ok(found) if found.is_symlink() => {
                let target = fs::read_link(path_of(&path)).map_err(|e| failed("readlink", &path, &e))?;
                let target = target.into_os_string().into_vec();
                path = match target.starts_with(b"/") {
                    true => target,
                    false => [&split(&path).0[..], b"/", &target].concat(),
                };
            }
            Ok(found) => return Ok(Destination { path, is_directory: Some(found.is_dir()) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = split(&path).0;
                let found = fs::metadata(path_of(&parent)).map_err(|e| failed("stat", &parent, &e))?;
                return match found.is_dir() {
                    true => Ok(Destination { path, is_directory: None }),
                    false => Err(Failure::new("not a directory")),
                };
            }
            Err(error) => return Err(failed("lstat", &path, &error)),
        }
    }
    Err(Failure::new(format!("too many symlinks in {}", String::from_utf8_lossy(&path))))
}

/// Counts what passes, and shows it to a person.
struct Meter<T> {
    inner: T,
    total: u64,
    shown: Option<(&'static str, Instant)>,
}

impl<T> Meter<T> {
    fn new(inner: T, header: &'static str, quiet: bool) -> Meter<T> {
        let shown = (!quiet && terminal::stderr_is_terminal()).then(|| (header, Instant::now()));
        Meter { inner, total: 0, shown }
    }

    fn count(&mut self, bytes: usize) {
        self.total += bytes as u64;
        if let Some((header, last)) = &mut self.shown
            && last.elapsed() >= BETWEEN_SIZES
        {
            *last = Instant::now();
            eprint!("\r\x1b[K{header}{}", units::human_size(self.total, 3));
        }
    }

    /// Closes what is counted; the bytes.
    fn end(self) -> u64 {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
        self.total
    }
}

impl<T: Read> Read for Meter<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(bytes)?;
        self.count(got);
        Ok(got)
    }
}

impl<T: Write> Write for Meter<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(written);
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

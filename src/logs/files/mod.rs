//! Logs in files: the one being written, and older ones with the same name and `.1`, `.2`, … or, when they
//! are compressed, `.1.gz`, `.2.gz`, … A rotation renames from the oldest on, begins a new file, and only
//! then compresses, beside the writing.
//!
//! **Which file is which.** A reader that follows a log finds the file it has open again by its inode,
//! which nobody else gets while it is open. A compressed file says in its header which inode it had.

mod compress;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Entry, Stream};

pub use reader::read;
pub use writer::Writer;

/// Docker's limit of one entry.
const PART: usize = 16 * 1024;

/// Writes entries of a format.
pub trait Encode: Send {
    /// What every file begins with.
    const HEAD: &'static [u8];

    /// Appends an entry.
    fn encode(&mut self, stream: Stream, text: &[u8], time: Timestamp, out: &mut Vec<u8>);

    /// Makes the end of a file one that the next entry may follow: a crash or a full disk may have cut the
    /// last. The file's size afterwards.
    fn mend(file: &File) -> io::Result<u64>;
}

/// Reads entries of a format, which stand one after the other.
pub trait Decode: Default {
    const HEAD: &'static [u8];

    /// The first entry of `bytes`.
    fn decode<'a>(&'a mut self, bytes: &'a [u8]) -> Step<'a>;

    /// Where the last `wanted` entries of a file begin, and how many there are if fewer.
    fn tail(file: &File, wanted: u64) -> io::Result<(u64, u64)>;
}

pub enum Step<'a> {
    /// An entry and its length.
    Entry(usize, Entry<'a>),
    /// So many bytes are none.
    Damaged(usize),
    /// It is not all there yet.
    More,
}

/// The `n`th older file; 0 is the one being written.
fn rotated(path: &Path, n: u32) -> PathBuf {
    match n {
        0 => path.to_owned(),
        n => with_suffix(path, &format!(".{n}")),
    }
}

fn compressed(path: &Path, n: u32) -> PathBuf {
    with_suffix(path, &format!(".{n}.gz"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

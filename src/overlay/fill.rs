//! Filling a volume with what the image has at the place where it is mounted.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::MappedRange;
use super::lower::Lower;
use super::unpacked::Writer;
use super::upper::open_directory;
use crate::layer::store::MergedView;
use crate::layer::{EntryId, FileKind, Index};

/// As many links as the kernel follows (path_resolution(7)).
const LINKS: u32 = 40;

/// Copies the image's directory at `source` into the empty directory `target`, which gets its owner, mode
/// and times too. An image that has no directory there leaves it as it is. For emulated users, `notes_owners`
/// writes down whom the files belong to. Called inside U.
pub fn fill(
    view: MergedView,
    uids: Vec<MappedRange>,
    gids: Vec<MappedRange>,
    source: &Path,
    target: &Path,
    notes_owners: bool,
) -> io::Result<()> {
    let lower = Lower::new(view, uids, gids);
    match resolve(lower.index(), source.as_os_str().as_bytes()) {
        Some(id) if lower.index().entry(id).kind() == FileKind::Directory => {
            let top = open_directory(rustix::fs::CWD, target.as_os_str().as_bytes())?;
            Writer::new(&lower, &top, notes_owners).directory(id, &top, Path::new(""))
        }
        _ => Ok(()),
    }
}

/// The content of an image's file, if it has one there that is no larger than `limit`.
pub fn read_file(view: MergedView, path: &Path, limit: u64) -> Option<Vec<u8>> {
    let lower = Lower::new(view, Vec::new(), Vec::new());
    let id = resolve(lower.index(), path.as_os_str().as_bytes())?;
    let entry = lower.index().entry(id);
    if entry.kind() != FileKind::File || entry.size() > limit {
        return None;
    }
    lower.read(id, 0, entry.size() as usize, |read| read.ok().map(<[u8]>::to_vec))
}

/// Walks a path as the kernel would with the image as the root directory.
fn resolve(index: &Index, path: &[u8]) -> Option<EntryId> {
    let components = |path: &[u8]| path.split(|b| *b == b'/').rev().map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (mut at, mut links) = (EntryId::ROOT, 0);
    let mut pending = components(path);
    while let Some(name) = pending.pop() {
        match name.as_slice() {
            b"" | b"." => continue,
            b".." => {
                at = index.entry(at).parent();
                continue;
            }
            _ => {}
        }
        let child = index.lookup(at, &name)?;
        let entry = index.entry(child);
        if entry.kind() != FileKind::Symlink {
            at = child;
            continue;
        }
        links += 1;
        if links > LINKS {
            return None;
        }
        if entry.target().starts_with(b"/") {
            at = EntryId::ROOT;
        }
        pending.extend(components(entry.target()));
    }
    Some(at)
}

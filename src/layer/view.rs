//! The merged view of an image's layers, with the data.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::index::{Entry, EntryId, Extent, FileKind, Index};

/// The merged view of an image's layers: what the root file system serves.
pub struct MergedView {
    pub index: Arc<Index>,
    /// The tars in the order of `index.layers()`.
    pub tars: Vec<File>,
}

impl MergedView {
    /// Reads from a file, holes as zeros, as read(2) does: fewer bytes than asked for only at its end. A
    /// tar that lacks bytes it must have is an error, never a short read.
    pub fn read_at(&self, id: EntryId, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let entry = self.index.entry(id);
        let len = entry.size().saturating_sub(offset).min(out.len() as u64) as usize;
        let out = &mut out[..len];
        let tar = self.tar(&entry)?;
        match entry.plain_extent() {
            Some(extent) => read_exact_at(tar, out, extent.tar_offset, offset)?,
            None => {
                out.fill(0);
                for extent in entry.extents() {
                    read_part(tar, out, offset, extent)?;
                }
            }
        }
        Ok(len)
    }

    /// Writes a file's data to `target`, an empty file at the same offsets, leaving holes as holes. The
    /// kernel copies (copy_file_range, or splice between file systems).
    pub fn copy_to(&self, id: EntryId, target: &File) -> io::Result<()> {
        let entry = self.index.entry(id);
        let tar = self.tar(&entry)?;
        for extent in entry.extents() {
            copy_extent(tar, target, extent)?;
        }
        target.set_len(entry.size())
    }

    /// The whole content of a file of at most `limit` bytes.
    pub fn read(&self, id: EntryId, limit: u64) -> io::Result<Vec<u8>> {
        let entry = self.index.entry(id);
        if entry.kind() != FileKind::File {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if entry.size() > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut content = vec![0; entry.size() as usize];
        self.read_at(id, &mut content, 0)?;
        Ok(content)
    }

    fn tar(&self, entry: &Entry) -> io::Result<&File> {
        self.tars.get(entry.layer()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

fn read_exact_at(tar: &File, out: &mut [u8], start: u64, offset: u64) -> io::Result<()> {
    let at = start.checked_add(offset).ok_or(io::ErrorKind::InvalidData)?;
    tar.read_exact_at(out, at)
}

/// Fills in what of an extent lies in the window `out` at `offset`.
fn read_part(tar: &File, out: &mut [u8], offset: u64, extent: Extent) -> io::Result<()> {
    let end = extent.file_offset.saturating_add(extent.len).min(offset.saturating_add(out.len() as u64));
    let start = extent.file_offset.max(offset);
    if start >= end {
        return Ok(());
    }
    let window = &mut out[(start - offset) as usize..(end - offset) as usize];
    read_exact_at(tar, window, extent.tar_offset, start - extent.file_offset)
}

fn copy_extent(tar: &File, target: &File, extent: Extent) -> io::Result<()> {
    let (mut from, mut to) = (extent.tar_offset, extent.file_offset);
    let mut left = extent.len;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(1 << 30);
        match rustix::fs::copy_file_range(tar, Some(&mut from), target, Some(&mut to), part) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(copied) => left -= copied as u64,
            Err(rustix::io::Errno::INTR) => {}
            // Not between these file systems, or not at all (before Linux 5.3, some FUSE and NFS).
            Err(rustix::io::Errno::XDEV | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::INVAL) => {
                return copy_by_hand(tar, target, Extent { file_offset: to, tar_offset: from, len: left });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn copy_by_hand(tar: &File, target: &File, extent: Extent) -> io::Result<()> {
    let mut buffer = vec![0; extent.len.min(256 << 10) as usize];
    let mut done = 0;
    while done < extent.len {
        let part = (extent.len - done).min(buffer.len() as u64) as usize;
        read_exact_at(tar, &mut buffer[..part], extent.tar_offset, done)?;
        target.write_all_at(&buffer[..part], extent.file_offset + done)?;
        done += part as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::layer::DiffId;
    use crate::layer::index::LayerBuilder;
    use crate::layer::tar::{Data, Member, MemberKind};

    /// A file `plain` of the bytes 100..110 of its tar, and a file `sparse` of 20 bytes with two pieces.
    fn view() -> MergedView {
        let mut tar = tempfile::tempfile().unwrap();
        tar.write_all(&(0..200).collect::<Vec<u8>>()).unwrap();
        let piece = |file_offset, tar_offset, len| Extent { file_offset, tar_offset, len };
        let sparse = Data::Sparse(vec![piece(2, 50, 3), piece(10, 60, 4)]);
        let mut builder = LayerBuilder::new();
        for (name, size, data) in [
            ("plain", 10, Data::Plain { offset: 100 }),
            ("sparse", 20, sparse),
            ("cut", 10, Data::Plain { offset: 195 }),
        ] {
            builder.add(&Member { size, data, ..Member::new(name, MemberKind::File) }).unwrap();
        }
        let index = Index::from_draft(&builder.finish(DiffId(crate::digest::Digest::of(b"")), 200));
        MergedView { index: Arc::new(index), tars: vec![tar] }
    }

    const SPARSE: [u8; 20] = [0, 0, 50, 51, 52, 0, 0, 0, 0, 0, 60, 61, 62, 63, 0, 0, 0, 0, 0, 0];

    #[test]
    fn every_window_of_a_file_reads_as_the_file() {
        let view = view();
        let plain: Vec<u8> = (100..110).collect();
        for (name, content) in [("plain", &plain[..]), ("sparse", &SPARSE)] {
            let id = view.index.find(name.as_bytes()).unwrap();
            for start in 0..content.len() + 3 {
                for len in 0..content.len() + 3 {
                    let mut out = vec![0xee; len];
                    let got = view.read_at(id, &mut out, start as u64).unwrap();
                    let expected = content.get(start..).unwrap_or_default();
                    assert_eq!(out[..got], expected[..len.min(expected.len())], "{name} {start} {len}");
                }
            }
            let copy = tempfile::tempfile().unwrap();
            view.copy_to(id, &copy).unwrap();
            let mut copied = vec![0; content.len()];
            copy.read_exact_at(&mut copied, 0).unwrap();
            assert_eq!((copied.as_slice(), copy.metadata().unwrap().len()), (content, content.len() as u64));
        }
    }

    #[test]
    fn a_tar_that_lacks_bytes_is_an_error() {
        let view = view();
        let id = view.index.find(b"cut").unwrap();
        assert!(view.read(id, 100).is_err());
        assert!(view.copy_to(id, &tempfile::tempfile().unwrap()).is_err());
        assert_eq!(view.read(id, 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(view.read(EntryId::ROOT, 5).is_err());
    }
}

//! Sparse files: where GNU tar's three ways of writing them say that the data is.

use super::super::index::Extent;

/// More pieces than any file has that somebody meant to pack.
pub(super) const MAX_PIECES: usize = 1 << 20;

/// Turns (offset, length) pairs, as they stand in the archive, into extents: in order, without overlaps,
/// inside of the file, and all of their data inside of the `stored` bytes from `tar_offset` on.
pub(super) fn extents(
    pieces: &[(u64, u64)],
    size: u64,
    tar_offset: u64,
    stored: u64,
) -> Result<Vec<Extent>, &'static str> {
    let mut extents = Vec::new();
    let (mut end, mut used) = (0, 0_u64);
    for (file_offset, len) in pieces.iter().copied() {
        if file_offset < end {
            return Err("pieces of a sparse file overlap");
        }
        end = file_offset
            .checked_add(len)
            .filter(|end| *end <= size)
            .ok_or("sparse data is beyond its file")?;
        if len > 0 {
            extents.push(Extent { file_offset, tar_offset: tar_offset.saturating_add(used), len });
        }
        // No overflow: the pieces are disjoint parts of a file whose size fits.
        used += len;
    }
    if used != stored {
        return Err("a sparse file has more or less data than its map says");
    }
    Ok(extents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_must_be_ordered_inside_and_complete() {
        assert_eq!(
            extents(&[(0, 0), (4096, 10), (8192, 5), (9000, 0)], 9000, 512, 15).unwrap(),
            [
                Extent { file_offset: 4096, tar_offset: 512, len: 10 },
                Extent { file_offset: 8192, tar_offset: 522, len: 5 },
            ]
        );
        assert_eq!(extents(&[], 1 << 62, 512, 0).unwrap(), []);
        for (pieces, size, stored) in [
            (&[(10, 10), (15, 1)][..], 100, 11),
            (&[(90, 20)], 100, 20),
            (&[(u64::MAX, 2)], u64::MAX, 2),
            (&[(0, 10)], 100, 9),
            (&[(0, 10)], 100, 11),
        ] {
            assert!(extents(pieces, size, 0, stored).is_err(), "{pieces:?}");
        }
    }
}

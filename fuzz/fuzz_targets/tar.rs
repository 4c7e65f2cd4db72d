//! Any bytes are either refused or become an index in which every name leads to its entry.
#![no_main]

use coracle::layer::index::{EntryId, Index, merge};
use coracle::layer::index_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    seal(&mut bytes);
    let Ok(layer) = index_of(&bytes) else { return };
    check(&layer);
    // Hard links to lower layers, which are not here, are an error of the merge.
    if let Ok(draft) = merge(&[layer]) {
        check(&Index::from_draft(&draft));
    }
});

/// Makes the checksum right in every block that could be a header: no fuzzer guesses it.
fn seal(bytes: &mut [u8]) {
    for block in bytes.as_chunks_mut::<512>().0 {
        if block[148..156].iter().any(|byte| *byte != 0) {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

fn check(index: &Index) {
    for entry in index.entries() {
        assert_eq!(index.find(&entry.path()), Some(entry.id()));
        for id in entry.children() {
            assert_eq!(index.entry(EntryId(id)).parent(), entry.id());
        }
        let links = index.links(entry.id());
        assert_eq!((links[0], links.len() as u32), (entry.inode(), entry.nlink()));
        let mut end = 0;
        for extent in entry.extents() {
            assert!(extent.len > 0 && extent.file_offset >= end);
            end = extent.file_offset + extent.len;
        }
        assert!(end <= entry.size());
    }
}

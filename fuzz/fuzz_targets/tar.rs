//! Any bytes are either refused or become an index in which every name leads to its entry.
#![no_main]

use coracle::layer::index::{EntryId, Index, merge};
use coracle::layer::index_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(layer) = index_of(bytes) else { return };
    check(&layer);
    // Hard links to lower layers, which are not here, are an error of the merge.
    if let Ok(draft) = merge(&[layer]) {
        check(&Index::from_draft(&draft));
    }
});

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

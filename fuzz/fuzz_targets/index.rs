//! Whatever an index file holds: reading it ends, and stays inside of it.
#![no_main]

use std::hint::black_box;

use coracle::layer::index::Index;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(index) = Index::from_bytes(bytes.to_vec()) else { return };
    for entry in index.entries() {
        black_box((entry.kind(), entry.mode(), entry.size(), entry.device(), entry.nlink(), entry.layer()));
        black_box((
            entry.target(),
            entry.lower_link(),
            entry.plain_extent(),
            entry.extents(),
            entry.xattrs(),
        ));
        black_box((entry.path(), entry.children().count(), index.links(entry.id())));
        black_box((index.lookup(entry.id(), entry.name()), index.find(entry.name())));
    }
});

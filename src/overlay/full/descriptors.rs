//! Open files and directories of the upper, the least used ones closed when there are too many.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Well below the usual limit of 1024 descriptors, which the supervisor needs for other things too.
const CAPACITY: usize = 256;

#[derive(Default)]
pub struct Descriptors {
    open: HashMap<u64, (Arc<OwnedFd>, u64)>,
    clock: u64,
}

impl Descriptors {
    pub fn get(&mut self, ino: u64) -> Option<Arc<OwnedFd>> {
        self.clock += 1;
        let (file, used) = self.open.get_mut(&ino)?;
        *used = self.clock;
        Some(file.clone())
    }

    pub fn insert(&mut self, ino: u64, file: OwnedFd) -> Arc<OwnedFd> {
        if self.open.len() >= CAPACITY {
            self.close_oldest();
        }
        self.clock += 1;
        let file = Arc::new(file);
        self.open.insert(ino, (file.clone(), self.clock));
        file
    }

    pub fn remove(&mut self, ino: u64) {
        self.open.remove(&ino);
    }

    /// A quarter at once, so that the search is paid once per many files.
    fn close_oldest(&mut self) {
        let mut ages: Vec<u64> = self.open.values().map(|(_, used)| *used).collect();
        ages.sort_unstable();
        let limit = ages[ages.len() / 4];
        self.open.retain(|_, (_, used)| *used > limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_files_are_closed() {
        let mut descriptors = Descriptors::default();
        let null = std::fs::File::open("/dev/null").unwrap();
        for ino in 0..CAPACITY as u64 {
            descriptors.insert(ino, null.try_clone().unwrap().into());
        }
        descriptors.get(0).expect("still open");
        descriptors.insert(9999, null.into());
        assert!(descriptors.get(0).is_some(), "used last");
        assert!(descriptors.get(1).is_none(), "used first");
        assert!(descriptors.open.len() < CAPACITY);
    }
}

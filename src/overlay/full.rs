use super::lower::Lower;
use super::upper::Upper;
use std::sync::Arc;
pub struct FullFs {}
impl FullFs {
    pub fn new(_: Arc<Lower>, _: Upper) -> FullFs {
        FullFs {}
    }
}
impl fuser::Filesystem for FullFs {}

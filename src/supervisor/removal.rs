//! Removes directories that hold files of ids which only exist inside U.

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-remove";

/// Runs the stage.
pub fn main() -> ! {
    todo!()
}

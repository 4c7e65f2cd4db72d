//! (written with the first delivery of the room)

pub mod removal;

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-supervisor";

/// Runs the stage: descriptor 3 is the paper, 4 the starter's socket, 5 the container's `alive`.
pub fn main() -> ! {
    todo!()
}

//! The first process of a container, from a fresh start of this binary to the user's command.

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-init";

/// Runs the stage: descriptor 3 is the supervisor.
pub fn main() -> ! {
    todo!()
}

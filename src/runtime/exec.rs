//! A further process of a running container (`exec`), from a fresh start of this binary to the command.

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-exec";

/// Runs the stage: descriptor 3 is the supervisor.
pub fn main() -> ! {
    todo!()
}

//! Dispatch: a stage of a container (supervisor, init, exec) when started as one, else the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    coracle::cli::main()
}

//! Docker's command line. (helper F writes this head.)

use std::process::ExitCode;

pub fn main() -> ExitCode {
    todo!("helper F")
}

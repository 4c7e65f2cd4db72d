//! Dispatch: a stage of a container (supervisor, init, exec) when started as one, else the command line.

use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use coracle::{runtime, supervisor};

fn main() -> ExitCode {
    coracle::sys::process::configure_name_services();
    let name = std::env::args_os().next().unwrap_or_default();
    match name.as_bytes() {
        stage if stage == supervisor::STAGE.as_bytes() => supervisor::main(),
        stage if stage == supervisor::removal::STAGE.as_bytes() => supervisor::removal::main(),
        stage if stage == supervisor::errand::STAGE.as_bytes() => supervisor::errand::main(),
        stage if stage == supervisor::mounting::STAGE.as_bytes() => supervisor::mounting::main(),
        stage if stage == runtime::init::STAGE.as_bytes() => runtime::init::main(),
        stage if stage == runtime::exec::STAGE.as_bytes() => runtime::exec::main(),
        stage if stage == runtime::emulation::STAGE.as_bytes() => runtime::emulation::main(),
        stage if stage == runtime::borrow::STAGE.as_bytes() => runtime::borrow::main(),
        _ => coracle::cli::main(),
    }
}

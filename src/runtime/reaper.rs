//! `--init`: a process of ours stays as PID 1, passes signals on to the command and collects the
//! processes that nobody waits for. It ends as the command ends.

use rustix::process::Signal;

use super::channel::Failure;
use crate::sys;

/// Splits in two: the child returns and goes on to the command; this process never does.
pub(super) fn split() -> Result<(), Failure> {
    // Blocked before there is a child, so that none is lost.
    sys::process::block_signals();
    let child = sys::process::fork_single_threaded().map_err(|e| Failure::system("fork", e))?;
    let Some(child) = child else {
        // Its own group, in the foreground of the terminal if there is one (as tini does): ^C reaches the
        // command once, from the terminal.
        let _ = rustix::process::setpgid(None, None);
        let _ = rustix::termios::tcsetpgrp(std::io::stdin(), rustix::process::getpgrp());
        sys::process::reset_signals();
        return Ok(());
    };
    serve(child)
}

fn serve(child: i32) -> ! {
    // PID 1 needs no power to signal and collect its own user's processes.
    let none = rustix::thread::CapabilitySet::empty();
    let sets = rustix::thread::CapabilitySets { effective: none, permitted: none, inheritable: none };
    if rustix::thread::set_capabilities(None, sets).is_err() {
        std::process::exit(125);
    }
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    sys::process::close_from(3);
    let command = rustix::process::Pid::from_raw(child).expect("a pid is not zero");
    loop {
        let signal = sys::process::wait_for_signal();
        if signal == Signal::CHILD.as_raw() {
            if let Some(code) = collect(command) {
                std::process::exit(code);
            }
        } else if signal != Signal::TTIN.as_raw() && signal != Signal::TTOU.as_raw() {
            // The command may just have ended; its end comes as the next signal.
            let _ = sys::process::kill(child, signal);
        }
    }
}

/// Collects all that have ended; the status of the command if it is among them.
fn collect(command: rustix::process::Pid) -> Option<i32> {
    use rustix::process::{WaitOptions, wait};
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == command {
            code = status.exit_status().or_else(|| status.terminating_signal().map(|n| 128 + n));
        }
    }
    code
}

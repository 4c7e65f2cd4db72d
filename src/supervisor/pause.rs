//! Pausing without a cgroup freezer: SIGSTOP to every process of the container. The kernel lets nobody
//! catch or block it, and the first process of a pid namespace takes it from outside
//! (pid_namespaces(7)). Unlike frozen ones, stopped processes show as such to who looks inside.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::sys::process;
use crate::sys::signal;

/// A container that forks faster than it can be stopped is not paused.
const ROUNDS: usize = 1000;

/// The processes that were stopped, parents before children. One that had been stopped before, by
/// somebody inside, is not among them and stays so.
#[derive(Debug)]
pub struct Paused(Vec<Process>);

#[derive(Debug)]
struct Process {
    pid: i32,
    /// In clock ticks since boot: tells a process from a later one with its number.
    started: u64,
}

impl Paused {
    /// Stops all that `tree` finds (parents before children), until it finds no more: a process that is
    /// being stopped cannot finish a fork (copy_process in kernel/fork.c heeds pending signals).
    pub fn stop(tree: impl Fn() -> Vec<i32>) -> io::Result<Paused> {
        let mut paused = Paused(Vec::new());
        let mut seen = HashSet::new();
        for _ in 0..ROUNDS {
            let fresh: Vec<_> = tree().into_iter().filter(|pid| seen.insert(*pid)).collect();
            if fresh.is_empty() {
                return Ok(paused);
            }
            let opened: Vec<_> =
                fresh.iter().filter_map(|pid| Some((Pid::from_raw(*pid)?, look(*pid)?))).collect();
            // What is in the tree after its start was read was so then: the number is not a stranger's.
            let still: HashSet<i32> = tree().into_iter().collect();
            for (pid, (state, started)) in opened {
                let process = Process { pid: pid.as_raw_nonzero().get(), started };
                if !still.contains(&process.pid) || matches!(state, 'T' | 'Z' | 'X') {
                    continue;
                }
                match process.signal(libc::SIGSTOP) {
                    Ok(()) => paused.0.push(process),
                    Err(error) => {
                        paused.resume();
                        return Err(error);
                    }
                }
            }
        }
        paused.resume();
        Err(io::Error::other("it starts processes faster than they can be stopped"))
    }

    /// Ends them all.
    pub fn kill(self) {
        for process in &self.0 {
            if let Err(error) = process.signal(libc::SIGKILL) {
                tracing::debug!(pid = process.pid, %error, "not killed");
            }
        }
    }

    /// Lets them go on, children first: no parent sees a stopped child.
    pub fn resume(self) {
        for process in self.0.iter().rev() {
            if let Err(error) = process.signal(libc::SIGCONT) {
                tracing::debug!(pid = process.pid, %error, "not continued");
            }
        }
    }
}

impl Process {
    /// Of one that has ended in between there is nothing to signal.
    fn signal(&self, number: i32) -> io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(()) };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            opened => opened?,
        };
        if look(self.pid).is_none_or(|(_, started)| started != self.started) {
            return Ok(());
        }
        match signal::send(pidfd.as_fd(), number) {
            Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            sent => sent,
        }
    }
}

/// State and start of a process (proc_pid_stat(5)).
fn look(pid: i32) -> Option<(char, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some((process::stat_fields(&stat)?.first()?.chars().next()?, process::start_time(&stat)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn state(pid: i32) -> char {
        look(pid).map_or('-', |(state, _)| state)
    }

    fn until(pid: i32, wanted: impl Fn(char) -> bool) {
        for _ in 0..5000 {
            if wanted(state(pid)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("{pid} is {}", state(pid));
    }

    #[test]
    fn what_was_stopped_goes_on_and_what_stood_before_stays() {
        let mut children: Vec<_> = (0..3).map(|_| Command::new("sleep").arg("60").spawn().unwrap()).collect();
        let pids: Vec<i32> = children.iter().map(|child| child.id() as i32).collect();
        let before = Process { pid: pids[1], started: look(pids[1]).unwrap().1 };
        before.signal(libc::SIGSTOP).unwrap();
        until(pids[1], |state| state == 'T');
        let paused = Paused::stop(|| pids.clone()).unwrap();
        pids.iter().for_each(|pid| until(*pid, |state| state == 'T'));
        paused.resume();
        until(pids[0], |state| state != 'T');
        until(pids[2], |state| state != 'T');
        assert_eq!(state(pids[1]), 'T');
        // Somebody else with that number is left alone.
        Process { pid: pids[0], started: 1 }.signal(libc::SIGKILL).unwrap();
        assert!(children[0].try_wait().unwrap().is_none());
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

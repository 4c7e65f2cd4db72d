//! Ptys, raw mode, window sizes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::termios::{self, OptionalActions, Termios, Winsize};
use serde::{Deserialize, Serialize};

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    pub rows: u16,
    pub columns: u16,
}

/// A pty's two ends.
#[cfg(test)]
pub struct Pty {
    pub master: OwnedFd,
    pub slave: OwnedFd,
}

/// Whether the descriptor is a terminal.
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    termios::isatty(fd)
}

/// The size of the terminal, `None` when it is none or does not know.
pub fn window_size(fd: BorrowedFd<'_>) -> Option<WindowSize> {
    let size = termios::tcgetwinsize(fd).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some(WindowSize { rows: size.ws_row, columns: size.ws_col })
}

/// Sets the size; the kernel tells the foreground group with SIGWINCH.
pub fn set_window_size(fd: BorrowedFd<'_>, size: WindowSize) -> io::Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(termios::tcsetwinsize(fd, size)?)
}

/// Opens a new pty. Both ends are close-on-exec; the slave is opened through the master
/// (TIOCGPTPEER, Linux 4.13), not by a name that a mount could have changed.
#[cfg(test)]
pub fn open_pty() -> io::Result<Pty> {
    use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    Ok(Pty { master, slave })
}

/// The mode to go back to should the program end without dropping the guard.
static SAVED: OnceLock<(i32, libc::termios)> = OnceLock::new();

extern "C" fn restore_at_exit() {
    if let Some((fd, mode)) = SAVED.get() {
        // SAFETY: tcsetattr is async-signal-safe and only reads the saved structure.
        unsafe { libc::tcsetattr(*fd, libc::TCSANOW, mode) };
    }
}

/// The caller's terminal in raw mode; the former mode comes back on drop, at exit(3), and before a
/// panic prints.
pub struct RawMode {
    fd: OwnedFd,
    before: Termios,
}

impl RawMode {
    /// As Docker sets it: cfmakeraw, output processing included, since the container's own pty does it.
    pub fn enter(terminal: BorrowedFd<'_>) -> io::Result<RawMode> {
        let fd = terminal.try_clone_to_owned()?;
        let before = termios::tcgetattr(&fd)?;
        remember(terminal);
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(&fd, OptionalActions::Now, &raw)?;
        Ok(RawMode { fd, before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing is left to be done when the terminal has gone.
        let _ = termios::tcsetattr(&self.fd, OptionalActions::Now, &self.before);
    }
}

fn remember(terminal: BorrowedFd<'_>) {
    let mut mode = std::mem::MaybeUninit::<libc::termios>::uninit();
    // SAFETY: tcgetattr fills the structure when it returns 0.
    if unsafe { libc::tcgetattr(terminal.as_raw_fd(), mode.as_mut_ptr()) } != 0 {
        return;
    }
    // SAFETY: filled just above.
    if SAVED.set((terminal.as_raw_fd(), unsafe { mode.assume_init() })).is_ok() {
        // SAFETY: the handler takes no arguments and may run at any exit.
        unsafe { libc::atexit(restore_at_exit) };
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore_at_exit();
            before(info);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_pty_keeps_its_size_and_raw_mode_ends_with_the_guard() {
        let pty = open_pty().unwrap();
        let size = WindowSize { rows: 33, columns: 99 };
        set_window_size(pty.master.as_fd(), size).unwrap();
        assert_eq!(window_size(pty.slave.as_fd()), Some(size));
        let echo =
            |fd: &OwnedFd| termios::tcgetattr(fd).unwrap().local_modes.contains(termios::LocalModes::ECHO);
        assert!(echo(&pty.slave));
        let raw = RawMode::enter(pty.slave.as_fd()).unwrap();
        assert!(!echo(&pty.slave));
        drop(raw);
        assert!(echo(&pty.slave));
    }
}

//! The container's terminal: a pty of its own devpts, so that `tty` and `/dev/console` mean something
//! inside.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::channel::{self, Failure};
use super::mounts;
use crate::sys::mount;

/// Opens a terminal, sends its master side up, and makes its other side the streams and the controlling
/// terminal of this process, which leads its session. With `as_console` it is /dev/console too.
pub(super) fn set_up(status: &UnixStream, window: (u16, u16), as_console: bool) -> Result<(), Failure> {
    let steps = || -> io::Result<()> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let master = rustix::fs::open("/dev/pts/ptmx", flags, Mode::empty())?;
        unlockpt(&master)?;
        let terminal =
            ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        let (rows, columns) = window;
        if rows > 0 && columns > 0 {
            tcsetwinsize(&terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
        }
        channel::send_descriptor(status, master.as_fd())?;
        if as_console {
            become_console(&terminal)?;
        }
        rustix::stdio::dup2_stdin(&terminal)?;
        rustix::stdio::dup2_stdout(&terminal)?;
        rustix::stdio::dup2_stderr(&terminal)?;
        Ok(rustix::process::ioctl_tiocsctty(&terminal)?)
    };
    steps().map_err(|e| Failure::system("error setting up the container's terminal", e))
}

fn become_console(terminal: &OwnedFd) -> io::Result<()> {
    let console = Path::new("/dev/console");
    let tree = mount::clone_tree(terminal.as_fd(), Path::new(""), false)?;
    mounts::make_file(console)?;
    mount::attach(tree.as_fd(), console)
}

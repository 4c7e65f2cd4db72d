//! A terminal with a command on it, as a person has one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::DEADLINE;

pub struct Terminal {
    child: Child,
    master: File,
    chunks: Receiver<Vec<u8>>,
    /// Everything that was shown so far.
    pub screen: String,
    /// Where the part that no `expect` has seen begins.
    seen: usize,
}

impl Terminal {
    /// Starts the command on a terminal of 24 rows and 80 columns, as its session's leader.
    pub fn start(command: &mut Command) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pty");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a usable pty");
        let name = ptsname(&master, Vec::new()).expect("a name of the pty");
        let slave = File::options().read(true).write(true).open(name.to_str().expect("a plain path"));
        let slave = slave.expect("the terminal opens");
        tcsetwinsize(&slave, size(24, 80)).expect("a window size");
        // setsid(1) -c makes the terminal the controlling one; no fork hook, no unsafe.
        let mut leader = Command::new("setsid");
        leader.args(["--ctty", "--wait", "--"]).arg(command.get_program()).args(command.get_args());
        leader.env_clear();
        for (name, value) in command.get_envs() {
            leader.env(name, value.unwrap_or_default());
        }
        if let Some(directory) = command.get_current_dir() {
            leader.current_dir(directory);
        }
        let stdio = |fd: &File| Stdio::from(OwnedFd::from(fd.try_clone().expect("a copy of the terminal")));
        leader.stdin(stdio(&slave)).stdout(stdio(&slave)).stderr(stdio(&slave));
        let child = leader.spawn().expect("the command starts");
        drop(leader);
        drop(slave);
        let master = File::from(master);
        let mut reader = master.try_clone().expect("a copy of the master");
        let (sender, chunks) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal { child, master, chunks, screen: String::new(), seen: 0 }
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(&self.master, size(rows, columns)).expect("a window size");
    }
    pub fn type_in(&mut self, text: impl AsRef<[u8]>) {
        self.master.write_all(text.as_ref()).expect("the terminal takes input");
    }
    /// Reads until the text shows up after what was expected before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.screen[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            match self.chunks.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(chunk) => self.screen.push_str(&String::from_utf8_lossy(&chunk)),
                Err(_) => panic!("{text:?} does not show up; the screen: {:?}", self.screen),
            }
        }
    }
    /// Waits for the end of the command; the status, 128 + n after a signal.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let end = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                break status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "the command still runs; the screen: {:?}", self.screen);
            while let Ok(chunk) = self.chunks.try_recv() {
                self.screen.push_str(&String::from_utf8_lossy(&chunk));
            }
            thread::sleep(Duration::from_millis(2));
        };
        while let Ok(chunk) = self.chunks.recv_timeout(Duration::from_millis(200)) {
            self.screen.push_str(&String::from_utf8_lossy(&chunk));
        }
        status
    }
    /// Ends the terminal as a closed window does: everybody on it gets SIGHUP.
    pub fn hang_up(self) {}
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

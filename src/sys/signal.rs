//! Signals: names and numbers as Docker writes them, masks, signalfd.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Linux numbers on the architectures where they are those of x86 (all but alpha, mips, parisc, sparc).
#[rustfmt::skip]
pub const NAMES: &[(&str, i32)] = &[
    ("ABRT", 6), ("ALRM", 14), ("BUS", 7), ("CHLD", 17), ("CLD", 17), ("CONT", 18), ("FPE", 8), ("HUP", 1),
    ("ILL", 4), ("INT", 2), ("IO", 29), ("IOT", 6), ("KILL", 9), ("PIPE", 13), ("POLL", 29), ("PROF", 27),
    ("PWR", 30), ("QUIT", 3), ("SEGV", 11), ("STKFLT", 16), ("STOP", 19), ("SYS", 31), ("TERM", 15),
    ("TRAP", 5), ("TSTP", 20), ("TTIN", 21), ("TTOU", 22), ("URG", 23), ("USR1", 10), ("USR2", 12),
    ("VTALRM", 26), ("WINCH", 28), ("XCPU", 24), ("XFSZ", 25),
];
/// The kernel's real-time signals as programs see them: glibc keeps 32 and 33 for itself.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// Reads `SIGTERM`, `term`, `15`, `RTMIN+3`, `SIGRTMAX-1`. `None` for anything else, 0 included.
pub fn parse(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=RTMAX).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*number);
    }
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => RTMIN,
        (_, Some("")) => RTMAX,
        (Some(plus), _) => RTMIN + i32::from(plus.strip_prefix('+')?.parse::<u8>().ok()?),
        (_, Some(minus)) => RTMAX - i32::from(minus.strip_prefix('-')?.parse::<u8>().ok()?),
        _ => return None,
    };
    (RTMIN..=RTMAX).contains(&number).then_some(number)
}

/// A set of signals.
#[derive(Clone, Copy)]
pub struct SignalSet(libc::sigset_t);

impl SignalSet {
    pub fn empty() -> SignalSet {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the whole set.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            SignalSet(set.assume_init())
        }
    }

    pub fn of(signals: &[i32]) -> SignalSet {
        let mut set = SignalSet::empty();
        for &signal in signals {
            set.add(signal);
        }
        set
    }

    /// Every signal that can be caught and does not mean a fault of this very thread.
    pub fn all_forwardable() -> SignalSet {
        let never = [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
        let mut set = SignalSet::empty();
        for signal in (1..=RTMAX).filter(|s| !never.contains(s) && !(32..RTMIN).contains(s)) {
            set.add(signal);
        }
        set
    }

    pub fn add(&mut self, signal: i32) {
        // SAFETY: the set is initialised; an invalid number is refused with EINVAL and changes nothing.
        unsafe { libc::sigaddset(&mut self.0, signal) };
    }

    pub fn remove(&mut self, signal: i32) {
        // SAFETY: as in `add`.
        unsafe { libc::sigdelset(&mut self.0, signal) };
    }
}

fn change_mask(how: libc::c_int, set: &SignalSet) -> io::Result<SignalSet> {
    let mut old = SignalSet::empty();
    // SAFETY: both sets are initialised and live through the call.
    match unsafe { libc::pthread_sigmask(how, &set.0, &mut old.0) } {
        0 => Ok(old),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Blocks signals for this thread and those it makes later; gives the mask that was.
pub fn block(set: &SignalSet) -> io::Result<SignalSet> {
    change_mask(libc::SIG_BLOCK, set)
}

/// Lets signals through again.
pub fn unblock(set: &SignalSet) -> io::Result<()> {
    change_mask(libc::SIG_UNBLOCK, set).map(drop)
}

/// Makes `set` the thread's mask.
pub fn set_mask(set: &SignalSet) -> io::Result<()> {
    change_mask(libc::SIG_SETMASK, set).map(drop)
}

/// A descriptor that becomes readable when one of the (blocked) signals is pending.
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Non-blocking, close-on-exec. The signals must be blocked in every thread.
    pub fn new(set: &SignalSet) -> io::Result<SignalFd> {
        // SAFETY: the set is initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &set.0, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and ours.
        Ok(SignalFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next pending signal's number, `None` when there is none.
    pub fn read(&self) -> io::Result<Option<i32>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer has the size that is passed.
        let n = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if n == size as isize {
            // SAFETY: the kernel filled the whole structure.
            return Ok(Some(unsafe { info.assume_init() }.ssi_signo as i32));
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sends a signal (0 only asks) to the process behind a pidfd; never to one that got its number later.
pub fn send(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo makes the kernel fill it in, as kill(2) would.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets a signal's disposition to its default.
pub fn restore_default(signal: i32) {
    // SAFETY: SIG_DFL runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Ignores a signal.
pub fn ignore(signal: i32) {
    // SAFETY: SIG_IGN runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Sends a signal to this very process.
pub fn raise(signal: i32) {
    // SAFETY: raise has no memory arguments.
    unsafe { libc::raise(signal) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_as_docker_reads_them() {
        #[rustfmt::skip]
        let cases = [
            ("TERM", Some(15)), ("sigterm", Some(15)), ("SIGKILL", Some(9)), ("9", Some(9)), ("64", Some(64)),
            ("RTMIN", Some(34)), ("SIGRTMIN+3", Some(37)), ("RTMAX-1", Some(63)), ("0", None), ("65", None),
            ("-1", None), ("", None), ("SIG", None), ("NOPE", None), ("RTMIN+31", None), ("RTMIN-1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_blocked_signal_is_read_from_its_descriptor() {
        std::thread::spawn(|| {
            let set = SignalSet::of(&[libc::SIGUSR2]);
            block(&set).unwrap();
            let fd = SignalFd::new(&set).unwrap();
            assert_eq!(fd.read().unwrap(), None);
            raise(libc::SIGUSR2);
            assert_eq!(fd.read().unwrap(), Some(libc::SIGUSR2));
        })
        .join()
        .unwrap();
    }
}

//! The threads that wait for calls.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::server::{Server, locked};
use crate::sys::notify::{self, Notification};

/// More never wait at once: each can be held up by a file system only.
const MOST_THREADS: usize = 16;
/// What a thread needs for the paths and buffers of one call.
const STACK: usize = 256 << 10;
/// How long a call may take before somebody else waits for the next ones.
const PATIENCE: Duration = Duration::from_millis(20);

/// Serves listeners, each from a thread of its own. One thread waits in the kernel's queue and answers: that
/// lets the caller's processor run it at once, where two that wait would both be woken by every call. Only when it
/// is held up, by a file system, does the watch give it company.
pub struct Pool {
    server: Server,
    /// Older kernels do not wake who waits when the last process has gone (Linux 6.11): there poll(2) is
    /// asked first.
    polls: bool,
    workers: Mutex<Vec<Arc<Worker>>>,
    /// Workers beyond the first of each listener, who go when they are not needed any more.
    are_more: AtomicUsize,
    /// The watch sleeps until the next call.
    is_idle: AtomicBool,
    watch: OnceLock<Thread>,
}

/// A thread that answers.
struct Worker {
    listener: Arc<OwnedFd>,
    /// How many steps it has made: odd while it answers.
    steps: AtomicU64,
}

impl Worker {
    fn is_busy(steps: u64) -> bool {
        steps % 2 == 1
    }
}

impl Pool {
    pub fn new(server: Server) -> Arc<Pool> {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        Arc::new(Pool {
            server,
            polls: crate::runtime::plan::kernel_version(&release) < (6, 11),
            workers: Mutex::default(),
            are_more: AtomicUsize::new(0),
            is_idle: AtomicBool::new(false),
            watch: OnceLock::new(),
        })
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Answers what arrives at a listener until no process is left that it could hear from.
    pub fn serve(self: &Arc<Pool>, listener: OwnedFd) -> io::Result<()> {
        // Older kernels do without.
        let _ = notify::wake_on_the_callers_processor(listener.as_fd());
        if self.watch.get().is_none() {
            let own = self.clone();
            let watch = thread("watch", move || own.watch())?;
            // Nobody else starts one: orders arrive one by one.
            let _ = self.watch.set(watch);
        }
        self.hire(Arc::new(listener))
    }

    fn hire(self: &Arc<Pool>, listener: Arc<OwnedFd>) -> io::Result<()> {
        let worker = Arc::new(Worker { listener, steps: AtomicU64::new(0) });
        {
            let mut workers = locked(&self.workers);
            workers.push(worker.clone());
            self.are_more.store(count_more(&workers), Ordering::Relaxed);
        }
        let own = self.clone();
        let hired = thread("users", {
            let worker = worker.clone();
            move || {
                own.work(&worker);
                own.dismiss(&worker);
            }
        });
        if hired.is_err() {
            self.dismiss(&worker);
        }
        hired.map(drop)
    }

    fn dismiss(&self, worker: &Arc<Worker>) {
        let mut workers = locked(&self.workers);
        workers.retain(|other| !Arc::ptr_eq(other, worker));
        self.are_more.store(count_more(&workers), Ordering::Relaxed);
    }

    /// Whether somebody else waits for calls of the same listener; then this one is not a worker any more.
    fn is_superfluous(&self, worker: &Worker) -> bool {
        let mut workers = locked(&self.workers);
        let waits = |other: &&Arc<Worker>| {
            !std::ptr::eq(Arc::as_ptr(other), worker)
                && Arc::ptr_eq(&other.listener, &worker.listener)
                && !Worker::is_busy(other.steps.load(Ordering::SeqCst))
        };
        let is_superfluous = workers.iter().any(|other| waits(&other));
        if is_superfluous {
            workers.retain(|other| !std::ptr::eq(Arc::as_ptr(other), worker));
            self.are_more.store(count_more(&workers), Ordering::Relaxed);
        }
        is_superfluous
    }

    fn work(&self, worker: &Worker) {
        let listener = worker.listener.as_fd();
        while let Some(call) = self.next(listener) {
            worker.steps.fetch_add(1, Ordering::SeqCst);
            if self.is_idle.load(Ordering::SeqCst)
                && self.is_idle.swap(false, Ordering::SeqCst)
                && let Some(watch) = self.watch.get()
            {
                watch.unpark();
            }
            let answer = self.server.answer(listener, &call);
            // Whoever was killed needs none.
            let _ = notify::answer(listener, call.id, answer);
            worker.steps.fetch_add(1, Ordering::SeqCst);
            if self.are_more.load(Ordering::Relaxed) > 0 && self.is_superfluous(worker) {
                return;
            }
        }
    }

    /// `None` when the last process under the filter has gone.
    fn next(&self, listener: BorrowedFd<'_>) -> Option<Notification> {
        loop {
            if self.polls && has_ended(listener, None) {
                return None;
            }
            match notify::receive(listener) {
                Ok(call) => return Some(call),
                // The caller was killed meanwhile, or there are none any more.
                Err(_) if has_ended(listener, Some(&NOW)) => return None,
                Err(_) => {}
            }
        }
    }

    /// Looks from time to time whether all that serve a listener are held up, as long as there are calls.
    fn watch(self: &Arc<Pool>) {
        let mut before: Vec<(*const Worker, u64)> = Vec::new();
        loop {
            std::thread::sleep(PATIENCE);
            let workers = locked(&self.workers).clone();
            let steps: Vec<_> = workers
                .iter()
                .map(|worker| (Arc::as_ptr(worker), worker.steps.load(Ordering::SeqCst)))
                .collect();
            let is_held_up = |at: usize| Worker::is_busy(steps[at].1) && before.contains(&steps[at]);
            for (at, worker) in workers.iter().enumerate() {
                let same = |other: usize| Arc::ptr_eq(&workers[other].listener, &worker.listener);
                let crew: Vec<usize> = (0..workers.len()).filter(|other| same(*other)).collect();
                let is_first = crew.first() == Some(&at);
                if is_first && crew.len() < MOST_THREADS && crew.iter().all(|at| is_held_up(*at)) {
                    // Without one more the others wait longer.
                    let _ = self.hire(worker.listener.clone());
                }
            }
            let is_quiet = steps == before && steps.iter().all(|(_, steps)| !Worker::is_busy(*steps));
            before = steps;
            if is_quiet {
                self.is_idle.store(true, Ordering::SeqCst);
                // One that began before it could see that is not slept over.
                let busy = |worker: &Arc<Worker>| Worker::is_busy(worker.steps.load(Ordering::SeqCst));
                if !locked(&self.workers).iter().any(busy) {
                    while self.is_idle.load(Ordering::SeqCst) {
                        std::thread::park();
                    }
                }
                self.is_idle.store(false, Ordering::SeqCst);
            }
        }
    }
}

fn count_more(workers: &[Arc<Worker>]) -> usize {
    let is_first =
        |at: usize| !workers[..at].iter().any(|other| Arc::ptr_eq(&other.listener, &workers[at].listener));
    workers.len() - (0..workers.len()).filter(|at| is_first(*at)).count()
}

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Whether nobody is left who could call; waits as long for a call.
fn has_ended(listener: BorrowedFd<'_>, patience: Option<&Timespec>) -> bool {
    let mut watched = [PollFd::new(&listener, PollFlags::IN)];
    match poll(&mut watched, patience) {
        Ok(_) => watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR),
        Err(errno) => errno != rustix::io::Errno::INTR,
    }
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    let started = std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(body)?;
    Ok(started.thread().clone())
}

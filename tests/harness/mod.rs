//! What the tests share: coracle in a hermetic home, commands with a deadline, images made on the spot,
//! registries on loopback, terminals. Tests never wait for a second to pass, they wait for an event.

pub mod archive;
pub mod command;
pub mod fake;
pub mod registry;
pub mod tar;
pub mod terminal;

pub use archive::{ImageBuilder, busybox, rootfs};
pub use command::{Output, Running, eventually};
pub use tar::{Entry, Tar};

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// No command of a test takes longer, on a busy machine either.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The program under test.
pub fn binary() -> PathBuf {
    std::env::var_os("CORACLE_BIN").map_or_else(|| env!("CARGO_BIN_EXE_coracle").into(), PathBuf::from)
}

/// coracle with a home of its own. Dropping it ends all of its containers.
pub struct Coracle {
    home: TempDir,
    env: Vec<(OsString, OsString)>,
    /// Arguments of every `run` and `create` (an overlay mode, say).
    run_flags: Vec<String>,
}

impl Coracle {
    pub fn new() -> Coracle {
        let home = tempfile::Builder::new().prefix("t").tempdir().expect("a directory for a home");
        let runtime = home.path().join("run");
        std::fs::create_dir(&runtime).expect("a runtime directory");
        set_mode(&runtime, 0o700);
        Coracle { home, env: Vec::new(), run_flags: Vec::new() }
    }

    /// One that has the image `busybox`.
    pub fn busybox() -> Coracle {
        let coracle = Coracle::new();
        coracle.import("busybox", busybox());
        coracle
    }

    /// Takes in a root file system under a name.
    pub fn import(&self, name: &str, tar: &[u8]) {
        self.given(tar, ["import", "--change", "CMD [\"sh\"]", "-", name]).success();
    }

    /// Takes in an image archive.
    pub fn load(&self, archive: &[u8]) -> Output {
        self.given(archive, ["load"]).success()
    }

    pub fn with_env(mut self, name: &str, value: impl AsRef<OsStr>) -> Coracle {
        self.env.push((name.into(), value.as_ref().into()));
        self
    }

    /// Every later `run` and `create` has these flags.
    pub fn with_run_flags(mut self, flags: &[&str]) -> Coracle {
        self.run_flags = flags.iter().map(|flag| flag.to_string()).collect();
        self
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }
    /// The store.
    pub fn root(&self) -> PathBuf {
        self.home().join(".local/share/coracle")
    }
    pub fn runtime(&self) -> PathBuf {
        self.home().join("run")
    }
    /// A file of the test, outside of everything of coracle's.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().expect("a name below the home")).expect("a directory");
        std::fs::write(&path, content).expect("a file of the test");
        path
    }

    /// The command with this home's environment and nothing else.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(binary());
        command.env_clear().current_dir(self.home());
        command.env("HOME", self.home()).env("XDG_RUNTIME_DIR", self.runtime()).env("TZ", "UTC");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TMPDIR", self.home()).env("TERM", "xterm");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        for (nth, arg) in args.into_iter().enumerate() {
            let is_run = nth == 0 && matches!(arg.as_ref().to_str(), Some("run" | "create"));
            command.arg(arg);
            if is_run {
                command.args(&self.run_flags);
            }
        }
        command
    }

    /// Runs to the end, whatever it is.
    #[track_caller]
    pub fn output<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        command::output(&mut self.command(args), None, DEADLINE)
    }
    /// Runs to the end with `input` on stdin, whatever the end is.
    #[track_caller]
    pub fn given<A: AsRef<OsStr>>(&self, input: &[u8], args: impl IntoIterator<Item = A>) -> Output {
        command::output(&mut self.command(args), Some(input), DEADLINE)
    }
    /// Must succeed.
    #[track_caller]
    pub fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        self.output(args).success()
    }
    /// Must fail with exactly this status.
    #[track_caller]
    pub fn fails<A: AsRef<OsStr>>(&self, status: i32, args: impl IntoIterator<Item = A>) -> Output {
        self.output(args).status_is(status)
    }
    /// `run --rm busybox sh -c SCRIPT` with further flags: what it printed, must succeed.
    #[track_caller]
    pub fn sh(&self, flags: &[&str], script: &str) -> Output {
        let head = ["run", "--rm"].into_iter();
        self.ok(head.chain(flags.iter().copied()).chain(["busybox", "sh", "-c", script]))
    }
    /// Starts it; the test goes on.
    #[track_caller]
    pub fn spawn<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Running {
        Running::start(&mut self.command(args))
    }
    /// `run -d` of busybox with a shell script; the id.
    #[track_caller]
    pub fn detached(&self, flags: &[&str], script: &str) -> String {
        let head = ["run", "-d"].into_iter();
        self.ok(head.chain(flags.iter().copied()).chain(["busybox", "sh", "-c", script])).line()
    }
    /// A field of `inspect`.
    #[track_caller]
    pub fn inspect(&self, object: &str, format: &str) -> String {
        self.ok(["inspect", "--format", format, object]).line()
    }
    #[track_caller]
    pub fn inspect_json(&self, object: &str) -> serde_json::Value {
        let text = self.ok(["inspect", object]);
        let mut all: Vec<serde_json::Value> = serde_json::from_str(text.text()).expect("inspect prints JSON");
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
    /// Waits until the container's log has the text.
    #[track_caller]
    pub fn wait_for_log(&self, container: &str, text: &str) {
        eventually(&format!("{text:?} in the log of {container}"), || {
            let output = self.output(["logs", container]);
            output.text().contains(text) || output.err().contains(text)
        });
    }
    #[track_caller]
    pub fn wait_for_state(&self, container: &str, state: &str) {
        eventually(&format!("{container} to be {state}"), || {
            self.output(["inspect", "--format", "{{.State.Status}}", container]).text().trim() == state
        });
    }

    /// The processes of this home that outlive a command: supervisors and what they run.
    pub fn processes(&self) -> Vec<i32> {
        command::processes_with_environment(self.home())
    }

    /// Host pids of the processes in a container, as `top` has them.
    pub fn processes_of(&self, container: &str) -> Vec<i32> {
        let output = self.ok(["top", container, "-o", "pid"]);
        output.lines().iter().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// The containers' directories.
    pub fn container_directories(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.root().join("containers")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().len() == 64).map(|entry| entry.path()).collect()
    }

    /// Names of all files of the store, sorted: what a failed command must leave as it was.
    pub fn store_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.root(), &mut files);
        files.sort();
        files
    }
}

impl Drop for Coracle {
    fn drop(&mut self) {
        let ids = command::try_output(&mut self.command(["ps", "-aq", "--no-trunc"]), DEADLINE);
        let ids = ids.map(|output| output.text().to_owned()).unwrap_or_default();
        if !ids.trim().is_empty() {
            let args = ["rm", "-f", "-v"].into_iter().chain(ids.split_whitespace());
            // What this does not end is killed below.
            let _ = command::try_output(&mut self.command(args), DEADLINE);
        }
        for pid in self.processes() {
            command::kill(pid);
        }
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .expect("chmod of a test's own file");
}

/// Notes that the current test is skipped, and why; `tests/all` prints and counts it.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test"));
    eprint!("skipped: {line}");
    if let Some(path) = std::env::var_os("CORACLE_TEST_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the list of skipped tests");
    }
}

/// Ends the current test as skipped when a program is missing or a condition does not hold.
#[macro_export]
macro_rules! need {
    ($($program:literal),+) => {
        $(if !$crate::harness::has_program($program) {
            return $crate::harness::skip(concat!($program, " is not installed"));
        })+
    };
    (ids) => {
        if !$crate::harness::has_subordinate_ids() {
            return $crate::harness::skip("needs a user with subordinate ids");
        }
    };
    (single id) => {
        if $crate::harness::has_subordinate_ids() {
            return $crate::harness::skip("needs a user without subordinate ids");
        }
    };
    ($condition:expr, $reason:literal) => {
        if !$condition {
            return $crate::harness::skip($reason);
        }
    };
}

pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).exists())
}

/// Whether the caller may map more than one id.
pub fn has_subordinate_ids() -> bool {
    let name = user_name();
    let uid = rustix::process::getuid().as_raw().to_string();
    let listed = |file: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| line.split(':').next()).any(|owner| owner == name || owner == uid)
    };
    has_program("newuidmap") && listed("/etc/subuid") && listed("/etc/subgid")
}

fn user_name() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mine = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid));
    mine.and_then(|line| line.split(':').next()).unwrap_or_default().to_owned()
}

//! The first process of a container, from a fresh start of this binary to the user's command.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::channel::{self, Failure};
use super::launch::{Launch, NamespaceChoice};
use super::start::InitPaper;
use super::{accounts, command, console, given, mounts, secrets};
use crate::sys;

/// Name (`argv[0]`) under which main dispatches here.
pub const STAGE: &str = "coracle-init";

/// Runs the stage: descriptor 3 is the supervisor, 4 the root's tree, those of the mounts that bring one follow.
pub fn main() -> ! {
    let Ok(status) = sys::process::inherited(3).map(UnixStream::from) else { std::process::exit(125) };
    let Err(failure) = init(&status);
    channel::send_failure(&status, &failure);
    std::process::exit(1)
}

fn init(status: &UnixStream) -> Result<Infallible, Failure> {
    let InitPaper { launch, window }: InitPaper<Launch> =
        channel::receive_paper(status).map_err(|e| Failure::system("receiving the plan", e))?;
    let (root, trees) = inherited_trees(&launch).map_err(|e| Failure::system("receiving the mounts", e))?;
    // Modes are meant as written, here and in the command until it says otherwise.
    rustix::process::umask(rustix::fs::Mode::empty());
    let host = mounts::enter(root.as_fd())?;
    drop(root);
    host.apply(&launch.mounts, trees)?;
    accounts::write(&launch.accounts)?;
    let emulates_users = launch.process.users.is_some();
    if !launch.given.is_empty() {
        given::give(&launch.given, &command::identity(&launch.process)?, emulates_users)?;
    }
    secrets::place(&launch.secrets, emulates_users)?;
    if launch.process.terminal {
        console::set_up(status, window, true)?;
    }
    set_names(&launch)?;
    if launch.namespaces.network == NamespaceChoice::New {
        sys::namespace::raise_loopback().map_err(|e| Failure::system("raising the loopback interface", e))?;
    }
    for (name, value) in &launch.sysctls {
        fs::write(Path::new("/proc/sys").join(name), value)
            .map_err(|e| Failure::system(format!("write sysctl key {}", name.replace('/', ".")), e))?;
    }
    command::make_directory(&launch.process)?;
    host.protect(&launch)?;
    if launch.root_read_only {
        mounts::make_root_read_only()?;
    }
    host.detach()?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(launch.process.umask));
    command::run(launch.process, launch.reaper, status)
}

fn inherited_trees(launch: &Launch) -> io::Result<(OwnedFd, Vec<OwnedFd>)> {
    let count = launch.mounts.iter().filter(|op| op.brings_tree()).count();
    let trees = (5..).take(count).map(sys::process::inherited).collect::<io::Result<_>>()?;
    Ok((sys::process::inherited(4)?, trees))
}

fn set_names(launch: &Launch) -> Result<(), Failure> {
    if let Some(name) = &launch.hostname {
        rustix::system::sethostname(name.as_bytes()).map_err(|e| Failure::system("sethostname", e))?;
        if let Some(domain) = &launch.domainname {
            rustix::system::setdomainname(domain.as_bytes())
                .map_err(|e| Failure::system("setdomainname", e))?;
        }
    }
    Ok(())
}

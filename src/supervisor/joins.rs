//! Namespaces of other containers (`--network container:X`, `--pid container:X`, ...).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use super::client::Client;
use super::protocol::{Failure, FailureKind, Reply, Request};
use crate::config::Config;
use crate::container::spec::{NamespaceMode, NetworkMode};
use crate::container::store::{ContainerStore, ContainerView};
use crate::container::{ContainerSpec, State};
use crate::runtime::Joins;

/// Opens what the wish names.
pub fn find(config: &Config, store: &ContainerStore, spec: &ContainerSpec) -> Result<Joins, Failure> {
    let open = |name: &str, kind: &str| namespace(config, store, name, kind).map(Some);
    let of = |mode: &NamespaceMode, kind: &str| match mode {
        NamespaceMode::Container(name) => open(name, kind),
        _ => Ok(None),
    };
    let network = match &spec.network {
        NetworkMode::Container(name) => open(name, "net")?,
        _ => None,
    };
    Ok(Joins {
        pid: of(&spec.pid, "pid")?,
        network,
        ipc: of(&spec.ipc, "ipc")?,
        ipc_mounts: of(&spec.ipc, "mnt")?,
        uts: of(&spec.uts, "uts")?,
    })
}

/// The namespace of a running container.
fn namespace(config: &Config, store: &ContainerStore, name: &str, kind: &str) -> Result<OwnedFd, Failure> {
    let view = store.find(name).map_err(|e| Failure::new(FailureKind::Invalid, e.to_string()))?;
    let opened = of_first_process(config, &view, |pid| File::open(format!("/proc/{pid}/ns/{kind}")))?;
    opened.map(OwnedFd::from).ok_or_else(|| {
        let text = format!("cannot join {kind} namespace of a non running container: {}", view.record.id);
        Failure::new(FailureKind::Conflict, text)
    })
}

/// What `open` opens of the first process of a container, `None` if it does not run. The supervisor is
/// asked for the process twice, before and after it was opened: a number that is still the container's
/// then was so in between.
pub fn of_first_process<T>(
    config: &Config,
    view: &ContainerView,
    open: impl FnOnce(i32) -> io::Result<T>,
) -> Result<Option<T>, Failure> {
    let State::Running { pid, .. } = view.state else { return Ok(None) };
    let socket = view.facts.socket.clone().unwrap_or_else(|| config.socket(view.record.id.as_str()));
    let Ok(mut client) = Client::connect(&socket) else { return Ok(None) };
    let mut is_there =
        || matches!(client.ask(&Request::Processes), Ok(Reply::Processes(pids)) if pids.contains(&pid));
    if !is_there() {
        return Ok(None);
    }
    let opened = match open(pid) {
        // The end of the process is seen here before its supervisor has told it.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => return Ok(None),
        opened => opened.map_err(|e| Failure::system(&e))?,
    };
    Ok(is_there().then_some(opened))
}

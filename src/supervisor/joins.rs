//! Namespaces of other containers (`--network container:X`, `--pid container:X`, ...).

use std::fs::File;
use std::os::fd::OwnedFd;

use super::client::Client;
use super::protocol::{Failure, FailureKind, Reply, Request};
use crate::config::Config;
use crate::container::spec::{NamespaceMode, NetworkMode};
use crate::container::store::ContainerStore;
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

/// The namespace of a running container. The process that has it is asked for twice, before and after
/// it was opened: a number that is still the container's then was so in between.
fn namespace(config: &Config, store: &ContainerStore, name: &str, kind: &str) -> Result<OwnedFd, Failure> {
    let invalid = |text: String| Failure::new(FailureKind::Invalid, text);
    let view = store.find(name).map_err(|e| invalid(e.to_string()))?;
    let not_running = || {
        let text = format!("cannot join {kind} namespace of a non running container: {}", view.record.id);
        Failure::new(FailureKind::Conflict, text)
    };
    if !matches!(view.state, State::Running { .. }) {
        return Err(not_running());
    }
    let socket = view.facts.socket.clone().unwrap_or_else(|| config.socket(view.record.id.as_str()));
    let mut client = Client::connect(&socket).map_err(|_| not_running())?;
    let mut processes = || match client.ask(&Request::Processes) {
        Ok(Reply::Processes(pids)) => Ok(pids),
        _ => Err(not_running()),
    };
    let State::Running { pid, .. } = view.state else { return Err(not_running()) };
    if !processes()?.contains(&pid) {
        return Err(not_running());
    }
    let file = File::open(format!("/proc/{pid}/ns/{kind}")).map_err(|e| Failure::system(&e))?;
    if !processes()?.contains(&pid) {
        return Err(not_running());
    }
    Ok(file.into())
}

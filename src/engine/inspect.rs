//! A container as Docker's `inspect` shows it. An outside format: made here for every door, read nowhere.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::container::health::{HealthAction, HealthCheck};
use crate::container::spec::{
    Asked, IdLine, MountKind, MountSpec, NamespaceMode, NetworkMode, OverlayChoice, Propagation,
    SeccompChoice, SecretPlace, SecretSpec, UserNamespaceMode,
};
use crate::container::{ContainerRecord, ContainerSpec, State};
use crate::engine::container::ContainerView;
use crate::engine::{Engine, Result};
use crate::image::config::RunConfig;
use crate::volume;

/// Go's zero time.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Docker's default size of /dev/shm.
const SHM_SIZE: u64 = 64 << 20;

/// A container's wish with its image's defaults filled in, as far as it is shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effective {
    pub entrypoint: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    pub env: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub user: String,
    pub workdir: String,
    pub stop_signal: Option<String>,
    pub health: Option<HealthCheck>,
}

impl Effective {
    pub fn new(spec: &ContainerSpec, image: &RunConfig) -> Effective {
        // An entrypoint of the wish drops the image's command as well (Docker's rule).
        let (entrypoint, default_command) = match &spec.entrypoint {
            Some(words) => (Some(words.clone()).filter(|words| !words.is_empty()), None),
            None => (image.entrypoint.clone(), image.cmd.clone()),
        };
        let mut env = spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let name_of = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        for (at, pair) in env.clone().iter().enumerate().rev() {
            if env[at + 1..].iter().any(|later| name_of(later) == name_of(pair)) {
                env.remove(at);
            }
        }
        for pair in spec.environment_below(image.env.as_deref().unwrap_or_default()) {
            if !env.iter().any(|own| name_of(own) == name_of(&pair)) {
                env.push(pair);
            }
        }
        let mut labels = image.labels.clone().unwrap_or_default();
        labels.extend(spec.labels.clone());
        let workdir = spec.workdir.as_ref().map(|path| path.to_string_lossy().into_owned());
        Effective {
            entrypoint,
            command: spec.command.clone().or(default_command),
            env,
            labels,
            user: spec.user.clone().unwrap_or_else(|| image.user.clone()),
            workdir: workdir.unwrap_or_else(|| image.working_dir.clone()),
            stop_signal: spec.stop_signal.clone().or_else(|| image.stop_signal.clone()),
            health: HealthCheck::effective(spec.health.as_ref(), image.healthcheck.as_ref()),
        }
    }

    /// Everything that is executed, entrypoint first.
    pub fn argv(&self) -> Vec<String> {
        self.entrypoint.iter().flatten().chain(self.command.iter().flatten()).cloned().collect()
    }
}

impl Engine {
    /// What the container's image says, nothing when the image cannot be read any more.
    pub fn run_config(&self, record: &ContainerRecord) -> RunConfig {
        self.images.pinned(&record.image).map(|image| image.config.config).unwrap_or_default()
    }

    /// Docker's JSON of a container; with `size` the bytes it wrote and those it sees.
    pub fn inspect_container(&self, view: &ContainerView, size: bool) -> Result<Value> {
        let image = self.images.pinned(&view.record.image).ok();
        let config = image.as_ref().map(|image| image.config.config.clone()).unwrap_or_default();
        let directory = self.config.container(view.record.id.as_str());
        // Docker shows it only where the file is for others to read.
        let log = match view.record.spec.log.driver.as_str() {
            "json-file" => self.log_path(&view.record.id).to_string_lossy().into_owned(),
            _ => String::new(),
        };
        let mut value = container(view, &config, &directory, &log, &self.config.volumes());
        if size && let Value::Object(object) = &mut value {
            let written = self.written_size(&view.record.id)?;
            object.insert("SizeRw".into(), written.into());
            object.insert("SizeRootFs".into(), (written + image.map_or(0, |image| image.size)).into());
        }
        Ok(value)
    }
}

fn container(view: &ContainerView, image: &RunConfig, directory: &Path, log: &str, volumes: &Path) -> Value {
    let record = &view.record;
    let spec = &record.spec;
    let effective = Effective::new(spec, image);
    let argv = effective.argv();
    let path = |name: &str| directory.join(name).to_string_lossy().into_owned();
    let driver = overlay_word(view);
    json!({
        "Id": record.id,
        "Created": record.created.to_string(),
        "Path": argv.first().map_or("", String::as_str),
        "Args": argv.get(1..).unwrap_or_default(),
        "State": state(view),
        "Image": record.image.id,
        "ResolvConfPath": path("resolv.conf"),
        "HostnamePath": path("hostname"),
        "HostsPath": path("hosts"),
        "LogPath": log,
        "Name": format!("/{}", record.name),
        "RestartCount": view.facts.restarts,
        "Driver": driver,
        "Platform": spec.platform.as_ref().map_or("linux", |platform| platform.os.as_str()),
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "HostConfig": host_config(spec),
        "GraphDriver": {
            "Data": {
                "Layers": record.image.layers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
                "UpperDir": path("upper"),
                "WorkDir": path("work"),
                "Note": view.facts.overlay_note.as_deref().unwrap_or_default(),
            },
            "Name": driver,
        },
        "Mounts": spec.mounts.iter().map(|mount| mount_point(mount, volumes)).collect::<Vec<_>>(),
        "Config": config(record, image, &effective),
        "NetworkSettings": network_settings(&spec.network),
    })
}

/// The way of writing that is in use, was in use, or is asked for.
fn overlay_word(view: &ContainerView) -> String {
    let asked = match view.record.spec.overlay.unwrap_or_default() {
        OverlayChoice::Auto => "auto",
        OverlayChoice::Hybrid => "hybrid",
        OverlayChoice::Full => "full",
        OverlayChoice::Unpacked => "unpacked",
    };
    view.facts.overlay.clone().unwrap_or_else(|| asked.to_owned())
}

fn state(view: &ContainerView) -> Value {
    let never = || NEVER.to_owned();
    let (status, pid, started, finished) = match &view.state {
        State::Created => ("created", 0, never(), never()),
        State::Running { started, pid, paused } => {
            let finished = view.facts.finished_before.as_ref().map_or_else(never, ToString::to_string);
            (if *paused { "paused" } else { "running" }, *pid, started.to_string(), finished)
        }
        State::Restarting { started, exit } => {
            ("restarting", 0, started.to_string(), exit.finished.to_string())
        }
        State::Exited { started, exit } => {
            let started = started.as_ref().map_or_else(never, ToString::to_string);
            ("exited", 0, started, exit.finished.to_string())
        }
    };
    // A container that never came to run keeps why; Docker calls it created, with the error's status.
    let exit = match &view.state {
        State::Exited { exit, .. } | State::Restarting { exit, .. } => Some(exit),
        State::Created => view.facts.exit.as_ref(),
        State::Running { .. } => None,
    };
    let mut value = json!({
        "Status": status,
        "Running": view.state.is_up(),
        "Paused": status == "paused",
        "Restarting": status == "restarting",
        "OOMKilled": exit.is_some_and(|exit| exit.oom_killed),
        "Dead": false,
        "Pid": pid,
        "ExitCode": exit.map_or(0, |exit| exit.code),
        "Error": exit.and_then(|exit| exit.error.clone()).unwrap_or_default(),
        "StartedAt": started,
        "FinishedAt": finished,
    });
    if let (Some(health), Value::Object(object)) = (&view.health, &mut value) {
        let health = json!({
            "Status": health.status,
            "FailingStreak": health.failing_streak,
            "Log": health.log,
        });
        object.insert("Health".to_owned(), health);
    }
    value
}

/// `null` for an empty list, as Go marshals nil slices.
fn list(items: &[String]) -> Value {
    if items.is_empty() { Value::Null } else { json!(items) }
}

fn namespace(mode: &NamespaceMode, private: &str) -> String {
    match mode {
        NamespaceMode::Private => private.to_owned(),
        NamespaceMode::Host => "host".to_owned(),
        NamespaceMode::Container(name) => format!("container:{name}"),
    }
}

fn network_mode(mode: &NetworkMode) -> String {
    match mode {
        NetworkMode::None => "none".to_owned(),
        // What is given when nothing is asked for.
        NetworkMode::Default | NetworkMode::Host => "host".to_owned(),
        NetworkMode::Container(name) => format!("container:{name}"),
    }
}

fn security_options(spec: &ContainerSpec) -> Vec<String> {
    let mut options = Vec::new();
    match &spec.seccomp {
        SeccompChoice::Default => {}
        SeccompChoice::Unconfined => options.push("seccomp=unconfined".to_owned()),
        SeccompChoice::Profile(text) => options.push(format!("seccomp={text}")),
    }
    if spec.no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    if spec.system_paths_unconfined {
        options.push("systempaths=unconfined".to_owned());
    }
    options
}

fn host_config(spec: &ContainerSpec) -> Value {
    let binds: Vec<String> = spec.mounts.iter().filter_map(bind_text).collect();
    let mounts: Vec<Value> = spec.mounts.iter().filter_map(mount_wish).collect();
    let tmpfs: Map<String, Value> = spec.mounts.iter().filter_map(tmpfs_text).collect();
    let dns: Vec<String> = spec.dns.iter().map(ToString::to_string).collect();
    let hosts: Vec<String> = spec.extra_hosts.iter().map(|(name, to)| format!("{name}:{to}")).collect();
    let devices: Vec<Value> = spec
        .devices
        .iter()
        .map(|device| {
            json!({
                "PathOnHost": device.source,
                "PathInContainer": device.target,
                "CgroupPermissions": device.access,
            })
        })
        .collect();
    let ulimits: Vec<Value> = spec
        .ulimits
        .iter()
        .map(|limit| json!({ "Name": limit.name, "Hard": limit.hard, "Soft": limit.soft }))
        .collect();
    let userns = userns_mode(&spec.user_namespace);
    let unconfined = spec.privileged || spec.system_paths_unconfined;
    let mut value = json!({
        "Binds": list(&binds),
        "ContainerIDFile": "",
        "LogConfig": {
            "Type": spec.log.driver,
            "Config": spec.log.options,
        },
        "NetworkMode": network_mode(&spec.network),
        "PortBindings": {},
        "RestartPolicy": { "Name": spec.restart.name(), "MaximumRetryCount": spec.restart.retries() },
        "AutoRemove": spec.auto_remove,
        "VolumeDriver": "",
        "VolumesFrom": list(&spec.volumes_from),
        "ConsoleSize": [0, 0],
        "CapAdd": list(&spec.cap_add),
        "CapDrop": list(&spec.cap_drop),
        "CgroupnsMode": namespace(&spec.cgroup, "private"),
        "Dns": dns,
        "DnsOptions": spec.dns_options,
        "DnsSearch": spec.dns_search,
        "ExtraHosts": list(&hosts),
        "GroupAdd": list(&spec.groups),
        "IpcMode": if spec.without_shm { "none".into() } else { namespace(&spec.ipc, "private") },
        "Cgroup": "",
        "Links": null,
        "OomScoreAdj": spec.oom_score_adj.unwrap_or(0),
        "PidMode": namespace(&spec.pid, ""),
        "Privileged": spec.privileged,
        "PublishAllPorts": false,
        "ReadonlyRootfs": spec.read_only,
        "SecurityOpt": list(&security_options(spec)),
        "UTSMode": namespace(&spec.uts, ""),
        "UsernsMode": userns,
        "IDMappings": id_mappings(&spec.user_namespace),
        "ShmSize": spec.shm_size.map_or(SHM_SIZE, |size| size.0),
        "Runtime": "coracle",
        "Isolation": "",
        "CpuShares": 0,
        "Memory": 0,
        "NanoCpus": 0,
        "CgroupParent": "",
        "BlkioWeight": 0,
        "BlkioWeightDevice": [],
        "BlkioDeviceReadBps": [],
        "BlkioDeviceWriteBps": [],
        "BlkioDeviceReadIOps": [],
        "BlkioDeviceWriteIOps": [],
        "CpuPeriod": 0,
        "CpuQuota": 0,
        "CpuRealtimePeriod": 0,
        "CpuRealtimeRuntime": 0,
        "CpusetCpus": "",
        "CpusetMems": "",
        "Devices": devices,
        "DeviceCgroupRules": null,
        "DeviceRequests": null,
        "MemoryReservation": 0,
        "MemorySwap": 0,
        "MemorySwappiness": null,
        "OomKillDisable": null,
        "PidsLimit": null,
        "Ulimits": ulimits,
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
        "MaskedPaths": if unconfined { Value::Null } else { json!(crate::runtime::plan::MASKED_PATHS) },
        "ReadonlyPaths": if unconfined { Value::Null } else { json!(crate::runtime::plan::READ_ONLY_PATHS) },
    });
    // What Docker leaves out while it is empty.
    if let Value::Object(object) = &mut value {
        let mut optional = |key: &str, is_given: bool, value: Value| {
            if is_given {
                object.insert(key.to_owned(), value);
            }
        };
        optional("Annotations", !spec.annotations.is_empty(), json!(spec.annotations));
        optional("Tmpfs", !tmpfs.is_empty(), Value::Object(tmpfs));
        optional("Sysctls", !spec.sysctls.is_empty(), json!(spec.sysctls));
        optional("Mounts", !mounts.is_empty(), Value::Array(mounts));
        optional("Init", spec.init, Value::Bool(true));
        let overlay = spec.overlay.map(|choice| json!({ "overlay": choice }));
        optional("StorageOpt", overlay.is_some(), overlay.unwrap_or_default());
    }
    value
}

/// What `-v` asked for. Its binds make their source; those of `--mount` do not.
fn bind_text(mount: &MountSpec) -> Option<String> {
    let mut options = Vec::new();
    if mount.read_only {
        options.push("ro");
    }
    let source = match &mount.kind {
        _ if mount.inherited => return None,
        MountKind::Bind { source, create_source: true, propagation, .. } => {
            if *propagation != Propagation::default() {
                options.push(propagation_word(*propagation));
            }
            source.to_string_lossy()
        }
        MountKind::Volume { name, anonymous: false, asked: Asked::VolumeFlag, no_copy, .. } => {
            options.extend(no_copy.then_some("nocopy"));
            name.into()
        }
        _ => return None,
    };
    options.extend(mount.chown.then_some("U"));
    options.extend(mount.overlay.then_some("O"));
    let mut text = format!("{source}:{}", mount.target.display());
    if !options.is_empty() {
        text.push_str(&format!(":{}", options.join(",")));
    }
    Some(text)
}

/// What `--mount` asked for.
fn mount_wish(mount: &MountSpec) -> Option<Value> {
    let mut more = Map::new();
    let (kind, source, family) = match &mount.kind {
        _ if mount.inherited => return None,
        MountKind::Bind { source, create_source: false, recursive, propagation } => {
            if *propagation != Propagation::default() {
                more.insert("Propagation".into(), propagation_word(*propagation).into());
            }
            if !recursive {
                more.insert("NonRecursive".into(), true.into());
            }
            ("bind", source.to_string_lossy(), "BindOptions")
        }
        MountKind::Volume { name, anonymous, no_copy, subpath, labels, options, asked: Asked::MountFlag } => {
            if *no_copy {
                more.insert("NoCopy".into(), true.into());
            }
            if !labels.is_empty() && !anonymous {
                more.insert("Labels".into(), json!(labels));
            }
            if let Some(subpath) = subpath {
                more.insert("Subpath".into(), json!(subpath));
            }
            if !options.is_empty() {
                more.insert("DriverConfig".into(), json!({ "Name": "local", "Options": options }));
            }
            ("volume", if *anonymous { "".into() } else { name.into() }, "VolumeOptions")
        }
        MountKind::Image { source, subpath, .. } => {
            if let Some(subpath) = subpath {
                more.insert("Subpath".into(), json!(subpath));
            }
            ("image", source.into(), "ImageOptions")
        }
        _ => return None,
    };
    let mut value = json!({ "Type": kind, "Source": source, "Target": mount.target });
    if mount.read_only {
        value["ReadOnly"] = Value::Bool(true);
    }
    if !more.is_empty() {
        value[family] = Value::Object(more);
    }
    Some(value)
}

fn tmpfs_text(mount: &MountSpec) -> Option<(String, Value)> {
    let MountKind::Tmpfs { size, mode, options } = &mount.kind else { return None };
    let mut words = options.clone();
    words.extend(mount.read_only.then(|| "ro".to_owned()));
    words.extend(size.map(|size| format!("size={}", size.0)));
    words.extend(mode.map(|mode| format!("mode={mode:o}")));
    Some((mount.target.to_string_lossy().into_owned(), words.join(",").into()))
}

fn propagation_word(propagation: Propagation) -> &'static str {
    match propagation {
        Propagation::RPrivate => "rprivate",
        Propagation::Private => "private",
        Propagation::RShared => "rshared",
        Propagation::Shared => "shared",
        Propagation::RSlave => "rslave",
        Propagation::Slave => "slave",
    }
}

fn mount_point(mount: &MountSpec, volumes: &Path) -> Value {
    let (kind, source, propagation) = match &mount.kind {
        MountKind::Bind { source, propagation, .. } => {
            ("bind", source.as_path(), propagation_word(*propagation))
        }
        MountKind::Volume { name, subpath, asked, .. } => {
            let data = volume::data_in(volumes, name);
            return json!({
                "Type": "volume",
                "Name": name,
                "Source": subpath.as_ref().map_or(data.clone(), |below| data.join(below)),
                "Destination": mount.target,
                "Driver": "local",
                "Mode": match (asked, mount.read_only) {
                    (Asked::VolumeFlag, true) => "ro",
                    (Asked::MountFlag, _) => "z",
                    (Asked::VolumeFlag | Asked::Image, _) => "",
                },
                "RW": !mount.read_only,
                "Propagation": "",
            });
        }
        MountKind::Image { source, .. } => ("image", Path::new(source), ""),
        MountKind::Tmpfs { .. } => ("tmpfs", Path::new(""), ""),
    };
    json!({
        "Type": kind,
        "Source": source,
        "Destination": mount.target,
        "Mode": if mount.read_only { "ro" } else { "" },
        "RW": !mount.read_only,
        "Propagation": propagation,
    })
}

fn config(record: &ContainerRecord, image: &RunConfig, effective: &Effective) -> Value {
    let spec = &record.spec;
    let hostname = match (&spec.hostname, &spec.uts) {
        (Some(name), _) => name.clone(),
        (None, NamespaceMode::Host) => String::new(),
        (None, _) => record.id.short().to_owned(),
    };
    // `-v /data` is a VOLUME of this container's.
    let anonymous = |mount: &&MountSpec| {
        matches!(&mount.kind, MountKind::Volume { anonymous: true, asked: Asked::VolumeFlag, .. })
            && !mount.inherited
    };
    let own = spec.mounts.iter().filter(anonymous).map(|mount| mount.target.to_string_lossy().into_owned());
    let of_image = image.volumes.iter().flat_map(|volumes| volumes.keys().cloned());
    let volumes: Map<String, Value> = of_image.chain(own).map(|path| (path, json!({}))).collect();
    let mut value = json!({
        "Hostname": hostname,
        "Domainname": spec.domainname.as_deref().unwrap_or_default(),
        "User": effective.user,
        "AttachStdin": spec.attach.stdin,
        "AttachStdout": spec.attach.stdout,
        "AttachStderr": spec.attach.stderr,
        "Tty": spec.tty,
        "OpenStdin": spec.stdin_open,
        "StdinOnce": spec.stdin_once,
        "Env": effective.env,
        "Cmd": effective.command,
        "Image": spec.image,
        "Volumes": if volumes.is_empty() { Value::Null } else { Value::Object(volumes) },
        "WorkingDir": effective.workdir,
        "Entrypoint": effective.entrypoint,
        "OnBuild": image.on_build,
        "Labels": effective.labels,
    });
    if let Value::Object(object) = &mut value {
        let mut optional = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(key.to_owned(), value);
            }
        };
        optional("ExposedPorts", image.exposed_ports.as_ref().map(|ports| json!(ports)));
        optional("Healthcheck", effective.health.as_ref().map(|check| json!(check)));
        let action = Some(spec.on_unhealthy).filter(|action| *action != HealthAction::None);
        optional("HealthcheckOnFailureAction", action.map(|action| json!(action)));
        optional("StopSignal", effective.stop_signal.as_ref().map(|signal| json!(signal)));
        optional("StopTimeout", spec.stop_timeout.map(|seconds| json!(seconds)));
        let secrets = spec.secrets.iter().filter_map(inspected_secret).collect::<Vec<_>>();
        optional("Secrets", (!secrets.is_empty()).then(|| json!(secrets)));
        optional("Shell", image.shell.as_ref().map(|shell| json!(shell)));
    }
    value
}

/// podman's; those in variables it does not show.
fn inspected_secret(secret: &SecretSpec) -> Option<Value> {
    let SecretSpec { name, id, place } = secret;
    match place {
        SecretPlace::Mount { uid, gid, mode, .. } => {
            let (uid, gid) = (uid.unwrap_or(0), gid.unwrap_or(0));
            Some(json!({ "Name": name, "ID": id, "UID": uid, "GID": gid, "Mode": mode }))
        }
        SecretPlace::Env { .. } => None,
    }
}

fn network_settings(mode: &NetworkMode) -> Value {
    let name = network_mode(mode);
    let mut networks = Map::new();
    if !name.starts_with("container:") {
        networks.insert(
            name,
            json!({
                "IPAMConfig": null,
                "Links": null,
                "Aliases": null,
                "MacAddress": "",
                "DriverOpts": null,
                "GwPriority": 0,
                "NetworkID": "",
                "EndpointID": "",
                "Gateway": "",
                "IPAddress": "",
                "IPPrefixLen": 0,
                "IPv6Gateway": "",
                "GlobalIPv6Address": "",
                "GlobalIPv6PrefixLen": 0,
                "DNSNames": null,
            }),
        );
    }
    json!({
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": "",
        "Ports": {},
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": "",
        "Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "MacAddress": "",
        "Networks": networks,
    })
}

/// `--userns` as it was typed, nearly.
fn userns_mode(mode: &UserNamespaceMode) -> String {
    let with_options = |mode: &str, options: Vec<String>| match options.is_empty() {
        true => mode.to_owned(),
        false => format!("{mode}:{}", options.join(",")),
    };
    let option = |name: &str, id: &Option<u32>| id.map(|id| format!("{name}={id}"));
    match mode {
        UserNamespaceMode::Default => String::new(),
        UserNamespaceMode::Host => "host".to_owned(),
        UserNamespaceMode::Private | UserNamespaceMode::Map { .. } => "private".to_owned(),
        UserNamespaceMode::NoMap => "nomap".to_owned(),
        UserNamespaceMode::Single => "single".to_owned(),
        UserNamespaceMode::Emulated { hides_owners: false } => "emulated".to_owned(),
        UserNamespaceMode::Emulated { hides_owners: true } => "emulated:owners=hidden".to_owned(),
        UserNamespaceMode::Container { name, .. } => format!("container:{name}"),
        UserNamespaceMode::KeepId { uid, gid, size } => {
            let options = [option("uid", uid), option("gid", gid), option("size", size)];
            with_options("keep-id", options.into_iter().flatten().collect())
        }
        UserNamespaceMode::Auto { size, uids, gids, .. } => {
            let mapping = |name: &'static str| move |line: &IdLine| format!("{name}={}", id_line(line));
            let uids = uids.iter().map(mapping("uidmapping"));
            let options =
                option("size", size).into_iter().chain(uids).chain(gids.iter().map(mapping("gidmapping")));
            with_options("auto", options.collect())
        }
    }
}

/// podman's: what was asked for by `--uidmap` and its like.
fn id_mappings(mode: &UserNamespaceMode) -> Value {
    let UserNamespaceMode::Map { uids, gids } = mode else { return Value::Null };
    let lines = |lines: &[IdLine]| lines.iter().map(id_line).collect::<Vec<_>>();
    json!({ "UidMap": lines(uids), "GidMap": lines(gids) })
}

fn id_line(line: &IdLine) -> String {
    let IdLine { inside, outside, count, is_host, extends } = line;
    let (plus, at) = (if *extends { "+" } else { "" }, if *is_host { "@" } else { "" });
    format!("{plus}{inside}:{at}{outside}:{count}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<Vec<String>> {
        Some(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn entrypoint_and_command_follow_dockers_rules() {
        let image = RunConfig { entrypoint: words("/entry"), cmd: words("default"), ..RunConfig::default() };
        let argv = |entrypoint: Option<&str>, command: Option<&str>| {
            let spec = ContainerSpec {
                entrypoint: entrypoint.and_then(words),
                command: command.and_then(words),
                ..ContainerSpec::default()
            };
            Effective::new(&spec, &image).argv().join(" ")
        };
        assert_eq!(argv(None, None), "/entry default");
        assert_eq!(argv(None, Some("a b")), "/entry a b");
        assert_eq!(argv(Some("sh"), None), "sh");
        assert_eq!(argv(Some("sh"), Some("-c x")), "sh -c x");
        assert_eq!(argv(Some(""), Some("x")), "x");
    }

    #[test]
    fn the_wishs_environment_comes_before_the_images() {
        let image = RunConfig { env: words("A=image PATH=/bin"), ..RunConfig::default() };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let env = vec![pair("A", "1"), pair("B", "2"), pair("A", "3")];
        let spec = ContainerSpec { env, ..ContainerSpec::default() };
        assert_eq!(Effective::new(&spec, &image).env, ["B=2", "A=3", "PATH=/bin"]);
    }
}

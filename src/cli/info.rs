//! `info`: what there is, in Docker's layout, and what is not, in plain words.

use serde_json::{Value as Json, json};

use super::failure::Result;
use super::format::{HELP_OF_OBJECTS, object_template, template_failure};
use super::ui;
use super::ui::template::{Unknown, Value};
use super::ui::units::binary_size;
use super::verb::{Context, Verb};
use crate::engine::Engine;
use crate::engine::system::Facts;
use crate::logs;

#[derive(Debug, clap::Args)]
pub struct Info {
    #[arg(short, long, value_name = "string", help = HELP_OF_OBJECTS)]
    format: Option<String>,
}

impl Verb for Info {
    const NAMES: &'static [&'static str] = &["system info", "info"];
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Display system-wide information";

    fn run(self, context: &Context) -> Result<u8> {
        let template = object_template(self.format.as_deref())?;
        let engine = context.engine()?;
        let facts = engine.facts();
        let counts = Counts::of(&engine)?;
        let warnings = warnings(&facts);
        let Some(template) = template else {
            ui::out(&shown(&facts, &counts, context.debug))?;
            for warning in warnings {
                ui::warn(format_args!("WARNING: {warning}"));
            }
            return Ok(0);
        };
        let value = Value::from_json(&value(&facts, &counts, &warnings, context.debug));
        let text = template.execute(&value, Unknown::Field("system.dockerInfo")).map_err(template_failure)?;
        ui::line(text)?;
        Ok(0)
    }
}

#[derive(Debug, Default)]
struct Counts {
    running: usize,
    paused: usize,
    stopped: usize,
    images: usize,
}

impl Counts {
    fn of(engine: &Engine) -> Result<Counts> {
        let views = engine.list()?;
        let up = views.iter().filter(|view| view.state.is_up()).count();
        let paused = views.iter().filter(|view| view.state.is_paused()).count();
        Ok(Counts { running: up - paused, paused, stopped: views.len() - up, images: engine.images()?.len() })
    }

    fn all(&self) -> usize {
        self.running + self.paused + self.stopped
    }
}

fn log_drivers() -> Vec<&'static str> {
    logs::DRIVERS.iter().map(|driver| driver.name).collect()
}

/// What this machine lacks, and what it costs.
fn warnings(facts: &Facts) -> Vec<String> {
    let mut warnings = Vec::new();
    if !facts.user_namespaces {
        warnings.push("user namespaces are switched off for this user: no container can start".to_owned());
    }
    if !facts.fuse && facts.overlayfs {
        warnings.push("/dev/fuse cannot be opened: images are unpacked into directories".to_owned());
    }
    if !facts.fuse && !facts.overlayfs {
        warnings.push("neither /dev/fuse nor overlayfs is there: no container can start".to_owned());
    }
    if let Some(note) = &facts.single_id_note {
        warnings.push(match emulation(facts) {
            Ok(()) => format!("{note}; their other users are emulated"),
            Err(reason) => format!("{note}, and no emulated users: {reason}"),
        });
    }
    if !facts.seccomp {
        warnings.push("the kernel has no seccomp: containers run without a filter".to_owned());
    }
    warnings
}

/// Whether containers can have emulated users; why not.
fn emulation(facts: &Facts) -> std::result::Result<(), &str> {
    match &facts.hinders_emulation {
        Some(reason) => Err(reason),
        None if !facts.fuse => Err("/dev/fuse cannot be opened"),
        None => Ok(()),
    }
}

const PAUSE_NOTE: &str = "SIGSTOP to every process (no cgroup freezer)";
const STATISTICS_NOTE: &str = "/proc of each process (where a container has no cgroup of its own)";
const NETWORK_NOTE: &str = "host (until networks of their own are there)";

fn id_map(facts: &Facts) -> String {
    format!("{} uids, {} gids (root inside is uid {} outside)", facts.uids, facts.gids, facts.uid)
}

fn driver_status(facts: &Facts) -> Vec<(String, String)> {
    let yes = |truth: bool| if truth { "true" } else { "false" }.to_owned();
    let mut status = vec![
        ("Overlay Mode".to_owned(), facts.overlay.clone()),
        ("FUSE".to_owned(), yes(facts.fuse)),
        ("Kernel Overlayfs".to_owned(), yes(facts.overlayfs)),
    ];
    status.extend(
        facts.further_stores.iter().map(|store| ("Further Store".to_owned(), store.display().to_string())),
    );
    status
}

fn shown(facts: &Facts, counts: &Counts, debug: bool) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut out =
        format!("Client:\n Version:    {version}\n Context:    default\n Debug Mode: {debug}\n\nServer:\n");
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(" Containers: {}", counts.all()));
    line(format!("  Running: {}", counts.running));
    line(format!("  Paused: {}", counts.paused));
    line(format!("  Stopped: {}", counts.stopped));
    line(format!(" Images: {}", counts.images));
    line(format!(" Server Version: {version}"));
    line(" Storage Driver: coracle".to_owned());
    for (name, value) in driver_status(facts) {
        line(format!("  {name}: {value}"));
    }
    line(format!(" Pausing: {PAUSE_NOTE}"));
    line(format!(" Statistics: {STATISTICS_NOTE}"));
    line(format!(" Logging Driver: {}", logs::DEFAULT));
    line(" Cgroup Driver: none".to_owned());
    line(format!(" Cgroup Version: {}", facts.cgroup.version));
    line(format!("  Cgroup Path: {}", facts.cgroup.path));
    let delegated =
        if facts.cgroup.delegated.is_empty() { "none".to_owned() } else { facts.cgroup.delegated.join(" ") };
    line(format!("  Delegated Controllers: {delegated}"));
    line(format!(" Plugins:\n  Network: host none\n  Log: {}", log_drivers().join(" ")));
    line(format!(" Default Network: {NETWORK_NOTE}"));
    line(" Swarm: inactive\n Runtimes: coracle\n Default Runtime: coracle\n Security Options:".to_owned());
    if facts.seccomp {
        line("  seccomp\n   Profile: builtin".to_owned());
    }
    line("  rootless\n  cgroupns".to_owned());
    line(format!(" Id Map: {}", id_map(facts)));
    line(format!(" Kernel Version: {}", facts.kernel));
    line(format!(" Operating System: {}", facts.operating_system));
    line(format!(" OSType: linux\n Architecture: {}", facts.architecture));
    line(format!(" CPUs: {}", facts.processors));
    line(format!(" Total Memory: {}", binary_size(facts.memory)));
    line(format!(" Name: {}", facts.hostname));
    line(format!(" Docker Root Dir: {}", facts.root.display()));
    line(format!(" Runtime Dir: {}", facts.runtime.display()));
    line(format!(" Debug Mode: {debug}\n Experimental: false\n Live Restore Enabled: true"));
    out
}

fn value(facts: &Facts, counts: &Counts, warnings: &[String], debug: bool) -> Json {
    let version = env!("CARGO_PKG_VERSION");
    let mut security = vec!["name=rootless", "name=cgroupns"];
    if facts.seccomp {
        security.insert(0, "name=seccomp,profile=builtin");
    }
    json!({
        "ID": "",
        "Containers": counts.all(),
        "ContainersRunning": counts.running,
        "ContainersPaused": counts.paused,
        "ContainersStopped": counts.stopped,
        "Images": counts.images,
        "Driver": "coracle",
        "DriverStatus": driver_status(facts),
        "SystemStatus": null,
        "Plugins": { "Volume": [], "Network": ["host", "none"], "Authorization": null, "Log": log_drivers() },
        // No limit can be set yet, whatever the machine would allow.
        "MemoryLimit": false,
        "SwapLimit": false,
        "CpuCfsPeriod": false,
        "CpuCfsQuota": false,
        "CPUShares": false,
        "CPUSet": false,
        "PidsLimit": false,
        "IPv4Forwarding": true,
        "Debug": debug,
        "NFd": 0,
        "OomKillDisable": false,
        "NGoroutines": 0,
        "SystemTime": jiff::Timestamp::now().to_string(),
        "LoggingDriver": logs::DEFAULT,
        "CgroupDriver": "none",
        "CgroupVersion": facts.cgroup.version.to_string(),
        "NEventsListener": 0,
        "KernelVersion": facts.kernel,
        "OperatingSystem": facts.operating_system,
        "OSVersion": facts.os_version,
        "OSType": "linux",
        "Architecture": facts.architecture,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {
            "IndexConfigs": {
                "docker.io": { "Mirrors": [], "Name": "docker.io", "Official": true, "Secure": true },
            },
            "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
            "Mirrors": null,
        },
        "NCPU": facts.processors,
        "MemTotal": facts.memory,
        "GenericResources": null,
        "DockerRootDir": facts.root,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": facts.hostname,
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": version,
        "Runtimes": { "coracle": { "path": "coracle" } },
        "DefaultRuntime": "coracle",
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": false,
            "Error": "",
            "RemoteManagers": null,
        },
        "LiveRestoreEnabled": true,
        "Isolation": "",
        "InitBinary": "coracle",
        "SecurityOptions": security,
        "DefaultNetwork": NETWORK_NOTE,
        "IdMap": id_map(facts),
        "FurtherStores": facts.further_stores,
        "Warnings": warnings,
        "ClientInfo": { "Debug": debug, "Context": "default", "Plugins": [], "Warnings": null, "Version": version },
    })
}

//! The flags that `run` and `create` share, and how they become a [`ContainerSpec`].
//!
//! What a flag's text means is read while the command line is parsed, so that mistakes are told as Docker
//! tells them (`invalid argument ... for ... flag`); what only shows when flags stand together, or needs
//! files, is decided in [`ContainerFlags::into_spec`].

mod accounts;
pub mod environment;
mod idmap;
pub mod later;
pub mod limits;
mod mounts;
mod secrets;
mod security;
pub mod values;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;

use super::client_config::ClientConfig;
use super::failure::{Failure, Result};
use super::ui::time::parse_duration;
use super::ui::units::{go_int, ram_in_bytes};
use crate::container::health::{HealthAction, HealthCheck};
use crate::container::spec::{
    AccountsSpec, AttachStreams, Bytes, DeviceSpec, HostAccount, ImageVolumes, LogSpec, NamespaceMode,
    NetworkMode, OverlayChoice, RestartPolicy, SecretSpec, Ulimit,
};
use crate::container::{ContainerName, ContainerSpec};
use crate::engine::container::PullPolicy;
use crate::image::Platform;
use crate::logs;
use mounts::MountFlag;
pub use mounts::check_driver as check_volume_driver;
pub use values::{key_or_value, label};

#[derive(Debug, Clone, clap::Args)]
pub struct ContainerFlags {
    /// Add a custom host-to-IP mapping (host:ip)
    #[arg(long, value_name = "list", value_parser = values::extra_host)]
    pub add_host: Vec<(String, String)>,
    /// Add an annotation to the container
    #[arg(long, value_name = "map", value_parser = values::key_or_value)]
    pub annotation: Vec<(String, String)>,
    /// Attach to STDIN, STDOUT or STDERR
    #[arg(short = 'a', long, value_name = "list", value_parser = values::stream)]
    pub attach: Vec<values::Stream>,
    /// Add Linux capabilities
    #[arg(long, value_name = "list")]
    pub cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "list")]
    pub cap_drop: Vec<String>,
    /// Cgroup namespace to use (host|private)
    #[arg(long, value_name = "string")]
    pub cgroupns: Option<String>,
    /// Write the container ID to the file
    #[arg(long, value_name = "string")]
    pub cidfile: Option<PathBuf>,
    /// Add a host device to the container
    #[arg(long, value_name = "list", value_parser = values::device)]
    pub device: Vec<DeviceSpec>,
    /// Set custom DNS servers
    #[arg(long, value_name = "list", value_parser = values::dns)]
    pub dns: Vec<IpAddr>,
    /// Set DNS options
    #[arg(long, alias = "dns-opt", value_name = "list")]
    pub dns_option: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "list", value_parser = values::dns_search)]
    pub dns_search: Vec<String>,
    /// Container NIS domain name
    #[arg(long, value_name = "string")]
    pub domainname: Option<String>,
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "string")]
    pub entrypoint: Option<String>,
    /// Set environment variables
    #[arg(short = 'e', long, value_name = "list", value_parser = environment::variable)]
    pub env: Vec<String>,
    /// Give the container the variables of this environment that its image does not set
    #[arg(long)]
    pub env_host: bool,
    /// Set a variable from those of the image (NAME=${NAME}:more)
    #[arg(long, value_name = "list", value_parser = environment::merged)]
    pub env_merge: Vec<(String, String)>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    pub env_file: Vec<PathBuf>,
    /// Add additional groups to join
    #[arg(long, value_name = "list")]
    pub group_add: Vec<String>,
    /// GID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])
    #[arg(long, value_name = "list")]
    pub gidmap: Vec<String>,
    /// Line that the container's /etc/group gets in the place of podman's ($GROUPNAME, $GID, $USERLIST)
    #[arg(long, value_name = "string")]
    pub group_entry: Option<String>,
    /// Command to run to check health
    #[arg(long, value_name = "string")]
    pub health_cmd: Option<String>,
    /// Time between running the check (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = parse_duration)]
    pub health_interval: Option<i64>,
    /// What to do with a container that becomes unhealthy (none|kill|restart|stop)
    #[arg(long, value_name = "string", value_parser = values::health_action)]
    pub health_on_failure: Option<HealthAction>,
    /// Consecutive failures needed to report unhealthy
    #[arg(long, value_name = "int", value_parser = go_int)]
    pub health_retries: Option<i64>,
    /// Time between running the check during the start period (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = parse_duration)]
    pub health_start_interval: Option<i64>,
    /// Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = parse_duration)]
    pub health_start_period: Option<i64>,
    /// Maximum time to allow one check to run (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = parse_duration)]
    pub health_timeout: Option<i64>,
    /// Container host name
    #[arg(short = 'h', long, value_name = "string")]
    pub hostname: Option<String>,
    /// Give the container's /etc/passwd the line of an account of this machine
    #[arg(long, value_name = "list", value_parser = accounts::host)]
    pub hostuser: Vec<HostAccount>,
    /// Give the container the proxy variables of this environment
    #[arg(long)]
    pub http_proxy: bool,
    /// What becomes of the volumes that the image declares (anonymous|bind|tmpfs|ignore)
    #[arg(long, value_name = "string", value_parser = values::image_volumes)]
    pub image_volume: Option<ImageVolumes>,
    /// Run an init inside the container that forwards signals and reaps processes
    #[arg(long)]
    pub init: bool,
    /// Keep STDIN open even if not attached
    #[arg(short = 'i', long)]
    pub interactive: bool,
    /// IPC mode to use
    #[arg(long, value_name = "string")]
    pub ipc: Option<String>,
    /// Set meta data on a container
    #[arg(short = 'l', long, value_name = "list", value_parser = values::label)]
    pub label: Vec<(String, String)>,
    /// Read in a line delimited file of labels
    #[arg(long, value_name = "list")]
    pub label_file: Vec<PathBuf>,
    /// Logging driver for the container (json-file|local|none)
    #[arg(long, value_name = "string")]
    pub log_driver: Option<String>,
    /// Log driver options
    #[arg(long, value_name = "list", value_parser = values::key_or_value)]
    pub log_opt: Vec<(String, String)>,
    /// Attach a filesystem mount to the container
    #[arg(long, value_name = "mount", value_parser = mounts::parse_mount)]
    pub mount: Vec<MountFlag>,
    /// Assign a name to the container
    #[arg(long, value_name = "string")]
    pub name: Option<String>,
    /// Connect a container to a network (host|none)
    #[arg(long, alias = "net", value_name = "network")]
    pub network: Vec<String>,
    /// Disable any container-specified HEALTHCHECK
    #[arg(long)]
    pub no_healthcheck: bool,
    /// Tune host's OOM preferences (-1000 to 1000)
    #[arg(long, value_name = "int", value_parser = go_int)]
    pub oom_score_adj: Option<i64>,
    /// Add lines for users that the image does not have to the container's /etc/passwd and /etc/group
    #[arg(long, action = clap::ArgAction::SetFalse)]
    pub passwd: bool,
    /// Line that the container's /etc/passwd gets in the place of podman's ($USERNAME, $UID, $GID, $NAME, $HOME)
    #[arg(long, value_name = "string")]
    pub passwd_entry: Option<String>,
    /// PID namespace to use
    #[arg(long, value_name = "string")]
    pub pid: Option<String>,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string")]
    pub platform: Option<String>,
    /// Give extended privileges to this container
    #[arg(long)]
    pub privileged: bool,
    /// Pull image before running ("always", "missing", "never", "newer")
    #[arg(long, value_name = "string", default_value = "missing")]
    pub pull: String,
    /// Suppress the pull output
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Mount the container's root filesystem as read only
    #[arg(long)]
    pub read_only: bool,
    /// With --read-only: a writable tmpfs on /run, /tmp and /var/tmp
    #[arg(long)]
    pub read_only_tmpfs: bool,
    /// Stop and remove the container that has the name, if there is one
    #[arg(long)]
    pub replace: bool,
    /// Restart policy to apply when a container exits
    #[arg(long, value_name = "string", default_value = "no")]
    pub restart: String,
    /// Automatically remove the container and its associated anonymous volumes when it exits
    #[arg(long)]
    pub rm: bool,
    /// Give the container a secret (NAME[,type=mount|env,target=,uid=,gid=,mode=])
    #[arg(long, value_name = "secret", value_parser = secrets::parse_secret)]
    pub secret: Vec<SecretSpec>,
    /// Security options (seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined)
    #[arg(long, value_name = "list")]
    pub security_opt: Vec<String>,
    /// Size of /dev/shm
    #[arg(long, value_name = "bytes", value_parser = ram_in_bytes)]
    pub shm_size: Option<u64>,
    /// Signal to stop the container
    #[arg(long, value_name = "string")]
    pub stop_signal: Option<String>,
    /// Timeout (in seconds) to stop a container
    #[arg(long, value_name = "int", value_parser = go_int)]
    pub stop_timeout: Option<i64>,
    /// How the container writes to its root file system (overlay=hybrid|full|unpacked)
    #[arg(long, value_name = "list")]
    pub storage_opt: Vec<String>,
    /// Sysctl options
    #[arg(long, value_name = "map", value_parser = values::sysctl)]
    pub sysctl: Vec<(String, String)>,
    /// Kill the container when it has run for so many seconds (0 for no limit)
    #[arg(long, value_name = "uint", value_parser = values::seconds)]
    pub timeout: Option<u32>,
    /// Mount a tmpfs directory
    #[arg(long, value_name = "list")]
    pub tmpfs: Vec<String>,
    /// Allocate a pseudo-TTY
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Name in /etc/subgid whose ids the container is to have
    #[arg(long, value_name = "string")]
    pub subgidname: Option<String>,
    /// Name in /etc/subuid whose ids the container is to have
    #[arg(long, value_name = "string")]
    pub subuidname: Option<String>,
    /// UID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])
    #[arg(long, value_name = "list")]
    pub uidmap: Vec<String>,
    /// Time zone in the container ("Area/City", or "local" for this machine's)
    #[arg(long, value_name = "string")]
    pub tz: Option<String>,
    /// Ulimit options
    #[arg(long, value_name = "ulimit", value_parser = values::ulimit)]
    pub ulimit: Vec<Ulimit>,
    /// Permission bits that new files do not get, in octal
    #[arg(long, value_name = "string", value_parser = values::umask)]
    pub umask: Option<u32>,
    /// Leave out a variable of the image
    #[arg(long, value_name = "list")]
    pub unsetenv: Vec<String>,
    /// Leave out all variables of the image
    #[arg(long)]
    pub unsetenv_all: bool,
    /// Username or UID (format: <name|uid>[:<group|gid>])
    #[arg(short = 'u', long, value_name = "string")]
    pub user: Option<String>,
    /// User namespace to use (host|private|keep-id[:uid=,gid=,size=]|auto[:size=,uidmapping=,gidmapping=]|nomap|emulated[:owners=hidden]|single|container:NAME)
    #[arg(long, value_name = "string")]
    pub userns: Option<String>,
    /// UTS namespace to use
    #[arg(long, value_name = "string")]
    pub uts: Option<String>,
    /// Bind mount a volume, or a directory or file of the host
    #[arg(short = 'v', long, value_name = "list")]
    pub volume: Vec<String>,
    /// Driver of the volumes that are made (local)
    #[arg(long, value_name = "string")]
    pub volume_driver: Option<String>,
    /// Mount volumes from the specified container(s)
    #[arg(long, value_name = "list")]
    pub volumes_from: Vec<String>,
    /// Working directory inside the container
    #[arg(short = 'w', long, value_name = "string")]
    pub workdir: Option<String>,
    /// No image is verified by Docker's retired content trust
    #[arg(long, action = clap::ArgAction::SetFalse, hide = true)]
    pub disable_content_trust: bool,
    #[command(flatten)]
    pub limits: limits::CreationLimits,
    #[command(flatten)]
    pub later: later::Later,
}

/// `--platform`, else `$DOCKER_DEFAULT_PLATFORM`.
pub fn platform(flag: Option<&str>) -> Result<Option<Platform>> {
    let variable = || std::env::var("DOCKER_DEFAULT_PLATFORM").ok();
    match flag.map(str::to_owned).or_else(variable).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(platform) => Ok(Some(platform)),
            Err(e) => Err(Failure::usage(format!("error parsing specified platform: {e}"))),
        },
    }
}

/// `--pull` and podman's `pull --policy`.
pub fn pull_policy(text: &str) -> Result<PullPolicy> {
    match text {
        "always" => Ok(PullPolicy::Always),
        "missing" | "" => Ok(PullPolicy::Missing),
        "never" => Ok(PullPolicy::Never),
        "newer" => Ok(PullPolicy::Newer),
        other => Err(Failure::usage(format!(
            "invalid pull option: '{other}': must be one of \"always\", \"missing\" or \"never\""
        ))),
    }
}

impl ContainerFlags {
    /// `--pull`
    pub fn pull_policy(&self) -> Result<PullPolicy> {
        pull_policy(&self.pull)
    }

    /// The wish. Every mistake ends with status 125, as Docker has it for what it finds after parsing.
    pub fn into_spec(
        self,
        image: String,
        command: Vec<String>,
        client: &ClientConfig,
    ) -> Result<ContainerSpec> {
        self.later.refuse()?;
        let restart = self.restart_policy()?;
        let health = self.health()?;
        let attach = self.attach_streams();
        mounts::check_driver(self.volume_driver.as_deref().unwrap_or_default())?;
        let mut mounts = mounts::volumes(&self.volume)?;
        mounts.extend(mounts::tmpfs(&self.tmpfs)?);
        mounts.extend(mounts::mounts(self.mount)?);
        mounts::check_duplicates(&mounts)?;
        if self.read_only && self.read_only_tmpfs {
            mounts::add_writable(&mut mounts);
        }
        mounts.extend(self.tz.as_deref().map(mounts::time_zone).transpose()?.flatten());
        let mut labels = environment::label_files(&self.label_file)?;
        labels.extend(self.label);
        let security = security::read(&self.security_opt)?;
        let mut env = environment::read(&self.env_file, &self.env)?;
        let inherited = if self.http_proxy { environment::proxies() } else { Vec::new() };
        let mut proxies = client.proxy_variables();
        proxies.retain(|(name, _)| !inherited.iter().any(|(n, _)| n == name));
        let proxies = inherited.into_iter().chain(proxies);
        let unset: Vec<_> = proxies.filter(|(name, _)| !env.iter().any(|(n, _)| n == name)).collect();
        env.extend(unset);
        let name = match self.name.filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => {
                let name = ContainerName::parse(&name);
                Some(name.map_err(|e| Failure::refused(format!("{e}")))?)
            }
        };
        if let Some(signal) = self.stop_signal.as_deref()
            && crate::sys::signal::parse(signal).is_none()
        {
            return Err(Failure::refused(format!("invalid signal: {signal}")));
        }
        let user_namespace = idmap::mode(
            self.userns.as_deref(),
            [&self.uidmap, &self.gidmap],
            [self.subuidname.as_deref(), self.subgidname.as_deref()],
        )?;
        Ok(ContainerSpec {
            image,
            accounts: AccountsSpec {
                off: !self.passwd,
                caller: accounts::caller(&user_namespace),
                host: self.hostuser,
                passwd_entry: self.passwd_entry,
                group_entry: self.group_entry,
            },
            platform: platform(self.platform.as_deref())?,
            name,
            command: (!command.is_empty()).then_some(command),
            entrypoint: self.entrypoint.map(|word| if word.is_empty() { Vec::new() } else { vec![word] }),
            env,
            host_env: if self.env_host { environment::host() } else { Vec::new() },
            merged_env: self.env_merge,
            image_volumes: self.image_volume.unwrap_or_default(),
            unset_env: self.unsetenv,
            unset_all_env: self.unsetenv_all,
            workdir: working_directory(self.workdir)?,
            user: self.user.filter(|user| !user.is_empty()),
            groups: self.group_add,
            hostname: host_name(self.hostname)?,
            domainname: self.domainname.filter(|name| !name.is_empty()),
            labels: labels.into_iter().collect(),
            annotations: self.annotation.into_iter().collect(),
            mounts,
            volumes_from: self.volumes_from,
            secrets: self.secret,
            network: network(&self.network)?,
            extra_hosts: self.add_host,
            dns: self.dns,
            dns_search: self.dns_search,
            dns_options: self.dns_option,
            tty: self.tty,
            stdin_open: self.interactive,
            stdin_once: self.interactive && attach.stdin,
            attach,
            read_only: self.read_only,
            init: self.init,
            privileged: self.privileged,
            cap_add: self.cap_add,
            cap_drop: self.cap_drop,
            no_new_privileges: security.no_new_privileges,
            seccomp: security.seccomp,
            system_paths_unconfined: security.system_paths_unconfined,
            devices: self.device,
            ulimits: values::last_of_each(self.ulimit),
            sysctls: self.sysctl.into_iter().collect(),
            oom_score_adj: oom_score(self.oom_score_adj)?,
            shm_size: self.shm_size.filter(|size| *size > 0).map(Bytes),
            umask: self.umask,
            without_shm: self.ipc.as_deref() == Some("none"),
            ipc: ipc(self.ipc)?,
            pid: namespace("--pid", "PID", self.pid, true)?,
            uts: namespace("--uts", "UTS", self.uts, false)?,
            cgroup: namespace("--cgroupns", "CGROUP", self.cgroupns, false)?,
            user_namespace,
            stop_signal: self.stop_signal,
            stop_timeout: self.stop_timeout,
            run_limit: self.timeout.filter(|seconds| *seconds > 0),
            auto_remove: self.rm,
            restart,
            health,
            on_unhealthy: self.health_on_failure.unwrap_or_default(),
            overlay: overlay(&self.storage_opt)?,
            log: log(self.log_driver, self.log_opt)?,
        })
    }

    /// Without `-a` everything is attached, stdin only where it is kept open.
    fn attach_streams(&self) -> AttachStreams {
        use values::Stream::*;
        if self.attach.is_empty() {
            return AttachStreams { stdin: self.interactive, stdout: true, stderr: true };
        }
        let has = |stream| self.attach.contains(&stream);
        AttachStreams { stdin: has(Stdin), stdout: has(Stdout), stderr: has(Stderr) }
    }

    fn health(&self) -> Result<Option<HealthCheck>> {
        let number = |flag: Option<i64>| flag.unwrap_or(0);
        let command = self.health_cmd.as_deref().filter(|command| !command.is_empty());
        let check = HealthCheck {
            test: command.map_or_else(Vec::new, |command| vec!["CMD-SHELL".to_owned(), command.to_owned()]),
            interval: number(self.health_interval),
            timeout: number(self.health_timeout),
            start_period: number(self.health_start_period),
            start_interval: number(self.health_start_interval),
            retries: number(self.health_retries),
        };
        let is_asked_for = check != HealthCheck::default();
        if self.no_healthcheck && is_asked_for {
            return Err(Failure::usage("--no-healthcheck conflicts with --health-* options"));
        }
        for (flag, value) in [
            ("interval", check.interval),
            ("timeout", check.timeout),
            ("retries", check.retries),
            ("start-period", check.start_period),
            ("start-interval", check.start_interval),
        ] {
            if value < 0 {
                return Err(Failure::usage(format!("--health-{flag} cannot be negative")));
            }
        }
        Ok(match self.no_healthcheck {
            true => Some(HealthCheck { test: vec!["NONE".to_owned()], ..HealthCheck::default() }),
            false => is_asked_for.then_some(check),
        })
    }

    fn restart_policy(&self) -> Result<RestartPolicy> {
        let policy = values::restart_policy(&self.restart)?;
        match policy {
            Some(policy) if policy != RestartPolicy::No && self.rm => {
                Err(Failure::usage("conflicting options: cannot specify both --restart and --rm"))
            }
            policy => Ok(policy.unwrap_or_default()),
        }
    }
}

fn working_directory(flag: Option<String>) -> Result<Option<PathBuf>> {
    match flag.filter(|path| !path.is_empty()) {
        Some(path) if !path.starts_with('/') => Err(Failure::refused(format!(
            "the working directory '{path}' is invalid, it needs to be an absolute path"
        ))),
        path => Ok(path.map(PathBuf::from)),
    }
}

/// The kernel's limit (__NEW_UTS_LEN).
const HOST_NAME_MAX: usize = 64;

fn host_name(flag: Option<String>) -> Result<Option<String>> {
    match flag.filter(|name| !name.is_empty()) {
        Some(name) if name.len() > HOST_NAME_MAX => Err(Failure::refused(format!(
            "invalid hostname: {name:?} is longer than {HOST_NAME_MAX} characters"
        ))),
        name => Ok(name),
    }
}

fn network(flags: &[String]) -> Result<NetworkMode> {
    let [flag] = flags else {
        return match flags {
            [] => Ok(NetworkMode::Default),
            _ => Err(later::not_yet("network", "more than one network is not there yet; name one")),
        };
    };
    let name = match flag.split_once('=') {
        None => flag.as_str(),
        Some(_) => {
            let name = flag.split(',').find_map(|part| part.strip_prefix("name="));
            if flag.split(',').count() > 1 {
                return Err(later::not_yet("network", LATER_NETWORKS));
            }
            name.ok_or_else(|| Failure::usage("network name is required"))?
        }
    };
    match name {
        "default" | "" => Ok(NetworkMode::Default),
        "host" => Ok(NetworkMode::Host),
        "none" => Ok(NetworkMode::None),
        other => Err(later::not_yet(&format!("network {other}"), LATER_NETWORKS)),
    }
}

const LATER_NETWORKS: &str = "networks of their own are not there yet; use --network host or --network none";

/// Modes are `""`, `private`, `host` and, for some, `container:NAME`.
fn namespace(flag: &str, kind: &str, text: Option<String>, joins: bool) -> Result<NamespaceMode> {
    match text.as_deref() {
        None | Some("" | "private") => Ok(NamespaceMode::Private),
        Some("host") => Ok(NamespaceMode::Host),
        Some(text) => match text.strip_prefix("container:") {
            Some(name) if joins && !name.is_empty() => Ok(NamespaceMode::Container(name.to_owned())),
            _ => Err(Failure::usage(format!("{flag}: invalid {kind} mode"))),
        },
    }
}

fn ipc(text: Option<String>) -> Result<NamespaceMode> {
    match text.as_deref() {
        // Every private namespace can be joined by who is allowed to.
        Some("shareable" | "none") => Ok(NamespaceMode::Private),
        Some(other) if !matches!(other, "" | "private" | "host") && !other.starts_with("container:") => {
            Err(Failure::refused(format!("invalid IPC mode: {other}")))
        }
        _ => namespace("--ipc", "IPC", text, true),
    }
}

fn oom_score(flag: Option<i64>) -> Result<Option<i32>> {
    match flag {
        None => Ok(None),
        Some(score) => match i32::try_from(score).ok().filter(|score| (-1000..=1000).contains(score)) {
            Some(score) => Ok(Some(score)),
            None => Err(Failure::refused(format!(
                "Invalid value {score}, range for oom score adj is [-1000, 1000]"
            ))),
        },
    }
}

fn overlay(options: &[String]) -> Result<Option<OverlayChoice>> {
    let mut choice = None;
    for option in options {
        match option.split_once('=').ok_or_else(|| Failure::usage("invalid storage option"))? {
            ("overlay", "auto") => choice = Some(OverlayChoice::Auto),
            ("overlay", "hybrid") => choice = Some(OverlayChoice::Hybrid),
            ("overlay", "full") => choice = Some(OverlayChoice::Full),
            ("overlay", "unpacked") => choice = Some(OverlayChoice::Unpacked),
            ("overlay", other) => {
                return Err(Failure::usage(format!(
                    "invalid --storage-opt overlay={other}: must be one of auto, hybrid, full, unpacked"
                )));
            }
            ("size", _) => {
                return Err(Failure::usage(
                    "--storage-opt size: a quota on what a container writes needs project quotas of the file system, which only root can set",
                ));
            }
            (other, _) => {
                return Err(Failure::refused(format!("unknown option {other}")));
            }
        }
    }
    Ok(choice)
}

fn log(driver: Option<String>, options: Vec<(String, String)>) -> Result<LogSpec> {
    let driver = driver.filter(|name| !name.is_empty()).unwrap_or_else(|| logs::DEFAULT.to_owned());
    let options = options.into_iter().collect();
    match logs::check(&driver, &options) {
        Ok(()) => Ok(LogSpec { driver, options }),
        Err(logs::OptionError::NotImplemented(why)) => Err(later::not_yet("log-driver", &why)),
        // Docker's client knows this one by itself.
        Err(error) if driver == "none" => Err(Failure::usage(error.to_string())),
        Err(error) => Err(Failure::refused(format!("{error}"))),
    }
}

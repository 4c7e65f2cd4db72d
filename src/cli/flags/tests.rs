//! From the command line to the wish, and Docker's complaints on the way.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::{Args, Command, FromArgMatches};

use super::*;
use crate::cli::grammar::{Parsed, Place, parse};
use crate::container::spec::{Asked, MountKind, MountSpec, Propagation, UserNamespaceMode};

#[derive(Debug, clap::Args)]
struct Probe {
    #[command(flatten)]
    flags: ContainerFlags,
    #[arg(required = true)]
    image: String,
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

fn spec_with(arguments: &[&str], client: &ClientConfig) -> Result<ContainerSpec> {
    let command = Probe::augment_args(Command::new("run").disable_help_flag(true));
    let place = Place {
        program: "coracle",
        path: "run",
        usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        wrong_count: 1,
    };
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    match parse(command, place, &arguments)? {
        Parsed::Help => panic!("help"),
        Parsed::Run(matches) => {
            let probe = Probe::from_arg_matches(&matches).expect("clap has checked it");
            probe.flags.into_spec(probe.image, probe.command, client)
        }
    }
}

fn spec(line: &str) -> ContainerSpec {
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).chain(["img"]).collect();
    spec_with(&words, &ClientConfig::default()).unwrap_or_else(|failure| panic!("{line}: {}", failure.text))
}

/// The first line of what is refused, with its status.
fn refused(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').chain(["img"]).collect();
    match spec_with(&words, &ClientConfig::default()) {
        Ok(spec) => panic!("{line} was taken: {spec:?}"),
        Err(failure) => {
            assert_eq!(failure.status, 125, "{line}");
            failure.text.lines().next().unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn a_bare_image_asks_for_nothing() {
    let attach = AttachStreams { stdin: false, stdout: true, stderr: true };
    assert_eq!(spec(""), ContainerSpec { image: "img".to_owned(), attach, ..ContainerSpec::default() });
}

#[test]
fn simple_flags_become_fields() {
    let wish = spec(
        "-it --rm --name web -w /srv -u 1000:100 -h zed --read-only --init --privileged --network none \
         --cap-add NET_ADMIN --cap-drop=ALL -l a=b -l c --label a=d --entrypoint /bin/x --stop-signal INT \
         --stop-timeout -1 --shm-size 1g --oom-score-adj 500 --pid host --uts host --ipc host --cgroupns host \
         --group-add 5 --domainname d --annotation k=v --sysctl net.core.somaxconn=5 --add-host a:1.2.3.4 \
         --dns 1.1.1.1 --dns-opt ndots:1 --dns-search . --ulimit nofile=1:2 --ulimit nofile=3 \
         --storage-opt overlay=full --userns keep-id:uid=5,gid=6 --platform linux/arm64 --log-driver none",
    );
    assert!(wish.tty && wish.stdin_open && wish.stdin_once && wish.auto_remove);
    assert_eq!(wish.attach, AttachStreams { stdin: true, stdout: true, stderr: true });
    assert_eq!(wish.name.as_ref().map(ContainerName::as_str), Some("web"));
    assert_eq!(wish.workdir.as_deref(), Some("/srv".as_ref()));
    assert_eq!((wish.user.as_deref(), wish.hostname.as_deref()), (Some("1000:100"), Some("zed")));
    assert!(wish.read_only && wish.init && wish.privileged);
    assert_eq!(wish.network, NetworkMode::None);
    assert_eq!((wish.cap_add, wish.cap_drop), (vec!["NET_ADMIN".to_owned()], vec!["ALL".to_owned()]));
    let labels: Vec<_> = wish.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(labels, ["a=d", "c="]);
    assert_eq!(wish.entrypoint, Some(vec!["/bin/x".to_owned()]));
    assert_eq!((wish.stop_signal.as_deref(), wish.stop_timeout), (Some("INT"), Some(-1)));
    assert_eq!(wish.shm_size, Some(Bytes(1 << 30)));
    assert_eq!(wish.oom_score_adj, Some(500));
    let host = NamespaceMode::Host;
    assert_eq!([&wish.pid, &wish.uts, &wish.ipc, &wish.cgroup], [&host, &host, &host, &host]);
    assert_eq!(wish.ulimits, [Ulimit { name: "nofile".to_owned(), soft: 3, hard: 3 }]);
    assert_eq!(wish.overlay, Some(OverlayChoice::Full));
    assert_eq!(wish.user_namespace, UserNamespaceMode::KeepId { uid: Some(5), gid: Some(6), size: None });
    assert_eq!(wish.platform.map(|p| p.to_string()).as_deref(), Some("linux/arm64"));
    assert_eq!(wish.log.driver, "none");
    assert_eq!(wish.dns_search, ["."]);
}

#[test]
fn what_follows_the_image_is_the_command() {
    let words = ["-e", "A=b", "img", "sh", "-c", "x", "--rm", "-e", "B", "--", "--help"];
    let wish = spec_with(&words, &ClientConfig::default()).unwrap();
    assert_eq!(wish.image, "img");
    assert_eq!(wish.command.unwrap(), ["sh", "-c", "x", "--rm", "-e", "B", "--", "--help"]);
    assert_eq!(wish.env, [("A".to_owned(), "b".to_owned())]);
    assert!(!wish.auto_remove);
}

#[test]
fn the_entrypoint_may_be_emptied() {
    let wish = spec_with(&["--entrypoint", "", "img"], &ClientConfig::default()).unwrap();
    assert_eq!((wish.entrypoint, wish.command), (Some(Vec::new()), None));
}

#[test]
fn streams_are_attached_as_asked() {
    for (line, stdin, stdout, stderr) in [
        ("", false, true, true),
        ("-i", true, true, true),
        ("-a stdout", false, true, false),
        ("-a STDOUT -a stderr", false, true, true),
        ("-i -a stdin", true, false, false),
    ] {
        assert_eq!(spec(line).attach, AttachStreams { stdin, stdout, stderr }, "{line}");
    }
}

#[test]
fn proxies_of_the_client_are_given_unless_set() {
    let client: ClientConfig =
        serde_json::from_str(r#"{"proxies": {"default": {"httpProxy": "http://p"}}}"#).unwrap();
    let wish = spec_with(&["-e", "http_proxy=own", "img"], &client).unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(wish.env, [pair("http_proxy", "own"), pair("HTTP_PROXY", "http://p")]);
}

fn bind(source: &str, create_source: bool) -> MountKind {
    MountKind::Bind {
        source: source.into(),
        create_source,
        recursive: true,
        propagation: Propagation::RPrivate,
    }
}

#[test]
fn mounts_in_every_spelling() {
    let here = std::env::current_dir().unwrap();
    let shared = MountKind::Bind {
        source: "/s".into(),
        create_source: true,
        recursive: true,
        propagation: Propagation::RShared,
    };
    let tmpfs = |size: Option<u64>, mode: Option<u32>, options: &[&str]| MountKind::Tmpfs {
        size: size.map(Bytes),
        mode,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    };
    for (line, kind, target, read_only) in [
        ("-v /a:/b", bind("/a", true), "/b", false),
        ("-v /a:/b:ro", bind("/a", true), "/b", true),
        ("-v /a/../c/:/b/./d/:rw,z", bind("/c", true), "/b/d", false),
        ("-v /s:/b:rshared", shared, "/b", false),
        ("-v .:/b", bind(here.to_str().unwrap(), true), "/b", false),
        ("--mount type=bind,source=/a,target=/b,readonly", bind("/a", false), "/b", true),
        ("--mount type=bind,src=/a,dst=/b,ro=false,bind-create-src", bind("/a", true), "/b", false),
        ("--mount type=tmpfs,destination=/t", tmpfs(None, None, &[]), "/t", false),
        (
            "--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700",
            tmpfs(Some(1 << 20), Some(0o700), &[]),
            "/t",
            false,
        ),
        ("--mount \"type=bind\",\"src=/a,b\",dst=/b", bind("/a,b", false), "/b", false),
        ("--tmpfs /t", tmpfs(None, None, &[]), "/t", false),
        ("--tmpfs /t:size=64k,mode=1777,exec,ro", tmpfs(Some(64 << 10), Some(0o1777), &["exec"]), "/t", true),
    ] {
        assert_eq!(spec(line).mounts, [MountSpec::new(kind, target.into(), read_only)], "{line}");
    }
}

#[test]
fn images_in_every_spelling() {
    for (line, subpath, read_only) in [
        ("--mount type=image,source=tools:1,target=/t", None, true),
        ("--mount type=image,src=tools:1,dst=/t,ro,rw=false", None, true),
        ("--mount type=image,src=tools:1,dst=/t,rw", None, false),
        ("--mount type=image,src=tools:1,dst=/t,readwrite=true,subpath=a/b", Some("a/b"), false),
        ("--mount type=image,src=tools:1,dst=/t,image-subpath=a", Some("a"), true),
    ] {
        let kind = MountKind::Image {
            source: "tools:1".to_owned(),
            image: None,
            subpath: subpath.map(std::path::PathBuf::from),
        };
        assert_eq!(spec(line).mounts, [MountSpec::new(kind, "/t".into(), read_only)], "{line}");
    }
}

#[test]
fn volumes_in_every_spelling() {
    let volume = |name: &str, asked| MountKind::Volume {
        name: name.to_owned(),
        anonymous: name.is_empty(),
        no_copy: false,
        subpath: None,
        labels: BTreeMap::new(),
        options: BTreeMap::new(),
        asked,
    };
    let full = MountKind::Volume {
        name: "db".to_owned(),
        anonymous: false,
        no_copy: true,
        subpath: Some("a/b".into()),
        labels: [("k".to_owned(), "v".to_owned())].into(),
        options: [("o".to_owned(), "bind".to_owned()), ("device".to_owned(), "/s".to_owned())].into(),
        asked: Asked::MountFlag,
    };
    for (line, kind, read_only) in [
        ("-v db:/d", volume("db", Asked::VolumeFlag), false),
        ("-v db:/x/../d/:ro,z", volume("db", Asked::VolumeFlag), true),
        ("-v /d", volume("", Asked::VolumeFlag), false),
        ("--mount src=db,dst=/d,readonly", volume("db", Asked::MountFlag), true),
        ("--mount type=volume,dst=/d,volume-driver=local", volume("", Asked::MountFlag), false),
        (
            "--mount src=db,dst=/d,volume-nocopy,volume-label=k=v,volume-subpath=a/b,volume-opt=o=bind,volume-opt=device=/s",
            full,
            false,
        ),
    ] {
        assert_eq!(spec(line).mounts, [MountSpec::new(kind, "/d".into(), read_only)], "{line}");
    }
    let podmans = |line: &str| {
        let mount = spec(line).mounts.remove(0);
        (mount.chown, mount.overlay, mount.read_only)
    };
    assert_eq!(podmans("-v db:/d:U"), (true, false, false));
    assert_eq!(podmans("-v /a:/d:ro,U"), (true, false, true));
    assert_eq!(podmans("-v /a:/d:O"), (false, true, false));
    assert_eq!(podmans("--mount type=bind,src=/a,dst=/d,U"), (true, false, false));
    let wish = spec("-v db:/d:nocopy --volumes-from a --volumes-from b:ro --volume-driver local");
    assert!(matches!(wish.mounts[0].kind, MountKind::Volume { no_copy: true, .. }));
    assert_eq!(wish.volumes_from, ["a", "b:ro"]);
}

#[test]
fn mistakes_are_told_in_dockers_words() {
    let daemon = "Error response from daemon: ";
    for (line, want) in [
        ("--mount type=x", "invalid argument \"type=x\" for \"--mount\" flag: target is required"),
        (
            "--mount foo",
            "invalid argument \"foo\" for \"--mount\" flag: invalid field 'foo' must be a key=value pair",
        ),
        (
            "--mount type=bind,src=/a,dst=/b,foo=1",
            "invalid argument \"type=bind,src=/a,dst=/b,foo=1\" for \"--mount\" flag: unknown option 'foo' in 'foo=1'",
        ),
        (
            "--mount type=tmpfs,dst=/t,bind-propagation=shared",
            "invalid argument \"type=tmpfs,dst=/t,bind-propagation=shared\" for \"--mount\" flag: cannot mix 'bind-*' options with mount type 'tmpfs'",
        ),
        (
            "-a foo",
            "invalid argument \"foo\" for \"-a, --attach\" flag: valid streams are STDIN, STDOUT and STDERR",
        ),
        ("-e =", "invalid argument \"=\" for \"-e, --env\" flag: invalid environment variable: ="),
        ("--ulimit foo", "invalid argument \"foo\" for \"--ulimit\" flag: invalid ulimit argument: foo"),
        ("--shm-size=x", "invalid argument \"x\" for \"--shm-size\" flag: invalid size: 'x'"),
        (
            "--stop-timeout x",
            "invalid argument \"x\" for \"--stop-timeout\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        ("--env-file /nonexist", "open /nonexist: no such file or directory"),
        (
            "--name /bad!",
            "Error response from daemon: Invalid container name (/bad!), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        ),
        ("-v /a:/b:zz", "Error response from daemon: invalid mode: zz"),
        ("-v db:/d:rshared", "Error response from daemon: invalid mode: rshared"),
        ("-v /a:/b:ro,O", "Error response from daemon: invalid mode: ro,O"),
        ("-v /a:/b:O,rshared", "Error response from daemon: invalid mode: O,rshared"),
        ("-v /a:/b:nocopy", "Error response from daemon: invalid mode: nocopy"),
        (
            "-v db",
            "Error response from daemon: invalid volume specification: 'db': invalid mount config for type \"volume\": invalid mount path: 'db' mount path must be absolute",
        ),
        (
            "-v a/b:/d",
            "Error response from daemon: create a/b: \"a/b\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
        ),
        (
            "--mount dst=/d,volume-driver=nfs",
            "Error response from daemon: error looking up volume plugin nfs: plugin \"nfs\" not found",
        ),
        (
            "--mount dst=/d,readonly",
            "Error response from daemon: invalid mount config for type \"volume\": must not set ReadOnly mode when using anonymous volumes",
        ),
        (
            "--mount dst=/d,volume-subpath=x",
            "Error response from daemon: invalid mount config for type \"volume\": must not set Subpath when using anonymous volumes",
        ),
        (
            "--mount src=db,dst=/d,volume-subpath=../x",
            "Error response from daemon: invalid mount config for type \"volume\": subpath must be a relative path within the volume",
        ),
        (
            "--mount type=tmpfs,dst=/d,volume-nocopy",
            "invalid argument \"type=tmpfs,dst=/d,volume-nocopy\" for \"--mount\" flag: cannot mix 'volume-*' options with mount type 'tmpfs'",
        ),
        ("-v /a:/b:c:d", "Error response from daemon: invalid volume specification: '/a:/b:c:d'"),
        (
            "-v /a:/",
            &format!(
                "{daemon}invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'"
            ),
        ),
        ("-v /a:/b -v /c:/b", "Error response from daemon: Duplicate mount point: /b"),
        (
            "-w tmp",
            "Error response from daemon: the working directory 'tmp' is invalid, it needs to be an absolute path",
        ),
        ("--pid x", "--pid: invalid PID mode"),
        ("--uts x", "--uts: invalid UTS mode"),
        ("--ipc x", "Error response from daemon: invalid IPC mode: x"),
        (
            "--userns x",
            "--userns: invalid USER mode: \"x\": must be one of host, private, keep-id, auto, nomap, emulated, single, container:NAME",
        ),
        (
            "--oom-score-adj 2000",
            "Error response from daemon: Invalid value 2000, range for oom score adj is [-1000, 1000]",
        ),
        ("--stop-signal NOPE", "Error response from daemon: invalid signal: NOPE"),
        ("--security-opt foo", "Invalid --security-opt: \"foo\""),
        ("--security-opt a=b", "Error response from daemon: invalid --security-opt 2: \"a=b\""),
        (
            "--log-driver nosuch",
            "Error response from daemon: logger: no log driver named 'nosuch' is registered",
        ),
        ("--log-opt foo=1", "Error response from daemon: unknown log opt 'foo' for json-file log driver"),
        ("--restart always --rm", "conflicting options: cannot specify both --restart and --rm"),
        (
            "--storage-opt overlay=x",
            "invalid --storage-opt overlay=x: must be one of auto, hybrid, full, unpacked",
        ),
    ] {
        assert_eq!(refused(line), want, "{line}");
    }
}

#[test]
fn what_is_not_there_yet_is_refused_by_name() {
    for line in [
        "-p 80:80",
        "-P",
        "--link a:b",
        "--gpus all",
        "--network bridge",
        "--network-alias x",
        "--ip 1.2.3.4",
        "--runtime runc",
        "--storage-opt size=1g",
        "--log-driver journald",
        "--cpu-count 2",
        "--device vendor.com/gpu=0",
    ] {
        let text = refused(line);
        let flag = line.split(' ').next().unwrap().trim_start_matches('-');
        let long = match flag {
            "p" => "publish",
            "P" => "publish-all",
            other => other,
        };
        assert!(text.contains(&format!("--{long}")), "{line}: {text}");
    }
}

#[test]
fn values_that_ask_for_nothing_are_taken() {
    spec(
        "--memory 0 --pids-limit -1 --restart no --cpu-shares 0 --oom-kill-disable=false -P=false --isolation default \
         --disable-content-trust=false --network default --no-healthcheck --memory-swappiness -1",
    );
}

#[test]
fn limits_without_a_cgroup_are_discarded_in_dockers_words() {
    let discarded = |line: &str| -> std::result::Result<String, String> {
        let words: Vec<OsString> = line.split(' ').chain(["img"]).map(OsString::from).collect();
        let command = Probe::augment_args(Command::new("run").disable_help_flag(true));
        let place = Place { program: "coracle", path: "run", usage: "", wrong_count: 1 };
        let first_line = |failure: Failure| failure.text.lines().next().unwrap_or_default().to_owned();
        let Parsed::Run(matches) = parse(command, place, &words).map_err(first_line)? else { panic!("help") };
        let probe = Probe::from_arg_matches(&matches).expect("clap has checked it");
        Ok(probe.flags.limits.discard().map_err(first_line)?.join("|"))
    };
    let missing = |what: &str, then: &str| {
        Ok(format!("Your kernel does not support {what} or the cgroup is not mounted. {then} discarded."))
    };
    let refused = |why: &str| Err(why.to_owned());
    let daemon = |why: &str| Err(format!("Error response from daemon: {why}"));
    for (line, want) in [
        ("-m 1g", missing("memory limit capabilities", "Limitation")),
        ("--memory 0 --memory-swap -1", Ok(String::new())),
        ("--pids-limit 100", missing("PIDs limit capabilities", "PIDs limit")),
        ("--pids-limit -1", Ok(String::new())),
        ("-c 512", missing("CPU shares", "Shares")),
        ("--cpuset-cpus 0", missing("cpuset", "Cpuset")),
        ("--memory-swappiness 5", missing("memory swappiness capabilities", "Memory swappiness")),
        ("--oom-kill-disable=false", Ok(String::new())),
        ("-m 1m", daemon("Minimum memory limit allowed is 6MB")),
        (
            "-m 1g --memory-swap 1m",
            daemon("Minimum memoryswap limit should be larger than memory limit, see usage"),
        ),
        (
            "--memory-swap 1g",
            daemon("You should always set the Memory limit when using Memoryswap limit, see usage"),
        ),
        (
            "--cpus 2 --cpu-quota 5000",
            daemon("Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
        ),
        ("--memory-swappiness 200", refused("invalid value: 200. Valid memory swappiness range is 0-100")),
        ("--memory x", refused("invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'")),
        (
            "--blkio-weight 70000",
            refused(
                "invalid argument \"70000\" for \"--blkio-weight\" flag: strconv.ParseUint: parsing \"70000\": value out of range",
            ),
        ),
        (
            "--io-maxiops -1",
            refused(
                "invalid argument \"-1\" for \"--io-maxiops\" flag: strconv.ParseUint: parsing \"-1\": invalid syntax",
            ),
        ),
    ] {
        assert_eq!(discarded(line), want, "{line}");
    }
}

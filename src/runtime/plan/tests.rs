use std::collections::BTreeMap;

use super::*;
use crate::container::spec::{Bytes, DeviceSpec, MountKind, MountSpec, Propagation};
use crate::container::{ContainerId, ContainerName};
use crate::digest::Digest;
use crate::image::PinnedImage;
use crate::runtime::launch::{Borrow, Given, MountOp};

fn line(inside: u32, outside: u32, count: u32) -> IdMapping {
    IdMapping { inside, outside, count }
}

fn many_ids() -> HostFacts {
    let map = |own| vec![line(0, own, 1), line(1, 100_000, 65_536)];
    HostFacts {
        uid_map: map(1001),
        gid_map: map(1002),
        single_id_note: None,
        hostname: "workstation".to_owned(),
        kernel: (6, 1),
        last_capability: 40,
        hard_limits: (0..16).map(|n| if n == CARRIER { u64::MAX } else { 1000 }).collect(),
        oom_score_adj: 100,
        cgroup_unified: true,
    }
}

fn single_id() -> HostFacts {
    HostFacts {
        uid_map: vec![line(0, 1001, 1)],
        gid_map: vec![line(0, 1002, 1)],
        single_id_note: Some("no range".to_owned()),
        ..many_ids()
    }
}

fn image() -> RunConfig {
    RunConfig { cmd: Some(vec!["image-cmd".to_owned()]), ..RunConfig::default() }
}

fn planned_on(host: &HostFacts, image: &RunConfig, spec: ContainerSpec) -> Result<Launch, PlanError> {
    let network = match spec.network {
        NetworkMode::None => NamespaceChoice::New,
        _ => NamespaceChoice::Inherit,
    };
    let digest = Digest::of(b"");
    let record = ContainerRecord {
        version: 1,
        id: ContainerId::parse(&"0123456789abcdef".repeat(4)).unwrap(),
        name: ContainerName::parse("name").unwrap(),
        created: jiff::Timestamp::UNIX_EPOCH,
        spec,
        image: PinnedImage { id: digest, manifest: digest, layers: Vec::new() },
    };
    let files = ContainerFiles {
        hosts: Path::new("/store/hosts"),
        hostname: Path::new("/store/hostname"),
        resolv_conf: Path::new("/store/resolv.conf"),
        overlays: Path::new("/store/overlays"),
    };
    let volumes = Path::new("/store/volumes");
    let secrets = &[b"one".to_vec(), b"two".to_vec()];
    plan(&PlanInput { record: &record, image, host, files, secrets, volumes, users: None, network })
}

fn planned(spec: ContainerSpec) -> Launch {
    planned_on(&many_ids(), &image(), spec).unwrap()
}

fn refused(spec: ContainerSpec) -> String {
    planned_on(&many_ids(), &image(), spec).unwrap_err().to_string()
}

fn isolated() -> ContainerSpec {
    ContainerSpec { network: NetworkMode::None, ..ContainerSpec::default() }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn users_are_emulated_where_there_is_a_single_id_and_nothing_hinders() {
    let able = HostFacts { kernel: (5, 5), ..single_id() };
    let old = HostFacts { kernel: (5, 4), ..able.clone() };
    let mut low = able.clone();
    low.hard_limits[CARRIER as usize] = KEYS - 1;
    let mut spec = ContainerSpec::default();
    assert_eq!(emulates_users(&spec, &able), Some(Owners::Shown));
    assert_eq!(emulates_users(&spec, &many_ids()), None, "there are real ones");
    for host in [&old, &low] {
        assert_eq!(emulates_users(&spec, host), None);
    }
    assert!(hinders_emulation(&old).is_some_and(|reason| reason.contains("Linux 5.5")));
    assert!(hinders_emulation(&low).is_some_and(|reason| reason.contains("ulimit -H -x")));
    spec.user_namespace = UserNamespaceMode::Single;
    assert_eq!(emulates_users(&spec, &able), None);
    spec.user_namespace = UserNamespaceMode::Emulated { hides_owners: true };
    assert_eq!(emulates_users(&spec, &HostFacts { kernel: (6, 1), ..many_ids() }), Some(Owners::Hidden));
}

#[test]
fn entrypoint_and_command_follow_docker() {
    // image's entrypoint and cmd, user's entrypoint and command, argv
    type Case<'a> =
        (Option<&'a str>, Option<&'a str>, Option<&'a [&'a str]>, Option<&'a str>, Option<&'a str>);
    let table: &[Case<'_>] = &[
        (None, Some("cmd a"), None, None, Some("cmd a")),
        (Some("entry"), Some("cmd a"), None, None, Some("entry cmd a")),
        (Some("entry"), Some("cmd a"), None, Some("b"), Some("entry b")),
        (Some("entry"), Some("cmd a"), Some(&["mine"]), None, Some("mine")),
        (Some("entry"), Some("cmd a"), Some(&["mine"]), Some("b c"), Some("mine b c")),
        (Some("entry"), Some("cmd a"), Some(&[""]), Some("b"), Some("b")),
        (Some("entry"), Some("cmd a"), Some(&[]), Some("b"), Some("b")),
        (Some("entry"), Some("cmd a"), Some(&[""]), None, None),
        (Some("entry"), None, None, None, Some("entry")),
        (None, None, None, None, None),
        (None, None, None, Some("x"), Some("x")),
    ];
    for (image_entry, image_cmd, entrypoint, command, expected) in table {
        let image = RunConfig {
            entrypoint: image_entry.map(words),
            cmd: image_cmd.map(words),
            ..RunConfig::default()
        };
        let spec = ContainerSpec {
            entrypoint: entrypoint.map(|list| list.iter().map(|s| (*s).to_owned()).collect()),
            command: command.map(words),
            ..isolated()
        };
        let got = planned_on(&many_ids(), &image, spec).map(|launch| launch.process.argv);
        let wanted = expected.map(words).ok_or(PlanError::Invalid("no command specified".to_owned()));
        assert_eq!(got, wanted, "{image_entry:?} {image_cmd:?} {entrypoint:?} {command:?}");
    }
}

#[test]
fn environment_is_in_dockers_order_and_later_ones_win() {
    let image = RunConfig { env: Some(words("PATH=/image/bin A=image B=image broken")), ..image() };
    let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    let spec = ContainerSpec {
        env: vec![pair("B", "first"), pair("C", "x=y"), pair("B", "second")],
        tty: true,
        hostname: Some("box".to_owned()),
        ..isolated()
    };
    let launch = planned_on(&many_ids(), &image, spec).unwrap();
    assert_eq!(
        launch.process.env,
        ["PATH=/image/bin", "HOSTNAME=box", "TERM=xterm", "B=second", "C=x=y", "A=image"]
    );
}

#[test]
fn host_names_follow_network_and_uts() {
    let name = |spec: ContainerSpec| planned(spec).hostname;
    assert_eq!(name(isolated()).as_deref(), Some("0123456789ab"));
    let host = ContainerSpec { network: NetworkMode::Host, ..isolated() };
    assert_eq!(name(host).as_deref(), Some("workstation"));
    let uts = ContainerSpec { uts: NamespaceMode::Host, ..isolated() };
    assert_eq!(name(uts.clone()), None);
    let both = ContainerSpec { hostname: Some("x".to_owned()), ..uts };
    assert_eq!(refused(both), "conflicting options: hostname and the UTS mode");
}

#[test]
fn working_directories_are_absolute_and_clean() {
    for (image_dir, wished, expected) in [
        ("", None, "/"),
        ("app", None, "/app"),
        ("/srv/../app/./x//", None, "/app/x"),
        ("/image", Some("/mine"), "/mine"),
        ("/", Some("../../etc"), "/etc"),
    ] {
        let image = RunConfig { working_dir: image_dir.to_owned(), ..image() };
        let spec = ContainerSpec { workdir: wished.map(PathBuf::from), ..isolated() };
        let process = planned_on(&many_ids(), &image, spec).unwrap().process;
        assert_eq!((process.cwd, process.make_cwd), (PathBuf::from(expected), true));
    }
}

#[test]
fn id_maps_never_cross_lines_of_the_parent() {
    let keep = |uid, gid| ContainerSpec {
        user_namespace: UserNamespaceMode::KeepId { uid, gid, size: None },
        ..isolated()
    };
    let maps =
        |host: &HostFacts, spec| planned_on(host, &image(), spec).map(|l| (l.uid_map, l.gid_map)).unwrap();
    let identity = vec![line(0, 0, 1), line(1, 1, 65_536)];
    assert_eq!(maps(&many_ids(), isolated()), (identity.clone(), identity));
    let (uids, gids) = maps(&many_ids(), keep(None, Some(0)));
    assert_eq!(uids, [line(0, 1, 1001), line(1001, 0, 1), line(1002, 1002, 64_535)]);
    assert_eq!(gids, [line(0, 0, 1), line(1, 1, 65_536)]);
    let (uids, _) = maps(&many_ids(), keep(Some(70_000), None));
    assert_eq!(uids, [line(0, 1, 65_536), line(70_000, 0, 1)]);
    assert_eq!(maps(&single_id(), keep(None, None)), (vec![line(1001, 0, 1)], vec![line(1002, 0, 1)]));
    let mut pieces = many_ids();
    pieces.uid_map = vec![line(0, 1001, 1), line(1, 100_000, 10), line(11, 500_000, 10)];
    let (uids, _) = maps(&pieces, keep(Some(5), None));
    assert_eq!(uids, [line(0, 1, 5), line(5, 0, 1), line(6, 6, 5), line(11, 11, 10)]);
}

#[test]
fn keep_id_runs_as_the_caller_unless_told_otherwise() {
    let image = RunConfig { user: "daemon".to_owned(), ..image() };
    let user = |spec| planned_on(&many_ids(), &image, spec).unwrap().process.user;
    let keep = ContainerSpec {
        user_namespace: UserNamespaceMode::KeepId { uid: None, gid: None, size: None },
        ..isolated()
    };
    assert_eq!(user(isolated()), "daemon");
    assert_eq!(user(keep.clone()), "1001:1002");
    assert_eq!(user(ContainerSpec { user: Some("0".to_owned()), ..keep }), "0");
}

#[test]
fn a_single_id_forbids_setgroups_and_has_no_terminal_group() {
    let launch = planned_on(&single_id(), &image(), isolated()).unwrap();
    assert!(!launch.allow_setgroups);
    assert_eq!(launch.process.single_id_note.as_deref(), Some("no range"));
    let options = |launch: &Launch| match find(launch, "/dev/pts") {
        Some(MountOp::FileSystem { data, .. }) => data.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(options(&launch), "newinstance,ptmxmode=0666,mode=0620");
    assert_eq!(options(&planned(isolated())), "newinstance,ptmxmode=0666,mode=0620,gid=5");
    assert!(planned(isolated()).allow_setgroups);
}

fn place(op: &MountOp) -> &Path {
    match op {
        MountOp::FileSystem { target, .. }
        | MountOp::Bind { target, .. }
        | MountOp::Borrowed { target, .. }
        | MountOp::Served { target, .. }
        | MountOp::Device { target, .. } => target,
        MountOp::Symlink { path, .. } | MountOp::Volume { target: path, .. } => path,
        MountOp::AllDevices => Path::new("/dev"),
    }
}

fn find<'a>(launch: &'a Launch, target: &str) -> Option<&'a MountOp> {
    launch.mounts.iter().find(|op| place(op) == Path::new(target))
}

fn bind(target: &str) -> MountSpec {
    let kind = MountKind::Bind {
        source: PathBuf::from("/src"),
        create_source: true,
        recursive: true,
        propagation: Propagation::RPrivate,
    };
    MountSpec::new(kind, PathBuf::from(target), false)
}

#[test]
fn the_default_tree_is_dockers() {
    let launch = planned(isolated());
    let targets: Vec<&str> = launch.mounts.iter().map(|op| place(op).to_str().unwrap()).collect();
    assert_eq!(
        targets,
        [
            "/proc",
            "/dev",
            "/dev/null",
            "/dev/zero",
            "/dev/full",
            "/dev/random",
            "/dev/urandom",
            "/dev/tty",
            "/dev/fd",
            "/dev/stdin",
            "/dev/stdout",
            "/dev/stderr",
            "/dev/ptmx",
            "/dev/core",
            "/dev/pts",
            "/sys",
            "/sys/fs/cgroup",
            "/dev/mqueue",
            "/dev/shm",
            "/etc/resolv.conf",
            "/etc/hostname",
            "/etc/hosts",
        ]
    );
    assert_eq!(launch.masked_paths.len(), MASKED_PATHS.len());
    assert_eq!(launch.read_only_paths.len(), READ_ONLY_PATHS.len());
    let Some(MountOp::FileSystem { data, .. }) = find(&launch, "/dev/shm") else { panic!() };
    assert_eq!(data, "mode=1777,size=67108864");
}

#[test]
fn mounts_of_the_user_come_last_by_depth_and_replace_defaults() {
    let spec = ContainerSpec {
        mounts: vec![bind("/a/b/c"), bind("/a"), bind("/etc/hosts"), bind("/dev/shm"), bind("/x/../a/b")],
        ..isolated()
    };
    let launch = planned(spec);
    let binds: Vec<&str> = launch
        .mounts
        .iter()
        .filter(|op| matches!(op, MountOp::Bind { source, .. } if source == Path::new("/src")))
        .map(|op| place(op).to_str().unwrap())
        .collect();
    assert_eq!(binds, ["/a", "/etc/hosts", "/dev/shm", "/a/b", "/a/b/c"]);
    for target in ["/etc/hosts", "/dev/shm"] {
        assert_eq!(launch.mounts.iter().filter(|op| place(op) == Path::new(target)).count(), 1);
    }
    let whole = planned(ContainerSpec { mounts: vec![bind("/dev")], ..isolated() });
    assert!(find(&whole, "/dev/null").is_none() && find(&whole, "/dev/shm").is_none());
}

#[test]
fn hostile_mounts_are_refused() {
    let table = [
        (vec![bind("/")], "destination can't be '/'"),
        (vec![bind("/x/..")], "destination can't be '/'"),
        (vec![bind("/proc")], "because it is inside /proc"),
        (vec![bind("/proc/sys/kernel")], "because it is inside /proc"),
        (vec![bind("/tmp/../proc/self")], "because it is inside /proc"),
        (vec![bind("/a"), bind("/b/../a/")], "Duplicate mount point: /a"),
    ];
    for (mounts, text) in table {
        let error = refused(ContainerSpec { mounts: mounts.clone(), ..isolated() });
        assert!(error.contains(text), "{mounts:?}: {error}");
    }
    planned(ContainerSpec { mounts: vec![bind("/proc/cpuinfo"), bind("/process")], ..isolated() });
}

#[test]
fn tmpfs_options_are_flags_or_data() {
    let tmpfs = |options: &str, read_only| {
        let options = options.split(',').filter(|o| !o.is_empty()).map(str::to_owned).collect();
        let kind = MountKind::Tmpfs { size: Some(Bytes(4096)), mode: Some(0o1770), options };
        MountSpec::new(kind, PathBuf::from("/t"), read_only)
    };
    let quiet = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    for (options, read_only, expected_flags, expected_data) in [
        ("", false, quiet, "size=4096,mode=1770"),
        ("", true, quiet | libc::MS_RDONLY, "size=4096,mode=1770"),
        ("exec,suid,dev,ro", false, libc::MS_RDONLY, "size=4096,mode=1770"),
        ("uid=5,nr_inodes=9,rprivate", false, quiet, "uid=5,nr_inodes=9,size=4096,mode=1770"),
    ] {
        let launch = planned(ContainerSpec { mounts: vec![tmpfs(options, read_only)], ..isolated() });
        let Some(MountOp::FileSystem { flags, data, .. }) = find(&launch, "/t") else { panic!() };
        assert_eq!((*flags, data.as_str()), (expected_flags, expected_data), "{options}");
    }
    for bad in ["foo", "upperdir=/x", "size=1,x"] {
        let spec = MountSpec {
            kind: MountKind::Tmpfs { size: None, mode: None, options: words(bad) },
            ..tmpfs("", false)
        };
        let error = refused(ContainerSpec { mounts: vec![spec], ..isolated() });
        assert_eq!(error, format!("Invalid tmpfs option [\"{bad}\"]"));
    }
}

#[test]
fn privileged_has_everything_but_no_more_than_the_user() {
    let launch = planned(ContainerSpec { privileged: true, ..isolated() });
    assert_eq!(launch.process.capabilities.bounding, (1 << 41) - 1);
    assert_eq!(launch.process.seccomp, None);
    assert!(launch.masked_paths.is_empty() && launch.read_only_paths.is_empty());
    assert!(launch.mounts.contains(&MountOp::AllDevices));
    let Some(MountOp::FileSystem { flags, .. }) = find(&launch, "/sys") else { panic!() };
    assert_eq!(flags & libc::MS_RDONLY, 0);
}

#[test]
fn seccomp_is_on_unless_switched_off() {
    let program = |choice| planned(ContainerSpec { seccomp: choice, ..isolated() }).process.seccomp;
    assert!(program(SeccompChoice::Default).is_some_and(|p| p.len() > 100));
    assert_eq!(program(SeccompChoice::Unconfined), None);
    let allow = r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#.to_owned();
    assert!(program(SeccompChoice::Profile(allow)).is_some());
    check(&ContainerSpec { seccomp: SeccompChoice::Profile("{".to_owned()), ..isolated() }).unwrap_err();
}

#[test]
fn namespaces_of_the_host_bring_its_file_systems() {
    let host = planned(ContainerSpec {
        network: NetworkMode::Host,
        pid: NamespaceMode::Host,
        ipc: NamespaceMode::Host,
        ..ContainerSpec::default()
    });
    for (target, expected) in [("/proc", false), ("/sys", true), ("/dev/shm", false)] {
        let Some(MountOp::Bind { source, read_only, recursive: true, .. }) = find(&host, target) else {
            panic!("{target}")
        };
        assert_eq!((source.as_path(), *read_only), (Path::new(target), expected));
    }
    // Not every host has one.
    assert!(matches!(
        find(&host, "/dev/mqueue"),
        Some(MountOp::FileSystem { or_host: true, optional: true, .. })
    ));
    assert!(host.sysctls.is_empty());
    let classic = HostFacts { cgroup_unified: false, ..many_ids() };
    let launch = planned_on(&classic, &image(), isolated()).unwrap();
    assert!(
        matches!(find(&launch, "/sys/fs/cgroup"), Some(MountOp::FileSystem { fstype, .. }) if fstype == "tmpfs")
    );
}

#[test]
fn mounts_under_an_overlay_and_for_the_containers_user() {
    let over = MountSpec { overlay: true, ..bind("/over") };
    let given = MountSpec { chown: true, read_only: true, ..bind("/given") };
    let launch = planned(ContainerSpec { mounts: vec![bind("/plain"), over, given], ..isolated() });
    let source = |target| match find(&launch, target) {
        Some(MountOp::Bind { source, read_only, .. }) => (source.to_str(), *read_only),
        other => panic!("{other:?}"),
    };
    assert_eq!(source("/over"), (Some("/store/overlays/1"), false));
    // Init makes it read-only when it has its owner.
    assert_eq!(source("/given"), (Some("/src"), false));
    assert_eq!(launch.given, [Given { target: "/given".into(), read_only: true }]);
}

#[test]
fn images_are_mounted_from_where_they_are_served() {
    let kind = MountKind::Image { source: "tools".to_owned(), image: None, subpath: Some("a".into()) };
    let mounts = vec![bind("/plain"), MountSpec::new(kind, "/tools".into(), true)];
    let launch = planned(ContainerSpec { mounts, ..isolated() });
    assert!(launch.mounts.contains(&MountOp::Served {
        source: "/store/overlays/1".into(),
        subpath: Some("a".into()),
        target: "/tools".into(),
        read_only: true,
    }));
}

#[test]
fn volumes_are_mounted_from_where_they_lie() {
    let kind = MountKind::Volume {
        name: "db".to_owned(),
        anonymous: false,
        no_copy: false,
        subpath: Some("a/b".into()),
        labels: BTreeMap::new(),
        options: BTreeMap::new(),
        asked: crate::container::spec::Asked::MountFlag,
    };
    let mounts = vec![MountSpec::new(kind, "/data/../var/db/".into(), true)];
    let launch = planned(ContainerSpec { mounts, ..isolated() });
    assert!(launch.mounts.contains(&MountOp::Volume {
        source: "/store/volumes/db/_data".into(),
        subpath: Some("a/b".into()),
        target: "/var/db".into(),
        read_only: true,
    }));
}

#[test]
fn namespaces_of_a_container_bring_its_file_systems() {
    let other = || NamespaceMode::Container("other".to_owned());
    let launch = planned(ContainerSpec { pid: other(), ipc: other(), ..isolated() });
    assert_eq!(launch.namespaces.pid, NamespaceChoice::Join);
    for (path, expected) in [("/proc", Borrow::Proc), ("/dev/shm", Borrow::SharedMemory)] {
        assert!(matches!(find(&launch, path), Some(MountOp::Borrowed { what, .. }) if *what == expected));
    }
}

#[test]
fn sysctls_only_of_own_namespaces() {
    let with = |network, name: &str| ContainerSpec {
        network,
        sysctls: BTreeMap::from([(name.to_owned(), "1".to_owned())]),
        ..ContainerSpec::default()
    };
    let pairs =
        |launch: Launch| launch.sysctls.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>();
    assert_eq!(
        pairs(planned(isolated())),
        ["net/ipv4/ip_unprivileged_port_start=0", "net/ipv4/ping_group_range=0 65536"]
    );
    let own = planned(with(NetworkMode::None, "net.ipv4.ip_unprivileged_port_start"));
    assert_eq!(pairs(own)[1], "net/ipv4/ip_unprivileged_port_start=1");
    assert_eq!(planned(with(NetworkMode::Host, "kernel.shmmax")).sysctls.len(), 1);
    for (network, name, text) in [
        (
            NetworkMode::Host,
            "net.core.somaxconn",
            "sysctl 'net.core.somaxconn' not allowed in host network namespace",
        ),
        (NetworkMode::None, "kernel.core_pattern", "sysctl 'kernel.core_pattern' is not allowed"),
        (
            NetworkMode::None,
            "net/../kernel/core_pattern",
            "sysctl 'net/../kernel/core_pattern' is not allowed",
        ),
        (NetworkMode::None, "net...kernel", "sysctl 'net...kernel' is not allowed"),
    ] {
        assert_eq!(refused(with(network, name)), text);
    }
}

#[test]
fn limits_are_checked_against_the_session() {
    let with = |name: &str, soft, hard| ContainerSpec {
        ulimits: vec![Ulimit { name: name.to_owned(), soft, hard }],
        ..isolated()
    };
    assert_eq!(
        planned(with("nofile", 10, 1000)).process.rlimits,
        [Rlimit { resource: 7, soft: 10, hard: 1000 }]
    );
    for (name, soft, hard, text) in [
        ("nosuch", 1, 1, "invalid ulimit type: nosuch"),
        ("core", 5, 4, "ulimit soft limit must be less than or equal to hard limit: 5 > 4"),
        (
            "nofile",
            1,
            1001,
            "operation not permitted: nofile=1001 is above the hard limit of this session (1000)",
        ),
        ("memlock", -1, -1, "memlock=unlimited is above"),
    ] {
        let error = refused(with(name, soft, hard));
        assert!(error.contains(text), "{error}");
    }
    assert!(refused(ContainerSpec { oom_score_adj: Some(50), ..isolated() }).contains("session's own 100"));
    assert_eq!(
        planned(ContainerSpec { oom_score_adj: Some(500), ..isolated() }).process.oom_score_adj,
        Some(500)
    );
    assert!(
        refused(ContainerSpec { oom_score_adj: Some(5000), ..isolated() })
            .contains("range for oom score adj")
    );
}

#[test]
fn devices_are_binds_of_the_hosts() {
    let device = DeviceSpec {
        source: PathBuf::from("/dev/fuse"),
        target: PathBuf::from("/dev/fuse2"),
        access: "rwm".to_owned(),
    };
    let launch = planned(ContainerSpec { devices: vec![device], ..isolated() });
    assert!(
        matches!(find(&launch, "/dev/fuse2"), Some(MountOp::Bind { source, .. }) if source == Path::new("/dev/fuse"))
    );
}

#[test]
fn exec_starts_from_the_container_it_enters() {
    let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    let launch = planned(ContainerSpec {
        env: vec![pair("A", "1")],
        user: Some("app".to_owned()),
        workdir: Some(PathBuf::from("/srv")),
        cap_drop: vec!["ALL".to_owned()],
        tty: true,
        ..isolated()
    });
    let host = many_ids();
    let ask = |request| plan_exec(&launch, &host, request);
    let plain = ask(ExecRequest { argv: words("ls -l"), ..ExecRequest::default() }).unwrap();
    assert_eq!((plain.argv, plain.cwd, plain.make_cwd), (words("ls -l"), PathBuf::from("/srv"), false));
    assert_eq!((plain.user.as_str(), plain.capabilities.bounding), ("app", 0));
    assert!(!plain.env.iter().any(|line| line.starts_with("TERM=")) && plain.env.contains(&"A=1".to_owned()));
    let rich = ask(ExecRequest {
        argv: words("sh"),
        env: vec![pair("A", "2"), pair("B", "")],
        workdir: Some(PathBuf::from("tmp")),
        user: Some("0".to_owned()),
        terminal: true,
        privileged: true,
    })
    .unwrap();
    assert_eq!((rich.cwd, rich.user), (PathBuf::from("/tmp"), "0".to_owned()));
    assert_eq!(rich.capabilities.bounding, (1 << 41) - 1);
    for expected in ["TERM=xterm", "A=2", "B="] {
        assert!(rich.env.contains(&expected.to_owned()), "{expected}");
    }
    assert_eq!(ask(ExecRequest::default()).unwrap_err().to_string(), "No exec command specified");
}

#[test]
fn papers_survive_the_way_to_the_stage() {
    let launch = planned(ContainerSpec { mounts: vec![bind("/a")], tty: true, ..isolated() });
    let text = serde_json::to_string(&launch).unwrap();
    assert_eq!(serde_json::from_str::<Launch>(&text).unwrap(), launch);
    assert!(text.len() < 12_000, "{} bytes", text.len());
    let unconfined = ContainerSpec { seccomp: SeccompChoice::Unconfined, ..isolated() };
    let text = serde_json::to_string(&planned(unconfined)).unwrap();
    assert_eq!(serde_json::from_str::<Launch>(&text).unwrap().process.seccomp, None);
    let cut = text.replace("\"seccomp\":null", "\"seccomp\":\"AAAA\"");
    serde_json::from_str::<Launch>(&cut).unwrap_err();
}

#[test]
fn kernel_versions_are_read_from_release_names() {
    for (release, expected) in [("6.1.0-18-amd64", (6, 1)), ("5.14.0", (5, 14)), ("6", (6, 0)), ("x", (0, 0))]
    {
        assert_eq!(kernel_version(release), expected);
    }
}

//! The command line itself: Docker's statuses for what cannot be understood.

use crate::harness::Coracle;

#[test]
fn unknown_commands_are_refused_with_status_1() {
    Coracle::new().fails(1, ["nosuchcommand"]).says("nosuchcommand");
}

#[test]
fn unknown_flags_are_refused_with_status_125_and_the_usage() {
    let c = Coracle::new();
    let output = c.fails(125, ["run", "--nosuchflag", "busybox"]).says("unknown flag: --nosuchflag");
    assert!(output.err().contains("coracle run --help"), "{output}");
    c.fails(125, ["ps", "--nosuchflag"]).says("unknown flag: --nosuchflag");
    c.fails(125, ["images", "--nosuchflag"]);
}

#[test]
fn unknown_short_flags_are_named() {
    Coracle::new().fails(125, ["ps", "-Z"]).says("unknown shorthand flag: 'Z' in -Z");
}

#[test]
fn a_flag_without_its_argument_is_refused_with_status_125() {
    Coracle::new().fails(125, ["run", "--name"]).says("flag needs an argument: --name");
}

#[test]
fn too_few_arguments_are_status_1() {
    let c = Coracle::new();
    c.fails(1, ["run"]).says("requires at least 1 argument");
    c.fails(1, ["rm"]).says("requires at least 1 argument");
    for args in [&["tag"][..], &["tag", "one"]] {
        c.fails(1, args).says("requires 2 arguments").says("Run '");
    }
}

#[test]
fn too_many_arguments_are_status_1() {
    let c = Coracle::new();
    c.fails(1, ["ps", "extra"]).says("accepts no arguments");
    c.fails(1, ["pull", "a", "b"]).says("requires 1 argument");
}

#[test]
fn alone_it_prints_help_on_stderr() {
    let output = Coracle::new().output(Vec::<&str>::new()).success();
    assert!(output.err().contains("run") && output.err().contains("pull"), "{output}");
    assert_eq!(output.text(), "");
}

#[test]
fn help_names_the_flags_of_a_command() {
    let c = Coracle::new();
    let help = c.ok(["run", "--help"]);
    for flag in ["--detach", "--env-file", "--entrypoint", "--cap-add", "--ulimit", "--cidfile"] {
        assert!(help.text().contains(flag), "{flag} is missing in {help}");
    }
    c.ok(["--help"]).says("Usage:");
}

#[test]
fn noun_forms_are_the_same_commands() {
    let c = Coracle::new();
    c.ok(["container", "ls"]).says("CONTAINER ID");
    c.ok(["container", "ps", "-a"]).says("CONTAINER ID");
    c.ok(["image", "ls"]).says("REPOSITORY");
    c.fails(1, ["container", "rm", "nosuch"]).says("No such container: nosuch");
    c.fails(1, ["image", "rm", "nosuch"]).says("No such image: nosuch");
}

#[test]
fn version_and_info_answer_without_an_engine_to_ask() {
    let c = Coracle::new();
    c.ok(["--version"]).says("coracle");
    c.ok(["-v"]).says("coracle");
    c.ok(["version"]).says("Server:").says("Client:");
    assert!(!c.ok(["version", "--format", "{{.Server.Version}}"]).line().is_empty());
    assert_eq!(c.ok(["info", "--format", "{{.OSType}}"]).line(), "linux");
    assert_eq!(c.ok(["info", "--format", "{{.Containers}} {{.Images}}"]).line(), "0 0");
    let info = c.ok(["info"]);
    for part in ["Containers:", "Images:", "Network", "rootless"] {
        assert!(info.text().contains(part), "{part} is missing in {info}");
    }
}

#[test]
fn it_answers_to_the_name_of_docker() {
    let c = Coracle::new();
    let link = c.home().join("docker");
    std::os::unix::fs::symlink(crate::harness::binary(), &link).expect("a link");
    let mut command = std::process::Command::new(&link);
    command.env_clear().env("HOME", c.home()).env("XDG_RUNTIME_DIR", c.runtime()).args(["ps"]);
    crate::harness::command::output(&mut command, None, crate::harness::DEADLINE)
        .success()
        .says("CONTAINER ID");
    let mut command = std::process::Command::new(&link);
    command.env_clear().env("HOME", c.home()).args(["tag", "a", "b", "c"]);
    crate::harness::command::output(&mut command, None, crate::harness::DEADLINE)
        .status_is(1)
        .says("docker: 'docker tag' requires 2 arguments");
}

#[test]
fn a_home_that_cannot_be_written_is_said_plainly() {
    let c = Coracle::new();
    let locked = c.home().join("locked");
    std::fs::create_dir(&locked).expect("a directory");
    crate::harness::set_mode(&locked, 0o500);
    let c = c.with_env("HOME", &locked);
    let output = c.output(["run", "busybox"]);
    assert_ne!(output.status, 0);
    output.says("locked").does_not_say("panicked");
}

#[test]
fn empty_names_are_refused_in_the_words_of_dockers_client() {
    let c = Coracle::new();
    let refused = "invalid container name or ID: value is empty";
    for command in ["start", "stop", "kill", "restart", "pause", "logs", "wait", "top", "port", "commit"] {
        c.fails(1, [command, ""]).says(refused).does_not_say("daemon");
    }
    c.fails(1, ["exec", "", "true"]).says(refused);
    c.fails(1, ["inspect", ""]).says(refused);
    c.fails(1, ["rm", "-f", ""]).says(refused);
    c.fails(1, ["volume", "rm", ""]).says("invalid volume name or ID: value is empty").does_not_say("daemon");
}

#[test]
fn what_the_engine_refuses_is_status_1_of_create_and_125_of_run() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    for (words, why) in [
        (&["--name", "box", "busybox"][..], "Conflict. The container name \"/box\" is already in use"),
        (&["--restart", "foo", "busybox"], "unknown policy 'foo'"),
        (&["-v", ":", "busybox"], "invalid volume specification: ':'"),
        (&["-m", "1m", "busybox"], "Minimum memory limit allowed is 6MB"),
        (&["--pull", "never", "nosuch"], "No such image: nosuch:latest"),
        (&["UPPER"], "invalid reference format: repository name (library/UPPER) must be lowercase"),
    ] {
        let create = c.fails(1, ["create"].iter().chain(words)).says(why).does_not_say("--help");
        assert_ne!(create.err().find(why), None);
        c.fails(125, ["run"].iter().chain(words)).says(why).says("Run 'coracle run --help'");
    }
    for words in [&["--pull", "x", "busybox"][..], &["--rm", "--restart", "always", "busybox"]] {
        c.fails(125, ["create"].iter().chain(words)).says("Run 'coracle create --help'");
    }
    c.fails(1, ["create", "UPPER"]).does_not_say("daemon");
}

#[test]
fn unreadable_values_are_told_as_go_tells_them() {
    let c = Coracle::new();
    for (words, why) in [
        (
            &["run", "--memory", "x", "a"][..],
            "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'",
        ),
        (&["run", "--health-interval", "1", "a"], "flag: time: missing unit in duration \"1\""),
        (&["run", "--cpus", "foo", "a"], "flag: failed to parse foo as a rational number"),
        (&["run", "--device-read-bps", "x", "a"], "flag: bad format: x"),
        (&["run", "--storage-opt", "x", "a"], "coracle: invalid storage option"),
        (&["run", "--platform", "a/b/c/d", "a"], "coracle: error parsing specified platform: \"a/b/c/d\""),
        (&["update", "--pids-limit", "x", "a"], "strconv.ParseInt: parsing \"x\": invalid syntax"),
    ] {
        c.fails(125, words).says(why);
    }
    c.fails(1, ["ps", "--format", "{{.Foo}}"]).says("failed to execute template: template: :1:2: executing");
    c.ok(["ps", "--format", "{{json .}} {{.Label \"a\"}} {{slice .ID 0 3}}"]);
    c.fails(1, ["tag", "a", "B"]).says("error parsing reference: \"B\"").does_not_say("daemon");
    c.fails(1, ["save", "-o", "/nonexistent/x", "a"]).says("failed to save image: invalid output path");
    let link = c.home().join("docker");
    std::os::unix::fs::symlink(crate::harness::binary(), &link).expect("a link");
    crate::harness::command::output(
        std::process::Command::new(&link).arg("cp"),
        None,
        crate::harness::DEADLINE,
    )
    .status_is(1)
    .says("\tdocker cp [OPTIONS] SRC_PATH|-");
}

#[test]
fn a_volume_may_be_named_in_dockers_former_way() {
    let c = Coracle::new();
    assert_eq!(c.ok(["volume", "create", "--name", "data"]).line(), "data");
    c.fails(1, ["volume", "create", "--name", "a", "b"]).says("conflicting options");
}

#[test]
fn what_is_not_text_is_refused_unless_it_is_a_path() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let c = Coracle::busybox();
    let odd = OsStr::from_bytes(b"\xff");
    let run = OsStr::new("run");
    for (words, why) in [
        (
            vec![run, OsStr::new("--name"), odd, OsStr::new("busybox")],
            "for \"--name\" flag: it is not valid UTF-8",
        ),
        (
            vec![run, OsStr::new("busybox"), OsStr::new("echo"), odd],
            "invalid argument \"\u{fffd}\": it is not valid",
        ),
        (vec![OsStr::new("rm"), odd], "it is not valid UTF-8"),
    ] {
        c.fails(125, words).says(why).says("Usage:  coracle");
    }
    let mut cidfile = c.home().join("cid").into_os_string();
    cidfile.push(odd);
    c.ok([OsStr::new("create"), OsStr::new("--cidfile"), cidfile.as_ref(), OsStr::new("busybox")]);
    assert!(std::path::Path::new(&cidfile).exists());
}

#[test]
fn names_longer_than_a_file_may_have_are_refused_without_a_path() {
    let c = Coracle::busybox();
    let name = "a".repeat(300);
    c.fails(1, ["create", "--name", &name, "busybox"])
        .says("Invalid container name")
        .does_not_say("os error");
    c.ok(["create", "--name", &name[..255], "busybox"]);
}

#[test]
fn ambiguous_ids_are_nobodys() {
    let c = Coracle::busybox();
    let mut seen = std::collections::HashSet::new();
    let prefix = loop {
        let id = c.ok(["create", "busybox"]).line();
        if !seen.insert(id[..1].to_owned()) {
            break id[..1].to_owned();
        }
    };
    for command in ["start", "rm", "stop", "logs"] {
        let why = format!("multiple IDs found with provided prefix: {prefix}");
        c.fails(1, [command, &prefix]).says(&why);
    }
}

#[test]
fn what_only_clusters_have_is_refused_with_the_reason() {
    let c = Coracle::new();
    c.fails(1, ["volume", "update", "x"]).says("only volumes of a cluster");
    c.fails(1, ["volume", "ls", "--cluster"]).says("swarms");
    for flag in ["--group=x", "--scope=multi", "--limit-bytes=1g", "--secret=a=b", "--topology-required=x=y"]
    {
        c.fails(1, ["volume", "create", flag, "x"]).says("swarms");
    }
    c.ok(["volume", "create", "--scope=single", "--type", "block", "--availability", "active", "xy"]);
    c.fails(125, ["volume", "create", "--limit-bytes", "x"]).says("invalid size: 'x'");
    c.fails(125, ["run", "--isolation", "hyperv", "a"]).says("linux only supports 'default'");
}

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
    c.fails(1, ["tag", "one"]).says("requires 2 arguments");
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

//! `--log-driver` and `--log-opt`: what is kept, where, for how long, and what is said about it.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Coracle, ImageBuilder, Output, eventually};

/// Both drivers that keep files.
const DRIVERS: [&str; 2] = ["json-file", "local"];

/// Names of the log's files, sorted.
fn files(c: &Coracle, id: &str) -> Vec<String> {
    let directory = c.root().join("containers").join(id);
    let names = std::fs::read_dir(directory).expect("the container's directory").flatten();
    let names = names.map(|entry| entry.file_name().into_string().expect("a name of ours"));
    let mut names: Vec<String> = names.filter(|name| name.starts_with("container.log")).collect();
    names.sort();
    names
}

fn log_file(c: &Coracle, id: &str) -> PathBuf {
    c.root().join("containers").join(id).join("container.log")
}

/// A container that has ended.
fn ended(c: &Coracle, flags: &[&str], script: &str) -> String {
    let id = c.detached(flags, script);
    c.ok(["wait", &id]);
    id
}

fn numbers(output: &Output) -> Vec<u32> {
    output.lines().iter().map(|line| line.parse().expect("a number")).collect()
}

#[test]
fn every_driver_keeps_both_streams_long_lines_and_the_last_word() {
    let c = Coracle::busybox();
    for driver in DRIVERS {
        let script = "echo out; echo err >&2; head -c 100000 /dev/zero | tr '\\0' x; echo; printf unfinished";
        let id = ended(&c, &["--log-driver", driver], script);
        let output = c.ok(["logs", &id]);
        assert_eq!(output.err(), "err\n", "{driver}");
        assert_eq!(output.text().len(), 4 + 100_001 + 10, "{driver}");
        assert!(
            output.text().starts_with("out\nxxx") && output.text().ends_with("x\nunfinished"),
            "{driver}"
        );
        assert_eq!(c.inspect(&id, "{{.HostConfig.LogConfig.Type}}"), driver);
        // Parts of a long line are one line with one time.
        assert_eq!(c.ok(["logs", "-t", &id]).lines().len(), 3, "{driver}");
    }
    let local = ended(&c, &["--log-driver", "local"], "echo x");
    assert_eq!(c.inspect(&local, "{{json .LogPath}}"), "\"\"");
    assert!(std::fs::read(log_file(&c, &local)).expect("the log").starts_with(b"CLG1"));
}

#[test]
fn files_are_rotated_and_compressed() {
    let c = Coracle::busybox();
    for driver in DRIVERS {
        let flags = [
            "--log-driver",
            driver,
            "--log-opt",
            "max-size=20k",
            "--log-opt",
            "max-file=3",
            "--log-opt",
            "compress=true",
        ];
        let id = ended(
            &c,
            &flags,
            "i=0; while [ $i -lt 100 ]; do seq 1 100; i=$((i+1)); sleep 0.002; done; seq 1000 1050",
        );
        assert!(files(&c, &id).contains(&"container.log.2.gz".to_owned()), "{driver}: {:?}", files(&c, &id));
        assert_eq!(files(&c, &id).len(), 3, "{driver}");
        let everything = c.ok(["logs", &id]);
        let all = numbers(&everything);
        assert_eq!(all.last(), Some(&1050), "{driver}");
        // Nothing is missing in between.
        for pair in all.windows(2).filter(|pair| pair[1] != 1000) {
            assert!(pair[1] == pair[0] + 1 || pair == [100, 1], "{driver}: {pair:?}");
        }
        let tail = c.ok(["logs", "-n", "600", &id]);
        assert_eq!(numbers(&tail), all[all.len() - 600..], "{driver}");
        // After a restart it goes on where it was.
        c.ok(["start", "-a", &id]);
        assert_eq!(files(&c, &id).len(), 3, "{driver}");
    }
}

#[test]
fn the_local_driver_rotates_and_compresses_by_itself() {
    let c = Coracle::busybox();
    let id = ended(
        &c,
        &["--log-driver", "local"],
        "yes 'some forty characters of text, more or less' | head -c 25000000",
    );
    assert!(
        files(&c, &id).iter().any(|name| name.ends_with(".1") || name.ends_with(".gz")),
        "{:?}",
        files(&c, &id)
    );
    assert_eq!(c.ok(["logs", &id]).stdout.len(), 25_000_000);
    let plain = std::fs::metadata(log_file(&c, &id)).expect("the log").len();
    assert!(plain <= 20 * 1024 * 1024 + 100_000, "{plain}");
    // Of json-file there is one, however long.
    let id = ended(&c, &[], "yes | head -c 1000000");
    assert_eq!(files(&c, &id), ["container.log"]);
}

#[test]
fn following_survives_rotations() {
    let c = Coracle::busybox();
    for driver in DRIVERS {
        let compress = if driver == "local" { "compress=true" } else { "compress=false" };
        let flags = [
            "-i",
            "--log-driver",
            driver,
            "--log-opt",
            "max-size=4k",
            "--log-opt",
            "max-file=50",
            "--log-opt",
            compress,
        ];
        let id = c.detached(&flags, "echo 0; read x; seq 1 1999; sleep 0.1; seq 2000 4000");
        let mut follow = c.spawn(["logs", "-f", &id]);
        assert_eq!(follow.line(), "0");
        c.given(b"go\n", ["attach", &id]).success();
        for n in 1..=4000 {
            assert_eq!(follow.line(), n.to_string(), "{driver}");
        }
        assert_eq!(follow.wait(), 0, "{driver}");
        assert!(files(&c, &id).len() > 5, "{driver}: {:?}", files(&c, &id));
    }
}

#[test]
fn attributes_are_stored_and_shown_with_details() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox()
        .config("Labels", serde_json::json!({ "com.x": "of image", "other": "1" }))
        .config("Env", serde_json::json!(["PATH=/bin", "LEVEL=image"]));
    c.load(&image.docker_archive(&["busybox:latest"]));
    for driver in DRIVERS {
        let flags = [
            "--log-driver",
            driver,
            "--name",
            driver,
            "-l",
            "com.y=a b",
            "-e",
            "LEVEL=high",
            "-e",
            "MODE=x",
            "--log-opt",
            "labels-regex=^com\\.",
            "--log-opt",
            "env=LEVEL,NOSUCH",
            "--log-opt",
            "env-regex=^MO",
            "--log-opt",
            "tag={{.Name}}/{{.ID}}/{{.ImageName}}",
        ];
        let id = ended(&c, &flags, "echo out; echo err >&2");
        let short = &id[..12];
        let want = format!("LEVEL=high,MODE=x,com.x=of+image,com.y=a+b,tag={driver}%2F{short}%2Fbusybox");
        let output = c.ok(["logs", "--details", &id]);
        assert_eq!(
            (output.line(), output.err()),
            (format!("{want} out"), format!("{want} err\n")),
            "{driver}"
        );
        let timed = c.ok(["logs", "-t", "--details", &id]).line();
        assert!(timed.ends_with(&format!("Z {want} out")), "{timed}");
        assert_eq!(c.ok(["logs", &id]).line(), "out");
    }
    let line = std::fs::read_to_string(log_file(&c, &c.inspect("json-file", "{{.Id}}"))).expect("the log");
    assert!(
        line.starts_with(r#"{"log":"out\n","stream":"stdout","attrs":{"LEVEL":"high","MODE":"x","com.x":"#),
        "{line}"
    );
    // Without any there is an empty place, as with Docker.
    let id = ended(&c, &[], "echo out");
    assert_eq!(c.ok(["logs", "--details", &id]).text(), " out\n");
}

#[test]
fn a_container_that_need_not_wait_loses_nothing_that_fits() {
    let c = Coracle::busybox();
    for driver in DRIVERS {
        let flags =
            ["--log-driver", driver, "--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=64m"];
        let id = ended(&c, &flags, "seq 1 50000; printf end");
        let output = c.ok(["logs", &id]);
        assert_eq!(output.lines().len(), 50_001, "{driver}");
        assert_eq!(output.lines().last(), Some(&"end"), "{driver}");
    }
}

#[test]
fn what_a_driver_does_not_know_is_refused_in_dockers_words() {
    let c = Coracle::busybox();
    let refused = |flags: &[&str], text: &str| {
        let args = ["run", "--rm"].into_iter().chain(flags.iter().copied()).chain(["busybox", "true"]);
        c.fails(125, args).says(text);
    };
    refused(&["--log-driver", "nosuch"], "logger: no log driver named 'nosuch' is registered");
    refused(&["--log-driver", "syslog"], "the log driver syslog is not there yet");
    refused(&["--log-opt", "foo=1"], "unknown log opt 'foo' for json-file log driver");
    refused(&["--log-driver", "local", "--log-opt", "foo=1"], "unknown log opt 'foo' for log driver local");
    refused(&["--log-driver", "none", "--log-opt", "max-size=1m"], "invalid logging opts for driver none");
    refused(&["--log-opt", "mode=sideways"], "logger: logging mode not supported: sideways");
    refused(&["--log-opt", "max-buffer-size=1m"], "only supported with 'mode=non-blocking'");
    refused(&["--log-opt", "compress=true"], "compress cannot be true when max-file is less than 2");
    refused(
        &["--log-driver", "local", "--log-opt", "max-file=1"],
        "compression cannot be enabled when max file count is 1",
    );
    refused(&["--log-opt", "tag={{.Nosuch}}"], "no {{.Nosuch}} there");
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
    assert_eq!(
        c.ok(["info", "--format", "{{.LoggingDriver}} {{.Plugins.Log}}"]).line(),
        "json-file [json-file local none]"
    );
}

#[test]
fn logs_of_several_containers_are_told_apart() {
    let c = Coracle::busybox();
    let first = ended(&c, &["--name", "first"], "echo a; echo b");
    ended(&c, &["--name", "second"], "echo c; echo d >&2");
    let output = c.ok(["logs", "--names", "first", "second"]);
    assert_eq!((output.text(), output.err().as_str()), ("first a\nfirst b\nsecond c\n", "second d\n"));
    let short = &first[..12];
    assert_eq!(c.ok(["logs", "first", "second"]).lines()[0], format!("{short} a"));
    assert_eq!(c.ok(["logs", "--names", "-n", "1", "first"]).line(), "first b");
    assert_eq!(c.ok(["logs", "-l"]).line(), "c");
    let colours = c.ok(["logs", "--color", "--names", "first", "second"]);
    assert_eq!(colours.lines()[0], "\u{1b}[32mfirst a\u{1b}[0m");
    assert_eq!(colours.lines()[2], "\u{1b}[33msecond c\u{1b}[0m");
    c.fails(1, ["logs", "first", "nosuch"]).says("No such container: nosuch");
    c.fails(125, ["logs", "-l", "first"]).says("cannot be used together");
    c.detached(&["--name", "none", "--log-driver", "none"], "exec sleep 600");
    c.fails(1, ["logs", "first", "none"]).says("configured logging driver does not support reading");
}

#[test]
fn several_containers_are_followed_at_once() {
    let c = Coracle::busybox();
    for name in ["aa", "bb"] {
        c.detached(&["-i", "--name", name], "read x; echo got $x");
    }
    let mut follow = c.spawn(["logs", "-f", "--names", "aa", "bb"]);
    c.given(b"one\n", ["attach", "bb"]).success();
    assert_eq!(follow.line(), "bb got one");
    assert!(follow.is_running());
    c.given(b"two\n", ["attach", "aa"]).success();
    assert_eq!(follow.line(), "aa got two");
    assert_eq!(follow.wait(), 0);
}

#[test]
fn reading_a_long_log_takes_little_memory_and_ends_with_its_reader() {
    let c = Coracle::busybox();
    let id = ended(&c, &[], "yes 'some forty characters of text, more or less' | head -c 8000000");
    // Address space: the program itself takes most of it.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 400000; exec \"$0\" logs \"$1\" | wc -c"]);
    command.arg(crate::harness::binary()).arg(&id).env_clear();
    command.env("HOME", c.home()).env("XDG_RUNTIME_DIR", c.runtime()).env("PATH", "/usr/bin:/bin");
    let output = crate::harness::command::output(&mut command, None, crate::harness::DEADLINE).success();
    assert_eq!(output.line().trim(), "8000000");
    command = Command::new("sh");
    command.args(["-c", "\"$0\" logs \"$1\" | head -n 1"]).arg(crate::harness::binary()).arg(&id).env_clear();
    command.env("HOME", c.home()).env("XDG_RUNTIME_DIR", c.runtime()).env("PATH", "/usr/bin:/bin");
    let output = crate::harness::command::output(&mut command, None, crate::harness::DEADLINE).success();
    assert_eq!(output.line(), "some forty characters of text, more or less");
    // A log that somebody cuts to nothing goes on.
    let id = c.detached(&["-i"], "echo before; read x; echo after");
    let follow = c.spawn(["logs", "-f", &id]);
    assert_eq!(follow.line(), "before");
    let file = std::fs::File::options().write(true).open(log_file(&c, &id)).expect("the log");
    file.set_len(0).expect("cut");
    c.given(b"go\n", ["attach", &id]).success();
    assert_eq!(follow.line(), "after");
    eventually("the log", || c.ok(["logs", &id]).text() == "after\n");
}

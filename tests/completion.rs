//! Completion: what the scripts of the shells offer, and what coracle tells them.

use std::process::Command;
use std::time::Duration;

use crate::harness::{Coracle, binary, command};
use crate::need;

/// A shell in the home of the test that finds coracle by its name.
fn shell(c: &Coracle, program: &str, arguments: &[&str]) -> Vec<String> {
    let ours = c.command(["version"]);
    let mut shell = Command::new(program);
    shell.env_clear().current_dir(c.home()).args(arguments);
    shell.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let directory = binary().parent().expect("a path").to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", directory.display()));
    let output = command::output(&mut shell, None, Duration::from_secs(60)).success();
    assert_eq!(output.err(), "", "{program}");
    output.lines().into_iter().map(str::to_owned).collect()
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// What bash offers at the end of the line, cut into words as readline does.
fn bash(c: &Coracle, line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in line.split(' ') {
        words.push(String::new());
        for letter in part.chars() {
            let last = words.last_mut().expect("there is one");
            let is_break = |letter| matches!(letter, '=' | ':');
            if !last.is_empty() && is_break(letter) != last.chars().all(is_break) {
                words.push(String::new());
            }
            words.last_mut().expect("there is one").push(letter);
        }
    }
    let script = format!(
        "source <(coracle completion bash); complete -p coracle >/dev/null || exit 1; COMP_WORDS=({}); COMP_CWORD={}; \
         COMP_LINE={}; COMP_POINT=${{#COMP_LINE}}; _coracle coracle; \
         ((${{#COMPREPLY[@]}})) && printf '%s\\n' \"${{COMPREPLY[@]}}\"; true",
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        words.len() - 1,
        quoted(line)
    );
    shell(c, "bash", &["--norc", "-c", &script])
}

fn fish(c: &Coracle, line: &str) -> Vec<String> {
    let script = format!("coracle completion fish | source; complete -C {}", quoted(line));
    let lines = shell(c, "fish", &["--no-config", "-c", &script]);
    lines.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

/// The builtins of zsh that put candidates in only work while somebody types: here they print.
fn zsh(c: &Coracle, words: &[&str]) -> Vec<String> {
    let script = format!(
        "compdef() {{ : }}; compset() {{ : }}; _files() {{ print -- FILES $* }}
         compadd() {{ print -l -- ${{(P)@[-1]}} }}
         source <(coracle completion zsh)
         words=({}) CURRENT={}; _coracle",
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        words.len()
    );
    shell(c, "zsh", &["-f", "-c", &script])
}

/// One container of each kind, an image, a volume, a secret.
fn furnished() -> Coracle {
    let c = Coracle::busybox();
    c.detached(&["--name", "runs"], "sleep 120");
    c.detached(&["--name", "rests"], "sleep 120");
    c.ok(["pause", "rests"]);
    c.ok(["create", "--name", "new", "busybox"]);
    c.ok(["volume", "create", "vol"]);
    c.given(b"x", ["secret", "create", "sec", "-"]).success();
    c.file("somefile", "");
    c
}

#[test]
fn names_are_offered_where_they_are_of_use() {
    let c = furnished();
    let asked = |words: &[&str]| {
        let answer = c.ok(["__complete"].iter().chain(words).copied());
        let words = answer.lines().into_iter().map(|line| line.split('\t').next().unwrap_or_default());
        let mut words: Vec<String> = words.map(str::to_owned).collect();
        words.sort();
        words.join(" ")
    };
    for (words, want) in [
        (&["stop", ""][..], ": rests runs"),
        (&["stop", "runs", ""], ": rests"),
        (&["container", "kill", "ru"], ": runs"),
        (&["exec", ""], ": runs"),
        (&["exec", "-it", ""], ": runs"),
        (&["exec", "runs", ""], ":files"),
        (&["pause", ""], ": runs"),
        (&["unpause", ""], ": rests"),
        (&["start", ""], ": new"),
        (&["logs", ""], ": new rests runs"),
        (&["rm", "-f", "n"], ": new"),
        (&["run", "busy"], ": busybox:latest"),
        (&["rmi", ""], ": busybox:latest"),
        (&["run", "--volumes-from", "n"], ": new"),
        (&["run", "-v", ""], ":files vol:"),
        (&["run", "--secret", ""], ": sec"),
        (&["run", "--pid=container:r"], "--pid=container:rests --pid=container:runs :"),
        (&["volume", "rm", ""], ": vol"),
        (&["secret", "inspect", ""], ": sec"),
        (&["secret", "create", ""], ":"),
        (&["inspect", ""], ": busybox:latest new rests runs sec vol"),
        (&["cp", "n"], ":files new:"),
        (&["ps", "-f", "name=n"], ": name=new"),
        (&["ps", "--filter", "ancestor="], ": ancestor=busybox:latest"),
    ] {
        assert_eq!(asked(words), want, "{words:?}");
    }
    let described = c.ok(["__complete", "stop", "ru"]);
    assert_eq!(described.text(), "runs\tbusybox, running\n:\n");
}

#[test]
fn looking_leaves_no_file() {
    let c = Coracle::new();
    assert_eq!(c.ok(["__complete", "stop", ""]).text(), ":\n");
    assert_eq!(c.ok(["__complete", "run", ""]).text(), ":\n");
    assert!(c.store_files().is_empty());
}

#[test]
fn bash_completes() {
    need!("bash");
    let c = furnished();
    for (line, want) in [
        ("coracle at", &["attach"][..]),
        ("coracle stop ru", &["runs"]),
        ("coracle start ", &["new"]),
        ("coracle run --pul", &["--pull"]),
        // What stands before the last = or : is not put in again.
        ("coracle run --pull=ne", &["never", "newer"]),
        ("coracle run --pull=", &["always", "missing", "never", "newer"]),
        ("coracle run busybox:la", &["latest"]),
        ("coracle ps -f status=runn", &["running"]),
        ("coracle run --env-file somef", &["somefile"]),
        ("coracle run --env-file=somef", &["somefile"]),
        ("coracle cp somef", &["somefile"]),
        ("coracle cp ne", &["new:"]),
        ("coracle nosuch ", &[]),
        ("coracle volume rm ", &["vol"]),
    ] {
        assert_eq!(bash(&c, line), want, "{line}");
    }
    assert!(bash(&c, "coracle ").contains(&"run".to_owned()));
}

#[test]
fn fish_completes() {
    need!("fish");
    let c = furnished();
    for (line, want) in [
        ("coracle at", &["attach"][..]),
        ("coracle stop ru", &["runs"]),
        ("coracle start ", &["new"]),
        ("coracle run --pull=ne", &["--pull=never", "--pull=newer"]),
        ("coracle run busybox:la", &["busybox:latest"]),
        ("coracle run --env-file somef", &["somefile"]),
        ("coracle cp ne", &["new:"]),
        ("coracle nosuch ", &[]),
    ] {
        assert_eq!(fish(&c, line), want, "{line}");
    }
}

#[test]
fn zsh_completes() {
    need!("zsh");
    let c = furnished();
    let script = c.ok(["completion", "zsh"]);
    let path = c.file("_coracle", script.text());
    shell(&c, "zsh", &["-n", path.to_str().expect("a path of ours")]);
    for (words, want) in [
        (&["coracle", "at"][..], &["attach"][..]),
        (&["coracle", "stop", "ru"], &["runs"]),
        (&["coracle", "run", "--pull=ne"], &["--pull=never", "--pull=newer"]),
        (&["coracle", "cp", "ne"], &["new:", "FILES"]),
        (&["coracle", "--config", ""], &["FILES -/"]),
        (&["coracle", "nosuch", ""], &[]),
    ] {
        assert_eq!(zsh(&c, words), want, "{words:?}");
    }
}

#[test]
fn a_program_by_another_name_has_scripts_for_that_name() {
    need!("bash");
    let c = Coracle::new();
    let link = c.home().join("docker");
    std::os::unix::fs::symlink(binary(), &link).expect("a link in the home of the test");
    let mut command = Command::new(&link);
    command.args(["completion", "bash"]);
    let script = command::output(&mut command, None, Duration::from_secs(60)).success();
    assert!(script.text().contains("complete -F _docker docker") && !script.text().contains("coracle"));
    c.fails(1, ["completion", "nosuch"]).says("unknown command: coracle completion nosuch");
}

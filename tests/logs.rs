//! `logs`: what was written, when, and following it.

use crate::harness::{Coracle, eventually};

#[test]
fn both_streams_are_kept_apart() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "echo out; echo err >&2; printf unfinished");
    c.ok(["wait", &id]);
    let output = c.ok(["logs", &id]);
    assert_eq!((output.text(), output.err().as_str()), ("out\nunfinished", "err\n"));
}

#[test]
fn a_foreground_containers_output_is_kept_too() {
    let c = Coracle::busybox();
    c.ok(["run", "--name", "box", "busybox", "echo", "seen"]);
    assert_eq!(c.ok(["logs", "box"]).line(), "seen");
}

#[test]
fn tail_takes_the_last_lines() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "seq 1 1000");
    c.ok(["wait", &id]);
    assert_eq!(c.ok(["logs", "--tail", "2", &id]).lines(), ["999", "1000"]);
    assert_eq!(c.ok(["logs", "-n", "0", &id]).text(), "");
    assert_eq!(c.ok(["logs", "-n", "all", &id]).lines().len(), 1000);
    assert_eq!(c.ok(["logs", "-n", "5000", &id]).lines().len(), 1000);
}

#[test]
fn timestamps_are_rfc_3339_with_nanoseconds() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "echo x");
    c.ok(["wait", &id]);
    let line = c.ok(["logs", "-t", &id]).line();
    let (time, text) = line.split_once(' ').expect("a time and the text");
    assert_eq!(text, "x");
    assert!(time.len() == 30 && time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
}

#[test]
fn since_and_until_cut_by_time() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "echo early; sleep 1.2; echo late");
    c.ok(["wait", &id]);
    let stamps = c.ok(["logs", "-t", &id]);
    let late = stamps.lines()[1].split(' ').next().expect("a time").to_owned();
    assert_eq!(c.ok(["logs", "--since", &late, &id]).line(), "late");
    let between: jiff::Timestamp = late.parse().expect("a time");
    let between = between - jiff::SignedDuration::from_millis(600);
    assert_eq!(c.ok(["logs", "--until", &between.to_string(), &id]).line(), "early");
    assert_eq!(c.ok(["logs", "--since", "1h", &id]).lines().len(), 2);
    assert_eq!(c.ok(["logs", "--until", "1h", &id]).text(), "");
    let epoch = format!("{}.{:09}", between.as_second(), between.subsec_nanosecond());
    assert_eq!(c.ok(["logs", "--since", &epoch, &id]).line(), "late");
    c.fails(1, ["logs", "--since", "nonsense", &id]).says("nonsense");
}

#[test]
fn follow_shows_lines_as_they_come_and_ends_with_the_container() {
    let c = Coracle::busybox();
    let id = c.detached(&["-i"], "echo first; read x; echo second; exit 5");
    let mut follow = c.spawn(["logs", "-f", &id]);
    assert_eq!(follow.line(), "first");
    assert!(follow.is_running());
    c.given(b"go\n", ["attach", &id]).status_is(5);
    assert_eq!(follow.line(), "second");
    assert_eq!(follow.wait(), 0);
}

#[test]
fn follow_of_an_ended_container_returns() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "echo x");
    c.ok(["wait", &id]);
    assert_eq!(c.ok(["logs", "-f", &id]).line(), "x");
}

#[test]
fn following_with_tail_starts_at_the_end() {
    let c = Coracle::busybox();
    let id = c.detached(&["-i"], "seq 1 100; read x; echo new");
    c.wait_for_log(&id, "100");
    let follow = c.spawn(["logs", "-f", "-n", "1", &id]);
    assert_eq!(follow.line(), "100");
    c.given(b"go\n", ["attach", &id]).success();
    assert_eq!(follow.line(), "new");
}

#[test]
fn long_lines_and_any_bytes_survive() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "head -c 100000 /dev/zero | tr '\\0' x; echo; printf 'a\\377\\001\\tb\\n'");
    c.ok(["wait", &id]);
    let output = c.ok(["logs", &id]);
    // The byte that is no UTF-8 is kept, or replaced as Docker's json-file does.
    assert!(matches!(output.stdout.len(), 100_007 | 100_009), "{}", output.stdout.len());
    assert!(output.stdout.starts_with(&[b'x'; 1000]));
    assert!(output.stdout.ends_with(b"\x01\tb\n"));
}

#[test]
fn logs_go_on_over_restarts() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "echo", "x"]);
    c.ok(["start", "-a", "box"]);
    c.ok(["start", "-a", "box"]);
    assert_eq!(c.ok(["logs", "box"]).lines(), ["x", "x"]);
}

#[test]
fn the_none_driver_keeps_nothing() {
    let c = Coracle::busybox();
    let id = c.detached(&["--log-driver", "none"], "echo x; exec sleep 600");
    c.fails(1, ["logs", &id]).says("configured logging driver does not support reading");
    c.fails(125, ["run", "--log-driver", "nosuch", "busybox", "true"]).says("nosuch");
}

#[test]
fn unknown_containers_have_no_logs() {
    Coracle::new().fails(1, ["logs", "nosuch"]).says("No such container: nosuch");
}

#[test]
fn a_burst_is_all_there_when_the_container_has_ended() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "seq 1 100000");
    c.ok(["wait", &id]);
    eventually("all lines", || c.ok(["logs", &id]).lines().len() == 100_000);
    let output = c.ok(["logs", "-n", "1", &id]);
    assert_eq!(output.line(), "100000");
}

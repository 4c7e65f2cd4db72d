//! `stats`: what containers use, in Docker's table.

use crate::harness::Coracle;
use crate::harness::terminal::Terminal;
use serde_json::Value;

fn once(c: &Coracle, container: &str) -> Value {
    let line = c.ok(["stats", "--no-stream", "--format", "json", container]).line();
    serde_json::from_str(&line).expect("one object")
}

fn text<'a>(stats: &'a Value, field: &str) -> &'a str {
    stats[field].as_str().unwrap_or_else(|| panic!("{field} of {stats}"))
}

fn percent(stats: &Value, field: &str) -> f64 {
    text(stats, field).strip_suffix('%').expect("a percent sign").parse().expect("a number")
}

#[test]
fn the_table_is_dockers() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box", "--network", "none"], "sleep 600 & exec sleep 600");
    c.ok(["create", "--name", "still", "busybox"]);
    let output = c.ok(["stats", "--no-stream"]);
    let lines = output.lines();
    let titles: Vec<&str> = lines[0].split("   ").map(str::trim).filter(|title| !title.is_empty()).collect();
    let want =
        ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"];
    assert_eq!(titles, want);
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with(&format!("{}   box       0.", &id[..12])), "{output}");
    let output =
        c.ok(["stats", "-a", "--no-stream", "--no-trunc", "--format", "{{.ID}} {{.PIDs}} {{.NetIO}}"]);
    let still = c.inspect("still", "{{.Id}}");
    assert_eq!(output.lines(), [format!("{still} 0 0B / 0B"), format!("{id} 2 0B / 0B")]);
    let stats = once(&c, "still");
    assert_eq!(text(&stats, "MemUsage"), "0B / 0B");
    assert_eq!((text(&stats, "CPUPerc"), text(&stats, "MemPerc")), ("0.00%", "0.00%"));
}

#[test]
fn processors_and_memory_are_measured() {
    let c = Coracle::busybox();
    c.detached(&["--name", "busy"], "while :; do :; done");
    c.detached(&["--name", "big"], "x=$(head -c 30000000 /dev/zero | tr '\\0' x); echo full; sleep 600; :");
    c.wait_for_log("big", "full");
    let (busy, big) = (once(&c, "busy"), once(&c, "big"));
    // Others may want the processors as well.
    assert!(percent(&busy, "CPUPerc") > 5.0 && percent(&busy, "CPUPerc") < 150.0, "{busy}");
    assert!(percent(&big, "CPUPerc") < percent(&busy, "CPUPerc"), "{big}");
    assert!(percent(&big, "MemPerc") > percent(&busy, "MemPerc"), "{big} {busy}");
    let (used, limit) = text(&big, "MemUsage").split_once(" / ").unwrap();
    let megabytes: f64 = used.strip_suffix("MiB").expect("some MiB").parse().unwrap();
    assert!((28.0..200.0).contains(&megabytes), "{used}");
    assert!(limit.ends_with("GiB") || limit.ends_with("MiB"), "{limit}");
    assert_eq!(text(&big, "Container"), "big");
    assert_eq!(text(&big, "Name"), "big");
    assert!(text(&big, "BlockIO").contains(" / "), "{big}");
}

#[test]
fn the_stream_shows_what_comes_and_ends_with_the_last_that_was_asked_for() {
    let c = Coracle::busybox();
    c.detached(&["--name", "first"], "exec sleep 600");
    let all = c.spawn(["stats", "--format", "{{.Name}}"]);
    all.line_with("first");
    c.detached(&["--name", "second"], "exec sleep 600");
    all.line_with("second");
    let mut asked = c.spawn(["stats", "--format", "{{.Name}} {{.PIDs}}", "first", "second"]);
    asked.line_with("second 1");
    c.ok(["rm", "-f", "first"]);
    c.ok(["stop", "-t", "0", "second"]);
    asked.line_with("second 0");
    assert!(asked.is_running());
    c.ok(["rm", "second"]);
    assert_eq!(asked.wait(), 0);
}

#[test]
fn a_terminal_shows_one_table() {
    let c = Coracle::busybox();
    c.detached(&["--name", "box"], "exec sleep 600");
    let mut terminal = Terminal::start(&mut c.command(["stats"]));
    for _ in 0..2 {
        terminal.expect("\x1b[HCONTAINER ID   NAME");
        terminal.expect("box");
        terminal.expect("\x1b[K\r\n\x1b[J");
    }
}

#[test]
fn wrong_input_is_told() {
    let c = Coracle::busybox();
    c.fails(1, ["stats", "nosuch"]).says("No such container: nosuch");
    // Nothing runs: only the headings.
    assert_eq!(c.ok(["stats", "--no-stream"]).lines().len(), 1);
    // One that ends meanwhile is no failure.
    let id = c.detached(&[], "exec sleep 600");
    c.fails(1, ["stats", "--no-stream", "--format", "{{.Nonsense}}"]).says("template");
    let mut stats = c.spawn(["stats", "--no-stream", "--format", "{{.PIDs}}", &id]);
    c.ok(["rm", "-f", &id]);
    assert_eq!(stats.wait(), 0);
}

use super::*;
use crate::logs::{Entry, Query, Stream};
use std::cell::Cell;
use std::fs;

fn options() -> Options {
    Options::parse(&BTreeMap::new()).unwrap()
}

fn all(path: &Path, query: Query) -> Vec<Entry> {
    let mut entries = Vec::new();
    read(path, &query, &|| false, &mut |e| {
        entries.push(e.clone());
        Ok(())
    })
    .unwrap();
    entries
}

fn texts(path: &Path, query: Query) -> Vec<String> {
    all(path, query).into_iter().map(|e| String::from_utf8(e.text).unwrap()).collect()
}

#[test]
fn lines_come_back_as_they_went_in_and_the_file_is_dockers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut writer = Writer::open(&path, options(), &[]).unwrap();
    writer.write(Stream::Stdout, b"one\ntw").unwrap();
    writer.write(Stream::Stderr, b"err\n").unwrap();
    writer.write(Stream::Stdout, b"o\n\"q\"\\\t<&>\x01\xe2\x80\xa8\x7f\n").unwrap();
    writer.write(Stream::Stdout, "no end \u{fc}".as_bytes()).unwrap();
    writer.finish(Stream::Stdout).unwrap();
    writer.finish(Stream::Stderr).unwrap();
    let got = texts(&path, Query::default());
    assert_eq!(got, ["one\n", "err\n", "two\n", "\"q\"\\\t<&>\x01\u{2028}\x7f\n", "no end \u{fc}"]);
    assert_eq!(all(&path, Query::default())[1].stream, Stream::Stderr);
    let raw = fs::read_to_string(&path).unwrap();
    let second = raw.lines().next().unwrap();
    assert!(second.starts_with(r#"{"log":"one\n","stream":"stdout","time":"2"#) && second.ends_with("Z\"}"));
    assert!(raw.contains(r#""\"q\"\\\t\u003c\u0026\u003e\u0001\u2028"#));
}

#[test]
fn a_long_line_is_stored_in_parts_that_split_no_character() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    for shift in 0..4 {
        let _ = fs::remove_file(&path);
        let mut writer = Writer::open(&path, options(), &[]).unwrap();
        let line = format!("{}{}\n", "x".repeat(shift), "\u{1f6f6}".repeat(10_000));
        for piece in line.as_bytes().chunks(999) {
            writer.write(Stream::Stdout, piece).unwrap();
        }
        let got = texts(&path, Query::default());
        assert_eq!(got.len(), 3, "{shift}");
        assert!(got.iter().all(|part| part.len() <= PART) && !got[0].ends_with('\n'));
        assert_eq!(got.concat(), line, "{shift}");
    }
}

#[test]
fn invalid_utf8_is_marked_and_never_stops_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut writer = Writer::open(&path, options(), &[]).unwrap();
    writer.write(Stream::Stdout, &[0xff; 40_000]).unwrap();
    writer.write(Stream::Stdout, b"\nok\n").unwrap();
    assert_eq!(texts(&path, Query::default()).last().unwrap(), "ok\n");
}

#[test]
fn the_tail_is_read_from_the_end_across_rotated_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let rotating = Options { max_size: Some(1000), max_files: 3, ..options() };
    let mut writer = Writer::open(&path, rotating, &[]).unwrap();
    for n in 0..100 {
        writer.write(Stream::Stdout, format!("line {n}\n").as_bytes()).unwrap();
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    let everything = texts(&path, Query::default());
    assert_eq!(everything.last().unwrap(), "line 99\n");
    for tail in [0, 1, 2, 5, 13, 20, everything.len()] {
        let got = texts(&path, Query { tail: Some(tail as u64), ..Query::default() });
        assert_eq!(got, everything[everything.len() - tail..], "{tail}");
    }
    assert_eq!(texts(&path, Query { tail: Some(9999), ..Query::default() }), everything);
}

#[test]
fn one_file_is_cut_when_full() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut writer = Writer::open(&path, Options { max_size: Some(500), ..options() }, &[]).unwrap();
    for n in 0..50 {
        writer.write(Stream::Stdout, format!("line {n}\n").as_bytes()).unwrap();
        assert!(fs::metadata(&path).unwrap().len() < 600);
    }
    assert_eq!(texts(&path, Query::default()).last().unwrap(), "line 49\n");
}

#[test]
fn a_cut_entry_is_passed_over_and_the_next_one_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, r#"{"log":"hal"#).unwrap();
    let mut writer = Writer::open(&path, options(), &[]).unwrap();
    writer.write(Stream::Stdout, b"next\n").unwrap();
    assert_eq!(texts(&path, Query::default()), ["next\n"]);
}

#[test]
fn since_and_until_bound_what_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let line = |n| format!(r#"{{"log":"{n}\n","stream":"stdout","time":"2026-01-01T00:00:0{n}Z"}}"#) + "\n";
    fs::write(&path, (1..6).map(line).collect::<String>()).unwrap();
    let at = |n| Some(format!("2026-01-01T00:00:0{n}Z").parse().unwrap());
    let query = Query { since: at(2), until: at(4), ..Query::default() };
    assert_eq!(texts(&path, query), ["2\n", "3\n", "4\n"]);
}

#[test]
fn following_sees_everything_until_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let done = std::sync::atomic::AtomicBool::new(false);
    let seen = Cell::new(0u32);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let rotating = Options { max_size: Some(5000), max_files: 200, ..options() };
            let mut writer = Writer::open(&path, rotating, &[]).unwrap();
            for n in 0..2000 {
                writer.write(Stream::Stdout, format!("{n}\n").as_bytes()).unwrap();
                if n % 100 == 0 {
                    std::thread::yield_now();
                }
            }
            drop(writer);
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let query = Query { follow: true, ..Query::default() };
        let alive = || !done.load(std::sync::atomic::Ordering::SeqCst);
        read(&path, &query, &alive, &mut |entry| {
            let n: u32 = std::str::from_utf8(&entry.text).unwrap().trim().parse().unwrap();
            assert_eq!(n, seen.get());
            seen.set(n + 1);
            Ok(())
        })
        .unwrap();
    });
    assert_eq!(seen.get(), 2000);
}

#[test]
fn options_are_checked_in_dockers_words() {
    let parse = |name: &str, value: &str| {
        Options::parse(&BTreeMap::from([(name.to_owned(), value.to_owned())])).map_err(|e| e.to_string())
    };
    assert_eq!(parse("max-size", "10m").unwrap().max_size, Some(10_000_000));
    assert_eq!(parse("max-file", "3").unwrap().max_files, 3);
    assert_eq!(parse("bogus", "1").unwrap_err(), "unknown log opt 'bogus' for json-file log driver");
    assert_eq!(parse("max-file", "0").unwrap_err(), "max-file cannot be less than 1");
    assert_eq!(parse("max-size", "0").unwrap_err(), "max-size must be a positive number");
    assert!(parse("max-size", "x").is_err() && parse("mode", "sideways").is_err());
    assert!(parse("mode", "non-blocking").is_ok());
}

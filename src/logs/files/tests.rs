use super::*;
use crate::logs::options::Rotation;
use crate::logs::{Query, Sink, Stream, json_file, local};
use std::cell::Cell;
use std::fs;

const ONE_FILE: Rotation = Rotation { max_size: None, max_files: 1, compress: false };

fn rotating(max_size: u64, max_files: u32, compress: bool) -> Rotation {
    Rotation { max_size: Some(max_size), max_files, compress }
}

/// Both formats.
const FORMATS: [&str; 2] = ["json-file", "local"];

fn writer(format: &str, path: &Path, rotation: Rotation) -> Box<dyn Sink> {
    match format {
        "json-file" => Box::new(Writer::open(path, rotation, json_file::Encoder::new(Vec::new())).unwrap()),
        _ => Box::new(Writer::open(path, rotation, local::Encoder { attributes: Vec::new() }).unwrap()),
    }
}

#[derive(Debug, Clone)]
struct Seen {
    stream: Stream,
    text: Vec<u8>,
}

fn all(format: &str, path: &Path, query: Query) -> Vec<Seen> {
    let mut entries = Vec::new();
    crate::logs::read(format, path, &query, &|| false, &mut |e: &Entry<'_>| {
        entries.push(Seen { stream: e.stream, text: e.text.to_vec() });
        Ok(())
    })
    .unwrap();
    entries
}

fn texts(format: &str, path: &Path, query: Query) -> Vec<String> {
    all(format, path, query).into_iter().map(|e| String::from_utf8(e.text).unwrap()).collect()
}

#[test]
fn lines_come_back_as_they_went_in_and_the_json_file_is_dockers() {
    let dir = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let path = dir.path().join(format);
        let mut log = writer(format, &path, ONE_FILE);
        log.write(Stream::Stdout, b"one\ntw").unwrap();
        log.write(Stream::Stderr, b"err\n").unwrap();
        log.write(Stream::Stdout, b"o\n\"q\"\\\t<&>\x01\xe2\x80\xa8\x7f\n\n").unwrap();
        log.write(Stream::Stdout, "no end \u{fc}".as_bytes()).unwrap();
        log.finish(Stream::Stdout).unwrap();
        log.finish(Stream::Stderr).unwrap();
        let got = texts(format, &path, Query::default());
        let want = ["one\n", "err\n", "two\n", "\"q\"\\\t<&>\x01\u{2028}\x7f\n", "\n", "no end \u{fc}"];
        assert_eq!(got, want, "{format}");
        assert_eq!(all(format, &path, Query::default())[1].stream, Stream::Stderr);
    }
    let raw = fs::read_to_string(dir.path().join("json-file")).unwrap();
    let first = raw.lines().next().unwrap();
    assert!(first.starts_with(r#"{"log":"one\n","stream":"stdout","time":"2"#) && first.ends_with("Z\"}"));
    assert!(raw.contains(r#""\"q\"\\\t\u003c\u0026\u003e\u0001\u2028"#));
}

#[test]
fn a_long_line_is_stored_in_parts_that_split_no_character() {
    let dir = tempfile::tempdir().unwrap();
    for format in FORMATS {
        for shift in 0..4 {
            let path = dir.path().join(format!("{format}{shift}"));
            let mut log = writer(format, &path, ONE_FILE);
            let line = format!("{}{}\n", "x".repeat(shift), "\u{1f6f6}".repeat(10_000));
            for piece in line.as_bytes().chunks(999) {
                log.write(Stream::Stdout, piece).unwrap();
            }
            let got = texts(format, &path, Query::default());
            assert_eq!(got.len(), 3, "{format} {shift}");
            assert!(got.iter().all(|part| part.len() <= PART) && !got[0].ends_with('\n'));
            assert_eq!(got.concat(), line, "{format} {shift}");
        }
    }
}

#[test]
fn invalid_utf8_never_stops_the_log() {
    let dir = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let path = dir.path().join(format);
        let mut log = writer(format, &path, ONE_FILE);
        log.write(Stream::Stdout, &[0xff; 40_000]).unwrap();
        log.write(Stream::Stdout, b"\nok\n").unwrap();
        let got = all(format, &path, Query::default());
        assert_eq!(got.last().unwrap().text, b"ok\n");
        // What is no JSON keeps every byte.
        assert_eq!(format == "local", got[0].text.starts_with(&[0xff; 1000]), "{format}");
    }
}

#[test]
fn the_tail_is_read_from_the_end_across_rotated_and_compressed_files() {
    let dir = tempfile::tempdir().unwrap();
    for format in FORMATS {
        for compress in [false, true] {
            let path = dir.path().join(format!("{format}{compress}"));
            let mut log = writer(format, &path, rotating(1000, 3, compress));
            for n in 0..200 {
                log.write(Stream::Stdout, format!("line {n}\n").as_bytes()).unwrap();
            }
            drop(log);
            let everything = texts(format, &path, Query::default());
            assert_eq!(everything.last().unwrap(), "line 199\n");
            assert!(everything.len() > 20, "{format} {compress}: {}", everything.len());
            for tail in [0, 1, 2, 5, 13, 20, everything.len()] {
                let got = texts(format, &path, Query { tail: Some(tail as u64), ..Query::default() });
                assert_eq!(got, everything[everything.len() - tail..], "{format} {compress} {tail}");
            }
            assert_eq!(texts(format, &path, Query { tail: Some(9999), ..Query::default() }), everything);
        }
    }
    let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    let of = |stem: &str| names.iter().filter(|name| name.starts_with(stem)).count();
    assert_eq!((of("json-filefalse"), of("localfalse")), (3, 3), "{names:?}");
    for stem in ["json-filetrue", "localtrue"] {
        // The newest of the older ones may have been left as it was: the log was closed first.
        assert_eq!(of(stem), 3, "{names:?}");
        assert!(
            names.contains(&format!("{stem}.2.gz")) && !names.contains(&format!("{stem}.2")),
            "{names:?}"
        );
    }
}

#[test]
fn a_compression_that_was_cut_off_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(rotated(&path, 1), "{}\n").unwrap();
    fs::write(with_suffix(&path, ".gz.partial"), "half").unwrap();
    // Both forms are there: the last step was missing.
    fs::write(compressed(&path, 1), "old").unwrap();
    let log = Writer::open(&path, rotating(1000, 3, true), json_file::Encoder::new(Vec::new())).unwrap();
    while rotated(&path, 1).exists() {
        std::thread::yield_now();
    }
    drop(log);
    let packed = fs::read(compressed(&path, 1)).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut text).unwrap();
    assert_eq!(text, "{}\n");
    assert!(!with_suffix(&path, ".gz.partial").exists());
}

#[test]
fn one_file_is_begun_anew_when_full() {
    let dir = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let path = dir.path().join(format);
        let mut log = writer(format, &path, rotating(500, 1, false));
        for n in 0..50 {
            log.write(Stream::Stdout, format!("line {n}\n").as_bytes()).unwrap();
            assert!(fs::metadata(&path).unwrap().len() < 600);
        }
        assert_eq!(texts(format, &path, Query::default()).last().unwrap(), "line 49\n");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_cut_entry_is_passed_over_and_the_next_one_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("json-file");
    fs::write(&path, r#"{"log":"hal"#).unwrap();
    writer("json-file", &path, ONE_FILE).write(Stream::Stdout, b"next\n").unwrap();
    assert_eq!(texts("json-file", &path, Query::default()), ["next\n"]);

    let path = dir.path().join("local");
    writer("local", &path, ONE_FILE).write(Stream::Stdout, b"first\nsecond\n").unwrap();
    let whole = fs::read(&path).unwrap();
    // Wherever it was cut.
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let there = texts("local", &path, Query::default());
        assert_eq!(texts("local", &path, Query { tail: Some(9), ..Query::default() }), there, "{length}");
        writer("local", &path, ONE_FILE).write(Stream::Stdout, b"next\n").unwrap();
        let got = texts("local", &path, Query::default());
        assert_eq!(got.last().unwrap(), "next\n", "{length}");
        assert_eq!(got[..got.len() - 1], there, "{length}");
    }
}

#[test]
fn since_and_until_bound_what_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let line = |n| format!(r#"{{"log":"{n}\n","stream":"stdout","time":"2026-01-01T00:00:0{n}Z"}}"#) + "\n";
    fs::write(&path, (1..6).map(line).collect::<String>()).unwrap();
    let at = |n| Some(format!("2026-01-01T00:00:0{n}Z").parse().unwrap());
    let query = Query { since: at(2), until: at(4), ..Query::default() };
    assert_eq!(texts("json-file", &path, query), ["2\n", "3\n", "4\n"]);
}

#[test]
fn following_sees_everything_until_the_end() {
    for format in FORMATS {
        for compress in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            let done = std::sync::atomic::AtomicBool::new(false);
            let seen = Cell::new(0u32);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut log = writer(format, &path, rotating(5000, 200, compress));
                    for n in 0..2000 {
                        log.write(Stream::Stdout, format!("{n}\n").as_bytes()).unwrap();
                        if n % 100 == 0 {
                            std::thread::yield_now();
                        }
                    }
                    drop(log);
                    done.store(true, std::sync::atomic::Ordering::SeqCst);
                });
                let query = Query { follow: true, ..Query::default() };
                let alive = || !done.load(std::sync::atomic::Ordering::SeqCst);
                crate::logs::read(format, &path, &query, &alive, &mut |entry: &Entry<'_>| {
                    let n: u32 = std::str::from_utf8(entry.text).unwrap().trim().parse().unwrap();
                    assert_eq!(n, seen.get(), "{format} {compress}");
                    seen.set(n + 1);
                    Ok(())
                })
                .unwrap();
            });
            assert_eq!(seen.get(), 2000, "{format} {compress}");
        }
    }
}

//! Archives made by somebody who means harm, or by a broken disk; and stores without room or permission.
//! Nothing outside the store changes, nothing half-made stays, no command crashes or hangs.

use std::process::Command;

use serde_json::json;

use crate::harness::archive::Pack;
use crate::harness::command::output;
use crate::harness::{
    Coracle, DEADLINE, Entry, ImageBuilder, Output, Tar, binary, busybox, rootfs, set_mode,
};
use crate::need;

/// Imports a layer on top of busybox. If it is taken, a container of it works or is refused.
fn survives(what: &str, layer: Vec<u8>) -> (Coracle, bool) {
    let c = Coracle::new();
    let canary = c.file("canary", "untouched");
    let image = ImageBuilder::busybox().raw_layer(layer, Pack::Plain);
    let output = c.given(&image.docker_archive(&["x:1"]), ["load"]);
    let taken = output.status == 0;
    assert!(!output.err().contains("panicked"), "{what}: {output}");
    if taken {
        // A layer that only makes no sense on top of the others is found out here.
        let ran = c.output(["run", "--rm", "x:1", "/bin/busybox", "echo", "works"]);
        assert!(matches!((ran.status, ran.text()), (0, "works\n") | (125, "")), "{what}: {ran}");
        assert!(!ran.err().contains("panicked"), "{what}: {ran}");
    } else {
        assert!(!output.err().trim().is_empty(), "{what}: fails without a word");
        assert_eq!(c.ok(["images", "-q"]).text(), "", "{what}");
    }
    assert_eq!(std::fs::read_to_string(canary).expect("the canary"), "untouched", "{what}");
    (c, taken)
}

#[test]
fn names_that_climb_stay_inside() {
    for name in [
        "../canary",
        "../../../../canary",
        "a/../../canary",
        "/../canary",
        "./../canary",
        "..",
        "../",
        "a/..",
        "//etc//x",
        "...",
        "a/./b",
    ] {
        let (c, taken) = survives(name, Tar::of([Entry::file(name, "harm")]).finish());
        if taken {
            c.output(["run", "--rm", "x:1", "ls", "/"]).does_not_say("panicked");
        }
        let outside = c.root().parent().expect("a parent").join("canary");
        assert!(!outside.exists(), "{name}");
    }
}

#[test]
fn links_do_not_lead_outside() {
    let layers = [
        ("file through a link", vec![Entry::symlink("out", "/"), Entry::file("out/canary", "harm")]),
        (
            "file through a climbing link",
            vec![Entry::symlink("out", "../../.."), Entry::file("out/canary", "harm")],
        ),
        ("hard link outside", vec![Entry::hard_link("h", "../../../etc/shadow")]),
        ("hard link to an absolute name", vec![Entry::hard_link("h", "/etc/passwd")]),
        ("hard link to itself", vec![Entry::hard_link("h", "h")]),
        ("hard links in a circle", vec![Entry::hard_link("a", "b"), Entry::hard_link("b", "a")]),
        ("hard link to a directory", vec![Entry::directory("d/"), Entry::hard_link("h", "d")]),
        (
            "hard link through a link",
            vec![Entry::symlink("out", "/etc"), Entry::hard_link("h", "out/passwd")],
        ),
        (
            "links in a circle",
            vec![Entry::symlink("a", "b"), Entry::symlink("b", "a"), Entry::file("a/x", "x")],
        ),
        ("an empty link", vec![Entry::symlink("a", "")]),
    ];
    for (what, entries) in layers {
        survives(what, Tar::of(entries).finish());
    }
}

#[test]
fn contradictions_are_settled_inside() {
    let layers = [
        ("file as a parent", vec![Entry::file("f", "x"), Entry::file("f/below", "x")]),
        ("the root as a file", vec![Entry::file("./", "x")]),
        ("the root as a link", vec![Entry::symlink(".", "/tmp")]),
        (
            "the same name twice",
            vec![Entry::file("f", "one"), Entry::file("f", "two"), Entry::directory("f/")],
        ),
        (
            "whiteouts of everything",
            vec![
                Entry::file(".wh.", ""),
                Entry::file(".wh..", ""),
                Entry::file(".wh...", ""),
                Entry::file(".wh..wh..wh.", ""),
            ],
        ),
        ("a whiteout as a directory", vec![Entry::directory(".wh.x/"), Entry::file(".wh.x/y", "")]),
        ("a name of nothing", vec![Entry::file("", "x")]),
        ("an unknown kind", vec![Entry::new(b'Z', "z")]),
        ("a device with a huge number", vec![Entry::character_device("dev/x", u32::MAX, u32::MAX)]),
        ("a name of 5000 bytes", vec![Entry::file("n".repeat(5000), "x")]),
        ("a path of 100,000 bytes", vec![Entry::file("p/".repeat(50_000), "x")]),
        ("owners beyond 32 bits", vec![Entry::file("o", "x").owner(u64::MAX >> 1, 1 << 40)]),
        ("a time beyond all", vec![Entry::file("t", "x").pax("mtime", "99999999999999999999.5")]),
        ("times that are none", vec![Entry::file("t", "x").pax("mtime", "yesterday")]),
    ];
    for (what, entries) in layers {
        survives(what, Tar::of(entries).finish());
    }
}

#[test]
fn sizes_that_lie_are_refused() {
    for (what, entry) in [
        ("8 EiB", Entry::file("f", "x").claims_size(1 << 63)),
        ("more than i64", Entry::file("f", "x").claims_size(u64::MAX)),
        ("1 TiB", Entry::file("f", "x").claims_size(1 << 40)),
        ("a PAX size of 8 EiB", Entry::file("f", "x").pax("size", "9223372036854775808")),
        ("a negative PAX size", Entry::file("f", "x").pax("size", "-1")),
        ("a PAX size that is none", Entry::file("f", "x").pax("size", "many")),
    ] {
        let (_, taken) = survives(what, Tar::of([entry]).finish());
        assert!(!taken, "{what} is taken");
    }
}

#[test]
fn extended_headers_that_lie_are_refused() {
    for (what, records) in [
        ("a length of nothing", &b"0 a=b\n"[..]),
        ("a length beyond the end", b"99999999 a=b\n"),
        ("a length of 2^64", b"18446744073709551616 a=b\n"),
        ("a negative length", b"-5 a=b\n"),
        ("no length", b"path=x\n"),
        ("no value", b"9 novalue\n"),
    ] {
        let (_, taken) = survives(what, Tar::of([Entry::file("f", "x").raw_pax(records)]).finish());
        assert!(!taken, "{what} is taken");
    }
    let huge = Tar::new().with(Entry::new(b'x', "PaxHeaders/x").claims_size(1 << 34)).finish();
    assert!(!survives("an extended header of 16 GiB", huge).1);
    let huge = Tar::new().with(Entry::new(b'L', "././@LongLink").claims_size(1 << 34)).finish();
    assert!(!survives("a long name of 16 GiB", huge).1);
}

#[test]
fn values_with_newlines_smuggle_nothing() {
    // A reader that splits extended headers at newlines sees `size=0` here, and what follows as a header.
    let trick = b"x\n9 size=0\n";
    let smuggled = Tar::of([Entry::file("smuggled", "harm")]).unfinished();
    let c = Coracle::new();
    let image = ImageBuilder::busybox()
        .layer([Entry::file("a", &smuggled).xattr("user.trick", trick), Entry::file("b", "b\n")]);
    c.load(&image.docker_archive(&["x:1"]));
    let output =
        c.ok(["run", "--rm", "x:1", "sh", "-c", "stat -c %s /a; cat /b; test -e /smuggled || echo no"]);
    assert_eq!(output.lines(), [&smuggled.len().to_string(), "b", "no"]);
}

#[test]
fn truncated_archives_are_refused_wherever_they_are_cut() {
    let c = Coracle::new();
    let archive = ImageBuilder::busybox().layer([Entry::file("x", vec![1; 5000])]).docker_archive(&["x:1"]);
    let packed = Pack::Gzip.pack(&archive);
    for part in 1..10 {
        for whole in [&archive, &packed] {
            let cut = &whole[..whole.len() * part / 10];
            let output = c.given(cut, ["load"]);
            assert_ne!(output.status, 0, "cut at {part}/10: {output}");
            output.does_not_say("panicked");
        }
    }
    assert_eq!(c.ok(["images", "-q"]).text(), "");
    let tar = busybox();
    let output = c.given(&tar[..tar.len() / 2], ["import", "-", "x"]);
    assert_ne!(output.status, 0, "{output}");
    assert_eq!(c.ok(["images", "-q"]).text(), "");
    assert!(
        c.store_files().iter().all(|file| file.metadata().is_ok_and(|file| file.len() < 100_000)),
        "{:?}",
        c.store_files()
    );
}

#[test]
fn what_is_no_archive_is_refused() {
    let c = Coracle::new();
    let garbage: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("text", b"hello\n".repeat(1000)),
        ("bytes", garbage.clone()),
        ("a gzip of bytes", Pack::Gzip.pack(&garbage)),
        ("an empty tar", vec![0; 1024]),
        ("a tar of other things", Tar::of([Entry::file("x", "y")]).finish()),
        ("a broken gzip", [&Pack::Gzip.pack(busybox())[..1000], &garbage].concat()),
    ] {
        let output = c.given(&bytes, ["load"]);
        assert_eq!(output.status, 1, "{what}: {output}");
        assert!(!output.err().is_empty(), "{what}");
        output.does_not_say("panicked");
    }
}

#[test]
fn archives_whose_papers_lie_are_refused() {
    let c = Coracle::new();
    let manifests = [
        json!([{ "Config": "../../../../etc/passwd", "RepoTags": ["x:1"], "Layers": [] }]),
        json!([{ "Config": "missing.json", "RepoTags": ["x:1"], "Layers": ["missing.tar"] }]),
        json!([{ "Config": "c.json", "RepoTags": ["Bad Name!"], "Layers": ["/etc/passwd"] }]),
        json!([{ "Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar", "l.tar"] }]),
        json!({ "not": "a list" }),
        json!([1, 2, 3]),
    ];
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": ["sha256:00"] } });
    for manifest in manifests {
        let tar = Tar::of([
            Entry::file("c.json", config.to_string()),
            Entry::file("l.tar", busybox()),
            Entry::file("manifest.json", manifest.to_string()),
        ]);
        let output = c.given(&tar.finish(), ["load"]);
        assert_eq!(output.status, 1, "{manifest}: {output}");
        output.does_not_say("panicked").does_not_say("root:x:");
    }
    // A link instead of a file: nothing outside is read through it.
    let tar = Tar::of([Entry::symlink("manifest.json", "/etc/passwd")]);
    c.given(&tar.finish(), ["load"]).status_is(1).does_not_say("root:x:");
    assert_eq!(c.ok(["images", "-q"]).text(), "");
}

#[test]
fn a_config_with_strange_values_does_no_harm() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox()
        .config("Env", json!(["NOEQUALS", "=x", "A=b\nc", "PATH="]))
        .config("WorkingDir", json!("../../.."))
        .config("User", json!("0:0:0"))
        .config("Volumes", json!({ "../../../../canary": {}, "/": {} }));
    let output = c.given(&image.docker_archive(&["x:1"]), ["load"]);
    if output.status == 0 {
        let output = c.output(["run", "--rm", "x:1", "/bin/busybox", "true"]);
        output.does_not_say("panicked");
    }
    c.ok(["ps", "-a"]);
    c.ok(["images"]);
}

#[test]
fn a_full_disk_is_said_and_leaves_the_store_usable() {
    need!("unshare");
    let c = Coracle::new();
    let big = rootfs().with(Entry::file("big", pseudo_random(24_000_000))).finish();
    let big = c.file("big.tar", big);
    let small = c.file("small.tar", ImageBuilder::busybox().docker_archive(&["small:1"]));
    let output = on_a_small_disk(
        &c,
        &format!(
            "$coracle import '{big}' big:1; echo import $?
             $coracle images -q | wc -l
             $coracle load -i '{small}'; echo load $?
             $coracle images -q | wc -l
             $coracle rmi small:1 > /dev/null; echo rmi $?
             du -sk $root | cut -f1",
            big = big.display(),
            small = small.display(),
        ),
    );
    assert!(output.err().contains("No space left on device"), "{output}");
    let lines = output.lines();
    assert_eq!(lines[..2], ["import 1", "0"], "{output}");
    assert!(lines.contains(&"load 0") && lines.contains(&"1") && lines.contains(&"rmi 0"), "{output}");
    let left: u64 = lines.last().expect("a number").parse().expect("a number");
    assert!(left < 1000, "{left} kB are left");
}

#[test]
fn a_container_that_fills_the_disk_keeps_its_exit_status() {
    need!("unshare");
    let c = Coracle::new();
    let image = c.file("image.tar", ImageBuilder::busybox().docker_archive(&["busybox"]));
    let output = on_a_small_disk(
        &c,
        &format!(
            "$coracle load -q -i '{image}' > /dev/null
             $coracle run --name box busybox sh -c 'cat /dev/zero > /fill; exit 7'; echo run $?
             $coracle ps -a --format '{{{{.Names}}}} {{{{.Status}}}}' | cut -d' ' -f1-3
             $coracle inspect -f '{{{{.State.ExitCode}}}}{{{{.State.Error}}}}' box
             $coracle rm box; echo rm $?
             $coracle run --rm busybox echo again",
            image = image.display(),
        ),
    );
    assert!(output.err().contains("No space left on device"), "{output}");
    assert_eq!(output.lines(), ["run 7", "box Exited (7)", "7", "box", "rm 0", "again"], "{output}");
}

#[test]
fn a_full_disk_stops_no_restart_and_shows_no_health_of_before() {
    need!("unshare");
    let c = Coracle::new();
    let image = c.file("image.tar", ImageBuilder::busybox().docker_archive(&["busybox"]));
    let output = on_a_small_disk(
        &c,
        &format!(
            "$coracle load -q -i '{image}' > /dev/null
             until_it_is() {{ until [ \"$($coracle inspect -f \"$2\" $1)\" = \"$3\" ]; do sleep 0.05; done; }}
             $coracle run -d --name again --restart on-failure:2 busybox \
                sh -c 'cat /dev/zero > /fill; exit 7' > /dev/null
             until_it_is again '{{{{.State.Status}}}}' exited
             $coracle inspect -f '{{{{.State.ExitCode}}}} {{{{.RestartCount}}}} {{{{.State.Error}}}}' again
             $coracle rm again
             $coracle run -d --name sick --health-cmd true --health-interval 50ms busybox \
                sh -c 'until test -e /go; do sleep 0.02; done; cat /dev/zero > /fill; exec sleep 600' > /dev/null
             until_it_is sick '{{{{.State.Health.Status}}}}' healthy
             $coracle exec sick touch /go
             until_it_is sick '{{{{.State.Health.Status}}}}' starting; echo unknown
             $coracle exec sick rm /fill
             until_it_is sick '{{{{.State.Health.Status}}}}' healthy
             $coracle rm -f sick",
            image = image.display(),
        ),
    );
    assert_eq!(output.lines(), ["7 2 ", "again", "unknown", "sick"], "{output}");
}

/// What a script prints whose `$coracle` has its store (`$root`) on a file system of 16 MB.
pub fn on_a_small_disk(c: &Coracle, script: &str) -> Output {
    std::fs::create_dir_all(c.root()).expect("a directory for the store");
    let script = format!(
        "coracle='{}' root='{}'; mount -t tmpfs -o size=16m none $root\n{script}",
        binary().display(),
        c.root().display()
    );
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", &script]).current_dir(c.home());
    command.env("HOME", c.home()).env("XDG_RUNTIME_DIR", c.runtime());
    output(&mut command, None, DEADLINE)
}

#[test]
fn files_that_cannot_be_read_are_said() {
    let c = Coracle::new();
    let file = c.file("secret.tar", busybox());
    set_mode(&file, 0o000);
    let file = file.to_str().expect("a plain path");
    c.fails(1, ["load", "-i", file]).says("ermission denied");
    c.fails(1, ["import", file, "x"]).says("ermission denied");
}

#[test]
fn a_store_that_cannot_be_written_is_said() {
    let c = Coracle::busybox();
    let layers = c.root().join("layers");
    set_mode(&layers, 0o500);
    let output = c.given(&Tar::of([Entry::file("x", "y")]).finish(), ["import", "-", "x"]);
    set_mode(&layers, 0o700);
    assert_eq!(output.status, 1, "{output}");
    output.says("ermission denied");
    assert_eq!(c.ok(["images", "-q"]).lines().len(), 1);
}

/// Bytes that do not compress.
pub fn pseudo_random(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..count).map(|_| next()).collect()
}

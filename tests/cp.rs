//! `cp`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::diff::MODES;
use crate::harness::terminal::Terminal;
use crate::harness::{Coracle, Entry, ImageBuilder, Tar, eventually};
use crate::hostile::on_a_small_disk;
use crate::need;

/// A container that runs, and one that does not.
const STATES: [&str; 2] = ["running", "stopped"];

fn boxes(mode: &str, script: &str) -> Coracle {
    let option = format!("overlay={mode}");
    let c = Coracle::busybox().with_run_flags(&["--storage-opt", &option]);
    c.ok(["run", "--name", "stopped", "busybox", "sh", "-c", script]);
    let id = c.detached(&["--name", "running"], &format!("{script}; echo done; exec sleep 600"));
    c.wait_for_log(&id, "done");
    c
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

/// What the container has at a path, whether it runs or not.
fn inside(c: &Coracle, name: &str, path: &str) -> String {
    let archive = c.ok(["cp", &format!("{name}:{path}"), "-"]).stdout;
    let file = c.file("inside.tar", archive);
    let output = crate::harness::command::tool("tar", ["-xOf", file.to_str().unwrap()]).success();
    output.text().to_owned()
}

#[test]
fn files_go_both_ways_running_or_not() {
    for mode in MODES {
        let c = boxes(mode, "mkdir -p /d/sub; echo file > /d/f; echo deep > /d/sub/g; ln -s f /d/l");
        c.file("src/one", "one");
        c.file("src/dir/two", "two");
        for state in STATES {
            let at = |path: &str| format!("{state}:{path}");
            let out = c.home().join(format!("out-{state}"));
            fs::create_dir(&out).unwrap();
            let to = |name: &str| out.join(name).to_str().unwrap().to_owned();
            c.ok(["cp", &at("/d/f"), &to("")]).does_not_say("Success");
            assert_eq!(read(out.join("f")), "file\n", "{mode} {state}");
            c.ok(["cp", &at("d/f"), &to("renamed")]);
            assert_eq!(read(out.join("renamed")), "file\n");
            c.ok(["cp", &at("/d"), &to("")]);
            assert_eq!(read(out.join("d/sub/g")), "deep\n");
            assert_eq!(fs::read_link(out.join("d/l")).unwrap(), Path::new("f"));
            c.ok(["cp", &at("/d/."), &to("new")]);
            assert_eq!(read(out.join("new/sub/g")), "deep\n");
            c.ok(["container", "cp", "src/one", &at("/tmp")]);
            assert_eq!(inside(&c, state, "/tmp/one"), "one");
            c.ok(["cp", "src", &at("/tmp/new")]);
            assert_eq!(inside(&c, state, "/tmp/new/dir/two"), "two");
            c.ok(["cp", "src", &at("/tmp/new/")]);
            assert_eq!(inside(&c, state, "/tmp/new/src/dir/two"), "two");
            c.ok(["cp", "src/.", &at("/")]);
            assert_eq!(inside(&c, state, "/dir/two"), "two");
            c.ok(["cp", "./src/dir/two", &at("/dir/two")]);
        }
        // What runs sees it, and what is started then.
        assert_eq!(c.ok(["exec", "running", "cat", "/tmp/one"]).text(), "one");
        let diff = c.ok(["diff", "stopped"]);
        assert!(diff.lines().contains(&"A /tmp/one"), "{mode}: {diff}");
        assert!(!diff.text().contains("coracle-cp"), "{mode}: {diff}");
        c.ok(["commit", "stopped", "made"]);
        assert_eq!(c.ok(["run", "--rm", "made", "cat", "/dir/two"]).text(), "two");
    }
}

#[test]
fn slashes_and_dots_mean_what_they_mean_with_docker() {
    let c = boxes("hybrid", "mkdir /d; echo x > /d/f; echo y > /file");
    c.file("dir/f", "x");
    for state in STATES {
        let at = |path: &str| format!("{state}:{path}");
        c.fails(1, ["cp", "dir/f", &at("/new/")]).says("no such directory");
        c.fails(1, ["cp", "dir", &at("/file")]).says("cannot copy directory");
        c.fails(1, ["cp", "dir/f", &at("/no/such")])
            .says(&format!("Error response from daemon: Could not find the file /no in container {state}"));
        c.fails(1, ["cp", "dir/f", &at("/file/x")]).says("extraction point is not a directory");
        c.fails(1, ["cp", &at("/no/such"), "."]).says(&format!(
            "Error response from daemon: Could not find the file /no/such in container {state}"
        ));
        c.fails(1, ["cp", &at("/d"), "dir/f"]).says("cannot copy directory");
        c.fails(1, ["cp", &at("/file"), "new/"]).says("no such directory");
        c.fails(1, ["cp", &at("/file"), "no/such"]).says("invalid output path: directory");
        c.fails(1, ["cp", &at("/file/"), "."]).says("not a directory");
        c.fails(1, ["cp", &at(""), "."]).says("path cannot be empty");
        c.fails(1, ["cp", "-", &at("/file")])
            .says(&format!("destination \"{state}:/file\" must be a directory"));
        c.fails(1, ["cp", "nosuch", &at("/")]).says("nosuch: no such file or directory");
    }
    c.fails(1, ["cp", "running:/d", "stopped:/"]).says("copying between containers is not supported");
    c.fails(1, ["cp", "dir", "other"]).says("must specify at least one container source");
    c.fails(1, ["cp", "", "running:/"]).says("source can not be empty");
    c.fails(1, ["cp", "dir", ""]).says("destination can not be empty");
    c.fails(1, ["cp", "dir", "nosuch:/"]).says("No such container: nosuch");
    c.fails(1, ["cp", "nosuch:/", "dir"]).says("No such container: nosuch");
    c.fails(1, ["cp", "dir"]).says("requires 2 arguments");
    fs::write(c.home().join("a:b"), "colon").unwrap();
    c.ok(["cp", "./a:b", "running:/colon"]);
    assert_eq!(inside(&c, "running", "/colon"), "colon");
}

#[test]
fn a_directory_and_a_file_do_not_replace_each_other() {
    let c = boxes("hybrid", "mkdir /d /e; echo y > /e/d");
    c.file("e/d", "x");
    c.file("f/d/x", "x");
    c.fails(1, ["cp", "f/.", "running:/e"]).says("cannot overwrite non-directory");
    c.fails(1, ["cp", "e/.", "running:/"]).says("cannot overwrite directory");
    c.fails(1, ["cp", "running:/e/.", "f"]).says("cannot overwrite directory");
}

#[test]
fn archives_come_from_stdin_and_go_to_stdout() {
    for state in STATES {
        let c = boxes("hybrid", "mkdir -p /d/sub; echo x > /d/sub/f");
        let at = |path: &str| format!("{state}:{path}");
        let list = |path: &str| {
            let file = c.file("x.tar", c.ok(["cp", &at(path), "-"]).stdout);
            let output = crate::harness::command::tool("tar", ["-tf", file.to_str().unwrap()]).success();
            output.lines().join(" ")
        };
        assert_eq!(list("/d"), "d/ d/sub/ d/sub/f");
        assert_eq!(list("/d/."), "./ ./sub/ ./sub/f");
        assert_eq!(list("/d/sub/f"), "f");
        let tar = Tar::of([Entry::file("new/deep/file", "content").mode(0o640), Entry::symlink("l", "new")]);
        // GNU tar fills its archives up: whoever writes it must not fail.
        let mut bytes = tar.finish();
        bytes.resize(1 << 20, 0);
        c.given(&bytes, ["cp", "-", &at("/d")]).success();
        assert_eq!(inside(&c, state, "/d/new/deep/file"), "content");
        let packed = crate::harness::archive::Pack::Gzip.pack(&Tar::of([Entry::file("z", "gzip")]).finish());
        c.given(&packed, ["cp", "-", &at("/d")]).success();
        assert_eq!(inside(&c, state, "/d/z"), "gzip");
        c.given(
            b"no archive at all, but more than a block of it".repeat(40).as_slice(),
            ["cp", "-", &at("/d")],
        )
        .status_is(1)
        .says("invalid tar header");
    }
}

#[test]
fn links_are_copied_unless_they_are_to_be_followed() {
    let c = boxes(
        "hybrid",
        "echo x > /file; ln -s /file /link; mkdir /d; echo y > /d/f; ln -s d /dlink; ln -s nosuch /dangling",
    );
    symlink("target", c.home().join("here")).unwrap();
    c.file("target", "host");
    for state in STATES {
        let at = |path: &str| format!("{state}:{path}");
        let out = c.home().join(format!("out-{state}"));
        fs::create_dir(&out).unwrap();
        let to = out.to_str().unwrap();
        c.ok(["cp", &at("/link"), to]);
        assert_eq!(fs::read_link(out.join("link")).unwrap(), Path::new("/file"));
        c.ok(["cp", "-L", &at("/link"), &format!("{to}/followed")]);
        assert_eq!(read(out.join("followed")), "x\n");
        fs::remove_file(out.join("link")).unwrap();
        c.ok(["cp", "-L", &at("/link"), to]);
        assert_eq!(read(out.join("link")), "x\n");
        c.ok(["cp", &at("/dlink/"), to]);
        assert_eq!(read(out.join("dlink/f")), "y\n");
        c.ok(["cp", &at("/dangling"), to]);
        c.fails(1, ["cp", "-L", &at("/dangling"), to]).says("Could not find the file");
        c.ok(["cp", "here", &at("/tmp/link")]);
        c.ok(["cp", "-L", "here", &at("/tmp/followed")]);
        assert_eq!(inside(&c, state, "/tmp/followed"), "host");
        assert_eq!(inside(&c, state, "/tmp/link"), "");
        // A link at the destination is where it goes.
        c.ok(["cp", "target", &at("/dlink")]);
        assert_eq!(inside(&c, state, "/d/target"), "host");
        c.ok(["cp", "target", &at("/link")]);
        assert_eq!(inside(&c, state, "/file"), "host");
    }
}

#[test]
fn owners_modes_times_and_links_arrive() {
    for mode in MODES {
        let c = boxes(
            mode,
            "mkdir -m 700 /d; echo x > /d/f; chmod 4751 /d/f; ln /d/f /d/g; touch -d @1500000000 /d/f /d",
        );
        let file = c.file("mine/f", "x");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        fs::hard_link(&file, c.home().join("mine/g")).unwrap();
        let own = fs::metadata(&file).unwrap();
        for state in STATES {
            c.ok(["cp", &format!("{state}:/d"), state]);
            let found = |name: &str| fs::metadata(c.home().join(state).join(name)).unwrap();
            assert_eq!((found("f").mode() & 0o7777, found("f").mtime()), (0o4751, 1_500_000_000));
            assert_eq!((found("").mode() & 0o7777, found("").mtime()), (0o700, 1_500_000_000));
            assert_eq!((found("f").uid(), found("f").ino()), (own.uid(), found("g").ino()), "{mode}");
            c.ok(["cp", "mine", &format!("{state}:/tmp/mine")]);
        }
        let facts = c.ok(["exec", "running", "stat", "-c", "%u:%g %a %h", "/tmp/mine", "/tmp/mine/f"]);
        assert_eq!(facts.lines()[1], "0:0 640 2", "{mode}");
        assert!(facts.lines()[0].starts_with("0:0 "), "{mode}: {facts}");
    }
}

#[test]
fn with_archive_owners_are_those_of_the_source() {
    need!(ids);
    let c = boxes("hybrid", "true");
    let file = c.file("mine", "x");
    let own = fs::metadata(&file).unwrap();
    let tar = Tar::of([Entry::file("theirs", "x").owner(1000, 7)]).finish();
    for state in STATES {
        c.ok(["cp", "-a", "mine", &format!("{state}:/tmp/mine")]);
        c.given(&tar, ["cp", "-", &format!("{state}:/tmp")]).success();
    }
    c.ok(["start", "stopped"]);
    c.ok(["commit", "stopped", "made"]);
    for output in [
        c.ok(["exec", "running", "stat", "-c", "%u:%g", "/tmp/mine", "/tmp/theirs"]),
        c.ok(["run", "--rm", "made", "stat", "-c", "%u:%g", "/tmp/mine", "/tmp/theirs"]),
    ] {
        assert_eq!(output.lines(), [&format!("{}:{}", own.uid(), own.gid()), "1000:7"]);
    }
}

#[test]
fn nothing_gets_out_of_a_container_that_lays_traps() {
    let c = Coracle::busybox();
    let secret = c.file("secret", "untouched");
    let path = secret.to_str().unwrap();
    let home = c.home().to_str().unwrap();
    let script = format!(
        "ln -s {path} /direct; ln -s ../../../../../../../../../..{path} /up; ln -s {home} /home2; mkfifo /fifo; \
         ln -s /proc/1/root{path} /magic; ln -s loop /loop; mkdir -p /d; ln -s {path} /d/l"
    );
    let c2 = &c;
    c.ok(["run", "--name", "stopped", "busybox", "sh", "-c", &script]);
    let id = c.detached(&["--name", "running"], &format!("{script}; echo done; exec sleep 600"));
    c.wait_for_log(&id, "done");
    c.file("bad", "bad");
    for state in STATES {
        let at = |path: &str| format!("{state}:{path}");
        let out = c.home().join(format!("out-{state}"));
        fs::create_dir(&out).unwrap();
        let to = out.to_str().unwrap();
        for link in ["/direct", "/up", "/home2/secret", "/magic"] {
            // Followed, they lead to what the container has there: nothing.
            c.fails(1, ["cp", "-L", &at(link), to]).does_not_say("untouched");
            c2.output(["cp", "bad", &at(link)]);
            assert_eq!(read(&secret), "untouched", "{state} {link}");
        }
        c.fails(1, ["cp", "-L", &at("/loop"), to]);
        // A FIFO is copied as one and never waited for.
        c.ok(["cp", &at("/fifo"), to]);
        // A link that was copied is not written through by what is copied next.
        c.ok(["cp", &at("/d/l"), to]);
        c.file(&format!("evil-{state}/l"), "");
        let evil = Tar::of([Entry::file("l", "bad")]).finish();
        c.given(&evil, ["cp", "-", &at("/d")]).success();
        c.ok(["cp", &at("/d/."), to]);
        assert_eq!(read(out.join("l")), "bad");
        assert_eq!(read(&secret), "untouched");
    }
}

#[test]
fn nothing_gets_out_while_names_are_swapped_under_way() {
    let c = Coracle::busybox();
    let secret = c.file("outside/secret", "untouched");
    let outside = secret.parent().unwrap().to_str().unwrap();
    let script = format!(
        "mkdir /d; mkdir -p /real; echo go; while :; do rm -rf /d; ln -s {outside} /d; rm /d; mkdir /d; done"
    );
    let id = c.detached(&["--name", "box"], &script);
    c.wait_for_log(&id, "go");
    for at in 0..40 {
        c.file("src/secret", format!("{at}"));
        // It may fail, but only inside.
        c.output(["cp", "src/secret", "box:/d/secret"]);
        c.output(["cp", "src/.", "box:/d"]);
        c.output(["cp", "box:/d", "got"]);
        let _ = fs::remove_dir_all(c.home().join("got"));
        let _ = fs::remove_file(c.home().join("got"));
    }
    assert_eq!(read(&secret), "untouched");
    assert_eq!(fs::read_dir(outside).unwrap().count(), 1);
}

#[test]
fn nothing_gets_out_by_an_archive_that_lays_traps() {
    let c = boxes("hybrid", "true");
    let secret = c.file("secret", "untouched");
    let path = secret.to_str().unwrap();
    for state in STATES {
        for entries in [
            vec![Entry::file("../../../../../../../..".to_owned() + path, "bad")],
            vec![Entry::symlink("l", c.home().to_str().unwrap()), Entry::file("l/secret", "bad")],
            vec![Entry::symlink("m", path), Entry::file("m", "bad")],
            vec![Entry::hard_link("h", path), Entry::file("h", "bad")],
            vec![Entry::hard_link("h", format!("../..{path}"))],
            vec![Entry::character_device("dev", 8, 0)],
            vec![Entry::file("big", "x").claims_size(1 << 60)],
        ] {
            let output = c.given(&Tar::of(entries).finish(), ["cp", "-", &format!("{state}:/tmp")]);
            output.does_not_say("panicked");
            assert_eq!(read(&secret), "untouched");
        }
    }
    c.ok(["exec", "running", "true"]);
}

#[test]
fn what_is_mounted_is_copied_to_and_from_and_read_only_is_refused() {
    let c = Coracle::busybox();
    let data = c.file("data/there", "mounted").parent().unwrap().to_owned();
    let (rw, ro) = (format!("{}:/rw", data.display()), format!("{}:/ro:ro", data.display()));
    let flags = ["--read-only", "-v", &rw, "-v", &ro];
    c.ok(["create", "--name", "stopped"].into_iter().chain(flags).chain(["busybox", "sleep", "600"]));
    c.detached(&[&["--name", "running"], &flags[..]].concat(), "exec sleep 600");
    c.file("new", "new");
    for state in STATES {
        let at = |path: &str| format!("{state}:{path}");
        assert_eq!(inside(&c, state, "/ro/there"), "mounted");
        c.ok(["cp", "new", &at(&format!("/rw/{state}"))]);
        assert_eq!(read(data.join(state)), "new");
        c.fails(1, ["cp", "new", &at("/ro/x")])
            .says("Error response from daemon: mounted volume is marked read-only");
        c.fails(1, ["cp", "new", &at("/tmp/x")])
            .says("Error response from daemon: container rootfs is marked read-only");
    }
    c.ok(["create", "--name", "idle", "--read-only", "--tmpfs", "/tmp", "busybox"]);
    c.fails(1, ["cp", "new", "idle:/tmp/x"]).says("container rootfs is marked read-only");
    c.detached(&["--name", "scratch", "--tmpfs", "/scratch"], "exec sleep 600");
    c.ok(["cp", "new", "scratch:/scratch/"]);
    assert_eq!(c.ok(["exec", "scratch", "cat", "/scratch/new"]).text(), "new");
    c.fails(1, ["cp", "new", "scratch:/dev/null"])
        .says("destination \"scratch:/dev/null\" must be a directory or a regular file: got a device");
}

#[test]
fn a_terminal_is_told_what_was_copied() {
    let c = boxes("hybrid", "printf hello > /five; mkdir /d; printf hello > /d/f");
    c.file("five", "hello");
    let told = |args: &[&str], text: &str| {
        let mut terminal = Terminal::start(&mut c.command(args));
        terminal.expect(text);
        assert_eq!(terminal.wait(), 0);
    };
    let out = c.home().join("out");
    let out = out.to_str().unwrap();
    told(&["cp", "running:/five", out], &format!("Successfully copied 5B (transferred 2.05kB) to {out}"));
    told(&["cp", "five", "running:/new"], "Successfully copied 5B (transferred 2.05kB) to running:/new");
    told(&["cp", "stopped:/d", "d"], "Successfully copied 2.56kB to ");
    let mut quiet = Terminal::start(&mut c.command(["cp", "-q", "five", "running:/new"]));
    assert_eq!(quiet.wait(), 0);
    assert!(!quiet.screen.contains("Success"), "{}", quiet.screen);
}

#[test]
fn a_full_disk_is_said_and_leaves_no_half_file() {
    need!("unshare");
    let c = Coracle::new();
    let image = c.file("image.tar", ImageBuilder::busybox().docker_archive(&["busybox"]));
    let big = c.file("big", vec![7; 30_000_000]);
    let output = on_a_small_disk(
        &c,
        &format!(
            "$coracle load -q -i '{image}' > /dev/null
             $coracle run --name stopped busybox sh -c 'echo old > /big'
             $coracle run -d --name running busybox sh -c 'echo old > /big; exec sleep 600' > /dev/null
             for name in stopped running; do
                 $coracle cp '{big}' $name:/big; echo in $?
                 $coracle cp $name:/big - | tar -xO
                 $coracle diff $name
             done
             $coracle exec running sh -c 'head -c 9000000 /dev/zero > /large'
             $coracle cp running:/large $root/large; echo out $?; ls $root | grep -c large
             $coracle cp running:/big $root/small; echo out $?
             $coracle rm -f running > /dev/null",
            image = image.display(),
            big = big.display(),
        ),
    );
    let told = "Error response from daemon: write big: no space left on device";
    assert_eq!(output.err().matches(told).count(), 2, "{output}");
    let (one, last) = (["in 1", "old", "A /big"], ["out 1", "0", "out 0"]);
    assert_eq!(output.lines(), [&one[..], &one, &last].concat(), "{output}");
}

#[test]
fn many_at_once_and_a_killed_one_leave_everything_in_order() {
    for mode in MODES {
        let c = boxes(mode, "true");
        for at in 0..4 {
            c.file(&format!("f{at}"), vec![at; 2_000_000]);
        }
        let mut copies: Vec<_> = (0..4)
            .flat_map(|at| STATES.map(|state| c.spawn(["cp", &format!("f{at}"), &format!("{state}:/f{at}")])))
            .collect();
        for copy in &mut copies {
            assert_eq!(copy.wait(), 0);
        }
        for (state, processes) in [("stopped", 2), ("running", 1)] {
            // One that waits for its input for ever, in the middle of a file.
            let mut forever = c.command(["cp", "-", &format!("{state}:/")]);
            let fifo = c.home().join(format!("fifo-{state}"));
            crate::harness::command::tool("mkfifo", [&fifo]).success();
            let mut writer = fs::File::options().read(true).write(true).open(&fifo).unwrap();
            let cut = Tar::of([Entry::file("half", vec![7; 9000]).claims_size(1 << 20)]).unfinished();
            writer.write_all(&cut).unwrap();
            forever.stdin(fs::File::open(&fifo).unwrap());
            let mut forever = forever.spawn().unwrap();
            let errands = || {
                let is_errand = |pid: &i32| {
                    fs::read(format!("/proc/{pid}/cmdline"))
                        .is_ok_and(|line| line.starts_with(b"coracle-errand"))
                };
                c.processes().into_iter().filter(is_errand).count()
            };
            eventually("the copy", || errands() == processes);
            if state == "running" {
                eventually("the half file", || c.ok(["diff", state]).text().contains("coracle-cp"));
            }
            forever.kill().unwrap();
            forever.wait().unwrap();
            eventually("the end of it", || errands() == 0);
            drop(writer);
        }
        assert!(!c.ok(["diff", "running"]).text().contains("coracle-cp"), "{mode}");
        c.ok(["start", "-a", "stopped"]);
        let diff = c.ok(["diff", "stopped"]);
        assert_eq!(diff.lines(), ["A /f0", "A /f1", "A /f2", "A /f3"], "{mode}");
        c.ok(["rm", "stopped"]);
    }
}

#[test]
fn a_container_that_ends_meanwhile_is_one_that_does_not_run() {
    let c = Coracle::busybox();
    c.file("f", "x");
    c.ok(["create", "--name", "box", "busybox", "true"]);
    for _ in 0..10 {
        let mut start = c.spawn(["start", "-a", "box"]);
        c.ok(["cp", "f", "box:/f"]);
        assert_eq!(start.wait(), 0);
        c.ok(["cp", "box:/f", "out"]);
    }
    assert_eq!(read(c.home().join("out")), "x");
}

#[test]
fn volumes_of_a_stopped_container_are_written_and_read() {
    let c = Coracle::busybox();
    let file = c.file("mine/f", "content\n");
    let mine = file.parent().expect("it has one").to_owned();
    let over = format!("{}:/over:O", mine.display());
    c.ok(["create", "--name", "box", "-v", "db:/d", "-v", &over, "busybox", "cat", "/d/f"]);
    let source = file.to_str().expect("UTF-8");
    c.ok(["cp", source, "box:/d/f"]);
    assert_eq!(c.ok(["start", "-a", "box"]).line(), "content");
    assert_eq!(c.sh(&["-v", "db:/x"], "cat /x/f").line(), "content");
    let back = c.home().join("back");
    c.ok(["cp", "box:/d/f", back.to_str().expect("UTF-8")]);
    assert_eq!(std::fs::read_to_string(back).expect("it was copied"), "content\n");
    // What is under an overlay stays as it is.
    c.output(["cp", source, "box:/over/g"]);
    assert_eq!(std::fs::read_dir(mine).expect("it is there").count(), 1);
}

#[test]
fn what_a_killed_copy_has_left_is_removed_by_the_next_one() {
    let c = Coracle::busybox();
    c.file("f", "x");
    let id = c.detached(
        &["-v", "db:/d"],
        "cd /d; for left in 999999999-0-aa 999999999-1-aa 1-0-aa; do echo x > .coracle-cp-$left; done; \
         touch -d '2020-01-01 00:00:00' .coracle-cp-999999999-0-aa .coracle-cp-1-0-aa; echo go; exec sleep 600",
    );
    c.wait_for_log(&id, "go");
    c.ok(["cp", "f", &format!("{id}:/d/f")]);
    // What is being written, and what a process that lives is to write, stays.
    assert_eq!(
        c.ok(["exec", &id, "ls", "-A", "/d"]).lines(),
        [".coracle-cp-1-0-aa", ".coracle-cp-999999999-1-aa", "f"]
    );
}

//! All of an image arrives in the container, and writing behaves as on any file system, in every way that
//! the root can be mounted: H (hybrid), F (full) and unpacked.

use std::process::Command;

use crate::harness::archive::busybox_program;
use crate::harness::command::output;
use crate::harness::{Coracle, DEADLINE, Entry, ImageBuilder, Tar, busybox, skip};
use crate::need;

/// The same tests once per way of mounting.
macro_rules! in_every_mode {
    ($($test:ident),+ $(,)?) => {
        mod hybrid { $(#[test] fn $test() { super::$test("hybrid"); })+ }
        mod full { $(#[test] fn $test() { super::$test("full"); })+ }
        mod unpacked { $(#[test] fn $test() { super::$test("unpacked"); })+ }
    };
}

in_every_mode!(
    the_mode_is_the_one_asked_for,
    owners_modes_and_times_arrive,
    kinds_of_files_arrive,
    links_arrive_across_layers,
    whiteouts_and_opaque_directories_hide,
    strange_names_arrive,
    huge_sparse_files_arrive,
    extended_attributes_arrive,
    file_capabilities_work,
    setuid_works,
    many_files_are_listed_once,
    lower_files_can_be_changed,
    everybody_may_enter_the_root,
    lower_directories_can_be_changed,
    removed_names_can_be_used_again,
    hard_links_stay_one_file,
    renames_work,
    owners_and_modes_can_be_changed,
    open_files_survive_removal,
    what_was_written_survives_a_restart,
    big_files_are_written_whole,
    concurrent_writers_do_not_disturb_each_other,
    special_files_can_be_made,
);

fn coracle(mode: &str) -> Coracle {
    let option = format!("overlay={mode}");
    Coracle::new().with_run_flags(&["--storage-opt", &option])
}

fn with(mode: &str, image: &ImageBuilder) -> Coracle {
    let c = coracle(mode);
    c.load(&image.docker_archive(&["busybox:latest"]));
    c
}

fn the_mode_is_the_one_asked_for(mode: &str) {
    let c = with(mode, &ImageBuilder::busybox());
    let kind = c.sh(&[], "awk '$2 == \"/\" { print $3 }' /proc/mounts").line();
    let expected = if mode == "full" { "fuse" } else { "overlay" };
    assert!(kind.starts_with(expected), "{kind}");
}

fn owners_modes_and_times_arrive(mode: &str) {
    need!(ids);
    let c = with(
        mode,
        &ImageBuilder::busybox().layer([
            Entry::directory("d/").owner(7, 8).mode(0o2750).mtime(1_500_000_000),
            Entry::file("d/f", "x").owner(1234, 4321).mode(0o640).pax("mtime", "1577934245.123456789"),
            Entry::file("d/old", "x").pax("mtime", "-86400.5"),
            Entry::file("d/new", "x").pax("mtime", "7258118400.000000001"),
            Entry::file("d/suid", "x").mode(0o4755),
            Entry::file("d/none", "x").mode(0o000),
            Entry::symlink("d/link", "f").owner(5, 6).mtime(1_400_000_000),
            Entry::directory("sticky/").mode(0o1777),
        ]),
    );
    let show = |path: &str, format: &str| c.sh(&[], &format!("stat -c '{format}' {path}")).line();
    assert_eq!(show("/d", "%u:%g %a %Y"), "7:8 2750 1500000000");
    assert_eq!(show("/d/f", "%u:%g %a %y"), "1234:4321 640 2020-01-02 03:04:05.123456789 +0000");
    assert_eq!(show("/d/old", "%y"), "1969-12-30 23:59:59.500000000 +0000");
    assert_eq!(show("/d/new", "%y"), "2200-01-01 00:00:00.000000001 +0000");
    assert_eq!(show("/d/suid", "%u:%g %a"), "0:0 4755");
    assert_eq!(show("/d/none", "%a"), "0");
    assert_eq!(show("/d/link", "%u:%g %Y"), "5:6 1400000000");
    assert_eq!(show("/sticky", "%a"), "1777");
}

fn kinds_of_files_arrive(mode: &str) {
    let c = with(
        mode,
        &ImageBuilder::busybox().layer([
            Entry::directory("k/"),
            Entry::file("k/file", ""),
            Entry::symlink("k/link", "/no/such/target"),
            Entry::fifo("k/fifo").mode(0o622),
            Entry::character_device("k/null", 1, 3).mode(0o666),
            Entry::directory("k/dir/"),
        ]),
    );
    let output = c.sh(&[], "cd /k; for f in dir fifo file link; do stat -c '%n %F' $f; done; readlink link");
    assert_eq!(
        output.lines(),
        ["dir directory", "fifo fifo", "file regular empty file", "link symbolic link", "/no/such/target"]
    );
    if mode == "unpacked" {
        // An ordinary user cannot make a device node.
        return;
    }
    let device = c.sh(&[], "stat -c '%F %t,%T %a' /k/null");
    assert_eq!(device.line(), "character special file 1,3 666");
}

fn links_arrive_across_layers(mode: &str) {
    let c = with(
        mode,
        &ImageBuilder::busybox()
            .layer([
                Entry::directory("l/"),
                Entry::file("l/a", "content\n"),
                Entry::hard_link("l/b", "l/a"),
                Entry::file("l/early", "early\n"),
            ])
            .layer([Entry::hard_link("l/late", "l/early"), Entry::hard_link("l/late2", "./l/late")]),
    );
    let output = c.sh(&[], "cd /l; cat b late late2; test a -ef b && echo same; stat -c %h a b");
    assert_eq!(output.lines(), ["content", "early", "early", "same", "2", "2"]);
    assert_eq!(c.sh(&[], "cd /l; test late -ef late2 && echo same").line(), "same");
}

fn whiteouts_and_opaque_directories_hide(mode: &str) {
    let c = with(
        mode,
        &ImageBuilder::busybox()
            .layer([
                Entry::directory("w/"),
                Entry::file("w/gone", "x"),
                Entry::file("w/kept", "x"),
                Entry::directory("w/tree/"),
                Entry::file("w/tree/x", "x"),
                Entry::directory("o/"),
                Entry::file("o/hidden", "x"),
                Entry::directory("o/sub/"),
                Entry::file("o/sub/hidden", "x"),
                Entry::file("file-then-directory", "x"),
                Entry::directory("directory-then-file/"),
                Entry::file("directory-then-file/x", "x"),
                Entry::directory("back/"),
                Entry::file("back/old", "x"),
            ])
            .layer([
                Entry::file("w/.wh.gone", ""),
                Entry::file("w/.wh.tree", ""),
                Entry::directory("o/"),
                Entry::file("o/.wh..wh..opq", ""),
                Entry::file("o/shown", "x"),
                Entry::directory("file-then-directory/"),
                Entry::file("file-then-directory/y", "y"),
                Entry::file("directory-then-file", "now a file\n"),
                Entry::file(".wh.back", ""),
            ])
            .layer([
                Entry::directory("back/"),
                Entry::file("back/new", "x"),
                Entry::directory("o/sub/"),
                Entry::file("o/sub/later", "x"),
            ]),
    );
    let output = c.sh(&[], "ls /w /o /o/sub /file-then-directory /back | tr '\\n' ' '; cat /directory-then-file; ls -a / | grep -c wh || true");
    let lines = output.lines();
    assert_eq!(
        lines[0].trim_end(),
        "/back: new  /file-then-directory: y  /o: shown sub  /o/sub: later  /w: kept now a file",
        "{output}"
    );
    assert_eq!(lines[1], "0");
}

fn strange_names_arrive(mode: &str) {
    let long = "n".repeat(255);
    let mut deep = String::from("deep");
    let mut entries = vec![Entry::directory("s/")];
    for _ in 0..12 {
        deep = format!("{deep}/{}", "p".repeat(100));
    }
    entries.push(Entry::file(format!("s/{long}"), "long\n"));
    entries.push(Entry::file(format!("{deep}/f"), "deep\n"));
    entries.push(Entry::file(b"s/\xff\xfe-bytes", "bytes\n"));
    entries.push(Entry::file("s/new\nline", "newline\n"));
    entries.push(Entry::file("s/ü 日本 *?'\"\\", "text\n"));
    entries.push(Entry::file("s/-rf", "dash\n"));
    let c = with(mode, &ImageBuilder::busybox().layer(entries));
    let too_long = format!("cat /s/{long}n 2>&1; mkdir /s/{long}n 2>&1; true");
    assert!(c.sh(&[], &too_long).lines().iter().all(|line| line.ends_with("File name too long")));
    assert_eq!(c.sh(&[], "ls -1 /s | wc -l").line(), "5", "a newline is shown as a question mark");
    let script = "cd /s; cat nn*; cat $(printf '\\377\\376-bytes'); cat new*; cat ü*; cat ./-rf; cat /deep/*/*/*/*/*/*/*/*/*/*/*/*/f";
    assert_eq!(c.sh(&[], script).lines(), ["long", "bytes", "newline", "text", "dash", "deep"]);
}

/// GNU's sparse format 1.0 in PAX: the map stands before the data.
fn sparse(name: &str, size: u64, chunks: &[(u64, &[u8])]) -> Entry {
    let mut data = format!("{}\n", chunks.len());
    for (offset, bytes) in chunks {
        data += &format!("{offset}\n{}\n", bytes.len());
    }
    let mut data = data.into_bytes();
    data.resize(data.len().next_multiple_of(512), 0);
    for (_, bytes) in chunks {
        data.extend_from_slice(bytes);
    }
    Entry::file(format!("GNUSparseFile.0/{name}"), data)
        .pax("GNU.sparse.major", "1")
        .pax("GNU.sparse.minor", "0")
        .pax("GNU.sparse.name", name)
        .pax("GNU.sparse.realsize", size.to_string())
}

fn huge_sparse_files_arrive(mode: &str) {
    let size = 8_u64 << 30;
    let last = vec![b'z'; 512];
    let c = with(
        mode,
        &ImageBuilder::busybox().layer([
            sparse("huge", size, &[(0, &[b'a'; 512]), (size - 512, &last)]),
            sparse("empty", 4096, &[]),
        ]),
    );
    let script = "stat -c '%n %s' /huge /empty; head -c 3 /huge; echo
        dd if=/huge bs=1048576 skip=8191 count=1 2>/dev/null | tail -c 3; echo
        dd if=/huge bs=1048576 skip=4000 count=1 2>/dev/null | tr -d '\\0' | wc -c; tr -d '\\0' < /empty | wc -c";
    assert_eq!(c.sh(&[], script).lines(), ["/huge 8589934592", "/empty 4096", "aaa", "zzz", "0", "0"]);
    use std::os::unix::fs::MetadataExt;
    let facts = c.store_files().into_iter().filter_map(|file| file.metadata().ok());
    // Hard links (busybox's applets, unpacked) are one file.
    let files: std::collections::HashMap<u64, u64> =
        facts.map(|file| (file.ino(), file.blocks() * 512)).collect();
    let stored: u64 = files.values().sum();
    assert!(stored < 50_000_000, "{stored} bytes on disk");
}

/// A program of this machine with the libraries that it needs.
fn host_program(name: &str) -> Option<Vec<Entry>> {
    let path = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| path.exists())?;
    let listed = output(Command::new("ldd").arg(&path), None, DEADLINE);
    let libraries = listed.text().split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned);
    let files = libraries.chain([path.to_str()?.to_owned()]);
    files
        .map(|file| Some(Entry::file(file.trim_start_matches('/'), std::fs::read(&file).ok()?).mode(0o755)))
        .collect()
}

fn extended_attributes_arrive(mode: &str) {
    let Some(getfattr) = host_program("getfattr") else { return skip("getfattr is not installed") };
    let files = [
        Entry::file("x", "1").xattr("user.one", "value").xattr("user.two", b"two\nlines"),
        Entry::directory("xd/").xattr("user.dir", "d"),
    ];
    let c = with(mode, &ImageBuilder::busybox().layer(getfattr).layer(files));
    let output = c.sh(&[], "getfattr --only-values -n user.one /x; echo; getfattr -n user.two -e hex --only-values /x; echo; getfattr --only-values -n user.dir /xd");
    assert_eq!(output.text(), "value\ntwo\nlines\nd");
}

/// A busybox under an applet's name, so that it needs no link.
fn applet(path: &str) -> Entry {
    Entry::file(path, busybox_program()).mode(0o755)
}

fn file_capabilities_work(mode: &str) {
    need!(ids);
    need!(mode != "unpacked", "an unpacked tree is written by an ordinary user");
    // struct vfs_cap_data, revision 2, effective: CAP_NET_BIND_SERVICE (bit 10) permitted.
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let c = with(
        mode,
        &ImageBuilder::busybox()
            .layer([Entry::directory("cap/"), applet("cap/grep").xattr("security.capability", capability)]),
    );
    let output = c.ok(["run", "--rm", "-u", "1000", "busybox", "/cap/grep", "^CapEff", "/proc/self/status"]);
    assert!(output.line().ends_with("0000000000000400"), "{output}");
}

fn setuid_works(mode: &str) {
    need!(ids);
    // busybox would give up what it got.
    let Some(mut id) = host_program("id") else { return skip("id and its libraries are not found") };
    let program = id.pop().expect("the program comes last").mode(0o4755);
    let c = with(mode, &ImageBuilder::busybox().layer(id).layer([program.rename("su-id")]));
    let output = c.ok(["run", "--rm", "-u", "1000", "busybox", "/su-id"]);
    assert!(output.line().contains("euid=0(root)"), "{output}");
    let no_new = ["--security-opt", "no-new-privileges"];
    let args = ["run", "--rm", "-u", "1000"].into_iter().chain(no_new).chain(["busybox", "/su-id"]);
    let output = c.ok(args);
    assert!(!output.line().contains("euid=0"), "{output}");
}

fn many_files_are_listed_once(mode: &str) {
    let layer = |from: usize| {
        let files = (from..from + 3000).map(|nth| Entry::file(format!("many/{nth}"), format!("{nth}")));
        std::iter::once(Entry::directory("many/")).chain(files).collect::<Vec<_>>()
    };
    let c = with(mode, &ImageBuilder::busybox().layer(layer(0)).layer(layer(1500)));
    let script = "touch /many/own; ls /many | wc -l; ls /many | sort -u | wc -l; cat /many/* | wc -c; rm /many/1*; ls /many | wc -l";
    // 0 to 4499 and our own; one digit, two, three and four.
    let bytes = 10 + 90 * 2 + 900 * 3 + 3500 * 4;
    let left = 4501 - (1 + 10 + 100 + 1000);
    assert_eq!(c.sh(&[], script).lines(), ["4501", "4501", &bytes.to_string(), &left.to_string()]);
}

fn small_tree() -> ImageBuilder {
    ImageBuilder::busybox().layer([
        Entry::directory("t/"),
        Entry::file("t/a", "lower a\n"),
        Entry::file("t/b", "lower b\n"),
        Entry::hard_link("t/b2", "t/b"),
        Entry::symlink("t/l", "a"),
        Entry::directory("t/d/"),
        Entry::file("t/d/x", "lower x\n"),
        Entry::directory("t/d/e/"),
        Entry::file("t/d/e/y", "lower y\n"),
    ])
}

fn lower_files_can_be_changed(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "cd /t; echo more >> a; cat a; echo new > a; cat a l; truncate -s 3 d/x; cat d/x; echo
        dd if=/dev/zero of=d/e/y bs=1 seek=6 count=1 conv=notrunc 2>/dev/null; od -An -c d/e/y; stat -c %s a";
    let output = c.sh(&[], script);
    let y = "   l   o   w   e   r      \\0  \\n";
    assert_eq!(output.lines(), ["lower a", "more", "new", "new", "low", y, "4"]);
    assert_eq!(c.sh(&[], "cat /t/a").line(), "lower a");
}

fn everybody_may_enter_the_root(mode: &str) {
    let c = with(mode, &small_tree().layer([Entry::directory("./").mode(0o700)]));
    assert_eq!(c.sh(&[], "stat -c %a /").line(), "755");
}

fn lower_directories_can_be_changed(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "cd /t; rm d/x; mkdir d/n; echo n > d/n/f; ls d; rmdir d/n 2>&1 | grep -o 'not empty'; rm -r d; ls; mkdir d; ls -A d";
    assert_eq!(c.sh(&[], script).lines(), ["e", "n", "not empty", "a", "b", "b2", "l"]);
}

fn removed_names_can_be_used_again(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "cd /t; rm a; test ! -e a && echo gone; echo again > a; cat a; rm a; mkdir a; touch a/f; ls a
        rm -r d; echo file > d; cat d; rm d; ln -s a d; ls d; rm d; mkdir d; ls -A d | wc -l; rm l; mkfifo l; test -p l && echo fifo";
    assert_eq!(c.sh(&[], script).lines(), ["gone", "again", "f", "file", "f", "0", "fifo"]);
}

fn hard_links_stay_one_file(mode: &str) {
    let c = with(mode, &small_tree());
    // A link made in the container, to a file of the image.
    let output = c.sh(
        &[],
        "cd /t; ln a a2; echo changed > a; cat a2; stat -c %h a a2; test a -ef a2 && echo same || true",
    );
    assert_eq!(output.lines()[..3], ["changed", "2", "2"], "{output}");
    if mode == "full" {
        // The kernel's overlayfs shows a copied-up file with the number of its origin, its new link without.
        assert_eq!(output.lines()[3], "same", "{output}");
    }
    // Links of the image: the kernel's overlayfs breaks them on writing unless it has an index.
    let output = c.sh(&[], "cd /t; test b -ef b2 && echo same; rm b; cat b2");
    assert_eq!(output.lines(), ["same", "lower b"]);
}

fn renames_work(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "cd /t; mv a z; ls; cat z; mv d moved; cat moved/x moved/e/y; test -e d || echo gone; mv moved/x b; cat b
        mkdir d; echo own > d/f; mv d renamed; cat renamed/f; mv renamed moved/e/; cat moved/e/renamed/f; ls | tr '\\n' ' '";
    let output = c.sh(&[], script);
    let lines = output.lines();
    assert_eq!(lines[..6], ["b", "b2", "d", "l", "z", "lower a"], "{output}");
    assert_eq!(
        lines[6..],
        ["lower x", "lower y", "gone", "lower x", "own", "own", "b b2 l moved z "],
        "{output}"
    );
}

fn owners_and_modes_can_be_changed(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "cd /t; chmod 600 a; chmod 2711 d; touch -d '2001-02-03 04:05:06' b; stat -c '%a' a d; stat -c %y b; cat a";
    let output = c.sh(&[], script);
    let time = output.lines()[2].to_owned();
    assert_eq!(output.lines(), ["600", "2711", &time, "lower a"]);
    assert!(time.starts_with("2001-02-03 04:05:06"), "{time}");
    if !crate::harness::has_subordinate_ids() {
        return;
    }
    let script = "cd /t; chown 12:34 a; chown -h 5:6 l; chown -R 7:8 d; stat -c '%u:%g' a l d d/e/y; su app -s /bin/sh -c 'cat /t/a; touch /tmp/mine; stat -c %u:%g /tmp/mine'";
    assert_eq!(c.sh(&[], script).lines(), ["12:34", "5:6", "7:8", "7:8", "lower a", "1000:1000"]);
}

fn open_files_survive_removal(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "cd /t; exec 3<a; rm a; cat <&3; exec 4>own; echo x >&4; rm own; echo y >&4; cat /proc/self/fd/4; exec 5<b; echo changed > b; cat <&5";
    let output = c.sh(&[], script);
    let lines = output.lines();
    assert_eq!(lines[..3], ["lower a", "x", "y"], "{output}");
    // A file that was open for reading when it was copied up may show either content: the kernel's
    // overlayfs keeps the old one.
    assert!(matches!(lines[3], "lower b" | "changed"), "{output}");
}

fn what_was_written_survives_a_restart(mode: &str) {
    let c = with(mode, &small_tree());
    let script =
        "cd /t; if test -e /again; then ls; cat a new/f; stat -c %a new; test -e d || echo gone; else
        echo changed > a; rm b b2; rm -r d; mkdir -m 700 new; echo f > new/f; ln -s x y; touch /again; fi";
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", script]);
    let output = c.ok(["start", "-a", "box"]);
    assert_eq!(output.lines(), ["a", "l", "new", "y", "changed", "f", "700", "gone"]);
    c.ok(["rm", "box"]);
}

fn big_files_are_written_whole(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "head -c 50000000 /dev/urandom > /big; sha256sum < /big; cp /big /copy; sha256sum < /copy; cat /big /copy > /two; stat -c %s /two
        dd if=/dev/zero of=/holes bs=1 seek=3000000000 count=1 2>/dev/null; stat -c %s /holes; test $(stat -c %b /holes) -lt 1000 && echo sparse; fallocate -l 1000000 /fa && stat -c %s /fa";
    let output = c.sh(&[], script);
    let lines = output.lines();
    assert_eq!(lines[0], lines[1]);
    assert_eq!(lines[2..], ["100000000", "3000000001", "sparse", "1000000"], "{output}");
}

fn concurrent_writers_do_not_disturb_each_other(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "mkdir /w; for i in 1 2 3 4 5 6 7 8; do (mkdir /w/$i; j=0; while [ $j -lt 50 ]; do echo $i-$j > /w/$i/$j; cat /t/d/e/y >> /w/$i/$j; mv /w/$i/$j /w/$i/m$j; j=$((j+1)); done) & done; wait; find /w -type f | wc -l; cat /w/*/m* | wc -l";
    assert_eq!(c.sh(&[], script).lines(), ["400", "800"]);
}

fn special_files_can_be_made(mode: &str) {
    let c = with(mode, &small_tree());
    let script = "mkfifo /p && (echo through > /p & cat /p); mknod /n c 1 3 2>/dev/null && stat -c %F /n || echo denied; nc -lU /sock 2>/dev/null & true; ln -s loop /loop; cat /loop 2>&1 | grep -o 'Too many.*\\|Symbolic.*'";
    let output = c.sh(&[], script);
    assert_eq!(output.lines()[0], "through");
    // Nobody but the real root makes device nodes in a user namespace; emulated ones have them to look at.
    let is_emulated = mode == "full" && !crate::harness::has_subordinate_ids();
    assert_eq!(output.lines()[1], if is_emulated { "character special file" } else { "denied" });
}

#[test]
fn an_unknown_mode_is_refused() {
    let c = Coracle::busybox();
    c.fails(125, ["run", "--rm", "--storage-opt", "overlay=nosuch", "busybox", "true"]).says("nosuch");
}

#[test]
fn an_image_of_many_layers_works() {
    let image = (0..60).fold(ImageBuilder::busybox(), |image, nth| {
        let previous = format!("layers/.wh.{}", nth - 1);
        let mut entries = vec![Entry::directory("layers/"), Entry::file(format!("layers/{nth}"), "x")];
        if nth % 3 == 2 {
            entries.push(Entry::file(previous, ""));
        }
        image.layer(entries)
    });
    let c = Coracle::new();
    c.load(&image.docker_archive(&["deep:1"]));
    assert_eq!(c.ok(["run", "--rm", "deep:1", "sh", "-c", "ls /layers | wc -l"]).line(), "40");
}

#[test]
fn an_image_without_layers_can_be_looked_at_but_not_run() {
    let c = Coracle::new();
    c.load(&ImageBuilder::new().docker_archive(&["empty:1"]));
    assert_eq!(c.inspect("empty:1", "{{.Size}}"), "0");
    c.fails(127, ["run", "--rm", "empty:1", "/bin/sh"]);
}

#[test]
fn missing_directories_for_mounts_are_made() {
    // An image with a single static program has neither /proc nor /dev nor /etc.
    let c = Coracle::new();
    let program = busybox_program();
    c.import("bare", &Tar::of([Entry::file("busybox", program).mode(0o755)]).finish());
    let output = c.ok([
        "run",
        "--rm",
        "bare",
        "/busybox",
        "sh",
        "-c",
        "/busybox ls -d /proc/self /dev/null /etc/hosts /sys/kernel",
    ]);
    assert_eq!(output.lines().len(), 4);
}

#[test]
fn the_default_mode_writes_at_kernel_speed_where_it_can() {
    let c = Coracle::new();
    c.import("busybox", busybox());
    let id = c.detached(&[], "exec sleep 600");
    let driver = c.inspect(&id, "{{.GraphDriver.Name}}");
    assert!(["hybrid", "full", "unpacked"].iter().any(|mode| driver.contains(mode)), "{driver}");
}

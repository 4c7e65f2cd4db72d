//! `--userns`, `--uidmap` and what goes with them: which ids a container has, whose its files are.

use crate::harness::{Coracle, Entry, ImageBuilder};
use crate::need;

/// A busybox whose files have several owners.
fn with_owners() -> Coracle {
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([
        Entry::file(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/:/bin/sh\nlate:x:2000:2000::/:/bin/sh\n",
        ),
        Entry::directory("owned").owner(33, 34),
        Entry::file("owned/f", "x").owner(33, 34),
        Entry::file("owned/root", "x"),
    ]);
    c.load(&image.docker_archive(&["busybox:latest"]));
    c
}

fn me() -> u32 {
    rustix::process::getuid().as_raw()
}

const OWNERS: &str = "stat -c %u:%g / /owned /owned/f /owned/root";
const THEIRS: [&str; 4] = ["0:0", "33:34", "33:34", "0:0"];

#[test]
fn the_image_has_its_owners_in_every_mode() {
    need!(ids);
    let c = with_owners();
    for mode in ["host", "private", "keep-id", "keep-id:uid=33,gid=34", "auto", "auto:size=3000", "nomap"] {
        for overlay in ["overlay=hybrid", "overlay=full"] {
            let flags = ["--userns", mode, "-u", "0", "--storage-opt", overlay];
            assert_eq!(c.sh(&flags, OWNERS).lines(), THEIRS, "{mode} {overlay}");
        }
    }
    let flags = ["--userns", "keep-id", "-u", "0", "--storage-opt", "overlay=unpacked"];
    assert_eq!(c.sh(&flags, OWNERS).lines(), THEIRS);
    assert_eq!(c.sh(&["--storage-opt", "overlay=unpacked"], OWNERS).lines(), THEIRS);
    assert_eq!(c.sh(&["--uidmap", "0:1:3000", "-u", "0"], OWNERS).lines(), THEIRS);
}

#[test]
fn what_is_written_stays_right_after_a_restart() {
    need!(ids);
    let c = with_owners();
    for mode in ["keep-id", "auto", "nomap"] {
        for overlay in ["overlay=hybrid", "overlay=full"] {
            let script = "if [ -e /owned/new ]; then stat -c %u:%g /owned/f /owned/new /owned/root; \
                          else echo y >> /owned/f; echo y >> /owned/root; touch /owned/new; chown 7:8 /owned/new; fi";
            let flags = ["create", "--name", "box", "--userns", mode, "-u", "0", "--storage-opt", overlay];
            c.ok(flags.into_iter().chain(["busybox", "sh", "-c", script]));
            assert_eq!(c.ok(["start", "-a", "box"]).text(), "");
            assert_eq!(c.ok(["start", "-a", "box"]).lines(), ["33:34", "7:8", "0:0"], "{mode} {overlay}");
            c.ok(["commit", "box", "made"]);
            assert_eq!(
                c.ok(["run", "--rm", "made", "stat", "-c", "%u:%g", "/owned/new", "/owned/root"]).lines(),
                ["7:8", "0:0"]
            );
            c.ok(["rm", "box"]);
        }
    }
}

#[test]
fn keep_id_is_the_caller() {
    let c = Coracle::busybox();
    let own = me().to_string();
    assert_eq!(c.sh(&["--userns", "keep-id"], "id -u").line(), own);
    assert_eq!(c.sh(&["--userns", "keep-id:uid=7"], "id -u").line(), "7");
    let file = c.file("mine/f", "x");
    let mount = format!("{}:/m", file.parent().expect("it has one").display());
    assert_eq!(
        c.sh(&["--userns", "keep-id:uid=7", "-v", &mount], "stat -c %u /m/f; echo y > /m/g; stat -c %u /m/g")
            .lines(),
        ["7", "7"]
    );
    use std::os::unix::fs::MetadataExt;
    assert_eq!(std::fs::metadata(file.with_file_name("g")).expect("it was made").uid(), me());
    c.ok(["create", "--name", "box", "--userns", "keep-id:uid=7,size=10", "busybox"]);
    assert_eq!(c.inspect("box", "{{.HostConfig.UsernsMode}}"), "keep-id:uid=7,size=10");
}

#[test]
fn keep_id_can_be_small() {
    need!(ids);
    let c = Coracle::busybox();
    let map = "awk '{ n += $3 } END { print n }' /proc/self/uid_map";
    assert_eq!(c.sh(&["--userns", "keep-id:uid=7,gid=7,size=10"], map).line(), "10");
}

#[test]
fn nomap_has_none_of_the_callers() {
    need!(ids);
    let c = Coracle::busybox();
    let file = c.file("mine/f", "x");
    crate::harness::set_mode(&file, 0o644);
    let mount = format!("{}:/m", file.parent().expect("it has one").display());
    let flags = ["--userns", "nomap", "-v", &mount];
    assert_eq!(
        c.sh(&flags, "id -u; stat -c %u /m/f; touch /m/g 2>/dev/null || echo refused; echo ok > /f; cat /f")
            .lines(),
        ["0", "65534", "refused", "ok"]
    );
    c.ok(["create", "--name", "box", "--userns", "nomap", "busybox"]);
    assert_eq!(c.inspect("box", "{{.HostConfig.UsernsMode}}"), "nomap");
}

#[test]
fn auto_gives_each_its_own() {
    need!(ids);
    let c = with_owners();
    let first = |flags: &[&str]| -> (u32, u32) {
        let output = c.ok(["run"].into_iter().chain(flags.iter().copied()).chain([
            "busybox",
            "cat",
            "/proc/self/uid_map",
        ]));
        let fields: Vec<u32> =
            output.line().split_whitespace().map(|n| n.parse().expect("a number")).collect();
        assert_eq!(fields[0], 0);
        (fields[1], fields[2])
    };
    // So many as the image has users.
    let (start, count) = first(&["--userns", "auto", "--name", "one"]);
    assert_eq!((start, count), (1, 2001));
    let (next, count) = first(&["--userns", "auto:size=5000", "--name", "two"]);
    assert_eq!((next, count), (2002, 5000));
    assert_eq!(c.inspect("two", "{{.HostConfig.UsernsMode}}"), "auto:size=5000");
    // The same at every start.
    assert_eq!(c.ok(["start", "-a", "two"]).line().split_whitespace().nth(1), Some("2002"));
    // Who has the map of another keeps its ids after that one has gone.
    c.ok(["create", "--userns", "container:one", "--name", "like", "busybox"]);
    c.ok(["rm", "one"]);
    assert_eq!(first(&["--rm", "--userns", "auto:size=100"]), (7002, 100));
    c.ok(["rm", "like"]);
    assert_eq!(first(&["--rm", "--userns", "auto:size=100"]), (1, 100));
    c.fails(125, ["run", "--userns", "auto:size=4000000000", "busybox"])
        .says("could not find enough available IDs");
    let flags = ["--userns", "auto:size=50,uidmapping=7:0:1", "-u", "7"];
    assert_eq!(c.sh(&flags, "wc -l < /proc/self/uid_map; id -u").lines(), ["3", "7"]);
}

#[test]
fn many_autos_at_once_do_not_share() {
    need!(ids);
    let c = Coracle::busybox();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| c.ok(["create", "--userns", "auto", "busybox", "cat", "/proc/self/uid_map"]));
        }
    });
    let mut starts: Vec<String> = c
        .ok(["ps", "-aq"])
        .lines()
        .iter()
        .map(|id| c.ok(["start", "-a", id]).line().split_whitespace().nth(1).expect("a field").to_owned())
        .collect();
    starts.sort();
    starts.dedup();
    assert_eq!(starts.len(), 6);
}

#[test]
fn another_containers_map_is_taken() {
    let c = Coracle::busybox();
    let id = c.ok(["create", "--name", "one", "--userns", "keep-id:uid=7", "busybox"]).line();
    let map = c.sh(&["--userns", "keep-id:uid=7"], "cat /proc/self/uid_map").text().to_owned();
    assert_eq!(
        c.sh(&["--userns", "container:one"], "id -u; cat /proc/self/uid_map").text(),
        format!("7\n{map}")
    );
    c.ok(["create", "--name", "two", "--userns", "container:one", "busybox", "id", "-u"]);
    assert_eq!(c.inspect("two", "{{.HostConfig.UsernsMode}}"), format!("container:{id}"));
    c.ok(["rm", "one"]);
    assert_eq!(c.ok(["start", "-a", "two"]).line(), "7");
    c.fails(125, ["run", "--userns", "container:nosuch", "busybox"]).says("No such container: nosuch");
}

#[test]
fn maps_are_as_asked_for() {
    need!(ids);
    let c = Coracle::busybox();
    let maps = "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '";
    assert_eq!(
        c.sh(&["--uidmap", "0:1:5", "--uidmap", "7:0:1"], maps).lines(),
        [" 0 1 5", " 7 0 1", " 0 1 5", " 7 0 1"]
    );
    assert_eq!(c.sh(&["--uidmap", "0:1:5", "--gidmap", "0:10:5"], maps).lines(), [" 0 1 5", " 0 10 5"]);
    // The rest of the default stays.
    let extended =
        c.sh(&["--uidmap", "u+7:0:1", "-u", "7"], "id -u; awk '$1 == 7' /proc/self/uid_map | tr -s ' '");
    assert_eq!(extended.lines(), ["7", " 7 0 1"]);
    // By the host's number.
    let own = format!("0:@{}:1", me());
    let flags = ["--uidmap", own.as_str(), "--gidmap", "0:0:1"];
    assert_eq!(c.sh(&flags, maps).lines(), [" 0 0 1", " 0 0 1"]);
    c.ok(["create", "--name", "box", "--uidmap", "0:1:5", "--gidmap", "+3:0:1", "busybox"]);
    let config = &c.inspect_json("box")["HostConfig"];
    assert_eq!(config["UsernsMode"], "private");
    assert_eq!(config["IDMappings"], serde_json::json!({ "UidMap": ["0:1:5"], "GidMap": ["+3:0:1"] }));
}

#[test]
fn names_of_subordinate_ids_are_taken() {
    need!(ids);
    let c = Coracle::busybox();
    let passwd = std::fs::read_to_string("/etc/passwd").expect("it is there");
    let name = passwd
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&me().to_string()))
        .and_then(|line| line.split(':').next())
        .expect("a name");
    let output = c.sh(&["--subuidname", name, "--subgidname", name], "id -u; tr -s ' ' < /proc/self/uid_map");
    assert_eq!(output.lines()[0], "0");
    assert!(output.lines()[1].starts_with(" 0 1 "), "{output}");
    c.fails(125, ["run", "--subuidname", "nosuch", "busybox"]).says("/etc/subuid has no range for nosuch");
}

#[test]
fn what_cannot_be_is_told() {
    let c = Coracle::busybox();
    let refused = |flags: &[&str], text: &str| {
        c.fails(125, ["run", "--rm"].into_iter().chain(flags.iter().copied()).chain(["busybox", "true"]))
            .says(text);
    };
    refused(&["--userns", "x"], "--userns: invalid USER mode: \"x\": must be one of host, private, keep-id");
    refused(&["--userns", "keep-id:x=1"], "invalid option \"x=1\" of keep-id");
    refused(&["--userns", "auto:size=x"], "invalid option \"size=x\" of auto");
    refused(&["--userns", "ns:/proc/1/ns/user"], "use container:NAME");
    refused(&["--userns", "keep-id", "--uidmap", "0:0:1"], "mutually exclusive");
    refused(&["--uidmap", "0:0:1", "--subuidname", "x"], "mutually exclusive");
    refused(&["--uidmap", "x"], "want CONTAINER:OUTSIDE[:COUNT]");
    refused(&["--uidmap", "0:0:4000000000"], "yours to map");
    refused(&["--uidmap", "0:@0:1"], "of the host are yours to map");
    refused(&["--uidmap", "0:0:1", "--uidmap", "0:0:1"], "mapped twice");
    refused(
        &["--group-add", "keep-groups", "--group-add", "x"],
        "not allowed with any other --group-add options",
    );
}

#[test]
fn without_a_range_it_is_told_what_is_missing() {
    need!(single id);
    let c = Coracle::busybox();
    for mode in ["nomap", "auto"] {
        c.fails(125, ["run", "--userns", mode, "busybox"])
            .says(&format!("--userns={mode} needs ids besides your own: "))
            .says("/etc/subuid");
        c.fails(1, ["create", "--userns", mode, "busybox"]).says("needs ids besides your own");
    }
    c.fails(125, ["run", "--uidmap", "0:1:1", "busybox"]).says("yours to map");
    assert_eq!(c.sh(&["--uidmap", "7:0:1", "-u", "7:7"], "id -u; id -g").lines(), ["7", "7"]);
    assert_eq!(c.sh(&["--userns", "keep-id:uid=7"], "stat -c %u /bin").line(), "7");
}

#[test]
fn the_callers_groups_stay() {
    let c = Coracle::busybox();
    let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
    let own = status.lines().find(|line| line.starts_with("Groups:")).expect("a line");
    let count = "grep ^Groups: /proc/self/status | wc -w";
    let kept = own.split_whitespace().count().to_string();
    for user in ["0", "0:0"] {
        assert_eq!(c.sh(&["--group-add", "keep-groups", "-u", user], count).line(), kept);
    }
    c.detached(&["--name", "run", "--group-add", "keep-groups"], "sleep 600");
    assert_eq!(c.ok(["exec", "run", "sh", "-c", count]).line(), kept);
    assert_eq!(c.inspect("run", "{{.HostConfig.GroupAdd}}"), "[keep-groups]");
}

#[test]
fn keep_id_has_a_name() {
    let c = Coracle::busybox();
    let name = crate::harness::command::tool("id", ["-un"]).line();
    let (uid, gid) = (me(), rustix::process::getgid().as_raw());
    let both = "tail -n 1 /etc/passwd; tail -n 1 /etc/group; whoami; stat -c %U:%G /etc/hosts; echo $HOME";
    c.ok(["create", "--name", "box", "--userns", "keep-id", "-w", "/tmp", "busybox", "sh", "-c", both]);
    // Once, however often it starts.
    for _ in 0..2 {
        let seen = c.ok(["start", "-a", "box"]);
        let lines = seen.lines();
        let passwd: Vec<&str> = lines[0].split(':').collect();
        assert_eq!(passwd[..4], [&name, "*", &uid.to_string(), &gid.to_string()]);
        assert_eq!(passwd[5..], ["/tmp", "/bin/sh"]);
        assert!(lines[1].ends_with(&format!(":x:{gid}:{name}")), "{seen}");
        assert_eq!((lines[2], lines[4]), (name.as_str(), "/tmp"));
    }
    let count = "grep -c . /etc/passwd; cat /etc/passwd | wc -l";
    c.ok(["commit", "box", "made"]);
    let of_image = c.sh(&[], count);
    assert_eq!(c.ok(["run", "--rm", "made", "sh", "-c", count]).text(), of_image.text());
    assert_eq!(c.ok(["diff", "box"]).text(), "");
    // By whatever number; and an image's own name for it stays.
    assert_eq!(c.sh(&["--userns", "keep-id:uid=7,gid=8"], "whoami").line(), name);
    assert_eq!(c.sh(&["--userns", "keep-id", "--read-only"], "whoami").line(), name);
    assert_eq!(c.sh(&["--userns", "keep-id", "--storage-opt", "overlay=full"], "whoami").line(), name);
    c.fails(1, ["run", "--rm", "--passwd=false", "--userns", "keep-id", "busybox", "whoami"]);
    let entry = "$USERNAME:x:$UID:$GID:$NAME:$HOME:/bin/zsh";
    let flags = ["--userns", "keep-id", "--passwd-entry", entry, "--group-entry", "grp:x:$GID:$USERLIST,x"];
    let seen = c.sh(&flags, "tail -n 1 /etc/passwd; tail -n 1 /etc/group");
    assert!(seen.lines()[0].starts_with(&format!("{name}:x:{uid}:{gid}:")), "{seen}");
    assert!(seen.lines()[0].ends_with(":/:/bin/zsh"), "{seen}");
    assert_eq!(seen.lines()[1], format!("grp:x:{gid}:{name},x"));
    // What the user has mounted there is the user's.
    let own = c.file("passwd", "me:x:0:0::/:/bin/sh\n");
    let mount = format!("{}:/etc/passwd", own.display());
    c.sh(&["--userns", "keep-id", "-v", &mount], "true");
    assert_eq!(std::fs::read_to_string(&own).expect("it is there"), "me:x:0:0::/:/bin/sh\n");
}

#[test]
fn others_than_the_images_users_get_a_name_when_asked_for() {
    let c = Coracle::busybox();
    let last = "tail -n 1 /etc/passwd";
    assert_eq!(c.sh(&["--hostuser", "games"], last).line(), "games:*:5:60:games:/:/bin/sh");
    let home = ["--hostuser", "5", "-v", "data:/usr/games"];
    assert_eq!(c.sh(&home, last).line(), "games:*:5:60:games:/usr/games:/bin/sh");
    c.fails(125, ["run", "--hostuser", "nosuch", "busybox"]).says("user: unknown user nosuch");
    // Docker's users without a name have none.
    let before = c.sh(&[], last).text().to_owned();
    assert_eq!(c.sh(&["-u", "0", "--hostuser", "root"], last).text(), before);
    if crate::harness::has_subordinate_ids() {
        assert_eq!(c.sh(&["-u", "500"], last).text(), before);
        let named = ["-u", "500:600", "--passwd-entry", "$USERNAME:x:$UID:$GID:$NAME:$HOME:/sh"];
        assert_eq!(
            c.sh(&named, "tail -n 1 /etc/passwd; tail -n 1 /etc/group").lines(),
            ["500:x:500:600:container user:/:/sh", "600:x:600:500"]
        );
        let both = c.sh(&["--userns", "keep-id", "-u", "500:600"], "tail -n 2 /etc/passwd; id -un");
        assert_eq!(both.lines()[1..], ["500:*:500:600:container user:/:/bin/sh", "500"]);
        // A tool that renames its new version of the file can do so.
        let rename = "cp /etc/passwd /etc/p && mv /etc/p /etc/passwd && echo done";
        assert_eq!(c.sh(&["--userns", "keep-id", "-u", "0"], rename).line(), "done");
    }
}

#[test]
fn files_of_ours_belong_to_root_of_the_container() {
    need!(ids);
    let c = Coracle::busybox();
    let owners = "stat -c %u:%g /etc/hosts /etc/hostname /etc/resolv.conf";
    for mode in ["host", "keep-id", "auto", "nomap"] {
        assert_eq!(c.sh(&["--userns", mode, "-u", "0"], owners).lines(), ["0:0"; 3], "{mode}");
    }
    c.ok([
        "create",
        "--name",
        "box",
        "--userns",
        "nomap",
        "busybox",
        "sh",
        "-c",
        "echo 1 >> /etc/hosts && echo ok",
    ]);
    for _ in 0..2 {
        assert_eq!(c.ok(["start", "-a", "box"]).line(), "ok");
    }
    c.ok(["rm", "box"]);
}

#[test]
fn ids_that_a_map_leaves_out_are_named() {
    need!(ids);
    let c = Coracle::busybox();
    let refused = |flags: &[&str], text: &str| {
        c.fails(125, ["run", "--rm"].into_iter().chain(flags.iter().copied()).chain(["busybox", "true"]))
            .says(text)
            .does_not_say("subuid");
    };
    let only = "the container has the ids 0-9 only, as --uidmap says";
    refused(&["--uidmap", "0:1:10", "-u", "20"], only);
    refused(
        &["--userns", "auto:size=50", "-u", "2000"],
        "the container has the ids 0-49 only, as --userns=auto says",
    );
    refused(&["--uidmap", "5:1:10"], "the container has the ids 5-14 only");
    assert_eq!(c.sh(&["--uidmap", "5:1:10", "-u", "5:5"], "id -u; id -g").lines(), ["5", "5"]);
    c.given(b"x", ["secret", "create", "db", "-"]).success();
    refused(
        &["--uidmap", "0:1:10", "--secret", "db,uid=500"],
        "its owner 500:0 is none of the container's ids (uids 0-9, gids 0-9)",
    );
    let flags = ["--uidmap", "5:1:10", "-u", "5:5", "--secret", "db"];
    assert_eq!(c.sh(&flags, "cat /run/secrets/db").text(), "x");
}

//! Volumes: what outlives containers, what goes with them, what a new one holds.

use crate::harness::command::kill;
use crate::harness::{Coracle, Entry, ImageBuilder, eventually};
use crate::need;

fn volumes(c: &Coracle) -> Vec<String> {
    c.ok(["volume", "ls", "-q"]).lines().into_iter().map(str::to_owned).collect()
}

/// An image with a directory that has something to give.
fn with_content() -> Coracle {
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([
        Entry::directory("data").mode(0o751).owner(33, 34),
        Entry::file("data/a", "from the image").owner(33, 34).mode(0o640).mtime(1_000_000_000),
        Entry::hard_link("data/b", "data/a"),
        Entry::directory("data/sub").mode(0o2755),
        Entry::symlink("data/link", "a"),
        Entry::symlink("alias", "data/../data/sub/.."),
        Entry::file("file", "no directory"),
    ]);
    c.load(&image.docker_archive(&["busybox:latest"]));
    c
}

#[test]
fn a_named_volume_outlives_its_containers() {
    let c = Coracle::busybox();
    assert_eq!(c.ok(["volume", "create", "db"]).line(), "db");
    assert_eq!(c.ok(["volume", "create", "db"]).line(), "db");
    c.sh(&["-v", "db:/d"], "echo kept > /d/f");
    assert_eq!(
        c.sh(&["-v", "db:/e:ro"], "cat /e/f; touch /e/g 2>&1 || echo refused").lines().last(),
        Some(&"refused")
    );
    assert_eq!(c.sh(&["--mount", "src=db,dst=/d"], "cat /d/f").line(), "kept");
    // Made on the way.
    c.sh(&["-v", "made:/d"], "true");
    assert_eq!(volumes(&c), ["db", "made"]);
    assert_eq!(c.ok(["volume", "ls"]).text(), "DRIVER    VOLUME NAME\nlocal     db\nlocal     made\n");
    assert_eq!(c.ok(["volume", "rm", "db", "made"]).lines(), ["db", "made"]);
    assert_eq!(c.ok(["volume", "ls"]).text(), "DRIVER    VOLUME NAME\n");
    assert!(c.store_files().iter().all(|path| !path.to_string_lossy().contains("_data")));
}

#[test]
fn volumes_are_shown_as_docker_shows_them() {
    let c = Coracle::busybox();
    c.ok(["volume", "create", "--label", "a.b=x", "--label", "k", "db"]);
    let volume = c.inspect_json("db");
    let mountpoint = volume["Mountpoint"].as_str().expect("a path");
    std::fs::write(format!("{mountpoint}/f"), "from outside").expect("the user can open it");
    assert_eq!(c.sh(&["-v", "db:/d"], "cat /d/f").line(), "from outside");
    assert_eq!((&volume["Driver"], &volume["Scope"]), (&"local".into(), &"local".into()));
    assert_eq!(volume["Labels"], serde_json::json!({ "a.b": "x", "k": "" }));
    assert_eq!(volume["Options"], serde_json::Value::Null);
    assert_eq!(c.ok(["volume", "inspect", "-f", "{{.Name}} {{index .Labels \"a.b\"}}", "db"]).line(), "db x");
    assert_eq!(c.ok(["inspect", "--type", "volume", "-f", "{{.Name}}", "db"]).line(), "db");
    c.fails(1, ["volume", "inspect", "nosuch"])
        .says("Error response from daemon: get nosuch: no such volume");
    c.fails(1, ["inspect", "--type", "volume", "nosuch"]).says("get nosuch: no such volume");
    assert_eq!(
        c.ok(["volume", "ls", "--format", "{{.Name}} {{.Label \"a.b\"}} {{.Mountpoint}}"]).line(),
        format!("db x {mountpoint}")
    );
    assert_eq!(
        c.ok(["volume", "ls", "--format", "json"]).line(),
        format!(
            "{{\"Availability\":\"N/A\",\"Driver\":\"local\",\"Group\":\"N/A\",\"Labels\":\"a.b=x,k=\",\"Links\":\"N/A\",\"Mountpoint\":\"{mountpoint}\",\"Name\":\"db\",\"Scope\":\"local\",\"Size\":\"N/A\",\"Status\":\"N/A\"}}"
        )
    );
    c.ok(["create", "--name", "user", "-v", "db:/d:ro", "-v", "/anon", "busybox"]);
    let shown = c.inspect_json("user");
    assert_eq!(shown["HostConfig"]["Binds"], serde_json::json!(["db:/d:ro"]));
    assert_eq!(shown["Config"]["Volumes"], serde_json::json!({ "/anon": {} }));
    let mount = &shown["Mounts"][0];
    assert_eq!(
        (
            &mount["Type"],
            &mount["Name"],
            &mount["Source"],
            &mount["Destination"],
            &mount["RW"],
            &mount["Mode"]
        ),
        (&"volume".into(), &"db".into(), &mountpoint.into(), &"/d".into(), &false.into(), &"ro".into())
    );
    let listed = c.ok([
        "ps",
        "-a",
        "--no-trunc",
        "--filter",
        "volume=db",
        "--format",
        "{{.Names}} {{.LocalVolumes}} {{.Mounts}}",
    ]);
    let listed = listed.line();
    assert!(listed.starts_with("user 2 db,"), "{listed}");
    assert_eq!(c.ok(["ps", "-a", "--filter", "volume=nosuch", "-q"]).text(), "");
    assert_eq!(c.ok(["volume", "ls", "-q", "--filter", "dangling=true"]).text(), "");
    assert_eq!(c.ok(["volume", "ls", "-q", "--filter", "label=k", "--filter", "name=^d"]).line(), "db");
    c.fails(1, ["volume", "ls", "--filter", "nosuch=1"])
        .says("Error response from daemon: invalid filter 'nosuch'");
    c.ok(["volume", "exists", "db"]);
    assert_eq!(c.fails(1, ["volume", "exists", "nosuch"]).err(), "");
}

#[test]
fn an_empty_volume_gets_what_the_image_has() {
    need!(ids);
    let c = with_content();
    let look = "stat -c '%n %u:%g %a' /d /d/a /d/sub; cat /d/b; readlink /d/link; stat -c '%h %Y' /d/a";
    let want = ["/d 33:34 751", "/d/a 33:34 640", "/d/sub 0:0 2755"];
    c.ok(["run", "--rm", "-v", "db:/data", "busybox", "true"]);
    let output = c.sh(&["-v", "db:/d"], look);
    let mut lines = want.to_vec();
    lines.extend(["from the imagea", "2 1000000000"]);
    assert_eq!(output.lines(), lines);
    // By way of links of the image, and for an anonymous one.
    assert_eq!(c.sh(&["-v", "/alias"], "ls /alias").lines(), ["a", "b", "link", "sub"]);
    // One that has something stays as it is.
    c.sh(&["-v", "own:/x"], "touch /x/mine");
    assert_eq!(c.sh(&["-v", "own:/data"], "ls /data").line(), "mine");
    for flags in [&["-v", "bare:/data:nocopy"][..], &["--mount", "src=bare,dst=/data,volume-nocopy"]] {
        assert_eq!(c.sh(flags, "ls /data").text(), "");
    }
    // Nothing there to give.
    assert_eq!(c.sh(&["-v", "new:/new"], "stat -c '%u:%g %a' /new; ls /new").lines(), ["0:0 755"]);
}

#[test]
fn an_empty_volume_is_filled_for_a_user_of_one_id_too() {
    need!(single id);
    let c = with_content();
    assert_eq!(
        c.sh(&["-v", "db:/data"], "cat /data/b; stat -c '%u:%g %a' /data/a").lines(),
        ["from the image33:34 640"]
    );
    assert_eq!(
        c.sh(&["--userns", "single", "-v", "db2:/data"], "stat -c '%u:%g %a' /data/a").lines(),
        ["0:0 640"]
    );
}

#[test]
fn a_copy_that_was_killed_is_begun_again() {
    let c = with_content();
    c.ok(["volume", "create", "db"]);
    let data = c.root().join("volumes/db/_data");
    std::fs::write(data.join("half"), "x").expect("the volume is the user's");
    std::fs::write(c.root().join("volumes/db/filling"), "").expect("the volume is the user's");
    assert_eq!(c.sh(&["-v", "db:/data"], "ls /data").lines(), ["a", "b", "link", "sub"]);
}

#[test]
fn two_that_fill_the_same_volume_see_the_whole() {
    let c = with_content();
    let runs: Vec<_> =
        (0..6).map(|_| c.spawn(["run", "--rm", "-v", "db:/data", "busybox", "ls", "/data"])).collect();
    for mut run in runs {
        let names: Vec<String> = (0..4).map(|_| run.line()).collect();
        assert_eq!(names, ["a", "b", "link", "sub"]);
        assert_eq!(run.wait(), 0);
    }
    assert_eq!(volumes(&c), ["db"]);
}

#[test]
fn anonymous_volumes_go_with_rm_v_and_with_run_rm() {
    let c = Coracle::new();
    c.load(
        &ImageBuilder::busybox()
            .config("Volumes", serde_json::json!({ "/data/": {} }))
            .docker_archive(&["busybox:latest"]),
    );
    c.sh(&["-v", "/more", "-v", "named:/n"], "touch /data/f /more/f /n/f");
    assert_eq!(volumes(&c), ["named"]);
    c.ok(["run", "--name", "kept", "-v", "/more", "busybox", "touch", "/data/f"]);
    let names = volumes(&c);
    assert_eq!(names.len(), 3);
    assert!(names.iter().filter(|name| name.len() == 64).count() == 2, "{names:?}");
    // The same one at every start.
    c.ok(["start", "kept"]);
    c.ok(["wait", "kept"]);
    assert_eq!(volumes(&c), names);
    c.ok(["rm", "kept"]);
    assert_eq!(volumes(&c), names);
    c.ok(["volume", "prune", "-f"]);
    assert_eq!(volumes(&c), ["named"]);
    c.ok(["create", "--name", "gone", "-v", "named:/n", "busybox"]);
    assert_eq!(volumes(&c).len(), 2);
    c.ok(["rm", "-v", "gone"]);
    assert_eq!(volumes(&c), ["named"]);
    // A mount of one's own takes the place of the image's.
    c.ok(["create", "--name", "own", "-v", "named:/data", "busybox"]);
    assert_eq!(volumes(&c), ["named"]);
    c.ok(["rm", "own"]);
    // Files of other ids are no obstacle.
    c.sh(&["-v", "/more"], "mkdir /more/d; touch /more/d/f; chmod 0 /more/d; chown 1 /more/d || true");
    assert_eq!(volumes(&c), ["named"]);
}

#[test]
fn a_killed_supervisor_leaves_no_anonymous_volume() {
    let c = Coracle::busybox();
    c.detached(&["--rm", "-v", "/x"], "exec sleep 600");
    for pid in c.processes() {
        kill(pid);
    }
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
    assert_eq!(volumes(&c), [""; 0]);
}

#[test]
fn what_is_in_use_stays() {
    let c = Coracle::busybox();
    let id = c.ok(["create", "--name", "user", "-v", "db:/d", "busybox"]).line();
    c.fails(1, ["volume", "rm", "db"])
        .says(&format!("Error response from daemon: remove db: volume is in use - [{id}]"));
    c.fails(1, ["volume", "rm", "-f", "db"]).says("volume is in use");
    c.ok(["volume", "prune", "-af"]);
    assert_eq!(volumes(&c), ["db"]);
    c.ok(["rm", "user"]);
    c.fails(1, ["volume", "rm", "nosuch", "db"])
        .says("Error response from daemon: get nosuch: no such volume");
    assert_eq!(volumes(&c), [""; 0]);
    assert_eq!(c.ok(["volume", "rm", "-f", "nosuch"]).line(), "nosuch");
    c.fails(1, ["volume", "rm", "../containers"]).says("no such volume");
}

#[test]
fn prune_takes_anonymous_ones_and_with_all_the_others() {
    let c = Coracle::busybox();
    c.ok(["volume", "create", "--label", "keep", "mine"]);
    c.ok(["volume", "create", "other"]);
    let anonymous = c.ok(["volume", "create"]).line();
    assert_eq!(anonymous.len(), 64);
    let data = c.root().join("volumes").join(&anonymous).join("_data/f");
    std::fs::write(data, [0; 5000]).expect("the volume is the user's");
    c.given(b"n\n", ["volume", "prune"]).success().says(
        "WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue? [y/N] ",
    );
    assert_eq!(
        c.ok(["volume", "prune", "-f"]).text(),
        format!("Deleted Volumes:\n{anonymous}\n\nTotal reclaimed space: 5kB\n")
    );
    c.given(b"", ["volume", "prune", "-a"])
        .success()
        .says("This will remove all volumes not used by at least one container.");
    c.ok(["volume", "prune", "-f", "--filter", "all=1", "--filter", "label!=keep"]);
    assert_eq!(volumes(&c), ["mine"]);
    c.fails(1, ["volume", "prune", "-f", "--filter", "until=1h"]).says("invalid filter 'until'");
    c.ok(["volume", "prune", "-af"]);
    assert_eq!(volumes(&c), [""; 0]);
}

#[test]
fn volumes_from_another_container() {
    let c = Coracle::busybox();
    let bound = c.file("bound/f", "host\n");
    let bind = format!("{}:/bound", bound.parent().expect("it has one").display());
    c.ok([
        "run",
        "--name",
        "first",
        "-v",
        "db:/d",
        "-v",
        "/anon",
        "-v",
        &bind,
        "--tmpfs",
        "/t",
        "busybox",
        "sh",
        "-c",
        "echo x > /anon/f; echo y > /d/f",
    ]);
    assert_eq!(
        c.sh(
            &["--volumes-from", "first"],
            "cat /anon/f /d/f /bound/f; ls -d /t 2>&1 || true; echo z > /anon/g"
        )
        .lines()[..3],
        ["x", "y", "host"]
    );
    // `--rm` has left what the first one has.
    assert_eq!(volumes(&c).len(), 2);
    let output = c.sh(
        &["--volumes-from", "first:ro", "-v", "other:/d"],
        "cat /anon/g; ls /d; touch /anon/h 2>/dev/null || echo refused; touch /d/own",
    );
    assert_eq!(output.lines(), ["z", "refused"]);
    c.ok(["create", "--name", "second", "--volumes-from", "first", "busybox"]);
    assert_eq!(c.inspect("second", "{{.HostConfig.VolumesFrom}} {{.HostConfig.Binds}}"), "[first] []");
    c.ok(["rm", "-v", "first"]);
    assert_eq!(volumes(&c).len(), 3);
    c.ok(["rm", "-v", "second"]);
    assert_eq!(volumes(&c), ["db", "other"]);
    c.fails(1, ["create", "--volumes-from", "nosuch", "busybox"]).says("No such container: nosuch");
    c.ok(["create", "--name", "third", "busybox"]);
    c.fails(1, ["create", "--volumes-from", "third:x", "busybox"]).says("invalid mode: x");
}

#[test]
fn a_directory_of_a_volume_and_no_way_out_of_it() {
    let c = Coracle::busybox();
    c.sh(&["-v", "db:/d"], "mkdir -p /d/a/b /d/sub/etc; echo in > /d/a/b/f; ln -s /etc /d/out; ln -s ../../../../../.. /d/up; echo caught > /d/sub/etc/x");
    let with = |subpath: &str| format!("src=db,dst=/m,volume-subpath={subpath}");
    assert_eq!(c.sh(&["--mount", &with("a/b")], "cat /m/f").line(), "in");
    assert_eq!(c.sh(&["--mount", &with("up/a/b")], "cat /m/f").line(), "in");
    c.fails(125, ["run", "--rm", "--mount", &with("nosuch"), "busybox", "true"])
        .says("error mounting volume");
    // /etc of the volume, which is not there.
    c.fails(125, ["run", "--rm", "--mount", &with("out"), "busybox", "true"]).says("error mounting volume");
}

#[test]
fn a_directory_of_the_users_can_be_a_volume() {
    let c = Coracle::busybox();
    let file = c.file("mine/f", "mine\n");
    let place = file.parent().expect("it has one").to_owned();
    let device = format!("device={}", place.display());
    c.ok(["volume", "create", "-o", "type=none", "-o", "o=bind", "-o", &device, "mine"]);
    assert_eq!(c.sh(&["-v", "mine:/m"], "cat /m/f; echo more > /m/g").line(), "mine");
    assert_eq!(c.inspect("mine", "{{index .Options \"o\"}}"), "bind");
    c.ok(["volume", "rm", "mine"]);
    assert_eq!(std::fs::read_to_string(place.join("g")).expect("it stays"), "more\n");
    let missing = format!("device={}/nosuch", c.home().display());
    c.ok(["volume", "create", "-o", "o=bind", "-o", &missing, "missing"]);
    c.fails(125, ["run", "--rm", "-v", "missing:/m", "busybox", "true"]).says("no such directory");
    c.fails(1, ["volume", "create", "-o", "type=nfs", "-o", "o=addr=x", "-o", "device=:/x", "nfs"])
        .says("only root may mount");
    c.fails(1, ["volume", "create", "-d", "nosuch", "x1"]).says(
        "Error response from daemon: error looking up volume plugin nosuch: plugin \"nosuch\" not found",
    );
    c.fails(1, ["volume", "create", "x"]).says("volume name is too short");
    c.fails(1, ["volume", "create", "a/b"]).says("includes invalid characters for a local volume name");
}

#[test]
fn a_container_that_does_not_come_to_be_leaves_no_volume() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "taken", "busybox"]);
    c.fails(1, ["create", "--name", "taken", "-v", "/x", "busybox"]).says("is already in use");
    assert_eq!(volumes(&c), [""; 0]);
}

#[test]
fn removing_and_using_at_once_loses_nothing() {
    let c = Coracle::busybox();
    for round in 0..5 {
        let name = format!("db-{round}");
        c.ok(["volume", "create", &name]);
        let mount = format!("{name}:/d");
        let mut user =
            c.spawn(["run", "--name", &format!("user-{round}"), "-v", &mount, "busybox", "touch", "/d/f"]);
        c.output(["volume", "rm", &name]);
        assert_eq!(user.wait(), 0);
        // Whoever came first: the container has its volume.
        assert_eq!(volumes(&c).iter().filter(|volume| **volume == name).count(), 1);
        assert!(c.root().join("volumes").join(&name).join("_data/f").exists());
    }
    eventually("nothing half removed is left", || {
        c.ok(["volume", "prune", "-f"]);
        let entries = std::fs::read_dir(c.root().join("volumes")).expect("it is there").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count() == 1
    });
}

#[test]
fn an_overlay_takes_what_is_written_and_goes_with_the_run() {
    let c = Coracle::busybox();
    let file = c.file("mine/f", "mine\n");
    let mine = file.parent().expect("it has one").to_owned();
    let mount = format!("{}:/m:O", mine.display());
    c.ok([
        "create",
        "--name",
        "box",
        "-v",
        &mount,
        "-v",
        "db:/d:O",
        "busybox",
        "sh",
        "-c",
        "ls /m /d; rm /m/f; echo x > /m/g; echo y > /d/h; cat /m/g /d/h",
    ]);
    for _ in 0..2 {
        assert_eq!(c.ok(["start", "-a", "box"]).lines(), ["/d:", "", "/m:", "f", "x", "y"]);
    }
    assert_eq!(c.inspect("box", "{{json .HostConfig.Binds}}"), format!("[\"{mount}\",\"db:/d:O\"]"));
    assert_eq!(std::fs::read_dir(&mine).expect("it is there").count(), 1);
    let overlays = c.container_directories()[0].join("overlays");
    assert_eq!(std::fs::read_dir(overlays).expect("it is there").count(), 0);
    let missing = format!("{}/nosuch:/m:O", c.home().display());
    c.fails(125, ["run", "--rm", "-v", &missing, "busybox", "true"]).says("nosuch");
}

#[test]
fn a_mount_can_be_given_to_the_containers_user() {
    need!(ids);
    let c = Coracle::new();
    let passwd = "root:x:0:0::/:/bin/sh\nalice:x:1000:100::/:/bin/sh\n";
    let image = ImageBuilder::busybox().layer([Entry::file("etc/passwd", passwd)]);
    c.load(&image.docker_archive(&["busybox:latest"]));
    let file = c.file("mine/sub/f", "x");
    let mine = file.ancestors().nth(2).expect("it has one").to_owned();
    std::os::unix::fs::symlink("/etc/passwd", mine.join("link")).expect("the home is ours");
    let mount = format!("{}:/m:U", mine.display());
    let look = "stat -c %u:%g /m /m/sub /m/sub/f /m/link; stat -c %u:%g /etc/passwd; echo y > /m/sub/f && echo written";
    let lines = ["1000:100", "1000:100", "1000:100", "1000:100", "0:0", "written"];
    assert_eq!(c.sh(&["-u", "alice", "-v", &mount], look).lines(), lines);
    // And back, whoever they belong to.
    assert_eq!(c.sh(&["-v", &mount], "stat -c %u:%g /m/sub/f").line(), "0:0");
    // What is mounted below keeps its owner.
    let output = c.sh(&["-u", "1000", "-v", "db:/d:U", "-v", "other:/d/below"], "stat -c %u:%g /d /d/below");
    assert_eq!(output.lines(), ["1000:100", "0:0"]);
    let output =
        c.sh(&["-u", "1000", "-v", "db:/d:ro,U"], "stat -c %u /d; touch /d/f 2>/dev/null || echo refused");
    assert_eq!(output.lines(), ["1000", "refused"]);
    // keep-id: the user's own files stay as they are.
    let user = ["--userns", "keep-id:uid=1000,gid=100", "-u", "1000"];
    let mut flags = user.to_vec();
    flags.extend(["-v", &mount]);
    assert_eq!(c.sh(&flags, "stat -c %u /m/sub/f").line(), "1000");
    std::fs::write(file, "mine again").expect("it is the user's");
}

#[test]
fn a_container_with_volumes_takes_the_place_of_one_that_removes_itself() {
    let c = Coracle::busybox();
    c.detached(&["--rm", "--name", "box", "--stop-timeout", "0", "-v", "/x"], "exec sleep 600");
    c.ok(["create", "--replace", "--name", "box", "-v", "db:/d", "-v", "/x", "busybox"]);
    assert_eq!(volumes(&c).len(), 2);
}

#[test]
fn what_happens_to_volumes_is_told() {
    let c = Coracle::busybox();
    c.sh(&["-v", "db:/d:ro", "-v", "/anon"], "true");
    c.ok(["volume", "rm", "db"]);
    c.ok(["volume", "prune", "-f"]);
    let format = "{{.Action}} {{.Actor.Attributes.driver}} {{.Actor.Attributes.destination}}";
    let output =
        c.ok(["events", "--since", "10m", "--until", "0s", "--filter", "type=volume", "--format", format]);
    let told = output.lines();
    assert_eq!(
        told[..4],
        ["create local <no value>", "create local <no value>", "mount local /d", "mount local /anon"]
    );
    assert_eq!(
        told[4..],
        [
            "unmount local <no value>",
            "unmount local <no value>",
            "destroy local <no value>",
            "destroy local <no value>",
            "prune <no value> <no value>"
        ]
    );
}

//! `commit`.

use serde_json::{Value, json};

use crate::diff::{CHANGE, MODES, with_files};
use crate::export::listing;
use crate::harness::{Coracle, Entry, ImageBuilder, eventually};
use crate::hostile::on_a_small_disk;
use crate::need;

#[test]
fn the_image_has_the_containers_tree() {
    for mode in MODES {
        let c = with_files(mode);
        c.ok(["run", "--name", "box", "busybox", "sh", "-c", CHANGE]);
        let id = c.ok(["commit", "box", "made:1"]).line();
        assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
        assert_eq!(c.inspect("made:1", "{{.Id}}"), id);
        c.ok(["create", "--name", "of-image", "made:1"]);
        let list = |name: &str| {
            let archive = c.home().join("x.tar");
            c.ok(["export", "-o", archive.to_str().unwrap(), name]);
            listing(&archive)
        };
        let wanted = list("box");
        // The start made nothing that the image of the test does not have, but the files of /etc.
        let wanted: Vec<_> = wanted
            .into_iter()
            .filter(|l| {
                !["hosts", "hostname", "resolv.conf"].iter().any(|f| l.ends_with(&format!(" etc/{f}")))
            })
            .collect();
        assert_eq!(list("of-image"), wanted, "{mode}");
        assert_eq!(c.ok(["run", "--rm", "made:1", "cat", "/d/changed"]).line(), "new");
        // Another layer on top of that one.
        c.ok(["run", "--name", "next", "made:1", "rm", "-r", "/new", "/again"]);
        c.ok(["commit", "next", "made:2"]);
        c.fails(1, ["run", "--rm", "made:2", "ls", "/new"]);
        c.ok(["run", "--rm", "made:2", "cat", "/hard"]);
    }
}

#[test]
fn the_layer_marks_deletions_as_images_do() {
    for mode in MODES {
        let c = with_files(mode);
        c.ok(["run", "--name", "box", "busybox", "sh", "-c", CHANGE]);
        c.ok(["commit", "box", "made"]);
        let saved = c.home().join("made.tar");
        c.ok(["save", "-o", saved.to_str().unwrap(), "made"]);
        let unpacked = c.home().join("made");
        std::fs::create_dir(&unpacked).unwrap();
        let paths = [saved.to_str().unwrap(), "-C", unpacked.to_str().unwrap()];
        crate::harness::command::tool("tar", ["-xf"].into_iter().chain(paths)).success();
        let manifest = std::fs::read(unpacked.join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let layer = manifest[0]["Layers"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        let lines = listing(&unpacked.join(layer));
        let names: Vec<&str> = lines.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
        for name in ["d/.wh.deleted", ".wh.whole", "again/.wh..wh..opq"] {
            assert!(names.contains(&name), "{mode}: {name} is not in {lines:#?}");
        }
        for name in ["d/kept", "etc/", "etc/hosts", "proc/", "dev/", "tmp/"] {
            assert!(!names.contains(&name), "{mode}: {name} is in {lines:#?}");
        }
    }
}

#[test]
fn config_and_history_are_as_docker_makes_them() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox()
        .config("Labels", json!({ "of": "image" }))
        .config("OnBuild", json!(["RUN x"]))
        .config("ExposedPorts", json!({ "80/tcp": {} }));
    c.load(&image.docker_archive(&["busybox:latest"]));
    let flags = ["-e", "RUN=time", "-l", "of=container", "-w", "/tmp", "-u", "0:0", "--stop-signal", "INT"];
    let args = ["run", "--name", "box"].into_iter().chain(flags).chain(["busybox", "touch", "/made"]);
    c.ok(args);
    let id = c
        .ok([
            "commit",
            "-a",
            "A U Thor <a@u.th>",
            "-m",
            "a message",
            "-c",
            "CMD [\"cat\", \"/made\"]",
            "-c",
            "ENV MORE=1 RUN=changed",
            "-c",
            "EXPOSE 81/udp",
            "-c",
            "LABEL x=y",
            "--change",
            "VOLUME /v",
            "box",
            "made",
        ])
        .line();
    let image = c.inspect_json("made");
    let config = &image["Config"];
    assert_eq!(config["Cmd"], json!(["cat", "/made"]));
    assert_eq!(config["Labels"], json!({ "of": "container", "x": "y" }));
    assert_eq!(config["WorkingDir"], "/tmp");
    assert_eq!(config["User"], "0:0");
    assert_eq!(config["StopSignal"], "INT");
    assert_eq!(config["ExposedPorts"], json!({ "80/tcp": {}, "81/udp": {} }));
    assert_eq!(config["Volumes"], json!({ "/v": {} }));
    assert!(config["OnBuild"].is_null(), "{config}");
    let env = config["Env"].as_array().unwrap();
    assert!(env.contains(&json!("RUN=changed")) && env.contains(&json!("MORE=1")), "{config}");
    assert!(env.iter().any(|pair| pair.as_str().unwrap().starts_with("PATH=")), "{config}");
    assert_eq!((&image["Author"], &image["Comment"]), (&json!("A U Thor <a@u.th>"), &json!("a message")));
    let history = c.ok(["history", "--no-trunc", "--format", "{{.ID}}|{{.CreatedBy}}|{{.Comment}}", "made"]);
    assert_eq!(history.lines()[0], format!("{id}|touch /made|a message"));
    assert_eq!(c.inspect("made", "{{len .RootFS.Layers}}"), "2");
}

#[test]
fn without_changes_there_is_no_layer_and_without_a_name_no_name() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    let id = c.ok(["commit", "box"]).line();
    assert_eq!(c.inspect(&id, "{{len .RootFS.Layers}} {{len .RepoTags}}"), "1 0");
    assert!(c.ok(["images", "-q", "--no-trunc", "--filter", "dangling=true"]).lines().contains(&&*id));
    assert_eq!(c.ok(["run", "--rm", &id, "echo", "runs"]).line(), "runs");
}

#[test]
fn owners_and_attributes_are_in_the_layer() {
    need!(ids);
    for mode in MODES {
        let option = format!("overlay={mode}");
        let c = Coracle::busybox().with_run_flags(&["--storage-opt", &option]);
        let script = "mkdir -m 700 /theirs; echo x > /theirs/file; chown -R 1000:7 /theirs; chmod 4711 /theirs/file; touch -d @1500000000 /theirs/file /theirs";
        c.ok(["run", "--name", "box", "busybox", "sh", "-c", script]);
        c.ok(["container", "commit", "box", "made"]);
        let output = c.ok(["run", "--rm", "made", "stat", "-c", "%u:%g %a %Y", "/theirs", "/theirs/file"]);
        assert_eq!(output.lines(), ["1000:7 700 1500000000", "1000:7 4711 1500000000"], "{mode}");
    }
}

#[test]
fn a_running_container_stands_still_meanwhile_and_goes_on() {
    let c = Coracle::busybox();
    // Two files that are always the same, unless somebody looks in between.
    let script = "i=0; echo go; while :; do i=$((i+1)); echo $i > /one; echo $i > /two; done";
    let id = c.detached(&["--name", "box"], script);
    c.wait_for_log(&id, "go");
    eventually("the second file", || c.output(["exec", "box", "test", "-s", "/two"]).status == 0);
    for round in 0..3 {
        let name = format!("made:{round}");
        c.ok(["commit", "box", &name]);
        assert_eq!(c.inspect("box", "{{.State.Status}}"), "running");
    }
    // A pause of somebody else's is left as it is.
    c.ok(["pause", "box"]);
    c.ok(["commit", "box", "of-paused"]);
    assert_eq!(c.inspect("box", "{{.State.Status}}"), "paused");
    c.ok(["unpause", "box"]);
    c.ok(["commit", "--no-pause", "box", "unpaused"]);
    c.ok(["commit", "--pause=false", "-q", "box", "unpaused"]);
    c.ok(["commit", "-p", "box", "paused"]);
}

#[test]
fn a_killed_commit_leaves_nobody_paused() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box"], "head -c 100000000 /dev/urandom > /big; echo go; exec sleep 600");
    c.wait_for_log(&id, "go");
    let mut commit = c.spawn(["commit", "box", "made"]);
    c.wait_for_state("box", "paused");
    commit.signal(rustix::process::Signal::KILL);
    commit.wait();
    c.wait_for_state("box", "running");
    assert_eq!(c.ok(["exec", "box", "echo", "goes on"]).line(), "goes on");
    assert_eq!(c.ok(["images", "-q"]).lines().len(), 1);
}

#[test]
fn without_a_pause_nobody_stands_still() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box"], "head -c 100000000 /dev/urandom > /big; echo go; exec sleep 600");
    c.wait_for_log(&id, "go");
    for flag in ["--pause=false", "-p=false", "--no-pause"] {
        let mut commit = c.spawn(["commit", flag, "box", "made"]);
        let mut looks = 0;
        while commit.is_running() {
            assert_eq!(c.inspect("box", "{{.State.Status}}"), "running", "{flag}");
            looks += 1;
        }
        assert_eq!(commit.wait(), 0);
        assert!(looks > 2, "{flag}: {looks}");
    }
}

#[test]
fn wrong_wishes_are_refused_before_anything_is_done() {
    let c = Coracle::busybox();
    c.ok(["run", "--name", "box", "busybox", "touch", "/made"]);
    let before = c.store_files();
    c.fails(1, ["commit", "nosuch", "x"]).says("Error response from daemon: No such container: nosuch");
    c.fails(1, ["commit", "box", "Upper"]).says("repository name (library/Upper) must be lowercase");
    c.fails(1, ["commit", "-c", "RUN x", "box", "x"]).says("RUN is not a valid change command");
    let digest = format!("x@sha256:{}", "0".repeat(64));
    c.fails(1, ["commit", "box", &digest]).says("cannot commit to digest reference");
    c.fails(1, ["commit"]).says("requires at least 1");
    assert_eq!(c.store_files(), before);
}

#[test]
fn a_full_disk_loses_nothing() {
    need!("unshare");
    let c = Coracle::new();
    let image = c.file("image.tar", ImageBuilder::busybox().docker_archive(&["busybox"]));
    let output = on_a_small_disk(
        &c,
        &format!(
            "$coracle load -q -i '{image}' > /dev/null
             $coracle run --name box busybox sh -c 'head -c 9000000 /dev/urandom > /big; echo kept > /small'
             $coracle commit box made; echo commit $?
             $coracle images -q | wc -l
             $coracle diff box
             $coracle start -a box; echo start $?
             $coracle rm box; $coracle run --name box busybox sh -c 'echo kept > /small'
             $coracle commit box made > /dev/null; echo commit $?
             $coracle run --rm made cat /small",
            image = image.display(),
        ),
    );
    assert!(output.err().contains("No space left on device"), "{output}");
    assert_eq!(
        output.lines(),
        ["commit 1", "1", "A /big", "A /small", "start 0", "box", "commit 0", "kept"],
        "{output}"
    );
}

#[test]
fn the_layer_is_pushed_and_saved_like_any() {
    let c = Coracle::busybox();
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", "echo hello > /greeting"]);
    c.ok(["commit", "box", "made"]);
    let archive = c.ok(["save", "made"]).stdout;
    let other = Coracle::new();
    other.load(&archive);
    assert_eq!(other.ok(["run", "--rm", "made", "cat", "/greeting"]).line(), "hello");
    assert_eq!(c.inspect("made", "{{.Id}}"), other.inspect("made", "{{.Id}}"));
}

#[test]
fn data_of_mounts_is_not_committed() {
    let c = Coracle::new();
    c.load(&ImageBuilder::busybox().layer([Entry::directory("data/")]).docker_archive(&["busybox:latest"]));
    let data = c.file("data/secret", "x").parent().unwrap().to_owned();
    let mount = format!("{}:/data", data.display());
    c.ok(["run", "--name", "box", "-v", &mount, "busybox", "touch", "/data/new"]);
    c.ok(["commit", "box", "made"]);
    assert_eq!(c.ok(["run", "--rm", "made", "ls", "/data"]).text(), "");
}

//! What podman's command line has and Docker's has not.

use std::thread;

use crate::harness::registry::Registry;
use crate::harness::{Coracle, Entry, ImageBuilder, eventually};
use crate::need;

const FOR_EVER: &str = "exec sleep 600";

fn states(c: &Coracle) -> String {
    let listed = c.ok(["ps", "-a", "--sort", "names", "--format", "{{.Names}}={{.State}}"]);
    listed.lines().join(" ")
}

#[test]
fn exists_answers_by_its_status_alone() {
    let c = Coracle::busybox();
    let id = c.ok(["create", "--name", "box", "busybox"]).line();
    for name in ["box", &id, &id[..12]] {
        let output = c.ok(["container", "exists", name]);
        assert_eq!((output.text(), output.err().as_str()), ("", ""));
    }
    c.ok(["image", "exists", "busybox"]);
    c.ok(["image", "exists", "docker.io/library/busybox:latest"]);
    for (noun, name) in
        [("container", "busybox"), ("container", "nosuch"), ("image", "box"), ("image", "nosuch")]
    {
        let output = c.fails(1, [noun, "exists", name]);
        assert_eq!((output.text(), output.err().as_str()), ("", ""));
    }
    // What is no answer does not look like one.
    c.fails(125, ["container", "exists"]).says("requires 1 argument");
    c.fails(125, ["image", "exists", "a", "b"]).says("requires 1 argument");
    c.fails(125, ["image", "exists", "UPPER"]).says("invalid reference format");
}

#[test]
fn verbs_take_all_containers_that_they_fit() {
    let c = Coracle::busybox();
    for name in ["aa", "bb"] {
        c.ok(["create", "--name", name, "-l", "mine", "busybox", "sh", "-c", FOR_EVER]);
    }
    let ids = |output: crate::harness::Output| {
        let mut lines: Vec<String> = output.lines().into_iter().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let both = ids(c.ok(["ps", "-aq", "--no-trunc"]));
    assert_eq!(ids(c.ok(["start", "--all"])), both);
    assert_eq!(states(&c), "aa=running bb=running");
    assert_eq!(c.ok(["start", "--all"]).text(), "");
    c.ok(["pause", "aa"]);
    // One that is paused already is no failure.
    assert_eq!(ids(c.ok(["pause", "-a"])).len(), 1);
    assert_eq!(states(&c), "aa=paused bb=paused");
    assert_eq!(ids(c.ok(["unpause", "-a"])), both);
    assert_eq!(c.ok(["unpause", "-a"]).text(), "");
    assert_eq!(ids(c.ok(["kill", "-a"])), both);
    assert_eq!(c.ok(["kill", "-a"]).text(), "");
    c.ok(["start", "aa"]);
    assert_eq!(ids(c.ok(["restart", "--running", "-t", "0"])).len(), 1);
    assert_eq!(states(&c), "aa=running bb=exited");
    assert_eq!(ids(c.ok(["restart", "-a", "-t", "0"])), both);
    assert_eq!(states(&c), "aa=running bb=running");
    c.fails(1, ["rm", "-a"]).says("container is running");
    assert_eq!(ids(c.ok(["stop", "-at0"])), both);
    assert_eq!(c.ok(["stop", "--all"]).text(), "");
    c.ok(["start", "aa"]);
    assert_eq!(ids(c.ok(["rm", "-fa"])), both);
    assert_eq!(states(&c), "");
    assert_eq!(c.ok(["rm", "-fa"]).text(), "");
}

#[test]
fn all_and_names_contradict_each_other() {
    let c = Coracle::new();
    for command in ["stop", "kill", "rm", "restart", "pause", "unpause", "start"] {
        c.fails(125, [command, "--all", "box"]).says("cannot be used together");
        c.fails(125, [command, "--all", "--latest"]).says("cannot be used together");
        c.fails(1, [command]).says("requires at least 1 argument");
        c.fails(1, [command, "--latest"]).says("there is no container");
    }
    c.fails(1, ["attach", "--latest", "box"]).says("requires 1 argument");
}

#[test]
fn latest_is_the_container_created_last() {
    let c = Coracle::busybox();
    c.detached(&["--name", "first"], FOR_EVER);
    let id = c.detached(&["--name", "second"], FOR_EVER);
    assert_eq!(c.ok(["exec", "-l", "hostname"]).line(), id[..12]);
    assert_eq!(c.ok(["inspect", "-l", "--format", "{{.Name}}"]).line(), "/second");
    assert_eq!(c.ok(["container", "inspect", "-l", "--format", "{{.Id}}"]).line(), id);
    c.ok(["top", "-l"]).says("sleep 600");
    c.ok(["top", "-l", "--", "-o", "pid,args"]).says("sleep 600");
    c.fails(1, ["port", "-l", "80"]).says("no public port '80/tcp' published for second");
    assert_eq!(c.ok(["stop", "-lt0"]).line(), id);
    assert_eq!(states(&c), "first=running second=exited");
    c.fails(1, ["attach", "-l"]).says("stopped container");
    assert_eq!(c.ok(["wait", "-l"]).line(), "137");
    c.ok(["start", "-l"]);
    assert_eq!(states(&c), "first=running second=running");
    assert_eq!(c.ok(["rm", "-f", "--latest"]).line(), id);
    assert_eq!(states(&c), "first=running");
    // Docker's own -l of rm is something else.
    c.fails(1, ["rm", "-l", "first"]).says("link");
}

#[test]
fn ignore_passes_over_what_is_not_there() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    assert_eq!(c.ok(["stop", "-i", "nosuch", "box"]).line(), "box");
    c.fails(1, ["stop", "nosuch", "box"]).says("No such container: nosuch");
    assert_eq!(c.ok(["rm", "--ignore", "nosuch", "box"]).line(), "box");
    let output = c.ok(["rmi", "-i", "nosuch", "busybox"]).says("Untagged: busybox:latest");
    assert_eq!(output.err(), "");
    assert_eq!(c.ok(["wait", "--ignore", "nosuch"]).line(), "-1");
    c.fails(1, ["wait", "nosuch"]).says("No such container: nosuch");
}

#[test]
fn all_images_go_at_once_but_those_in_use() {
    let c = Coracle::busybox();
    c.ok(["tag", "busybox", "other:1"]);
    c.load(&ImageBuilder::busybox().layer([Entry::file("x", "y")]).docker_archive(&["third:1"]));
    c.ok(["create", "--name", "box", "third:1"]);
    c.fails(1, ["rmi", "-a"]).says("is using its referenced image").says("Untagged: other:1");
    assert_eq!(c.ok(["images", "--format", "{{.Repository}}"]).line(), "third");
    c.fails(125, ["rmi", "-a", "third:1"]).says("cannot be used together");
    c.ok(["rm", "box"]);
    c.ok(["rmi", "-af"]);
    assert_eq!(c.ok(["images", "-q"]).text(), "");
    c.ok(["rmi", "-a"]);
}

#[test]
fn replace_takes_the_place_of_a_container() {
    let c = Coracle::busybox();
    let first = c.detached(
        &["--name", "box", "--replace"],
        "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done",
    );
    c.wait_for_log("box", "up");
    let second = c.ok(["run", "-d", "--replace", "--name", "box", "busybox", "sleep", "600"]).line();
    assert_ne!(first, second);
    assert_eq!(c.ok(["ps", "-aq", "--no-trunc"]).line(), second);
    // One that cannot be made takes nobody's place.
    c.fails(125, ["run", "--replace", "--name", "box", "--pull", "never", "nosuch"]);
    c.fails(1, ["create", "--replace", "--name", "box", "--log-opt", "foo=1", "busybox"]);
    assert_eq!(states(&c), "box=running");
    let third = c.ok(["create", "--replace", "--name", "box", "busybox"]).line();
    assert_eq!(c.ok(["ps", "-aq", "--no-trunc"]).line(), third);
    c.fails(125, ["run", "--replace", "busybox"]).says("cannot replace container without --name being set");
}

#[test]
fn a_container_that_removes_itself_is_replaced_too_and_two_at_once_leave_one() {
    let c = Coracle::busybox();
    c.detached(&["--rm", "--name", "box", "--stop-signal", "KILL"], FOR_EVER);
    let args =
        ["run", "-d", "--replace", "--name", "box", "--stop-signal", "KILL", "busybox", "sleep", "600"];
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let output = c.output(args);
                // One whose container is replaced before it runs is told so.
                if output.status != 0 {
                    output.status_is(125).says("No such container");
                }
            });
        }
    });
    assert_eq!(states(&c), "box=running");
}

#[test]
fn newer_images_are_pulled_and_an_old_one_is_better_than_none() {
    need!("docker-registry");
    let registry = Registry::start();
    let name = registry.image("app:1");
    let with = |text: &str| ImageBuilder::busybox().layer([Entry::file("version", text)]);
    let publish = |text: &str| {
        let c = Coracle::new();
        c.load(&with(text).docker_archive(&[&name]));
        c.ok(["push", &name]);
    };
    publish("1\n");
    let c = Coracle::new();
    let version = |pull: &str| c.ok(["run", "--rm", "-q", "--pull", pull, &name, "cat", "/version"]).line();
    assert_eq!(version("newer"), "1");
    publish("2\n");
    assert_eq!(version("missing"), "1");
    assert_eq!(version("newer"), "2");
    publish("3\n");
    assert_eq!(c.ok(["pull", "--policy", "missing", &name]).text(), format!("{name}\n"));
    c.ok(["pull", "--policy", "never", &name]);
    assert_eq!(version("never"), "2");
    c.ok(["pull", "--policy", "newer", &name]).says("Downloaded newer image");
    assert_eq!(version("never"), "3");
    let nowhere = registry.image("nosuch:1");
    c.fails(1, ["pull", "--policy", "never", &nowhere]).says("No such image");
    c.fails(1, ["pull", "--policy", "sideways", &nowhere]).says("invalid pull option: 'sideways'");
    c.fails(125, ["run", "--pull", "newer", &nowhere]).says("not found");
    drop(registry);
    assert_eq!(version("newer"), "3");
    c.ok(["pull", "-q", "--policy", "newer", &name]);
    c.fails(125, ["run", "--pull", "always", &name, "true"]);
}

#[test]
fn wait_takes_conditions() {
    let c = Coracle::busybox();
    c.ok(["create", "-i", "--name", "box", "busybox", "sh", "-c", "read x; exit 3"]);
    assert_eq!(c.ok(["wait", "--condition", "created", "box"]).line(), "-1");
    let mut running = c.spawn(["wait", "--condition", "running", "-i", "10ms", "box"]);
    let mut ended = c.spawn(["wait", "--condition=stopped", "--interval", "10", "box"]);
    let mut either = c.spawn(["wait", "--condition", "paused", "--condition", "exited", "-i", "10", "box"]);
    assert!(running.is_running() && ended.is_running());
    c.ok(["start", "box"]);
    assert_eq!((running.line().as_str(), running.wait()), ("-1", 0));
    assert!(ended.is_running() && either.is_running());
    c.ok(["pause", "box"]);
    assert_eq!((either.line().as_str(), either.wait()), ("-1", 0));
    c.ok(["unpause", "box"]);
    c.given(b"go\n", ["attach", "box"]).status_is(3);
    assert_eq!((ended.line().as_str(), ended.wait()), ("3", 0));
    // Met already.
    assert_eq!(c.ok(["wait", "--condition", "running,exited", "box"]).line(), "3");
    c.fails(125, ["wait", "--condition", "sideways", "box"])
        .says("unknown container state: sideways: invalid argument");
    c.fails(125, ["wait", "--interval", "soon", "box"]).says("invalid");
}

#[test]
fn the_first_of_several_ends_the_waiting() {
    let c = Coracle::busybox();
    c.detached(&["--name", "long"], FOR_EVER);
    c.detached(&["-i", "--name", "short"], "read x; exit 4");
    let mut wait = c.spawn(["wait", "--exit-first-match", "long", "short"]);
    c.given(b"go\n", ["attach", "short"]).status_is(4);
    assert_eq!((wait.line().as_str(), wait.wait()), ("4", 0));
    let running = c.ok(["wait", "--exit-first-match", "--condition", "running", "short", "long"]);
    assert_eq!(running.line(), "-1");
    c.fails(1, ["wait", "--exit-first-match", "nosuch", "long"]).says("No such container: nosuch");
}

#[test]
fn a_run_too_short_to_be_seen_has_been_running() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox", "true"]);
    let mut wait = c.spawn(["wait", "--condition", "running", "-i", "300ms", "box"]);
    // It has taken its first look once it is there for a while: what counts is that it ends at all.
    eventually("the container to have run", || {
        c.ok(["start", "-a", "box"]).text().is_empty() && !wait.is_running()
    });
    assert_eq!(wait.line(), "-1");
}

#[test]
fn listings_are_sorted_as_asked() {
    let c = Coracle::busybox();
    c.ok(["tag", "busybox", "another:2"]);
    c.load(
        &ImageBuilder::busybox().layer([Entry::file("big", vec![7; 3_000_000])]).docker_archive(&["cake:1"]),
    );
    for (name, image, command) in [("bb", "busybox", "cc"), ("cc", "another:2", "aa"), ("aa", "cake:1", "bb")]
    {
        c.ok(["create", "--name", name, image, command]);
    }
    let ps = |key: &str| c.ok(["ps", "-a", "--sort", key, "--format", "{{.Names}}"]).lines().join(" ");
    for (key, want) in [
        ("names", "aa bb cc"),
        ("created", "bb cc aa"),
        ("command", "cc aa bb"),
        ("image", "cc bb aa"),
        ("status", "aa cc bb"),
    ] {
        assert_eq!(ps(key), want, "{key}");
    }
    let ids = c.ok(["ps", "-aq", "--sort", "id"]);
    assert!(ids.lines().is_sorted(), "{ids}");
    c.fails(125, ["ps", "--sort", "sideways"]).says("invalid argument \"sideways\" for \"--sort\" flag");
    // The last two, by name.
    let last = c.ok(["ps", "-n", "2", "--sort", "names", "--format", "{{.Names}}"]);
    assert_eq!(last.lines(), ["aa", "cc"]);
    let images = |key: &str| c.ok(["images", "--sort", key, "--format", "{{.Repository}}"]).lines().join(" ");
    assert_eq!(images("repository"), "another busybox cake");
    assert_eq!(images("tag"), "cake another busybox");
    assert!(images("size").ends_with("cake"));
    assert!(images("created").ends_with("cake"), "made in 2020");
    c.fails(125, ["images", "--sort", "sideways"]).says("want one of created");
}

#[test]
fn variables_of_the_image_and_of_the_caller() {
    let image = ImageBuilder::busybox().config("Env", serde_json::json!(["PATH=/bin", "A=image", "B=image"]));
    let c =
        Coracle::new().with_env("A", "caller").with_env("C", "caller").with_env("https_proxy", "http://p");
    c.load(&image.docker_archive(&["img"])).success();
    let env = |flags: &[&str]| {
        let words = ["run", "--rm"].iter().chain(flags).chain(&["img", "/bin/busybox", "env"]);
        let output = c.ok(words);
        let mut lines: Vec<String> = output.lines().iter().map(|line| (*line).to_owned()).collect();
        lines.retain(|line| ["A=", "B=", "C=", "https"].iter().any(|name| line.starts_with(name)));
        lines.sort();
        lines.join(" ")
    };
    assert_eq!(env(&[]), "A=image B=image");
    assert_eq!(env(&["--env-host"]), "A=image B=image C=caller https_proxy=http://p");
    assert_eq!(env(&["--env-host", "-e", "C=flag"]), "A=image B=image C=flag https_proxy=http://p");
    assert_eq!(env(&["--unsetenv", "A"]), "B=image");
    assert_eq!(env(&["--unsetenv", "A", "-e", "A=flag"]), "A=flag B=image");
    assert_eq!(env(&["--unsetenv-all", "-e", "B=flag"]), "B=flag");
    let merged = ["--env-merge", "A=${A}:more", "--env-merge", "C=$B", "--env-merge", "B=x", "-e", "B=flag"];
    assert_eq!(env(&merged), "A=image:more B=flag C=image");
    c.fails(125, ["run", "--env-merge", "A", "img"]).says("want NAME=VALUE");
    assert_eq!(env(&["--http-proxy"]), "A=image B=image https_proxy=http://p");
    let id = c.ok(["create", "--unsetenv", "A", "img", "true"]).line();
    c.ok(["inspect", "-f", "{{.Config.Env}}", &id]).says("B=image").does_not_say("A=image");
}

#[test]
fn the_volumes_of_an_image_can_be_something_else() {
    let image = ImageBuilder::busybox().config("Volumes", serde_json::json!({ "/data": {} }));
    let c = Coracle::new();
    c.load(&image.docker_archive(&["busybox"])).success();
    let what = "mkdir -p /data; awk '$2 == \"/data\" { print $3 }' /proc/mounts";
    let kind = |flags: &[&str]| c.sh(flags, what).text().to_owned();
    assert_ne!(kind(&[]), "tmpfs\n");
    assert_eq!(kind(&["--image-volume", "tmpfs"]), "tmpfs\n");
    assert_eq!(kind(&["--image-volume", "ignore"]), "");
    for (word, volumes) in [("ignore", 0), ("tmpfs", 0), ("bind", 1), ("anonymous", 2)] {
        c.ok(["create", "--image-volume", word, "busybox"]);
        assert_eq!(c.ok(["volume", "ls", "-q"]).lines().len(), volumes, "{word}");
    }
    c.fails(125, ["create", "--image-volume", "x", "busybox"])
        .says("Pick one of bind, tmpfs, ignore or anonymous");
}

#[test]
fn new_files_of_first_and_later_processes_get_the_umask() {
    let c = Coracle::busybox();
    assert_eq!(c.sh(&[], "umask").line(), "0022");
    assert_eq!(c.sh(&["--umask", "077"], "umask").line(), "0077");
    let id = c.detached(&["--umask", "0"], "exec sleep 600");
    assert_eq!(c.ok(["exec", &id, "sh", "-c", "umask"]).line(), "0000");
    c.fails(125, ["run", "--umask", "9", "busybox"]).says("invalid umask 9");
}

#[test]
fn a_read_only_container_may_have_its_writable_places() {
    let c = Coracle::busybox();
    let write =
        "for d in /run /tmp /var/tmp; do touch $d/f || exit 7; done; touch /f 2>/dev/null || echo only";
    assert_eq!(c.sh(&["--read-only", "--read-only-tmpfs"], write).line(), "only");
    let shm = "test -e /dev/shm || echo none";
    assert_eq!(c.sh(&["--ipc", "none"], shm).line(), "none");
    let id = c.ok(["create", "--ipc", "none", "busybox"]).line();
    assert_eq!(c.inspect(&id, "{{.HostConfig.IpcMode}}"), "none");
}

#[test]
fn a_time_zone_is_the_containers_localtime() {
    let c = Coracle::busybox();
    c.fails(125, ["run", "--tz", "No/Where", "busybox"]).says("unknown time zone No/Where");
    c.fails(125, ["run", "--tz", "../../../etc/passwd", "busybox"]).says("unknown time zone");
    let Ok(zone) = std::fs::read("/usr/share/zoneinfo/Asia/Tokyo") else {
        return crate::harness::skip("no zone files here");
    };
    let seen = c.sh(&["--tz", "Asia/Tokyo"], "wc -c < /etc/localtime").line();
    assert_eq!(seen.trim(), zone.len().to_string());
}

#[test]
fn containers_are_named_by_the_files_of_their_ids_and_by_filters() {
    let c = Coracle::busybox();
    let file = c.home().join("cid");
    let file = file.to_str().expect("text");
    let sleep = ["busybox", "sleep", "600"];
    c.ok(["run", "-d", "--cidfile", file, "--label", "kind=one"].iter().chain(&sleep));
    let other = c.ok(["run", "-d", "--label", "kind=two"].iter().chain(&sleep)).line();
    let id = std::fs::read_to_string(file).expect("the id");
    assert_eq!(c.ok(["pause", "--cidfile", file]).line(), id);
    assert_eq!(c.ok(["unpause", "--filter", "label=kind=one"]).line(), id);
    assert_eq!(c.ok(["stop", "-t", "0", "-f", "label=kind=one"]).line(), id);
    assert_eq!(c.ok(["start", "-f", "label=kind=one"]).line(), id);
    assert_eq!(c.ok(["restart", "-t", "0", "--cidfile", file]).line(), id);
    assert_eq!(c.ok(["kill", "-f", "label=kind=two"]).line(), other);
    c.wait_for_state(&other, "exited");
    assert_eq!(c.ok(["rm", "-f", "-t", "0", "--cidfile", file]).line(), id);
    assert_eq!(c.ok(["rm", "--filter", "status=exited"]).line(), other);
    assert_eq!(c.ok(["rm", "--filter", "status=exited"]).text(), "");
    c.fails(125, ["rm", "--cidfile", "/nonexistent"])
        .says("reading CIDFile: open /nonexistent: no such file");
    c.ok(["rm", "-i", "--cidfile", "/nonexistent"]);
    c.fails(125, ["rm", "--cidfile", file, "-a"]).says("cannot be used together");
    c.fails(1, ["stop", "--filter", "nosuch=1"]).says("invalid filter 'nosuch'");
    c.fails(125, ["rm", "-t", "3", "box"]).says("--force option must be specified");
    c.ok(["kill", "--ignore", "nosuch"]);
}

#[test]
fn listings_without_their_headings() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "-v", "vol:/v", "busybox"]);
    assert_eq!(c.ok(["ps", "-a", "--noheading"]).lines().len(), 1);
    assert_eq!(c.ok(["images", "-n"]).lines().len(), 1);
    assert_eq!(c.ok(["volume", "ls", "--noheading"]).line(), "local     vol");
    assert_eq!(c.ok(["ps", "-a", "--noheading", "--format", "table {{.Names}}"]).line(), "box");
    assert_eq!(c.ok(["diff", "--latest"]).text(), "");
    c.fails(125, ["stats", "--interval", "0"]).says("want at least 1");
    c.ok(["stats", "--no-stream", "-i", "1"]).says("CPU %");
}

#[test]
fn a_run_that_takes_too_long_is_killed() {
    let c = Coracle::busybox();
    c.fails(255, ["run", "--rm", "--timeout", "1", "busybox", "sleep", "600"]);
    assert_eq!(c.sh(&["--timeout", "600"], "echo done").line(), "done");
    assert_eq!(c.sh(&["--timeout", "0"], "echo done").line(), "done");
    // Each run has the whole time.
    c.ok([
        "run",
        "-d",
        "--name",
        "box",
        "--timeout",
        "1",
        "--restart",
        "on-failure:1",
        "busybox",
        "sleep",
        "600",
    ]);
    c.wait_for_state("box", "exited");
    assert_eq!(c.inspect("box", "{{.RestartCount}} {{.State.ExitCode}}"), "1 255");
    c.fails(125, ["run", "--timeout", "-1", "busybox"]).says("invalid syntax");
    c.fails(125, ["run", "--timeout", "1s", "busybox"])
        .says("invalid syntax: want a whole number of seconds");
}

#[test]
fn names_are_taken_away_and_the_image_stays() {
    let c = Coracle::busybox();
    let id = c.ok(["images", "-q", "--no-trunc", "busybox"]).line();
    c.ok(["tag", "busybox", "one"]);
    c.ok(["tag", "busybox", "two:x"]);
    c.ok(["untag", "busybox", "one"]);
    c.fails(1, ["image", "inspect", "one"]);
    c.fails(125, ["untag", "busybox", "one"]).says("one:latest: tag not known");
    c.fails(125, ["untag", "nosuch"]).says("Error: nosuch: image not known");
    c.fails(125, ["untag"]).says("requires at least 1 argument");
    c.ok(["image", "untag", &id]);
    assert_eq!(c.ok(["images", "-q", "--no-trunc"]).line(), id);
    assert_eq!(c.inspect(&id, "{{len .RepoTags}}"), "0");
    c.ok(["run", "--rm", &id, "true"]);
}

#[test]
fn reset_leaves_nothing() {
    let c = Coracle::busybox();
    let id = c.detached(&["-v", "vol:/v", "-v", "/anonymous"], FOR_EVER);
    c.ok(["create", "busybox"]);
    c.ok(["tag", "busybox", "again"]);
    c.ok(["volume", "create", "lone"]);
    c.given(b"value", ["secret", "create", "key", "-"]).success();
    c.given(b"n\n", ["system", "reset"]).success().says("all containers, the running ones too");
    c.ok(["exec", &id, "true"]);
    c.ok(["system", "reset", "--force"]);
    for listing in [&["ps", "-aq"][..], &["images", "-aq"], &["volume", "ls", "-q"], &["secret", "ls", "-q"]]
    {
        assert_eq!(c.ok(listing).text(), "", "{listing:?}");
    }
}

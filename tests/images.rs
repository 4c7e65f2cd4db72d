//! Images in the store: import, load, save, images, tag, rmi, inspect, history; skopeo and umoci as second
//! opinions.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::archive::{Pack, busybox, busybox_program, digest};
use crate::harness::command::{output, tool};
use crate::harness::{Coracle, DEADLINE, Entry, ImageBuilder, Tar};
use crate::need;

#[test]
fn import_makes_an_image_of_a_root_file_system() {
    let c = Coracle::new();
    let id = c.given(busybox(), ["import", "-", "made:1"]).success().line();
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    assert_eq!(c.ok(["run", "--rm", "made:1", "echo", "x"]).line(), "x");
    let image = &c.inspect_json("made:1");
    assert_eq!(image["Id"], id);
    assert_eq!(image["RootFS"]["Layers"], json!([digest(busybox())]));
}

#[test]
fn import_applies_changes() {
    let c = Coracle::new();
    let changes = [
        "CMD [\"echo\", \"changed\"]",
        "ENV A=b",
        "ENTRYPOINT [\"env\"]",
        "WORKDIR /tmp",
        "LABEL l=m",
        "EXPOSE 80",
        "USER app",
        "VOLUME /v",
        "STOPSIGNAL SIGINT",
    ];
    let args = ["import"].into_iter().chain(changes.iter().flat_map(|change| ["--change", change]));
    c.given(busybox(), args.chain(["-m", "a message", "-", "made"])).success();
    let config = &c.inspect_json("made")["Config"];
    assert_eq!(config["Cmd"], json!(["echo", "changed"]));
    assert_eq!(config["Entrypoint"], json!(["env"]));
    assert!(config["Env"].as_array().expect("a list").contains(&json!("A=b")));
    assert_eq!(config["WorkingDir"], "/tmp");
    assert_eq!(config["Labels"]["l"], "m");
    assert_eq!(config["User"], "app");
    assert_eq!(config["StopSignal"], "SIGINT");
    assert!(config["ExposedPorts"]["80/tcp"].is_object());
    assert!(config["Volumes"]["/v"].is_object());
    c.ok(["history", "made"]).says("a message");
    c.given(busybox(), ["import", "--change", "NOSUCH x", "-", "made"]).status_is(1);
}

#[test]
fn import_reads_files_and_every_packing() {
    let c = Coracle::new();
    for (name, pack) in [("plain", Pack::Plain), ("gzip", Pack::Gzip), ("zstd", Pack::Zstd)] {
        let file = c.file(name, pack.pack(busybox()));
        c.ok(["import", file.to_str().expect("a plain path"), name]);
        assert_eq!(c.ok(["run", "--rm", name, "echo", "x"]).line(), "x");
    }
    c.fails(1, ["import", "/no/such/file", "x"]).says("no such file or directory");
}

#[test]
fn load_takes_docker_archives() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([Entry::file("hello", "hi\n")]);
    let output = c.load(&image.docker_archive(&["a:1", "example.org/b/c:2"]));
    assert_eq!(output.lines(), ["Loaded image: a:1", "Loaded image: example.org/b/c:2"]);
    assert_eq!(c.ok(["run", "--rm", "a:1", "cat", "/hello"]).line(), "hi");
    assert_eq!(c.inspect("a:1", "{{.Id}}"), image.id());
    let file = c.file("archive", image.docker_archive(&[]));
    let output = c.ok(["load", "-i", file.to_str().expect("a plain path")]);
    assert_eq!(output.line(), format!("Loaded image ID: {}", image.id()));
    assert_eq!(
        c.given(&image.docker_archive(&["q:1"]), ["load", "-q"]).success().line(),
        "Loaded image: q:1"
    );
}

#[test]
fn load_takes_oci_archives_and_packed_ones() {
    let c = Coracle::new();
    for (name, pack) in [("o1", Pack::Plain), ("o2", Pack::Gzip), ("o3", Pack::Zstd)] {
        let image = ImageBuilder::busybox().packed_layer(pack, [Entry::file("name", name)]);
        let reference = format!("docker.io/library/{name}:1");
        let archive = pack.pack(&image.oci_archive(&reference));
        c.load(&archive).says(&format!("{name}:1"));
        assert_eq!(c.ok(["run", "--rm", &format!("{name}:1"), "cat", "/name"]).text(), name);
    }
}

#[test]
fn an_archive_of_the_same_image_is_taken_twice() {
    let c = Coracle::new();
    let archive = ImageBuilder::busybox().docker_archive(&["a:1"]);
    c.load(&archive);
    let files = c.store_files();
    c.load(&archive);
    assert_eq!(c.store_files().len(), files.len());
}

#[test]
fn save_and_load_give_the_same_image() {
    let c = Coracle::new();
    let image =
        ImageBuilder::busybox().layer([Entry::file("hello", "hi\n")]).config("Labels", json!({ "l": "m" }));
    c.load(&image.docker_archive(&["a:1", "a:2"]));
    let file = c.home().join("saved.tar");
    let file = file.to_str().expect("a plain path");
    c.ok(["save", "-o", file, "a:1", "a:2"]);
    let piped = c.ok(["save", "a:1"]);
    for archive in [std::fs::read(file).expect("the archive"), piped.stdout] {
        let other = Coracle::new();
        other.load(&archive).says("Loaded image: a:1");
        assert_eq!(other.inspect("a:1", "{{.Id}}"), image.id());
        assert_eq!(other.ok(["run", "--rm", "a:1", "cat", "/hello"]).line(), "hi");
    }
    let other = Coracle::new();
    other.ok(["load", "-i", file]).says("Loaded image: a:2");
    c.fails(1, ["save", "-o", file, "nosuch"]).says("nosuch");
    c.fails(1, ["save", "-o", "/no/such/dir/x", "a:1"]);
}

#[test]
fn skopeo_and_umoci_read_what_is_saved() {
    need!("skopeo", "umoci");
    let c = Coracle::new();
    let image = ImageBuilder::busybox()
        .layer([Entry::file("gone", "x"), Entry::file("kept", "1"), Entry::hard_link("linked", "kept")])
        .layer([Entry::file(".wh.gone", ""), Entry::file("top", "2").mode(0o600)])
        .config("Labels", json!({ "l": "m" }));
    c.load(&image.docker_archive(&["a:1"]));
    let saved = c.home().join("saved.tar");
    c.ok(["save", "-o", saved.to_str().expect("a path"), "a:1"]);
    let run = |script: &str| {
        let mut command = Command::new("sh");
        command.arg("-ec").arg(script).current_dir(c.home()).env("HOME", c.home());
        output(&mut command, None, DEADLINE).success()
    };
    let seen: Value =
        serde_json::from_str(run("skopeo inspect docker-archive:saved.tar").text()).expect("JSON");
    assert_eq!(seen["Labels"]["l"], "m");
    run("skopeo copy -q docker-archive:saved.tar oci:layout:x");
    run("skopeo copy -q oci-archive:saved.tar oci:layout2:x");
    run("umoci unpack --rootless --image layout:x bundle");
    let file = |path: &str| c.home().join("bundle/rootfs").join(path);
    assert!(!file("gone").exists());
    assert_eq!(std::fs::read_to_string(file("linked")).expect("the link"), "1");
    assert_eq!(std::fs::read_to_string(file("top")).expect("the file"), "2");
    run("chmod -R u+rwX bundle");
}

#[test]
fn images_that_skopeo_and_umoci_made_are_read() {
    need!("skopeo", "umoci");
    let c = Coracle::new();
    let run = |script: &str| {
        let mut command = Command::new("sh");
        command.arg("-ec").arg(script).current_dir(c.home()).env("HOME", c.home());
        output(&mut command, None, DEADLINE).success()
    };
    run("umoci init --layout um && umoci new --image um:t && mkdir -p top/bin && cp \"$(command -v busybox)\" top/bin/busybox
         ln -s busybox top/bin/echo
         umoci insert --rootless --image um:t top / && umoci config --image um:t --config.cmd /bin/echo --config.cmd made
         skopeo copy -q oci:um:t oci-archive:um.tar:localhost/um:1
         skopeo copy -q oci:um:t docker-archive:um-docker.tar:localhost/um:2
         skopeo copy -q --format v2s2 oci:um:t docker-archive:um-v2s2.tar:localhost/um:3");
    for (archive, name) in
        [("um.tar", "localhost/um:1"), ("um-docker.tar", "localhost/um:2"), ("um-v2s2.tar", "localhost/um:3")]
    {
        c.ok(["load", "-i", archive]).says(name);
        assert_eq!(c.ok(["run", "--rm", name]).line(), "made");
    }
    tool("rm", ["-rf", c.home().join("um").to_str().expect("a path")]);
}

#[test]
fn images_lists_in_dockers_columns() {
    let c = Coracle::new();
    assert_eq!(c.ok(["images"]).line(), "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE");
    let image = ImageBuilder::busybox();
    c.load(&image.docker_archive(&["a:1", "example.org/b/c:latest"]));
    let id = image.id();
    let output = c.ok(["images"]);
    let rows: Vec<Vec<&str>> =
        output.lines()[1..].iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 2, "{output}");
    assert_eq!(rows[0][..3], ["a", "1", &id[7..19]]);
    assert_eq!(rows[1][..3], ["example.org/b/c", "latest", &id[7..19]]);
    assert!(output.lines()[1].contains(" years ago"), "{output}");
    assert_eq!(c.ok(["images", "-q"]).lines(), [&id[7..19], &id[7..19]]);
    assert_eq!(c.ok(["images", "-q", "--no-trunc", "a"]).line(), id);
    assert_eq!(c.ok(["images", "--format", "{{.Repository}}:{{.Tag}}", "a"]).line(), "a:1");
    assert_eq!(c.ok(["images", "-q", "nosuch"]).text(), "");
    assert_eq!(c.ok(["images", "--filter", "reference=*/b/*", "--format", "{{.Tag}}"]).line(), "latest");
    c.ok(["images", "--digests"]).says("DIGEST");
    c.fails(1, ["images", "--filter", "nosuch=1"]).says("nosuch");
}

#[test]
fn tags_move() {
    let c = Coracle::new();
    let (one, two) = (ImageBuilder::busybox(), ImageBuilder::busybox().config("User", json!("0")));
    c.load(&one.docker_archive(&["one:1"]));
    c.load(&two.docker_archive(&["two:1"]));
    c.ok(["tag", "one:1", "x"]);
    assert_eq!(c.inspect("x:latest", "{{.Id}}"), one.id());
    c.ok(["tag", &two.id()[7..19], "x"]);
    assert_eq!(c.inspect("x", "{{.Id}}"), two.id());
    c.ok(["tag", "one:1", "y", "z:2"]);
    for name in ["y", "z:2"] {
        assert_eq!(c.inspect(name, "{{.Id}}"), one.id());
    }
    c.fails(1, ["tag", "nosuch", "y"]).says("No such image: nosuch:latest");
    c.fails(1, ["tag", "one:1", "UPPER"]).says("must be lowercase");
}

#[test]
fn bad_references_are_refused_in_dockers_words() {
    let c = Coracle::busybox();
    for (name, words) in [
        ("Upper", "must be lowercase"),
        ("a:", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a:b:c", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a@sha256:123", "invalid"),
        ("", "invalid reference format"),
    ] {
        let output = c.output(["pull", "--", name]);
        assert_eq!(output.status, 1, "{output}");
        output.says(words);
        let output = c.output(["run", "--pull", "never", "--", name, "true"]);
        assert_eq!(output.status, 125, "{output}");
    }
    c.fails(1, ["tag", "busybox", &"a".repeat(64)]).says("hexadecimal");
}

#[test]
fn rmi_untags_and_deletes() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox();
    c.load(&image.docker_archive(&["a:1", "a:2"]));
    assert_eq!(c.ok(["rmi", "a:1"]).line(), "Untagged: a:1");
    let output = c.ok(["rmi", "a:2"]);
    assert_eq!(output.lines()[..2], ["Untagged: a:2".to_owned(), format!("Deleted: {}", image.id())]);
    assert_eq!(c.ok(["images", "-q"]).text(), "");
    c.fails(1, ["rmi", "a:2"]).says("No such image: a:2");
    let output = c.ok(["rmi", "-f", "a:2"]);
    output.says("No such image: a:2");
}

#[test]
fn rmi_frees_the_space_that_nothing_else_uses() {
    let c = Coracle::new();
    let empty = c.store_files();
    let base = ImageBuilder::busybox();
    let big = base.clone().layer([Entry::file("big", vec![7; 3_000_000])]);
    c.load(&base.docker_archive(&["base:1"]));
    let with_base = c.store_files();
    c.load(&big.docker_archive(&["big:1"]));
    c.ok(["rmi", "big:1"]);
    assert_eq!(c.store_files(), with_base);
    assert_eq!(c.ok(["run", "--rm", "base:1", "echo", "works"]).line(), "works");
    c.ok(["rmi", "base:1"]);
    let left: Vec<_> = c.store_files().into_iter().filter(|file| !empty.contains(file)).collect();
    let bytes: u64 = left.iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    assert!(bytes < 4096, "{bytes} bytes are left: {left:?}");
}

#[test]
fn images_in_use_are_kept() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box"], "exec sleep 600");
    let output = c.fails(1, ["rmi", "busybox"]);
    output.says("conflict: unable to").says(&id[..12]);
    let image = c.ok(["images", "-q"]).line();
    c.fails(1, ["rmi", "-f", &image]).says("image is being used by running container");
    c.ok(["stop", "-t", "0", "box"]);
    c.fails(1, ["rmi", "busybox"]).says("must force");
    c.ok(["rmi", "-f", "busybox"]).says("Untagged: busybox:latest");
    // The container keeps what it was made of.
    c.ok(["start", "box"]);
    assert_eq!(c.ok(["exec", "box", "echo", "works"]).line(), "works");
}

#[test]
fn an_image_with_several_names_is_not_deleted_by_its_id() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox();
    c.load(&image.docker_archive(&["a:1", "b:1"]));
    let output = c.fails(1, ["rmi", &image.id()[7..19]]);
    output.says("image is referenced in multiple repositories");
    c.ok(["rmi", "-f", &image.id()[7..19]]).says("Untagged: a:1").says("Untagged: b:1").says("Deleted: ");
}

#[test]
fn inspect_shows_the_images_config() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox()
        .layer([Entry::file("x", "1")])
        .config("Healthcheck", json!({ "Test": ["CMD", "true"], "Interval": 1_000_000_000_u64 }))
        .config("OnBuild", json!(["RUN x"]))
        .config("Shell", json!(["/bin/sh", "-ec"]))
        .config("ExposedPorts", json!({ "80/tcp": {} }));
    c.load(&image.docker_archive(&["a:1"]));
    let output = c.ok(["image", "inspect", "a:1"]);
    let all: Value = serde_json::from_str(output.text()).expect("JSON");
    let image_json = &all[0];
    assert_eq!(image_json["Id"], image.id());
    assert_eq!(image_json["RepoTags"], json!(["a:1"]));
    assert_eq!(image_json["Os"], "linux");
    assert_eq!(image_json["Architecture"], "amd64");
    assert_eq!(image_json["Created"], "2020-01-02T03:04:05Z");
    assert_eq!(image_json["RootFS"]["Layers"].as_array().expect("layers").len(), 2);
    for key in ["Healthcheck", "OnBuild", "Shell", "ExposedPorts"] {
        assert!(!image_json["Config"][key].is_null(), "{key} is missing in {image_json}");
    }
    assert!(image_json["Size"].as_u64().expect("a size") > 1_000_000);
    let output = c.fails(1, ["image", "inspect", "nosuch"]);
    assert_eq!(output.text(), "[]\n");
    output.says("No such image: nosuch");
}

#[test]
fn history_is_newest_first() {
    let c = Coracle::new();
    let image = ImageBuilder::busybox().layer([Entry::file("x", vec![0; 12345])]);
    c.load(&image.docker_archive(&["a:1"]));
    let output = c.ok(["history", "a:1"]);
    let lines = output.lines();
    assert!(lines[0].starts_with("IMAGE"), "{output}");
    assert!(lines[1].starts_with(&image.id()[7..19]) && lines[1].contains("layer 1"), "{output}");
    assert!(lines[2].starts_with("<missing>") && lines[2].contains("layer 0"), "{output}");
    assert!(lines[1].contains("12.3kB") || lines[1].contains("kB"), "{output}");
    assert_eq!(c.ok(["history", "-q", "--no-trunc", "a:1"]).lines(), [image.id().as_str(), "<missing>"]);
    assert_eq!(c.ok(["history", "--format", "{{.CreatedBy}}", "a:1"]).lines(), ["layer 1", "layer 0"]);
    c.fails(1, ["history", "nosuch"]).says("No such image: nosuch");
}

#[test]
fn history_shows_steps_without_layers_and_cuts_or_counts_as_asked() {
    let c = Coracle::new();
    let long = "/bin/sh -c echo a command line of more than forty-five characters";
    c.load(&ImageBuilder::busybox().step(long, "a note").docker_archive(&["a:1"]));
    let show = |flags: &[&str], format: &str| {
        let args = ["history", "--format", format].into_iter().chain(flags.iter().copied());
        c.ok(args.chain(["a:1"])).lines()[0].to_owned()
    };
    assert_eq!(
        show(&[], "{{.CreatedBy}}|{{.Size}}|{{.Comment}}"),
        "/bin/sh -c echo a command line of more than …|0B|a note"
    );
    assert_eq!(show(&["--no-trunc"], "{{.CreatedBy}}"), long);
    assert!(show(&[], "{{.CreatedSince}}").ends_with(" years ago"));
    assert_eq!(show(&["--human=false"], "{{.CreatedAt}} {{.Size}}"), "2020-01-02T03:04:06Z 0");
    let plain = c.ok(["history", "-H=false", "a:1"]);
    assert!(
        plain.lines()[0].contains("CREATED AT") && plain.lines()[2].contains("2020-01-02T03:04:05Z"),
        "{plain}"
    );
    let json: Value = serde_json::from_str(&show(&[], "json")).unwrap();
    assert_eq!(json["Comment"], "a note");
}

#[test]
fn layers_are_shared_between_images() {
    let c = Coracle::new();
    let base = ImageBuilder::busybox();
    c.load(&base.docker_archive(&["base:1"]));
    let size = || -> u64 {
        c.store_files().iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    };
    let before = size();
    for nth in 0..5 {
        let image = base.clone().layer([Entry::file("n", format!("{nth}"))]);
        c.load(&image.docker_archive(&[&format!("d:{nth}")]));
    }
    assert!(size() - before < 600_000, "{} bytes for five small layers", size() - before);
}

#[test]
fn a_dangling_image_is_listed_without_a_name() {
    let c = Coracle::new();
    let (one, two) = (ImageBuilder::busybox(), ImageBuilder::busybox().config("User", json!("0")));
    c.load(&one.docker_archive(&["a:1"]));
    c.load(&two.docker_archive(&["a:1"]));
    let output = c.ok(["images", "-f", "dangling=true"]);
    assert!(output.text().contains("<none>") && output.text().contains(&one.id()[7..19]), "{output}");
    assert_eq!(c.inspect("a:1", "{{.Id}}"), two.id());
    c.ok(["rmi", &one.id()[7..19]]);
    assert_eq!(c.ok(["images", "-q"]).lines().len(), 1);
}

#[test]
fn a_tar_with_dot_slash_names_is_the_same_tree() {
    let c = Coracle::new();
    let busybox = busybox_program();
    let tar = Tar::of([
        Entry::directory("./"),
        Entry::directory("./bin/"),
        Entry::file("./bin/sh", busybox).mode(0o755),
        Entry::file("/abs", "absolute names are below the root\n"),
    ]);
    c.import("dots", &tar.finish());
    assert_eq!(
        c.ok(["run", "--rm", "dots", "/bin/sh", "-c", "read x < /abs; echo $x"]).line(),
        "absolute names are below the root"
    );
}

#[test]
fn a_volume_of_the_image_is_there_and_writable() {
    let c = Coracle::new();
    c.given(busybox(), ["import", "-c", "VOLUME /data/deep", "-", "made"]).success();
    assert_eq!(c.ok(["run", "--rm", "made", "sh", "-c", "echo x > /data/deep/f; ls /data/deep"]).line(), "f");
}

#[test]
fn the_tree_shows_names_platforms_and_what_is_in_use() {
    let c = Coracle::busybox();
    c.ok(["tag", "busybox", "other:2"]);
    c.load(&ImageBuilder::busybox().docker_archive(&[]));
    c.ok(["create", "other:2"]);
    let output = c.ok(["images", "--tree"]);
    let lines = output.lines();
    assert!(
        lines[0].starts_with("IMAGE ")
            && lines[0].ends_with("   ID             DISK USAGE   CONTENT SIZE   EXTRA"),
        "{output}"
    );
    let id = c.inspect("busybox", "{{.Id}}");
    let short = &id["sha256:".len()..][..12];
    let at = lines.iter().position(|line| *line == "busybox:latest").expect("a name alone");
    let (named, platform) = (lines[at + 1], lines[at + 2]);
    assert!(named.starts_with("other:2 ") && named.contains(short) && named.ends_with("   U"), "{output}");
    assert!(platform.starts_with("└─ linux/") && platform.ends_with("   U"), "{output}");
    assert!(output.text().contains("<untagged> "), "{output}");
    let one = c.ok(["images", "--tree", "other"]);
    assert!(one.text().contains("other:2") && !one.text().contains("busybox"), "{one}");
    for (flag, name) in [
        ("-q", "quiet"),
        ("--no-trunc", "no-trunc"),
        ("--digests", "show-digest"),
        ("--format=json", "format"),
    ] {
        c.fails(1, ["images", "--tree", flag]).says(&format!("--{name} is not yet supported with --tree"));
    }
}

#[test]
fn images_can_be_chosen_by_labels_that_they_lack() {
    let c = Coracle::busybox();
    c.given(busybox(), ["import", "-c", "LABEL tier=web", "-", "web"]).success();
    let names = |filter: &str| c.ok(["images", "-f", filter, "--format", "{{.Repository}}"]).line();
    assert_eq!(names("label!=tier"), "busybox");
    assert_eq!(names("label=tier=web"), "web");
    assert_eq!(names("label!=tier=web"), "busybox");
}

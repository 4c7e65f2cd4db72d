//! `container prune` and `image prune`.

use crate::harness::{Coracle, Entry, ImageBuilder};

#[test]
fn stopped_containers_go_and_running_ones_stay() {
    let c = Coracle::busybox();
    let running = c.detached(&["--name", "running"], "exec sleep 600");
    let created = c.ok(["create", "busybox"]).line();
    c.ok(["run", "--name", "over", "busybox", "sh", "-c", "head -c 5000 /dev/zero > /written"]);
    let over = c.inspect("over", "{{.Id}}");
    let output = c.ok(["container", "prune", "-f"]);
    assert_eq!(
        output.text(),
        format!("Deleted Containers:\n{over}\n{created}\n\nTotal reclaimed space: 5kB\n")
    );
    assert_eq!(c.ok(["ps", "-aq", "--no-trunc"]).line(), running);
    // Nothing is left to do.
    assert_eq!(c.ok(["container", "prune", "-f"]).text(), "Total reclaimed space: 0B\n");
}

#[test]
fn prune_asks_and_only_y_is_yes() {
    let c = Coracle::busybox();
    c.ok(["create", "busybox"]);
    let question =
        "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ";
    for no in ["", "n\n", "yes\n"] {
        assert_eq!(c.given(no.as_bytes(), ["container", "prune"]).success().text(), question);
    }
    assert_eq!(c.ok(["ps", "-aq"]).lines().len(), 1);
    let output = c.given(b"Y\n", ["container", "prune"]).success();
    assert!(output.text().starts_with(&format!("{question}Deleted Containers:\n")), "{output}");
    assert_eq!(c.ok(["ps", "-aq"]).text(), "");
    for (flags, question) in [
        (&["image", "prune"][..], "This will remove all dangling images."),
        (
            &["image", "prune", "-a"],
            "This will remove all images without at least one container associated to them.",
        ),
    ] {
        c.given(b"", flags).success().says(question);
    }
    assert_eq!(c.ok(["images", "-q"]).lines().len(), 1);
}

#[test]
fn filters_say_which_containers_go() {
    let c = Coracle::busybox();
    for (name, label) in [("a", "stage=test"), ("b", "stage=live"), ("c", "keep")] {
        c.ok(["create", "--name", &format!("box-{name}"), "-l", label, "busybox"]);
    }
    let left = || {
        let output = c.ok(["ps", "-a", "--format", "{{.Names}}"]);
        output.lines().join(" ")
    };
    c.ok(["container", "prune", "-f", "--filter", "until=1h"]);
    c.ok(["container", "prune", "-f", "--filter", "label=nosuch"]);
    assert_eq!(left(), "box-c box-b box-a");
    c.ok(["container", "prune", "-f", "--filter", "label=stage=test"]);
    assert_eq!(left(), "box-c box-b");
    c.ok(["container", "prune", "-f", "--filter", "label!=keep"]);
    assert_eq!(left(), "box-c");
    c.fails(1, ["container", "prune", "-f", "--filter", "name=x"]).says("invalid filter 'name'");
    c.fails(1, ["container", "prune", "-f", "--filter", "until=soon"]).says("Error response from daemon");
    c.fails(125, ["container", "prune", "-f", "--filter", "until"]).says("bad format of filter");
    assert_eq!(left(), "box-c");
}

#[test]
fn dangling_images_go_and_with_a_all_unused_ones() {
    let c = Coracle::busybox();
    let file = |content: u8| {
        ImageBuilder::busybox()
            .layer([Entry::file("data", vec![content; 2_000_000])])
            .docker_archive(&["x:1"])
    };
    c.load(&file(1));
    let first = c.inspect("x:1", "{{.Id}}");
    // The name moves on.
    c.load(&file(2));
    let output = c.ok(["image", "prune", "-f"]);
    assert!(
        output.text().starts_with(&format!("Deleted Images:\ndeleted: {first}\ndeleted: sha256:")),
        "{output}"
    );
    assert!(output.text().ends_with("\n\nTotal reclaimed space: 2.002MB\n"), "{output}");
    assert_eq!(c.ok(["image", "prune", "-f"]).text(), "Total reclaimed space: 0B\n");
    c.ok(["tag", "x:1", "y:2"]);
    c.ok(["create", "--name", "box", "busybox"]);
    let output = c.ok(["image", "prune", "-af"]);
    for line in ["untagged: x:1\n", "untagged: y:2\n"] {
        assert!(output.text().contains(line), "{output}");
    }
    assert_eq!(c.ok(["images", "--format", "{{.Repository}}"]).line(), "busybox");
    c.ok(["container", "prune", "-f"]);
    c.ok(["image", "prune", "-af", "--filter", "label=nosuch"]);
    assert_eq!(c.ok(["images", "-q"]).lines().len(), 1);
    c.ok(["image", "prune", "-f", "--filter", "dangling=false"]);
    assert_eq!(c.ok(["images", "-q"]).text(), "");
}

#[test]
fn the_settings_of_dockers_client_have_filters_too() {
    let c = Coracle::busybox();
    c.file(".docker/config.json", r#"{"pruneFilters": ["label!=keep"]}"#);
    let make = |name: &str, label: &str| c.ok(["create", "--name", name, "--label", label, "busybox"]);
    make("kept", "keep");
    make("other", "x");
    c.ok(["volume", "create", "--label", "keep", "kept"]);
    c.ok(["volume", "create", "other"]);
    let names = || c.ok(["ps", "-a", "--format", "{{.Names}}"]).text().to_owned();
    let asked = c.given(b"n\n", ["system", "prune"]).success();
    assert!(asked.text().contains("Items to be pruned will be filtered with:\n  - label!=keep\n"), "{asked}");
    c.ok(["container", "prune", "-f"]);
    assert_eq!(names(), "kept\n");
    c.ok(["volume", "prune", "-af"]);
    assert_eq!(c.ok(["volume", "ls", "-q"]).line(), "kept");
    c.ok(["system", "prune", "-f"]);
    assert_eq!(names(), "kept\n");
    // The opposite of it, typed, goes before.
    c.ok(["container", "prune", "-f", "--filter", "label=keep"]);
    assert_eq!(names(), "");
    c.file(".docker/config.json", r#"{"pruneFilters": ["nosuch=1"]}"#);
    c.fails(1, ["container", "prune", "-f"]).says("invalid filter 'nosuch'");
}

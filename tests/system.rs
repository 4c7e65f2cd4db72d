//! `system df` and `system prune`.

use crate::harness::{Coracle, Entry, ImageBuilder};
use serde_json::Value;

/// Two images above one layer: `x:1` of 2 MB more, `y:1` of 1 MB more.
fn with_images() -> Coracle {
    let c = Coracle::busybox();
    for (name, size) in [("x:1", 2_000_000), ("y:1", 1_000_000)] {
        let layer = [Entry::file("data", vec![b'x'; size])];
        c.load(&ImageBuilder::busybox().layer(layer).docker_archive(&[name]));
    }
    c
}

fn df(c: &Coracle) -> Vec<Value> {
    let output = c.ok(["system", "df", "--format", "json"]);
    output.lines().iter().map(|line| serde_json::from_str(line).expect("an object per line")).collect()
}

/// `2.002MB`, `12kB`.
fn bytes(text: &str) -> f64 {
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).expect("a unit");
    let scale = match &text[digits..] {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        unit => panic!("{unit}?"),
    };
    text[..digits].parse::<f64>().expect("a number") * scale
}

#[test]
fn an_empty_store_is_dockers_table() {
    let c = Coracle::new();
    assert_eq!(
        c.ok(["system", "df"]).text(),
        "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n\
         Images          0         0         0B        0B\n\
         Containers      0         0         0B        0B\n\
         Local Volumes   0         0         0B        0B\n\
         Build Cache     0         0         0B        0B\n"
    );
    assert_eq!(
        c.ok(["system", "df", "-v"]).text(),
        "Images space usage:\n\n\
         REPOSITORY   TAG       IMAGE ID   CREATED   SIZE      SHARED SIZE   UNIQUE SIZE   CONTAINERS\n\n\
         Containers space usage:\n\n\
         CONTAINER ID   IMAGE     COMMAND   LOCAL VOLUMES   SIZE      CREATED   STATUS    NAMES\n\n\
         Local Volumes space usage:\n\n\
         VOLUME NAME   LINKS     SIZE\n\n\
         Build cache usage: 0B\n\n\
         CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n"
    );
    let nothing = c.ok(["system", "df", "-v", "--format", "json"]);
    assert_eq!(nothing.text(), "{\"Images\":[],\"Containers\":[],\"Volumes\":[],\"BuildCache\":[]}");
}

#[test]
fn what_containers_need_is_not_reclaimable() {
    let c = with_images();
    let before = df(&c);
    assert_eq!(before[0]["Type"], "Images");
    assert_eq!((before[0]["TotalCount"].as_str(), before[0]["Active"].as_str()), (Some("3"), Some("0")));
    let all = before[0]["Size"].as_str().unwrap();
    assert_eq!(before[0]["Reclaimable"], format!("{all} (100%)"));
    c.ok(["run", "--name", "still", "x:1", "sh", "-c", "head -c 300000 /dev/zero > /big"]);
    let script = "head -c 100000 /dev/zero > /big; echo written; sleep 600";
    c.ok(["run", "-d", "--name", "up", "x:1", "sh", "-c", script]);
    c.wait_for_log("up", "written");
    let after = df(&c);
    assert_eq!(after[0]["Active"], "1");
    // Its own layer and the one below, whoever has that too; the 1 MB of y:1 could go, and what the lone
    // busybox does not share.
    let (size, reclaimable) = after[0]["Reclaimable"].as_str().unwrap().split_once(" (").unwrap();
    assert!(bytes(all) - bytes(size) > 2_000_000.0 && bytes(size) > 1_000_000.0, "{after:?}");
    assert!(reclaimable.ends_with("%)"), "{reclaimable}");
    let containers = &after[1];
    assert_eq!((containers["TotalCount"].as_str(), containers["Active"].as_str()), (Some("2"), Some("1")));
    let written = bytes(containers["Size"].as_str().unwrap());
    let reclaimable = containers["Reclaimable"].as_str().unwrap();
    assert!((400_000.0..450_000.0).contains(&written), "{containers}");
    assert!(reclaimable.starts_with("30") && reclaimable.contains("kB (7"), "{containers}");
}

#[test]
fn details_say_what_images_share() {
    let c = with_images();
    c.ok(["create", "--name", "box", "x:1"]);
    let text = c.ok(["system", "df", "-v", "--format", "json"]);
    let all: Value = serde_json::from_str(text.text()).unwrap();
    let image = |name: &str| {
        let images = all["Images"].as_array().unwrap();
        images.iter().find(|image| image["Repository"] == name).unwrap_or_else(|| panic!("{name} in {text}"))
    };
    let field = |image: &Value, name: &str| bytes(image[name].as_str().unwrap());
    let (x, y) = (image("x"), image("y"));
    assert_eq!(x["SharedSize"], y["SharedSize"]);
    assert!(field(x, "SharedSize") > 0.0, "{x}");
    assert!((2_000_000.0..2_100_000.0).contains(&field(x, "UniqueSize")), "{x}");
    assert!((1_000_000.0..1_100_000.0).contains(&field(y, "UniqueSize")), "{y}");
    assert_eq!((x["Containers"].as_str(), y["Containers"].as_str()), (Some("1"), Some("0")));
    assert_eq!(all["Containers"][0]["Names"], "box");
    assert_eq!(all["Containers"][0]["LocalVolumes"], "0");
    let names = c.ok(["system", "df", "-v", "--format", "{{range .Images}}{{.Repository}} {{end}}"]);
    assert_eq!(names.text().split_whitespace().count(), 3);
    let table = c.ok(["system", "df", "-v"]);
    assert!(table.lines().iter().any(|line| line.ends_with("   box")), "{table}");
    c.ok(["system", "df", "--format", "table {{.Type}}\\t{{.Active}}"])
        .says("TYPE            ACTIVE\nImages          1\n");
    c.fails(1, ["system", "df", "--format", "{{.Nonsense}}"]).says("template");
    c.fails(1, ["system", "df", "-v", "--format", "{{.Nonsense}}"]).says("template");
}

#[test]
fn prune_asks_with_dockers_text() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "box", "busybox"]);
    let question = "Are you sure you want to continue? [y/N] ";
    let head = "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n";
    assert_eq!(
        c.given(b"n\n", ["system", "prune"]).success().text(),
        format!("{head}  - all dangling images\n  - unused build cache\n\n{question}")
    );
    let images = "  - all images without at least one container associated to them\n  - all build cache\n\n";
    assert_eq!(
        c.given(b"", ["system", "prune", "-a", "--filter", "label=x", "--filter", "label!=y"])
            .success()
            .text(),
        format!(
            "{head}{images}  Items to be pruned will be filtered with:\n  - label!=y\n  - label=x\n\n{question}"
        )
    );
    let volumes = "  - all anonymous volumes not used by at least one container\n";
    let asked = c.given(b"", ["system", "prune", "--volumes"]).success();
    assert!(asked.text().starts_with(&format!("{head}{volumes}")), "{asked}");
    assert_eq!(c.ok(["ps", "-aq"]).lines().len(), 1);
    c.fails(1, ["system", "prune", "--volumes", "--filter", "until=1h"])
        .says("ERROR: The \"until\" filter is not supported with \"--volumes\"");
    c.fails(1, ["system", "prune", "-f", "--filter", "name=x"]).says("invalid filter 'name'");
}

#[test]
fn prune_removes_what_nobody_needs() {
    let c = with_images();
    let running = c.detached(&[], "exec sleep 600");
    let made = c.ok(["create", "x:1"]).line();
    c.load(&ImageBuilder::busybox().layer([Entry::file("data", "new")]).docker_archive(&["y:1"]));
    let output = c.ok(["system", "prune", "-f"]);
    let lines = output.lines();
    assert_eq!(lines[..3], ["Deleted Containers:", &made, ""]);
    assert!(lines[3] == "Deleted Images:" && lines[4].starts_with("deleted: sha256:"), "{output}");
    assert!(output.text().contains("\n\nTotal reclaimed space: 1.00"), "{output}");
    assert_eq!(c.ok(["images", "-q"]).lines().len(), 3);
    assert_eq!(c.ok(["system", "prune", "-f"]).text(), "Total reclaimed space: 0B\n");
    let output = c.given(b"y\n", ["system", "prune", "-a"]).success();
    for line in ["untagged: x:1\n", "untagged: y:1\n"] {
        assert!(output.text().contains(line), "{output}");
    }
    assert_eq!(c.ok(["images", "--format", "{{.Repository}}"]).line(), "busybox");
    assert_eq!(c.ok(["ps", "-q", "--no-trunc"]).line(), running);
}

#[test]
fn volumes_are_counted_and_anonymous_ones_pruned() {
    let c = Coracle::busybox();
    c.ok([
        "run",
        "--name",
        "box",
        "-v",
        "db:/d",
        "-v",
        "/x",
        "busybox",
        "sh",
        "-c",
        "head -c 3000 /dev/zero > /d/f",
    ]);
    c.ok(["volume", "create", "lone"]);
    let volumes = &df(&c)[2];
    assert_eq!(
        (&volumes["TotalCount"], &volumes["Active"], &volumes["Size"], &volumes["Reclaimable"]),
        (&"3".into(), &"2".into(), &"3kB".into(), &"0B (0%)".into())
    );
    c.ok(["system", "df", "-v"]).says("db").says("1         3kB");
    c.ok(["system", "prune", "-f"]);
    assert_eq!(c.ok(["volume", "ls", "-q"]).lines().len(), 3);
    c.ok(["system", "prune", "-f", "--volumes"]).says("Deleted Volumes:");
    assert_eq!(c.ok(["volume", "ls", "-q"]).lines(), ["db", "lone"]);
}

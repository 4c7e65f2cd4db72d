//! `ps`: which containers, which columns, which words.

use crate::harness::{Coracle, Entry, rootfs};

#[test]
fn the_table_is_dockers() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box"], "exec sleep 600");
    let output = c.ok(["ps"]);
    let lines = output.lines();
    assert_eq!(lines.len(), 2);
    let header = "CONTAINER ID   IMAGE     COMMAND";
    assert!(lines[0].starts_with(header) && lines[0].ends_with("NAMES"), "{output}");
    for column in ["CREATED", "STATUS", "PORTS"] {
        assert!(lines[0].contains(column), "{output}");
    }
    assert!(lines[1].starts_with(&format!("{}   busybox   \"sh -c 'exec sleep 6…\"", &id[..12])), "{output}");
    assert!(lines[1].contains("Up ") && lines[1].ends_with("   box"), "{output}");
}

#[test]
fn only_running_ones_are_shown_unless_asked() {
    let c = Coracle::busybox();
    let running = c.detached(&[], "exec sleep 600");
    let created = c.ok(["create", "busybox"]).line();
    c.fails(3, ["run", "--name", "ended", "busybox", "sh", "-c", "exit 3"]);
    let ended = c.inspect("ended", "{{.Id}}");
    let (running, created, ended) = (running.as_str(), created.as_str(), ended.as_str());
    let quiet = |flags: &[&str]| -> Vec<String> {
        let args = ["ps", "-q", "--no-trunc"].into_iter().chain(flags.iter().copied());
        c.ok(args).lines().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(quiet(&[]), [running]);
    assert_eq!(quiet(&["-a"]), [ended, created, running]);
    assert_eq!(quiet(&["-l"]), [ended]);
    assert_eq!(quiet(&["-n", "2"]), [ended, created]);
    assert_eq!(quiet(&["-f", "status=exited"]), [ended]);
    assert_eq!(quiet(&["-f", "status=created", "-f", "status=exited"]), [ended, created]);
    assert_eq!(quiet(&["-a", "-f", "exited=3"]), [ended]);
    assert_eq!(quiet(&["-a", "-f", &format!("before={created}")]), [running]);
    assert_eq!(quiet(&["-a", "-f", &format!("since={running}")]), [ended, created]);
    assert_eq!(quiet(&["-a", "-f", &format!("id={}", &created[..10])]), [created]);
    assert_eq!(c.ok(["ps", "-aq"]).lines(), [&ended[..12], &created[..12], &running[..12]]);
}

#[test]
fn filters_by_name_label_and_image() {
    let c = Coracle::busybox();
    // Not above busybox: what is made from an image counts as its descendant.
    c.import("other", &rootfs().with(Entry::file("other", "")).finish());
    c.ok(["create", "--name", "web-1", "-l", "tier=web", "busybox"]);
    c.ok(["create", "--name", "web-2", "-l", "tier=web", "-l", "x", "busybox"]);
    c.ok(["create", "--name", "db", "-l", "tier=db", "other"]);
    let names = |filters: &[&str]| -> Vec<String> {
        let args = ["ps", "-a", "--format", "{{.Names}}"].into_iter();
        let filters = filters.iter().flat_map(|filter| ["-f", filter]);
        c.ok(args.chain(filters)).lines().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(names(&["name=web"]), ["web-2", "web-1"]);
    assert_eq!(names(&["name=^/db$"]), ["db"]);
    assert_eq!(names(&["name=^db$"]), ["db"]);
    assert_eq!(names(&["name=web-1", "name=db"]), ["db", "web-1"]);
    assert_eq!(names(&["label=tier=web"]), ["web-2", "web-1"]);
    assert_eq!(names(&["label=tier", "label=x"]), ["web-2"]);
    assert_eq!(names(&["name=web", "label=x"]), ["web-2"]);
    assert_eq!(names(&["ancestor=busybox"]).len(), 2);
    c.fails(1, ["ps", "-f", "nosuch=1"]).says("invalid filter 'nosuch'");
    c.fails(125, ["ps", "-f", "nonsense"]).says("invalid argument").does_not_say("panicked");
}

#[test]
fn formats_are_go_templates() {
    let c = Coracle::busybox();
    let id = c.detached(&["--name", "box", "-l", "k=v"], "exec sleep 600");
    let format = |text: &str| c.ok(["ps", "--format", text]).text().to_owned();
    assert_eq!(
        format("{{.ID}} {{.Names}} {{.Image}} {{.State}}"),
        format!("{} box busybox running\n", &id[..12])
    );
    assert_eq!(format("{{.Label \"k\"}}|{{.Labels}}|{{upper .Names}}"), "v|k=v|BOX\n");
    assert_eq!(format("{{.Names}}\\t{{.State}}"), "box\trunning\n");
    assert_eq!(format("table {{.Names}}\\t{{.Image}}"), "NAMES     IMAGE\nbox       busybox\n");
    let json: serde_json::Value = serde_json::from_str(&format("json")).expect("one object per line");
    assert_eq!(json["Names"], "box");
    assert_eq!(json["ID"], id[..12]);
    assert!(format("{{.Status}}").starts_with("Up "));
    assert_eq!(format("{{if eq .State \"running\"}}yes{{else}}no{{end}}"), "yes\n");
    c.fails(1, ["ps", "--format", "{{.NoSuchField}}"]).says("template");
}

#[test]
fn states_are_said_in_dockers_words() {
    let c = Coracle::busybox();
    c.ok(["create", "--name", "created", "busybox"]);
    c.fails(3, ["run", "--name", "exited", "busybox", "sh", "-c", "exit 3"]);
    let status = |name: &str| {
        c.ok(["ps", "-a", "-f", &format!("name={name}"), "--format", "{{.Status}}|{{.State}}"]).line()
    };
    assert_eq!(status("created"), "Created|created");
    let exited = status("exited");
    assert!(exited.starts_with("Exited (3) ") && exited.ends_with(" ago|exited"), "{exited}");
}

#[test]
fn sizes_are_shown_on_request() {
    let c = Coracle::busybox();
    c.ok(["run", "--name", "box", "busybox", "sh", "-c", "head -c 300000 /dev/zero > /big"]);
    let size = c.ok(["ps", "-a", "-s", "--format", "{{.Size}}"]).line();
    assert!(size.starts_with("30") && size.contains("kB (virtual "), "{size}");
    assert!(c.ok(["ps", "-as"]).lines()[0].ends_with("SIZE"));
}

#[test]
fn no_trunc_shows_all() {
    let c = Coracle::busybox();
    let id = c.detached(&[], "exec sleep 600 # and a long command line");
    let output = c.ok(["ps", "--no-trunc"]);
    assert!(output.text().contains(&id) && output.text().contains("and a long command line"), "{output}");
}

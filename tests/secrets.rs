//! Secrets: who gets to see them, and who does not.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::harness::{Coracle, has_subordinate_ids};

const VALUE: &str = "s3cret-value-of-a-test";

fn with_secret() -> Coracle {
    let c = Coracle::busybox();
    c.given(VALUE.as_bytes(), ["secret", "create", "db", "-"]).success();
    c
}

/// Whether a file of the store holds the value, and in which.
fn holders(c: &Coracle) -> Vec<String> {
    let holds = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(VALUE.len()).any(|part| part == VALUE.as_bytes())
    };
    let files = c.store_files().into_iter().filter(|path| path.is_file() && holds(path));
    files.map(|path| path.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_secret_is_a_read_only_file_in_memory() {
    let c = with_secret();
    let seen = c.sh(
        &["--secret", "db"],
        "cat /run/secrets/db; echo; stat -c '%a %u %g' /run/secrets/db; \
         grep ' /run/secrets ' /proc/mounts; echo x 2>/dev/null > /run/secrets/db || echo refused; \
         rm /run/secrets/db 2>/dev/null || echo kept; ls -a /run/secrets",
    );
    let lines = seen.lines();
    assert_eq!(lines[..2], [VALUE, "444 0 0"]);
    assert!(lines[2].starts_with("tmpfs /run/secrets tmpfs ro,nosuid,nodev,noexec"), "{}", lines[2]);
    assert_eq!(lines[3..], ["refused", "kept", ".", "..", "db"]);
    assert_eq!(c.sh(&["--read-only", "--secret", "db"], "cat /run/secrets/db").text(), VALUE);
}

#[test]
fn a_secret_has_the_place_and_mode_that_were_asked_for() {
    let c = with_secret();
    c.given(b"other", ["secret", "create", "other", "-"]).success();
    let flags = ["--secret", "db,target=/etc/app/pw,mode=0400", "--secret", "source=other,target=renamed"];
    let seen = c.sh(
        &flags,
        "cat /etc/app/pw; echo; stat -c %a /etc/app/pw; echo x 2>/dev/null >> /etc/app/pw || echo refused; \
         cat /run/secrets/renamed; echo; ls /run/secrets",
    );
    assert_eq!(seen.lines(), [VALUE, "400", "refused", "other", "renamed"]);
    // Alone, it leaves no file system behind at the usual place.
    let seen = c.sh(&["--secret", "db,target=/pw"], "cat /pw; echo; grep -c /run/secrets /proc/mounts; true");
    assert_eq!(seen.lines(), [VALUE, "0"]);
    // In a volume, which does not get to hold it.
    let seen = c.sh(&["-v", "vol:/v", "--secret", "db,target=/v/pw"], "cat /v/pw");
    assert_eq!(seen.text(), VALUE);
    assert_eq!(c.sh(&["-v", "vol:/v"], "wc -c < /v/pw").line(), "0");
    // Where root of the container is no id of the user's, too.
    let seen = c.sh(
        &["--userns", "keep-id", "--secret", "db", "--secret", "db,target=/pw"],
        "cat /run/secrets/db /pw",
    );
    assert_eq!(seen.text(), format!("{VALUE}{VALUE}"));
    if has_subordinate_ids() {
        let seen = c.sh(
            &["--user", "1000", "--secret", "db,uid=1000,gid=1001,mode=0400"],
            "stat -c '%a %u %g' /run/secrets/db; cat /run/secrets/db",
        );
        assert_eq!(seen.lines(), ["400 1000 1001", VALUE]);
    } else {
        c.fails(125, ["run", "--rm", "--userns", "single", "--secret", "db,uid=1000", "busybox", "true"])
            .says(
                "secret at /run/secrets/db: its owner 1000:0 is none of the container's ids (uids 0, gids 0)",
            );
    }
}

#[test]
fn a_secret_can_be_a_variable() {
    let c = with_secret();
    let flags = ["--secret", "db,type=env", "--secret", "db,type=env,target=PW", "-e", "PW=plain"];
    let seen = c.sh(&flags, "echo $db $PW; test -e /run/secrets && echo there; true");
    assert_eq!(seen.lines(), [format!("{VALUE} {VALUE}")]);
    let id = c.detached(&["--secret", "db,type=env,target=PW"], "sleep 60");
    assert_eq!(c.ok(["exec", &id, "sh", "-c", "echo $PW"]).line(), VALUE);
    c.given(b"\xff\xfe", ["secret", "create", "bytes", "-"]).success();
    c.fails(1, ["create", "--secret", "bytes,type=env", "busybox"])
        .says("secret bytes cannot be a variable: a variable holds text");
}

#[test]
fn the_value_is_that_of_the_moment_of_creation() {
    let c = with_secret();
    c.ok([
        "create",
        "--name",
        "box",
        "--secret",
        "db",
        "--secret",
        "db,type=env,target=PW",
        "busybox",
        "sh",
        "-c",
        "cat /run/secrets/db; echo :$PW",
    ]);
    c.given(b"new", ["secret", "create", "--replace", "db", "-"]).success();
    assert_eq!(c.ok(["start", "-a", "box"]).line(), format!("{VALUE}:{VALUE}"));
    c.ok(["secret", "rm", "db"]);
    assert_eq!(c.ok(["start", "-a", "box"]).line(), format!("{VALUE}:{VALUE}"));
    let held = holders(&c);
    assert!(held.iter().all(|path| !path.contains("/log")) && held.len() == 3, "{held:?}");
    c.ok(["rm", "box"]);
    assert_eq!(holders(&c), [""; 0]);
    c.fails(1, ["create", "--secret", "db", "busybox"])
        .says("no secret with name or id \"db\": no such secret");
    // Also where an image would be fetched first.
    c.fails(125, ["run", "--secret", "db", "busybox"]).says("no such secret");
    assert!(c.container_directories().is_empty());
}

#[test]
fn nobody_else_is_shown_the_value() {
    let c = with_secret();
    let id = c.detached(&["--secret", "db", "--secret", "db,type=env,target=PW"], "touch /mine; sleep 60");
    let shown = c.inspect_json(&id);
    assert!(!shown.to_string().contains(VALUE));
    assert_eq!(
        shown["Config"]["Secrets"],
        json!([{ "Name": "db", "ID": c.inspect("db", "{{.ID}}"), "UID": 0, "GID": 0, "Mode": 0o444 }])
    );
    c.ok(["commit", &id, "image"]);
    assert!(!c.inspect_json("image").to_string().contains(VALUE));
    assert_eq!(
        c.ok(["run", "--rm", "image", "sh", "-c", "ls /mine; ls -A /run/secrets; echo $PW"]).lines(),
        ["/mine", ""]
    );
    assert!(!c.ok(["export", &id]).stdout.windows(VALUE.len()).any(|part| part == VALUE.as_bytes()));
    // The secret itself and the copies for the container, for their user's eyes only.
    let held = holders(&c);
    assert_eq!(held.len(), 3, "{held:?}");
    for path in held {
        assert_eq!(std::fs::metadata(&path).expect("it is there").mode() & 0o777, 0o600, "{path}");
    }
}

#[test]
fn secrets_are_made_shown_and_removed() {
    let c = Coracle::new().with_env("IN_ENV", "from env");
    let path = c.file("pw", "from file\n");
    let path = path.to_str().expect("a path of ours");
    let id = c.ok(["secret", "create", "-l", "a.b=x", "--label", "k", "db", path]).line();
    assert!(id.len() == 25 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert_eq!(c.fails(125, ["secret", "create", "db", path]).err(), "Error: db: secret name in use\n");
    assert_eq!(c.ok(["secret", "create", "--ignore", "db", path]).line(), id);
    c.ok(["secret", "create", "--env", "fromenv", "IN_ENV"]);
    c.fails(125, ["secret", "create", "--env", "x", "NOT_THERE"])
        .says("environment variable NOT_THERE is not set");
    assert_eq!(
        c.ok(["secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "fromenv"]).line(),
        "from env"
    );
    let shown = c.ok(["secret", "inspect", "db"]);
    let shown: serde_json::Value = serde_json::from_str(shown.text()).expect("JSON");
    assert_eq!((&shown[0]["ID"], &shown[0]["Spec"]["Name"]), (&id.as_str().into(), &"db".into()));
    assert_eq!(shown[0]["Spec"]["Labels"], json!({ "a.b": "x", "k": "" }));
    assert_eq!(
        (&shown[0]["Spec"]["Driver"]["Name"], &shown[0]["SecretData"]),
        (&"file".into(), &json!(null))
    );
    let pretty = c.ok(["secret", "inspect", "--pretty", "db"]);
    let start =
        format!("ID:\t\t\t{id}\nName:\t\t\tdb\nLabels:\n - a.b=x\n - k\nDriver:\t\t\tfile\nCreated at:");
    assert!(pretty.text().starts_with(&start), "{}", pretty.text());
    assert_eq!(c.ok(["inspect", "--type", "secret", "-f", "{{.ID}}", "db"]).line(), id);
    assert_eq!(c.ok(["inspect", "-f", "{{.Spec.Name}}", &id[..8]]).line(), "db");
    let unknown = c.fails(125, ["secret", "inspect", "nosuch"]);
    assert_eq!(unknown.text(), "[]\n");
    let missing = "no secret with name or id \"nosuch\": no such secret";
    assert_eq!(unknown.err(), format!("Error: inspecting secret: {missing}\n"));
    let listed = c.ok(["secret", "ls", "--filter", "name=^d"]);
    let headings: Vec<&str> = listed.lines()[0].split_whitespace().collect();
    assert_eq!(headings, ["ID", "NAME", "DRIVER", "CREATED", "UPDATED"]);
    assert!(listed.lines()[1].starts_with(&format!("{id}   db        file      ")), "{}", listed.text());
    assert_eq!(c.ok(["secret", "ls", "--noheading"]).lines().len(), 2);
    assert_eq!(c.ok(["secret", "ls", "-q", "--filter", "label=k"]).line(), id);
    assert_eq!(c.ok(["secret", "ls", "-q", "--filter", &format!("id={}", &id[..5])]).line(), id);
    assert_eq!(
        c.ok(["secret", "ls", "--format", "{{.Name}} {{.Label \"a.b\"}}"]).lines(),
        ["db x", "fromenv "]
    );
    c.fails(125, ["secret", "ls", "--filter", "nosuch=1"]).says("invalid filter 'nosuch'");
    c.ok(["secret", "exists", "db"]);
    assert_eq!(c.fails(1, ["secret", "exists", "nosuch"]).err(), "");
    let removed = c.fails(125, ["secret", "rm", "nosuch", "db"]);
    assert_eq!((removed.line(), removed.err()), (id.clone(), format!("Error: {missing}\n")));
    c.fails(125, ["secret", "rm"]).says("requires at least 1 argument");
    assert_eq!(c.ok(["secret", "ls", "--format", "{{.Name}}"]).line(), "fromenv");
    c.ok(["secret", "rm", "--ignore", "nosuch"]);
    let other = c.ok(["secret", "ls", "-q"]).line();
    assert_eq!(c.ok(["secret", "rm", "--all"]).line(), other);
    assert_eq!(c.ok(["secret", "ls", "-q"]).text(), "");
    let events = c.ok([
        "events",
        "--since",
        "1",
        "--until",
        "0s",
        "--filter",
        "type=secret",
        "--format",
        "{{.Action}} {{.Actor.Attributes.name}}",
    ]);
    assert_eq!(events.lines(), ["create db", "create fromenv", "remove db", "remove fromenv"]);
}

#[test]
fn what_cannot_be_a_secret_is_refused() {
    let c = Coracle::busybox();
    let make = |value: &[u8], flags: &[&str]| {
        c.given(value, ["secret", "create"].iter().chain(flags).copied()).status_is(125).err()
    };
    let size = "Error: secret data must be larger than 0 and less than 512000 bytes";
    assert!(make(b"", &["x", "-"]).contains(size));
    assert!(make(&[b'x'; 512_000], &["x", "-"]).contains(size));
    c.given(&[b'x'; 511_999], ["secret", "create", "most", "-"]).success();
    assert_eq!(c.sh(&["--secret", "most"], "wc -c < /run/secrets/most").line(), "511999");
    for (flags, part) in [
        (&["a/b", "-"][..], "invalid secret name"),
        (&["..", "-"], "invalid secret name"),
        (&["--driver", "pass", "x", "-"], "--driver pass: secrets lie in files"),
        (&["--driver", "nosuch", "x", "-"], "invalid driver: nosuch"),
        (&["--driver-opts", "path=/x", "x", "-"], "--driver-opts: the driver file has no options"),
        (&["--template-driver", "golang", "x", "-"], "--template-driver: values are taken as they are"),
        (&["--ignore", "--replace", "x", "-"], "cannot specify both"),
        (
            &["x", "/nonexist"],
            "error reading content from \"/nonexist\": open /nonexist: no such file or directory",
        ),
    ] {
        let error = make(b"x", flags);
        assert!(error.contains(part), "{flags:?}: {error}");
    }
    c.fails(125, ["run", "--secret", "most,type=file", "busybox"])
        .says("type file is invalid: parsing secret");
    c.fails(1, ["create", "--secret", "most", "--tmpfs", "/run/secrets", "busybox"])
        .says("/run/secrets cannot be mounted: /run/secrets holds the secrets of the container");
}

//! pull and push against Debian's docker-registry, and against registries that lie, hang and drop.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::archive::{DOCKER_LIST, OCI_INDEX, Pack, digest, index};
use crate::harness::command::{output, tool};
use crate::harness::fake::{Answer, Fake};
use crate::harness::registry::{Options, Registry};
use crate::harness::{Coracle, DEADLINE, Entry, ImageBuilder};
use crate::need;

fn image() -> ImageBuilder {
    ImageBuilder::busybox().layer([Entry::file("hello", "from the registry\n")])
}

#[test]
fn pushed_images_come_back_the_same() {
    need!("docker-registry");
    let registry = Registry::start();
    let name = registry.image("team/app:1");
    let c = Coracle::new();
    c.load(&image().docker_archive(&[&name]));
    let pushed = c.ok(["push", &name]);
    pushed.says("1: digest: sha256:");
    let other = Coracle::new();
    let pulled = other.ok(["pull", &name]);
    pulled.says("Status: Downloaded newer image for").says("Digest: sha256:");
    let pulled = other.ok(["pull", &name]);
    assert_eq!(pulled.lines().last(), Some(&name.as_str()), "{pulled}");
    pulled.says("Status: Image is up to date for");
    assert_eq!(other.inspect(&name, "{{.Id}}"), image().id());
    assert_eq!(other.ok(["run", "--rm", &name, "cat", "/hello"]).line(), "from the registry");
    let quiet = Coracle::new();
    assert_eq!(quiet.ok(["pull", "-q", &name]).line(), name);
}

#[test]
fn run_pulls_what_is_missing() {
    need!("docker-registry");
    let registry = Registry::start();
    let name = registry.image("app:1");
    let c = Coracle::new();
    c.load(&image().docker_archive(&[&name]));
    c.ok(["push", "-q", &name]);
    let other = Coracle::new();
    let output = other.ok(["run", "--rm", &name, "cat", "/hello"]);
    assert_eq!(output.text(), "from the registry\n");
    output.says(&format!("Unable to find image '{name}' locally"));
    let output = other.ok(["run", "--rm", "--pull", "always", &name, "true"]);
    assert_eq!(output.text(), "");
    output.says("Image is up to date");
    let output = other.fails(125, ["run", "--rm", &registry.image("nosuch:1"), "true"]);
    assert!(output.err().contains("not found") || output.err().contains("unknown"), "{output}");
    let created = other.ok(["create", "--quiet", &name]);
    assert_eq!(created.line().len(), 64);
}

#[test]
fn skopeo_reads_what_is_pushed_and_we_read_what_it_pushes() {
    need!("docker-registry", "skopeo");
    let registry = Registry::start();
    let c = Coracle::new();
    let ours = registry.image("ours:1");
    c.load(&image().docker_archive(&[&ours]));
    c.ok(["push", &ours]);
    let target = format!("dir:{}/out", c.home().display());
    tool("skopeo", ["copy", "-q", "--src-tls-verify=false", &format!("docker://{ours}"), &target]);
    let archive = c.home().join("a.tar");
    std::fs::write(&archive, image().docker_archive(&["x:1"])).expect("an archive");
    let source = format!("docker-archive:{}", archive.display());
    for (name, flags) in [
        ("gzip", vec!["--dest-compress-format", "gzip"]),
        ("zstd", vec!["--dest-compress-format", "zstd", "--format", "oci"]),
        ("plain", vec!["--dest-decompress"]),
        ("schema2", vec!["--format", "v2s2"]),
        ("oci", vec!["--format", "oci"]),
    ] {
        let name = registry.image(&format!("{name}:1"));
        let to = format!("docker://{name}");
        let head = ["copy", "-q", "--dest-tls-verify=false"].into_iter();
        tool("skopeo", head.chain(flags).chain([source.as_str(), to.as_str()]));
        c.ok(["pull", &name]);
        assert_eq!(c.ok(["run", "--rm", &name, "cat", "/hello"]).line(), "from the registry", "{name}");
    }
}

#[test]
fn blobs_that_are_there_are_not_sent_again() {
    need!("docker-registry");
    let registry = Registry::start();
    let (one, two) = (registry.image("a:1"), registry.image("a:2"));
    let c = Coracle::new();
    c.load(&image().docker_archive(&[&one, &two]));
    c.ok(["push", &one]);
    let second = c.ok(["push", &two]);
    second.says("Layer already exists");
    let tags = registry.get("/v2/a/tags/list").expect("tags");
    assert_eq!(tags["tags"].as_array().map(Vec::len), Some(2));
    let manifest = |tag: &str| registry.get(&format!("/v2/a/manifests/{tag}"));
    assert_eq!(manifest("1").expect("a manifest"), manifest("2").expect("a manifest"));
    c.fails(1, ["push", "nosuch:1"]).says("An image does not exist locally with the tag: nosuch");
}

#[test]
fn pulling_by_digest_gives_exactly_that() {
    need!("docker-registry");
    let registry = Registry::start();
    let name = registry.image("app:1");
    let c = Coracle::new();
    c.load(&image().docker_archive(&[&name]));
    let output = c.ok(["push", &name]);
    let text = output.text();
    let digest =
        text.split_whitespace().find(|word| word.starts_with("sha256:")).expect("a digest").to_owned();
    let other = Coracle::new();
    let by_digest = registry.image(&format!("app@{digest}"));
    other.ok(["pull", &by_digest]);
    assert_eq!(other.ok(["run", "--rm", &by_digest, "cat", "/hello"]).line(), "from the registry");
    assert_eq!(other.inspect(&by_digest, "{{json .RepoDigests}}"), json!([by_digest]).to_string());
    let wrong = registry.image(&format!("app@sha256:{}", "0".repeat(64)));
    other.fails(1, ["pull", &wrong]);
}

#[test]
fn passwords_are_asked_for_and_taken_from_the_files() {
    need!("docker-registry", "htpasswd");
    let registry = Registry::with(Options { login: Some(("ann", "secret word")), tls: false });
    let name = registry.image("app:1");
    let c = Coracle::new();
    c.load(&image().docker_archive(&[&name]));
    let output = c.output(["push", &name]);
    assert_eq!(output.status, 1, "{output}");
    use base64::Engine;
    let auth = |password: &str| base64::engine::general_purpose::STANDARD.encode(format!("ann:{password}"));
    let write = |password: &str| {
        let config = json!({ "auths": { &registry.address: { "auth": auth(password) } } }).to_string();
        c.file(".docker/config.json", config);
    };
    write("wrong");
    let output = c.output(["push", &name]);
    assert_eq!(output.status, 1, "{output}");
    output.does_not_say("wrong").does_not_say(&auth("wrong"));
    write("secret word");
    c.ok(["push", &name]);
    c.ok(["rmi", &name]);
    c.ok(["pull", &name]);
    // And podman's file.
    let other = Coracle::new();
    other.fails(1, ["pull", &name]);
    let config = json!({ "auths": { &registry.address: { "auth": auth("secret word") } } }).to_string();
    let file = other.file("auth.json", config);
    let other = other.with_env("REGISTRY_AUTH_FILE", file);
    other.ok(["pull", &name]);
}

#[test]
fn tokens_are_fetched_where_the_registry_says() {
    let blobs = image().blobs();
    let realm = Arc::new(Mutex::new(String::new()));
    let (inside, token_requests) = (realm.clone(), Arc::new(AtomicUsize::new(0)));
    let counter = token_requests.clone();
    let fake = Fake::serving(&blobs, move |request| {
        if request.path.starts_with("/token") {
            counter.fetch_add(1, Ordering::Relaxed);
            assert!(
                request.path.contains("service=fake") && request.path.contains("scope=repository"),
                "{}",
                request.path
            );
            return Some(Answer::ok(r#"{"token":"good","expires_in":300}"#, "application/json"));
        }
        if request.headers.get("authorization").is_some_and(|value| value == "Bearer good") {
            return None;
        }
        let challenge = format!(
            "Bearer realm=\"{}\",service=\"fake\",scope=\"repository:a/b:pull\"",
            inside.lock().expect("no panic while held")
        );
        Some(Answer::status(401, "{}").header("WWW-Authenticate", &challenge))
    });
    *realm.lock().expect("no panic while held") = format!("http://{}/token", fake.address);
    let c = Coracle::new();
    c.ok(["pull", &fake.image("a/b")]);
    assert!(token_requests.load(Ordering::Relaxed) >= 1);
}

#[test]
fn tls_is_spoken_and_unknown_authorities_are_refused() {
    need!("docker-registry", "openssl");
    let registry = Registry::with(Options { login: None, tls: true });
    let name = registry.named_image("app:1");
    let c = Coracle::new().with_env("SSL_CERT_FILE", registry.authority());
    c.load(&image().docker_archive(&[&name]));
    c.ok(["push", &name]);
    c.ok(["rmi", &name]);
    c.ok(["pull", &name]);
    let distrusting = Coracle::new();
    let output = distrusting.fails(1, ["pull", &name]);
    assert!(!output.err().contains("panicked"), "{output}");
}

#[test]
fn the_right_platform_is_taken_from_a_list() {
    for list in [OCI_INDEX, DOCKER_LIST] {
        let for_arm = ImageBuilder::busybox().layer([Entry::file("arch", "arm\n")]).architecture("arm64");
        let for_pc = ImageBuilder::busybox().layer([Entry::file("arch", "pc\n")]);
        let docker = |image: ImageBuilder| if list == DOCKER_LIST { image.docker_schema() } else { image };
        let (arm, pc) = (docker(for_arm).blobs(), docker(for_pc).blobs());
        let latest = (index(list, &[("arm64", &arm), ("amd64", &pc)]), list.to_owned());
        let fake = Fake::serving_all(&[&arm, &pc], latest, |_| None);
        let c = Coracle::new();
        let name = fake.image("multi");
        c.ok(["pull", &name]);
        let (wanted, other) =
            if cfg!(target_arch = "aarch64") { ("arm64", "amd64") } else { ("amd64", "arm64") };
        assert_eq!(c.inspect(&name, "{{.Architecture}}"), wanted);
        let c = Coracle::new();
        c.ok(["pull", "--platform", &format!("linux/{other}"), &name]);
        assert_eq!(c.inspect(&name, "{{.Architecture}}"), other);
        let output = c.fails(1, ["pull", "--platform", "linux/s390x", &name]);
        output.says("no matching manifest for linux/s390x");
        c.fails(1, ["pull", "--platform", "nonsense/x/y/z", &name]);
    }
}

#[test]
fn a_wrong_digest_is_refused_and_nothing_is_left() {
    let blobs = image().blobs();
    let layer = digest(&blobs.blobs[2]);
    let mut wrong = blobs.blobs[2].clone();
    let middle = wrong.len() / 2;
    wrong[middle] ^= 1;
    let fake = Fake::serving(&blobs, move |request| {
        request.path.ends_with(&layer).then(|| Answer::ok(wrong.clone(), "application/octet-stream"))
    });
    let c = Coracle::new();
    let output = c.fails(1, ["pull", &fake.image("lies")]);
    output.does_not_say("panicked");
    assert_eq!(c.ok(["images", "-q"]).text(), "");
    // The other layer was right, and may stay for the next try.
    let size: u64 =
        c.store_files().iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    assert!(size < 3_000_000, "{:?}", c.store_files());
}

#[test]
fn a_layer_that_is_not_what_the_config_says_is_refused() {
    let mut image = image();
    image.false_diff_ids = Some(vec![digest(crate::harness::busybox()), digest(b"something else")]);
    let fake = Fake::serving(&image.blobs(), |_| None);
    let c = Coracle::new();
    c.fails(1, ["pull", &fake.image("lies")]);
    assert_eq!(c.ok(["images", "-q"]).text(), "");
    // The same lie in archives.
    let output = c.given(&image.docker_archive(&["lies:1"]), ["load"]);
    assert_ne!(output.status, 0, "{output}");
    let output = c.given(&image.oci_archive("lies:2"), ["load"]);
    assert_ne!(output.status, 0, "{output}");
    assert_eq!(c.ok(["images", "-q"]).text(), "");
}

#[test]
fn a_manifest_that_is_not_what_was_asked_for_is_refused() {
    let (asked, other) = (image().blobs(), ImageBuilder::busybox().blobs());
    let wanted = digest(&asked.manifest);
    let body = other.manifest.clone();
    let fake = Fake::serving(&asked, move |request| {
        request.path.contains("/manifests/").then(|| Answer::ok(body.clone(), &other.media_type))
    });
    let c = Coracle::new();
    c.fails(1, ["pull", &fake.image(&format!("lies@{wanted}"))]);
    assert_eq!(c.ok(["images", "-q"]).text(), "");
}

#[test]
fn a_config_that_is_not_what_the_manifest_says_is_refused() {
    let blobs = image().blobs();
    let config = digest(&blobs.blobs[0]);
    let fake = Fake::serving(&blobs, move |request| {
        request.path.ends_with(&config).then(|| Answer::ok(r#"{"os":"linux"}"#, "application/json"))
    });
    let c = Coracle::new();
    c.fails(1, ["pull", &fake.image("lies")]);
    assert_eq!(c.ok(["images", "-q"]).text(), "");
}

#[test]
fn nonsense_is_an_error_and_no_crash() {
    let c = Coracle::new();
    let nonsense: Vec<Answer> = vec![
        Answer::ok("this is no JSON", "application/vnd.oci.image.manifest.v1+json"),
        Answer::ok("{}", "application/vnd.oci.image.manifest.v1+json"),
        Answer::ok("[1,2,3]", "application/json"),
        Answer::ok(
            r#"{"schemaVersion":1,"name":"old"}"#,
            "application/vnd.docker.distribution.manifest.v1+json",
        ),
        Answer::ok(format!("{}1", "[".repeat(200_000)), "application/vnd.oci.image.manifest.v1+json"),
        Answer::ok(
            r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:../../../../etc/passwd","size":1},"layers":[]}"#,
            "application/vnd.oci.image.manifest.v1+json",
        ),
        Answer::ok(
            r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"md5:00","size":-1},"layers":[{"digest":1}]}"#,
            "application/vnd.oci.image.manifest.v1+json",
        ),
        Answer::status(500, "the registry is ill"),
        Answer::status(200, ""),
        Answer::Garbage(b"\x16\x03\x01 this is not HTTP at all\r\n\r\n".to_vec()),
        Answer::Garbage(Vec::new()),
    ];
    for (nth, answer) in nonsense.into_iter().enumerate() {
        let fake = Fake::start(move |request| match request.path.as_str() {
            "/v2/" => Answer::ok("{}", "application/json"),
            _ => answer.clone(),
        });
        let output = c.output(["pull", &fake.image("x")]);
        assert_eq!(output.status, 1, "answer {nth}: {output}");
        assert!(!output.err().is_empty(), "answer {nth}: {output}");
        output.does_not_say("panicked").does_not_say("root:x:");
    }
    assert_eq!(c.ok(["images", "-q"]).text(), "");
}

#[test]
fn an_endless_manifest_is_cut_off() {
    let fake = Fake::start(|request| match request.path.as_str() {
        "/v2/" => Answer::ok("{}", "application/json"),
        _ => Answer::ok(vec![b' '; 100_000_000], "application/vnd.oci.image.manifest.v1+json"),
    });
    let c = Coracle::new();
    let start = Instant::now();
    c.fails(1, ["pull", &fake.image("x")]).does_not_say("panicked");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_dropped_connection_is_tried_again() {
    let blobs = image().blobs();
    let (layer, body) = (digest(&blobs.blobs[1]), blobs.blobs[1].clone());
    let tries = AtomicUsize::new(0);
    let fake = Fake::serving(&blobs, move |request| {
        let first = request.path.ends_with(&layer) && tries.fetch_add(1, Ordering::Relaxed) == 0;
        first.then(|| Answer::Cut { body: body.clone(), after: body.len() / 2 })
    });
    let c = Coracle::new();
    c.ok(["pull", &fake.image("app")]);
    assert_eq!(c.ok(["run", "--rm", &fake.image("app"), "cat", "/hello"]).line(), "from the registry");
}

#[test]
fn a_registry_that_always_drops_is_given_up_and_complete_layers_stay() {
    let blobs = image().blobs();
    let (first, last) = (digest(&blobs.blobs[1]), digest(&blobs.blobs[2]));
    let (drops, body) = (Arc::new(AtomicUsize::new(1)), blobs.blobs[2].clone());
    let switch = drops.clone();
    let fake = Fake::serving(&blobs, move |request| {
        let cut = request.path.ends_with(&last) && switch.load(Ordering::Relaxed) == 1;
        cut.then(|| Answer::Cut { body: body.clone(), after: 10 })
    });
    let c = Coracle::new();
    let output = c.fails(1, ["pull", &fake.image("app")]);
    output.does_not_say("panicked");
    assert_eq!(c.ok(["images", "-q"]).text(), "");
    let before = fake.count(&first);
    assert!(before >= 1);
    drops.store(0, Ordering::Relaxed);
    c.ok(["pull", &fake.image("app")]).says("Already exists");
    assert_eq!(fake.count(&first), before, "the layer that was complete is fetched again");
}

#[test]
fn a_registry_that_hangs_is_given_up() {
    let blobs = image().blobs();
    let (layer, body) = (digest(&blobs.blobs[1]), blobs.blobs[1].clone());
    let fake = Fake::serving(&blobs, move |request| {
        request.path.ends_with(&layer).then(|| Answer::Stall { body: body.clone(), after: 100 })
    });
    let c = Coracle::new().with_env("CORACLE_REGISTRY_TIMEOUT", "2");
    let output = output(&mut c.command(["pull", &fake.image("app")]), None, DEADLINE * 3);
    assert_eq!(output.status, 1, "{output}");
    assert_eq!(c.ok(["images", "-q"]).text(), "");
}

#[test]
fn nobody_listening_is_said_plainly() {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let c = Coracle::new();
    let output = c.fails(1, ["pull", &format!("127.0.0.1:{port}/x")]);
    assert!(output.err().to_lowercase().contains("refused"), "{output}");
}

#[test]
fn a_missing_image_is_not_found() {
    let fake = Fake::serving(&image().blobs(), |_| None);
    let output = Coracle::new().fails(1, ["pull", &fake.image("app:nosuch")]);
    let text = output.err().to_lowercase();
    assert!(text.contains("not found") || text.contains("unknown"), "{output}");
}

#[test]
fn redirects_of_blobs_are_followed_without_the_password() {
    let blobs = image().blobs();
    let storage_blobs = blobs.clone();
    let storage = Fake::serving(&storage_blobs, |request| {
        assert!(!request.headers.contains_key("authorization"), "the password went to another host");
        None
    });
    let target = storage.address.clone();
    let fake = Fake::serving(&blobs, move |request| {
        request
            .path
            .contains("/blobs/")
            .then(|| Answer::status(307, "").header("Location", &format!("http://{target}{}", request.path)))
    });
    let c = Coracle::new();
    use base64::Engine;
    let auth = base64::engine::general_purpose::STANDARD.encode("ann:secret");
    c.file(".docker/config.json", json!({ "auths": { &fake.address: { "auth": auth } } }).to_string());
    c.ok(["pull", &fake.image("app")]);
    assert!(storage.requests().len() >= 3);
}

#[test]
fn two_pulls_at_once_both_succeed() {
    let image = (0..4).fold(ImageBuilder::busybox(), |image, nth| {
        image.packed_layer(Pack::Gzip, [Entry::file(format!("f{nth}"), vec![nth; 300_000])])
    });
    let fake = Fake::serving(&image.blobs(), |_| None);
    let c = Coracle::new();
    let name = fake.image("app");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| c.ok(["pull", &name]));
        }
    });
    assert_eq!(c.ok(["images", "-q"]).lines().len(), 1);
    assert_eq!(c.ok(["run", "--rm", &name, "sh", "-c", "cat /f* | wc -c"]).line(), "1200000");
}

#[test]
fn progress_is_plain_lines_without_a_terminal() {
    let fake = Fake::serving(&image().blobs(), |_| None);
    let output = Coracle::new().ok(["pull", &fake.image("app")]);
    assert!(!output.text().contains('\x1b') && !output.text().contains('\r'), "{output}");
    output.says("Pulling from app").says("Pull complete");
}

#[test]
fn progress_is_a_bar_per_layer_on_a_terminal() {
    let fake = Fake::serving(&image().blobs(), |_| None);
    let c = Coracle::new();
    let mut terminal =
        crate::harness::terminal::Terminal::start(&mut c.command(["pull", &fake.image("app")]));
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen);
    assert!(terminal.screen.contains("\x1b["), "{:?}", terminal.screen);
    assert!(terminal.screen.contains("Status: Downloaded newer image"), "{:?}", terminal.screen);
}

#[test]
fn an_image_by_reference_of_every_form_is_found() {
    let c = Coracle::new();
    c.load(&image().docker_archive(&["app:1", "localhost/team/x:latest", "example.org:5000/a/b:t"]));
    for name in [
        "app:1",
        "library/app:1",
        "docker.io/app:1",
        "docker.io/library/app:1",
        "index.docker.io/library/app:1",
        "localhost/team/x",
        "example.org:5000/a/b:t",
    ] {
        assert_eq!(c.inspect(name, "{{.Id}}"), image().id(), "{name}");
    }
    for name in ["app", "app:2", "team/x", "example.org/a/b:t"] {
        c.fails(1, ["image", "inspect", name]).says("No such image");
    }
}

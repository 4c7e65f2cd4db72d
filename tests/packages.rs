//! Programs that need several users, of a real distribution, for a user who has a single id: installed from
//! the distribution's mirror where it can be reached, and run as the users that their packages make.

use std::time::Duration;

use crate::harness::{Coracle, command, skip};
use crate::need;

/// A mirror may be slow.
const LIMIT: Duration = Duration::from_secs(600);

struct Debian {
    coracle: Coracle,
}

impl Debian {
    /// A running container of a Debian image, with its package lists; `None` where there is no image or no
    /// mirror.
    fn start() -> Option<Debian> {
        let Some(image) = std::env::var_os("CORACLE_TEST_DEBIAN") else {
            skip("there is no Debian image (tests/debian makes one)");
            return None;
        };
        let coracle = Coracle::new();
        command::output(
            &mut coracle.command(["import".as_ref(), image.as_os_str(), "debian".as_ref()]),
            None,
            LIMIT,
        )
        .success();
        // With an init: a killed server that nobody collects would count as alive.
        let flags = ["run", "-d", "--init", "--name", "box", "--network", "host", "--userns", "emulated"];
        coracle.ok(flags.into_iter().chain(["debian", "sleep", "3600"]));
        let debian = Debian { coracle };
        let updated =
            debian.exec("root", "apt-get -o Acquire::Check-Date=false -o Acquire::Retries=0 update");
        if updated.status != 0 || updated.err().contains("Failed to fetch") {
            skip("the distribution's mirror cannot be reached");
            return None;
        }
        Some(debian)
    }

    fn exec(&self, user: &str, script: &str) -> command::Output {
        command::output(
            &mut self.coracle.command(["exec", "-u", user, "box", "bash", "-c", script]),
            None,
            LIMIT,
        )
    }

    fn ok(&self, script: &str) -> String {
        self.exec("root", script).success().text().trim_end().to_owned()
    }

    fn install(&self, packages: &str) {
        self.ok(&format!(
            "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {packages}"
        ));
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its number").port()
}

#[test]
fn servers_are_installed_and_run_as_their_users() {
    need!("skopeo");
    let Some(debian) = Debian::start() else { return };
    debian.install("postgresql nginx openssh-server openssh-client procps");
    assert_eq!(debian.ok("stat -c '%U:%G %a' /etc/shadow"), "root:shadow 640");
    assert_eq!(
        debian.ok("stat -c %U:%G /var/lib/postgresql/*/main /var/log/nginx"),
        "postgres:postgres\nroot:adm"
    );

    // The server checks whose its directory is, and lets in whom the other end of its socket says it is.
    debian.ok("echo \"listen_addresses = ''\" >> /etc/postgresql/*/main/postgresql.conf");
    debian.ok("pg_ctlcluster $(ls /etc/postgresql) main start");
    let select = |script: &str| debian.ok(&format!("su postgres -c 'psql -Atc \"{script}\"'"));
    assert_eq!(select("select current_user"), "postgres");
    select("create table numbers as select generate_series(1, 10000) x");
    assert_eq!(debian.ok("stat -c %U /run/postgresql/.s.PGSQL.5432.lock"), "postgres");
    assert_ne!(debian.exec("www-data", "psql -Atc 'select 1' postgres").status, 0, "nobody's peer");
    let killed = "pid=$(head -1 /var/lib/postgresql/*/main/postmaster.pid); kill -9 $pid";
    debian.ok(&format!("{killed}; while kill -0 $pid 2>/dev/null; do sleep 0.1; done"));
    debian.ok("pg_ctlcluster $(ls /etc/postgresql) main start");
    assert_eq!(select("select count(*) from numbers"), "10000");

    debian.ok("useradd -m -s /bin/bash joe && chmod 755 /home/joe");
    assert_eq!(debian.ok("su - joe -c 'id -un; touch made; stat -c %U:%G made ~'"), "joe\njoe:joe\njoe:joe");
    assert_eq!(debian.ok("su nobody -s /bin/sh -c 'id -u; id -G'"), "65534\n65534");
    let key =
        "mkdir -m 700 .ssh; ssh-keygen -qt ed25519 -N '' -f .ssh/id; cp .ssh/id.pub .ssh/authorized_keys";
    debian.ok(&format!("su - joe -c \"{key}\""));
    let port = free_port();
    debian.ok(&format!("mkdir -p /run/sshd; /usr/sbin/sshd -o ListenAddress=127.0.0.1 -p {port}"));
    let login = format!("ssh -i .ssh/id -o StrictHostKeyChecking=no -p {port} joe@127.0.0.1 'id -un; pwd'");
    assert_eq!(debian.ok(&format!("su - joe -c \"{login}\"")), "joe\n/home/joe");

    // Port 80 of the host is not ours.
    let port = free_port();
    let site = "/etc/nginx/sites-enabled/default";
    debian
        .ok(&format!("sed -i 's/listen 80 /listen 127.0.0.1:{port} /; /listen \\[::\\]:80/d' {site}; nginx"));
    let get = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; head -1 <&3";
    assert!(debian.ok(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}; {get}")).contains("200 OK"));
    assert_eq!(debian.ok("stat -c %U /proc/$(pgrep -n nginx) /proc/$(pgrep -o nginx)"), "www-data\nroot");

    let archive =
        "cd /tmp; mkdir t; touch t/a t/b; ln -s a t/l; chown 33:4 t/a; chown 65534:100 t/b; chown -h 5:6 t/l";
    let list = "ls -n t | awk 'NR > 1 {print $3, $4, $9}'";
    debian.ok(archive);
    let before = debian.ok(&format!("cd /tmp; {list}"));
    assert_eq!(before, "33 4 a\n65534 100 b\n5 6 l");
    let after = debian.ok(&format!(
        "cd /tmp; tar --numeric-owner -cf t.tar t; mkdir out; tar --numeric-owner --same-owner -xf t.tar -C out; cd out; {list}"
    ));
    assert_eq!(after, before);

    // What others find in the image.
    let c = &debian.coracle;
    c.ok(["commit", "box", "servers"]);
    let saved = c.home().join("image.tar");
    c.ok(["save".as_ref(), "-o".as_ref(), saved.as_os_str(), "servers".as_ref()]);
    let list = "mkdir layers; skopeo copy -q docker-archive:image.tar dir:layers;
        for blob in layers/*; do tar --numeric-owner -tvf $blob 2>/dev/null; done";
    let mut list_layers = std::process::Command::new("sh");
    list_layers.current_dir(c.home()).args(["-c", list]);
    let listed = command::output(&mut list_layers, None, LIMIT);
    let postgres = debian.ok("id -u postgres; id -g postgres").replace('\n', "/");
    let written = listed.text().lines().find(|line| line.ends_with("/main/PG_VERSION")).unwrap_or_default();
    assert!(written.contains(&format!(" {postgres} ")), "{written:?} has not {postgres}");
}

#!/usr/bin/env python3
"""The benchmarks. bench.py STAGE [NAME...]; started by `benches/all` as an ordinary user.

Every line is a median over interleaved runs: wall and CPU milliseconds of coracle and of its peer, the
ratio, the budget, and whether it is kept. CPU counts all processes of a command, daemons too.
"""
import io
import os
import re
import subprocess
import sys
import tarfile
import time

import overlay
from meter import Result, descendants_of_home, interleaved, measure, median, pss, stop

STAGE, WANTED = sys.argv[1], sys.argv[2:]
HOME = os.environ["HOME"]
CORACLE = f"{STAGE}/coracle"
# podman wants its run directory below 50 characters.
NATIVE, FUSE = f"{HOME}/pn", f"{HOME}/pf"
ROWS = []


def quiet(argv, **more):
    return subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more).stdout


def coracle(*args):
    return [CORACLE, *args]


def podman(*args, store=NATIVE):
    return ["podman", "--root", store, "--runroot", f"{store}r", *(FUSE_OPTION if store == FUSE else []), *args]


FUSE_OPTION = ["--storage-opt", "overlay.mount_program=/usr/bin/fuse-overlayfs"]


def row(name, ours, peer, budget, unit="ms", note=""):
    """budget: the most that ours may be, as a share of the peer's."""
    ratio = ours / peer if peer else float("nan")
    verdict = "" if budget is None else ("kept" if ratio <= budget else "MISSED")
    ROWS.append((name, ours, peer, ratio, budget, verdict, unit, note))
    shown = "" if budget is None else f"budget {budget:5.3f}  {verdict}"
    print(f"{name:<44} {ours:9.1f} {peer:9.1f} {unit:<4} ratio {ratio:6.3f}  {shown} {note}", flush=True)


def limit(name, ours, most, unit, note=""):
    """An absolute budget."""
    verdict = "kept" if ours <= most else "MISSED"
    ROWS.append((name, ours, None, None, most, verdict, unit, note))
    print(f"{name:<44} {ours:9.1f} {'':9} {unit:<4} budget {most:g}  {verdict} {note}", flush=True)


def both(name, commands, rounds, budget):
    """commands: coracle, podman and further peers, by name."""
    results = interleaved({key: (lambda argv=argv: measure(argv)) for key, argv in commands.items()}, rounds)
    ours = results.pop("coracle")
    for peer, theirs in results.items():
        share = budget if peer == "podman" else None
        row(f"{name}, wall, against {peer}", ours[0], theirs[0], share)
        row(f"{name}, CPU, against {peer}", ours[1], theirs[1], share)


# --- set-up

def configure_podman():
    """Rootless podman on a machine whose cgroups an ordinary user cannot write: no cgroups, no journal."""
    os.makedirs(f"{HOME}/.config/containers", exist_ok=True)
    with open(f"{HOME}/.config/containers/containers.conf", "w") as file:
        file.write('[containers]\ncgroups="disabled"\nlog_driver="k8s-file"\n'
                   '[engine]\nruntime="crun"\nevents_logger="file"\ncgroup_manager="cgroupfs"\n')
    with open(f"{HOME}/.config/containers/policy.json", "w") as file:
        file.write('{"default": [{"type": "insecureAcceptAnything"}]}')
    with open(f"{HOME}/.config/containers/storage.conf", "w") as file:
        file.write('[storage]\ndriver="overlay"\n')


def make_busybox():
    root = f"{HOME}/busybox"
    for directory in ("bin", "etc", "proc", "dev", "sys", "tmp"):
        os.makedirs(f"{root}/{directory}", exist_ok=True)
    program = quiet(["sh", "-c", "command -v busybox"]).strip()
    quiet(["cp", program, f"{root}/bin/busybox"])
    for applet in ("sh", "true", "sleep", "ls", "cat"):
        os.symlink("busybox", f"{root}/bin/{applet}")
    with open(f"{root}/etc/passwd", "w") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\n")
    quiet(["tar", "-C", root, "--owner=0", "--group=0", "-cf", f"{HOME}/busybox.tar", "."])
    return root


class Registry:
    def __enter__(self):
        config = f"{HOME}/registry.yml"
        with open(config, "w") as file:
            file.write(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {HOME}/registry}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n")
        self.log = open(f"{HOME}/registry.log", "w+")
        env = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=self.log, stderr=self.log, env=env)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = re.search(r"listening on ([0-9.:]+)", open(self.log.name).read())
            if found:
                self.address = found[1]
                return self
            time.sleep(0.05)
        raise RuntimeError("the registry does not start")

    def __exit__(self, *_):
        stop(self.process)

    def largest_blob(self):
        blobs = quiet(["find", f"{HOME}/registry", "-name", "data", "-size", "+1000k"]).split()
        return max(blobs, key=os.path.getsize)


# --- benchmarks

def bench_start():
    both("CLI start (--version)", {"coracle": coracle("--version"), "podman": podman("--version")}, 21, None)
    limit("CLI start (--version), wall", ROWS[-2][1], 2, "ms")


def bench_run():
    args = ["run", "--rm", "--network", "none", "busybox", "true"]
    commands = {"coracle": coracle(*args), "podman": podman(*args), "the floor": [f"{STAGE}/floor", f"{HOME}/busybox", "/bin/true"]}
    both("run --rm --network none true", commands, 15, 1 / 10)
    args = ["run", "--rm", "--network", "host", "busybox", "true"]
    both("run --rm --network host true", {"coracle": coracle(*args), "podman": podman(*args)}, 11, 1 / 8)


def bench_exec():
    ours = quiet(coracle("run", "-d", "--network", "none", "busybox", "sleep", "600")).strip()
    theirs = quiet(podman("run", "-d", "--network", "none", "busybox", "sleep", "600")).strip()
    both("exec true", {"coracle": coracle("exec", ours, "true"), "podman": podman("exec", theirs, "true")}, 15, 1 / 10)
    quiet(coracle("rm", "-f", ours))
    quiet(podman("rm", "-f", "-t", "0", theirs))


def bench_parallel():
    def twenty(command):
        line = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do " + " ".join(command) + " & done; wait"
        return ["sh", "-c", line]
    args = ["run", "--rm", "--network", "none", "busybox", "true"]
    both("20 parallel run --rm", {"coracle": twenty(coracle(*args)), "podman": twenty(podman(*args))}, 3, 1 / 6)

    # xargs ends with an error when any of them does.
    many = ["sh", "-c", "seq 200 | xargs -P 200 -I_ " + " ".join(coracle(*args))]
    alone, together = interleaved({"one": lambda: measure(coracle(*args)), "many": lambda: measure(many)}, 5).values()
    limit("200 parallel run --rm, CPU of each", together[1] / 200, 2 * alone[1], "ms", "(at most twice one alone)")
    limit("200 parallel run --rm, wall of each", together[0] / 200, 2 * alone[0], "ms", "(at most twice one alone)")


def bench_memory():
    ids = [quiet(coracle("run", "-d", "--network", "none", "busybox", "sleep", "600")).strip() for _ in range(20)]
    time.sleep(1)
    pids = descendants_of_home(HOME)
    total = pss(pids)
    if total is None:
        print("idle container: the kernel does not show the memory of its processes; skipped")
    else:
        limit("idle container, PSS, at 20", total / 20, 4, "MiB", f"({len(pids)} processes)")
    quiet(coracle("rm", "-f", *ids))


def bench_ps():
    count = int(os.environ.get("CORACLE_BENCH_PS", "1000"))
    for command in (coracle, podman):
        made = "seq {} | xargs -P 2 -I_ {} >/dev/null".format(count, " ".join(command("create", "--network", "none", "busybox", "true")))
        quiet(["sh", "-c", made])
        quiet(["sh", "-c", "seq 20 | xargs -P 2 -I_ " + " ".join(command("run", "-d", "--network", "none", "busybox", "sleep", "3600"))])
    both(f"ps -a with {count} stopped, 20 running", {"coracle": coracle("ps", "-a"), "podman": podman("ps", "-a")}, 5, 1 / 10)
    both(f"ps with {count} stopped, 20 running", {"coracle": coracle("ps"), "podman": podman("ps")}, 5, 1 / 10)
    quiet(["sh", "-c", f"{CORACLE} ps -aq | xargs {CORACLE} rm -f >/dev/null"])
    subprocess.run(podman("rm", "-fa", "-t", "0"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_layered(address):
    """Ten layers of 4,000 files each."""
    base = f"{HOME}/layered"
    lines = []
    for layer in range(10):
        for nth in range(4000):
            directory = f"{base}/{layer}/usr/share/l{layer}/d{nth // 100}"
            if nth % 100 == 0:
                os.makedirs(directory)
            with open(f"{directory}/f{nth}", "w") as file:
                file.write(f"{layer} {nth}\n" * 40)
        lines.append(layer)
    # umoci makes a layer of every directory.
    quiet(["umoci", "init", "--layout", f"{HOME}/layout"])
    quiet(["umoci", "new", "--image", f"{HOME}/layout:many"])
    for layer in lines:
        quiet(["umoci", "insert", "--rootless", "--image", f"{HOME}/layout:many", f"{base}/{layer}", "/"])
    quiet(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{HOME}/layout:many", f"docker://{address}/many:1"])
    quiet(["rm", "-rf", base])


def alternate(rounds, cases):
    """cases: {name: (before, argv)}; `before` puts back what the command changes."""
    results = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (before, argv) in cases.items():
            before()
            results[name].append(measure(argv))
    return {name: Result(0, median([r.wall for r in all]), median([r.cpu for r in all]), max(r.peak for r in all)) for name, all in results.items()}


def bench_pull():
    if not os.path.exists(f"{STAGE}/debian.tar"):
        print("pull, load, rmi: skipped, there is no Debian image")
        return
    with Registry() as registry:
        debian = f"{registry.address}/debian:1"
        quiet(coracle("tag", "debian", debian))
        quiet(coracle("save", "-o", f"{HOME}/debian-archive.tar", "debian"))
        quiet(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"docker-archive:{HOME}/debian-archive.tar", f"docker://{debian}"])
        quiet(coracle("rmi", debian, "debian"))
        make_layered(registry.address)
        for name, image in (("Debian, 235 MB, one layer", debian), ("10 layers, 40,000 files", f"{registry.address}/many:1")):
            forget = {
                "coracle": lambda image=image: subprocess.run(coracle("rmi", "-f", image), capture_output=True),
                "podman": lambda image=image: subprocess.run(podman("rmi", "-f", image), capture_output=True),
            }
            cases = {
                "coracle": (forget["coracle"], coracle("pull", "-q", image)),
                "podman": (forget["podman"], podman("pull", "-q", "--tls-verify=false", image)),
            }
            if image == debian:
                blob = registry.largest_blob()
                cases["gunzip on one core"] = (lambda: None, ["taskset", "-c", "0", "sh", "-c", f"gzip -dc < {blob} | cat > /dev/null"])
            results = alternate(3, cases)
            row(f"pull ({name}), wall", results["coracle"].wall, results["podman"].wall, 1 / 2)
            row(f"pull ({name}), CPU", results["coracle"].cpu, results["podman"].cpu, 1 / 2)
            if image == debian:
                row("pull against gunzip on one core, wall", results["coracle"].wall, results["gunzip on one core"].wall, 1 / 0.8)
            limit(f"pull ({name}), peak memory", results["coracle"].peak / 1024, 60, "MiB")

            # rmi, with the image put back before each.
            again = {
                "coracle": lambda image=image: quiet(coracle("pull", "-q", image)),
                "podman": lambda image=image: quiet(podman("pull", "-q", "--tls-verify=false", image)),
            }
            results = alternate(3, {
                "coracle": (again["coracle"], coracle("rmi", image)),
                "podman": (again["podman"], podman("rmi", image)),
            })
            row(f"rmi ({name}), wall", results["coracle"].wall, results["podman"].wall, 1 / 10)
            row(f"rmi ({name}), CPU", results["coracle"].cpu, results["podman"].cpu, 1 / 10)

        archive = f"{HOME}/debian-archive.tar"
        results = alternate(3, {
            "coracle": (lambda: subprocess.run(coracle("rmi", "-f", "debian"), capture_output=True), coracle("load", "-q", "-i", archive)),
            "podman": (lambda: subprocess.run(podman("rmi", "-f", "localhost/debian", "debian"), capture_output=True), podman("load", "-q", "-i", archive)),
        })
        row("load (Debian, 235 MB), wall", results["coracle"].wall, results["podman"].wall, 1 / 3)
        row("load (Debian, 235 MB), CPU", results["coracle"].cpu, results["podman"].cpu, 1 / 3)
        limit("load (Debian, 235 MB), peak memory", results["coracle"].peak / 1024, 60, "MiB")


def bench_overlay():
    """Reading and writing by mode of the root file system, and what emulated users cost."""
    if not os.path.exists(f"{STAGE}/debian-tools.tar"):
        print("reading and writing: skipped, there is no Debian image with tools")
        return
    quiet(coracle("import", f"{STAGE}/debian-tools.tar", "tools"))
    quiet(podman("import", "-q", f"{STAGE}/debian-tools.tar", "tools", store=FUSE))
    overlay.bench("tools", coracle, lambda *args: podman(*args, store=FUSE), row)


def bench_large():
    """An image of 100,000 files more: how much longer until its container runs, and its server's memory."""
    path = f"{HOME}/large.tar"
    quiet(["cp", f"{HOME}/busybox.tar", path])
    with tarfile.open(path, "a") as tar:
        for number in range(100_000):
            member = tarfile.TarInfo(f"files/{number // 1000}/{number}")
            member.size = 1
            tar.addfile(member, io.BytesIO(b"x"))
    quiet(coracle("import", path, "large"))
    os.remove(path)
    commands = {
        mode: {image: coracle("run", "--rm", "--network", "none", "--storage-opt", f"overlay={mode}", image, "true") for image in ("busybox", "large")}
        for mode in ("hybrid", "full")
    }
    for mode, pair in commands.items():
        results = interleaved({image: (lambda argv=argv: measure(argv)) for image, argv in pair.items()}, 15)
        limit(f"100,000 files more, {mode}, wall", results["large"][0] - results["busybox"][0], 2, "ms")
        name = quiet(coracle("run", "-d", "--network", "none", "--storage-opt", f"overlay={mode}", "large", "sleep", "600")).strip()
        memory = pss([pid for pid in descendants_of_home(HOME) if b"superv" in open(f"/proc/{pid}/comm", "rb").read()])
        if memory is not None:
            limit(f"100,000 files more, {mode}, server memory (PSS)", memory, 10, "MiB")
        quiet(coracle("rm", "-f", name))


def bench_logs():
    """A container that prints 1 GB, and reading that back: at least three times podman's rate."""
    megabytes = int(os.environ.get("CORACLE_BENCH_LOG_MB", "1000"))
    lines = f"{HOME}/lines"
    line = b"2026-01-01T12:00:00Z INFO request served method=GET path=/index.html status=200 bytes=5123 ms=12\n"
    with open(lines, "wb") as file:
        for _ in range(megabytes):
            file.write((line * (1_000_000 // len(line) + 1))[:1_000_000 - 1] + b"\n")

    def printing(command, name, *flags):
        run = command("run", "-d", "--name", name, "--network", "none", "-v", f"{lines}:/lines:ro", *flags, "busybox", "cat", "/lines")
        script = " ".join(run) + " >/dev/null && " + " ".join(command("wait", name)) + " >/dev/null"
        before = lambda: subprocess.run(command("rm", "-f", name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return before, ["sh", "-c", script]

    results = alternate(3, {
        "coracle": printing(coracle, "lines"),
        "local": printing(coracle, "local", "--log-driver", "local"),
        "podman": printing(podman, "lines"),
    })
    row(f"a container prints {megabytes} MB, wall", results["coracle"].wall, results["podman"].wall, 1 / 3)
    row(f"a container prints {megabytes} MB, CPU", results["coracle"].cpu, results["podman"].cpu, 1 / 3)
    row("the same, rotated and compressed (local), wall", results["local"].wall, results["podman"].wall, None)
    results = alternate(3, {
        "coracle": (lambda: None, coracle("logs", "lines")),
        "podman": (lambda: None, podman("logs", "lines")),
    })
    row(f"logs of {megabytes} MB, wall", results["coracle"].wall, results["podman"].wall, 1 / 3)
    row(f"logs of {megabytes} MB, CPU", results["coracle"].cpu, results["podman"].cpu, 1 / 3)
    limit(f"logs of {megabytes} MB, peak memory", results["coracle"].peak / 1024, 32, "MiB")
    results = alternate(5, {
        "coracle": (lambda: None, coracle("logs", "-n", "10", "lines")),
        "podman": (lambda: None, podman("logs", "--tail", "10", "lines")),
    })
    row(f"logs -n 10 of {megabytes} MB, wall", results["coracle"].wall, results["podman"].wall, 1 / 3)
    quiet(coracle("rm", "-f", "lines", "local"))
    quiet(podman("rm", "-f", "-t", "0", "lines"))
    os.remove(lines)


BENCHES = {
    "start": bench_start,
    "run": bench_run,
    "exec": bench_exec,
    "parallel": bench_parallel,
    "memory": bench_memory,
    "logs": bench_logs,
    "overlay": bench_overlay,
    "large": bench_large,
    "pull": bench_pull,
    "ps": bench_ps,
}


def main():
    configure_podman()
    make_busybox()
    quiet(coracle("import", "--change", 'CMD ["sh"]', f"{HOME}/busybox.tar", "busybox"))
    quiet(podman("import", "-q", f"{HOME}/busybox.tar", "busybox"))
    if os.path.exists(f"{STAGE}/debian.tar"):
        quiet(coracle("import", f"{STAGE}/debian.tar", "debian"))
    print(f"{quiet(['podman', '--version']).strip()}, kernel {os.uname().release}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<44} {'coracle':>9} {'peer':>9}")
    for name in WANTED or BENCHES:
        try:
            BENCHES[name]()
        except (RuntimeError, subprocess.CalledProcessError) as error:
            # One that cannot be measured shall not hide the others.
            print(f"{name}: {error} {getattr(error, 'stderr', '') or ''}".strip())
            ROWS.append((name, 0, None, None, None, "FAILED", "", ""))
    kept = sum(r[5] == "kept" for r in ROWS)
    missed = [r[0] for r in ROWS if r[5] in ("MISSED", "FAILED")]
    print(f"\n{kept} budgets kept, {len(missed)} missed" + "".join(f"\n  {name}" for name in missed))


try:
    main()
except subprocess.CalledProcessError as error:
    sys.exit(f"{error}\n{error.stderr}")

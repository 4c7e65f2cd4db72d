"""Reading and writing in a container's root, by mode: the kernel's overlayfs over unpacked directories is 1.

Every workload runs once in a new container ("first") and again in the same one ("warm"). An ordinary user
cannot empty the kernel's caches: at first the unpacked directories are in them already, and an image served
over FUSE is not, as its blob is, but not the files of this mount. That is what a second container pays. What starting and ending a container takes is subtracted. CPU counts the
servers of the file systems too.
"""
import math

from meter import measure, median

READING = {
    "find": "find / -xdev -newer /etc/passwd | wc -l; find / -xdev -type f -size +1 | wc -l",
    "tar": "tar --one-file-system -cf - /usr /etc /var | cat >/dev/null",
    "grep": "grep -r --binary-files=text -c zzzz /usr/share /usr/lib/python3* | wc -l",
    "git status": "cd /repo && git status --porcelain | wc -l",
    "python start": "for i in 1 2 3 4 5; do python3 -c 'import json, http.client, asyncio, xml.etree.ElementTree, sqlite3, email'; done",
    "gcc": "cd /tmp && echo '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n#include <sys/socket.h>\nint main(){puts(\"x\");}' > x.c && for i in 1 2 3; do gcc -O1 -o x x.c; done",
}
WRITING = {
    "create and delete 10,000 files": "mkdir /w && cd /w && python3 -c 'for i in range(10000): open(str(i), \"w\").write(\"x\")' && cd / && rm -r /w",
    "write 500 MB": "dd if=/dev/zero of=/big bs=1M count=500 2>/dev/null; rm /big",
    "dpkg -i": "dpkg -i --force-depends --force-unsafe-io /pkg/*.deb >/dev/null 2>&1",
    "fsync loop": "dd if=/dev/zero of=/sync bs=4k count=200 oflag=dsync 2>/dev/null",
}
BASE = "kernel"
# Budgets of the geometric mean, against the base and against fuse-overlayfs.
BUDGETS = {
    ("reading", "hybrid"): (1.1, 0.5),
    ("reading", "full"): (1.1, 0.5),
    ("writing", "hybrid"): (1.2, None),
    ("writing", "full"): (2.0, 0.7),
}
WORST_READING = 1.5


def bench(image, coracle, podman, row, rounds=3):
    """coracle, podman: functions from arguments to a command line; row: prints a line."""
    def ours(*flags):
        return lambda script: coracle("run", "--rm", "--network", "none", *flags, image, "sh", "-c", script)

    modes = {
        BASE: ours("--userns", "host", "--storage-opt", "overlay=unpacked"),
        "hybrid": ours("--storage-opt", "overlay=hybrid"),
        "full": ours("--storage-opt", "overlay=full"),
        "fuse-overlayfs": lambda script: podman("run", "--rm", "--network", "none", image, "sh", "-c", script),
    }
    for command in modes.values():
        measure(command("true"))
    for group, workloads in (("reading", READING), ("writing", WRITING)):
        table = {}
        for name, script in workloads.items():
            for state, spent in timed(modes, script, group == "reading", rounds).items():
                table[f"{name}, {state}" if group == "reading" else name] = spent
        report(group, table, row)
    emulated(image, coracle, row, rounds)


def timed(modes, script, twice, rounds):
    """{state: {mode: (wall, cpu)}}"""
    runs = {mode: ([], [], []) for mode in modes}
    for _ in range(rounds):
        for mode, command in modes.items():
            nothing, once, thrice = runs[mode]
            nothing.append(measure(command("true")))
            once.append(measure(command(script)))
            if twice:
                thrice.append(measure(command(f"for again in 1 2 3; do {script}; done")))

    def of(results, what):
        return median([getattr(result, what) for result in results])

    first, warm = {}, {}
    for mode, (nothing, once, thrice) in runs.items():
        first[mode] = tuple(max(of(once, what) - of(nothing, what), 0.1) for what in ("wall", "cpu"))
        if twice:
            warm[mode] = tuple(max((of(thrice, what) - of(once, what)) / 2, 0.1) for what in ("wall", "cpu"))
    return {"first": first, "warm": warm} if twice else {"first": first}


def report(group, table, row):
    for name, spent in table.items():
        for mode in ("hybrid", "full", "fuse-overlayfs"):
            for at, what in enumerate(("wall", "CPU")):
                row(f"{name}, {mode}, {what}", spent[mode][at], spent[BASE][at], None)
    states = ("first", "warm") if group == "reading" else (None,)
    for (of_group, mode), (against_base, against_fuse) in BUDGETS.items():
        if of_group != group:
            continue
        for state in states:
            chosen = [spent for name, spent in table.items() if state is None or name.endswith(state)]
            shown = f"{group}, {state}" if state else group
            for at, what in enumerate(("wall", "CPU")):
                for peer, budget in ((BASE, against_base), ("fuse-overlayfs", against_fuse)):
                    if budget:
                        ratios = [spent[mode][at] / spent[peer][at] for spent in chosen]
                        row(f"{shown}, {mode}, {what}, mean / {peer}", mean(ratios), 1, budget, "x")
                if group == "reading":
                    worst = max(spent[mode][at] / spent[BASE][at] for spent in chosen)
                    row(f"{shown}, {mode}, {what}, worst / {BASE}", worst, 1, WORST_READING, "x")


def emulated(image, coracle, row, rounds):
    """What emulated users cost a program that asks for owners, and one that does not."""
    def ours(userns):
        flags = ("--userns", userns, "--storage-opt", "overlay=full")
        return lambda script: coracle("run", "--rm", "--network", "none", *flags, image, "sh", "-c", script)

    modes = {mode: ours(mode) for mode in ("single", "emulated", "emulated:owners=hidden")}
    workloads = {
        "find /": ("find / -xdev -ls | wc -l", None),
        "git status": (READING["git status"], None),
        "gcc": (READING["gcc"], None),
        "a program that computes": ("python3 -c 's = 0\nfor i in range(5000000): s += i'", 1.05),
        "pipes and forks": ("for i in 1 2 3 4 5 6 7 8 9 10; do seq 100000 | sort -rn | tail -1; done", 1.05),
    }
    for name, (script, budget) in workloads.items():
        spent = timed(modes, script, True, rounds)["warm"]
        for mode in ("emulated", "emulated:owners=hidden"):
            for at, what in enumerate(("wall", "CPU")):
                row(f"{name}, {mode}, {what}, against single", spent[mode][at], spent["single"][at], budget)


def mean(ratios):
    return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))

"""Wall time, CPU time and peak memory of a command with everything it starts, daemons included.

A helper process makes itself the reaper of all orphans below it (PR_SET_CHILD_SUBREAPER), so that what
detaches itself (conmon, a supervisor) is waited for like the command, and its CPU time counted.
"""
import ctypes
import os
import pickle
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None, use_errno=True)
# How long orphans may go on after the command (clean-up processes), in seconds.
PATIENCE = 5


class Result:
    """wall and cpu in milliseconds, peak memory of the command itself in kB"""

    def __init__(self, status, wall, cpu, peak):
        self.status, self.wall, self.cpu, self.peak = status, wall, cpu, peak


def measure(argv, env=None, stdin=None, quiet=True):
    """Runs argv to its end and the end of everything below it."""
    reader, writer = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(reader)
        try:
            result = _measure(argv, env or os.environ, stdin, quiet)
        except BaseException as error:  # the parent shall know, whatever it is
            result = repr(error)
        with os.fdopen(writer, "wb") as out:
            pickle.dump(result, out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        result = pickle.load(answer)
    os.waitpid(helper, 0)
    if isinstance(result, str):
        raise RuntimeError(f"{argv}: {result}")
    status, wall, cpu, peak = result
    if status != 0:
        raise RuntimeError(f"{' '.join(argv)}: status {status}")
    return Result(status, wall, cpu, peak)


def _measure(argv, env, stdin, quiet):
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    actions = [(os.POSIX_SPAWN_OPEN, 0, stdin or os.devnull, os.O_RDONLY, 0)]
    if quiet:
        actions += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    start = time.monotonic()
    child = os.posix_spawnp(argv[0], argv, env, file_actions=actions)
    cpu, wall, peak, status = 0.0, None, 0, None
    end = None
    while True:
        try:
            pid, code, usage = os.wait4(-1, os.WNOHANG if end else 0)
        except ChildProcessError:
            break
        now = time.monotonic()
        if pid == 0:
            if now > end:
                break  # something that stays (podman's pause process): not part of the command
            time.sleep(0.0005)
            continue
        cpu += usage.ru_utime + usage.ru_stime
        if pid == child:
            wall, status, peak = now - start, os.waitstatus_to_exitcode(code), usage.ru_maxrss
            end = now + PATIENCE
    return status, wall * 1000, cpu * 1000, peak


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def interleaved(commands, rounds):
    """Measures several commands in turn, so that a noisy moment meets all of them.
    commands: {name: function that gives a Result}. Gives {name: (median wall, median cpu)}."""
    results = {name: [] for name in commands}
    for command in commands.values():
        command()  # warm
    for _ in range(rounds):
        for name, command in commands.items():
            results[name].append(command())
    return {
        name: (median([r.wall for r in all]), median([r.cpu for r in all]), max(r.peak for r in all))
        for name, all in results.items()
    }


def pss(pids):
    """Proportional memory of processes in MiB; None when the kernel does not let us look."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return total / 1024


def descendants_of_home(home):
    """Processes with this home in their environment, and everything below them."""
    needle = home.encode()
    parents, found = {}, set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                parents[int(name)] = int(file.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{name}/environ", "rb") as file:
                if needle in file.read():
                    found.add(int(name))
        except OSError:
            continue
    grown = True
    while grown:
        below = {pid for pid, parent in parents.items() if parent in found and pid not in found}
        found |= below
        grown = bool(below)
    return found - {os.getpid(), os.getppid()}


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait()

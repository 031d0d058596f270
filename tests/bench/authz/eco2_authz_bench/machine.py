"""Which core is whose, and who else uses them."""

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock, Timeout

from eco2_authz_bench.results import Host
from eco2_testcluster.binaries import cache_dir
from eco2_testcluster.progress import Reporter

SERVER_CORE: Final = 0
"""For the server, or for Envoy. Behind Envoy the server is measured on either core: on Envoy's, where what both cost
counts, and on the other, where Envoy is full first unless the server is slow."""
LOAD_CORE: Final = 1
"""For the load generator, Redis and this program, none of which needs all of it."""


@contextmanager
def alone(reporter: Reporter) -> Iterator[None]:
    """Wait until no other run of the bench measures on this machine; none begins during the block."""
    lock = FileLock(cache_dir(os.environ) / "bench-authz.lock")
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        with reporter.step("waiting for another run of the bench to end"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def pin_myself() -> None:
    """Leave the servers' core to them. Child processes inherit it. Raises OSError on a machine with one core."""
    os.sched_setaffinity(0, {LOAD_CORE})


def pinned(core: int, *argv: str | Path) -> list[str | Path]:
    """A command that runs a program on one core."""
    return ["taskset", "--cpu-list", str(core), *argv]


@contextmanager
def moved(pids: Iterable[int], *, to: int, back: int) -> Iterator[None]:
    """Let processes run on another core for a while."""
    threads = [thread.id for pid in pids for thread in psutil.Process(pid).threads()]
    for thread in threads:
        os.sched_setaffinity(thread, {to})
    try:
        yield
    finally:
        for thread in threads:
            os.sched_setaffinity(thread, {back})


def tree(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU so far, user and system."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def rss(pids: Iterable[int]) -> int:
    """Octets of resident memory now."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids)


def peak_rss(pids: Iterable[int]) -> int:
    """The most there ever was of each, summed."""
    total = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        total += int(line.split()[1]) * 1024
    return total


def busy() -> float:
    """Seconds in which the processors have worked, or the machine's host has kept them from it."""
    times = psutil.cpu_times()
    quiet = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0)
    return float(sum(times) - quiet - getattr(times, "guest_nice", 0.0))


def host(versions: dict[str, str]) -> Host:
    """This machine."""
    models = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return Host(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=next(models, ":").partition(":")[2].strip(),
        cores=os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        versions={"Python": platform.python_version(), **versions},
    )

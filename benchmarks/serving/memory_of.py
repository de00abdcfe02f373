"""What a family of processes takes of the machine, read from /proc."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

MEBIBYTE = 1024 * 1024
_KINDS = (
    ("mongod", "database"),
    ("training.worker", "worker"),
    ("launch.web", "web"),
    ("launch.engine", "engine"),
    ("inference.", "engine"),
    ("DIYML.py", "parent"),
)


@dataclass(frozen=True)
class Usage:
    """One process.

    Attributes:
        kind: what it is for, as far as its command tells.
        resident_bytes: pages in memory; those shared with others count in each of them.
        proportional_bytes: shared pages count by their share, so that a sum over processes is what they take together.
        torch: whether it has torch's library mapped.
    """

    pid: int
    kind: str
    resident_bytes: int
    proportional_bytes: int
    torch: bool


def family(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def usage(pid: int) -> list[Usage]:
    """What a process and its descendants take now."""
    found = []
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            found.append(_usage(process))
    return found


def cpu_seconds(pid: int) -> float:
    """What a process and its descendants that still run have taken of a core until now."""
    total = 0.0
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def proportional_bytes(processes: list[Usage], *without: str) -> int:
    """What they take together; kinds of processes may be left out."""
    return sum(item.proportional_bytes for item in processes if item.kind not in without)


def _usage(process: psutil.Process) -> Usage:
    folder = Path("/proc") / str(process.pid)
    resident = process.memory_info().rss
    torch = any("libtorch" in line for line in (folder / "maps").read_text().splitlines())
    return Usage(process.pid, _kind(process), resident, _proportional(folder, resident), torch)


def _proportional(folder: Path, otherwise: int) -> int:
    """As the kernel counts it, where it does."""
    with contextlib.suppress(OSError):
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return otherwise


def _kind(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    return next((kind for word, kind in _KINDS if word in command), process.name())


class Peak:
    """The most that a family takes together while a block runs, looked at twice a second.

    Args:
        without: kinds of processes that do not count.
    """

    def __init__(self, pid: int, *without: str):
        self._pid = pid
        self._without = without
        self._over = threading.Event()
        self.highest_bytes = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[Peak]:
        """Look while the block runs, and once after it."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()
            self._look()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self._look()

    def _look(self) -> None:
        self.highest_bytes = max(self.highest_bytes, proportional_bytes(usage(self._pid), *self._without))

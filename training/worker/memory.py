"""How much memory processes hold, and how much there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_KIBIBYTE = 1024
_CGROUPS = Path("/sys/fs/cgroup")


def used_bytes(processes: Iterable[psutil.Process], bound: int) -> int:
    """Memory that the processes hold together; pages of files, which the kernel can take back, do not count.

    Args:
        bound: pages that several share are counted once only when it matters, which is when counting them in each
            gives more than this: it takes a look at every page.
    """
    processes = list(processes)
    most = sum(map(_held_bytes, processes))
    return most if most <= bound else sum(map(_share_bytes, processes))


def available_bytes() -> int:
    """Memory of the machine, or of the control group that this process lives in when that is less."""
    limits = [psutil.virtual_memory().total]
    with suppress(OSError):  # only Linux has it
        limits += group_limits(Path("/proc/self/cgroup").read_text(), _CGROUPS)
    return min(limits)


def group_limits(membership: str, root: Path) -> Iterator[int]:
    """Memory limits of a control group and of those above it, bytes.

    Args:
        membership: as `/proc/self/cgroup` has it, of version 1 or 2.
        root: where control groups are mounted.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, name = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        group = top / path.strip("/")
        while group.is_relative_to(top):
            with suppress(OSError, ValueError):  # a group without a limit says "max" or has no such file
                yield int((group / name).read_text())
            group = group.parent


def _held_bytes(process: psutil.Process) -> int:
    return _sum_of(process, "status", ("RssAnon:", "RssShmem:"))


def _share_bytes(process: psutil.Process) -> int:
    """Of a page that n processes share, an n-th."""
    return _sum_of(process, "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))


def _sum_of(process: psutil.Process, file: str, names: tuple[str, ...]) -> int:
    with suppress(OSError):
        rows = map(str.split, Path(f"/proc/{process.pid}/{file}").read_text().splitlines())
        values = [int(row[1]) for row in rows if row and row[0] in names]
        if values:
            return sum(values) * _KIBIBYTE
    # Another system, an old kernel, or a process that has ended.
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0

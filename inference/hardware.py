"""What models run on."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from inference.sessions import has_gpu

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Hardware:
    """What models run on, and how busy it is.

    Attributes:
        cores: of the CPU.
        gpu_batch: images in one run on a GPU; 0 when there is none.
        busy: tells how many images are worked on or wait.
    """

    cores: int
    gpu_batch: int
    busy: Callable[[], int] = lambda: 0

    @property
    def lanes(self) -> int:
        """Images to work on at a time: one a core, since one more only costs both time; two batches of a GPU."""
        return max(self.cores, 2 * self.gpu_batch)


def hardware(cores: int, gpu_batch: int) -> Hardware:
    """What there is.

    Args:
        cores: as the operator wants; 0 is all that this process may use.
        gpu_batch: for the case that there is a GPU.
    """
    return Hardware(cores or usable_cores(), gpu_batch if has_gpu() else 0)


def usable_cores() -> int:
    """Cores that this process may use, by its affinity and by the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # only Linux has the file, and one that says "max" sets no quota
        quota, period = map(int, _QUOTA.read_text().split())
        cores = min(cores, max(1, round(quota / period)))
    return cores

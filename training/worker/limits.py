"""What one training may take of the machine, watched from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from settings import MEBIBYTE, Settings
from training.process_tree import ProcessTree
from training.worker.memory import available_bytes, used_bytes
from utils import plural

_LOOK_SECONDS = 1.0
_DISK_LOOK_SECONDS = 5.0
# A look that takes long, at a folder of very many files, comes the more seldom.
_LARGEST_SHARE = 0.05
_SHARE_OF_MEMORY = 0.8
_BLOCK_BYTES = 512


@dataclass(frozen=True)
class Limits:
    """Bounds of one training; memory and processes are those of its whole process tree, the disk is its folder's."""

    memory_bytes: int
    disk_bytes: int
    processes: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Those of the settings; four fifths of the memory there is when they say nothing of it."""
        memory_bytes = settings.job_memory_bytes or int(_SHARE_OF_MEMORY * available_bytes())
        return cls(memory_bytes, settings.job_disk_bytes, settings.job_processes)


class Watch:
    """Looks at one training now and then.

    Args:
        lighter: what its trainer says makes it take less.
    """

    def __init__(self, limits: Limits, folder: Path, tree: ProcessTree, lighter: str):
        self._limits = limits
        self._lighter = lighter
        self._folder = folder
        self._tree = tree
        self._looks = [_Look(self._of_processes, _LOOK_SECONDS), _Look(self._of_disk, _DISK_LOOK_SECONDS)]

    def excess(self) -> str | None:
        """What is past its limit, how much of it, and what to do, in words; costs nothing when called too early."""
        found = (look.result() for look in self._looks if look.is_due())
        return next((sentence for sentence in found if sentence), None)

    def _of_processes(self) -> str | None:
        limits, members = self._limits, self._tree.look()
        if len(members) > limits.processes:
            return (
                f"the training ran {plural(len(members), 'process', 'processes')} at once, {limits.processes:,} are "
                "allowed: train with fewer, or ask the operator to raise DIYML_JOB_PROCESSES"
            )
        used = used_bytes(members, limits.memory_bytes)
        if used > limits.memory_bytes:
            return (
                f"the training used {_size(used)} of memory, {_size(limits.memory_bytes)} are allowed: "
                f"try {self._lighter}, or ask the operator to raise DIYML_JOB_MEMORY_BYTES"
            )
        return None

    def _of_disk(self) -> str | None:
        used = folder_bytes(self._folder)
        if used <= self._limits.disk_bytes:
            return None
        return (
            f"the training took {_size(used)} of the disk, {_size(self._limits.disk_bytes)} are allowed: "
            f"try {self._lighter}, or ask the operator to raise DIYML_JOB_DISK_BYTES"
        )


class _Look:
    """One thing to look at, and when the next time is."""

    def __init__(self, look: Callable[[], str | None], every_seconds: float):
        self._look = look
        self._every_seconds = every_seconds
        self._due_at = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= self._due_at

    def result(self) -> str | None:
        started = time.monotonic()
        found = self._look()
        now = time.monotonic()
        self._due_at = now + max(self._every_seconds, (now - started) / _LARGEST_SHARE)
        return found


def folder_bytes(folder: Path) -> int:
    """What a folder takes of the disk, holes in files left out; what links lead to is not in it."""
    total = 0
    for path, _, names in os.walk(folder, onerror=lambda error: None):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * _BLOCK_BYTES
            except OSError:
                continue  # it is gone already
    return total


def _size(count: int) -> str:
    mebibytes = count / MEBIBYTE
    return f"{mebibytes / 1024:,.1f} GiB" if mebibytes >= 1024 else f"{mebibytes:,.0f} MiB"

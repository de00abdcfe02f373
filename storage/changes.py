"""A stamp that all processes of a data folder see, and that is another one after each change of who may do what."""

from __future__ import annotations

import mmap
import os
from functools import cached_property
from pathlib import Path

_BYTES = 8


class Changes:
    """Making one does no IO; safe to use from many threads and processes.

    Args:
        path: of the file that holds the stamp; made when it is missing.
    """

    def __init__(self, path: Path):
        self._path = path

    @property
    def stamp(self) -> bytes:
        """The stamp now."""
        return self._memory[:]

    def mark(self) -> None:
        """Something may have changed; to be called when it has, not before."""
        # Counting up would lose one of two marks at the same moment.
        self._memory[:] = os.urandom(_BYTES)

    @cached_property
    def _memory(self) -> mmap.mmap:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(handle, _BYTES)
            return mmap.mmap(handle, _BYTES)
        finally:
            os.close(handle)

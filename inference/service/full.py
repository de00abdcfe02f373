"""One byte that all processes of a web server see: whether the engine would refuse a request now. It spares asking."""

from __future__ import annotations

import mmap
import os
from pathlib import Path


class FullFlag:
    """Said by the engine, read by the web processes.

    Args:
        path: of the file that holds it; made when it is missing.
    """

    def __init__(self, path: Path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(handle, 1)
        self._byte = mmap.mmap(handle, 1)
        os.close(handle)

    def set(self, is_full: bool) -> None:
        """Say it."""
        self._byte[0] = is_full

    def get(self) -> bool:
        """What was said last."""
        return bool(self._byte[0])

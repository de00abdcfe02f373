"""One byte that all processes of a web server see: for how many more images the engine has room. It spares asking."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_MOST = 255


class Room:
    """Said by the engine, read by the web processes.

    Args:
        path: of the file that holds it; made when it is missing.
    """

    def __init__(self, path: Path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(handle, 1)
        self._byte = mmap.mmap(handle, 1)
        os.close(handle)

    def tell(self, places: int) -> None:
        """Say how much there is."""
        self._byte[0] = max(0, min(_MOST, places))

    def claim(self) -> bool:
        """Whether there is any; a place is then taken off until the engine tells the truth again.

        Else all who come between its looks would take the one place that has become free to be theirs.
        """
        places = self._byte[0]
        if places:
            self._byte[0] = places - 1
        return places > 0

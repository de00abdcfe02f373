"""What was read from the database a moment ago, for requests that come by the hundred in a second.

Whoever asks for predictions is looked up by token and account each time: two reads that cost more than all the rest of
such a request but the model and a third read, of the project. So their outcome counts for a second. Any request on this
machine that may change something ends that at once; a change on another machine is seen a second later.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_SECONDS = 1.0
_STAMP_BYTES = 8
_MOST = 10_000


class Changes:
    """A stamp that is another one after each change.

    Args:
        path: of the file that holds it when several processes share it; made when it is missing.
    """

    def __init__(self, path: Path | None = None):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600) if path else -1
        if path:
            os.ftruncate(handle, _STAMP_BYTES)
        self._stamp = mmap.mmap(handle, _STAMP_BYTES)
        if path:
            os.close(handle)

    @property
    def stamp(self) -> bytes:
        """The stamp now."""
        return self._stamp[:]

    def mark(self) -> None:
        """Something may have changed; to be called when it has, not before."""
        # Counting up would lose one of two marks at the same moment.
        self._stamp[:] = os.urandom(_STAMP_BYTES)


@dataclass(frozen=True)
class _Read:
    value: Any
    stamp: bytes
    at: float


class Recent:
    """Safe to call from many threads.

    Args:
        changes: end what is remembered.
        seconds: for which it is remembered at most.
    """

    def __init__(self, changes: Changes, seconds: float = _SECONDS):
        self._changes = changes
        self._seconds = seconds
        self._reads: dict[Hashable, _Read] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], T | None]) -> T | None:
        """What was read under this key a moment ago, or else is read now; None and errors are not remembered."""
        # Looked at before reading: what changes meanwhile makes the outcome old.
        stamp, now = self._changes.stamp, time.monotonic()
        known = self._reads.get(key)
        if known is not None and known.stamp == stamp and now - known.at < self._seconds:
            return known.value
        value = read()
        if value is not None:
            with self._lock:
                if len(self._reads) >= _MOST:
                    self._reads.clear()
                self._reads[key] = _Read(value, stamp, now)
        return value

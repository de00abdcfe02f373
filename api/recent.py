"""What was read from the database a moment ago, for requests that come by the hundred in a second.

Whoever asks for predictions is looked up by token, account and project each time: three reads that cost as much as all
the rest of such a request but the model. So their outcome counts for a second. A change by any process of this data
folder, be it a request or the end of a training, ends that at once; a change by another machine is seen a second later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from storage.changes import Changes

T = TypeVar("T")
_SECONDS = 1.0
_MOST = 10_000


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

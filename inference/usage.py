"""Takes down how models are used, away from the requests: counted in memory, written out every few seconds."""

from __future__ import annotations

import logging
import threading
from datetime import date

from bson import ObjectId

from storage.latencies import bucket_of
from storage.usage import Calls, Usage
from utils import DomainError, plural, utc_now

logger = logging.getLogger(__name__)

MOST_WAITING = 2000
_CLOSE_SECONDS = 5.0

_Key = tuple[ObjectId, ObjectId, date]


class UsageRecorder:
    """Counts calls of models. Safe to call from many threads; one to a process, made after it was forked.

    While the database is silent the counts wait in memory, for at most `MOST_WAITING` models and days; calls of further
    ones are not counted then, which is logged. What a killed process had not written is lost, `flush_seconds` at most.

    Args:
        flush_seconds: how often counts are written.
    """

    def __init__(self, usage: Usage, flush_seconds: float = 5.0):
        self._usage = usage
        self._flush_seconds = flush_seconds
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: dict[_Key, Calls] = {}
        self._uncounted = 0
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None

    def record(self, project_id: ObjectId, model_id: ObjectId, seconds: float, error_code: str | None = None) -> None:
        """Count one call; never waits for the database, and never fails.

        Args:
            seconds: that the call took; of one that failed it does not count.
            error_code: of the `DomainError` that the call ended with, or another word of lower-case letters and `_`.
        """
        calls = Calls(1)
        if error_code:
            calls.errors[error_code] = 1
        else:
            calls.latencies[bucket_of(seconds)] = 1
        with self._lock:
            self._count((project_id, model_id, utc_now().date()), calls)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_until_closed, name="usage", daemon=True)
                self._writer.start()

    def flush(self) -> None:
        """Write what waits now, unless the database is silent."""
        with self._writing:
            self._write()

    def close(self) -> None:
        """Write what waits, unless the database is silent; takes a few seconds at most."""
        self._closing.set()
        if self._writer is not None:
            self._writer.join(_CLOSE_SECONDS)

    def _count(self, key: _Key, calls: Calls) -> None:
        there = self._waiting.get(key)
        if there is not None:
            there.add(calls)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[key] = calls
        else:
            self._uncounted += calls.count

    def _write_until_closed(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(self._flush_seconds)
            self.flush()

    def _write(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting, {}
            uncounted, self._uncounted = self._uncounted, 0
        if uncounted:
            logger.warning("%s of models not counted: too many models wait to be written", plural(uncounted, "call"))
        try:
            while taken:
                key, calls = next(iter(taken.items()))
                self._usage.add(*key, calls)
                del taken[key]
        except DomainError as error:
            logger.warning("usage of %s waits to be written: %s", plural(len(taken), "model"), error)
            with self._lock:
                for key, calls in taken.items():
                    self._count(key, calls)

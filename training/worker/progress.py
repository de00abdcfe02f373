"""What a running training has told, ready for its record: progress that never falls, an ETA from measured epochs."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

_NEARLY_DONE = 0.99
_EPOCHS_MEASURED = 5


class Progress:
    """Collects events from the training process; `take` gives what is new. Safe between threads.

    Args:
        fraction: what an earlier attempt had reached, 0 to 1.
    """

    def __init__(self, epochs: int, fraction: float = 0.0):
        self._epochs = epochs
        self._lock = threading.Lock()
        self._fraction = fraction
        self._done = 0
        self._ends: deque[float] = deque(maxlen=_EPOCHS_MEASURED + 1)
        self._fields: dict[str, Any] = {}
        self._history: list[dict[str, Any]] = []
        self._log: list[str] = []

    def log(self, line: str) -> None:
        """Add a line to the job's log."""
        with self._lock:
            self._log.append(line[:2000])

    def note(self, **fields: Any) -> None:
        """Set fields of the job record."""
        with self._lock:
            self._fields.update(fields)

    def advance(self, epoch: float, epochs: int, metrics: dict[str, float] | None) -> None:
        """Take in what `training.protocol.Report.progress` was told."""
        with self._lock:
            if not self._ends:
                self._ends.append(time.monotonic())
            self._epochs = epochs
            self._fraction = max(self._fraction, min(_NEARLY_DONE, epoch / max(1, epochs)))
            self._fields["progress"] = round(self._fraction, 4)
            if metrics is not None:
                self._end_epoch(int(epoch), metrics)
            self._fields["eta_seconds"] = self._eta_seconds(epoch)

    def _end_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        self._done = max(self._done, epoch)
        self._ends.append(time.monotonic())
        self._history.append({"epoch": epoch, **metrics})
        self._fields.update(epoch=self._done, epochs=self._epochs, metrics=metrics)

    def _eta_seconds(self, epoch: float) -> float | None:
        """Mean time of the last measured epochs times the epochs left; None before the first has ended."""
        if len(self._ends) < 2:
            return None
        per_epoch = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
        return round(max(0.0, self._epochs - epoch) * per_epoch, 1)

    def take(self) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
        """Fields, epoch history and log lines since the last call."""
        with self._lock:
            news = self._fields, self._history, self._log
            self._fields, self._history, self._log = {}, [], []
            return news

    def give_back(self, fields: dict[str, Any], history: list[dict[str, Any]], log: list[str]) -> None:
        """Return what could not be recorded; newer news win."""
        with self._lock:
            self._fields = {**fields, **self._fields}
            self._history[:0] = history
            self._log[:0] = log

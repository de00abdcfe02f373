"""What of the last rows is remembered: which of them were odd."""

from __future__ import annotations

from typing import Any

from storage.database import Document

_BUCKETS = 30


class RowWindow:
    """The last rows, a bit each.

    Args:
        size: how many rows.
        row: what `to_row` gave.
    """

    def __init__(self, size: int, row: Document):
        self._mask = (1 << size) - 1
        self._size = size
        self._bits = int(row.get("bits", "0"), 16)
        self.total: int = row.get("total", 0)

    def add(self, odd: bool, clock: float) -> None:
        """One more row, and the oldest goes."""
        self._bits = (self._bits << 1 | odd) & self._mask
        self.total = min(self.total + 1, self._size)

    @property
    def odd(self) -> int:
        """How many of them are odd."""
        return self._bits.bit_count()

    def clear(self) -> None:
        """Begin anew."""
        self._bits = self.total = 0

    def to_row(self) -> dict[str, Any]:
        """As values that the database keeps."""
        return {"bits": f"{self._bits:x}", "total": self.total}


class TimeWindow:
    """The rows of the last seconds, counted in 30 parts, so that its beginning is exact to one of them.

    Args:
        seconds: how long.
        row: what `to_row` gave.
    """

    def __init__(self, seconds: float, row: Document):
        self._part_seconds = seconds / _BUCKETS
        self._parts: dict[int, list[int]] = {part: [total, odd] for part, total, odd in row.get("parts", ())}

    def add(self, odd: bool, clock: float) -> None:
        """One more row at this time, in seconds, which never goes back; what is too old goes."""
        now = int(clock // self._part_seconds)
        if now not in self._parts:
            self._parts = {part: counts for part, counts in self._parts.items() if part > now - _BUCKETS}
        counts = self._parts.setdefault(now, [0, 0])
        counts[0] += 1
        counts[1] += odd

    @property
    def total(self) -> int:
        """How many rows there are."""
        return sum(counts[0] for counts in self._parts.values())

    @property
    def odd(self) -> int:
        """How many of them are odd."""
        return sum(counts[1] for counts in self._parts.values())

    def to_row(self) -> dict[str, Any]:
        """As values that the database keeps."""
        return {"parts": [[part, *counts] for part, counts in self._parts.items()]}

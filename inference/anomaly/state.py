"""What a model must remember of one series between two messages, as a few bytes."""

from __future__ import annotations

import math
import struct
from dataclasses import astuple, dataclass

import numpy as np

from inference.anomaly.following import Memory

_VERSION = 2
_MODEL_BYTES = 16
# Version, model, sensors, rows kept, rows seen, time of the last row; then the memory, ages, and the rows.
_HEAD = struct.Struct(f"<B{_MODEL_BYTES}sIIQd")
_MEMORY = struct.Struct("<d?6d")


@dataclass(frozen=True)
class State:
    """What is remembered of one series; never changed, each judging gives a new one.

    Attributes:
        model: the first bytes of the SHA-256 of the model's file.
        seen: rows since the series began, or since its last long gap.
        last_seconds: time of the last row, seconds since 1970-01-01 UTC; NaN when none had any.
        memory: of the scores.
        ages: float64 [sensors], rows since the sensor's last reading.
        rows: float64 [at most window - 1, sensors], the last rows with missing readings carried forward.
    """

    model: bytes
    seen: int
    last_seconds: float
    memory: Memory
    ages: np.ndarray
    rows: np.ndarray

    @classmethod
    def begin(cls, model: bytes, sensors: int, memory: Memory) -> State:
        """Of a series without rows yet."""
        return cls(model, 0, math.nan, memory, np.zeros(sensors), np.empty((0, sensors)))

    def to_bytes(self) -> bytes:
        """Compact; `of_bytes` gives it back."""
        kept, sensors = self.rows.shape
        head = _HEAD.pack(_VERSION, self.model, sensors, kept, self.seen, self.last_seconds)
        arrays = self.ages.astype("<f8").tobytes() + self.rows.astype("<f8").tobytes()
        return head + _MEMORY.pack(*astuple(self.memory)) + arrays

    @classmethod
    def of_bytes(cls, content: bytes) -> State:
        """Back from what `to_bytes` made.

        Raises:
            ValueError: it is no state, or one of another version of this program; begin anew.
        """
        try:
            version, model, sensors, kept, seen, last = _HEAD.unpack_from(content)
            memory = Memory(*_MEMORY.unpack_from(content, _HEAD.size))
            numbers = np.frombuffer(content, "<f8", offset=_HEAD.size + _MEMORY.size).astype(float)
        except (struct.error, ValueError):
            raise ValueError("no state of a series") from None
        if version != _VERSION or len(numbers) != sensors * (kept + 1):
            raise ValueError(f"a state of version {version}, wanted {_VERSION}")
        return cls(model, seen, last, memory, numbers[:sensors], numbers[sensors:].reshape(kept, sensors))

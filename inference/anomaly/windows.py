"""Each row with those before it, as the graph takes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def carried(values: np.ndarray, before: np.ndarray, ages: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Missing readings filled with the last one of the sensor, for at most so many rows.

    Args:
        values: float64 [n, sensors]; NaN is missing.
        before: float64 [m, sensors], rows before that were filled already; the last of them is carried on.
        ages: float64 [sensors], for how many rows it has been carried already.
        most: rows that a reading is carried on.

    Returns:
        The rows filled, and the ages after the last.
    """
    if not len(values) or not (np.isnan(values).any() or ages.any()):
        return values, ages
    last = before[-1:] if len(before) else np.full((1, values.shape[1]), np.nan)
    numbers = np.arange(len(values) + 1)[:, None]
    known = np.concatenate([np.zeros_like(last, dtype=bool), ~np.isnan(values)])
    origin = np.maximum.accumulate(np.where(known, numbers, 0), 0)
    age = numbers - origin + np.where(origin == 0, ages, 0.0)
    filled = np.take_along_axis(np.concatenate([last, values]), origin, 0)
    return np.where(age <= most, filled, np.nan)[1:], age[-1]


def windows(before: np.ndarray, rows: np.ndarray, window: int, at_once: int) -> Iterator[np.ndarray]:
    """float64 [n, window, sensors], some rows at a time; what is missing before the first row is a copy of it."""
    padding = np.repeat((before if len(before) else rows)[:1], max(0, window - 1 - len(before)), 0)
    all_rows = np.concatenate([padding, before[max(0, len(before) - window + 1) :], rows])
    seen = sliding_window_view(all_rows, window, axis=0).transpose(0, 2, 1)
    for start in range(0, len(seen), at_once):
        yield np.ascontiguousarray(seen[start : start + at_once])

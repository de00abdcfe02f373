"""Series as detectors need them: stretches without long gaps, and windows of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from datasets.series.schema import SeriesDataset, SeriesRows
from datasets.tables.schema import TRAIN_PART
from inference.anomaly.windows import carried
from training.protocol import TrainingFailed

# A reading that is missing is taken to be the last one for so many rows.
CARRY_ROWS = 10
# After a silence of so many usual intervals a series begins anew: what was before says nothing about now.
_GAP_INTERVALS = 60
_MOST_CELLS = 8_000_000
_FEWEST_WINDOWS = 20


@dataclass(frozen=True)
class Stretch:
    """Rows of one series between which no long gap lies.

    Attributes:
        times: float64 [n] seconds, or None; `labels` bool [n], or None.
        read: float64 [n, sensors], NaN where missing; `values` the same with readings carried forward.
        parts: uint8 [n], 0 train, 1 val, 2 test.
        wild: bool [n], rows that no detector learns from, see `training.anomaly.wild`; None for none.
    """

    name: str
    times: np.ndarray | None
    read: np.ndarray
    values: np.ndarray
    labels: np.ndarray | None
    parts: np.ndarray
    wild: np.ndarray | None = None

    def windows(self, window: int) -> np.ndarray:
        """A view float64 [n - window + 1, window, sensors]; the first ends at row `window` - 1."""
        if len(self.values) < window:
            return np.empty((0, window, self.values.shape[1]))
        return sliding_window_view(self.values, window, axis=0).transpose(0, 2, 1)

    def is_clean(self, window: int) -> np.ndarray:
        """bool [n - window + 1]: no row of the window is labelled an anomaly."""
        count = max(0, len(self.values) - window + 1)
        if self.labels is None or not count:
            return np.ones(count, dtype=bool)
        return np.logical_not(sliding_window_view(self.labels, window).any(1))

    def is_tame(self, window: int) -> np.ndarray:
        """bool [n - window + 1]: no row of the window is wild."""
        count = max(0, len(self.values) - window + 1)
        if self.wild is None or not count:
            return np.ones(count, dtype=bool)
        return np.logical_not(sliding_window_view(self.wild, window).any(1))


def interval_of(series: Sequence[SeriesRows]) -> float | None:
    """Typical seconds between two rows; None when rows have no times."""
    steps = [np.diff(one.times) for one in series if one.times is not None and len(one.times) > 1]
    known = np.concatenate(steps) if steps else np.empty(0)
    known = known[known > 0]
    return float(np.median(known)) if len(known) else None


def gap_of(interval: float | None, window: int) -> float | None:
    """Seconds of silence after which a series begins anew; None when rows have no times."""
    return None if interval is None else interval * max(_GAP_INTERVALS, 2 * window)


def stretches(dataset: SeriesDataset, window: int) -> tuple[list[Stretch], float | None]:
    """All series in stretches, and the typical interval in seconds.

    Raises:
        TrainingFailed: there is no sensor, or hardly a row.
    """
    if not dataset.schema.sensors:
        raise TrainingFailed("there is no column of numbers to learn from beside time, series and label")
    series = dataset.series()
    interval = interval_of(series)
    gap = gap_of(interval, window)
    found = [stretch for one in series for stretch in _stretches(one, gap)]
    return found, interval


def training_windows(found: Sequence[Stretch], window: int, only_normal: bool) -> np.ndarray:
    """Windows of training rows in order of time, evenly fewer when there are very many.

    Args:
        only_normal: leave out windows with a row that is labelled an anomaly.

    Raises:
        TrainingFailed: too few.
    """
    which = [np.flatnonzero(_is_training(one, window, only_normal)) for one in found]
    count = sum(map(len, which))
    if count < _FEWEST_WINDOWS:
        without = (
            f"{count} windows of {window} rows of normal operation to train on, wanted at least {_FEWEST_WINDOWS}: "
        )
        if only_normal and sum(int(_is_training(one, window, False).sum()) for one in found) >= _FEWEST_WINDOWS:
            raise TrainingFailed(
                f"{without}the others hold rows that are labelled as anomalies; give more rows of normal operation, "
                "choose a smaller `window`, or set `train_on` to mixed where labels say little"
            )
        raise TrainingFailed(f"{without}give more rows, or choose a smaller `window`")
    sensors = found[0].values.shape[1]
    step = max(1, -(-count * window * sensors // _MOST_CELLS))
    return np.concatenate([one.windows(window)[rows[::step]] for one, rows in zip(found, which, strict=True)])


def _is_training(one: Stretch, window: int, only_normal: bool) -> np.ndarray:
    if len(one.parts) < window:
        return np.zeros(0, dtype=bool)
    is_train = (one.parts[window - 1 :] == TRAIN_PART) & one.is_tame(window)
    return is_train & one.is_clean(window) if only_normal else is_train


def _stretches(rows: SeriesRows, gap: float | None) -> list[Stretch]:
    breaks = np.empty(0, dtype=int)
    if gap is not None and rows.times is not None:
        breaks = np.flatnonzero(np.diff(rows.times) > gap) + 1
    edges = [0, *breaks.tolist(), len(rows.values)]
    return [_stretch(rows, slice(a, b)) for a, b in pairwise(edges) if b > a]


def _stretch(rows: SeriesRows, part: slice) -> Stretch:
    read = rows.values[part]
    sensors = read.shape[1]
    filled, _ = carried(read, np.empty((0, sensors)), np.zeros(sensors), CARRY_ROWS)
    labels = None if rows.labels is None else rows.labels[part] > 0
    times = None if rows.times is None else rows.times[part]
    return Stretch(rows.name, times, read, filled, labels, rows.parts[part])

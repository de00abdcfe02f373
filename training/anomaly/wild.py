"""Lone wild readings: what a loose contact leaves among rows of normal operation.

One of them is in as many windows as these are long. In a few hundred rows that is more than the part that may be called
anomalies, so the threshold would rise above whatever a fault scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datasets.tables.schema import TEST_PART, TRAIN_PART
from training.anomaly.data import Stretch
from training.anomaly.scaling import BOUND, Scaling

# What lasts longer is no glitch, and what comes more often is usual.
_MOST_TOGETHER = 2
_MOST_OF_WINDOWS = 0.1


def tamed(found: Sequence[Stretch], scaling: Scaling, window: int) -> tuple[list[Stretch], int]:
    """The same with lone wild readings marked, and how many rows have one; as they are where these are many.

    Rows of the test are left alone.
    """
    marked = [replace(one, wild=_lone(one, scaling)) for one in found]
    count = sum(int(one.wild.sum()) for one in marked if one.wild is not None)
    trained = [
        (one.parts[window - 1 :] == TRAIN_PART, one.is_tame(window)) for one in marked if len(one.parts) >= window
    ]
    gone = sum(int((is_train & ~is_tame).sum()) for is_train, is_tame in trained)
    if not count or gone > _MOST_OF_WINDOWS * sum(int(is_train.sum()) for is_train, _ in trained):
        return list(found), 0
    return marked, count


def _lone(one: Stretch, scaling: Scaling) -> np.ndarray:
    """bool [n]: a sensor is beyond the bound, as it is in hardly a row before and after."""
    is_wild = (np.abs(scaling.apply(one.values)) >= BOUND).any(1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_wild, [False]]).astype(np.int8)))
    lone = np.zeros(len(is_wild), dtype=bool)
    for start, stop in edges.reshape(-1, 2):
        lone[start:stop] = stop - start <= _MOST_TOGETHER
    return lone & (one.parts != TEST_PART)

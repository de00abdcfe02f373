"""Least, most, mean and quantiles of the values of a column."""

from __future__ import annotations

from copy import copy

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.tables.profile import QUANTILES, Summary


class Spread:
    """Least, most, mean and quantiles of values that come part by part.

    Args:
        step: every so many rows a value is kept for the quantiles.
    """

    def __init__(self, step: int):
        self._step = step
        self._count = 0
        self._least, self._most, self._mean = np.inf, -np.inf, 0.0
        self._whole = self._rising = True
        self._last: float | None = None
        self._kept: list[NDArray[np.float64]] = []

    def copy(self) -> Spread:
        """One that goes on from here by itself."""
        other = copy(self)
        other._kept = [*self._kept]
        return other

    def add(self, values: pl.Series, first: int) -> None:
        """Take in the values of rows from `first` on; null where there is none."""
        self._kept.append(values.gather_every(self._step, offset=-first % self._step).drop_nulls().to_numpy())
        here = values.drop_nulls().to_numpy()
        if not len(here):
            return
        self._count += len(here)
        self._least, self._most = min(self._least, here.min()), max(self._most, here.max())
        with np.errstate(over="ignore", invalid="ignore"):
            self._mean += (float(here.mean()) - self._mean) * (len(here) / self._count)
        self._whole = self._whole and bool((here == np.floor(here)).all())
        joined = here if self._last is None else np.concatenate(([self._last], here))
        self._rising = self._rising and bool((joined[1:] > joined[:-1]).all())
        self._last = float(here[-1])

    def summary(self) -> Summary | None:
        """All but the bins; None when there was no value."""
        if not self._count:
            return None
        kept = np.concatenate(self._kept)
        quantiles = np.quantile(kept, QUANTILES, method="nearest") if len(kept) else np.full(len(QUANTILES), self._mean)
        return Summary(
            float(self._least), float(self._most), self._mean, tuple(map(float, quantiles)), self._whole, self._rising
        )

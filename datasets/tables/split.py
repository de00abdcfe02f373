"""Which rows of a table are trained on, and which are held back."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.tables.parts import part_of
from datasets.tables.schema import LEFT_OUT_PART, TRAIN_PART, VAL_PART
from utils import InvalidInput, some_of

Parts = NDArray[np.uint8]
_MISSING = -1


def split_rows(target: pl.Series, groups: pl.Series | None, train_fraction: float, seed: int, stratify: bool) -> Parts:
    """The part of each row: 0 train, 1 val, 3 left out.

    Rows without a target go nowhere. Every class is split in the same proportion, and keeps a row to train on. Rows of
    one group stay together, and a group counts for its rarest class; a row without a group is one of its own. Where
    nothing can be held back, all are trained on. Only cells, the order of the rows and the seed decide, with no
    generator of random numbers whose stream could be another in a later version.

    Args:
        target: text or float64; null for none.
        groups: text, null for none; None when there are no groups.
        train_fraction: of the rows.
        stratify: the target is a class.
    """
    parts = np.full(len(target), LEFT_OUT_PART, np.uint8)
    rows = np.flatnonzero(target.is_not_null().to_numpy())
    if not len(rows):
        return parts
    classes = _codes(target.gather(rows)) if stratify else np.zeros(len(rows), np.int64)
    units = _Units(rows, classes, None if groups is None else groups.gather(rows), seed)
    held = units.held_back(1 - train_fraction)
    parts[rows] = np.where(held[units.of_row], VAL_PART, TRAIN_PART)
    return parts


def split_as_given(
    given: pl.Series, target: pl.Series, groups: pl.Series | None, train_fraction: float, seed: int, stratify: bool
) -> Parts:
    """The part of each row where a column of the table says it; parameters else as of `split_rows`.

    What the column says goes before classes and groups. When it says `val` of a row, what it says nothing of is trained
    on; when it does not, rows to validate on are held back of what it says nothing of, or else of what it trains on.

    Args:
        given: text, null for nothing said; the words that `datasets.tables.parts` knows.

    Raises:
        InvalidInput: no row is left to train on, or none of a class.
    """
    said = given.replace_strict({word: part_of(word) for word in given.drop_nulls().unique()}, return_dtype=pl.UInt8)
    parts = said.fill_null(TRAIN_PART).to_numpy().copy()
    parts[target.is_null().to_numpy()] = LEFT_OUT_PART
    if not (parts == VAL_PART).any():
        free = (parts == TRAIN_PART) & said.is_null().to_numpy()
        wanted = free if free.any() else parts == TRAIN_PART
        masked = pl.select(pl.when(pl.Series(wanted)).then(target)).to_series()
        rest = split_rows(masked, groups, train_fraction, seed, stratify)
        parts[rest == VAL_PART] = VAL_PART
    _check_trained(parts, target, stratify)
    return parts


def _check_trained(parts: Parts, target: pl.Series, stratify: bool) -> None:
    trained = target.filter(pl.Series(parts == TRAIN_PART))
    if not len(trained):
        raise InvalidInput("the column `split` leaves no row with a target to train on: let some be `train`, or empty")
    if stratify and (missing := sorted(set(target.drop_nulls().unique()) - set(trained.unique()))):
        raise InvalidInput(
            f"no row of {some_of(missing)} is trained on, since the column `split` says val or test of all: "
            "let some be `train`, or empty"
        )


class _Units:
    """What must not be taken apart: groups, or single rows.

    Attributes:
        of_row: number of the unit of each row.
    """

    def __init__(self, rows: NDArray[np.int64], classes: NDArray[np.int64], groups: pl.Series | None, seed: int):
        self._classes = classes
        keys = _mixed(rows.astype(np.uint64), seed)
        if groups is None:
            self.of_row = np.arange(len(rows))
            self._keys = keys
        else:
            self.of_row, self._keys = _grouped(groups, keys, seed)
        counts = np.bincount(classes)
        # Position of each class from the rarest on.
        rank = np.empty(len(counts), np.int64)
        rank[np.lexsort((np.arange(len(counts)), counts))] = np.arange(len(counts))
        self._sizes = np.bincount(self.of_row, minlength=len(self._keys))
        self._strata = np.full(len(self._keys), len(counts))
        np.minimum.at(self._strata, self.of_row, rank[classes])

    def held_back(self, fraction: float) -> NDArray[np.bool_]:
        """Which units are held back."""
        held = np.zeros(len(self._keys), bool)
        order = np.lexsort((self._keys, self._strata))
        strata = self._strata[order]
        borders = [*np.flatnonzero(np.diff(strata, prepend=-1)), len(order)]
        members = [order[start:stop] for start, stop in itertools.pairwise(borders)]
        sizes = np.array([self._sizes[units].sum() for units in members])
        for units, wanted in zip(members, _shares(sizes, fraction), strict=True):
            held[self._first(units, wanted)] = True
        self._return_missing_classes(held)
        if not held.any():
            self._hold_one_back(held)
        return held

    def _first(self, units: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
        """The first units that hold about as many rows as wanted; one that is much larger is trained on."""
        fitting = units[self._sizes[units] <= 2 * wanted]
        before = np.cumsum(self._sizes[fitting]) - self._sizes[fitting]
        return fitting[before + self._sizes[fitting] / 2 <= wanted]

    def _return_missing_classes(self, held: NDArray[np.bool_]) -> None:
        is_held = held[self.of_row]
        missing = np.setdiff1d(self._classes[is_held], self._classes[~is_held])
        for missed in missing:
            holders = np.unique(self.of_row[self._classes == missed])
            if held[holders].all():
                held[holders[np.lexsort((self._keys[holders], self._sizes[holders]))[0]]] = False

    def _hold_one_back(self, held: NDArray[np.bool_]) -> None:
        """Hold the smallest unit back that leaves no class without a row."""
        kinds = np.unique(np.stack((self.of_row, self._classes)), axis=1)
        owners = np.bincount(kinds[1])
        sole = np.zeros(len(held), bool)
        sole[kinds[0][owners[kinds[1]] == 1]] = True
        free = np.flatnonzero(~sole)
        if len(free) and len(held) > 1:
            held[free[np.lexsort((self._keys[free], self._sizes[free]))[0]]] = True


def _codes(target: pl.Series) -> NDArray[np.int64]:
    return target.rank("dense").to_numpy().astype(np.int64) - 1


def _grouped(groups: pl.Series, keys: NDArray[np.uint64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The unit of each row, and a key of each unit."""
    names = groups.drop_nulls().unique().sort()
    codes = groups.rank("dense").fill_null(0).to_numpy().astype(np.int64) - 1
    alone = np.flatnonzero(codes == _MISSING)
    codes[alone] = len(names) + np.arange(len(alone))
    named = np.array([_key(name, seed) for name in names], np.uint64)
    return codes, np.concatenate((named, keys[alone]))


def _key(name: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "little")


def _mixed(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Numbers that look random, always the same: splitmix64.

    See Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators".
    """
    with np.errstate(over="ignore"):
        state = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(_key("rows", seed))
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))


def _shares(sizes: NDArray[np.int64], fraction: float) -> list[int]:
    """How many rows of each stratum to hold back, by largest remainder, so that the total comes out right."""
    shares = sizes * fraction
    held = np.floor(shares).astype(np.int64)
    missing = round(float(shares.sum())) - int(held.sum())
    for index in np.lexsort((-sizes, held - shares))[:missing]:
        held[index] += 1
    return [int(count) for count in held]

"""Rows to learn from, each distinct one once, with how often it came."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from moodle.cells import Cells
from moodle.learner import arrays
from moodle.learner.member import Features
from utils import InvalidInput

_HASHED_AT_ONCE = 1_000


def hashes(features: Features, target: NDArray[np.int64] | None = None) -> NDArray[np.uint64]:
    """A number for each row, the same for equal ones, with their target when it is given; in little memory."""
    found = np.empty(len(features), np.uint64)
    for start in range(0, len(features), _HASHED_AT_ONCE):
        stop = start + _HASHED_AT_ONCE
        # 0.0 and -0.0 are one value and two patterns of bits.
        rows = np.ascontiguousarray(features[start:stop] + np.float32(0))
        labels = np.zeros(len(rows), np.int64) if target is None else np.ascontiguousarray(target[start:stop])
        digests = (blake2b(row, digest_size=8, salt=label) for row, label in zip(rows, labels, strict=True))
        found[start:stop] = np.frombuffer(b"".join(each.digest() for each in digests), np.uint64)
    return found


@dataclass(frozen=True)
class Rows:
    """Distinct rows.

    Attributes:
        features: float32 [rows, columns].
        target: int64 [rows], places in the classes.
        counts: float64 [rows], how often each came.
    """

    features: Features
    target: NDArray[np.int64]
    counts: NDArray[np.float64]

    @classmethod
    def distinct(cls, features: Features, target: NDArray[np.int64], counts: NDArray[np.float64] | None = None) -> Rows:
        """The distinct ones of rows, in the order in which each came first."""
        counts = np.ones(len(target)) if counts is None else counts
        _, first, group = np.unique(hashes(features, target), return_index=True, return_inverse=True)
        sums = np.bincount(group.ravel(), counts).astype(np.float64)
        order = np.argsort(first)
        return cls(_at(features, first[order]), target[first[order]], sums[order])

    @classmethod
    def of_cells(cls, cells: Cells, target: NDArray[np.int64]) -> Rows:
        """The same of rows of which equal ones are kept once: the matrix of all of them is never made."""
        pairs = cells.places * (target.max() + 1) + target
        _, first, counts = np.unique(pairs, return_index=True, return_counts=True)
        order = np.argsort(first)
        chosen = first[order]
        return cls.distinct(_at(cells.distinct, cells.places[chosen]), target[chosen], counts[order].astype(np.float64))

    @property
    def total(self) -> int:
        """How many rows came."""
        return int(self.counts.sum())

    def and_more(self, others: Rows) -> Rows:
        """The union with others: what came twice counts twice."""
        own = len(self.target)
        keys = np.concatenate([hashes(self.features, self.target), hashes(others.features, others.target)])
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        sums = np.bincount(group.ravel(), np.concatenate([self.counts, others.counts]))
        order = np.argsort(first)
        chosen = first[order]
        old, new = chosen[chosen < own], chosen[chosen >= own] - own
        return Rows(
            np.concatenate([_at(self.features, old), _at(others.features, new)]),
            np.concatenate([self.target[old], others.target[new]]),
            sums[order].astype(np.float64),
        )

    def part(self, places: NDArray[np.int64]) -> Rows:
        """Those at some places."""
        return Rows(self.features[places], self.target[places], self.counts[places])

    def pack(self) -> bytes:
        """As a compressed file of plain arrays."""
        return arrays.pack({"features": self.features, "target": self.target, "counts": self.counts})

    @classmethod
    def unpack(cls, content: bytes, columns: int, classes: int) -> Rows:
        """What `pack` has made.

        Raises:
            InvalidInput: it is something else.
        """
        rows = cls(*arrays.unpack(content, "features", "target", "counts"))
        if not rows.is_sound(columns, classes):
            raise InvalidInput("the rows that the model keeps do not fit to its columns and classes")
        return rows

    def is_sound(self, columns: int, classes: int) -> bool:
        """Whether shapes, types and values are what they must be."""
        count = self.target.shape[0] if self.target.ndim == 1 else -1
        return (
            self.features.shape == (count, columns)
            and self.counts.shape == (count,)
            and (self.features.dtype, self.target.dtype, self.counts.dtype) == (np.float32, np.int64, np.float64)
            and bool(np.isfinite(self.features).all() and (self.counts > 0).all() and np.isfinite(self.counts).all())
            and (count == 0 or (self.target.min() >= 0 and self.target.max() < classes))
        )


def _at(features: Features, places: NDArray[np.int64]) -> Features:
    """Rows at some places; when these are all of them in their order, not a copy."""
    if len(places) == len(features) and np.array_equal(places, np.arange(len(features))):
        return features
    return features[places]

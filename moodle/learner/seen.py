"""What came of equal rows before. Half of Moodle's rows repeat others, and those mostly turn out as they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moodle.learner import arrays
from moodle.learner.member import Features, Probabilities
from moodle.learner.rows import Rows, hashes
from utils import InvalidInput

# From "what came of an equal row is all that counts" to "one row says next to nothing".
_DOUBTS = (0.3, 1.0, 3.0, 10.0, 30.0)
_MOST_COMPARED = 2_000


@dataclass(frozen=True)
class Seen:
    """Rows that differ, by their hashes.

    Attributes:
        keys: uint64 [rows], ascending.
        counts: float64 [rows, classes], how often each came with each class.
        doubt: as how many rows the word of the classifiers counts beside them.
    """

    keys: NDArray[np.uint64]
    counts: NDArray[np.float64]
    doubt: float

    @classmethod
    def of(cls, rows: Rows, say: Callable[[Features], Probabilities]) -> Seen | None:
        """The rows that classifiers have learned from, when they foretell more than the classifiers do.

        The doubt is the one under which rows that came twice or more foretell each other best, each told by its equals
        and by the classifiers, as in `mixed`; the measure is the likelihood.

        Args:
            say: probabilities by the classifiers. These have seen the rows, which flatters them, so the doubt is rather
                too large than too small.
        """
        keys, first, group = np.unique(hashes(rows.features), return_index=True, return_inverse=True)
        counts = np.zeros((len(keys), say(rows.features[:1]).shape[1]))
        np.add.at(counts, (group.ravel(), rows.target), rows.counts)
        again = np.flatnonzero(counts.sum(axis=1) > 1)[:_MOST_COMPARED]
        doubt = _doubt(counts[again], say(rows.features[first[again]])) if len(again) else None
        return None if doubt is None else cls(keys, counts, doubt)

    def mixed(self, features: Features, chances: Probabilities) -> Probabilities:
        """Probabilities of classifiers [rows, classes], moved by what came of equal rows; of other rows as they are."""
        keys = hashes(features)
        places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        known = self.keys[places] == keys
        total = self.counts[places] + self.doubt * chances
        return np.where(known[:, None], total / total.sum(axis=1, keepdims=True), chances)

    def pack(self) -> bytes:
        """As a compressed file of plain arrays."""
        return arrays.pack({"keys": self.keys, "counts": self.counts, "doubt": np.array(self.doubt)})

    @classmethod
    def unpack(cls, content: bytes, classes: int) -> Seen:
        """What `pack` has made.

        Raises:
            InvalidInput: it is something else.
        """
        keys, counts, doubt = arrays.unpack(content, "keys", "counts", "doubt")
        if (
            (keys.dtype, counts.dtype, doubt.dtype, doubt.shape) != (np.uint64, np.float64, np.float64, ())
            or counts.shape != (len(keys), classes)
            or not (len(keys) and (keys[1:] > keys[:-1]).all())
            or not (np.isfinite(counts).all() and (counts >= 0).all() and 0 < doubt < np.inf)
        ):
            raise InvalidInput("the rows that the model has seen do not fit to its classes")
        return cls(keys, counts, float(doubt))


def _doubt(counts: NDArray[np.float64], chances: Probabilities) -> float | None:
    """The best one for rows that came at least twice; None when the classifiers alone foretell them as well."""
    others, came = counts.sum(axis=1, keepdims=True) - 1.0, counts > 0

    def likelihood(told: Probabilities) -> float:
        return float((counts[came] * np.log(np.maximum(told[came], 1e-12))).sum())

    found = {doubt: likelihood((counts - 1.0 + doubt * chances) / (others + doubt)) for doubt in _DOUBTS}
    best = max(found, key=found.__getitem__)
    return best if found[best] > likelihood(chances) else None

"""What came of equal rows before. Half of Moodle's rows repeat others, and those mostly turn out as they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moodle.learner.member import Features, Probabilities
from moodle.learner.rows import Rows, hashes

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
    def of(cls, rows: Rows, classes: int, doubt: float) -> Seen:
        """The rows that a model has learned from."""
        keys, _, counts = _grouped(rows, classes)
        return cls(keys, counts, doubt)

    def mixed(self, features: Features, chances: Probabilities) -> Probabilities:
        """Probabilities of classifiers [rows, classes], moved by what came of equal rows; of other rows as they are."""
        keys = hashes(features)
        places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        known = self.keys[places] == keys
        total = self.counts[places] + self.doubt * chances
        return np.where(known[:, None], total / total.sum(axis=1, keepdims=True), chances)


def doubt_of(rows: Rows, say: Callable[[Features], Probabilities]) -> float | None:
    """How little to trust equal rows: the doubt under which rows that came twice or more foretell each other best.

    Each is told by its equals and by the classifiers, as in `Seen.mixed`; the measure is the likelihood.

    Args:
        say: probabilities by the classifiers, which have learned from the rows. That flatters them, so the doubt is
            rather too large than too small.

    Returns:
        None when the classifiers alone foretell them as well, or when no row came twice.
    """
    classes = say(rows.features[:1]).shape[1]
    _, first, counts = _grouped(rows, classes)
    again = np.flatnonzero(counts.sum(axis=1) > 1)[:_MOST_COMPARED]
    if not len(again):
        return None
    counts, chances = counts[again], say(rows.features[first[again]])
    others = counts.sum(axis=1, keepdims=True) - 1.0
    came = counts > 0

    def likelihood(told: Probabilities) -> float:
        return float((counts[came] * np.log(np.maximum(told[came], 1e-12))).sum())

    found = {doubt: likelihood((counts - 1.0 + doubt * chances) / (others + doubt)) for doubt in _DOUBTS}
    best = max(found, key=found.__getitem__)
    return best if found[best] > likelihood(chances) else None


def _grouped(rows: Rows, classes: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64]]:
    """Hashes of the rows that differ, ascending, the first place of each, and how often each came with each class."""
    keys, first, group = np.unique(hashes(rows.features), return_index=True, return_inverse=True)
    counts = np.zeros((len(keys), classes))
    np.add.at(counts, (group.ravel(), rows.target), rows.counts)
    return keys, first, counts

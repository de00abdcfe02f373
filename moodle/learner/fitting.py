"""Which classifiers are fitted to how many rows.

Tiny data wants smooth models. From some hundred rows on trees and perceptrons err in different places, so that their
mean is better than either. It leans towards the more frequent class, as every mean of cautious models does; so rarer
classes get a little more say, which costs no accuracy and finds more of them.
"""

from __future__ import annotations

import numpy as np

from moodle.learner.boosting import fit_boosting
from moodle.learner.member import Features, Member, Probabilities
from moodle.learner.network import Shape, fit_linear, fit_perceptron
from moodle.learner.rows import Rows

SMALL_ROWS, LARGE_ROWS = 200, 3000
SEED = 42
_SMALL, _MIDDLE, _LARGE = Shape((16,), "tanh", 200), Shape((32, 32), "relu", 50), Shape((32,), "relu", 50)
# A class that came a third as often as the most frequent one gets exp(0.22), a quarter, more odds; none gets much more,
# since what that costs in accuracy grows with how rare the class is.
_LEAN, _MOST_LEAN = 0.2, 0.25


def fit(rows: Rows, seed: int = SEED) -> list[Member]:
    """Classifiers whose mean is the model.

    Args:
        rows: with at least one of each class.
    """
    given, count = (rows.features, rows.target, rows.counts), len(rows.target)
    if count < SMALL_ROWS:
        return [*_perceptrons(rows, seed, 4, _SMALL), fit_linear(*given)]
    perceptrons = _perceptrons(rows, seed, 2, _MIDDLE if count < LARGE_ROWS else _LARGE)
    came = np.bincount(rows.target, rows.counts)
    lean = np.minimum(_LEAN * np.log(came.max() / came), _MOST_LEAN)
    return [member.tilted(lean) for member in (fit_boosting(*given, seed), *perceptrons)]


def _perceptrons(rows: Rows, seed: int, count: int, shape: Shape) -> list[Member]:
    """Some that began differently."""
    given = (rows.features, rows.target, rows.counts)
    return [fit_perceptron(*given, seed + place, shape) for place in range(count)]


def mean(members: list[Member], features: Features) -> Probabilities:
    """Probabilities by the mean of classifiers."""
    return np.mean([member.predict(features) for member in members], axis=0)

"""Which classifiers are fitted to how many rows.

Tiny data wants smooth models. From some hundred rows on trees and perceptrons err in different places, so that their
mean is better than either; trees alone say the more frequent class too often, perceptrons alone are too sure.
"""

from __future__ import annotations

import numpy as np

from moodle.learner.boosting import fit_boosting
from moodle.learner.member import Features, Member, Probabilities
from moodle.learner.network import fit_linear, fit_perceptron
from moodle.learner.rows import Rows

SMALL_ROWS, LARGE_ROWS = 200, 3000
SEED = 42
_MOST_STEPS, _MIDDLE_STEPS, _LARGE_STEPS = 200, 100, 50


def fit(rows: Rows, seed: int = SEED) -> list[Member]:
    """Classifiers whose mean is the model.

    Args:
        rows: with at least one of each class.
    """
    given, count = (rows.features, rows.target, rows.counts), len(rows.target)
    if count < SMALL_ROWS:
        return [*_perceptrons(rows, seed, 4, _MOST_STEPS), fit_linear(*given)]
    trees = fit_boosting(*given, seed)
    if count < LARGE_ROWS:
        return [trees, *_perceptrons(rows, seed, 2, _MIDDLE_STEPS)]
    return [trees, *_perceptrons(rows, seed, 1, _LARGE_STEPS)]


def _perceptrons(rows: Rows, seed: int, count: int, steps: int) -> list[Member]:
    """Some that began differently."""
    given = (rows.features, rows.target, rows.counts)
    return [fit_perceptron(*given, seed + place, steps) for place in range(count)]


def mean(members: list[Member], features: Features) -> Probabilities:
    """Probabilities by the mean of classifiers."""
    return np.mean([member.predict(features) for member in members], axis=0)

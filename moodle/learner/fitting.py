"""Which classifiers are fitted to how many rows.

Tiny data wants smooth models, large data trees; in between cross-validation on the rows themselves decides.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from moodle.learner.boosting import fit_boosting
from moodle.learner.member import Features, Member, Probabilities
from moodle.learner.network import fit_linear, fit_perceptron
from moodle.learner.rows import Rows

SMALL_ROWS, LARGE_ROWS = 200, 3000
SEED = 42
_FOLDS = 3
_PERCEPTRONS = 4
_TINY = 1e-6


def fit(rows: Rows, seed: int = SEED) -> list[Member]:
    """Classifiers whose mean is the model.

    Args:
        rows: with at least one of each class.
    """
    count = len(rows.target)
    if count < SMALL_ROWS:
        return _smooth(rows, seed)
    if count > LARGE_ROWS:
        return _trees(rows, seed)
    return (_smooth if _loss(_smooth, rows, seed) < _loss(_trees, rows, seed) else _trees)(rows, seed)


def mean(members: list[Member], features: Features) -> Probabilities:
    """Probabilities by the mean of classifiers."""
    return np.mean([member.predict(features) for member in members], axis=0)


def _smooth(rows: Rows, seed: int) -> list[Member]:
    """Perceptrons that began differently, and a linear model."""
    given = (rows.features, rows.target, rows.counts)
    perceptrons = 2 if len(rows.target) >= SMALL_ROWS else _PERCEPTRONS
    members: list[Member] = [fit_perceptron(*given, seed + place) for place in range(perceptrons)]
    return [*members, fit_linear(*given)]


def _trees(rows: Rows, seed: int) -> list[Member]:
    return [fit_boosting(rows.features, rows.target, rows.counts, seed)]


def _loss(how: Callable[[Rows, int], list[Member]], rows: Rows, seed: int) -> float:
    """Mean log loss over rows that were held back in turn; distinct rows, so that none is on both sides."""
    losses = np.zeros(len(rows.target))
    parts = folds(rows.target, _FOLDS, seed)
    for part in range(_FOLDS):
        held = np.flatnonzero(parts == part)
        members = how(rows.part(np.flatnonzero(parts != part)), seed)
        chances = _at(mean(members, rows.features[held]), rows.target[held])
        losses[held] = -np.log(np.maximum(chances, _TINY))
    return float(np.average(losses, weights=rows.counts))


def _at(chances: Probabilities, target: NDArray[np.int64]) -> NDArray[np.float64]:
    return chances[np.arange(len(target)), target]


def folds(target: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, classes dealt out evenly; -1, never held back, for the only row of a class."""
    random, fold = np.random.default_rng(seed), np.full(len(target), -1)
    for label in np.unique(target):
        places = random.permutation(np.flatnonzero(target == label))
        if len(places) > 1:
            fold[places] = (np.arange(len(places)) + random.integers(count)) % count
        # With fewer rows than folds one of them is in no held-back part twice, and always one is left to train on.
    return fold

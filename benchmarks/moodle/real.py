"""Data sets that come with scikit-learn, in the shape of Moodle's files: spread among columns that never vary.

Of each, a seed draws which rows are held back, which columns vary and which labels are wrong: one in twelve, since
nothing about people is ever as clear as these data are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits

from benchmarks.moodle.made import Made

_COLUMNS, _WRONG = 365, 1 / 12


def digits(seed: int) -> tuple[Made, Made]:
    """Three of the ten digits against the others, 64 pixels: 900 rows, and 897 held back."""
    data = load_digits()
    chosen = np.random.default_rng([seed, 1]).choice(10, 3, replace=False)
    return _files(data.data / 16, np.isin(data.target, chosen), 900, seed)


def tumours(seed: int) -> tuple[Made, Made]:
    """Malignant or not, by 30 measures: 280 rows, and 289 held back."""
    data = load_breast_cancer()
    spread = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return _files((spread / 3).clip(-1, 1).round(2), data.target == 0, 280, seed)


def _files(values: NDArray[np.float64], second: NDArray[np.bool_], rows: int, seed: int) -> tuple[Made, Made]:
    random = np.random.default_rng([seed, 0])
    features = np.zeros((len(values), _COLUMNS))
    features[:, np.sort(random.choice(_COLUMNS, values.shape[1], replace=False))] = values
    target = (second ^ (random.random(len(values)) < _WRONG)).astype(np.int64)
    order = random.permutation(len(values))
    first, held = order[:rows], order[rows:]
    return Made(features[first], target[first], 2), Made(features[held], target[held], 2)

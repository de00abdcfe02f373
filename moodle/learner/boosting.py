"""Gradient boosting over histograms, and the same trees in ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moodle.learner.member import Features, Probabilities
from moodle.learner.network import Network, constant

_MOST_OFTEN = 100


@dataclass(frozen=True)
class Boosting:
    """Fitted trees; `columns` are the places of those that vary."""

    columns: NDArray[np.int64]
    model: Any
    kind: str = "boosting"

    def predict(self, features: Features) -> Probabilities:
        """See `Member.predict`."""
        return self.model.predict_proba(features[:, self.columns])

    def onnx(self) -> bytes:
        """See `Member.onnx`."""
        from moodle.learner.file import boosting_file

        return boosting_file(self)


def fit_boosting(
    features: Features, target: NDArray[np.int64], weights: NDArray[np.float64], seed: int
) -> Boosting | Network:
    """Gradient boosting with scikit-learn's defaults, but without rows held back for stopping early."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = np.flatnonzero(features.min(axis=0) != features.max(axis=0)).astype(np.int64)
    if not len(columns):
        return constant(np.bincount(target, weights) / weights.sum())
    # With weights its fit takes nine times as long as with every row there as often as it counts.
    often = np.repeat(np.arange(len(target)), weights.astype(np.int64).clip(1, _MOST_OFTEN))
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
    return Boosting(columns, model.fit(features[np.ix_(often, columns)], target[often]))

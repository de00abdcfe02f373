"""Gradient boosting over histograms, and the same trees in ONNX."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moodle.learner.member import Features, Probabilities
from moodle.learner.network import Network, constant

_FEW_ROWS, _MANY_ROWS, _MOST_BINS = 3_000, 20_000, 255
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

    def tilted(self, by: NDArray[np.float64]) -> Boosting:
        """See `Member.tilted`."""
        model = copy(self.model)
        baseline = model._baseline_prediction  # to which the trees add, the log-odds or one logit a class
        model._baseline_prediction = baseline + (by[1:] - by[:1] if baseline.shape[-1] < len(by) else by)
        return Boosting(self.columns, model, self.kind)

    def onnx(self) -> bytes:
        """See `Member.onnx`."""
        from moodle.learner.file import boosting_file

        return boosting_file(self)


def fit_boosting(
    features: Features, target: NDArray[np.int64], weights: NDArray[np.float64], seed: int
) -> Boosting | Network:
    """Gradient boosting with steps and trees by how many rows there are, and none held back for stopping early."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = np.flatnonzero(features.min(axis=0) != features.max(axis=0)).astype(np.int64)
    if not len(columns):
        return constant(np.bincount(target, weights) / weights.sum())
    chosen = features[:, columns]
    bins, given = _bins(chosen), weights if weights.max() > 1 else None
    if bins == _MOST_BINS and given is not None:
        # Weighing values to find the bounds of bins takes ten times as long as meeting a row as often as it counts.
        often = np.repeat(np.arange(len(target)), weights.astype(np.int64).clip(1, _MOST_OFTEN))
        chosen, target, given = chosen[often], target[often], None
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, max_bins=bins, **_size(len(target)))
    return Boosting(columns, model.fit(chosen, target, sample_weight=given))


def _size(rows: int) -> dict[str, Any]:
    """Few large steps are as good as many small ones until there are tens of thousands of rows."""
    if rows > _MANY_ROWS:
        return {}
    return {"max_leaf_nodes": 15, "learning_rate": 0.15, "max_iter": 60 if rows > _FEW_ROWS else 50}


def _bins(features: Features) -> int:
    """Enough for every value to have its own, when columns have few values: time goes by bins then, not by rows."""
    most = 2
    for column in features.T:
        most = max(most, len(np.unique(column)))
        if most >= _MOST_BINS:
            return _MOST_BINS
    return most

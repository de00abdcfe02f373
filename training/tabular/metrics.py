"""What a model of tables is worth, with 95 % intervals.

Intervals are percentiles of the bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993) over rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_LOG_FLOOR = 1e-15
_RESAMPLES = 300
_MOST_RESAMPLED_CELLS = 20_000_000
_PERCENTILES = (2.5, 97.5)
SCORE = {True: "accuracy", False: "r2"}


def scores(targets: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """All metrics: of probabilities (rows x classes) when targets are int, else of values (rows x 1)."""
    return _class_scores(targets, outputs) if targets.dtype.kind == "i" else _value_scores(targets, outputs[:, 0])


def main_score(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Only that of `SCORE`, for who asks thousands of times; 0 where there is none."""
    if targets.dtype.kind == "i":
        return float((outputs.argmax(1) == targets).sum() / len(targets))
    return _value_scores(targets, outputs[:, 0]).get("r2", 0.0)


def intervals(targets: np.ndarray, outputs: np.ndarray, seed: int) -> dict[str, list[float]]:
    """Lower and upper end of each metric; none for those that a resample cannot have."""
    count, generator = len(targets), np.random.default_rng(seed)
    resamples = int(min(_RESAMPLES, max(50, _MOST_RESAMPLED_CELLS / outputs.size)))
    drawn = [generator.integers(0, count, count) for _ in range(resamples)]
    found = [scores(targets[rows], outputs[rows]) for rows in drawn]
    gathered = {name: [one[name] for one in found if name in one] for name in scores(targets, outputs)}
    return {
        name: [_rounded(float(end)) for end in np.percentile(values, _PERCENTILES)]
        for name, values in gathered.items()
        if values
    }


def confusion(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """int, classes x classes; rows are what is true, columns what was predicted."""
    classes = outputs.shape[1]
    cells = targets * classes + outputs.argmax(1)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def ranking_area(positive: np.ndarray, scored: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive row is above a negative one (Mann and Whitney, 1947)."""
    from scipy.stats import rankdata

    count = int(positive.sum())
    others = len(positive) - count
    return float((rankdata(scored)[positive].sum() - count * (count + 1) / 2) / (count * others))


def _class_scores(targets: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    matrix = confusion(targets, outputs)
    right, true, said = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    occurs = true > 0
    f1 = 2 * right[occurs | (said > 0)] / (true + said)[occurs | (said > 0)]
    found = {
        "accuracy": float(right.sum() / len(targets)),
        "balanced_accuracy": float((right[occurs] / true[occurs]).mean()),
        "f1_macro": float(f1.mean()),
        "log_loss": float(-np.log(np.maximum(outputs[np.arange(len(targets)), targets], _LOG_FLOOR)).mean()),
    }
    ranked = [k for k in range(outputs.shape[1]) if 0 < true[k] < len(targets)]
    if ranked:
        areas = [ranking_area(targets == k, outputs[:, k]) for k in ranked]
        found["roc_auc"] = float(np.mean(areas))
    return found


def _value_scores(targets: np.ndarray, values: np.ndarray) -> dict[str, float]:
    errors = values - targets
    found = {"mae": float(np.abs(errors).mean()), "rmse": float(np.sqrt((errors**2).mean()))}
    spread = float(((targets - targets.mean()) ** 2).sum())
    if spread > 0:
        found = {"r2": float(1 - (errors**2).sum() / spread), **found}
    return found


def rounded(found: dict[str, Any]) -> dict[str, Any]:
    """With as many digits as a person can use."""
    return {name: _rounded(value) if isinstance(value, float) else value for name, value in found.items()}


def _rounded(value: float) -> float:
    """To six digits that count: an error may be in any unit."""
    return float(f"{value:.6g}")

"""From scores of normal rows to the score above which something is wrong."""

from __future__ import annotations

from enum import Enum

import numpy as np

_TAIL = 0.9
_FEWEST_PEAKS = 10


class ThresholdMethod(str, Enum):
    """How the threshold is found."""

    QUANTILE = "quantile"
    EXTREME_VALUE = "extreme_value"


def threshold(scores: np.ndarray, rate: float, method: ThresholdMethod, robust: bool = False) -> float:
    """The score that a part `rate` of normal rows exceeds.

    Args:
        scores: float64 [n], smoothed.
        robust: some of the rows may be anomalies, so the tail itself is not believed: a normal distribution of the
            logarithms is laid through median and median deviation.
    """
    if robust:
        return _robust(scores, rate)
    if method is ThresholdMethod.EXTREME_VALUE:
        return peaks_over_threshold(scores, rate)
    return float(np.quantile(scores, 1 - rate))


def peaks_over_threshold(scores: np.ndarray, rate: float) -> float:
    """By a generalised Pareto distribution of what exceeds the 0.9 quantile.

    As in "Anomaly Detection in Streams with Extreme Value Theory" (Siffer and others, 2017), with the distribution
    fitted by probability-weighted moments (Hosking and Wallis, 1987), which few peaks do not upset.
    """
    start = float(np.quantile(scores, _TAIL))
    peaks = np.sort(scores[scores > start] - start)
    if len(peaks) < _FEWEST_PEAKS or rate >= 1 - _TAIL or peaks.mean() <= 0:
        return float(np.quantile(scores, 1 - rate))
    places = (np.arange(1, len(peaks) + 1) - 0.35) / len(peaks)
    mean, weighted = float(peaks.mean()), float(((1 - places) * peaks).mean())
    # The moments exist for shapes below 1; within these bounds no tail is finite by chance, nor endless.
    shape = float(np.clip(2 - mean / max(mean - 2 * weighted, 1e-12), -0.5, 0.5))
    scale = mean * (1 - shape)
    ratio = rate * len(scores) / len(peaks)
    above = scale * -np.log(ratio) if abs(shape) < 1e-6 else scale / shape * (ratio**-shape - 1)
    return start + float(above)


def _robust(scores: np.ndarray, rate: float) -> float:
    from statistics import NormalDist

    logs = np.log(np.maximum(scores, 1e-12))
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    return float(np.exp(middle + max(spread, 1e-6) * NormalDist().inv_cdf(1 - rate)))

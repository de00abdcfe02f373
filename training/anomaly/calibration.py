"""How raw scores are read, found from scores of normal rows that the model was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inference.anomaly.following import Memory, Rules, follow
from training.anomaly.thresholds import ThresholdMethod, threshold

# Changes are told from deviations that normal rows hardly have, summed up beyond what they ever summed up to.
_LEAST_SLACK, _LEAST_LIMIT, _LIMIT_MARGIN = 0.15, 3.0, 1.5

# Where nothing ever moved all scores are 0: neither can what they grow by be divided by that, nor is it a threshold.
_NOTHING, _LEAST_REFERENCE = 1e-9, 0.01


def smoothed(raw: np.ndarray, smoothing: float) -> np.ndarray:
    """Exponentially weighted mean, beginning at the median of the rows; without a ceiling."""
    if not len(raw):
        return raw
    start = float(np.median(raw))
    rules = Rules(threshold=1.0, smoothing=smoothing, ceiling=np.inf, limit=np.inf)
    return follow(raw, Memory(start, False, start), rules)[0].scores


def calibrate(
    raw: Sequence[np.ndarray],
    rate: float,
    method: ThresholdMethod,
    wanted: Rules,
    robust: bool = False,
) -> Rules:
    """What was wanted, with threshold and limits found from stretches of raw scores of normal rows.

    Args:
        rate: part of normal rows that may be told to be anomalies.
        robust: some of the rows may be anomalies.
    """
    stretches = [smoothed(one, wanted.smoothing) for one in raw if len(one)]
    together = np.concatenate(stretches)
    found = threshold(together, rate, method, robust)
    limit = found if found > _NOTHING else 1.0
    shares = np.minimum(together / limit, wanted.ceiling)
    reference = max(_LEAST_REFERENCE, float(np.median(shares)))
    slack = max(_LEAST_SLACK, 2 * 1.4826 * float(np.median(np.abs(shares - reference))))
    most = max(_largest_sum(np.minimum(one / limit, wanted.ceiling), reference, slack) for one in stretches)
    change = max(_LEAST_LIMIT, _LIMIT_MARGIN * (0.0 if robust else most))
    return replace(wanted, threshold=limit, reference=reference, slack=slack, limit=change)


def _largest_sum(shares: np.ndarray, reference: float, slack: float) -> float:
    """What the cumulative sums, up or down, come to at most."""
    largest = 0.0
    for steps in (shares - reference - slack, reference - shares - slack):
        sums = np.cumsum(steps)
        largest = max(largest, float((sums - np.minimum.accumulate(np.minimum(sums, 0.0))).max()))
    return largest

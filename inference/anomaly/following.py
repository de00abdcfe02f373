"""From raw scores to what a person is told: smoothed, held against the threshold, watched for lasting changes.

The same functions run while a model is trained and while it serves, and their state is a handful of numbers, so a
series may come in any pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# Of rows within an alarm, what is usual learns so much less.
_ALARMS_COUNT = 0.2


@dataclass(frozen=True)
class Rules:
    """How raw scores are read; all of it stands on the card.

    Attributes:
        threshold: of the smoothed raw score, above 0.
        smoothing: weight of the newest row in the exponentially weighted mean, above 0, at most 1; 1 is none.
        ceiling: a row counts for at most so many thresholds, so that one wild reading is not remembered for long.
        release: an alarm that has begun lasts until the score falls below this part of the threshold.
        reference: score of usual rows, as a part of the threshold.
        slack: deviations from the reference that are no change, in thresholds; `limit` what the sum of the rest must
            reach to be one (CUSUM of Page, 1954).
        drift_rows: rows in which what is usual follows scores that creep; 0 is never.
    """

    threshold: float
    smoothing: float = 1.0
    ceiling: float = 10.0
    release: float = 1.0
    reference: float = 0.5
    slack: float = 0.5
    limit: float = 10.0
    drift_rows: float = 0.0

    @property
    def settle_rows(self) -> int:
        """Rows that a smoothed score takes to come to rest at a new level, and as many again to know it."""
        return max(4, round(4 / self.smoothing))

    def as_fields(self) -> dict[str, float]:
        """For the card."""
        return dict(vars(self))

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Rules:
        """Of a card's `series`."""
        return cls(**{name: float(fields[name]) for name in cls.__dataclass_fields__ if name in fields})


@dataclass(frozen=True)
class Memory:
    """What is remembered of the rows before.

    Attributes:
        level: smoothed score, in thresholds, before any allowance for drift.
        alarm: whether the row before was an anomaly.
        reference: score that lasting changes are told from.
        up: sum of the cumulative test for a rise; `down` likewise.
        settling: rows until a new reference is known, after a change; `settled` is the sum of those that make it.
        usual: mean of the level over `drift_rows`, in which alarms count for little.
    """

    level: float
    alarm: bool
    reference: float
    up: float = 0.0
    down: float = 0.0
    settling: float = 0.0
    settled: float = 0.0
    usual: float = 0.0

    @classmethod
    def begin(cls, rules: Rules) -> Memory:
        """Before the first row."""
        return cls(rules.reference, False, rules.reference, usual=rules.reference)


@dataclass(frozen=True)
class Followed:
    """What came of some rows, in their order.

    Attributes:
        scores: float64, smoothed, with the allowance for drift; 1.0 is the threshold.
        anomalies: bool; `changes` likewise.
    """

    scores: np.ndarray
    anomalies: np.ndarray
    changes: np.ndarray


def follow(raw: np.ndarray, memory: Memory, rules: Rules) -> tuple[Followed, Memory]:
    """Take in some rows of one series: float64 [n] raw scores, 0 or more.

    Machines wander, and scores creep with them. So the score is divided by the root of what its usual level has grown
    by: a fault that comes faster than `drift_rows` still stands out, and one that lasts stays an alarm.
    """
    levels, scores, anomalies = [], [], []
    level, alarm, usual = memory.level, memory.alarm, memory.usual
    for score in np.minimum(raw / rules.threshold, rules.ceiling).tolist():
        level += rules.smoothing * (score - level)
        told = level / math.sqrt(max(1.0, usual / rules.reference)) if rules.drift_rows else level
        alarm = told >= (rules.release if alarm else 1.0)
        if rules.drift_rows:
            usual += (level - usual) * (_ALARMS_COUNT if alarm else 1.0) / rules.drift_rows
        levels.append(level)
        scores.append(told)
        anomalies.append(alarm)
    changes, memory = _changes(levels, memory, rules)
    followed = Followed(np.array(scores, dtype=float), np.array(anomalies, dtype=bool), np.array(changes, dtype=bool))
    return followed, replace(memory, level=level, alarm=alarm, usual=usual)


def _changes(scores: list[float], memory: Memory, rules: Rules) -> tuple[list[bool], Memory]:
    """Where a lasting change is told; the test then waits for the score to settle, and goes on from there.

    Scores vary with their level, so slack and limit grow with it.
    """
    changes = []
    wait, half = rules.settle_rows, rules.settle_rows // 2
    reference, up, down, settling, settled = (memory.reference, memory.up, memory.down, memory.settling, memory.settled)
    size = max(1.0, reference / rules.reference)
    for score in scores:
        if settling > 0:
            settled += score if settling <= half else 0.0
            settling -= 1
            if settling <= 0:
                reference, settled = settled / half, 0.0
                size = max(1.0, reference / rules.reference)
            changes.append(False)
            continue
        up = max(0.0, up + (score - reference) / size - rules.slack)
        down = max(0.0, down + (reference - score) / size - rules.slack)
        changed = max(up, down) >= rules.limit
        changes.append(changed)
        if changed:
            up, down, settling, settled = 0.0, 0.0, float(wait), 0.0
    return changes, replace(memory, reference=reference, up=up, down=down, settling=settling, settled=settled)

"""What the exported model says about rows that were held back, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.tables.schema import TEST_PART, TRAIN_PART, VAL_PART
from inference.anomaly.following import Memory, Rules, follow
from inference.anomaly.judging import Judge, Judged
from training.anomaly.data import Stretch
from training.anomaly.learning import Learned
from training.anomaly.metrics import area_under_roc, by_events, by_ranges, by_rows, false_alarms

_MOST_SHOWN = 2_000


@dataclass(frozen=True)
class _Told:
    """Of all rows of one stretch, in their order; rows that warm up have neither score nor alarm."""

    scores: np.ndarray
    anomalies: np.ndarray
    first_anomalies: np.ndarray
    shares: np.ndarray
    warm: int


class Validation:
    """Judges every stretch once from its first row, as a stream would, and looks at the rows of one part."""

    def __init__(self, judge: Judge, found: Sequence[Stretch], learned: Learned, val_is_train: bool):
        self._judge = judge
        self._stretches = list(found)
        self._rules, self._first_rules = learned.rules, learned.first_rules
        self._val = TRAIN_PART if val_is_train else VAL_PART
        self._told = [self._follow(one) for one in self._stretches]

    def metrics(self) -> dict[str, Any]:
        """Of validation rows; see `docs/anomaly.md` for the sources of each."""
        return self._metrics(self._val)

    def test_metrics(self) -> dict[str, Any]:
        """Of test rows; empty when there are none."""
        return self._metrics(TEST_PART) if any((one.parts == TEST_PART).any() for one in self._stretches) else {}

    def shown(self) -> tuple[list[Judged], list[bool] | None]:
        """The last validation rows of the stretch that has most of them, judged, and their labels."""
        counts = [int((one.parts == self._val).sum()) for one in self._stretches]
        one = self._stretches[int(np.argmax(counts))]
        rows = np.flatnonzero(one.parts == self._val)[-_MOST_SHOWN:]
        start, stop = int(rows[0]), int(rows[-1]) + 1
        judged = self._as_rows(one, stop)[start:]
        return judged, None if one.labels is None else one.labels[start:stop].tolist()

    def contributions(self) -> dict[str, float]:
        """Mean share of each sensor in the scores of validation rows, of anomalies where there are any."""
        shares, alarms = self._joined("shares", self._val), self._joined("anomalies", self._val)
        some = shares[alarms] if alarms.any() else shares
        totals = some.sum(1, keepdims=True)
        parts = np.divide(some, totals, out=np.zeros_like(some), where=totals > 0)
        mean = parts.mean(0) if len(parts) else np.zeros(len(self._judge.sensors))
        return dict(zip(self._judge.sensors, mean.round(6).tolist(), strict=True))

    def _metrics(self, part: int) -> dict[str, Any]:
        scores, alarms = self._joined("scores", part), self._joined("anomalies", part)
        labels = self._labels(part)
        found: dict[str, Any] = {"rows": len(scores)}
        if labels is not None and labels.any():
            found |= by_rows(labels, alarms)
            real, told = self._separated(labels, part), self._separated(alarms, part)
            found |= by_ranges(real, told) | by_events(real, told)
            if not labels.all():
                found["roc_auc"] = area_under_roc(scores, labels)
        # Validation rows have a part in the threshold; so they are held against that of the training rows alone.
        first = self._joined("first_anomalies", part) if part == VAL_PART else alarms
        normal = first if labels is None else first[~labels]
        found["false_alarms"] = false_alarms(normal, self._judge.window + 2 / self._rules.smoothing)
        rate = found["false_alarms"]["rate"]
        name = "f1" if "f1" in found else "1 - false alarm rate"
        found.setdefault("false_alarm_rate", rate)
        score = found["f1"] if "f1" in found else 1 - rate
        rounded = {key: round(value, 6) if isinstance(value, float) else value for key, value in found.items()}
        return {"score": round(float(score), 6), "score_is": name, **rounded}

    def _labels(self, part: int) -> np.ndarray | None:
        if any(one.labels is None for one in self._stretches):
            return None
        return np.concatenate([one.labels[one.parts == part] for one in self._stretches if one.labels is not None])

    def _separated(self, flags: np.ndarray, part: int) -> np.ndarray:
        """With a row between two stretches, so that no range goes from one into the other."""
        ends = np.cumsum([int((one.parts == part).sum()) for one in self._stretches])
        return np.insert(flags, ends, False)

    def _joined(self, name: str, part: int) -> np.ndarray:
        return np.concatenate(
            [getattr(told, name)[one.parts == part] for one, told in zip(self._stretches, self._told, strict=True)]
        )

    def _follow(self, one: Stretch) -> _Told:
        raw, shares = self._judge.scores(np.empty((0, one.values.shape[1])), one.values)
        warm = min(len(raw), self._judge.window - 1)
        scores, anomalies = _followed(raw, warm, self._rules)
        _, first = _followed(raw, warm, self._first_rules)
        return _Told(scores, anomalies, first, shares, warm)

    def _as_rows(self, one: Stretch, stop: int) -> list[Judged]:
        """Judged as a stream would, from a little before what is shown, so that the smoothing has settled."""
        names, time = self._judge.sensors, self._judge.time
        rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in one.read[:stop].tolist()]
        if time is not None and one.times is not None:
            for row, at in zip(rows, one.times[:stop].tolist(), strict=True):
                row[time] = at
        return self._judge.judge(self._judge.begin(), rows)[0]


def _followed(raw: np.ndarray, warm: int, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    followed, _ = follow(raw[warm:], Memory.begin(rules), rules)
    return (
        np.concatenate([np.zeros(warm), followed.scores]),
        np.concatenate([np.zeros(warm, dtype=bool), followed.anomalies]),
    )

"""How `auto` compares detectors: by the labels of the validation rows, or without any by faults that are put in.

Faults that are made and put into normal rows rank detectors much as real ones do ("Unsupervised Model Selection for
Time-series Anomaly Detection", Goswami and others, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.anomaly.fitting import Tried
from training.anomaly.metrics import area_under_roc

MEMBERS = 4
# Who is this much worse than the best has no say.
_FAR_BEHIND = 0.15
_MOST_WINDOWS = 500
_KINDS = ("level", "noise", "frozen", "decoupled")


@dataclass(frozen=True)
class Ranked:
    """A candidate and what it is worth, 0 to 1; `chosen` says whether it has a say in the model."""

    tried: Tried
    worth: float
    chosen: bool

    def as_fields(self) -> dict[str, Any]:
        """For card and artifacts."""
        return {
            **self.tried.candidate.as_fields(),
            "worth": round(self.worth, 6),
            "chosen": self.chosen,
            "seconds": round(self.tried.seconds, 3),
        }


def rank(tried: Sequence[Tried], windows: np.ndarray, labels: np.ndarray | None, seed: int) -> list[Ranked]:
    """The best first.

    Args:
        windows: scaled, of validation rows; with labels bool [n] of both kinds, else all taken for normal.
    """
    worth = [_worth(one, windows, labels, seed) for one in tried]
    order = sorted(range(len(tried)), key=lambda at: -worth[at])
    least = worth[order[0]] - _FAR_BEHIND
    return [Ranked(tried[at], worth[at], place < MEMBERS and worth[at] >= least) for place, at in enumerate(order)]


def _worth(one: Tried, windows: np.ndarray, labels: np.ndarray | None, seed: int) -> float:
    if labels is not None:
        return area_under_roc(one.fitted.score(windows)[0], labels)
    clean = windows[:: max(1, len(windows) // _MOST_WINDOWS)]
    normal = one.fitted.score(clean)[0]
    random = np.random.default_rng(seed)
    areas = []
    for kind in _KINDS:
        odd = one.fitted.score(_with_fault(clean, kind, random))[0]
        labels = np.repeat([False, True], [len(normal), len(odd)])
        areas.append(area_under_roc(np.concatenate([normal, odd]), labels))
    return float(np.mean(areas))


def _with_fault(windows: np.ndarray, kind: str, random: np.random.Generator) -> np.ndarray:
    """Each window with a fault of its own in about a third of the sensors."""
    count, _, sensors = windows.shape
    hit = random.random((count, 1, sensors)) < 1 / 3
    hit[np.arange(count), 0, random.integers(sensors, size=count)] = True
    signs = random.choice([-1.5, 1.5], size=(count, 1, sensors))
    if kind == "level":
        faulty = windows + signs
    elif kind == "noise":
        faulty = windows + 1.5 * random.normal(size=windows.shape)
    elif kind == "frozen":
        faulty = np.broadcast_to(windows[:, :1], windows.shape)
    else:  # what another moment would have read
        faulty = windows[random.permutation(count)]
    return np.where(hit, faulty, windows)

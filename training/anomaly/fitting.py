"""Detectors fitted and tried on rows that they were not fitted to."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from pydantic import BaseModel

from training.anomaly.detectors.protocol import Detector, Fitted, Fitting

# Training rows are left out by stretches, as what comes later is another stretch too.
_BLOCKS = 4
_BLOCKS_IN_EPOCHS = 2
_USUAL = 0.9
_NOTHING = 1e-9
# Of contaminated rows the oddest are left out before the fit that counts.
_TRIMMED = 0.1


@dataclass(frozen=True)
class Candidate:
    """A detector with its parameters."""

    detector: Detector
    params: BaseModel

    def as_fields(self) -> dict[str, Any]:
        """For card and artifacts."""
        return {"detector": self.detector.NAME, "parameters": self.params.model_dump()}


@dataclass(frozen=True)
class Tried:
    """A candidate fitted to all training windows.

    Attributes:
        blocks: scores of stretches of training windows, by fits that had not seen them.
        unit: what a tenth of them exceeds, in which detectors are compared.
    """

    candidate: Candidate
    fitted: Fitted
    blocks: list[np.ndarray]
    unit: float
    seconds: float


def fit_and_try(candidate: Candidate, windows: np.ndarray, fitting: Fitting) -> Tried:
    """Fit to scaled windows float64 [n, window, sensors] in order of time, all and in parts.

    Raises:
        ValueError: they cannot be learned from.
    """
    from threadpoolctl import threadpool_limits

    started = time.monotonic()
    in_epochs = candidate.detector.IN_EPOCHS

    def is_late() -> bool:
        return in_epochs and fitting.late()

    with threadpool_limits(1):
        fitted, epochs = _counted(candidate, windows, fitting)
        # As long as the model itself: of fits that are cut short every row is odd.
        quiet = replace(fitting, heard=lambda done, figures: None, epochs=epochs, stopping=fitting.late)
        blocks = []
        for block, rest in _left_out(windows, _BLOCKS_IN_EPOCHS if in_epochs else _BLOCKS):
            away = fitted if is_late() else _fit(candidate, rest, quiet)
            blocks.append((fitted if is_late() else away).score(block)[0])
    usual = float(np.quantile(np.concatenate(blocks), _USUAL))
    # Where nothing ever moved, in the detector's own units.
    return Tried(candidate, fitted, blocks, usual if usual > _NOTHING else 1.0, time.monotonic() - started)


def _counted(candidate: Candidate, windows: np.ndarray, fitting: Fitting) -> tuple[Fitted, int]:
    """A fit, and how many epochs it took."""
    epochs = fitting.epochs if fitting.fits is None else len(fitting.fits.history)

    def heard(done: int, figures: dict[str, float]) -> None:
        nonlocal epochs
        epochs = done
        fitting.heard(done, figures)

    return _fit(candidate, windows, replace(fitting, heard=heard)), epochs or fitting.epochs


def _fit(candidate: Candidate, windows: np.ndarray, fitting: Fitting) -> Fitted:
    if not fitting.robust:
        return candidate.detector.fit(windows, candidate.params, fitting)
    quiet = replace(fitting, heard=lambda done, figures: None)
    scores = candidate.detector.fit(windows, candidate.params, quiet).score(windows)[0]
    kept = scores <= np.quantile(scores, 1 - _TRIMMED)
    return candidate.detector.fit(windows[kept], candidate.params, fitting)


def _left_out(windows: np.ndarray, blocks: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stretches of windows, each with all windows that share no row with it."""
    width, count = windows.shape[1], len(windows)
    edges = np.linspace(0, count, blocks + 1).astype(int)
    pairs = []
    for start, stop in pairwise(edges):
        away = np.ones(count, dtype=bool)
        away[max(0, start - width + 1) : stop + width - 1] = False
        # Of very few rows all would be neighbours.
        rest = windows[away] if away.sum() >= 10 else windows
        pairs.append((windows[start:stop], rest))
    return pairs

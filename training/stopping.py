"""How a training ends early with the best of its finished epochs, within the time it has for that."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from datasets.snapshot import Dataset
from training.protocol import Report

_SCORING_SHARE = 1 / 3


class StoppedEarly(Exception):
    """The training was asked to end, and there is a finished epoch to keep."""


class Stopping:
    """Whether one training was asked to end early, and what it may still do.

    Args:
        epochs: how many it would train.
        seconds: how long it has from the request to its end.

    Attributes:
        after_epoch: finished epochs when it was stopped; none when it was not, or had finished them all.
    """

    def __init__(self, report: Report, epochs: int, seconds: float):
        self.after_epoch: int | None = None
        self._report = report
        self._epochs = epochs
        self._seconds = seconds
        self._asked_at: float | None = None
        self._told = False

    def look(self, finished: int) -> None:
        """To be called once a batch at least.

        Args:
            finished: epochs; before the first has ended there is nothing to keep, and the training goes on.

        Raises:
            StoppedEarly: once, when it was asked for.
        """
        if self._asked() and finished and not self._told:
            self._told = True
            if finished < self._epochs:
                self.after_epoch = finished
                self._report.log(
                    f"Asked to stop early: stopped after epoch {finished} of {self._epochs}; the best so far is kept."
                )
            raise StoppedEarly

    def part(self, images: int, seconds_an_image: Callable[[], float], seed: int) -> np.ndarray:
        """Which of the images to score on: as many as there is time for, which without a wish to stop is all.

        Args:
            seconds_an_image: measures how long scoring one takes.

        Returns:
            int64, indices in rising order.
        """
        if not self._asked() or self._asked_at is None:
            return np.arange(images)
        seconds = seconds_an_image()
        left = self._seconds - (time.monotonic() - self._asked_at)
        most = images if seconds * images <= left * _SCORING_SHARE else int(left * _SCORING_SHARE / seconds)
        if most >= images:
            return np.arange(images)
        return np.sort(np.random.default_rng(seed).choice(images, max(1, most), replace=False))

    def leave_out(self) -> None:
        """To be called in what a training can do without.

        Raises:
            StoppedEarly: as often as it is called, once somebody wants the training to end early.
        """
        if self._asked():
            raise StoppedEarly

    def for_card(self) -> dict[str, int] | None:
        """The card's `stopped_early`."""
        return None if self.after_epoch is None else {"after_epoch": self.after_epoch, "of_epochs": self._epochs}

    def _asked(self) -> bool:
        if self._asked_at is None and self._report.stopping():
            self._asked_at = time.monotonic()
        return self._asked_at is not None


def metrics_on(dataset: Dataset, scored: int) -> str:
    """The card's words for the images that its metrics are of."""
    kind = "training images" if dataset.val_is_train else "validation images"
    return kind if scored == len(dataset.val) else f"{scored:,} of {len(dataset.val):,} {kind}"

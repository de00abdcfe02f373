"""What a detector is, and what comes of fitting one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from training.anomaly.graph import SeriesGraph
from training.anomaly.resuming import Fits

Scores = tuple[np.ndarray, np.ndarray]
"""Raw scores float64 [n], larger is odder, and the sensors' parts of them float64 [n, sensors]; both 0 or more."""


class DetectorParams(BaseModel):
    """Parameters of one detector; each has a default, a range and a meaning."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Fitting:
    """What a fit may know besides its windows.

    Attributes:
        robust: the windows may hold anomalies, which must not become normal.
        epochs: passes of what learns in passes.
        heard: told after each of them: how many are done, and its figures.
        stopping: whether to end with what has been learned.
        late: whether there is no time left for what is fitted besides the model itself.
        fits: remembers what learns in passes for a later attempt; None where nobody does.
    """

    seed: int
    robust: bool = False
    epochs: int = 30
    heard: Callable[[int, dict[str, float]], None] = lambda done, figures: None
    stopping: Callable[[], bool] = lambda: False
    late: Callable[[], bool] = lambda: False
    fits: Fits | None = None


class Fitted(ABC):
    """A fitted detector, as it can be asked here and as a graph."""

    @abstractmethod
    def score(self, windows: np.ndarray) -> Scores:
        """Of windows float64 [n, window, sensors], scaled, without gaps: scores and parts."""

    @abstractmethod
    def add(self, graph: SeriesGraph, windows: str, window: int) -> tuple[str, str]:
        """Put it into a graph.

        Args:
            windows: name of a double [n, window, sensors], scaled, without gaps.
            window: rows of each.

        Returns:
            The names of what `score` gives.
        """


class Detector(ABC):
    """One way to tell what is odd; importing its module imports neither scikit-learn nor torch.

    Attributes:
        NAME: as the parameter `detector` names it.
        IN_EPOCHS: it learns in passes, whose number can be chosen.
        SMALLEST_WINDOW: rows that a window must have for it.
    """

    NAME: ClassVar[str]
    TITLE: ClassVar[str]
    DESCRIPTION: ClassVar[str]
    Params: ClassVar[type[DetectorParams]]
    IN_EPOCHS: ClassVar[bool] = False
    SMALLEST_WINDOW: ClassVar[int] = 1

    @abstractmethod
    def fit(self, windows: np.ndarray, params: Any, fitting: Fitting) -> Fitted:
        """Learn what is normal from windows float64 [n, window, sensors], scaled, without gaps, in order of time.

        Raises:
            ValueError: they cannot be learned from; says why.
        """

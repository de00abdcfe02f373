"""What an algorithm for tables is, and what comes of fitting one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from training.tabular.export.graph import Graph
from training.tabular.plans import Plan


class AlgorithmParams(BaseModel):
    """Parameters of one algorithm; each has a default, a range and a meaning."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Fitting:
    """What a fit may know besides rows and targets.

    Attributes:
        classes: how many; 0 for regression.
        threads: that it may use.
    """

    classes: int
    seed: int
    threads: int = 1


class Fitted(ABC):
    """A fitted model, as it can be asked here and as a graph."""

    @abstractmethod
    def predict(self, features: np.ndarray) -> np.ndarray:
        """Of float64 rows x features: float64, probabilities as rows x classes, or values as rows x 1."""

    @abstractmethod
    def add(self, graph: Graph, features: str) -> str:
        """Put it into a graph.

        Args:
            features: name of a double, rows x features.

        Returns:
            The name of what `predict` gives.
        """


class Algorithm(ABC):
    """One way to learn; importing its module does not import scikit-learn.

    Attributes:
        NAME: as the parameter `algorithm` names it.
        PLAN: the preprocessing that it needs.
        MOST_ROWS: it is not fitted to more; None for any number.
    """

    NAME: ClassVar[str]
    TITLE: ClassVar[str]
    DESCRIPTION: ClassVar[str]
    PLAN: ClassVar[Plan]
    Params: ClassVar[type[AlgorithmParams]]
    MOST_ROWS: ClassVar[int | None] = None

    @abstractmethod
    def fit(self, features: np.ndarray, targets: np.ndarray, params: Any, fitting: Fitting) -> Fitted:
        """Fit to float64 rows x features and int64 classes (all of which occur) or float64 values."""

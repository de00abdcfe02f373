"""One part of a model: what was fitted, and the ONNX file that says the same."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
Probabilities = NDArray[np.float64]
INPUT, OUTPUT = "features", "probabilities"


class Member(Protocol):
    """A classifier that is fitted; `kind` says in a word what it is."""

    @property
    def kind(self) -> str: ...

    def predict(self, features: Features) -> Probabilities:
        """Probabilities [rows, classes], each row summing to 1; features are float32 [rows, columns]."""
        ...

    def tilted(self, by: NDArray[np.float64]) -> Member:
        """The same with `by` [classes] added to the logits of the classes."""
        ...

    def onnx(self) -> bytes:
        """The same as an ONNX file: `features` float32 in, `probabilities` float32 out, no custom operators."""
        ...


def as_two(positive: NDArray[np.float64]) -> Probabilities:
    """Probabilities of both classes of two, from those [rows] of the second."""
    return np.column_stack([1.0 - positive, positive])

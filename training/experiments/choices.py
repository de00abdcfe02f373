"""What a document's `model` may name. A project type with a choice is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from training.tabular.algorithms.registry import ALGORITHMS, AUTO


@dataclass(frozen=True)
class Choice:
    """A choice that a trainer leaves to people.

    Attributes:
        field: of the trainer's params, and the key in the document.
        auto: the name by which the trainer chooses by itself; it has no parameters.
        params: parameters of each of the others, by name.
    """

    field: str
    auto: str
    params: Mapping[str, type[BaseModel]]

    @property
    def names(self) -> tuple[str, ...]:
        """All that may be named."""
        return (self.auto, *self.params)


CHOICES: dict[str, Choice] = {
    "tabular": Choice("algorithm", AUTO, {name: algorithm.Params for name, algorithm in ALGORITHMS.items()}),
}

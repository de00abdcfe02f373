"""What was found about a dataset: a reason not to train on it, or a warning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_NAMED = 100


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know, and can do something about.

    Attributes:
        code: one word for programs, which stays.
        message: for a person.
        images: names of those that it is about, the first of them when they are many.
        count: how many images it is about; 0 when it is about none in particular.
    """

    code: str
    message: str
    images: tuple[str, ...] = ()
    count: int = 0

    @classmethod
    def about(cls, code: str, message: str, images: Sequence[str]) -> Finding:
        """A finding about these images."""
        return cls(code, message, tuple(images[:MOST_NAMED]), len(images))

"""The table: one row a question, with our figure, the baseline's, their ratio, and whether a target is met."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_TITLES = ("what", "ours", "baseline", "ratio", "target", "met")


@dataclass(frozen=True)
class Target:
    """What is to be reached; `value` is the number that it is about, `words` say it."""

    words: str
    value: float
    at_most: float = math.inf
    at_least: float = -math.inf

    @property
    def met(self) -> bool:
        """Whether it is; a number that is none meets nothing."""
        return self.at_least <= self.value <= self.at_most


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        part: that measured it.
        ours: in words, with its unit; `baseline` likewise.
        ratio: ours over the baseline, of the numbers that the row is about.
    """

    part: str
    what: str
    ours: str
    baseline: str = ""
    ratio: float | None = None
    target: Target | None = None

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        return {**asdict(self), "met": self.target.met if self.target else None}

    def cells(self) -> tuple[str, ...]:
        """For the table."""
        shown = "" if self.ratio is None else f"{self.ratio:.2f}"
        wanted, met = (self.target.words, "yes" if self.target.met else "NO") if self.target else ("", "")
        return self.what, self.ours, self.baseline, shown, wanted, met


def table(rows: Sequence[Row]) -> str:
    """As Markdown, aligned for a terminal."""
    lines = [_TITLES, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_TITLES))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    written = [f"| {' | '.join(cells)} |" for cells in padded]
    written.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(written)

"""What each kind of data has in capsules, by its name."""

from __future__ import annotations

from datasets.registry import KINDS, SERIES, TABLE
from training.capsule.holding import Holding
from training.capsule.images import ImageHolding
from training.capsule.tables import TableHolding

HOLDINGS: dict[str, Holding] = {
    "images": ImageHolding(),
    "table": TableHolding(TABLE),
    "series": TableHolding(SERIES),
}


def holding_of(project_type: str) -> Holding:
    """That of projects of a type."""
    return HOLDINGS[KINDS[project_type].name]

"""The algorithms in words, for whoever chooses one."""

from __future__ import annotations

from typing import Any

from training.parameters import described
from training.tabular.algorithms.registry import ALGORITHMS, AUTO


def describe() -> list[dict[str, Any]]:
    """Each algorithm with name, title, description, how many rows it takes, and its parameters."""
    auto: dict[str, Any] = {
        "name": AUTO,
        "title": "Chosen by cross-validation",
        "description": "Tries several of the others within `time_budget_seconds`, and takes the best.",
        "most_rows": None,
        "parameters": [],
    }
    return [auto, *(_algorithm(name) for name in ALGORITHMS)]


def _algorithm(name: str) -> dict[str, Any]:
    algorithm = ALGORITHMS[name]
    return {
        "name": name,
        "title": algorithm.TITLE,
        "description": algorithm.DESCRIPTION,
        "most_rows": algorithm.MOST_ROWS,
        "parameters": described(algorithm.Params),
    }

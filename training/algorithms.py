"""Which algorithms each project type lets people choose from. A type with a choice is one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from training.anomaly import catalogue as anomaly
from training.tabular import catalogue as tabular

CATALOGUES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "tabular": tabular.describe,
    "anomaly": anomaly.describe,
}


def algorithms() -> list[dict[str, Any]]:
    """All of them, each with the project type that it is for."""
    return [{"project_type": kind, **item} for kind, describe in CATALOGUES.items() for item in describe()]

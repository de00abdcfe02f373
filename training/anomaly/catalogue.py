"""The detectors in words, for whoever chooses one."""

from __future__ import annotations

from typing import Any

from training.anomaly.detectors.registry import AUTO, DETECTORS
from training.parameters import described


def describe() -> list[dict[str, Any]]:
    """Each detector with name, title, description, and its parameters."""
    auto: dict[str, Any] = {
        "name": AUTO,
        "title": "Chosen by held-back rows",
        "description": "Tries several of the others within `time_budget_seconds`, and hears all that are good.",
        "most_rows": None,
        "parameters": [],
    }
    return [auto, *map(_detector, DETECTORS)]


def _detector(name: str) -> dict[str, Any]:
    detector = DETECTORS[name]
    return {
        "name": name,
        "title": detector.TITLE,
        "description": detector.DESCRIPTION,
        "most_rows": None,
        "parameters": described(detector.Params),
    }

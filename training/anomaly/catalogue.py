"""The detectors in words, for whoever chooses one."""

from __future__ import annotations

from typing import Any

from training.anomaly.detectors.registry import AUTO, DETECTORS
from training.tabular.catalogue import parameters_of


def describe() -> list[dict[str, Any]]:
    """Each detector with name, title, description, whether it learns in epochs, and its parameters."""
    auto: dict[str, Any] = {
        "name": AUTO,
        "title": "The best of several",
        "description": "Tries several of the others, and averages those that tell faults apart best.",
        "in_epochs": False,
        "smallest_window": 1,
        "parameters": [],
    }
    return [auto, *(_detector(name) for name in DETECTORS)]


def _detector(name: str) -> dict[str, Any]:
    detector = DETECTORS[name]
    return {
        "name": name,
        "title": detector.TITLE,
        "description": detector.DESCRIPTION,
        "in_epochs": detector.IN_EPOCHS,
        "smallest_window": detector.SMALLEST_WINDOW,
        "parameters": parameters_of(detector.Params),
    }

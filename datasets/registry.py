"""The project types and how their labels are written. A new type is one line here."""

from __future__ import annotations

from datasets.classification import ClassificationLabels
from datasets.detection import DetectionLabels
from datasets.labels import LabelFormat

LABEL_FORMATS: dict[str, LabelFormat] = {
    "classification": ClassificationLabels(),
    "detection": DetectionLabels(),
}
ALIASES = {"image classification": "classification", "object detection": "detection"}


def canonical_type(text: str) -> str | None:
    """The stored form of a project type as clients write it, in any case; None when there is no such type."""
    words = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    name = ALIASES.get(words, words)
    return name if name in LABEL_FORMATS else None

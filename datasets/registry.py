"""The project types: which kind of data each holds, and how its labels are written. A new type is a line in each."""

from __future__ import annotations

from datasets.classification import ClassificationLabels
from datasets.detection import DetectionLabels
from datasets.image_kind import ImageKind
from datasets.kinds import DataKind
from datasets.labels import LabelFormat
from datasets.series.kind import SeriesKind
from datasets.tables.kind import TableKind

IMAGES, TABLE, SERIES = ImageKind(), TableKind(), SeriesKind()
KINDS: dict[str, DataKind] = {
    "classification": IMAGES,
    "detection": IMAGES,
    "tabular": TABLE,
    "anomaly": SERIES,
}
# Of the types that hold images.
LABEL_FORMATS: dict[str, LabelFormat] = {
    "classification": ClassificationLabels(),
    "detection": DetectionLabels(),
}
ALIASES = {
    "image classification": "classification",
    "object detection": "detection",
    "table": "tabular",
    "tables": "tabular",
    "tabular data": "tabular",
    "anomalies": "anomaly",
    "anomaly detection": "anomaly",
    "time series": "anomaly",
}


def canonical_type(text: str) -> str | None:
    """The stored form of a project type as clients write it, in any case; None when there is no such type."""
    words = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    name = ALIASES.get(words, words)
    return name if name in KINDS else None

"""Labels of object detection: `class x_center y_center width height`, the YOLO text format."""

from __future__ import annotations

import re

from datasets.labels import class_reference, find_class, parse_lines
from storage.images import StoredAnnotation
from storage.projects import Project
from utils import plural

EDGE_TOLERANCE = 0.01
SMALLEST_SIDE = 1e-6
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_SEPARATOR = re.compile(r"\s*,\s*|\s+")
_WANTED = "wanted: class x_center y_center width height"
_NAMES = ("x_center", "y_center", "width", "height")


class DetectionLabels:
    """One box a line; no line is an image that shows no object."""

    def parse(self, text: str, project: Project) -> tuple[StoredAnnotation, ...]:
        """See `LabelFormat.parse`."""
        return parse_lines(text, lambda line: _parse_line(line, project))

    def write(self, annotations: tuple[StoredAnnotation, ...], project: Project) -> list[str]:
        """See `LabelFormat.write`."""
        return [f"{class_reference(annotation, project)} {annotation.numbers}" for annotation in annotations]


def _parse_line(line: str, project: Project) -> StoredAnnotation:
    reference, numbers = _take_numbers(line)
    class_id, by_name = find_class(reference, project)
    x, y, width, height = (_fraction(text, name) for text, name in zip(numbers, _NAMES, strict=True))
    if width < SMALLEST_SIDE or height < SMALLEST_SIDE:
        raise ValueError(f"the box has no size: width {width:g}, height {height:g}")
    edges = {"left": x - width / 2, "top": y - height / 2, "right": x + width / 2, "bottom": y + height / 2}
    for name, edge in edges.items():
        # Boxes drawn to the border leave it by a rounding error in many real data sets.
        if not -EDGE_TOLERANCE <= edge <= 1 + EDGE_TOLERANCE:
            raise ValueError(f"the box leaves the image: its {name} edge is at {edge:.4g}, allowed is 0 to 1")
    return StoredAnnotation(class_id, (x, y, width, height), by_name, " ".join(numbers))


def _take_numbers(line: str) -> tuple[str, list[str]]:
    """Split off the last four values; what stands before them is the class, whose name may hold spaces or commas."""
    fields = [match.span() for match in _SEPARATOR.finditer(line)]
    if len(fields) < 4:
        raise ValueError(f"{_WANTED} (5 values), got {plural(len(fields) + 1, 'value')}")
    reference, numbers = line[: fields[-4][0]], _SEPARATOR.split(line[fields[-4][1] :])
    if all(_NUMBER.fullmatch(text) for text in [*_SEPARATOR.split(reference), *numbers]) and len(fields) > 4:
        raise ValueError(f"{_WANTED} (5 values), got {len(fields) + 1} values")
    return reference, numbers


def _fraction(text: str, name: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{name} must be a number from 0 to 1, got '{text[:50]}'")
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1 (a fraction of the image size), got {value:g}")
    return value

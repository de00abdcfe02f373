"""Labels of object detection: `class x_center y_center width height`, the YOLO text format."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datasets.labels import Label, class_reference, find_class, named_class, parse_lines, take_labels
from storage.image import StoredAnnotation
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

    empty_is_background = True

    def take(self, labels: Sequence[Label], project: Project) -> tuple[StoredAnnotation, ...]:
        """See `LabelFormat.take`."""
        return take_labels(labels, lambda label: _take_label(label, project))

    def parse(self, text: str, project: Project) -> tuple[StoredAnnotation, ...]:
        """See `LabelFormat.parse`."""
        return parse_lines(text, lambda line: _parse_line(line, project))

    def write(self, annotations: tuple[StoredAnnotation, ...], project: Project) -> list[str]:
        """See `LabelFormat.write`."""
        return [f"{class_reference(annotation, project)} {annotation.numbers}" for annotation in annotations]


def _parse_line(line: str, project: Project) -> StoredAnnotation:
    reference, numbers = _take_numbers(line)
    class_id, by_name = find_class(reference, project)
    values = [_number(text, name) for text, name in zip(numbers, _NAMES, strict=True)]
    return StoredAnnotation(class_id, _box(values), by_name, " ".join(numbers))


def _take_label(label: Label, project: Project) -> StoredAnnotation:
    class_id, by_name = named_class(label.class_, project)
    if label.box is None:
        raise ValueError("the box is missing: [x_center, y_center, width, height] as fractions of the image size")
    if len(label.box) != len(_NAMES):
        raise ValueError(f"the box must be [{', '.join(_NAMES)}], got {plural(len(label.box), 'number')}")
    box = _box(label.box)
    # The shortest text that gives the same number, so that label lines show it as it came.
    return StoredAnnotation(class_id, box, by_name, " ".join(f"{value!r}" for value in box))


def _box(values: Sequence[float]) -> tuple[float, float, float, float]:
    """The box of these numbers, if it lies in the image."""
    x, y, width, height = (_fraction(float(value), name) for value, name in zip(values, _NAMES, strict=True))
    if width < SMALLEST_SIDE or height < SMALLEST_SIDE:
        raise ValueError(f"the box has no size: width {width:g}, height {height:g}")
    edges = {"left": x - width / 2, "top": y - height / 2, "right": x + width / 2, "bottom": y + height / 2}
    for name, edge in edges.items():
        # Boxes drawn to the border leave it by a rounding error in many real data sets.
        if not -EDGE_TOLERANCE <= edge <= 1 + EDGE_TOLERANCE:
            raise ValueError(f"the box leaves the image: its {name} edge is at {edge:.4g}, allowed is 0 to 1")
    return x, y, width, height


def _take_numbers(line: str) -> tuple[str, list[str]]:
    """Split off the last four values; what stands before them is the class, whose name may hold spaces or commas."""
    fields = [match.span() for match in _SEPARATOR.finditer(line)]
    if len(fields) < 4:
        raise ValueError(f"{_WANTED} (5 values), got {plural(len(fields) + 1, 'value')}")
    reference, numbers = line[: fields[-4][0]], _SEPARATOR.split(line[fields[-4][1] :])
    if all(_NUMBER.fullmatch(text) for text in [*_SEPARATOR.split(reference), *numbers]) and len(fields) > 4:
        raise ValueError(f"{_WANTED} (5 values), got {len(fields) + 1} values")
    return reference, numbers


def _number(text: str, name: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{name} must be a number from 0 to 1, got '{text[:50]}'")
    return float(text)


def _fraction(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1 (a fraction of the image size), got {value:g}")
    return value

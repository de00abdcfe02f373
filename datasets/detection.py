"""Labels of object detection: `class x_center y_center width height`, the YOLO text format."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datasets.boxes import BOX_NAMES, NUMBER, box_of, box_of_text
from datasets.labels import Label, class_reference, find_class, named_class, parse_lines, take_labels
from storage.image import StoredAnnotation
from storage.projects import Project
from utils import plural

_SEPARATOR = re.compile(r"\s*,\s*|\s+")
_WANTED = "wanted: class x_center y_center width height"


class DetectionLabels:
    """One box a line; no line is an image that shows no object."""

    kind = "box"
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
    return StoredAnnotation(class_id, box_of_text(numbers), by_name, " ".join(numbers))


def _take_label(label: Label, project: Project) -> StoredAnnotation:
    class_id, by_name = named_class(label.class_, project)
    if label.box is None:
        raise ValueError("the box is missing: [x_center, y_center, width, height] as fractions of the image size")
    if len(label.box) != len(BOX_NAMES):
        raise ValueError(f"the box must be [{', '.join(BOX_NAMES)}], got {plural(len(label.box), 'number')}")
    box = box_of([float(value) for value in label.box])
    # The shortest text that gives the same number, so that label lines show it as it came.
    return StoredAnnotation(class_id, box, by_name, " ".join(f"{value!r}" for value in box))


def _take_numbers(line: str) -> tuple[str, list[str]]:
    """Split off the last four values; what stands before them is the class, whose name may hold spaces or commas."""
    fields = [match.span() for match in _SEPARATOR.finditer(line)]
    if len(fields) < 4:
        raise ValueError(f"{_WANTED} (5 values), got {plural(len(fields) + 1, 'value')}")
    reference, numbers = line[: fields[-4][0]], _SEPARATOR.split(line[fields[-4][1] :])
    if all(NUMBER.fullmatch(text) for text in [*_SEPARATOR.split(reference), *numbers]) and len(fields) > 4:
        raise ValueError(f"{_WANTED} (5 values), got {len(fields) + 1} values")
    return reference, numbers

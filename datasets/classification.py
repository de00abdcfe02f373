"""Labels of image classification: one line, the class of the whole image."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.labels import Label, class_reference, find_class, named_class, parse_lines, split_lines, take_labels
from storage.image import StoredAnnotation
from storage.projects import Project
from utils import InvalidInput


class ClassificationLabels:
    """A class index or name; nothing is an image that is still to be labelled."""

    kind = "image"
    empty_is_background = False

    def take(self, labels: Sequence[Label], project: Project) -> tuple[StoredAnnotation, ...]:
        """See `LabelFormat.take`."""
        if len(labels) > 1:
            raise InvalidInput(f"annotations of a classification project are one class, got {len(labels)}")
        return take_labels(labels, lambda label: _take_label(label, project))

    def parse(self, text: str, project: Project) -> tuple[StoredAnnotation, ...]:
        """See `LabelFormat.parse`."""
        count = len(split_lines(text))
        if count > 1:
            raise InvalidInput(f"label_data of a classification project is one class, got {count} lines")
        return parse_lines(text, lambda line: StoredAnnotation(*_class_of(line, project)))

    def write(self, annotations: tuple[StoredAnnotation, ...], project: Project) -> list[str]:
        """See `LabelFormat.write`."""
        return [class_reference(annotation, project) for annotation in annotations]


def _take_label(label: Label, project: Project) -> StoredAnnotation:
    if label.box is not None:
        raise ValueError("a label of a classification project is of the whole image: leave the box out")
    class_id, by_name = named_class(label.class_, project)
    return StoredAnnotation(class_id, None, by_name)


def _class_of(line: str, project: Project) -> tuple[int, None, bool]:
    class_id, by_name = find_class(line, project)
    return class_id, None, by_name

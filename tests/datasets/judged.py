"""Judgements made by hand."""

from __future__ import annotations

from datasets.judgements import Found, Judged, Judgements, judged_boxes, judged_class
from datasets.snapshot import Annotation, Dataset, Sample
from tests.datasets.samples import image


def classes_judged(*rows: tuple[str, int, tuple[float, ...]], held_back: bool = True) -> Judgements:
    """Of images whose class was predicted: name, the class given, a probability for each class."""
    return _of([judged_class(_sample(name, Annotation(given)), odds) for name, given, odds in rows], held_back)


def boxes_judged(*rows: tuple[str, tuple[Annotation, ...], tuple[Found, ...]]) -> Judgements:
    """Of images in which objects were looked for: name, labels, predictions."""
    return _of([judged_boxes(_sample(name, *labels), found) for name, labels, found in rows], True)


def _sample(name: str, *labels: Annotation) -> Sample:
    made = image(name)
    return Sample(None, 100, 50, labels, name, made.sha256)


def _of(images: list[Judged], held_back: bool) -> Judgements:
    dataset = Dataset("any", ("cat", "dog", "fox"), (), (), "", val_is_train=not held_back, class_ids=(5, 6, 9))
    return Judgements.of(dataset, images)

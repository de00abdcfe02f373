"""What a person had better look at before a training: it may start, and may disappoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from datasets.findings import Finding
from datasets.grouping import compiled
from datasets.snapshot import Snapshot, SnapshotImage
from datasets.units import units_of
from utils import plural, some_of

FEW_IMAGES = 10
_IMBALANCE = 10
_TINY_PX = 8
# Above it, pictures are not compared on the way of a request.
MOST_COMPARED_IMAGES = 20_000


def advice(snapshot: Snapshot, group_pattern: str = "") -> list[Finding]:
    """Warnings about a dataset."""
    return [
        *_few(snapshot),
        *_imbalance(snapshot),
        *_contradictions(snapshot),
        *_conflicts(snapshot),
        *_tiny(snapshot),
        *_unlabelled(snapshot),
        *_pattern(group_pattern),
    ]


def _few(snapshot: Snapshot) -> Iterator[Finding]:
    counts = dict(zip(snapshot.classes, snapshot.images_of_class(), strict=True))
    few = [name for name, count in counts.items() if 0 < count < FEW_IMAGES]
    if few:
        classes = plural(len(few), "class", "classes")
        verb = "has" if len(few) == 1 else "have"
        yield Finding(
            "few_images", f"{classes} {verb} fewer than {FEW_IMAGES} images: {some_of(few)}: add more of them"
        )


def _imbalance(snapshot: Snapshot) -> Iterator[Finding]:
    counts = [(count, name) for name, count in zip(snapshot.classes, snapshot.images_of_class(), strict=True) if count]
    if len(counts) > 1 and max(counts)[0] >= _IMBALANCE * min(counts)[0]:
        (most, common), (least, rare) = max(counts), min(counts)
        yield Finding(
            "imbalance",
            f"class '{common}' has {most:,} images and '{rare}' has {least:,}: rare classes are learned worse, "
            "add images of them",
        )


def _contradictions(snapshot: Snapshot) -> Iterator[Finding]:
    similar = len(snapshot.images) <= MOST_COMPARED_IMAGES
    left_out = sorted(image.name for unit in units_of(snapshot, similar) for image in unit.left_out)
    if left_out:
        verb = "is" if len(left_out) == 1 else "are"
        yield Finding.about(
            "duplicate_across_splits",
            f"{plural(len(left_out), 'image')} {verb} left out of validation or test, since the same picture, or one "
            f"of the same group, is fixed in another split: {some_of(left_out)}",
            left_out,
        )


def _conflicts(snapshot: Snapshot) -> Iterator[Finding]:
    copies: dict[str, list[SnapshotImage]] = defaultdict(list)
    for image in snapshot.images:
        copies[image.sha256].append(image)
    names = [
        image.name
        for images in copies.values()
        if len({frozenset(image.annotations) for image in images}) > 1
        for image in images
    ]
    if names:
        yield Finding.about(
            "conflicting_labels",
            f"{len(names):,} images are equal to another and labelled otherwise: {some_of(names)}: "
            "keep one, or label them alike",
            names,
        )


def _tiny(snapshot: Snapshot) -> Iterator[Finding]:
    names = [
        image.name
        for image in snapshot.images
        if any(a.box and min(a.box[2] * image.width, a.box[3] * image.height) < _TINY_PX for a in image.annotations)
    ]
    if names:
        verb = "has a box" if len(names) == 1 else "have boxes"
        yield Finding.about(
            "tiny_boxes",
            f"{plural(len(names), 'image')} {verb} of less than {_TINY_PX} px: {some_of(names)}: "
            "such objects are hardly found, cut the images into parts or take them from nearer",
            names,
        )


def _unlabelled(snapshot: Snapshot) -> Iterator[Finding]:
    if names := snapshot.unlabelled:
        verb = "has" if len(names) == 1 else "have"
        yield Finding.about(
            "unlabelled",
            f"{plural(len(names), 'image')} {verb} no label: {some_of(names)}: "
            "trainings leave them out; where labels are boxes, say of those that show nothing that they do",
            names,
        )


def _pattern(group_pattern: str) -> Iterator[Finding]:
    if group_pattern and compiled(group_pattern) is None:
        yield Finding(
            "group_pattern", "the group_pattern is no expression that can be used, so it groups nothing: change it"
        )

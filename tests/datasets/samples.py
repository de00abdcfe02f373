"""Snapshots made by hand."""

from __future__ import annotations

import dataclasses
import hashlib

from datasets.snapshot import Annotation, Snapshot, SnapshotImage

BOX = (0.5, 0.5, 0.2, 0.2)


def image(name: str, *classes: int, content: str = "", size: tuple[int, int] = (100, 50)) -> SnapshotImage:
    """An image that shows the classes, or that shows none; images of the same `content` are equal byte for byte."""
    sha256 = hashlib.sha256((content or name).encode()).hexdigest()
    annotations = tuple(Annotation(index, BOX) for index in classes)
    return SnapshotImage(name, sha256, "0" * 24, *size, "PNG", annotations, background=not classes)


def snapshot(*images: SnapshotImage, classes: int = 2) -> Snapshot:
    """A detection snapshot with classes `c0`, `c1`, ..."""
    return Snapshot("detection", tuple(f"c{index}" for index in range(classes)), images)


def unlabelled(name: str) -> SnapshotImage:
    """An image of which nobody has said what it shows."""
    return dataclasses.replace(image(name), background=False)

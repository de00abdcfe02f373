"""Which images are trained on and which are held back."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from datasets.snapshot import Snapshot, SnapshotImage

Group = tuple[SnapshotImage, ...]


@dataclass(frozen=True)
class Split:
    """Two parts of a snapshot.

    Attributes:
        val_is_train: nothing could be held back without taking the only image of a class; `val` repeats `train`.
    """

    train: tuple[SnapshotImage, ...]
    val: tuple[SnapshotImage, ...]
    val_is_train: bool = False


def split(snapshot: Snapshot, train_fraction: float, seed: int) -> Split:
    """Split by content: the same images and seed give the same parts, whatever their names and order.

    Images that are equal byte for byte stay together. Each image counts for its rarest class (the images that show
    none for a stratum of their own), and every stratum is split in the same proportion, so rare classes are held
    back too (rarest label first, after Sechidis et al. 2011, "On the Stratification of Multi-Label Data"). Every
    class keeps an image in the training part.

    Args:
        train_fraction: 0.5 to 0.95.
    """
    strata = _strata(snapshot, seed)
    train: list[Group] = []
    val: list[Group] = []
    for groups, held in zip(strata, _held_back([len(s) for s in strata], 1 - train_fraction), strict=True):
        val += groups[:held]
        train += groups[held:]
    _return_missing_classes(train, val)
    if not val:
        _hold_one_back(train, val)
    flat = tuple(image for group in train for image in group)
    return Split(flat, tuple(image for group in val for image in group) or flat, val_is_train=not val)


def _classes(group: Group) -> set[int]:
    return {annotation.class_index for image in group for annotation in image.annotations}


def _strata(snapshot: Snapshot, seed: int) -> list[list[Group]]:
    """Groups of equal images by their rarest class, each stratum in an order that only content and seed decide."""
    by_content: dict[str, list[SnapshotImage]] = defaultdict(list)
    for image in sorted(snapshot.images, key=lambda image: image.name):
        by_content[image.sha256].append(image)
    counts = snapshot.images_of_class()
    strata: dict[int, list[Group]] = defaultdict(list)
    for content in sorted(by_content, key=lambda sha256: hashlib.sha256(f"{seed}:{sha256}".encode()).digest()):
        group = tuple(by_content[content])
        strata[min(_classes(group), key=lambda index: (counts[index], index), default=-1)].append(group)
    return [strata[index] for index in sorted(strata)]


def _held_back(sizes: list[int], fraction: float) -> list[int]:
    """How many of each stratum to hold back, by largest remainder, so that the total comes out right."""
    shares = [size * fraction for size in sizes]
    held = [int(share) for share in shares]
    missing = round(sum(shares)) - sum(held)
    by_remainder = sorted(range(len(sizes)), key=lambda i: (held[i] - shares[i], -sizes[i]))
    for index in by_remainder[:missing]:
        held[index] += 1
    return held


def _return_missing_classes(train: list[Group], val: list[Group]) -> None:
    trained: set[int] = set().union(*map(_classes, train))
    for group in list(val):
        if _classes(group) - trained:
            val.remove(group)
            train.append(group)
            trained |= _classes(group)


def _hold_one_back(train: list[Group], val: list[Group]) -> None:
    for position, group in enumerate(train):
        others = train[:position] + train[position + 1 :]
        if others and _classes(group) and _classes(group) <= set().union(*map(_classes, others)):
            val.append(train.pop(position))
            return

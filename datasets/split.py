"""Which images are trained on, which are held back, and which wait for the end."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from datasets.snapshot import TEST, TRAIN, VAL, Snapshot, SnapshotImage
from datasets.units import Unit, units_of
from utils import plural, some_of

# With less of what was asked for, a validation tells nothing.
_LEAST_SHARE = 0.25
_ALL_ALIKE = (
    "nearly all pictures look alike, so similar ones are on both sides of the split: "
    "name groups when they must not be (group_pattern, or tags 'group:...')"
)


@dataclass(frozen=True)
class Split:
    """Parts of a snapshot.

    Attributes:
        val_is_train: nothing could be held back without taking the only image of a class; `val` repeats `train`.
        test: neither trained on nor validated with.
        left_out: of no part, since nobody has labelled them, or since the same picture, or one of the same group, is
            fixed in another part.
        notes: what a person should know about it, one sentence each.
    """

    train: tuple[SnapshotImage, ...]
    val: tuple[SnapshotImage, ...]
    val_is_train: bool = False
    test: tuple[SnapshotImage, ...] = ()
    left_out: tuple[SnapshotImage, ...] = ()
    notes: tuple[str, ...] = ()


def split(snapshot: Snapshot, train_fraction: float, seed: int) -> Split:
    """Split by content: the same images and seed give the same parts, whatever their names and order.

    What nobody has labelled goes nowhere, and what is fixed keeps its part. Images that are equal byte for byte, that
    show the same picture, or that share a group stay together (`datasets.units`), and follow what is fixed among them.
    Each of the other units counts for its rarest class (those that show none for a stratum of their own), and every
    stratum is split in the same proportion, so rare classes are held back too (rarest label first, after Sechidis et
    al. 2011, "On the Stratification of Multi-Label Data"). Every class keeps an image in the training part.

    Should nearly all pictures look alike, they are told apart by content and group only.

    Args:
        train_fraction: 0.5 to 0.95, of what is not fixed.
    """
    labelled = replace(snapshot, images=tuple(image for image in snapshot.images if image.is_labelled))
    found = _labelled_split(labelled, train_fraction, seed)
    unlabelled = tuple(image for image in snapshot.images if not image.is_labelled)
    if not unlabelled:
        return found
    verb = "is" if len(unlabelled) == 1 else "are"
    note = (
        f"{plural(len(unlabelled), 'image')} that nobody has labelled {verb} left out: {some_of(snapshot.unlabelled)}"
    )
    return replace(found, left_out=(*found.left_out, *unlabelled), notes=(*found.notes, note))


def _labelled_split(snapshot: Snapshot, train_fraction: float, seed: int) -> Split:
    parts = _Parts(snapshot, units_of(snapshot), train_fraction, seed)
    if parts.held_back_too_little():
        plain = _Parts(snapshot, units_of(snapshot, similar=False), train_fraction, seed)
        if plain.val_images > parts.val_images:
            return plain.as_split(_ALL_ALIKE)
    return parts.as_split()


class _Parts:
    """One way to split."""

    def __init__(self, snapshot: Snapshot, units: list[Unit], train_fraction: float, seed: int):
        self.train = [unit for unit in units if unit.part == TRAIN]
        self.val = [unit for unit in units if unit.part == VAL]
        self._test = [unit for unit in units if unit.part == TEST]
        self._left_out = [image for unit in units for image in unit.left_out]
        free = [unit for unit in units if not unit.part]
        self._wanted = sum(unit.size for unit in free) * (1 - train_fraction)
        self._share(_strata(free, snapshot.images_of_class(), seed), train_fraction)

    def _share(self, strata: list[list[Unit]], train_fraction: float) -> None:
        held_back: list[Unit] = []
        sizes = [sum(unit.size for unit in stratum) for stratum in strata]
        missing = 0
        for stratum, wanted in zip(strata, _held_back(sizes, 1 - train_fraction), strict=True):
            held, rest, missing = _take(stratum, wanted + missing)
            held_back += held
            self.train += rest
        _return_missing_classes(self.train, held_back)
        if not held_back and not self.val:
            _hold_one_back(self.train, held_back)
        self.val += held_back

    @property
    def val_images(self) -> int:
        """How many images are held back."""
        return sum(unit.size for unit in self.val)

    def held_back_too_little(self) -> bool:
        """Whether the validation is hardly one."""
        return self.val_images < _LEAST_SHARE * self._wanted

    def as_split(self, *notes: str) -> Split:
        """The parts, image by image."""
        train, val = _images(self.train), _images(self.val)
        told = [*notes, *_told(self._left_out)]
        return Split(train, val or train, not val, _images(self._test), _in_order(self._left_out), tuple(told))


def _told(left_out: list[SnapshotImage]) -> list[str]:
    if not left_out:
        return []
    images = plural(len(left_out), "image")
    verb = "is" if len(left_out) == 1 else "are"
    names = some_of([image.name for image in _in_order(left_out)])
    return [f"{images} {verb} left out, since the same picture or group is fixed in another part: {names}"]


def _images(units: Iterable[Unit]) -> tuple[SnapshotImage, ...]:
    return tuple(image for unit in units for image in unit.images)


def _in_order(images: Iterable[SnapshotImage]) -> tuple[SnapshotImage, ...]:
    return tuple(sorted(images, key=lambda image: image.name))


def _strata(units: list[Unit], counts: list[int], seed: int) -> list[list[Unit]]:
    """Units by their rarest class, each stratum in an order that only content and seed decide."""
    strata: dict[int, list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: hashlib.sha256(f"{seed}:{unit.key}".encode()).digest()):
        strata[min(unit.classes, key=lambda index: (counts[index], index), default=-1)].append(unit)
    return [strata[index] for index in sorted(strata)]


def _take(stratum: list[Unit], wanted: int) -> tuple[list[Unit], list[Unit], int]:
    """The first units that hold about as many images as wanted, the others, and how many images are missing."""
    held: list[Unit] = []
    rest: list[Unit] = []
    for unit in stratum:
        # What is nearer to the wish: with it or without it.
        if unit.size <= 2 * wanted:
            held.append(unit)
            wanted -= unit.size
        else:
            rest.append(unit)
    return held, rest, max(0, wanted)


def _held_back(sizes: list[int], fraction: float) -> list[int]:
    """How many of each stratum to hold back, by largest remainder, so that the total comes out right."""
    shares = [size * fraction for size in sizes]
    held = [int(share) for share in shares]
    missing = round(sum(shares)) - sum(held)
    by_remainder = sorted(range(len(sizes)), key=lambda i: (held[i] - shares[i], -sizes[i]))
    for index in by_remainder[:missing]:
        held[index] += 1
    return held


def _return_missing_classes(train: list[Unit], val: list[Unit]) -> None:
    trained: set[int] = set().union(*(unit.classes for unit in train))
    for unit in list(val):
        if unit.classes - trained:
            val.remove(unit)
            train.append(unit)
            trained |= unit.classes


def _hold_one_back(train: list[Unit], val: list[Unit]) -> None:
    """Hold the smallest of the free units back whose classes are left without it."""
    for unit in sorted((unit for unit in train if not unit.part), key=lambda unit: unit.size):
        others = [other for other in train if other is not unit]
        if others and unit.classes and unit.classes <= set().union(*(other.classes for other in others)):
            train.remove(unit)
            val.append(unit)
            return

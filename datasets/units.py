"""What must stay on one side of the split: equal images, images of one picture, members of one group."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.duplicates import SPLIT_DISTANCE, Sets, join_similar
from datasets.snapshot import TEST, TRAIN, VAL, Snapshot, SnapshotImage

# Of parts that contradict each other the first stays: what is trained on must be in no score, and what is tested with
# must not have chosen the best epoch.
_STRENGTH = (TRAIN, TEST, VAL)


@dataclass(frozen=True)
class Unit:
    """Images that go into one part.

    Attributes:
        images: in an order that names decide only among equal contents.
        part: `train`, `val` or `test` when one of them is fixed there; empty when the seed decides.
        left_out: those that are fixed in another part, which therefore go nowhere.
        classes: indices of the classes that the images show.
    """

    images: tuple[SnapshotImage, ...]
    part: str
    left_out: tuple[SnapshotImage, ...]
    classes: frozenset[int]

    @property
    def size(self) -> int:
        """How many images."""
        return len(self.images)

    @property
    def key(self) -> str:
        """What the seed decides by; of the content alone."""
        return self.images[0].sha256


def units_of(snapshot: Snapshot, similar: bool = True) -> list[Unit]:
    """All units of a snapshot, in an order that the content decides.

    Args:
        similar: images of one picture belong together, too.
    """
    images = sorted(snapshot.images, key=lambda image: (image.sha256, image.name))
    sets = Sets(len(images))
    first: dict[str, int] = {}
    for index, image in enumerate(images):
        for bond in (f"content:{image.sha256}", *image.groups):
            sets.join(first.setdefault(bond, index), index)
    if similar:
        distinct = [index for bond, index in first.items() if bond.startswith("content:")]
        join_similar([images[index].look for index in distinct], distinct, sets, SPLIT_DISTANCE)
    return [_unit([images[index] for index in members]) for members in sets.members()]


def _unit(images: list[SnapshotImage]) -> Unit:
    fixed = {image.split for image in images}
    part = next((part for part in _STRENGTH if part in fixed), "")
    kept = [image for image in images if image.split in ("", part)]
    left_out = tuple(image for image in images if image.split not in ("", part))
    classes = frozenset(annotation.class_index for image in kept for annotation in image.annotations)
    return Unit(tuple(kept), part, left_out, classes)

"""A dataset as it was at one moment, and the same once its files lie on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from datasets.perceptual import Look

TRAIN, VAL, TEST = "train", "val", "test"


@dataclass(frozen=True)
class Annotation:
    """One object in an image, or the class of the whole image.

    Attributes:
        class_index: index into the snapshot's classes.
        box: x_center, y_center, width, height as fractions (0 to 1) of the EXIF-turned image; None for a label of
            the whole image.
    """

    class_index: int
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class SnapshotImage:
    """One image of a snapshot; `width` and `height` in pixels after the EXIF turn.

    Attributes:
        waits: it is labelled, but with classes that left the class list.
        background: somebody has said that it shows no object.
        image_id: of the stored image, for the record; the content is what counts.
        split: `train`, `val` or `test` when somebody has decided it, else empty.
        groups: names of what must stay on one side of the split, such as all pictures of one patient.
        look: None when nobody has looked at the picture yet.
    """

    name: str
    sha256: str
    file_id: str
    width: int
    height: int
    format: str
    annotations: tuple[Annotation, ...]
    waits: bool = False
    background: bool = False
    image_id: str = ""
    split: str = ""
    groups: tuple[str, ...] = ()
    look: Look | None = field(default=None, compare=False, repr=False)

    @property
    def is_labelled(self) -> bool:
        """Whether anybody has said what it shows."""
        return bool(self.annotations or self.waits or self.background)


@dataclass(frozen=True)
class Snapshot:
    """Classes and images of a project at one moment.

    Attributes:
        unknown: names of classes that annotations refer to and the class list no longer holds, with how many images.
        unlabelled: names of images that nobody has labelled.
        class_ids: stable ids of `classes`, in the same order.
    """

    project_type: str
    classes: tuple[str, ...]
    images: tuple[SnapshotImage, ...]
    unknown: tuple[tuple[str, int], ...] = ()
    class_ids: tuple[int, ...] = ()

    @property
    def unlabelled(self) -> list[str]:
        return [image.name for image in self.images if not image.is_labelled]

    def images_of_class(self) -> list[int]:
        """How many images hold each class, in the order of `classes`."""
        counts = [0] * len(self.classes)
        for image in self.images:
            for index in {annotation.class_index for annotation in image.annotations}:
                counts[index] += 1
        return counts

    def digest(self) -> str:
        """SHA-256 over type, classes, and every image's name, content and annotations, in a stable order.

        Fixed splits and groups count where there are some, so that data without have the digest they always had.
        """
        images = sorted(self.images, key=lambda image: image.name)
        content = [[i.name, i.sha256, [asdict(a) for a in i.annotations], *_decided(i)] for i in images]
        text = json.dumps([self.project_type, self.classes, content], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _decided(image: SnapshotImage) -> list[Any]:
    return [image.split, list(image.groups)] if image.split or image.groups else []


@dataclass(frozen=True)
class Sample:
    """One image on disk with its annotations.

    Attributes:
        name: in its project; `sha256` of its content.
    """

    path: Path
    width: int
    height: int
    annotations: tuple[Annotation, ...]
    name: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Dataset:
    """A snapshot on disk, split; what a trainer gets.

    Attributes:
        digest: the snapshot's SHA-256.
        test: neither trained on nor chosen by; scored once, at the end.
        class_ids: stable ids of `classes`, in the same order.
        val_is_train: there were too few images to hold any back, so `val` repeats `train` and every metric is of
            images the model has seen.
    """

    project_type: str
    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    digest: str
    val_is_train: bool = False
    test: tuple[Sample, ...] = ()
    class_ids: tuple[int, ...] = ()

    def for_test(self) -> Dataset:
        """The same with the test part in place of the validation part, to be scored on."""
        return replace(self, val=self.test, val_is_train=False)

    def write(self, path: Path) -> None:
        """Write as JSON; `read` gives it back."""
        path.write_text(json.dumps(asdict(self), default=str))

    @classmethod
    def read(cls, path: Path) -> Dataset:
        """Read what `write` wrote."""
        fields: dict[str, Any] = json.loads(path.read_text())
        for part in (TRAIN, VAL, TEST):
            fields[part] = tuple(_samples(fields[part]))
        return cls(**{**fields, "classes": tuple(fields["classes"]), "class_ids": tuple(fields["class_ids"])})


def _samples(rows: Iterable[dict[str, Any]]) -> Iterable[Sample]:
    for row in rows:
        annotations = tuple(
            Annotation(a["class_index"], None if a["box"] is None else tuple(a["box"])) for a in row["annotations"]
        )
        place = (Path(row["path"]), row["width"], row["height"])
        yield Sample(*place, annotations, row["name"], row["sha256"])

"""An image as it is stored, and what is derived of it for finding it among many."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from bson import ObjectId

from storage.database import Document
from storage.files import StoredFile

AUTO_SPLIT = "auto"


class LabelState(str, Enum):
    """What is known of what an image shows."""

    LABELLED = "labelled"
    BACKGROUND = "background"
    UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class StoredAnnotation:
    """One label.

    Attributes:
        class_id: stable id of the class in its project.
        box: x_center, y_center, width, height, fractions of the EXIF-turned image; None for the whole image.
        by_name: the client named the class instead of giving its index, and reads it back so.
        numbers: the box as the client wrote it, for the same reason.
    """

    class_id: int
    box: tuple[float, float, float, float] | None = None
    by_name: bool = False
    numbers: str = ""


@dataclass(frozen=True)
class Labels:
    """What somebody has said of an image.

    Attributes:
        background: it shows no object; nobody has said anything when there are no annotations either.
    """

    annotations: tuple[StoredAnnotation, ...] = ()
    background: bool = False


@dataclass(frozen=True)
class StoredImage:
    """An image; `width` and `height` in pixels after the EXIF turn, `size` in bytes.

    Attributes:
        background: somebody has said that it shows no object.
        split: `train`, `val` or `test` when somebody has decided it; empty when each training's seed decides.
        tags: words of the user, sorted, each once.
        revision: counts every change of the image, its name, labels, split or tags, from 1.
        perceptual_hash: 64 bits that change little when the picture changes little, as a signed number; None when it
            was stored before there was one.
        thumbnail: of 16 x 16 grey pixels, one byte each; None as the hash.
    """

    id: ObjectId
    project_id: ObjectId
    name: str
    file_id: ObjectId
    sha256: str
    size: int
    format: str
    width: int
    height: int
    annotations: tuple[StoredAnnotation, ...]
    background: bool = False
    split: str = ""
    tags: tuple[str, ...] = ()
    revision: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None
    perceptual_hash: int | None = None
    thumbnail: bytes | None = None

    @property
    def label_state(self) -> LabelState:
        """What is known of what it shows."""
        if self.annotations:
            return LabelState.LABELLED
        return LabelState.BACKGROUND if self.background else LabelState.UNLABELLED

    @property
    def class_ids(self) -> set[int]:
        """Classes that its annotations name."""
        return {annotation.class_id for annotation in self.annotations}


@dataclass(frozen=True)
class NewImage:
    """An image to be placed under a name.

    Attributes:
        header: `format`, `width` and `height` as read from the file, and what else is known of its content.
        labels: None leaves those that are there when the content is the same, and nothing otherwise.
        split: None leaves what is there.
        tags: None leaves those that are there.
    """

    name: str
    file: StoredFile
    header: dict[str, Any] = field(default_factory=dict)
    labels: Labels | None = None
    split: str | None = None
    tags: tuple[str, ...] | None = None


def image_of(row: Document) -> StoredImage:
    """The image that a document holds."""
    annotations = tuple(
        StoredAnnotation(
            item["class_id"], tuple(item["box"]) if item["box"] else None, item["by_name"], item["numbers"]
        )
        for item in row["annotations"]
    )
    fields = ("project_id", "name", "file_id", "sha256", "size", "format", "width", "height")
    later = ("background", "split", "revision", "created_at", "updated_at", "perceptual_hash", "thumbnail")
    return StoredImage(
        id=row["_id"],
        annotations=annotations,
        tags=tuple(sorted(row.get("tags", ()))),
        **{name: row[name] for name in fields},
        **{name: row[name] for name in later if name in row},
    )


def annotation_rows(annotations: tuple[StoredAnnotation, ...]) -> list[Document]:
    """Annotations as a document holds them."""
    return [vars(annotation) for annotation in annotations]

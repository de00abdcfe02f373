"""A dataset as a version holds it: all that was stored of every image, in one compressed file."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from datasets.capture import snapshot_of
from datasets.record import packed, unpacked
from datasets.snapshot import Snapshot
from storage.image import LabelState, StoredAnnotation, StoredImage
from storage.projects import Project

_FORMAT = "version 1"  # what `datasets.record` keeps of one training has plain numbers
_OF_IMAGE = ("name", "sha256", "size", "format", "width", "height", "split", "background")


@dataclass(frozen=True)
class FrozenDataset:
    """Classes and images of a project at one moment.

    Attributes:
        project: with the classes, current and retired, as they were then.
        images: by name, with all of their labels, those of retired classes among them.
    """

    project: Project
    images: tuple[StoredImage, ...]

    def snapshot(self) -> Snapshot:
        """What a training sees of it."""
        return snapshot_of(self.project, list(self.images))

    def counts(self) -> dict[str, Any]:
        """How much is in it: `images`, those `labelled`, `classes` by name, and `splits`, images in each fixed part."""
        return {
            "images": len(self.images),
            "labelled": sum(image.label_state is not LabelState.UNLABELLED for image in self.images),
            "classes": list(self.project.classes),
            "splits": dict(Counter(image.split for image in self.images if image.split)),
        }

    def to_bytes(self) -> bytes:
        """Compressed JSON; equal data give equal bytes."""
        project = self.project
        classes = zip(project.class_ids, project.classes, strict=True)
        return packed(
            {
                "format": _FORMAT,
                "project_type": project.type,
                "group_pattern": project.group_pattern,
                "classes": [{"id": class_id, "name": name} for class_id, name in classes],
                "retired": [{"id": class_id, "name": name} for class_id, name in project.retired.items()],
                "images": [image_row(image) for image in self.images],
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes, project: Project) -> FrozenDataset:
        """Read what `to_bytes` wrote.

        Args:
            project: whose dataset it is; all but the classes is taken as it is now.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        try:
            document = unpacked(content, (_FORMAT,))
            images = tuple(image_of(row, project.id) for row in document["images"])
            return cls(with_classes(dataclasses.replace(project, type=document["project_type"]), document), images)
        except (OSError, EOFError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


def image_row(image: StoredImage) -> dict[str, Any]:
    """An image as JSON."""
    return {
        "id": str(image.id),
        "file_id": str(image.file_id),
        **{name: getattr(image, name) for name in _OF_IMAGE},
        "tags": list(image.tags),
        "created_at": image.created_at.isoformat() if image.created_at else None,
        "labels": [_label_row(annotation) for annotation in image.annotations],
    }


def _label_row(annotation: StoredAnnotation) -> dict[str, Any]:
    row: dict[str, Any] = {"class_id": annotation.class_id, "box": annotation.box}
    # How the client wrote it: kept, so that it reads the same after a way back.
    if annotation.by_name:
        row["by_name"] = True
    if annotation.numbers:
        row["numbers"] = annotation.numbers
    return row


def image_of(row: dict[str, Any], project_id: ObjectId) -> StoredImage:
    """The image that `image_row` wrote."""
    return StoredImage(
        id=ObjectId(row["id"]),
        project_id=project_id,
        file_id=ObjectId(row["file_id"]),
        annotations=tuple(map(annotation_of, row["labels"])),
        tags=tuple(row["tags"]),
        **{name: row[name] for name in _OF_IMAGE},
    )


def annotation_of(row: dict[str, Any]) -> StoredAnnotation:
    """The label that a row holds."""
    box = None if row["box"] is None else tuple(row["box"])
    return StoredAnnotation(row["class_id"], box, row.get("by_name", False), row.get("numbers", ""))


def with_classes(project: Project, document: dict[str, Any]) -> Project:
    """The project with the `classes`, the `retired` ones and the `group_pattern` of a document."""
    return dataclasses.replace(
        project,
        group_pattern=document["group_pattern"],
        classes=tuple(item["name"] for item in document["classes"]),
        class_ids=tuple(item["id"] for item in document["classes"]),
        retired={item["id"]: item["name"] for item in document["retired"]},
        merged={},
        deleted=frozenset(),
    )

"""What a training was made from, in one file that a job keeps: a snapshot, and which part each of its images was in."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.snapshot import TEST, TRAIN, VAL, Annotation, Snapshot, SnapshotImage
from datasets.split import Split

# 1 knew neither fixed splits nor groups, nor parts but train and val; what it wrote means the same in 2.
_FORMATS = (1, 2)
_LEFT_OUT = "left_out"
_PARTS = (TRAIN, VAL, TEST, _LEFT_OUT)


@dataclass(frozen=True)
class RecordedData:
    """A snapshot and its split; whoever trains on the same gets the same images in the same order."""

    snapshot: Snapshot
    parts: Split

    def to_bytes(self) -> bytes:
        """Compressed JSON; equal data give equal bytes."""
        return packed(_document(self.snapshot, self.parts))

    @classmethod
    def from_bytes(cls, content: bytes) -> RecordedData:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        try:
            data = _data(document := unpacked(content, _FORMATS))
        except (OSError, EOFError, KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        if data.snapshot.digest() != document["digest"]:
            raise ValueError("its digest is not that of its content")
        return data

    @property
    def trained_on(self) -> int:
        """How many images are trained on."""
        return len(self.parts.train)

    @property
    def held_back(self) -> int:
        """How many images are validated on and not trained on."""
        return 0 if self.parts.val_is_train else len(self.parts.val)

    def notes(self) -> tuple[str, ...]:
        """What a person should know of the split, a sentence each."""
        return self.parts.notes

    def contents(self) -> Counter[str]:
        """How often each content is in it, by SHA-256."""
        return Counter(image.sha256 for image in self.snapshot.images)

    def without(self, contents: Mapping[str, Any]) -> list[str]:
        """Names of images whose content, by SHA-256, is not among these."""
        return [image.name for image in self.snapshot.images if image.sha256 not in contents]

    def with_files(self, contents: Mapping[str, Any]) -> RecordedData:
        """The same data in other files of the same content.

        Args:
            contents: file ids by SHA-256, of every image.
        """

        def moved(images: tuple[SnapshotImage, ...]) -> tuple[SnapshotImage, ...]:
            return tuple(dataclasses.replace(image, file_id=str(contents[image.sha256])) for image in images)

        of, given = dataclasses.replace, self.parts
        parts = of(given, train=moved(given.train), val=moved(given.val), test=moved(given.test))
        parts = of(parts, left_out=moved(given.left_out))
        return RecordedData(dataclasses.replace(self.snapshot, images=moved(self.snapshot.images)), parts)


def packed(document: dict[str, Any]) -> bytes:
    """Compressed JSON; equal documents give equal bytes."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    target = io.BytesIO()
    # The header would hold a name and the time.
    with gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as file:
        file.write(text.encode())
    return target.getvalue()


def unpacked(content: bytes, formats: tuple[object, ...]) -> dict[str, Any]:
    """Read what `packed` wrote.

    Raises:
        ValueError, OSError, EOFError, KeyError, TypeError: it is of another format, or damaged.
    """
    document: dict[str, Any] = json.loads(gzip.decompress(content))
    if document["format"] not in formats:
        raise ValueError(f"format {document['format']}")
    return document


def _document(snapshot: Snapshot, parts: Split) -> dict[str, Any]:
    # In the order of training: what is drawn at random is drawn by position.
    told = [part for part in _PARTS if part != VAL or not parts.val_is_train]
    rows = [_row(image, part, snapshot) for part in told for image in getattr(parts, part)]
    ids = snapshot.class_ids or tuple(range(len(snapshot.classes)))
    return {
        "format": _FORMATS[-1],
        "project_type": snapshot.project_type,
        "digest": snapshot.digest(),
        "val_is_train": parts.val_is_train,
        "classes": [{"id": class_id, "name": name} for class_id, name in zip(ids, snapshot.classes, strict=True)],
        "images": rows,
    }


def _row(image: SnapshotImage, part: str, snapshot: Snapshot) -> dict[str, Any]:
    ids = snapshot.class_ids or range(len(snapshot.classes))
    labels = [{"class_id": ids[a.class_index], "box": a.box} for a in image.annotations]
    fields = ("name", "sha256", "file_id", "width", "height", "format")
    decided = {"fixed": image.split, "groups": image.groups}
    return {
        "id": image.image_id,
        **{name: getattr(image, name) for name in fields},
        "split": part,
        **{name: value for name, value in decided.items() if value},
        "labels": labels,
    }


def _data(document: dict[str, Any]) -> RecordedData:
    ids = tuple(item["id"] for item in document["classes"])
    index_of = {class_id: index for index, class_id in enumerate(ids)}
    parts: dict[str, list[SnapshotImage]] = {part: [] for part in _PARTS}
    for row in document["images"]:
        parts[row["split"]].append(_image(row, index_of))
    train, val, test, left_out = (tuple(parts[part]) for part in _PARTS)
    val_is_train = document["val_is_train"]
    classes = tuple(item["name"] for item in document["classes"])
    snapshot = Snapshot(document["project_type"], classes, train + val + test + left_out, class_ids=ids)
    return RecordedData(snapshot, Split(train, train if val_is_train else val, val_is_train, test, left_out))


def _image(row: dict[str, Any], index_of: dict[int, int]) -> SnapshotImage:
    labels = ((index_of[label["class_id"]], label["box"]) for label in row["labels"])
    return SnapshotImage(
        name=row["name"],
        sha256=row["sha256"],
        file_id=row["file_id"],
        width=row["width"],
        height=row["height"],
        format=row["format"],
        annotations=tuple(Annotation(index, None if box is None else tuple(box)) for index, box in labels),
        image_id=row["id"],
        split=row.get("fixed", ""),
        groups=tuple(row.get("groups", ())),
    )

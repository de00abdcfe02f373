"""What a training on a table was made from, in one file that a job keeps: settings, and the part of each row."""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from bson import ObjectId

from datasets.record import packed, unpacked
from datasets.tables.schema import LEFT_OUT_PART, TEST_PART, TRAIN_PART, VAL_PART, TableSchema, Task
from datasets.tables.snapshot import TableSnapshot
from datasets.tables.split import Parts
from storage.files import StoredFile

_FORMAT = "table 1"


class Stored(Protocol):
    """A snapshot of rows that lie in a file."""

    @property
    def content(self) -> str:
        """SHA-256 of names and cells."""
        ...

    @property
    def rows(self) -> int:
        """How many."""
        ...

    @property
    def file(self) -> StoredFile | None:
        """The rows; None when there is no table."""
        ...


S = TypeVar("S", bound=Stored)


@dataclass(frozen=True)
class RecordedRows(Generic[S]):
    """A snapshot of rows, and the part of each.

    Attributes:
        parts: of each row, see `datasets.tables.schema`.
    """

    snapshot: S
    parts: Parts

    @property
    def counts(self) -> dict[int, int]:
        """How many rows each part has."""
        found = Counter(dict(enumerate(np.bincount(self.parts, minlength=4).tolist())))
        return {part: found[part] for part in (TRAIN_PART, VAL_PART, TEST_PART, LEFT_OUT_PART)}

    @property
    def val_is_train(self) -> bool:
        """Whether nothing could be held back."""
        return self.counts[VAL_PART] == 0

    @property
    def trained_on(self) -> int:
        """How many rows are trained on."""
        return self.counts[TRAIN_PART]

    @property
    def held_back(self) -> int:
        """How many rows are validated on and not trained on."""
        return self.counts[VAL_PART]

    def contents(self) -> Counter[str]:
        """Its rows, all of one hash: what tables have in common is all or nothing."""
        return Counter({self.snapshot.content: self.snapshot.rows})

    @property
    def file_row(self) -> dict[str, Any]:
        """The file of the rows, as a record keeps it.

        Raises:
            ValueError: there is none.
        """
        file = self.snapshot.file
        if file is None:
            raise ValueError("only a table is recorded")
        return {"id": str(file.id), "sha256": file.sha256, "size": file.size}

    @property
    def parts_text(self) -> str:
        """The parts, as a record keeps them."""
        return base64.b64encode(zlib.compress(self.parts.tobytes())).decode()


def file_of(row: dict[str, Any]) -> StoredFile:
    """What `RecordedRows.file_row` gave."""
    return StoredFile(ObjectId(row["id"]), row["sha256"], row["size"])


def parts_of(text: str) -> Parts:
    """What `RecordedRows.parts_text` gave."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)


@dataclass(frozen=True)
class RecordedTable(RecordedRows[TableSnapshot]):
    """A snapshot with a target, and its split; whoever trains on the same gets the same rows in the same order.

    Attributes:
        classes: sorted; none for regression.
    """

    classes: tuple[str, ...]

    def notes(self) -> list[str]:
        """What a person should know about the split, one sentence each."""
        left_out = self.counts[LEFT_OUT_PART]
        if not left_out:
            return []
        verb, rows = ("is", "row") if left_out == 1 else ("are", "rows")
        return [f"{left_out:,} {rows} without a value in the target {verb} left out"]

    def to_bytes(self) -> bytes:
        """Compressed JSON; equal data give equal bytes."""
        snapshot = self.snapshot
        if snapshot.schema is None or snapshot.task is None:
            raise ValueError("only a table with a target is recorded")
        return packed(
            {
                "format": _FORMAT,
                "project_type": snapshot.project_type,
                "digest": snapshot.digest(),
                "table_id": snapshot.table_id,
                "content": snapshot.content,
                "rows": snapshot.rows,
                "file": self.file_row,
                "schema": snapshot.schema.as_fields(),
                "task": snapshot.task.value,
                "classes": list(self.classes),
                "parts": self.parts_text,
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> RecordedTable:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        try:
            found = _recorded(document := unpacked(content, (_FORMAT,)))
        except (OSError, EOFError, KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        if found.snapshot.digest() != document["digest"] or len(found.parts) != found.snapshot.rows:
            raise ValueError("its digest is not that of its content")
        return found

    def in_file(self, file: StoredFile) -> RecordedTable:
        """The same data in another file of the same content."""
        return replace(self, snapshot=replace(self.snapshot, file=file))


def _recorded(document: dict[str, Any]) -> RecordedTable:
    snapshot = TableSnapshot(
        project_type=document["project_type"],
        table_id=document["table_id"],
        content=document["content"],
        rows=document["rows"],
        schema=TableSchema.of(document["schema"]),
        task=Task(document["task"]),
        file=file_of(document["file"]),
    )
    return RecordedTable(snapshot, parts_of(document["parts"]), tuple(document["classes"]))

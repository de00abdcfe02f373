"""What a training on a table was made from, in one file that a job keeps: settings, and the part of each row."""

from __future__ import annotations

import base64
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from bson import ObjectId

from datasets.record import packed, unpacked
from datasets.tables.schema import LEFT_OUT_PART, TEST_PART, TRAIN_PART, VAL_PART, TableSchema, Task
from datasets.tables.snapshot import TableSnapshot
from datasets.tables.split import Parts
from storage.files import StoredFile
from storage.tables import Table


class Stored(Protocol):
    """A snapshot of rows that lie in a file."""

    @property
    def project_type(self) -> str:
        """Of the project."""
        ...

    @property
    def table_id(self) -> str:
        """Of the stored table."""
        ...

    @property
    def content(self) -> str:
        """SHA-256 of names and cells."""
        ...

    @property
    def rows(self) -> int:
        """How many."""
        ...

    @property
    def schema(self) -> Any:
        """Columns and what they are for; None when there is nothing to be trained on."""
        ...

    @property
    def file(self) -> StoredFile | None:
        """The rows; None when there is no table."""
        ...

    def digest(self) -> str:
        """See `datasets.kinds.Snapshot`."""
        ...


S = TypeVar("S", bound=Stored)
R = TypeVar("R", bound="RecordedRows[Any]")


@dataclass(frozen=True)
class RecordedRows(ABC, Generic[S]):
    """A snapshot of rows, and the part of each; whoever trains on the same gets the same rows in the same order.

    Attributes:
        FORMAT: names what `to_bytes` writes.
        parts: of each row, see `datasets.tables.schema`.
    """

    FORMAT: ClassVar[str]

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
    def dataset_fields(self) -> dict[str, Any]:
        """What a dataset on disk says of its rows: the digest, and how many each part has."""
        counts = self.counts
        return {
            "digest": self.snapshot.digest(),
            "val_is_train": self.val_is_train,
            "train_rows": counts[TRAIN_PART],
            "val_rows": counts[TRAIN_PART] if self.val_is_train else counts[VAL_PART],
            "test_rows": counts[TEST_PART],
        }

    def stored_in(self: R, table: Table) -> R:
        """The same data in a table of the same cells."""
        return replace(self, snapshot=replace(self.snapshot, table_id=str(table.id), file=table.rows_file))

    @abstractmethod
    def own_fields(self) -> dict[str, Any]:
        """What only this kind of rows is recorded with; `of` gets it back.

        Raises:
            ValueError: it cannot be recorded.
        """

    @classmethod
    @abstractmethod
    def of(cls: type[R], stored: dict[str, Any], parts: Parts, document: dict[str, Any]) -> R:
        """The record of a document.

        Args:
            stored: all of the snapshot but what `document` has: `schema` and `own_fields`.
        """

    def to_bytes(self) -> bytes:
        """Compressed JSON; equal data give equal bytes."""
        snapshot, file = self.snapshot, self.snapshot.file
        if file is None or snapshot.schema is None:
            raise ValueError("only a table that can be trained on is recorded")
        return packed(
            {
                "format": self.FORMAT,
                "project_type": snapshot.project_type,
                "digest": snapshot.digest(),
                "table_id": snapshot.table_id,
                "content": snapshot.content,
                "rows": snapshot.rows,
                "file": {"id": str(file.id), "sha256": file.sha256, "size": file.size},
                "schema": snapshot.schema.as_fields(),
                **self.own_fields(),
                "parts": base64.b64encode(zlib.compress(self.parts.tobytes())).decode(),
            }
        )

    @classmethod
    def from_bytes(cls: type[R], content: bytes) -> R:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        try:
            document = unpacked(content, (cls.FORMAT,))
            file = document["file"]
            stored = {name: document[name] for name in ("project_type", "table_id", "content", "rows")}
            stored["file"] = StoredFile(ObjectId(file["id"]), file["sha256"], file["size"])
            parts = np.frombuffer(zlib.decompress(base64.b64decode(document["parts"])), np.uint8)
            found = cls.of(stored, parts, document)
        except (OSError, EOFError, KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        if found.snapshot.digest() != document["digest"] or len(found.parts) != found.snapshot.rows:
            raise ValueError("its digest is not that of its content")
        return found


@dataclass(frozen=True)
class RecordedTable(RecordedRows[TableSnapshot]):
    """A snapshot with a target, and its split.

    Attributes:
        classes: sorted; none for regression.
    """

    FORMAT = "table 1"

    classes: tuple[str, ...]

    def notes(self) -> list[str]:
        """What a person should know about the split, one sentence each."""
        left_out = self.counts[LEFT_OUT_PART]
        if not left_out:
            return []
        verb, rows = ("is", "row") if left_out == 1 else ("are", "rows")
        return [f"{left_out:,} {rows} without a value in the target {verb} left out"]

    def own_fields(self) -> dict[str, Any]:
        """See `RecordedRows`."""
        if self.snapshot.task is None:
            raise ValueError("only a table with a target is recorded")
        return {"task": self.snapshot.task.value, "classes": list(self.classes)}

    @classmethod
    def of(cls, stored: dict[str, Any], parts: Parts, document: dict[str, Any]) -> RecordedTable:
        """See `RecordedRows`."""
        schema, task = TableSchema.of(document["schema"]), Task(document["task"])
        return cls(TableSnapshot(**stored, schema=schema, task=task), parts, tuple(document["classes"]))

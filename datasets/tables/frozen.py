"""A table as a version of a dataset has it: its rows, which stay stored, and the settings of then."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from bson import ObjectId

from datasets.gzipped import gunzipped
from datasets.kinds import Export, Snapshot
from datasets.record import packed, unpacked
from datasets.tables.formats import MEDIA_TYPES
from storage.projects import Project
from storage.store import Store
from storage.tables import Table
from utils import NotFound

_FORMAT = "table version 1"
S = TypeVar("S", bound=Snapshot)


@dataclass(frozen=True)
class FrozenTable(Generic[S]):
    """A table with its settings at one moment, and what a training sees of it."""

    table: Table
    captured: S

    def snapshot(self) -> S:
        """See `datasets.kinds.Frozen`."""
        return self.captured

    def counts(self) -> dict[str, int]:
        """See `datasets.kinds.Frozen`."""
        return {"rows": self.table.rows, "columns": len(self.table.columns)}

    def to_bytes(self) -> bytes:
        """Compressed JSON: which table it is, and what a stored table may change of itself."""
        table = self.table
        return packed(
            {
                "format": _FORMAT,
                "table_id": str(table.id),
                "content": table.digest,
                "settings": table.settings,
                "findings": list(table.findings),
            }
        )


def thawed(store: Store, content: bytes) -> Table:
    """The table that `FrozenTable.to_bytes` wrote of, with the settings of then.

    Raises:
        ValueError: it is of another format, or damaged.
        NotFound: the table is gone.
    """
    try:
        document = unpacked(content, (_FORMAT,))
        table = store.tables.get(ObjectId(document["table_id"]))
        if table.digest != document["content"]:
            raise ValueError("the table has other rows")
        return replace(table, settings=document["settings"], findings=tuple(document["findings"]))
    except (OSError, EOFError, KeyError, TypeError, zlib.error) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def exporter(name: str, project: Project) -> Callable[[Store, FrozenTable[S]], Export]:
    """What makes an export: all rows as plain CSV, or the file that the table came by.

    Raises:
        NotFound: there is no such format.
    """

    def rows(store: Store, frozen: FrozenTable[S]) -> Export:
        table = frozen.table
        packed = store.artifacts.stream(table.rows_file.id)
        return Export(f"{project.name}.csv", MEDIA_TYPES["csv"], table.size, lambda: gunzipped(packed))

    def original(store: Store, frozen: FrozenTable[S]) -> Export:
        table = frozen.table
        content = store.artifacts.stream(table.file.id)
        return Export(table.filename, MEDIA_TYPES[table.format], table.file.size, lambda: content)

    formats = {"csv": rows, "original": original}
    if name not in formats:
        raise NotFound(f"there is no format '{name[:100]}' for tables: choose one of {', '.join(formats)}")
    return formats[name]

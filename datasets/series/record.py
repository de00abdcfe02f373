"""What a training on time series was made from, in one file that a job keeps: settings, and the part of each row."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from datasets.record import packed, unpacked
from datasets.series.schema import SeriesSchema
from datasets.series.snapshot import SeriesSnapshot
from datasets.tables.record import RecordedRows, file_of, parts_of

_FORMAT = "series 1"


@dataclass(frozen=True)
class RecordedSeries(RecordedRows[SeriesSnapshot]):
    """A snapshot and its split; whoever trains on the same gets the same rows in the same order.

    Attributes:
        told: what a person should know of the rows and of the split, one sentence each.
    """

    told: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """See `told`."""
        return list(self.told)

    def to_bytes(self) -> bytes:
        """Compressed JSON; equal data give equal bytes."""
        snapshot = self.snapshot
        if snapshot.schema is None:
            raise ValueError("only a table is recorded")
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
                "told": list(self.told),
                "parts": self.parts_text,
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> RecordedSeries:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        try:
            document = unpacked(content, (_FORMAT,))
            snapshot = SeriesSnapshot(
                project_type=document["project_type"],
                table_id=document["table_id"],
                content=document["content"],
                rows=document["rows"],
                schema=SeriesSchema.of(document["schema"]),
                file=file_of(document["file"]),
            )
            found = cls(snapshot, parts_of(document["parts"]), tuple(document["told"]))
        except (OSError, EOFError, KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        if found.snapshot.digest() != document["digest"] or len(found.parts) != found.snapshot.rows:
            raise ValueError("its digest is not that of its content")
        return found

"""What a training on time series was made from, in one file that a job keeps: settings, and the part of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasets.series.schema import SeriesSchema
from datasets.series.snapshot import SeriesSnapshot
from datasets.tables.record import RecordedRows
from datasets.tables.split import Parts


@dataclass(frozen=True)
class RecordedSeries(RecordedRows[SeriesSnapshot]):
    """A snapshot of time series and its split.

    Attributes:
        told: what a person should know of the rows and of the split, one sentence each.
    """

    FORMAT = "series 1"

    told: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """See `told`."""
        return list(self.told)

    def own_fields(self) -> dict[str, Any]:
        """See `RecordedRows`."""
        return {"told": list(self.told)}

    @classmethod
    def of(cls, stored: dict[str, Any], parts: Parts, document: dict[str, Any]) -> RecordedSeries:
        """See `RecordedRows`."""
        schema = SeriesSchema.of(document["schema"])
        return cls(SeriesSnapshot(**stored, schema=schema), parts, tuple(document["told"]))

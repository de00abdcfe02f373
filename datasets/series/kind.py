"""Time series as a kind of data: a table of readings, split by time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from datasets.findings import Finding
from datasets.series.schema import SeriesDataset
from datasets.series.settings import SeriesSettings
from datasets.tables.kind import TableKind
from storage.projects import Project
from storage.store import Store
from storage.tables import Table

if TYPE_CHECKING:
    from datasets.tables.cache import TableCache


class SeriesKind(TableKind):
    """A table whose rows have an order in time; see `datasets.kinds.DataKind`."""

    name, noun = "series", "time series"
    settings = SeriesSettings

    def capture(self, store: Store, project: Project) -> Any:
        """The table and its settings."""
        from datasets.series.snapshot import capture_series

        return capture_series(store, project)

    def snapshot_of(self, store: Store, project: Project, table: Table) -> Any:
        """What a training sees of a table of readings."""
        from datasets.series.snapshot import snapshot_of

        return snapshot_of(store, project, table)

    def missing(self, snapshot: Any) -> list[Finding]:
        """A table, a sensor, rows."""
        from datasets.series.snapshot import missing

        return missing(snapshot)

    def advice(self, snapshot: Any, project: Project) -> list[Finding]:
        """What is odd about sensors and times."""
        return list(snapshot.findings)

    def split(self, store: Store, snapshot: Any, train_fraction: float, seed: int, cache: TableCache) -> Any:
        """The first rows of each series are trained on."""
        from datasets.series.split import record_split

        return record_split(snapshot, store.artifacts, cache, train_fraction)

    def read_record(self, content: bytes) -> Any:
        """Settings, and the part of each row."""
        from datasets.series.record import RecordedSeries

        return RecordedSeries.from_bytes(content)

    def materialise(self, store: Store, job_id: ObjectId, record: Any, cache: TableCache, folder: Path) -> Any:
        """The rows with the part of each."""
        from datasets.series.split import series_on_disk

        store.tables.keep(ObjectId(record.snapshot.table_id), job_id)
        return series_on_disk(record, store.artifacts, cache, folder)

    def read_dataset(self, path: Path) -> Any:
        """Where the rows and the parts lie, and the schema."""
        return SeriesDataset.read(path)

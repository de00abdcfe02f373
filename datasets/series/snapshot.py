"""Time series with their settings as they were at one moment, and whether that is enough to train on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from datasets.findings import Finding
from datasets.series.schema import SeriesSchema
from datasets.series.settings import SeriesSettings
from datasets.series.warnings import warnings
from datasets.tables.appending import waiting_rows
from datasets.tables.changing import profile_of_table
from datasets.tables.schema import Column
from datasets.tables.snapshot import findings_by_column
from storage.files import StoredFile
from storage.project import Project
from storage.store import Store
from storage.tables import Table
from utils import plural

LEAST_ROWS = 50


@dataclass(frozen=True)
class SeriesSnapshot:
    """A project's time series at one moment.

    Attributes:
        table_id: of the stored table; empty when the project had none.
        content: SHA-256 of names and cells.
        schema: None as `table_id`.
        waiting: rows that came by themselves, and become part of the table before a worker takes its snapshot.
        findings: what is odd about columns and times.
        file: the rows; None as `table_id`.
    """

    project_type: str
    table_id: str = ""
    content: str = ""
    rows: int = 0
    schema: SeriesSchema | None = None
    waiting: int = 0
    findings: tuple[Finding, ...] = ()
    file: StoredFile | None = None

    def digest(self) -> str:
        """SHA-256 over type, content and settings; equal for the same table in a file of another format."""
        schema = self.schema and self.schema.as_fields()
        text = json.dumps([self.project_type, self.content, schema], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def capture_series(store: Store, project: Project) -> SeriesSnapshot:
    """The project's rows and settings as they are now."""
    table = store.tables.current(project.id)
    waiting = waiting_rows(store, project, table)
    found = snapshot_of(store, project, table) if table else SeriesSnapshot(project.type)
    return replace(found, waiting=waiting)


def snapshot_of(store: Store, project: Project, table: Table) -> SeriesSnapshot:
    """A table with its settings; they are one document, so they fit to each other."""
    settings, profile = SeriesSettings.of(table.settings), profile_of_table(store, table)
    schema = settings.schema(Column.of(column) for column in table.columns)
    odd = [finding for findings in findings_by_column(table).values() for finding in findings]
    return SeriesSnapshot(
        project_type=project.type,
        table_id=str(table.id),
        content=table.digest,
        rows=table.rows,
        schema=schema,
        findings=(*odd, *warnings(schema, profile, settings.types)),
        file=table.rows_file,
    )


def missing(snapshot: SeriesSnapshot) -> list[Finding]:
    """What keeps a training from starting; empty when nothing does."""
    if snapshot.file is None or snapshot.schema is None:
        if snapshot.waiting:
            rows = plural(snapshot.waiting, "row")
            return [Finding("no_table", f"{rows} came and a worker is about to make a table of them: try again soon")]
        return [Finding("no_table", "the project has no data: import a CSV, TSV or Parquet file, or send rows")]
    return [*_sensors(snapshot.schema), *_rows(snapshot)]


def _sensors(schema: SeriesSchema) -> Iterator[Finding]:
    if not schema.sensors:
        yield Finding(
            "no_sensor",
            "no column of numbers is left to learn from: ignore fewer, or correct the cells that keep a column from "
            "being numbers",
        )


def _rows(snapshot: SeriesSnapshot) -> Iterator[Finding]:
    rows = snapshot.rows + snapshot.waiting
    if rows < LEAST_ROWS:
        yield Finding(
            "few_rows", f"there are {plural(rows, 'row')}, at least {LEAST_ROWS} are needed: several hundred are better"
        )

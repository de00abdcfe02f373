"""Time series with their settings as they were at one moment, and whether that is enough to train on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from datasets.findings import Finding
from datasets.series.schema import SeriesSchema
from datasets.series.settings import SeriesSettings, label_word
from datasets.tables.appending import waiting_rows
from datasets.tables.cells import shown
from datasets.tables.changing import profile_of_table
from datasets.tables.profile import ColumnProfile, TableProfile
from datasets.tables.schema import Column, ColumnType
from datasets.tables.snapshot import findings_by_column
from datasets.tables.warnings import (
    AMBIGUOUS_DATES,
    CONSTANT,
    MOSTLY_MISSING,
    MOSTLY_NUMBERS,
    NUMBERS_OTHERWISE,
    column_warnings,
)
from storage.files import StoredFile
from storage.project import Project
from storage.store import Store
from storage.tables import Table
from utils import plural

LEAST_ROWS = 50
# A sensor may well be different in every row.
_TOLD = {CONSTANT, MOSTLY_MISSING, MOSTLY_NUMBERS}
_TOLD_OF_WORDS = {MOSTLY_NUMBERS, NUMBERS_OTHERWISE, AMBIGUOUS_DATES}


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
        findings=(*odd, *_columns(schema, profile)),
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


def _columns(schema: SeriesSchema, profile: TableProfile) -> Iterator[Finding]:
    sensors = set(schema.sensors)
    for column in profile.columns:
        name = column.column.name
        if name in schema.ignored:
            continue
        told = column_warnings(column, profile.rows)
        if name in sensors:
            yield from (finding for finding in told if finding.code in _TOLD)
            yield from _gaps_of(column, profile.rows)
            if schema.label is None:
                yield from _label_like(column)
        elif name not in (schema.time, schema.series, schema.label):
            yield from (finding for finding in told if finding.code in _TOLD_OF_WORDS)
        elif name == schema.label:
            yield from _unlabelled(column, profile.rows)
    if schema.time is None:
        yield from _no_time(profile)


def _gaps_of(column: ColumnProfile, rows: int) -> Iterator[Finding]:
    if column.missing:
        share = column.missing / rows
        yield Finding(
            "missing_samples",
            f"the sensor {shown(column.column.name)} has no value in {column.missing:,} of {rows:,} rows ({share:.1%})",
        )


def _label_like(column: ColumnProfile) -> Iterator[Finding]:
    """A label among the sensors would make every score right, and none useful."""
    if label_word(column) is not None:
        yield Finding(
            "looks_like_label",
            f"the column {shown(column.column.name)} looks like a label and is taken for a sensor: "
            "set `label` to it, or ignore it",
        )


def _unlabelled(column: ColumnProfile, rows: int) -> Iterator[Finding]:
    if column.missing:
        yield Finding(
            "missing_labels",
            f"{column.missing:,} of {rows:,} rows have no label in {shown(column.column.name)}: taken for normal",
        )


def _no_time(profile: TableProfile) -> Iterator[Finding]:
    dates = [column.column.name for column in profile.columns if column.column.type is ColumnType.DATE]
    if dates:
        yield Finding(
            "no_time",
            f"no column is said to hold the time, so rows are taken in the order of the file: set `time` to "
            f"{' or '.join(map(shown, dates[:3]))} if it says when a row was read",
        )

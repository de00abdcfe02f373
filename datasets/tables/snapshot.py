"""A table with its settings as they were at one moment, and whether that is enough to train on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from datasets.findings import Finding
from datasets.tables.cells import shown
from datasets.tables.changing import profile_of_table
from datasets.tables.profile import ColumnProfile
from datasets.tables.schema import Column, ColumnType, TableSchema, Task
from datasets.tables.settings import TableSettings, task_of
from datasets.tables.warnings import table_warnings
from storage.files import StoredFile
from storage.project import Project
from storage.store import Store
from storage.tables import Table
from utils import plural, some_of

LEAST_ROWS = 10
MOST_CLASSES = 1000


@dataclass(frozen=True)
class TableSnapshot:
    """A project's table at one moment.

    Attributes:
        table_id: of the stored table; empty when the project had none.
        content: SHA-256 of names and cells.
        schema: None as long as there is no target.
        target: what is known of that column.
        groups: different groups; None when there is no group column.
        warnings: about columns that are learned from, or could be.
        varies: some column that is learned from has two different values, or a value and a gap.
        file: the rows; None as `table_id`.
    """

    project_type: str
    table_id: str = ""
    content: str = ""
    rows: int = 0
    schema: TableSchema | None = None
    task: Task | None = None
    target: ColumnProfile | None = None
    groups: int | None = None
    warnings: tuple[Finding, ...] = ()
    varies: bool = True
    file: StoredFile | None = None

    def digest(self) -> str:
        """SHA-256 over type, content and settings; equal for the same table in a file of another format."""
        schema = self.schema and self.schema.as_fields()
        text = json.dumps([self.project_type, self.content, schema, self.task and self.task.value], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def labelled(self) -> int:
        """Rows with a value in the target."""
        return self.rows - self.target.missing if self.target else 0


def snapshot_of(store: Store, project: Project, table: Table) -> TableSnapshot:
    """A table with its settings; they are one document, so they fit to each other."""
    settings, profile = TableSettings.of(table.settings), profile_of_table(store, table)
    schema = settings.schema(Column.of(column) for column in table.columns)
    target = profile.of(schema.target) if schema else None
    found = findings_by_column(table)
    return TableSnapshot(
        project_type=project.type,
        table_id=str(table.id),
        content=table.digest,
        rows=table.rows,
        schema=schema,
        task=task_of(settings, target) if target else None,
        target=target,
        groups=profile.of(schema.group).distinct if schema and schema.group is not None else None,
        warnings=tuple(
            warning
            for column, warnings in table_warnings(profile, settings.types)
            if column.column.name not in settings.ignored
            for warning in (*warnings, *found.get(column.column.name, ()))
        ),
        varies=not schema or any(map(_varies, (profile.of(column.name) for column in schema.features))),
        file=table.rows_file,
    )


def _varies(column: ColumnProfile) -> bool:
    return column.distinct > 1 or bool(column.distinct and column.missing)


def findings_by_column(table: Table) -> dict[str | None, list[Finding]]:
    """What a table's settings make of its rows, by the name of the column that it is about; None for all of it."""
    found: dict[str | None, list[Finding]] = {}
    for row in table.findings:
        found.setdefault(row["name"], []).append(Finding(row["code"], row["message"]))
    return found


def missing(snapshot: TableSnapshot) -> list[Finding]:
    """What keeps a training from starting; empty when nothing does."""
    if snapshot.file is None:
        return [Finding("no_table", "the project has no table: import a CSV, TSV or Parquet file")]
    if snapshot.schema is None or snapshot.target is None:
        return [Finding("no_target", "no column is chosen to be predicted: set `target` of the table")]
    schema, target = snapshot.schema, snapshot.target
    return [
        *_features(schema, snapshot.varies),
        *_rows(snapshot),
        *_groups(snapshot),
        *_classes(snapshot, target),
        *_values(snapshot, target),
    ]


def _features(schema: TableSchema, varies: bool) -> Iterator[Finding]:
    if schema.features and not varies:
        yield Finding(
            "no_features",
            "each column to learn from has the same value in every row: there is nothing to tell rows apart by; ignore "
            "fewer columns, or see what is said of those that were taken for text",
        )
    if not schema.features:
        yield Finding(
            "no_features",
            "no column is left to learn from: all but the target are ignored, group, split or text; ignore fewer, or "
            "set the type of a column of text to category",
        )


def _rows(snapshot: TableSnapshot) -> Iterator[Finding]:
    if snapshot.schema and snapshot.labelled < LEAST_ROWS:
        verb = "has" if snapshot.labelled == 1 else "have"
        yield Finding(
            "few_rows",
            f"{plural(snapshot.labelled, 'row')} {verb} a value in the target {shown(snapshot.schema.target)}: at "
            f"least {LEAST_ROWS} are needed",
        )


def _groups(snapshot: TableSnapshot) -> Iterator[Finding]:
    if snapshot.groups == 1 and snapshot.schema and snapshot.schema.split is None:
        yield Finding(
            "one_group",
            f"all rows are of one group by {shown(snapshot.schema.group or '')}, so nothing can be held back: choose "
            "another `group`, or none",
        )


def _classes(snapshot: TableSnapshot, target: ColumnProfile) -> Iterator[Finding]:
    if snapshot.task is not Task.CLASSIFICATION or snapshot.labelled < LEAST_ROWS:
        return
    name = shown(target.column.name)
    if not target.distinct_is_exact or target.distinct > MOST_CLASSES:
        number = f"{target.distinct:,}" if target.distinct_is_exact else f"more than {target.distinct:,}"
        also = "set `task` to regression, or " if target.column.type is ColumnType.NUMBER else ""
        yield Finding(
            "too_many_classes",
            f"the target {name} has {number} classes, at most {MOST_CLASSES:,} can be told apart: {also}choose another",
        )
        return
    if target.distinct == 1:
        yield Finding(
            "one_class", f"the target {name} has one class only, {shown(target.values[0][0])}: there is nothing to tell"
        )
    if single := sorted(value for value, count in target.values if count == 1):
        classes = "a class" if len(single) == 1 else f"{len(single):,} classes"
        yield Finding(
            "one_row_class",
            f"the target {name} has {classes} with one row only: {some_of(single)}: add rows, correct the spelling, "
            "or empty these cells, and import the file again",
        )


def _values(snapshot: TableSnapshot, target: ColumnProfile) -> Iterator[Finding]:
    if snapshot.task is Task.REGRESSION and snapshot.labelled >= LEAST_ROWS and target.distinct == 1:
        yield Finding(
            "one_value",
            f"the target {shown(target.column.name)} is {target.values[0][0]} in every row that has a value: there is "
            "nothing to tell",
        )

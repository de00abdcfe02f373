"""Projects of tables in capsules: the file that each table came by, and what is said of its columns.

Whatever a capsule says of a table is made anew of that file, by the code that imports uploads.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from bson import ObjectId
from pydantic import BaseModel

from datasets.imports.interrupts import Interrupts
from datasets.imports.options import ImportOptions
from datasets.tables.changing import change_settings, settled
from datasets.tables.frozen import FrozenTable
from datasets.tables.kind import TableKind
from datasets.tables.roles import RoleSettings
from storage.import_record import Import, ImportState
from storage.projects import Project
from storage.store import Store
from storage.tables import Table
from training.capsule.contents import Contents
from training.capsule.documents import TableDocument, TableRow, TableVersion
from training.capsule.refusing import refused
from utils import utc_now


class TableHolding:
    """See `training.capsule.holding.Holding`."""

    Dataset: type[BaseModel] = TableDocument
    Version: type[BaseModel] = TableVersion

    def __init__(self, kind: TableKind):
        self._kind = kind

    def current(self, store: Store, project: Project) -> FrozenTable[Any] | None:
        """The table, if there is one."""
        return self._kind.current(store, project) if store.tables.current(project.id) else None

    def document(self, frozen: FrozenTable[Any] | None) -> dict[str, Any]:
        """One row, or none."""
        return {"table": _row(frozen.table) if frozen else None}

    def entries(self, store: Store, frozen: FrozenTable[Any] | None) -> Iterator[tuple[str, Iterable[bytes], bool]]:
        """The file that the table came by."""
        if frozen:
            file = frozen.table.file
            yield _path(file.sha256), store.artifacts.stream(file.id), True

    def check(self, contents: Contents) -> None:
        """The file of each table is there."""
        for row in _rows(contents):
            if not contents.holds(_path(row.sha256), row.sha256, row.size):
                raise refused(f"the file of the table '{row.filename[:100]}' is not in it")

    def project_fields(self, contents: Contents) -> dict[str, Any]:
        """No classes: these are values of a column."""
        return {"classes": [], "retired": [], "group_pattern": ""}

    def taking(
        self, store: Store, contents: Contents, project: Project, version_ids: Mapping[int, ObjectId], max_pixels: int
    ) -> TablesTaking:
        """Every file is imported."""
        return TablesTaking(self._kind, store, contents, project, version_ids)


class TablesTaking:
    """See `training.capsule.holding.Taking`."""

    def __init__(
        self,
        kind: TableKind,
        store: Store,
        contents: Contents,
        project: Project,
        version_ids: Mapping[int, ObjectId],
    ):
        self._kind = kind
        self._store = store
        self._contents = contents
        self._project = project
        self._version_ids = version_ids
        self._tables: dict[str, Table] = {}

    def take(self) -> None:
        """The tables of versions, each kept before the next takes its place; then that of the project."""
        rows = {row.sha256: row for row in _rows(self._contents)}
        now: TableRow | None = self._contents.dataset.table
        if now:
            rows[now.sha256] = rows.pop(now.sha256)
        for sha256, row in rows.items():
            self._tables[sha256] = self._imported(row)
            self._keep(sha256)
        if now:
            change_settings(self._store, self._project, lambda before: self._settings(now))
        elif self._tables:
            self._store.tables.withdraw(self._project.id)

    def freeze(self, version: TableVersion) -> FrozenTable[Any]:
        """The table is kept already."""
        table = self._tables[version.table.sha256]
        settings, findings = settled(self._store, table, self._settings(version.table))
        table = dataclasses.replace(table, settings=settings.to_row(), findings=tuple(findings))
        return FrozenTable(table, self._kind.snapshot_of(self._store, self._project, table))

    def image_id(self, name: str) -> None:
        """None: there are no images."""

    def discard(self) -> None:
        """Nothing: files of tables go with these."""

    def _keep(self, sha256: str) -> None:
        for version in self._contents.versions:
            if version.table.sha256 == sha256:
                self._store.tables.keep(self._tables[sha256].id, self._version_ids[version.version])

    def _imported(self, row: TableRow) -> Table:
        from datasets.tables.importing import TableImport  # brings polars, which a web process does without

        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
            self._contents.copy(_path(row.sha256), cast(BinaryIO, file))
            file.seek(0)
            record = Import(
                id=ObjectId(),
                project_id=self._project.id,
                owner_id=self._project.owner_id,
                state=ImportState.RUNNING,
                size=row.size,
                created_at=utc_now(),
                filename=row.filename,
                options=ImportOptions(format=row.format).to_row(),
            )
            TableImport(self._store, record, Path(folder), Interrupts(), _nobody, _nobody).run(cast(BinaryIO, file))
        table = self._store.tables.current(self._project.id)
        if table is None or table.digest != row.content:
            raise refused(f"the table '{row.filename[:100]}' has other cells than it says")
        return table

    def _settings(self, row: TableRow) -> RoleSettings:
        try:
            found: RoleSettings = self._kind.settings.of(row.settings)
            return found
        except (KeyError, TypeError, ValueError, AttributeError):
            raise refused(f"the settings of the table '{row.filename[:100]}' cannot be read") from None


def _nobody(*found: object, **noted: object) -> None:
    """Whoever sends a capsule is told of what cannot be taken, and of nothing else."""


def _row(table: Table) -> TableRow:
    return TableRow(
        filename=table.filename,
        format=cast(Any, table.format),
        sha256=table.file.sha256,
        size=table.file.size,
        content=table.digest,
        settings=table.settings,
    )


def _rows(contents: Contents) -> list[TableRow]:
    """Of the versions, then of the project."""
    rows = [version.table for version in contents.versions]
    return [*rows, *([contents.dataset.table] if contents.dataset.table else [])]


def _path(sha256: str) -> str:
    return f"tables/{sha256}"

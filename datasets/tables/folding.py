"""Rows that came by themselves become part of their project's table: a new table with all of them takes its place."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

import polars as pl
from bson import ObjectId

from datasets.imports.interrupts import Cancelled, Interrupts
from datasets.tables.appending import NAME, RowBatch
from datasets.tables.changing import settings_class
from datasets.tables.importing import reader_of_file
from datasets.tables.profiling import Parts, profile_of
from datasets.tables.roles import RoleSettings
from datasets.tables.rows_file import read_frames, write_rows
from datasets.tables.working import working_folder
from storage.files import StoredFile
from storage.import_record import Import
from storage.project import Project
from storage.store import Store
from storage.tables import Table
from utils import ChangedMeanwhile, InvalidInput

_TRIES = 5
_BLOCK_ROWS = 1_000
_SUFFIXES = {".gz", ".csv", ".tsv", ".parquet"}


def fold(
    store: Store,
    project: Project,
    folder: Path,
    look: Callable[[], None] = lambda: None,
    import_id: ObjectId | None = None,
) -> Table | None:
    """Make all rows that wait part of the table; gives it, None when the project has no row at all.

    Nothing is lost whenever this ends, and no row comes twice: called again, it goes on from what is stored.

    Args:
        folder: for temporary files.
        look: is called now and then; may raise.
        import_id: of the import that does it, if one does.

    Raises:
        ChangedMeanwhile: others kept replacing the table.
    """
    for last in (*[False] * (_TRIES - 1), True):
        base = store.tables.current(project.id)
        waiting = store.appended.waiting(project.id, base.folded if base else 0)
        if not waiting.rows:
            return base
        with working_folder(folder) as work:
            table = _Folding(store, project, base, waiting.last, work, look).table(import_id)
        try:
            placed = store.tables.follow(base, table)
        except ChangedMeanwhile:
            store.artifacts.delete(*{file.id for file in table.files})
            if last:
                raise
            continue
        store.appended.drop(project.id, waiting.last)
        return placed
    raise AssertionError


class RowsImport:
    """What makes rows that wait part of the table, as an import."""

    def __init__(self, store: Store, record: Import, folder: Path, interrupts: Interrupts):
        self._store = store
        self._record = record
        self._folder = folder
        self._interrupts = interrupts

    def run(self, file: BinaryIO) -> dict[str, int]:
        """Do it; gives how many `rows` and `columns` the table has then.

        Args:
            file: empty: the rows are stored already.

        Raises:
            InvalidInput: others kept replacing the table.
            Interrupted: see `Interrupts.look`.
        """
        persist = self._interrupts.persist
        project = persist(lambda: self._store.projects.get(self._record.project_id))
        if project is None:
            raise Cancelled
        self._interrupts.look()
        try:
            table = persist(lambda: fold(self._store, project, self._folder, self._interrupts.look, self._record.id))
        except ChangedMeanwhile as error:
            raise InvalidInput(error.detail) from error
        return {"rows": table.rows, "columns": len(table.columns)} if table else {}


class _Folding:
    """One table of another and the batches that follow it.

    Args:
        last: number of the last batch that is taken.
    """

    def __init__(
        self, store: Store, project: Project, base: Table | None, last: int, folder: Path, look: Callable[[], None]
    ):
        self._store = store
        self._project = project
        self._base = base
        self._last = last
        self._folder = folder
        self._look = look

    def table(self, import_id: ObjectId | None) -> Table:
        """Written and stored, and not placed yet."""
        base, names = self._base, self._names()
        parts = Parts(self._folder, names)
        written = write_rows(self._folder / "rows", names, self._noted(parts))
        profile = profile_of(parts, lambda done: self._look())
        settings = self._settings().of(base.settings) if base else self._settings().begin(profile)
        file = self._stored()
        return Table(
            id=ObjectId(),
            project_id=self._project.id,
            import_id=import_id or (base.import_id if base else ObjectId()),
            filename=_filename(base),
            format="csv",
            rows=profile.rows,
            size=written.size,
            digest=written.digest,
            columns=tuple(column.column.as_fields() for column in profile.columns),
            settings=settings.to_row(),
            # What was uploaded is less than the table by now, so the rows are what can be downloaded.
            file=file,
            rows_file=file,
            profile=self._store.artifacts.put(io.BytesIO(profile.to_bytes()), "table-profile.json.gz"),
            blocks=written.index.to_bytes(),
            findings=tuple(settings.findings(profile, written.index, reader_of_file(self._folder / "rows"))),
            folded=self._last,
            revision=base.revision if base else 1,
        )

    def _settings(self) -> type[RoleSettings]:
        return settings_class(self._project.type)

    def _batches(self) -> Iterator[RowBatch]:
        after = self._base.folded if self._base else 0
        for batch in self._store.appended.read(self._project.id, after, self._last):
            self._look()
            yield RowBatch.of(batch.content)

    def _names(self) -> tuple[str, ...]:
        """Those of the table; where there is none, all that the rows have, in the order in which they came."""
        if self._base:
            return tuple(column["name"] for column in self._base.columns)
        return tuple(dict.fromkeys(name for batch in self._batches() for name in batch.names))

    def _noted(self, parts: Parts) -> Iterator[pl.DataFrame]:
        """All rows, after they are put down for the profile."""
        for frame in self._frames(parts.names):
            parts.add(frame)
            yield frame

    def _frames(self, names: tuple[str, ...]) -> Iterator[pl.DataFrame]:
        if self._base:
            path = self._folder / "before"
            with path.open("wb") as copy:
                for chunk in self._store.artifacts.stream(self._base.rows_file.id):
                    self._look()
                    copy.write(chunk)
            with path.open("rb") as packed:
                yield from read_frames(packed, self._look)
        # Small batches together: a frame is a file on the way, and a block of rows in the end.
        together: list[pl.DataFrame] = []
        for batch in self._batches():
            together.append(_frame(batch, names))
            if sum(map(len, together)) >= _BLOCK_ROWS:
                yield pl.concat(together)
                together = []
        if together:
            yield pl.concat(together)

    def _stored(self) -> StoredFile:
        with (self._folder / "rows").open("rb") as rows:
            return self._store.artifacts.put(rows, "rows.csv.gz")


def _frame(batch: RowBatch, names: tuple[str, ...]) -> pl.DataFrame:
    columns = zip(*batch.rows, strict=True)
    told = {name: pl.Series(cells, dtype=pl.String) for name, cells in zip(batch.names, columns, strict=True)}
    absent = pl.repeat(None, len(batch.rows), dtype=pl.String, eager=True)
    return pl.DataFrame({name: told.get(name, absent) for name in names})


def _filename(base: Table | None) -> str:
    """That of the file that the table began with, as the form in which it is kept now."""
    name = PurePath(base.filename if base else NAME.replace(" ", "-"))
    while name.suffix.lower() in _SUFFIXES:
        name = name.with_suffix("")
    return f"{name}.csv.gz"

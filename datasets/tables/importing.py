"""From an uploaded data file to the table of a project: read, described, stored, and placed in one step."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import polars as pl
from bson import ObjectId

from datasets.formats.protocol import Finding
from datasets.imports.interrupts import Cancelled, Interrupts
from datasets.imports.options import AUTO, ImportOptions
from datasets.tables.changing import settings_class
from datasets.tables.profile import TableProfile
from datasets.tables.profiling import Parts, profile_of
from datasets.tables.reading import ReadTable, check_format, open_table
from datasets.tables.roles import RoleSettings
from datasets.tables.rows_file import ReadRange, WrittenRows, write_rows
from datasets.tables.warnings import table_warnings
from datasets.tables.working import working_folder
from storage.files import StoredFile
from storage.import_record import Import
from storage.store import Store
from storage.tables import Table
from utils import InvalidInput, Unavailable

_READ, _PROFILED = 0.4, 0.9
_NOTE_SECONDS = 1.0
# Who says so may mean a file of one column, which else is taken for a text.
_CSV = "csv"

Note = Callable[..., None]


class TableImport:
    """Imports one table. Until all of it is stored the project has what it had before.

    Args:
        folder: for temporary files; they take about as much as the data do when they are unpacked.
        interrupts: say when it has to end before its time.
        note: notes fields of the import.
        report: takes a finding.
    """

    def __init__(
        self,
        store: Store,
        record: Import,
        folder: Path,
        interrupts: Interrupts,
        note: Note,
        report: Callable[[Finding], None],
    ):
        self._store = store
        self._record = record
        self._folder = folder
        self._interrupts = interrupts
        self._note = note
        self._report = report
        self._options = ImportOptions.of(record.options)
        self._noted_at = time.monotonic()
        # The same try has the same table, whatever attempt places it.
        step = hashlib.sha256(f"{record.id}:{record.run}".encode()).digest()
        self._table_id = ObjectId(record.id.binary[:4] + step[:8])

    def run(self, file: BinaryIO) -> dict[str, int]:
        """Import the file; gives how many `rows` and `columns` it has.

        Raises:
            InvalidInput: it is no table that is taken, in words.
            Interrupted: see `Interrupts.look`.
        """
        persist = self._interrupts.persist
        if persist(lambda: self._store.tables.is_placed(self._table_id)):
            made = persist(lambda: self._store.tables.get(self._table_id))
            return {"files": 1, "rows": made.rows, "columns": len(made.columns)}
        look, wanted = self._interrupts.look, self._options.format
        with working_folder(self._folder) as folder, open_table(file, folder, look, one_column=wanted == _CSV) as read:
            if wanted != AUTO:
                check_format(wanted, read)
            self._note(format=read.format)
            parts = Parts(folder, read.names)
            written = write_rows(folder / "rows", read.names, self._frames(read, parts, file))
            if not parts.rows:
                raise InvalidInput("the file names columns and has no row: wanted a line for each row")
            profile = profile_of(parts, self._profiled)
            settings = self._settings(profile)
            self._warn(profile, settings)
            if not self._options.dry_run:
                self._place(file, folder / "rows", written, profile, settings, read.format)
            return {"files": 1, "rows": parts.rows, "columns": len(read.names)}

    def _frames(self, read: ReadTable, parts: Parts, file: BinaryIO) -> Iterator[pl.DataFrame]:
        """What is read, after it is put down for the profile."""
        for frame in read.frames():
            parts.add(frame)
            self._progress(_READ * min(1.0, file.tell() / self._record.size))
            yield frame

    def _profiled(self, done: float) -> None:
        self._interrupts.look()
        self._progress(_READ + (_PROFILED - _READ) * done)

    def _progress(self, share: float) -> None:
        if time.monotonic() - self._noted_at > _NOTE_SECONDS:
            self._noted_at = time.monotonic()
            self._note(progress=round(share, 4))

    def _settings(self, profile: TableProfile) -> RoleSettings:
        """Those of the table before, as far as they fit."""
        persist, project_id = self._interrupts.persist, self._record.project_id
        project = persist(lambda: self._store.projects.get(project_id))
        if project is None:
            raise Cancelled
        kind = settings_class(project.type)
        before = persist(lambda: self._store.tables.current(project_id))
        if before is None:
            return kind.begin(profile)
        old = kind.of(before.settings)
        kept: RoleSettings = old.kept(column.column.name for column in profile.columns)
        if kept != old:
            self._tell("columns that the settings name are not in this file: what was said of them is dropped")
        try:
            kept.check(profile)
        except InvalidInput as error:
            self._tell(f"the settings of the table before do not fit to this one and are dropped: {error.detail}")
            return kind.begin(profile)
        return kept

    def _warn(self, profile: TableProfile, settings: RoleSettings) -> None:
        for _, warnings in table_warnings(profile, settings.types):
            for warning in warnings:
                self._tell(warning.message)

    def _tell(self, message: str) -> None:
        self._report(Finding(self._record.filename, None, message))

    def _place(
        self,
        file: BinaryIO,
        rows: Path,
        written: WrittenRows,
        profile: TableProfile,
        settings: RoleSettings,
        format: str,
    ) -> None:
        name = self._record.filename or f"table.{format}"
        persist, artifacts = self._interrupts.persist, self._store.artifacts
        # Rows that came by themselves until now are replaced as well; those that come from here on follow this table.
        folded = persist(lambda: self._store.appended.last(self._record.project_id))
        with rows.open("rb") as packed:
            rows_file = self._stored(packed, "rows.csv.gz")
        table = Table(
            id=self._table_id,
            project_id=self._record.project_id,
            import_id=self._record.id,
            filename=name,
            format=format,
            rows=profile.rows,
            size=written.size,
            digest=written.digest,
            columns=tuple(column.column.as_fields() for column in profile.columns),
            settings=settings.to_row(),
            file=self._stored(file, name),
            rows_file=rows_file,
            profile=persist(lambda: artifacts.put(io.BytesIO(profile.to_bytes()), "table-profile.json.gz")),
            blocks=written.index.to_bytes(),
            findings=tuple(settings.findings(profile, written.index, reader_of_file(rows))),
            folded=folded,
        )
        self._interrupts.look()
        persist(lambda: self._store.tables.place(table))
        # The table counts by now, whoever cancels; rows that stay behind are known to be replaced.
        with suppress(Unavailable):
            self._store.appended.drop(self._record.project_id, folded)

    def _stored(self, file: BinaryIO, name: str) -> StoredFile:
        """Store a file; the look before each of its pieces lets a long one be interrupted."""

        def put() -> StoredFile:
            file.seek(0)
            return self._store.artifacts.put(_Watched(file, self._interrupts.look), name)  # type: ignore[arg-type]  # all it needs is `read`

        return self._interrupts.persist(put)


class _Watched:
    """What of a file a store reads, with a look before each piece."""

    def __init__(self, file: BinaryIO, look: Callable[[], None]):
        self._file = file
        self._look = look

    def read(self, size: int) -> bytes:
        self._look()
        return self._file.read(size)


def reader_of_file(path: Path) -> ReadRange:
    """Reads a part of a rows file on disk."""

    def read(start: int, stop: int) -> list[bytes]:
        with path.open("rb") as file:
            file.seek(start)
            return [file.read(stop - start)]

    return read

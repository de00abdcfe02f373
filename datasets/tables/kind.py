"""Tables as a kind of data: one current table a project, rows split by seed, class and group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from datasets.findings import Finding
from datasets.tables.formats import FORMATS, ROWS
from datasets.tables.roles import RoleSettings
from datasets.tables.schema import TableDataset
from datasets.tables.settings import TableSettings
from storage.import_record import Import
from storage.projects import Project
from storage.store import Store
from storage.tables import Table
from utils import Conflict, NotFound

if TYPE_CHECKING:  # a web process does without what computes on tables until somebody asks for one
    from datasets.formats.protocol import Finding as Found
    from datasets.imports.interrupts import Interrupts
    from datasets.kinds import Export
    from datasets.tables.cache import TableCache
    from datasets.tables.folding import RowsImport
    from datasets.tables.frozen import FrozenTable
    from datasets.tables.importing import TableImport
    from datasets.tables.record import RecordedRows, RecordedTable
    from datasets.tables.snapshot import TableSnapshot


class TableKind:
    """See `datasets.kinds.DataKind`; another kind of data that lies in tables is a subclass.

    Attributes:
        settings: what is said of such a table.
    """

    name, noun = "table", "a table"
    unit = "row"
    settings: type[RoleSettings] = TableSettings
    import_formats: tuple[str, ...] = FORMATS
    import_options: frozenset[str] | None = frozenset({"format", "dry_run"})

    def file_import(
        self,
        store: Store,
        record: Import,
        folder: Path,
        interrupts: Interrupts,
        note: Callable[..., None],
        report: Callable[[Found], None],
    ) -> TableImport | RowsImport:
        """A table comes as one file, or it is made of rows that came by themselves."""
        from datasets.tables.importing import TableImport

        if record.options["format"] == ROWS:
            from datasets.tables.folding import RowsImport

            return RowsImport(store, record, folder, interrupts)
        return TableImport(store, record, folder, interrupts, note, report)

    def gather(self, store: Store, project: Project, folder: Path) -> None:
        """Rows that came by themselves become part of the table."""
        from datasets.tables.folding import fold

        fold(store, project, folder)

    def capture(self, store: Store, project: Project) -> TableSnapshot:
        """The table and its settings."""
        from datasets.tables.snapshot import TableSnapshot

        table = store.tables.current(project.id)
        return self.snapshot_of(store, project, table) if table else TableSnapshot(project.type)

    def snapshot_of(self, store: Store, project: Project, table: Table) -> Any:
        """What a training sees of a table."""
        from datasets.tables.snapshot import snapshot_of

        return snapshot_of(store, project, table)

    def current(self, store: Store, project: Project) -> FrozenTable[Any]:
        """The table and its settings; rows that wait are not part of it yet."""
        from datasets.tables.changing import table_of
        from datasets.tables.frozen import FrozenTable

        try:
            table = table_of(store, project)
        except NotFound as error:
            raise Conflict(error.detail) from None
        return FrozenTable(table, self.snapshot_of(store, project, table))

    def freeze(self, store: Store, project: Project, version_id: ObjectId) -> FrozenTable[Any] | None:
        """Rows never change, so the table is all that is kept."""
        frozen = self.current(store, project)
        try:
            store.tables.keep(frozen.table.id, version_id)
        except NotFound:
            return None
        return frozen

    def thaw(self, store: Store, project: Project, content: bytes) -> FrozenTable[Any]:
        """The rows, with the settings of then."""
        from datasets.tables.frozen import FrozenTable, thawed

        table = thawed(store, content)
        return FrozenTable(table, self.snapshot_of(store, project, table))

    def of_version(self, store: Store, project: Project, frozen: FrozenTable[Any]) -> Any:
        """As it was frozen: nothing more comes to be known of rows."""
        return frozen.snapshot()

    def compare(self, store: Store, before: FrozenTable[Any], after: FrozenTable[Any]) -> dict[str, Any]:
        """Rows by content, columns by name, what is known of them, and settings."""
        from datasets.tables.comparison import State, compare

        old, new = (State.of(store, frozen, self.settings) for frozen in (before, after))
        return compare(store, old, new)

    def exporter(self, name: str, project: Project) -> Callable[[Store, FrozenTable[Any]], Export]:
        """Plain CSV, or the file as it was uploaded."""
        from datasets.tables.frozen import exporter

        return exporter(name, project)

    def missing(self, snapshot: TableSnapshot) -> list[Finding]:
        """A table, a target, rows, classes."""
        from datasets.tables.snapshot import missing

        return missing(snapshot)

    def advice(self, snapshot: TableSnapshot, project: Project) -> list[Finding]:
        """What is odd about columns."""
        return list(snapshot.warnings)

    def cache(self, folder: Path, most_bytes: int) -> TableCache:
        """Of tables by content."""
        from datasets.tables.cache import TableCache

        return TableCache(folder, most_bytes)

    def split(
        self, store: Store, snapshot: TableSnapshot, train_fraction: float, seed: int, cache: TableCache
    ) -> RecordedTable:
        """Stratified by class; what is of one group stays together."""
        return cache.split(snapshot, store.artifacts, train_fraction, seed)

    def read_record(self, content: bytes) -> RecordedTable:
        """Settings, and the part of each row."""
        from datasets.tables.record import RecordedTable

        return RecordedTable.from_bytes(content)

    def as_stored(self, store: Store, project_id: ObjectId, record: RecordedRows[Any]) -> Any:
        """A table stays stored as long as a job was trained on it; another of the same cells is as good."""
        table = store.tables.of_content(project_id, record.snapshot.content, ObjectId(record.snapshot.table_id))
        if table is None:
            raise Conflict(
                "the table of that training is not stored any more: import the same file again, and start a plain "
                "training"
            )
        return record.stored_in(table)

    def materialise(
        self, store: Store, job_id: ObjectId, record: RecordedTable, cache: TableCache, folder: Path
    ) -> TableDataset:
        """The rows with the part of each."""
        store.tables.keep(ObjectId(record.snapshot.table_id), job_id)
        return cache.materialise(record, store.artifacts, folder)

    def read_dataset(self, path: Path) -> TableDataset:
        """Where the rows and the parts lie, and the schema."""
        return TableDataset.read(path)

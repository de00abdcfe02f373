"""Tables as a kind of data: one current table a project, rows split by seed, class and group."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from bson import ObjectId

from datasets.findings import Finding
from datasets.tables.schema import Column, TableDataset
from datasets.tables.settings import TableSettings
from storage.projects import Project
from storage.store import Store
from utils import Conflict, NotFound

if TYPE_CHECKING:  # a web process does without what computes on tables until somebody asks for one
    from collections.abc import Iterable, Mapping

    from datasets.tables.cache import TableCache
    from datasets.tables.profile import TableProfile
    from datasets.tables.record import RecordedTable
    from datasets.tables.rows_file import ReadRange, RowIndex
    from datasets.tables.snapshot import TableSnapshot


class RoleSettings(Protocol):
    """What somebody has said of a table of one kind: what its columns are for, and how they are read.

    Attributes:
        FIELDS: names of what may be set, `ignored` and `types` among them.
    """

    FIELDS: ClassVar[tuple[str, ...]]

    @classmethod
    def begin(cls, profile: TableProfile) -> Any:
        """Settings of a table of which nobody has said anything."""
        ...

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Any:
        """What `to_row` gave."""
        ...

    def to_row(self) -> dict[str, Any]:
        """As the database keeps them."""
        ...

    def columns(self, found: Iterable[Column]) -> tuple[Column, ...]:
        """The columns as they are to be read."""
        ...

    def kept(self, names: Iterable[str]) -> Any:
        """Those that are about columns of these names, for a table that replaces another."""
        ...

    def check(self, profile: TableProfile) -> None:
        """See that they are about columns that there are, and fit to what these hold.

        Raises:
            InvalidInput: with one entry in `errors` for each bad field.
        """
        ...

    def findings(self, profile: TableProfile, index: RowIndex, read: ReadRange) -> list[dict[str, Any]]:
        """What they make of the rows: code and message of each, and the name of the column when it is about one."""
        ...

    def role_of(self, column: Column) -> str:
        """What a column is used for, in a word."""
        ...

    def task_now(self, profile: TableProfile) -> Any:
        """What is learned, where that is a question; else None."""
        ...


class TableKind:
    """See `datasets.kinds.DataKind`; another kind of data that lies in tables is a subclass.

    Attributes:
        settings: what is said of such a table.
    """

    name, noun = "table", "a table"
    unit = "row"
    settings: type[RoleSettings] = TableSettings

    def gather(self, store: Store, project: Project, folder: Path) -> None:
        """Rows that came by themselves become part of the table."""
        from datasets.tables.folding import fold

        fold(store, project, folder)

    def capture(self, store: Store, project: Project) -> TableSnapshot:
        """The table and its settings."""
        from datasets.tables.snapshot import capture_table

        return capture_table(store, project)

    def of_version(self, store: Store, project: Project, number: int) -> TableSnapshot:
        """None: a table is replaced as a whole, and jobs keep the one that they were trained on."""
        raise Conflict(
            f"the project '{project.name}' holds a table, and tables have no versions: leave dataset_version out; "
            "a training that has ended may be repeated on the same rows"
        )

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

    def as_stored(self, store: Store, project_id: ObjectId, record: RecordedTable) -> RecordedTable:
        """A table stays stored as long as a job was trained on it."""
        try:
            store.tables.get(ObjectId(record.snapshot.table_id))
        except NotFound:
            raise Conflict(
                "the table of that training is not stored any more: import the same file again, and start a plain "
                "training"
            ) from None
        return record

    def materialise(
        self, store: Store, job_id: ObjectId, record: RecordedTable, cache: TableCache, folder: Path
    ) -> TableDataset:
        """The rows with the part of each."""
        store.tables.keep(ObjectId(record.snapshot.table_id), job_id)
        return cache.materialise(record, store.artifacts, folder)

    def read_dataset(self, path: Path) -> TableDataset:
        """Where the rows and the parts lie, and the schema."""
        return TableDataset.read(path)

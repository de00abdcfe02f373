"""The `tables` collection: the table of a project, and older ones that jobs were trained on.

The document is the table; its files are stored before it. The one with the highest number that nobody has retired is
the project's, so the insertion of a document is the moment at which a table is replaced. Those before it are retired,
and deleted unless a job's record names them. A job says so here before it is recorded, by an update that fails when the
table is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, every, shielded
from storage.files import Files, HeldFile, StoredFile
from utils import ChangedMeanwhile, NotFound, utc_now

_FILES = {"file": "the data file", "rows_file": "the rows", "profile": "the profile"}
_PLACES = 100


@dataclass(frozen=True)
class Table:
    """A table as it is stored.

    Attributes:
        import_id: of the import that it came by.
        format: of the data file, `file`.
        rows: how many; `size` of them in bytes, as plain text.
        digest: SHA-256 of names and cells, whatever the format of the file.
        columns: as `datasets.tables.schema` writes them, with the types that were found out.
        settings: as `datasets.tables.settings` writes them; `revision` counts their changes from 1.
        findings: what these settings make of the rows: code and message of each, with the name of the column where it
            is about one.
        folded: number of the last batch of appended rows that is among the rows (`storage.appended`); 0 for none.
        rows_file: see `datasets.tables.rows_file`; `profile` see `datasets.tables.profile`.
        blocks: index of the rows file.
    """

    id: ObjectId
    project_id: ObjectId
    import_id: ObjectId
    filename: str
    format: str
    rows: int
    size: int
    digest: str
    columns: tuple[Document, ...]
    settings: Document
    file: StoredFile
    rows_file: StoredFile
    profile: StoredFile
    blocks: bytes = field(repr=False, default=b"")
    number: int = 0
    revision: int = 1
    findings: tuple[Document, ...] = ()
    folded: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """All of its files."""
        return self.file, self.rows_file, self.profile


_PLAIN = set(Table.__dataclass_fields__) - {"id", "columns", "findings", *_FILES}


def _table(row: Document) -> Table:
    fields: dict[str, Any] = {name: row[name] for name in _PLAIN if name in row}
    fields |= {name: _file(row[name]) for name in _FILES}
    # Those of earlier versions were about one thing only, and had no code.
    old = [{"code": "leaks_target", **leak} for leak in row.get("leaks", ())]
    findings = tuple(row.get("findings", old))
    return Table(id=row["_id"], columns=tuple(row["columns"]), findings=findings, **fields)


def _file(row: Document) -> StoredFile:
    return StoredFile(row["file_id"], row["sha256"], row["size"])


def _row(table: Table) -> Document:
    files = {
        name: {"file_id": file.id, "sha256": file.sha256, "size": file.size}
        for name, file in zip(_FILES, table.files, strict=True)
    }
    fields = {name: getattr(table, name) for name in _PLAIN}
    lists = {"columns": list(table.columns), "findings": list(table.findings)}
    return {"_id": table.id, **lists, **fields, **files}


@shielded
class Tables:
    """Tables of projects."""

    def __init__(self, database: Database[Document], files: Files):
        self._tables = database["tables"]
        self._files = files

    def create_indexes(self) -> None:
        self._tables.create_index([("project_id", 1), ("number", -1)], unique=True)
        self._tables.create_index("retired", sparse=True)
        self._tables.create_index("kept_by", sparse=True)
        for name in _FILES:
            self._tables.create_index(f"{name}.file_id")

    def place(self, table: Table) -> Table:
        """Let a table whose files are stored be its project's; one that was placed under this id before stays.

        From its insertion on it counts. Files of a second attempt are left to the sweeper.
        """
        for _ in range(_PLACES):
            number, now = self._newest(table.project_id) + 1, utc_now()
            row = {**_row(table), "number": number, "created_at": now, "updated_at": now}
            try:
                self._tables.insert_one(row)
            except DuplicateKeyError:
                if made := self._tables.find_one({"_id": table.id}):
                    return _table(made)
                continue  # another import placed one just now
            self._retire(table.project_id, row["number"])
            try:
                return self.get(table.id)  # the database keeps milliseconds
            except NotFound:  # another import has replaced it since
                return replace(table, number=row["number"])
        raise ChangedMeanwhile("other imports kept placing tables in this project: import one at a time")

    def follow(self, base: Table | None, table: Table) -> Table:
        """Let a table that holds the rows of the project's, and more, take its place with the settings of then.

        Args:
            base: the project's table as it was read; None when it had none.

        Raises:
            ChangedMeanwhile: it is the project's no more; nothing is changed.
        """
        number = base.number if base else self._newest(table.project_id)
        now = utc_now()
        row = {**_row(table), "number": number + 1, "created_at": now, "updated_at": now}
        if base:
            row["follows"] = base.id
        try:
            self._tables.insert_one(row)
        except DuplicateKeyError:
            if made := self._tables.find_one({"_id": table.id}):
                return _table(made)
            raise ChangedMeanwhile("another table was placed meanwhile") from None
        if base and not self._succeed(base, table.id):
            self._tables.delete_one({"_id": table.id})
            raise ChangedMeanwhile("the table was deleted or replaced meanwhile")
        self._retire(table.project_id, number + 1)
        return self.get(table.id)

    def _succeed(self, base: Table, heir: ObjectId) -> bool:
        """Retire a table for its heir; false when it was retired by others.

        Settings are changed of tables only that are not retired, so those that it has now are its last.
        """
        query = {"_id": base.id, "retired": {"$exists": False}}
        last = self._tables.find_one_and_update(query, {"$set": {"retired": True}})
        if last and last["revision"] != base.revision:
            fields = {name: last[name] for name in ("settings", "findings", "revision") if name in last}
            self._tables.update_one({"_id": heir, "revision": base.revision}, {"$set": fields})
        return last is not None

    def _newest(self, project_id: ObjectId) -> int:
        newest = self._tables.find_one({"project_id": project_id}, {"number": 1}, sort=[("number", -1)])
        return newest["number"] if newest else 0

    def is_placed(self, table_id: ObjectId) -> bool:
        """Whether there is a table of this id, the project's or not."""
        return self._tables.find_one({"_id": table_id}, {"_id": 1}) is not None

    def current(self, project_id: ObjectId) -> Table | None:
        """The project's table; None when it has none."""
        row = self._tables.find_one({"project_id": project_id}, sort=[("number", -1)])
        return _table(row) if row and not row.get("retired") else None

    def get(self, table_id: ObjectId) -> Table:
        """The table of this id, the project's or an older one.

        Raises:
            NotFound: there is none.
        """
        row = self._tables.find_one({"_id": table_id})
        if row is None:
            raise NotFound("the table is not there any more")
        return _table(row)

    def of_content(self, project_id: ObjectId, digest: str, table_id: ObjectId) -> Table | None:
        """A table of a project with these cells, this one if it is there; None when there is none."""
        found = [_table(row) for row in self._tables.find({"project_id": project_id, "digest": digest})]
        return next((table for table in found if table.id == table_id), found[0] if found else None)

    def change(self, table: Table, settings: Document, findings: list[Document]) -> Table:
        """Replace the settings of a table that is of the revision that was read.

        Raises:
            ChangedMeanwhile: somebody else has changed the settings, or the table was replaced; nothing is changed.
        """
        fields = {"settings": settings, "findings": findings, "updated_at": utc_now()}
        change = {"$set": fields, "$inc": {"revision": 1}}
        query = {"_id": table.id, "revision": table.revision, "retired": {"$exists": False}}
        row = self._tables.find_one_and_update(query, change, return_document=ReturnDocument.AFTER)
        if row is None:
            raise ChangedMeanwhile("the table or its settings have been changed since you read them: read them again")
        return _table(row)

    def keep(self, table_id: ObjectId, keeper_id: ObjectId) -> None:
        """Keep a table that a job, or a version of the dataset, is about to be recorded on, whatever replaces it.

        Raises:
            NotFound: it is gone already.
        """
        change = {"$addToSet": {"kept_by": keeper_id}}
        if not self._tables.update_one({"_id": table_id}, change).matched_count:
            raise NotFound("the table was replaced or deleted meanwhile")

    def release(self, keeper_ids: Iterable[ObjectId]) -> None:
        """Let go of what versions keep that are gone; a table that is no project's and that nobody keeps is deleted."""
        of_these = {"kept_by": {"$in": list(keeper_ids)}}
        kept = [row["_id"] for row in self._tables.find(of_these, {"_id": 1})]
        self._tables.update_many(of_these, {"$pull": of_these})
        for table_id in kept:
            self._delete({"_id": table_id, "retired": True, "kept_by.0": {"$exists": False}})

    def withdraw(self, project_id: ObjectId) -> None:
        """Leave the project without a table.

        Raises:
            NotFound: it has none.
        """
        table = self.current(project_id)
        if table is None:
            raise NotFound("the project has no table")
        self._retire(project_id, table.number + 1)
        # One that was about to follow it may have come between.
        if self._tables.find_one({"follows": table.id, "retired": {"$exists": False}}, {"_id": 1}):
            self._retire(project_id, table.number + 2)

    def _retire(self, project_id: ObjectId, number: int) -> None:
        """Tables of a lower number are the project's no more; those that nobody keeps are deleted."""
        older = {"project_id": project_id, "number": {"$lt": number}}
        self._tables.update_many({**older, "retired": {"$exists": False}}, {"$set": {"retired": True}})
        for row in list(self._tables.find({**older, "kept_by.0": {"$exists": False}}, {"_id": 1})):
            self._delete({"_id": row["_id"], "kept_by.0": {"$exists": False}})

    def _delete(self, query: Document) -> None:
        row = self._tables.find_one_and_delete(query)
        if row:
            self._files.delete(*{file.id for file in _table(row).files})

    def delete(self, table_id: ObjectId) -> None:
        """Delete a table, then its files."""
        self._delete({"_id": table_id})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all tables of a project."""
        for row in list(self._tables.find({"project_id": project_id}, {"_id": 1})):
            self.delete(row["_id"])

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have tables, whether or not they still exist."""
        return self._tables.distinct("project_id")

    def superseded(self, before: datetime) -> list[ObjectId]:
        """Ids of tables that are no project's any more, and were placed before a moment.

        One that is kept for what was begun after it is left out: that may be about to be recorded.
        """
        newest = self._tables.aggregate([{"$group": {"_id": "$project_id", "number": {"$max": "$number"}}}])
        begun = {"$gte": ObjectId.from_datetime(before)}
        old = {"created_at": {"$lt": before}, "kept_by": {"$not": begun}}
        found = {row["_id"] for row in self._tables.find({**old, "retired": True}, {"_id": 1})}
        for row in newest:
            query = {**old, "project_id": row["_id"], "number": {"$lt": row["number"]}}
            found |= {table["_id"] for table in self._tables.find(query, {"_id": 1})}
        return sorted(found)

    def kept_by(self, table_ids: list[ObjectId]) -> dict[ObjectId, list[ObjectId]]:
        """Which jobs and versions keep each of the tables."""
        rows = self._tables.find({"_id": {"$in": table_ids}}, {"kept_by": 1})
        return {row["_id"]: row.get("kept_by", []) for row in rows}

    def referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that are a table's."""
        query = {"$or": [{f"{name}.file_id": {"$in": file_ids}} for name in _FILES]}
        rows = self._tables.find(query, {f"{name}.file_id": 1 for name in _FILES})
        return {row[name]["file_id"] for row in rows for name in _FILES} & set(file_ids)

    def held(self) -> Iterator[HeldFile]:
        """Every file of every table."""
        for row in every(self._tables, {}, {"project_id": 1, **dict.fromkeys(_FILES, 1)}):
            for name, what in _FILES.items():
                yield HeldFile(_file(row[name]), row["project_id"], row["_id"], f"{what} of table {row['_id']}")

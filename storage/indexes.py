"""Indexes: those that the collections declare, those that are there, and building one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import DuplicateKeyError, OperationFailure

from settings import Settings
from storage.database import Database, Document, shielded, unhurried
from storage.store import Store
from utils import Conflict

_SERVERS_OWN = {"v", "ns", "background", "key", "language_override", "textIndexVersion"}
_TEXT = "text"


@dataclass(frozen=True)
class Index:
    """One index: `document` as MongoDB's createIndexes takes it and listIndexes gives it."""

    collection: str
    document: Document

    @property
    def name(self) -> str:
        """Its name in the collection."""
        return str(self.document["name"])

    @property
    def keys(self) -> list[tuple[str, Any]]:
        """The fields in their order, each with its direction or kind."""
        if "weights" in self.document:
            # The server gives a text index keys of its own, and its fields in the order of their names.
            return sorted((field, _TEXT) for field in self.document["weights"])
        return list(self.document["key"].items())

    @property
    def options(self) -> Document:
        """Everything but the keys."""
        return {name: value for name, value in self.document.items() if name not in _SERVERS_OWN}

    def is_like(self, other: Index | None) -> bool:
        """Whether it does the same under the same name."""
        return other is not None and (self.keys, self.options) == (other.keys, other.options)


class _NotedCollection(Collection[Document]):
    """Takes down which indexes it is told to make, and makes none."""

    def create_index(self, keys: Any, *_: Any, **options: Any) -> str:
        index = Index(self.name, dict(IndexModel(keys, **options).document))
        self.database.notes.append(index)
        return index.name


class _NotedDatabase(MongoDatabase[Document]):
    def __init__(self, database: Database[Document]):
        super().__init__(database.client, database.name)
        self.notes: list[Index] = []

    def __getitem__(self, name: str) -> Collection[Document]:
        return _NotedCollection(self, name)


@shielded
class Indexes:
    """Indexes of a whole database."""

    def __init__(self, database: Database[Document]):
        self._database = database

    def declared(self, settings: Settings) -> list[Index]:
        """Every index that a start of the platform makes."""
        noted = _NotedDatabase(self._database)
        Store(settings, noted).prepare()
        return noted.notes

    def there(self, collection: str) -> list[Index]:
        """Those of a collection."""
        return [Index(collection, dict(document)) for document in self._database[collection].list_indexes()]

    def build(self, index: Index) -> None:
        """Build an index, in place of those beside which it cannot be: of its name, or of its keys.

        Raises:
            Conflict: the documents do not allow it; what was there before is there again.
        """
        there = self.there(index.collection)
        others = [other for other in there if index.name == other.name or index.keys == other.keys]
        collection = self._database[index.collection]
        # It may take its time on a large collection.
        with unhurried():
            for other in others:
                collection.drop_index(other.name)
            try:
                collection.create_index(index.keys, **index.options)
            except (DuplicateKeyError, OperationFailure) as error:
                for other in others:
                    collection.create_index(other.keys, **other.options)
                alike = (error.details or {}).get("keyValue")
                why = (
                    f"several documents are alike in {alike}" if alike else f"the database refused: {str(error)[:200]}"
                )
                raise Conflict(f"the index cannot be built: {why}") from error

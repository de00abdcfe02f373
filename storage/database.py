"""The connection to MongoDB, and how its errors look from outside."""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from bson import ObjectId
from bson.errors import InvalidId
from gridfs.errors import CorruptGridFile
from pymongo import MongoClient, timeout
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    PyMongoError,
    WTimeoutError,
)

from settings import Settings
from utils import DatabaseSilent, InvalidInput, NotFound, Unavailable

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2
_OPERATION_TIMEOUT_MS = 3500
_UNHURRIED_SECONDS = 24 * 3600.0
_BATCH = 1000
_SILENT = "the database does not answer: try again in a moment"

Document = dict[str, Any]
T = TypeVar("T", bound=type)


def connect(settings: Settings) -> Database[Document]:
    """Connect lazily; the first operation reaches the server.

    Every write is acknowledged by a majority and journaled: what a caller was told is stored survives a kill.
    """
    client: MongoClient[Document] = MongoClient(
        settings.mongo_uri,
        tz_aware=True,
        w="majority",
        journal=True,
        timeoutMS=_OPERATION_TIMEOUT_MS,
        serverSelectionTimeoutMS=_OPERATION_TIMEOUT_MS,
        appname="diyml",
    )
    return client.get_database(settings.database)


def unhurried() -> AbstractContextManager[object]:
    """For operations that go through a large collection; without a bound of its own, each has that of the client."""
    return timeout(_UNHURRIED_SECONDS)


def object_id(text: str, noun: str) -> ObjectId:
    """The id that a text names.

    Raises:
        NotFound: it is none, so there is no such thing.
    """
    try:
        return ObjectId(text)
    except InvalidId:
        raise NotFound(f"there is no {noun} '{text[:100]}'") from None


def batches(ids: Iterable[ObjectId]) -> Iterator[list[ObjectId]]:
    """Ids in lists short enough for one query."""
    source = iter(ids)
    while batch := list(itertools.islice(source, _BATCH)):
        yield batch


def every(
    collection: MongoCollection[Document], query: Document, projection: Document | None = None
) -> Iterator[Document]:
    """Every document that matches, by id, some at a time: a caller that takes long over one keeps no cursor open."""
    after: Document = {}
    while True:
        page = list(collection.find({"$and": [query, after]}, projection).sort("_id", 1).limit(_BATCH))
        yield from page
        if len(page) < _BATCH:
            return
        after = {"_id": {"$gt": page[-1]["_id"]}}


def shielded(cls: T) -> T:
    """Class decorator: a database that does not answer leaves public methods as `Unavailable`, never as pymongo's."""
    for name, member in list(vars(cls).items()):
        if callable(member) and not name.startswith("_") and not isinstance(member, (staticmethod, classmethod)):
            setattr(cls, name, _shield(member))
    return cls


def _shield(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _translated():
            result = method(*args, **kwargs)
        return _shielded_rows(result) if isinstance(result, Iterator) else result

    return call


def _shielded_rows(rows: Iterator[Any]) -> Iterator[Any]:
    with _translated():
        yield from rows


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ConnectionFailure as error:
        raise DatabaseSilent(_SILENT, retry_after_seconds=RETRY_AFTER_SECONDS) from error
    except (ExecutionTimeout, WTimeoutError) as error:
        raise Unavailable(_SILENT, retry_after_seconds=RETRY_AFTER_SECONDS) from error
    except DocumentTooLarge as error:
        raise InvalidInput("too much for one record: send fewer or shorter values") from error
    except CorruptGridFile as error:
        # A file is deleted in two steps, and a reader may come between them.
        raise NotFound("the file is not stored any more") from error
    except PyMongoError as error:
        logger.exception("the database refused an operation")
        raise Unavailable(
            "the database refused the operation: try again in a moment", retry_after_seconds=RETRY_AFTER_SECONDS
        ) from error


__all__ = [
    "Database", "Document", "MongoCollection", "batches", "connect", "every", "object_id", "shielded"
]  # fmt: skip

"""GridFS buckets: content in, id and SHA-256 out."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from bson import ObjectId
from gridfs import GridFSBucket
from gridfs.errors import NoFile
from pymongo import WriteConcern, timeout
from pymongo.errors import PyMongoError

from storage.database import Database, Document, shielded
from utils import NotFound, utc_now

CHUNK_BYTES = 1024 * 1024
# A batch is longer under way than the one operation that the usual bound is meant for.
_TOGETHER_SECONDS = 60.0
# Their content is read on the way, so that there must not be too many for one step.
_DELETED_TOGETHER = 100
_CHUNKS_DELETED_TOGETHER = 100
_MOST_FILES_A_QUERY = 500


@dataclass(frozen=True)
class StoredFile:
    """A file in a bucket; `size` in bytes."""

    id: ObjectId
    sha256: str
    size: int


@dataclass(frozen=True)
class HeldFile:
    """A file that a document refers to.

    Attributes:
        owner_id: of that document.
        owner: what refers to the file, in words: `data point 'cat.png'`.
    """

    file: StoredFile
    project_id: ObjectId
    owner_id: ObjectId
    owner: str


@shielded
class Files:
    """One GridFS bucket.

    A file counts only once a document refers to it. That document is written after it, journaled and by a majority,
    and the journal and the replication log keep their order; so the chunks themselves need no journal wait of their
    own.
    """

    def __init__(self, database: Database[Document], bucket: str):
        self._bucket = GridFSBucket(database, bucket_name=bucket)
        self._files, self._chunks = database[f"{bucket}.files"], database[f"{bucket}.chunks"]
        unjournaled = WriteConcern(w=1)
        self._file_writes = self._files.with_options(write_concern=unjournaled)
        self._chunk_writes = self._chunks.with_options(write_concern=unjournaled)

    def create_indexes(self) -> None:
        # GridFS makes them too, but only with the first file; a copy of a database may have come without.
        self._chunks.create_index([("files_id", 1), ("n", 1)], unique=True)
        self._files.create_index([("filename", 1), ("uploadDate", 1)])

    def put(self, source: BinaryIO, name: str) -> StoredFile:
        """Store a stream in chunks; hash and size are taken on the way. What is cut short is left to the sweeper.

        The documents are as the specification of GridFS has them, and take one round trip each. Its driver would ask
        first whether the bucket has its indexes, which `create_indexes` has made.
        """
        file_id = ObjectId()
        try:
            digest, size = self._put_chunks(file_id, source)
        except PyMongoError:
            raise
        except BaseException:  # of the source
            self.delete(file_id)
            raise
        file = StoredFile(file_id, digest, size)
        self._file_writes.insert_one(_file_row(file, name))
        return file

    def _put_chunks(self, file_id: ObjectId, source: BinaryIO) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        for number in itertools.count():
            chunk = source.read(CHUNK_BYTES)
            if not chunk:
                break
            self._chunk_writes.insert_one(_chunk_row(file_id, number, chunk))
            digest.update(chunk)
            size += len(chunk)
        return digest.hexdigest(), size

    def put_many(self, contents: Sequence[tuple[str, bytes]]) -> list[StoredFile]:
        """Store small files together, in few round trips: all their chunks, then what GridFS knows of them.

        The caller bounds how much it is. What an interruption leaves over goes to the sweeper.

        Args:
            contents: name and content of each.
        """
        files, chunks, rows = [], [], []
        for name, content in contents:
            file = StoredFile(ObjectId(), hashlib.sha256(content).hexdigest(), len(content))
            files.append(file)
            rows.append(_file_row(file, name))
            parts = range(0, len(content), CHUNK_BYTES)
            chunks += [_chunk_row(file.id, n, content[at : at + CHUNK_BYTES]) for n, at in enumerate(parts)]
        with timeout(_TOGETHER_SECONDS):
            if chunks:
                self._chunk_writes.insert_many(chunks, ordered=False)
            if rows:
                self._file_writes.insert_many(rows, ordered=False)
        return files

    def chunk(self, file_id: ObjectId, number: int) -> bytes:
        """One chunk of a file, from 0: `CHUNK_BYTES` of it, or what is left at its end.

        Raises:
            NotFound: no such file (any more), or no such chunk.
        """
        row = self._chunks.find_one({"files_id": file_id, "n": number}, {"data": 1})
        if row is None:
            raise NotFound(f"file {file_id} is not stored any more")
        return row["data"]

    def read(self, file_id: ObjectId) -> bytes:
        """The whole content.

        Raises:
            NotFound: no such file (any more).
        """
        return b"".join(self.stream(file_id))

    def stream(self, file_id: ObjectId) -> Iterator[bytes]:
        """The content in chunks.

        Raises:
            NotFound: no such file (any more).
        """
        try:
            source = self._bucket.open_download_stream(file_id)
        except NoFile:
            raise NotFound(f"file {file_id} is not stored any more") from None
        return iter(source.readchunk, b"")

    def stream_range(self, file_id: ObjectId, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `start` to `stop`, without the latter, in pieces; nothing that lies before or behind is read.

        Raises:
            NotFound: no such file (any more).
        """
        file = self._files.find_one({"_id": file_id}, {"chunkSize": 1})
        if file is None:
            raise NotFound(f"file {file_id} is not stored any more")
        size = file["chunkSize"]
        numbers = {"$gte": start // size, "$lte": (stop - 1) // size}
        expected = start
        for chunk in self._chunks.find({"files_id": file_id, "n": numbers}).sort("n", 1):
            begin = chunk["n"] * size
            piece = chunk["data"][max(0, start - begin) : stop - begin]
            if max(start, begin) != expected or not piece:
                break
            expected += len(piece)
            yield piece
        if expected < stop:
            raise NotFound(f"file {file_id} is not stored any more")

    def read_many(
        self, files: Iterable[tuple[ObjectId, int]], most_bytes: int
    ) -> Iterator[tuple[ObjectId, bytes | None]]:
        """Contents of many files in their order, None for one that is not stored any more, or not as a whole.

        A small file costs a query each when it is read alone; here one query brings as many as fit into `most_bytes`.

        Args:
            files: ids with lengths in bytes.
            most_bytes: of the contents held at a time; a longer file is held alone.
        """
        for batch in _batches(files, most_bytes):
            found: dict[ObjectId, list[bytes]] = {}
            rows = self._chunks.find(
                {"files_id": {"$in": [file_id for file_id, _ in batch]}}, {"files_id": 1, "data": 1}
            )
            for row in rows.sort([("files_id", 1), ("n", 1)]):
                found.setdefault(row["files_id"], []).append(row["data"])
            for file_id, size in batch:
                content = b"".join(found.get(file_id, ()))
                yield file_id, content if len(content) == size else None

    def save(self, file_id: ObjectId, path: Path) -> str:
        """Write the content to `path` and give its SHA-256.

        Raises:
            NotFound: no such file (any more).
        """
        digest = hashlib.sha256()
        with path.open("wb") as target:
            for chunk in self.stream(file_id):
                digest.update(chunk)
                target.write(chunk)
        return digest.hexdigest()

    def delete(self, *file_ids: ObjectId) -> None:
        """Delete files; those that are gone already are no error."""
        for start in range(0, len(file_ids), _DELETED_TOGETHER):
            together = list(file_ids[start : start + _DELETED_TOGETHER])
            self._file_writes.delete_many({"_id": {"$in": together}})
            while self._delete_chunks(together):
                pass

    def _delete_chunks(self, file_ids: list[ObjectId]) -> bool:
        """Delete as many chunks as one step may take; true when there may be more."""
        query = {"files_id": {"$in": file_ids}}
        # Only what the index holds is asked for, so no content is read.
        keys = self._chunks.find(query, {"_id": 0, "files_id": 1, "n": 1}).sort([("files_id", 1), ("n", 1)])
        found = [(row["files_id"], row["n"]) for row in keys.limit(_CHUNKS_DELETED_TOGETHER)]
        if found:
            some = [{"files_id": file_id, "n": {"$lte": last}} for file_id, last in dict(found).items()]
            self._chunk_writes.delete_many({"$or": some})
        return len(found) == _CHUNKS_DELETED_TOGETHER

    def ids_before(self, moment: datetime) -> Iterator[ObjectId]:
        """Ids of files stored before `moment`."""
        return (row["_id"] for row in self._files.find({"uploadDate": {"$lt": moment}}, {"_id": 1}))

    def begun_before(self, moment: datetime) -> Iterator[ObjectId]:
        """Ids of files, whole or not, of which some content is there and whose upload began before `moment`."""
        query = {"files_id": {"$lt": ObjectId.from_datetime(moment)}}
        # Only what the index of GridFS holds is asked for, so no content is read.
        rows = self._chunks.find(query, {"_id": 0, "files_id": 1}).sort([("files_id", 1), ("n", 1)])
        return (file_id for file_id, _ in itertools.groupby(row["files_id"] for row in rows))

    def lengths(self, file_ids: list[ObjectId]) -> dict[ObjectId, int]:
        """Those of the ids that are files, with their lengths in bytes as GridFS knows them."""
        rows = self._files.find({"_id": {"$in": file_ids}}, {"length": 1})
        return {row["_id"]: row["length"] for row in rows}

    def incomplete(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are files of which a chunk is missing."""
        files = list(self._files.find({"_id": {"$in": file_ids}}, {"length": 1, "chunkSize": 1}))
        rows = self._chunks.aggregate(
            [
                {"$match": {"files_id": {"$in": [row["_id"] for row in files]}}},
                {"$group": {"_id": "$files_id", "chunks": {"$sum": 1}}},
            ]
        )
        chunks = {row["_id"]: row["chunks"] for row in rows}
        short = [row["_id"] for row in files if chunks.get(row["_id"], 0) < -(-row["length"] // row["chunkSize"])]
        # A file that is being deleted loses its document first.
        return set(self.lengths(short))


def _file_row(file: StoredFile, name: str) -> Document:
    """As the specification of GridFS has it."""
    sizes = {"length": file.size, "chunkSize": CHUNK_BYTES}
    return {"_id": file.id, "filename": name, **sizes, "uploadDate": utc_now()}


def _chunk_row(file_id: ObjectId, number: int, data: bytes) -> Document:
    return {"files_id": file_id, "n": number, "data": data}


def _batches(files: Iterable[tuple[ObjectId, int]], most_bytes: int) -> Iterator[list[tuple[ObjectId, int]]]:
    batch: list[tuple[ObjectId, int]] = []
    held = 0
    for file_id, size in files:
        if batch and (held + size > most_bytes or len(batch) == _MOST_FILES_A_QUERY):
            yield batch
            batch, held = [], 0
        batch.append((file_id, size))
        held += size
    if batch:
        yield batch

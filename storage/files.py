"""GridFS buckets: content in, id and SHA-256 out."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from bson import ObjectId
from gridfs import GridFSBucket
from gridfs.errors import NoFile
from pymongo import WriteConcern, timeout

from storage.database import Database, Document, shielded
from utils import NotFound, utc_now

CHUNK_BYTES = 1024 * 1024
# A batch is longer under way than the one operation that the usual bound is meant for.
_TOGETHER_SECONDS = 60.0


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
        self._bucket = GridFSBucket(
            database, bucket_name=bucket, chunk_size_bytes=CHUNK_BYTES, write_concern=WriteConcern(w=1)
        )
        self._files = database[f"{bucket}.files"]
        self._chunks = database[f"{bucket}.chunks"]

    def create_indexes(self) -> None:
        # GridFS makes them too, but only with the first file; a copy of a database may have come without.
        self._chunks.create_index([("files_id", 1), ("n", 1)], unique=True)
        self._files.create_index([("filename", 1), ("uploadDate", 1)])

    def put(self, source: BinaryIO, name: str) -> StoredFile:
        """Store a stream in chunks; hash and size are taken on the way. What is cut short is left to the sweeper."""
        digest, size = hashlib.sha256(), 0
        with self._bucket.open_upload_stream(name) as target:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        return StoredFile(target._id, digest.hexdigest(), size)

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
        later = WriteConcern(w=1)
        with timeout(_TOGETHER_SECONDS):
            if chunks:
                self._chunks.with_options(write_concern=later).insert_many(chunks, ordered=False)
            if rows:
                self._files.with_options(write_concern=later).insert_many(rows, ordered=False)
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
        self._files.delete_many({"_id": {"$in": list(file_ids)}})
        self._chunks.delete_many({"files_id": {"$in": list(file_ids)}})

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

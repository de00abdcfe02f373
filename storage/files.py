"""GridFS buckets: content in, id and SHA-256 out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from bson import ObjectId
from gridfs import GridFSBucket
from gridfs.errors import NoFile
from pymongo import WriteConcern

from storage.database import Database, Document, batches, shielded
from utils import NotFound

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class StoredFile:
    """A file in a bucket; `size` in bytes."""

    id: ObjectId
    sha256: str
    size: int


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

    def put(self, source: BinaryIO, name: str) -> StoredFile:
        """Store a stream in chunks; hash and size are taken on the way. What is cut short is left to the sweeper."""
        digest, size = hashlib.sha256(), 0
        with self._bucket.open_upload_stream(name) as target:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        return StoredFile(target._id, digest.hexdigest(), size)

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

    def delete_orphan_chunks(self, before: datetime) -> int:
        """Delete chunks of uploads that began before `before` and were never finished; gives how many files."""
        youngest = ObjectId.from_datetime(before)
        # Only what the index of GridFS holds is asked for, so no content is read.
        firsts = self._chunks.find({"files_id": {"$lt": youngest}, "n": 0}, {"_id": 0, "files_id": 1})
        removed = 0
        for started in batches(row["files_id"] for row in firsts):
            whole = {row["_id"] for row in self._files.find({"_id": {"$in": started}}, {"_id": 1})}
            orphans = [file_id for file_id in started if file_id not in whole]
            self._chunks.delete_many({"files_id": {"$in": orphans}})
            removed += len(orphans)
        return removed

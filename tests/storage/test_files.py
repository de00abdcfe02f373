from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId

from storage.files import CHUNK_BYTES
from storage.store import Store
from utils import NotFound, utc_now

LATER = timedelta(seconds=2)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 7])
def test_content_comes_back_with_its_hash_and_size(store: Store, tmp_path: Path, size: int):
    content = bytes(range(251)) * (size // 251 + 1)
    content = content[:size]
    file = store.artifacts.put(io.BytesIO(content), "any")
    assert (file.size, file.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert store.artifacts.read(file.id) == content
    assert store.artifacts.save(file.id, tmp_path / "copy") == file.sha256
    assert (tmp_path / "copy").read_bytes() == content


def test_files_of_many_chunks_are_deleted_whole_and_no_others(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("storage.files._CHUNKS_DELETED_TOGETHER", 3)
    files = [store.artifacts.put(io.BytesIO(b"x" * (CHUNK_BYTES * chunks - 1)), "any") for chunks in (4, 3, 2, 1)]
    store.artifacts.delete(files[0].id, files[1].id, files[3].id)
    assert store.database["artifacts.chunks"].distinct("files_id") == [files[2].id]
    assert len(store.artifacts.read(files[2].id)) == files[2].size


def test_buckets_are_apart(store: Store):
    file = store.artifacts.put(io.BytesIO(b"x"), "any")
    with pytest.raises(NotFound):
        store.image_files.read(file.id)


def test_reading_what_is_not_stored_is_not_found(store: Store, tmp_path: Path):
    for read in (
        store.artifacts.read,
        store.artifacts.stream,
        lambda file_id: store.artifacts.save(file_id, tmp_path / "x"),
    ):
        with pytest.raises(NotFound):
            read(ObjectId())


def test_a_file_deleted_while_it_is_read_is_not_found(store: Store):
    file = store.artifacts.put(io.BytesIO(b"x" * (2 * CHUNK_BYTES)), "any")
    chunks = store.artifacts.stream(file.id)
    store.database["artifacts.chunks"].delete_many({"files_id": file.id})
    with pytest.raises(NotFound):
        list(chunks)


def test_deleting_removes_every_chunk_and_twice_is_no_error(store: Store):
    files = [store.artifacts.put(io.BytesIO(b"x" * CHUNK_BYTES * 2), "any") for _ in range(2)]
    kept = store.artifacts.put(io.BytesIO(b"kept"), "any")
    for _ in range(2):
        store.artifacts.delete(*(file.id for file in files))
    assert store.database["artifacts.chunks"].count_documents({}) == 1
    assert store.artifacts.read(kept.id) == b"kept"


def test_an_upload_that_is_cut_short_never_becomes_a_file(store: Store):
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 2 * CHUNK_BYTES:
                raise OSError("the connection is gone")
            return super().read(size)

    whole = store.artifacts.put(io.BytesIO(b"whole"), "any")
    with pytest.raises(OSError, match="the connection is gone"):
        store.artifacts.put(Broken(b"x" * 4 * CHUNK_BYTES), "any")
    assert store.database["artifacts.files"].count_documents({}) == 1
    store.database["artifacts.chunks"].insert_one({"files_id": ObjectId(), "n": 0, "data": b"of a killed process"})
    assert list(store.artifacts.begun_before(utc_now() - timedelta(hours=1))) == []
    begun = list(store.artifacts.begun_before(utc_now() + LATER))
    assert len(begun) == 2
    assert store.artifacts.lengths(begun) == {whole.id: 5}


def test_a_file_of_which_a_chunk_is_missing_is_told(store: Store):
    files = [store.artifacts.put(io.BytesIO(b"x" * size), "any") for size in (0, 1, CHUNK_BYTES, CHUNK_BYTES + 1)]
    ids = [file.id for file in files]
    assert store.artifacts.incomplete([*ids, ObjectId()]) == set()
    store.database["artifacts.chunks"].delete_one({"files_id": ids[3], "n": 0})
    assert store.artifacts.incomplete(ids) == {ids[3]}

"""Many files with few queries."""

from __future__ import annotations

import io

import pytest
from bson import ObjectId

from storage.store import Store


@pytest.mark.parametrize("most_bytes", [1, 5000, 10_000_000])
def test_contents_come_in_the_order_asked_for_whatever_is_held_at_a_time(store: Store, most_bytes: int):
    contents = [bytes([n]) * n * 700 for n in range(1, 12)] + [b"", b"z" * 3_000_000]
    files = [store.image_files.put(io.BytesIO(content), "x") for content in contents]
    wanted = [(file.id, file.size) for file in reversed(files)]
    found = list(store.image_files.read_many(iter(wanted), most_bytes))
    assert found == [(file.id, content) for file, content in zip(reversed(files), reversed(contents), strict=True)]


def test_a_file_that_is_gone_or_cut_short_is_none(store: Store):
    files = [store.image_files.put(io.BytesIO(bytes([n]) * 2_000_000), "x") for n in range(3)]
    store.image_files.delete(files[0].id)
    store.database["images.chunks"].delete_one({"files_id": files[1].id, "n": 1})
    wanted = [(file.id, file.size) for file in files] + [(ObjectId(), 7)]
    found = [content for _, content in store.image_files.read_many(wanted, 10**8)]
    assert [content is None for content in found] == [True, True, False, True]

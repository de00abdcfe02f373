from __future__ import annotations

import dataclasses
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from datasets.cache import DatasetCache
from datasets.capture import capture
from datasets.snapshot import Snapshot
from datasets.split import split
from storage.store import Store
from tests.conftest import Caller, picture
from utils import NotFound, Unavailable

PLENTY = 10_000_000


@pytest.fixture
def data(caller: Caller, store: Store) -> Snapshot:
    """A project of six images, two of them equal."""
    caller.project("pets", classes="cat|dog")
    for number in range(6):
        caller.place("pets", f"i{number}", "cat" if number % 2 else "dog", picture(seed=min(number, 4)))
    user = store.users.find("ada")
    assert user
    return capture(store, store.projects.named("pets", user))


def _files(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_images_lie_on_disk_by_content_and_cannot_be_written(data: Snapshot, store: Store, tmp_path: Path):
    dataset = DatasetCache(tmp_path, PLENTY).materialise(data, store.image_files, split(data, 0.8, 0))
    assert _files(tmp_path) == {f"{image.sha256}.png" for image in data.images}
    assert len(_files(tmp_path)) == 5
    samples = dataset.train + dataset.val
    assert len(samples) == 6
    for sample in samples:
        assert sample.path.is_absolute()
        assert sample.path.read_bytes().startswith(b"\x89PNG")
        assert sample.path.stat().st_mode & 0o222 == 0
    assert dataset.digest == data.digest()


def test_a_second_time_nothing_is_downloaded(data: Snapshot, store: Store, tmp_path: Path):
    cache = DatasetCache(tmp_path, PLENTY)
    first = cache.materialise(data, store.image_files, split(data, 0.8, 0))
    for name in ("images.files", "images.chunks"):
        store.database[name].delete_many({})
    assert cache.materialise(data, store.image_files, split(data, 0.8, 0)) == first


def test_an_image_that_was_replaced_since_the_snapshot_is_not_found(
    data: Snapshot, caller: Caller, store: Store, tmp_path: Path
):
    caller.place("pets", "i0", "cat", picture(seed=99))
    with pytest.raises(NotFound):
        DatasetCache(tmp_path, PLENTY).materialise(data, store.image_files, split(data, 0.8, 0))
    assert not [name for name in _files(tmp_path) if name.startswith(".")]


def test_a_stored_file_that_changed_is_not_used(data: Snapshot, store: Store, tmp_path: Path):
    chunk = store.database["images.chunks"].find_one()
    assert chunk
    store.database["images.chunks"].update_one({"_id": chunk["_id"]}, {"$set": {"data": chunk["data"][::-1]}})
    with pytest.raises(Unavailable, match="does not have the hash"):
        DatasetCache(tmp_path, PLENTY).materialise(data, store.image_files, split(data, 0.8, 0))


def test_past_the_bound_what_was_used_longest_ago_goes_first(data: Snapshot, store: Store, tmp_path: Path):
    old, older = tmp_path / "aa" / "old.png", tmp_path / "bb" / "older.png"
    for age_seconds, path in ((100, old), (200, older)):
        path.parent.mkdir()
        path.write_bytes(b"x" * 1000)
        os.utime(path, (time.time() - age_seconds,) * 2)
    DatasetCache(tmp_path, PLENTY).materialise(data, store.image_files, split(data, 0.8, 0))
    used = sum(path.stat().st_size for path in tmp_path.rglob("*.png")) - 2000
    DatasetCache(tmp_path, used + 1500).materialise(data, store.image_files, split(data, 0.8, 0))
    assert (old.exists(), older.exists()) == (True, False)


def test_what_a_training_needs_stays_even_past_the_bound(data: Snapshot, store: Store, tmp_path: Path):
    dataset = DatasetCache(tmp_path, 1).materialise(data, store.image_files, split(data, 0.8, 0))
    assert all(sample.path.exists() for sample in dataset.train + dataset.val)


def test_what_another_worker_is_writing_stays_and_what_a_dead_one_left_goes(
    data: Snapshot, store: Store, tmp_path: Path
):
    arriving, left = tmp_path / "aa" / ".incoming-1", tmp_path / "aa" / ".incoming-2"
    arriving.parent.mkdir()
    for path in (arriving, left):
        path.write_bytes(b"x")
    os.utime(left, (time.time() - 7200,) * 2)
    DatasetCache(tmp_path, 1).materialise(data, store.image_files, split(data, 0.8, 0))
    assert (arriving.exists(), left.exists()) == (True, False)


def test_what_another_thread_trains_on_is_not_removed(data: Snapshot, store: Store, tmp_path: Path):
    cache = DatasetCache(tmp_path, 1)
    with ThreadPoolExecutor(1) as elsewhere:
        first = elsewhere.submit(cache.materialise, data, store.image_files, split(data, 0.8, 0)).result()
        half = dataclasses.replace(data, images=data.images[:2])
        cache.materialise(half, store.image_files, split(half, 0.8, 0))
        assert all(sample.path.exists() for sample in first.train + first.val)
        elsewhere.submit(cache.materialise, half, store.image_files, split(half, 0.8, 0)).result()
    assert len(_files(tmp_path)) == 2

"""What every shelf holds to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moodle.account import account_files, delete_those_gone
from moodle.ids import MOST_ID_CHARACTERS, ModelIds
from moodle.shelves.folder import FolderShelf
from moodle.shelves.protocol import Shelf
from moodle.shelves.s3 import S3Shelf
from storage.store import Store
from utils import InvalidInput, Unavailable, utc_now

ODD = [
    "m",
    "m ",
    "M",
    "../m",
    "..",
    ".",
    "/",
    "a/b",
    "a-b",
    "a.b",
    "ä",
    "a\u0308",
    "é",
    "%2e%2e",
    "\\",
    "$x",
    "\x00",
    "😀",
]


def test_what_is_written_is_read_in_its_newest_version(shelf: Shelf):
    key = ModelIds("", "m", "d").model
    assert shelf.read(key) is None
    assert shelf.version(key) is None
    assert shelf.write(key, b"one" * 10**6, None)
    first = shelf.read(key)
    assert first.content == b"one" * 10**6
    assert shelf.version(key) == first.version
    assert shelf.write(key, b"two", first.version)
    assert shelf.read(key).content == b"two"
    assert shelf.version(key) != first.version


def test_who_expects_what_is_not_there_changes_nothing(shelf: Shelf):
    key = ModelIds("", "m", "d").model
    assert shelf.write(key, b"one", None)
    version = shelf.version(key)
    assert not shelf.write(key, b"two", None)
    assert shelf.write(key, b"three", version)
    assert not shelf.write(key, b"four", version)
    assert shelf.read(key).content == b"three"
    shelf.delete(key)
    assert not shelf.write(key, b"five", shelf.version(ModelIds("", "other").model) or version)
    assert shelf.read(key) is None


def test_of_many_writers_at_once_one_wins(shelf: Shelf):
    key = ModelIds("", "m", "d").model
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: shelf.write(key, f"{n}".encode(), None), range(8)))
    assert sum(won) == 1
    assert shelf.read(key).content == f"{won.index(True)}".encode()


def test_ids_are_opaque_and_none_is_taken_for_another(shelf: Shelf, tmp_path: Path):
    keys = [ModelIds("", name, "d").model for name in ODD] + [ModelIds("", "d", name).model for name in ODD]
    for place, key in enumerate(keys):
        assert shelf.write(key, f"{place}".encode(), None)
    assert [shelf.read(key).content for key in keys] == [f"{place}".encode() for place in range(len(keys))]
    shelf.delete_all(ModelIds("", ".."))
    left = [key for key in keys if shelf.version(key)]
    assert len(left) == len(keys) - 1
    assert {path.name for path in tmp_path.iterdir()} <= {"models"}


def test_owners_do_not_see_each_other(shelf: Shelf):
    ours, theirs = ModelIds("", "m", "d"), ModelIds("6" * 24, "m", "d")
    assert shelf.write(ours.model, b"ours", None)
    assert shelf.read(theirs.model) is None
    assert shelf.write(theirs.model, b"theirs", None)
    shelf.delete_all(ours)
    assert shelf.read(ours.model) is None
    assert shelf.read(theirs.model).content == b"theirs"


def test_what_an_account_has_can_be_taken_away_and_deleted_as_a_whole(shelf: Shelf):
    ours, theirs = ModelIds("", "m", "d"), [ModelIds("6" * 24, "m", "d"), ModelIds("7" * 24, "m", "d")]
    assert shelf.write(ours.model, b"ours", None)
    for ids in theirs:
        assert shelf.write(ids.model, b"model", None)
        assert shelf.write(ids.log(7), b"log", None)
    assert sorted(shelf.owners()) == ["6" * 24, "7" * 24]
    files = dict(account_files(shelf, "6" * 24))
    assert {b"log", b"model"} <= set(files.values())
    assert {name.split("/")[0] for name in files} == {"moodle"}
    delete_those_gone(shelf, lambda owners: {owner for owner in owners if owner[0] == "6"})
    assert shelf.owners() == ["7" * 24]
    assert list(shelf.held("6" * 24)) == []
    assert {shelf.read(key).content for key in (ours.model, theirs[1].model)} == {b"ours", b"model"}


def test_logs_are_listed_in_their_order_and_go_with_the_model(shelf: Shelf):
    ids = ModelIds("", "m", "d")
    assert shelf.logs(ids) == []
    for number in (10, 9, 100):
        assert shelf.write(ids.log(number), b"log", None)
    assert shelf.write(ModelIds("", "m", "e").log(5), b"log", None)
    assert shelf.write(ids.model, b"model", None)
    assert shelf.logs(ids) == [ids.log(9), ids.log(10), ids.log(100)]
    shelf.delete(ids.log(9), ids.log(7))
    assert shelf.logs(ids) == [ids.log(10), ids.log(100)]
    shelf.delete_all(ids)
    shelf.delete_all(ids)
    assert shelf.logs(ids) == shelf.logs(ModelIds("", "m", "e")) == []
    assert shelf.read(ids.model) is None


@pytest.mark.parametrize("name", ["", "x" * (MOST_ID_CHARACTERS + 1), "\ud800"])
def test_an_id_has_bounds(name: str):
    with pytest.raises(InvalidInput):
        ModelIds("", name)


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="the folder of models cannot be used"):
        FolderShelf(tmp_path / "file").write(ModelIds("", "m").model, b"", None)


def test_a_bucket_that_is_not_there_is_told(s3_bucket: str):
    with pytest.raises(Unavailable, match="the S3 bucket refused: NoSuchBucket"):
        S3Shelf("no-such-bucket").write(ModelIds("", "m").model, b"", None)


def test_in_the_database_nothing_is_left_of_what_was_replaced_or_deleted(store: Store):
    from moodle.shelves.database import DatabaseShelf
    from storage.leftovers import LEFTOVERS

    shelf, ids = DatabaseShelf(store.moodle_objects), ModelIds(str(store.users.create("ada", b"long enough").id), "m")
    version = None
    for content in (b"1", b"2"):
        assert shelf.write(ids.model, content, version)
        version = shelf.version(ids.model)
    assert len(list(store.moodle_files.ids_before(utc_now()))) <= 1
    found = [ids for kind in LEFTOVERS for ids in kind.find(store, utc_now())]
    assert not any(found)
    store.delete_user(store.users.find("ada").id)
    assert shelf.read(ids.model) is None
    assert list(store.moodle_objects.held()) == []

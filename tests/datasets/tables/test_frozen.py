"""Versions of tables: rows and settings of then, which stay stored as long as a version names them."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from datasets.gzipped import gunzipped
from datasets.registry import KINDS
from datasets.series.settings import SeriesSettings
from datasets.tables.changing import change_settings
from datasets.tables.settings import TableSettings
from datasets.versions import freeze, snapshot_of_version, thawed
from storage.project import Project
from storage.store import Store
from storage.sweeper import sweep
from storage.users import User
from tests.datasets.tables.made import csv_of
from tests.datasets.tables.placed import import_file
from tests.storage.test_sweeper import AT_ONCE, NONE
from utils import Conflict, utc_now

_ROWS = 2_500  # several blocks of the rows file
_COLUMNS: dict[str, list[object]] = {
    "size": list(range(_ROWS)),
    "kind": [("a", "b")[row % 2] for row in range(_ROWS)],
}
OTHER = csv_of({"other": list(range(60)), "more": list(range(60))})
SETTINGS: dict[str, Any] = {"tabular": TableSettings(target="kind"), "anomaly": SeriesSettings(ignored=("kind",))}


@pytest.fixture
def user(store: Store) -> User:
    return store.users.create("ada", b"long enough")


@pytest.fixture(params=["tabular", "anomaly"])
def project(store: Store, user: User, request: pytest.FixtureRequest) -> Project:
    project = store.projects.create(user, "things", request.param)
    import_file(store, project, csv_of(_COLUMNS))
    change_settings(store, project, lambda now: SETTINGS[project.type])
    return project


def _csv(store: Store, project: Project, frozen: Any) -> bytes:
    export = KINDS[project.type].exporter("csv", project)(store, frozen)
    content = b"".join(export.stream())
    assert export.length == len(content)
    return content


def test_a_version_keeps_rows_and_settings(store: Store, project: Project, user: User):
    kind = KINDS[project.type]
    before = kind.capture(store, project)
    version = freeze(store, project, user, "first")
    assert (version.rows, version.columns, version.images) == (_ROWS, 2, 0)
    assert version.digest == before.digest()
    rows = _csv(store, project, kind.current(store, project))
    change_settings(store, project, lambda now: type(now)())
    assert kind.capture(store, project).digest() != version.digest
    import_file(store, project, OTHER)
    frozen = thawed(store, project, version)
    assert frozen.table.settings == SETTINGS[project.type].to_row()
    assert _csv(store, project, frozen) == rows
    assert snapshot_of_version(store, project, 1).digest() == version.digest
    assert snapshot_of_version(store, project, 1).schema == before.schema
    assert sweep(store, AT_ONCE) == NONE


def test_a_replaced_table_goes_with_the_last_that_keeps_it(store: Store, project: Project, user: User):
    first, second = freeze(store, project, user), freeze(store, project, user)
    job = store.jobs.create(project, {}, 1)
    table = thawed(store, project, first).table
    store.tables.keep(table.id, job.id)
    store.tables.withdraw(project.id)
    store.delete_version(first)
    assert thawed(store, project, second).table.id == table.id
    store.delete_version(second)
    assert store.tables.get(table.id)
    assert sweep(store, AT_ONCE) == NONE
    store.tables.release([job.id])
    assert store.database["tables"].count_documents({}) == 0
    assert store.database["artifacts.files"].count_documents({}) == 0


def test_the_table_of_the_project_stays_when_its_version_goes(store: Store, project: Project, user: User):
    store.delete_version(freeze(store, project, user))
    assert store.tables.current(project.id)


def test_what_a_version_that_was_never_made_keeps_is_swept(store: Store, project: Project):
    table = store.tables.current(project.id)
    assert table
    store.tables.keep(table.id, ObjectId("600000000000000000000000"))
    store.tables.withdraw(project.id)
    assert sweep(store, AT_ONCE) == {**NONE, "old_tables": 1}


def test_what_is_kept_for_a_version_that_is_about_to_be_made_is_not_swept(store: Store, project: Project):
    table = store.tables.current(project.id)
    assert table
    store.database["tables"].update_one({"_id": table.id}, {"$set": {"created_at": utc_now() - timedelta(days=1)}})
    store.tables.keep(table.id, ObjectId())
    store.tables.withdraw(project.id)
    assert sweep(store) == NONE


def test_a_version_whose_table_is_lost_is_told_in_words(store: Store, project: Project, user: User):
    version = freeze(store, project, user)
    table = thawed(store, project, version).table
    store.tables.delete(table.id)
    with pytest.raises(Conflict, match="version 1 of the dataset cannot be read"):
        thawed(store, project, version)


def test_nothing_is_frozen_without_a_table(store: Store, user: User):
    empty = store.projects.create(user, "empty", "tabular")
    with pytest.raises(Conflict, match="no table yet"):
        freeze(store, empty, user)
    assert store.versions.list_of(empty.id, 5) == []


def test_a_table_that_is_replaced_while_it_is_frozen_is_frozen_anew(
    store: Store, user: User, monkeypatch: pytest.MonkeyPatch
):
    project = store.projects.create(user, "things", "tabular")
    import_file(store, project, csv_of(_COLUMNS))
    keep = store.tables.keep
    replaced: list[ObjectId] = []

    def late(table_id: ObjectId, keeper_id: ObjectId) -> None:
        if not replaced:
            replaced.append(table_id)
            import_file(store, project, OTHER)
        keep(table_id, keeper_id)

    monkeypatch.setattr(store.tables, "keep", late)
    assert freeze(store, project, user).rows == 60


@pytest.mark.parametrize("piece", [1, 7, 10**6])
def test_a_gzip_file_of_several_members_is_unpacked_whole(piece: int):
    content = [b"a" * 3_000_000, b"", b"bc" * 17]
    packed = b"".join(gzip.compress(one) for one in content)
    pieces = [packed[start : start + piece] for start in range(0, len(packed), piece)]
    assert b"".join(gunzipped(pieces)) == b"".join(content)

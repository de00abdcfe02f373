"""A project of a table, or of time series, goes to another installation in one file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets.registry import KINDS
from datasets.series.settings import SeriesSettings
from datasets.tables.appending import append_rows
from datasets.tables.changing import change_settings
from datasets.tables.folding import fold
from datasets.tables.schema import ColumnType, NumberFormat
from datasets.tables.settings import TableSettings, TypeWish
from datasets.versions import freeze, snapshot_of_version, thawed
from storage.projects import Project
from storage.store import Store
from storage.sweeper import sweep
from storage.users import User
from tests.datasets.tables.made import csv_of
from tests.datasets.tables.placed import import_file
from tests.storage.test_sweeper import AT_ONCE
from tests.training.capsule.archives import assert_refused, capsule_of, entries_of, packed, taken, with_document
from tests.training.capsule.test_capsule import NOTHING
from training.capsule.documents import MANIFEST

_ROWS = 60
FIRST = csv_of(
    {
        "size": list(range(_ROWS)),
        "kind": [("a", "b")[row % 2] for row in range(_ROWS)],
        "share": [f"{row},5" for row in range(_ROWS)],
        "toll": ["1,234", "2,345"] * (_ROWS // 2),
    }
)
_TYPES = {"toll": TypeWish(ColumnType.NUMBER, number_format=NumberFormat.THOUSANDS_COMMA)}
SECOND = csv_of({"size": list(range(30)), "kind": [("a", "b")[row % 2] for row in range(30)]})
SETTINGS: dict[str, Any] = {
    "tabular": TableSettings(target="kind", types=_TYPES),
    "anomaly": SeriesSettings(ignored=("kind",), types=_TYPES),
}


@pytest.fixture(params=["tabular", "anomaly"])
def project(store: Store, request: pytest.FixtureRequest) -> Project:
    """Three versions of two tables; the project holds the first again, as the first version has it."""
    user = store.users.create("ada", b"long enough")
    project = store.projects.create(user, "things", request.param)
    import_file(store, project, FIRST, "first.csv")
    freeze(store, project, user, "raw")
    change_settings(store, project, lambda now: SETTINGS[project.type])
    freeze(store, project, user, "with settings", "words")
    import_file(store, project, SECOND, "second.csv")
    freeze(store, project, user)
    import_file(store, project, FIRST, "first.csv")
    return project


def test_a_project_is_the_same_on_another_installation(store: Store, project: Project, another: Store, user: User):
    content = capsule_of(store, project)
    made = taken(another, content, user)
    before, again = entries_of(content), entries_of(capsule_of(another, made))
    assert {path: again[path] for path in before if path != MANIFEST} == {
        path: entry for path, entry in before.items() if path != MANIFEST
    }
    assert [version.rows for version in another.versions.list_of(made.id, 5)] == [30, _ROWS, _ROWS]
    for number in (1, 2, 3):
        version = another.versions.get(made.id, number)
        assert snapshot_of_version(another, made, number).digest() == version.digest
    kind = KINDS[project.type]
    assert kind.capture(another, made).digest() == kind.capture(store, project).digest()
    assert thawed(another, made, another.versions.get(made.id, 3)).table.filename == "second.csv"
    assert another.database["tables"].count_documents({}) == 2
    assert sweep(another, AT_ONCE) == NOTHING
    for number in (1, 2, 3):
        another.delete_version(another.versions.get(made.id, number))
    assert another.database["tables"].count_documents({}) == 1


def test_a_project_without_a_table_keeps_its_versions(store: Store, project: Project, another: Store, user: User):
    store.tables.withdraw(project.id)
    made = taken(another, capsule_of(store, project), user)
    assert another.tables.current(made.id) is None
    assert len(another.versions.list_of(made.id, 5)) == 3
    assert sweep(another, AT_ONCE) == NOTHING


def test_a_capsule_of_a_table_holds_no_id(store: Store, project: Project):
    told = b"".join(entries_of(capsule_of(store, project)).values())
    ids = {str(row["_id"]) for kind in ("projects", "tables", "users") for row in store.database[kind].find()}
    assert not [one for one in ids if one.encode() in told]


def dataset(change: Callable[[Any], None]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda entries: with_document(entries, "dataset.json", lambda d: change(d["table"]))


def no_table(entries: dict[str, bytes]) -> dict[str, bytes]:
    """Entries of which the file of the table is none, with hashes that fit."""
    content = b"\0 no table"
    digest = hashlib.sha256(content).hexdigest()
    changed = with_document(entries, "dataset.json", lambda d: d["table"].update(sha256=digest, size=len(content)))
    return {**changed, f"tables/{digest}": content}


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "a file that is missing": (dataset(lambda t: t.update(sha256="0" * 64)), "is not in it"),
    "a file that is no table": (no_table, "the file is one line"),
    "other cells": (dataset(lambda t: t.update(content="0" * 64)), "has other cells"),
    "settings of nothing": (dataset(lambda t: t.update(settings={"x": 1})), "settings of the table"),
    "settings of no column": (dataset(lambda t: t["settings"].update(ignored=["x"])), "no column 'x'"),
    "an operator": (dataset(lambda t: t.update(filename={"$ne": ""})), "filename"),
    "another digest": (
        lambda entries: with_document(entries, "versions/2.json", lambda d: d.update(digest="0" * 64)), "digest"
    ),
    "images": (lambda entries: {**entries, "dataset.json": json.dumps({"images": []}).encode()}, "table"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_capsule_is_refused_and_leaves_nothing(
    store: Store, project: Project, another: Store, user: User, kind: str
):
    change, word = HOSTILE[kind]
    assert_refused(another, packed(change(entries_of(capsule_of(store, project)))), user, word)


def test_a_table_of_one_column_goes_along(store: Store, another: Store, user: User, tmp_path: Path):
    project = store.projects.create(store.users.create("ada", b"long enough"), "flow", "anomaly")
    append_rows(store, project, [{"flow": row} for row in range(40)], "a test")
    table = fold(store, project, tmp_path)
    assert table
    assert (table.rows, len(table.columns)) == (40, 1)
    made = taken(another, capsule_of(store, project), user)
    again = another.tables.current(made.id)
    assert again
    assert again.digest == table.digest

"""What is different between two states of a table: rows, columns, statistics, classes, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from bson import ObjectId

from datasets.registry import TABLE
from datasets.tables import row_comparison
from datasets.tables.frozen import FrozenTable
from storage.project import Project
from storage.store import Store
from storage.users import User
from tests.datasets.tables.made import csv_of
from tests.datasets.tables.placed import place_table

Columns = Mapping[str, Sequence[object]]
_ROWS = 40
BASE: Columns = {
    "id": [f"h{row}" for row in range(_ROWS)],
    "rooms": [row % 5 for row in range(_ROWS)],
    "town": ["Ulm", "Bonn"] * (_ROWS // 2),
    "built": [f"20{row % 20:02}-05-01" for row in range(_ROWS)],
    "large": ["no", "no", "no", "yes"] * (_ROWS // 4),
}


@pytest.fixture
def user(store: Store) -> User:
    return store.users.create("ada", b"long enough")


@pytest.fixture
def project(store: Store, user: User) -> Project:
    return store.projects.create(user, "houses", "tabular")


@pytest.fixture
def states(store: Store, project: Project):
    """Compares two tables, each with its settings."""

    def frozen(columns: Columns, settings: dict[str, Any]) -> FrozenTable[Any]:
        place_table(store, project, csv_of(columns), **settings)
        made = TABLE.freeze(store, project, ObjectId())
        assert made
        return made

    def compared(old: Columns, new: Columns, before: dict[str, Any] | None = None, **after: Any) -> dict[str, Any]:
        sides = frozen(old, before or {}), frozen(new, after)
        return TABLE.compare(store, *sides)

    return compared


def changed(columns: Columns, **others: Sequence[object]) -> Columns:
    return {**columns, **others}


def counts(found: dict[str, Any]) -> tuple[Any, ...]:
    rows = found["rows"]
    return (rows["key"], *(rows[name] for name in ("added", "removed", "changed", "unchanged")))


def test_a_table_is_the_same_as_itself(states):
    found = states(BASE, BASE, {"target": "large"}, target="large")
    assert found["same"]
    assert counts(found) == (None, 0, 0, 0, _ROWS)
    assert (found["settings"], found["moved"]) == ({}, {"count": 0, "columns": []})
    assert found["columns"] == {"added": [], "removed": [], "retyped": [], "reordered": False}


def test_rows_are_told_apart_by_a_column_that_names_them(states):
    rooms = list(BASE["rooms"])
    rooms[3] = 7
    new = {name: [*cells[1:], *cells[:1]] for name, cells in changed(BASE, rooms=rooms).items()}
    new["id"][5] = "new"
    found = states(BASE, new)
    assert not found["same"]
    assert counts(found) == ("id", 1, 1, 1, _ROWS - 2)


def test_rows_without_a_name_are_told_apart_by_their_content_as_often_as_they_are_there(states):
    old = {"a": [1, 1, 1, 2, 2, 3], "b": ["x", "x", "x", "y", "", "z"]}
    new = {"b": ["x", "", "y", "y", "new"], "a": [1, 2, 2, 2, 4]}
    found = states(old, new)
    assert counts(found) == (None, 2, 3, 0, 3)
    assert (found["rows"]["before"], found["rows"]["after"]) == (6, 5)
    assert found["columns"]["reordered"]


def test_spaces_around_and_the_word_for_nothing_make_no_other_row(states):
    old = {"a": ["1", " x ", "", "y"], "b": ["u", "v", "w", "w"]}
    new = {"a": [" 1", "x", "NA", "y"], "b": ["u ", "v", "w", "other"]}
    assert counts(states(old, new)) == (None, 1, 1, 0, 3)


def test_what_is_predicted_names_no_rows(states):
    old = {"price": range(_ROWS), "rooms": BASE["rooms"]}
    new = changed(old, price=range(1, _ROWS + 1))
    assert counts(states(old, new, {"target": "price"}, target="price"))[0] is None


def test_rows_are_compared_by_the_columns_that_both_have(states):
    new = {**{name: cells for name, cells in BASE.items() if name != "town"}, "garden": ["yes"] * _ROWS}
    found = states(BASE, new)
    assert found["columns"] == {"added": ["garden"], "removed": ["town"], "retyped": [], "reordered": False}
    assert counts(found) == ("id", 0, 0, 0, _ROWS)
    assert not found["same"]
    nothing = states(BASE, {"x": [1, 2], "y": [1, 2]})
    assert counts(nothing) == (None,) * 5
    assert not nothing["rows"]["compared"]


def test_columns_that_are_read_otherwise_are_named(states):
    found = states(BASE, changed(BASE, rooms=["many", *BASE["rooms"][1:]]))
    assert found["columns"]["retyped"] == [
        {
            "name": "rooms",
            "before": {"type": "number", "date_format": None, "number_format": None},
            "after": {"type": "category", "date_format": None, "number_format": None},
        }
    ]
    [moved] = [column for column in found["moved"]["columns"] if column["name"] == "rooms"]
    assert set(moved["statistics"]) == {"distinct"}


def test_what_has_moved_comes_with_how_far(states):
    new = changed(
        BASE,
        rooms=[row % 5 + 4 for row in range(_ROWS)],
        town=["Ulm"] * 30 + ["Bonn"] * 9 + [""],
        built=[f"20{row % 20:02}-05-02T12:00" for row in range(_ROWS)],
    )
    found = states(BASE, new)["moved"]
    assert (found["count"], [column["name"] for column in found["columns"]]) == (3, ["rooms", "town", "built"])
    rooms, town, built = found["columns"]
    assert rooms["shift"] == 1
    assert rooms["statistics"]["mean"] == {"before": 2.0, "after": 6.0}
    assert town["shift"] == pytest.approx(30 / 39 - 0.5, abs=1e-4)
    assert town["statistics"] == {"missing": {"before": 0, "after": 1}}
    assert built["statistics"]["min"] == {"before": "2000-05-01", "after": "2000-05-02T12:00:00Z"}


def test_rows_of_each_class_and_settings_are_side_by_side(states):
    new = changed(BASE, large=["no", "yes"] * (_ROWS // 2))
    found = states(BASE, new, {"target": "large", "ignored": ("id",)}, target="large", group="town")
    assert found["classes"] == {"before": {"no": 30, "yes": 10}, "after": {"no": 20, "yes": 20}}
    assert found["settings"] == {
        "ignored": {"before": ["id"], "after": []},
        "group": {"before": None, "after": "town"},
    }
    numbers = {"x": [row / 7 for row in range(_ROWS)], "y": [row % 3 for row in range(_ROWS)]}
    assert states(numbers, numbers, {"target": "x"}, target="y")["classes"]["before"] == {}


def test_rows_of_large_tables_are_not_compared(states, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(row_comparison, "MOST_BYTES", 1_000)
    found = states(BASE, changed(BASE, rooms=range(_ROWS)))
    assert counts(found) == (None,) * 5
    assert not found["rows"]["compared"]
    assert found["moved"]["count"] == 1

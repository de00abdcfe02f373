"""Versions and exports of tables over HTTP."""

from __future__ import annotations

import pytest

from api.v1.version_schemas import TablesCompared
from storage.project import Project
from storage.store import Store
from tests.api.problems import assert_problem
from tests.api.v1.test_versions import ask
from tests.conftest import Caller
from tests.datasets.tables.made import csv_of
from tests.datasets.tables.placed import import_file, place_table

URL = "/api/v1/projects/houses"
_ROWS = 40
_COLUMNS: dict[str, list[object]] = {
    "rooms": [1 + row % 5 for row in range(_ROWS)],
    "town, or so": [("Ulm", 'the "old" one')[row % 2] for row in range(_ROWS)],
    "price": [100 + row for row in range(_ROWS)],
}
CONTENT = csv_of(_COLUMNS)
OTHER = csv_of({"other": list(range(20)), "more": list(range(20))})


@pytest.fixture
def houses(caller: Caller, store: Store) -> Project:
    """Ada's project of a table, with a target."""
    caller.project("houses", "tabular")
    user = store.users.find("ada")
    assert user
    project = store.projects.named("houses", user)
    place_table(store, project, CONTENT, target="price")
    return project


def test_a_version_of_a_table_is_made_listed_and_trained_on(caller: Caller, houses: Project, store: Store):
    made = ask(caller, "POST", f"{URL}/versions", name="checked")
    assert made.status_code == 201
    counts = {"version": 1, "name": "checked", "rows": _ROWS, "columns": 3, "images": 0, "classes": [], "jobs": 0}
    assert made.json.items() >= counts.items()
    import_file(store, houses, OTHER)
    assert_problem(ask(caller, "POST", f"{URL}/jobs"), 400, "not ready to train")
    job = ask(caller, "POST", f"{URL}/jobs", dataset_version=1)
    assert job.status_code == 202
    assert job.json["dataset"]["version"] == 1
    assert [item["jobs"] for item in ask(caller, "GET", f"{URL}/versions").json["items"]] == [1]
    assert_problem(ask(caller, "DELETE", f"{URL}/versions/1"), 409, "queued or running")
    store.jobs.cancel_all(houses.id)
    assert ask(caller, "DELETE", f"{URL}/versions/1").status_code == 204


def test_a_project_without_a_table_has_nothing_to_freeze_or_export(caller: Caller):
    caller.project("houses", "tabular")
    assert_problem(ask(caller, "POST", f"{URL}/versions"), 409, "no table yet")
    assert_problem(ask(caller, "GET", f"{URL}/exports/csv"), 409, "no table yet")


def test_two_versions_and_the_table_as_it_is_are_compared(caller: Caller, houses: Project, store: Store):
    ask(caller, "POST", f"{URL}/versions")
    assert ask(caller, "GET", f"{URL}/versions/1/compare/current").json["same"] is True
    place_table(store, houses, csv_of({**_COLUMNS, "rooms": [9, *_COLUMNS["rooms"][1:]], "garden": [1] * _ROWS}))
    answer = ask(caller, "GET", f"{URL}/versions/1/compare/current")
    shown = TablesCompared.model_validate(answer.json)
    assert (shown.same, shown.columns.added) == (False, ["garden"])
    assert (shown.rows.added, shown.rows.removed, shown.rows.unchanged) == (1, 1, _ROWS - 1)
    assert shown.settings["target"].model_dump() == {"before": "price", "after": None}
    assert shown.moved.columns[0].name == "rooms"
    back = ask(caller, "GET", f"{URL}/versions/1/compare/1").json
    assert (back["same"], back["rows"]["unchanged"]) == (True, _ROWS)
    assert_problem(ask(caller, "GET", f"{URL}/versions/1/compare/7"), 404, "no version 7")


def test_versions_of_time_series_are_compared(caller: Caller, store: Store):
    caller.project("pumps", "anomaly")
    user = store.users.find("ada")
    assert user
    project, url = store.projects.named("pumps", user), "/api/v1/projects/pumps"
    readings: dict[str, list[object]] = {
        "pressure": [row / 7 for row in range(_ROWS)],
        "anomaly": [0, 1] * (_ROWS // 2),
    }
    import_file(store, project, csv_of(readings))
    ask(caller, "POST", f"{url}/versions")
    import_file(store, project, csv_of({**readings, "anomaly": [0] * _ROWS}))
    shown = ask(caller, "GET", f"{url}/versions/1/compare/current").json
    assert shown["rows"].items() >= {"added": _ROWS // 2, "removed": _ROWS // 2, "key": None}.items()
    assert shown["classes"]["before"] == {"0": _ROWS // 2, "1": _ROWS // 2}


def test_the_rows_of_a_version_are_exported(caller: Caller, houses: Project, store: Store):
    ask(caller, "POST", f"{URL}/versions")
    import_file(store, houses, OTHER)
    old = ask(caller, "GET", f"{URL}/exports/csv", version=1)
    assert (old.status_code, old.mimetype, old.content_length) == (200, "text/csv", len(old.data))
    assert "houses.csv" in old.headers["Content-Disposition"]
    project = store.projects.create(store.users.get(houses.owner_id), "again", "tabular")
    import_file(store, project, old.data)
    again, first = store.tables.current(project.id), store.database["tables"].find_one({"rows": _ROWS})
    assert again
    assert first
    assert again.digest == first["digest"]
    now = ask(caller, "GET", f"{URL}/exports/csv")
    assert now.data.startswith(b'"other","more"\n0,0\n')
    head = ask(caller, "HEAD", f"{URL}/exports/csv")
    assert (head.data, head.content_length) == (b"", len(now.data))


def test_the_file_that_a_version_came_by_is_exported(caller: Caller, houses: Project, store: Store):
    ask(caller, "POST", f"{URL}/versions")
    import_file(store, houses, OTHER)
    old = ask(caller, "GET", f"{URL}/exports/original", version=1)
    assert (old.data, old.mimetype) == (CONTENT, "text/csv")
    assert "table.csv" in old.headers["Content-Disposition"]


def test_an_unknown_format_or_version_is_404(caller: Caller, houses: Project):
    assert_problem(ask(caller, "GET", f"{URL}/exports/yolo"), 404, "no format 'yolo'", "csv, original")
    assert_problem(ask(caller, "GET", f"{URL}/exports/csv", version=3), 404, "no version 3")

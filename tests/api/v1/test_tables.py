"""Tables over HTTP, imported by a real worker: what is known of one, what is said of it, its rows and its file."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from typing import Any

import polars as pl
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from datasets.imports.options import ImportOptions
from datasets.tables.schema import ColumnType
from storage.store import Store
from storage.sweeper import sweep
from tests.api.problems import assert_problem
from tests.api.v1.import_calls import ImportCalls, wait_until_dropped
from tests.conftest import Caller
from tests.datasets.tables.made import csv_of
from tests.storage.test_sweeper import AT_ONCE, NONE

pytestmark = pytest.mark.usefixtures("worker")

_ROWS = 60
HOUSES: dict[str, list[object]] = {
    "id": [f"h{row}" for row in range(_ROWS)],
    "Price": [100_000 + 1000 * ((row * 7) % _ROWS) for row in range(_ROWS)],
    "Town": [("Ulm", "Bonn", "")[row % 3] for row in range(_ROWS)],
    "Built": [f"{1 + row % 28:02}.03.2001" for row in range(_ROWS)],
    "Rooms": [1 + row % 4 for row in range(_ROWS)],
    "Sold": [("yes", "no")[row % 2] for row in range(_ROWS)],
    "Flag": [(1, 2)[row % 2] for row in range(_ROWS)],
    "Country": ["DE"] * _ROWS,
}
CONTENT = csv_of(HOUSES)


class Tables(ImportCalls):
    """Calls about the table of a project."""

    def __init__(self, client: FlaskClient, token: str, project: str):
        super().__init__(client, token, project)
        self.table = f"/api/v1/projects/{project}/table"

    def call(self, method: str = "GET", what: str = "", tag: str = "", **body: Any) -> TestResponse:
        """About the table, or `/rows` or `/file` of it."""
        headers = {**self.headers, **({"If-Match": tag} if tag else {})}
        sent = {"query_string": body} if method == "GET" else {"json": body}
        return self.client.open(f"{self.table}{what}", method=method, headers=headers, **sent)

    def columns(self) -> dict[str, dict[str, Any]]:
        """Columns by name."""
        return {column["name"]: column for column in self.call().json["columns"]}


@pytest.fixture
def houses(client: FlaskClient, caller: Caller, store: Store) -> Tables:
    """An empty tabular project."""
    caller.project("houses", type="Tabular data")
    return Tables(client, caller.token, "houses")


@pytest.fixture
def imported(houses: Tables) -> Tables:
    """One with a table."""
    record = houses.run(CONTENT, filename="häuser.csv")
    assert (record["state"], record["error"]) == ("succeeded", None)
    return houses


def test_a_csv_becomes_a_table_with_its_profile(imported: Tables, store: Store):
    (record,) = imported.client.get(imported.url, headers=imported.headers).json["items"]
    assert (record["format"], record["progress"]) == ("csv", 1.0)
    assert (record["counts"]["rows"], record["counts"]["columns"]) == (_ROWS, 8)
    response = imported.call()
    assert response.status_code == 200
    assert response.headers["ETag"] == '"1"'
    shown = response.json
    assert (shown["filename"], shown["format"], shown["bytes"]) == ("häuser.csv", "csv", len(CONTENT))
    assert (shown["rows"], shown["revision"], shown["task"]) == (_ROWS, 1, None)
    assert shown["settings"] == {"target": None, "ignored": [], "types": {}, "group": None, "split": None, "task": None}
    columns = imported.columns()
    kinds = {name: (column["type"], column["role"]) for name, column in columns.items()}
    assert kinds == {
        "id": ("text", "text"), "Price": ("number", "feature"), "Town": ("category", "feature"),
        "Built": ("date", "feature"), "Rooms": ("number", "feature"), "Sold": ("category", "feature"),
        "Flag": ("number", "feature"), "Country": ("category", "feature"),
    }  # fmt: skip
    price, town, built = columns["Price"], columns["Town"], columns["Built"]
    assert (price["min"], price["max"], price["mean"], price["distinct"]) == (100_000, 159_000, 129_500, _ROWS)
    assert [part["count"] for part in price["histogram"]] == [3] * 20
    assert list(price["quantiles"]) == ["0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"]
    assert (town["missing"], town["values"]) == (20, [{"value": "Bonn", "count": 20}, {"value": "Ulm", "count": 20}])
    assert (built["date_format"], built["min"], built["max"]) == ("DD.MM.YYYY", "2001-03-01", "2001-03-28")
    warned = {name: [w["code"] for w in column["warnings"]] for name, column in columns.items() if column["warnings"]}
    assert warned == {"id": ["identifier"], "Price": ["identifier"], "Country": ["constant"]}
    assert {line["file"] for line in imported.report(record["id"])} == {"häuser.csv"}
    assert len(imported.report(record["id"])) == 3
    wait_until_dropped(store)
    assert sweep(store, AT_ONCE) == NONE


@pytest.mark.parametrize("format", ["csv.gz", "tsv", "parquet"])
def test_other_formats_become_the_same_table(format: str, houses: Tables, store: Store):
    frame = pl.read_csv(CONTENT, infer_schema=False)
    stream = io.BytesIO()
    if format == "parquet":
        frame.write_parquet(stream)
    else:
        frame.write_csv(stream, separator="\t" if format == "tsv" else ",")
    content = gzip.compress(stream.getvalue()) if format == "csv.gz" else stream.getvalue()
    record = houses.run(content, filename=f"houses.{format}")
    assert (record["state"], record["format"]) == ("succeeded", format.removesuffix(".gz"))
    table = houses.call().json
    assert (table["rows"], table["bytes"]) == (_ROWS, len(content))
    assert houses.call(what="/file").data == content
    digest = table["digest"]
    assert houses.run(CONTENT)["state"] == "succeeded"
    assert houses.call().json["digest"] == digest


def test_settings_say_what_is_learned_from_what(imported: Tables):
    response = imported.call("PATCH", target="Sold", ignored=["id", "Price"], group="Town")
    assert response.status_code == 200, response.text
    assert (response.headers["ETag"], response.json["revision"], response.json["task"]) == ('"2"', 2, "classification")
    columns = imported.columns()
    assert [columns[name]["role"] for name in ("Sold", "id", "Price", "Town", "Built")] == [
        "target", "ignored", "ignored", "group", "feature"
    ]  # fmt: skip
    assert [warning["code"] for warning in columns["Flag"]["warnings"]] == ["leaks_target"]
    assert "it alone tells the class of 100.0% of the rows" in columns["Flag"]["warnings"][0]["message"]
    response = imported.call("PATCH", target="Price", ignored=None, task="regression", types={"Rooms": "category"})
    settings = response.json["settings"]
    assert (settings["ignored"], settings["group"], settings["task"]) == ([], "Town", "regression")
    assert settings["types"] == {"Rooms": {"type": "category", "date_format": None, "number_format": None}}
    assert (imported.columns()["Rooms"]["type"], imported.columns()["Rooms"]["found_type"]) == ("category", "number")
    wish = {"type": "date", "date_format": "DD.MM.YYYY"}
    response = imported.call("PATCH", types={"Rooms": None, "Built": wish})
    assert response.json["settings"]["types"] == {"Built": {**wish, "number_format": None}}
    wish = {"type": "number", "number_format": "1.234,5"}
    response = imported.call("PATCH", types={"Built": None, "Rooms": wish})
    assert response.json["settings"]["types"] == {"Rooms": {**wish, "date_format": None}}
    assert imported.columns()["Rooms"]["number_format"] == "1.234,5"
    assert imported.call("PATCH", target=None, task=None, types=None).json["settings"]["types"] == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"target": "price"}, ("no column 'price'", "do you mean 'Price'?")),
        ({"ignored": ["Twon"]}, ("do you mean 'Town'?",)),
        ({"types": {"Town": "number"}}, ("'Town' cannot be number: row 1 holds 'Ulm'",)),
        ({"types": {"Town": "money"}}, ("types",)),
        ({"types": {"Built": {"type": "date", "date_format": "YYYY"}}}, ("types",)),
        ({"types": {"Price": {"type": "number", "number_format": "1,5"}}}, ("types", "1.234,5")),
        ({"types": {"Price": {"type": "number", "date_format": "DD.MM.YYYY"}}}, ("types",)),
        ({"types": {"Town": {"type": "number", "number_format": "1.234,5"}}}, ("1.234,5: row 1 holds 'Ulm'",)),
        ({"target": "Town", "task": "regression"}, ("regression needs a target of numbers",)),
        ({"target": 5}, ("target",)),
        ({"goal": "Price"}, ("goal",)),
        ({}, ("nothing to change",)),
    ],
)
def test_settings_that_do_not_fit_are_400_and_change_nothing(imported: Tables, body: dict[str, Any], words):
    assert_problem(imported.call("PATCH", **body), 400, *words)
    assert imported.call().json["revision"] == 1


def test_a_change_of_what_somebody_else_changed_is_412(imported: Tables):
    assert imported.call("PATCH", tag='"1"', target="Sold").status_code == 200
    assert_problem(imported.call("PATCH", tag='"1"', target="Price"), 412, "read them again")
    assert imported.call("PATCH", tag='"2"', target="Price").json["settings"]["target"] == "Price"


def test_rows_come_in_pages(imported: Tables):
    first = imported.call(what="/rows", limit=25).json
    assert [row["row"] for row in first["items"]] == list(range(1, 26))
    assert first["items"][2]["values"] == {
        "id": "h2", "Price": "114000", "Town": None, "Built": "03.03.2001", "Rooms": "3", "Sold": "yes", "Flag": "1",
        "Country": "DE",
    }  # fmt: skip
    seen, cursor = first["items"], first["next"]
    while cursor:
        page = imported.call(what="/rows", limit=25, cursor=cursor).json
        seen, cursor = seen + page["items"], page["next"]
    assert [row["values"]["id"] for row in seen] == HOUSES["id"]
    assert_problem(imported.call(what="/rows", cursor="abc"), 400, "cursor")
    assert imported.run(CONTENT)["state"] == "succeeded"
    assert_problem(imported.call(what="/rows", cursor=first["next"]), 400, "another table")


def test_long_cells_make_a_page_shorter(houses: Tables):
    cells = ["x" * 60_000] * 200
    assert houses.run(csv_of({"a": cells, "b": list(range(200))}))["state"] == "succeeded"
    page = houses.call(what="/rows", limit=100).json
    assert 60 < len(page["items"]) < 75
    following = houses.call(what="/rows", limit=100, cursor=page["next"]).json
    assert following["items"][0]["row"] == len(page["items"]) + 1


def test_the_file_comes_back_whole_and_in_parts(imported: Tables):
    whole = imported.call(what="/file")
    assert (whole.data, whole.mimetype) == (CONTENT, "text/csv")
    assert "filename*=UTF-8''h%C3%A4user.csv" in whole.headers["Content-Disposition"]
    part = imported.client.get(f"{imported.table}/file", headers={**imported.headers, "Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, CONTENT[10:20])
    known = imported.client.get(
        f"{imported.table}/file", headers={**imported.headers, "If-None-Match": whole.headers["ETag"]}
    )
    assert known.status_code == 304


def test_a_table_is_among_what_is_kept_about_an_account(imported: Tables):
    assert imported.call("PATCH", target="Sold").status_code == 200
    response = imported.client.get("/api/v1/me/export", headers=imported.headers)
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert archive.read("projects/houses/table.csv") == CONTENT
        assert json.loads(archive.read("projects/houses/table.json"))["settings"]["target"] == "Sold"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,b\n1,2\n3\n", "line 3 has 1 cells"),
        (b"a,b\n", "has no row"),
        (b"PK\x03\x04 and so on", "an Excel workbook"),
        (b"a,b\n1,\xff\n", "line 2 is not UTF-8"),
    ],
)
def test_a_file_that_is_no_table_leaves_the_one_that_is_there(imported: Tables, store: Store, content: bytes, why: str):
    before = imported.call().json
    record = imported.run(content, filename="bad.csv")
    assert record["state"] == "failed"
    assert why in record["error"]
    assert imported.call().json == before
    assert sweep(store, AT_ONCE) == NONE


def test_a_dry_run_tells_what_would_be_and_writes_nothing(houses: Tables, store: Store):
    record = houses.run(CONTENT, dry_run=True)
    assert (record["state"], record["counts"]["rows"], record["findings"]) == ("succeeded", _ROWS, 3)
    assert_problem(houses.call(), 404, "has no table yet")
    assert store.database["tables"].count_documents({}) == 0
    again = houses.post(record["id"], "retry", dry_run=False)
    assert again.status_code == 202
    assert houses.ended(record["id"])["state"] == "succeeded"
    assert houses.call().status_code == 200


def test_a_new_table_keeps_the_settings_that_fit(imported: Tables, store: Store):
    assert imported.call("PATCH", target="Sold", ignored=["id"], group="Town").status_code == 200
    less: dict[str, list[object]] = {name: cells for name, cells in HOUSES.items() if name != "Town"}
    record = imported.run(csv_of(less), filename="new.csv")
    assert imported.call().json["settings"] == {
        "target": "Sold", "ignored": ["id"], "types": {}, "group": None, "split": None, "task": None
    }  # fmt: skip
    assert any("is dropped" in line["reason"] for line in imported.report(record["id"]))
    assert [warning["code"] for warning in imported.columns()["Flag"]["warnings"]] == ["leaks_target"]
    assert store.database["tables"].count_documents({}) == 1
    wait_until_dropped(store)
    assert sweep(store, AT_ONCE) == NONE


def test_a_table_is_deleted_and_goes_with_its_project(imported: Tables, store: Store, caller: Caller):
    assert imported.call("DELETE").status_code == 204
    assert_problem(imported.call("DELETE"), 404)
    for what in ("", "/rows", "/file"):
        assert_problem(imported.call(what=what), 404, "has no table yet")
    assert_problem(imported.call("PATCH", target="Sold"), 404)
    assert imported.run(CONTENT)["state"] == "succeeded"
    assert imported.client.delete("/api/v1/projects/houses", headers=imported.headers).status_code == 204
    assert store.database["tables"].count_documents({}) == 0
    assert store.database["artifacts.files"].count_documents({}) == 0


def test_options_of_images_are_refused_for_a_table(houses: Tables, client: FlaskClient, caller: Caller):
    assert_problem(houses.create(10, on_conflict="replace"), 400, "on_conflict: is about images")
    assert_problem(houses.create(10, format="coco"), 400, "takes auto, csv, tsv, parquet")
    assert houses.create(10, format="parquet").status_code == 201
    caller.project("cells")
    assert_problem(ImportCalls(client, caller.token, "cells").create(10, format="parquet"), 400, "takes auto, yolo")
    record = houses.run(CONTENT, format="parquet")
    assert record["error"] == "the file was said to be parquet, and is csv"


def test_a_whole_file_may_come_at_once(houses: Tables):
    response = houses.client.post(
        f"{houses.url}?filename=houses.csv", data=CONTENT, content_type="text/csv", headers=houses.headers
    )
    assert response.status_code == 201, response.text
    assert houses.ended(response.json["id"])["state"] == "succeeded"


def test_what_an_earlier_attempt_placed_is_not_placed_again(imported: Tables, store: Store):
    """As after a process that was killed between the table and the end of the import."""
    row = store.database["imports"].find_one({})
    table = store.tables.current(row["project_id"])
    assert table
    assert table.import_id == row["_id"]
    again = store.tables.place(table)
    assert (again.number, again.created_at) == (table.number, table.created_at)
    assert ImportOptions.of(row["options"]).format == "auto"
    assert ColumnType(table.columns[0]["type"]) is ColumnType.TEXT


@pytest.mark.parametrize("name", ["tabular", "Table", "tables", "tabular_data"])
def test_a_tabular_project_goes_by_several_names_of_its_type(client: FlaskClient, caller: Caller, name: str):
    headers = {"Authorization": f"Bearer {caller.token}"}
    made = client.post("/api/v1/projects", json={"name": "houses", "type": name}, headers=headers)
    assert (made.status_code, made.json["type"]) == (201, "tabular")


def test_calls_about_images_are_409_for_a_table_and_the_other_way_round(imported: Tables, caller: Caller):
    for what in ("images", "classes", "duplicates", "analysis"):
        answer = imported.client.get(f"/api/v1/projects/houses/{what}", headers=imported.headers)
        assert_problem(answer, 409, "it holds a table")
    caller.project("pets")
    answer = imported.client.get("/api/v1/projects/pets/table", headers=imported.headers)
    assert_problem(answer, 409, "it holds images")

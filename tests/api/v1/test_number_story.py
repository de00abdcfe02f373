"""Files with decimal commas, as much of Europe writes them, give what the same numbers with points give."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import onnxruntime
import pytest
from bson import ObjectId
from flask.testing import FlaskClient

from storage.store import Store
from tests.api.problems import assert_problem
from tests.api.v1.import_calls import ImportCalls
from tests.api.v1.test_series_story import pumps
from tests.conftest import Caller
from tests.training.conftest import wait_for

pytestmark = pytest.mark.usefixtures("worker")

Columns = dict[str, list[Any]]
_ROWS = 80
FLATS: Columns = {
    "area": [900.5 + 37.25 * (row % 40) for row in range(_ROWS)],
    "age": [(row * 7) % 90 for row in range(_ROWS)],
    "town": [("Ulm", "Bonn")[row % 2] for row in range(_ROWS)],
    "price": [1_000_000.5 + 372.5 * (row % 40) - 10 * ((row * 7) % 90) + 50 * (row % 2) for row in range(_ROWS)],
}


def _with_comma(cell: object) -> str:
    """As Excel writes it where commas are decimal: 1234.5 as 1.234,5."""
    return f"{cell:,}".translate(str.maketrans(",.", ".,")) if isinstance(cell, float) else str(cell)


def with_commas(columns: Columns) -> bytes:
    """A file with semicolons."""
    rows = [";".join(map(_with_comma, cells)) for cells in zip(*columns.values(), strict=True)]
    return "\r\n".join([";".join(columns), *rows, ""]).encode()


def with_points(columns: Columns) -> bytes:
    """The same file with commas between cells."""
    rows = [",".join(map(str, cells)) for cells in zip(*columns.values(), strict=True)]
    return "\n".join([",".join(columns), *rows, ""]).encode()


class Project:
    """A project whose model predicts for its owner."""

    def __init__(self, client: FlaskClient, caller: Caller, name: str, kind: str):
        caller.project(name, kind)
        self._client = client
        self._imports = ImportCalls(client, caller.token, name)
        self._headers = self._imports.headers
        self._url, self._public = f"/api/v1/projects/{name}", f"/api/v1/published/{name}"

    def brought(self, content: bytes, **settings: Any) -> dict[str, dict[str, Any]]:
        """The columns, after a file and settings."""
        assert self._imports.run(content, filename="file.csv")["state"] == "succeeded"
        shown = self._client.patch(f"{self._url}/table", json=settings, headers=self._headers)
        assert shown.status_code == 200, shown.text
        return {column["name"]: column for column in shown.json["columns"]}

    def trained(self, store: Store, **params: Any) -> bytes:
        """The file of the model that answers from now on."""
        started = self._client.post(f"{self._url}/jobs", json={"params": params}, headers=self._headers)
        job = wait_for(store, ObjectId(started.json["job_id"]), "succeeded", "failed")
        assert job.state.value == "succeeded", (job.error, job.log)
        assert self._client.put(f"{self._url}/publication", json={}, headers=self._headers).status_code == 200
        return self._client.get(f"/api/v1/models/{job.model_id}/files/model.onnx", headers=self._headers).data

    def post(self, what: str, **sent: Any):
        """A prediction."""
        return self._client.post(f"{self._public}/{what}", headers=self._headers, **sent)

    def append(self, *rows: dict[str, Any]):
        """Rows without a file."""
        return self._client.post(f"{self._url}/rows", json={"rows": rows}, headers=self._headers)

    def in_file(self, content: bytes, name: str, separator: str) -> list[str]:
        """One column of the file that a file with predictions is."""
        answer = self.post("predict-csv", data=content, content_type="text/csv")
        assert answer.status_code == 200, answer.text
        return [row[name] for row in csv.DictReader(io.StringIO(answer.text), delimiter=separator)]


def rows_of(columns: Columns, text: bool = False) -> list[dict[str, Any]]:
    """Rows with numbers as JSON has them, or with all cells as the file has them."""
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return [{name: _with_comma(cell) for name, cell in row.items()} for row in rows] if text else rows


def test_a_table_with_decimal_commas_predicts_as_with_points(client: FlaskClient, caller: Caller, store: Store) -> None:
    files = {"commas": with_commas(FLATS), "points": with_points(FLATS)}
    projects = {name: Project(client, caller, name, "table") for name in files}
    found = {name: project.brought(files[name], target="price") for name, project in projects.items()}
    for name, formats in (("commas", ["1.234,5", None, None, "1.234,5"]), ("points", [None] * 4)):
        assert [column["number_format"] for column in found[name].values()] == formats
    for name in FLATS:
        same = ("type", "min", "max", "mean", "quantiles", "histogram")
        assert [found["commas"][name][key] for key in same] == [found["points"][name][key] for key in same]
    commas, points = projects["commas"], projects["points"]
    model = commas.trained(store, algorithm="linear", seed=1)
    points.trained(store, algorithm="linear", seed=1)

    features = {name: cells for name, cells in FLATS.items() if name != "price"}
    said = [float(value) for value in commas.in_file(with_commas(features), "predicted", ";")]
    assert said == [float(value) for value in points.in_file(with_points(features), "predicted", ",")]
    for rows in (rows_of(features), rows_of(features, text=True)):
        answer = commas.post("predict", json={"rows": rows}).json
        assert [row["value"] for row in answer["predictions"]] == said
    numbers = np.array([features["area"], features["age"]], dtype=np.float64).T
    towns = np.array(features["town"], dtype=object)[:, None]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert session.run(["value"], {"numbers": numbers, "categories": towns})[0][:, 0].tolist() == said
    assert np.corrcoef(said, FLATS["price"])[0, 1] > 0.99

    wanted = "row 1, column 'area': must be a finite number such as 1.234,5"
    assert_problem(commas.post("predict", json={"rows": [{"area": "937.75"}]}), 400, wanted, "got '937.75'")
    assert_problem(points.post("predict", json={"rows": [{"area": "937,75"}]}), 400, "got '937,75'")
    assert_problem(commas.append({"area": "937.75"}), 400, wanted)
    assert commas.append({"area": 937.75, "price": "1.000,5"}).status_code == 201


def test_readings_with_decimal_commas_are_judged_as_with_points(
    client: FlaskClient, caller: Caller, store: Store
) -> None:
    readings: Columns = {**pumps(200)}
    sent: Columns = {**pumps(60, 1000, fault=(1030, 1050))}
    for columns in (readings, sent):
        columns["flow"] = [1000.0 + value for value in columns["flow"]]
    scores = []
    for name, write, separator in (("commas", with_commas, ";"), ("points", with_points, ",")):
        project = Project(client, caller, name, "time series")
        found = project.brought(write(readings), series="machine")
        assert [found[key]["role"] for key in ("flow", "pressure", "heat")] == ["sensor"] * 3
        assert found["flow"]["number_format"] == ("1.234,5" if name == "commas" else None)
        project.trained(store, detector="pca")
        scores.append([float(score) for score in project.in_file(write(sent), "score", separator)])
        rows = project.post("predict", json={"rows": rows_of(sent)}).json["predictions"]
        assert [row["score"] for row in rows] == scores[-1]
        if name == "commas":
            rows = project.post("predict", json={"rows": rows_of(sent, text=True)}).json["predictions"]
            assert [row["score"] for row in rows] == scores[-1]
            refused = project.post("predict", json={"rows": [{"flow": "1000.5"}]})
            assert_problem(refused, 400, "column 'flow'", "1.234,5", "'1000.5'")
    assert scores[0] == scores[1]

"""From a CSV of readings to judged rows and figures for others: imported and trained by a real worker."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bson import ObjectId
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from storage.store import Store
from tests.api.problems import assert_problem
from tests.api.v1.import_calls import ImportCalls
from tests.conftest import Caller
from tests.datasets.tables.made import csv_of
from tests.training.anomaly.series import readings
from tests.training.conftest import wait_for

pytestmark = pytest.mark.usefixtures("worker")

_ROWS, _MORE = 200, 20
PNG = b"\x89PNG\r\n"
Post = Callable[..., TestResponse]


def pumps(rows: int, first: int = 0, fault: tuple[int, int] | None = None) -> dict[str, list[object]]:
    """Readings of one machine, a row a second."""
    values = readings(first + rows, fault)[first:]
    times = (np.datetime64("2026-03-09T10:00:00") + np.arange(first, first + rows)).astype(str).tolist()
    columns = dict(zip(("flow", "pressure", "heat"), values.T.round(6).tolist(), strict=False))
    return {"at": times, "machine": ["a"] * rows, **columns}


def rows_of(columns: dict[str, list[object]]) -> list[dict[str, Any]]:
    """The rows by name."""
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


@pytest.fixture
def post(client: FlaskClient, other: Caller) -> Post:
    """Calls of somebody else."""

    def call(path: str, **what: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {other.token}"}
        return client.post(f"/api/v1/published/pumps/{path}", headers=headers, **what)

    return call


@pytest.fixture
def imports(client: FlaskClient, caller: Caller) -> ImportCalls:
    """An empty project."""
    caller.project("pumps", "Time series")
    return ImportCalls(client, caller.token, "pumps")


def test_readings_become_a_model_that_judges_rows_of_others(
    client: FlaskClient, imports: ImportCalls, store: Store, post: Post
) -> None:
    url, mine = "/api/v1/projects/pumps", imports.headers
    assert_problem(client.post(f"{url}/jobs", json={}, headers=mine), 400, "has no data")
    bring(client, imports, url)
    job_id = client.post(f"{url}/jobs", json={"params": {"detector": "pca"}}, headers=mine).json["job_id"]
    job = wait_for(store, ObjectId(job_id), "succeeded", "failed")
    assert job.state.value == "succeeded", (job.error, job.log)
    record = client.get(f"/api/v1/jobs/{job_id}/record", headers=mine).json["dataset"]
    assert record["train_images"] == round(0.9 * (_ROWS + _MORE))
    table = client.get(f"{url}/table", headers=mine).json
    assert (table["rows"], table["waiting_rows"], table["settings"]["series"]) == (_ROWS + _MORE, 0, "machine")
    assert client.put(f"{url}/publication", json={}, headers=mine).status_code == 200

    sent = pumps(120, 1000, fault=(1060, 1100))
    see_rows_judged(post, sent)
    see_figures_of_rows(post, rows_of(sent))
    model = f"/api/v1/models/{job.model_id}/figures"
    assert client.get(model, headers=mine).json["items"] == ["contributions", "score", "series"]
    assert client.get(f"{model}/series", headers=mine).json["data"]
    png = client.get(f"{model}/score?format=png", headers=mine)
    assert (png.mimetype, png.data[:6]) == ("image/png", PNG)
    assert_problem(client.get(f"{model}/pie", headers=mine), 404, "it has 'contributions', 'score', 'series'")


def bring(client: FlaskClient, imports: ImportCalls, url: str) -> None:
    """A file, settings, and rows that follow."""
    mine = imports.headers
    assert imports.run(csv_of(pumps(_ROWS)), filename="pumps.csv")["state"] == "succeeded"
    assert client.get(f"{url}/table", headers=mine).json["settings"]["time"] == "at"
    assert_problem(client.patch(f"{url}/table", json={"target": "flow"}, headers=mine), 400, "anomaly projects know")
    assert_problem(client.patch(f"{url}/table", json={"label": "flow"}, headers=mine), 400, "wanted 0 or 1")
    shown = client.patch(f"{url}/table", json={"series": "machine"}, headers=mine).json
    roles = {column["name"]: column["role"] for column in shown["columns"]}
    assert roles == {"at": "time", "machine": "series", "flow": "sensor", "pressure": "sensor", "heat": "sensor"}

    more = rows_of(pumps(_MORE, _ROWS))
    assert_problem(client.post(f"{url}/rows", json={"rows": [{"Flow": 1}]}, headers=mine), 400, "do you mean 'flow'")
    keyed = {**mine, "Idempotency-Key": "once"}
    added = client.post(f"{url}/rows", json={"rows": more}, headers=keyed)
    assert (added.status_code, added.json) == (201, {"rows": _MORE, "waiting_rows": _MORE, "table_rows": _ROWS})
    assert client.post(f"{url}/rows", json={"rows": more}, headers=keyed).json == added.json
    assert client.get(f"{url}/readiness", headers=mine).json["ready"] is True


def see_rows_judged(post: Post, sent: dict[str, list[object]]) -> None:
    """As JSON and as a file."""
    answer = post("predict", json={"rows": rows_of(sent)}).json
    anomalies = [row["anomaly"] for row in answer["predictions"]]
    scores = [row["score"] for row in answer["predictions"]]
    assert answer["project_type"] == "anomaly"
    assert sum(anomalies[65:100]) > 30
    assert sum(scores[65:100]) / 35 > 2 * sum(scores[:60]) / 60
    assert answer["predictions"][80]["at"] == "2026-03-09T10:18:00Z"
    shares = answer["predictions"][80]["contributions"]
    assert (set(shares), sum(shares.values())) == ({"flow", "pressure", "heat"}, pytest.approx(1))
    assert_problem(post("predict", json={"rows": [{"flow": "much"}]}), 400, "row 1, column 'flow'")

    found = post("predict-csv", data=csv_of(sent), content_type="text/csv")
    assert (found.status_code, found.mimetype) == (200, "text/csv")
    told = list(csv.DictReader(io.StringIO(found.text)))
    assert [row["anomaly"] == "true" for row in told] == anomalies
    assert [float(row["score"]) for row in told] == scores


def see_figures_of_rows(post: Post, rows: list[dict[str, Any]]) -> None:
    """For Plotly and as a picture."""
    drawn = post("figures", json={"rows": rows, "names": ["series", "score"], "title": "Pump 7"})
    assert drawn.json["layout"]["title"]["text"] == "Pump 7"
    assert {"flow", "score", "threshold"} <= {trace["name"] for trace in drawn.json["data"]}
    picture = post("figures", json={"rows": rows, "names": ["contributions"], "format": "png"})
    assert (picture.status_code, picture.mimetype) == (200, "image/png")
    assert picture.data.startswith(PNG)
    assert_problem(post("figures", json={"rows": rows, "names": ["pie"]}), 400, "'pie'")

"""From a CSV to predictions for others: imported and trained by a real worker, served by real sessions."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from bson import ObjectId
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from storage.store import Store
from tests.api.problems import assert_problem
from tests.api.v1.import_calls import ImportCalls
from tests.conftest import Caller, wait_until
from tests.datasets.tables.made import csv_of
from tests.training.conftest import wait_for

pytestmark = pytest.mark.usefixtures("worker")

_ROWS = 90
FLATS: dict[str, list[object]] = {
    "rooms": [1 + row % 5 for row in range(_ROWS)],
    "town": [("Ulm", "Bonn", "Köln")[row % 3] for row in range(_ROWS)],
    "empty": ["" if row % 7 == 0 else row for row in range(_ROWS)],
    "large": ["yes" if row % 5 >= 2 else "no" for row in range(_ROWS)],
}
Post = Callable[..., TestResponse]


@pytest.fixture
def post(client: FlaskClient, other: Caller) -> Post:
    """Calls of somebody else."""

    def call(path: str, **what: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {other.token}"}
        return client.post(f"/api/v1/published/flats/{path}", headers=headers, **what)

    return call


def test_a_csv_becomes_a_model_that_others_predict_with(
    client: FlaskClient,
    caller: Caller,
    other: Caller,
    store: Store,
    post: Post,
    worker: subprocess.Popen[bytes],
) -> None:
    caller.project("flats", "table")
    imports = ImportCalls(client, caller.token, "flats")
    url, mine = "/api/v1/projects/flats", imports.headers
    assert_problem(client.post(f"{url}/jobs", json={}, headers=mine), 400, "has no table")
    assert imports.run(csv_of(FLATS), filename="flats.csv")["state"] == "succeeded"
    assert_problem(client.post(f"{url}/jobs", json={}, headers=mine), 400, "no column is chosen")
    assert client.patch(f"{url}/table", json={"target": "large"}, headers=mine).status_code == 200
    params = {"algorithm": "linear", "parameters": {"strength": 10.0}}
    job_id = client.post(f"{url}/jobs", json={"params": params}, headers=mine).json["job_id"]
    job = wait_for(store, ObjectId(job_id), "succeeded", "failed")
    assert job.state.value == "succeeded", (job.error, job.log)
    assert client.get(f"/api/v1/jobs/{job_id}/record", headers=mine).json["dataset"]["train_images"] > 60
    assert client.put(f"{url}/publication", json={}, headers=mine).status_code == 200

    rows = [{"rooms": 5, "town": "Ulm", "empty": 3}, {"empty": None, "rooms": "1", "city": "x"}]
    answer = post("predict", json={"rows": rows, "explain": True}).json
    assert [found["class"] for found in answer["predictions"]] == ["yes", "no"]
    assert answer["predictions"][0]["explanation"][0]["column"] == "rooms"
    assert any("city" in warning for warning in answer["warnings"])
    assert_problem(post("predict", json={"rows": [{"rooms": "many"}]}), 400, "row 1, column 'rooms'", "'many'")
    assert_problem(post("predict", data=b"x", content_type="image/png"), 409, "holds a table")

    _predicts_files(post)
    _predicts_in_the_background(post, client, other, worker)

    # The rows that a model was made from stay, whatever takes their place.
    assert imports.run(csv_of({**FLATS, "rooms": [0] * _ROWS}), filename="flats.csv")["state"] == "succeeded"
    again = client.post(f"/api/v1/jobs/{job_id}/repeat", json={}, headers=mine)
    repeated = wait_for(store, ObjectId(again.json["job_id"]), "succeeded", "failed")
    assert repeated.state.value == "succeeded", (repeated.error, repeated.log)
    difference = client.get(f"/api/v1/jobs/{repeated.id}/record", headers=mine).json["difference"]
    assert difference["identical_files"]["model.onnx"], difference["summary"]
    assert "the same to the last digit" in difference["summary"]


def _predicts_files(post: Post) -> None:
    """Files that are answered at once, and what is told and refused of them."""
    sent = post("predict-csv", data=csv_of(FLATS), content_type="text/csv")
    assert (sent.status_code, sent.mimetype) == (200, "text/csv")
    found = list(csv.DictReader(io.StringIO(sent.text)))
    assert [row["predicted"] for row in found] == FLATS["large"]
    assert all(0.5 < float(row["confidence"]) <= 1 for row in found)
    assert "Diyml-Warnings" not in sent.headers
    told = post("predict-csv", data="rooms;größe\n2;1\n".encode(), content_type="text/csv")
    assert told.text.startswith("rooms;größe;predicted;confidence\n2;1;")
    missing, unused = json.loads(told.headers["Diyml-Warnings"])
    assert "not there, taken as missing: 'town'" in missing
    assert unused == "1 column that the model does not use: 'größe'"
    assert_problem(post("predict-csv", data=b"rooms\nmany\n", content_type="text/csv"), 400, "row 1, column 'rooms'")
    assert_problem(post("predict-csv", data=b"rooms\n", content_type="text/csv"), 400, "no row")
    assert_problem(post("predict-csv", data=b"{}", content_type="application/json"), 415, "text/csv")


def _predicts_in_the_background(
    post: Post, client: FlaskClient, other: Caller, worker: subprocess.Popen[bytes]
) -> None:
    """A file of many rows, though the process that works on it is killed."""
    lines = csv_of(FLATS).split(b"\n", 1)
    content = lines[0] + b"\n" + lines[1] * 1_000
    url = post("prediction-jobs", data=content, content_type="text/csv").headers["Location"]

    def job() -> dict[str, Any]:
        return client.get(url, headers={"Authorization": f"Bearer {other.token}"}).json or {}

    wait_until(lambda: job()["rows"] > 0, 60)
    for process in psutil.Process(worker.pid).children(recursive=True):
        if "training.worker.predicting" in process.cmdline():
            process.kill()
    wait_until(lambda: job()["state"] in ("succeeded", "failed"), 120)
    assert (job()["state"], job()["attempt"], job()["rows"]) == ("succeeded", 2, 1_000 * _ROWS), job()

"""Predictions of whole files in the background: sent in parts, made by whoever claims them, fetched by who asked."""

from __future__ import annotations

import csv
import gzip
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from datasets.imports.interrupts import Interrupts
from inference.engine import LocalEngine
from inference.tabular.file_run import PredictionRun
from notifications.predictions import tell_webhooks
from settings import Settings
from storage.prediction_jobs import MOST_KEPT
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller
from tests.training.recorder import Recorder
from tests.training.tabular.tables import table, workspace
from training.protocol import TrainedModel
from training.tabular.trainer import TabularParams, TabularTrainer
from training.worker.importers import Importers
from training.worker.predictors import predicting
from utils import Unavailable

BEGIN = "/api/v1/published/heights/prediction-jobs"
ROWS = 2_500
BODY = "application/offset+octet-stream"


def rows(count: int = ROWS, height: str = "1.5") -> bytes:
    lines = "".join(f"{number},{height},{number % 6},red\n" for number in range(count))
    return f"id,height,steps,colour\n{lines}".encode()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    folder = tmp_path_factory.mktemp("heights")
    params = TabularParams(algorithm="linear")
    return TabularTrainer().fit(table(folder, 2), params, workspace(folder / "work"), Recorder())


@pytest.fixture(autouse=True)
def published(store: Store, caller: Caller, trained: TrainedModel) -> ObjectId:
    """A published project of somebody else's; gives its id."""
    owner = store.users.find(caller.username)
    assert owner
    project = store.projects.create(owner, "heights", "tabular")
    store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("test")
    assert job
    file = store.artifacts.put(io.BytesIO(trained.onnx_path.read_bytes()), "model.onnx")
    model = store.models.create(project.id, job.id, trained.card.model_dump(), {"model.onnx": file})
    assert store.job_runs.succeed(job, model.id)
    assert store.projects.serve(project.id, model.id, model.version)
    store.projects.publish(store.projects.named("heights", owner), True)
    return project.id


@pytest.fixture
def engine(store: Store, settings: Settings) -> Iterator[LocalEngine]:
    engine = LocalEngine(store, settings)
    yield engine
    engine.close()


Ask = Callable[..., TestResponse]


@pytest.fixture
def ask(client: FlaskClient, other: Caller) -> Ask:
    """Calls of somebody who is no member."""

    def call(method: str, path: str, headers: dict[str, str] | None = None, **what: Any) -> TestResponse:
        sent = {"Authorization": f"Bearer {other.token}", **(headers or {})}
        return client.open(path, method=method, headers=sent, **what)

    return call


@pytest.fixture
def work(store: Store, engine: LocalEngine, tmp_path: Path) -> Callable[..., None]:
    """Claims a prediction job and sees it through, as its process does."""

    def see_through(interrupts: Interrupts | None = None, most_bytes: int = 2**31) -> None:
        record = store.prediction_runs.claim("a process")
        assert record
        PredictionRun(store, record, tmp_path, most_bytes, engine, interrupts or Interrupts()).run()

    return see_through


def begin(ask: Ask, content: bytes) -> str:
    answer = ask("POST", BEGIN, data=content, content_type="text/csv")
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"].endswith(answer.json["id"])
    return answer.headers["Location"]


def test_anybody_has_a_large_file_predicted_and_fetches_it_whole_or_in_part(ask: Ask, work: Callable[..., None]):
    url = begin(ask, rows())
    assert_problem(ask("GET", f"{url}/result"), 409, "is queued")
    work()
    job = ask("GET", url).json
    assert (job["state"], job["rows"], job["progress"], job["error"]) == ("succeeded", ROWS, 1.0, None)
    assert job["expires_at"] > job["finished_at"]
    missing, unused = job["warnings"]
    assert missing.startswith("3 columns not there, taken as missing: 'born'"), job["warnings"]
    assert unused == "1 column that the model does not use: 'id'"

    packed = ask("GET", job["result_url"])
    assert (packed.status_code, packed.mimetype, len(packed.data)) == (200, "application/gzip", job["result_bytes"])
    found = list(csv.DictReader(io.StringIO(gzip.decompress(packed.data).decode())))
    assert [row["id"] for row in found] == [str(number) for number in range(ROWS)]
    assert {row["predicted"] for row in found} <= {"class 0", "class 1"}
    assert all(0.5 <= float(row["confidence"]) <= 1 for row in found)
    assert ask("GET", f"{job['result_url']}?format=csv").data == gzip.decompress(packed.data)

    part = ask("GET", job["result_url"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, packed.data[10:20])
    again = ask("GET", job["result_url"], headers={"If-None-Match": packed.headers["ETag"]})
    assert (again.status_code, packed.headers["ETag"]) == (304, f'"{job["result_sha256"]}"')


def test_a_call_that_is_made_again_with_its_key_has_one_effect(ask: Ask, store: Store):
    def twice(method: str, path: str, status: int, more: dict[str, str] | None = None, **what: Any) -> TestResponse:
        headers = {"Idempotency-Key": f"{method} {path}", **(more or {})}
        first, again = ask(method, path, headers, **what), ask(method, path, headers, **what)
        assert (first.status_code, again.status_code, again.data) == (status, status, first.data)
        assert again.headers["Idempotency-Replayed"] == "true"
        return again

    speaks = {"Tus-Resumable": "1.0.0"}
    made = twice("POST", BEGIN, 201, {**speaks, "Upload-Length": "10"})
    assert store.database["prediction_jobs"].count_documents({}) == 1
    twice("DELETE", made.headers["Location"], 204, speaks)
    url = begin(ask, rows(3))
    twice("POST", f"{url}/cancel", 200)
    twice("DELETE", url, 204)


def test_a_file_comes_in_parts_and_packed(ask: Ask, work: Callable[..., None], store: Store):
    content = gzip.compress(rows(1_200))
    speaks = {"Tus-Resumable": "1.0.0"}
    made = ask("POST", BEGIN, headers={**speaks, "Upload-Length": str(len(content))})
    assert made.status_code == 201
    data = made.headers["Location"]
    for offset in (0, 1000):
        part = content[offset : 1000 if offset == 0 else None]
        sent = ask("PATCH", data, headers={**speaks, "Upload-Offset": str(offset)}, data=part, content_type=BODY)
        assert sent.status_code == 204, sent.text
    assert ask("HEAD", data).headers["Upload-Offset"] == str(len(content))
    work()
    [job] = ask("GET", "/api/v1/prediction-jobs").json["items"]
    assert (job["state"], job["rows"]) == ("succeeded", 1_200)
    assert store.database["uploads.files"].count_documents({}) == 0


def test_it_is_nobody_elses(ask: Ask, client: FlaskClient, caller: Caller):
    url = begin(ask, rows(1))
    owner = {"Authorization": f"Bearer {caller.token}"}
    for method, path in (("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("HEAD", "/data"), ("DELETE", "")):
        assert_problem(client.open(url + path, method=method, headers=owner), 404)
    assert client.get("/api/v1/prediction-jobs", headers=owner).json["items"] == []
    assert ask("DELETE", url).status_code == 204
    assert_problem(ask("GET", url), 404)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (rows(1_500) + b"1500,tall,1,red\n", ("in the 501 rows from row 1,001 on", "column 'height'", "'tall'")),
        (rows(3) + b"1\n", ("row 4 has 1 cells",)),
        (b"PK\x03\x04 a workbook", ("Excel",)),
        (b"height\n", ("no row",)),
    ],
)
def test_what_is_wrong_with_a_file_is_said(ask: Ask, work: Callable[..., None], content: bytes, words: tuple[str, ...]):
    url = begin(ask, content)
    work()
    job = ask("GET", url).json
    assert job["state"] == "failed"
    assert all(word in job["error"] for word in words), job["error"]
    assert_problem(ask("GET", f"{url}/result"), 409, words[0])


def test_a_file_that_unpacks_to_too_much_is_refused(ask: Ask, work: Callable[..., None]):
    url = begin(ask, gzip.compress(rows(10_000)))
    work(most_bytes=100_000)
    assert "100,000 bytes when they are unpacked" in ask("GET", url).json["error"]


def test_past_the_limits_a_call_says_where_to_go(ask: Ask, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(settings.__dict__, "max_predicted_bytes", 100)
    monkeypatch.setitem(settings.__dict__, "max_prediction_job_bytes", 1_000)
    csv_now = BEGIN.replace("prediction-jobs", "predict-csv")
    assert_problem(
        ask("POST", csv_now, data=rows(100), content_type="text/csv"), 413, "more than 100 bytes", "prediction-jobs"
    )
    assert_problem(ask("POST", BEGIN, json={"size": 1_001}), 413, "allowed are 1,000")


def test_an_attempt_after_a_lost_process_begins_again(
    ask: Ask, work: Callable[..., None], store: Store, settings: Settings
):
    url = begin(ask, rows())
    record = store.prediction_runs.claim("lost")
    assert record
    gone = {"$set": {"lease_until": record.created_at}}
    store.database["prediction_jobs"].update_one({"_id": record.id}, gone)
    looks = Importers(predicting(store, settings), settings, threading.Event())
    looks.reap()
    looks.reap()
    assert ask("GET", url).json["state"] == "queued"
    assert not store.prediction_runs.note(record, {"done": 7})
    work()
    job = ask("GET", url).json
    assert (job["state"], job["attempt"], job["rows"]) == ("succeeded", 2, ROWS)


def test_cancelling_ends_one_that_waits_and_one_that_runs(ask: Ask, work: Callable[..., None]):
    waiting = begin(ask, rows())
    assert ask("POST", f"{waiting}/cancel").json["state"] == "cancelled"
    running, interrupts = begin(ask, rows()), Interrupts()
    interrupts.cancelled.set()
    work(interrupts)
    assert ask("GET", running).json["state"] == "cancelled"


def test_a_busy_engine_is_waited_for(
    ask: Ask, work: Callable[..., None], engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
):
    calls, predict = [0], engine.predict_batch

    def busy(*what: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == 1:
            raise Unavailable("too many wait", retry_after_seconds=0)
        return predict(*what, **more)

    monkeypatch.setattr(engine, "predict_batch", busy)
    url = begin(ask, rows(10))
    work()
    assert ask("GET", url).json["state"] == "succeeded"


def test_what_is_not_published_any_more_is_not_predicted(ask: Ask, caller: Caller, work: Callable[..., None]):
    url = begin(ask, rows(1))
    assert caller.call("PUT", "/publish", project_name="heights", is_published="False").status_code == 200
    work()
    assert "not published any more" in ask("GET", url).json["error"]
    assert_problem(ask("POST", BEGIN, json={"size": 10}), 404)


def test_a_webhook_of_the_callers_is_told_once(
    ask: Ask, other: Caller, work: Callable[..., None], store: Store, caller: Caller
):
    other.project("mine")
    hook = ask("POST", "/api/v1/projects/mine/webhooks", json={"url": "https://93.184.215.14/hook"}).json["id"]
    content = rows(5)
    made = ask("POST", f"{BEGIN}?webhook={hook}", data=content, content_type="text/csv")
    assert made.json["webhook_id"] == hook
    work()
    for _ in range(2):
        tell_webhooks(store, "https://diyml.example")
    [told] = store.database["deliveries"].find()
    assert (told["type"], str(told["lane_id"])) == ("prediction.succeeded", hook)
    assert f'"result_url": "https://diyml.example{made.headers["Location"]}/result"' in told["body"]

    caller.project("theirs")
    theirs = caller.call("POST", "/api/v1/projects/theirs/webhooks", url="https://93.184.215.14/hook").json["id"]
    for unknown in (theirs, "nonsense"):
        assert_problem(ask("POST", BEGIN, json={"size": 10, "webhook": unknown}), 400, "there is no webhook")


def test_results_go_after_a_while_and_their_number_is_bounded(
    ask: Ask, work: Callable[..., None], store: Store, settings: Settings
):
    url = begin(ask, rows(1))
    work()
    user_id = store.prediction_jobs.owner_ids()[0]
    row = store.database["prediction_jobs"].find_one()
    assert row
    for _ in range(MOST_KEPT - 1):
        store.database["prediction_jobs"].insert_one({**row, "_id": ObjectId(), "report": None})
    assert_problem(ask("POST", BEGIN, json={"size": 10}), 429, "20 prediction jobs", "delete one")
    store.database["prediction_jobs"].update_many({}, {"$set": {"finished_at": row["created_at"].replace(year=2020)}})
    assert store.prediction_jobs.expire() == MOST_KEPT
    assert_problem(ask("GET", url), 404)
    assert store.database["artifacts.files"].count_documents({}) == 1  # the model
    assert store.prediction_jobs.list_of_owner(user_id, 5) == []


@pytest.mark.parametrize("what", ["project", "account"])
def test_a_deleted_project_or_account_takes_them_along(ask: Ask, store: Store, published: ObjectId, what: str):
    begin(ask, rows(1))
    [user_id] = store.prediction_jobs.owner_ids()
    if what == "project":
        store.delete_project(published)
    else:
        store.delete_user(user_id)
    assert store.prediction_jobs.owner_ids() == []
    assert store.database["uploads.files"].count_documents({}) == 0

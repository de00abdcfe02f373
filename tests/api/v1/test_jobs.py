from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from storage.device import A_CPU
from storage.job import Job, JobState
from storage.job_events import Event, News, numbered
from storage.lineup import NO_WORKER
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller, picture
from tests.storage.test_workers import announce
from utils import utc_now


def get(caller: Caller, path: str, **query: Any) -> TestResponse:
    return caller._client.get(path, query_string=query, headers={"Authorization": f"Bearer {caller.token}"})


@pytest.fixture
def running(pets: Pets, store: Store) -> Job:
    """The job of `pets`, which a worker has taken and told some of."""
    job = store.job_runs.claim("a worker")
    assert job
    lines = [f"line {number}" for number in range(300)]
    history = [{"epoch": 1, "loss": 0.5}]
    news = [News("log", {"lines": lines[:200]}), News("log", {"lines": lines[200:]}), News("metrics", history[0])]
    seen = store.job_runs.beat(
        job, {"epoch": 1, "progress": 0.5, "eta_seconds": 30.0}, history, lines, events=len(news)
    )
    assert seen
    store.job_events.add(job.id, numbered(seen, news))
    return seen


def test_the_owner_sees_a_job_whole(caller: Caller, pets: Pets):
    job = get(caller, f"/api/v1/jobs/{pets.job.id}").json
    expected = {"job_id": str(pets.job.id), "state": "queued", "attempt": 0, "log": [], "history": []}
    assert job.items() >= {**expected, "project_name": "pets"}.items()
    assert job["queue"] == {"position": 1, "expected_start": None, "reason": NO_WORKER}
    assert (job["device"], job["ran_on"]) == ("any", None)


def test_a_queued_job_tells_its_place_and_when_it_starts(caller: Caller, other: Caller, running: Job, store: Store):
    for seed, label in enumerate(["cat", "dog"] * 2):
        other.project("more", classes="cat|dog") if seed == 0 else None
        other.place("more", f"{seed}", label, picture(seed=seed))
    announce(store, "a worker", A_CPU)
    job = other.call("POST", "/api/v1/jobs", project_name="more").json
    assert job["queue"]["position"] == 1
    left = (utc_now().fromisoformat(job["queue"]["expected_start"]) - utc_now()).total_seconds()
    assert 20 < left <= 31
    assert job["queue"]["reason"] is None
    shown = get(caller, f"/api/v1/jobs/{running.id}").json
    assert shown["queue"] is None
    assert shown["ran_on"] == {"kind": "cpu", "name": A_CPU.name}
    assert [(attempt["attempt"], attempt["ended_by"]) for attempt in shown["attempts"]] == [(1, None)]


def test_a_training_is_started_at_once(caller: Caller, pets: Pets, store: Store):
    store.jobs.cancel(pets.job.id)
    response = caller.call("POST", "/api/v1/jobs", project_name="pets", params={"epochs": 3, "image_size": 32})
    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/jobs/{response.json['job_id']}"
    assert (response.json["state"], response.json["epochs"]) == ("queued", 3)
    assert response.json["params"].items() >= {"epochs": 3, "image_size": 32, "train_split": 0.8}.items()
    assert get(caller, response.headers["Location"]).json["job_id"] == response.json["job_id"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "project_name is missing"),
        ({"params": {"epochs": 0}}, "epochs must be 1..1000, got 0"),
        ({"params": {"image_size": 5}}, "image_size must be 32..1280 in steps of 16, got 5"),
        ({"params": {"wings": 2}}, "wings"),
        ({"params": [1]}, "params"),
        ({"epochs": 3}, "epochs"),
        ({"params": {"epochs": {"$gt": 0}}}, "epochs"),
        ({"device": "tpu"}, "'any', 'cpu' or 'gpu', got 'tpu'"),
        ({"device": {"$ne": "cpu"}}, "device"),
    ],
)
def test_a_wish_that_is_not_understood_is_400(caller: Caller, pets: Pets, store: Store, body: dict, word: str):
    store.jobs.cancel(pets.job.id)
    name = {"project_name": "pets"} if body else {}
    assert_problem(caller.call("POST", "/api/v1/jobs", **name, **body), 400, word)
    assert store.database["jobs"].count_documents({}) == 1


def test_one_training_a_project(caller: Caller, other: Caller, pets: Pets):
    assert_problem(caller.call("POST", "/api/v1/jobs", project_name="pets"), 409, "queued or running")
    assert_problem(other.call("POST", "/api/v1/jobs", project_name="pets"), 404)


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/v1/jobs"), ("PUT", "/train")])
def test_too_many_queued_trainings_are_429(
    caller: Caller, pets: Pets, store: Store, monkeypatch: pytest.MonkeyPatch, method: str, path: str
):
    monkeypatch.setattr(store.jobs, "_queued_per_user", 1)
    caller.project("more", classes="cat|dog")
    for seed, label in enumerate(["cat", "dog"] * 2):
        caller.place("more", f"{seed}", label, picture(seed=seed))
    training = {"train_split": 0.8, "epochs": 1} if path == "/train" else {}
    response = caller.call(method, path, project_name="more", **training)
    assert_problem(response, 429, "1 queued training")
    assert int(response.headers["Retry-After"]) > 0


def test_jobs_are_listed_newest_first_page_by_page_each_once(caller: Caller, pets: Pets, store: Store):
    made = [str(pets.job.id)]
    moment = None
    for number in range(6):
        store.jobs.cancel(pets.job.id) if number == 0 else None
        job = store.jobs.create(pets.project, {"epochs": 1}, 1)
        store.jobs.cancel(job.id)
        # Some in the same millisecond, which only the id tells apart.
        moment = job.created_at if number % 3 == 0 or moment is None else moment
        store.database["jobs"].update_one({"_id": job.id}, {"$set": {"created_at": moment}})
        made.append(str(job.id))
    found: list[str] = []
    cursor: dict[str, str] = {}
    for size in (3, 3, 1):
        answer = get(caller, "/api/v1/jobs", limit=3, **cursor).json
        assert len(answer["items"]) == size
        found += [item["job_id"] for item in answer["items"]]
        cursor = {"cursor": answer["next"]}
    assert answer["next"] is None
    assert found == made[::-1]
    assert answer["items"][0].items() >= {"project_name": "pets", "state": "cancelled"}.items()
    assert "log" not in answer["items"][0]


def test_the_list_is_filtered_and_holds_nobody_elses(caller: Caller, other: Caller, pets: Pets, store: Store):
    caller.project("empty")
    other.project("others")
    assert get(other, "/api/v1/jobs").json == {"items": [], "next": None}
    assert len(get(caller, "/api/v1/jobs", state="queued", project_name="pets").json["items"]) == 1
    assert get(caller, "/api/v1/jobs", state="failed").json["items"] == []
    assert get(caller, "/api/v1/jobs", project_name="empty").json["items"] == []
    for name in ("unknown", "others"):
        assert_problem(get(caller, "/api/v1/jobs", project_name=name), 404)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"state": "asleep"}, "state"),
        ({"color": "red"}, "color"),
        *[({"cursor": text}, "cursor") for text in ("x", "é", "W10=", "WzEsMl0=", "bnVsbA==", "A" * 500)],
    ],
)
def test_a_list_that_cannot_be_is_400(caller: Caller, query: dict[str, Any], field: str):
    assert assert_problem(get(caller, "/api/v1/jobs", **query), 400, field)["errors"][0]["field"] == field


def test_the_log_comes_whole_or_its_last_lines(caller: Caller, running: Job):
    path = f"/api/v1/jobs/{running.id}/log"
    response = get(caller, path)
    assert response.mimetype == "text/plain"
    assert response.text == "".join(f"line {number}\n" for number in range(300))
    assert get(caller, path, tail=2).text == "line 298\nline 299\n"
    assert get(caller, path, tail=250).text.splitlines()[0] == "line 50"
    assert get(caller, path, tail=1000).text == response.text
    for tail in (0, -1, "x", 20_001):
        assert_problem(get(caller, path, tail=tail), 400, "tail")


def test_metrics_come_per_epoch_and_files_once_there_are_some(caller: Caller, pets: Pets, running: Job, store: Store):
    url = f"/api/v1/jobs/{running.id}"
    assert get(caller, f"{url}/metrics").json == {"items": [{"epoch": 1, "loss": 0.5}], "next": None}
    assert get(caller, f"{url}/artifacts").json == {"items": [], "next": None}
    assert store.job_runs.succeed(running, pets.model.id)
    (file,) = get(caller, f"{url}/artifacts").json["items"]
    assert (file["name"], file["size"]) == ("model.onnx", 7)
    assert get(caller, file["url"]).data == b"weights"


def test_cancelling_ends_a_queued_job_at_once_and_an_ended_one_stays(caller: Caller, pets: Pets):
    for _ in range(2):
        response = caller.call("POST", f"/api/v1/jobs/{pets.job.id}/cancel")
        assert (response.status_code, response.json["state"]) == (200, "cancelled")


def test_cancelling_asks_a_running_job_to_end(caller: Caller, running: Job):
    response = caller.call("POST", f"/api/v1/jobs/{running.id}/cancel")
    assert (response.json["state"], response.json["cancel_requested"]) == ("running", True)


@pytest.mark.parametrize("job_id", ["0" * 24, "x", "0" * 12, "é" * 24, "%00", "-1"])
def test_an_unknown_job_is_404(caller: Caller, job_id: str):
    assert_problem(caller.call("POST", f"/api/v1/jobs/{job_id}/cancel"), 404)
    for part in ("", "/log", "/metrics", "/artifacts", "/events"):
        assert_problem(get(caller, f"/api/v1/jobs/{job_id}{part}"), 404)


def test_a_training_is_asked_to_stop_and_keep_the_best(caller: Caller, running: Job, store: Store):
    response = caller.call("POST", f"/api/v1/jobs/{running.id}/stop")
    assert response.status_code == 202
    expected = {"state": "running", "stop_requested": True, "stopped_after_epoch": None, "cancel_requested": False}
    assert response.json.items() >= expected.items()
    assert store.job_runs.fail(running, "no")
    ended = caller.call("POST", f"/api/v1/jobs/{running.id}/stop")
    assert (ended.status_code, ended.json["state"]) == (202, "failed")


def test_a_training_with_nothing_to_keep_cannot_be_stopped(caller: Caller, other: Caller, pets: Pets, store: Store):
    path = f"/api/v1/jobs/{pets.job.id}/stop"
    assert_problem(caller.call("POST", path), 409, "nothing to keep yet: cancel it")
    assert_problem(other.call("POST", path), 404)
    assert_problem(caller.call("POST", path, now=True), 400, "now")
    assert not store.jobs.get(pets.job.id).stop_requested


def test_anothers_job_is_404_and_goes_on(other: Caller, pets: Pets, store: Store):
    assert_problem(other.call("POST", f"/api/v1/jobs/{pets.job.id}/cancel"), 404)
    assert store.jobs.get(pets.job.id).state is JobState.QUEUED


def test_a_field_nobody_knows_is_400(caller: Caller, pets: Pets):
    for part in ("", "/log", "/metrics", "/artifacts", "/events"):
        assert_problem(get(caller, f"/api/v1/jobs/{pets.job.id}{part}", color="red"), 400, "color")
    assert_problem(caller.call("POST", f"/api/v1/jobs/{pets.job.id}/cancel", now=True), 400, "now")


def test_the_whole_log_and_every_event_outlive_nothing_but_their_job(caller: Caller, running: Job, store: Store):
    store.job_events.add(running.id, [Event("log", {"lines": []}, 99, utc_now())])
    caller.call("PATCH", "/upload/project", project_name="pets")
    assert store.job_runs.end_cancelled(running)
    store.delete_contents(running.project_id)
    assert store.database["job_events"].count_documents({}) == 0


def test_a_job_of_an_earlier_version_is_shown_as_far_as_it_goes(caller: Caller, running: Job, store: Store):
    unknown = dict.fromkeys(("states", "last_event", "turn", "log_lines", "log_bytes", "in_turn"), "")
    store.database["jobs"].update_one({"_id": running.id}, {"$unset": unknown})
    old = store.jobs.get(running.id)
    assert dataclasses.astuple(old)[0] == running.id
    assert get(caller, f"/api/v1/jobs/{running.id}").json["state"] == "running"
    assert store.job_runs.fail(running, "no")
    assert get(caller, f"/api/v1/jobs/{running.id}/events", seconds=0).status_code == 200


def test_nothing_of_a_client_is_needed_to_read(client: FlaskClient, caller: Caller, pets: Pets):
    query = {"api_token": caller.token}
    assert client.get(f"/api/v1/jobs/{pets.job.id}", query_string=query).status_code == 200

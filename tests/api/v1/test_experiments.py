"""Trainings as documents over HTTP: looked at, started, kept with their jobs."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from datasets.registry import KINDS
from storage.job import JobState
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller

URL = "/api/v1/projects/pets/experiments"
FIRST = "name: first\ntype: classification\ndata: {project: pets}\nparameters: {epochs: 3}\ndevice: cpu\n"


@pytest.fixture
def send(client: FlaskClient, caller: Caller, pets: Pets, store: Store) -> Any:
    """Sends a document as Ada, whose project has no job that waits."""
    store.jobs.cancel(pets.job.id)

    def call(text: str, url: str = URL, kind: str = "application/yaml", key: str = "", **query: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {caller.token}", **({"Idempotency-Key": key} if key else {})}
        return client.post(url, data=text.encode(), content_type=kind, query_string=query, headers=headers)

    return call


def test_the_schema_is_there_for_everybody(client: FlaskClient):
    answer = client.get("/api/v1/experiments/schema")
    assert (answer.status_code, answer.mimetype) == (200, "application/schema+json")
    assert len(answer.json["oneOf"]) == len(KINDS)


def test_a_document_starts_a_job_that_keeps_it(
    client: FlaskClient, caller: Caller, pets: Pets, store: Store, send: Any
):
    answer = send(FIRST, key="once", source="sha256:1234")
    assert answer.status_code == 202, answer.text
    job, mine = answer.json, {"Authorization": f"Bearer {caller.token}"}
    assert (job["params"]["epochs"], job["device"], job["state"]) == (3, "cpu", "queued")
    assert job["experiment"]["name"] == "first"
    assert job["experiment"]["source"] == "sha256:1234"
    assert answer.headers["Location"] == f"/api/v1/jobs/{job['job_id']}"
    kept = client.get(job["experiment"]["url"], headers=mine)
    assert (kept.status_code, kept.mimetype, kept.text) == (200, "application/yaml", FIRST)
    assert kept.headers["ETag"] == f'"{job["experiment"]["sha256"]}"'
    listed = client.get("/api/v1/projects/pets/jobs", headers=mine).json["items"]
    assert [item["experiment"] for item in listed] == [job["experiment"], None]
    assert_problem(client.get(f"/api/v1/jobs/{pets.job.id}/experiment", headers=mine), 404, "not started with")
    # The same call again is the same job; with another document the key is another call's.
    assert send(FIRST, key="once", source="sha256:1234").json["job_id"] == job["job_id"]
    assert_problem(send(FIRST.replace("3", "4"), key="once", source="sha256:1234"), 422)
    assert_problem(send(FIRST), 409, "is queued")
    # Only looked at, it is right meanwhile.
    assert send(FIRST, validate="true").json["valid"] is True


def test_a_repetition_keeps_the_document(pets: Pets, store: Store, send: Any):
    job_id = send(FIRST).json["job_id"]
    (job,) = store.jobs.list_of([pets.project.id], 1, state=JobState.QUEUED)
    assert str(job.id) == job_id
    assert job.experiment
    assert job.experiment.text == ""  # lists do without
    store.jobs.cancel(job.id)
    again = store.jobs.create(pets.project, {"epochs": 3}, 3, repeats=store.jobs.get(job.id))
    kept = store.jobs.get(again.id).experiment
    assert kept
    assert (kept.name, kept.text) == ("first", FIRST)


def test_a_document_is_looked_at_alone_and_in_its_project(send: Any, store: Store, pets: Pets):
    look = "/api/v1/experiments/validate"
    shown = send(FIRST, look).json
    assert (shown["valid"], shown["name"], shown["project"], shown["file"]) == (True, "first", "pets", None)
    assert shown["evaluation"] == {"metric": "accuracy", "minimum": None, "maximum": None}
    assert shown["params"] == {"epochs": 3}
    told = assert_problem(send(FIRST.replace("epochs: 3", "epoch: 0"), look), 400, "line 4, column 14")
    assert told["errors"] == [
        {
            "field": "parameters.epoch",
            "message": "line 4, column 14: unknown key 'epoch' in parameters: do you mean 'epochs'?",
            "line": "4",
            "column": "14",
        }
    ]
    in_pets = {"validate": "true"}
    elsewhere = FIRST.replace("project: pets", "project: birds").replace("classification", "tabular")
    told = assert_problem(send(elsewhere.replace("parameters: {epochs: 3}", ""), **in_pets), 400, "sent to the project")
    assert [entry["field"] for entry in told["errors"]] == ["type", "data.project"]
    missing = FIRST.replace("project: pets", "project: pets, version: 7")
    assert_problem(send(missing, **in_pets), 400, "line 3, column 32", "no version 7")
    assert send(FIRST.replace("project: pets", "project: pets, version: 1"), **in_pets).status_code == 200
    assert store.jobs.list_of([pets.project.id], 5, state=JobState.QUEUED) == []


def test_what_is_no_document_is_refused(send: Any):
    assert_problem(send(FIRST, kind="image/png"), 415, "application/yaml")
    assert_problem(send(FIRST, kind="application/json"), 400, "no valid JSON")
    assert_problem(send("a" * 70_000), 413, "70,000 bytes")
    assert_problem(send(FIRST, validate="perhaps"), 400, "validate")
    assert_problem(send(FIRST, tru="1"), 400, "tru")

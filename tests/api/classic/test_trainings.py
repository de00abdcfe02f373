from __future__ import annotations

import pytest

from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller, picture


@pytest.fixture
def ready(caller: Caller) -> Caller:
    """Ada with a project `pets` that can be trained."""
    caller.project("pets", classes="cat|dog")
    for seed, label in enumerate(["cat", "dog"] * 2):
        assert caller.place("pets", f"{seed}.png", label, picture(seed=seed)).status_code == 200
    return caller


def test_a_training_is_queued_at_once(ready: Caller, store: Store):
    response = ready.call("PUT", "/train", project_name="pets", train_split="0.8", epochs="3")
    job_id = response.json["job_id"]
    assert response.json == {"RequestResult": "Training has began for this project.", "job_id": job_id}
    training = ready.training("pets")
    assert (training["job_id"], training["state"], training["epochs"]) == (job_id, "queued", 3)
    row = store.database["jobs"].find_one()
    assert row
    assert (row["params"]["train_split"], row["params"]["epochs"]) == (0.8, 3)


def test_a_second_training_is_409_until_the_first_has_ended(ready: Caller, store: Store):
    first = ready.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1)
    again = ready.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1)
    assert_problem(again, 409, "queued or running")
    ready.call("POST", f"/api/v1/jobs/{first.json['job_id']}/cancel")
    assert ready.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1).status_code == 200
    assert store.database["jobs"].count_documents({}) == 2


@pytest.mark.parametrize("value", [0, 1, 0.49, 0.96, -1, "x", "", None, True, [0.8], {"$gt": 0}, "nan", "inf", 10**400])
def test_a_bad_train_split_is_400(ready: Caller, value: object):
    body = {"api_token": ready.token, "project_name": "pets", "train_split": value, "epochs": 1}
    problem = assert_problem(ready._client.put("/train", json=body), 400, "train_split")
    assert problem["errors"][0]["field"] == "train_split"
    assert ready.training("pets") is None


@pytest.mark.parametrize("value", [0, -1, 10**9, 2**64, 1.5, "x", "1e3", "", None, False, [1], {"$ne": None}, 10**400])
def test_bad_epochs_are_400(ready: Caller, value: object):
    body = {"api_token": ready.token, "project_name": "pets", "train_split": 0.8, "epochs": value}
    problem = assert_problem(ready._client.put("/train", json=body), 400, "epochs")
    assert problem["errors"][0]["field"] == "epochs"
    assert ready.training("pets") is None


@pytest.mark.parametrize(
    ("classes", "labels", "words"),
    [
        ("", [], "no classes"),
        ("cat|dog", [], "no images"),
        ("cat|dog", ["cat"], "class 'dog' has no image"),
        ("cat|dog", ["cat", "dog", ""], "1 image has no label: '2'"),
    ],
)
@pytest.mark.parametrize("project_type", ["classification"])
def test_an_incomplete_project_is_400_and_says_what_is_missing(
    caller: Caller, project_type: str, classes: str, labels: list[str], words: str
):
    caller.project("pets", project_type, classes)
    for seed, label in enumerate(labels):
        caller.place("pets", f"{seed}", label, picture(seed=seed))
    response = caller.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1)
    assert_problem(response, 400, "not ready to train", words)
    assert caller.training("pets") is None


@pytest.mark.parametrize(
    ("classes", "labels"), [("", []), ("red|white", []), ("red|white", ["0 0.5 0.5 0.1 0.1"]), ("red", [""])]
)
def test_an_incomplete_detection_project_is_400(caller: Caller, classes: str, labels: list[str]):
    caller.project("cells", "detection", classes)
    for seed, label in enumerate(labels):
        caller.place("cells", f"{seed}", label, picture(seed=seed))
    response = caller.call("PUT", "/train", project_name="cells", train_split=0.8, epochs=1)
    assert_problem(response, 400, "not ready to train")


def test_training_anothers_project_is_403_and_none_404(ready: Caller, other: Caller):
    assert_problem(other.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1), 403)
    assert_problem(ready.call("PUT", "/train", project_name="dogs", train_split=0.8, epochs=1), 404)
    assert_problem(ready.call("PUT", "/train", project_name="pets"), 400, "train_split is missing", "epochs is missing")


def test_deleting_the_project_cancels_its_queued_training(ready: Caller, store: Store):
    ready.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1)
    assert ready.call("PATCH", "/upload/project", project_name="pets").status_code == 200
    assert store.job_runs.claim("a worker") is None
    assert store.database["jobs"].count_documents({}) == 0


def test_deleting_the_project_asks_its_running_training_to_end(ready: Caller, store: Store):
    ready.call("PUT", "/train", project_name="pets", train_split=0.8, epochs=1)
    job = store.job_runs.claim("a worker")
    assert job
    assert ready.call("PATCH", "/upload/project", project_name="pets").status_code == 200
    assert store.jobs.get(job.id).cancel_requested

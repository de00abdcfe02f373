from __future__ import annotations

import dataclasses

import pytest
from flask.testing import FlaskClient

from DIYML import create_app
from settings import Settings
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller

LISTED = {"_id", "uid", "project_name", "project_type", "is_published", "classes", "dids", "current_url"}


def test_creating_a_project_gives_its_name_type_and_id(caller: Caller):
    response = caller.call("PUT", "/upload/project", project_name="pets", project_type="Object Detection")
    project_id = response.json["project_id"]
    assert response.json == {"project_name": "pets", "project_type": "detection", "project_id": project_id}
    assert caller.call("POST", "/upload/project", project_name="pets").json == {
        "_id": project_id,
        "uid": caller.call("POST", "/upload/project", project_name="pets").json["uid"],
        "project_name": "pets",
        "project_type": "detection",
        "is_published": "False",
        "classes": [],
        "dids": [],
        "current_url": "NONE",
        "training": None,
    }


@pytest.mark.parametrize("text", ["Classification", "CLASSIFICATION", " classification ", "Image Classification"])
def test_a_classification_project_may_be_written_so(caller: Caller, text: str):
    response = caller.call("PUT", "/upload/project", project_name="pets", project_type=text)
    assert response.json["project_type"] == "classification"


@pytest.mark.parametrize("text", ["Object Detection", "object_detection", "OBJECT-DETECTION", "detection", "Detection"])
def test_a_detection_project_may_be_written_so(caller: Caller, text: str):
    response = caller.call("PUT", "/upload/project", project_name="pets", project_type=text)
    assert response.json["project_type"] == "detection"


@pytest.mark.parametrize("text", ["", "segmentation", "classification\0", "'; drop", None, 1, ["detection"]])
def test_another_project_type_is_400(caller: Caller, text: object):
    response = caller.call("PUT", "/upload/project", project_name="pets", project_type=text)
    assert_problem(response, 400, "project_type")


def test_a_taken_project_name_is_409_for_everybody(caller: Caller, other: Caller):
    caller.project("pets")
    for who in (caller, other):
        again = who.call("PUT", "/upload/project", project_name=" pets ", project_type="detection")
        assert_problem(again, 409, "'pets' is taken")


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..", "a\tb", "a\0b", "x" * 101, 7, True, {"$ne": None}, ["a"]])
def test_an_unusable_project_name_is_400(caller: Caller, name: object):
    response = caller.call("PUT", "/upload/project", project_name=name, project_type="detection")
    assert_problem(response, 400, "project_name")


def test_reading_lists_the_ids_of_the_images_as_strings(caller: Caller, pets: Pets, store: Store):
    project = caller.call("POST", "/upload/project", project_name="pets").json
    assert set(project) == LISTED | {"training"}
    assert set(project["dids"]) == {str(image_id) for image_id in store.images.ids(pets.project.id)}
    assert len(project["dids"]) == 2
    assert project["classes"] == ["cat", "dog"]
    assert project["current_url"] == f"/api/v1/models/{pets.model.id}"


def test_reading_shows_the_newest_training(caller: Caller, pets: Pets):
    assert caller.training("pets") == {
        "job_id": str(pets.job.id),
        "state": "queued",
        "epoch": 0,
        "epochs": 1,
        "progress": 0.0,
        "eta_seconds": None,
        "metrics": {},
        "error": None,
        "pretrained": None,
    }


def test_a_metric_that_is_no_number_any_more_is_sent_as_null(caller: Caller, pets: Pets, store: Store):
    job = store.job_runs.claim("a worker")
    assert job
    store.job_runs.beat(job, {"metrics": {"loss": float("nan"), "accuracy": 0.5}}, [], [])
    text = caller.call("POST", "/upload/project", project_name="pets").text
    assert "NaN" not in text
    assert caller.training("pets")["metrics"] == {"loss": None, "accuracy": 0.5}


def test_reading_anothers_or_no_project_is_the_same_404(caller: Caller, other: Caller, pets: Pets):
    for name in ("pets", "dogs"):
        response = other.call("POST", "/upload/project", project_name=name)
        assert_problem(response, 404, f"there is no project '{name}'")


def test_the_open_listing_shows_what_the_client_shows_and_no_ids(client: FlaskClient, pets: Pets):
    response = client.get("/upload/project?username=ada")
    assert response.json == [
        {
            "_id": None,
            "uid": None,
            "project_name": "pets",
            "project_type": "classification",
            "is_published": "False",
            "classes": ["cat", "dog"],
            "dids": [],
            "current_url": f"/api/v1/models/{pets.model.id}",
        }
    ]


def test_the_owners_own_listing_also_shows_trainings(client: FlaskClient, caller: Caller, other: Caller, pets: Pets):
    own = client.get("/upload/project", query_string={"username": "ada", "api_token": caller.token})
    assert [set(project) for project in own.json] == [LISTED | {"training"}]
    assert own.json[0]["training"]["state"] == "queued"
    headers = {"Authorization": f"Bearer {other.token}"}
    assert set(client.get("/upload/project?username=ada", headers=headers).json[0]) == LISTED


def test_listing_is_oldest_first_and_empty_without_projects(client: FlaskClient, caller: Caller):
    assert client.get("/upload/project?username=ada").json == []
    for name in ("b", "a", "c"):
        caller.project(name)
    assert [p["project_name"] for p in client.get("/upload/project?username=ada").json] == ["b", "a", "c"]


def test_listing_an_unknown_user_is_404_and_nobody_400(client: FlaskClient):
    assert_problem(client.get("/upload/project?username=nobody"), 404, "no user 'nobody'")
    assert_problem(client.get("/upload/project"), 400, "username is missing")


def test_listing_with_a_bad_token_is_401_and_not_the_open_listing(client: FlaskClient, pets: Pets):
    assert_problem(client.get("/upload/project?username=ada&api_token=wrong"), 401)


def test_a_closed_listing_shows_strangers_published_projects_only(
    settings: Settings, store: Store, caller: Caller, pets: Pets
):
    caller.project("secret")
    caller.call("PUT", "/publish", project_name="pets", is_published="true")
    app = create_app(dataclasses.replace(settings, open_listing=False))
    try:
        client = app.test_client()
        assert [p["project_name"] for p in client.get("/upload/project?username=ada").json] == ["pets"]
        own = client.get("/upload/project", query_string={"username": "ada", "api_token": caller.token}).json
        assert [p["project_name"] for p in own] == ["pets", "secret"]
    finally:
        app.extensions["diyml"].services.store.close()


def test_deleting_a_project_deletes_all_in_it(caller: Caller, pets: Pets, store: Store):
    caller.project("another", classes="cat")
    caller.place("another", "kept", "cat")
    store.inferences.create(pets.project.id, pets.project.owner_id, [])
    deleted = caller.call("PATCH", "/upload/project", project_name="pets")
    assert deleted.json == {"Status": "Successful deletion"}
    left = {name: store.database[name].count_documents({}) for name in store.database.list_collection_names()}
    assert {name: count for name, count in left.items() if count and name != "throttles"} == {
        "users": 1, "tokens": 1, "projects": 1, "images": 1, "images.files": 1, "images.chunks": 1
    }  # fmt: skip
    assert_problem(caller.call("POST", "/upload/project", project_name="pets"), 404)


def test_deleting_anothers_project_is_403_and_no_project_404(caller: Caller, other: Caller, pets: Pets):
    assert_problem(other.call("PATCH", "/upload/project", project_name="pets"), 403, "belongs to another user")
    assert_problem(caller.call("PATCH", "/upload/project", project_name="dogs"), 404)
    assert caller.call("POST", "/upload/project", project_name="pets").status_code == 200

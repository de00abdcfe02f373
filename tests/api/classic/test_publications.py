from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller
from utils import utc_now


def test_a_training_that_has_succeeded_is_enough_though_its_worker_has_not_handed_the_model_over(
    caller: Caller, pets: Pets, store: Store
):
    project = {"$set": {"model_id": None, "model_version": 0}}
    store.database["projects"].update_one({"_id": pets.project.id}, project)
    assert_problem(caller.call("PUT", "/publish", project_name="pets", is_published="True"), 409, "no trained model")
    succeeded = {"state": "succeeded", "active": False, "model_id": pets.model.id, "finished_at": utc_now()}
    store.database["jobs"].update_one({"_id": pets.job.id}, {"$set": succeeded})
    assert caller.call("PUT", "/publish", project_name="pets", is_published="True").status_code == 200
    assert store.projects.refresh(pets.project).model_id == pets.model.id


@pytest.mark.parametrize("value", ["True", "true", "TRUE", True])
def test_a_trained_project_is_published_and_listed(client: FlaskClient, caller: Caller, pets: Pets, value: object):
    for _ in range(2):
        response = caller.call("PUT", "/publish", project_name="pets", is_published=value)
        assert response.json == {"Status": "Operation successful, is_published set to True"}
    published = client.get("/publish?username=ada")
    assert published.json == [
        {
            "_id": None,
            "uid": None,
            "project_name": "pets",
            "project_type": "classification",
            "is_published": "True",
            "classes": ["cat", "dog"],
            "dids": [],
            "current_url": f"/api/v1/models/{pets.model.id}",
        }
    ]
    assert client.get("/upload/project?username=ada").json == published.json


@pytest.mark.parametrize("value", ["False", "false", "FALSE", False])
def test_a_project_is_withdrawn(client: FlaskClient, caller: Caller, pets: Pets, value: object):
    caller.call("PUT", "/publish", project_name="pets", is_published=True)
    for _ in range(2):
        response = caller.call("PUT", "/publish", project_name="pets", is_published=value)
        assert response.json == {"Status": "Operation successful, is_published set to False"}
    assert client.get("/publish?username=ada").json == []


def test_publishing_what_is_not_trained_is_409(client: FlaskClient, caller: Caller):
    caller.project("pets", classes="cat|dog")
    response = caller.call("PUT", "/publish", project_name="pets", is_published="True")
    assert_problem(response, 409, "no trained model yet")
    assert client.get("/publish?username=ada").json == []


@pytest.mark.parametrize("value", ["", "maybe", None, 2, -1, 0.5, [True], {"$ne": None}, "Tru\0e", "None"])
def test_anything_but_true_or_false_is_400(caller: Caller, pets: Pets, value: object):
    body = {"api_token": caller.token, "project_name": "pets", "is_published": value}
    assert_problem(caller._client.put("/publish", json=body), 400, "is_published")


def test_publishing_anothers_project_is_403_and_none_404(caller: Caller, other: Caller, pets: Pets):
    assert_problem(other.call("PUT", "/publish", project_name="pets", is_published="True"), 403)
    assert_problem(caller.call("PUT", "/publish", project_name="dogs", is_published="True"), 404)
    assert_problem(caller.call("PUT", "/publish", project_name="pets"), 400, "is_published is missing")


def test_listing_an_unknown_user_is_404_and_nobody_400(client: FlaskClient, caller: Caller):
    assert client.get("/publish?username=ada").json == []
    assert_problem(client.get("/publish?username=nobody"), 404, "no user 'nobody'")
    assert_problem(client.get("/publish"), 400, "username is missing")

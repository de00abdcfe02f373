from __future__ import annotations

import hashlib

import pytest
from werkzeug.test import TestResponse

from storage.store import Store
from tests.api.conftest import CARD, Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller
from tests.inference.models import store_brightness_model


def _get(caller: Caller, path: str) -> TestResponse:
    return caller._client.get(path, headers={"Authorization": f"Bearer {caller.token}"})


def test_the_model_resource_of_a_project_shows_card_and_files(caller: Caller, pets: Pets):
    url = caller.call("POST", "/upload/project", project_name="pets").json["current_url"]
    model = _get(caller, url).json
    assert (model["id"], model["version"], model["card"]) == (str(pets.model.id), 1, CARD)
    assert model["files"] == [
        {
            "name": "model.onnx",
            "size": 7,
            "sha256": hashlib.sha256(b"weights").hexdigest(),
            "url": f"{url}/files/model.onnx",
        }
    ]


def test_the_owner_downloads_a_file(caller: Caller, pets: Pets):
    response = _get(caller, f"/api/v1/models/{pets.model.id}/files/model.onnx")
    assert response.data == b"weights"
    assert response.headers["Content-Length"] == "7"
    assert response.headers["ETag"] == f'"{hashlib.sha256(b"weights").hexdigest()}"'
    assert "attachment" in response.headers["Content-Disposition"]


def test_others_see_the_card_of_a_published_model_but_not_its_files(caller: Caller, other: Caller, pets: Pets):
    url = f"/api/v1/models/{pets.model.id}"
    assert_problem(_get(other, url), 404)
    caller.call("PUT", "/publish", project_name="pets", is_published="true")
    assert _get(other, url).json["card"] == CARD
    assert_problem(_get(other, f"{url}/files/model.onnx"), 404)


def test_a_version_is_in_memory_before_it_answers_and_one_that_cannot_predict_never_does(
    caller: Caller, store: Store, pets: Pets
):
    job = store.job_runs.claim("test")
    assert job
    assert store.job_runs.succeed(job, pets.model.id)
    works = store_brightness_model(store, pets.project)
    store.projects.serve(pets.project.id, pets.model.id, pets.model.version)
    assert caller.call("POST", f"/api/v1/models/{works.id}/serve").status_code == 200
    engine = caller._client.application.extensions["diyml"].services.engine
    assert works.id in engine._models._loaded
    refused = caller.call("POST", f"/api/v1/models/{pets.model.id}/serve")
    assert_problem(refused, 409, "cannot answer for the project", f"version {pets.model.version}")
    assert store.projects.get(pets.project.id).model_id == works.id


@pytest.mark.parametrize("path", ["x", "0" * 24, "0" * 24 + "/files/model.onnx", "x/files/y"])
def test_an_unknown_model_is_404(caller: Caller, path: str):
    assert_problem(_get(caller, f"/api/v1/models/{path}"), 404, "no model")


@pytest.mark.parametrize("name", ["other.onnx", "..", "%2e%2e%2fsecret", "model.onnx%00"])
def test_a_file_that_the_model_does_not_have_is_404(caller: Caller, pets: Pets, name: str):
    assert_problem(_get(caller, f"/api/v1/models/{pets.model.id}/files/{name}"), 404)

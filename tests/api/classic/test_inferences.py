from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.classic.representation import predictions
from inference.engine import Engine
from inference.protocol import Prediction
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import IMAGE, assert_problem
from tests.conftest import Caller
from utils import Unavailable, utc_now

FOUND = Prediction((1.5, 2.0, 30.25, 20.0), "cat", 0.75)


@pytest.fixture
def published(caller: Caller, pets: Pets) -> Pets:
    """Ada's project, published."""
    assert caller.call("PUT", "/publish", project_name="pets", is_published="True").status_code == 200
    return pets


def test_a_result_is_read_as_often_as_wanted_by_its_id_alone(client: FlaskClient, store: Store, pets: Pets):
    inference_id = store.inferences.create(pets.project.id, pets.project.owner_id, predictions([FOUND]))
    for _ in range(3):
        response = client.get("/inference", query_string={"inference_mapping": inference_id})
        assert response.status_code == 200
        assert response.json == [{"coords": [1.5, 2.0, 30.25, 20.0], "classification": "cat", "confidence": 0.75}]


def test_nothing_found_is_said_in_words(client: FlaskClient, store: Store, pets: Pets):
    inference_id = store.inferences.create(pets.project.id, pets.project.owner_id, predictions([]))
    assert client.get(f"/inference?inference_mapping={inference_id}").json == ["Nothing Detected in Image"]


def test_an_unknown_or_expired_id_is_404_and_none_400(client: FlaskClient, store: Store, pets: Pets):
    inference_id = store.inferences.create(pets.project.id, pets.project.owner_id, [])
    store.database["inferences"].update_one({}, {"$set": {"expires_at": utc_now() - timedelta(seconds=1)}})
    for text in (inference_id, "unknown", "$ne", "0", "x" * 900):
        assert_problem(client.get("/inference", query_string={"inference_mapping": text}), 404)
    assert_problem(client.get("/inference"), 400, "inference_mapping is missing")
    assert_problem(client.get("/inference?inference_mapping="), 400)


def test_any_user_infers_on_a_published_project(
    client: FlaskClient, other: Caller, published: Pets, monkeypatch: pytest.MonkeyPatch
):
    asked: list[Any] = []
    monkeypatch.setattr(Engine, "predict", lambda _, model_id, content: asked.append(model_id) or [FOUND])
    response = other.call("POST", "/inference", project_name="pets", image_data=IMAGE)
    assert response.status_code == 200, response.text
    assert set(response.json) == {"RequestResult", "inference_mapping"}
    inference_id = response.json["inference_mapping"]
    assert asked == [published.model.id]
    assert len(inference_id) == 43
    assert client.get(f"/inference?inference_mapping={inference_id}").json[0]["classification"] == "cat"


def test_a_missing_or_unpublished_project_is_the_same_404_even_for_its_owner(caller: Caller, pets: Pets):
    for name in ("pets", "dogs"):
        response = caller.call("POST", "/inference", project_name=name, image_data=IMAGE)
        assert_problem(response, 404, f"there is no published project '{name}'")


def test_a_withdrawn_or_deleted_project_is_404(caller: Caller, other: Caller, published: Pets):
    caller.call("PUT", "/publish", project_name="pets", is_published="False")
    assert_problem(other.call("POST", "/inference", project_name="pets", image_data=IMAGE), 404)
    caller.call("PUT", "/publish", project_name="pets", is_published="True")
    caller.call("PATCH", "/upload/project", project_name="pets")
    assert_problem(other.call("POST", "/inference", project_name="pets", image_data=IMAGE), 404)


def test_a_model_that_is_deleted_at_this_moment_is_404(other: Caller, published: Pets, store: Store):
    store.models.delete(published.model.id)
    assert_problem(other.call("POST", "/inference", project_name="pets", image_data=IMAGE), 404)


@pytest.mark.parametrize(
    "image_data", ["", "%%%", "bm8gaW1hZ2U=", "data:image/png;base64,", None, 5, [], {"$ne": None}]
)
def test_what_is_no_image_is_400(other: Caller, published: Pets, image_data: object):
    body = {"api_token": other.token, "project_name": "pets", "image_data": image_data}
    assert_problem(other._client.post("/inference", json=body), 400)


def test_a_full_house_is_503_with_the_time_to_come_back(
    other: Caller, published: Pets, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise Unavailable("too many inferences are waiting", retry_after_seconds=1)

    monkeypatch.setattr(Engine, "predict", full)
    response = other.call("POST", "/inference", project_name="pets", image_data=IMAGE)
    assert_problem(response, 503)
    assert response.headers["Retry-After"] == "1"


def test_inferring_without_or_with_a_bad_token_is_401(client: FlaskClient, published: Pets, store: Store):
    body = {"project_name": "pets", "image_data": IMAGE}
    assert_problem(client.post("/inference", json=body), 401)
    assert_problem(client.post("/inference", json={**body, "api_token": "unknown"}), 401)
    assert store.database["inferences"].count_documents({}) == 0

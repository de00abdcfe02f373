from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from PIL import Image

from api.classic.representation import predictions
from inference.protocol import Prediction
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import IMAGE, assert_problem
from tests.conftest import Caller, encoded
from tests.inference.models import publish_brightness_model
from utils import utc_now

FOUND = Prediction((1.5, 2.0, 30.25, 20.0), "cat", 0.75)


def uniform(level: int) -> str:
    """A picture of one grey, as the contract sends it."""
    stream = io.BytesIO()
    Image.new("RGB", (20, 20), (level,) * 3).save(stream, "PNG")
    return encoded(stream.getvalue())


BRIGHT = uniform(255)


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


@pytest.fixture
def brightness(caller: Caller, store: Store) -> str:
    """A published project whose real model tells how bright an image is; gives its name."""
    publish_brightness_model(store, caller.username, "brightness")
    return "brightness"


def test_any_user_infers_on_a_published_project(client: FlaskClient, other: Caller, brightness: str):
    response = other.call("POST", "/inference", project_name=brightness, image_data=BRIGHT)
    assert response.status_code == 200, response.text
    assert set(response.json) == {"RequestResult", "inference_mapping"}
    inference_id = response.json["inference_mapping"]
    assert len(inference_id) == 43
    assert client.get(f"/inference?inference_mapping={inference_id}").json == [
        {"coords": [0.0, 0.0, 20.0, 20.0], "classification": "bright", "confidence": 1.0},
        {"coords": [0.0, 0.0, 20.0, 20.0], "classification": "dark", "confidence": 0.0},
    ]


def test_eight_users_at_once_each_get_their_own_answer(client: FlaskClient, other: Caller, brightness: str):
    def infer(level: int) -> float:
        mine = client.application.test_client()
        sent = {"api_token": other.token, "project_name": brightness, "image_data": uniform(level)}
        mapping = mine.post("/inference", json=sent).json["inference_mapping"]
        answer = mine.get("/inference", query_string={"inference_mapping": mapping}).json
        return next(entry["confidence"] for entry in answer if entry["classification"] == "bright")

    levels = [0, 50, 100, 150, 200, 255, 25, 75] * 6
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(infer, levels))
    assert answers == pytest.approx([level / 255 for level in levels], abs=1e-5)


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
def test_what_is_no_image_is_400(other: Caller, brightness: str, image_data: object):
    body = {"api_token": other.token, "project_name": brightness, "image_data": image_data}
    assert_problem(other._client.post("/inference", json=body), 400)


def test_a_full_house_is_503_with_the_time_to_come_back(client: FlaskClient, other: Caller, brightness: str):
    engine = client.application.extensions["diyml"].services.engine
    with ExitStack() as house:
        house.enter_context(engine._gate.admit("somebody", 1000))
        response = other.call("POST", "/inference", project_name=brightness, image_data=BRIGHT)
        assert_problem(response, 503)
        assert response.headers["Retry-After"] == "1"
    assert other.call("POST", "/inference", project_name=brightness, image_data=BRIGHT).status_code == 200


def test_inferring_without_or_with_a_bad_token_is_401(client: FlaskClient, published: Pets, store: Store):
    body = {"project_name": "pets", "image_data": IMAGE}
    assert_problem(client.post("/inference", json=body), 401)
    assert_problem(client.post("/inference", json={**body, "api_token": "unknown"}), 401)
    assert store.database["inferences"].count_documents({}) == 0


def test_a_model_whose_card_cannot_be_read_is_503_and_says_what_to_do(other: Caller, published: Pets):
    response = other.call("POST", "/inference", project_name="pets", image_data=IMAGE)
    assert_problem(response, 503, "the stored model's card cannot be read: train the project again")

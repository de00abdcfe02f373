"""Predictions at once: every way to send images, every option, and what goes wrong in words."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from api.v1.rate_limits import rate_headers
from inference.answers import Left
from settings import Settings
from storage.models import Model
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller, encoded, picture
from tests.inference.models import store_brightness_model


def grey(level: int, width: int = 20, height: int = 20) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (level,) * 3).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def model(caller: Caller, store: Store) -> Model:
    """Ada's published project `light` tells bright from dark."""
    caller.project("light", classes="bright|dark")
    user = store.users.find("ada")
    assert user
    project = store.projects.named("light", user)
    made = store_brightness_model(store, project)
    store.projects.publish(project, True)
    return made


@pytest.fixture
def predict(client: FlaskClient, other: Caller, model: Model):
    """Another user's calls."""

    def call(project: str = "light", **how: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {other.token}", **how.pop("headers", {})}
        return client.post(f"/api/v1/published/{project}/predict", headers=headers, **how)

    return call


def brightness(result: dict[str, Any]) -> float:
    return {found["class"]: found["confidence"] for found in result["predictions"]}["bright"]


def test_an_answer_tells_what_is_left_of_the_callers_limits(predict, settings: Settings):
    answer = predict(data=grey(200), content_type="image/png")
    most = settings.inference_images_per_user
    assert answer.headers["RateLimit-Policy"] == f'"images-at-once";q={most};qu="images"'
    assert answer.headers["RateLimit"] == f'"images-at-once";r={most}'
    assert "RateLimit-Policy" in answer.headers["Access-Control-Expose-Headers"]


def test_a_limit_a_minute_is_told_with_its_window():
    limited = Settings(inference_images_per_user=4, inference_images_per_minute=30)
    assert rate_headers(limited, Left(3, 12, 36)) == {
        "RateLimit-Policy": '"images-at-once";q=4;qu="images", "images-a-minute";q=30;qu="images";w=60',
        "RateLimit": '"images-at-once";r=3, "images-a-minute";r=12;t=36',
    }


def test_raw_bytes_a_form_and_base64_give_the_same_answer(predict, model: Model):
    image = grey(200)
    answers = [
        predict(data=image, content_type="image/png"),
        predict(data=image, content_type="application/octet-stream"),
        predict(data={"image": (io.BytesIO(image), "a.png")}),
        predict(json={"image": encoded(image)}),
        predict(json={"images": [encoded(image)]}),
        predict(data={"image": encoded(image)}),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json["project"] == "light"
        assert answer.json["model"] == {"id": str(model.id), "version": 1}
        [result] = answer.json["results"]
        assert (result["width"], result["height"]) == (20, 20)
        assert brightness(result) == pytest.approx(200 / 255, abs=1e-5)
        assert result["predictions"][0]["box"] == {"x1": 0.0, "y1": 0.0, "x2": 20.0, "y2": 20.0}


def test_a_batch_is_answered_in_the_order_in_which_it_was_sent(predict):
    levels = [int(level) for level in np.random.default_rng(1).integers(0, 256, 64)]
    form = predict(data={"images": [(io.BytesIO(grey(level)), f"{n}.png") for n, level in enumerate(levels)]})
    listed = predict(json={"images": [encoded(grey(level)) for level in levels]})
    for answer in (form, listed):
        assert answer.status_code == 200, answer.text
        assert [round(brightness(result) * 255) for result in answer.json["results"]] == levels


def test_the_time_spent_in_each_stage_is_told(predict):
    answer = predict(data=grey(1), content_type="image/png")
    assert set(answer.json["timing_ms"]) == {"decode", "wait", "model", "post"}
    stages = re.findall(r"(\w+);dur=([\d.]+)", answer.headers["Server-Timing"])
    assert {name: float(ms) for name, ms in stages} == pytest.approx(answer.json["timing_ms"], abs=0.01)
    assert answer.json["timing_ms"]["model"] > 0


def test_options_come_in_the_query_or_with_the_images(predict):
    image = grey(200)
    for answer in (
        predict(query_string={"top_k": 1}, data=image, content_type="image/png"),
        predict(json={"image": encoded(image), "top_k": 1}),
        predict(data={"image": (io.BytesIO(image), "a.png"), "top_k": "1"}),
        predict(json={"image": encoded(image), "confidence": 0.5}),
    ):
        assert [found["class"] for found in answer.json["results"][0]["predictions"]] == ["bright"], answer.text


def test_the_annotated_picture_has_the_size_of_the_image(predict):
    answer = predict(query_string={"annotated": "true"}, data=grey(200, 300, 120), content_type="image/png")
    assert answer.status_code == 200
    assert answer.mimetype == "image/jpeg"
    shown = Image.open(io.BytesIO(answer.data))
    assert shown.size == (300, 120)
    assert np.asarray(shown).std() > 5


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ({"json": {}}, 400, "no image"),
        ({"data": b"", "content_type": "image/png"}, 400, "no image"),
        ({"data": b"GIF89a...", "content_type": "image/gif"}, 400, "not an image"),
        ({"data": picture(), "content_type": "text/html"}, 415, "application/json"),
        ({"json": {"images": [encoded(picture()), encoded(b"none")]}}, 400, "image 2 of 2: not an image"),
        ({"json": {"images": [encoded(picture())] * 65}}, 413, "at most 64"),
        ({"json": {"image": encoded(picture()), "confidence": 1.5}}, 400, "confidence"),
        ({"json": {"image": encoded(picture()), "top_k": 0}}, 400, "top_k"),
        ({"json": {"image": encoded(picture()), "iou": 0.5}}, 400, "iou: classification models know"),
        ({"json": {"image": encoded(picture()), "colour": "red"}}, 400, "colour"),
        ({"json": {"images": [encoded(picture())] * 2, "annotated": True}}, 400, "one image"),
        ({"json": {"image": "***"}}, 400, "base64"),
    ],
)
def test_what_is_wrong_is_said_in_words(predict, how: dict[str, Any], status: int, words: str):
    assert_problem(predict(**how), status, words)


def test_only_what_is_published_is_served(predict, caller: Caller):
    assert_problem(predict("unknown", data=picture(), content_type="image/png"), 404, "no published project")
    caller.call("PUT", "/publish", project_name="light", is_published="False")
    assert_problem(predict(data=picture(), content_type="image/png"), 404, "no published project")


def test_a_token_is_needed_and_may_come_among_the_parameters(client: FlaskClient, other: Caller, model: Model):
    path = "/api/v1/published/light/predict"
    assert_problem(client.post(path, data=picture(), content_type="image/png"), 401)
    answer = client.post(path, json={"image": encoded(picture()), "api_token": other.token})
    assert answer.status_code == 200

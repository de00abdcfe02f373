"""Projects of one kind of data, and calls that are about another: 409, with what the project holds and what to call."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from inference.protocol import MOST_ROWS
from storage.models import Model
from storage.store import Store
from tests.api.problems import assert_problem
from tests.api.v1.test_predictions import grey
from tests.conftest import Caller, encoded, picture
from tests.inference.models import store_brightness_model
from training.registry import TRAINERS

PROJECT = "/api/v1/projects/houses"
PREDICT = "/api/v1/published/{}/predict"
ABOUT_IMAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"{PROJECT}/images", {}),
    ("POST", f"{PROJECT}/images/bulk", {}),
    ("GET", f"{PROJECT}/duplicates", {}),
    ("GET", f"{PROJECT}/analysis", {}),
    ("GET", f"{PROJECT}/label-review", {}),
    ("POST", "/upload/class_info", {"project_name": "houses"}),
    ("PUT", "/upload/class_info", {"project_name": "houses", "class_info": "cat"}),
    ("POST", "/upload/data_point", {"project_name": "houses", "data_point_name": "one.png"}),
    ("POST", "/data_analysis", {"project_name": "houses"}),
]


@pytest.fixture
def light(caller: Caller, store: Store) -> Model:
    """Ada's published project `light`, of images."""
    caller.project("light", classes="bright|dark")
    user = store.users.find("ada")
    assert user
    project = store.projects.named("light", user)
    made = store_brightness_model(store, project)
    store.projects.publish(project, True)
    return made


def called(caller: Caller, method: str, path: str, body: dict[str, Any]) -> TestResponse:
    """With a token where this method takes it."""
    if method == "GET":
        return caller._client.get(path, headers={"Authorization": f"Bearer {caller.token}"})
    return caller.call(method, path, **body)


def test_calls_about_images_refuse_a_project_that_holds_a_table(caller: Caller):
    caller.project("houses", "tabular")
    told = ("type tabular", "holds a table", "about images", "/api/v1/projects/houses/table")
    for method, path, body in ABOUT_IMAGES:
        response = called(caller, method, path, body)
        assert response.status_code == 409, (method, path, response.text)
        assert_problem(response, 409, *told)
    data = encoded(picture())
    sent = {"project_name": "houses", "data_point_name": "one.png", "image_data": data, "label_data": "cat"}
    assert_problem(caller.call("PUT", "/upload/data_point", **sent), 409, *told)


def test_calls_about_a_table_refuse_a_project_that_holds_images(caller: Caller):
    caller.project("pet shop")
    for what in ("", "/rows", "/file"):
        response = called(caller, "GET", f"/api/v1/projects/pet%20shop/table{what}", {})
        assert_problem(response, 409, "holds images", "about a table", "/api/v1/projects/pet%20shop/images")
    added = caller.call("POST", "/api/v1/projects/pet%20shop/rows", rows=[{"flow": 1}])
    assert_problem(added, 409, "holds images", "about a table")


def test_rows_are_refused_by_a_project_that_holds_images(caller: Caller, light: Model):
    rows = [{"rooms": 3}]
    assert_problem(caller.call("POST", PREDICT.format("light"), rows=rows), 409, "about a table", "take images")
    figures = caller.call("POST", "/api/v1/published/light/figures", rows=rows)
    assert_problem(figures, 409, "about time series", "take images")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"rows": []}, 400, "rows: there is none"),
        ({"rows": [{}], "image": encoded(grey(3))}, 400, "they come alone"),
        ({"rows": [{}] * (MOST_ROWS + 1)}, 413, f"at most {MOST_ROWS:,}"),
        ({"rows": "a"}, 400, "rows"),
        ({"image": encoded(grey(3)), "explain": True}, 400, "explain"),
    ],
)
def test_what_cannot_be_predicted_is_told_in_words(
    caller: Caller, light: Model, body: dict[str, Any], status: int, words: str
):
    assert_problem(caller.call("POST", PREDICT.format("light"), **body), status, words)


def test_no_int8_where_the_trainer_cannot_score_it(
    caller: Caller, light: Model, store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(type(TRAINERS["classification"]), "scorer", None)
    refused = caller.call("POST", f"/api/v1/models/{light.id}/quantize")
    assert_problem(refused, 409, "classification", "no int8 version")

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from flask.testing import FlaskClient

from storage.store import Store
from tests.api.problems import IMAGE, assert_problem
from tests.conftest import Caller, encoded, picture


def _read(caller: Caller, project: str, name: str) -> Any:
    response = caller.call("POST", "/upload/data_point", project_name=project, data_point_name=name)
    assert response.status_code == 200, response.text
    return response.json


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_data_point_is_placed_with_put_or_post(caller: Caller, store: Store, method: str):
    caller.project("cells", "detection", "red|white")
    content = picture(40, 30)
    labels = "0 0.5 0.5 0.25 0.25|1 0.1 0.1 0.05 0.05"
    placed = caller.call(
        method, "/upload/data_point",
        project_name="cells", data_point_name="img_1.jpg", image_data=encoded(content), label_data=labels,
    )  # fmt: skip
    assert placed.json == {"Status": "Successful data point upload."}
    image = _read(caller, "cells", "img_1.jpg")
    project = caller.call("POST", "/upload/project", project_name="cells").json
    assert image == {
        "_id": project["dids"][0],
        "pid": project["_id"],
        "name": "img_1.jpg",
        "labels": labels.split("|"),
        "width": 40,
        "height": 30,
        "format": "PNG",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    row = store.database["images"].find_one()
    assert row
    assert store.image_files.read(row["file_id"]) == content


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "data:,", "DATA:image/jpeg;name=a.jpg;base64,", " "])
def test_a_data_url_prefix_is_allowed(caller: Caller, prefix: str):
    caller.project("pets", classes="cat")
    placed = caller.call(
        "PUT", "/upload/data_point", project_name="pets", data_point_name="a", image_data=prefix + IMAGE, label_data="0"
    )
    assert placed.status_code == 200, placed.text


def test_base64_may_come_in_lines_without_padding_or_with_spaces_for_plus(client: FlaskClient, caller: Caller):
    caller.project("pets", classes="cat")
    body = {"api_token": caller.token, "project_name": "pets", "data_point_name": "a", "label_data": ""}
    lines = "\r\n".join(IMAGE[start : start + 76] for start in range(0, len(IMAGE), 76))
    for text in (lines, IMAGE.rstrip("="), IMAGE.replace("+", " ")):
        assert client.put("/upload/data_point", data={**body, "image_data": text}).status_code == 200


def test_an_image_may_come_in_a_form_larger_than_flask_allows_by_itself(client: FlaskClient, caller: Caller):
    caller.project("pets", classes="cat")
    image = encoded(picture(700, 700))
    assert len(image) > 1_000_000
    body = {"api_token": caller.token, "project_name": "pets", "data_point_name": "a", "label_data": "cat"}
    body["image_data"] = image
    assert client.put("/upload/data_point", data=body).status_code == 200
    placed = client.put("/upload/data_point", data=_multipart(body), content_type="multipart/form-data; boundary=x")
    assert placed.status_code == 200, placed.text


def _multipart(fields: dict[str, str]) -> str:
    parts = (f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items())
    return "".join(parts) + "--x--\r\n"


@pytest.mark.parametrize("name", ["img", "img.jpg", "a.b.c", "фото 1.png", "照片", "x" * 100, ".hidden", "$set", "a b"])
def test_a_data_point_name_may_be_any_visible_text(caller: Caller, name: str):
    caller.project("pets", classes="cat")
    assert caller.place("pets", name, "cat").status_code == 200
    assert _read(caller, "pets", name)["name"] == name


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b.jpg", "../../etc/passwd", "a\\b", "a\0", "a\nb", "x" * 1000, 5, {}]
)
def test_an_unusable_data_point_name_is_400(caller: Caller, store: Store, name: object):
    caller.project("pets", classes="cat")
    placed = caller.call(
        "PUT", "/upload/data_point", project_name="pets", data_point_name=name, image_data=IMAGE, label_data="cat"
    )
    assert_problem(placed, 400, "data_point_name")
    assert store.database["images.files"].count_documents({}) == 0


def test_placing_a_name_again_replaces_it(caller: Caller, store: Store):
    caller.project("pets", classes="cat|dog")
    caller.place("pets", "a", "cat", picture(seed=1))
    before = _read(caller, "pets", "a")
    caller.place("pets", "a", "dog", picture(50, 60, seed=2))
    after = _read(caller, "pets", "a")
    assert (after["labels"], after["width"], after["_id"]) == (["dog"], 50, before["_id"])
    assert after["sha256"] != before["sha256"]
    counts = [store.database[name].count_documents({}) for name in ("images", "images.files", "images.chunks")]
    assert counts == [1, 1, 1]


def test_the_same_name_in_two_projects_is_two_data_points(caller: Caller):
    for project, label in (("a", "cat"), ("b", "dog")):
        caller.project(project, classes="cat|dog")
        caller.place(project, "one", label)
    assert [_read(caller, project, "one")["labels"] for project in ("a", "b")] == [["cat"], ["dog"]]


def test_an_empty_label_is_an_image_without_objects(caller: Caller):
    caller.project("cells", "detection", "red")
    assert caller.place("cells", "background", "").status_code == 200
    assert _read(caller, "cells", "background")["labels"] == []


@pytest.mark.parametrize("missing", ["data_point_name", "project_name", "label_data"])
def test_a_missing_parameter_is_400_and_named(caller: Caller, missing: str):
    caller.project("pets", classes="cat")
    body = {"project_name": "pets", "data_point_name": "a", "image_data": IMAGE, "label_data": "cat"}
    body.pop(missing)
    problem = assert_problem(caller.call("PUT", "/upload/data_point", **body), 400, f"{missing} is missing")
    assert problem["errors"] == [{"field": missing, "message": f"{missing} is missing"}]


def test_placing_with_put_needs_an_image(caller: Caller):
    caller.project("pets", classes="cat")
    placed = caller.call("PUT", "/upload/data_point", project_name="pets", data_point_name="a", label_data="cat")
    assert_problem(placed, 400, "image_data is missing")


def test_placing_reading_and_deleting_in_anothers_project_is_403(caller: Caller, other: Caller):
    caller.project("pets", classes="cat")
    caller.place("pets", "a", "cat")
    assert_problem(other.place("pets", "a", "cat"), 403)
    for method in ("POST", "PATCH"):
        response = other.call(method, "/upload/data_point", project_name="pets", data_point_name="a")
        assert_problem(response, 403, "belongs to another user")
    assert _read(caller, "pets", "a")["labels"] == ["cat"]


def test_a_project_or_data_point_that_is_not_there_is_404(caller: Caller):
    assert_problem(caller.place("pets", "a", "cat"), 404, "no project 'pets'")
    caller.project("pets", classes="cat")
    for method in ("POST", "PATCH"):
        response = caller.call(method, "/upload/data_point", project_name="pets", data_point_name="a")
        assert_problem(response, 404, "no data point 'a'")


def test_deleting_a_data_point_deletes_its_file(caller: Caller, store: Store):
    caller.project("pets", classes="cat")
    caller.place("pets", "a", "cat", picture(seed=1))
    caller.place("pets", "b", "cat", picture(seed=2))
    deleted = caller.call("PATCH", "/upload/data_point", project_name="pets", data_point_name="a")
    assert deleted.json == {"Status": "Successful deletion"}
    counts = [store.database[name].count_documents({}) for name in ("images", "images.files", "images.chunks")]
    assert counts == [1, 1, 1]
    assert _read(caller, "pets", "b")["labels"] == ["cat"]

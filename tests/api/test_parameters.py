"""Every parameter may come as JSON, as a form, on GET in the query; the token in the body or as bearer."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.conftest import Pets
from tests.api.problems import REQUESTS, assert_problem, fill
from tests.conftest import PASSWORD, Caller

CLASSIC = sorted(key for key in REQUESTS if not key[1].startswith(("/api", "/health", "/ready")))
BODIES = [key for key in CLASSIC if key[0] != "GET" and key != ("POST", "/inference")]
LONG = "x" * 100_000
LONG_TEXTS = {
    ("POST", "/auth", "password"): 401,
    ("PATCH", "/auth", "password"): 401,
    ("POST", "/inference", "image_data"): 404,
}
REFUSED: list[Any] = [None, True, 1.5, [], ["x"], {}, {"$ne": None}, {"$gt": ""}, "\ud800", "x\udfff", LONG]


def _send(client: FlaskClient, method: str, path: str, how: str, values: dict[str, Any], token: str) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if how.endswith("bearer") else {}
    sent = values if headers else {**values, "api_token": token}
    if how.startswith("json"):
        return client.open(path, method=method, json=sent, headers=headers)
    kind = "multipart/form-data" if how.startswith("multipart") else "application/x-www-form-urlencoded"
    text = {name: str(value) for name, value in sent.items()}
    return client.open(path, method=method, data=text, headers=headers, content_type=kind)


@pytest.mark.parametrize("how", ["json", "json bearer", "form", "form bearer", "multipart", "multipart bearer"])
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_parameters_and_token_come_in_any_way(
    client: FlaskClient, caller: Caller, pets: Pets, method: str, path: str, how: str
):
    if path == "/train":
        caller.call("POST", f"/api/v1/jobs/{pets.job.id}/cancel")
    response = _send(client, method, path, how, REQUESTS[method, path], caller.token)
    assert response.status_code == 200, response.text


def test_a_query_is_text_whatever_the_client_says_of_a_body_that_is_not_there(client: FlaskClient, caller: Caller):
    headers = {"Authorization": f"Bearer {caller.token}"}
    for method in ("GET", "HEAD"):
        answer = client.open("/api/v1/jobs?limit=1", method=method, headers=headers, content_type="application/json")
        assert answer.status_code == 200, answer.text


def test_the_token_in_the_body_wins_over_the_header(client: FlaskClient, caller: Caller, pets: Pets):
    headers = {"Authorization": "Bearer unknown"}
    body = {"project_name": "pets", "api_token": caller.token}
    assert client.post("/upload/project", json=body, headers=headers).status_code == 200


def test_unknown_parameters_are_ignored(caller: Caller, pets: Pets):
    extra = {"colour": "red", "\ud800": 1, "deep": [[[[]]]], "": None, "$where": "1", "a.b": {"$ne": 1}}
    assert caller.call("POST", "/upload/project", project_name="pets", **extra).status_code == 200


@pytest.mark.parametrize(("method", "path"), [key for key in CLASSIC if REQUESTS[key] and key[0] != "GET"])
def test_every_field_refuses_every_wrong_value(caller: Caller, pets: Pets, method: str, path: str):
    valid = REQUESTS[method, path]
    before = caller.call("POST", "/upload/project", project_name="pets").json
    for field in valid:
        for value in REFUSED:
            if (field, value) == ("is_published", True):
                continue
            body = {**valid, "api_token": caller.token, field: value}
            response = caller._client.open(path, method=method, json=body)
            # A long text may be a password, though a wrong one, and an image's base64, for a project not published.
            long_text = value == LONG and LONG_TEXTS.get((method, path, field))
            problem = assert_problem(response, long_text or 400)
            assert long_text or field in {error["field"] for error in problem["errors"]}
    assert caller.call("POST", "/upload/project", project_name="pets").json == before


@pytest.mark.parametrize("value", REFUSED)
@pytest.mark.parametrize(("method", "path"), [("POST", "/upload/project"), ("POST", "/api/v1/jobs/<job_id>/cancel")])
def test_a_token_of_any_wrong_kind_is_401(client: FlaskClient, pets: Pets, method: str, path: str, value: object):
    response = client.open(fill(path), method=method, json={"project_name": "pets", "api_token": value})
    assert_problem(response, 401)


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b'"text"', b"1", b"true", b"null", b"{", b"{]", b"\xff\xfe", b"\x00", b"{'a': 1}", b'{"a": NaN}',
        b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1,}', b"\xef\xbb\xbf{}", b"9" * 5000, b"{}{}", b'{"a"}',
        b'{"username": "\x01"}', b"[" * 900 + b"]" * 900, b"[" * 100_000 + b"]" * 100_000, b"[" * 100_000,
        b'{"a":' * 100_000, b'{"username":' * 900 + b"1" + b"}" * 900,
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_400(client: FlaskClient, body: bytes):
    for method in ("POST", "PUT", "PATCH"):
        response = client.open("/auth", method=method, data=body, content_type="application/json")
        if method == "PATCH" and response.status_code == 401:
            continue  # the body was an object, without a token
        assert_problem(response, 400)


def test_deep_json_in_a_field_is_400(caller: Caller):
    for levels in (10, 900):
        deep = "[" * levels + "]" * levels
        body = f'{{"api_token": "{caller.token}", "project_name": {deep}, "project_type": {deep}}}'
        response = caller._client.put("/upload/project", data=body, content_type="application/json")
        assert_problem(response, 400, "project_name", "project_type", "an array")


def test_every_bad_field_is_named_at_once(client: FlaskClient):
    body = assert_problem(client.put("/auth", json={"username": 1, "password": "short"}), 400)
    assert [error["field"] for error in body["errors"]] == ["username", "password"]


def test_numbers_larger_than_the_database_can_hold_are_400_or_unknown(caller: Caller, pets: Pets):
    for number in (2**63, 2**64, -(2**64), 10**300):
        body = {"api_token": caller.token, "project_name": "pets", "train_split": 0.8, "epochs": number}
        assert_problem(caller._client.put("/train", json=body), 400, "epochs")
        body = {**REQUESTS["PUT", "/upload/data_point"], "api_token": caller.token, "label_data": number}
        assert_problem(caller._client.put("/upload/data_point", json=body), 400, "label_data")


def test_a_query_that_is_no_text_is_read_as_far_as_it_is_text(client: FlaskClient):
    for query in ("username=%ff%fe", "username=%00", "username=%ED%A0%80", "username[$ne]=", "username=a&username=b"):
        response = client.get(f"/auth?{query}")
        assert response.status_code in (200, 400), query
        assert response.json is False or response.status_code == 400


def test_an_over_long_name_is_400_where_it_is_looked_up(client: FlaskClient):
    assert_problem(client.get("/auth", query_string={"username": "x" * 1001}), 400, "1000 characters")
    assert_problem(client.post("/auth", json={"username": "x" * 5_000_000, "password": PASSWORD}), 400, "username")

"""What HTTP itself demands: methods, types, sizes, other origins; each failure in the one shape."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from DIYML import create_app
from settings import Settings
from storage.store import Store
from tests.api.problems import IMAGE, assert_problem
from tests.conftest import PASSWORD, Caller

LIMIT = 20_000
ORIGIN = {"Origin": "http://localhost:3000"}


@pytest.fixture
def small(settings: Settings, store: Store) -> Iterator[FlaskClient]:
    """A client of an application that takes bodies of up to LIMIT bytes."""
    app = create_app(dataclasses.replace(settings, max_request_bytes=LIMIT))
    yield app.test_client()
    app.extensions["diyml"].services.store.close()


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/auth/", "/upload", "/api/v1", "/api/v1/jobs/", "/../etc", "/%00", "/%ff"]
)
def test_an_unknown_path_is_404(client: FlaskClient, path: str):
    assert_problem(client.get(path), 404)


def test_doubled_slashes_lead_to_the_same_place(client: FlaskClient):
    assert client.get("//auth?username=nobody", follow_redirects=True).status_code in (200, 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/auth", {"GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}),
        ("GET", "/upload/data_point", {"OPTIONS", "PATCH", "POST", "PUT"}),
        ("POST", "/train", {"OPTIONS", "PUT"}),
        ("TRACE", "/publish", {"GET", "HEAD", "OPTIONS", "PUT"}),
        ("BREW", "/health", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_with_the_right_ones(client: FlaskClient, method: str, path: str, allowed: set[str]):
    response = client.open(path, method=method)
    assert_problem(response, 405)
    assert set(response.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "image/png", "", "nonsense", "application/jsonp"]
)
def test_a_body_that_is_neither_json_nor_form_is_415(client: FlaskClient, content_type: str):
    response = client.put("/auth", data=b"username=ada&password=12345678", content_type=content_type)
    assert_problem(response, 415, "application/json or a form")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/problem+json"]
)
def test_every_json_type_is_json(client: FlaskClient, content_type: str):
    assert_problem(
        client.post("/auth", data=b"[]", content_type=content_type), 400, "must be a JSON object, got an array"
    )


def test_an_empty_body_has_no_parameters(client: FlaskClient, caller: Caller):
    for content_type in ("application/json", "", "application/x-www-form-urlencoded", "text/plain"):
        assert_problem(client.post("/auth", data=b"", content_type=content_type), 400, "username is missing")
    headers = {"Authorization": f"Bearer {caller.token}"}
    response = client.post("/data_analysis", data=b"", content_type="application/json", headers=headers)
    assert_problem(response, 400, "project_name is missing")


def test_a_body_over_the_limit_is_413_as_json_and_as_form(small: FlaskClient, store: Store):
    body = {"username": "ada", "password": "x" * LIMIT}
    assert_problem(small.put("/auth", json=body), 413)
    assert_problem(small.put("/auth", data=body), 413)
    assert_problem(small.put("/auth", data=body, content_type="multipart/form-data"), 413)
    assert store.database["users"].count_documents({}) == 0
    assert small.put("/auth", json={"username": "ada", "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_chunked_body_over_the_limit_is_413_without_a_length(small: FlaskClient, content_type: str):
    assert_problem(_chunked(small, b"x" * (LIMIT * 2), content_type), 413)


def test_a_chunked_body_within_the_limit_is_read(small: FlaskClient):
    response = _chunked(small, b'{"username": "ada", "password": "12345678"}', "application/json")
    assert response.status_code == 200, response.text


def _chunked(client: FlaskClient, body: bytes, content_type: str) -> TestResponse:
    """As gunicorn hands over a body that was sent in chunks: no length, and an end that the server sees to."""
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    stream = io.BytesIO(body)
    return client.open("/auth", method="PUT", content_type=content_type, input_stream=stream, environ_overrides=environ)


def test_head_is_get_without_a_body(client: FlaskClient):
    response = client.head("/auth?username=ada")
    assert (response.status_code, response.data) == (200, b"")
    assert client.head("/auth").status_code == 400
    assert client.head("/nothing").status_code == 404


def test_another_origin_may_ask_with_every_verb_and_a_token(client: FlaskClient):
    for method in ("GET", "POST", "PUT", "PATCH"):
        asked = {
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        response = client.options("/upload/project", headers={**ORIGIN, **asked})
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN["Origin"])
        assert method in response.headers["Access-Control-Allow-Methods"]
        assert set(response.headers["Access-Control-Allow-Headers"].split(", ")) == {"authorization", "content-type"}


def test_options_names_the_methods_and_needs_no_token(client: FlaskClient):
    response = client.options("/train")
    assert response.status_code == 200
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "PUT"}


def test_another_origin_reads_errors_too(client: FlaskClient, small: FlaskClient):
    assert_problem(client.get("/nothing", headers=ORIGIN), 404)
    assert_problem(client.delete("/auth", headers=ORIGIN), 405)
    assert_problem(client.put("/train", headers=ORIGIN), 401)
    assert_problem(small.put("/auth", headers=ORIGIN, json={"image": "x" * LIMIT}), 413)
    response = client.get("/auth?username=ada", headers=ORIGIN)
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("host", ["a b", "[", "evil.example:port", "x" * 5000, "\xff"])
def test_an_odd_host_header_does_no_harm(client: FlaskClient, host: str):
    assert client.get("/health", headers={"Host": host}).status_code < 500


def test_a_failure_of_our_own_is_500_and_tells_nothing(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("a secret at /home/somebody")

    monkeypatch.setattr("storage.users.Users.find", broken)
    body = assert_problem(client.get("/auth?username=ada", headers=ORIGIN), 500)
    assert "secret" not in str(body)


def test_whoever_watches_sees_life_and_readiness(client: FlaskClient):
    assert client.get("/health").json == {"status": "ok"}


def test_any_answer_is_json_whatever_the_client_accepts(client: FlaskClient):
    response = client.get("/auth?username=ada", headers={"Accept": "application/xml"})
    assert (response.status_code, response.mimetype) == (200, "application/json")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic YTpi", "Basic %%%", "Bearer a b", "Bearer \xff", "x" * 9000, "Bearer a=b"]
)
def test_an_odd_authorization_header_is_401(client: FlaskClient, header: str):
    body = {"project_name": "pets", "image_data": IMAGE}
    assert_problem(client.post("/inference", json=body, headers={"Authorization": header}), 401)

"""Tokens of another server, asked about at a real one."""

from __future__ import annotations

import base64
import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask.testing import FlaskClient

from DIYML import create_app
from settings import Settings
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller


class Elsewhere:
    """A server of tokens: what it says of each, and what it was asked."""

    def __init__(self) -> None:
        self.tokens: dict[str, Any] = {}
        self.asked: list[tuple[str, str | None]] = []
        elsewhere = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                token = form["token"][0]
                elsewhere.asked.append((token, self.headers.get("Authorization")))
                said = elsewhere.tokens.get(token, {"active": False})
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Not read."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/introspect"


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    made = Elsewhere()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def beside(settings: Settings, store: Store, elsewhere: Elsewhere) -> Iterator[FlaskClient]:
    """A platform that asks there."""
    app = create_app(
        dataclasses.replace(
            settings, introspection_url=elsewhere.url, introspection_client="diyml", introspection_secret="s"
        )
    )
    yield app.test_client()
    app.extensions["diyml"].services.store.close()


def get(client: FlaskClient, token: str, path: str = "/api/v1/me") -> Any:
    return client.get(path, headers={"Authorization": f"Bearer {token}"})


def test_whom_the_other_server_knows_has_an_account_here(beside: FlaskClient, elsewhere: Elsewhere):
    elsewhere.tokens["abc"] = {"active": True, "username": "kay", "sub": "42", "scope": "openid read write"}
    assert get(beside, "abc").json["username"] == "kay"
    assert elsewhere.asked[-1] == ("abc", f"Basic {base64.b64encode(b'diyml:s').decode()}")
    made = beside.post(
        "/api/v1/projects", json={"name": "a", "type": "tabular"}, headers={"Authorization": "Bearer abc"}
    )
    assert made.status_code == 201
    assert_problem(get(beside, "abc", "/api/v1/tokens"), 403, "not for account")
    elsewhere.tokens["later"] = {"active": True, "username": "kay b.", "sub": "42"}
    assert get(beside, "later").json["username"] == "kay"
    assert [item["name"] for item in get(beside, "later", "/api/v1/projects").json["items"]] == ["a"]


def test_who_is_known_is_not_asked_about_with_every_call(beside: FlaskClient, elsewhere: Elsewhere):
    elsewhere.tokens["abc"] = {"active": True, "username": "kay"}
    for _ in range(5):
        assert get(beside, "abc").status_code == 200
    assert len(elsewhere.asked) == 1


def test_what_it_does_not_know_or_has_expired_is_401(beside: FlaskClient, elsewhere: Elsewhere):
    elsewhere.tokens["old"] = {"active": True, "username": "kay", "exp": int(time.time()) - 1}
    for token in ("unknown", "old"):
        assert_problem(get(beside, token), 401)


def test_a_name_that_is_taken_here_is_not_taken_over(beside: FlaskClient, elsewhere: Elsewhere, caller: Caller):
    elsewhere.tokens["abc"] = {"active": True, "username": caller.username}
    assert_problem(get(beside, "abc"), 409, "belongs to another account")
    assert get(beside, caller.token).json["username"] == caller.username
    assert [token for token, _ in elsewhere.asked] == ["abc"]


@pytest.mark.parametrize("said", [b"<html>", b"[1]", {"active": True}, {"active": True, "username": "a/b"}, b""])
def test_an_answer_that_is_none_is_503_and_nobodys_fault(beside: FlaskClient, elsewhere: Elsewhere, said: Any):
    elsewhere.tokens["abc"] = said
    assert_problem(get(beside, "abc"), 503, "cannot be checked")


def test_without_a_password_nobody_logs_in(beside: FlaskClient, elsewhere: Elsewhere):
    elsewhere.tokens["abc"] = {"active": True, "username": "kay"}
    assert get(beside, "abc").status_code == 200
    for password in ("", "None", "correct horse"):
        assert beside.post("/api/v1/login", json={"username": "kay", "password": password}).status_code in (400, 401)

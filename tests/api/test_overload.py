"""A full engine: predictions are refused at once, with an answer that every client can read; all else goes on."""

from __future__ import annotations

import dataclasses
import http.client
import json
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message

import psutil
import pytest
from flask.testing import FlaskClient

from api.overload import RefuseEarly
from api.predicting import PredictingResource
from api.routes import ROUTES
from inference.service.client import RemoteEngine
from inference.service.folder import RunFolder
from inference.service.room import Room
from launch.members import is_healthy, member_environment
from settings import Settings
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller, encoded, picture, wait_until
from tests.inference.models import publish_brightness_model
from tests.launch.program import free_port

PREDICT = "/api/v1/published/p/predict"
LARGE = 8 * 1024 * 1024


@pytest.fixture
def published(caller: Caller, store: Store) -> Caller:
    """The owner of a published project `p`."""
    publish_brightness_model(store, caller.username, "p")
    return caller


def test_while_it_is_full_predictions_are_503_and_everything_else_works(
    client: FlaskClient, published: Caller, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.request_log._BETWEEN_LINES_SECONDS", 0)
    engine = client.application.extensions["diyml"].services.engine
    with engine._gate.admit("somebody", 1000), caplog.at_level(logging.INFO, "diyml.requests"):
        for path in (PREDICT, "/inference"):
            response = client.post(path, json={}, headers={"Origin": "http://page", "X-Request-ID": "given-by-a-proxy"})
            assert_problem(response, 503, "too many inferences are waiting")
            assert response.headers["Retry-After"] == "1"
            assert response.headers["X-Request-ID"] == "given-by-a-proxy"
            assert response.headers["Access-Control-Allow-Origin"] == "http://page"
            assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
        assert client.get("/health").status_code == 200
        assert client.get("/inference?inference_mapping=none").status_code == 404
        assert published.call("POST", "/upload/project", project_name="p").status_code == 200
    assert published.call("POST", PREDICT, image=encoded(picture())).status_code == 200
    lines = [json.loads(record.message) for record in caplog.records if "refused_early" in record.message]
    assert {line["route"] for line in lines} == {"/inference", "/api/v1/published/<project>/predict"}


def test_every_route_that_predicts_is_watched(client: FlaskClient) -> None:
    assert isinstance(client.application.wsgi_app, RefuseEarly)
    routes = {route for route, _ in client.application.wsgi_app._routes}
    assert routes == {route.path for route in ROUTES if issubclass(route.resource, PredictingResource)}
    published = "/api/v1/published/<project>"
    assert routes == {"/inference", *(f"{published}/{name}" for name in ("predict", "predict-csv", "figures"))}


def test_who_has_too_much_under_way_is_told_so_again_for_a_moment_and_others_are_not(
    client: FlaskClient, published: Caller, other: Caller, store: Store
) -> None:
    def ask(caller: Caller, path: str = PREDICT) -> int:
        headers = {"Authorization": f"Bearer {caller.token}"}
        return client.post(path, json={"image": encoded(picture())}, headers=headers).status_code

    user = store.users.find(published.username)
    assert user
    engine = client.application.extensions["diyml"].services.engine
    with engine._gate.admit(str(user.id), 64):
        assert ask(published) == 429
    # Nothing of his is under way any more, but nobody looks for a tenth of a second.
    assert ask(published) in (429, 200)
    assert ask(other) == 200
    wait_until(lambda: ask(published) == 200, 5)


class WebServer:
    """A real web process with its engine."""

    def __init__(self, settings: Settings):
        self._settings = dataclasses.replace(settings, port=free_port(), web_workers=1)
        self._folder = RunFolder.of(self._settings).make_anew()
        environment = member_environment(self._settings)
        commands = (["launch.web"], ["inference.service", str(self._folder.path)])
        self._processes = [subprocess.Popen([sys.executable, "-m", *command], env=environment) for command in commands]
        wait_until(lambda: is_healthy("127.0.0.1", self._settings.port), 60)
        wait_until(RemoteEngine(self._folder).answers, 60)
        self.connection = http.client.HTTPConnection("127.0.0.1", self._settings.port, timeout=60)

    def fill(self) -> None:
        """Have the engine say that it is full, and stand still so that it does not say otherwise."""
        self._processes[1].send_signal(signal.SIGSTOP)
        wait_until(lambda: psutil.Process(self._processes[1].pid).status() == psutil.STATUS_STOPPED)
        Room(self._folder.room).tell(0)

    def end(self) -> None:
        self.connection.close()
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def server(settings: Settings, store: Store) -> Iterator[WebServer]:
    server = WebServer(settings)
    yield server
    server.end()


def test_who_sends_a_large_image_to_a_full_engine_can_read_the_answer_and_go_on(
    server: WebServer, published: Caller
) -> None:
    def post(body: bytes) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {published.token}", "Content-Type": "image/png"}
        server.connection.request("POST", PREDICT, body, headers)
        with server.connection.getresponse() as response:
            return response.status, response.read().decode()

    assert post(picture())[0] == 200
    connected = server.connection.sock
    server.fill()
    for _ in range(2):
        status, body = post(bytes(LARGE))
        assert (status, "too many inferences are waiting" in body) == (503, True)
    assert server.connection.sock is connected


class Wire:
    """A kept connection on which a test says byte by byte what is sent."""

    def __init__(self, server: WebServer, token: str):
        self._socket = socket.create_connection(("127.0.0.1", server.connection.port), timeout=60)
        self._answers = self._socket.makefile("rb")
        self._token = token

    def send(self, *parts: bytes) -> None:
        """Send them as separate packets."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            self._socket.sendall(part)

    def head(self, length: int, *headers: str) -> bytes:
        """Of a prediction with a body of so many bytes."""
        lines = [f"POST {PREDICT}?confidence=0.5 HTTP/1.1", "Host: here", f"Authorization: Bearer {self._token}"]
        lines += ["Content-Type: image/png", f"Content-Length: {length}", "X-Request-ID: of-the-test", *headers]
        return "\r\n".join([*lines, "", ""]).encode()

    def answer(self) -> tuple[int, Message, bytes]:
        """Status, headers and body of the next one."""
        status = int(self._answers.readline().split()[1])
        headers = http.client.parse_headers(self._answers)
        return status, headers, self._answers.read(int(headers["Content-Length"]))

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


@pytest.fixture
def wire(server: WebServer, published: Caller) -> Iterator[Wire]:
    """One that has had an answer before the engine was full."""
    wire = Wire(server, published.token)
    image = picture()
    wire.send(wire.head(len(image)), image)
    assert wire.answer()[0] == 200
    server.fill()
    yield wire
    wire.close()


def test_at_the_door_a_refused_request_may_come_in_any_pieces_and_is_answered_in_the_same_words(wire: Wire) -> None:
    body = bytes(300_000)
    for parts in ([wire.head(300_000) + body], [wire.head(300_000), body], [wire.head(300_000), body[:7], body[7:]]):
        wire.send(*parts)
        status, headers, content = wire.answer()
        assert (status, headers["Retry-After"], headers["X-Request-ID"]) == (503, "1", "of-the-test")
        assert headers["Server"] is None  # Gunicorn puts its name on what it answers itself.
        assert "too many inferences are waiting" in json.loads(content)["detail"]
    # Two at a time are two answers.
    wire.send(wire.head(10) + bytes(10) + wire.head(20) + bytes(20))
    assert [wire.answer()[0], wire.answer()[0]] == [503, 503]


def test_what_is_not_plain_is_left_to_the_parser(wire: Wire) -> None:
    wire.send(wire.head(5, "Expect: 100-continue"))
    assert wire._answers.readline().split()[1] == b"100"
    assert wire._answers.readline() == b"\r\n"
    wire.send(b"12345")
    status, headers, _ = wire.answer()
    assert (status, headers["Server"]) == (503, "gunicorn")
    wire.send(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n")
    assert wire.answer()[0] == 200
    # Two lengths are somebody's try to have two servers disagree.
    wire.send(wire.head(5, "Content-Length: 0") + b"12345")
    assert wire.answer()[0] == 400


def test_who_goes_away_in_the_middle_of_a_refused_request_takes_nothing_with_him(wire: Wire, server: WebServer) -> None:
    wire.send(wire.head(1000), bytes(10))
    wire.close()
    server.connection.request("GET", "/health")
    with server.connection.getresponse() as response:
        assert response.status == 200

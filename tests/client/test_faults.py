"""Lost answers, dead servers, full engines: what the client makes of them."""

from __future__ import annotations

import http.server
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from diyml_client import Client, ConnectionFailed, DiymlError, Patience, TooManyRequests, Unauthenticated, Unavailable
from diyml_client.downloads import download
from diyml_client.retries import Waiting
from settings import Settings
from storage.store import Store
from tests.client.conftest import QUICK
from tests.client.proxy import BadConnection
from tests.client.routes import needs
from tests.client.server import MortalServer
from tests.conftest import Caller, picture
from tests.inference.models import publish_brightness_model
from tests.launch.program import free_port

HASTY = Patience(tries=3, seconds=2, first_seconds=0.01, longest_seconds=0.05)


@pytest.fixture(scope="module")
def server(session_settings: Settings, session_app: Flask) -> Iterator[MortalServer]:
    """A web process with its engine, on the store of the tests."""
    server = MortalServer(session_settings)
    yield server
    server.end()


def _client(server: MortalServer, caller: Caller, url: str = "", patience: Patience = QUICK) -> Client:
    return Client(url or server.url, caller.token, patience=patience)


@needs("/api/v1/projects")
def test_a_write_whose_answer_got_lost_is_carried_out_once(server: MortalServer, caller: Caller):
    with BadConnection(server.url) as bad:
        client = _client(server, caller, bad.url)
        bad.lose_answers(2)
        project = client.projects.create("once", "classification")
        assert bad.connections == 3
        assert [found.id for found in client.projects.list()] == [project.id]


def test_a_server_that_was_killed_and_comes_back_is_waited_for(server: MortalServer, caller: Caller):
    client = _client(server, caller)
    assert client.me.get().username == caller.username
    server.kill_web()
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(client.me.get().username))
    asking.start()
    server.start_web()
    asking.join(30)
    assert answers == [caller.username]


def test_a_full_engine_is_waited_for_as_long_as_it_says(server: MortalServer, caller: Caller, store: Store):
    publish_brightness_model(store, caller.username, "p")
    client = _client(server, caller)
    image = picture()
    assert client.predict("p", image).best
    server.fill()
    with pytest.raises(Unavailable) as caught:
        _client(server, caller, patience=HASTY).predict("p", image)
    assert caught.value.retry_after_seconds == 1
    assert caught.value.status == 503
    started = time.monotonic()
    asking = threading.Timer(0.3, server.go_on)
    asking.start()
    assert client.predict("p", image).best
    assert time.monotonic() - started >= 1
    asking.join()


def test_nobody_there_is_told_in_words_and_soon():
    client = Client(f"http://127.0.0.1:{free_port()}", "x", patience=HASTY)
    with pytest.raises(ConnectionFailed, match=r"nothing listens there.*diyml doctor"):
        client.me.get()


def test_a_server_that_says_nothing_is_given_up(caller: Caller):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(
            f"http://127.0.0.1:{silent.getsockname()[1]}",
            "x",
            timeout_seconds=0.2,
            patience=Patience(tries=2, first_seconds=0.01),
        )
        with pytest.raises(ConnectionFailed, match="did not answer in time"):
            client.me.get()


def test_something_that_is_no_diyml_is_told():
    folder = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=folder.serve_forever, daemon=True).start()
    with pytest.raises(DiymlError, match="is it a DIYML"):
        Client(f"http://127.0.0.1:{folder.server_port}", "x", patience=HASTY).me.get()
    folder.shutdown()
    folder.server_close()


@pytest.mark.parametrize("url", ["", "diyml.example.org", "ftp://x", "http://", "http://x:port"])
def test_an_address_that_is_none_is_told(url: str):
    with pytest.raises(DiymlError, match="must look like"):
        Client(url)


def test_pauses_grow_are_never_the_same_and_are_bounded(monkeypatch: pytest.MonkeyPatch):
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    waiting = Waiting(Patience(tries=6, seconds=100, first_seconds=1, longest_seconds=4))
    assert [waiting.pause() for _ in range(6)] == [True] * 5 + [False]
    assert all(least <= pause <= 2 * least for pause, least in zip(slept, (0.5, 1, 2, 2, 2), strict=True))
    assert Waiting(Patience()).pause(5)
    assert slept[-1] > 5
    assert not Waiting(Patience(seconds=60)).pause(61)


@needs("/api/v1/login")
def test_a_pause_that_is_longer_than_patience_is_told_and_not_waited_for(
    server: MortalServer, caller: Caller, settings: Settings
):
    wrong = secrets.token_hex(4)
    started = time.monotonic()

    def refused() -> DiymlError:
        with pytest.raises(DiymlError) as caught:
            Client.login(server.url, caller.username, wrong, patience=HASTY)
        return caught.value

    errors = [refused() for _ in range(settings.login_attempts + 1)]
    assert isinstance(errors[0], Unauthenticated)
    assert isinstance(errors[-1], TooManyRequests)
    assert errors[-1].retry_after_seconds
    assert time.monotonic() - started < 60


def test_a_download_goes_on_where_it_broke_off_or_begins_anew(
    server: MortalServer, caller: Caller, store: Store, tmp_path: Path
):
    publish_brightness_model(store, caller.username, "p")
    model = store.models.get(store.projects.published("p").served_model_id)
    file = model.files["model.onnx"]
    path = f"/api/v1/models/{model.id}/files/model.onnx"
    with BadConnection(server.url) as bad:
        transport = _client(server, caller, bad.url).transport
        bad.break_answer_after(1)
        target = download(transport, path, tmp_path / "model.onnx", sha256=file.sha256)
        assert target.stat().st_size == file.size
        with pytest.raises(ConnectionFailed, match="another content"):
            download(transport, path, tmp_path / "other.onnx", sha256="0" * 64)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["model.onnx"]

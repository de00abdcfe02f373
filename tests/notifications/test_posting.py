"""One POST: to the address that was checked, and over within its time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from notifications.posting import Answer, Poster
from notifications.receivers import Receivers, Unreachable
from settings import Settings
from storage.store import Store
from tests.conftest import wait_until
from tests.notifications.conftest import a_failed_job, a_project, a_webhook, telling
from tests.notifications.receivers import Receiver, certificate, receiver

LOOPBACK = Receivers(private=True, resolve=lambda host, port: ["127.0.0.1"])


@contextmanager
def talker(*parts: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server that says this to everybody, without listening; gives its port."""
    over = threading.Event()

    def talk() -> None:
        try:
            connection, _ = server.accept()
            with connection:
                for part in parts:
                    connection.sendall(part)
                    over.wait(pause)
                over.wait(10 if pause else 0)
        except OSError:
            pass  # the sender has had enough

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def test_the_answer_is_its_status_and_when_to_come_again(inbox: Receiver):
    inbox.answer = lambda _: (503, {"Retry-After": "7", "X-Secret": "internal"})
    assert Poster(LOOPBACK).post(inbox.url, b"{}", {"X-Own": "1"}) == Answer(503, "7")
    (got,) = inbox.requests
    assert (got.path, got.body, got.headers["x-own"]) == ("/hook", b"{}", "1")
    assert got.headers["host"] == f"127.0.0.1:{inbox.port}"


def test_a_redirect_is_not_followed(inbox: Receiver, store: Store, settings: Settings):
    with receiver() as target:
        inbox.answer = lambda _: (307, {"Location": target.url})
        project = a_project(store)
        webhook = a_webhook(store, project, inbox.url, ("job.failed",))
        with telling(store, settings):
            a_failed_job(store, project)
            wait_until(lambda: store.deliveries.list_of(webhook.id, 1))
            seen = wait_until(lambda: store.deliveries.list_of(webhook.id, 1)[0].status)
    assert "it answered 307: redirects are not followed" in seen
    assert target.requests == []


def test_a_proxy_of_the_environment_is_not_used(inbox: Receiver, monkeypatch: pytest.MonkeyPatch):
    with receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert Poster(LOOPBACK).post(inbox.url, b"{}", {}).status == 204
    assert len(inbox.requests) == 1
    assert proxy.requests == []


def test_the_connection_goes_to_the_checked_address_and_the_certificate_is_the_names(tmp_path: Path):
    server, client = certificate(tmp_path, "hooks.example")
    with receiver(server) as inbox:
        poster = Poster(LOOPBACK, client)
        assert poster.post(f"https://hooks.example:{inbox.port}/in?a=b", b"{}", {}).status == 204
        assert inbox.requests[0].headers["host"] == f"hooks.example:{inbox.port}"
        assert inbox.requests[0].path == "/in?a=b"
        assert inbox.server_names == ["hooks.example"]
        with pytest.raises(Unreachable, match="certificate could not be verified"):
            poster.post(f"https://other.example:{inbox.port}/", b"{}", {})
        with pytest.raises(Unreachable, match="certificate could not be verified"):
            Poster(LOOPBACK).post(f"https://hooks.example:{inbox.port}/", b"{}", {})
        assert len(inbox.requests) == 1


def test_a_name_that_is_public_when_checked_and_private_when_connected_to_is_refused(inbox: Receiver):
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["93.184.215.14", "127.0.0.1"]])
    rules = Receivers(private=False, resolve=lambda host, port: next(answers))
    url = f"https://rebinding.example:{inbox.port}/"
    rules.check(url)
    for _ in range(2):
        with pytest.raises(Unreachable, match="no address that webhooks may be sent to"):
            Poster(rules).post(url, b"{}", {})
    assert inbox.requests == []


def test_a_name_is_looked_up_once_for_each_try(inbox: Receiver):
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    Poster(Receivers(True, resolve)).post(f"http://hooks.example:{inbox.port}/", b"{}", {})
    assert asked == ["hooks.example"]


def test_a_further_address_is_tried_when_the_first_does_not_answer(inbox: Receiver):
    both = Receivers(True, lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert Poster(both).post(f"http://hooks.example:{inbox.port}/", b"{}", {}).status == 204


@pytest.mark.parametrize(
    ("parts", "pause"),
    [
        ((), 1.0),
        ((b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100), 0.1),
        ((b"HTTP/1.1 100 Continue\r\n\r\n",) * 100, 0.1),
    ],
)
def test_a_receiver_that_takes_its_time_is_left_after_ours(parts: tuple[bytes, ...], pause: float):
    with talker(*parts, pause=pause) as port:
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"no answer within 0\.5 s"):
            Poster(LOOPBACK, whole_seconds=0.5).post(f"http://127.0.0.1:{port}/", b"{}", {})
        assert time.monotonic() - began < 10


def test_a_tls_handshake_that_never_ends_does_not_hold_either():
    with talker(pause=1.0) as port, pytest.raises(Unreachable, match="no answer within"):
        Poster(LOOPBACK, whole_seconds=0.3).post(f"https://hooks.example:{port}/", b"{}", {})


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        (b"", "without an answer"),
        (b"HTTP/1.1 200\r\n" + b"x" * 100_000, "no HTTP"),
    ],
)
def test_what_is_no_answer_is_told_in_words_that_show_nothing_of_it(said: bytes, word: str):
    with talker(said) as port, pytest.raises(Unreachable) as caught:
        Poster(LOOPBACK).post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert word in str(caught.value) or "without an answer" in str(caught.value)
    assert "SSH" not in str(caught.value)


def test_nobody_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match="refused the connection"):
        Poster(LOOPBACK).post(f"http://127.0.0.1:{port}/", b"{}", {})

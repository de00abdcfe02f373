"""`/ready` is 200 while database, broker and worker answer, and else says at once which does not and what to do."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import api.watch
from api.health import PARTS
from api.watch import Watch
from DIYML import create_app
from settings import Settings
from storage.store import Store
from storage.workers import SILENT_SECONDS, Announcement
from tests.api.problems import assert_problem
from tests.conftest import Mongod, start_worker, wait_until

BOUND_SECONDS = 12


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was answered to other tests a moment ago is not answered again."""
    monkeypatch.setattr(api.watch, "FRESH_SECONDS", 0)


@pytest.fixture
def worker_there(store: Store) -> None:
    """As a worker makes itself known."""
    store.workers.announce(Announcement("w", "here", os.getpid(), "0", ()))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Where connections are taken and nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


def ready_with(settings: Settings, **changes: str) -> tuple[TestResponse, float]:
    """The first answer of a web process with other settings, and how long it took."""
    app: Flask = create_app(dataclasses.replace(settings, **changes))
    began = time.monotonic()
    try:
        return app.test_client().get("/ready"), time.monotonic() - began
    finally:
        if app.extensions["diyml"]._services:
            app.extensions["diyml"]._services.store.close()


def test_with_a_worker_it_is_ready_and_when_that_has_ended_it_is_not(
    client: FlaskClient, settings: Settings, fresh: None
):
    assert_problem(client.get("/ready"), 503, "no worker has been heard of", "start one with")
    worker = start_worker(settings)
    try:
        answer = wait_until(lambda: (answer := client.get("/ready")).status_code == 200 and answer, 60)
        assert answer.json == {"status": "ok", "parts": dict.fromkeys(PARTS, "ok")}
    finally:
        worker.terminate()
        assert worker.wait(20) == 0
    refusal = client.get("/ready")
    assert [error["field"] for error in assert_problem(refusal, 503, "no worker")["errors"]] == ["worker"]
    assert int(refusal.headers["Retry-After"]) > 0


def test_a_worker_that_fell_silent_counts_no_more(client: FlaskClient, store: Store, worker_there: None, fresh: None):
    assert client.get("/ready").status_code == 200
    earlier = {"$set": {"seen_at": {"$subtract": ["$$NOW", SILENT_SECONDS * 1000]}}}
    store.database["workers"].update_one({}, [earlier])
    assert_problem(client.get("/ready"), 503, f"{SILENT_SECONDS:.0f} s")


@pytest.mark.parametrize("scheme", ["amqp", "mongodb"])
def test_a_broker_that_is_silent_is_named_in_time(
    settings: Settings, worker_there: None, silent_port: int, scheme: str
):
    answer, seconds = ready_with(settings, broker_url=f"{scheme}://127.0.0.1:{silent_port}/q")
    body = assert_problem(answer, 503, "the broker does not answer", "CELERY_BROKER_URL")
    assert [error["field"] for error in body["errors"]] == ["broker"]
    assert seconds < BOUND_SECONDS


def test_a_database_that_is_silent_is_named_in_time(settings: Settings, silent_port: int):
    answer, seconds = ready_with(settings, mongo_uri=f"mongodb://127.0.0.1:{silent_port}")
    body = assert_problem(answer, 503, "the database does not answer")
    assert [error["field"] for error in body["errors"]] == list(PARTS)
    assert seconds < BOUND_SECONDS


def test_a_database_that_freezes_is_named_and_when_it_is_back_all_is_well(
    settings: Settings, mortal_mongod: Mongod, fresh: None
):
    app = create_app(dataclasses.replace(settings, mongo_uri=mortal_mongod.uri))
    client, store = app.test_client(), app.extensions["diyml"].services.store
    store.workers.announce(Announcement("w", "here", os.getpid(), "0", ()))
    assert client.get("/ready").status_code == 200
    mortal_mongod.signal(signal.SIGSTOP)
    began = time.monotonic()
    detail = assert_problem(client.get("/ready"), 503)["detail"]
    assert time.monotonic() - began < BOUND_SECONDS
    assert detail.count("the database does not answer") == 1
    mortal_mongod.signal(signal.SIGCONT)
    wait_until(lambda: client.get("/ready").status_code == 200)
    store.close()


def test_a_crowd_asks_each_part_once_and_a_part_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api.watch, "PATIENCE_SECONDS", 0.5)
    asked, over = {"well": 0, "hangs": 0}, threading.Event()

    def well() -> str:
        asked["well"] += 1
        return ""

    def hangs() -> str:
        asked["hangs"] += 1
        over.wait(60)
        return ""

    watch = Watch()
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: watch.problems({"well": well, "hangs": hangs}), range(64)))
    assert answers == [{"hangs": "the hangs does not answer within 0.5 s"}] * 64
    assert asked["hangs"] == 1
    assert asked["well"] <= 3  # once in a second
    over.set()
    wait_until(lambda: watch.problems({"well": well, "hangs": hangs}) == {})


def test_a_part_that_cannot_be_asked_does_not_answer_and_is_asked_again():
    watch, failures = Watch(), [ZeroDivisionError()]

    def ask() -> str:
        if failures:
            raise failures.pop()
        return ""

    assert watch.problems({"part": ask}) == {"part": "cannot be asked; the reason is in the log"}
    wait_until(lambda: watch.problems({"part": ask}) == {})

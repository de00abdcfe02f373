"""The stream of a job's events: whole, resumable by id, bounded, and never in the way of other requests."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.streams import Streams
from launch.members import is_healthy
from settings import Settings
from storage.job_events import News, numbered
from storage.lineup import NO_WORKER
from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import ROOT, Caller, start_worker, wait_until
from tests.launch.program import free_port
from tests.training.conftest import shade_project, start_training

SECONDS = 30


@dataclass(frozen=True)
class Message:
    """One event as it came."""

    id: int | None
    kind: str
    data: dict[str, Any]


def messages(lines: Iterator[str]) -> Iterator[Message]:
    """The events of a stream."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.strip():
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        elif "event" in fields:
            seq = int(fields["id"]) if "id" in fields else None
            yield Message(seq, fields["event"], json.loads(fields["data"]))
            fields = {}


class Server:
    """The real web server, one process of 32 threads."""

    def __init__(self, settings: Settings):
        self.port = free_port()
        changes = {"DIYML_PORT": str(self.port), "DIYML_WEB_WORKERS": "1", "DIYML_WEB_THREADS": "32"}
        environment = {**os.environ, **settings.to_environment(), **changes}
        with (settings.data_dir / "web.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "launch.web"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        wait_until(lambda: is_healthy("127.0.0.1", self.port), SECONDS)

    @contextmanager
    def open(self, caller: Caller, path: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """The response, of which nothing but the head has been read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {caller.token}", **headers})
            with connection.getresponse() as response:
                yield response

    def get(self, caller: Caller, path: str, **headers: str) -> tuple[int, str]:
        """Status and body."""
        with self.open(caller, path, **headers) as response:
            return response.status, response.read().decode()

    def follow(self, caller: Caller, path: str, **headers: str) -> Generator[Message, None, None]:
        """The events of a stream as they come; the connection is cut when no more are asked for."""
        with self.open(caller, path, **headers) as response:
            assert response.status == 200
            yield from messages(line.decode() for line in response)


@pytest.fixture
def server(settings: Settings, store: Store) -> Iterator[Server]:
    """A web server on the store."""
    server = Server(settings)
    yield server
    server.process.terminate()
    assert server.process.wait(20) == 0


@pytest.fixture
def worker(settings: Settings, store: Store) -> Iterator[subprocess.Popen[bytes]]:
    """A worker for one test: the jobs of the others wait for nobody."""
    process = start_worker(settings)
    yield process
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture
def shades(caller: Caller) -> str:
    """A project that trains in a few seconds."""
    return shade_project(caller)


def stream(caller: Caller, pets: Pets, seconds: float = 0, **headers: str) -> TestResponse:
    headers = {"Authorization": f"Bearer {caller.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    path = f"/api/v1/jobs/{pets.job.id}/events"
    return caller._client.get(path, query_string={"seconds": seconds}, headers=headers)


def told(response: TestResponse) -> list[Message]:
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/event-stream"
    return list(messages(iter(response.text.splitlines())))


def test_a_server_that_is_told_to_stop_does_not_wait_for_its_streams(caller: Caller, pets: Pets, server: Server):
    with closing(server.follow(caller, f"/api/v1/jobs/{pets.job.id}/events")) as events:
        assert next(events).data["state"] == "queued"
        server.process.terminate()
        assert server.process.wait(8) == 0
        assert [message.kind for message in events] == ["queue"]


def test_a_training_is_followed_over_a_broken_connection_with_each_event_once_and_in_order(
    caller: Caller, shades: str, worker: subprocess.Popen[bytes], server: Server
):
    job = f"/api/v1/jobs/{start_training(caller, shades, epochs=40)}"
    seen: list[Message] = []
    with closing(server.follow(caller, f"{job}/events")) as events:
        while not seen or seen[-1].kind != "metrics":
            seen.append(next(events))
    assert json.loads(server.get(caller, job)[1])["state"] == "running"
    last = max(message.id or 0 for message in seen)
    seen += server.follow(caller, f"{job}/events", **{"Last-Event-ID": str(last)})
    assert server.get(caller, f"{job}/events", **{"Last-Event-ID": str(seen[-1].id)}) == (204, "")
    stored = [message for message in seen if message.id]
    assert [message.id for message in stored] == list(range(1, len(stored) + 1))
    told = {kind: [m.data for m in stored if m.kind == kind] for kind in ("state", "metrics", "progress", "log")}
    assert [data["state"] for data in told["state"]] == ["queued", "running", "succeeded"]
    assert [data["epoch"] for data in told["metrics"]] == list(range(1, 41))
    progress = [data["progress"] for data in told["progress"]]
    assert progress == sorted(progress)
    assert any(data["eta_seconds"] for data in told["progress"])
    lines = [line for data in told["log"] for line in data["lines"]]
    assert lines
    assert server.get(caller, f"{job}/log") == (200, "".join(f"{line}\n" for line in lines))
    assert server.get(caller, told["state"][-1]["model_url"])[0] == 200


def test_a_queued_job_tells_its_state_and_place(caller: Caller, pets: Pets):
    state, queue = told(stream(caller, pets))
    assert (state.id, state.kind, state.data["state"]) == (1, "state", "queued")
    place = {"position": 1, "expected_start": None, "reason": NO_WORKER}
    assert (queue.id, queue.kind, queue.data) == (None, "queue", place)


def test_who_comes_back_gets_what_came_after(caller: Caller, pets: Pets, store: Store):
    job = store.job_runs.claim("w")
    assert job
    seen = store.job_runs.beat(job, {}, [], [], events=2)
    assert seen
    news = [News("metrics", {"epoch": 1, "loss": float("nan")}), News("log", {"lines": ["$x", "a\nb"]})]
    store.job_events.add(job.id, numbered(seen, news))
    assert store.job_runs.release(job, "the worker was lost")
    assert [message.id for message in told(stream(caller, pets))] == [1, 2, 3, 4, 5, None]
    metrics, log, state, _ = told(stream(caller, pets, Last_Event_ID="2"))
    assert metrics.data["loss"] is None
    assert log.data["lines"] == ["$x", "a\nb"]
    assert state.data.items() >= {"state": "queued", "reason": "the worker was lost", "attempt": 1}.items()
    path = f"/api/v1/jobs/{pets.job.id}/events"
    query = {"api_token": caller.token, "last_event_id": 4, "seconds": 0}
    assert [message.id for message in told(caller._client.get(path, query_string=query))] == [5, None]


def test_the_stream_ends_with_the_job_and_then_there_is_nothing_to_come_back_for(
    caller: Caller, pets: Pets, store: Store
):
    store.jobs.cancel(pets.job.id)
    messages = told(stream(caller, pets, seconds=55))
    assert [message.data["state"] for message in messages] == ["queued", "cancelled"]
    assert stream(caller, pets, Last_Event_ID="2").status_code == 204


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30])
def test_an_id_that_is_none_is_400(caller: Caller, pets: Pets, last: str):
    assert_problem(stream(caller, pets, Last_Event_ID=last), 400, "last_event_id")


def test_a_stream_shows_that_it_lives_and_how_to_come_back(caller: Caller, pets: Pets, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.v1.job_events._ALIVE_SECONDS", 0.1)
    monkeypatch.setattr("api.v1.job_events._LOOK_SECONDS", 0.05)
    text = stream(caller, pets, seconds=1).text
    assert text.startswith("retry: ")
    assert text.count(": still here\n\n") >= 2


@pytest.fixture
def free_streams(session_app: Flask, settings: Settings) -> Iterator[None]:
    """No place is taken: answers that other tests have not read to their end may hold some."""
    services = session_app.extensions["diyml"].services
    before = services.streams
    object.__setattr__(services, "streams", Streams(settings.web_threads))
    yield
    object.__setattr__(services, "streams", before)


@pytest.mark.usefixtures("free_streams")
def test_streams_are_bounded_per_user_and_in_all_and_give_their_place_back(
    client: FlaskClient, caller: Caller, other: Caller, pets: Pets, store: Store
):
    opened = [stream(caller, pets, seconds=55) for _ in range(3)]
    refused = stream(caller, pets, seconds=55)
    assert_problem(refused, 429, "3 open streams")
    assert int(refused.headers["Retry-After"]) > 0
    grace = store.users.find("grace")
    assert grace
    member = {"user_id": grace.id, "role": "viewer"}
    store.database["projects"].update_one({"_id": pets.project.id}, {"$set": {"members": [member]}})
    opened.append(stream(other, pets, seconds=55))
    refused = stream(other, pets, seconds=55)
    assert_problem(refused, 503, "as many streams")
    assert int(refused.headers["Retry-After"]) > 0
    for response in opened:
        assert response.status_code == 200
        response.close()
    assert stream(other, pets).status_code == 200

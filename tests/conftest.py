"""Real parts for tests: a mongod of their own, a store, a client, a worker process."""

from __future__ import annotations

import base64
import dataclasses
import io
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from demo.server import own_server
from DIYML import create_app
from launch.family import Family
from launch.members import mongod_member
from settings import Settings
from storage.database import Database, Document
from storage.mongod import EmbeddedMongod
from storage.store import Store
from tests.schedule import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401 - hooks

# Tests wait for their trainings, so these go on as everything else does; programs that tests start inherit it.
os.environ.setdefault("DIYML_TRAINING_NICENESS", "0")
ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse"


PATIENCE = 4  # a deadline ends what hangs; how long a step takes on a busy machine is no rule


def wait_until(condition: Callable[[], Any], seconds: float = 30, every: float = 0.05) -> Any:
    """The first true value of `condition`; fails the test when none comes in so many seconds of a quick machine."""
    deadline = time.monotonic() + PATIENCE * seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s: {condition}")


def picture(width: int = 32, height: int = 24, seed: int = 0, format: str = "PNG") -> bytes:
    """A small noisy picture as a file."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format)
    return stream.getvalue()


def encoded(content: bytes) -> str:
    """As the contract sends images."""
    return base64.b64encode(content).decode()


class Caller:
    """One signed-up user of the classic contract."""

    def __init__(self, client: FlaskClient, username: str):
        self._client = client
        self.username = username
        self.token = client.put("/auth", json={"username": username, "password": PASSWORD}).json["api_token"]

    def call(self, method: str, path: str, **parameters: Any) -> TestResponse:
        """Send JSON with the token; a parameter that is None is left out."""
        sent = {"api_token": self.token, **parameters}
        return self._client.open(path, method=method, json={k: v for k, v in sent.items() if v is not None})

    def project(self, name: str, type: str = "classification", classes: str = "") -> str:
        """Create a project, with classes when given; gives its name."""
        assert self.call("PUT", "/upload/project", project_name=name, project_type=type).status_code == 200
        if classes:
            assert self.call("PUT", "/upload/class_info", project_name=name, class_info=classes).status_code == 200
        return name

    def place(self, project: str, name: str, labels: str, content: bytes | None = None) -> TestResponse:
        """Place a data point."""
        image = encoded(picture() if content is None else content)
        return self.call(
            "PUT", "/upload/data_point", project_name=project, data_point_name=name, image_data=image, label_data=labels
        )

    def training(self, project: str) -> dict[str, Any]:
        """The `training` part of a project object."""
        return self.call("POST", "/upload/project", project_name=project).json["training"]


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MongoDB that runs as long as the tests, and no longer, even when they are killed."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("mongod"))
    server = EmbeddedMongod(settings.data_dir)
    server.prepare()
    family = Family([mongod_member(server, settings)], say=sys.stderr.write)
    try:
        family.start()
        yield server.connection().uri
    finally:
        family.stop()


class Mongod:
    """A MongoDB that nobody restarts."""

    def __init__(self, folder: Path):
        self._server = EmbeddedMongod(folder)
        self._server.prepare()
        self._member = mongod_member(self._server, Settings(data_dir=folder))
        self.uri = self._server.connection().uri
        self.signal = self._member.signal

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._member.spawn()
        wait_until(self._server.answers, 60)

    def kill(self) -> None:
        """`kill -9`."""
        self.signal(signal.SIGKILL)
        wait_until(self._member.ended, 60)
        self._member.sweep()


@pytest.fixture
def mortal_mongod(tmp_path: Path) -> Iterator[Mongod]:
    """A started MongoDB that a test may freeze, kill and start."""
    mongod = Mongod(tmp_path)
    mongod.start()
    yield mongod
    mongod.kill()


@pytest.fixture(scope="session")
def session_settings(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings on one database for the whole run; cheap hashes and short leases."""
    return Settings(
        mongo_uri=mongo_uri,
        database=f"test_{uuid.uuid4().hex[:8]}",
        data_dir=tmp_path_factory.mktemp("data"),
        bcrypt_rounds=4,
        web_threads=32,
        heartbeat_seconds=0.2,
        lease_seconds=3,
        training_niceness=int(os.environ["DIYML_TRAINING_NICENESS"]),
    )


@pytest.fixture(scope="session")
def session_app(session_settings: Settings) -> Iterator[Flask]:
    """The application, in production mode."""
    app = create_app(session_settings)
    yield app
    services = app.extensions["diyml"].services
    services.sender.close()
    services.store.close()


@pytest.fixture
def settings(session_settings: Settings) -> Settings:
    """The settings everything in a test uses."""
    return session_settings


@pytest.fixture
def store(session_app: Flask) -> Iterator[Store]:
    """An empty store."""
    services = session_app.extensions["diyml"].services
    store = services.store
    yield store
    services.engine._usage.flush()  # or it arrives in the next test
    empty(store.database)


def empty(database: Database[Document]) -> None:
    """Delete what a test has left behind; collections and indexes stay."""
    for name in filled(database):
        database[name].delete_many({})


def filled(database: Database[Document]) -> list[str]:
    """The collections in which there is something, found with one command: most tests fill few of them."""
    looks: dict[str, list[Document]] = {
        name: [{"$limit": 1}, {"$project": {"_id": 0, "name": {"$literal": name}}}]
        for name in database.list_collection_names()
    }
    if not looks:
        return []
    (first, look), *others = looks.items()
    others_too: list[Document] = [{"$unionWith": {"coll": name, "pipeline": look}} for name, look in others]
    return [row["name"] for row in database[first].aggregate([*look, *others_too])]


@pytest.fixture
def client(session_app: Flask, store: Store) -> FlaskClient:
    """A client of the application on an empty store."""
    return session_app.test_client()


@pytest.fixture
def caller(client: FlaskClient) -> Caller:
    """A signed-up user."""
    return Caller(client, "ada")


@pytest.fixture
def other(client: FlaskClient) -> Caller:
    """Another signed-up user."""
    return Caller(client, "grace")


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A DIYML as an operator starts it, for all tests of a process: its address and its data folder."""
    folder = tmp_path_factory.mktemp("platform")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIYML_BCRYPT_ROUNDS", "4")  # cheap hashes
        patch.setenv("DIYML_WEB_WORKERS", "1")  # what several of them do has tests of its own
        with own_server(folder) as url:
            yield url, folder


def start_worker(settings: Settings, **changes: Any) -> subprocess.Popen[bytes]:
    """A real worker process; its log goes to `<data>/worker.log`."""
    settings = dataclasses.replace(settings, **changes)
    environment = {**os.environ, **settings.to_environment()}
    with (settings.data_dir / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "training.worker"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )


@pytest.fixture(scope="module")
def worker(session_settings: Settings, session_app: Flask) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process for the tests of one file, which must leave it alive."""
    process = start_worker(session_settings)
    yield process
    process.terminate()
    assert process.wait(20) == 0
    empty(session_app.extensions["diyml"].services.store.database)  # of what it wrote down after the last test

"""A DIYML of the benchmark's own, with users, tokens and published models."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bson import ObjectId

from benchmarks.serving.models import ServedModel
from benchmarks.serving.program import HOST, ROOT, Program, free_port, put
from demo.server import DATABASE, STOP_SECONDS, own_server
from inference.protocol import ModelCard
from launch.folder import holder_of
from settings import Settings
from storage.mongod import EmbeddedMongod
from storage.store import Store
from storage.users import User

USERS = 64
PASSWORD = secrets.token_urlsafe(12)
# All callers share one address here, and some have many logins under way at once.
_LOGINS = {"DIYML_LOGIN_ATTEMPTS_PER_ADDRESS": "1000"}


@dataclass(frozen=True)
class Platform:
    """A platform that runs.

    Attributes:
        users: names; `tokens` of the same users, in the same order.
        store: the database behind it, for what would take long over HTTP.
    """

    folder: Path
    port: int
    users: list[str]
    tokens: list[str]
    store: Store

    @property
    def pid(self) -> int:
        """Of the process whose descendants are the others."""
        holder = holder_of(self.folder)
        assert holder
        return holder.pid

    def publish(self, name: str, content: bytes, card: ModelCard) -> str:
        """Publish a model as the project of this name; gives the path of its predictions."""
        owner = self.store.users.find(self.users[0])
        assert owner
        return publish(self.store, owner, name, content, card)

    def publish_model(self, model: ServedModel, name: str = "") -> str:
        """Publish a model of a folder under its name or another."""
        return self.publish(name or model.name, model.path.read_bytes(), model.card())


def publish(store: Store, owner: User, name: str, content: bytes, card: ModelCard) -> str:
    """As a job does it: the file first, then the model, then the project that it answers for.

    There is no job behind it; a model that serves is nobody's leftover.
    """
    file = store.artifacts.put(io.BytesIO(content), "model.onnx")
    project = store.projects.create(owner, name, card.project_type)
    store.projects.set_classes(project, tuple(card.classes))
    told = card.model_copy(update={"onnx_sha256": file.sha256}).model_dump()
    model = store.models.create(project.id, ObjectId(), told, {"model.onnx": file})
    store.projects.serve(project.id, model.id, model.version)
    store.projects.publish(project, True)
    return path_of(name)


def path_of(name: str) -> str:
    """Where a project's predictions are."""
    return f"/api/v1/published/{name}/predict"


@contextlib.contextmanager
def running(folder: Path, users: int = USERS, **settings: str) -> Iterator[Platform]:
    """A platform over a folder while the block runs.

    Args:
        settings: environment variables of this platform; those of the caller count for the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _environment({**_LOGINS, **settings}), own_server(folder) as address:
        port = urlsplit(address).port
        assert port
        store = open_store(folder)
        names = [f"caller-{secrets.token_hex(4)}" for _ in range(users)]
        try:
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                tokens = list(threads.map(lambda name: sign_up(port, name), names))
            yield Platform(folder, port, names, tokens, store)
        finally:
            store.close()


def open_store(folder: Path) -> Store:
    """The database of the platform that runs on a folder."""
    settings = dataclasses.replace(Settings.from_environment(), data_dir=folder)
    if settings.mongo_uri:
        return Store(dataclasses.replace(settings, database=DATABASE))
    return Store(dataclasses.replace(settings, mongo_uri=EmbeddedMongod(folder).connection().uri))


def sign_up(port: int, name: str) -> str:
    """A new user's token."""
    status, answer = put(port, "/auth", credentials(name), "application/json")
    if status != 200:
        raise RuntimeError(f"no user was made: {status} {answer[:200]!r}")
    return json.loads(answer)["api_token"]


def credentials(name: str) -> bytes:
    """What a user signs up and logs in with."""
    return json.dumps({"username": name, "password": PASSWORD}).encode()


def program(folder: Path, log: Path) -> Program:
    """`python DIYML.py` over a folder, for measuring its start."""
    port = free_port()
    settings = dataclasses.replace(Settings.from_environment(), data_dir=folder, host=HOST, port=port, broker_url="")
    command = [sys.executable, str(ROOT / "DIYML.py")]
    return Program("DIYML", command, port, "/ready", log, tuple(settings.to_environment().items()), STOP_SECONDS)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Settings are read from the environment, and nowhere else."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

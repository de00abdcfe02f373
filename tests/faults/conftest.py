"""The whole platform as a newcomer starts it, and ways to hurt it."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from settings import Settings
from storage.mongod import EmbeddedMongod
from storage.store import Store
from tests.cluster.rabbitmq import MISSING, SERVER, RabbitMQ
from tests.conftest import PASSWORD, ROOT, encoded, wait_until
from tests.faults.runs import (  # noqa: F401 - hooks and a fixture
    pytest_addoption,
    pytest_runtest_makereport,
    pytest_terminal_summary,
    run,
)
from tests.faults.site import Site
from tests.training.conftest import is_gone, shade


@dataclass
class Platform:
    """`python3 DIYML.py` on a folder of its own, and a client that holds on through its faults.

    Attributes:
        environment: settings that differ from those of the quick tests.
    """

    folder: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    token: str = ""
    acknowledged: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = {
            **os.environ,
            "DIYML_DATA_DIR": str(self.folder / "data"),
            "DIYML_BCRYPT_ROUNDS": "4",
            "DIYML_LEASE_SECONDS": "5",
            "DIYML_PORT": str(self.port),
            **self.environment,
        }
        with (self.folder / "platform.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "DIYML.py")], cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        wait_until(self.is_ready, 60)

    def is_ready(self) -> bool:
        """Whether web server, database, broker and worker answer."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def sign_up(self, username: str) -> str:
        """A new user's token."""
        token: str = self.insist("PUT", "/auth", username=username, password=PASSWORD).json()["api_token"]
        return token

    def call(self, method: str, path: str, **parameters: Any) -> requests.Response:
        """Send JSON with the token, the platform's own user's unless another is given."""
        body = {"api_token": self.token, **parameters}
        sent = {"params" if method == "GET" else "json": body}
        return requests.request(method, f"http://127.0.0.1:{self.port}{path}", timeout=30, **sent)

    def insist(self, method: str, path: str, **parameters: Any) -> requests.Response:
        """Send until the platform answers with anything but 5xx."""

        def answered() -> requests.Response | None:
            try:
                answer = self.call(method, path, **parameters)
            except requests.RequestException:
                return None
            return answer if answer.status_code < 500 else None

        answer: requests.Response = wait_until(answered, 60)
        return answer

    def prepare(self) -> None:
        """One user with one project of two classes and a few images."""
        self.token = self.sign_up("ada")
        self.fill("shades", 12)

    def fill(self, project: str, images: int, **token: str) -> None:
        """A project of two classes with a few images."""
        self.call("PUT", "/upload/project", project_name=project, project_type="classification", **token)
        self.call("PUT", "/upload/class_info", project_name=project, class_info="dark|bright", **token)
        for number in range(images):
            assert self.place(f"{project}-{number}", number, project, **token)

    def place(self, name: str, number: int, project: str = "shades", **token: str) -> bool:
        """Upload one image; remembered when it was acknowledged."""
        content = shade(50 if number % 2 else 200, number)
        try:
            answer = self.call(
                "PUT",
                "/upload/data_point",
                project_name=project,
                data_point_name=name,
                image_data=encoded(content),
                label_data="dark" if number % 2 else "bright",
                **token,
            )
        except requests.RequestException:
            return False
        if answer.status_code == 200:
            self.acknowledged[name] = hashlib.sha256(content).hexdigest()
        return answer.status_code == 200

    def train(self, epochs: int, image_size: int = 32) -> None:
        """Start a training."""
        wish = {"train_split": 0.8, "epochs": epochs, "image_size": image_size}
        answer = self.insist("PUT", "/train", project_name="shades", **wish)
        assert answer.status_code in (200, 409), answer.text

    def training(self) -> dict[str, Any]:
        """How the newest training stands."""
        shown: dict[str, Any] = self.insist("POST", "/upload/project", project_name="shades").json()["training"]
        return shown

    def members(self, words: str) -> list[psutil.Process]:
        """Processes of the family whose command line holds the words."""
        assert self.process is not None
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in family if not is_gone(process) and words in " ".join(process.cmdline())]

    def kill(self, words: str) -> None:
        """`kill -9` of the members whose command line holds the words."""
        victims: list[psutil.Process] = wait_until(lambda: self.members(words), 60)
        for victim in victims:
            victim.send_signal(signal.SIGKILL)

    def whole_images(self) -> dict[str, str]:
        """SHA-256 of each image as the database's files give it."""
        store = self.store()
        rows = store.database["images"].find({}, {"name": 1, "file_id": 1})
        hashes = {row["name"]: hashlib.sha256(store.image_files.read(row["file_id"])).hexdigest() for row in rows}
        store.close()
        return hashes

    def store(self) -> Store:
        """Its database; to be closed by who asks."""
        uri = self.environment.get("MONGO_URI") or EmbeddedMongod(self.folder / "data").connection().uri
        return Store(Settings(mongo_uri=uri))

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(60) == 0


class Uploader(threading.Thread):
    """Uploads one image after the other until it is told to end."""

    def __init__(self, platform: Platform, prefix: str):
        super().__init__(daemon=True)
        self._platform = platform
        self._prefix = prefix
        self._end = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._end.is_set():
            self._platform.place(f"{self._prefix}-{number}", number)
            number += 1

    def end(self) -> None:
        """Stop after the upload that is under way."""
        self._end.set()
        self.join(60)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A started platform with a project that can train; it must outlive every fault of the file's tests."""
    platform = Platform(tmp_path_factory.mktemp("platform"), free_port())
    platform.start()
    platform.prepare()
    yield platform
    end(platform)


def end(platform: Platform) -> None:
    """Stop a platform that may have been stopped already."""
    if platform.process is not None and platform.process.poll() is None:
        platform.stop()


@pytest.fixture
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A started RabbitMQ of its own."""
    if SERVER is None:
        pytest.skip(MISSING)
    node = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield node
    finally:
        node.thaw()
        node.stop()


@pytest.fixture
def broker_url(request: pytest.FixtureRequest) -> str:
    """The default broker, or that of the fixture that a test names."""
    name = getattr(request, "param", "mongodb")
    url: str = "" if name == "mongodb" else request.getfixturevalue(name).url
    return url


@pytest.fixture
def site(mongo_uri: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A store, an application and no worker yet; leases as long as they are by default."""
    site = Site(
        Settings(
            mongo_uri=mongo_uri,
            broker_url=broker_url,
            database=f"faults_{uuid.uuid4().hex[:8]}",
            data_dir=tmp_path_factory.mktemp("site"),
            bcrypt_rounds=4,
            checkpoint_seconds=1,
            training_niceness=0,
        )
    )
    yield site
    with suppress(Exception):
        site.store.database.client.drop_database(site.settings.database)
    site.close()

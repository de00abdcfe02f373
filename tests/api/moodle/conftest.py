"""Moodle's backend as it is served: a real server, and a client that sends what Moodle sends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from launch.members import is_healthy
from tests.conftest import ROOT, wait_until

SECONDS = 240


@dataclass(frozen=True)
class Moodle:
    """A client that behaves as Moodle does: forms of several parts, Basic credentials, waiting for the answer."""

    url: str
    user: tuple[str, str] | None = ("moodle", "secret")

    def post(self, path: str, file: bytes | None = None, field: str = "dataset", **form: str) -> requests.Response:
        """Send a form, with a file in it."""
        parts: dict[str, Any] = {name: (None, value) for name, value in form.items()}
        if file is not None:
            parts[field] = ("file", file)
        return requests.post(self.url + path, files=parts, auth=self.user, timeout=SECONDS)

    def get(self, path: str, **query: str) -> requests.Response:
        """Ask with a query."""
        return requests.get(self.url + path, params=query, auth=self.user, timeout=SECONDS)

    def curl(self, path: str, file: Path, *more: str, **form: str) -> tuple[int, Any]:
        """As Moodle's own curl: it asks whether to go on before a large upload. Status, and the JSON of the answer."""
        fields = [part for name, value in form.items() for part in ("-F", f"{name}={value}")]
        command = ["curl", "-s", "-w", "\n%{http_code}", "-H", "Expect: 100-continue", "-F", f"dataset=@{file}"]
        credentials = ["-u", ":".join(self.user)] if self.user else []
        done = subprocess.run(
            [*command, *credentials, *fields, *more, self.url + path], capture_output=True, text=True, timeout=SECONDS
        )
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), json.loads(body) if status == "200" else body


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[tuple[Moodle, psutil.Process]]:
    """`diyml moodle` as an operator starts it, with a folder for its models, and its first process."""
    port = free_port()
    environment = {
        **os.environ,
        "DIYML_DATA_DIR": str(folder / "data"),
        "MOODLE_MLBACKEND_PYTHON_DIR": str(folder / "models"),
        "MOODLE_MLBACKEND_PYTHON_USERS": "moodle:secret",
        **settings,
    }
    start = "import sys; from launch.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "moodle", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: is_healthy("127.0.0.1", port), 60)
        yield Moodle(f"http://127.0.0.1:{port}"), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moodle]:
    """One with a stash, for all tests."""
    folder = tmp_path_factory.mktemp("backend")
    with served(folder, MOODLE_ML_STASH_DIR=str(folder / "stash")) as (moodle, _):
        yield moodle


@pytest.fixture(scope="session")
def stash_folder(backend: Moodle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that backend keeps what it is sent."""
    return next(tmp_path_factory.getbasetemp().glob("backend*")) / "stash"

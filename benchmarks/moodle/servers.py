"""What is asked for the same: something that trains, predicts and evaluates. Here the backend, as it is served."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import requests

from launch.members import is_healthy

_ROOT = Path(__file__).parents[2]
_LOOK_SECONDS = 0.05
_START_SECONDS = 240


class Server(Protocol):
    """Processes that stay; `pid` is the first of them."""

    name: str
    pid: int

    def train(self, model: str, content: bytes) -> None: ...

    def predict(self, model: str, content: bytes) -> list[str]:
        """The class of each row."""
        ...

    def evaluate(self, model: str, content: bytes, rounds: int) -> dict[str, Any]:
        """The answer of the protocol."""
        ...

    def close(self) -> None: ...


class Ours:
    """`diyml moodle`, asked over HTTP."""

    name = "DIYML"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder, port = Path(self._folder.name), _free_port()
        self._url = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            "DIYML_DATA_DIR": str(folder / "data"),
            "MOODLE_MLBACKEND_PYTHON_DIR": str(folder / "models"),
            "MOODLE_MLBACKEND_PYTHON_USERS": "moodle:secret",
            "DIYML_TRAINING_NICENESS": "0",  # the reference does not step back either
        }
        start = "import sys; from launch.cli import main; sys.exit(main(sys.argv[1:]))"
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-c", start, "moodle", "--port", str(port)],
            cwd=_ROOT,
            env=environment,
            stdout=self._log,
            stderr=self._log,
        )
        self.pid = self._process.pid
        ends = time.monotonic() + _START_SECONDS
        while not is_healthy("127.0.0.1", port):
            if time.monotonic() > ends or self._process.poll() is not None:
                raise SystemExit("DIYML did not start: " + (folder / "log").read_text()[-2000:])
            time.sleep(_LOOK_SECONDS)  # Nobody tells when a server listens.
        self._session = requests.Session()

    def train(self, model: str, content: bytes) -> None:
        """See `Server`."""
        self._call("/training", model, content)

    def predict(self, model: str, content: bytes) -> list[str]:
        """See `Server`."""
        return [row[1] for row in self._call("/prediction", model, content)["predictions"]]

    def evaluate(self, model: str, content: bytes, rounds: int) -> dict[str, Any]:
        """See `Server`."""
        return self._call("/evaluation", model, content, minscore=0, maxdeviation=1, niterations=rounds)

    def close(self) -> None:
        """See `Server`."""
        self._session.close()
        self._process.terminate()
        self._process.wait(60)
        self._log.close()
        self._folder.cleanup()

    def _call(self, path: str, model: str, content: bytes, **more: float) -> dict[str, Any]:
        answer = self._session.post(
            self._url + path,
            data={"uniqueid": model, "dirhash": "d", **more},
            files={"dataset": ("data", content)},
            auth=("moodle", "secret"),
            timeout=600,
        )
        if answer.status_code != 200 or answer.json()["status"]:
            raise SystemExit(f"DIYML says: {answer.status_code} {answer.text[:500]}")
        told: dict[str, Any] = answer.json()
        return told


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

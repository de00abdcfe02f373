"""A real MLflow server in an environment of its own, programs that use plain MLflow, and a way to it to be cut."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.conftest import wait_until

PYTHON = Path(sys.prefix) / "mlflow" / "bin" / "python"
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


class MlflowServer:
    """MLflow on SQLite, with artifacts behind its proxy.

    Attributes:
        artifacts: the folder in which it keeps them.
    """

    def __init__(self, folder: Path):
        assert PYTHON.exists(), f"there is no MLflow at {PYTHON}: run `make install-dev`"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.artifacts = folder / "artifacts"
        self._folder = folder
        arguments = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(urlsplit(self.url).port)]
        arguments += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"]
        arguments += ["--artifacts-destination", str(self.artifacts)]
        with (folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(PYTHON), *arguments], cwd=folder, env=self._environment(), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Until it answers; it takes its time, since it imports a lot twice."""
        wait_until(self._answers, 100, every=0.3)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "server.log").read_text()[-2000:]
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/health", timeout=5).ok
        return False

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **_QUIET, "MLFLOW_TRACKING_URI": self.url, "HOME": str(self._folder)}

    def python(self, program: str) -> Any:
        """What a program in MLflow's environment prints at last, as JSON."""
        run = subprocess.run(
            [str(PYTHON), "-c", program], cwd=self._folder, env=self._environment(), capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr[-3000:]
        return json.loads(run.stdout.splitlines()[-1])

    def get(self, method: str, **query: Any) -> dict[str, Any]:
        """Ask it something, as anybody would."""
        answer = requests.get(f"{self.url}/api/2.0/mlflow/{method}", params=query, timeout=60)
        assert answer.ok, answer.text
        return dict(answer.json())

    def runs(self, job_id: Any) -> list[dict[str, Any]]:
        """Every run of a job, in whatever state."""
        found = self.get("experiments/search", max_results=1000).get("experiments", [])
        body = {
            "experiment_ids": [item["experiment_id"] for item in found],
            "filter": f"tags.`diyml.job_id` = '{job_id}'",
            "run_view_type": "ALL",
        }
        answer = requests.post(f"{self.url}/api/2.0/mlflow/runs/search", json=body, timeout=60)
        assert answer.ok, answer.text
        return list(answer.json().get("runs", []))

    def stop(self) -> None:
        """End it with all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Way:
    """A port that leads to a server while it is open, and is closed otherwise."""

    def __init__(self, url: str):
        self._target = ("127.0.0.1", int(urlsplit(url).port or 0))
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        """Let calls through."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._listener.settimeout(0.05)
        self._begin(self._accept, self._listener)

    def close(self) -> None:
        """Refuse calls; those that are under way may end."""
        if self._listener:
            self._listener.close()
        for thread in self._threads:
            thread.join(60)

    def _begin(self, work: Any, *what: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=what, daemon=True))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        while listener.fileno() >= 0:
            with suppress(OSError):
                self._begin(self._carry, listener.accept()[0])

    def _carry(self, here: socket.socket) -> None:
        """One connection: whole messages in turns, as HTTP has them."""
        with here, socket.create_connection(self._target) as there, suppress(OSError):
            ends = {here: there, there: here}
            while ready := select.select([*ends], [], [], 60)[0]:
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

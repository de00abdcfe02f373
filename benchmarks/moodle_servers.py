"""Moodle's backend beside the reference: each as processes that stay, asked for the same, and watched for memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import psutil
import requests

from launch.members import is_healthy

ROOT = Path(__file__).parents[1]
_LOOK_SECONDS, _MEMORY_SECONDS = 0.05, 0.25
_START_SECONDS = 240

# The reference's package has its learner and no server. So a process that has loaded all of it already is asked by
# lines, which leaves out what HTTP would cost it.
DRIVER = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from moodlemlbackend.processor import estimator
answers.write("{}\\n"); answers.flush()
for line in iter(sys.stdin.readline, ""):
    name, model, folder, file = json.loads(line)
    try:
        answer = getattr(estimator.Classifier(model, folder, file), name)(file)
    except Exception as error:  # its own errors are answers too, as they would be over HTTP
        answer = {"status": 1, "info": [repr(error)]}
    answers.write(json.dumps(answer, default=str) + "\\n"); answers.flush()
"""


class Server(Protocol):
    """Something that trains and predicts."""

    name: str
    memory: Memory

    def train(self, model: str, content: bytes) -> None: ...

    def predict(self, model: str, content: bytes) -> list[str]:
        """The class of each row."""
        ...

    def close(self) -> None: ...


class Memory:
    """What a process and all that came of it hold: of pages that several share, a part each."""

    def __init__(self, pid: int):
        self._root = psutil.Process(pid)
        self.peak_bytes = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def now_bytes(self) -> int:
        """All of it at this moment."""
        total = 0
        with suppress(psutil.Error):
            for process in (self._root, *self._root.children(recursive=True)):
                total += _share_bytes(process.pid)
        return total

    def close(self) -> None:
        """Look no longer."""
        self._ends.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ends.wait(_MEMORY_SECONDS):
            self.peak_bytes = max(self.peak_bytes, self.now_bytes())


def _share_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class Reference:
    """The reference's learner in a process of its own Python."""

    name = "reference"

    def __init__(self, python: str):
        self._folder = tempfile.TemporaryDirectory()
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._log = Path(self._folder.name, "log").open("wb")  # noqa: SIM115 - closed with the rest
        self._process = subprocess.Popen(
            [python, "-c", DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            cwd=self._folder.name,
            text=True,
        )
        self._answer()
        self.memory = Memory(self._process.pid)

    def train(self, model: str, content: bytes) -> None:
        """See `Server`."""
        self._call("train_dataset", model, content)

    def predict(self, model: str, content: bytes) -> list[str]:
        """See `Server`."""
        return [str(row[1]) for row in self._call("predict_dataset", model, content)["predictions"]]

    def close(self) -> None:
        """See `Server`."""
        self.memory.close()
        self._process.kill()
        self._process.communicate()
        self._log.close()
        self._folder.cleanup()

    def _call(self, name: str, model: str, content: bytes) -> dict[str, Any]:
        path = Path(self._folder.name, "data.csv")
        path.write_bytes(content)
        line = json.dumps([name, model, str(Path(self._folder.name, model)), str(path)])
        stdin = self._process.stdin
        if stdin is None:
            raise ValueError("no pipe")
        stdin.write(line + "\n")
        stdin.flush()
        answer = self._answer()
        if answer["status"]:
            raise SystemExit(f"the reference says: {answer}")
        return answer

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SystemExit("the reference ended: " + Path(self._log.name).read_text()[-2000:])
        answer: dict[str, Any] = json.loads(line)
        return answer


class Ours:
    """`diyml moodle`, asked over HTTP."""

    name = "DIYML"

    def __init__(self, port: int):
        self._folder = tempfile.TemporaryDirectory()
        folder, self._url = Path(self._folder.name), f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            "DIYML_DATA_DIR": str(folder / "data"),
            "MOODLE_MLBACKEND_PYTHON_DIR": str(folder / "models"),
            "MOODLE_MLBACKEND_PYTHON_USERS": "moodle:secret",
            "DIYML_WEB_WORKERS": "1",
            "DIYML_TRAINING_NICENESS": "0",  # the reference does not step back either
        }
        start = "import sys; from launch.cli import main; sys.exit(main(sys.argv[1:]))"
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-c", start, "moodle", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=self._log,
            stderr=self._log,
        )
        ends = time.monotonic() + _START_SECONDS
        while not is_healthy("127.0.0.1", port):
            if time.monotonic() > ends or self._process.poll() is not None:
                raise SystemExit("DIYML did not start: " + (folder / "log").read_text()[-2000:])
            time.sleep(_LOOK_SECONDS)  # Nobody tells when a server listens.
        self._session = requests.Session()
        self.memory = Memory(self._process.pid)

    def train(self, model: str, content: bytes) -> None:
        """See `Server`."""
        self._call("/training", model, content)

    def predict(self, model: str, content: bytes) -> list[str]:
        """See `Server`."""
        return [row[1] for row in self._call("/prediction", model, content)["predictions"]]

    def close(self) -> None:
        """See `Server`."""
        self.memory.close()
        self._session.close()
        self._process.terminate()
        self._process.wait(60)
        self._log.close()
        self._folder.cleanup()

    def _call(self, path: str, model: str, content: bytes) -> dict[str, Any]:
        answer = self._session.post(
            self._url + path,
            data={"uniqueid": model, "dirhash": "d"},
            files={"dataset": ("data", content)},
            auth=("moodle", "secret"),
            timeout=600,
        )
        if answer.status_code != 200 or answer.json()["status"]:
            raise SystemExit(f"DIYML says: {answer.status_code} {answer.text[:500]}")
        told: dict[str, Any] = answer.json()
        return told

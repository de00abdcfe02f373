"""The reference's learner, in a process of its own Python."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

# The reference's package has its learner and no server. So a process that has loaded all of it already is asked by
# lines, which leaves out what HTTP would cost it.
_DRIVER = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from moodlemlbackend.processor import estimator
answers.write("{}\\n"); answers.flush()
for line in iter(sys.stdin.readline, ""):
    name, model, folder, file, *more = json.loads(line)
    try:
        answer = getattr(estimator.Classifier(model, folder, file), name)(file, *more)
    except Exception as error:  # its own errors are answers too, as they would be over HTTP
        answer = {"status": 1, "info": [repr(error)]}
    answers.write(json.dumps(answer, default=str) + "\\n"); answers.flush()
"""


class Reference:
    """`moodlemlbackend`, asked over a pipe.

    Args:
        python: of the environment that has it.
    """

    name = "reference"

    def __init__(self, python: str):
        self._folder = tempfile.TemporaryDirectory()
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._log = Path(self._folder.name, "log").open("wb")  # noqa: SIM115 - closed with the rest
        self._process = subprocess.Popen(
            [python, "-c", _DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            cwd=self._folder.name,
            text=True,
        )
        self.pid = self._process.pid
        self._answer()

    def train(self, model: str, content: bytes) -> None:
        """See `Server`."""
        self._call("train_dataset", model, content)

    def predict(self, model: str, content: bytes) -> list[str]:
        """See `Server`."""
        return [str(row[1]) for row in self._call("predict_dataset", model, content)["predictions"]]

    def evaluate(self, model: str, content: bytes, rounds: int) -> dict[str, Any]:
        """See `Server`."""
        return self._call("evaluate_dataset", model, content, 0.0, 1.0, rounds)

    def close(self) -> None:
        """See `Server`."""
        self._process.kill()
        self._process.communicate()
        self._log.close()
        self._folder.cleanup()

    def _call(self, name: str, model: str, content: bytes, *more: float) -> dict[str, Any]:
        path = Path(self._folder.name, "data.csv")
        path.write_bytes(content)
        line = json.dumps([name, model, str(Path(self._folder.name, model)), str(path), *more])
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

"""Calls of every kind, one after the other and from several threads, and how each was answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from tests.conftest import PASSWORD, encoded
from tests.faults.conftest import Platform
from tests.training.conftest import shade

_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Answer:
    """How a call was answered; `status` 0 is a connection that broke, `at` when it was sent (monotonic)."""

    kind: str
    at: float
    seconds: float
    status: int
    retry_after: str | None = None

    @property
    def worked(self) -> bool:
        """Whether the platform could do it, or had a reason of its own not to."""
        return 0 < self.status < 500

    @property
    def polite(self) -> bool:
        """Whether it worked, or said when to come back."""
        return self.worked or (self.status == 503 and bool(self.retry_after))


class Traffic:
    """Users at work.

    Attributes:
        answers: in the order in which they came.
    """

    def __init__(self, platform: Platform, threads: int):
        self.answers: list[Answer] = []
        self._platform = platform
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(threads)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop after the calls that are under way."""
        self._end.set()
        for thread in self._threads:
            thread.join(60)

    def since(self, moment: float) -> list[Answer]:
        """Answers to what was sent after this moment."""
        return [answer for answer in list(self.answers) if answer.at >= moment]

    def _run(self, number: int) -> None:
        user = _User(self._platform, number)
        while not self._end.wait(_PAUSE_SECONDS):
            for kind in _User.KINDS:
                self.answers.append(_answer(kind, getattr(user, kind)))


class _User:
    """One of the platform's users, with a project in which trainings are started and cancelled again."""

    KINDS = ("health", "read", "upload", "login", "infer", "train", "cancel")

    def __init__(self, platform: Platform, number: int):
        self._call = platform.call
        self._number = number
        self._count = 0
        self._job_id = "none"

    def health(self) -> requests.Response:
        return self._call("GET", "/health")

    def read(self) -> requests.Response:
        return self._call("POST", "/upload/project", project_name="shades")

    def upload(self) -> requests.Response:
        self._count += 1
        name, content = f"traffic{self._number}-{self._count}", encoded(shade(50, self._count))
        sent = {"data_point_name": name, "image_data": content, "label_data": "dark"}
        return self._call("PUT", "/upload/data_point", project_name="shades", **sent)

    def login(self) -> requests.Response:
        return self._call("POST", "/auth", username="ada", password=PASSWORD)

    def infer(self) -> requests.Response:
        return self._call("POST", "/inference", project_name="shades", image_data=encoded(shade(50, self._count)))

    def train(self) -> requests.Response:
        project = f"other{self._number}"
        answer = self._call("PUT", "/train", project_name=project, train_split=0.8, epochs=1)
        if answer.status_code == 200:
            self._job_id = answer.json()["job_id"]
        return answer

    def cancel(self) -> requests.Response:
        return self._call("POST", f"/api/v1/jobs/{self._job_id}/cancel")


def _answer(kind: str, call: Callable[[], requests.Response]) -> Answer:
    at = time.monotonic()
    try:
        answer = call()
        return Answer(kind, at, time.monotonic() - at, answer.status_code, answer.headers.get("Retry-After"))
    except requests.RequestException:
        return Answer(kind, at, time.monotonic() - at, 0)

"""Trainings: started, followed, ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from diyml_client.bound import Bound, Collection
from diyml_client.errors import ConnectionFailed, DiymlError, JobFailed
from diyml_client.records import moment, read
from diyml_client.retries import BUSY, Waiting
from diyml_client.sse import events
from diyml_client.transport import Transport, path_of

ENDED = ("succeeded", "failed", "cancelled")
# The server says every 15 s that it is still there.
_SILENT_SECONDS = 45.0
_NO_CONTENT = 204


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job.

    Attributes:
        kind: `progress`, `metrics`, `log`, `state` or `queue`.
        data: as http.md describes them for each kind.
        id: its number; None for a place in the queue, which is only what holds now.
    """

    kind: str
    data: dict[str, Any]
    id: str | None = None

    @property
    def at(self) -> datetime | None:
        """When it happened."""
        return moment(self.data["at"]) if self.data.get("at") else None


@dataclass
class Job(Bound):
    """A training, or another job; `metrics` holds the newest of each name, `history` those of each epoch."""

    id: str = field(default="", metadata={"key": "job_id"})
    state: str = ""
    epoch: int = 0
    epochs: int = 0
    progress: float = 0.0
    eta_seconds: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    project_name: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    device: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    model_url: str | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    queue: dict[str, Any] | None = None
    loads: str | None = None
    tracking: dict[str, Any] | None = None
    experiment: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self.state in ENDED

    @property
    def model_id(self) -> str | None:
        """The model that came of it."""
        return self.model_url.rpartition("/")[2] if self.model_url else None

    def refresh(self) -> Job:
        """Read it again."""
        return self._become(self._transport.json("GET", self._path()))

    def follow(self, last_event_id: str | None = None) -> Iterator[JobEvent]:
        """What happens to it, from the start or from behind an event, until it has ended.

        A stream that breaks is taken up again behind the last event that came, so none is missed and none comes twice.

        Raises:
            ConnectionFailed: the server was away for longer than patience lasts.
        """
        yield from _Following(self._transport, self._path("events"), last_event_id).events()
        self.refresh()

    def wait(self, timeout_seconds: float | None = None, told: Callable[[JobEvent], None] | None = None) -> Job:
        """Wait for its success.

        Raises:
            JobFailed: it failed or was cancelled.
            TimeoutError: the time is up; the job goes on.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        for event in self.follow():
            if told:
                told(event)
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"job {self.id} has not ended within {timeout_seconds} s; it goes on")
        if self.state != "succeeded":
            raise JobFailed(self.error or f"job {self.id} was {self.state}", self.state, self.id)
        return self

    def cancel(self) -> Job:
        """End it, without a model."""
        return self._become(self._transport.json("POST", self._path("cancel")))

    def stop(self) -> Job:
        """End it early, with the best model so far."""
        return self._become(self._transport.json("POST", self._path("stop")))

    def logs(self, tail: int | None = None) -> Iterator[str]:
        """The lines of its log, or the last ones."""
        params = {"tail": tail}
        text = self._transport.content("GET", self._path("log"), params=params).decode("utf-8", "replace")
        yield from text.splitlines()

    def validation(self) -> Iterator[dict[str, Any]]:
        """The images it was measured with, worst first, with given labels and predictions."""
        return self._transport.pages(self._path("validation"), dict, {"sort": "worst"})

    def repeat(self) -> Job:
        """Train again on the same data; gives the new job."""
        return job_of(self._transport, self._transport.json("POST", self._path("repeat")))

    def _become(self, data: dict[str, Any]) -> Job:
        self._take(job_of(self._transport, data))
        return self

    def _path(self, *parts: str) -> str:
        return path_of("jobs", self.id, *parts)


class Jobs(Collection):
    """`client.jobs`, and `project.jobs`."""

    def list(self, state: str | None = None) -> Iterator[Job]:
        """All of the project, or of all projects one is a member of, newest first."""
        path = path_of("projects", self._project, "jobs") if self._project else path_of("jobs")
        return self._transport.pages(path, lambda item: job_of(self._transport, item), {"state": state})

    def get(self, job_id: str) -> Job:
        """One of them."""
        return job_of(self._transport, self._transport.json("GET", path_of("jobs", job_id)))


class _Following:
    """The events of one job, over as many connections as it takes."""

    def __init__(self, transport: Transport, path: str, last: str | None):
        self._transport = transport
        self._path = path
        self._last = last
        self._over = False

    def events(self) -> Iterator[JobEvent]:
        waiting = Waiting(self._transport.patience)
        while not self._over:
            try:
                for event in self._connection():
                    waiting = Waiting(self._transport.patience)
                    yield event
            except DiymlError as error:
                lost = isinstance(error, ConnectionFailed) or error.status in BUSY
                if not lost or not waiting.pause(error.retry_after_seconds):
                    raise

    def _connection(self) -> Iterator[JobEvent]:
        """Events of one connection. The server ends it after a while, which is no failure."""
        headers = {"Accept": "text/event-stream"}
        if self._last is not None:
            headers["Last-Event-ID"] = self._last
        timeout = (self._transport.timeout[0], _SILENT_SECONDS)
        stream = self._transport.stream("GET", self._path, headers=headers, timeout=timeout)
        with stream as response:
            if response.status_code == _NO_CONTENT:
                self._over = True
                return
            try:
                yield from self._read(response)
            except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
                raise ConnectionFailed(f"the stream of {self._transport.url} broke off") from error

    def _read(self, response: requests.Response) -> Iterator[JobEvent]:
        for event in events(response.iter_content(None)):
            if event is None:
                continue
            self._last = event.id or self._last
            data = json.loads(event.data)
            yield JobEvent(event.kind, data, event.id or None)
            # Whatever else the server might send after its end, it closes the stream there.
            self._over = self._over or (event.kind == "state" and data.get("state") in ENDED)


def job_of(transport: Transport, data: dict[str, Any]) -> Job:
    """The job that JSON describes."""
    return read(Job, data, _transport=transport)

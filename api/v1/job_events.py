"""`/api/v1/jobs/<job_id>/events`: what happens to a training, as it happens (Server-Sent Events)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from flask import Response, request

from api.operation import Content, operation
from api.output import json_text
from api.streams import ending
from api.v1.located import JobResource
from api.v1.representation import model_url, queue_place
from api.v1.schemas import EventsQuery
from storage.job import Job, JobState
from storage.job_events import Event
from storage.job_queue import Place
from storage.store import Store
from utils import NotFound, Unavailable

_LOOK_SECONDS = 0.5
_QUEUE_LOOK_SECONDS = 5.0
_ALIVE_SECONDS = 15.0
_RECONNECT_MS = 2000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class JobEventStream(JobResource):
    """The events of a training."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """A browser that comes back tells the last event in a header."""
        last = request.headers.get("Last-Event-ID")
        return {**super().given, "last_event_id": last} if last else super().given

    @operation(takes=EventsQuery, gives=Content("text/event-stream"), errors=(204, 429, 503))
    def get(self, query: EventsQuery) -> Response:
        """Follow it, from the start or from behind the last event that is known."""
        job = self.job
        if job.state.ended and query.last_event_id >= job.last_event:
            return Response(status=204)  # which tells browsers to stop coming back
        release = self.services.streams.admit(self.user.id)
        follower = Follower(self.services.store, job, query.last_event_id, self.stopping)
        texts = ending(release, follower.follow(query.seconds))
        response = Response(texts, mimetype="text/event-stream", headers=_HEADERS)
        response.call_on_close(release)  # a stream that nobody began to read does not end
        return response


class Follower:
    """Reads one job again and again and gives what is new.

    Only events that are stored have an id. A place in the queue has none: it is what holds now, and who comes back
    gets the newest anyway.
    """

    def __init__(self, store: Store, job: Job, seq: int, stopping: Callable[[], bool]):
        self._store = store
        self._job = job
        self._seq = seq
        self._stopping = stopping
        self._place: Place | None = None
        self._queue_due = 0.0

    def follow(self, seconds: float) -> Iterator[str]:
        """Events until the job has ended, the time is up, the process stops or the database does not answer."""
        started = spoke = time.monotonic()
        yield f"retry: {_RECONNECT_MS}\n\n"
        while True:
            try:
                texts = self._look()
            except (NotFound, Unavailable):
                return
            now = time.monotonic()
            if not texts and now - spoke > _ALIVE_SECONDS:
                texts = [": still here\n\n"]
            if texts:
                spoke = now
                yield "".join(texts)
            if self._is_over() or now - started >= seconds or self._stopping():
                return
            # Other processes write what we wait for, and nothing but the database tells.
            time.sleep(_LOOK_SECONDS)  # The database has no way to tell us that works without a replica set.

    def _look(self) -> list[str]:
        self._job = self._store.jobs.head(self._job.id)
        texts: list[str] = []
        while events := self._store.job_events.after(self._job, self._seq):
            texts += [_message(event.kind, _data(event, self._job), event.seq) for event in events]
            self._seq = events[-1].seq
        return texts + self._queue()

    def _queue(self) -> list[str]:
        if self._job.state is not JobState.QUEUED:
            self._place = None
            return []
        if time.monotonic() < self._queue_due:
            return []
        self._queue_due = time.monotonic() + _QUEUE_LOOK_SECONDS
        place = self._store.job_queue.place_of(self._job.id)
        if place is None or place == self._place:
            return []
        self._place = place
        return [_message("queue", queue_place(place))]

    def _is_over(self) -> bool:
        return self._job.state.ended and self._seq >= self._job.last_event


def _data(event: Event, job: Job) -> dict[str, Any]:
    data = {"at": event.at.isoformat(), **event.data}
    if event.data.get("state") == JobState.SUCCEEDED.value:
        data["model_url"] = model_url(job)
    return data


def _message(kind: str, data: dict[str, Any], seq: int | None = None) -> str:
    id_line = "" if seq is None else f"id: {seq}\n"
    return f"{id_line}event: {kind}\ndata: {json_text(data)}\n\n"

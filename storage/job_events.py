"""The `job_events` collection: what a running job told, one document an event, in the order of their numbers.

Numbers come from the job document. A heartbeat, which is refused once the attempt has lost the job, reserves them; the
events are written after it. Changes of state lie on the job document itself, written with the change, and are put in
their places here when events are read. A worker that is killed between a heartbeat and its events leaves a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError

from storage.database import Database, Document, shielded
from storage.job import Job
from utils import utc_now

MOST_READ = 100
_DUPLICATE_KEY = 11000
# Between a heartbeat and its events lie milliseconds; a number still missing after this will not come.
_SETTLED = timedelta(seconds=5)


@dataclass(frozen=True)
class News:
    """An event that has no number yet; `kind` is `progress`, `metrics`, `log` or `state`."""

    kind: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Event(News):
    """Something that happened to a job; `seq` counts from 1 in each job, with gaps."""

    seq: int
    at: datetime


def numbered(job: Job, news: list[News]) -> list[Event]:
    """Give news the numbers that the heartbeat which gave back `job` has reserved for them."""
    first = job.last_event - len(news) + 1
    return [Event(item.kind, item.data, seq, utc_now()) for seq, item in enumerate(news, first)]


@shielded
class JobEvents:
    """Events of all jobs."""

    def __init__(self, database: Database[Document]):
        self._events = database["job_events"]

    def create_indexes(self) -> None:
        self._events.create_index([("job_id", 1), ("seq", 1)], unique=True)
        self._events.create_index([("job_id", 1), ("kind", 1), ("seq", 1)])

    def add(self, job_id: ObjectId, events: list[Event]) -> None:
        """Write events; those that are there already, because an answer got lost, stay as they are."""
        rows = [{"job_id": job_id, "seq": e.seq, "at": e.at, "kind": e.kind, "data": e.data} for e in events]
        try:
            self._events.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            if any(item["code"] != _DUPLICATE_KEY for item in error.details["writeErrors"]):
                raise

    def after(self, job: Job, seq: int) -> list[Event]:
        """The next events of a job, at most `MOST_READ` and its changes of state, in order.

        Nothing behind a number that may still be on its way is given, so whoever goes on after the last event
        misses none.

        Args:
            job: as it is now; it knows its changes of state.
            seq: number of the last event that is known already.
        """
        query = {"job_id": job.id, "seq": {"$gt": seq, "$lte": job.last_event}}
        rows = list(self._events.find(query).sort("seq", 1).limit(MOST_READ))
        last = rows[-1]["seq"] if len(rows) == MOST_READ else job.last_event
        events = [_event(row) for row in rows]
        events += [event for event in _state_events(job) if seq < event.seq <= last]
        return list(_unbroken(sorted(events, key=lambda event: event.seq), seq))

    def log(self, job_id: ObjectId) -> Iterator[list[str]]:
        """The whole log, some lines at a time."""
        rows = self._events.find({"job_id": job_id, "kind": "log"}, {"data": 1}).sort("seq", 1)
        return (row["data"]["lines"] for row in rows)

    def log_end(self, job_id: ObjectId, most: int) -> list[str]:
        """The last lines of the log, at most `most`."""
        blocks: list[list[str]] = []
        for row in self._events.find({"job_id": job_id, "kind": "log"}, {"data": 1}).sort("seq", -1):
            blocks.insert(0, row["data"]["lines"])
            if sum(map(len, blocks)) >= most:
                break
        return [line for block in blocks for line in block][-most:]

    def delete(self, job_ids: Iterable[ObjectId]) -> None:
        """Delete every event of the jobs."""
        self._events.delete_many({"job_id": {"$in": list(job_ids)}})

    def job_ids(self) -> list[ObjectId]:
        """Ids of all jobs that have events, whether or not they still exist."""
        return self._events.distinct("job_id")


def _event(row: Document) -> Event:
    return Event(row["kind"], row["data"], row["seq"], row["at"])


def _state_events(job: Job) -> Iterator[Event]:
    for item in job.states:
        data = {name: item[name] for name in ("state", "attempt", "reason")}
        yield Event("state", data, item["seq"], item["at"])


def _unbroken(events: list[Event], seq: int) -> Iterator[Event]:
    settled = utc_now() - _SETTLED
    for event in events:
        if event.seq != seq + 1 and event.at > settled:
            return
        yield event
        seq = event.seq

"""Whose turn it is: how many jobs a user may have waiting, in what order they are served, and when that will be."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from bson import ObjectId

from storage.database import Database, Document, MongoCollection, shielded
from storage.job import JobState
from utils import TooManyRequests, plural, utc_now

_MEASURED = 20
_FULL_RETRY_SECONDS = 60


def free_slot(jobs: MongoCollection[Document], owner_id: ObjectId, slots: int) -> int:
    """One of the user's slots that no queued job holds now.

    Raises:
        TooManyRequests: there is none.
    """
    taken = set(jobs.distinct("slot", {"owner_id": owner_id, "state": JobState.QUEUED.value}))
    for slot in range(slots):
        if slot not in taken:
            return slot
    raise TooManyRequests(
        f"you have {plural(slots, 'queued training')}, which is the most allowed: "
        "wait until one has started, or cancel one",
        retry_after_seconds=_FULL_RETRY_SECONDS,
    )


def next_turn(jobs: MongoCollection[Document], owner_id: ObjectId) -> int:
    """The turn of a user's next job; who has the lowest is served first.

    Each further job of a user gets a later turn, and who comes new gets that of the jobs that run now. So jobs of
    different users alternate, however many one of them has waiting (start-time fair queueing, Goyal et al. 1996).
    Calls at the same moment may get the same turn; the earlier one is then served first.
    """
    active = {"active": True, "turn": {"$exists": True}}
    own = jobs.find_one({**active, "owner_id": owner_id}, {"turn": 1}, sort=[("turn", -1)])
    running = jobs.find_one({**active, "state": JobState.RUNNING.value}, {"turn": 1}, sort=[("turn", -1)])
    now = running or jobs.find_one({**active, "state": JobState.QUEUED.value}, {"turn": 1}, sort=[("turn", 1)])
    return max(now["turn"] if now else 0, own["turn"] + 1 if own else 0)


class Waiting(NamedTuple):
    """A queued job."""

    id: ObjectId
    owner_id: ObjectId


class Running(NamedTuple):
    """A running job; `seconds_left` is None when nothing tells."""

    owner_id: ObjectId
    seconds_left: float | None


@dataclass(frozen=True)
class Lineup:
    """Who waits and who runs.

    Attributes:
        waiting: in the order of their turns.
        typical_seconds: how long a training takes, None when none has ended yet.
    """

    waiting: tuple[Waiting, ...]
    running: tuple[Running, ...]
    typical_seconds: float | None


@dataclass(frozen=True)
class Place:
    """A job's place in the queue.

    Attributes:
        position: 1 is next.
        starts_in_seconds: an estimate; None when it cannot be known.
    """

    position: int
    starts_in_seconds: float | None


def place_of(job_id: ObjectId, lineup: Lineup) -> Place | None:
    """The place of a job; None when it does not wait.

    As many jobs go on running as run now. With none running nobody knows whether there is a worker, so nothing is
    said of the time.
    """
    typical = lineup.typical_seconds
    known = bool(lineup.running) and all(job.seconds_left is not None for job in lineup.running)
    for position, (waiting, seconds) in enumerate(_turns(lineup, typical or 1.0), 1):
        if waiting.id == job_id:
            certain = known and (typical is not None or position <= len(lineup.running))
            return Place(position, round(seconds, 1) if certain else None)
    return None


def _turns(lineup: Lineup, typical: float) -> Iterator[tuple[Waiting, float]]:
    """The waiting jobs in the order in which they are served, each with the seconds until then."""
    busy = Counter(job.owner_id for job in lineup.running)
    ends = [(job.seconds_left or 0.0, number, job.owner_id) for number, job in enumerate(lineup.running)]
    ends = ends or [(0.0, 0, ObjectId())]
    heapq.heapify(ends)
    queues = _by_owner(lineup.waiting)
    while queues:
        seconds, number, owner_id = heapq.heappop(ends)
        busy[owner_id] -= 1
        _, next_owner = min((busy[owner] > 0, queue[0][0], owner) for owner, queue in queues.items())[1:]
        _, job = queues[next_owner].popleft()
        if not queues[next_owner]:
            del queues[next_owner]
        yield job, seconds
        busy[next_owner] += 1
        heapq.heappush(ends, (seconds + typical, number, next_owner))


def _by_owner(waiting: tuple[Waiting, ...]) -> dict[ObjectId, deque[tuple[int, Waiting]]]:
    queues: dict[ObjectId, deque[tuple[int, Waiting]]] = {}
    for number, job in enumerate(waiting):
        queues.setdefault(job.owner_id, deque()).append((number, job))
    return queues


@shielded
class JobQueue:
    """The queued jobs, read from the `jobs` collection."""

    def __init__(self, database: Database[Document]):
        self._jobs = database["jobs"]

    def place_of(self, job_id: ObjectId) -> Place | None:
        """The place of a job; None when it does not wait."""
        return place_of(job_id, self._lineup())

    def _lineup(self) -> Lineup:
        typical = self._typical_seconds()
        queued = self._jobs.find({"state": JobState.QUEUED.value}, {"owner_id": 1})
        waiting = queued.sort([("turn", 1), ("created_at", 1)])
        shown = {"owner_id": 1, "eta_seconds": 1, "started_at": 1}
        running = self._jobs.find({"state": JobState.RUNNING.value}, shown)
        return Lineup(
            tuple(Waiting(row["_id"], row["owner_id"]) for row in waiting),
            tuple(Running(row["owner_id"], _seconds_left(row, typical)) for row in running),
            typical,
        )

    def _typical_seconds(self) -> float | None:
        """Median of the last trainings, whatever came of them."""
        ended = {"$in": [state.value for state in JobState if state.ended]}
        rows = self._jobs.find({"state": ended, "started_at": {"$ne": None}}, {"started_at": 1, "finished_at": 1})
        spans = [row["finished_at"] - row["started_at"] for row in rows.sort("finished_at", -1).limit(_MEASURED)]
        return median(span.total_seconds() for span in spans) if spans else None


def _seconds_left(row: Document, typical: float | None) -> float | None:
    """What measured epochs say; before the first has ended, what is left of a typical training."""
    if row["eta_seconds"] is not None or typical is None:
        return row["eta_seconds"]
    return max(0.0, typical - (utc_now() - row["started_at"]).total_seconds())

"""Whose turn it is: how many jobs a user may have waiting, in what order they are served, and when that will be."""

from __future__ import annotations

import itertools
from collections import Counter
from statistics import median

from bson import ObjectId

from storage.database import Database, Document, MongoCollection, shielded
from storage.device import DeviceChoice, DeviceKind
from storage.job import JobState
from storage.lineup import Lineup, Place, Running, Waiting, place_of
from storage.workers import Workers
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


def next_turns(jobs: MongoCollection[Document], owner_id: ObjectId, choice: DeviceChoice) -> dict[str, int]:
    """The turns of a user's next job, one for each kind of device that it may run on.

    On a kind of device, who has the lowest is served first. Each further job of a user gets a later turn, and who comes
    new gets that of the jobs that run now. So jobs of different users alternate, however many one of them has waiting
    (start-time fair queueing, Goyal et al. 1996). Only jobs that wait for the same kind of device, or run on it, count:
    what a user has waiting for a GPU puts nothing back that could run on a CPU.

    Jobs of one user never have the same turn, which an index sees to; of jobs of several, the earlier one goes first.
    """
    return {kind.value: _next_turn(jobs, owner_id, kind) for kind in choice.kinds}


def turn_field(kind: DeviceKind) -> str:
    """Where a job keeps its turn on a kind of device."""
    return f"turns.{kind.value}"


def _next_turn(jobs: MongoCollection[Document], owner_id: ObjectId, kind: DeviceKind) -> int:
    turn = turn_field(kind)
    waits = {"state": JobState.QUEUED.value, turn: {"$exists": True}}
    runs = {"state": JobState.RUNNING.value, "ran_on.kind": kind.value, turn: {"$exists": True}}
    own = jobs.find_one({"owner_id": owner_id, "$or": [waits, runs]}, {"turns": 1}, sort=[(turn, -1)])
    running = jobs.find_one(runs, {"turns": 1}, sort=[(turn, -1)])
    now = running or jobs.find_one(waits, {"turns": 1}, sort=[(turn, 1)])
    wanted = max(now["turns"][kind.value] if now else 0, own["turns"][kind.value] + 1 if own else 0)
    # A job that runs on another kind of device keeps its turn here, in case that it comes back to the queue.
    taken = set(jobs.distinct(turn, {"owner_id": owner_id, "active": True}))
    return next(free for free in itertools.count(wanted) if free not in taken)


@shielded
class JobQueue:
    """The queued jobs, read from the `jobs` collection."""

    def __init__(self, database: Database[Document], workers: Workers):
        self._jobs = database["jobs"]
        self._workers = workers

    def place_of(self, job_id: ObjectId) -> Place | None:
        """The place of a job; None when it does not wait."""
        return place_of(job_id, self._lineup())

    def _lineup(self) -> Lineup:
        workers = self._workers.live()
        measured = {kind: self._typical_seconds(kind) for kind in DeviceKind}
        typical = {kind: seconds for kind, seconds in measured.items() if seconds is not None}
        queued = self._jobs.find({"state": JobState.QUEUED.value}, {"owner_id": 1, "device": 1, "turns": 1})
        shown = {"owner_id": 1, "eta_seconds": 1, "started_at": 1, "ran_on": 1}
        query = {"state": JobState.RUNNING.value, "worker": {"$in": [worker.id for worker in workers]}}
        return Lineup(
            tuple(map(_waiting, queued.sort("created_at", 1))),
            tuple(_running(row, typical) for row in self._jobs.find(query, shown)),
            Counter(item.device.kind for worker in workers for item in worker.devices if item.job_id is None),
            typical,
        )

    def _typical_seconds(self, kind: DeviceKind) -> float | None:
        """Median of the last trainings on a kind of device, whatever came of them."""
        ended = {"$in": [state.value for state in JobState if state.ended]}
        trained = {"started_at": {"$ne": None}, "quantizes": None, "loads": None}
        query = {"state": ended, "ran_on.kind": kind.value, **trained}
        rows = self._jobs.find(query, {"started_at": 1, "finished_at": 1}).sort("finished_at", -1).limit(_MEASURED)
        spans = [row["finished_at"] - row["started_at"] for row in rows]
        return median(span.total_seconds() for span in spans) if spans else None


def _waiting(row: Document) -> Waiting:
    turns = {DeviceKind(kind): turn for kind, turn in row.get("turns", {}).items()}
    return Waiting(row["_id"], row["owner_id"], DeviceChoice(row.get("device", DeviceChoice.ANY)), turns)


def _running(row: Document, typical: dict[DeviceKind, float]) -> Running:
    """Its seconds left are what measured epochs say; before the first has ended, the rest of a typical training."""
    kind = DeviceKind(row["ran_on"]["kind"])
    left = row["eta_seconds"]
    if left is None and kind in typical:
        left = max(0.0, typical[kind] - (utc_now() - row["started_at"]).total_seconds())
    return Running(row["owner_id"], kind, left)

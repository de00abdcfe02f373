"""The tries of a job: what is recorded of each, and the checkpoint that one leaves to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from bson import ObjectId

from storage.database import Document
from storage.files import Files

# A process that dies by itself twice at the same place will do so a third time.
_MOST_CRASHES = 2
# However often its checkpoints move on.
MOST_ATTEMPTS = 20


class BrokenOff(str, Enum):
    """What ended an attempt that did not end its job.

    A process that dies by itself is tried less often than one whose worker is lost; a worker that was asked to stop
    says nothing about the job.
    """

    CRASHED = "crashed"
    LOST = "lost"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Checkpoint:
    """A file from which a further attempt can go on.

    Attributes:
        epoch: finished epochs in it.
        digest: of the dataset it was trained on; it fits no other.
    """

    file_id: ObjectId
    sha256: str
    size: int
    epoch: int
    digest: str


@dataclass(frozen=True)
class Attempt:
    """One try of a job.

    Attributes:
        attempt: counts from 1.
        ended_by: the reason for a person; None while it runs and when it succeeded with all its epochs.
        resumed_from_epoch: finished epochs in the checkpoint it went on from; 0 when it began anew.
        epoch: finished epochs of the job when it ended.
    """

    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    resumed_from_epoch: int = 0
    epoch: int | None = None


def attempt_begun(number: Document, worker: str) -> Document:
    """The attempts and one more: an expression of a pipeline's `$set`, like all functions here.

    Args:
        number: expression of the new attempt's.
    """
    new = {"attempt": number, "worker": {"$literal": worker}, "started_at": "$$NOW"}
    return {"$concatArrays": [{"$ifNull": ["$attempts", []]}, [new]]}


def attempt_ended(reason: str | None) -> Document:
    """The attempts, of which the present one has ended."""
    end = {"ended_at": "$$NOW", "ended_by": {"$literal": reason}, "epoch": {"$ifNull": ["$epoch", 0]}}
    is_present = {"$eq": ["$$this.attempt", "$attempt"]}
    each = {"$cond": [is_present, {"$mergeObjects": ["$$this", end]}, "$$this"]}
    return {"$map": {"input": {"$ifNull": ["$attempts", []]}, "in": each}}


def history_before(epoch: Any) -> Document:
    """Metrics of the epochs before this one; `epoch` is a number or an expression."""
    return {"$filter": {"input": {"$ifNull": ["$history", []]}, "cond": {"$lt": ["$$this.epoch", epoch]}}}


def counted(cause: BrokenOff) -> Document:
    """Counters with one more try that was for nothing; a new checkpoint sets them back."""
    names = () if cause is BrokenOff.STOPPED else ("losses", "crashes") if cause is BrokenOff.CRASHED else ("losses",)
    return {name: {"$add": [{"$ifNull": [f"${name}", 0]}, 1]} for name in names}


def tries_spent(cause: BrokenOff, max_attempts: int) -> Document:
    """A query that finds a job that must not be tried again.

    Args:
        max_attempts: how many may be lost in a row without a new checkpoint.
    """
    spent: list[Document] = [{"attempt": {"$gte": MOST_ATTEMPTS}}]
    if cause is not BrokenOff.STOPPED:
        spent.append({"losses": {"$gte": max_attempts - 1}})
    if cause is BrokenOff.CRASHED:
        spent.append({"crashes": {"$gte": min(_MOST_CRASHES, max_attempts) - 1}})
    return {"$or": spent}


def with_checkpoint(checkpoint: Document) -> Document:
    """Fields of a job that has a new checkpoint.

    Only what goes further than any before is a sign that another try is worth it.
    """
    epoch = checkpoint["epoch"]
    further = {"$gt": [epoch, {"$ifNull": ["$furthest_epoch", 0]}]}
    return {
        "checkpoint": {"$literal": checkpoint},
        "furthest_epoch": {"$max": ["$furthest_epoch", epoch]},
        **{name: {"$cond": [further, 0, f"${name}"]} for name in ("losses", "crashes")},
    }


def delete_checkpoint(files: Files, before: Document | None, keep: ObjectId | None = None) -> None:
    """Delete the file of a job as it was before, unless it is the one to keep: a step may be told twice."""
    if before and before.get("checkpoint") and before["checkpoint"]["file_id"] != keep:
        files.delete(before["checkpoint"]["file_id"])

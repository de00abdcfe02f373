"""The `idempotency` collection: what was answered to calls that carried a key, for a day.

A call claims its key before it does anything and leaves its answer there when it is done. A claim holds for a while
only: a process that is killed in between leaves one that runs out, and the same call may then be made again. What it
makes carries the id of the record, so that the second call finds what the first one made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from bson import Binary, ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from utils import Conflict, KeyReused

KEPT_SECONDS = 24 * 3600
# Far more than a call takes once its body is there. One that takes longer yet may be made a second time beside itself,
# which harms nothing: what it creates is found by the record's id, and the rest may be done twice.
LEASE_SECONDS = 60
_LEAST_WAIT_SECONDS = 1


@dataclass(frozen=True)
class Answer:
    """An answer as it was given.

    Attributes:
        headers: those that belong to the answer itself, such as its type and where to find what was made.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A key in the hands of one call.

    Attributes:
        record: the same for every call with this key, and for no other key.
        answer: what an earlier call was answered; with none, this call is the one to do the work.
    """

    record: str
    holder: ObjectId
    answer: Answer | None = None


@shielded
class Idempotency:
    """Keys of users, each with the first call that carried it. All times are the database server's."""

    def __init__(self, database: Database[Document]):
        self._keys = database["idempotency"]

    def create_indexes(self) -> None:
        self._keys.create_index([("user_id", 1), ("key", 1)], unique=True)
        self._keys.create_index("created_at", expireAfterSeconds=KEPT_SECONDS)

    def claim(self, user_id: ObjectId, key: str, fingerprint: str) -> Claim:
        """Take a key for one call, or give what was answered to the call that had it.

        Args:
            fingerprint: of the call; the same key stands for the same call.

        Raises:
            KeyReused: the key was sent with another call.
            Conflict: that call is still under way, or its answer was not kept.
        """
        holder = ObjectId()
        row = self._claimed(user_id, key, fingerprint, holder)
        if row["fingerprint"] != fingerprint:
            raise KeyReused(
                "this Idempotency-Key was sent with another request: send a new key, or the first request unchanged"
            )
        if row["holder"] == holder:
            return Claim(str(row["_id"]), holder)
        if row["state"] == "running":
            raise Conflict(
                "the request with this Idempotency-Key is still under way: try again in a moment",
                retry_after_seconds=_wait_seconds(row),
            )
        if row["answer"] is None:
            raise Conflict("the request with this Idempotency-Key was carried out, and its answer is not kept")
        return Claim(str(row["_id"]), row["holder"], Answer(**row["answer"]))

    def _claimed(self, user_id: ObjectId, key: str, fingerprint: str, holder: ObjectId) -> Document:
        """The key's record, which names the holder if the key was free: new, or its lease has run out."""
        same = {"$eq": [{"$ifNull": ["$fingerprint", fingerprint]}, fingerprint]}
        lapsed = {"$lte": [{"$ifNull": ["$lease_until", "$$NOW"]}, "$$NOW"]}
        free = {"$and": [same, lapsed, {"$ne": ["$state", "done"]}]}
        update = {
            "holder": {"$cond": [free, holder, "$holder"]},
            "claimed_at": {"$cond": [free, "$$NOW", "$claimed_at"]},
            "lease_until": {"$cond": [free, {"$add": ["$$NOW", LEASE_SECONDS * 1000]}, "$lease_until"]},
            "fingerprint": {"$ifNull": ["$fingerprint", fingerprint]},
            "state": {"$ifNull": ["$state", "running"]},
            "created_at": {"$ifNull": ["$created_at", "$$NOW"]},
            "now": "$$NOW",
        }
        while True:
            try:
                row = self._keys.find_one_and_update(
                    {"user_id": user_id, "key": key},
                    [{"$set": update}],
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:  # two first calls at once: the other made the record, look at it
                continue
            if row is not None:
                return row

    def keep(self, claim: Claim, answer: Answer | None) -> None:
        """Note that the work is done; without an answer to keep, calls that come again learn no more than that."""
        kept = answer and {**vars(answer), "body": Binary(answer.body)}
        self._keys.update_one(_held(claim), {"$set": {"state": "done", "answer": kept}, "$unset": {"lease_until": ""}})

    def release(self, claim: Claim) -> None:
        """Let go of a key whose call failed on our side and may have done something: the same call may try again."""
        self._keys.update_one(_held(claim), [{"$set": {"lease_until": "$$NOW"}}])

    def forget(self, claim: Claim) -> None:
        """Forget a key whose call was refused and did nothing."""
        self._keys.delete_one(_held(claim))

    def user_ids(self) -> list[ObjectId]:
        """Ids of all users who have keys, whether or not they still exist."""
        return self._keys.distinct("user_id")

    def delete_user(self, user_id: ObjectId) -> None:
        """Delete every key of a user."""
        self._keys.delete_many({"user_id": user_id})


def _held(claim: Claim) -> Document:
    """The record, unless another call has taken the key over."""
    return {"_id": ObjectId(claim.record), "holder": claim.holder}


def _wait_seconds(row: Document) -> int:
    """As long as it took up to now, but no longer than its lease."""
    age, left = row["now"] - row["claimed_at"], row["lease_until"] - row["now"]
    return max(_LEAST_WAIT_SECONDS, ceil(min(age.total_seconds(), left.total_seconds())))

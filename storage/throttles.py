"""The `throttles` collection: how often something was tried in a window, shared by all web processes."""

from __future__ import annotations

import hashlib
import math

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from utils import TooManyRequests


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@shielded
class Throttles:
    """Fixed-window counters, by the database server's clock.

    Keys hold what clients send, so only their hashes are stored: of one length, and naming nobody.
    """

    def __init__(self, database: Database[Document], window_seconds: int):
        self._throttles = database["throttles"]
        self._window_ms = window_seconds * 1000

    def create_indexes(self) -> None:
        self._throttles.create_index("expires_at", expireAfterSeconds=0)

    def charge(self, key: str, limit: int, what: str = "failed attempts") -> None:
        """Count one try, before it is known how it ends, so that parallel tries cannot pass the limit together.

        Args:
            what: is counted, in words.

        Raises:
            TooManyRequests: the limit of this window is used up.
        """
        row = self._count(_digest(key))
        if row["count"] > limit:
            left = (row["expires_at"] - row["now"]).total_seconds()
            raise TooManyRequests(
                f"too many {what}: wait {math.ceil(left)} s and try again",
                retry_after_seconds=max(1, math.ceil(left)),
            )

    def refund(self, key: str) -> None:
        """Take one try back, because it succeeded."""
        self._throttles.update_one({"_id": _digest(key), "count": {"$gt": 0}}, {"$inc": {"count": -1}})

    def _count(self, key: str) -> Document:
        running = {"$gt": ["$expires_at", "$$NOW"]}
        update = {
            "count": {"$cond": [running, {"$add": ["$count", 1]}, 1]},
            "expires_at": {"$cond": [running, "$expires_at", {"$add": ["$$NOW", self._window_ms]}]},
            "now": "$$NOW",
        }
        while True:
            try:
                row = self._throttles.find_one_and_update(
                    {"_id": key}, [{"$set": update}], upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:  # two first tries at once: the other made the counter, go on
                continue
            if row is not None:
                return row

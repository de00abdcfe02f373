"""The `stream_states` collection: what a model remembers of each sensor, as far as it was merged out of batches."""

from __future__ import annotations

from collections.abc import Iterable

from bson import Binary, ObjectId
from pymongo import UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError

from storage.database import Database, Document, shielded

_DUPLICATE = 11000


@shielded
class StreamStates:
    """States by stream and key."""

    def __init__(self, database: Database[Document]):
        self._states = database["stream_states"]
        # Batches hold the same until their states are said to be kept, and that is written behind these in the journal.
        self._unhurried = self._states.with_options(write_concern=WriteConcern(1))

    def create_indexes(self) -> None:
        self._states.create_index([("stream_id", 1), ("key", 1)], unique=True)
        self._states.create_index("project_id")

    def load(self, stream_id: ObjectId, keys: Iterable[str]) -> dict[str, bytes]:
        """Those of these keys that are there."""
        query = {"stream_id": stream_id, "key": {"$in": list(keys)}}
        return {row["key"]: bytes(row["state"]) for row in self._states.find(query, {"key": 1, "state": 1})}

    def keys(self, stream_id: ObjectId) -> list[str]:
        """Every key that was ever judged."""
        return [row["key"] for row in self._states.find({"stream_id": stream_id}, {"key": 1})]

    def save(self, stream_id: ObjectId, project_id: ObjectId, states: dict[str, bytes], number: int) -> None:
        """Keep states as they were after a batch; what is newer stays."""
        writes = [
            UpdateOne(
                {"stream_id": stream_id, "key": key, "number": {"$lt": number}},
                {"$set": {"project_id": project_id, "state": Binary(state), "number": number}},
                upsert=True,
            )
            for key, state in states.items()
        ]
        try:
            self._unhurried.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            # There is one already, and it is newer.
            if any(item["code"] != _DUPLICATE for item in error.details["writeErrors"]):
                raise

    def delete_stream(self, stream_id: ObjectId) -> None:
        """Delete all of a stream."""
        self._states.delete_many({"stream_id": stream_id})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all of a project."""
        self._states.delete_many({"project_id": project_id})

    def project_ids(self) -> list[ObjectId]:
        """Projects that have any, whether or not they still exist."""
        return self._states.distinct("project_id")

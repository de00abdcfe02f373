"""The `inferences` collection: results that are fetched by an unguessable id until they expire."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from bson import ObjectId

from storage.database import Database, Document, shielded
from utils import NotFound, utc_now

_ID_BYTES = 32


@shielded
class Inferences:
    """Results of inferences; whoever has the id may read one."""

    def __init__(self, database: Database[Document], minutes: int):
        self._inferences = database["inferences"]
        self._lifetime = timedelta(minutes=minutes)

    def create_indexes(self) -> None:
        self._inferences.create_index("expires_at", expireAfterSeconds=0)
        self._inferences.create_index("project_id")
        self._inferences.create_index("user_id")

    def create(self, project_id: ObjectId, user_id: ObjectId, predictions: list[Any]) -> str:
        """Keep a result; gives its id, 43 URL-safe characters of 256 random bits."""
        inference_id = secrets.token_urlsafe(_ID_BYTES)
        self._inferences.insert_one(
            {
                "_id": inference_id,
                "project_id": project_id,
                "user_id": user_id,
                "predictions": predictions,
                "expires_at": utc_now() + self._lifetime,
            }
        )
        return inference_id

    def get(self, inference_id: str) -> list[Any]:
        """The predictions kept under this id.

        Raises:
            NotFound: unknown or expired.
        """
        row = self._inferences.find_one({"_id": inference_id, "expires_at": {"$gt": utc_now()}})
        if row is None:
            raise NotFound("there is no inference of this id, or its result has expired: infer again")
        return row["predictions"]

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete the results that a project's models gave."""
        self._inferences.delete_many({"project_id": project_id})

    def delete_user(self, user_id: ObjectId) -> None:
        """Delete the results that a user asked for."""
        self._inferences.delete_many({"user_id": user_id})

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects of which there are results, whether or not they still exist."""
        return self._inferences.distinct("project_id")

    def user_ids(self) -> list[ObjectId]:
        """Ids of all users who asked for results, whether or not their accounts still exist."""
        return self._inferences.distinct("user_id")

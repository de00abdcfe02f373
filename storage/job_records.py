"""The `jobs` collection: records of the data that trainings were made from.

The record stays when its job ends, and goes with it (`storage.jobs`). A job that repeats another shares its file.
"""

from __future__ import annotations

from collections.abc import Iterator

from bson import ObjectId

from storage.database import Database, Document, every, shielded
from storage.files import Files, HeldFile, StoredFile
from storage.job import Job, held
from storage.job_record import DatasetRecord


@shielded
class JobRecords:
    """What jobs keep of their data."""

    def __init__(self, database: Database[Document], files: Files):
        self._jobs = database["jobs"]
        self._files = files

    def create_indexes(self) -> None:
        self._jobs.create_index("dataset.file_id", sparse=True)

    def keep(self, job: Job, record: DatasetRecord) -> bool:
        """Make a stored file the record of the job's data, in place of that of an earlier attempt.

        False when this attempt no longer owns the job; the file is deleted then.
        """
        change = {"$set": {"dataset": vars(record)}}
        before = self._jobs.find_one_and_update(held(job), change, {"dataset": 1})
        if before is None:
            self._files.delete(record.file_id)
            return False
        # Only ended jobs are repeated, and they write no record any more: nobody shares the one that goes.
        if before.get("dataset") and before["dataset"]["file_id"] != record.file_id:
            self._files.delete(before["dataset"]["file_id"])
        return True

    def referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that are the record of a job."""
        rows = self._jobs.find({"dataset.file_id": {"$in": file_ids}}, {"dataset.file_id": 1})
        return {row["dataset"]["file_id"] for row in rows}

    def held(self) -> Iterator[HeldFile]:
        """The record of every job that has one."""
        for row in every(self._jobs, {"dataset.file_id": {"$exists": True}}, {"project_id": 1, "dataset": 1}):
            kept = row["dataset"]
            file = StoredFile(kept["file_id"], kept["sha256"], kept["size"])
            yield HeldFile(file, row["project_id"], row["_id"], f"record of the data of job {row['_id']}")

    def forget(self, job_id: ObjectId, file_id: ObjectId) -> None:
        """Take a record that is lost away from its job."""
        self._jobs.update_one({"_id": job_id, "dataset.file_id": file_id}, {"$unset": {"dataset": ""}})

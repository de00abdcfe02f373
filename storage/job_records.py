"""The `jobs` collection: records of the data that trainings were made from.

The record stays when its job ends, and goes with it (`storage.jobs`). A job that repeats another shares its file.
"""

from __future__ import annotations

from storage.database import Database, Document, shielded
from storage.files import Files
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

"""Between a job and the record of its data: kept when they are on disk, read when the job is repeated."""

from __future__ import annotations

import hashlib
import io

from datasets.kinds import Record
from datasets.registry import KINDS
from storage.job import Job
from storage.job_record import DatasetRecord
from storage.store import Store
from utils import Conflict, NotFound


def keep_record(store: Store, job: Job, data: Record, digest: str) -> None:
    """Record what a job trains on; the data of an earlier attempt are not written again when they are the same."""
    if job.dataset and job.dataset.digest == digest:
        return
    file = store.artifacts.put(io.BytesIO(data.to_bytes()), "dataset.json.gz")
    record = DatasetRecord(file.id, file.sha256, file.size, digest, data.trained_on, data.held_back)
    store.job_records.keep(job, record)


def recorded_data(store: Store, job: Job) -> Record:
    """What a job was trained on, in files that are stored now.

    Raises:
        Conflict: there is no record of it, or some of it is not stored any more; says which.
    """
    return KINDS[job.project_type].as_stored(store, job.project_id, recorded(store, job))


def recorded(store: Store, job: Job) -> Record:
    """What a job was trained on, whether or not it is stored still.

    Raises:
        Conflict: there is no record of it that can be read.
    """
    record = job.dataset
    if record is None:
        raise Conflict(
            f"the job '{job.id}' has no record of its data, because it never got so far or is from an earlier "
            "version: start a plain training"
        )
    try:
        content = store.artifacts.read(record.file_id)
        if hashlib.sha256(content).hexdigest() != record.sha256:
            raise ValueError("its hash is another")
        return KINDS[job.project_type].read_record(content)
    except (NotFound, ValueError) as error:
        raise Conflict(
            f"the record of the data of job '{job.id}' cannot be read ({error}): start a plain training"
        ) from None

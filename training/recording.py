"""Between a job and the record of its data: kept when they are on disk, read when the job is repeated."""

from __future__ import annotations

import hashlib
import io

from datasets.record import RecordedData
from datasets.versions import stored_contents
from storage.job import Job
from storage.job_record import DatasetRecord
from storage.store import Store
from utils import Conflict, NotFound, plural, some_of


def keep_record(store: Store, job: Job, data: RecordedData, digest: str) -> None:
    """Record what a job trains on; the data of an earlier attempt are not written again when they are the same."""
    if job.dataset and job.dataset.digest == digest:
        return
    file = store.artifacts.put(io.BytesIO(data.to_bytes()), "dataset.json.gz")
    held_back = 0 if data.parts.val_is_train else len(data.parts.val)
    record = DatasetRecord(file.id, file.sha256, file.size, digest, len(data.parts.train), held_back)
    store.job_records.keep(job, record)


def recorded_data(store: Store, job: Job) -> RecordedData:
    """What a job was trained on, in files that are stored now.

    An image counts as stored as long as the project, or a version of its dataset, has its content, whatever its name
    and labels are by now.

    Raises:
        Conflict: there is no record of it, or images in it are not stored any more; says which.
    """
    data = recorded(store, job)
    contents = stored_contents(store, job.project_id)
    if gone := data.without(contents):
        images = plural(len(data.snapshot.images), "image")
        verb = "is" if len(gone) == 1 else "are"
        raise Conflict(
            f"{len(gone):,} of the {images} of that training {verb} not stored any more: {some_of(gone)}: "
            "add the same files again, or start a plain training on what the project has now"
        )
    return data.with_files(contents)


def recorded(store: Store, job: Job) -> RecordedData:
    """What a job was trained on, whether or not its images are stored still.

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
        return RecordedData.from_bytes(content)
    except (NotFound, ValueError) as error:
        raise Conflict(
            f"the record of the data of job '{job.id}' cannot be read ({error}): start a plain training"
        ) from None

"""What trainings said of the images that they held back, out of the store."""

from __future__ import annotations

from bson import ObjectId

from datasets.judgements import FILE, Judgements
from datasets.review import Suspect, suspects
from datasets.snapshot import Snapshot
from storage.job import Job
from storage.models import Model
from storage.store import Store
from utils import NotFound

MOST_TRAININGS = 20


def judgements_of(store: Store, job: Job) -> Judgements:
    """What a job's model was found to say of its validation images.

    Raises:
        NotFound: it has no model (yet), or one that was made without.
    """
    judgements = _read(store, store.models.get(job.result))
    if judgements is None:
        raise NotFound(
            f"the job '{job.id}' has not kept what it found in each image: it made a smaller version of a model, or "
            "is of an earlier version"
        )
    return judgements


def _read(store: Store, model: Model) -> Judgements | None:
    file = model.files.get(FILE)
    try:
        return Judgements.from_bytes(store.artifacts.read(file.file_id)) if file else None
    except (NotFound, ValueError):  # lost or damaged: fsck tells
        return None


def review(store: Store, project_id: ObjectId, snapshot: Snapshot) -> tuple[list[Suspect], list[ObjectId]]:
    """Images whose labels are doubtful by the project's newest trainings, the worst first.

    Returns:
        The images, and the jobs that their `source` numbers.
    """
    models = [model for model in store.models.list_all(project_id) if FILE in model.files][:MOST_TRAININGS]
    told = [(model.job_id, judgements) for model in models if (judgements := _read(store, model))]
    return suspects(snapshot, [judgements for _, judgements in told]), [job_id for job_id, _ in told]

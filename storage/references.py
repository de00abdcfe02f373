"""Which documents refer to files: a file counts as long as one of them does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bson import ObjectId

from storage.files import Files, HeldFile
from storage.store import Store

_BATCH = 1000

Bucket = Callable[[Store], Files]


@dataclass(frozen=True)
class Reference:
    """One kind of document that refers to files.

    Attributes:
        among: those of the files that such a document refers to.
        held: every file that such documents refer to.
        remedy: what a person does when the content of one is lost.
        forget: takes the reference away where nothing is lost by that; gives what that means, in words.
    """

    bucket: Bucket
    among: Callable[[Store, list[ObjectId]], set[ObjectId]]
    held: Callable[[Store], Iterator[HeldFile]]
    remedy: str
    forget: Callable[[Store, HeldFile], str] | None = None


def image_files(store: Store) -> Files:
    """The bucket of images."""
    return store.image_files


def artifacts(store: Store) -> Files:
    """The bucket of models' files, checkpoints and records."""
    return store.artifacts


def uploads(store: Store) -> Files:
    """The bucket of the pieces of uploads."""
    return store.uploads


def moodle_files(store: Store) -> Files:
    """The bucket of the models and logs of Moodle's backend."""
    return store.moodle_files


def referenced(store: Store, bucket: Bucket, file_ids: list[ObjectId]) -> set[ObjectId]:
    """Those of a bucket's files that any document refers to."""
    kinds = (kind for kind in REFERENCES if kind.bucket is bucket)
    return {file_id for kind in kinds for file_id in kind.among(store, file_ids)}


def _forget_checkpoint(store: Store, held: HeldFile) -> str:
    store.job_audit.forget_checkpoint(held.owner_id, held.file.id)
    return "forgotten: the next attempt starts over from the first epoch"


def _forget_record(store: Store, held: HeldFile) -> str:
    store.job_records.forget(held.owner_id, held.file.id)
    return "forgotten: this training cannot be repeated any more"


def _forget_report(store: Store, held: HeldFile) -> str:
    store.imports.forget_report(held.owner_id, held.file.id)
    return "forgotten: this import has no report any more"


def _forget_upload(store: Store, held: HeldFile) -> str:
    store.imports.forget_pieces(held.owner_id)
    return "given up: the archive must be uploaded again"


def _forget_predictions(store: Store, held: HeldFile) -> str:
    store.prediction_jobs.forget_report(held.owner_id, held.file.id)
    return "forgotten: this prediction job has no result any more"


def _forget_rows(store: Store, held: HeldFile) -> str:
    store.prediction_jobs.forget_pieces(held.owner_id)
    return "given up: the file must be sent again"


def _kept_by_versions_alone(store: Store) -> Iterator[HeldFile]:
    held = store.kept_files.held()
    while batch := list(itertools.islice(held, _BATCH)):
        in_use = store.images.referenced([kept.file.id for kept in batch])
        yield from (kept for kept in batch if kept.file.id not in in_use)


REFERENCES: tuple[Reference, ...] = (
    Reference(
        image_files,
        lambda store, ids: store.images.referenced(ids),
        lambda store: store.images.held(),
        "upload the data point again or delete it, or restore a backup",
    ),
    # After images: a version comes to keep a file only while an image refers to it.
    Reference(
        image_files,
        lambda store, ids: store.kept_files.kept(ids),
        _kept_by_versions_alone,
        "delete the versions of the dataset that name it, or restore a backup",
    ),
    Reference(
        artifacts,
        lambda store, ids: store.versions.referenced(ids),
        lambda store: store.versions.held(),
        "delete this version of the dataset, or restore a backup",
    ),
    Reference(
        artifacts,
        lambda store, ids: store.tables.referenced(ids),
        lambda store: store.tables.held(),
        "import the table again, or restore a backup",
    ),
    Reference(
        artifacts,
        lambda store, ids: store.models.referenced(ids),
        lambda store: store.models.held(),
        "restore a backup, or train the project again",
    ),
    Reference(
        artifacts,
        lambda store, ids: store.jobs.referenced(ids),
        lambda store: store.jobs.held(),
        "let the job start over from the first epoch",
        _forget_checkpoint,
    ),
    Reference(
        artifacts,
        lambda store, ids: store.job_records.referenced(ids),
        lambda store: store.job_records.held(),
        "do without repeating this training, or restore a backup",
        _forget_record,
    ),
    Reference(
        artifacts,
        lambda store, ids: store.imports.reports_referenced(ids),
        lambda store: store.imports.held_reports(),
        "do without the report of this import, or restore a backup",
        _forget_report,
    ),
    Reference(
        uploads,
        lambda store, ids: store.imports.pieces_referenced(ids),
        lambda store: store.imports.held_pieces(),
        "upload the archive again",
        _forget_upload,
    ),
    Reference(
        artifacts,
        lambda store, ids: store.prediction_jobs.reports_referenced(ids),
        lambda store: store.prediction_jobs.held_reports(),
        "send the file to a new prediction job, or restore a backup",
        _forget_predictions,
    ),
    Reference(
        uploads,
        lambda store, ids: store.prediction_jobs.pieces_referenced(ids),
        lambda store: store.prediction_jobs.held_pieces(),
        "send the file to a new prediction job",
        _forget_rows,
    ),
    Reference(
        moodle_files,
        lambda store, ids: store.moodle_objects.referenced(ids),
        lambda store: store.moodle_objects.held(),
        "delete the model in Moodle and train it again, or restore a backup",
    ),
)

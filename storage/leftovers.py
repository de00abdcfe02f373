"""What interrupted steps leave over, each kind said once: the sweeper removes it, a check of the store counts it.

Every kind is the second half of a deletion or of a replacement: something that is mentioned and belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from storage.database import batches
from storage.references import Bucket, artifacts, image_files, moodle_files, referenced, uploads
from storage.store import Store

Ids = set[ObjectId]


@dataclass(frozen=True)
class Leftover:
    """One kind of thing that belongs to nobody.

    Attributes:
        name: plural, for counts.
        rule: what holds while there is none.
        mentioned: ids to look at; where a step under way looks the same, only of what is older than the moment given.
        orphaned: those of a batch that belong to nobody.
        remove: idempotent, and harmless while the platform runs.
        told: one of them in words, around its id.
    """

    name: str
    rule: str
    mentioned: Callable[[Store, datetime], Iterable[ObjectId]]
    orphaned: Callable[[Store, list[ObjectId]], Ids]
    remove: Callable[[Store, Ids], None]
    told: str

    def find(
        self, store: Store, before: datetime, counted: Callable[[Iterable[ObjectId]], Iterable[ObjectId]] = iter
    ) -> Iterator[Ids]:
        """Ids of what is left over, a batch at a time; the next batch is read after the last was dealt with.

        Args:
            counted: is handed all ids that are looked at, and hands them on.
        """
        for batch in batches(counted(self.mentioned(store, before))):
            if found := self.orphaned(store, batch):
                yield found


def _without(existing: Callable[[Store, list[ObjectId]], Ids]) -> Callable[[Store, list[ObjectId]], Ids]:
    return lambda store, ids: set(ids) - existing(store, ids)


def _owners(store: Store, _: datetime) -> Ids:
    holders = (
        store.tokens, store.inferences, store.mailboxes, store.idempotency, store.members, store.moodle_objects,
    )  # fmt: skip
    callers = store.prediction_jobs.owner_ids()
    return {*store.projects.owner_ids(), *callers, *(user_id for holder in holders for user_id in holder.user_ids())}


def _projects_with_contents(store: Store, _: datetime) -> Ids:
    holders = (
        store.images, store.jobs, store.models, store.inferences, store.usage, store.webhooks, store.deliveries,
        store.imports, store.versions, store.kept_files, store.tables, store.prediction_jobs, store.appended,
        store.streams, store.stream_batches, store.stream_states, store.stream_letters,
        store.alert_rules, store.alert_states, store.alert_incidents,
    )  # fmt: skip
    return {project_id for holder in holders for project_id in holder.project_ids()}


def _models(store: Store, ids: list[ObjectId]) -> Ids:
    """Models that no succeeded job names; one that serves its project nevertheless goes on doing so."""
    return set(ids) - store.jobs.succeeded_models(ids) - store.projects.serving(ids)


def _second_models(store: Store, ids: list[ObjectId]) -> Ids:
    made_by = store.models.job_ids(list(_models(store, ids)))
    succeeded = store.jobs.succeeded(list(set(made_by.values())))
    return {model_id for model_id, job_id in made_by.items() if job_id in succeeded}


def _first_models(store: Store, ids: list[ObjectId]) -> Ids:
    return _models(store, ids) - _second_models(store, ids)


def _unused_tables(store: Store, ids: list[ObjectId]) -> Ids:
    kept_by = store.tables.kept_by(ids)
    keepers = [keeper_id for keeper_ids in kept_by.values() for keeper_id in keeper_ids]
    there = store.jobs.existing(keepers) | store.versions.existing(keepers)
    return {table_id for table_id, keeper_ids in kept_by.items() if not there & set(keeper_ids)}


def _delete_model(store: Store, model_id: ObjectId) -> None:
    store.models.delete(model_id)


def _for_each(delete: Callable[[Store, ObjectId], None]) -> Callable[[Store, Ids], None]:
    def remove(store: Store, ids: Ids) -> None:
        for one in ids:
            delete(store, one)

    return remove


def _files(name: str, bucket: Bucket) -> Leftover:
    return Leftover(
        name.replace(" ", "_"),
        f"None of the {name} is without an owner for longer than an hour.",
        lambda store, before: bucket(store).ids_before(before),
        _without(lambda store, ids: referenced(store, bucket, ids)),
        lambda store, ids: bucket(store).delete(*ids),
        f"file {{}} among the {name}: nothing refers to it",
    )


def _chunks(name: str, bucket: Bucket) -> Leftover:
    return Leftover(
        f"{name.replace(' ', '_')}_chunks",
        f"No chunks among the {name} are without a file for longer than an hour.",
        lambda store, before: bucket(store).begun_before(before),
        _without(lambda store, ids: set(bucket(store).lengths(ids))),
        lambda store, ids: bucket(store).delete(*ids),
        f"chunks of {{}} among the {name}: its upload was cut short, or it is deleted",
    )


# In this order: what goes with the first ones need not be looked for again.
LEFTOVERS: tuple[Leftover, ...] = (
    Leftover(
        "accounts",
        "Every project, token, membership, address and result belongs to an account that exists.",
        _owners,
        _without(lambda store, ids: store.users.existing(ids)),
        _for_each(Store.delete_user),
        "account {}: it is deleted, and projects, tokens, memberships, addresses or results of it are left",
    ),
    Leftover(
        "half_projects",
        "Every project that is made of a capsule is whole, or was added to within an hour.",
        lambda store, before: store.restoring.begun(before),
        # One that is mentioned was added to long ago; nobody goes on with it.
        lambda store, ids: store.projects.existing(ids),
        _for_each(Store.delete_project),
        "project {}: it was to be made of a capsule, and is not whole",
    ),
    Leftover(
        "contents",
        "Every image, table, import, version, job, model, webhook, alert and result belongs to a project that exists.",
        _projects_with_contents,
        _without(lambda store, ids: store.projects.existing(ids)),
        _for_each(Store.delete_contents),
        "project {}: it is deleted, and images, tables, imports, jobs, models, webhooks, alerts or results are left",
    ),
    Leftover(
        "gone_classes",
        "No annotation names a class that was merged into another, or deleted with its annotations.",
        # An image that was being labelled at that moment may have come behind all others.
        lambda store, _: store.projects.with_gone_classes(),
        lambda store, ids: store.classes.lagging(ids),
        _for_each(lambda store, project_id: store.classes.follow(project_id)),
        "annotations in project {}: their class was merged into another, or deleted",
    ),
    Leftover(
        "events",
        "Every event belongs to a job that exists.",
        # A worker that had not noticed yet that the job is gone may have written them.
        lambda store, _: store.job_events.job_ids(),
        _without(lambda store, ids: store.jobs.existing(ids)),
        lambda store, ids: store.job_events.delete(ids),
        "events of job {}: it is deleted",
    ),
    Leftover(
        "deliveries",
        "Every message is for a webhook or an address that exists.",
        # A worker that had not noticed yet that the receiver is gone may have made them.
        lambda store, _: store.deliveries.lane_ids(),
        _without(lambda store, ids: store.webhooks.existing(ids) | store.mailboxes.existing(ids)),
        lambda store, ids: store.deliveries.delete_lanes(ids),
        "messages to receiver {}: it is deleted",
    ),
    Leftover(
        "second_models",
        "No job has two models.",
        lambda store, before: store.models.ids_before(before),
        _second_models,
        _for_each(_delete_model),
        "model {}: its job has succeeded with another one",
    ),
    Leftover(
        "models",
        "Every model older than an hour is the result of a job that has succeeded.",
        lambda store, before: store.models.ids_before(before),
        _first_models,
        _for_each(_delete_model),
        "model {}: no job that has succeeded names it",
    ),
    Leftover(
        "usage",
        "Every count of calls is of a model that exists.",
        # A web process that still served the model may have written it; what it counts is written seconds later.
        lambda store, _: store.usage.model_ids(),
        _without(lambda store, ids: set(store.models.existing(ids))),
        lambda store, ids: store.usage.delete_models(ids),
        "calls of model {}: it is deleted",
    ),
    Leftover(
        "kept_lists",
        "Every list of kept files older than an hour belongs to a version of a dataset.",
        lambda store, before: store.kept_files.version_ids(before),
        _without(lambda store, ids: store.versions.existing(ids)),
        lambda store, ids: store.release_versions(ids),
        "files kept for version {}: it was never made, or is deleted",
    ),
    Leftover(
        "old_tables",
        "Every table that was replaced more than an hour ago is kept by a job or a version that exists.",
        lambda store, before: store.tables.superseded(before),
        _unused_tables,
        _for_each(lambda store, table_id: store.tables.delete(table_id)),
        "table {}: another one has replaced it, and no job and no version keeps it",
    ),
    _files("image files", image_files),
    _files("artifacts", artifacts),
    _files("pieces of uploads", uploads),
    _files("files of Moodle", moodle_files),
    _chunks("image files", image_files),
    _chunks("artifacts", artifacts),
    _chunks("pieces of uploads", uploads),
    _chunks("files of Moodle", moodle_files),
)

"""Removes what an interrupted step left over. Every rule here is the second half of a deletion or a replacement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from bson import ObjectId

from storage.database import batches
from storage.files import Files
from storage.store import Store
from utils import utc_now

GRACE = timedelta(hours=1)


def sweep(store: Store, grace: timedelta = GRACE) -> dict[str, int]:
    """Remove what belongs to nobody.

    Args:
        grace: files and models younger than this may belong to a step that is still under way and stay.

    Returns:
        How many of each kind were removed.
    """
    return {
        "projects": _sweep_projects(store),
        "contents": _sweep_contents(store),
        "events": _sweep_events(store),
        "mailboxes": _sweep_mailboxes(store),
        "deliveries": _sweep_deliveries(store),
        "models": _sweep_models(store, grace),
        "image_files": _sweep_files(store.image_files, store.images.referenced, grace),
        "artifacts": _sweep_files(
            store.artifacts, lambda ids: store.models.referenced(ids) | store.jobs.referenced(ids), grace
        ),
    }


def _sweep_projects(store: Store) -> int:
    """Projects whose owner's account is gone."""
    removed = 0
    rows = list(store.projects.owners())
    for batch in batches({owner_id for _, owner_id in rows}):
        gone = set(batch) - store.users.existing(batch)
        for project_id in (project for project, owner_id in rows if owner_id in gone):
            store.delete_project(project_id)
            removed += 1
    return removed


def _sweep_contents(store: Store) -> int:
    """Images, jobs, models, webhooks and deliveries whose project is gone."""
    removed = 0
    collections = (store.images, store.jobs, store.models, store.webhooks, store.deliveries)
    with_contents = {project_id for collection in collections for project_id in collection.project_ids()}
    for batch in batches(with_contents):
        for project_id in set(batch) - store.projects.existing(batch):
            store.delete_contents(project_id)
            removed += 1
    return removed


def _sweep_events(store: Store) -> int:
    """Events of jobs that are gone; a worker that had not noticed yet may have written them."""
    return sum(store.delete_orphan_events(batch) for batch in batches(store.job_events.job_ids()))


def _sweep_mailboxes(store: Store) -> int:
    """Mail addresses of accounts that are gone."""
    removed = 0
    for batch in batches(store.mailboxes.ids()):
        gone = list(set(batch) - store.users.existing(batch))
        store.delete_mailboxes(gone)
        removed += len(gone)
    return removed


def _sweep_deliveries(store: Store) -> int:
    """Deliveries to receivers that are gone; a worker that had not noticed yet may have made them."""
    removed = 0
    for batch in batches(store.deliveries.lane_ids()):
        gone = set(batch) - store.webhooks.existing(batch) - store.mailboxes.existing(batch)
        store.deliveries.delete_lanes(gone)
        removed += len(gone)
    return removed


def _sweep_models(store: Store, grace: timedelta) -> int:
    """Models that no succeeded job names."""
    removed = 0
    for batch in batches(store.models.ids_before(utc_now() - grace)):
        for model_id in set(batch) - store.jobs.succeeded_models(batch):
            store.models.delete(model_id)
            removed += 1
    return removed


def _sweep_files(files: Files, referenced: Callable[[list[ObjectId]], set[ObjectId]], grace: timedelta) -> int:
    """Files that no document refers to, and chunks of uploads that were never finished."""
    removed = 0
    for batch in batches(files.ids_before(utc_now() - grace)):
        orphans = set(batch) - referenced(batch)
        files.delete(*orphans)
        removed += len(orphans)
    return removed + files.delete_orphan_chunks(utc_now() - grace)

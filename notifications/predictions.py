"""Tells the webhooks that prediction jobs name of their ends."""

from __future__ import annotations

from notifications.events import prediction_message, prediction_type
from storage.store import Store

_ONLY_CHANGE = 1


def tell_webhooks(store: Store, public_url: str) -> None:
    """Make the deliveries of all ends that were not told. Any number of processes may do it at once.

    The id of a delivery is made of webhook and job, so that one that was made and not noted is not made again.
    """
    for record in store.prediction_jobs.untold():
        webhook = store.webhooks.find(record.options["webhook_id"])
        if webhook is None:  # deleted meanwhile
            store.prediction_jobs.note_told(record.id)
            continue
        body = prediction_message(record, public_url.rstrip("/"))
        store.deliveries.add(
            webhook.id, webhook.owner_id, prediction_type(record), body, webhook.project_id, record.id, _ONLY_CHANGE
        )
        store.webhook_lanes.wake(webhook.id)
        store.prediction_jobs.note_told(record.id)

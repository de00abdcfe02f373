"""From changes of state that jobs record to deliveries, and the messages that are no change of a job."""

from __future__ import annotations

import logging

from bson import ObjectId

from notifications.events import (
    CONFIRMATION,
    MAIL_EVENTS,
    TEST,
    confirmation_message,
    event_type,
    job_message,
    trial_message,
)
from settings import Settings
from storage.deliveries import Delivery
from storage.mailboxes import Mailbox
from storage.outbox import Untold
from storage.projects import Project
from storage.store import Store
from storage.users import User
from storage.webhooks import Webhook
from utils import Unavailable

logger = logging.getLogger(__name__)


class Teller:
    """Makes deliveries. Any number of workers may do it at once: a change has one delivery a receiver."""

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._public_url = settings.public_url.rstrip("/")
        self._mails = settings.sends_mail

    def tell_all(self) -> bool:
        """Tell what is untold; whether there was anything."""
        items = self._store.outbox.untold()
        for item in items:
            try:
                self.tell(item)
            except Unavailable:
                raise
            except Exception:  # one odd record must not keep all others from being told
                logger.exception("job %s: its changes could not be told, trying again", item.job.id)
        return bool(items)

    def tell(self, item: Untold) -> None:
        """Make the deliveries of one job, in the order of its changes, then note that."""
        project = self._store.projects.get(item.job.project_id)
        if project and item.changes:
            self._tell(item, project)
        self._store.outbox.tell(item)

    def _tell(self, item: Untold, project: Project) -> None:
        webhooks = [webhook for webhook in self._store.webhooks.list_of(project.id) if webhook.active]
        mailbox = self._store.mailboxes.get(project.owner_id) if self._mails else Mailbox()
        told: set[ObjectId] = set()
        for change in item.changes:
            type, body = event_type(change), job_message(item.job, project, change, self._public_url)
            lanes = [webhook.id for webhook in webhooks if type in webhook.events]
            if mailbox.email and type in (MAIL_EVENTS if mailbox.events is None else mailbox.events):
                lanes.append(project.owner_id)
            for lane_id in lanes:
                self._store.deliveries.add(
                    lane_id, project.owner_id, type, body, project.id, item.job.id, change["seq"]
                )
            told |= set(lanes)
        for lane_id in told:
            lanes_of = self._store.mail_lanes if lane_id == project.owner_id else self._store.webhook_lanes
            lanes_of.wake(lane_id)


def send_test(store: Store, webhook: Webhook, project: Project) -> Delivery:
    """Queue a message that says nothing but that it arrives."""
    body = trial_message(webhook, project)
    id = store.deliveries.add(webhook.id, webhook.owner_id, TEST, body, project.id)
    store.webhook_lanes.wake(webhook.id, resume=True)
    return store.deliveries.get(webhook.id, id)


def send_again(store: Store, webhook: Webhook, delivery_id: ObjectId) -> Delivery:
    """Try a delivery from the beginning, at once.

    Raises:
        NotFound: the webhook has none of this id.
        Conflict: it has been delivered.
    """
    store.deliveries.retry(webhook.id, delivery_id)
    store.webhook_lanes.wake(webhook.id, resume=True)
    return store.deliveries.get(webhook.id, delivery_id)


def ask_for_confirmation(store: Store, user: User, address: str) -> None:
    """Note the address and queue a mail to it with a code."""
    store.mailboxes.ask(user.id, address)
    store.deliveries.add(user.id, user.id, CONFIRMATION, confirmation_message(address))
    store.mail_lanes.wake(user.id, resume=True)

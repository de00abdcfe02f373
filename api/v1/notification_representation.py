"""How `/api/v1` shows webhooks, deliveries and mail settings."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from notifications.events import MAIL_EVENTS
from storage.deliveries import Delivery, DeliveryState
from storage.mailboxes import Mailbox
from storage.users import User
from storage.webhooks import Webhook


def webhook_shown(webhook: Webhook) -> dict[str, Any]:
    """A webhook without its secret."""
    return {
        "id": str(webhook.id),
        "project_id": str(webhook.project_id),
        "url": webhook.url,
        "events": list(webhook.events),
        "active": webhook.active,
        "switched_off": webhook.switched_off,
        "failures": webhook.failures,
        "created_at": webhook.created_at.isoformat(),
    }


def delivery_shown(delivery: Delivery) -> dict[str, Any]:
    """A message and what became of it; what its receiver said beyond the status is shown to nobody."""
    waits = delivery.state is DeliveryState.WAITING
    return {
        "id": str(delivery.id),
        "message_id": delivery.message_id,
        "job_id": str(delivery.job_id) if delivery.job_id else None,
        "incident_id": str(delivery.incident_id) if delivery.incident_id else None,
        "type": delivery.type,
        "state": delivery.state.value,
        "tries": delivery.tries,
        "created_at": delivery.created_at.isoformat(),
        "last_try_at": _iso(delivery.tried_at),
        "next_try_at": _iso(delivery.due_at) if waits else None,
        "last_status": delivery.status,
        "message": json.loads(delivery.body),
    }


def account_shown(user: User, mailbox: Mailbox) -> dict[str, Any]:
    """An account and where mail about it goes."""
    return {
        "username": user.username,
        "email": mailbox.email,
        "email_pending": mailbox.pending,
        "email_events": list(MAIL_EVENTS if mailbox.events is None else mailbox.events),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

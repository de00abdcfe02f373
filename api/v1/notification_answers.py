"""What answers about webhooks, deliveries and mail hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from api.operation import Shown
from notifications.events import EventType
from storage.deliveries import DeliveryState


class WebhookShown(Shown):
    """A webhook without its secret."""

    id: str
    project_id: str
    url: str
    events: list[EventType]
    active: bool
    switched_off: Annotated[str | None, Field(description="Why, when the platform has switched it off.")]
    failures: Annotated[int, Field(ge=0, description="In a row.")]
    created_at: datetime


class NewWebhookShown(WebhookShown):
    """A webhook with the secret that signs its messages, which no other answer shows."""

    secret: str


class RotatedWebhookShown(NewWebhookShown):
    """A webhook with its new secret, and until when the one before signs too."""

    previous_secret_until: datetime | None


class DeliveryShown(Shown):
    """A message and what became of it."""

    id: str
    message_id: str
    job_id: str | None
    incident_id: str | None
    type: str
    state: DeliveryState
    tries: int
    created_at: datetime
    last_try_at: datetime | None
    next_try_at: datetime | None
    last_status: int | None
    message: dict[str, Any]


class Deleted(Shown):
    """Something was deleted."""

    Status: str


class AccountShown(Shown):
    """The account of who calls, and where mail about it goes."""

    username: str
    email: str | None
    email_pending: str | None
    email_events: list[EventType]

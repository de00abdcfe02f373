"""One schema a request about webhooks and mail."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from api.names import Lookup
from api.operation import Request
from api.v1.schemas import PageQuery
from notifications.events import ALL_EVENTS, EventType
from notifications.receivers import MOST_URL_CHARACTERS
from storage.deliveries import DeliveryState

_MOST_ADDRESS_CHARACTERS = 254
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64})*"
_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(f"{_LOCAL}@{_DOMAIN}")


def _address(text: str) -> str:
    local = text.partition("@")[0]
    if len(text) > _MOST_ADDRESS_CHARACTERS or len(local) > 64 or not _ADDRESS.fullmatch(text):
        raise ValueError("must be a mail address such as ada@example.org, in ASCII, without a name")
    return text


def _no_null(value: Any) -> Any:
    if value is None:
        raise ValueError("must not be null: leave it out to keep it as it is")
    return value


def _each_once(events: tuple[EventType, ...]) -> tuple[EventType, ...]:
    return tuple(event for event in ALL_EVENTS if event in events)


Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_URL_CHARACTERS)]
Events = Annotated[tuple[EventType, ...], Field(max_length=20), AfterValidator(_each_once)]
SomeEvents = Annotated[Events, Field(min_length=1)]
# After the type, since what a validator before it hands on no longer counts as JSON, which has no tuples and no enums.
NoNull = AfterValidator(_no_null)


class NewWebhook(Request):
    """A webhook to be made; with no events named it gets all."""

    url: Url
    events: SomeEvents = ALL_EVENTS


class WebhookChange(Request):
    """What of a webhook is to be otherwise; the rest stays."""

    url: Annotated[Url | None, NoNull] = None
    events: Annotated[SomeEvents | None, NoNull] = None
    active: Annotated[bool | None, NoNull] = None


class DeliveriesQuery(PageQuery):
    """Which of a webhook's deliveries."""

    state: DeliveryState | None = None


class MeChange(Request):
    """What of the account is to be otherwise; the rest stays. A null address removes it."""

    email: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_address)] | None = None
    email_events: Annotated[Events | None, NoNull] = None


class Confirmation(Request):
    """The code that a mail brought."""

    code: Lookup

"""Sending a delivery to a webhook."""

from __future__ import annotations

import base64
import json
import time

from notifications.outcomes import Outcome, Result, retry_after_seconds
from notifications.posting import Answer, Poster
from notifications.receivers import Unreachable
from notifications.signatures import signed_headers
from storage.deliveries import Delivery
from storage.lanes import Lane
from storage.store import Store
from utils import InvalidInput

MOST_PICTURE_BYTES = 512 * 1024
_GONE, _TOO_MANY = 410, 429


class WebhookSender:
    """Signs and posts.

    Args:
        poster: makes the connections.
    """

    def __init__(self, store: Store, poster: Poster):
        self._webhooks = store.webhooks
        self._incidents = store.alert_incidents
        self._poster = poster

    def send(self, lane: Lane, delivery: Delivery) -> Outcome:
        """One try; the id and the body of a message stay the same over all of them."""
        webhook = self._webhooks.find(lane.id)
        if webhook is None:
            return Outcome(Result.NEVER, "the webhook was deleted")
        body = self._body(delivery).encode()
        headers = signed_headers(delivery.message_id, int(time.time()), body, webhook.secrets)
        try:
            answer = self._poster.post(
                webhook.url, body, {"Content-Type": "application/json", "User-Agent": "DIYML", **headers}
            )
        except Unreachable as error:
            return Outcome(Result.ABSENT, str(error))
        except InvalidInput as error:
            return Outcome(Result.ABSENT, error.detail)
        outcome = _judged(answer)
        if outcome.result is Result.GONE and not self._webhooks.switch_off(webhook.id, webhook.url, outcome.words):
            return Outcome(Result.REFUSED, outcome.words)  # it has another URL by now
        return outcome

    def _body(self, delivery: Delivery) -> str:
        """The message, with the picture of an incident where its rule asks for it; one that is too large stays out."""
        incident_id = delivery.incident_id if delivery.with_picture else None
        picture = self._incidents.picture(incident_id) if incident_id else None
        if not picture or len(picture) > MOST_PICTURE_BYTES:
            return delivery.body
        message = json.loads(delivery.body)
        message["data"]["picture_base64"] = base64.b64encode(picture).decode()
        return json.dumps(message, allow_nan=False)


def _judged(answer: Answer) -> Outcome:
    status, words = answer.status, f"it answered {answer.status}"
    if 200 <= status < 300:
        return Outcome(Result.DELIVERED, words)
    if status == _GONE:
        return Outcome(Result.GONE, f"{words}: it wants no more messages")
    if 300 <= status < 400:
        return Outcome(Result.REFUSED, f"{words}: redirects are not followed, set the URL to where it leads")
    if status == _TOO_MANY or status >= 500:
        return Outcome(Result.ABSENT, words, retry_after_seconds(answer.retry_after))
    return Outcome(Result.REFUSED, words)

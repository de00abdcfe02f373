"""Sending a delivery to a webhook."""

from __future__ import annotations

import time

from notifications.outcomes import Outcome, Result, retry_after_seconds
from notifications.posting import Answer, Poster
from notifications.receivers import Unreachable
from notifications.signatures import signed_headers
from storage.deliveries import Delivery
from storage.lanes import Lane
from storage.store import Store
from utils import InvalidInput

_GONE, _TOO_MANY = 410, 429


class WebhookSender:
    """Signs and posts.

    Args:
        poster: makes the connections.
    """

    def __init__(self, store: Store, poster: Poster):
        self._webhooks = store.webhooks
        self._poster = poster

    def send(self, lane: Lane, delivery: Delivery) -> Outcome:
        """One try; the id and the body of a message stay the same over all of them."""
        webhook = self._webhooks.find(lane.id)
        if webhook is None:
            return Outcome(Result.NEVER, "the webhook was deleted")
        body = delivery.body.encode()
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
